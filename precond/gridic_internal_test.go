package precond

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
)

// gridOperator is a GridMatrix with products.
type gridOperator struct{ m hvp.GridMatrix }

func (g *gridOperator) Dims() (rows, cols int) {
	r, c, _ := g.m.Shape()
	return r * c, r * c
}

func (g *gridOperator) Structure() hvp.Structure { return hvp.SPD }

func (g *gridOperator) AssembleGrid(_ context.Context, m *hvp.GridMatrix) (bool, error) {
	m.Reset(g.m.Shape())
	copy(m.Raw(), g.m.Raw())
	return true, nil
}

// couplings calls f for each entry of the lower triangle.
func (g *gridOperator) couplings(f func(p, q int, v *float32)) {
	rows, cols, reach := g.m.Shape()
	for i := range rows {
		for a := range reach + 1 {
			for b := -reach; b <= reach; b++ {
				if a == 0 && b < 0 {
					continue
				}
				row := g.m.Row(i, a, b)
				for j := range row {
					if i >= a && 0 <= j-b && j-b < cols {
						f(i*cols+j, (i-a)*cols+j-b, &row[j])
					}
				}
			}
		}
	}
}

func (g *gridOperator) Apply(_ context.Context, dst, x []float64) error {
	clear(dst)
	g.couplings(func(p, q int, v *float32) {
		dst[p] += float64(*v) * x[q]
		if p != q {
			dst[q] += float64(*v) * x[p]
		}
	})
	return nil
}

// randomGrid has random couplings and is diagonally dominant by a factor of dominance.
func randomGrid(rows, cols, reach int, dominance float64, seed uint64) *gridOperator {
	g := &gridOperator{}
	g.m.Reset(rows, cols, reach)
	rng := rand.New(rand.NewPCG(seed, 7))
	sums := make([]float64, rows*cols)
	g.couplings(func(p, q int, v *float32) {
		if p != q {
			*v = float32(rng.NormFloat64())
			sums[p] += math.Abs(float64(*v))
			sums[q] += math.Abs(float64(*v))
		}
	})
	g.couplings(func(p, q int, v *float32) {
		if p == q {
			*v = float32(dominance * (sums[p] + 0.1))
		}
	})
	return g
}

// TestGridICIsIC0 compares with the factorisation by its definition: in the order of
// elimination, on the pattern of A, entry by entry.
func TestGridICIsIC0(t *testing.T) {
	for _, c := range []struct{ rows, cols, reach int }{
		{1, 1, 1}, {1, 9, 2}, {7, 1, 2}, {5, 4, 1}, {17, 3, 2}, {50, 11, 2}, {97, 9, 1}, {130, 9, 2}, {49, 13, 3}, {100, 10, 4},
	} {
		g := randomGrid(c.rows, c.cols, c.reach, 1, 3)
		n := c.rows * c.cols
		m, err := NewGridIC(context.Background(), g)
		if err != nil {
			t.Fatal(c, err)
		}
		if m.shift != gridFirstShift {
			t.Fatal(c, "shifted")
		}
		// The order of elimination.
		place := make([]int, n)
		at := 0
		for kind := range 2 {
			for k := kind; k < len(m.bands)-1; k += 2 {
				for p := m.bands[k] * c.cols; p < m.bands[k+1]*c.cols; p++ {
					place[p] = at
					at++
				}
			}
		}
		a, in := make([]float64, n*n), make([]bool, n*n)
		g.couplings(func(p, q int, v *float32) {
			i, j := max(place[p], place[q]), min(place[p], place[q])
			a[i*n+j], in[i*n+j] = float64(*v), true
			if p == q {
				a[i*n+j] *= 1 + gridFirstShift
			}
		})
		for j := range n {
			for i := j + 1; i < n; i++ {
				if !in[i*n+j] {
					continue
				}
				l := a[i*n+j] / a[j*n+j]
				for k := j + 1; k <= i; k++ {
					if in[k*n+j] && in[i*n+k] {
						// The column is not divided yet below row i.
						a[i*n+k] -= l * a[k*n+j]
					}
				}
			}
			for i := j + 1; i < n; i++ {
				a[i*n+j] /= a[j*n+j]
			}
		}
		f := &gridOperator{m: m.m}
		worst := 0.0
		f.couplings(func(p, q int, v *float32) {
			i, j := max(place[p], place[q]), min(place[p], place[q])
			want := a[i*n+j]
			if p == q {
				want = 1 / want
			}
			worst = math.Max(worst, math.Abs(float64(*v)-want)/(1+math.Abs(want)))
		})
		if !(worst < 1e-5) {
			t.Errorf("%v: worst entry off by %.1e", c, worst)
		}
		// And M = (L·D·Lᵀ)⁻¹.
		x, y := make([]float64, n), make([]float64, n)
		for i := range x {
			x[i] = math.Sin(float64(i*i+1)) * 1e-200
		}
		if err := m.Apply(context.Background(), y, x); err != nil {
			t.Fatal(err)
		}
		z, back := make([]float64, n), make([]float64, n)
		for p := range n { // z = D·Lᵀ·y
			z[place[p]] = y[p]
		}
		for j := range n {
			s := z[j]
			for i := j + 1; i < n; i++ {
				s += a[i*n+j] * z[i]
			}
			back[j] = s * a[j*n+j]
		}
		copy(z, back)
		for i := range n {
			for j := range i {
				back[i] += a[i*n+j] * z[j]
			}
		}
		var diff, norm float64
		for p := range n {
			diff = math.Hypot(diff, 1e200*(back[place[p]]-x[p]))
			norm = math.Hypot(norm, 1e200*x[p])
		}
		if !(diff < 1e-5*norm) {
			t.Errorf("%v: L·D·Lᵀ·M·x is off by %.1e", c, diff/norm)
		}
	}
}
