package bench_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/bench"
	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/problems"
)

func TestNewStudy(t *testing.T) {
	variants := []bench.Cell{{Problem: "2d", N: 100, Workers: 2, Solver: "cg", Precond: "none"}, {Problem: "2d", N: 100, Workers: 2, Solver: "cg", Precond: "jacobi"}}
	for _, k := range bench.Kinds() {
		s, err := bench.NewStudy(k.Name, variants, []int{1, 3})
		if err != nil {
			t.Fatal(err)
		}
		groups := 2
		if k.Name == "strong" || k.Name == "weak" {
			groups = 1
		}
		cells := s.Cells()
		if len(s.Groups) != groups || len(cells) != 4 {
			t.Errorf("%s: %d groups, %d cells", k.Name, len(s.Groups), len(cells))
		}
		if a, b := cells[0], cells[3]; k.Value(a) != 1 || k.Value(b) != 3 || a.Study != k.Name || a.Variant() != "2d, cg" || b.Variant() != "2d, cg + jacobi" {
			t.Errorf("%s: %v … %v", k.Name, a, b)
		}
		if k.Name == "weak" && (cells[0].N != 100 || cells[3].N != 300) {
			t.Errorf("weak: %v … %v", cells[0], cells[3])
		}
	}
	c := bench.Cell{Study: "nnz", Problem: "band", Operator: "assembled", N: 1000000, NNZ: 3, Cond: 1e6, RHS: 2, NW: 4, Solver: "cg", Precond: "none", Workers: 8}
	if got, want := c.String(), "study=nnz/problem=band/operator=assembled/n=1000000/nnz=3/cond=1e+06/rhs=2/nw=4/solver=cg/precond=none/workers=8"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, bad := range []struct {
		kind     string
		variants []bench.Cell
		values   []int
	}{
		{"none", variants, []int{1}}, {"strong", nil, []int{1}}, {"strong", variants, nil}, {"strong", variants, []int{0}},
		{"strong", variants, []int{2, 2}}, {"weak", variants, []int{math.MaxInt32}}, {"size", []bench.Cell{{}}, []int{1}},
		{"size", []bench.Cell{variants[0], variants[0]}, []int{1}},
	} {
		if _, err := bench.NewStudy(bad.kind, bad.variants, bad.values); err == nil {
			t.Errorf("%+v: no error", bad)
		}
	}
}

// fake is a maker of systems that take no time, with a log of what is done.
func fake(log *[]string) bench.Maker {
	return func(_ context.Context, c bench.Cell) (*bench.System, error) {
		*log = append(*log, "make "+c.Precond)
		if c.Precond == "unmakeable" {
			return nil, errors.New("cannot\nbe made")
		}
		keep := make([]byte, 1<<22)
		return &bench.System{Unknowns: c.N, Traffic: 100, Run: func(ctx context.Context, workers int) (bench.Outcome, error) {
			if len(*log) > 0 && !strings.HasPrefix((*log)[len(*log)-1], "run") {
				*log = append(*log, "run "+c.Precond)
			}
			keep[0]++
			time.Sleep(20 * time.Millisecond)
			if c.Precond == "unsolvable" {
				return bench.Outcome{Status: "Stagnated"}, errors.New("no luck")
			}
			return bench.Outcome{Status: "Converged", Method: "m", Iterations: 3, Products: 4, Bytes: 1000, Solve: time.Millisecond}, nil
		}}, nil
	}
}

// TestRun: cells of a system share it, failures are measurements, what is done is
// not done again, and each cell is handed on at once.
func TestRun(t *testing.T) {
	var variants []bench.Cell
	for _, p := range []string{"good", "unmakeable", "unsolvable"} {
		variants = append(variants, bench.Cell{Problem: "x", N: 1000, Solver: "s", Precond: p})
	}
	strong, err := bench.NewStudy("strong", variants, []int{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	plan := &bench.Plan{Studies: []bench.Study{*strong}, Rounds: 3, StreamN: 1000}
	var log []string
	var appended []bench.Measurement
	steps := 0
	ms, err := bench.Run(context.Background(), plan, fake(&log), &bench.RunSettings{
		Append:   func(m bench.Measurement) error { appended = append(appended, m); return nil },
		Progress: func(p bench.Progress) { steps++ },
	})
	if err != nil || len(ms) != 6 || len(appended) != 6 || steps != 3+2*3 {
		t.Fatalf("%d measurements, %d appended, %d steps, %v", len(ms), len(appended), steps, err)
	}
	made := strings.Join(log, ", ")
	if strings.Count(made, "make ") != 3 {
		t.Errorf("one system for each variant, not %s", made)
	}
	for i, m := range ms {
		c := plan.Cells()[i]
		if m.Cell != c {
			t.Fatalf("cell %v, want %v", m.Cell, c)
		}
		switch c.Precond {
		case "good":
			if !m.Converged() || len(m.Seconds) != 3 || len(m.Dot) != 3 || len(m.Triad) != 3 || m.Bytes != 1000+4*100 || m.Unknowns != 1000 || m.Iterations != 3 ||
				m.Seconds[0] < 0.02 || m.Solve[2] != 0.001 || m.Live < 1<<22 || m.Live > 1<<23 || m.Peak < 1<<22 {
				t.Errorf("%+v", m)
			}
		case "unmakeable":
			if m.Error != "cannot be made" || m.Status != "Failed" || m.Seconds != nil {
				t.Errorf("%+v", m)
			}
		case "unsolvable":
			if m.Error != "no luck" || m.Status != "Stagnated" || m.Seconds != nil || m.Dot != nil {
				t.Errorf("%+v", m)
			}
		}
	}
	if f := bench.Failed(ms); len(f) != 4 {
		t.Errorf("%d failed", len(f))
	}
	// Again, with all but one done.
	log = nil
	again, err := bench.Run(context.Background(), plan, fake(&log), &bench.RunSettings{Done: ms[1:]})
	if err != nil || len(again) != 6 || strings.Join(log, ", ") != "make good, run good" {
		t.Errorf("%d measurements, %v, %v", len(again), log, err)
	}
	// An end from outside, and a full disk.
	ctx, cancel := context.WithCancel(context.Background())
	ms, err = bench.Run(ctx, plan, fake(&log), &bench.RunSettings{Progress: func(p bench.Progress) {
		if p.Step == "round 2 of 3" {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || len(ms) != 0 {
		t.Errorf("canceled: %d measurements, %v", len(ms), err)
	}
	full := errors.New("disk full")
	if ms, err = bench.Run(context.Background(), plan, fake(&log), &bench.RunSettings{Append: func(bench.Measurement) error { return full }}); !errors.Is(err, full) {
		t.Errorf("%d measurements, %v", len(ms), err)
	}
	if _, err := bench.Run(context.Background(), &bench.Plan{}, fake(&log), nil); err == nil {
		t.Error("no rounds: no error")
	}
}

// TestRunMemory: what would not fit, by what smaller systems took, is not tried.
func TestRunMemory(t *testing.T) {
	size, err := bench.NewStudy("size", []bench.Cell{{Problem: "x", Workers: 1, Solver: "s", Precond: "good"}}, []int{100_000, 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	var log []string
	ms, err := bench.Run(context.Background(), &bench.Plan{Studies: []bench.Study{*size}, Rounds: 1}, fake(&log), &bench.RunSettings{Memory: 1 << 24})
	if err != nil || len(ms) != 2 || !ms[0].Converged() || ms[1].Status != "OutOfMemory" || strings.Count(strings.Join(log, ","), "make") != 1 {
		t.Errorf("%+v, %v, %v", ms, log, err)
	}
}

// TestSystems: plain solves and hypergradients as systems, with the traffic of
// the model.
func TestSystems(t *testing.T) {
	ctx := context.Background()
	a, err := bench.GridLaplacian(2, 400, 100, true)
	if err != nil {
		t.Fatal(err)
	}
	free, err := bench.GridLaplacian(2, 400, 100, false)
	if err != nil {
		t.Fatal(err)
	}
	x, err := hvp.ExtremeEigenvalues(ctx, free, nil)
	if err != nil || math.Abs(x.Max/x.Min/100-1) > 1e-3 {
		t.Errorf("condition number %v of [%v, %v], %v", x.Max/x.Min, x.Min, x.Max, err)
	}
	nnz := int64(5*400 - 4*20)
	traffic := a.(*hvp.CSR).ProductTraffic()
	for _, c := range []struct {
		cfg     bench.SolveConfig
		traffic int64
		nnz     int64
		method  string
	}{
		{bench.SolveConfig{A: a, Solver: "cg"}, traffic, nnz, "cg"},
		{bench.SolveConfig{A: free, Solver: "minres", Precond: hypergrad.Jacobi}, 0, 0, "minres"},
		{bench.SolveConfig{A: a, Solver: "auto", RHS: 3}, traffic, nnz, "block cg"},
		{bench.SolveConfig{A: a, Solver: "minres", RHS: 3}, traffic, nnz, "pseudo-block minres"},
		{bench.SolveConfig{A: hvp.Scale(2, a), Solver: "cg"}, traffic, 0, "cg"},
		{bench.SolveConfig{A: hvp.WithStructure(&hvp.Func{Rows: 400, Mul: a.Apply}, hvp.SPD), Solver: "cg"}, -1, 0, "cg"},
	} {
		sys, err := bench.NewSolveSystem(ctx, &c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		one, err := sys.Run(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		two, err := sys.Run(ctx, 2)
		if err != nil || one != two || sys.Traffic != c.traffic || sys.Nonzeros != c.nnz || sys.Unknowns != 400 || one.Status != "Converged" ||
			one.Method != c.method || one.Iterations < 10 || one.Products < one.Iterations || one.Bytes < int64(one.Iterations)*400*8 {
			t.Errorf("%s: %+v and %+v, system %+v, %v", c.method, one, two, sys, err)
		}
	}
	p, err := problems.NewQuadratic(500, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	sys, err := bench.NewGradientSystem(ctx, &bench.GradientConfig{Problem: p, Y: make([]float64, 500), W: make([]float64, 3), Solver: "auto", RTol: 1e-8})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := sys.Run(ctx, 2); err != nil || out.Status != "Converged" || out.Solve <= 0 || out.Iterations < 10 || sys.Traffic != 56*500 || sys.Parameters != 3 {
		t.Errorf("%+v, system %+v, %v", out, sys, err)
	}
	if out, err := sys.Run(canceled(), 1); err == nil {
		t.Errorf("canceled: %+v", out)
	}
	for _, cfg := range []bench.SolveConfig{{A: a, Solver: "magic"}, {A: &hvp.Func{Rows: 2, Cols: 3}, Solver: "cg"}, {A: &hvp.Func{Rows: 2, Cols: 2}, Solver: "cg", Precond: hypergrad.Jacobi}} {
		if _, err := bench.NewSolveSystem(ctx, &cfg); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestBand(t *testing.T) {
	a, err := bench.Band(60, 5, 50)
	if err != nil || a.NNZ() != 5*60-2-4 || !a.Structure().Has(hvp.SPD) {
		t.Fatal(a, err)
	}
	x, err := hvp.ExtremeEigenvalues(context.Background(), a, nil)
	if err != nil || !(x.Min > 0) || x.Max/x.Min > 50 {
		t.Errorf("%+v, %v", x, err)
	}
	for _, c := range []struct {
		n, nnz int
		cond   float64
	}{{10, 4, 10}, {10, 1, 10}, {2, 5, 10}, {0, 3, 10}, {10, 3, 1}, {10, 3, math.NaN()}, {10, 3, math.Inf(1)}} {
		if _, err := bench.Band(c.n, c.nnz, c.cond); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
	for _, c := range []struct {
		dim, n int
		cond   float64
	}{{0, 10, 0}, {4, 10, 0}, {2, 0, 0}, {2, 100, 1}, {2, 100, 1e9}, {2, 100, math.NaN()}} {
		if _, err := bench.GridLaplacian(c.dim, c.n, c.cond, true); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}
