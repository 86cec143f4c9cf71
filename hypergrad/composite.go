package hypergrad

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// composite is, at one w, a smooth problem with one nonsmooth function of each
// variable:
//
//	h_i(y) = λ_i·|y|  for lo_i ≤ y ≤ hi_i, else ∞
//
// y solves 0 ∈ G(y, w) + ∂h(y). Of each variable the one-sided derivatives d⁻ ≤ d⁺
// of the sum decide: y_i is stationary if d⁻ ≤ 0 or y_i = lo_i, and d⁺ ≥ 0 or y_i =
// hi_i. It is active if it stands at a bound or, with λ_i > 0, at zero; the face of
// y is the set of vectors with the same active variables.
type composite struct {
	base   Problem
	lo, hi []float64 // of length n
	lambda []float64 // nil: none
	// lambdaW is ∂λ/∂w, nil if λ does not depend on w.
	lambdaW   func(ctx context.Context, w []float64) (hvp.Operator, error)
	weightsAt func(lambda, w []float64) error // λ at another w
	tol       float64                         // relative distance at which a variable counts as active
	weak      float64                         // relative margin below which it is reported
	ny, nw    int
}

// A nonsmooth problem is a composite at each w.
type nonsmooth interface {
	Problem
	at(w []float64) (*composite, error)
}

// Defaults of the tolerances of an active set.
const (
	defaultActiveTol = 1e-10
	defaultWeakTol   = 1e-6
)

// newComposite checks what a type gives. Short bounds are those of the first
// variables.
func newComposite(owner string, base Problem, lower, upper []float64, tol, weak float64) (*composite, error) {
	if base == nil {
		return nil, fmt.Errorf("hypergrad: %s without Problem", owner)
	}
	c := &composite{base: base, tol: tol, weak: weak}
	c.ny, c.nw = base.Dims()
	if c.tol == 0 {
		c.tol = defaultActiveTol
	}
	if c.weak == 0 {
		c.weak = defaultWeakTol
	}
	if !(c.tol > 0 && c.tol < 1) || !(c.weak > 0 && c.weak < 1) {
		return nil, fmt.Errorf("hypergrad: %s: tolerances %v and %v must be between 0 and 1", owner, tol, weak)
	}
	if len(lower) > c.ny || len(upper) > c.ny {
		return nil, fmt.Errorf("hypergrad: %s: %d lower and %d upper bounds for %d unknowns", owner, len(lower), len(upper), c.ny)
	}
	c.lo, c.hi = make([]float64, c.ny), make([]float64, c.ny)
	for i := range c.ny {
		c.lo[i], c.hi[i] = math.Inf(-1), math.Inf(1)
		if i < len(lower) {
			c.lo[i] = lower[i]
		}
		if i < len(upper) {
			c.hi[i] = upper[i]
		}
		if !(c.lo[i] <= c.hi[i]) || math.IsInf(c.lo[i], 1) || math.IsInf(c.hi[i], -1) {
			return nil, fmt.Errorf("hypergrad: %s: bounds %v ≤ y[%d] ≤ %v", owner, c.lo[i], i, c.hi[i])
		}
	}
	return c, nil
}

// A place says where a variable stands.
type place int8

const (
	free    place = iota
	atLower       // of its bounds
	atUpper
	atKink // at zero, the kink of |y|
	pinned // lo = hi
)

// weight returns λ_i.
func (c *composite) weight(i int) float64 {
	if c.lambda == nil {
		return 0
	}
	return c.lambda[i]
}

// reachOf returns max |y_i|, the size by which distances to bounds are measured.
func reachOf(y []float64) float64 {
	size := 0.0
	for _, v := range y {
		size = max(size, math.Abs(v))
	}
	return size
}

// slopes returns the one-sided derivatives of the sum in y_i.
func (c *composite) slopes(i int, p place, y, g float64) (left, right float64) {
	l := c.weight(i)
	switch {
	case l == 0:
		return g, g
	case p == atKink || y == 0:
		return g - l, g + l
	case y > 0:
		return g + l, g + l
	}
	return g - l, g - l
}

// places sets where the variables of y stand, given g = G(y, w). A variable at a
// bound whose multiplier has the wrong sign by more than rounding errors is free:
// it is about to leave.
func (c *composite) places(dst []place, y, g []float64) error {
	size, steep := reachOf(y), reachOf(g)
	for i, v := range y {
		lo, hi := c.lo[i], c.hi[i]
		nearLo := v <= lo+c.tol*max(math.Abs(lo), size)
		nearHi := v >= hi-c.tol*max(math.Abs(hi), size)
		kink := c.weight(i) > 0 && math.Abs(v) <= c.tol*size
		if v < lo && !(v >= lo-c.tol*max(math.Abs(lo), size)) || v > hi && !(v <= hi+c.tol*max(math.Abs(hi), size)) || math.IsNaN(v) {
			return fmt.Errorf("hypergrad: y[%d] = %v is outside of its bounds %v … %v", i, v, lo, hi)
		}
		dst[i] = free
		if kink {
			dst[i] = atKink
		}
		left, right := c.slopes(i, dst[i], v, g[i])
		switch {
		case lo == hi:
			dst[i] = pinned
		case nearLo && right >= -c.tol*steep:
			dst[i] = atLower
		case nearHi && left <= c.tol*steep:
			dst[i] = atUpper
		}
	}
	return nil
}

// stationarity returns the shortest element of G + ∂h at y_i: the projected
// gradient, or the minimum-norm subgradient.
func (c *composite) stationarity(i int, p place, y, g float64) float64 {
	left, right := c.slopes(i, p, y, g)
	switch {
	case p == pinned:
		return 0
	case right < 0 && p != atUpper:
		return right
	case left > 0 && p != atLower:
		return left
	}
	return 0
}

// prox returns argmin ½(y − x)² + t·h_i(y).
func (c *composite) prox(i int, x, t float64) float64 {
	if l := t * c.weight(i); l > 0 {
		x = math.Copysign(max(math.Abs(x)-l, 0), x)
	}
	return max(c.lo[i], min(c.hi[i], x))
}

// look evaluates G and the places at (y, w).
func (c *composite) look(ctx context.Context, y, w []float64) (g []float64, at []place, err error) {
	g, at = make([]float64, c.ny), make([]place, c.ny)
	if err := c.base.Residual(ctx, g, y, w); err != nil {
		return nil, nil, err
	}
	for i, v := range g {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, nil, fmt.Errorf("hypergrad: the gradient of the smooth part has element %d = %v", i, v)
		}
	}
	return g, at, c.places(at, y, g)
}

// residual implements [Equation].
func (c *composite) residual(ctx context.Context, dst, y, w []float64) error {
	g, at, err := c.look(ctx, y, w)
	if err != nil {
		return err
	}
	for i := range dst {
		dst[i] = c.stationarity(i, at[i], y[i], g[i])
	}
	return nil
}

// loss implements [Problem]: ∂ℓ/∂y along the face, zero for active variables.
func (c *composite) loss(ctx context.Context, dy, dw, y, w []float64) (float64, error) {
	l, err := c.base.Loss(ctx, dy, dw, y, w)
	if err != nil || dy == nil {
		return l, err
	}
	_, at, err := c.look(ctx, y, w)
	if err != nil {
		return 0, err
	}
	for i, p := range at {
		if p != free {
			dy[i] = 0
		}
	}
	return l, nil
}

// linearize implements [Equation], in all variables: the identity for active ones.
func (c *composite) linearize(ctx context.Context, y, w []float64) (lin Linearization, err error) {
	_, at, err := c.look(ctx, y, w)
	if err != nil {
		return lin, err
	}
	return c.linearizeAt(ctx, at, y, w)
}

// linearizeAt is linearize for known places.
func (c *composite) linearizeAt(ctx context.Context, at []place, y, w []float64) (lin Linearization, err error) {
	if lin, err = c.base.Linearize(ctx, y, w); err != nil {
		return lin, err
	}
	if lin.Y, err = onFace(lin.Y, at); err != nil {
		return lin, err
	}
	mixed := &faceMixed{a: lin.W, at: at}
	if c.lambdaW != nil {
		if mixed.lambda, err = c.lambdaW(ctx, w); err != nil {
			return lin, err
		}
		mixed.sign = make([]float64, c.ny)
		for i, p := range at {
			if p == free && c.weight(i) > 0 {
				mixed.sign[i] = math.Copysign(1, y[i])
			}
		}
	}
	lin.W = mixed
	return lin, nil
}

// faceOperator is A on the free variables and the identity on the others.
type faceOperator struct {
	a       hvp.Operator
	at      []place
	scratch parallel.Scratch
}

// Dims implements [hvp.Operator].
func (f *faceOperator) Dims() (rows, cols int) { return len(f.at), len(f.at) }

// apply is the product by way of mul, that of A or of its transpose.
func (f *faceOperator) apply(dst, x []float64, mul func(dst, x []float64) error) error {
	if len(dst) != len(f.at) || len(x) != len(f.at) {
		return fmt.Errorf("hypergrad: product of a face of order %d with vectors of %d and %d", len(f.at), len(x), len(dst))
	}
	in := f.scratch.Get(len(x))
	defer f.scratch.Put(in)
	for i, p := range f.at {
		if p == free {
			(*in)[i] = x[i]
		} else {
			(*in)[i] = 0
		}
	}
	if err := mul(dst, *in); err != nil {
		return err
	}
	for i, p := range f.at {
		if p != free {
			dst[i] = x[i]
		}
	}
	return nil
}

// Apply implements [hvp.Operator].
func (f *faceOperator) Apply(ctx context.Context, dst, x []float64) error {
	return f.apply(dst, x, func(dst, x []float64) error { return f.a.Apply(ctx, dst, x) })
}

// ApplyTrans implements [hvp.Transposer].
func (f *faceOperator) ApplyTrans(ctx context.Context, dst, x []float64) error {
	t, ok := hvp.Trans(f.a)
	if !ok {
		return fmt.Errorf("hypergrad: ∂G/∂y (a %T) has no transpose product", f.a)
	}
	return f.apply(dst, x, func(dst, x []float64) error { return t.ApplyTrans(ctx, dst, x) })
}

// Diag implements [hvp.Diagonaler].
func (f *faceOperator) Diag(dst []float64) error {
	d, ok := hvp.Diag(f.a)
	if !ok {
		return errors.New("hypergrad: the diagonal is not known")
	}
	if err := d.Diag(dst); err != nil {
		return err
	}
	for i, p := range f.at {
		if p != free {
			dst[i] = 1
		}
	}
	return nil
}

// Capabilities implements [hvp.Conditional].
func (f *faceOperator) Capabilities() (c hvp.Capability) {
	if _, ok := hvp.Trans(f.a); ok {
		c |= hvp.CanTrans
	}
	if _, ok := hvp.Diag(f.a); ok {
		c |= hvp.CanDiag
	}
	return c
}

// Structure implements [hvp.Structured]: a restriction keeps all promises.
func (f *faceOperator) Structure() hvp.Structure { return hvp.StructureOf(f.a) }

// Accuracy implements [hvp.Approximate].
func (f *faceOperator) Accuracy() float64 { return hvp.AccuracyOf(f.a) }

// TransAccuracy is the accuracy of the transpose alone.
func (f *faceOperator) TransAccuracy() float64 { return transAccuracy(f.a) }

// faceMixed is S·(∂G/∂w + diag(sign)·∂λ/∂w), S the selection of free variables.
type faceMixed struct {
	a       hvp.Operator
	at      []place
	lambda  hvp.Operator // nil: none
	sign    []float64
	scratch parallel.Scratch
}

// Dims implements [hvp.Operator].
func (f *faceMixed) Dims() (rows, cols int) { return f.a.Dims() }

// Apply implements [hvp.Operator].
func (f *faceMixed) Apply(ctx context.Context, dst, u []float64) error {
	if err := f.a.Apply(ctx, dst, u); err != nil {
		return err
	}
	if f.lambda != nil {
		more := f.scratch.Get(len(dst))
		defer f.scratch.Put(more)
		if err := f.lambda.Apply(ctx, *more, u); err != nil {
			return err
		}
		for i, s := range f.sign {
			dst[i] += s * (*more)[i]
		}
	}
	for i, p := range f.at {
		if p != free {
			dst[i] = 0
		}
	}
	return nil
}

// ApplyTrans implements [hvp.Transposer].
func (f *faceMixed) ApplyTrans(ctx context.Context, dst, q []float64) error {
	t, ok := hvp.Trans(f.a)
	if !ok {
		return fmt.Errorf("hypergrad: ∂G/∂w (a %T) has no transpose product", f.a)
	}
	if len(q) != len(f.at) {
		return fmt.Errorf("hypergrad: mixed product with a vector of %d, want %d", len(q), len(f.at))
	}
	in := f.scratch.Get(len(q))
	defer f.scratch.Put(in)
	for i, p := range f.at {
		(*in)[i] = 0
		if p == free {
			(*in)[i] = q[i]
		}
	}
	if err := t.ApplyTrans(ctx, dst, *in); err != nil || f.lambda == nil {
		return err
	}
	lt, ok := hvp.Trans(f.lambda)
	if !ok {
		return fmt.Errorf("hypergrad: ∂λ/∂w (a %T) has no transpose product", f.lambda)
	}
	for i, s := range f.sign {
		(*in)[i] *= s
	}
	more := make([]float64, len(dst))
	if err := lt.ApplyTrans(ctx, more, *in); err != nil {
		return err
	}
	for j, v := range more {
		dst[j] += v
	}
	return nil
}

// Accuracy implements [hvp.Approximate].
func (f *faceMixed) Accuracy() float64 {
	a := hvp.AccuracyOf(f.a)
	if f.lambda != nil {
		a = max(a, hvp.AccuracyOf(f.lambda))
	}
	return a
}

// TransAccuracy is the accuracy of the transpose alone.
func (f *faceMixed) TransAccuracy() float64 {
	a := transAccuracy(f.a)
	if f.lambda != nil {
		a = max(a, transAccuracy(f.lambda))
	}
	return a
}
