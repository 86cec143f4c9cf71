package krylov

import (
	"errors"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

var (
	errNotInRange  = errors.New("the residual r has Aᵀr = 0 to ten digits, so that b is not in the range of A; x is a least-squares solution")
	errPrecondZero = errors.New("the preconditioner maps the residual to zero: it is singular")
)

// inconsistent reports whether the residual res proves that the system has no
// solution: Aᵀr = 0 with r ≠ 0, for then rᵀb = rᵀr ≠ 0 = rᵀA·x for all x. Zero
// means 10⁻¹⁰ of ‖A‖·‖r‖, with an estimate of ‖A‖ from below: ‖A·r‖/‖r‖,
// ‖A·x‖/‖x‖ and what the method knows. Without a transpose there is no proof. It
// takes up to three products; q is scratch.
func (r *run) inconsistent(res, q []float64, normA float64) bool {
	a, has := hvp.Trans(r.a)
	if !has || r.ctx.Err() != nil {
		return false
	}
	t := time.Now()
	err := a.ApplyTrans(r.ctx, q, res)
	r.res.InProducts += time.Since(t)
	r.res.Products++
	if err != nil {
		return false
	}
	norm, transposed := parallel.Norm(r.team, res), parallel.Norm(r.team, q)
	for _, v := range [2][]float64{res, r.x} {
		if f := r.apply(q, v); f.failed() {
			return false
		}
		if size := parallel.Norm(r.team, v); size > 0 {
			normA = max(normA, parallel.Norm(r.team, q)/size)
		}
	}
	return transposed <= 1e-10*normA*norm
}

// whySingular names what it means that A·M·r is zero, or that no multiple of it
// helps, for the residual res. q is scratch.
func (r *run) whySingular(res, q []float64, normA float64, otherwise error) failure {
	if r.m != nil {
		if f := r.precondition(q, res); f.failed() {
			return f
		}
		if parallel.MaxAbs(r.team, q) == 0 {
			return failure{Breakdown, errPrecondZero}
		}
	}
	if r.inconsistent(res, q, normA) {
		return failure{Inconsistent, errNotInRange}
	}
	return failure{Breakdown, otherwise}
}
