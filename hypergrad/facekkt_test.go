package hypergrad_test

import (
	"context"
	"math"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/precond"
)

// TestFaceOfKKT: within bounds a KKT system of matrices stays one, with the products
// of a restriction, and the automatic choice finds the saddle point.
func TestFaceOfKKT(t *testing.T) {
	const n, m = 6, 2
	h, err := hvp.NewCSRFromTriplets(n, n, []int32{0, 1, 2, 3, 4, 5, 0, 1, 3, 4}, []int32{0, 1, 2, 3, 4, 5, 1, 0, 4, 3}, []float64{2, 3, 4, 5, 6, 7, 1, 1, -1, -1})
	if err == nil {
		h, err = h.Promise(hvp.Symmetric)
	}
	if err != nil {
		t.Fatal(err)
	}
	a, err := hvp.NewCSRFromTriplets(m, n, []int32{0, 0, 0, 1, 1, 1}, []int32{0, 1, 2, 3, 4, 5}, []float64{1, 2, 3, -1, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	inf := math.Inf(1)
	problem := &hypergrad.Constrained{N: n, M: m, NW: 1, Affine: true,
		Gradient: func(dst, y, _ []float64) error { return h.Apply(context.Background(), dst, y) },
		Constraint: func(dst, y, _ []float64) error {
			return a.Apply(context.Background(), dst, y)
		},
		Operators: func(context.Context, []float64, []float64, []float64) (hvp.Operator, hvp.Operator, error) {
			return h, a, nil
		},
		JVPW: func(dst, _, _, _, _ []float64) error { clear(dst); return nil },
		VJPW: func(dst, _, _, _, _ []float64) error { clear(dst); return nil },
	}
	free := []float64{0, 1, 1, 0, 1, 1, 1, 1} // variables 0 and 3 are at bounds
	lower := []float64{0, -inf, -inf, 1, -inf, -inf}
	for name, bounds := range map[string]*hypergrad.Bounds{
		"variables": {Problem: problem, Lower: lower},
		// A multiplier far from its bound leaves the system as it is, one at it does not.
		"far multiplier": {Problem: problem, Lower: append(append([]float64(nil), lower...), -1e3)},
		"multiplier":     {Problem: problem, Lower: append(append([]float64(nil), lower...), 0)},
	} {
		want := append([]float64(nil), free...)
		saddle := true
		if name == "multiplier" {
			want[n], saddle = 0, false
		}
		y := []float64{0, 3, 1, 1, 2, -1, 0, 0} // gradients at the bounds keep them
		lin, err := bounds.Linearize(t.Context(), y, []float64{0})
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := hvp.Partition(lin.Y); ok != saddle {
			t.Errorf("%s: has blocks: %v", name, ok)
		}
		k, err := hvp.KKT(h, a, nil)
		if err != nil {
			t.Fatal(err)
		}
		in, out, got := make([]float64, n+m), make([]float64, n+m), make([]float64, n+m)
		for j := range in {
			clear(in)
			in[j] = want[j]
			if err := k.Apply(t.Context(), out, in); err != nil {
				t.Fatal(err)
			}
			in[j] = 1
			if err := lin.Y.Apply(t.Context(), got, in); err != nil {
				t.Fatal(err)
			}
			for i := range got {
				v := out[i] * want[i]
				if i == j && want[i] == 0 {
					v = 1
				}
				if got[i] != v {
					t.Errorf("%s: entry (%d, %d) is %v, want %v", name, i, j, got[i], v)
				}
			}
		}
		p, err := precond.NewAuto(t.Context(), lin.Y)
		if saddle && (err != nil || p.Kind() != "saddle") {
			t.Errorf("%s: automatic choice %v, %v", name, p, err)
		}
	}
}
