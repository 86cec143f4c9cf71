package hypergrad_test

import (
	"math"
	"testing"

	"github.com/hgsolve/hgsolve/hypergrad"
)

// TestBarOfWideSpectrum: with penalties that are twenty-four powers of ten apart a residual
// that is small in the norm says nothing about its effect on dL/dw. The bar must see what
// the loose systems hide, whatever the preconditioner, or not be trusted.
func TestBarOfWideSpectrum(t *testing.T) {
	p := smallLogistic(t)
	ny, nw := p.Dims()
	w := make([]float64, nw)
	copy(w, []float64{1.3, -17, -19, 18, 23, -25, 30, -13, -27, -20, -0.9, -19})
	y, exact := make([]float64, ny), make([]float64, nw)
	if _, err := (&hypergrad.Newton{RTol: 1e-15, Polish: true, Precond: hypergrad.Auto}).Solve(t.Context(), p, y, w); err != nil {
		t.Fatal(err)
	}
	reference := hypergrad.Estimator{Precond: hypergrad.Auto}
	reference.Settings.RTol = 1e-14
	if _, err := reference.Gradient(t.Context(), p, y, w, exact); err != nil {
		t.Fatal(err)
	}
	trusted := 0
	for _, f := range []hypergrad.PrecondFunc{nil, hypergrad.Jacobi, hypergrad.Auto} {
		for _, rtol := range []float64{1e-1, 1e-2, 1e-4, 1e-6, 1e-8} {
			grad := make([]float64, nw)
			est := hypergrad.Estimator{Precond: f}
			est.Settings.RTol = rtol
			rep, err := est.Gradient(t.Context(), p, y, w, grad)
			if err != nil {
				t.Fatal(err)
			}
			truth, size := 0.0, 0.0
			for i, v := range exact {
				truth, size = math.Hypot(truth, grad[i]-v), math.Hypot(size, v)
			}
			if truth <= 1e-12*size {
				continue // what the reference is good for
			}
			if !rep.Error.Trusted {
				t.Logf("%s, %.0e: error %.2g, %s", rep.Precond, rtol, truth, rep.Error.Note)
				continue
			}
			trusted++
			if q := rep.Error.Estimate / truth; q < 0.5 || q > 2 {
				t.Errorf("%s, %.0e: estimate %.3g of an error of %.3g", rep.Precond, rtol, rep.Error.Estimate, truth)
			}
		}
	}
	if trusted < 3 {
		t.Errorf("%d bars trusted: the test shows nothing", trusted)
	}
}
