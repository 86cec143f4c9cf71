package hvp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// A VectorField is a vector-valued function of y, such as the gradient of an
// energy: it sets dst = g(y). It must be safe for concurrent calls and keeps
// neither slice.
type VectorField func(ctx context.Context, dst, y []float64) error

// FiniteDifference is the Jacobian of a vector field at a point, applied by
// differences: for a gradient g = ∂E/∂y it is the Hessian-vector product
//
//	H·v ≈ (g(y+h·v) − g(y−h·v)) / 2h        (central, two gradients)
//	H·v ≈ (g(y+h·v) − g(y)) / h             (forward, one gradient)
//
// with h·‖v‖ = ε^{1/3}·(1+‖y‖) and ε^{1/2}·(1+‖y‖), ε being the relative noise
// of g: the steps that balance truncation against rounding (Nocedal & Wright,
// Numerical Optimization, 2006, section 8.1; the form with 1+‖y‖ as in Domke,
// AISTATS 2012). The result is not exactly linear nor symmetric in v; no solver
// should chase a residual far below [FiniteDifference.Accuracy].
type FiniteDifference struct {
	g       VectorField
	y, gy   []float64
	normY   float64
	forward bool
	noise   float64
	promise Structure
	scratch sync.Pool // *fdScratch
}

// FiniteDifferenceSettings are the choices of a [FiniteDifference]. The zero
// value works.
type FiniteDifferenceSettings struct {
	// Forward takes one-sided differences: half the cost, half the digits.
	Forward bool
	// Noise is the relative error of the vector field. Zero means 2^-52, a
	// field computed in float64 without cancellation.
	Noise float64
	// Promise is what is known of the Jacobian, for example [Symmetric] for
	// the Hessian of an energy.
	Promise Structure
}

type fdScratch struct{ point, g []float64 }

// NewFiniteDifference returns the Jacobian of g at y as an operator. It keeps y,
// which must not change while the operator is in use. Forward differences
// evaluate g(y) here, once.
func NewFiniteDifference(ctx context.Context, g VectorField, y []float64, s *FiniteDifferenceSettings) (*FiniteDifference, error) {
	if g == nil {
		return nil, errors.New("hvp: finite differences of a nil function")
	}
	if s == nil {
		s = &FiniteDifferenceSettings{}
	}
	noise := s.Noise
	switch {
	case noise == 0:
		noise = 0x1p-52
	case !(noise > 0 && noise < 1):
		return nil, fmt.Errorf("hvp: relative noise %v of a gradient is not between 0 and 1", noise)
	}
	f := &FiniteDifference{g: g, y: y, forward: s.Forward, noise: noise, promise: s.Promise}
	f.normY = parallel.Norm(parallel.FromContext(ctx), y)
	if math.IsNaN(f.normY) || math.IsInf(f.normY, 0) {
		return nil, fmt.Errorf("hvp: finite differences at a point of norm %v", f.normY)
	}
	if f.forward {
		f.gy = make([]float64, len(y))
		if err := g(ctx, f.gy, y); err != nil {
			return nil, fmt.Errorf("hvp: gradient at the point: %w", err)
		}
	}
	return f, nil
}

// Dims implements [Operator].
func (f *FiniteDifference) Dims() (rows, cols int) { return len(f.y), len(f.y) }

// Structure implements [Structured].
func (f *FiniteDifference) Structure() Structure { return f.promise.closure() }

// Accuracy estimates the relative error of a product: ε^{2/3} for central and
// ε^{1/2} for forward differences of a field with moderate third or second
// derivatives.
func (f *FiniteDifference) Accuracy() float64 {
	if f.forward {
		return math.Sqrt(f.noise)
	}
	return math.Pow(f.noise, 2.0/3)
}

// Apply implements [Operator]. It evaluates the vector field once (forward) or
// twice (central); 2n of scratch memory is kept for the next product.
func (f *FiniteDifference) Apply(ctx context.Context, dst, x []float64) error {
	n := len(f.y)
	if err := checkShape(n, n, dst, x, 1); err != nil {
		return err
	}
	team := parallel.FromContext(ctx)
	normX := parallel.Norm(team, x)
	if normX == 0 {
		clear(dst)
		return nil
	}
	s, _ := f.scratch.Get().(*fdScratch)
	if s == nil {
		s = &fdScratch{make([]float64, n), make([]float64, n)}
	}
	defer f.scratch.Put(s)
	power := 1.0 / 3
	if f.forward {
		power = 0.5
	}
	h := math.Pow(f.noise, power) * (1 + f.normY) / normX
	if math.IsInf(h, 0) || h == 0 || math.IsNaN(h) {
		return fmt.Errorf("hvp: no finite difference step for a vector of norm %v at a point of norm %v", normX, f.normY)
	}
	shifted := func(g []float64, h float64) error {
		copy(s.point, f.y)
		parallel.Axpy(team, s.point, h, x)
		return f.g(ctx, g, s.point)
	}
	if err := shifted(dst, h); err != nil {
		return err
	}
	base, c := f.gy, 1/h
	if !f.forward {
		if err := shifted(s.g, -h); err != nil {
			return err
		}
		base, c = s.g, 0.5/h
	}
	parallel.Axpby(team, dst, -c, base, c)
	return nil
}

var (
	_ Operator   = (*FiniteDifference)(nil)
	_ Structured = (*FiniteDifference)(nil)
)
