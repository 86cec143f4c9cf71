package hypergrad

import (
	"context"
	"fmt"
	"math"
)

// A ToleranceSolver is an [InnerSolver] that takes the tolerance with the call, as
// outer iterations need it, which solve the inner problem more accurately from step
// to step. SolveTo starts from y, overwrites it, and returns nil only if ‖G(y, w)‖ ≤
// tol, which is positive and absolute, in place of the solver's own tolerances. Where
// it cannot reach that it returns a [*NotStationaryError], with y the best point that
// it knows. [Newton], [LBFGS], [ActiveSetNewton] and [Anderson] are ToleranceSolvers.
type ToleranceSolver interface {
	SolveTo(ctx context.Context, eq Equation, y, w []float64, tol float64) (InnerResult, error)
}

// solveTo runs solve with the tolerances set to tol alone, and sets them back.
func solveTo(rtol, atol *float64, tol float64, solve func() (InnerResult, error)) (InnerResult, error) {
	if !(tol > 0) || math.IsInf(tol, 0) {
		return InnerResult{}, fmt.Errorf("hypergrad: inner tolerance %v is not positive and finite", tol)
	}
	r, a := *rtol, *atol
	defer func() { *rtol, *atol = r, a }()
	*rtol, *atol = 0, tol
	return solve()
}

// SolveTo implements [ToleranceSolver]. It does not polish.
func (s *Newton) SolveTo(ctx context.Context, eq Equation, y, w []float64, tol float64) (InnerResult, error) {
	polish := s.Polish
	defer func() { s.Polish = polish }()
	s.Polish = false
	return solveTo(&s.RTol, &s.ATol, tol, func() (InnerResult, error) { return s.Solve(ctx, eq, y, w) })
}

// SolveTo implements [ToleranceSolver].
func (s *LBFGS) SolveTo(ctx context.Context, eq Equation, y, w []float64, tol float64) (InnerResult, error) {
	return solveTo(&s.RTol, &s.ATol, tol, func() (InnerResult, error) { return s.Solve(ctx, eq, y, w) })
}

// SolveTo implements [ToleranceSolver].
func (s *ActiveSetNewton) SolveTo(ctx context.Context, eq Equation, y, w []float64, tol float64) (InnerResult, error) {
	return solveTo(&s.RTol, &s.ATol, tol, func() (InnerResult, error) { return s.Solve(ctx, eq, y, w) })
}

// SolveTo implements [ToleranceSolver].
func (s *Anderson) SolveTo(ctx context.Context, eq Equation, y, w []float64, tol float64) (InnerResult, error) {
	return solveTo(&s.RTol, &s.ATol, tol, func() (InnerResult, error) { return s.Solve(ctx, eq, y, w) })
}

var (
	_ ToleranceSolver = (*Newton)(nil)
	_ ToleranceSolver = (*LBFGS)(nil)
	_ ToleranceSolver = (*ActiveSetNewton)(nil)
	_ ToleranceSolver = (*Anderson)(nil)
)
