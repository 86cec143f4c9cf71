package precond_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
	"github.com/hgsolve/hgsolve/precond/precondtest"
	"github.com/hgsolve/hgsolve/problems"
)

// denoising returns the Hessian of the denoising problem near its solution, which is
// taken to be the clean image, with equal log-weights.
func denoising(t testing.TB, rows, cols int, logWeight float64) hvp.Operator {
	t.Helper()
	photo, r, c := problems.Photograph()
	clean := problems.Resize(photo, r, c, rows, cols)
	d, err := problems.NewDenoise(clean, clean, rows, cols, nil)
	if err != nil {
		t.Fatal(err)
	}
	lin, err := d.Linearize(context.Background(), clean, d.Default(logWeight))
	if err != nil {
		t.Fatal(err)
	}
	return lin.Y
}

var singleKinds = map[string]precondtest.Build{
	"chebyshev": func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		return precond.NewChebyshev(ctx, a, nil)
	},
	"chebyshev 6": func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		return precond.NewChebyshev(ctx, a, &precond.ChebyshevSettings{Degree: 6, Ratio: 20, Steps: 12})
	},
	"multigrid": func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		return precond.NewMultigrid(ctx, a, nil)
	},
	"multigrid 3": func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		return precond.NewMultigrid(ctx, a, &precond.MultigridSettings{Degree: 3, Levels: 2})
	},
	"multigrid without coarse grids": func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		return precond.NewMultigrid(ctx, a, &precond.MultigridSettings{Levels: 1})
	},
	"grid-ic": func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		return precond.NewGridIC(ctx, a)
	},
	"auto": func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		return precond.NewAuto(ctx, a)
	},
}

// TestSingle puts the preconditioners in single precision through the conformance
// test with tolerances to match, and solves with them to 1e-10.
func TestSingle(t *testing.T) {
	a, other := denoising(t, 61, 83, 1.3), denoising(t, 61, 83, 0.5)
	n, _ := a.Dims()
	rng := rand.New(rand.NewPCG(1, 1))
	b, x := make([]float64, n), make([]float64, n)
	for i := range b {
		b[i] = rng.NormFloat64()
	}
	for name, build := range singleKinds {
		t.Run(name, func(t *testing.T) {
			precondtest.Test(t, a, other, build, &hvptest.Options{Tol: 1e-5})
			m, err := build(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(m.String(), "single") {
				t.Errorf("%v is not in single precision", m)
			}
			if got := m.Report().Bytes; got < int64(28*n) || got > int64(64*n) {
				t.Errorf("%v: %d bytes for %d unknowns", m, got, n)
			}
			apply, _ := precondtest.Allocations(m)
			if n := testing.AllocsPerRun(10, apply); n != 0 && !raceEnabled {
				t.Errorf("%v: %v allocations per Apply", m, n)
			}
			for _, scale := range []float64{1, 1e-200, 1e200, 1e-310} {
				scaled := slices.Clone(b)
				for i := range scaled {
					scaled[i] *= scale
				}
				if scale == 1e-310 { // denormal: M alone
					if err := m.Apply(t.Context(), x, scaled); err != nil || !(x[0] != 0) {
						t.Errorf("%v: scale %v: %v, %v", m, scale, x[0], err)
					}
					continue
				}
				res, err := krylov.Solve(t.Context(), a, x, scaled, &krylov.Settings{Precond: m, RTol: 1e-10})
				if err != nil || res.Method != "cg" || res.Iterations > 25 || res.TrueResidual > 1e-10*res.RHSNorm {
					t.Errorf("%v, scale %v: %d iterations of %s, residual %v of %v: %v", m, scale, res.Iterations, res.Method, res.TrueResidual, res.RHSNorm, err)
				}
			}
			// NaN stays visible, zero is zero.
			bad := slices.Clone(b)
			bad[7] = math.NaN()
			if err := m.Apply(t.Context(), x, bad); err == nil && !math.IsNaN(x[7]) {
				t.Errorf("%v: a NaN becomes %v", m, x[7])
			}
			if err := m.Apply(t.Context(), x, make([]float64, n)); err != nil || slices.Max(x) != 0 || slices.Min(x) != 0 {
				t.Errorf("%v: M·0 is not zero: %v", m, err)
			}
		})
	}
}

// TestSingleOrDouble: double precision where asked for and where the operator is
// too ill-conditioned; the solution is the same.
func TestSingleOrDouble(t *testing.T) {
	a := denoising(t, 96, 96, 2)
	n, _ := a.Dims()
	b, x, y := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range b {
		b[i] = math.Sin(float64(i))
	}
	for _, s := range []*precond.ChebyshevSettings{{}, {Double: true}} {
		m, err := precond.NewChebyshev(t.Context(), a, s)
		if err != nil || strings.Contains(m.String(), "single") == s.Double {
			t.Fatal(m, err)
		}
		if _, err := krylov.Solve(t.Context(), a, y, b, &krylov.Settings{Precond: m, RTol: 1e-12}); err != nil {
			t.Error(m, err)
		}
		x, y = y, x
	}
	for i, v := range x {
		if math.Abs(v-y[i]) > 1e-9 {
			t.Fatalf("element %d is %v and %v", i, v, y[i])
		}
	}
	if m, err := precond.NewMultigrid(t.Context(), a, &precond.MultigridSettings{Double: true}); err != nil || strings.Contains(m.String(), "single") {
		t.Error(m, err)
	}
	hard := denoising(t, 96, 96, 9)
	for _, name := range []string{"chebyshev", "multigrid", "auto"} {
		m, err := precond.New(t.Context(), name, hard)
		if err != nil || strings.Contains(m.String(), "single") {
			t.Errorf("log-weight 9: %v, %v", m, err)
		}
	}
	hardest := denoising(t, 20, 20, 95)
	if m, err := precond.NewAuto(t.Context(), hardest); err != nil {
		t.Errorf("log-weight 95: %v, %v", m, err)
	}
}

// TestAutoSingle: the choice over the weight of the regulariser.
func TestAutoSingle(t *testing.T) {
	for w, want := range map[float64]string{-5: "jacobi", 1.3: "grid-ic", 3: "grid-ic", 5.5: "multigrid", 9: "multigrid"} {
		m, err := precond.NewAuto(t.Context(), denoising(t, 128, 128, w))
		if err != nil || m.Kind() != want {
			t.Errorf("log-weight %v: %v, %v, want %s", w, m, err, want)
		}
	}
}

// BenchmarkSingle prints the time of set-up and solve to 1e-8 of preconditioners in
// single precision as shares of that of Jacobi, in turn and the least of all rounds.
func BenchmarkSingle(b *testing.B) {
	type contender struct {
		name string
		make precondtest.Build
	}
	list := []contender{{"jacobi", func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		return precond.NewJacobi(ctx, a)
	}}}
	for _, degree := range []int{0, 8, 16, 32} {
		list = append(list, contender{fmt.Sprintf("chebyshev-%d", degree), func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
			return precond.NewChebyshev(ctx, a, &precond.ChebyshevSettings{Degree: degree})
		}})
	}
	list = append(list, contender{"multigrid", singleKinds["multigrid"]}, contender{"auto", singleKinds["auto"]})
	for _, w := range []float64{0, 1.3, 2, 3, 4} {
		b.Run(fmt.Sprintf("w=%v", w), func(b *testing.B) {
			a := denoising(b, 1024, 1024, w)
			n, _ := a.Dims()
			rhs, x := make([]float64, n), make([]float64, n)
			rng := rand.New(rand.NewPCG(1, 1))
			for i := range rhs {
				rhs[i] = rng.NormFloat64()
			}
			best := make([]float64, len(list))
			for b.Loop() {
				for i, c := range list {
					begin := time.Now()
					m, err := c.make(b.Context(), a)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := krylov.Solve(b.Context(), a, x, rhs, &krylov.Settings{Precond: m, RTol: 1e-8}); err != nil {
						b.Fatal(c.name, err)
					}
					if s := time.Since(begin).Seconds(); best[i] == 0 || s < best[i] {
						best[i] = s
					}
				}
			}
			for i, c := range list[1:] {
				b.ReportMetric(best[i+1]/best[0], c.name+"/jacobi")
			}
		})
	}
}
