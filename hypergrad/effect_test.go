package hypergrad_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
)

// modal is E = ½·Σ d_i·y_i² − w·Σ c_i·y_i with ℓ = ½‖y − t‖²: G = d∘y − w·c, so that
// dL/dw = Σ c_i·(y_i − t_i)/d_i. The eigenvalues d go from 1 to 1/cond on a log scale,
// and c weighs the modes: what CG finds early (d near 1) or late.
func modal(n int, cond float64, weight func(d float64) float64) (p *hypergrad.Funcs, y, w []float64, want float64) {
	d, c, t := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range d {
		d[i] = math.Pow(cond, -float64(i)/float64(n-1))
		c[i] = weight(d[i]) * math.Cos(float64(7*i))
		t[i] = 1 + math.Sin(float64(3*i))
	}
	p = &hypergrad.Funcs{NY: n, NW: 1, Structure: hvp.SPD}
	p.Gradient = func(dst, y, w []float64) error {
		for i := range dst {
			dst[i] = d[i]*y[i] - w[0]*c[i]
		}
		return nil
	}
	p.HVP = func(dst, v, y, w []float64) error {
		for i := range dst {
			dst[i] = d[i] * v[i]
		}
		return nil
	}
	p.Mixed = func(dst, q, y, w []float64) error {
		dst[0] = 0
		for i := range q {
			dst[0] -= c[i] * q[i]
		}
		return nil
	}
	p.LossValue = func(dy, dw, y, w []float64) (l float64, err error) {
		for i := range y {
			dy[i] = y[i] - t[i]
			l += dy[i] * dy[i] / 2
		}
		return l, nil
	}
	y, w = make([]float64, n), []float64{0.3}
	for i := range y {
		y[i] = w[0] * c[i] / d[i]
		want += c[i] * (y[i] - t[i]) / d[i]
	}
	return p, y, w, want
}

// TestEffect: where ∂G/∂w holds what CG finds early, the solve ends long before the
// residual would end it; where it holds what comes last, a plateau of dL/dw does not
// end it; and the error is below EffectTol in all cases.
func TestEffect(t *testing.T) {
	ctx := context.Background()
	const n, cond = 1000, 1e4
	for _, c := range []struct {
		name   string
		weight func(d float64) float64
		saves  bool
	}{
		{"early modes", func(d float64) float64 { return d * d }, true},
		{"only the largest", func(d float64) float64 { return math.Max(0, d-0.5) }, true},
		{"all modes", func(d float64) float64 { return 1 }, false},
		{"only the smallest", func(d float64) float64 { return math.Max(0, 3/cond-d) * cond }, false},
		{"late modes", func(d float64) float64 { return 1 / d }, false},
		{"first and last", func(d float64) float64 { return math.Max(0, d-0.5) + math.Max(0, 2/cond-d)*1e3 }, false},
	} {
		p, y, w, want := modal(n, cond, c.weight)
		grad := make([]float64, 1)
		plain := hypergrad.Estimator{NoErrorBar: true, Settings: krylov.Settings{RTol: 1e-12}}
		ref, err := plain.Gradient(ctx, p, y, w, grad)
		if err != nil || ref.Effect != nil || math.Abs(grad[0]-want) > 1e-7*math.Abs(want) {
			t.Fatalf("%s: %v, want %v, %v", c.name, grad[0], want, err)
		}
		for _, tol := range []float64{1e-2, 1e-4, 1e-6} {
			est := hypergrad.Estimator{NoErrorBar: true, Settings: krylov.Settings{RTol: 1e-12}, EffectTol: tol}
			rep, err := est.Gradient(ctx, p, y, w, grad)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			wrong := math.Abs(grad[0]-want) / math.Abs(want)
			t.Logf("%s, %g: error %.2g, %v after %d of %d iterations, residual %.2g, %+v", c.name, tol, wrong, rep.Solve.Status, rep.Solve.Iterations, ref.Solve.Iterations, rep.Solve.TrueResidual/rep.LossSlope, *rep.Effect)
			if wrong > tol {
				t.Errorf("%s: error %.2g with a tolerance of %g", c.name, wrong, tol)
			}
			if rep.Effect.Ended != (rep.Solve.Status == krylov.Satisfied) || rep.Effect.Ended && !(rep.Effect.Remaining*4 <= tol*math.Abs(grad[0])*1.001) {
				t.Errorf("%s: %v, %+v", c.name, rep.Solve.Status, *rep.Effect)
			}
			if rep.Solve.TrueResidual < 0 {
				t.Errorf("%s: no true residual", c.name)
			}
			if c.saves && tol == 1e-2 && !(rep.Effect.Ended && rep.Solve.Iterations < ref.Solve.Iterations*2/3) {
				t.Errorf("%s, %g: %v after %d iterations, the residual takes %d", c.name, tol, rep.Solve.Status, rep.Solve.Iterations, ref.Solve.Iterations)
			}
			// The error bar solves for what the residual left.
			est.NoErrorBar = false
			est.Reset() // the same solve again, not what a guess leaves of it
			if rep, err = est.Gradient(ctx, p, y, w, grad); err != nil || rep.Error.Estimate < 0.4*math.Abs(grad[0]-want) {
				t.Errorf("%s, %g: error %.2g, bar %+v, %v", c.name, tol, math.Abs(grad[0]-want), rep.Error, err)
			}
		}
	}
}

// TestEffectCallbacks: the monitor of the user is called and obeyed, a failing mixed
// product ends the solve with its error, and methods that show no iterate end by the
// residual.
func TestEffectCallbacks(t *testing.T) {
	ctx := context.Background()
	p, y, w, _ := modal(500, 1e4, func(d float64) float64 { return d * d })
	grad := make([]float64, 1)
	stop, calls := errors.New("stop"), 0
	est := hypergrad.Estimator{EffectTol: 1e-6, NoErrorBar: true}
	est.Settings.Monitor = func(krylov.Progress) error {
		if calls++; calls == 5 {
			return stop
		}
		return nil
	}
	if _, err := est.Gradient(ctx, p, y, w, grad); !errors.Is(err, stop) || !errors.Is(err, krylov.Stopped) {
		t.Errorf("stopped by the user: %v", err)
	}
	est.Settings.Monitor = nil
	failing, broken := *p, errors.New("broken")
	failing.Mixed = func(dst, q, y, w []float64) error { return broken }
	if _, err := est.Gradient(ctx, &failing, y, w, grad); !errors.Is(err, broken) {
		t.Errorf("failing product: %v", err)
	}
	est.Method = new(krylov.MINRES)
	if rep, err := est.Gradient(ctx, p, y, w, grad); err != nil || rep.Effect == nil || rep.Effect.Checks != 0 || rep.Effect.Ended || rep.Solve.Status != krylov.Converged {
		t.Errorf("minres: %+v, %v", rep.Effect, err)
	}
}
