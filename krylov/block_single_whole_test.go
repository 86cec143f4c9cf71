package krylov_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/krylov"
)

// wholePanels is an operator whose products in single precision are those of whole panels, and
// fail after some.
type wholePanels struct {
	a     hvp.Operator
	r     hvp.SingleBlockRanger
	calls *int
	most  int
}

var errEnough = errors.New("enough")

func newWholePanels(a hvp.Operator) *wholePanels {
	r, _ := hvp.BlockRowsSingle(a)
	return &wholePanels{a, r, new(int), math.MaxInt}
}

func (w *wholePanels) Dims() (rows, cols int)   { return w.a.Dims() }
func (w *wholePanels) Structure() hvp.Structure { return hvp.StructureOf(w.a) }

func (w *wholePanels) Apply(ctx context.Context, dst, x []float64) error {
	return w.a.Apply(ctx, dst, x)
}

func (w *wholePanels) ApplyBlockSingle(_ context.Context, dst, x []float32, k int) error {
	if *w.calls++; *w.calls > w.most {
		return errEnough
	}
	n, _ := w.a.Dims()
	w.r.ApplyBlockRowsSingle(dst, x, k, 0, n)
	return nil
}

// TestBlockCGInSingleWhole: operators and preconditioners that multiply whole panels in
// single precision give what those of double precision give.
func TestBlockCGInSingleWhole(t *testing.T) {
	if !kernel.SinglePanels() {
		t.Skip("no panels in single precision here")
	}
	const m, k = 80, 8
	a := scaledStencil(t, m, 0.02, 0.5)
	n, _ := a.Dims()
	inverse := inverseDiagonal(t, a)
	b := rightHandSides(rand.New(rand.NewPCG(43, 1)), n, k)
	for name, c := range map[string]struct {
		a, m hvp.Operator
	}{
		"operator":                {newWholePanels(a), nil},
		"operator and diagonal":   {newWholePanels(a), inverse},
		"preconditioner":          {a, newWholePanels(inverse)},
		"both":                    {newWholePanels(a), newWholePanels(inverse)},
		"promised and wrapped up": {hvp.WithStructure(newWholePanels(a), hvp.SPD), newWholePanels(inverse)},
	} {
		if !krylov.InSingle(c.a, c.m) {
			t.Errorf("%s: not in single precision", name)
		}
		x, want := make([]float64, n*k), make([]float64, n*k)
		s := &krylov.Settings{RTol: 1e-9, Precond: c.m}
		results, err := new(krylov.BlockCG).SolveBlock(t.Context(), c.a, x, b, k, s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		results = slices.Clone(results)
		reference, err := (&krylov.BlockCG{Double: true}).SolveBlock(t.Context(), c.a, want, b, k, s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for l, res := range results {
			if truth := residualNorm(t, a, column(x, k, l), column(b, k, l)); !(truth <= res.Tolerance*(1+1e-9)) {
				t.Errorf("%s, column %d: residual %v of %v", name, l, truth, res.Tolerance)
			}
			if ref := reference[l].Iterations; res.Iterations > ref+ref/3+8 || ref > 0 && res.Method != "block cg in single precision" {
				t.Errorf("%s, column %d: %d iterations of %s, %d in double precision", name, l, res.Iterations, res.Method, ref)
			}
			if reference[l].MaxRitz > 0 && !(math.Abs(res.MaxRitz/reference[l].MaxRitz-1) < 0.01) {
				t.Errorf("%s, column %d: the largest Ritz value is %v, %v in double precision", name, l, res.MaxRitz, reference[l].MaxRitz)
			}
		}
		for _, workers := range []int{1, 3} {
			again := make([]float64, n*k)
			if _, err := new(krylov.BlockCG).SolveBlock(hvp.WithWorkers(t.Context(), workers), c.a, again, b, k, s); err != nil || !slices.Equal(again, x) {
				t.Errorf("%s: other bits with %d workers (%v)", name, workers, err)
			}
		}
	}
}

// TestBlockCGInSingleWholeFails: what fails has a name, and the solutions of the iterations
// before are kept.
func TestBlockCGInSingleWholeFails(t *testing.T) {
	if !kernel.SinglePanels() {
		t.Skip("no panels in single precision here")
	}
	const m, k = 80, 3
	a := scaledStencil(t, m, 0.02, 0.5)
	n, _ := a.Dims()
	inverse := inverseDiagonal(t, a)
	b := make([]float64, n*k)
	rng := rand.New(rand.NewPCG(44, 1))
	for i := range b {
		b[i] = rng.NormFloat64()
	}
	for _, most := range []int{0, 1, 7} {
		operator, preconditioner := newWholePanels(a), newWholePanels(inverse)
		operator.most, preconditioner.most = most, most
		for _, c := range []struct {
			a, m hvp.Operator
			want krylov.Status
		}{{operator, nil, krylov.OperatorFailed}, {a, preconditioner, krylov.PreconditionerFailed}} {
			x := make([]float64, n*k)
			results, err := new(krylov.BlockCG).SolveBlock(t.Context(), c.a, x, b, k, &krylov.Settings{Precond: c.m})
			if !errors.Is(err, c.want) || !errors.Is(err, errEnough) {
				t.Fatalf("after %d products: %v, want %v", most, err, c.want)
			}
			for l, res := range results {
				if res.TrueResidual >= 0 {
					if truth := residualNorm(t, a, column(x, k, l), column(b, k, l)); math.Abs(truth-res.TrueResidual) > 1e-6*res.RHSNorm {
						t.Errorf("after %d products, column %d: residual %v, reported %v", most, l, truth, res.TrueResidual)
					}
				}
			}
		}
	}
}
