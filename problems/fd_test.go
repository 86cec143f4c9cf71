package problems_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
)

// instance is a problem at a point.
type instance struct {
	name string
	p    hypergrad.Problem
	y, w []float64
}

func instances(t *testing.T) (all []instance) {
	t.Helper()
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
	return all
}

// TestDifferencesAreAsGoodAsTheyReport: products by differences of the gradient
// against the analytic ones. The error is at most 10 times what the operator
// reports, and what it reports is at most 1000 times the error.
func TestDifferencesAreAsGoodAsTheyReport(t *testing.T) {
	ctx := context.Background()
	for _, c := range instances(t) {
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

// TestMixedDifferencesAreAsGoodAsTheyReport: ∂G/∂w by differences of the gradient.
func TestMixedDifferencesAreAsGoodAsTheyReport(t *testing.T) {
	ctx := context.Background()
	for _, c := range instances(t) {
		lin, err := c.p.Linearize(ctx, c.y, c.w)
		if err != nil {
			t.Fatal(err)
		}
		for _, order := range []int{2, 4} {
			m, err := hvp.NewMixedDifference(c.p.Residual, nil, c.y, c.w, &hvp.FiniteDifferenceSettings{Order: order})
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(6, 6))
			u, q := make([]float64, len(c.w)), make([]float64, len(c.y))
			for _, v := range [][]float64{u, q} {
				for i := range v {
					v[i] = rng.NormFloat64()
				}
			}
			got, want := make([]float64, len(q)), make([]float64, len(q))
			gotT, wantT := make([]float64, len(u)), make([]float64, len(u))
			trans, _ := hvp.Trans(lin.W)
			if err := errors.Join(m.Apply(ctx, got, u), lin.W.Apply(ctx, want, u), m.ApplyTrans(ctx, gotT, q), trans.ApplyTrans(ctx, wantT, q)); err != nil {
				t.Fatal(err)
			}
			a := m.Accuracy()
			e, eT := relative(got, want), relative(gotT, wantT)
			t.Logf("%s, order %d: errors %.2g and %.2g, reported %.2g", c.name, order, e, eT, a)
			if !(e <= 10*a) || !(a <= 1000*e) || !(eT <= 100*a) {
				t.Errorf("%s, order %d: errors %.2g and, transposed, %.2g, reported %.2g", c.name, order, e, eT, a)
			}
		}
	}
}
