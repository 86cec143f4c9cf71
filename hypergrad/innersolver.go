package hypergrad

import (
	"context"
	"fmt"
	"math"
)

// A ToleranceSolver is an [InnerSolver] that takes the tolerance with the call, as
// outer iterations need it, which solve the inner problem more accurately from step
// to step. [Newton], [LBFGS], [ActiveSetNewton] and [Anderson] are.
type ToleranceSolver interface {
	InnerSolver
	// SolveTo is Solve with the tolerance ‖G‖ ≤ atol, atol > 0, in place of the
	// solver's own.
	SolveTo(ctx context.Context, eq Equation, y, w []float64, atol float64) (InnerResult, error)
}

// solveTo runs solve with the tolerances set to atol alone, and sets them back.
func solveTo(rtol, atol *float64, to float64, solve func() (InnerResult, error)) (InnerResult, error) {
	if !(to > 0) || math.IsInf(to, 0) {
		return InnerResult{}, fmt.Errorf("hypergrad: inner problem: the tolerance is %v", to)
	}
	r, a := *rtol, *atol
	defer func() { *rtol, *atol = r, a }()
	*rtol, *atol = 0, to
	return solve()
}

// SolveTo implements [ToleranceSolver].
func (s *Newton) SolveTo(ctx context.Context, eq Equation, y, w []float64, atol float64) (InnerResult, error) {
	return solveTo(&s.RTol, &s.ATol, atol, func() (InnerResult, error) { return s.Solve(ctx, eq, y, w) })
}

// SolveTo implements [ToleranceSolver].
func (s *LBFGS) SolveTo(ctx context.Context, eq Equation, y, w []float64, atol float64) (InnerResult, error) {
	return solveTo(&s.RTol, &s.ATol, atol, func() (InnerResult, error) { return s.Solve(ctx, eq, y, w) })
}

// SolveTo implements [ToleranceSolver].
func (s *ActiveSetNewton) SolveTo(ctx context.Context, eq Equation, y, w []float64, atol float64) (InnerResult, error) {
	return solveTo(&s.RTol, &s.ATol, atol, func() (InnerResult, error) { return s.Solve(ctx, eq, y, w) })
}

// SolveTo implements [ToleranceSolver].
func (s *Anderson) SolveTo(ctx context.Context, eq Equation, y, w []float64, atol float64) (InnerResult, error) {
	return solveTo(&s.RTol, &s.ATol, atol, func() (InnerResult, error) { return s.Solve(ctx, eq, y, w) })
}

var (
	_ ToleranceSolver = (*Newton)(nil)
	_ ToleranceSolver = (*LBFGS)(nil)
	_ ToleranceSolver = (*ActiveSetNewton)(nil)
	_ ToleranceSolver = (*Anderson)(nil)
)
