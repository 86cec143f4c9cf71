package krylov_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/krylov"
)

// TestSatisfied: CG shows its iterate, unscaled, and ends as the monitor says, a
// success with the true residual; other methods show none and do not end so.
func TestSatisfied(t *testing.T) {
	ctx := context.Background()
	a := stencil5(t, 20, 0)
	n := 400
	for _, size := range []float64{1, 1e-200, 1e200} {
		b, x, seen := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range b {
			b[i] = size * math.Sin(float64(i))
		}
		for _, m := range []krylov.Method{new(krylov.CG), &krylov.CG{Flexible: true}, new(krylov.Auto)} {
			res, err := m.Solve(ctx, a, x, b, &krylov.Settings{RTol: 1e-10, Monitor: func(p krylov.Progress) error {
				if p.Iterate(seen[:3]) {
					t.Errorf("%v: a short vector was accepted", m)
				}
				if !p.Iterate(seen) {
					t.Errorf("%v shows no iterate", m)
				}
				if p.Iteration == 7 {
					return fmt.Errorf("seven: %w", krylov.ErrSatisfied)
				}
				return nil
			}})
			if err != nil || res.Status != krylov.Satisfied || !res.Status.Success() || res.Iterations != 7 || !slices.Equal(x, seen) {
				t.Fatalf("%v, size %g: %v after %d iterations, %v", m, size, res.Status, res.Iterations, err)
			}
			if !(res.TrueResidual > res.Tolerance) || math.Abs(res.TrueResidual/res.Residual-1) > 1e-9 {
				t.Errorf("%v, size %g: true residual %g, recurrence %g", m, size, res.TrueResidual, res.Residual)
			}
		}
	}
	b, x := make([]float64, n), make([]float64, n)
	b[5] = 1
	satisfied := &krylov.Settings{Monitor: func(p krylov.Progress) error {
		if p.Iterate(make([]float64, n)) {
			t.Error("an iterate from a method that has none at hand")
		}
		return krylov.ErrSatisfied
	}}
	for _, m := range []krylov.Method{new(krylov.MINRES), new(krylov.GMRES), new(krylov.IDRS), new(krylov.LSMR)} {
		if res, err := m.Solve(ctx, a, x, b, satisfied); res.Status != krylov.Stopped || !errors.Is(err, krylov.ErrSatisfied) {
			t.Errorf("%v: %v, %v", m, res.Status, err)
		}
	}
	if _, err := new(krylov.BlockCG).SolveBlock(ctx, a, x, b, 1, satisfied); !errors.Is(err, krylov.Stopped) {
		t.Errorf("block: %v", err)
	}
	if (krylov.Progress{}).Iterate(x) {
		t.Error("the zero Progress shows an iterate")
	}
}
