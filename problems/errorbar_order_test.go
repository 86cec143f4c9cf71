package problems_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/problems"
)

// barCase is a problem with a start for its inner solve.
type barCase struct {
	name     string
	p        hypergrad.Problem
	w, start []float64
	linear   bool // in y: one exact Newton step solves it
}

func barCases(t testing.TB) []barCase {
	modes := []problems.Mode{}
	for _, k := range []int{1, 2, 5, 9, 17, 30, 51, 77, 100, 133, 160, 181, 199} {
		modes = append(modes, problems.Mode{K: []int{k}, Amplitude: 1 / float64(k)})
	}
	chain, err := problems.NewSmoothing(modes, 200)
	if err != nil {
		t.Fatal(err)
	}
	denoise := newDenoise(t, 30, 27, nil)
	return []barCase{
		{"logistic", newLogistic(t, 40, false), []float64{0}, make([]float64, 40), false},
		{"denoise", denoise, make([]float64, 8), denoise.Noisy(), false},
		{"chain", chain, []float64{math.Log(30)}, make([]float64, 200), true},
	}
}

func apart(a, b []float64) (d float64) {
	for i := range a {
		d = math.Hypot(d, a[i]-b[i])
	}
	return d
}

// truth returns y* and dL/dw as well as float64 allows.
func (c *barCase) truth(t interface{ Fatal(...any) }) (y, grad []float64) {
	ctx := context.Background()
	y, grad = slices.Clone(c.start), make([]float64, len(c.w))
	if _, err := (&hypergrad.Newton{RTol: 1e-12, Polish: true, Precond: hypergrad.Jacobi}).Solve(ctx, c.p, y, c.w); err != nil {
		t.Fatal(c.name, err)
	}
	est := hypergrad.Estimator{Settings: krylov.Settings{RTol: 1e-13}, Precond: hypergrad.Jacobi, NoErrorBar: true}
	if _, err := est.Gradient(ctx, c.p, y, c.w, grad); err != nil {
		t.Fatal(c.name, err)
	}
	return y, grad
}

// TestErrorBarOrder: with y at a distance from y*, along a fixed direction, the
// error of p falls with that distance and the error of the corrected p₁ with its
// square, or, where G is linear in y, vanishes; the estimate stays within a factor of two of the true error.
func TestErrorBarOrder(t *testing.T) {
	ctx := context.Background()
	for _, c := range barCases(t) {
		exact, want := c.truth(t)
		size := apart(want, make([]float64, len(want)))
		scale := apart(exact, make([]float64, len(exact))) / math.Sqrt(float64(len(exact)))
		var logP, logP1 []float64
		for k := range 9 {
			h := math.Pow(10, -1-0.25*float64(k)) * scale
			if c.name == "denoise" {
				h *= 0.05 // the potential bends within a grey level or two
			}
			y := slices.Clone(exact)
			for i := range y {
				y[i] += h * math.Sin(float64(3*i+1))
			}
			grad := make([]float64, len(c.w))
			est := hypergrad.Estimator{Settings: krylov.Settings{RTol: 1e-12}, Precond: hypergrad.Jacobi, ErrorBarRTol: 1e-12}
			rep, err := est.Gradient(ctx, c.p, y, c.w, grad)
			if err != nil {
				t.Fatal(c.name, err)
			}
			wrong, better := apart(grad, want), apart(est.Corrected(), want)
			t.Logf("%s: h = %.2g: error %.3g, estimate %.3g, corrected %.3g, contraction %.2g", c.name, h, wrong, rep.Error.Estimate, better, rep.Error.Contraction)
			if r := rep.Error.Estimate / wrong; rep.Error.Trusted && !(r > 0.5 && r < 2) {
				t.Errorf("%s: h = %.2g: error %.3g, estimate %.3g", c.name, h, wrong, rep.Error.Estimate)
			}
			if c.linear {
				if better > 1e-12*size+1e-7*wrong {
					t.Errorf("%s: h = %.2g: one exact Newton step leaves %.3g", c.name, h, better)
				}
				continue // of order two and more
			}
			if better > 1e-11*size && rep.Error.Trusted {
				logP, logP1 = append(logP, math.Log(wrong)), append(logP1, math.Log(better))
			}
		}
		if c.linear {
			continue
		}
		if len(logP) < 6 {
			t.Errorf("%s: only %d points above rounding errors", c.name, len(logP))
			continue
		}
		if s := slope(logP, logP1); !(s >= 1.8) {
			t.Errorf("%s: the corrected hypergradient is of order %.2f, want 2", c.name, s)
		} else {
			t.Logf("%s: order %.2f over %d points", c.name, s, len(logP))
		}
	}
}

// slope fits y = a + s·x and returns s.
func slope(x, y []float64) float64 {
	mx, my, xx, xy := 0.0, 0.0, 0.0, 0.0
	for i := range x {
		mx += x[i] / float64(len(x))
		my += y[i] / float64(len(x))
	}
	for i := range x {
		xx += (x[i] - mx) * (x[i] - mx)
		xy += (x[i] - mx) * (y[i] - my)
	}
	return xy / xx
}

// TestErrorBarOnByDefault: the zero Estimator estimates; the bar costs well below
// half of the adjoint even where that takes few iterations; NoErrorBar leaves it out.
func TestErrorBarOnByDefault(t *testing.T) {
	ctx := context.Background()
	for _, c := range barCases(t)[:2] {
		y, grad := slices.Clone(c.start), make([]float64, len(c.w))
		if _, err := (&hypergrad.Newton{RTol: 1e-4, Precond: hypergrad.Jacobi}).Solve(ctx, c.p, y, c.w); err != nil {
			t.Fatal(err)
		}
		est := hypergrad.Estimator{Settings: krylov.Settings{RTol: 1e-10}, Precond: hypergrad.Jacobi}
		rep, err := est.Gradient(ctx, c.p, y, c.w, grad)
		if err != nil || rep.Error == nil || !rep.Error.Trusted || rep.Digits != rep.Error.Digits(rep.GradNorm) || rep.Digits < 1 {
			t.Fatalf("%s: %+v, %v", c.name, rep.Error, err)
		}
		t.Logf("%s: %.1f digits, %d products beside %d", c.name, rep.Digits, rep.Error.Products, rep.Solve.Products)
		if rep.Error.Products > rep.Solve.Products/2 {
			t.Errorf("%s: the bar takes %d products beside %d", c.name, rep.Error.Products, rep.Solve.Products)
		}
		est.NoErrorBar = true
		if rep, err = est.Gradient(ctx, c.p, y, c.w, grad); err != nil || rep.Error != nil || rep.Digits != 0 {
			t.Errorf("%s: without a bar: %+v, %g digits, %v", c.name, rep.Error, rep.Digits, err)
		}
	}
}

// TestErrorBarFarAway: where the Newton step does not contract, for a convex
// energy far from the minimiser and for the nonconvex Lorentzian, no estimate is
// trusted, and with MinDigits that is an error.
func TestErrorBarFarAway(t *testing.T) {
	ctx := context.Background()
	lorentzian := newDenoise(t, 30, 27, &problems.DenoiseSettings{Potential: problems.Lorentzian})
	charbonnier := newDenoise(t, 30, 27, &problems.DenoiseSettings{Epsilon: 1e-3})
	strong := func() []float64 {
		w := make([]float64, 8)
		for i := range w {
			w[i] = 5
		}
		return w
	}
	wave := func(n int, size float64) []float64 {
		y := make([]float64, n)
		for i := range y {
			y[i] = size * math.Sin(float64(i*i))
		}
		return y
	}
	for name, c := range map[string]struct {
		p    hypergrad.Problem
		y, w []float64
	}{
		"charbonnier": {charbonnier, charbonnier.Noisy(), strong()},
		"lorentzian":  {lorentzian, lorentzian.Noisy(), strong()},
		"waves":       {lorentzian, wave(30*27, 3), strong()},
		"logistic":    {newLogistic(t, 40, false), wave(40, 30), []float64{-9}},
	} {
		_, nw := c.p.Dims()
		est := hypergrad.Estimator{MinDigits: 1, Settings: krylov.Settings{RTol: 1e-6}}
		rep, err := est.Gradient(ctx, c.p, c.y, c.w, make([]float64, nw))
		if rep.Error == nil { // the adjoint itself may have failed: that is an error too
			if err == nil {
				t.Errorf("%s: neither bar nor error", name)
			}
			t.Logf("%s: %v", name, err)
			continue
		}
		t.Logf("%s: contraction %.2g, %v", name, rep.Error.Contraction, err)
		if rep.Error.Trusted || rep.Error.Note == "" || rep.Digits != 0 {
			t.Errorf("%s: trusted %v, note %q, %g digits", name, rep.Error.Trusted, rep.Error.Note, rep.Digits)
		}
		var few *hypergrad.DigitsError
		if !errors.Is(err, hypergrad.ErrInnerNotStationary) || !errors.As(err, &few) || few.Want != 1 || few.Digits != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMinDigits: a demand that the inner accuracy cannot meet is an error with
// both numbers and with the stationarity that would do; meeting it is none. With
// an exact y and a loose adjoint the inner problem is not blamed.
func TestMinDigits(t *testing.T) {
	ctx := context.Background()
	for _, c := range barCases(t)[:2] {
		y, grad := slices.Clone(c.start), make([]float64, len(c.w))
		if _, err := (&hypergrad.Newton{RTol: 1e-3, Precond: hypergrad.Jacobi}).Solve(ctx, c.p, y, c.w); err != nil {
			t.Fatal(err)
		}
		est := hypergrad.Estimator{Settings: krylov.Settings{RTol: 1e-12}, NoErrorBar: true, MinDigits: 8}
		rep, err := est.Gradient(ctx, c.p, y, c.w, grad)
		var few *hypergrad.DigitsError
		if !errors.As(err, &few) || !errors.Is(err, hypergrad.ErrInnerNotStationary) {
			t.Fatalf("%s: %v", c.name, err)
		}
		if few.Digits != rep.Digits || few.Want != 8 || few.Stationarity != rep.Stationarity || !(few.Needed > 0 && few.Needed < few.Stationarity) {
			t.Errorf("%s: %+v", c.name, few)
		}
		t.Log(err)
		if _, err := (&hypergrad.Newton{ATol: few.Needed / 2, Precond: hypergrad.Jacobi}).Solve(ctx, c.p, y, c.w); err != nil {
			t.Fatal(err)
		}
		if rep, err = est.Gradient(ctx, c.p, y, c.w, grad); err != nil || rep.Digits < 8 {
			t.Errorf("%s: after more inner steps %g digits, %v", c.name, rep.Digits, err)
		}
		est.Settings.RTol = 1e-2
		est.Reset() // or the guess would be accurate enough
		if _, err = est.Gradient(ctx, c.p, y, c.w, grad); !errors.As(err, &few) || errors.Is(err, hypergrad.ErrInnerNotStationary) || !few.Adjoint {
			t.Errorf("%s: loose adjoint: %v", c.name, err)
		}
	}
	// The error of the inner solver is the same kind.
	c := barCases(t)[0]
	_, err := (&hypergrad.Newton{MaxIter: 1}).Solve(ctx, c.p, slices.Clone(c.start), c.w)
	if !errors.Is(err, hypergrad.ErrInnerNotStationary) {
		t.Errorf("inner solver: %v", err)
	}
}
