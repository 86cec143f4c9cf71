package hypergrad

import (
	"errors"
	"fmt"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
)

// accuracyMargin is how far above the accuracy of its products the relative
// residual of a solve is asked to come. A residual b − A·x that is computed with
// relative errors a of A·x ≈ b is itself wrong by a·‖b‖; the errors of the
// products that led to x add to that. Below ten times a nothing could be verified.
const accuracyMargin = 10

// loosen raises the relative tolerance of a solve with a to what the products of a
// can deliver, and says so in rep. It changes nothing for exact operators.
//
// The attainable residual also grows with ‖A‖‖x‖/‖b‖, which is not known before
// the solve and can reach the condition number: where it does, the solve ends as
// [krylov.Stagnated], with the note beside it.
func loosen(rep *Report, s *krylov.Settings, a hvp.Operator) {
	rep.ProductAccuracy = hvp.AccuracyOf(a)
	if s.Trans {
		rep.ProductAccuracy = transAccuracy(a)
	}
	floor := accuracyMargin * rep.ProductAccuracy
	asked := s.RTol
	if asked == 0 && s.ATol == 0 {
		asked = krylov.DefaultRTol
	}
	if !(floor > asked) {
		return
	}
	rep.ToleranceNote = fmt.Sprintf("the relative tolerance of %.2g was loosened to %.2g: the products with ∂G/∂y are accurate to %.2g only", asked, floor, rep.ProductAccuracy)
	s.RTol = floor
}

// solveError wraps the error of a linear solve, with what inexact products have to
// do with it.
func solveError(what string, rep *Report, err error) error {
	if errors.Is(err, ErrUndefined) {
		return err
	}
	if rep.ProductAccuracy > 0 && errors.Is(err, krylov.Stagnated) {
		return fmt.Errorf("hypergrad: %s solve with products accurate to %.2g only, which may be all that they can deliver: %w", what, rep.ProductAccuracy, err)
	}
	return fmt.Errorf("hypergrad: %s solve: %w", what, err)
}

// transAccuracy returns the accuracy of the transpose product.
func transAccuracy(w hvp.Operator) float64 {
	if t, ok := w.(interface{ TransAccuracy() float64 }); ok {
		return t.TransAccuracy()
	}
	return hvp.AccuracyOf(w)
}
