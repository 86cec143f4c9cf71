package parallel

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// SpinLimit bounds how long a goroutine of the pool looks for work, or the
// caller for the end of a loop, before it parks.
const SpinLimit = 20 * time.Microsecond

// idleLimit is how long a parked helper waits before it ends.
const idleLimit = time.Second

// maxWorkers bounds a team; more helpers than this only cost memory.
const maxWorkers = 1024

// A Task is the body of a parallel loop. Chunk(c) is called once for each chunk
// number c, from several goroutines at once. Implement it on a pointer type, so
// that passing it allocates nothing.
type Task interface {
	Chunk(c int)
}

// TaskFunc makes a Task of a function. The conversion of a closure allocates;
// hot loops implement Task on their workspace instead.
type TaskFunc func(c int)

// Chunk calls f(c).
func (f TaskFunc) Chunk(c int) { f(c) }

// A Team says how many goroutines, the caller included, may share a loop. Zero
// means GOMAXPROCS.
type Team int

// Size returns the number of goroutines of the team, at least 1.
func (t Team) Size() int {
	if t <= 0 {
		return min(runtime.GOMAXPROCS(0), maxWorkers)
	}
	return min(int(t), maxWorkers)
}

type teamKey struct{}

// WithTeam returns a context that carries the team; see [FromContext].
func WithTeam(ctx context.Context, t Team) context.Context {
	return context.WithValue(ctx, teamKey{}, t)
}

// FromContext returns the team that ctx carries, or zero (all cores).
func FromContext(ctx context.Context) Team {
	t, _ := ctx.Value(teamKey{}).(Team)
	return t
}

// A Scope is a context with a team that can be set again and again without
// allocating: the workspace of a solver owns one. The zero value is ready.
type Scope struct {
	context.Context
	team any // Team, boxed once
}

// Set makes s a child of parent with team t and returns the context to pass
// on: parent itself when t is zero.
func (s *Scope) Set(parent context.Context, t Team) context.Context {
	if t == 0 {
		return parent
	}
	s.Context = parent
	if old, ok := s.team.(Team); !ok || old != t {
		s.team = t
	}
	return s
}

// Value implements context.Context.
func (s *Scope) Value(key any) any {
	if _, ok := key.(teamKey); ok {
		return s.team
	}
	return s.Context.Value(key)
}

// SetSpin says whether goroutines of the pool may spin before they park. The
// default is true; without spinning, short loops are slower, but no goroutine
// ever holds a core without work, which is better where cores are shared with
// other programs. It returns the previous setting.
func SetSpin(on bool) (was bool) { return !noSpin.Swap(!on) }

var noSpin atomic.Bool

var shared pool

// pool is the helpers and the loop they are sharing. mu is held for the whole
// of a loop: who finds it taken runs inline.
type pool struct {
	mu      sync.Mutex
	helpers []*helper
	done    chan struct{} // the last helper to finish wakes a parked caller
	job     job
}

// job is one loop. Each worker owns a contiguous range of chunks, so that the
// same worker tends to meet the same part of a vector in every loop, and takes
// from the others' ranges when its own is done.
type job struct {
	task    Task
	workers int
	ranges  []chunkRange
	spin    bool
	pending atomic.Int32 // helpers that have not finished
	waiting atomic.Bool  // the caller has parked, or is about to
	failed  atomic.Pointer[Panic]
}

// chunkRange is padded to two cache lines (the prefetcher pulls pairs).
type chunkRange struct {
	next atomic.Int64
	end  int64
	_    [112]byte
}

// A Panic is what Run panics with in the caller when a chunk panicked on a
// shared loop: the chunk's own value and its stack.
type Panic struct {
	Value any
	Stack []byte
}

// Error implements error.
func (p *Panic) Error() string {
	return fmt.Sprintf("%v\n\n[stack of the worker]\n%s", p.Value, p.Stack)
}

// Unwrap returns the chunk's value when it is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// Run calls task.Chunk(c) for c = 0 … chunks-1 and returns when all calls have
// returned. The order, and who makes which call, is not defined. If a chunk
// panics, the remaining chunks may be skipped and Run panics in the caller, with
// a *[Panic] if the loop was shared and with the chunk's own value if not.
func (t Team) Run(chunks int, task Task) {
	workers := min(t.Size(), chunks)
	if workers <= 1 || !shared.mu.TryLock() {
		for c := range chunks {
			task.Chunk(c)
		}
		return
	}
	defer shared.mu.Unlock()
	shared.run(workers, chunks, task)
}

func (p *pool) run(workers, chunks int, task Task) {
	j := &p.job
	if len(j.ranges) < workers {
		j.ranges = make([]chunkRange, workers)
	}
	for w := range workers {
		j.ranges[w].next.Store(int64(w * chunks / workers))
		j.ranges[w].end = int64((w + 1) * chunks / workers)
	}
	j.task, j.workers = task, workers
	j.spin = !noSpin.Load() && workers <= runtime.GOMAXPROCS(0)
	j.failed.Store(nil)
	j.waiting.Store(false)
	j.pending.Store(int32(workers - 1))
	if p.done == nil {
		p.done = make(chan struct{}, 1)
	}
	for len(p.helpers) < workers-1 {
		p.helpers = append(p.helpers, &helper{pool: p, index: len(p.helpers) + 1, wake: make(chan struct{}, 1)})
	}
	for _, h := range p.helpers[:workers-1] {
		h.start()
	}
	j.work(0)
	p.wait()
	j.task = nil
	if f := j.failed.Load(); f != nil {
		panic(f)
	}
}

// wait returns when no helper works on the job any more.
func (p *pool) wait() {
	j := &p.job
	if j.spin && spinUntil(func() bool { return j.pending.Load() == 0 }) {
		return
	}
	// The last helper sends a token when it sees waiting. A helper that was
	// held up on its way out of an earlier loop may send one too: hence a
	// loop, not a single receive.
	for j.pending.Load() != 0 {
		j.waiting.Store(true)
		if j.pending.Load() == 0 {
			break
		}
		<-p.done
	}
	j.waiting.Store(false)
}

// work runs chunks: worker w's own range first, then what the others have left.
func (j *job) work(w int) {
	defer func() {
		if v := recover(); v != nil {
			j.failed.CompareAndSwap(nil, &Panic{v, debug.Stack()})
		}
	}()
	for i := range j.workers {
		v := w + i
		if v >= j.workers {
			v -= j.workers
		}
		r := &j.ranges[v]
		for j.failed.Load() == nil {
			c := r.next.Add(1) - 1
			if c >= r.end {
				break
			}
			j.task.Chunk(int(c))
		}
	}
}

// States of a helper.
const (
	ended   int32 = iota // no goroutine
	looking              // spinning, or on its way to park
	parked               // blocked on wake
	working              // has been given the job
)

type helper struct {
	pool  *pool
	index int
	state atomic.Int32
	wake  chan struct{}
}

// start gives the pool's job to the helper. The pool's lock is held, and the
// helper is not working.
func (h *helper) start() {
	switch h.state.Swap(working) {
	case ended:
		go h.loop()
	case parked:
		h.wake <- struct{}{}
	}
}

func (h *helper) loop() {
	var timer *time.Timer
	for {
		j := &h.pool.job
		spin := j.spin
		j.work(h.index)
		// From here on the job may belong to the next loop at any moment, and
		// start may already have set the state back to working: looking must
		// be stored before the caller is told.
		h.state.Store(looking)
		if j.pending.Add(-1) == 0 && j.waiting.Load() {
			select {
			case h.pool.done <- struct{}{}:
			default:
			}
		}
		if spin && spinUntil(func() bool { return h.state.Load() == working }) {
			continue
		}
		if !h.state.CompareAndSwap(looking, parked) {
			continue // given work in the meantime
		}
		if timer == nil {
			timer = time.NewTimer(idleLimit)
		} else {
			timer.Reset(idleLimit)
		}
		select {
		case <-h.wake:
		case <-timer.C:
			if h.state.CompareAndSwap(parked, ended) {
				return
			}
			<-h.wake // woken at the last moment
		}
	}
}

// spinUntil polls done for at most SpinLimit. It yields the processor now and
// then, so that other goroutines of the program are not starved by it.
func spinUntil(done func() bool) bool {
	for range 256 {
		if done() {
			return true
		}
	}
	begin := time.Now()
	for {
		for range 128 {
			if done() {
				return true
			}
		}
		if time.Since(begin) > SpinLimit {
			return false
		}
		runtime.Gosched()
	}
}
