package hypergrad_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/precond"
)

// unconstrained makes a problem without parameters that matter, ℓ = ½‖y‖².
func unconstrained(n int, energy func(y []float64) float64, gradient func(dst, y []float64), product func(dst, v, y []float64)) *hypergrad.Funcs {
	return &hypergrad.Funcs{
		NY: n, NW: 1, Structure: hvp.Symmetric,
		EnergyValue: func(y, w []float64) (float64, error) { return energy(y), nil },
		Gradient:    func(dst, y, w []float64) error { gradient(dst, y); return nil },
		HVP:         func(dst, v, y, w []float64) error { product(dst, v, y); return nil },
		Mixed:       func(dst, q, y, w []float64) error { dst[0] = 0; return nil },
		LossValue: func(dy, dw, y, w []float64) (l float64, err error) {
			for i, v := range y {
				dy[i] = v
				l += v * v / 2
			}
			return l, nil
		},
	}
}

// rosenbrock is the extended Rosenbrock function (Moré, Garbow & Hillstrom, ACM
// TOMS 7, 1981, doi:10.1145/355934.355936, problem 21), with its minimiser 1.
func rosenbrock(n int) *hypergrad.Funcs {
	return unconstrained(n, func(y []float64) (e float64) {
		for i := 0; i < n; i += 2 {
			a, b := y[i+1]-y[i]*y[i], 1-y[i]
			e += 100*a*a + b*b
		}
		return e
	}, func(dst, y []float64) {
		for i := 0; i < n; i += 2 {
			a := y[i+1] - y[i]*y[i]
			dst[i], dst[i+1] = -400*a*y[i]-2*(1-y[i]), 200*a
		}
	}, func(dst, v, y []float64) {
		for i := 0; i < n; i += 2 {
			dst[i] = (1200*y[i]*y[i]-400*y[i+1]+2)*v[i] - 400*y[i]*v[i+1]
			dst[i+1] = -400*y[i]*v[i] + 200*v[i+1]
		}
	})
}

// ridges is Σ f_k(a_kᵀy) with few non-zeros in the a_k.
func ridges(n int, terms []term) *hypergrad.Funcs {
	sum := func(y []float64, f func(r term, t float64)) {
		for _, r := range terms {
			t := 0.0
			for i, c := range r.a {
				t += c * y[r.at+i]
			}
			f(r, t)
		}
	}
	return unconstrained(n, func(y []float64) (e float64) {
		sum(y, func(r term, t float64) { e += r.f(t) })
		return e
	}, func(dst, y []float64) {
		clear(dst)
		sum(y, func(r term, t float64) {
			for i, c := range r.a {
				dst[r.at+i] += c * r.df(t)
			}
		})
	}, func(dst, v, y []float64) {
		clear(dst)
		sum(y, func(r term, t float64) {
			av := 0.0
			for i, c := range r.a {
				av += c * v[r.at+i]
			}
			for i, c := range r.a {
				dst[r.at+i] += c * r.d2f(t) * av
			}
		})
	})
}

type term struct {
	at         int
	a          []float64
	f, df, d2f func(t float64) float64
}

func power(at int, a []float64, c float64, p float64) term {
	return term{at, a,
		func(t float64) float64 { return c * math.Pow(t, p) },
		func(t float64) float64 { return c * p * math.Pow(t, p-1) },
		func(t float64) float64 { return c * p * (p - 1) * math.Pow(t, p-2) }}
}

// powell is the extended Powell singular function (problem 22 there): the Hessian is
// singular at the minimiser 0.
func powell(n int) *hypergrad.Funcs {
	var terms []term
	for i := 0; i < n; i += 4 {
		terms = append(terms, power(i, []float64{1, 10}, 1, 2), power(i+2, []float64{1, -1}, 5, 2),
			power(i+1, []float64{1, -2}, 1, 4), power(i, []float64{1, 0, 0, -1}, 10, 4))
	}
	return ridges(n, terms)
}

// doubleWell is Σ ¼(y_i² − 1)² + ½c(y_i − y_{i+1})²: a maximum at 0, minima at ±1.
func doubleWell(n int, c float64) *hypergrad.Funcs {
	var terms []term
	for i := range n {
		terms = append(terms, term{i, []float64{1},
			func(t float64) float64 { return (t*t - 1) * (t*t - 1) / 4 },
			func(t float64) float64 { return t * (t*t - 1) },
			func(t float64) float64 { return 3*t*t - 1 }})
		if i+1 < n {
			terms = append(terms, power(i, []float64{1, -1}, c/2, 2))
		}
	}
	return ridges(n, terms)
}

func repeat(n int, values ...float64) []float64 {
	y := make([]float64, n)
	for i := range y {
		y[i] = values[i%len(values)]
	}
	return y
}

// solvers are the methods for an energy.
func solvers(atol float64) map[string]hypergrad.InnerSolver {
	return map[string]hypergrad.InnerSolver{
		"newton": &hypergrad.Newton{ATol: atol},
		"lbfgs":  &hypergrad.LBFGS{ATol: atol},
	}
}

func gradNorm(t *testing.T, p hypergrad.Equation, y, w []float64) float64 {
	t.Helper()
	g := make([]float64, len(y))
	if err := p.Residual(t.Context(), g, y, w); err != nil {
		t.Fatal(err)
	}
	s := 0.0
	for _, v := range g {
		s = math.Hypot(s, v)
	}
	return s
}

func TestInnerKnownMinimisers(t *testing.T) {
	wiggle := func(c float64) func(i int, y float64) bool {
		return func(_ int, y float64) bool { return math.Abs(math.Abs(y)-1) < c }
	}
	one := func(_ int, y float64) bool { return math.Abs(y-1) < 1e-8 }
	for _, c := range []struct {
		name   string
		p      *hypergrad.Funcs
		start  []float64
		atol   float64
		steps  map[string]int
		minim  func(i int, y float64) bool
		energy float64
	}{
		{"Rosenbrock", rosenbrock(2), repeat(2, -1.2, 1), 1e-10, map[string]int{"newton": 45, "lbfgs": 60}, one, 1e-20},
		{"extended Rosenbrock", rosenbrock(100), repeat(100, -1.2, 1), 1e-10, map[string]int{"newton": 45, "lbfgs": 60}, one, 1e-20},
		{"extended Powell", powell(40), repeat(40, 3, -1, 0, 1), 1e-8, map[string]int{"newton": 40, "lbfgs": 200},
			func(_ int, y float64) bool { return math.Abs(y) < 1e-2 }, 1e-8},
		{"double well, n = 1", doubleWell(1, 0), []float64{1e-9}, 1e-12, map[string]int{"newton": 40, "lbfgs": 40}, wiggle(1e-10), 1e-20},
		{"double well from beside its maximum", doubleWell(50, 0.1), repeat(50, 1e-9, 2e-9, -1e-9), 1e-12, map[string]int{"newton": 60, "lbfgs": 100},
			func(_ int, y float64) bool { return math.Abs(y) > 0.5 }, 13},
		{"quartic bowl", ridges(3, []term{power(0, []float64{1}, 1, 4), power(1, []float64{1}, 1, 2), power(2, []float64{1}, 100, 2)}),
			[]float64{1, 1, 1}, 1e-9, map[string]int{"newton": 30, "lbfgs": 60}, func(_ int, y float64) bool { return math.Abs(y) < 1e-3 }, 1e-9},
	} {
		for name, s := range solvers(c.atol) {
			y, w := append([]float64(nil), c.start...), []float64{0}
			res, err := s.Solve(t.Context(), c.p, y, w)
			if err != nil {
				t.Errorf("%s, %s: %v", c.name, name, err)
				continue
			}
			e, _ := c.p.EnergyValue(y, w)
			if n := gradNorm(t, c.p, y, w); n > c.atol*(1+1e-12) || math.Abs(n-res.GradNorm) > 1e-12*n || res.Energy != e {
				t.Errorf("%s, %s: ‖G‖ = %v and E = %v, reported %v and %v", c.name, name, n, e, res.GradNorm, res.Energy)
			}
			for i, v := range y {
				if !c.minim(i, v) {
					t.Errorf("%s, %s: y[%d] = %v", c.name, name, i, v)
					break
				}
			}
			if e > c.energy || res.Iterations > c.steps[name] {
				t.Errorf("%s, %s: E = %v after %d steps, want %v after at most %d", c.name, name, e, res.Iterations, c.energy, c.steps[name])
			}
			// What is called a minimiser has no direction of negative curvature.
			lin, err := c.p.Linearize(t.Context(), y, w)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, 1))
			v, hv := make([]float64, len(y)), make([]float64, len(y))
			for range 20 {
				q := 0.0
				for i := range v {
					v[i] = rng.NormFloat64()
				}
				if err := lin.Y.Apply(t.Context(), hv, v); err != nil {
					t.Fatal(err)
				}
				for i := range v {
					q += v[i] * hv[i]
				}
				if q < 0 {
					t.Errorf("%s, %s: curvature %v at the result", c.name, name, q)
				}
			}
		}
	}
}

// TestInnerOneStep: where H is the identity, or the preconditioner its inverse, one
// step does.
func TestInnerOneStep(t *testing.T) {
	d := []float64{1, 10, 1000}
	terms := make([]term, len(d))
	for i, v := range d {
		terms[i] = power(i, []float64{1}, v/2, 2)
	}
	p := ridges(3, terms)
	p.Diag = func(dst, y, w []float64) error { copy(dst, d); return nil }
	n := hypergrad.Newton{Precond: hypergrad.Jacobi}
	y := []float64{3, -2, 1}
	res, err := n.Solve(t.Context(), p, y, []float64{0})
	if err != nil || res.Iterations != 1 || res.Products != 1 || res.Energies != 2 || res.Gradients != 2 {
		t.Errorf("%+v, %v: want one step of one product, two energies and two gradients", res, err)
	}
}

func TestInnerUnbounded(t *testing.T) {
	linear := term{0, []float64{1, 2}, func(t float64) float64 { return t }, func(float64) float64 { return 1 }, func(float64) float64 { return 0 }}
	for name, c := range map[string]struct {
		p *hypergrad.Funcs
		y []float64
	}{
		"concave, n = 1": {ridges(1, []term{power(0, []float64{1}, -1, 2)}), []float64{1}},
		"linear":         {ridges(2, []term{linear}), []float64{0, 0}},
		"saddle":         {ridges(2, []term{power(0, []float64{1}, -1, 2), power(1, []float64{1}, 1, 2)}), []float64{1e-3, 1}},
		"quartic":        {ridges(2, []term{power(0, []float64{1}, -1, 4), power(1, []float64{1}, 1, 2)}), []float64{1, 1}},
	} {
		for method, s := range solvers(1e-10) {
			_, err := s.Solve(t.Context(), c.p, c.y, []float64{0})
			var not *hypergrad.NotStationaryError
			if !errors.Is(err, hypergrad.ErrUnbounded) || !errors.Is(err, hypergrad.ErrInnerNotStationary) || !errors.As(err, &not) {
				t.Errorf("%s, %s: %v", name, method, err)
			}
		}
	}
}

// TestInnerNaN: a trial outside of where the energy, or the gradient, is defined is
// not taken; a start there is an error.
func TestInnerNaN(t *testing.T) {
	barrier := func(gradientOnly bool) *hypergrad.Funcs {
		return unconstrained(1, func(y []float64) float64 {
			if gradientOnly && y[0] < 0 {
				return -1e3
			}
			return y[0] - math.Log(y[0])
		}, func(dst, y []float64) {
			dst[0] = 1 - 1/y[0]
			if y[0] <= 0 {
				dst[0] = math.NaN()
			}
		}, func(dst, v, y []float64) { dst[0] = v[0] / (y[0] * y[0]) })
	}
	for method, s := range solvers(1e-10) {
		for _, gradientOnly := range []bool{false, true} {
			y := []float64{10}
			if res, err := s.Solve(t.Context(), barrier(gradientOnly), y, []float64{0}); err != nil || math.Abs(y[0]-1) > 1e-9 {
				t.Errorf("%s: y = %v, %+v, %v", method, y, res, err)
			}
		}
		for want, p := range map[string]*hypergrad.Funcs{"the energy at the start is NaN": barrier(false), "NaN or Inf": barrier(true)} {
			if _, err := s.Solve(t.Context(), p, []float64{-1}, []float64{0}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", method, err, want)
			}
		}
	}
}

// TestInnerRounding: a tolerance below the rounding errors of the gradient is not met
// and not claimed to be.
func TestInnerRounding(t *testing.T) {
	for method, s := range solvers(1e-40) {
		y := repeat(20, 0.3, 0.7, 1.9)
		res, err := s.Solve(t.Context(), ridges(20, shifted(20)), y, []float64{0})
		var not *hypergrad.NotStationaryError
		if !errors.As(err, &not) || errors.Is(err, hypergrad.ErrUnbounded) || not.GradNorm > 1e-9 || res.Iterations > 300 {
			t.Errorf("%s: %+v, %v", method, res, err)
		}
	}
}

// shifted are terms (t−√(i+2))² + exp-like convex ones, with irrational minimisers.
func shifted(n int) []term {
	var terms []term
	for i := range n {
		c := math.Sqrt(float64(i + 2))
		terms = append(terms, term{i, []float64{1},
			func(t float64) float64 { return math.Cosh(t-c) + 1e3 },
			func(t float64) float64 { return math.Sinh(t - c) },
			func(t float64) float64 { return math.Cosh(t - c) }})
		if i > 0 {
			terms = append(terms, power(i-1, []float64{1, -0.3}, 1, 2))
		}
	}
	return terms
}

func TestInnerCancelAndMonitor(t *testing.T) {
	p := rosenbrock(20)
	for _, method := range []string{"newton", "lbfgs"} {
		ctx, cancel := context.WithCancel(t.Context())
		var seen []hypergrad.InnerProgress
		stopAt := 0
		monitor := func(q hypergrad.InnerProgress) {
			if seen = append(seen, q); len(seen) == stopAt {
				cancel()
			}
		}
		var s hypergrad.InnerSolver = &hypergrad.Newton{Monitor: monitor}
		if method == "lbfgs" {
			s = &hypergrad.LBFGS{Monitor: monitor}
		}
		res, err := s.Solve(ctx, p, repeat(20, -1.2, 1), []float64{0})
		if err != nil || len(seen) != res.Iterations {
			t.Fatalf("%s: %d calls of the monitor, %+v, %v", method, len(seen), res, err)
		}
		for i, q := range seen {
			if q.Iteration != i+1 || q.Tolerance != res.Tolerance || !(q.Step > 0) || i > 0 && q.Energy > seen[i-1].Energy {
				t.Errorf("%s: call %d got %+v", method, i, q)
			}
		}
		if last := seen[len(seen)-1]; last.GradNorm != res.GradNorm || last.Energy != res.Energy || last.Products != res.Products {
			t.Errorf("%s: the last call got %+v for %+v", method, last, res)
		}
		seen, stopAt = nil, 3
		if _, err := s.Solve(ctx, p, repeat(20, -1.2, 1), []float64{0}); !errors.Is(err, context.Canceled) || len(seen) != 3 {
			t.Errorf("%s: %d steps and %v after a cancellation in step 3", method, len(seen), err)
		}
		cancel()
	}
}

func TestInnerWorkers(t *testing.T) {
	const n = 4500
	p := doubleWell(n, 0.5)
	p.Diag = func(dst, y, w []float64) error {
		for i, v := range y {
			dst[i] = 3*v*v + 1
		}
		return nil
	}
	start := make([]float64, n)
	rng := rand.New(rand.NewPCG(3, 1))
	for i := range start {
		start[i] = rng.NormFloat64()
	}
	for _, method := range []string{"newton", "newton+jacobi", "lbfgs"} {
		var first []float64
		for _, workers := range []int{1, 2, 3, 7} {
			var s hypergrad.InnerSolver = &hypergrad.Newton{ATol: 1e-2, Workers: workers}
			switch method {
			case "lbfgs":
				s = &hypergrad.LBFGS{ATol: 1e-2, Workers: workers}
			case "newton+jacobi":
				s = &hypergrad.Newton{ATol: 1e-2, Workers: workers, Precond: hypergrad.Jacobi}
			}
			y := append([]float64(nil), start...)
			if _, err := s.Solve(t.Context(), p, y, []float64{0}); err != nil {
				t.Fatalf("%s: %v", method, err)
			}
			if first == nil {
				first = y
			}
			for i, v := range y {
				if v != first[i] {
					t.Fatalf("%s: %d workers: y[%d] = %v, with one %v", method, workers, i, v, first[i])
				}
			}
		}
	}
}

// together is an energy with both at once.
type together struct {
	*hypergrad.Funcs
	calls int
}

func (p *together) EnergyGradient(ctx context.Context, dst, y, w []float64) (float64, error) {
	p.calls++
	if err := p.Residual(ctx, dst, y, w); err != nil {
		return 0, err
	}
	return p.Energy(ctx, y, w)
}

func TestEnergyGradienter(t *testing.T) {
	for method := range solvers(1e-9) {
		apart, both := repeat(20, -1.2, 1), repeat(20, -1.2, 1)
		want, err := solvers(1e-9)[method].Solve(t.Context(), rosenbrock(20), apart, []float64{0})
		if err != nil {
			t.Fatal(err)
		}
		p := &together{Funcs: rosenbrock(20)}
		got, err := solvers(1e-9)[method].Solve(t.Context(), p, both, []float64{0})
		got.Elapsed, want.Elapsed = 0, 0
		if err != nil || got != want || p.calls != got.Energies {
			t.Errorf("%s: %+v, %v with %d calls, want %+v", method, got, err, p.calls, want)
		}
		for i := range apart {
			if apart[i] != both[i] {
				t.Fatalf("%s: y[%d] = %v, want %v", method, i, both[i], apart[i])
			}
		}
	}
}

func TestSolveTo(t *testing.T) {
	newton := &hypergrad.Newton{RTol: 1e-3, ATol: 7}
	lbfgs := &hypergrad.LBFGS{RTol: 1e-3, ATol: 7}
	for _, s := range []hypergrad.ToleranceSolver{newton, lbfgs} {
		y := repeat(20, -1.2, 1)
		steps := 0
		for _, atol := range []float64{1, 1e-4, 1e-9} {
			res, err := s.SolveTo(t.Context(), rosenbrock(20), y, []float64{0}, atol)
			if n := gradNorm(t, rosenbrock(20), y, []float64{0}); err != nil || n > atol || res.Tolerance != atol {
				t.Errorf("%T: ‖G‖ = %v, %+v, %v", s, n, res, err)
			}
			steps = res.Iterations
		}
		if steps > 15 {
			t.Errorf("%T: %d steps from a solution to 1e-4", s, steps)
		}
		for _, bad := range []float64{0, -1, math.NaN(), math.Inf(1)} {
			if _, err := s.SolveTo(t.Context(), rosenbrock(20), y, []float64{0}, bad); err == nil {
				t.Errorf("%T: no error for the tolerance %v", s, bad)
			}
		}
	}
	if newton.RTol != 1e-3 || newton.ATol != 7 || lbfgs.RTol != 1e-3 || lbfgs.ATol != 7 {
		t.Error("SolveTo changed the tolerances of the solver")
	}
}

// TestLBFGSPairs: with as many pairs as unknowns the preconditioner knows a quadratic.
func TestLBFGSPairs(t *testing.T) {
	const n = 12
	var terms []term
	for i := range n {
		terms = append(terms, power(i, []float64{1}, math.Pow(4, float64(i%6)), 2))
		if i > 0 {
			terms = append(terms, power(i-1, []float64{1, 0.5}, 1, 2))
		}
	}
	p := ridges(n, terms)
	p.Structure = hvp.SPD
	p.LossValue = func(dy, dw, y, w []float64) (float64, error) {
		for i := range dy {
			dy[i] = math.Sin(float64(i + 1))
		}
		return 1, nil
	}
	inner := hypergrad.LBFGS{Memory: 2 * n, RTol: 1e-12}
	y, w := repeat(n, 1, -2, 3), []float64{0}
	if _, err := inner.Solve(t.Context(), p, y, w); err != nil {
		t.Fatal(err)
	}
	var plain, with hypergrad.Estimator
	a, err := plain.Gradient(t.Context(), p, y, w, make([]float64, 1))
	if err != nil {
		t.Fatal(err)
	}
	with.Precond = inner.Preconditioner
	b, err := with.Gradient(t.Context(), p, y, w, make([]float64, 1))
	if err != nil {
		t.Fatal(err)
	}
	if b.Solve.Iterations >= a.Solve.Iterations || !strings.HasPrefix(b.Precond, "lbfgs(") {
		t.Errorf("%s: %d iterations, without %d", b.Precond, b.Solve.Iterations, a.Solve.Iterations)
	}
	if pairs, err := inner.Pairs(); err != nil || pairs.Len() == 0 {
		t.Errorf("pairs: %v, %v", pairs, err)
	}
	if _, err := inner.Preconditioner(t.Context(), &hvp.Func{Rows: n + 1}); err == nil {
		t.Error("no error for an operator of another order")
	}
	noEnergy := *p
	noEnergy.EnergyValue = nil
	if _, err := inner.Solve(t.Context(), &noEnergy, y, w); err == nil || errors.Is(err, hypergrad.ErrInnerNotStationary) {
		t.Errorf("L-BFGS without an energy: %v", err)
	}
}

// TestNewtonRefresh: a diagonal preconditioner is refreshed at each step. Another one is
// kept while CG needs few iterations; then it is refreshed, or made anew where it cannot
// be.
func TestNewtonRefresh(t *testing.T) {
	const n = 20
	p := ridges(n, shifted(n))
	p.Diag = func(dst, y, w []float64) error {
		for i := range dst {
			dst[i] = math.Cosh(y[i]-math.Sqrt(float64(i+2))) + 2
		}
		return nil
	}
	uneven := repeat(n, 1) // serves nobody
	for i := range uneven {
		uneven[i] = math.Pow(10, float64(i%5))
	}
	bad, err := hvp.NewDiagonal(uneven)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name                string
		make                hypergrad.PrecondFunc
		leastMade, mostMade int // mostMade 0: one at each step
		leastRefreshed      int
	}{
		{"diagonal", hypergrad.Jacobi, 1, 1, 0},
		{"good, kept", func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
			m, err := hypergrad.Jacobi(ctx, a)
			if err != nil {
				return nil, err
			}
			return precond.Wrap("once", m, nil)
		}, 1, 3, 0},
		{"bad, made anew", func(context.Context, hvp.Operator) (precond.Preconditioner, error) {
			return precond.Wrap("bad", bad, nil)
		}, 3, 0, 2},
	} {
		made, refreshed := 0, 0
		s := hypergrad.Newton{RTol: 1e-8, Precond: func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
			made++
			m, err := c.make(ctx, a)
			if err != nil {
				return nil, err
			}
			if _, diagonal := m.(hvp.DiagonalMatrix); diagonal {
				return m, nil
			}
			return precond.Wrap(m.String(), m, func(ctx context.Context, a hvp.Operator) error {
				refreshed++
				return m.Refresh(ctx, a)
			})
		}}
		res, err := s.Solve(t.Context(), p, repeat(n, 5, -3), []float64{0})
		most := c.mostMade
		if most == 0 {
			most = res.Iterations
		}
		if err != nil || made < c.leastMade || made > most || refreshed < c.leastRefreshed || res.Iterations < 3 {
			t.Errorf("%s: made %d times, refreshed %d times in %d steps: %v", c.name, made, refreshed, res.Iterations, err)
		}
	}
}
