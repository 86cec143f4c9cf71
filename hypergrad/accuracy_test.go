package hypergrad_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
)

// coupled is E = Σ cosh(y_i) + e^w₀/2·Σ(y_{i+1}−y_i)² − Σ w_{1+i%3}·y_i, n unknowns
// and 4 parameters, with all derivatives; sigma adds deterministic errors to the
// gradient in y.
func coupled(n int, sigma float64) *hypergrad.Funcs {
	laplace := func(dst, y []float64) {
		for i, v := range y {
			dst[i] = 0
			if i > 0 {
				dst[i] += v - y[i-1]
			}
			if i < n-1 {
				dst[i] += v - y[i+1]
			}
		}
	}
	p := &hypergrad.Funcs{NY: n, NW: 4, Structure: hvp.SPD}
	p.Gradient = func(dst, y, w []float64) error {
		laplace(dst, y)
		for i, v := range y {
			dst[i] = math.Sinh(v) + math.Exp(w[0])*dst[i] - w[1+i%3]
			if sigma > 0 {
				rng := rand.New(rand.NewPCG(math.Float64bits(v), math.Float64bits(w[0])))
				dst[i] += sigma * rng.NormFloat64()
			}
		}
		return nil
	}
	p.GradientW = func(dst, y, w []float64) error {
		l := make([]float64, n)
		laplace(l, y)
		clear(dst)
		for i, v := range y {
			dst[0] += math.Exp(w[0]) / 2 * v * l[i]
			dst[1+i%3] -= v
		}
		return nil
	}
	p.HVP = func(dst, v, y, w []float64) error {
		laplace(dst, v)
		for i := range v {
			dst[i] = math.Cosh(y[i])*v[i] + math.Exp(w[0])*dst[i]
		}
		return nil
	}
	p.Mixed = func(dst, q, y, w []float64) error {
		l := make([]float64, n)
		laplace(l, y)
		clear(dst)
		for i, v := range q {
			dst[0] += math.Exp(w[0]) * l[i] * v
			dst[1+i%3] -= v
		}
		return nil
	}
	p.MixedTrans = func(dst, u, y, w []float64) error {
		laplace(dst, y)
		for i := range dst {
			dst[i] = math.Exp(w[0])*dst[i]*u[0] - u[1+i%3]
		}
		return nil
	}
	p.LossValue = func(dy, dw, y, w []float64) (loss float64, err error) {
		for i, v := range y {
			d := v - math.Sin(float64(i))
			dy[i] = d
			loss += d * d / 2
		}
		return loss, nil
	}
	return p
}

// TestToleranceFollowsTheAccuracy: with gradients only, exact or noisy, a solve
// asked for more than the differences hold is loosened, converges, says so, and
// gives a hypergradient as good as reported.
func TestToleranceFollowsTheAccuracy(t *testing.T) {
	ctx, n := context.Background(), 120
	w, y := []float64{0.7, 1, -0.5, 2}, make([]float64, n)
	exact := coupled(n, 0)
	if _, err := (&hypergrad.Newton{RTol: 1e-13}).Solve(ctx, exact, y, w); err != nil {
		t.Fatal(err)
	}
	want := make([]float64, 4)
	settings := krylov.Settings{RTol: 1e-12}
	rep, err := (&hypergrad.Estimator{Settings: settings}).Gradient(ctx, exact, y, w, want)
	if err != nil || rep.ToleranceNote != "" || rep.ProductAccuracy != 0 || rep.MixedAccuracy != 0 {
		t.Fatalf("exact products: %+v, %v", rep, err)
	}
	for _, sigma := range []float64{0, 1e-9, 1e-5} {
		for _, gradW := range []bool{false, true} {
			p := coupled(n, sigma)
			p.HVP, p.Mixed, p.MixedTrans = nil, nil, nil
			if !gradW {
				p.GradientW = nil
			}
			grad := make([]float64, 4)
			rep, err := (&hypergrad.Estimator{Settings: settings}).Gradient(ctx, p, y, w, grad)
			if err != nil {
				t.Errorf("noise %g: %v (%s)", sigma, err, rep.ToleranceNote)
				continue
			}
			if !strings.Contains(rep.ToleranceNote, "loosened") || !(rep.ProductAccuracy > 1e-12) || !(rep.MixedAccuracy > 0) {
				t.Errorf("noise %g: note %q, accuracies %g and %g", sigma, rep.ToleranceNote, rep.ProductAccuracy, rep.MixedAccuracy)
			}
			diff := 0.0
			for i := range grad {
				diff = math.Hypot(diff, grad[i]-want[i])
			}
			t.Logf("noise %g, ∂E/∂w %v: error %.2g, estimated %.2g, products %.2g, mixed %.2g, %d iterations",
				sigma, gradW, diff, rep.ResidualEffect, rep.ProductAccuracy, rep.MixedAccuracy, rep.Solve.Iterations)
			if !(diff <= 10*rep.ResidualEffect) {
				t.Errorf("noise %g: error %.2g, estimated %.2g", sigma, diff, rep.ResidualEffect)
			}
			// A tolerance that the differences can meet stays.
			loose := krylov.Settings{RTol: 0.3}
			if rep, err = (&hypergrad.Estimator{Settings: loose}).Gradient(ctx, p, y, w, grad); err != nil || rep.ToleranceNote != "" {
				t.Errorf("noise %g, loose: note %q, %v", sigma, rep.ToleranceNote, err)
			}
			dy := make([]float64, n)
			rep, err = (&hypergrad.Estimator{Settings: settings}).Tangent(ctx, p, y, w, w, dy)
			if err != nil || rep.ToleranceNote == "" {
				t.Errorf("noise %g, tangent: note %q, %v", sigma, rep.ToleranceNote, err)
			}
		}
	}
}

// TestMixedFromWhatIsGiven: every combination of closures gives the same ∂G/∂w.
func TestMixedFromWhatIsGiven(t *testing.T) {
	ctx, n := context.Background(), 20
	w, y := []float64{0.7, 1, -0.5, 2}, make([]float64, n)
	for i := range y {
		y[i] = math.Sin(float64(i * i))
	}
	for bits := range 8 {
		full := coupled(n, 0)
		p := *full
		if bits&1 == 0 {
			p.Mixed = nil
		}
		if bits&2 == 0 {
			p.MixedTrans = nil
		}
		if bits&4 == 0 {
			p.GradientW = nil
		}
		lin, err := p.Linearize(ctx, y, w)
		if err != nil {
			t.Fatal(err)
		}
		a := hvp.AccuracyOf(lin.W)
		if exact := bits&3 == 3; exact != (a == 0) || a > 1e-7 {
			t.Errorf("closures %03b: accuracy %g", bits, a)
		}
		hvptest.TestOperator(t, lin.W, &hvptest.Options{Tol: max(1e-12, 30*a)})
		got, want := make([]float64, 4), make([]float64, 4)
		q := make([]float64, n)
		for i := range q {
			q[i] = math.Cos(float64(i))
		}
		if err := lin.W.(hvp.Transposer).ApplyTrans(ctx, got, q); err != nil {
			t.Fatal(err)
		}
		if err := full.Mixed(want, q, y, w); err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if d := math.Abs(got[i] - want[i]); d > max(1e-12, 30*a)*float64(n) {
				t.Errorf("closures %03b: element %d is %v, want %v", bits, i, got[i], want[i])
			}
		}
	}
}

// TestMethodsOnDifferences: each method that may be chosen for the promises ends
// well on products by differences, with exact and with noisy gradients.
func TestMethodsOnDifferences(t *testing.T) {
	ctx, n := context.Background(), 120
	w, y := []float64{0.7, 1, -0.5, 2}, make([]float64, n)
	if _, err := (&hypergrad.Newton{RTol: 1e-13}).Solve(ctx, coupled(n, 0), y, w); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"cg", "minres", "minres-qlp", "gmres", "fgmres", "idrs"} {
		for _, sigma := range []float64{0, 1e-9, 1e-6} {
			p := coupled(n, sigma)
			p.HVP, p.Mixed, p.MixedTrans = nil, nil, nil
			m, err := krylov.New(method)
			if err != nil {
				t.Fatal(err)
			}
			grad := make([]float64, 4)
			rep, err := (&hypergrad.Estimator{Method: m, Settings: krylov.Settings{RTol: 1e-12}}).Gradient(ctx, p, y, w, grad)
			if err != nil {
				t.Errorf("%s, noise %g: %v (%s)", method, sigma, err, rep.ToleranceNote)
			}
		}
	}
}

// TestNewtonOnDifferences: the inner problem from gradients alone, exact and noisy,
// comes down to the noise.
func TestNewtonOnDifferences(t *testing.T) {
	ctx, n := context.Background(), 120
	w := []float64{0.7, 1, -0.5, 2}
	for sigma, atol := range map[float64]float64{0: 1e-11, 1e-9: 1e-7, 1e-6: 1e-4} {
		p, y := coupled(n, sigma), make([]float64, n)
		p.HVP, p.Mixed, p.MixedTrans = nil, nil, nil
		res, err := (&hypergrad.Newton{ATol: atol}).Solve(ctx, p, y, w)
		t.Logf("noise %g: %d steps, %d products, ‖G‖ = %.2g", sigma, res.Iterations, res.Products, res.GradNorm)
		if err != nil {
			t.Errorf("noise %g: %v", sigma, err)
		}
	}
}

// TestStagnationOnDifferences: where the condition number keeps the residual above
// a tolerance that the products alone would allow, the error says both.
func TestStagnationOnDifferences(t *testing.T) {
	ctx, n := context.Background(), 50
	p := &hypergrad.Funcs{NY: n, NW: 1, Structure: hvp.Symmetric}
	stiffness := func(i int) float64 { return math.Pow(10, -6+6*float64(i)/float64(n-1)) }
	p.Gradient = func(dst, y, w []float64) error {
		// Rotated by a reflection, so that the errors of all parts mix.
		mean := 0.0
		for _, v := range y {
			mean += 2 * v / float64(n)
		}
		sum := 0.0
		for i, v := range y {
			dst[i] = stiffness(i) * math.Sin(v-mean)
			sum += 2 * dst[i] / float64(n)
		}
		for i := range dst {
			dst[i] += w[0] - 1 - sum
		}
		return nil
	}
	p.LossValue = func(dy, dw, y, w []float64) (float64, error) {
		for i := range dy {
			dy[i] = math.Cos(float64(i))
		}
		return 0, nil
	}
	y := make([]float64, n)
	for i := range y {
		y[i] = 0.3 * math.Sin(float64(i))
	}
	rep, err := (&hypergrad.Estimator{Settings: krylov.Settings{RTol: 1e-9}}).Gradient(ctx, p, y, []float64{1}, make([]float64, 1))
	t.Logf("%v, accuracy %.2g, note %q, error %v", rep.Solve.Status, rep.ProductAccuracy, rep.ToleranceNote, err)
	if !errors.Is(err, krylov.Stagnated) || !strings.Contains(err.Error(), "products accurate to") {
		t.Errorf("the error does not say why: %v", err)
	}
}
