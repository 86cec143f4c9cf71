package problems_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/problems"
)

// TestOuterHessianSmoothing: with factors f = a/(1+λμ) and s = λμ/(1+λμ), λ = e^w,
// dL/dw = −N·Σ f²s, so d²L/dw² = N·Σ f²s·(2s − (1 − s)) since df²/dw = −2f²s and
// ds/dw = s(1−s).
func TestOuterHessianSmoothing(t *testing.T) {
	ctx := context.Background()
	const n = 200
	modes := []problems.Mode{{K: []int{1}, Amplitude: 1}, {K: []int{9}, Amplitude: 0.7}, {K: []int{50}, Amplitude: -0.4}, {K: []int{180}, Amplitude: 0.2}}
	p, err := problems.NewSmoothing(modes, n)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []float64{-1, 1, 4} {
		want := 0.0
		for _, m := range modes {
			mu := 2 - 2*math.Cos(float64(m.K[0])*math.Pi/(n+1))
			f, s := m.Amplitude/(1+math.Exp(w)*mu), math.Exp(w)*mu/(1+math.Exp(w)*mu)
			want += (n + 1) / 2. * f * f * s * (3*s - 1)
		}
		h, err := hypergrad.NewOuterHessian(ctx, p, make([]float64, n), []float64{w}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float64, 1)
		if err := h.Apply(ctx, got, []float64{2}); err != nil {
			t.Fatal(err)
		}
		wrong := math.Abs(got[0]/2/want - 1)
		t.Logf("w = %g: %.10g, want %.10g, off by %.2g, accuracy %.2g, step %.2g, noise %.2g, %d solves", w, got[0]/2, want, wrong, h.Accuracy(), h.Step(), h.Noise(), h.Solves())
		if !(wrong <= 10*h.Accuracy()) || h.Accuracy() > 1e-6 {
			t.Errorf("w = %g: off by %.2g, accuracy %.2g", w, wrong, h.Accuracy())
		}
	}
}

// TestOuterHessianQuadratic: d²L/dw² = I + C·A⁻²·Cᵀ does not depend on w. Column by
// column it is what Exact says by differences, which are exact here but for rounding
// errors; and CG solves with it.
func TestOuterHessianQuadratic(t *testing.T) {
	ctx := context.Background()
	const n, nw = 60, 4
	p, err := problems.NewQuadratic(n, nw, &problems.QuadraticSettings{Cond: 20})
	if err != nil {
		t.Fatal(err)
	}
	w := []float64{1, -1, 0.5, 2}
	exact := func(w []float64) []float64 {
		g := make([]float64, nw)
		if _, err := p.Exact(ctx, nil, g, w); err != nil {
			t.Fatal(err)
		}
		return g
	}
	// A step as long as w: the gradient is affine.
	column := func(v []float64) []float64 {
		a, b := make([]float64, nw), make([]float64, nw)
		for i := range a {
			a[i], b[i] = w[i]+v[i], w[i]-v[i]
		}
		plus, minus := exact(a), exact(b)
		for i := range plus {
			plus[i] = (plus[i] - minus[i]) / 2
		}
		return plus
	}
	h, err := hypergrad.NewOuterHessian(ctx, p, make([]float64, n), w, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k := range nw {
		v, got := make([]float64, nw), make([]float64, nw)
		v[k] = 1
		if err := h.Apply(ctx, got, v); err != nil {
			t.Fatal(err)
		}
		want := column(v)
		if d := apart(got, want) / apart(want, make([]float64, nw)); !(d <= 20*h.Accuracy()) || h.Accuracy() > 1e-6 {
			t.Errorf("column %d: off by %.2g, accuracy %.2g", k, d, h.Accuracy())
		}
	}
	// The Newton step of the outer problem leads to its minimiser.
	grad, step := exact(w), make([]float64, nw)
	if _, err := new(krylov.MINRES).Solve(ctx, h, step, grad, &krylov.Settings{RTol: max(1e-8, 10*h.Accuracy())}); err != nil {
		t.Fatal(err)
	}
	for i := range step {
		step[i] = w[i] - step[i]
	}
	if left := apart(exact(step), make([]float64, nw)) / apart(grad, make([]float64, nw)); left > 1e-6 {
		t.Errorf("a Newton step leaves %.2g of the gradient", left)
	}
}

// solver is an inner solver.
type solver func(y, w []float64) error

func (s solver) Solve(_ context.Context, _ hypergrad.Equation, y, w []float64) (hypergrad.InnerResult, error) {
	return hypergrad.InnerResult{}, s(y, w)
}

// TestOuterHessianFails: an inner solver that fails, or leaves y too far away, is an
// error and no Hessian.
func TestOuterHessianFails(t *testing.T) {
	ctx := context.Background()
	p := newLogistic(t, 40, false)
	broken := errors.New("broken")
	if _, err := hypergrad.NewOuterHessian(ctx, p, make([]float64, 40), []float64{0}, &hypergrad.OuterHessianSettings{
		Inner: solver(func([]float64, []float64) error { return broken }),
	}); !errors.Is(err, broken) {
		t.Errorf("broken: %v", err)
	}
	far := make([]float64, 40)
	for i := range far {
		far[i] = 30 * math.Sin(float64(i*i))
	}
	if _, err := hypergrad.NewOuterHessian(ctx, p, far, []float64{-9}, &hypergrad.OuterHessianSettings{
		Inner: solver(func([]float64, []float64) error { return nil }),
	}); !errors.Is(err, hypergrad.ErrInnerNotStationary) {
		t.Errorf("far away: %v", err)
	}
	if _, err := hypergrad.NewOuterHessian(ctx, p, far[:3], []float64{0}, nil); err == nil {
		t.Error("short y: no error")
	}
	// A rough inner solver: fewer digits, and the operator says so.
	rough, err := hypergrad.NewOuterHessian(ctx, p, make([]float64, 40), []float64{0}, &hypergrad.OuterHessianSettings{
		Inner: &hypergrad.Newton{ATol: 1e-4},
	})
	if err != nil {
		t.Fatal(err)
	}
	sharp, err := hypergrad.NewOuterHessian(ctx, p, make([]float64, 40), []float64{0}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, b := make([]float64, 1), make([]float64, 1)
	if err := errors.Join(rough.Apply(ctx, a, []float64{1}), sharp.Apply(ctx, b, []float64{1})); err != nil {
		t.Fatal(err)
	}
	t.Logf("rough %.10g, accuracy %.2g, noise %.2g; sharp %.10g, accuracy %.2g, noise %.2g", a[0], rough.Accuracy(), rough.Noise(), b[0], sharp.Accuracy(), sharp.Noise())
	if wrong := math.Abs(a[0]/b[0] - 1); !(rough.Accuracy() > sharp.Accuracy()) || wrong > 10*rough.Accuracy() {
		t.Errorf("rough: off by %.2g, accuracy %.2g", wrong, rough.Accuracy())
	}
}
