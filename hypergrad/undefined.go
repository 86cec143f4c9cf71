package hypergrad

import (
	"errors"
	"fmt"

	"github.com/hgsolve/hgsolve/krylov"
)

// ErrUndefined says that ∂G/∂y is singular and the right-hand side is not in its
// range, so that there is no hypergradient or tangent; errors.Is finds it, and
// errors.As the [*UndefinedError] with the numbers.
//
// Where ∂G/∂y is symmetric, singular and of constant rank around y, as for a
// minimiser that is not isolated, the solutions of G(y, w) = 0 form a manifold
// whose tangent space at y is the null space (the constant rank theorem). Then
// the shortest answers of both linear systems are the derivatives of the solution
// that moves at right angles to the manifold (Gould, Hartley & Campbell, IEEE
// PAMI 44, 2022, doi:10.1109/TPAMI.2021.3059462, section 3.4), provided that the
// loss does not change along the manifold to first order: ∂ℓ/∂y ⊥ null(∂G/∂y). Else
// it depends on which solution is meant and dL/dw has no value. Promise
// [hvp.Singular] to get these answers, by MINRES-QLP.
var ErrUndefined = errors.New("the derivative is not defined")

// UndefinedError is the error that says ErrUndefined.
type UndefinedError struct {
	// Residual is the norm of the part of the right-hand side that is outside
	// of the range of ∂G/∂y, Slope the norm of all of it: ∂ℓ/∂y for a
	// hypergradient, (∂G/∂w)·u for a tangent.
	Residual, Slope float64
	tangent         bool
	cause           error
}

// Error implements error.
func (e *UndefinedError) Error() string {
	what, side := "the hypergradient is not defined", "∂ℓ/∂y"
	if e.tangent {
		what, side = "the tangent is not defined", "(∂G/∂w)·u"
	}
	return fmt.Sprintf("hypergrad: %s: ∂G/∂y is singular and %.3g of the length of %s lies outside of its range", what, e.Residual/e.Slope, side)
}

// Unwrap returns the error of the linear solve, nil if it found the least-squares
// solution that it was asked for.
func (e *UndefinedError) Unwrap() error { return e.cause }

// Is reports whether target is ErrUndefined.
func (e *UndefinedError) Is(target error) bool { return target == ErrUndefined }

// undefined turns the outcome of a linear solve without a solution into an
// UndefinedError, and returns any other as it is.
func undefined(res *krylov.Result, tangent bool, err error) error {
	if res.Status != krylov.LeastSquares && res.Status != krylov.Inconsistent {
		return err
	}
	return &UndefinedError{res.TrueResidual, res.RHSNorm, tangent, err}
}
