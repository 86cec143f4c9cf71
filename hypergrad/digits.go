package hypergrad

import (
	"errors"
	"fmt"
	"math"
)

// ErrInnerNotStationary is what errors are that say that y does not solve
// G(y, w) = 0 well enough: [*NotStationaryError] of the inner solver, and
// [*DigitsError] where the inner problem is to blame.
var ErrInnerNotStationary = errors.New("hypergrad: inner problem not stationary")

// DigitsError says that a hypergradient, which is returned beside it, has fewer
// right digits than the Estimator's MinDigits asks for. It is
// [ErrInnerNotStationary] unless the residual of the adjoint system alone explains
// the error.
type DigitsError struct {
	// Digits are right by the error bar, zero if it is not trusted; Want were
	// asked for.
	Digits, Want float64
	// Stationarity is ‖G(y, w)‖. Needed estimates to what it must come down,
	// the error of dL/dw being about proportional to it; zero where there is
	// no trusted bar to estimate from, or the adjoint system is to blame.
	Stationarity, Needed float64
	// Note is that of the bar, where it is not trusted.
	Note string
	// Adjoint says that the residual of the adjoint system explains the error.
	Adjoint bool
}

// Error implements error.
func (e *DigitsError) Error() string {
	s := fmt.Sprintf("hypergrad: dL/dw has %.1f right digits, asked for %g", e.Digits, e.Want)
	switch {
	case e.Note != "":
		return s + ": " + e.Note
	case e.Adjoint:
		return s + ": the adjoint system is solved too loosely"
	}
	return s + fmt.Sprintf(": the inner problem must be solved from ‖G‖ = %.3g to about %.3g", e.Stationarity, e.Needed)
}

// Is reports whether target is [ErrInnerNotStationary] and the inner problem is
// to blame.
func (e *DigitsError) Is(target error) bool { return target == ErrInnerNotStationary && !e.Adjoint }

// enoughDigits returns the error for a hypergradient with too few right digits.
func (e *Estimator) enoughDigits(rep *Report) error {
	if !(e.MinDigits > 0) || rep.Digits >= e.MinDigits {
		return nil
	}
	err := &DigitsError{Digits: rep.Digits, Want: e.MinDigits, Stationarity: rep.Stationarity, Note: rep.Error.Note}
	if rep.Error.Trusted {
		allowed := math.Pow(10, -e.MinDigits) * rep.GradNorm
		err.Adjoint = rep.Stationarity == 0 || rep.ResidualEffect > rep.Error.Estimate/2
		if !err.Adjoint {
			err.Needed = rep.Stationarity * allowed / rep.Error.Estimate
		}
	}
	return err
}
