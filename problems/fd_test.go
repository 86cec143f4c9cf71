package problems_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
)

// TestDifferencesAreAsGoodAsTheyReport: products by differences of the gradient
// against the analytic ones. The error is at most 10 times what the operator
// reports, and what it reports is at most 1000 times the error.
func TestDifferencesAreAsGoodAsTheyReport(t *testing.T) {
	ctx := context.Background()
	type instance struct {
		name string
		p    hypergrad.Problem
		y, w []float64
	}
	var all []instance
	for name, s := range variants() {
		rng := rand.New(rand.NewPCG(3, 4))
		d := newDenoise(t, 40, 35, &s)
		all = append(all, instance{"denoise " + name, d, slices.Clone(d.Noisy()), testW(d, s, rng)})
	}
	for _, perFeature := range []bool{false, true} {
		p := newLogistic(t, 60, perFeature)
		ny, nw := p.Dims()
		rng := rand.New(rand.NewPCG(5, 4))
		y, w := make([]float64, ny), make([]float64, nw)
		for i := range y {
			y[i] = rng.NormFloat64()
		}
		for i := range w {
			w[i] = 0.3 * rng.NormFloat64()
		}
		all = append(all, instance{fmt.Sprintf("logistic per feature=%v", perFeature), p, y, w})
	}
	for _, c := range all {
		lin, err := c.p.Linearize(ctx, c.y, c.w)
		if err != nil {
			t.Fatal(err)
		}
		gradient := func(ctx context.Context, dst, y []float64) error { return c.p.Residual(ctx, dst, y, c.w) }
		for _, s := range []hvp.FiniteDifferenceSettings{
			{Forward: true}, {Forward: true, Richardson: true}, {}, {Order: 4}, {Order: 4, Richardson: true}, {EstimateNoise: true},
		} {
			fd, err := hvp.NewFiniteDifference(ctx, gradient, c.y, &s)
			if err != nil {
				t.Fatal(err)
			}
			ny := len(c.y)
			got, want, v := make([]float64, ny), make([]float64, ny), make([]float64, ny)
			worst := 0.0
			for k := range uint64(4) {
				rng := rand.New(rand.NewPCG(k, 8))
				for i := range v {
					v[i] = rng.NormFloat64()
				}
				if err := fd.Apply(ctx, got, v); err != nil {
					t.Fatal(err)
				}
				if err := lin.Y.Apply(ctx, want, v); err != nil {
					t.Fatal(err)
				}
				worst = max(worst, relative(got, want))
			}
			a := fd.Accuracy()
			t.Logf("%s, %+v: error %.2g, reported %.2g", c.name, s, worst, a)
			if !(worst <= 10*a) || !(a <= 1000*worst) {
				t.Errorf("%s, %+v: error %.2g, reported %.2g", c.name, s, worst, a)
			}
		}
	}
}
