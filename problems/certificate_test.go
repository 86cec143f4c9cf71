package problems_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/problems"
)

// certified checks one random problem at a random inner and linear accuracy. It
// returns bound/error.
func certified(t *rapid.T, p hypergrad.Problem, w, exact, truth []float64, c hypergrad.Constants) float64 {
	ctx := context.Background()
	ny, nw := p.Dims()
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed of the error"), 1))
	away := math.Pow(10, rapid.Float64Range(-12, 0.5).Draw(t, "log of the error of y"))
	y := make([]float64, ny)
	for i := range y {
		y[i] = exact[i] + away*rng.NormFloat64()
	}
	est := hypergrad.Estimator{NoErrorBar: true, Certificate: &c, Settings: krylov.Settings{RTol: math.Pow(10, rapid.Float64Range(-12, 0).Draw(t, "log of RTol"))}}
	if rapid.Bool().Draw(t, "jacobi") {
		est.Precond = hypergrad.Jacobi
	}
	if rapid.Bool().Draw(t, "effect") {
		est.EffectTol, est.EffectEvery = math.Pow(10, rapid.Float64Range(-6, 0).Draw(t, "log of EffectTol")), 1
	}
	grad := make([]float64, nw)
	rep, err := est.Gradient(ctx, p, y, w, grad)
	if err != nil {
		t.Fatal(err)
	}
	wrong, size := apart(grad, truth), apart(truth, make([]float64, nw))
	if rep.Certificate.Bound < wrong-1e-11*size {
		t.Fatalf("error %.17g, bound %.17g: %+v, solve %v", wrong, rep.Certificate.Bound, rep.Certificate, rep.Solve.Status)
	}
	if d := apart(y, exact); rep.Certificate.Inner < d*(1-1e-9)-1e-11 {
		t.Fatalf("y is off by %.17g, bound %.17g", d, rep.Certificate.Inner)
	}
	if wrong < 1e-9*size {
		return 1
	}
	return rep.Certificate.Bound / wrong
}

// TestCertificateQuadratic: ∂G/∂y and ∂G/∂w are constant and ∂ℓ/∂y = y − t has the
// Lipschitz constant 1.
func TestCertificateQuadratic(t *testing.T) {
	worst, trials := 0.0, 0
	rapid.Check(t, func(t *rapid.T) {
		n, cond := rapid.IntRange(1, 40).Draw(t, "n"), math.Pow(10, rapid.Float64Range(0, 3).Draw(t, "log of cond"))
		nw := rapid.IntRange(1, n).Draw(t, "nw")
		p, err := problems.NewQuadratic(n, nw, &problems.QuadraticSettings{Cond: cond, Seed: rapid.Uint64().Draw(t, "seed")})
		if err != nil {
			t.Fatal(err)
		}
		w, y, grad := make([]float64, nw), make([]float64, n), make([]float64, nw)
		for k := range w {
			w[k] = math.Cos(float64(k))
		}
		if _, err := p.Exact(context.Background(), y, grad, w); err != nil {
			t.Fatal(err)
		}
		mu := 1.0
		for _, d := range p.Eigenvalues() {
			mu = min(mu, d)
		}
		for range 20 {
			worst = max(worst, certified(t, p, w, y, grad, hypergrad.Constants{Mu: mu * (1 - 1e-12), LossY: 1}))
			trials++
		}
	})
	t.Logf("%d trials, bound at most %.3g times the error", trials, worst)
}

// TestCertificateLogistic: with one penalty λ = e^w,
//
//	∂²E/∂y∂yᵀ = Xᵀ·D(y)·X + λ,  D_i = s(m_i), s = σ(1−σ), |s′| = |s(1−2σ)| ≤ 1/(6√3),
//
// so μ = λ and, |m_i(y) − m_i(y′)| being ‖x_i‖‖y−y′‖ at most,
// L_H = ‖X‖²·max‖x_i‖/(6√3). ∂G/∂w = λy has the Lipschitz constant λ. The Hessian of ℓ,
// the mean over the held-out examples, is bounded by ‖X_held‖²/(4m).
func TestCertificateLogistic(t *testing.T) {
	worst, trials := 0.0, 0
	rapid.Check(t, func(t *rapid.T) {
		n, m := rapid.IntRange(1, 8).Draw(t, "n"), rapid.IntRange(2, 20).Draw(t, "m")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		examples := func() (x *hvp.CSR, label []float64, square, longest float64) {
			var i, j []int32
			var v []float64
			label = make([]float64, m)
			for r := range m {
				label[r] = float64(2*rng.IntN(2) - 1)
				length := 0.0
				for c := range n {
					e := rng.NormFloat64()
					i, j, v = append(i, int32(r)), append(j, int32(c)), append(v, e)
					square += e * e // ‖X‖² ≤ ‖X‖_F²
					length = math.Hypot(length, e)
				}
				longest = max(longest, length)
			}
			x, err := hvp.NewCSRFromTriplets(m, n, i, j, v)
			if err != nil {
				t.Fatal(err)
			}
			return x, label, square, longest
		}
		x, l, square, longest := examples()
		xh, lh, squareHeld, _ := examples()
		p, err := problems.NewLogistic(x, l, xh, lh, false)
		if err != nil {
			t.Fatal(err)
		}
		w := []float64{rapid.Float64Range(-2, 3).Draw(t, "w")}
		c := barCase{"logistic", p, w, make([]float64, n), false}
		y, grad := c.truth(t)
		lambda := math.Exp(w[0])
		constants := hypergrad.Constants{Mu: lambda, LossY: squareHeld / 4 / float64(m), Mixed: lambda, Hessian: square * longest / (6 * math.Sqrt(3))}
		for range 20 {
			worst = max(worst, certified(t, p, w, y, grad, constants))
			trials++
		}
	})
	t.Logf("%d trials, bound at most %.3g times the error", trials, worst)
}

// TestCertificateRefuses: a floor that the Ritz values disprove, constants that are
// none, and products with errors.
func TestCertificateRefuses(t *testing.T) {
	ctx := context.Background()
	p, err := problems.NewQuadratic(60, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, y, grad := make([]float64, 3), make([]float64, 60), make([]float64, 3)
	for name, c := range map[string]hypergrad.Constants{
		"too high a floor": {Mu: 0.5, LossY: 1},
		"no floor":         {LossY: 1},
		"negative":         {Mu: 0.01, LossY: -1},
		"NaN":              {Mu: 0.01, Hessian: math.NaN()},
	} {
		rep, err := (&hypergrad.Estimator{Certificate: &c}).Gradient(ctx, p, y, w, grad)
		if err == nil || rep.Certificate != nil {
			t.Errorf("%s: %+v, %v", name, rep.Certificate, err)
		}
	}
}
