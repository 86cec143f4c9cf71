package hvp

import (
	"context"
	"errors"
	"fmt"
)

// A VectorField is a vector-valued function of y, such as the gradient of an
// energy: it sets dst = g(y). It must be safe for concurrent calls and keeps
// neither slice.
type VectorField func(ctx context.Context, dst, y []float64) error

// Approximate is implemented by operators whose products have errors far above
// those of float64 arithmetic, and by wrappers of such.
type Approximate interface {
	// Accuracy estimates the relative error ‖computed − A·v‖/‖A·v‖ of a product
	// with a generic v. Zero means that products are as good as float64 allows.
	Accuracy() float64
}

// AccuracyOf returns the accuracy that a reports, zero if it does not.
//
// A residual b − A·x computed with such an operator is wrong by about
// Accuracy·‖A·x‖, so that no solver can do, or verify, better than a relative
// residual of about this size; how far above it the attainable residual lies
// depends on ‖A‖‖x‖/‖b‖.
func AccuracyOf(a Operator) float64 {
	if p, ok := a.(Approximate); ok {
		return p.Accuracy()
	}
	return 0
}

// FiniteDifference is the Jacobian of a vector field at a point, applied by
// differences: for a gradient g = ∂E/∂y it is the Hessian-vector product. With
// δ_m = g(y+m·h·v) − g(y−m·h·v):
//
//	order 1   (g(y+h·v) − g(y)) / h          1 gradient,  error O(h)
//	order 2   δ₁ / 2h                        2 gradients, error O(h²)
//	order 4   (8δ₁ − δ₂) / 12h               4 gradients, error O(h⁴)
//
// # The step
//
// A product along v has two errors: truncation, c·h^p, and the noise η of the
// field, magnified to η/h. Their sum is least at
//
//	h = (η / (p·c))^{1/(p+1)}
//
// which is (3η/M₃)^{1/3}/‖v‖ for central differences of a field with third
// derivative M₃, and 2√(η/M₂)/‖v‖ for forward ones (Nocedal & Wright, Numerical
// Optimization, 2006, section 8.1). Neither η nor c is known from theory: a field
// of moderate size at y may have a corner of width one next to it. So they are
// measured, once per point: along a random direction the product is computed with
// steps a factor 4 apart, beginning with the textbook's ε^{1/(p+1)}·(1+‖y‖∞), for
// p > 2 that of p = 2.
// Where two neighbours differ by less as h grows, the noise rules; where they
// differ by more, truncation does; the walk goes on to where the two balance. (In
// this spirit: Stepleman & Winarsky, Math. Comp. 33, 1979,
// doi:10.1090/S0025-5718-1979-0537969-8.) It takes about six products, more if
// the field is much noisier than rounding errors, and its outcome serves all
// directions: h·‖v‖∞ is the same for all v, so that no component of y is moved
// far by a concentrated v.
//
// The estimate of the error left at the chosen step is the
// [FiniteDifference.Accuracy]. The result is not exactly linear nor symmetric in
// v; no solver should chase a residual below that.
//
// # Richardson extrapolation
//
// A second product with twice the step cancels the leading error term: (2^p·D(h)
// − D(2h))/(2^p − 1) has order 2, 4 or 6. The change that this makes estimates
// the truncation error of D(h), a pessimistic estimate of that of the result;
// [FiniteDifference.ApplyError] returns it, with the noise, for each product.
type FiniteDifference struct {
	differ
	promise Structure
}

// FiniteDifferenceSettings are the choices of a [FiniteDifference]. The zero
// value works.
type FiniteDifferenceSettings struct {
	// Order is 1 (forward), 2 or 4 (central). Zero means 2.
	Order int
	// Forward is Order = 1: half the cost, half the digits.
	Forward bool
	// Richardson extrapolates from the steps h and 2h.
	Richardson bool
	// Noise is the relative error of the vector field, as [EstimateNoise]
	// defines it. Zero means 2^-52, a field computed in float64 without
	// cancellation. Where more noise than this is seen, that counts.
	Noise float64
	// EstimateNoise has [EstimateNoise] find the noise, at the cost of some
	// 10 gradients. The step is measured in any case; this makes Accuracy
	// safer for fields of few components.
	EstimateNoise bool
	// Step fixes h·‖v‖∞. Zero means that it is measured.
	Step float64
	// Promise is what is known of the Jacobian, for example [Symmetric] for
	// the Hessian of an energy.
	Promise Structure
}

// NewFiniteDifference returns the Jacobian of g at y as an operator. It keeps y,
// which must not change while the operator is in use, and evaluates g some ten
// times to find the step.
func NewFiniteDifference(ctx context.Context, g VectorField, y []float64, s *FiniteDifferenceSettings) (*FiniteDifference, error) {
	if g == nil {
		return nil, errors.New("hvp: finite differences of a nil function")
	}
	if s == nil {
		s = &FiniteDifferenceSettings{}
	}
	f := &FiniteDifference{promise: s.Promise}
	if err := f.init(g, y, len(y), s); err != nil {
		return nil, err
	}
	if err := f.ready(ctx); err != nil {
		return nil, err
	}
	return f, nil
}

// init checks the settings of differences of g, which has the given number of
// rows.
func (d *differ) init(g VectorField, y []float64, rows int, s *FiniteDifferenceSettings) error {
	order := s.Order
	switch {
	case s.Forward && order > 1:
		return fmt.Errorf("hvp: forward differences of order %d", order)
	case s.Forward:
		order = 1
	case order == 0:
		order = 2
	}
	var ok bool
	if d.stencil, ok = stencils[stencilKey{order, s.Richardson}]; !ok {
		return fmt.Errorf("hvp: finite differences of order %d; there are 1, 2 and 4", order)
	}
	d.noise = s.Noise
	switch {
	case s.Noise == 0:
		d.noise = 0x1p-52
	case !(s.Noise > 0 && s.Noise < 1):
		return fmt.Errorf("hvp: relative noise %v of a gradient is not between 0 and 1", s.Noise)
	}
	if !(s.Step >= 0 && s.Step < 1e300) {
		return fmt.Errorf("hvp: finite difference step %v", s.Step)
	}
	d.fixed, d.estimate = s.Step, s.EstimateNoise
	d.field, d.at, d.rows = g, y, rows
	return nil
}

// Dims implements [Operator].
func (f *FiniteDifference) Dims() (rows, cols int) { return len(f.at), len(f.at) }

// Structure implements [Structured].
func (f *FiniteDifference) Structure() Structure { return f.promise.closure() }

// Accuracy implements [Approximate]: the error of a product along a random
// direction, truncation and noise together, as measured when the step was
// chosen.
func (f *FiniteDifference) Accuracy() float64 { return f.accuracy }

// Step returns h·‖v‖∞.
func (f *FiniteDifference) Step() float64 { return f.step }

// Apply implements [Operator]. Two or three n-vectors of scratch memory are kept
// for the next product.
func (f *FiniteDifference) Apply(ctx context.Context, dst, x []float64) error {
	n := len(f.at)
	if err := checkShape(n, n, dst, x, 1); err != nil {
		return err
	}
	return f.along(ctx, dst, nil, x, f.step)
}

// ApplyError sets dst as Apply does and returns an estimate of the relative error
// of this very product: the change made by the extrapolation, which is about the
// error that there would be without it. It needs the setting Richardson.
func (f *FiniteDifference) ApplyError(ctx context.Context, dst, x []float64) (relative float64, err error) {
	n := len(f.at)
	if err := checkShape(n, n, dst, x, 1); err != nil {
		return 0, err
	}
	if f.stencil.change == nil {
		return 0, errors.New("hvp: an error estimate for each product needs Richardson extrapolation")
	}
	change := make([]float64, n)
	if err := f.along(ctx, dst, change, x, f.step); err != nil {
		return 0, err
	}
	return ratio(norm(ctx, change), norm(ctx, dst)) + f.floor, nil
}

var (
	_ Operator    = (*FiniteDifference)(nil)
	_ Structured  = (*FiniteDifference)(nil)
	_ Approximate = (*FiniteDifference)(nil)
)
