package hypergrad

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/krylov"
)

// ErrorBar is an estimate of the error of a hypergradient p: of what an inexact
// y and an inexact q have done to it. One Newton step leads to a better point,
// and one correction of the adjoint there to a better hypergradient p₁:
//
//	∂G/∂y·d = G(y),   y₁ = y − d,   (∂G/∂y)ᵀ(y₁)·δ = ∂ℓ/∂y(y₁) − (∂G/∂y)ᵀ(y₁)·q,   q₁ = q + δ
//
// ‖p₁ − p‖ is asymptotically exact, because the error of p₁ is of second order
// in the error of y (the super-efficiency of Ablin, Peyré & Moreau, ICML 2020,
// arXiv 2002.03722). Both systems are solved to a loose tolerance, which is why
// the bar costs a fraction of the hypergradient.
type ErrorBar struct {
	// Estimate is ‖p₁ − p‖, the estimated error of dL/dw.
	Estimate float64
	// Trusted says that the Newton step contracted, so that the estimate is
	// one. If it is false, Note says why, and Estimate means nothing.
	Trusted bool
	Note    string
	// Contraction is ‖G(y₁)‖/‖G(y)‖ and Step is ‖d‖: about the error of y.
	Contraction, Step float64
	// AdjointResidual is ‖∂ℓ/∂y − (∂G/∂y)ᵀq‖ at y₁. Where the residual of the
	// adjoint solve is far below it, the error comes from y.
	AdjointResidual float64
	// Products counts the products that the bar cost.
	Products int
	Elapsed  time.Duration
}

// Digits returns how many decimal digits of a hypergradient of the given norm
// are right in the norm, by the estimate: at most 16, and 0 if it is not
// trusted.
func (b *ErrorBar) Digits(gradNorm float64) float64 {
	switch {
	case b == nil || !b.Trusted || gradNorm == 0:
		return 0
	case b.Estimate == 0:
		return 16
	}
	return max(0, min(16, -math.Log10(b.Estimate/gradNorm)))
}

// defaultBarRTol is the tolerance of the systems of an error bar: it estimates
// to a digit or two.
const defaultBarRTol = 1e-3

// errorBar estimates the error of dst = dL/dw at (y, w). settings are those of
// the adjoint solve, with its preconditioner, and lin is the linearisation at y,
// which becomes invalid. What goes wrong here only costs the bar: it is noted.
func (e *Estimator) errorBar(ctx context.Context, p Problem, y, w, dst []float64, lin Linearization, settings krylov.Settings, stationarity float64) *ErrorBar {
	bar := &ErrorBar{}
	begin := time.Now()
	defer func() { bar.Elapsed = time.Since(begin) }()
	team := parallel.FromContext(ctx)
	if err := e.refine(ctx, p, y, w, lin, settings, stationarity, bar); err != nil {
		bar.Note = err.Error()
		return bar
	}
	// e.corrected = p₁
	diff := e.direction
	copy(diff, e.corrected)
	parallel.Axpy(team, diff, -1, dst)
	// Rounding errors are in both alike: no bar is narrower than they are.
	bar.Estimate = max(parallel.Norm(team, diff), 0x1p-50*parallel.Norm(team, dst))
	switch small := bar.Step <= 1e-10*parallel.Norm(team, y); {
	case math.IsNaN(bar.Estimate) || math.IsInf(bar.Estimate, 0):
		bar.Note = "the corrected hypergradient holds NaN or Inf"
	case !small && bar.Contraction > 0.5:
		// A step at the level of rounding errors need not contract.
		bar.Note = fmt.Sprintf("the Newton step took ‖G‖ to %.2g times its size only: y is too far from a solution for an estimate", bar.Contraction)
	default:
		bar.Trusted = true
	}
	return bar
}

// refine computes p₁ into e.corrected.
func (e *Estimator) refine(ctx context.Context, p Problem, y, w []float64, lin Linearization, settings krylov.Settings, stationarity float64, bar *ErrorBar) error {
	team := parallel.FromContext(ctx)
	ny, nw := p.Dims()
	e.refined, e.delta = parallel.Grow(e.refined, ny), parallel.Grow(e.delta, ny)
	e.corrected = parallel.Grow(e.corrected, nw)
	settings.RTol, settings.ATol, settings.Guess = e.ErrorBarRTol, 0, false
	if settings.RTol == 0 {
		settings.RTol = defaultBarRTol
	}
	settings.CurvatureFloor, settings.Monitor, settings.History = 0, nil, false

	// y₁ = y − d
	clear(e.refined)
	if stationarity > 0 {
		if err := p.Residual(ctx, e.rhs, y, w); err != nil {
			return err
		}
		settings.Trans = false
		res, err := e.method().Solve(ctx, lin.Y, e.refined, e.rhs, &settings)
		bar.Products += res.Products
		if err != nil {
			return fmt.Errorf("Newton step: %w", err)
		}
		bar.Step = parallel.Norm(team, e.refined)
	}
	parallel.Axpby(team, e.refined, 1, y, -1)
	if err := p.Residual(ctx, e.rhs, e.refined, w); err != nil {
		return err
	}
	if stationarity > 0 {
		bar.Contraction = parallel.Norm(team, e.rhs) / stationarity
	}

	// δ and p₁ = ∂ℓ/∂w − (∂G/∂w)ᵀ(q + δ), all at y₁
	if _, err := p.Loss(ctx, e.rhs, e.corrected, e.refined, w); err != nil {
		return err
	}
	at1, err := p.Linearize(ctx, e.refined, w)
	if err != nil {
		return err
	}
	transY, ok := hvp.Trans(at1.Y)
	mixed, ok2 := hvp.Trans(at1.W)
	if !ok || !ok2 {
		return fmt.Errorf("a %T or %T has no transpose product", at1.Y, at1.W)
	}
	if err := transY.ApplyTrans(ctx, e.delta, e.sol); err != nil {
		return err
	}
	bar.Products++
	parallel.Axpy(team, e.rhs, -1, e.delta)
	bar.AdjointResidual = parallel.Norm(team, e.rhs)
	settings.Trans = true
	res, err := e.method().Solve(ctx, at1.Y, e.delta, e.rhs, &settings)
	bar.Products += res.Products
	if err != nil {
		return fmt.Errorf("correction of the adjoint: %w", err)
	}
	parallel.Axpy(team, e.delta, 1, e.sol)
	if err := mixed.ApplyTrans(ctx, e.direction, e.delta); err != nil {
		return err
	}
	parallel.Axpy(team, e.corrected, -1, e.direction)
	return nil
}

// Corrected returns the hypergradient p₁ at the point that the Newton step of
// the last error bar led to: as a rule closer to the truth by the factor by
// which its systems were solved (ErrorBarRTol). It belongs to the Estimator and
// is nil before the first error bar.
func (e *Estimator) Corrected() []float64 { return e.corrected }
