package hypergrad

import (
	"context"
	"fmt"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/autodiff"
)

// Terms is a [Problem] that is written as code without derivatives: an inner
// energy and an outer loss, each a sum of terms over the scalar type of package
// autodiff. Its methods are exact and safe for concurrent use.
type Terms struct {
	// E is the inner energy, y(w) = argmin E(y, w), and L the outer loss. Both
	// are for the same numbers of variables and parameters.
	E, L *autodiff.Energy
	// Structure is what is known of the Hessian of E; zero means
	// hvp.Semidefinite, which holds at any minimiser. For a strictly convex
	// energy, promise hvp.SPD.
	Structure hvp.Structure
	// StoreWeights trades memory for faster Hessian products; see
	// [autodiff.Settings].
	StoreWeights bool
}

// NewTerms returns the problem of ny variables and nw parameters with the given
// terms of the energy and of the loss. The loss may use fewer parameters than
// there are, or none.
func NewTerms(ny, nw int, energy, loss []autodiff.Terms) (*Terms, error) {
	e, err := autodiff.New(ny, nw, energy...)
	if err != nil {
		return nil, fmt.Errorf("hypergrad: inner energy: %w", err)
	}
	l, err := autodiff.New(ny, nw, loss...)
	if err != nil {
		return nil, fmt.Errorf("hypergrad: outer loss: %w", err)
	}
	return &Terms{E: e, L: l}, nil
}

// Dims implements [Equation].
func (t *Terms) Dims() (ny, nw int) { return t.E.Dims() }

// Residual implements [Equation].
func (t *Terms) Residual(ctx context.Context, dst, y, w []float64) error {
	return t.E.Gradient(ctx, dst, y, w)
}

// Energy implements [Energy].
func (t *Terms) Energy(ctx context.Context, y, w []float64) (float64, error) {
	return t.E.Value(ctx, y, w)
}

// Loss implements [Problem].
func (t *Terms) Loss(ctx context.Context, dy, dw, y, w []float64) (float64, error) {
	return t.L.Evaluate(ctx, dy, dw, y, w)
}

// Linearize implements [Equation]. Unlike those of other equations, its operators
// stay valid after the next call.
func (t *Terms) Linearize(ctx context.Context, y, w []float64) (lin Linearization, err error) {
	structure := t.Structure
	if structure == 0 {
		structure = hvp.Semidefinite
	}
	l, err := t.E.Linearize(ctx, y, w, &autodiff.Settings{StoreWeights: t.StoreWeights, Promise: structure})
	if err != nil {
		return lin, err
	}
	return Linearization{Y: l.Hessian(), W: l.Mixed()}, nil
}

var (
	_ Problem = (*Terms)(nil)
	_ Energy  = (*Terms)(nil)
)
