package krylov_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
)

// transport has a spectrum in a half-plane but for six small eigenvalues, and a
// skew part; shift moves all of it.
func transport(n int, shift float64) *hvp.Func {
	d := make([]float64, n)
	for i := range d {
		d[i] = 1.5 + 0.5*math.Sin(float64(i*i))
		if i%(n/6) == 2 {
			d[i] = 2e-3 * float64(1+i*6/n)
		}
		d[i] *= 1 + shift*math.Sin(float64(i)/9)
	}
	row := func(dst, x []float64, wind float64) {
		for i := range x {
			dst[i] = d[i] * x[i]
			if i > 0 {
				dst[i] -= wind * x[i-1]
			}
			if i+1 < n {
				dst[i] += wind * x[i+1]
			}
		}
	}
	return &hvp.Func{Rows: n,
		Mul:      func(_ context.Context, dst, x []float64) error { row(dst, x, 0.03); return nil },
		MulTrans: func(_ context.Context, dst, x []float64) error { row(dst, x, -0.03); return nil },
	}
}

func gcrodrSequence(t testing.TB, n int, g *krylov.GCRODR, workers int, trans bool, m hvp.Operator, shifts ...float64) (products []int, x []float64) {
	t.Helper()
	for i, shift := range shifts {
		a, b := transport(n, shift), seededVector(n, uint64(i))
		x = make([]float64, n)
		res, err := g.Solve(t.Context(), a, x, b, &krylov.Settings{RTol: 1e-9, Workers: workers, Trans: trans, Precond: m})
		if err != nil {
			t.Fatalf("solve %d: %v", i, err)
		}
		r := make([]float64, n)
		apply := a.Apply
		if trans {
			apply = a.ApplyTrans
		}
		if err := apply(t.Context(), r, x); err != nil {
			t.Fatal(err)
		}
		rr, bb := 0.0, 0.0
		for j := range r {
			rr, bb = math.Hypot(rr, r[j]-b[j]), math.Hypot(bb, b[j])
		}
		if rr > 1.01e-9*bb {
			t.Fatalf("solve %d: residual %.2g of %.2g", i, rr, bb)
		}
		products = append(products, res.Products)
	}
	return products, x
}

// TestGCRODR: later systems of a sequence, of the same or of slowly changing
// operators, cost less than the first; transposed and preconditioned too.
func TestGCRODR(t *testing.T) {
	for _, trans := range []bool{false, true} {
		for name, m := range preconds(t, 700) {
			var g krylov.GCRODR
			drifting, _ := gcrodrSequence(t, 700, &g, 0, trans, m, 0, 0.01, 0.02, 0.03)
			g.Reset()
			if g.Len() != 0 {
				t.Error("not empty after Reset")
			}
			g.Fixed = true
			fixed, _ := gcrodrSequence(t, 700, &g, 0, trans, m, 0, 0, 0)
			t.Log(name, trans, drifting, fixed)
			for _, later := range append(drifting[1:], fixed[1:]...) {
				if later >= drifting[0] {
					t.Errorf("%s: products of a drifting sequence %v, of a fixed one %v", name, drifting, fixed)
					break
				}
			}
			// Fixed, but it is not true.
			gcrodrSequence(t, 700, &g, 0, trans, m, 0.8, 0.3, 0)
		}
	}
}

func TestGCRODRWorkers(t *testing.T) {
	var want []float64
	for _, workers := range []int{1, 2, 3, 7} {
		_, x := gcrodrSequence(t, 2500, &krylov.GCRODR{Dim: 6, Steps: 15}, workers, false, nil, 0, 0.1, 0.2)
		if want == nil {
			want = x
		}
		if !slices.Equal(x, want) {
			t.Fatalf("%d workers: other bits", workers)
		}
	}
}

// TestGCRODRAllocations: from the second solve of a size on, nothing.
func TestGCRODRAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const n = 2500
	for name, m := range preconds(t, n) {
		var g krylov.GCRODR
		a, b, x := transport(n, 0), seededVector(n, 1), make([]float64, n)
		s := &krylov.Settings{Precond: m, Workers: 1}
		solve := func() {
			if _, err := g.Solve(context.Background(), a, x, b, s); err != nil {
				t.Fatal(err)
			}
		}
		solve()
		solve()
		if got := testing.AllocsPerRun(5, solve); got > 0 {
			t.Errorf("%s: %v allocations per solve", name, got)
		}
	}
}
