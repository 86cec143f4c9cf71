package hvp_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
)

// curvedField is a vector field with a known Jacobian.
type curvedField struct {
	name     string
	field    hvp.VectorField
	jacobian func(dst, v, y []float64)
	y        []float64
}

func curvedFields(n int) []curvedField {
	rng := rand.New(rand.NewPCG(11, uint64(n)))
	random := func(scale, shift float64) []float64 {
		y := make([]float64, n)
		for i := range y {
			y[i] = shift + scale*rng.NormFloat64()
		}
		return y
	}
	separable := func(name string, g, dg func(t float64) float64, y []float64) curvedField {
		return curvedField{name, func(_ context.Context, dst, y []float64) error {
			for i, v := range y {
				dst[i] = g(v)
			}
			return nil
		}, func(dst, v, y []float64) {
			for i := range v {
				dst[i] = dg(y[i]) * v[i]
			}
		}, y}
	}
	const eps = 1e-2
	positive := random(0.3, 2)
	for i := range positive {
		positive[i] = math.Abs(positive[i]) + 0.1
	}
	return []curvedField{
		{"coupled cubic", cubic, func(dst, v, y []float64) {
			for i := range v {
				dst[i] = 3 * y[i] * y[i] * v[i]
				if i > 0 {
					dst[i] += v[i] - v[i-1]
				}
				if i < n-1 {
					dst[i] += v[i] - v[i+1]
				}
			}
		}, random(1, 0.5)},
		separable("corners of width 0.01", func(t float64) float64 { return t / math.Sqrt(t*t+eps*eps) },
			func(t float64) float64 { return eps * eps / math.Pow(t*t+eps*eps, 1.5) }, random(0.02, 0)),
		separable("corners far from zero", func(t float64) float64 { t -= 100; return t / math.Sqrt(t*t+1) },
			func(t float64) float64 { t -= 100; return math.Pow(t*t+1, -1.5) }, random(1, 100)),
		separable("tiny units", func(t float64) float64 { return math.Sin(1e6 * t) },
			func(t float64) float64 { return 1e6 * math.Cos(1e6*t) }, random(1e-6, 0)),
		separable("huge units", func(t float64) float64 { return math.Sin(1e-6 * t) },
			func(t float64) float64 { return 1e-6 * math.Cos(1e-6*t) }, random(1e6, 0)),
		separable("logarithm", math.Log, func(t float64) float64 { return 1 / t }, positive),
		separable("straight", func(t float64) float64 { return math.Pi*t - 1 }, func(float64) float64 { return math.Pi }, random(1, 0)),
	}
}

// noisy adds deterministic pseudo-random errors of size sigma to each component:
// they depend on all bits of y[i].
func noisy(f hvp.VectorField, sigma float64) hvp.VectorField {
	return func(ctx context.Context, dst, y []float64) error {
		if err := f(ctx, dst, y); err != nil {
			return err
		}
		for i := range dst {
			b := math.Float64bits(y[i]) ^ uint64(i)*0x9e3779b97f4a7c15
			dst[i] += sigma * rand.New(rand.NewPCG(b, 7)).NormFloat64()
		}
		return nil
	}
}

func relativeTo(got, want []float64) float64 {
	d, s := 0.0, 0.0
	for i := range want {
		d += (got[i] - want[i]) * (got[i] - want[i])
		s += want[i] * want[i]
	}
	return math.Sqrt(d / s)
}

func gaussian(n int, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 99))
	v := make([]float64, n)
	for i := range v {
		v[i] = rng.NormFloat64()
	}
	return v
}

var fdVariants = []hvp.FiniteDifferenceSettings{
	{Forward: true}, {Order: 1, Richardson: true}, {}, {Richardson: true}, {Order: 4}, {Order: 4, Richardson: true}, {EstimateNoise: true},
}

func fdName(s hvp.FiniteDifferenceSettings) string {
	return fmt.Sprintf("forward=%v order=%d richardson=%v ecnoise=%v", s.Forward, s.Order, s.Richardson, s.EstimateNoise)
}

// TestFiniteDifferenceAccuracyIsHonest: the error of products along random
// directions is at most 10 times what is reported, and what is reported is at
// most 1000 times the error.
func TestFiniteDifferenceAccuracyIsHonest(t *testing.T) {
	ctx := context.Background()
	for _, n := range []int{1, 3, 100, 3000} {
		for _, c := range curvedFields(n) {
			for _, sigma := range []float64{0, 1e-9, 1e-4} {
				for _, s := range fdVariants {
					field := c.field
					if sigma > 0 {
						if c.name == "tiny units" || c.name == "huge units" {
							continue // of size one too, but tried enough
						}
						field = noisy(field, sigma)
					}
					f, err := hvp.NewFiniteDifference(ctx, field, c.y, &s)
					if err != nil {
						t.Errorf("n=%d %s, noise %g, %s: %v", n, c.name, sigma, fdName(s), err)
						continue
					}
					worst := 0.0
					got, want := make([]float64, n), make([]float64, n)
					for k := range uint64(5) {
						v := gaussian(n, k+1)
						if err := f.Apply(ctx, got, v); err != nil {
							t.Fatal(err)
						}
						c.jacobian(want, v, c.y)
						worst = max(worst, relativeTo(got, want))
					}
					if a := f.Accuracy(); !(worst <= 10*a) || n > 1 && !(a <= 1000*worst) && a > 1e-14 /* one error can be zero by chance */ {
						t.Errorf("n=%d %s, noise %g, %s: error %.2g, reported %.2g, step %.2g", n, c.name, sigma, fdName(s), worst, a, f.Step())
					}
				}
			}
		}
	}
}

func TestRichardsonEstimatesEachProduct(t *testing.T) {
	ctx, n := context.Background(), 200
	for _, c := range curvedFields(n) {
		for _, order := range []int{1, 2, 4} {
			f := must[*hvp.FiniteDifference](t)(hvp.NewFiniteDifference(ctx, c.field, c.y, &hvp.FiniteDifferenceSettings{Order: order, Richardson: true}))
			got, want, v := make([]float64, n), make([]float64, n), gaussian(n, 3)
			estimate, err := f.ApplyError(ctx, got, v)
			if err != nil {
				t.Fatal(err)
			}
			c.jacobian(want, v, c.y)
			if e := relativeTo(got, want); !(e <= 10*estimate+1e-15) {
				t.Errorf("%s, order %d: error %.2g, estimated %.2g", c.name, order, e, estimate)
			}
		}
	}
	c := curvedFields(3)[0]
	f := must[*hvp.FiniteDifference](t)(hvp.NewFiniteDifference(ctx, c.field, c.y, nil))
	if _, err := f.ApplyError(ctx, make([]float64, 3), c.y); err == nil {
		t.Error("an error estimate without extrapolation")
	}
}

func TestFiniteDifferenceKeepsTheContract(t *testing.T) {
	y := make([]float64, 300)
	for i := range y {
		y[i] = 1 + 0.3*float64(i%5)
	}
	for _, s := range fdVariants {
		t.Run(fdName(s), func(t *testing.T) {
			s.Promise = hvp.SPD
			a := must[*hvp.FiniteDifference](t)(hvp.NewFiniteDifference(context.Background(), cubic, y, &s))
			hvptest.TestOperator(t, a, &hvptest.Options{Tol: 30 * a.Accuracy()})
		})
	}
}

func TestFiniteDifferenceBadInput(t *testing.T) {
	ctx := context.Background()
	nan := math.NaN()
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		g hvp.VectorField
		y []float64
		s hvp.FiniteDifferenceSettings
	}{
		"nil field":      {nil, []float64{1}, hvp.FiniteDifferenceSettings{}},
		"NaN point":      {cubic, []float64{nan}, hvp.FiniteDifferenceSettings{}},
		"infinite point": {cubic, []float64{math.Inf(1)}, hvp.FiniteDifferenceSettings{}},
		"order 3":        {cubic, []float64{1}, hvp.FiniteDifferenceSettings{Order: 3}},
		"forward 2":      {cubic, []float64{1}, hvp.FiniteDifferenceSettings{Order: 2, Forward: true}},
		"noise 1":        {cubic, []float64{1}, hvp.FiniteDifferenceSettings{Noise: 1}},
		"noise NaN":      {cubic, []float64{1}, hvp.FiniteDifferenceSettings{Noise: nan}},
		"negative step":  {cubic, []float64{1}, hvp.FiniteDifferenceSettings{Step: -1}},
		"failing field":  {func(context.Context, []float64, []float64) error { return boom }, []float64{1}, hvp.FiniteDifferenceSettings{}},
		"NaN field": {func(_ context.Context, dst, _ []float64) error { dst[0] = nan; return nil },
			[]float64{1}, hvp.FiniteDifferenceSettings{}},
		"defined at a point only": {func(_ context.Context, dst, y []float64) error {
			if y[0] != 1 {
				return boom
			}
			dst[0] = 0
			return nil
		}, []float64{1}, hvp.FiniteDifferenceSettings{}},
	} {
		if f, err := hvp.NewFiniteDifference(ctx, c.g, c.y, &c.s); err == nil {
			t.Errorf("%s: no error, accuracy %g", name, f.Accuracy())
		}
	}
	if a := hvp.AccuracyOf(randomCSR(t, 3, 3)); a != 0 {
		t.Errorf("a matrix has accuracy %v", a)
	}
}

// TestEstimateNoise adds errors of known size.
func TestEstimateNoise(t *testing.T) {
	ctx := context.Background()
	for _, n := range []int{1, 2, 10, 2000} {
		for _, c := range curvedFields(n) {
			if c.name == "tiny units" || c.name == "huge units" {
				continue
			}
			for _, sigma := range []float64{1e-12, 1e-8, 1e-3} {
				rel, err := hvp.EstimateNoise(ctx, noisy(c.field, sigma), c.y, n, nil)
				if err != nil {
					t.Errorf("n=%d, %s, noise %g: %v", n, c.name, sigma, err)
					continue
				}
				// The same noise relative to the same terms.
				g, ju, u := make([]float64, n), make([]float64, n), gaussian(n, 5)
				largest := 0.0
				for i := range u {
					u[i] = math.Copysign(0.76, u[i])
					largest = max(largest, math.Abs(c.y[i]))
				}
				c.field(ctx, g, c.y)
				c.jacobian(ju, u, c.y)
				terms := math.Sqrt(dot(g, g)) + math.Sqrt(dot(ju, ju))*(1+largest)
				want := sigma * math.Sqrt(float64(n)) / terms
				if f := rel / want; !(f > 1.0/20 && f < 20) {
					t.Errorf("n=%d, %s, noise %g: estimate %.3g, true %.3g", n, c.name, sigma, rel, want)
				}
			}
			rel, err := hvp.EstimateNoise(ctx, c.field, c.y, n, nil)
			if err != nil || rel > 1e-14 {
				t.Errorf("n=%d, %s: noise %g of a field computed in float64, error %v", n, c.name, rel, err)
			}
		}
	}
	for name, call := range map[string]func() (float64, error){
		"nil":  func() (float64, error) { return hvp.EstimateNoise(ctx, nil, []float64{1}, 1, nil) },
		"rows": func() (float64, error) { return hvp.EstimateNoise(ctx, cubic, []float64{1}, 0, nil) },
		"points": func() (float64, error) {
			return hvp.EstimateNoise(ctx, cubic, []float64{1}, 1, &hvp.NoiseSettings{Points: 3})
		},
		"NaN": func() (float64, error) { return hvp.EstimateNoise(ctx, cubic, []float64{math.NaN()}, 1, nil) },
	} {
		if rel, err := call(); err == nil {
			t.Errorf("%s: no error, noise %g", name, rel)
		}
	}
}

func dot(x, y []float64) (s float64) {
	for i := range x {
		s += x[i] * y[i]
	}
	return s
}

// TestFiniteDifferenceGivenNoise: a promise of noise lengthens the step and is
// believed where the field shows less; a step that is given is kept.
func TestFiniteDifferenceGivenNoise(t *testing.T) {
	ctx, c := context.Background(), curvedFields(100)[0]
	last := 0.0
	for _, noise := range []float64{0, 1e-10, 1e-6} {
		f := must[*hvp.FiniteDifference](t)(hvp.NewFiniteDifference(ctx, c.field, c.y, &hvp.FiniteDifferenceSettings{Noise: noise}))
		if !(f.Step() > 4*last) {
			t.Errorf("noise %g: step %g, %g with less noise", noise, f.Step(), last)
		}
		if a := f.Accuracy(); !(a > noise) || a > 1e-2 {
			t.Errorf("noise %g: accuracy %g", noise, a)
		}
		last = f.Step()
	}
	f := must[*hvp.FiniteDifference](t)(hvp.NewFiniteDifference(ctx, c.field, c.y, &hvp.FiniteDifferenceSettings{Step: 1e-9}))
	if f.Step() != 1e-9 || !(f.Accuracy() > 1e-8) {
		t.Errorf("step %g with accuracy %g, want 1e-9 with less than 1e-8", f.Step(), f.Accuracy())
	}
}

// TestFiniteDifferenceCost: gradients at construction and per product.
func TestFiniteDifferenceCost(t *testing.T) {
	ctx := context.Background()
	for _, c := range curvedFields(200) {
		for _, s := range fdVariants[:6] {
			calls := 0
			count := func(ctx context.Context, dst, y []float64) error { calls++; return c.field(ctx, dst, y) }
			f := must[*hvp.FiniteDifference](t)(hvp.NewFiniteDifference(ctx, count, c.y, &s))
			build := calls
			if err := f.Apply(ctx, make([]float64, 200), c.y); err != nil {
				t.Fatal(err)
			}
			per := calls - build
			t.Logf("%s, %s: %d gradients to find the step, %d per product", c.name, fdName(s), build, per)
			if c.name != "tiny units" && c.name != "huge units" && build > 1+12*per {
				t.Errorf("%s, %s: %d gradients to find the step, %d per product", c.name, fdName(s), build, per)
			}
		}
	}
}

// TestFiniteDifferenceOfUnitVectors: what is reported for generic vectors holds, up
// to a factor, for the most concentrated ones too, whose product is one column.
func TestFiniteDifferenceOfUnitVectors(t *testing.T) {
	ctx, n := context.Background(), 300
	for _, c := range curvedFields(n) {
		for _, s := range fdVariants {
			f := must[*hvp.FiniteDifference](t)(hvp.NewFiniteDifference(ctx, c.field, c.y, &s))
			got, want, v := make([]float64, n), make([]float64, n), make([]float64, n)
			sum, size := 0.0, 0.0
			for i := range n {
				v[i] = 1
				if err := f.Apply(ctx, got, v); err != nil {
					t.Fatal(err)
				}
				c.jacobian(want, v, c.y)
				e := relativeTo(got, want) * math.Sqrt(dot(want, want))
				sum, size = sum+e*e, size+dot(want, want)
				v[i] = 0
			}
			if e := math.Sqrt(sum / size); !(e <= 10*f.Accuracy()) {
				t.Errorf("%s, %s: error of all columns %.2g, reported %.2g", c.name, fdName(s), e, f.Accuracy())
			}
		}
	}
}
