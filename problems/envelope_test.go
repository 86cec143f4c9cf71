package problems_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/problems"
)

// envelope is a smoothing problem with ℓ = E: dL/dw = ∂E/∂w at the solution.
type envelope struct{ *problems.Smoothing }

func (p envelope) Loss(ctx context.Context, dy, dw, y, w []float64) (float64, error) {
	e, err := p.Energy(ctx, y, w)
	if err != nil {
		return 0, err
	}
	g := make([]float64, len(y))
	if err := p.Residual(ctx, g, y, w); err != nil {
		return 0, err
	}
	if dy != nil {
		copy(dy, g)
	}
	if dw != nil { // ½·e^w·yᵀLy = E − ½‖y − z‖²
		dw[0] = e
		for i, z := range p.Data() {
			dw[0] -= (y[i] - z) * (y[i] - z) / 2
		}
	}
	return e, nil
}

// exactly is a problem whose residual is taken to vanish at the point, as it does
// where the inner problem is solved exactly.
type exactly struct{ envelope }

func (p exactly) Residual(_ context.Context, dst, y, w []float64) error { clear(dst); return nil }

func (p exactly) Loss(ctx context.Context, dy, dw, y, w []float64) (float64, error) {
	l, err := p.envelope.Loss(ctx, dy, dw, y, w)
	clear(dy)
	return l, err
}

// TestEnvelope: ℓ = E costs no product at all where ∂E/∂y = 0, error bar included.
// At an inexact y the adjoint is solved, although ∂ℓ/∂y is small: it takes the error
// of p from first to second order in that of y.
func TestEnvelope(t *testing.T) {
	ctx := context.Background()
	modes := []problems.Mode{{K: []int{1}, Amplitude: 1}, {K: []int{9}, Amplitude: 0.7}, {K: []int{50}, Amplitude: -0.4}}
	s, err := problems.NewSmoothing(modes, 100)
	if err != nil {
		t.Fatal(err)
	}
	p, w, exact := envelope{s}, []float64{1}, make([]float64, 100)
	if _, err := s.Exact(ctx, exact, nil, w); err != nil {
		t.Fatal(err)
	}
	want, grad := make([]float64, 1), make([]float64, 1)
	if _, err := p.Loss(ctx, nil, want, exact, w); err != nil {
		t.Fatal(err)
	}
	rep, err := new(hypergrad.Estimator).Gradient(ctx, exactly{p}, exact, w, grad)
	if err != nil || grad[0] != want[0] || rep.Solve.Iterations != 0 || rep.Solve.Products != 0 || rep.Error.Products != 0 || rep.Digits < 14 {
		t.Errorf("solved exactly: %v, want %v, %+v, %v", grad, want, rep, err)
	}
	var logH, logP []float64
	for k := range 6 {
		h, y := math.Pow(10, -1-0.5*float64(k)), slices.Clone(exact)
		for i := range y {
			y[i] += h * math.Sin(float64(i*i))
		}
		est := hypergrad.Estimator{Settings: krylov.Settings{RTol: 1e-12}, ErrorBarRTol: 1e-6}
		rep, err := est.Gradient(ctx, p, y, w, grad)
		if err != nil {
			t.Fatal(err)
		}
		wrong := math.Abs(grad[0] - want[0])
		if r := rep.Error.Estimate / wrong; wrong > 1e-10*math.Abs(want[0]) && !(r > 0.5 && r < 2) {
			t.Errorf("h = %g: error %g, estimate %g", h, wrong, rep.Error.Estimate)
		}
		logH, logP = append(logH, math.Log(h)), append(logP, math.Log(wrong))
	}
	if s := slope(logH, logP); !(s > 1.8) {
		t.Errorf("order %.2f, want 2", s)
	}
}
