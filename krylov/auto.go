package krylov

import (
	"context"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
)

// Auto picks the method by what the operator promises:
//
//	positive (semi)definite   CG; if that meets negative curvature, MINRES goes on
//	                          from where it stopped
//	symmetric                 MINRES
//	symmetric and singular    MINRES with MinLength: the least-norm answer
//	nothing                   GMRES; also when the preconditioner says that it is
//	                          not symmetric, which CG and MINRES need
//	nothing, rectangular      LSMR
//
// With a preconditioner that varies ([hvp.Varying]) CG is Flexible, and in place of
// MINRES and GMRES there is flexible GMRES.
//
// Result.Method names the method that produced x and Result.Path all of them, in
// order. Counters are sums over the path, and the limits hold for its whole
// length.
type Auto struct {
	// Restart is that of GMRES; zero leaves the choice to it.
	Restart int

	cg       CG
	minres   MINRES
	gmres    GMRES
	lsmr     LSMR
	settings Settings
}

// String implements [Method].
func (m *Auto) String() string { return "auto" }

// Solve implements [Method].
func (m *Auto) Solve(ctx context.Context, a hvp.Operator, x, b []float64, s *Settings) (Result, error) {
	var promise hvp.Structure
	var rows, cols int
	if a != nil { // else the method says so
		promise = hvp.StructureOf(a)
		rows, cols = a.Dims()
	}
	varying := s != nil && varies(s.Precond)
	m.cg.Flexible, m.gmres.Flexible = varying, varying
	switch {
	case rows != cols:
		return m.lsmr.Solve(ctx, a, x, b, s)
	case varying && (!promise.Has(hvp.Semidefinite) || promise.Has(hvp.Singular)):
	case varying:
		return m.definite(ctx, a, x, b, s)
	case promise.Has(hvp.Symmetric) && s != nil && notSymmetric(s.Precond):
	case promise.Has(hvp.Symmetric | hvp.Singular):
		m.minres.MinLength = true
		return m.minres.Solve(ctx, a, x, b, s)
	case promise.Has(hvp.Semidefinite):
		return m.definite(ctx, a, x, b, s)
	case promise.Has(hvp.Symmetric):
		m.minres.MinLength = false
		return m.minres.Solve(ctx, a, x, b, s)
	}
	m.gmres.Restart = m.Restart
	return m.gmres.Solve(ctx, a, x, b, s)
}

// notSymmetric reports whether m knows its structure, and that is not symmetric.
func notSymmetric(m hvp.Operator) bool {
	_, is := m.(hvp.Structured)
	return is && !hvp.StructureOf(m).Has(hvp.Symmetric)
}

// definite runs CG and, if the promise turns out to be wrong, MINRES from the
// iterate that CG left.
func (m *Auto) definite(ctx context.Context, a hvp.Operator, x, b []float64, s *Settings) (Result, error) {
	first, err := m.cg.Solve(ctx, a, x, b, s)
	if first.Status != NegativeCurvature {
		return first, err
	}
	if s != nil {
		m.settings = *s
	} else {
		m.settings = Settings{}
	}
	t := &m.settings
	t.CurvatureFloor = 0 // there is none
	// CG leaves x = 0 when the first direction is the one; a guess that is not
	// better than none is scaled away anyway.
	t.Guess = first.Iterations > 0 || t.Guess
	if t.MaxIter > 0 {
		if t.MaxIter -= first.Iterations; t.MaxIter <= 0 {
			return first, err
		}
	}
	if t.MaxTime > 0 {
		t.MaxTime = max(t.MaxTime-first.Elapsed, time.Nanosecond)
	}
	m.minres.MinLength = false
	next, path := Method(&m.minres), "cg → minres"
	if m.cg.Flexible {
		m.gmres.Restart = m.Restart
		next, path = &m.gmres, "flexible cg → fgmres"
	}
	res, err := next.Solve(ctx, a, x, b, t)
	m.settings = Settings{}
	res.Path = path
	res.Follows(&first)
	if res.Direction == nil {
		res.Curvature, res.Direction = first.Curvature, first.Direction
	}
	return res, err
}
