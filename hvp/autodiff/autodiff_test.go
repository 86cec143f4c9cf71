package autodiff_test

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/autodiff"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
	"github.com/hgsolve/hgsolve/problems"
)

type nums = []autodiff.Num

// The primitives agree with package math, on constants and on inputs, and with
// derivatives by formulas.
func TestPrimitives(t *testing.T) {
	sech2 := func(x float64) float64 { return 1 / (math.Cosh(x) * math.Cosh(x)) }
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	for name, c := range map[string]struct {
		num      func(x autodiff.Num) autodiff.Num
		f, d, d2 func(x float64) float64
		at       []float64
	}{
		"Sqrt":  {autodiff.Num.Sqrt, math.Sqrt, func(x float64) float64 { return 0.5 / math.Sqrt(x) }, func(x float64) float64 { return -0.25 / (x * math.Sqrt(x)) }, []float64{1e-9, 0.3, 2, 1e9}},
		"Exp":   {autodiff.Num.Exp, math.Exp, math.Exp, math.Exp, []float64{-700, -1, 0, 1, 700}},
		"Expm1": {autodiff.Num.Expm1, math.Expm1, math.Exp, math.Exp, []float64{-40, -1e-9, 0, 1e-12, 2}},
		"Log":   {autodiff.Num.Log, math.Log, func(x float64) float64 { return 1 / x }, func(x float64) float64 { return -1 / (x * x) }, []float64{1e-8, 1, 3, 1e8}},
		"Log1p": {autodiff.Num.Log1p, math.Log1p, func(x float64) float64 { return 1 / (1 + x) }, func(x float64) float64 { return -1 / ((1 + x) * (1 + x)) }, []float64{-0.5, 0, 1e-12, 5}},
		"Sin":   {autodiff.Num.Sin, math.Sin, math.Cos, func(x float64) float64 { return -math.Sin(x) }, []float64{-3, 0, 1}},
		"Cos":   {autodiff.Num.Cos, math.Cos, func(x float64) float64 { return -math.Sin(x) }, func(x float64) float64 { return -math.Cos(x) }, []float64{-3, 0, 1}},
		"Tanh":  {autodiff.Num.Tanh, math.Tanh, sech2, func(x float64) float64 { return -2 * math.Tanh(x) * sech2(x) }, []float64{-1, 0, 0.5, 3}},
		"Abs":   {autodiff.Num.Abs, math.Abs, func(x float64) float64 { return math.Copysign(1, x) }, func(float64) float64 { return 0 }, []float64{-2, 3}},
		"Softplus": {autodiff.Num.Softplus, func(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) },
			sigmoid, func(x float64) float64 { return sigmoid(x) * sigmoid(-x) }, []float64{-700, -3, 0, 3, 40, 700}},
		"Sigmoid": {autodiff.Num.Sigmoid, sigmoid, func(x float64) float64 { return sigmoid(x) * sigmoid(-x) },
			func(x float64) float64 { return sigmoid(x) * sigmoid(-x) * (1 - 2*sigmoid(x)) }, []float64{-3, 0.1, 3}},
		"Pow": {func(x autodiff.Num) autodiff.Num { return x.Pow(2.5) }, func(x float64) float64 { return math.Pow(x, 2.5) },
			func(x float64) float64 { return 2.5 * math.Pow(x, 1.5) }, func(x float64) float64 { return 3.75 * math.Sqrt(x) }, []float64{0.1, 1, 7}},
		"Pow -2": {func(x autodiff.Num) autodiff.Num { return x.Pow(-2) }, func(x float64) float64 { return 1 / (x * x) },
			func(x float64) float64 { return -2 / (x * x * x) }, func(x float64) float64 { return 6 / (x * x * x * x) }, []float64{-2, 0.1, 7}},
	} {
		n := len(c.at)
		f := func(y, _, _ nums) autodiff.Num { return c.num(y[0]) }
		e, err := autodiff.New(n, 0, autodiff.Terms{Func: f, Y: autodiff.Each(n)})
		if err != nil {
			t.Fatal(name, err)
		}
		ctx := context.Background()
		g, h := make([]float64, n), make([]float64, n)
		for _, x := range c.at {
			one, err := autodiff.New(0, 0, autodiff.Terms{Func: func(_, _, _ nums) autodiff.Num { return c.num(autodiff.Const(x)) }})
			if err != nil {
				t.Fatal(name, err)
			}
			v, err := one.Value(ctx, nil, nil)
			if want := c.f(x); err != nil || !(math.Abs(v-want) <= 1e-15*math.Abs(want)) {
				t.Errorf("%s(%v) = %v, want %v (%v)", name, x, v, want, err)
			}
		}
		if err := e.Gradient(ctx, g, c.at, nil); err != nil {
			t.Fatal(name, err)
		}
		lin, err := e.Linearize(ctx, c.at, nil, nil)
		if err != nil {
			t.Fatal(name, err)
		}
		if err := lin.Hessian().Diag(h); err != nil {
			t.Fatal(name, err)
		}
		for i, x := range c.at {
			if want := c.d(x); !(math.Abs(g[i]-want) <= 1e-14*math.Abs(want)) {
				t.Errorf("%s'(%v) = %v, want %v", name, x, g[i], want)
			}
			if want := c.d2(x); !(math.Abs(h[i]-want) <= 4e-14*math.Abs(want)) {
				t.Errorf("%s''(%v) = %v, want %v", name, x, h[i], want)
			}
		}
	}
}

// At kinks the derivatives are the documented ones.
func TestKinks(t *testing.T) {
	f := func(y, _, _ nums) autodiff.Num {
		a, b := y[0], y[1]
		return autodiff.Sum(a.Abs(), autodiff.Max(a, b).Scale(10), autodiff.Min(a, b).Scale(100))
	}
	e, err := autodiff.New(2, 0, autodiff.Terms{Func: f, Y: autodiff.Range(0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	g := make([]float64, 2)
	if err := e.Gradient(context.Background(), g, []float64{0, 0}, nil); err != nil || g[0] != 110 || g[1] != 0 {
		t.Errorf("gradient %v, %v", g, err)
	}
	for _, y := range [][]float64{{math.NaN(), 1}, {1, math.NaN()}} {
		if v, err := e.Value(context.Background(), y, nil); err == nil {
			t.Errorf("the value at %v is %v", y, v)
		}
	}
}

func TestConstructionErrors(t *testing.T) {
	first := func(y, _, _ nums) autodiff.Num { return y[0] }
	x, err := hvp.NewCSRFromTriplets(2, 3, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	var leak autodiff.Num
	for _, c := range []struct {
		want  string
		terms []autodiff.Terms
	}{
		{"without terms", nil},
		{"no term function", []autodiff.Terms{{Y: autodiff.Each(4)}}},
		{"y[4], but y has length 4", []autodiff.Terms{{Func: first, Y: autodiff.Each(5)}}},
		{"w[2], but w has length 2", []autodiff.Terms{{Func: first, Y: autodiff.Shared(0), W: autodiff.Shared(2)}}},
		{"index 1 of term 1 is -1", []autodiff.Terms{{Func: first, Y: autodiff.Index(2, []int32{0, 1, 2, -1})}}},
		{"term 1 sees entry 2 twice", []autodiff.Terms{{Func: first, Y: autodiff.Index(2, []int32{0, 1, 2, 2})}}},
		{"entry 1 is shared twice", []autodiff.Terms{{Func: first, Y: autodiff.Shared(1, 1)}}},
		{"shared entry 0 is -1", []autodiff.Terms{{Func: first, Y: autodiff.Shared(-1)}}},
		{"not a positive number of terms", []autodiff.Terms{{Func: first, Y: autodiff.Index(2, nil)}}},
		{"not a positive number of terms", []autodiff.Terms{{Func: first, Y: autodiff.Index(2, make([]int32, 3))}}},
		{"no place for a 3×3 window", []autodiff.Terms{{Func: first, Y: autodiff.Grid(2, 2, 3, 3)}}},
		{"that of 2 terms, there are 4", []autodiff.Terms{{Func: first, Y: autodiff.Each(4), W: autodiff.Each(2)}}},
		{"3 constants for 4 terms", []autodiff.Terms{{Func: first, Y: autodiff.Each(4), C: make([]float64, 3)}}},
		{"linear forms of 3 variables, y has length 4", []autodiff.Terms{{Func: first, Y: autodiff.Forms(x, 1)}}},
		{"nil matrix", []autodiff.Terms{{Func: first, Y: autodiff.Forms(nil, 1)}}},
		{"2 linear forms", []autodiff.Terms{{Func: first, Y: autodiff.Forms(x, 3)}}},
		{`group "prior": the term function panicked, given 1 entries of y`, []autodiff.Terms{
			{Func: first, Y: autodiff.Each(4)},
			{Name: "prior", Y: autodiff.Each(4), Func: func(y, _, _ nums) autodiff.Num { return y[1] }}}},
		{"not do the same in every call", []autodiff.Terms{{Y: autodiff.Each(4), Func: func(y, _, _ nums) autodiff.Num {
			if calls++; calls%2 == 0 {
				return y[0]
			}
			return y[0].Square()
		}}}},
		{"not do the same in every call", []autodiff.Terms{{Y: autodiff.Each(4), Func: func(y, _, _ nums) autodiff.Num {
			return y[0].Scale(rand.Float64())
		}}}},
		{"another term", []autodiff.Terms{{Y: autodiff.Each(4), Func: func(y, _, _ nums) autodiff.Num {
			defer func() { leak = y[0] }()
			return leak.Add(y[0])
		}}}},
	} {
		if _, err := autodiff.New(4, 2, c.terms...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

// Results that are not numbers are errors that name the term, the first one for
// any number of workers.
func TestNotFinite(t *testing.T) {
	const n = 30000
	root := func(y, w, _ nums) autodiff.Num { return y[0].Sqrt().Mul(w[0]) }
	e, err := autodiff.New(n, 1, autodiff.Terms{Name: "roots", Func: root, Y: autodiff.Each(n), W: autodiff.Shared(0)})
	if err != nil {
		t.Fatal(err)
	}
	y, dst := make([]float64, n), make([]float64, n)
	for i := range y {
		y[i] = 1
	}
	ctx := context.Background()
	for _, workers := range []int{1, 2, 7} {
		ctx := hvp.WithWorkers(ctx, workers)
		want := func(err error) {
			t.Helper()
			if err == nil || !strings.Contains(err.Error(), `term 12345 of group "roots"`) {
				t.Errorf("error %v", err)
			}
		}
		y[12345], y[29999] = -1, -1
		_, err := e.Value(ctx, y, []float64{1})
		want(err)
		y[12345], y[29999] = 0, 0 // the value exists, the derivative does not
		if _, err = e.Value(ctx, y, []float64{1}); err != nil {
			t.Error(err)
		}
		want(e.Gradient(ctx, dst, y, []float64{1}))
		_, err = e.Linearize(ctx, y, []float64{1}, nil)
		want(err)
		_, err = e.Linearize(ctx, y, []float64{1}, &autodiff.Settings{StoreWeights: true})
		want(err)
		y[12345], y[29999] = 1, 1
	}
	if _, err := e.Linearize(ctx, y, []float64{math.Inf(1)}, nil); err == nil {
		t.Error("an infinite parameter passes")
	}
	if _, err := e.Value(ctx, y[:3], nil); err == nil {
		t.Error("wrong lengths pass")
	}
}

// Value and gradients have the same bits for any number of workers.
func TestWorkers(t *testing.T) {
	d := newDenoise(t, 120, 143, &problems.DenoiseSettings{LearnFilters: true})
	e := denoiseEnergy(t, d, problems.DenoiseSettings{LearnFilters: true})
	ny, nw := d.Dims()
	w := d.Default(0.3)
	var first []float64
	for _, workers := range []int{1, 2, 3, 7} {
		dy, dw := make([]float64, ny), make([]float64, nw)
		v, err := e.Evaluate(hvp.WithWorkers(context.Background(), workers), dy, dw, d.Noisy(), w)
		if err != nil {
			t.Fatal(err)
		}
		all := append(append(dy, dw...), v)
		if first == nil {
			first = all
		}
		for i := range all {
			if math.Float64bits(all[i]) != math.Float64bits(first[i]) {
				t.Fatalf("%d workers: element %d is %v, was %v", workers, i, all[i], first[i])
			}
		}
	}
}

func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("sync.Pool drops at random under the race detector")
	}
	ctx := context.Background()
	d := newDenoise(t, 64, 64, &problems.DenoiseSettings{})
	e := denoiseEnergy(t, d, problems.DenoiseSettings{})
	x, labels := examples(t, 1, 500, 300)
	logistic, err := autodiff.New(300, 0, autodiff.Terms{Y: autodiff.Forms(x, 1), C: labels,
		Func: func(y, _, l nums) autodiff.Num { return y[0].Mul(l[0]).Softplus() }})
	if err != nil {
		t.Fatal(err)
	}
	for _, store := range []bool{false, true} {
		for _, c := range []struct {
			name string
			e    *autodiff.Energy
			y, w []float64
		}{{"field", e, d.Noisy(), d.Default(1)}, {"logistic", logistic, make([]float64, 300), nil}} {
			lin, err := c.e.Linearize(ctx, c.y, c.w, &autodiff.Settings{StoreWeights: store})
			if err != nil {
				t.Fatal(err)
			}
			h, m := lin.Hessian(), lin.Mixed()
			dst, q := make([]float64, len(c.y)), make([]float64, len(c.w))
			for name, f := range map[string]func() error{
				"Hessian product":          func() error { return h.Apply(ctx, dst, c.y) },
				"transposed mixed product": func() error { return m.ApplyTrans(ctx, q, c.y) },
				"gradient":                 func() error { return c.e.Gradient(ctx, dst, c.y, c.w) },
			} {
				allocs := testing.AllocsPerRun(20, func() {
					if err := f(); err != nil {
						t.Fatal(err)
					}
				})
				if allocs > 0 {
					t.Errorf("%s, %s (stored %v): %v allocations", c.name, name, store, allocs)
				}
			}
		}
	}
}

// The second derivatives that are stored are as many as the code couples.
func TestWeights(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func(y, w, c nums) autodiff.Num
		want int
	}{
		{"linear", func(y, _, _ nums) autodiff.Num { return autodiff.Sum(y...) }, 0},
		{"quadratic", func(y, _, _ nums) autodiff.Num { return autodiff.Sum(y...).Square() }, 0},
		{"one filter", func(y, _, _ nums) autodiff.Num { return autodiff.Sum(y...).Cos() }, 1},
		{"two filters", func(y, w, _ nums) autodiff.Num {
			return autodiff.Sum(y...).Cos().Add(w[0].Mul(y[0].Sub(y[1]).Exp()))
		}, 2},
		{"all coupled", func(y, _, _ nums) autodiff.Num {
			p := autodiff.Const(1)
			for _, v := range y {
				p = p.Mul(v.Cos())
			}
			return p
		}, 45},
	} {
		e, err := autodiff.New(20, 1, autodiff.Terms{Func: c.f, Y: autodiff.Chain(20, 9), W: autodiff.Shared(0)})
		if err != nil {
			t.Fatal(err)
		}
		y, w := gauss(1, 20), []float64{2}
		lin, err := e.Linearize(context.Background(), y, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := lin.Weights()[0]; got != c.want {
			t.Errorf("%s: %d second derivatives per term, want %d", c.name, got, c.want)
		}
		compare(t, e, e, y, w) // stored and not
		hvptest.TestOperator(t, lin.Hessian(), nil)
	}
}
