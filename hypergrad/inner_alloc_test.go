//go:build !race

package hypergrad

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/precond"
)

// TestInnerAllocs: the iterations of truncated CG and the steps of L-BFGS allocate
// nothing.
func TestInnerAllocs(t *testing.T) {
	const n = 5000
	lambda, g, d := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range g {
		lambda[i] = 1 + float64(i%100)
		g[i] = math.Sin(float64(i))
	}
	a := indefinite(rand.New(rand.NewPCG(1, 1)), lambda)
	diag, err := hvp.NewDiagonal(lambda)
	if err != nil {
		t.Fatal(err)
	}
	var c truncatedCG
	for _, m := range []precond.Preconditioner{nil, &precond.Jacobi{Diagonal: diag}} {
		count := func(iterations int) float64 {
			return testing.AllocsPerRun(5, func() {
				if _, err := c.solve(t.Context(), a, m, d, g, 1e-14, math.Inf(1), iterations); err != nil {
					t.Fatal(err)
				}
			})
		}
		if few, many := count(2), count(30); many > few {
			t.Errorf("%v: %v allocations in 30 iterations, %v in 2", m, many, few)
		}
	}
	p := &Funcs{NY: n, NW: 1,
		EnergyValue: func(y, w []float64) (e float64, err error) {
			for i, v := range y {
				e += lambda[i] * math.Cosh(v-g[i])
			}
			return e, nil
		},
		Gradient: func(dst, y, w []float64) error {
			for i, v := range y {
				dst[i] = lambda[i] * math.Sinh(v-g[i])
			}
			return nil
		}}
	y, w := make([]float64, n), []float64{0}
	count := func(l *LBFGS) float64 {
		return testing.AllocsPerRun(3, func() {
			clear(y)
			_, _ = l.Solve(t.Context(), p, y, w)
		})
	}
	if few, many := count(&LBFGS{MaxIter: 6, Memory: 5}), count(&LBFGS{MaxIter: 20, Memory: 5}); many > few {
		t.Errorf("L-BFGS: %v allocations in 20 steps, %v in 6", many, few)
	}
}
