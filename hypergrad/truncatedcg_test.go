package hypergrad

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/precond"
)

// indefinite returns the product with diag(λ), reflected at a random vector.
func indefinite(rng *rand.Rand, lambda []float64) *hvp.Func {
	n := len(lambda)
	u, size := make([]float64, n), 0.0
	for i := range u {
		u[i] = rng.NormFloat64()
		size += u[i] * u[i]
	}
	reflect := func(x []float64) {
		c := 0.0
		for i := range u {
			c += u[i] * x[i]
		}
		for i := range u {
			x[i] -= 2 * c / size * u[i]
		}
	}
	return &hvp.Func{Rows: n, Promise: hvp.Symmetric, Mul: func(_ context.Context, dst, x []float64) error {
		copy(dst, x)
		reflect(dst)
		for i := range dst {
			dst[i] *= lambda[i]
		}
		reflect(dst)
		return nil
	}}
}

func dots(x, y []float64) (s float64) {
	for i := range x {
		s += x[i] * y[i]
	}
	return s
}

// TestTruncatedCG: the step is in the ball, what it says about itself is so, and it
// lowers the model at least as far as the best step along the gradient does.
func TestTruncatedCG(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	seen := map[cgEnd]int{}
	for trial := range 400 {
		n := 1 + rng.IntN(12)
		lambda, g, scale := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range lambda {
			lambda[i] = math.Exp(2 * rng.NormFloat64())
			g[i] = rng.NormFloat64()
			scale[i] = math.Exp(rng.NormFloat64())
			if trial%3 == 1 && rng.IntN(4) == 0 {
				lambda[i] *= -1
			}
			if trial%3 == 2 && n > 1 && i < 1 {
				lambda[i] = 0
			}
		}
		a := indefinite(rng, lambda)
		radius := math.Exp(2 * rng.NormFloat64())
		if trial%7 == 0 {
			radius = math.Inf(1)
		}
		diag, err := hvp.NewDiagonal(scale)
		if err != nil {
			t.Fatal(err)
		}
		wrapped, err := precond.Wrap("diagonal", &hvp.Func{Rows: n, Promise: hvp.SPD, Mul: diag.Apply}, nil)
		if err != nil {
			t.Fatal(err)
		}
		jacobi := &precond.Jacobi{Diagonal: diag}
		var general []float64
		for _, m := range []precond.Preconditioner{nil, wrapped, jacobi} {
			var c truncatedCG
			d, hd, mg := make([]float64, n), make([]float64, n), append([]float64(nil), g...)
			s, err := c.solve(t.Context(), a, m, d, g, 1e-3, radius, 100)
			if err != nil {
				t.Fatal(err)
			}
			seen[s.end]++
			length := 0.0
			for i, v := range d {
				if m == nil {
					length += v * v
				} else {
					length += v * v / scale[i]
					mg[i] *= scale[i]
				}
			}
			length = math.Sqrt(length * dots(mg, mg) / dots(mg, g))
			if err := a.Apply(t.Context(), hd, d); err != nil {
				t.Fatal(err)
			}
			slope, model := dots(g, d), dots(g, d)-dots(d, hd)/2
			near := func(x, y float64) bool { return math.Abs(x-y) <= 1e-6*(math.Abs(x)+math.Abs(y)) }
			if !near(length, s.length) || !near(model, s.model) || !(slope > 0) {
				t.Fatalf("trial %d, %v: length %v, slope %v, model %v, reported %+v", trial, m, length, slope, model, s)
			}
			onSphere := s.end == cgBoundary || s.end == cgNegative || s.end == cgFlat
			if length > radius*(1+1e-9) || onSphere && !math.IsInf(radius, 1) && !near(length, radius) {
				t.Fatalf("trial %d, %v: length %v of %v: %+v", trial, m, length, radius, s)
			}
			if s.end == cgInterior {
				for i := range hd {
					hd[i] -= g[i]
				}
				if dots(hd, hd) > 1.01e-6*dots(g, g) {
					t.Fatalf("trial %d, %v: residual %v", trial, m, math.Sqrt(dots(hd, hd)))
				}
			}
			// The Cauchy point of the same ball.
			if err := a.Apply(t.Context(), hd, mg); err != nil {
				t.Fatal(err)
			}
			tau, curvature := radius/math.Sqrt(dots(mg, mg)), dots(mg, hd)
			if curvature > 0 {
				tau = min(tau, dots(g, mg)/curvature)
			}
			if cauchy := tau*dots(g, mg) - tau*tau*curvature/2; !math.IsInf(tau, 1) && model < cauchy*(1-1e-9) {
				t.Fatalf("trial %d, %v: the model falls by %v, at the Cauchy point by %v", trial, m, model, cauchy)
			}
			switch m {
			case wrapped:
				general = d
			case jacobi:
				if s.end == cgFlat && math.IsInf(radius, 1) {
					break // where rounding errors end it
				}
				for i, v := range d {
					if math.Abs(v-general[i]) > 1e-6*math.Sqrt(dots(d, d)) {
						t.Fatalf("trial %d: a diagonal preconditioner gives d[%d] = %v, a general one %v", trial, i, v, general[i])
					}
				}
			}
		}
	}
	for _, end := range []cgEnd{cgInterior, cgBoundary, cgNegative, cgFlat} {
		if seen[end] == 0 {
			t.Errorf("no trial ended with %d", end)
		}
	}
}

func TestTruncatedCGBad(t *testing.T) {
	nan := &hvp.Func{Rows: 2, Promise: hvp.Symmetric, Mul: func(_ context.Context, dst, x []float64) error {
		dst[0], dst[1] = math.NaN(), x[1]
		return nil
	}}
	var c truncatedCG
	d, g := make([]float64, 2), []float64{1, 1}
	if _, err := c.solve(t.Context(), nan, nil, d, g, 0.1, 1, 10); err != errNotFinite {
		t.Errorf("a product with NaN: %v", err)
	}
	diag, err := hvp.NewDiagonal([]float64{-1, -1})
	if err != nil {
		t.Fatal(err)
	}
	m, err := precond.Wrap("negative", diag, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.solve(t.Context(), diag, m, d, g, 0.1, 1, 10); err == nil {
		t.Error("no error for a negative preconditioner")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.solve(ctx, diag, nil, d, g, 0.1, 1, 10); err != context.Canceled {
		t.Errorf("after a cancellation: %v", err)
	}
}
