package baseline

import (
	"context"

	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
)

// Implicit is the estimator of package hypergrad behind the interface of this one:
// the adjoint system is solved until its true residual meets a tolerance (Domke,
// Generic methods for optimization-based modeling, AISTATS 2012, PMLR 22:318–326;
// Pedregosa, Hyperparameter optimization with approximate gradient, ICML 2016, arXiv
// 1602.02355). The zero value works.
type Implicit struct {
	// RTol is the relative residual of the solve, zero means
	// [krylov.DefaultRTol]. Method solves it, nil means [krylov.Auto], and
	// Precond makes the preconditioner, nil means none.
	RTol    float64
	Method  krylov.Method
	Precond hypergrad.PrecondFunc

	est  hypergrad.Estimator
	work workspace
}

// implicitVectors are ∂ℓ/∂y, q, and the three of CG with z for a preconditioner; a
// method other than CG holds more.
const implicitVectors = 6

// String implements [Estimator].
func (e *Implicit) String() string { return "implicit" }

// Gradient implements [Estimator]. The error is nil only if the solve converged.
func (e *Implicit) Gradient(ctx context.Context, p hypergrad.Problem, y, w, dst []float64) (rep Report, err error) {
	s, err := open(ctx, e, p, y, w, dst, &rep, &e.work)
	if err != nil {
		return rep, err
	}
	defer func() { err = s.close(err) }()
	e.est.Method, e.est.Precond = e.Method, e.Precond
	e.est.Settings = krylov.Settings{RTol: e.RTol}
	// One hypergradient by itself: nothing is carried over from the last.
	e.est.NoErrorBar, e.est.Sequence = true, hypergrad.SequenceSettings{NoGuess: true, NoLag: true}
	r, err := e.est.Gradient(ctx, s.p, y, w, dst)
	rep.Loss, rep.LargestEigenvalue = r.Loss, 0
	if r.Precond == "none" {
		rep.LargestEigenvalue = r.Solve.MaxRitz
	}
	rep.Note = r.ToleranceNote
	if r.PrecondNote != "" {
		rep.Note = r.PrecondNote
	}
	s.holds(implicitVectors)
	return rep, err
}
