package hypergrad_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
)

// near reports an error unless got is want to a relative tol.
func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Abs(want)) {
		t.Errorf("%s = %.17g, want %.17g", what, got, want)
	}
}

// sharp is an estimator to nearly all digits.
func sharp() *hypergrad.Estimator {
	return &hypergrad.Estimator{Settings: krylov.Settings{RTol: 1e-14}}
}

// adjointIdentity checks ⟨J·u, v⟩ = ⟨u, Jᵀ·v⟩ to 1e-12, Jᵀ·v by a loss vᵀy.
func adjointIdentity(t *testing.T, p hypergrad.Problem, est *hypergrad.Estimator, y, w []float64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 3))
	ny, nw := p.Dims()
	for range 3 {
		u, v := make([]float64, nw), make([]float64, ny)
		for i := range u {
			u[i] = rng.NormFloat64()
		}
		for i := range v {
			v[i] = rng.NormFloat64()
		}
		ju, jv := make([]float64, ny), make([]float64, nw)
		if _, err := est.Tangent(t.Context(), p, y, w, u, ju); err != nil {
			t.Fatal(err)
		}
		if _, err := est.Gradient(t.Context(), linearLoss{p, v}, y, w, jv); err != nil {
			t.Fatal(err)
		}
		left, right, size := 0.0, 0.0, 0.0
		for i := range v {
			left += ju[i] * v[i]
			size += math.Abs(ju[i] * v[i])
		}
		for i := range u {
			right += jv[i] * u[i]
		}
		if math.Abs(left-right) > 1e-12*size {
			t.Errorf("⟨Ju, v⟩ = %.17g, ⟨u, Jᵀv⟩ = %.17g", left, right)
		}
	}
}

// linearLoss is a problem with ℓ = vᵀy.
type linearLoss struct {
	hypergrad.Equation
	v []float64
}

func (l linearLoss) Loss(_ context.Context, dy, dw, y, _ []float64) (float64, error) {
	sum := 0.0
	for i, v := range l.v {
		sum += v * y[i]
	}
	if dy != nil {
		copy(dy, l.v)
	}
	if dw != nil {
		clear(dw)
	}
	return sum, nil
}

// sumLoss is ℓ = Σ y.
func sumLoss(dy, _, y, _ []float64) (float64, error) {
	sum := 0.0
	for i, v := range y {
		sum += v
		dy[i] = 1
	}
	return sum, nil
}

// squareRootThreeWays is y = √x as a minimum, a root and a fixed point.
func squareRootThreeWays() map[string]hypergrad.Problem {
	diagonal := func(d func(y, x float64) float64) func(dst, v, y, w []float64) error {
		return func(dst, v, y, w []float64) error {
			for i := range dst {
				dst[i] = d(y[i], w[i]) * v[i]
			}
			return nil
		}
	}
	yy := diagonal(func(y, _ float64) float64 { return 2 * y })
	yw := diagonal(func(_, _ float64) float64 { return -1 })
	// Heron's y ← (y + x/y)/2.
	fy := diagonal(func(y, x float64) float64 { return (1 - x/(y*y)) / 2 })
	fw := diagonal(func(y, _ float64) float64 { return 1 / (2 * y) })
	g := func(dst, y, w []float64) error {
		for i := range dst {
			dst[i] = y[i]*y[i] - w[i]
		}
		return nil
	}
	heron := func(dst, y, w []float64) error {
		for i := range dst {
			dst[i] = (y[i] + w[i]/y[i]) / 2
		}
		return nil
	}
	return map[string]hypergrad.Problem{
		"minimum":     squareRoot().p,
		"root":        &hypergrad.Root{NY: 2, NW: 2, G: g, JVP: yy, VJP: yy, JVPW: yw, VJPW: yw, LossValue: sumLoss},
		"fixed point": &hypergrad.FixedPoint{NY: 2, NW: 2, Map: heron, JVP: fy, VJP: fy, JVPW: fw, VJPW: fw, LossValue: sumLoss},
		// Everything by differences.
		"bare root":        &hypergrad.Root{NY: 2, NW: 2, G: g, LossValue: sumLoss},
		"bare fixed point": &hypergrad.FixedPoint{NY: 2, NW: 2, Map: heron, LossValue: sumLoss},
	}
}

func TestSquareRootThreeWays(t *testing.T) {
	w := []float64{4, 9}
	for name, p := range squareRootThreeWays() {
		t.Run(name, func(t *testing.T) {
			tol := 1e-13
			if strings.HasPrefix(name, "bare") {
				tol = 1e-8
			}
			y, grad := []float64{3, 5}, make([]float64, 2)
			inner := map[string]hypergrad.InnerSolver{"Newton": &hypergrad.Newton{RTol: 1e-15, ATol: 1e-14}}
			if _, ok := p.(*hypergrad.FixedPoint); ok {
				inner["Anderson"] = &hypergrad.Anderson{RTol: 1e-15, ATol: 1e-15}
				inner["Picard"] = &hypergrad.Anderson{RTol: 1e-15, ATol: 1e-15, Memory: -1}
			}
			for how, s := range inner {
				copy(y, []float64{3, 5})
				if _, err := s.Solve(t.Context(), p, y, w); err != nil {
					t.Fatalf("%s: %v", how, err)
				}
				near(t, how+" y[0]", y[0], 2, 1e-14)
				near(t, how+" y[1]", y[1], 3, 1e-14)
			}
			if _, err := sharp().Gradient(t.Context(), p, y, w, grad); err != nil {
				t.Fatal(err)
			}
			near(t, "dL/dx[0]", grad[0], 0.25, tol)
			near(t, "dL/dx[1]", grad[1], 1.0/6, tol)
			if tol < 1e-8 {
				adjointIdentity(t, p, sharp(), y, w)
			}
		})
	}
}

// ring is G_i = 2y_i + tanh(y_{i+1}) − ½·y_{i−1}·w_i − w_{i+1}: nonsymmetric.
func ring(n int) *hypergrad.Root {
	next := func(i int) int { return (i + 1) % n }
	prev := func(i int) int { return (i + n - 1) % n }
	slope := func(y float64) float64 { t := math.Tanh(y); return 1 - t*t }
	return &hypergrad.Root{NY: n, NW: n,
		G: func(dst, y, w []float64) error {
			for i := range dst {
				dst[i] = 2*y[i] + math.Tanh(y[next(i)]) - 0.5*y[prev(i)]*w[i] - w[next(i)]
			}
			return nil
		},
		JVP: func(dst, v, y, w []float64) error {
			for i := range dst {
				dst[i] = 2*v[i] + slope(y[next(i)])*v[next(i)] - 0.5*w[i]*v[prev(i)]
			}
			return nil
		},
		VJP: func(dst, q, y, w []float64) error {
			for i := range dst {
				dst[i] = 2*q[i] + slope(y[i])*q[prev(i)] - 0.5*w[next(i)]*q[next(i)]
			}
			return nil
		},
		JVPW: func(dst, u, y, w []float64) error {
			for i := range dst {
				dst[i] = -0.5*y[prev(i)]*u[i] - u[next(i)]
			}
			return nil
		},
		VJPW: func(dst, q, y, w []float64) error {
			for i := range dst {
				dst[i] = -0.5*y[prev(i)]*q[i] - q[prev(i)]
			}
			return nil
		},
		LossValue: func(dy, dw, y, w []float64) (float64, error) {
			l := 0.0
			for i, v := range y {
				dy[i], dw[i] = v, 0.1
				l += 0.5*v*v + 0.1*w[i]
			}
			return l, nil
		},
	}
}

// solveAndCheck solves p from y, compares with differences of the re-solved problem
// along a random direction, and checks the adjoint identity.
func solveAndCheck(t *testing.T, p hypergrad.Problem, inner hypergrad.InnerSolver, est *hypergrad.Estimator, y, w []float64, tol float64) (grad []float64, rep hypergrad.Report) {
	t.Helper()
	if _, err := inner.Solve(t.Context(), p, y, w); err != nil {
		t.Fatal(err)
	}
	grad = make([]float64, len(w))
	rep, err := est.Gradient(t.Context(), p, y, w, grad)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 5))
	u := make([]float64, len(w))
	for i := range u {
		u[i] = rng.NormFloat64()
	}
	d, err := hypergrad.CheckGradient(t.Context(), p, inner, y, w, grad, u, 0)
	if err != nil {
		t.Fatal(err)
	}
	if d.Error() > tol {
		t.Errorf("hypergradient along a direction %.12g, by differences %.12g", d.Predicted, d.Measured)
	}
	adjointIdentity(t, p, est, y, w)
	return grad, rep
}

func TestRoot(t *testing.T) {
	const n = 60
	p := ring(n)
	y, w := make([]float64, n), make([]float64, n)
	for i := range w {
		w[i] = math.Sin(float64(i))
	}
	newton := &hypergrad.Newton{RTol: 1e-15, ATol: 1e-13}
	grad, rep := solveAndCheck(t, p, newton, sharp(), y, w, 1e-8)
	if !strings.HasPrefix(rep.Solve.Method, "gmres") {
		t.Errorf("method %s", rep.Solve.Method)
	}
	if _, err := hypergrad.Check(t.Context(), p, y, w, nil); err != nil {
		t.Error(err)
	}
	// What is left out costs digits at most.
	for what, drop := range map[string]func(q *hypergrad.Root){
		"VJP":  func(q *hypergrad.Root) { q.VJP = nil },
		"VJPW": func(q *hypergrad.Root) { q.VJPW = nil },
		"JVP":  func(q *hypergrad.Root) { q.JVP = nil },
		"all":  func(q *hypergrad.Root) { q.JVP, q.VJP, q.JVPW, q.VJPW = nil, nil, nil, nil },
	} {
		q, got := *p, make([]float64, n)
		drop(&q)
		rep, err := sharp().Gradient(t.Context(), &q, y, w, got)
		if err != nil {
			t.Fatalf("without %s: %v", what, err)
		}
		tol := 1e-12
		if what == "all" {
			tol = 1e-7
		}
		if (what == "all") != (rep.ProductAccuracy > 0) {
			t.Errorf("without %s: accuracy of the adjoint's products %v", what, rep.ProductAccuracy)
		}
		for i := range got {
			if math.Abs(got[i]-grad[i]) > tol {
				t.Errorf("without %s: dL/dw[%d] = %v, want %v", what, i, got[i], grad[i])
			}
		}
	}
	if _, err := sharp().Gradient(t.Context(), &hypergrad.Root{NY: 1, NW: 1}, []float64{1}, []float64{1}, grad[:1]); err == nil || !strings.Contains(err.Error(), "without G") {
		t.Errorf("no G: %v", err)
	}
	big := &hypergrad.Root{NY: 1 << 13, NW: 1, G: p.G, JVP: p.JVP, VJPW: p.VJPW, LossValue: sumLoss}
	lin, err := big.Linearize(t.Context(), make([]float64, 1<<13), w[:1])
	if err != nil {
		t.Fatal(err)
	}
	tr, _ := hvp.Trans(lin.Y)
	if err := tr.ApplyTrans(t.Context(), make([]float64, 1<<13), make([]float64, 1<<13)); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("a large problem without VJP: %v", err)
	}
}

// TestAnderson: for a linear contraction with radius 0.99 the acceleration takes a
// small part of the evaluations of Picard's iteration, and a map that is no
// contraction is solved where a mixture of it is one, or refused.
func TestAnderson(t *testing.T) {
	const n = 50
	linear := func(d func(i int) float64) *hypergrad.FixedPoint {
		return &hypergrad.FixedPoint{NY: n, NW: 1, LossValue: sumLoss, Map: func(dst, y, w []float64) error {
			for i := range dst {
				dst[i] = d(i)*y[i] + w[0]
			}
			return nil
		}}
	}
	slow := linear(func(i int) float64 { return 0.99 * float64(i) / (n - 1) })
	count := map[int]int{}
	for _, memory := range []int{-1, 0, 20} {
		y := make([]float64, n)
		res, err := (&hypergrad.Anderson{RTol: 1e-12, Memory: memory}).Solve(t.Context(), slow, y, []float64{1})
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range y {
			near(t, "y", v, 1/(1-0.99*float64(i)/(n-1)), 1e-9)
		}
		count[memory] = res.Iterations
	}
	if !(count[20] < count[0] && 4*count[0] < count[-1]) {
		t.Errorf("evaluations by memory: %v", count)
	}
	// Eigenvalues to −3: only a mixture contracts; the acceleration finds it.
	y := make([]float64, n)
	if _, err := (&hypergrad.Anderson{RTol: 1e-12, Memory: 10}).Solve(t.Context(), linear(func(i int) float64 { return -3 * float64(i) / n }), y, []float64{1}); err != nil {
		t.Errorf("eigenvalues to -3: %v", err)
	}
	var refused *hypergrad.NotStationaryError
	_, err := (&hypergrad.Anderson{Memory: -1}).Solve(t.Context(), linear(func(i int) float64 { return 1.5 }), make([]float64, n), []float64{1})
	if !errors.As(err, &refused) || !strings.Contains(refused.Reason, "no contraction") {
		t.Errorf("an expansion: %v", err)
	}
	for name, s := range map[string]*hypergrad.Anderson{"mixing": {Mixing: 2}} {
		if _, err := s.Solve(t.Context(), slow, y, []float64{1}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	nan := linear(func(int) float64 { return math.NaN() })
	if _, err := new(hypergrad.Anderson).Solve(t.Context(), nan, y, []float64{1}); err == nil {
		t.Error("NaN: no error")
	}
	// The same bits for any number of workers, and from the second solve on.
	var first []float64
	s := new(hypergrad.Anderson)
	for _, workers := range []int{1, 2, 3, 7} {
		s.Workers = workers
		y := make([]float64, n)
		if _, err := s.Solve(t.Context(), slow, y, []float64{1}); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = y
		} else if !slices.Equal(first, y) {
			t.Errorf("%d workers: other bits", workers)
		}
	}
}

// network is a chain of tanh layers with weights of its own, the last two layers
// sharing theirs.
func network(sizes []int, share bool) (*hypergrad.Layered, []float64) {
	rng := rand.New(rand.NewPCG(7, 7))
	p := &hypergrad.Layered{Input: make([]float64, sizes[0])}
	for i := range p.Input {
		p.Input[i] = rng.NormFloat64()
	}
	for k := 1; k < len(sizes); k++ {
		m, n := sizes[k], sizes[k-1]
		from := p.NW
		if share && k == len(sizes)-1 {
			from -= m * n
		} else {
			p.NW += m * n
		}
		matrix := func(w []float64) *mat.Dense { return mat.NewDense(m, n, w) }
		pre := func(x, w []float64) []float64 {
			z := mat.NewVecDense(m, nil)
			z.MulVec(matrix(w), mat.NewVecDense(n, x))
			return z.RawVector().Data
		}
		slopes := func(x, w []float64) []float64 {
			z := pre(x, w)
			for i, v := range z {
				z[i] = 1 - math.Tanh(v)*math.Tanh(v)
			}
			return z
		}
		weigh := func(s, q []float64) *mat.VecDense {
			for i := range s {
				s[i] *= q[i]
			}
			return mat.NewVecDense(m, s)
		}
		p.Layers = append(p.Layers, hypergrad.Layer{Size: m, From: from, To: from + m*n,
			F: func(dst, x, w []float64) error {
				for i, v := range pre(x, w) {
					dst[i] = math.Tanh(v)
				}
				return nil
			},
			JVP: func(dst, v, x, w []float64) error {
				copy(dst, weigh(slopes(x, w), pre(v, w)).RawVector().Data)
				return nil
			},
			VJP: func(dst, q, x, w []float64) error {
				mat.NewVecDense(n, dst).MulVec(matrix(w).T(), weigh(slopes(x, w), q))
				return nil
			},
			JVPW: func(dst, u, x, w []float64) error {
				copy(dst, weigh(slopes(x, w), pre(x, u)).RawVector().Data)
				return nil
			},
			VJPW: func(dst, q, x, w []float64) error {
				mat.NewDense(m, n, dst).Outer(1, weigh(slopes(x, w), q), mat.NewVecDense(n, x))
				return nil
			},
		})
	}
	last := sizes[len(sizes)-1]
	p.LossValue = func(dy, _, y, _ []float64) (float64, error) {
		l := 0.0
		for i := len(y) - last; i < len(y); i++ {
			l += 0.5 * (y[i] - 0.3) * (y[i] - 0.3)
			dy[i] = y[i] - 0.3
		}
		return l, nil
	}
	w := make([]float64, p.NW)
	for i := range w {
		w[i] = rng.NormFloat64() / 2
	}
	return p, w
}

// TestLayered: with back substitution the adjoint of a network takes one iteration,
// and without it, being nilpotent plus the identity, as many as there are layers.
func TestLayered(t *testing.T) {
	for _, share := range []bool{false, true} {
		p, w := network([]int{3, 5, 4, 4, 4}, share)
		ny, _ := p.Dims()
		est := sharp()
		est.Precond = hypergrad.BackSubstitution
		y := make([]float64, ny)
		grad, rep := solveAndCheck(t, p, p, est, y, w, 1e-8)
		if rep.Solve.Iterations != 1 || rep.Precond != "back substitution" {
			t.Errorf("%d iterations with %s", rep.Solve.Iterations, rep.Precond)
		}
		plain := make([]float64, len(w))
		rep, err := sharp().Gradient(t.Context(), p, y, w, plain)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Solve.Iterations > 4 {
			t.Errorf("%d iterations without preconditioner for 4 layers", rep.Solve.Iterations)
		}
		for i := range grad {
			if math.Abs(grad[i]-plain[i]) > 1e-13 {
				t.Errorf("dL/dw[%d] = %v and %v", i, grad[i], plain[i])
			}
		}
		if _, err := hypergrad.Check(t.Context(), p, y, w, nil); err != nil {
			t.Error(err)
		}
	}
	p, w := network([]int{2, 3}, false)
	y := make([]float64, 3)
	if _, err := p.Solve(t.Context(), ring(3), y, w[:3]); err == nil {
		t.Error("a Layered solved another problem")
	}
	p.Layers[0].VJP = nil
	if _, err := p.Solve(t.Context(), p, y, w); err == nil || !strings.Contains(err.Error(), "layer 0 lacks") {
		t.Errorf("a layer without VJP: %v", err)
	}
	if _, err := hypergrad.BackSubstitution(t.Context(), &hvp.Func{Rows: 1}); err == nil {
		t.Error("back substitution of any operator")
	}
}

// TestRankDeficient: E = ½(y₁ + y₂ − w)² has a line of minimisers. A loss that does
// not change along it has a hypergradient, any other has none.
func TestRankDeficient(t *testing.T) {
	// ℓ = ½(y₁+y₂)² + c·(y₁−y₂)
	problem := func(c float64) *hypergrad.Funcs {
		return &hypergrad.Funcs{NY: 2, NW: 1, Structure: hvp.Semidefinite | hvp.Singular,
			Gradient: func(dst, y, w []float64) error {
				dst[0] = y[0] + y[1] - w[0]
				dst[1] = dst[0]
				return nil
			},
			HVP: func(dst, v, y, w []float64) error {
				dst[0] = v[0] + v[1]
				dst[1] = dst[0]
				return nil
			},
			Mixed:      func(dst, q, y, w []float64) error { dst[0] = -q[0] - q[1]; return nil },
			MixedTrans: func(dst, u, y, w []float64) error { dst[0], dst[1] = -u[0], -u[0]; return nil },
			LossValue: func(dy, dw, y, w []float64) (float64, error) {
				s := y[0] + y[1]
				dy[0], dy[1] = s+c, s-c
				return 0.5*s*s + c*(y[0]-y[1]), nil
			},
		}
	}
	y, w, grad, dy := []float64{1, 2}, []float64{3}, make([]float64, 1), make([]float64, 2)
	if _, err := sharp().Gradient(t.Context(), problem(0), y, w, grad); err != nil {
		t.Fatal(err)
	}
	near(t, "dL/dw", grad[0], 3, 1e-14)
	if _, err := sharp().Tangent(t.Context(), problem(0), y, w, []float64{1}, dy); err != nil {
		t.Fatal(err)
	}
	near(t, "dy/dw[0]", dy[0], 0.5, 1e-14) // at right angles to the line
	near(t, "dy/dw[1]", dy[1], 0.5, 1e-14)
	rep, err := sharp().Gradient(t.Context(), problem(0.4), y, w, grad)
	var u *hypergrad.UndefinedError
	if !errors.Is(err, hypergrad.ErrUndefined) || !errors.As(err, &u) {
		t.Fatalf("∂ℓ/∂y along the null space: %v, status %v", err, rep.Solve.Status)
	}
	near(t, "part outside of the range", u.Residual, 0.4*math.Sqrt2, 1e-12)
	near(t, "‖∂ℓ/∂y‖", u.Slope, math.Hypot(3.4, 2.6), 1e-12)
	// Also without the promise, by whatever method.
	p := problem(0.4)
	p.Structure = hvp.Symmetric
	if _, err := sharp().Gradient(t.Context(), p, y, w, grad); !errors.Is(err, hypergrad.ErrUndefined) || !errors.Is(err, krylov.Inconsistent) {
		t.Errorf("without the promise: %v", err)
	}
	// A tangent may have none either: G = (y₁+y₂−w, y₁+y₂+w) has no solution for w ≠ 0.
	p = problem(0)
	p.MixedTrans = func(dst, u, y, w []float64) error { dst[0], dst[1] = -u[0], u[0]; return nil }
	if _, err := sharp().Tangent(t.Context(), p, y, w, []float64{1}, dy); !errors.Is(err, hypergrad.ErrUndefined) || !strings.Contains(err.Error(), "tangent") {
		t.Errorf("tangent: %v", err)
	}
}

// TestErrorBarOfEquations: the error bar holds for equations without energy too.
func TestErrorBarOfEquations(t *testing.T) {
	root, z, x := ring(20), []float64{0.5, 0.5, -0.5, 1}, []float64{0.9, 1.2, -2}
	w := make([]float64, 20)
	for i := range w {
		w[i] = math.Cos(float64(i))
	}
	for name, c := range map[string]struct {
		p    hypergrad.Problem
		y, w []float64
	}{
		"root":        {root, make([]float64, 20), w},
		"constrained": {sphere([]float64{1, -0.5, 0.25}, false), z, x},
	} {
		if _, err := (&hypergrad.Newton{ATol: 1e-13}).Solve(t.Context(), c.p, c.y, c.w); err != nil {
			t.Fatal(err)
		}
		exact, rough := make([]float64, len(c.w)), make([]float64, len(c.w))
		if _, err := sharp().Gradient(t.Context(), c.p, c.y, c.w, exact); err != nil {
			t.Fatal(err)
		}
		for i := range c.y {
			c.y[i] += 1e-4 * math.Sin(float64(3*i+1))
		}
		est := sharp()
		rep, err := est.Gradient(t.Context(), c.p, c.y, c.w, rough)
		if err != nil {
			t.Fatal(err)
		}
		truth := 0.0
		for i := range exact {
			truth = math.Hypot(truth, rough[i]-exact[i])
		}
		if !rep.Error.Trusted || !(rep.Error.Estimate > 0.9*truth && rep.Error.Estimate < 1.1*truth) {
			t.Errorf("%s: error %.3g, estimated %.3g, note %q", name, truth, rep.Error.Estimate, rep.Error.Note)
		}
	}
}
