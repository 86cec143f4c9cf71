package parallel

import (
	"context"
	"errors"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

type count struct{ hits []atomic.Int32 }

func (t *count) Chunk(c int) { t.hits[c].Add(1) }

func TestRunCallsEachChunkOnce(t *testing.T) {
	for _, team := range []Team{0, 1, 2, 3, 7, 16} {
		for _, chunks := range []int{0, 1, 2, 3, 15, 16, 17, 1000} {
			task := &count{make([]atomic.Int32, chunks)}
			for round := int32(1); round <= 20; round++ {
				team.Run(chunks, task)
				for c := range task.hits {
					if got := task.hits[c].Load(); got != round {
						t.Fatalf("team %d, %d chunks: chunk %d ran %d times in %d rounds", team, chunks, c, got, round)
					}
				}
			}
		}
	}
}

// TestConcurrentRuns has several goroutines fight for the pool, with nested
// loops inside; pauses of all lengths make helpers spin, park and end.
func TestConcurrentRuns(t *testing.T) {
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for round := range 200 {
				var sum atomic.Int64
				Team(2+g).Run(37, TaskFunc(func(c int) {
					Team(3).Run(2, TaskFunc(func(d int) { sum.Add(int64(c)) }))
				}))
				if got := sum.Load(); got != 37*36 {
					t.Errorf("sum %d, want %d", got, 37*36)
				}
				if round%50 == g {
					time.Sleep(time.Duration(round) * time.Microsecond)
				}
			}
		})
	}
	wg.Wait()
}

func TestPanicReachesCaller(t *testing.T) {
	cause := errors.New("boom")
	for _, bad := range []int{0, 63} {
		func() {
			defer func() {
				p, ok := recover().(*Panic)
				if !ok || !errors.Is(p, cause) || len(p.Stack) == 0 {
					t.Errorf("recovered %v, want a *Panic with the cause and a stack", p)
				}
			}()
			Team(4).Run(64, TaskFunc(func(c int) {
				if c == bad {
					panic(cause)
				}
			}))
		}()
	}
	task := &count{make([]atomic.Int32, 10)}
	Team(4).Run(10, task) // the pool still works
	for c := range task.hits {
		if task.hits[c].Load() != 1 {
			t.Errorf("after a panic chunk %d ran %d times", c, task.hits[c].Load())
		}
	}
}

func TestNoGoroutineStays(t *testing.T) {
	Team(5).Run(100, TaskFunc(func(int) {}))
	deadline := time.Now().Add(20 * idleLimit)
	for {
		running := 0
		shared.mu.Lock()
		for _, h := range shared.helpers {
			if h.state.Load() != ended {
				running++
			}
		}
		shared.mu.Unlock()
		if running == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d helpers are still there after %v without work", running, 20*idleLimit)
		}
		time.Sleep(idleLimit / 4)
	}
	Team(5).Run(100, TaskFunc(func(int) {})) // and they come back
}

func TestNoSpin(t *testing.T) {
	defer SetSpin(SetSpin(false))
	var sum atomic.Int64
	for range 1000 {
		Team(3).Run(10, TaskFunc(func(c int) { sum.Add(int64(c)) }))
	}
	if sum.Load() != 45000 {
		t.Errorf("sum %d, want 45000", sum.Load())
	}
}

func TestRunDoesNotAllocate(t *testing.T) {
	task := &count{make([]atomic.Int32, 64)}
	if n := testing.AllocsPerRun(200, func() { Team(2).Run(64, task) }); n != 0 {
		t.Errorf("%v allocations per loop", n)
	}
}

func TestTeamFromContext(t *testing.T) {
	ctx := context.Background()
	if got := FromContext(ctx); got != 0 {
		t.Errorf("empty context: team %d", got)
	}
	if got := FromContext(WithTeam(ctx, 3)); got != 3 {
		t.Errorf("WithTeam: team %d, want 3", got)
	}
	var s Scope
	if got := s.Set(ctx, 0); got != ctx {
		t.Error("Scope.Set with team 0 must return the parent")
	}
	if got := FromContext(s.Set(ctx, 7)); got != 7 {
		t.Errorf("Scope: team %d, want 7", got)
	}
	if n := testing.AllocsPerRun(100, func() { s.Set(ctx, 7) }); n != 0 {
		t.Errorf("Scope.Set: %v allocations", n)
	}
	if got := Team(0).Size(); got != runtime.GOMAXPROCS(0) {
		t.Errorf("team 0 has size %d", got)
	}
}

func TestCombine(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 8, 9, 63, 64, 65, 4097} {
		part := make([]float64, n)
		for i := range part {
			part[i] = float64(i + 1)
		}
		if got, want := Combine(part), float64(n)*float64(n+1)/2; got != want {
			t.Errorf("n=%d: %v, want %v", n, got, want)
		}
	}
	// Pairwise summation: 2²⁰ times 0.1 is right to a few units in the last
	// place, where a running sum has lost four digits.
	part := make([]float64, 1<<20)
	for i := range part {
		part[i] = 0.1
	}
	if got, want := Combine(part), 0.1*(1<<20); math.Abs(got-want) > 1e-15*want*20 {
		t.Errorf("sum of 2^20 times 0.1 is %.17g", got)
	}
}

func TestBlocks(t *testing.T) {
	for _, n := range []int{0, 1, BlockSize - 1, BlockSize, BlockSize + 1, 10*BlockSize + 7} {
		end := 0
		for c := range Blocks(n) {
			lo, hi := Block(c, n)
			if lo != end || hi <= lo || hi-lo > BlockSize {
				t.Fatalf("n=%d: block %d is [%d,%d)", n, c, lo, hi)
			}
			end = hi
		}
		if end != n {
			t.Errorf("n=%d: blocks end at %d", n, end)
		}
	}
}

// BenchmarkForkJoin prints what one shared loop costs beside its work: the
// number behind the serial threshold of the vector loops.
func BenchmarkForkJoin(b *testing.B) {
	task := &count{make([]atomic.Int32, 64)}
	for _, spin := range []bool{true, false} {
		name := "spin"
		if !spin {
			name = "park"
		}
		b.Run(name, func(b *testing.B) {
			defer SetSpin(SetSpin(spin))
			for b.Loop() {
				Team(2).Run(2, task)
			}
		})
	}
}
