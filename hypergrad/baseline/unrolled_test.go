package baseline_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/hypergrad/baseline"
	"github.com/hgsolve/hgsolve/problems"
)

// denoiser is a nonlinear problem with the filters in w.
func denoiser(t *testing.T, side int) (p *problems.Denoise, y, w []float64) {
	t.Helper()
	pix, rows, cols := problems.Photograph()
	clean := problems.Resize(pix, rows, cols, side, side)
	y = problems.AddNoise(clean, 20, 1)
	p, err := problems.NewDenoise(clean, y, side, side, &problems.DenoiseSettings{LearnFilters: true})
	if err != nil {
		t.Fatal(err)
	}
	return p, y, p.Default(0.5)
}

// TestUnrolledAgainstDifferences: the k-step map, written down plainly, differenced
// along random directions.
func TestUnrolledAgainstDifferences(t *testing.T) {
	p, y, w := denoiser(t, 7)
	ny, nw := p.Dims()
	const steps, a, beta = 11, 0.05, 0.6
	for _, ball := range []bool{false, true} {
		momentum := 0.0
		if ball {
			momentum = beta
		}
		value := func(w []float64) float64 {
			at, d, g := slices.Clone(y), make([]float64, ny), make([]float64, ny)
			for range steps {
				if err := p.Residual(t.Context(), g, at, w); err != nil {
					t.Fatal(err)
				}
				for i := range at {
					d[i] = momentum*d[i] - a*g[i]
					at[i] += d[i]
				}
			}
			loss, err := p.Loss(t.Context(), nil, nil, at, w)
			if err != nil {
				t.Fatal(err)
			}
			return loss
		}
		e := &baseline.Unrolled{Steps: steps, Step: a, HeavyBall: ball, Momentum: momentum, Unchecked: true}
		grad := make([]float64, nw)
		rep, err := e.Gradient(t.Context(), p, y, w, grad)
		if err != nil {
			t.Fatal(err)
		}
		if v := value(w); math.Abs(rep.Loss-v) > 1e-13*v {
			t.Errorf("%v: loss %v, the plain map has %v", e, rep.Loss, v)
		}
		for dir := range 3 {
			u, want := make([]float64, nw), 0.0
			for i := range u {
				u[i] = math.Sin(float64(1 + i*(dir+2)))
				want += grad[i] * u[i]
			}
			// Richardson: O(h⁴).
			quotient := func(h float64) float64 {
				plus, minus := slices.Clone(w), slices.Clone(w)
				for i := range u {
					plus[i] += h * u[i]
					minus[i] -= h * u[i]
				}
				return (value(plus) - value(minus)) / (2 * h)
			}
			const h = 1e-4
			if got := (4*quotient(h/2) - quotient(h)) / 3; math.Abs(got-want) > 1e-8*math.Abs(want) {
				t.Errorf("%v: along direction %d %.12g, differences %.12g", e, dir, want, got)
			}
		}
	}
}

// TestCheckpoints: how many states are kept changes the memory and the gradients,
// and not one bit of the result.
func TestCheckpoints(t *testing.T) {
	p, y, w := denoiser(t, 6)
	_, nw := p.Dims()
	const steps = 13
	for _, ball := range []bool{false, true} {
		for _, reverse := range []int{0, 7, 1} {
			var first []float64
			window := steps
			if reverse > 0 {
				window = reverse
			}
			for _, every := range []int{100, 0, 1, 2, 3, 5, 6, 12} {
				e := &baseline.Unrolled{Steps: steps, Reverse: reverse, Step: 0.05, Momentum: 0.5, HeavyBall: ball, Unchecked: true, Every: every}
				grad := make([]float64, nw)
				rep, err := e.Gradient(t.Context(), p, y, w, grad)
				if err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = grad
				}
				if !slices.Equal(grad, first) {
					t.Errorf("%v, every %d: another estimate", e, every)
				}
				if every == 0 {
					continue
				}
				c := min(every, window)
				segments := (window + c - 1) / c
				state := 1
				if ball {
					state = 2
				}
				gradients := steps + (segments-1)*(c-1)
				vectors := state*segments + c - 1 + 4
				if ball {
					vectors += 2
				}
				if rep.Gradients != gradients || rep.Vectors != vectors || rep.HVPs != window-1 || rep.Mixed != window {
					t.Errorf("%v, every %d: %d gradients, %d vectors, %d products, %d mixed; want %d, %d, %d, %d", e, every, rep.Gradients, rep.Vectors, rep.HVPs, rep.Mixed, gradients, vectors, window-1, window)
				}
			}
		}
	}
}

// TestInnerDecrease: the spectrum at the start says nothing about the rest of the way,
// and a run that goes round in circles shows.
func TestInnerDecrease(t *testing.T) {
	p, y, w := denoiser(t, 24)
	_, nw := p.Dims()
	decrease := func(steps int, step float64) (d, chosen float64) {
		rep, err := (&baseline.Unrolled{Steps: steps, HeavyBall: true, Step: step}).Gradient(t.Context(), p, y, w, make([]float64, nw))
		if err != nil {
			t.Fatal(err)
		}
		return rep.InnerDecrease, rep.Step
	}
	few, chosen := decrease(100, 0)
	if many, _ := decrease(300, 0); !(few > 1e-2 && many > 1e-2) {
		t.Errorf("the chosen step: ‖G‖ falls to %.2g in 100 steps, %.2g in 300; does it suit the whole way now?", few, many)
	}
	few, _ = decrease(100, chosen/8)
	if many, _ := decrease(300, chosen/8); !(many < 0.1*few) {
		t.Errorf("an eighth of it: ‖G‖ falls to %.2g in 100 steps, %.2g in 300", few, many)
	}
}

// TestTruncated: the last K steps differentiated are K steps from where they begin.
func TestTruncated(t *testing.T) {
	p, y, w := denoiser(t, 6)
	ny, nw := p.Dims()
	const steps, last, a = 9, 4, 0.05
	at, g := slices.Clone(y), make([]float64, ny)
	for range steps - last {
		if err := p.Residual(t.Context(), g, at, w); err != nil {
			t.Fatal(err)
		}
		for i := range at {
			at[i] += -a * g[i]
		}
	}
	want, got := make([]float64, nw), make([]float64, nw)
	if _, err := (&baseline.Unrolled{Steps: last, Step: a, Unchecked: true}).Gradient(t.Context(), p, at, w, want); err != nil {
		t.Fatal(err)
	}
	if _, err := (&baseline.Unrolled{Steps: steps, Reverse: last, Step: a, Unchecked: true}).Gradient(t.Context(), p, y, w, got); err != nil {
		t.Fatal(err)
	}
	if d := distance(got, want); d > 1e-14 {
		t.Errorf("%.3g apart", d)
	}
}

// TestLBFGS: one step is a Cauchy step, whose matrix is a number; more steps come to
// the truth as the run does, and the run ends early at the level of rounding errors.
func TestLBFGS(t *testing.T) {
	c := quadratic(t, 30, 3, 10)
	ctx := t.Context()
	g, ag := make([]float64, c.ny), make([]float64, c.ny)
	if err := c.p.Residual(ctx, g, c.y0, c.w); err != nil {
		t.Fatal(err)
	}
	if err := c.lin.Y.Apply(ctx, ag, g); err != nil {
		t.Fatal(err)
	}
	gg, gag := 0.0, 0.0
	for i := range g {
		gg += g[i] * g[i]
		gag += g[i] * ag[i]
	}
	a := gg / gag
	y, b, want := slices.Clone(c.y0), make([]float64, c.ny), make([]float64, c.nw)
	for i := range y {
		y[i] -= a * g[i]
	}
	if _, err := c.p.Loss(ctx, b, want, y, c.w); err != nil {
		t.Fatal(err)
	}
	got, rep := c.estimate(t, &baseline.UnrolledLBFGS{Steps: 1}, c.y0)
	if d := distance(got, c.mixed(t, want, -a, b)); d > 1e-12 || rep.HVPs != 1 || rep.Mixed != 1 || rep.Gradients != 2 || rep.Vectors != 8 {
		t.Errorf("one step: %.3g from the formula, %+v", d, rep)
	}
	e := &baseline.UnrolledLBFGS{}
	last := math.Inf(1)
	for _, k := range []int{2, 8, 20, 300} {
		e.Steps = k
		got, rep := c.estimate(t, e, c.y0)
		d := distance(got, c.exact)
		if !(d < last) || rep.HVPs != rep.InnerSteps || rep.Mixed != rep.InnerSteps || rep.Vectors != 2*k+6 {
			t.Errorf("%d steps: error %.3g after %.3g, %+v", k, d, last, rep)
		}
		last = d
		if k == 300 && (rep.InnerSteps >= 300 || !strings.Contains(rep.Note, "no lower energy") || d > 1e-8) {
			t.Errorf("%d steps: error %.3g, %+v", k, d, rep)
		}
	}
	// A nonlinear problem, against the theorem.
	p, y, w := denoiser(t, 8)
	_, nw := p.Dims()
	exact, grad := make([]float64, nw), make([]float64, nw)
	at := slices.Clone(y)
	inner := hypergrad.Newton{RTol: 1e-11, Polish: true}
	if _, err := inner.Solve(ctx, p, at, w); err != nil {
		t.Fatal(err)
	}
	if _, err := (&baseline.Implicit{RTol: 1e-12}).Gradient(ctx, p, at, w, exact); err != nil {
		t.Fatal(err)
	}
	e.Steps = 150
	rep, err := e.Gradient(ctx, p, y, w, grad)
	if err != nil || distance(grad, exact) > 1e-6 {
		t.Errorf("denoise: error %.3g, %+v, %v", distance(grad, exact), rep, err)
	}
}

// TestDifferences: coordinates give all of the gradient, fewer directions its
// projection on them, blown up.
func TestDifferences(t *testing.T) {
	c := quadratic(t, 40, 12, 10)
	all, rep := c.estimate(t, &baseline.Difference{Directions: 12}, c.y)
	if d := distance(all, c.exact); d > 1e-9 || rep.Mixed != 0 || rep.Losses != 24 || rep.HVPs == 0 || rep.Gradients == 0 {
		t.Errorf("all coordinates: error %.3g, %+v", d, rep)
	}
	var mean [12]float64
	const seeds, r = 60, 4
	for seed := range uint64(seeds) {
		part, _ := c.estimate(t, &baseline.Difference{Directions: r, Seed: seed + 1}, c.y)
		// est = (n/r)·P·g: ‖est‖² = (n/r)·estᵀg.
		square, product := 0.0, 0.0
		for i, v := range part {
			square += v * v
			product += v * c.exact[i] * 12 / r
			mean[i] += v / seeds
		}
		if math.Abs(square/product-1) > 1e-8 {
			t.Errorf("seed %d: no projection: %g", seed, square/product)
		}
	}
	// The mean has a relative error of about √((n/r − 1)/seeds) = 0.18.
	if d := distance(mean[:], c.exact); d > 0.4 {
		t.Errorf("the mean over %d seeds is off by %.2g", seeds, d)
	}
}

// TestAllocations: none per term, step and step back, but for linearisations.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	p := diagonal(0.5)
	y, w, grad := []float64{0.5, 1, 0}, []float64{1}, make([]float64, 1)
	count := func(e baseline.Estimator) float64 {
		return testing.AllocsPerRun(10, func() {
			if _, err := e.Gradient(t.Context(), p, y, w, grad); err != nil {
				t.Fatal(err)
			}
		})
	}
	for _, c := range []struct{ few, many baseline.Estimator }{
		{&baseline.Neumann{Terms: 2, Step: 0.1, Unchecked: true}, &baseline.Neumann{Terms: 6, Step: 0.1, Unchecked: true}},
		{&baseline.FixedPoint{Steps: 2, Step: 0.1, Momentum: 0.1, Unchecked: true}, &baseline.FixedPoint{Steps: 6, Step: 0.1, Momentum: 0.1, Unchecked: true}},
		{&baseline.Unrolled{Steps: 2, Reverse: 1, Step: 0.1, Unchecked: true}, &baseline.Unrolled{Steps: 20, Reverse: 1, Step: 0.1, Unchecked: true}},
	} {
		if few, many := count(c.few), count(c.many); many > few {
			t.Errorf("%v allocates %g times, %v %g times", c.few, few, c.many, many)
		}
	}
}
