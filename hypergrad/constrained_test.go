package hypergrad_test

import (
	"math"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
)

// sphere is min ½‖y‖² − xᵀy subject to ‖y‖ = 1, or, with a slack variable for
// ½(‖y‖² − 1) + s = 0, s ≥ 0, the projection to the ball. ℓ = aᵀy.
func sphere(a []float64, ball bool) *hypergrad.Constrained {
	n := len(a)
	c := &hypergrad.Constrained{N: n, M: 1, NW: n}
	if ball {
		c.N++
	}
	c.Value = func(dw, y, x []float64) (float64, error) {
		f := 0.0
		for i := range x {
			f += 0.5*y[i]*y[i] - x[i]*y[i]
			dw[i] = -y[i]
		}
		return f, nil
	}
	c.Gradient = func(dst, y, x []float64) error {
		clear(dst)
		for i := range x {
			dst[i] = y[i] - x[i]
		}
		return nil
	}
	c.HVP = func(dst, v, _, _ []float64) error {
		clear(dst)
		copy(dst, v[:n])
		return nil
	}
	c.Constraint = func(dst, y, _ []float64) error {
		dst[0] = -0.5
		for _, v := range y[:n] {
			dst[0] += 0.5 * v * v
		}
		if ball {
			dst[0] += y[n]
		}
		return nil
	}
	c.Jacobian = func(dst, v, y, _ []float64) error {
		dst[0] = 0
		for i := range n {
			dst[0] += y[i] * v[i]
		}
		if ball {
			dst[0] += v[n]
		}
		return nil
	}
	c.JacobianTrans = func(dst, mu, y, _ []float64) error {
		for i := range n {
			dst[i] = mu[0] * y[i]
		}
		if ball {
			dst[n] = mu[0]
		}
		return nil
	}
	c.Curvature = func(dst, v, mu, _, _ []float64) error {
		clear(dst)
		for i := range n {
			dst[i] = mu[0] * v[i]
		}
		return nil
	}
	c.JVPW = func(dst, u, _, _, _ []float64) error {
		clear(dst)
		for i, v := range u {
			dst[i] = -v
		}
		return nil
	}
	c.VJPW = func(dst, q, _, _, _ []float64) error {
		for i := range dst {
			dst[i] = -q[i]
		}
		return nil
	}
	c.LossValue = func(dz, _, z, _ []float64) (float64, error) {
		l := 0.0
		for i, v := range a {
			l += v * z[i]
			dz[i] = v
		}
		return l, nil
	}
	return c
}

// sphereSlope is (I/‖x‖ − xxᵀ/‖x‖³)·a.
func sphereSlope(a, x []float64) []float64 {
	norm, dot := 0.0, 0.0
	for i, v := range x {
		norm = math.Hypot(norm, v)
		dot += v * a[i]
	}
	g := make([]float64, len(x))
	for i := range g {
		g[i] = a[i]/norm - x[i]*dot/(norm*norm*norm)
	}
	return g
}

func TestSphere(t *testing.T) {
	a, x := []float64{1, -0.5, 0.25}, []float64{0.9, 1.2, -2}
	want := sphereSlope(a, x)
	full := sphere(a, false)
	byDifferences := *full
	byDifferences.HVP, byDifferences.Curvature, byDifferences.JVPW, byDifferences.VJPW = nil, nil, nil, nil
	for name, p := range map[string]*hypergrad.Constrained{"products": full, "differences": &byDifferences} {
		tol := 1e-10
		if p != full {
			tol = 1e-7
		}
		z := []float64{0.5, 0.5, -0.5, 1}
		inner := &hypergrad.Newton{ATol: 1e-12}
		if _, err := inner.Solve(t.Context(), p, z, x); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		norm := math.Sqrt(0.81 + 1.44 + 4)
		y, mu := p.Split(z)
		near(t, "multiplier", mu[0], norm-1, 1e-11)
		for i := range y {
			near(t, "y", y[i], x[i]/norm, 1e-11)
		}
		grad := make([]float64, 3)
		rep, err := sharp().Gradient(t.Context(), p, z, x, grad)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !strings.HasPrefix(rep.Solve.Method, "minres") {
			t.Errorf("%s: method %s", name, rep.Solve.Method)
		}
		for i := range grad {
			near(t, name+" dL/dx", grad[i], want[i], tol)
		}
	}
	z := []float64{0.5, 0.5, -0.5, 1}
	solveAndCheck(t, full, &hypergrad.Newton{ATol: 1e-13}, sharp(), z, x, 1e-8)
	if _, err := hypergrad.Check(t.Context(), full, z, x, nil); err != nil {
		t.Error(err)
	}
	// The optimal value −‖x‖ + ½ has the derivative ∂Λ/∂x = −y.
	value := *full
	value.LossValue = nil
	grad := make([]float64, 3)
	rep, err := sharp().Gradient(t.Context(), &value, z, x, grad)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "optimal value", rep.Loss, 0.5-2.5, 1e-12)
	for i := range grad {
		near(t, "its derivative", grad[i], -z[i], 1e-12)
	}
	for what, spoil := range map[string]func(p *hypergrad.Constrained){
		"Jacobian":               func(p *hypergrad.Constrained) { p.Jacobian = nil },
		"JacobianTrans":          func(p *hypergrad.Constrained) { p.JacobianTrans = nil },
		"Gradient or Constraint": func(p *hypergrad.Constrained) { p.Constraint = nil },
		"LossValue and Value":    func(p *hypergrad.Constrained) { p.LossValue, p.Value = nil, nil },
	} {
		q := *full
		spoil(&q)
		if _, err := sharp().Gradient(t.Context(), &q, z, x, grad); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("without %s: %v", what, err)
		}
	}
}

// TestDependentConstraints: y₁ + y₂ = w twice. The multipliers are not unique; the
// shortest are meant, and the solution has its derivative all the same.
func TestDependentConstraints(t *testing.T) {
	p := &hypergrad.Constrained{N: 2, M: 2, NW: 1, Affine: true, Structure: hvp.Singular,
		Gradient:      func(dst, y, w []float64) error { dst[0], dst[1] = y[0], 3*y[1]; return nil },
		HVP:           func(dst, v, y, w []float64) error { dst[0], dst[1] = v[0], 3*v[1]; return nil },
		Constraint:    func(dst, y, w []float64) error { dst[0] = y[0] + y[1] - w[0]; dst[1] = dst[0]; return nil },
		Jacobian:      func(dst, v, y, w []float64) error { dst[0] = v[0] + v[1]; dst[1] = dst[0]; return nil },
		JacobianTrans: func(dst, mu, y, w []float64) error { dst[0] = mu[0] + mu[1]; dst[1] = dst[0]; return nil },
		JVPW: func(dst, u, y, mu, w []float64) error {
			dst[0], dst[1], dst[2], dst[3] = 0, 0, -u[0], -u[0]
			return nil
		},
		VJPW:      func(dst, q, y, mu, w []float64) error { dst[0] = -q[2] - q[3]; return nil },
		LossValue: func(dz, dw, z, w []float64) (float64, error) { dz[0] = 1; return z[0], nil },
	}
	z, w, grad := make([]float64, 4), []float64{4}, make([]float64, 1)
	if _, err := (&hypergrad.Newton{RTol: 1e-13}).Solve(t.Context(), p, z, w); err != nil {
		t.Fatal(err)
	}
	near(t, "y[0]", z[0], 3, 1e-12)
	near(t, "μ[0]", z[2], -1.5, 1e-12)
	near(t, "μ[1]", z[3], -1.5, 1e-12)
	if _, err := sharp().Gradient(t.Context(), p, z, w, grad); err != nil {
		t.Fatal(err)
	}
	near(t, "dy₁/dw", grad[0], 0.75, 1e-12)
	// A loss on one of the multipliers has none.
	p.LossValue = func(dz, dw, z, w []float64) (float64, error) { dz[2] = 1; return z[2], nil }
	if _, err := sharp().Gradient(t.Context(), p, z, w, grad); err == nil || !strings.Contains(err.Error(), "not defined") {
		t.Errorf("loss on one of the multipliers: %v", err)
	}
}

// nlp is min y₁²+y₂²+y₃² subject to 6y₁+3y₂+2y₃ = η₁, η₂y₁+y₂−y₃ = 1, y ≥ 0.
func nlp() *hypergrad.Bounds {
	return &hypergrad.Bounds{Lower: make([]float64, 3), Problem: &hypergrad.Constrained{N: 3, M: 2, NW: 2, Affine: true,
		Gradient: func(dst, y, w []float64) error {
			for i, v := range y {
				dst[i] = 2 * v
			}
			return nil
		},
		HVP: func(dst, v, y, w []float64) error {
			for i, v := range v {
				dst[i] = 2 * v
			}
			return nil
		},
		Constraint: func(dst, y, w []float64) error {
			dst[0], dst[1] = 6*y[0]+3*y[1]+2*y[2]-w[0], w[1]*y[0]+y[1]-y[2]-1
			return nil
		},
		Jacobian: func(dst, v, y, w []float64) error {
			dst[0], dst[1] = 6*v[0]+3*v[1]+2*v[2], w[1]*v[0]+v[1]-v[2]
			return nil
		},
		JacobianTrans: func(dst, mu, y, w []float64) error {
			dst[0], dst[1], dst[2] = 6*mu[0]+w[1]*mu[1], 3*mu[0]+mu[1], 2*mu[0]-mu[1]
			return nil
		},
		JVPW: func(dst, u, y, mu, w []float64) error {
			clear(dst)
			dst[0], dst[3], dst[4] = mu[1]*u[1], -u[0], y[0]*u[1]
			return nil
		},
		VJPW: func(dst, q, y, mu, w []float64) error {
			dst[0], dst[1] = -q[3], mu[1]*q[0]+y[0]*q[4]
			return nil
		},
		Value: func(dw, y, w []float64) (float64, error) { return y[0]*y[0] + y[1]*y[1] + y[2]*y[2], nil },
	}}
}

// TestParametricNLP is the example of Pirnay, López-Negrete & Biegler, Optimal
// sensitivity based on IPOPT, Math. Prog. Comp. 4, 2012,
// doi:10.1007/s12532-012-0043-2.
func TestParametricNLP(t *testing.T) {
	p, w, z := nlp(), []float64{5, 1}, []float64{1, 1, 1, 0, 0}
	inner := &hypergrad.ActiveSetNewton{ATol: 1e-13}
	if _, err := inner.Solve(t.Context(), p, z, w); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{31, 19, 1} {
		near(t, "y", z[i], want/49, 1e-12)
	}
	dz := make([]float64, 5)
	if _, err := sharp().Tangent(t.Context(), p, z, w, []float64{1, 0}, dz); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{11, 2, 13} {
		near(t, "dy/dη₁", dz[i], want/98, 1e-12)
	}
	set, err := p.ActiveSet(t.Context(), z, w)
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Active) != 0 || set.FreeMargin.Index != 2 || len(set.Warnings()) != 0 || set.ActiveMargin.Index != -1 {
		t.Errorf("active %v, margin %v, warnings %q", set.Active, set.FreeMargin, set.Warnings())
	}
	near(t, "margin", set.FreeMargin.Value, 1.0/49, 1e-11)
	// Δη₁ = −0.5 takes y₃ to −0.0459184, past its bound.
	for i := range dz {
		dz[i] *= -0.5
	}
	pred, err := set.Predict(t.Context(), dz, []float64{-0.5, 0})
	if err != nil {
		t.Fatal(err)
	}
	if len(pred.Changes) != 1 || pred.Changes[0].Index != 2 || pred.Changes[0].Active {
		t.Fatalf("prediction %+v", pred)
	}
	near(t, "predicted y₃", pred.Changes[0].Y, -0.0459184, 1e-6)
	near(t, "fraction", pred.Fraction, (1.0/49)/(0.5*13.0/98), 1e-10)
	if s := pred.Changes[0].String(); !strings.Contains(s, "y[2]") || !strings.Contains(s, "-0.0459184") {
		t.Errorf("%s", s)
	}
	if pred, _ = set.Predict(t.Context(), make([]float64, 5), []float64{0, 0}); len(pred.Changes) != 0 || pred.Fraction != 1 {
		t.Errorf("no change: %+v", pred)
	}
	solveAndCheck(t, p, inner, sharp(), z, w, 1e-8)

	// There, y₃ = 0 is active, and the prediction back says that it is let go.
	w = []float64{4.5, 1}
	if _, err := inner.Solve(t.Context(), p, z, w); err != nil {
		t.Fatal(err)
	}
	// 6y₁+3y₂ = 4.5, y₁+y₂ = 1: y = (1/2, 1/2, 0).
	near(t, "y₁", z[0], 0.5, 1e-12)
	near(t, "y₂", z[1], 0.5, 1e-12)
	if z[2] != 0 {
		t.Errorf("y₃ = %v, want exactly 0", z[2])
	}
	if set, err = p.ActiveSet(t.Context(), z, w); err != nil || len(set.Active) != 1 || set.Active[0] != 2 || !(set.ActiveMargin.Value > 0) {
		t.Fatalf("%v: active %v, margin %v", err, set.Active, set.ActiveMargin)
	}
	if _, err := sharp().Tangent(t.Context(), p, z, w, []float64{1, 0}, dz); err != nil {
		t.Fatal(err)
	}
	near(t, "dy₁/dη₁ on the face", dz[0], 1.0/3, 1e-12)
	near(t, "dy₂/dη₁ on the face", dz[1], -1.0/3, 1e-12)
	for i := range dz {
		dz[i] *= 0.5
	}
	if pred, err = set.Predict(t.Context(), dz, []float64{0.5, 0}); err != nil || len(pred.Changes) != 1 || !pred.Changes[0].Active || !strings.Contains(pred.Changes[0].String(), "becomes free") {
		t.Errorf("%v: prediction back %+v", err, pred)
	}
	solveAndCheck(t, p, inner, sharp(), z, w, 1e-8)
}

// TestBall: inside of the ball J = I, outside that of the sphere, and on it, where it
// jumps, the report says so.
func TestBall(t *testing.T) {
	a := []float64{1, -0.5}
	p := &hypergrad.Bounds{Problem: sphere(a, true), Lower: []float64{math.Inf(-1), math.Inf(-1), 0}}
	inner := &hypergrad.ActiveSetNewton{ATol: 1e-13}
	for _, c := range []struct {
		x    []float64
		want []float64
		warn bool
	}{
		{[]float64{0.3, 0.4}, a, false},
		{[]float64{3, 4}, sphereSlope(a, []float64{3, 4}), false},
		{[]float64{0.6, 0.8}, nil, true},
	} {
		z, grad := []float64{0.1, 0.1, 0.5, 0.5}, make([]float64, 2)
		if _, err := inner.Solve(t.Context(), p, z, c.x); err != nil {
			t.Fatalf("x = %v: %v", c.x, err)
		}
		rep, err := sharp().Gradient(t.Context(), p, z, c.x, grad)
		if err != nil {
			t.Fatalf("x = %v: %v", c.x, err)
		}
		for i, want := range c.want {
			near(t, "dL/dx", grad[i], want, 1e-11)
		}
		if c.warn != (len(rep.Warnings) > 0) {
			t.Errorf("x = %v: z = %v, warnings %q", c.x, z, rep.Warnings)
		}
		if c.warn && !strings.Contains(rep.Warnings[0], "active: y[2]") {
			t.Errorf("warning %q", rep.Warnings[0])
		}
	}
}

// TestSimplex: the projection of x to the simplex, Σ y = 1, y ≥ 0, is max(x − τ, 0)
// and its derivative on the support I − 11ᵀ/|S|.
func TestSimplex(t *testing.T) {
	const n = 6
	p := &hypergrad.Bounds{Lower: make([]float64, n), Problem: &hypergrad.Constrained{N: n, M: 1, NW: n, Affine: true,
		Gradient: func(dst, y, x []float64) error {
			for i := range dst {
				dst[i] = y[i] - x[i]
			}
			return nil
		},
		HVP: func(dst, v, y, x []float64) error { copy(dst, v); return nil },
		Constraint: func(dst, y, x []float64) error {
			dst[0] = -1
			for _, v := range y {
				dst[0] += v
			}
			return nil
		},
		Jacobian: func(dst, v, y, x []float64) error {
			dst[0] = 0
			for _, v := range v {
				dst[0] += v
			}
			return nil
		},
		JacobianTrans: func(dst, mu, y, x []float64) error {
			for i := range dst {
				dst[i] = mu[0]
			}
			return nil
		},
		JVPW: func(dst, u, y, mu, x []float64) error {
			for i, v := range u {
				dst[i] = -v
			}
			dst[n] = 0
			return nil
		},
		VJPW: func(dst, q, y, mu, x []float64) error {
			for i := range dst {
				dst[i] = -q[i]
			}
			return nil
		},
		LossValue: func(dz, _, z, _ []float64) (float64, error) {
			l := 0.0
			for i, v := range z[:n] {
				l += float64(i) * v
				dz[i] = float64(i)
			}
			return l, nil
		},
	}}
	// τ = 0.2: y = (0.5, 0, 0.3, 0.2, 0, 0)
	x := []float64{0.7, -1, 0.5, 0.4, 0.1, -0.3}
	z := make([]float64, n+1)
	inner := &hypergrad.ActiveSetNewton{ATol: 1e-13}
	grad, _ := solveAndCheck(t, p, inner, sharp(), z, x, 1e-9)
	for i, want := range []float64{0.5, 0, 0.3, 0.2, 0, 0, 0.2} {
		if math.Abs(z[i]-want) > 1e-13 {
			t.Errorf("z[%d] = %v, want %v", i, z[i], want)
		}
	}
	mean := (0.0 + 2 + 3) / 3
	for i, want := range []float64{0 - mean, 0, 2 - mean, 3 - mean, 0, 0} {
		if math.Abs(grad[i]-want) > 1e-13 {
			t.Errorf("dL/dx[%d] = %v, want %v", i, grad[i], want)
		}
	}
	set, err := p.ActiveSet(t.Context(), z, x)
	if err != nil || set.ActiveMargin.Index != 4 {
		t.Fatalf("%v: %v", err, set.ActiveMargin)
	}
	near(t, "smallest multiplier", set.ActiveMargin.Value, 0.1, 1e-12)
	// The reduced problem has the same hypergradient.
	small := make([]float64, n)
	rep, err := (&hypergrad.Estimator{Settings: krylov.Settings{RTol: 1e-14}}).Gradient(t.Context(), set.Problem(), set.Restrict(z), x, small)
	if err != nil {
		t.Fatal(err)
	}
	if ny, _ := set.Problem().Dims(); ny != 4 || rep.Stationarity > 1e-13 {
		t.Errorf("reduced problem of %d unknowns, stationarity %v", ny, rep.Stationarity)
	}
	for i := range small {
		if math.Abs(small[i]-grad[i]) > 1e-13 {
			t.Errorf("reduced dL/dx[%d] = %v, want %v", i, small[i], grad[i])
		}
	}
}
