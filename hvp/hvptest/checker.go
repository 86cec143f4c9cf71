package hvptest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// checks are all properties in order. After a violation of a vital one the
// others mean nothing.
var checks = []check{
	{Dimensions, (*checker).dimensions, true},
	{Applies, (*checker).applies, true},
	{ZeroToZero, (*checker).zero, false},
	{Linear, (*checker).linear, false},
	{Symmetry, (*checker).symmetric, false},
	{Definiteness, (*checker).definite, false},
	{Adjoint, (*checker).adjoint, false},
	{InputKept, (*checker).inputKept, false},
	{Overwrites, (*checker).overwrites, false},
	{NoRetention, (*checker).noRetention, false},
	{Repeatable, (*checker).repeatable, false},
	{AnyWorkers, (*checker).anyWorkers, false},
	{Concurrent, (*checker).concurrent, false},
	{RowRanges, (*checker).rowRanges, false},
	{Blocks, (*checker).blocks, false},
	{Diagonals, (*checker).diagonal, false},
	{WrongLengths, (*checker).wrongLengths, false},
}

type check struct {
	property Property
	run      func(*checker, *Finding) error
	vital    bool
}

// errAbsent is what a check returns when the operator does not claim the
// property.
var errAbsent = errors.New("absent")

// checker is the state of one call of Check.
type checker struct {
	ctx        context.Context
	a          hvp.Operator
	opt        Options
	rows, cols int
	normA      float64 // the largest ‖A·x‖/‖x‖ seen
}

// run runs one check and turns what it returns, or its panic, into a verdict.
func (c *checker) run(k check) (f Finding) {
	f.Property = k.property
	err := guard(func() error { return k.run(c, &f) })
	switch {
	case errors.Is(err, errAbsent):
		f.Verdict, f.Worst, f.Tol = Absent, 0, 0
	case err != nil:
		f.Verdict, f.Detail = Violated, err.Error()
	case f.Tol > 0 && !(f.Worst <= f.Tol):
		f.Verdict = Violated
	}
	return f
}

// guard returns the error of f, or its panic as an error.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicked{r}
		}
	}()
	return f()
}

type panicked struct{ value any }

func (p panicked) Error() string {
	if w, ok := p.value.(*parallel.Panic); ok {
		p.value = w.Value // without the stack
	}
	return fmt.Sprintf("panic: %v", p.value)
}

// product is one of the maps of the operator, A or Aᵀ.
type product struct {
	name    string
	in, out int
	apply   func(ctx context.Context, dst, x []float64) error
}

// products returns A and, if there is one, Aᵀ.
func (c *checker) products() []product {
	p := []product{{"A·x", c.cols, c.rows, c.a.Apply}}
	if t, ok := hvp.Trans(c.a); ok {
		p = append(p, product{"Aᵀ·x", c.rows, c.cols, t.ApplyTrans})
	}
	return p
}

// each runs a check on A and on Aᵀ.
func (c *checker) each(do func(p product) error) error {
	for _, p := range c.products() {
		if err := do(p); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// vector returns random vector number k of length n: Gaussian for even k and
// ±1 for odd ones.
func (c *checker) vector(n, k int) []float64 {
	rng := rand.New(rand.NewPCG(c.opt.Seed, uint64(k)))
	x := make([]float64, n)
	for i := range x {
		switch {
		case k%2 == 0:
			x[i] = rng.NormFloat64()
		case rng.Uint64()&1 == 0:
			x[i] = 1
		default:
			x[i] = -1
		}
	}
	return x
}

func kind(k int) string {
	if k%2 == 0 {
		return fmt.Sprintf("Gaussian vector %d", k)
	}
	return fmt.Sprintf("±1 vector %d", k)
}

// filled returns n copies of v.
func filled(n int, v float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = v
	}
	return x
}

// mul returns A·x in fresh memory and keeps ‖A‖ up to date.
func (c *checker) mul(x []float64) ([]float64, error) {
	y := filled(c.rows, math.NaN())
	if err := c.a.Apply(c.ctx, y, x); err != nil {
		return nil, fmt.Errorf("a product failed: %w", err)
	}
	if nx := norm(x); nx > 0 {
		c.normA = max(c.normA, norm(y)/nx)
	}
	return y, nil
}

func norm(x []float64) float64   { return parallel.Norm(1, x) }
func dot(x, y []float64) float64 { return parallel.Dot(1, x, y) }

// sameBits compares two vectors and names the first difference.
func sameBits(got, want []float64) error {
	for i := range want {
		if math.Float64bits(got[i]) != math.Float64bits(want[i]) && !(math.IsNaN(got[i]) && math.IsNaN(want[i])) {
			return fmt.Errorf("element %d is %v, was %v", i, got[i], want[i])
		}
	}
	return nil
}

// saw records an error relative to size. NaN is worse than all.
func (f *Finding) saw(err, size float64, format string, args ...any) {
	if err == 0 {
		return // also 0/0
	}
	e := err / size
	if !(e <= f.Worst) && !math.IsNaN(f.Worst) {
		f.Worst, f.Detail = e, fmt.Sprintf(format, args...)
	}
}
