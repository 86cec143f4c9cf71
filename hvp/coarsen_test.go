package hvp_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
)

// TestInterpolationAgainstItsFormula compares with the tensor product of the
// one-dimensional formula, written out.
func TestInterpolationAgainstItsFormula(t *testing.T) {
	line := func(n int) (p [][]float64) {
		m := (n + 1) / 2
		for i := range n {
			row := make([]float64, m)
			row[i/2] += 0.75
			neighbour := i/2 - 1
			if i%2 == 1 {
				neighbour = i/2 + 1
			}
			row[min(max(neighbour, 0), m-1)] += 0.25
			p = append(p, row)
		}
		return p
	}
	for _, shape := range [][]int{{1}, {2}, {3}, {4}, {9}, {64}, {65}, {5000}, {1, 1}, {2, 3}, {5, 8}, {8, 5}, {7, 1}, {1, 7}, {90, 71}, {3, 4, 5}, {1, 6, 1}, {13, 12, 17}} {
		t.Run(fmt.Sprint(shape), func(t *testing.T) {
			p := must[*hvp.Interpolation](t)(hvp.NewInterpolation(shape...))
			hvptest.TestOperator(t, p, nil)
			axes := [3][][]float64{line(1), line(1), line(1)}
			for d, m := range shape {
				axes[3-len(shape)+d] = line(m)
			}
			rows, cols := p.Dims()
			x, got := make([]float64, cols), make([]float64, rows)
			for i := range x {
				x[i] = math.Cos(float64(i * i))
			}
			if err := p.Apply(context.Background(), got, x); err != nil {
				t.Fatal(err)
			}
			add := append([]float64(nil), got...)
			if err := p.Add(context.Background(), add, x); err != nil {
				t.Fatal(err)
			}
			m1, m2 := len(axes[1][0]), len(axes[2][0])
			at := 0
			for i := range axes[0] {
				for j := range axes[1] {
					for k := range axes[2] {
						want := 0.0
						for a := max(i/2-1, 0); a < min(i/2+2, len(axes[0][0])); a++ {
							for b := max(j/2-1, 0); b < min(j/2+2, m1); b++ {
								for c := max(k/2-1, 0); c < min(k/2+2, m2); c++ {
									want += axes[0][i][a] * axes[1][j][b] * axes[2][k][c] * x[(a*m1+b)*m2+c]
								}
							}
						}
						if math.Abs(got[at]-want) > 1e-14 || math.Abs(add[at]-2*want) > 1e-14 {
							t.Fatalf("(%d,%d,%d): %v and, added, %v, want %v", i, j, k, got[at], add[at], want)
						}
						at++
					}
				}
			}
		})
	}
}

// TestStencilCoarsens compares quadratic forms of smooth functions on both grids.
func TestStencilCoarsens(t *testing.T) {
	ctx := context.Background()
	for _, shape := range [][]int{{64}, {33, 40}, {16, 17, 18}} {
		a := must[*hvp.Stencil](t)(hvp.NewStencil(2, 0.03, shape...))
		c, p, scale, ok, err := a.Coarsen(ctx)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		n, m := p.Dims()
		x, fine, out, coarse := make([]float64, m), make([]float64, n), make([]float64, n), make([]float64, m)
		half := c.(*hvp.Stencil).Shape()
		for i := range x {
			x[i] = 1
			rest := i
			for d := len(half) - 1; d >= 0; d-- {
				x[i] *= math.Sin(math.Pi * (float64(rest%half[d]) + 0.5) / float64(half[d]))
				rest /= half[d]
			}
		}
		for _, err := range []error{p.Apply(ctx, fine, x), a.Apply(ctx, out, fine), c.Apply(ctx, coarse, x)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		var want, got float64
		for i := range fine {
			want += scale * fine[i] * out[i]
		}
		for i := range x {
			got += x[i] * coarse[i]
		}
		if r := got / want; r < 0.9 || r > 1.2 {
			t.Errorf("%v: the form of the coarse operator is %.3f times that of the fine one", shape, r)
		}
	}
	if _, _, _, ok, err := must[*hvp.Stencil](t)(hvp.NewStencil(1, 0, 7)).Coarsen(ctx); ok || err != nil {
		t.Errorf("a grid of 7 nodes: %v, %v", ok, err)
	}
}
