package problems_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
)

// TestErrorBar: over inner accuracies from 1e-1 to 1e-6 the estimate stays
// within a factor of two of the true error, or says that it is none; with exact
// systems the corrected hypergradient is of second order.
func TestErrorBar(t *testing.T) {
	ctx := context.Background()
	for name, p := range map[string]hypergrad.Problem{
		"logistic":             newLogistic(t, 40, false),
		"logistic per feature": newLogistic(t, 40, true),
		"denoise":              newDenoise(t, 40, 37, nil),
	} {
		ny, nw := p.Dims()
		w, start := make([]float64, nw), make([]float64, ny)
		if d, is := p.(interface{ Noisy() []float64 }); is {
			copy(start, d.Noisy())
		}
		solve := func(rtol float64, polish bool) []float64 {
			y := slices.Clone(start)
			if _, err := (&hypergrad.Newton{RTol: rtol, Polish: polish, Precond: hypergrad.Jacobi}).Solve(ctx, p, y, w); err != nil {
				t.Fatal(err)
			}
			return y
		}
		settings := krylov.Settings{RTol: 1e-12}
		truth := make([]float64, nw)
		exact := solve(1e-12, true)
		if _, err := (&hypergrad.Estimator{Settings: settings, Precond: hypergrad.Jacobi}).Gradient(ctx, p, exact, w, truth); err != nil {
			t.Fatal(err)
		}
		distance := func(a, b []float64) (d float64) {
			for i := range a {
				d = math.Hypot(d, a[i]-b[i])
			}
			return d
		}
		trusted := 0
		for _, rtol := range []float64{1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6} {
			y, grad := solve(rtol, false), make([]float64, nw)
			est := &hypergrad.Estimator{Settings: settings, Precond: hypergrad.Jacobi}
			rep, err := est.Gradient(ctx, p, y, w, grad)
			if err != nil {
				t.Fatal(err)
			}
			bar, wrong := rep.Error, distance(grad, truth)
			better := distance(est.Corrected(), truth)
			t.Logf("%s, inner %g: error %.3g, estimate %.3g (ratio %.3f, trusted %v), corrected %.2g, contraction %.2g, %d products beside %d %s",
				name, rtol, wrong, bar.Estimate, bar.Estimate/wrong, bar.Trusted, better, bar.Contraction, bar.Products, rep.Solve.Products, bar.Note)
			if !bar.Trusted {
				continue
			}
			trusted++
			if r := bar.Estimate / wrong; !(r > 0.5 && r < 2) {
				t.Errorf("%s, inner %g: error %.3g, estimate %.3g", name, rtol, wrong, bar.Estimate)
			}
			if better > wrong/2 {
				t.Errorf("%s, inner %g: correction from %.3g to %.3g only", name, rtol, wrong, better)
			}
			// Sharp systems: second order.
			est.ErrorBarRTol = 1e-10
			if _, err := est.Gradient(ctx, p, y, w, grad); err != nil {
				t.Fatal(err)
			}
			if sharp := distance(est.Corrected(), truth); sharp > 1e-11*distance(truth, make([]float64, nw)) && sharp > 0.2*wrong {
				t.Errorf("%s, inner %g: sharp correction from %.3g to %.3g only", name, rtol, wrong, sharp)
			}
		}
		if trusted < 4 {
			t.Errorf("%s: only %d of 6 estimates were trusted", name, trusted)
		}
		// A residual of the adjoint system shows in the bar as well.
		est := &hypergrad.Estimator{Settings: krylov.Settings{RTol: 1e-3}}
		grad := make([]float64, nw)
		rep, err := est.Gradient(ctx, p, exact, w, grad)
		if err != nil {
			t.Fatal(err)
		}
		if r := rep.Error.Estimate / distance(grad, truth); !rep.Error.Trusted || !(r > 0.5 && r < 2) {
			t.Errorf("%s: loose adjoint: error %.3g, estimate %.3g, trusted %v", name, distance(grad, truth), rep.Error.Estimate, rep.Error.Trusted)
		}
	}
}
