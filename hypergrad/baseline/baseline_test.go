package baseline_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/hypergrad/baseline"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/problems"
)

// solved is a quadratic problem with its solution and all that formulas need.
type solved struct {
	p             *problems.Quadratic
	y0, y, w      []float64
	b, q, dw      []float64 // ∂ℓ/∂y, A⁻¹b and ∂ℓ/∂w at y
	exact         []float64 // dL/dw
	lin           hypergrad.Linearization
	ny, nw        int
	smallest, top float64
}

// quadratic returns a problem with eigenvalues between 1/cond and 1.
func quadratic(t *testing.T, ny, nw int, cond float64) *solved {
	t.Helper()
	p, err := problems.NewQuadratic(ny, nw, &problems.QuadraticSettings{Cond: cond, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	vector := func(n int) []float64 { return make([]float64, n) }
	c := &solved{p: p, ny: ny, nw: nw, y0: vector(ny), y: vector(ny), w: vector(nw), b: vector(ny), q: vector(ny), dw: vector(nw), exact: vector(nw),
		smallest: slices.Min(p.Eigenvalues()), top: slices.Max(p.Eigenvalues())}
	for i := range c.w {
		c.w[i] = 0.3 + 0.1*float64(i)
	}
	for i := range c.y0 {
		c.y0[i] = math.Sin(float64(3 * i))
	}
	ctx := t.Context()
	if _, err := p.Exact(ctx, c.y, c.exact, c.w); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Loss(ctx, c.b, c.dw, c.y, c.w); err != nil {
		t.Fatal(err)
	}
	if c.lin, err = p.Linearize(ctx, c.y, c.w); err != nil {
		t.Fatal(err)
	}
	if _, err := krylov.Solve(ctx, c.lin.Y, c.q, c.b, &krylov.Settings{RTol: 1e-14}); err != nil {
		t.Fatal(err)
	}
	return c
}

// contract sets x ← (I − a·A)^k·x.
func (c *solved) contract(t *testing.T, x []float64, a float64, k int) []float64 {
	t.Helper()
	x = slices.Clone(x)
	ax := make([]float64, c.ny)
	for range k {
		if err := c.lin.Y.Apply(t.Context(), ax, x); err != nil {
			t.Fatal(err)
		}
		for i := range x {
			x[i] -= a * ax[i]
		}
	}
	return x
}

// mixed returns dst + s·(∂G/∂w)ᵀ·x.
func (c *solved) mixed(t *testing.T, dst []float64, s float64, x []float64) []float64 {
	t.Helper()
	v := make([]float64, c.nw)
	tr, _ := hvp.Trans(c.lin.W)
	if err := tr.ApplyTrans(t.Context(), v, x); err != nil {
		t.Fatal(err)
	}
	for i := range v {
		v[i] = dst[i] + s*v[i]
	}
	return v
}

func distance(a, b []float64) float64 {
	d, n := 0.0, 0.0
	for i := range a {
		d, n = math.Hypot(d, a[i]-b[i]), math.Hypot(n, b[i])
	}
	return d / n
}

func (c *solved) estimate(t *testing.T, e baseline.Estimator, y []float64) ([]float64, baseline.Report) {
	t.Helper()
	grad := make([]float64, c.nw)
	rep, err := e.Gradient(t.Context(), c.p, y, c.w, grad)
	if err != nil {
		t.Fatalf("%v: %v", e, err)
	}
	return grad, rep
}

// TestSeriesErrors: on a quadratic problem the error of each series is known:
// q − q_k = (I − aA)^k·q.
func TestSeriesErrors(t *testing.T) {
	c := quadratic(t, 60, 3, 20)
	const a = 1.3
	for _, k := range []int{1, 2, 3, 10, 40} {
		want := c.mixed(t, c.exact, 1, c.contract(t, c.q, a, k))
		got, rep := c.estimate(t, &baseline.Neumann{Terms: k, Step: a}, c.y)
		if d := distance(got, want); d > 1e-12 {
			t.Errorf("neumann(%d): %.3g from the formula", k, d)
		}
		// The error falls as ρ^k.
		rho := max(math.Abs(1-a*c.top), math.Abs(1-a*c.smallest))
		if d := distance(got, c.exact); d > 10*math.Pow(rho, float64(k)) {
			t.Errorf("neumann(%d): error %.3g, ρ^k = %.3g", k, d, math.Pow(rho, float64(k)))
		}
		if rep.HVPs != k-1+rep.SpectrumHVPs || rep.Mixed != 1 || rep.Gradients != 0 || rep.Step != a {
			t.Errorf("neumann(%d): %+v", k, rep)
		}
		// k steps of gradient descent from the solution, differentiated, are the
		// same (Shaban et al. 2019).
		if same, _ := c.estimate(t, &baseline.Unrolled{Steps: k, Step: a}, c.y); distance(same, want) > 1e-12 {
			t.Errorf("unrolled-gd(%d) from the solution: %.3g from the formula", k, distance(same, want))
		}
	}
	// One step: q_1 = a·b.
	one, _ := c.estimate(t, &baseline.OneStep{Step: a}, c.y)
	if d := distance(one, c.mixed(t, c.dw, -a, c.b)); d > 1e-14 {
		t.Errorf("one-step: %.3g from the formula", d)
	}
	if d := distance(one, c.mixed(t, c.exact, 1, c.contract(t, c.q, a, 1))); d > 1e-12 {
		t.Errorf("one-step: error %.3g from (I − aA)q", d)
	}
	t1t2, rep := c.estimate(t, &baseline.T1T2{}, c.y)
	if d := distance(t1t2, c.mixed(t, c.dw, -1, c.b)); d > 1e-14 || rep.HVPs != 0 || rep.Mixed != 1 || rep.Vectors != 1 {
		t.Errorf("t1-t2: %.3g from the formula, %+v", d, rep)
	}
	if scaled, _ := c.estimate(t, &baseline.T1T2{Scale: a}, c.y); !slices.Equal(scaled, one) {
		t.Error("t1-t2 with the step of one-step differs from it")
	}
}

// TestUnrolledClosedForm: from any start, the gradient of ℓ(y_T(w), w) on a
// quadratic is ∂ℓ/∂w − a·Σ_{i<T} Cᵀ(I−aA)^i·b(y_T).
func TestUnrolledClosedForm(t *testing.T) {
	c := quadratic(t, 50, 4, 10)
	const a, steps = 1.1, 9
	y, g := slices.Clone(c.y0), make([]float64, c.ny)
	for range steps {
		if err := c.p.Residual(t.Context(), g, y, c.w); err != nil {
			t.Fatal(err)
		}
		for i := range y {
			y[i] -= a * g[i]
		}
	}
	b, want := make([]float64, c.ny), make([]float64, c.nw)
	loss, err := c.p.Loss(t.Context(), b, want, y, c.w)
	if err != nil {
		t.Fatal(err)
	}
	for i := range steps {
		want = c.mixed(t, want, -a, c.contract(t, b, a, i))
	}
	got, rep := c.estimate(t, &baseline.Unrolled{Steps: steps, Step: a}, c.y0)
	if d := distance(got, want); d > 1e-13 {
		t.Errorf("%.3g from the closed form", d)
	}
	if math.Abs(rep.Loss-loss) > 1e-12*loss || rep.InnerSteps != steps {
		t.Errorf("%+v, loss %v", rep, loss)
	}
}

// TestConvergence: with a large budget all series and runs come to the truth.
func TestConvergence(t *testing.T) {
	c := quadratic(t, 40, 3, 10)
	for _, k := range []struct {
		e     baseline.Estimator
		start bool
		tol   float64
	}{
		{&baseline.Implicit{RTol: 1e-13}, false, 1e-12},
		{&baseline.CG{Steps: 60}, false, 1e-12},
		{&baseline.Neumann{Terms: 400}, false, 1e-12},
		{&baseline.FixedPoint{Steps: 200}, false, 1e-12},
		{&baseline.FixedPoint{Steps: 300, Step: 1, Momentum: 0.3}, false, 1e-12},
		{&baseline.Unrolled{Steps: 500}, true, 1e-12},
		{&baseline.Unrolled{Steps: 300, HeavyBall: true}, true, 1e-12},
		{&baseline.Unrolled{Steps: 500, Reverse: 400}, true, 1e-12},
		{&baseline.UnrolledLBFGS{Steps: 80}, true, 1e-7},
		{&baseline.Difference{}, false, 1e-9},
	} {
		y := c.y
		if k.start {
			y = c.y0
		}
		got, rep := c.estimate(t, k.e, y)
		if d := distance(got, c.exact); !(d <= k.tol) {
			t.Errorf("%v: error %.3g, want %.0g; %+v", k.e, d, k.tol, rep)
		}
	}
	// The heavy ball is as fast as its κ says, gradient descent is not.
	ball, _ := c.estimate(t, &baseline.FixedPoint{Steps: 40}, c.y)
	plain, _ := c.estimate(t, &baseline.Neumann{Terms: 40}, c.y)
	if distance(ball, c.exact) > 0.01*distance(plain, c.exact) {
		t.Errorf("after 40 steps: heavy ball %.2g, gradient descent %.2g", distance(ball, c.exact), distance(plain, c.exact))
	}
}

// TestLargeSteps: a step that is too large is named before it does harm, and
// where the check is off, the growth is.
func TestLargeSteps(t *testing.T) {
	c := quadratic(t, 40, 3, 10)
	grad := make([]float64, c.nw)
	for _, e := range []baseline.Estimator{
		&baseline.Neumann{Terms: 3, Step: 2.05},
		&baseline.OneStep{Step: 2.5},
		&baseline.FixedPoint{Steps: 3, Step: 3.7, Momentum: 0.8},
		&baseline.Unrolled{Steps: 3, Step: 2.1},
		&baseline.Unrolled{Steps: 3, Step: 3.1, HeavyBall: true, Momentum: 0.5},
	} {
		rep, err := e.Gradient(t.Context(), c.p, c.y, c.w, grad)
		var large *baseline.StepTooLargeError
		if !errors.As(err, &large) || math.Abs(large.Eigenvalue-1) > 0.05 || !(large.Limit < large.Step) || rep.Mixed != 0 {
			t.Errorf("%v: %v, %+v", e, err, rep)
		}
	}
	for _, e := range []baseline.Estimator{
		&baseline.Neumann{Terms: 300, Step: 2.2, Unchecked: true},
		&baseline.FixedPoint{Steps: 3000, Step: 4, Momentum: 0.5, Unchecked: true},
		&baseline.Unrolled{Steps: 3000, Step: 2.2, Unchecked: true},
		&baseline.Unrolled{Steps: 3000, Step: 4, HeavyBall: true, Momentum: 0.5, Unchecked: true},
	} {
		rep, err := e.Gradient(t.Context(), c.p, c.y0, c.w, grad)
		var div *baseline.DivergedError
		if !errors.As(err, &div) || !(div.Growth > 1) || div.Step < 1 || rep.SpectrumHVPs != 0 {
			t.Errorf("%v: %v, %+v", e, err, rep)
		}
	}
	// A step that converges in spite of a bound that does not prove it.
	if _, rep := c.estimate(t, &baseline.Neumann{Terms: 3, Step: 1.99}, c.y); rep.SpectrumHVPs == 0 || rep.LargestEigenvalue > 1+1e-12 {
		t.Errorf("%+v", rep)
	}
}

// diagonal is E = ½·Σ λ_i·y_i² − w·Σ y_i, ℓ = Σ y_i with λ = (2, 1, last), which
// promises to be symmetric.
func diagonal(last float64) *hypergrad.Funcs {
	lambda := []float64{2, 1, last}
	return &hypergrad.Funcs{NY: 3, NW: 1, Structure: hvp.Symmetric,
		Gradient: func(dst, y, w []float64) error {
			for i, v := range y {
				dst[i] = lambda[i]*v - w[0]
			}
			return nil
		},
		HVP: func(dst, v, y, w []float64) error {
			for i := range v {
				dst[i] = lambda[i] * v[i]
			}
			return nil
		},
		Mixed: func(dst, q, y, w []float64) error { dst[0] = -(q[0] + q[1] + q[2]); return nil },
		LossValue: func(dy, _, y, _ []float64) (float64, error) {
			dy[0], dy[1], dy[2] = 1, 1, 1
			return y[0] + y[1] + y[2], nil
		},
	}
}

// TestIndefinite: no iteration here can invert an indefinite matrix, and all say so.
func TestIndefinite(t *testing.T) {
	y, w, grad := []float64{0.5, 1, -1}, []float64{1}, make([]float64, 1)
	for _, e := range []baseline.Estimator{&baseline.CG{Steps: 3}, &baseline.Neumann{Terms: 3}, &baseline.FixedPoint{Steps: 3}, &baseline.OneStep{}} {
		if _, err := e.Gradient(t.Context(), diagonal(-1), y, w, grad); !errors.Is(err, krylov.NegativeCurvature) {
			t.Errorf("%v: %v", e, err)
		}
	}
	var div *baseline.DivergedError
	if _, err := (&baseline.Neumann{Terms: 200, Step: 0.3, Unchecked: true}).Gradient(t.Context(), diagonal(-1), y, w, grad); !errors.As(err, &div) {
		t.Errorf("neumann without a check: %v", err)
	}
	// The theorem does not mind: dL/dw = Σ 1/λ = ½.
	if _, err := (&baseline.Implicit{Method: new(krylov.MINRES)}).Gradient(t.Context(), diagonal(-1), y, w, grad); err != nil || math.Abs(grad[0]-0.5) > 1e-12 {
		t.Errorf("implicit: %v, %v", grad, err)
	}
}

// rotationMap is y = Φ(y, w) = R·y + w with a nonsymmetric contraction R.
type rotationMap struct{}

func (rotationMap) Dims() (ny, nw int) { return 2, 2 }
func (rotationMap) Residual(_ context.Context, dst, y, w []float64) error {
	dst[0] = y[0] - 0.3*y[0] + 0.5*y[1] - w[0]
	dst[1] = y[1] - 0.5*y[0] - 0.2*y[1] - w[1]
	return nil
}
func (rotationMap) Loss(_ context.Context, dy, dw, y, _ []float64) (float64, error) {
	if dy != nil {
		dy[0], dy[1] = 1, 2
	}
	clear(dw)
	return y[0] + 2*y[1], nil
}
func (rotationMap) Linearize(context.Context, []float64, []float64) (hypergrad.Linearization, error) {
	h := [2][2]float64{{0.7, 0.5}, {-0.5, 0.8}}
	return hypergrad.Linearization{
		Y: &hvp.Func{Rows: 2, Cols: 2,
			Mul: func(_ context.Context, dst, x []float64) error {
				dst[0], dst[1] = h[0][0]*x[0]+h[0][1]*x[1], h[1][0]*x[0]+h[1][1]*x[1]
				return nil
			},
			MulTrans: func(_ context.Context, dst, x []float64) error {
				dst[0], dst[1] = h[0][0]*x[0]+h[1][0]*x[1], h[0][1]*x[0]+h[1][1]*x[1]
				return nil
			}},
		W: &hvp.Func{Rows: 2, Cols: 2,
			Mul:      func(_ context.Context, dst, x []float64) error { dst[0], dst[1] = -x[0], -x[1]; return nil },
			MulTrans: func(_ context.Context, dst, x []float64) error { dst[0], dst[1] = -x[0], -x[1]; return nil }},
	}, nil
}

// TestNonsymmetric: the transpose is used everywhere, and no step is guessed.
func TestNonsymmetric(t *testing.T) {
	// (I − R)ᵀq = b: q = (0.8·1+0.5·2, −0.5·1+0.7·2)/0.81, dL/dw = q.
	want := []float64{1.8 / 0.81, 0.9 / 0.81}
	y, w, grad := []float64{0, 0}, []float64{1, -1}, make([]float64, 2)
	for _, e := range []baseline.Estimator{
		&baseline.Implicit{RTol: 1e-14}, &baseline.Neumann{Terms: 100, Step: 1}, &baseline.FixedPoint{Steps: 100, Step: 1, Momentum: 0.1},
		&baseline.Unrolled{Steps: 100, Step: 1}, &baseline.Unrolled{Steps: 100, Step: 1, HeavyBall: true, Momentum: 0.1},
	} {
		rep, err := e.Gradient(t.Context(), rotationMap{}, y, w, grad)
		if err != nil || distance(grad, want) > 1e-12 {
			t.Errorf("%v: %v, want %v: %v", e, grad, want, err)
		}
		if _, is := e.(*baseline.Implicit); !is && !strings.Contains(rep.Note, "not checked") {
			t.Errorf("%v: note %q", e, rep.Note)
		}
	}
	for _, e := range []baseline.Estimator{&baseline.Neumann{Terms: 2}, &baseline.FixedPoint{Steps: 2, Step: 1}, &baseline.OneStep{}, &baseline.Unrolled{Steps: 2}} {
		if _, err := e.Gradient(t.Context(), rotationMap{}, y, w, grad); err == nil || !strings.Contains(err.Error(), "symmetric") {
			t.Errorf("%v: %v", e, err)
		}
	}
	if _, err := (&baseline.UnrolledLBFGS{Steps: 2}).Gradient(t.Context(), rotationMap{}, y, w, grad); err == nil || !strings.Contains(err.Error(), "needs an energy") {
		t.Error(err)
	}
}

func TestBadInput(t *testing.T) {
	c := quadratic(t, 10, 2, 3)
	grad := make([]float64, 2)
	for _, k := range []struct {
		e    baseline.Estimator
		want string
	}{
		{&baseline.CG{}, "Steps = 0"}, {&baseline.Neumann{Terms: -1}, "Terms = -1"}, {&baseline.FixedPoint{}, "Steps = 0"},
		{&baseline.Unrolled{}, "Steps = 0"}, {&baseline.Unrolled{Steps: 1, Reverse: -1}, "Reverse = -1"}, {&baseline.UnrolledLBFGS{}, "Steps = 0"},
		{&baseline.UnrolledLBFGS{Steps: 1, Memory: -2}, "Memory = -2"}, {&baseline.Difference{Directions: -1}, "Directions = -1"},
		{&baseline.Neumann{Terms: 1, Step: math.NaN()}, "step = NaN"}, {&baseline.Neumann{Terms: 1, Step: -1}, "step = -1"},
		{&baseline.FixedPoint{Steps: 1, Momentum: 1}, "momentum = 1"}, {&baseline.T1T2{Scale: math.Inf(1)}, "Scale = +Inf"},
		{&baseline.Difference{Step: math.Inf(1)}, "Step = +Inf"},
	} {
		if _, err := k.e.Gradient(t.Context(), c.p, c.y, c.w, grad); err == nil || !strings.Contains(err.Error(), k.want) || !strings.HasPrefix(err.Error(), "baseline: ") {
			t.Errorf("%v: %v, want %q", k.e, err, k.want)
		}
	}
	for _, kind := range baseline.Kinds() {
		e := kind.New(2)
		if _, err := e.Gradient(t.Context(), c.p, c.y[:9], c.w, grad); err == nil || !strings.Contains(err.Error(), "len(y) = 9, want 10") {
			t.Errorf("%v: %v", e, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := e.Gradient(ctx, c.p, c.y, c.w, grad); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, canceled: %v", e, err)
		}
	}
}

// TestWorkers: the same bits for any number of workers, and on the second call.
func TestWorkers(t *testing.T) {
	c := quadratic(t, 5000, 3, 10)
	for _, kind := range baseline.Kinds() {
		e := kind.New(2)
		var first []float64
		for _, workers := range []int{1, 2, 3, 7, 1} {
			grad := make([]float64, c.nw)
			if _, err := e.Gradient(hvp.WithWorkers(t.Context(), workers), c.p, c.y0, c.w, grad); err != nil {
				t.Fatalf("%v: %v", e, err)
			}
			if first == nil {
				first = grad
			}
			if !slices.Equal(grad, first) {
				t.Errorf("%v: %d workers change the estimate", e, workers)
			}
		}
	}
}

// TestCounts: every product counts.
func TestCounts(t *testing.T) {
	c := quadratic(t, 40, 6, 10)
	const k = 5
	for _, want := range []struct {
		e    baseline.Estimator
		more baseline.Report // beyond the estimate of the spectrum
	}{
		{&baseline.CG{Steps: k}, baseline.Report{HVPs: k + 1, Mixed: 1, Losses: 1, Linearizations: 1, Vectors: 5}},
		{&baseline.Neumann{Terms: k}, baseline.Report{HVPs: k - 1, Mixed: 1, Losses: 1, Linearizations: 1, Vectors: 3 + 11}},
		{&baseline.FixedPoint{Steps: k}, baseline.Report{HVPs: k - 1, Mixed: 1, Losses: 1, Linearizations: 1, Vectors: 4 + 11}},
		{&baseline.FixedPoint{Steps: k, Step: 1, Momentum: 0.1, Unchecked: true}, baseline.Report{HVPs: k - 1, Mixed: 1, Losses: 1, Linearizations: 1, Vectors: 4}},
		{&baseline.OneStep{}, baseline.Report{Mixed: 1, Losses: 1, Linearizations: 1, Vectors: 1 + 11}},
		{&baseline.T1T2{}, baseline.Report{Mixed: 1, Losses: 1, Linearizations: 1, Vectors: 1}},
		// c = 3: one state kept at 0 and 3, step 1 and 2 computed again from 0.
		{&baseline.Unrolled{Steps: k, Step: 1, Unchecked: true}, baseline.Report{HVPs: k - 1, Mixed: k, Gradients: k + 2, Losses: 1, Linearizations: 1 + k, InnerSteps: k, Vectors: 2 + 2 + 4}},
		{&baseline.Unrolled{Steps: k, Step: 1, Unchecked: true, Every: 9}, baseline.Report{HVPs: k - 1, Mixed: k, Gradients: k, Losses: 1, Linearizations: 1 + k, InnerSteps: k, Vectors: 1 + 4 + 4}},
		{&baseline.Unrolled{Steps: k, Reverse: 2, Step: 1, Unchecked: true, Every: 9}, baseline.Report{HVPs: 1, Mixed: 2, Gradients: k, Losses: 1, Linearizations: 3, InnerSteps: k, Vectors: 1 + 1 + 4}},
	} {
		_, rep := c.estimate(t, want.e, c.y0)
		want.more.HVPs += rep.SpectrumHVPs
		got := baseline.Report{HVPs: rep.HVPs, Gradients: rep.Gradients, Energies: rep.Energies, Losses: rep.Losses, Mixed: rep.Mixed, Linearizations: rep.Linearizations, InnerSteps: rep.InnerSteps, Vectors: rep.Vectors}
		if got != want.more {
			t.Errorf("%v: counts\n%+v, want\n%+v", want.e, got, want.more)
		}
		if rep.Bytes != int64(rep.Vectors)*8*40 || rep.Evaluations() != rep.HVPs+rep.Gradients+rep.Mixed {
			t.Errorf("%v: %+v", want.e, rep)
		}
	}
}
