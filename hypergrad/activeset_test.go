package hypergrad_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
)

// leastSquares is ½‖X·y − t‖² + ½·e^{w₀}·‖y‖², with w₀ or without, and ℓ = ½‖y − 1‖².
func leastSquares(x *mat.Dense, target []float64, nw int, ridge bool) *hypergrad.Funcs {
	m, n := x.Dims()
	alpha := func(w []float64) float64 {
		if !ridge {
			return 0
		}
		return math.Exp(w[0])
	}
	residual := func(y []float64) *mat.VecDense {
		r := mat.NewVecDense(m, nil)
		r.MulVec(x, mat.NewVecDense(n, y))
		r.SubVec(r, mat.NewVecDense(m, target))
		return r
	}
	return &hypergrad.Funcs{NY: n, NW: nw, Structure: hvp.Semidefinite,
		EnergyValue: func(y, w []float64) (float64, error) {
			r := residual(y)
			e := 0.5 * mat.Dot(r, r)
			for _, v := range y {
				e += 0.5 * alpha(w) * v * v
			}
			return e, nil
		},
		Gradient: func(dst, y, w []float64) error {
			mat.NewVecDense(n, dst).MulVec(x.T(), residual(y))
			for i, v := range y {
				dst[i] += alpha(w) * v
			}
			return nil
		},
		HVP: func(dst, v, y, w []float64) error {
			xv := mat.NewVecDense(m, nil)
			xv.MulVec(x, mat.NewVecDense(n, v))
			mat.NewVecDense(n, dst).MulVec(x.T(), xv)
			for i, v := range v {
				dst[i] += alpha(w) * v
			}
			return nil
		},
		Mixed: func(dst, q, y, w []float64) error {
			clear(dst)
			for i, v := range q {
				dst[0] += alpha(w) * y[i] * v
			}
			return nil
		},
		MixedTrans: func(dst, u, y, w []float64) error {
			for i := range dst {
				dst[i] = alpha(w) * y[i] * u[0]
			}
			return nil
		},
		LossValue: func(dy, dw, y, w []float64) (float64, error) {
			l := 0.0
			for i, v := range y {
				l += 0.5 * (v - 1) * (v - 1)
				dy[i] = v - 1
			}
			return l, nil
		},
	}
}

func randomDesign(m, n int) (*mat.Dense, []float64) {
	rng := rand.New(rand.NewPCG(9, 9))
	x, target := mat.NewDense(m, n, nil), make([]float64, m)
	for i := range m {
		for j := range n {
			x.Set(i, j, rng.NormFloat64())
		}
		target[i] = rng.NormFloat64() + x.At(i, 0) - 2*x.At(i, 1)
	}
	return x, target
}

// penalty puts λ = e^{w_k} on all variables.
func penalty(p hypergrad.Problem, k int) *hypergrad.L1 {
	return &hypergrad.L1{Problem: p,
		Weights: func(lambda, w []float64) error {
			for i := range lambda {
				lambda[i] = math.Exp(w[k])
			}
			return nil
		},
		WeightsJVP: func(dst, u, w []float64) error {
			for i := range dst {
				dst[i] = math.Exp(w[k]) * u[k]
			}
			return nil
		},
		WeightsVJP: func(dst, q, w []float64) error {
			clear(dst)
			for _, v := range q {
				dst[k] += math.Exp(w[k]) * v
			}
			return nil
		},
	}
}

// TestLassoOrthonormal: β = soft(z, λ), dβ_i/dλ = −sign(z_i) on the support, 0 off it.
func TestLassoOrthonormal(t *testing.T) {
	z := []float64{3, -2, 0.5, -0.25, 1.5, 0}
	n := len(z)
	eye := mat.NewDense(n, n, nil)
	for i := range n {
		eye.Set(i, i, 1)
	}
	for _, differences := range []bool{false, true} {
		p := penalty(leastSquares(eye, z, 1, false), 0)
		if differences {
			p.WeightsJVP, p.WeightsVJP = nil, nil
		}
		tol := 1e-13
		if differences {
			tol = 1e-8
		}
		w, y, dy := []float64{0}, make([]float64, n), make([]float64, n) // λ = 1
		inner := &hypergrad.ActiveSetNewton{RTol: 1e-13}
		if _, err := inner.Solve(t.Context(), p, y, w); err != nil {
			t.Fatal(err)
		}
		if _, err := sharp().Tangent(t.Context(), p, y, w, []float64{1}, dy); err != nil {
			t.Fatal(err)
		}
		for i, v := range z {
			beta, slope := 0.0, 0.0
			if math.Abs(v) > 1 {
				beta, slope = v-math.Copysign(1, v), -math.Copysign(1, v) // dλ/dw = λ = 1
			}
			if math.Abs(y[i]-beta) > 1e-13 || math.Abs(dy[i]-slope) > tol || beta == 0 && (y[i] != 0 || dy[i] != 0) {
				t.Errorf("β[%d] = %v, want %v; dβ/dλ = %v, want %v", i, y[i], beta, dy[i], slope)
			}
		}
		set, err := p.ActiveSet(t.Context(), y, w)
		if err != nil {
			t.Fatal(err)
		}
		if set.FreeMargin.Index != 4 || set.ActiveMargin.Index != 2 || len(set.Weak) != 0 {
			t.Errorf("margins %v and %v, weak %v", set.FreeMargin, set.ActiveMargin, set.Weak)
		}
		near(t, "smallest |β|", set.FreeMargin.Value, 0.5, 1e-12)
		near(t, "λ − |corr|", set.ActiveMargin.Value, 0.5, 1e-12)
		// λ → 2.6: β₁ = −1 and β₄ = 0.5 reach zero, the second first.
		pred, err := set.Predict(t.Context(), []float64{-1.6, 1.6, 0, 0, -1.6, 0}, []float64{1.6})
		if err != nil || len(pred.Changes) != 2 || pred.Changes[0].Index != 4 || pred.Changes[1].Index != 1 {
			t.Fatalf("%v: prediction %+v", err, pred)
		}
		near(t, "fraction", pred.Fraction, 0.5/1.6, 1e-7)
	}
	// |z_i| = λ: neither on nor off the support.
	p := penalty(leastSquares(eye, []float64{3, 1, 0, 0, 0, 0}, 1, false), 0)
	rep, err := sharp().Gradient(t.Context(), p, []float64{2, 0, 0, 0, 0, 0}, []float64{0}, make([]float64, 1))
	if err != nil || len(rep.Warnings) != 1 || !strings.Contains(rep.Warnings[0], "weakly active: y[1]") {
		t.Errorf("%v: warnings %q", err, rep.Warnings)
	}
}

// TestElasticNet: the lasso and the elastic net of a random design, also with more
// variables than rows, and nonnegative.
func TestElasticNet(t *testing.T) {
	for _, c := range []struct {
		name       string
		m, n       int
		ridge, pos bool
	}{{"lasso", 40, 15, false, false}, {"elastic net", 20, 60, true, false}, {"nonnegative", 20, 60, true, true}} {
		t.Run(c.name, func(t *testing.T) {
			x, target := randomDesign(c.m, c.n)
			p := penalty(leastSquares(x, target, 2, c.ridge), 1)
			if c.pos {
				p.Lower = make([]float64, c.n)
			}
			y, w := make([]float64, c.n), []float64{math.Log(0.3), math.Log(8)}
			inner := &hypergrad.ActiveSetNewton{RTol: 1e-15, ATol: 1e-12}
			solveAndCheck(t, p, inner, sharp(), y, w, 1e-7)
			set, err := p.ActiveSet(t.Context(), y, w)
			if err != nil {
				t.Fatal(err)
			}
			if k := len(set.Free); k < 2 || k > c.n-5 || set.NaturalResidual > 1e-11 {
				t.Errorf("support of %d, natural residual %v", k, set.NaturalResidual)
			}
			for _, i := range set.Active {
				if y[i] != 0 {
					t.Errorf("y[%d] = %v is active", i, y[i])
				}
			}
		})
	}
}

// TestBoxQuadratic: an energy on a box, with fixed, one-sided and free variables,
// against all 3ⁿ sets by brute force.
func TestBoxQuadratic(t *testing.T) {
	const n = 7
	x, target := randomDesign(9, n)
	inf := math.Inf(1)
	p := &hypergrad.Bounds{Problem: leastSquares(x, target, 1, true),
		Lower: []float64{-0.1, -1, 0, -inf, 0.2, 0.1}, Upper: []float64{0.1, 1, 0.5, 0.05, 0.2}}
	y, w := make([]float64, n), []float64{-1}
	inner := &hypergrad.ActiveSetNewton{RTol: 1e-15, ATol: 1e-13}
	grad, _ := solveAndCheck(t, p, inner, sharp(), y, w, 1e-8)
	set, err := p.ActiveSet(t.Context(), y, w)
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Active) < 2 || len(set.Free) < 2 || y[4] != 0.2 {
		t.Errorf("free %v, y = %v", set.Free, y)
	}
	small := make([]float64, 1)
	if _, err := sharp().Gradient(t.Context(), set.Problem(), set.Restrict(y), w, small); err != nil {
		t.Fatal(err)
	}
	near(t, "reduced dL/dw", small[0], grad[0], 1e-12)
	adjointIdentity(t, set.Problem(), sharp(), set.Restrict(y), w)
	if _, err := hypergrad.Check(t.Context(), set.Problem(), set.Restrict(y), w, nil); err != nil {
		t.Error(err)
	}
	// The best of all sets of active bounds that leave a feasible point.
	energy := p.Problem.(hypergrad.Energy)
	best := inf
	for code := range int(math.Pow(3, n)) {
		fixed, rest := make([]float64, n), []int{}
		ok := true
		for i, c := 0, code; i < n; i, c = i+1, c/3 {
			lo, hi := -inf, inf
			if i < len(p.Lower) {
				lo = p.Lower[i]
			}
			if i < len(p.Upper) {
				hi = p.Upper[i]
			}
			switch c % 3 {
			case 0:
				rest = append(rest, i)
			case 1:
				fixed[i] = lo
			case 2:
				fixed[i] = hi
			}
			ok = ok && !math.IsInf(fixed[i], 0)
		}
		if !ok {
			continue
		}
		if k := len(rest); k > 0 {
			g, h, rhs := make([]float64, n), mat.NewDense(k, k, nil), mat.NewVecDense(k, nil)
			if err := p.Problem.Residual(t.Context(), g, fixed, w); err != nil {
				t.Fatal(err)
			}
			for a, i := range rest {
				rhs.SetVec(a, -g[i])
				col, e := make([]float64, n), make([]float64, n)
				e[i] = 1
				if err := p.Problem.(*hypergrad.Funcs).HVP(col, e, fixed, w); err != nil {
					t.Fatal(err)
				}
				for b, j := range rest {
					h.Set(b, a, col[j])
				}
			}
			var d mat.VecDense
			if err := d.SolveVec(h, rhs); err != nil {
				t.Fatal(err)
			}
			for a, i := range rest {
				fixed[i] = d.AtVec(a)
				ok = ok && (i >= len(p.Lower) || fixed[i] >= p.Lower[i]) && (i >= len(p.Upper) || fixed[i] <= p.Upper[i])
			}
		}
		if e, _ := energy.Energy(t.Context(), fixed, w); ok && e < best {
			best = e
		}
	}
	e, err := energy.Energy(t.Context(), y, w)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "energy", e, best, 1e-13)
}

// TestScaledEnergies: E → c·E changes neither the solution nor the hypergradient nor a
// relative margin.
func TestScaledEnergies(t *testing.T) {
	const n = 7
	x, target := randomDesign(9, n)
	var first []float64
	for _, c := range []float64{1, 1e-30, 1e30} {
		f := leastSquares(x, target, 1, true)
		scaled := func(g func(dst, v, y, w []float64) error) func(dst, v, y, w []float64) error {
			return func(dst, v, y, w []float64) error {
				err := g(dst, v, y, w)
				for i := range dst {
					dst[i] *= c
				}
				return err
			}
		}
		e, g := f.EnergyValue, f.Gradient
		f.EnergyValue = func(y, w []float64) (float64, error) { v, err := e(y, w); return c * v, err }
		f.Gradient = func(dst, y, w []float64) error {
			return scaled(func(dst, _, y, w []float64) error { return g(dst, y, w) })(dst, nil, y, w)
		}
		f.HVP, f.Mixed, f.MixedTrans = scaled(f.HVP), scaled(f.Mixed), scaled(f.MixedTrans)
		p := &hypergrad.Bounds{Problem: f, Lower: []float64{-0.1, -1, 0, -0.3}, Upper: []float64{0.1, 1, 0.5, 0.05}}
		y, w, grad := make([]float64, n), []float64{-1}, make([]float64, 1)
		if _, err := (&hypergrad.ActiveSetNewton{RTol: 1e-13}).Solve(t.Context(), p, y, w); err != nil {
			t.Fatalf("c = %g: %v", c, err)
		}
		if _, err := sharp().Gradient(t.Context(), p, y, w, grad); err != nil {
			t.Fatalf("c = %g: %v", c, err)
		}
		set, err := p.ActiveSet(t.Context(), y, w)
		if err != nil {
			t.Fatalf("c = %g: %v", c, err)
		}
		got := append(grad, set.FreeMargin.Relative, set.ActiveMargin.Relative)
		if first == nil {
			first = got
		}
		for i := range got {
			near(t, "dL/dw or a margin", got[i], first[i], 1e-10)
		}
	}
}

// TestRosenbrockBox: a nonconvex energy whose minimiser is at a bound.
func TestRosenbrockBox(t *testing.T) {
	f := &hypergrad.Funcs{NY: 2, NW: 1, Structure: hvp.Symmetric,
		EnergyValue: func(y, w []float64) (float64, error) {
			a, b := w[0]-y[0], y[1]-y[0]*y[0]
			return a*a + 100*b*b, nil
		},
		Gradient: func(dst, y, w []float64) error {
			a, b := w[0]-y[0], y[1]-y[0]*y[0]
			dst[0], dst[1] = -2*a-400*b*y[0], 200*b
			return nil
		},
		HVP: func(dst, v, y, w []float64) error {
			dst[0] = (2-400*(y[1]-3*y[0]*y[0]))*v[0] - 400*y[0]*v[1]
			dst[1] = -400*y[0]*v[0] + 200*v[1]
			return nil
		},
		LossValue: sumLoss,
	}
	p := &hypergrad.Bounds{Problem: f, Upper: []float64{0.5}}
	y, w := []float64{-1.2, 1}, []float64{1}
	res, err := (&hypergrad.ActiveSetNewton{RTol: 1e-12}).Solve(t.Context(), p, y, w)
	if err != nil {
		t.Fatal(err)
	}
	if res.NegativeCurvature == 0 || res.Iterations > 60 || y[0] != 0.5 || math.Abs(y[1]-0.25) > 1e-12 {
		t.Errorf("y = %v after %d steps, want (1/2, 1/4)", y, res.Iterations)
	}
}

func TestNonsmoothRefusesBadInput(t *testing.T) {
	x, target := randomDesign(4, 3)
	f := leastSquares(x, target, 1, true)
	y, w, grad := []float64{0, 0, 0}, []float64{0}, make([]float64, 1)
	nan := math.NaN()
	for want, p := range map[string]hypergrad.Problem{
		"without Problem":    &hypergrad.Bounds{},
		"4 lower":            &hypergrad.Bounds{Problem: f, Lower: make([]float64, 4)},
		"1 ≤ y[0] ≤ 0":       &hypergrad.Bounds{Problem: f, Lower: []float64{1}, Upper: []float64{0}},
		"NaN ≤ y[0]":         &hypergrad.Bounds{Problem: f, Lower: []float64{nan}},
		"tolerances":         &hypergrad.Bounds{Problem: f, Tol: 2},
		"outside":            &hypergrad.Bounds{Problem: f, Lower: []float64{0.5}},
		"without Weights":    &hypergrad.L1{Problem: f},
		"λ[0] = -1":          &hypergrad.L1{Problem: f, Weights: func(l, w []float64) error { l[0] = -1; return nil }},
		"y[0] exclude zero":  &hypergrad.L1{Problem: f, Lower: []float64{0.5}, Weights: func(l, w []float64) error { l[0] = 1; return nil }},
		"L1 without Problem": &hypergrad.L1{},
		"λ[2] = NaN":         &hypergrad.L1{Problem: f, Weights: func(l, w []float64) error { l[2] = nan; return nil }},
	} {
		if strings.Contains(want, "without Problem") {
			if _, err := new(hypergrad.ActiveSetNewton).Solve(t.Context(), p, y, w); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", want, err)
			}
			continue
		}
		if _, err := sharp().Gradient(t.Context(), p, y, w, grad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	var inner hypergrad.ActiveSetNewton
	if _, err := inner.Solve(t.Context(), f, y, w); err == nil || !strings.Contains(err.Error(), "Bounds and L1") {
		t.Errorf("another problem: %v", err)
	}
	inner.MaxIter = 1
	var e *hypergrad.NotStationaryError
	if _, err := inner.Solve(t.Context(), &hypergrad.Bounds{Problem: sphere([]float64{1, 1}, true), Lower: []float64{-5, -5, 0}}, []float64{1, 1, 1, 1}, []float64{3, 4}); !errors.As(err, &e) {
		t.Errorf("one step: %v", err)
	}
}
