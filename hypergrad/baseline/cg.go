package baseline

import (
	"context"
	"errors"
	"fmt"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
)

// CG solves the adjoint system by a fixed number of steps of conjugate gradients,
// the AID-CG of Grazzi, Franceschi, Pontil & Salzo, On the iteration complexity of
// hypergradient computation, ICML 2020, arXiv 2006.16218. With condition number κ
//
//	‖q_k − q‖_H ≤ 2·((√κ−1)/(√κ+1))^k·‖q‖_H
//
// and no step length is wanted. Negative curvature is an error. One product more
// than Steps is spent on the true residual.
type CG struct {
	// Steps is k ≥ 1.
	Steps int

	cg   krylov.CG
	work workspace
}

// unreachable is a tolerance that ends a solve only where rounding errors do.
const unreachable = 1e-15

// String implements [Estimator].
func (e *CG) String() string { return fmt.Sprintf("cg(%d)", e.Steps) }

// Gradient implements [Estimator].
func (e *CG) Gradient(ctx context.Context, p hypergrad.Problem, y, w, dst []float64) (rep Report, err error) {
	s, err := open(ctx, e, p, y, w, dst, &rep, &e.work)
	if err != nil {
		return rep, err
	}
	defer func() { err = s.close(err) }()
	if err := positive("Steps", e.Steps); err != nil {
		return rep, err
	}
	v := s.vectors(2)
	b, q := v[0], v[1]
	at, err := s.at(y, b)
	if err != nil {
		return rep, err
	}
	s.holds(2 + 3)
	res, err := e.cg.Solve(ctx, at.a, q, b, &krylov.Settings{RTol: max(unreachable, hvp.AccuracyOf(at.a)), MaxIter: e.Steps, Trans: true})
	rep.LargestEigenvalue = res.MaxRitz
	switch {
	case err == nil, errors.Is(err, krylov.IterationLimit):
	case errors.Is(err, krylov.Stagnated):
		rep.Note = fmt.Sprintf("rounding errors end the solve after %d steps", res.Iterations)
	default:
		return rep, err
	}
	return rep, at.subtractMixed(1, q)
}
