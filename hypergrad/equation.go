package hypergrad

import (
	"context"
	"fmt"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// An Equation is G(y, w) = 0. Methods may start goroutines of their own but
// keep no slice after they return, except as Linearize says.
type Equation interface {
	// Dims returns the numbers of unknowns y and of parameters w.
	Dims() (ny, nw int)
	// Residual sets dst = G(y, w), len(dst) = n_y.
	Residual(ctx context.Context, dst, y, w []float64) error
	// Linearize returns the derivatives of G at (y, w). The operators may
	// refer to y and w: they are valid as long as neither changes and until
	// the next call of Linearize.
	Linearize(ctx context.Context, y, w []float64) (Linearization, error)
}

// Linearization holds the two operators that the theorem needs.
type Linearization struct {
	// Y is ∂G/∂y, n_y × n_y. Its promises choose the solver: for y a minimiser
	// of an energy it is symmetric and semidefinite, for a strictly convex
	// energy definite.
	Y hvp.Operator
	// W is ∂G/∂w, n_y × n_w. The adjoint applies its transpose, the tangent
	// its product.
	W hvp.Operator
}

// An Energy is an equation that comes from a minimum, G = ∂E/∂y.
type Energy interface {
	Equation
	// Energy returns E(y, w).
	Energy(ctx context.Context, y, w []float64) (float64, error)
}

// A Problem is an equation with an outer loss.
type Problem interface {
	Equation
	// Loss returns ℓ(y, w) and sets dy = ∂ℓ/∂y and dw = ∂ℓ/∂w. Either may be
	// nil: not wanted.
	Loss(ctx context.Context, dy, dw, y, w []float64) (float64, error)
}

// length is the length of a vector and what it should be.
type length struct {
	name      string
	got, want int
}

// A vector is a slice with its name in errors.
type vector struct {
	name string
	of   []float64
}

// checkApart returns an error if dst shares memory with one of the others, which it
// would overwrite while they are needed.
func checkApart(dst []float64, others ...vector) error {
	for _, v := range others {
		if parallel.Overlap(dst, v.of) {
			return fmt.Errorf("hypergrad: dst and %s overlap", v.name)
		}
	}
	return nil
}

// checkLengths returns an error for the first vector that does not fit.
func checkLengths(vectors ...length) error {
	for _, v := range vectors {
		if v.got != v.want {
			return fmt.Errorf("hypergrad: len(%s) = %d, want %d", v.name, v.got, v.want)
		}
	}
	return nil
}
