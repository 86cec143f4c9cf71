package krylov

import (
	"context"
	"errors"

	"github.com/hgsolve/hgsolve/hvp"
)

// Auto picks the method by what the operator promises: positive definite → CG.
// Result.Method says which one it was.
type Auto struct {
	cg CG
}

// String implements [Method].
func (m *Auto) String() string { return "auto" }

var errNoMethod = errors.New("no method for an operator that does not promise to be symmetric; promise it with hvp.WithStructure, or call CG itself")

// Solve implements [Method].
func (m *Auto) Solve(ctx context.Context, a hvp.Operator, x, b []float64, s *Settings) (Result, error) {
	if a != nil && !hvp.StructureOf(a).Has(hvp.Symmetric) {
		res := Result{Method: "auto", Status: InvalidInput, TrueResidual: -1}
		return res, &Error{Status: InvalidInput, Method: "auto", Residual: -1, Tolerance: -1, Cause: errNoMethod}
	}
	return m.cg.Solve(ctx, a, x, b, s)
}
