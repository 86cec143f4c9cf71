package krylov

import (
	"fmt"
	"strings"
)

// Status says how a solve ended. It is an error value, so that
//
//	errors.Is(err, krylov.NegativeCurvature)
//
// works on what Solve returns.
type Status int

const (
	// NotSolved is the zero value: no solve has run.
	NotSolved Status = iota
	// Converged: the true residual meets the tolerance.
	Converged
	// LeastSquares: the system has no solution and x is the least-squares
	// solution of minimum length. Only methods made for it end so.
	LeastSquares
	// IterationLimit: MaxIter iterations were not enough.
	IterationLimit
	// TimeLimit: MaxTime was not enough.
	TimeLimit
	// Canceled: the context ended.
	Canceled
	// Stopped: the monitor asked for the end.
	Stopped
	// NegativeCurvature: a direction p with pᵀAp ≤ 0 and A·p ≠ 0 was met, so A
	// is not positive definite. Result holds p and pᵀAp/pᵀp.
	NegativeCurvature
	// IndefinitePreconditioner: a vector r with rᵀMr ≤ 0 was met.
	IndefinitePreconditioner
	// NotSymmetric: ⟨u, A·v⟩ ≠ ⟨A·u, v⟩ for two vectors that were met, in a
	// method that needs a symmetric operator.
	NotSymmetric
	// Inconsistent: A is singular and b is not in its range.
	Inconsistent
	// Stagnated: the residual stopped falling short of the tolerance; more
	// iterations would not help at this precision.
	Stagnated
	// Breakdown: a recurrence of the method divided by (nearly) zero.
	Breakdown
	// NonFinite: NaN or Inf in the input, a product or a preconditioner.
	NonFinite
	// OperatorFailed: a product returned an error.
	OperatorFailed
	// PreconditionerFailed: the preconditioner returned an error.
	PreconditionerFailed
	// InvalidInput: shapes or settings do not fit.
	InvalidInput
	// Satisfied: the monitor ended the solve because x is good enough for its
	// purpose ([ErrSatisfied]), a success; the residual may be above the
	// tolerance.
	Satisfied
)

// statusTable gives each status its name and what a user may do about it.
var statusTable = [...]struct{ name, advice string }{
	NotSolved:                {"NotSolved", "no solve has run"},
	Converged:                {"Converged", ""},
	LeastSquares:             {"LeastSquares", ""},
	IterationLimit:           {"IterationLimit", "raise MaxIter, use a better preconditioner, or loosen RTol"},
	TimeLimit:                {"TimeLimit", "raise MaxTime, use a better preconditioner, or loosen RTol"},
	Canceled:                 {"Canceled", "the context ended"},
	Stopped:                  {"Stopped", "the monitor ended the solve"},
	NegativeCurvature:        {"NegativeCurvature", "the operator is not positive definite: the point may be no minimiser, or the product is wrong; MINRES solves symmetric indefinite systems"},
	IndefinitePreconditioner: {"IndefinitePreconditioner", "the preconditioner must be symmetric positive definite: check its sign and its symmetry"},
	NotSymmetric:             {"NotSymmetric", "the operator, or the preconditioner, is not symmetric: check the product; GMRES needs no symmetry"},
	Inconsistent:             {"Inconsistent", "the operator is singular and the right-hand side is not in its range: no solution exists"},
	Stagnated:                {"Stagnated", "rounding errors keep the residual above the tolerance: loosen RTol, scale the problem, or use a preconditioner; a product that is not exactly linear or symmetric has the same effect"},
	Breakdown:                {"Breakdown", "the recurrence cannot go on: try another method"},
	NonFinite:                {"NonFinite", "NaN or Inf"},
	OperatorFailed:           {"OperatorFailed", "the product returned an error"},
	PreconditionerFailed:     {"PreconditionerFailed", "the preconditioner returned an error"},
	InvalidInput:             {"InvalidInput", "the input does not fit"},
	Satisfied:                {"Satisfied", ""},
}

// String returns the name of the status.
func (s Status) String() string {
	if s < 0 || int(s) >= len(statusTable) {
		return fmt.Sprintf("Status(%d)", int(s))
	}
	return statusTable[s].name
}

// Error implements error.
func (s Status) Error() string { return s.String() }

// Advice returns what a user may do about the status, empty for a success.
func (s Status) Advice() string {
	if s < 0 || int(s) >= len(statusTable) {
		return ""
	}
	return statusTable[s].advice
}

// Success reports whether x solves the problem that was posed.
func (s Status) Success() bool { return s == Converged || s == LeastSquares || s == Satisfied }

// Error is what a solve that failed returns. errors.Is finds its Status and its
// Cause.
type Error struct {
	Status     Status
	Method     string
	Iterations int
	// Residual and Tolerance are the residual norm reached and the one asked
	// for; negative where unknown.
	Residual, Tolerance float64
	// Cause is the error of the operator, preconditioner or context, or more
	// detail; it may be nil.
	Cause error
}

// Error returns one line: what happened, where, and what may help.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "krylov: %s: %s", e.Method, e.Status)
	if e.Iterations > 0 {
		fmt.Fprintf(&b, " after %d iterations", e.Iterations)
	}
	if e.Residual >= 0 && e.Tolerance >= 0 {
		fmt.Fprintf(&b, ", residual %.3g, asked for %.3g", e.Residual, e.Tolerance)
	}
	if e.Cause != nil {
		fmt.Fprintf(&b, ": %v", e.Cause)
	}
	if int(e.Status) < len(statusTable) && e.Status >= 0 {
		switch e.Status {
		case OperatorFailed, PreconditionerFailed, InvalidInput, Canceled, NonFinite, Stopped:
		default:
			fmt.Fprintf(&b, " (%s)", statusTable[e.Status].advice)
		}
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is reports whether target is the status of e.
func (e *Error) Is(target error) bool {
	s, ok := target.(Status)
	return ok && s == e.Status
}
