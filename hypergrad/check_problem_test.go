package hypergrad_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
	"github.com/hgsolve/hgsolve/hypergrad"
)

// checkCase is a problem with as many parameters as unknowns, so that a
// transposed mixed product has the right shape, and all of whose pieces move with
// y and w:
//
//	E = Σ ¼y_i⁴ + ½(y_i − y_{i+1})² + ½e^{w_0}‖y‖² + ½ Σ_ij y_i·b_ij·w_j²
//	ℓ = ½Σ (y_i − 1)² + y_0·Σ sin w_j
func checkCase() (p *hypergrad.Funcs, y, w []float64) {
	const n = 6
	b := func(i, j int) float64 { return math.Sin(float64(1 + 3*i + 7*j*j)) }
	p = &hypergrad.Funcs{NY: n, NW: n, Structure: hvp.Symmetric}
	p.EnergyValue = func(y, w []float64) (e float64, _ error) {
		for i, v := range y {
			e += 0.25*v*v*v*v + 0.5*math.Exp(w[0])*v*v
			if i > 0 {
				e += 0.5 * (v - y[i-1]) * (v - y[i-1])
			}
			for j := range w {
				e += 0.5 * v * b(i, j) * w[j] * w[j]
			}
		}
		return e, nil
	}
	chain := func(dst, v []float64) { // adds the product with the second differences
		for i := range v {
			if i > 0 {
				dst[i] += v[i] - v[i-1]
			}
			if i < n-1 {
				dst[i] += v[i] - v[i+1]
			}
		}
	}
	p.Gradient = func(dst, y, w []float64) error {
		for i, v := range y {
			dst[i] = v*v*v + math.Exp(w[0])*v
			for j := range w {
				dst[i] += 0.5 * b(i, j) * w[j] * w[j]
			}
		}
		chain(dst, y)
		return nil
	}
	p.HVP = func(dst, v, y, w []float64) error {
		for i := range v {
			dst[i] = (3*y[i]*y[i] + math.Exp(w[0])) * v[i]
		}
		chain(dst, v)
		return nil
	}
	p.Mixed = func(dst, q, y, w []float64) error {
		for j := range dst {
			dst[j] = 0
			for i := range q {
				dst[j] += b(i, j) * w[j] * q[i]
			}
		}
		for i := range q {
			dst[0] += math.Exp(w[0]) * y[i] * q[i]
		}
		return nil
	}
	p.MixedTrans = func(dst, u, y, w []float64) error {
		for i := range dst {
			dst[i] = math.Exp(w[0]) * y[i] * u[0]
			for j := range u {
				dst[i] += b(i, j) * w[j] * u[j]
			}
		}
		return nil
	}
	p.LossValue = func(dy, dw, y, w []float64) (float64, error) {
		loss := 0.0
		for i, v := range y {
			loss += 0.5 * (v - 1) * (v - 1)
			dy[i] = v - 1
		}
		for j, v := range w {
			loss += y[0] * math.Sin(v)
			dy[0] += math.Sin(v)
			dw[j] = y[0] * math.Cos(v)
		}
		return loss, nil
	}
	y, w = make([]float64, n), make([]float64, n)
	for i := range n {
		y[i], w[i] = math.Cos(float64(3*i)), 0.5+0.2*float64(i)
	}
	return p, y, w
}

func violated(rep hypergrad.CheckReport) (names []hvptest.Property) {
	for _, f := range hvptest.Violations(rep.Findings) {
		names = append(names, f.Property)
	}
	return names
}

func TestCheckAcceptsARightProblem(t *testing.T) {
	p, y, w := checkCase()
	noSecond, noEnergy := without(p), *p
	noEnergy.EnergyValue = nil
	for name, p := range map[string]*hypergrad.Funcs{"all pieces": p, "second derivatives by differences": noSecond, "no energy": &noEnergy} {
		rep, err := hypergrad.Check(t.Context(), p, y, w, nil)
		if err != nil {
			t.Errorf("%s: %v\n%v", name, err, &rep)
			continue
		}
		for _, f := range rep.Findings {
			if f.Verdict != hvptest.Holds && !(f.Verdict == hvptest.Absent && f.Property == hypergrad.GradientOfEnergy && p.EnergyValue == nil) {
				t.Errorf("%s: %v", name, f)
			}
			second := slices.Contains([]hvptest.Property{hypergrad.GradientOfEnergy, hypergrad.HessianProduct, hypergrad.MixedProduct, hypergrad.MixedTranspose, hypergrad.LossInW}, f.Property)
			if second && f.Verdict == hvptest.Holds && !(f.Order >= 1.9 && f.Order < 3.1) {
				t.Errorf("%s: observed order %v: %v", name, f.Order, f)
			}
		}
	}
	// At every scale of y, and for any seed.
	for seed := range uint64(20) {
		for _, scale := range []float64{1e-3, 1, 300} {
			ys := slices.Clone(y)
			for i := range ys {
				ys[i] *= scale
			}
			if rep, err := hypergrad.Check(t.Context(), p, ys, w, &hypergrad.CheckOptions{Seed: seed + 1}); err != nil {
				t.Errorf("seed %d, scale %g: %v\n%v", seed+1, scale, err, &rep)
			}
		}
	}
}

// TestCheckFindsFaults breaks one piece at a time: the check must name it.
func TestCheckFindsFaults(t *testing.T) {
	type problem = hypergrad.Funcs
	scaled := func(f func(dst, v, y, w []float64) error, c float64) func(dst, v, y, w []float64) error {
		return func(dst, v, y, w []float64) error {
			err := f(dst, v, y, w)
			for i := range dst {
				dst[i] *= c
			}
			return err
		}
	}
	for _, c := range []struct {
		name   string
		spoil  func(p *problem)
		want   []hvptest.Property // all of them, and no others
		blame  string             // in a suspect
		detail string             // in the first violation
	}{
		{"Hessian with the wrong sign", func(p *problem) { p.HVP = scaled(p.HVP, -1) },
			[]hvptest.Property{hypergrad.HessianProduct}, "Linearize().Y", "opposite sign"},
		{"gradient with the wrong sign", func(p *problem) {
			g := p.Gradient
			p.Gradient = func(dst, y, w []float64) error {
				return scaled(func(dst, _, y, w []float64) error { return g(dst, y, w) }, -1)(dst, nil, y, w)
			}
		}, []hvptest.Property{hypergrad.GradientOfEnergy, hypergrad.HessianProduct, hypergrad.MixedProduct, hypergrad.MixedTranspose}, "Residual", "opposite sign"},
		{"a factor 2 missing in the Hessian", func(p *problem) { p.HVP = scaled(p.HVP, 0.5) },
			[]hvptest.Property{hypergrad.HessianProduct}, "Linearize().Y", "2 times"},
		{"a factor 2 missing in the energy", func(p *problem) {
			e := p.EnergyValue
			p.EnergyValue = func(y, w []float64) (float64, error) { v, err := e(y, w); return v / 2, err }
		}, []hvptest.Property{hypergrad.GradientOfEnergy}, "Energy or Residual", "0.5 times"},
		{"a gradient that does not belong to the energy", func(p *problem) {
			g := p.Gradient
			p.Gradient = func(dst, y, w []float64) error { err := g(dst, y, w); dst[2] += 0.1; return err }
		}, []hvptest.Property{hypergrad.GradientOfEnergy}, "Energy or Residual", ""},
		{"an error of 1e-5 in one entry of the Hessian", func(p *problem) {
			h := p.HVP
			p.HVP = func(dst, v, y, w []float64) error { err := h(dst, v, y, w); dst[3] += 1e-5 * v[3]; return err }
		}, []hvptest.Property{hypergrad.HessianProduct}, "Linearize().Y", ""},
		{"an unsymmetric Hessian", func(p *problem) {
			h := p.HVP
			p.HVP = func(dst, v, y, w []float64) error { err := h(dst, v, y, w); dst[1] += 0.01 * v[4]; return err }
		}, []hvptest.Property{hypergrad.HessianProduct, hypergrad.HessianSymmetric, hypergrad.OperatorY}, "not symmetric", ""},
		{"a Hessian at the wrong point", func(p *problem) {
			h := p.HVP
			at := []float64{1, 1, 1, 1, 1, 1}
			p.HVP = func(dst, v, _, w []float64) error { return h(dst, v, at, w) }
		}, []hvptest.Property{hypergrad.HessianProduct, hypergrad.Fresh}, "Linearize().Y", ""},
		{"a Hessian without the coupling", func(p *problem) {
			p.HVP = func(dst, v, y, w []float64) error {
				for i := range v {
					dst[i] = (3*y[i]*y[i] + math.Exp(w[0])) * v[i]
				}
				return nil
			}
		}, []hvptest.Property{hypergrad.HessianProduct}, "Linearize().Y", ""},
		{"a transposed mixed product", func(p *problem) { p.Mixed, p.MixedTrans = p.MixedTrans, p.Mixed },
			[]hvptest.Property{hypergrad.MixedProduct, hypergrad.MixedTranspose}, "Linearize().W", ""},
		{"a transposed mixed product in the adjoint only", func(p *problem) { p.Mixed = p.MixedTrans },
			[]hvptest.Property{hypergrad.MixedTranspose, hypergrad.MixedAdjoint, hypergrad.OperatorW}, "ApplyTrans", ""},
		{"the same against differences", func(p *problem) { p.Mixed, p.MixedTrans = p.MixedTrans, nil },
			[]hvptest.Property{hypergrad.MixedTranspose, hypergrad.MixedAdjoint, hypergrad.OperatorW}, "ApplyTrans", ""},
		{"a wrong mixed product", func(p *problem) { p.MixedTrans = scaled(p.MixedTrans, 3) },
			[]hvptest.Property{hypergrad.MixedProduct, hypergrad.MixedAdjoint, hypergrad.OperatorW}, "Linearize().W.Apply", "0.3333 times"},
		{"a mixed product with the wrong sign", func(p *problem) { p.Mixed, p.MixedTrans = scaled(p.Mixed, -1), scaled(p.MixedTrans, -1) },
			[]hvptest.Property{hypergrad.MixedProduct, hypergrad.MixedTranspose}, "Linearize().W", "opposite sign"},
		{"a wrong ∂ℓ/∂y", func(p *problem) {
			l := p.LossValue
			p.LossValue = func(dy, dw, y, w []float64) (float64, error) { v, err := l(dy, dw, y, w); dy[1] *= 2; return v, err }
		}, []hvptest.Property{hypergrad.LossInY}, "dy is not", ""},
		{"a wrong ∂ℓ/∂w", func(p *problem) {
			l := p.LossValue
			p.LossValue = func(dy, dw, y, w []float64) (float64, error) { v, err := l(dy, dw, y, w); clear(dw); return v, err }
		}, []hvptest.Property{hypergrad.LossInW}, "dw is not", ""},
		{"NaN in the gradient", func(p *problem) {
			g := p.Gradient
			p.Gradient = func(dst, y, w []float64) error { err := g(dst, y, w); dst[5] = math.NaN(); return err }
		}, []hvptest.Property{hypergrad.Values}, "the residual: element 5 is NaN", ""},
		{"a gradient that adds", func(p *problem) {
			g := p.Gradient
			p.Gradient = func(dst, y, w []float64) error {
				old := slices.Clone(dst)
				err := g(dst, y, w)
				if old[0] == 1 {
					dst[0]++
				}
				return err
			}
		}, []hvptest.Property{hypergrad.Overwrites}, "overwrites: the destinations held 1", ""},
		{"a gradient that writes to y", func(p *problem) {
			g := p.Gradient
			p.Gradient = func(dst, y, w []float64) error { err := g(dst, y, w); y[0] += 0; y[1] = math.Abs(y[1]); return err }
		}, nil, "wrote to y", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, y, w := checkCase()
			c.spoil(p)
			rep, err := hypergrad.Check(t.Context(), p, y, w, &hypergrad.CheckOptions{Skip: map[bool][]hvptest.Property{true: {hypergrad.Concurrent}}[c.want == nil]})
			if err == nil {
				t.Fatalf("not found:\n%v", &rep)
			}
			if got := violated(rep); c.want != nil && !slices.Equal(got, c.want) {
				t.Errorf("violated: %q, want %q", got, c.want)
			}
			if !strings.Contains(strings.Join(rep.Suspects, "\n"), c.blame) {
				t.Errorf("suspects %q, want one with %q", rep.Suspects, c.blame)
			}
			if bad := hvptest.Violations(rep.Findings); !strings.Contains(bad[0].Detail, c.detail) {
				t.Errorf("%v: want %q", bad[0], c.detail)
			} else if taylor := slices.Contains([]hvptest.Property{hypergrad.GradientOfEnergy, hypergrad.HessianProduct, hypergrad.LossInY, hypergrad.LossInW}, bad[0].Property); taylor && !(bad[0].Order > 0.9 && bad[0].Order < 1.1) {
				t.Errorf("%v: the order of a wrong derivative is %v, want 1", bad[0], bad[0].Order)
			}
		})
	}
}

// cached is a problem that keeps something of a linearisation.
type cached struct {
	*hypergrad.Funcs
	mu    sync.Mutex
	at    map[string]hypergrad.Linearization
	known func(y, w []float64) string
}

func (c *cached) Linearize(ctx context.Context, y, w []float64) (hypergrad.Linearization, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := c.known(y, w)
	if lin, ok := c.at[key]; ok {
		return lin, nil
	}
	lin, err := c.Funcs.Linearize(ctx, slices.Clone(y), slices.Clone(w))
	c.at[key] = lin
	return lin, err
}

func TestCheckFindsStaleCaches(t *testing.T) {
	for name, known := range map[string]func(y, w []float64) string{
		"once for all":          func(y, w []float64) string { return "" },
		"by the address of y":   func(y, w []float64) string { return fmt.Sprintf("%p", y) },
		"by the first of y":     func(y, w []float64) string { return fmt.Sprint(math.Floor(10 * y[0])) },
		"by the values of y":    func(y, w []float64) string { return fmt.Sprint(y) },
		"by the values of both": func(y, w []float64) string { return fmt.Sprint(y, w) }, // which is right
	} {
		p, y, w := checkCase()
		c := &cached{Funcs: p, at: map[string]hypergrad.Linearization{}, known: known}
		rep, err := hypergrad.Check(t.Context(), c, y, w, nil)
		if name == "by the values of both" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !slices.Contains(violated(rep), hypergrad.Fresh) || err == nil || !strings.Contains(err.Error(), "stale") {
			t.Errorf("%s: %v\n%v", name, err, &rep)
		}
	}
}

func TestCheckRefusesBadInput(t *testing.T) {
	p, y, w := checkCase()
	nan := slices.Clone(w)
	nan[1] = math.NaN()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx  context.Context
		p    hypergrad.Problem
		y, w []float64
		want string
	}{
		{t.Context(), nil, y, w, "nil"},
		{t.Context(), p, y[1:], w, "len(y) = 5"},
		{t.Context(), p, y, w[1:], "len(w) = 5"},
		{t.Context(), p, y, nan, "w[1] = NaN"},
		{t.Context(), &hypergrad.Funcs{}, nil, nil, "without unknowns"},
		{ended, p, y, w, "canceled"},
	} {
		if _, err := hypergrad.Check(c.ctx, c.p, c.y, c.w, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

// A Hessian product that forgets a factor.
func ExampleCheck() {
	p := &hypergrad.Funcs{
		NY: 2, NW: 1,
		EnergyValue: func(y, w []float64) (float64, error) { return w[0] * (y[0]*y[0]*y[0]*y[0] + y[1]*y[1]*y[1]*y[1]), nil },
		Gradient: func(dst, y, w []float64) error {
			dst[0], dst[1] = 4*w[0]*y[0]*y[0]*y[0], 4*w[0]*y[1]*y[1]*y[1]
			return nil
		},
		HVP: func(dst, v, y, w []float64) error {
			dst[0], dst[1] = 6*w[0]*y[0]*y[0]*v[0], 6*w[0]*y[1]*y[1]*v[1]
			return nil
		},
		LossValue: func(dy, dw, y, w []float64) (float64, error) { dy[0] = 1; return y[0], nil },
	}
	rep, err := hypergrad.Check(context.Background(), p, []float64{1, 2}, []float64{1}, nil)
	for _, f := range rep.Findings {
		if f.Property == hypergrad.GradientOfEnergy || f.Property == hypergrad.HessianProduct {
			fmt.Printf("%-9s %v, order %.1f\n", f.Property, f.Verdict, f.Order)
		}
	}
	fmt.Println(err)
	// Output:
	// gradient  ok, order 2.0
	// hessian   VIOLATED, order 1.0
	// hypergrad: the check of the problem fails: Linearize().Y.Apply: the product with ∂G/∂y is not the derivative of the residual
}

// equilibrium is G = y − tanh(A·y + w) with an unsymmetric A: no energy.
type equilibrium struct {
	n           int
	wrongTrans  bool // ∂G/∂y is used as its own transpose
	noTranspose bool // ∂G/∂w has none
}

func (e *equilibrium) Dims() (ny, nw int) { return e.n, e.n }

// state returns tanh of the argument.
func (e *equilibrium) state(y, w []float64) []float64 {
	t := make([]float64, e.n)
	for i := range t {
		t[i] = math.Tanh(0.9*y[(i+1)%e.n] - 0.3*y[i] + w[i])
	}
	return t
}

func (e *equilibrium) Residual(_ context.Context, dst, y, w []float64) error {
	for i, t := range e.state(y, w) {
		dst[i] = y[i] - t
	}
	return nil
}

func (e *equilibrium) Loss(_ context.Context, dy, dw, y, w []float64) (float64, error) {
	clear(dw)
	loss := 0.0
	for i, v := range y {
		loss += 0.5 * v * v
		if dy != nil {
			dy[i] = v
		}
	}
	return loss, nil
}

func (e *equilibrium) Linearize(_ context.Context, y, w []float64) (hypergrad.Linearization, error) {
	d := e.state(y, w)
	for i, t := range d {
		d[i] = 1 - t*t
	}
	forward := func(_ context.Context, dst, v []float64) error {
		for i := range dst {
			dst[i] = v[i] - d[i]*(0.9*v[(i+1)%e.n]-0.3*v[i])
		}
		return nil
	}
	backward := func(_ context.Context, dst, q []float64) error {
		for i := range dst {
			before := (i + e.n - 1) % e.n
			dst[i] = q[i] - 0.9*d[before]*q[before] + 0.3*d[i]*q[i]
		}
		return nil
	}
	if e.wrongTrans {
		backward = forward
	}
	direct := func(_ context.Context, dst, u []float64) error {
		for i := range dst {
			dst[i] = -d[i] * u[i]
		}
		return nil
	}
	mixed := &hvp.Func{Rows: e.n, Mul: direct, MulTrans: direct}
	if e.noTranspose {
		mixed.MulTrans = nil
	}
	return hypergrad.Linearization{Y: &hvp.Func{Rows: e.n, Mul: forward, MulTrans: backward}, W: mixed}, nil
}

func TestCheckOfAnEquationWithoutEnergy(t *testing.T) {
	y, w := []float64{0.1, -0.5, 0.3, 0.7}, []float64{0.2, 0.4, -0.6, 0.1}
	e := &equilibrium{n: 4}
	rep, err := hypergrad.Check(t.Context(), e, y, w, nil)
	if err != nil {
		t.Errorf("%v\n%v", err, &rep)
	}
	for _, f := range rep.Findings {
		absent := f.Property == hypergrad.GradientOfEnergy || f.Property == hypergrad.HessianSymmetric
		if absent != (f.Verdict == hvptest.Absent) || !absent && f.Verdict != hvptest.Holds {
			t.Errorf("%v", f)
		}
	}
	e.wrongTrans = true
	if rep, _ := hypergrad.Check(t.Context(), e, y, w, nil); !slices.Equal(violated(rep), []hvptest.Property{hypergrad.OperatorY}) || !strings.Contains(rep.Suspects[0], "adjoint") {
		t.Errorf("wrong transpose of ∂G/∂y:\n%v", &rep)
	}
	e.wrongTrans, e.noTranspose = false, true
	if rep, _ := hypergrad.Check(t.Context(), e, y, w, nil); !slices.Equal(violated(rep), []hvptest.Property{hypergrad.Values}) || !strings.Contains(rep.Suspects[0], "ApplyTrans") {
		t.Errorf("no transpose of ∂G/∂w:\n%v", &rep)
	}
}

// TestCheckAtAMinimiser: with no distance from y the gradient is nothing but
// rounding errors, which must not be taken for a wrong one.
func TestCheckAtAMinimiser(t *testing.T) {
	p, y, w := checkCase()
	inner := hypergrad.Newton{RTol: 1e-12, Polish: true}
	if _, err := inner.Solve(t.Context(), p, y, w); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(20) {
		rep, err := hypergrad.Check(t.Context(), p, y, w, &hypergrad.CheckOptions{Spread: -1, Seed: seed + 1})
		if err != nil {
			t.Errorf("%v\n%v", err, &rep)
		}
	}
}
