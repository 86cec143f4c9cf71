package bench_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/bench"
)

func TestSummarize(t *testing.T) {
	for _, c := range []struct {
		x    []float64
		want bench.Summary
	}{
		{nil, bench.Summary{}},
		{[]float64{3}, bench.Summary{N: 1, Median: 3, Low: 3, High: 3, Min: 3, Max: 3}},
		{[]float64{4, 1, 3, 2}, bench.Summary{N: 4, Median: 2.5, Low: 1, High: 3, Min: 1, Max: 4}},
		{[]float64{9, 1, 5}, bench.Summary{N: 3, Median: 5, Low: 1, High: 7, Min: 1, Max: 9}},
	} {
		got := bench.Summarize(c.x)
		if got.N != c.want.N || got.Median != c.want.Median || got.Min != c.want.Min || got.Max != c.want.Max {
			t.Errorf("Summarize(%v) = %+v, want %+v", c.x, got, c.want)
		}
		if got.Low > got.Median || got.High < got.Median || got.Low < got.Min || got.High > got.Max {
			t.Errorf("Summarize(%v): quartiles out of order: %+v", c.x, got)
		}
	}
}

// TestInterleave: in turn, the warm-up does not count, errors and cancellation
// end it.
func TestInterleave(t *testing.T) {
	var order string
	run := func(name string, d time.Duration) bench.Contender {
		return bench.Contender{Name: name, Run: func() error { order += name; time.Sleep(d); return nil }}
	}
	seconds, err := bench.Interleave(context.Background(), 3, []bench.Contender{run("a", 0), run("b", 2*time.Millisecond)})
	if err != nil || order != "abababab" {
		t.Fatalf("order %q, %v", order, err)
	}
	if len(seconds) != 2 || len(seconds[0]) != 3 || len(seconds[1]) != 3 || seconds[1][0] < 0.002 {
		t.Errorf("seconds %v", seconds)
	}
	broken := errors.New("broken")
	if _, err := bench.Interleave(context.Background(), 3, []bench.Contender{{Name: "x", Run: func() error { return broken }}}); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := bench.Interleave(ctx, 3, []bench.Contender{run("a", 0)}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

func TestBandwidth(t *testing.T) {
	calls := 0
	rows, err := bench.Bandwidth(context.Background(), &bench.BandwidthSettings{N: 100_000, Rounds: 2, Workers: []int{1, 3}, Progress: func(round, rounds int) {
		if round != calls || rounds != 2 {
			t.Errorf("progress %d of %d at call %d", round, rounds, calls)
		}
		calls++
	}})
	if err != nil || len(rows) != 4 || calls != 3 {
		t.Fatalf("%d rows, %d calls, %v", len(rows), calls, err)
	}
	for k, want := range []struct {
		kernel  string
		workers int
	}{{"dot", 1}, {"triad", 1}, {"dot", 3}, {"triad", 3}} {
		r := rows[k]
		if r.Kernel != want.kernel || r.Workers != want.workers || r.N != 100_000 || r.GBs.N != 2 || !(r.GBs.Median > 0.01 && r.GBs.Median < 1e5) {
			t.Errorf("row %d: %+v", k, r)
		}
	}
	for _, s := range []*bench.BandwidthSettings{{N: -1}, {Rounds: -1}, {N: 10, Workers: []int{0}}} {
		if _, err := bench.Bandwidth(context.Background(), s); err == nil {
			t.Errorf("settings %+v: no error", s)
		}
	}
}

func TestThisMachine(t *testing.T) {
	m := bench.ThisMachine()
	if m.Cores < 1 || m.GOMAXPROCS != runtime.GOMAXPROCS(0) || m.Go != runtime.Version() || m.Arch != runtime.GOARCH {
		t.Errorf("%+v", m)
	}
	if runtime.GOOS == "linux" && !(m.MemoryGiB > 0) {
		t.Errorf("no memory: %+v", m)
	}
}
