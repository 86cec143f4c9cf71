package krylov_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
)

func column(panel []float64, k, l int) []float64 {
	v := make([]float64, len(panel)/k)
	for i := range v {
		v[i] = panel[i*k+l]
	}
	return v
}

func setColumn(panel []float64, k, l int, v []float64) {
	for i, u := range v {
		panel[i*k+l] = u
	}
}

// rightHandSides is an n×k panel of columns of different difficulty: smooth ones,
// rough ones, one that is zero, and sizes from 1e-200 to 1e200.
func rightHandSides(rng *rand.Rand, n, k int) []float64 {
	b := make([]float64, n*k)
	for l := range k {
		v := gaussian(rng, n)
		switch l % 4 {
		case 1:
			for i := range v {
				v[i] = math.Sin(float64(l*(i+1)) * math.Pi / float64(n+1))
			}
		case 2:
			clear(v)
			if l == 2 {
				break
			}
			v[l] = 1
		case 3:
			for i := range v {
				v[i] *= math.Pow(10, float64(100*(l%5)-200))
			}
		}
		setColumn(b, k, l, v)
	}
	return b
}

// TestBlockCGIsCGByColumn: each column takes the iterations that CG takes, and
// gives the same solution.
func TestBlockCGIsCGByColumn(t *testing.T) {
	a := stencil5(t, 30, 0.05)
	n, _ := a.Dims()
	d := make([]float64, n)
	for i := range d {
		d[i] = 0.25 + 0.1*math.Sin(float64(i))
	}
	jacobi, _ := hvp.NewDiagonal(d)
	hidden := &hvp.Func{Rows: n, Mul: jacobi.Apply, Promise: hvp.SPD}
	block := hvp.Scale(1, jacobi) // has block products, and is not seen as diagonal
	bare := &hvp.Func{Rows: n, Mul: a.Apply, Promise: hvp.SPD}
	widths := []int{1, 2, 3, 5, 8, 16}
	if raceEnabled {
		widths = []int{1, 5}
	}
	for _, k := range widths {
		b := rightHandSides(rand.New(rand.NewPCG(11, uint64(k))), n, k)
		for _, op := range []hvp.Operator{a, bare} {
			for _, pre := range []hvp.Operator{nil, jacobi, hidden, block} {
				for _, guess := range []bool{false, true} {
					label := fmt.Sprintf("k = %d, %T, precond %T, guess %v", k, op, pre, guess)
					x, before := constant(n*k, 1), slices.Clone(b)
					s := &krylov.Settings{RTol: 1e-9, Precond: pre, Guess: guess, History: true}
					var m krylov.BlockCG
					results, err := m.SolveBlock(t.Context(), op, x, b, k, s)
					if err != nil || len(results) != k {
						t.Fatalf("%s: %v", label, err)
					}
					if !slices.Equal(b, before) {
						t.Errorf("%s: b was modified", label)
					}
					for l, res := range results {
						want := constant(n, 1)
						alone, err := new(krylov.CG).Solve(t.Context(), op, want, column(b, k, l), s)
						if err != nil {
							t.Fatal(err)
						}
						got := column(x, k, l)
						if diff := res.Iterations - alone.Iterations; diff < -1 || diff > 1 {
							t.Errorf("%s, column %d: %d iterations, CG takes %d", label, l, res.Iterations, alone.Iterations)
						}
						if res.Status != krylov.Converged || !(res.TrueResidual <= res.Tolerance) || len(res.History) != len(alone.History)+res.Iterations-alone.Iterations {
							t.Errorf("%s, column %d: %v, residual %v of %v, %d in the history", label, l, res.Status, res.TrueResidual, res.Tolerance, len(res.History))
						}
						if math.Abs(res.RHSNorm-alone.RHSNorm) > 1e-14*alone.RHSNorm || math.Abs(res.MaxRitz-alone.MaxRitz) > 1e-3*alone.MaxRitz {
							t.Errorf("%s, column %d: ‖b‖ %v and largest Ritz value %v, alone %v and %v", label, l, res.RHSNorm, res.MaxRitz, alone.RHSNorm, alone.MaxRitz)
						}
						if d := distance(got, want); d > 1e-6*norm(want) {
							t.Errorf("%s, column %d: off by %v of %v", label, l, d, norm(want))
						}
					}
				}
			}
		}
	}
}

// TestBlockCGHardSystems puts each hard right-hand side beside easy ones. The
// hard one is reported as CG reports it, the others must not notice.
func TestBlockCGHardSystems(t *testing.T) {
	const rtol = 1e-10
	for _, c := range hardCases() {
		for _, pre := range []string{"", "identity", "negative", "indefinite", "NaN", "zero"} {
			n := len(c.b)
			op := dense(n, c.a)
			s := &krylov.Settings{RTol: rtol, MaxIter: 500}
			if pre != "" {
				s.Precond = diagonalFunc(n, pre)
			}
			const k = 3
			b, x := make([]float64, n*k), constant(n*k, 1)
			setColumn(b, k, 1, c.b) // columns 0 and 2 are zero
			results, err := new(krylov.BlockCG).SolveBlock(t.Context(), op, x, b, k, s)
			alone := constant(n, 1)
			want, wantErr := new(krylov.CG).Solve(t.Context(), op, alone, c.b, s)
			label := c.name + "/" + pre
			if results[1].Status != want.Status || (err == nil) != (wantErr == nil) {
				t.Errorf("%s: %v, CG says %v", label, results[1].Status, want.Status)
			}
			if err != nil {
				var e *krylov.BlockError
				if !errors.As(err, &e) || !slices.Equal(e.Columns, []int{1}) || !errors.Is(err, want.Status) || !strings.Contains(err.Error(), "column 1") {
					t.Errorf("%s: error %v", label, err)
				}
				err = e.Errs[0]
			}
			checkHonest(t, c.a, column(x, k, 1), c.b, rtol, results[1], err)
			if results[1].Status == krylov.NegativeCurvature {
				checkWitness(t, c.a, n, results[1])
			}
			if results[0].Status != krylov.Converged || results[2].Status != krylov.Converged || norm(column(x, k, 0)) != 0 {
				t.Errorf("%s: columns of zeros: %v and %v", label, results[0].Status, results[2].Status)
			}
		}
	}
}

// TestBlockCGColumnsEndOneByOne: a column with negative curvature, one with NaN,
// and easy and hard ones in one panel.
func TestBlockCGColumnsEndOneByOne(t *testing.T) {
	const n, k = 300, 6
	d := make([]float64, n)
	for i := range d {
		d[i] = 1 + float64(i)
	}
	d[7] = -2
	b := make([]float64, n*k)
	rng := rand.New(rand.NewPCG(12, 1))
	for l := range k {
		v := gaussian(rng, n)
		v[7] = 0 // the columns do not see the negative eigenvalue
		setColumn(b, k, l, v)
	}
	e := make([]float64, n)
	e[100] = 3
	setColumn(b, k, 2, e) // an eigenvector: one iteration
	b[7*k+4] = 1          // sees it
	b[5*k+5] = math.NaN()
	x := make([]float64, n*k)
	results, err := new(krylov.BlockCG).SolveBlock(t.Context(), dense(n, diag(d...)), x, b, k, nil)
	want := []krylov.Status{krylov.Converged, krylov.Converged, krylov.Converged, krylov.Converged, krylov.NegativeCurvature, krylov.NonFinite}
	for l, res := range results {
		if res.Status != want[l] {
			t.Errorf("column %d: %v, want %v", l, res.Status, want[l])
		}
		if want[l] == krylov.Converged && plainResidual(diag(d...), column(x, k, l), column(b, k, l)) > 1e-8*norm(column(b, k, l))*(1+1e-6) {
			t.Errorf("column %d: wrong", l)
		}
	}
	if results[2].Iterations != 1 || results[2].Products != 2 {
		t.Errorf("an eigenvector took %d iterations and %d products", results[2].Iterations, results[2].Products)
	}
	var e2 *krylov.BlockError
	if !errors.As(err, &e2) || !slices.Equal(e2.Columns, []int{4, 5}) || !errors.Is(err, krylov.NegativeCurvature) || !errors.Is(err, krylov.NonFinite) {
		t.Errorf("error %v", err)
	}
	if v := e2.Error(); !strings.HasPrefix(v, "krylov: 2 of 6 systems failed; column 4: ") {
		t.Errorf("error text %q", v)
	}
}

func TestBlockCGSameBitsForAnyWorkers(t *testing.T) {
	a := stencil5(t, 71, 0.3)
	n, _ := a.Dims()
	jacobi, _ := hvp.NewDiagonal(constant(n, 0.2))
	for _, k := range []int{2, 5} {
		b := rightHandSides(rand.New(rand.NewPCG(13, 1)), n, k)
		for _, pre := range []hvp.Operator{nil, jacobi, &hvp.Func{Rows: n, Mul: jacobi.Apply}} {
			var want []float64
			for _, workers := range []int{1, 2, 3, 7} {
				x := make([]float64, n*k)
				if _, err := new(krylov.BlockCG).SolveBlock(t.Context(), a, x, b, k, &krylov.Settings{Precond: pre, Workers: workers}); err != nil {
					t.Fatal(err)
				}
				if want == nil {
					want = x
				} else if !slices.Equal(x, want) {
					t.Errorf("k = %d, precond %T: %d workers change the result", k, pre, workers)
				}
			}
		}
	}
}

// TestBlockCGMemory: the workspace is what the documentation says, at most that in single
// precision, and the second solve allocates nothing.
func TestBlockCGMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools at random")
	}
	a := stencil5(t, 200, 1)
	n, _ := a.Dims()
	jacobi, _ := hvp.NewDiagonal(constant(n, 0.2))
	const k = 8
	b, x := make([]float64, n*k), make([]float64, n*k)
	for l := range k {
		setColumn(b, k, l, gaussian(rand.New(rand.NewPCG(14, uint64(l))), n))
	}
	uneven := constant(n, 0.2)
	uneven[0] = 0.3
	other, _ := hvp.NewDiagonal(uneven)
	for _, c := range []struct {
		pre    hvp.Operator
		double bool
		want   int
	}{{nil, true, 3*n*k + 3*n}, {jacobi, true, 3*n*k + 3*n}, {&hvp.Func{Rows: n, Mul: jacobi.Apply}, false, 4*n*k + 3*n},
		{nil, false, 3*n*k + 3*n}, {jacobi, false, 3*n*k + 3*n}, {other, false, 3*n*k + 4*n}} {
		m := krylov.BlockCG{Double: c.double}
		s := &krylov.Settings{Precond: c.pre, History: true}
		solve := func() {
			if _, err := m.SolveBlock(context.Background(), a, x, b, k, s); err != nil {
				t.Fatal(err)
			}
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		solve()
		runtime.ReadMemStats(&after)
		got, want := float64(after.TotalAlloc-before.TotalAlloc), float64(8*c.want)
		if got > 1.04*want || got < 0.6*want || c.double && got < 0.96*want {
			t.Errorf("precond %T: %.0f bytes allocated, want %.0f", c.pre, got, want)
		}
		if got := testing.AllocsPerRun(5, solve); got >= 1 {
			t.Errorf("precond %T: %v allocations in the second solve", c.pre, got)
		}
	}
}

func TestBlockCGEnds(t *testing.T) {
	a := stencil5(t, 30, 0)
	n, _ := a.Dims()
	const k = 3
	b := make([]float64, n*k)
	for l := range k {
		setColumn(b, k, l, gaussian(rand.New(rand.NewPCG(15, uint64(l))), n))
	}
	var m krylov.BlockCG
	try := func(what string, ctx context.Context, a hvp.Operator, s *krylov.Settings, want krylov.Status, cause error) []krylov.Result {
		t.Helper()
		x := make([]float64, n*k)
		results, err := m.SolveBlock(ctx, a, x, b, k, s)
		if len(results) != k || err == nil {
			t.Fatalf("%s: %d results, error %v", what, len(results), err)
		}
		for l, res := range results {
			if res.Status != want || !errors.Is(err, want) || cause != nil && !errors.Is(err, cause) {
				t.Errorf("%s: column %d: %v, want %v: %v", what, l, res.Status, want, err)
			}
		}
		return results
	}
	results := try("limit", t.Context(), a, &krylov.Settings{MaxIter: 5}, krylov.IterationLimit, nil)
	for l, res := range results {
		if res.Iterations != 5 || math.Abs(res.TrueResidual-res.Residual) > 1e-10*res.RHSNorm {
			t.Errorf("limit: column %d: %d iterations, residual %v, truly %v", l, res.Iterations, res.Residual, res.TrueResidual)
		}
	}
	try("time", t.Context(), a, &krylov.Settings{MaxTime: 1}, krylov.TimeLimit, nil)
	stop, fire := errors.New("enough"), errors.New("disk on fire")
	calls := 0
	try("monitor", t.Context(), a, &krylov.Settings{Monitor: func(p krylov.Progress) error {
		if calls++; p.Iteration != calls || !(p.Residual > p.Tolerance) {
			t.Errorf("progress %+v at call %d", p, calls)
		}
		if calls == 4 {
			return stop
		}
		return nil
	}}, krylov.Stopped, stop)
	for _, after := range []int{0, 1, 7} {
		calls := 0
		failing := &hvp.Func{Rows: n, Mul: func(ctx context.Context, dst, x []float64) error {
			if calls++; calls > after {
				return fire
			}
			return a.Apply(ctx, dst, x)
		}}
		try("operator", t.Context(), failing, nil, krylov.OperatorFailed, fire)
		calls = 0
		try("preconditioner", t.Context(), a, &krylov.Settings{Precond: failing}, krylov.PreconditionerFailed, fire)
		ctx, cancel := context.WithCancel(t.Context())
		calls = 0
		canceling := &hvp.Func{Rows: n, Mul: func(c context.Context, dst, x []float64) error {
			if calls++; calls > after {
				cancel()
			}
			return a.Apply(c, dst, x)
		}}
		try("cancel", ctx, canceling, &krylov.Settings{Workers: 2}, krylov.Canceled, context.Canceled)
		if calls > after+1 {
			t.Errorf("cancel: %d products after it", calls-after)
		}
	}
	negative, _ := hvp.NewDiagonal(constant(n, -1))
	try("preconditioner", t.Context(), a, &krylov.Settings{Precond: negative}, krylov.IndefinitePreconditioner, nil)
	try("nil", t.Context(), nil, nil, krylov.InvalidInput, nil)
	try("settings", t.Context(), a, &krylov.Settings{RTol: -1}, krylov.InvalidInput, nil)
	try("rectangular", t.Context(), tallCSR(t, n, 50), nil, krylov.InvalidInput, nil)
	if _, err := m.SolveBlock(t.Context(), a, make([]float64, n*k-1), b, k, nil); !errors.Is(err, krylov.InvalidInput) {
		t.Errorf("short x: %v", err)
	}
	if _, err := m.SolveBlock(t.Context(), a, nil, nil, -1, nil); !errors.Is(err, krylov.InvalidInput) {
		t.Errorf("k = -1: %v", err)
	}
	if results, err := m.SolveBlock(t.Context(), a, nil, nil, 0, nil); err != nil || len(results) != 0 {
		t.Errorf("k = 0: %v", err)
	}
	// The same workspace after all that, for the transposed system.
	x := make([]float64, n*k)
	if _, err := m.SolveBlock(t.Context(), hvp.WithStructure(&hvp.Func{Rows: n, Mul: a.Apply, MulTrans: a.ApplyTrans}, 0), x, b, k, &krylov.Settings{Trans: true, Workers: 2}); err != nil {
		t.Errorf("transposed: %v", err)
	}
}
