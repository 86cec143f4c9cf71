package precond_test

import (
	"errors"
	"math"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
)

// TestMultigridIterations: on model problems the number of iterations does not
// grow with the size of the grid, odd sizes included.
func TestMultigridIterations(t *testing.T) {
	for _, shape := range [][]int{{40}, {1023}, {50_000}, {33, 47}, {128, 128}, {301, 517}, {17, 19, 23}, {48, 40, 64}} {
		for _, shift := range []float64{0, 1e-6, 0.1, 10} {
			if raceEnabled && shift != 1e-6 {
				continue
			}
			a := stencil(t, shift, shape...)
			m, err := precond.NewMultigrid(t.Context(), a, nil)
			if err != nil {
				t.Fatal(err)
			}
			n, _ := a.Dims()
			b, x := make([]float64, n), make([]float64, n)
			for i := range b {
				b[i] = math.Sin(0.01 * float64(i))
			}
			res, err := krylov.Solve(t.Context(), a, x, b, &krylov.Settings{Precond: m})
			if err != nil || res.Method != "cg" || res.Iterations > 18 {
				t.Errorf("%v, shift %v: %d iterations of %s: %v", shape, shift, res.Iterations, res.Method, err)
			}
		}
	}
}

func TestMultigridRefuses(t *testing.T) {
	ctx := t.Context()
	if _, err := precond.NewMultigrid(ctx, grid(t, 20, 20, 1), nil); !errors.Is(err, precond.ErrNotApplicable) {
		t.Errorf("a matrix: %v", err)
	}
	indefinite, err := hvp.NewStencil(1, -5, 20, 20)
	if err != nil {
		t.Fatal(err)
	}
	var bad *precond.NotPositiveError
	if _, err := precond.NewMultigrid(ctx, indefinite, nil); !errors.As(err, &bad) {
		t.Errorf("a negative diagonal: %v", err)
	}
	for _, s := range []precond.MultigridSettings{{Degree: -1}, {Fraction: 1}, {Fraction: math.NaN()}, {Levels: -1}} {
		if _, err := precond.NewMultigrid(ctx, stencil(t, 1, 20, 20), &s); err == nil {
			t.Errorf("settings %+v are accepted", s)
		}
	}
}
