package hvptest

import (
	"context"
	"fmt"
	"math"

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
	{Singles, (*checker).singles, false},
	{Steps, (*checker).steps, false},
	{Bands, (*checker).bandwidth, false},
	{Diagonals, (*checker).diagonal, false},
	{WrongLengths, (*checker).wrongLengths, false},
}

type check struct {
	property Property
	run      func(*checker, *Finding) error
	vital    bool
}

// checker is the state of one call of Check.
type checker struct {
	ctx        context.Context
	a          hvp.Operator
	opt        Options
	rows, cols int
	normA      float64 // the largest ‖A·x‖/‖x‖ seen
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

// vector returns random vector number k of length n, see [RandomVector].
func (c *checker) vector(n, k int) []float64 { return RandomVector(c.opt.Seed, k, n) }

func kind(k int) string { return VectorName(k) }

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
