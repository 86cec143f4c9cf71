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
// arXiv 2002.03722, in the form of Ye, Peyré, Cremers & Ablin, 2024, with the
// Hessian as preconditioner).
//
// The first bar of a problem (see [SequenceSettings] for what counts as one) also
// compares the products and the slopes of ℓ that dL/dw was made of with differences of
// G and ℓ along one random direction of y and one of w, at five evaluations. If one of
// them is grossly wrong the bar is not trusted, and [Report].Warnings names the piece.
//
// # What it costs
//
// Both systems are solved loosely, to a residual of a tenth, which leaves the
// estimate right to some ten per cent. With the adjoint solved to 1e-10, the bar
// takes about a quarter more products: 17 beside 61 and 19 beside 64 for
// denoising 12,000 and 90,000 pixels, 25 beside 80 for logistic regression with
// 300 penalties, 10 beside 23 where CG needs hardly any iterations. Where what the
// move of y does to p and what the correction of q does nearly cancel, so that a
// tenth of either is more than the difference, or where the step shrinks ‖G‖ to between
// a fifth and a third, both systems are solved again, sharper.
//
// A residual of a tenth can hide more than a tenth of the effect on dL/dw where the
// spectrum is wide: with penalties from e⁻²⁷ to e³⁰ a bar came out a million times too
// small. So what the residual of δ still holds is weighed with the preconditioner, or
// with the diagonal (Left), for one product; as long as that is more than a quarter of the
// estimate, δ is refined, and if it does not get less the bar is not trusted. The step d is not
// weighed so. Of 540 trusted estimates for kernel ridge regression with 25 points,
// Poisson regression and equilibrium networks, taken before Left was, nine in ten were
// 0.89 … 1.20 times the error, and five in all beyond 0.5 … 2: all of them of kernel
// ridge, the worst 5.6 times. ErrorBarRTol = 0.01 made nine in ten 0.97 … 1.10 times, and
// left one beyond, at 4.
//
// One system of two columns, H·[q d] = [∂ℓ/∂y, G], would take the same products in
// fewer sweeps over H. It gains nothing worth having: BenchmarkErrorBarTogether
// measured 0.97 and 1.08 times the time of the two systems in turn for a matrix with 27
// entries per row, 0.5 … 1.1 with 7, 1.4 … 1.8 for a stencil, and Hessians without
// block products, such as those of denoising and logistic regression, have no sweep
// to share.
type ErrorBar struct {
	// Estimate is ‖p₁ − p‖, the estimated error of dL/dw.
	Estimate float64
	// Trusted says that the Newton step contracted, so that the estimate is
	// one. If it is false, Note says why, and Estimate means nothing.
	Trusted bool
	Note    string
	// Contraction is ‖G(y₁)‖/‖G(y)‖ and Step is ‖d‖: about the error of y.
	Contraction, Step float64
	// Moved and Turned are the norms of the two parts of p₁ − p: what the move
	// of y does at the old q, and what the correction of q does.
	Moved, Turned float64
	// Left estimates how much of Turned the residual of its own system still hides, by
	// the preconditioner or the diagonal; zero where there is neither.
	Left float64
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
	case b == nil || !b.Trusted:
		return 0
	case b.Estimate == 0:
		return 16
	case gradNorm == 0:
		return 0
	}
	return max(0, min(16, -math.Log10(b.Estimate/gradNorm)))
}

const (
	// defaultBarRTol is the tolerance of the systems of an error bar.
	defaultBarRTol = 0.1
	// barContraction is how much the Newton step must shrink ‖G‖ for a bar to
	// be trusted. Measured on denoising and logistic regression: with 0.33 and
	// less the estimates are within 15 per cent, with 0.37 one is five times
	// too small. But far from a solution where G grows like ‖y‖^p an exact step
	// always shrinks it to (1 − 1/p)^p, 0.25 for p = 2 and 0.30 for p = 3, and y
	// stays as far away as it was.
	barContraction = 0.2
	// barSharpContraction is up to where the tolerance of the step may be what
	// is missing, so that a sharper one is worth it.
	barSharpContraction = 0.35
	// barSharpness is the part of ‖p₁ − p‖ that the loose systems may leave
	// uncertain before they are solved again.
	barSharpness = 0.25
	// barRounds is how often the correction of q is refined where its residual hides
	// more than that, as it does where the spectrum is very wide.
	barRounds = 8
)

// errorBar estimates the error of dst = dL/dw at (y, w). settings are those of
// the adjoint solve, with its preconditioner, and lin is the linearisation at y,
// which becomes invalid. What goes wrong here only costs the bar: it is noted.
func (e *Estimator) errorBar(ctx context.Context, p Problem, y, w, dst []float64, lin Linearization, settings krylov.Settings, stationarity float64) *ErrorBar {
	bar := &ErrorBar{}
	begin := time.Now()
	defer func() { bar.Elapsed = time.Since(begin) }()
	team := parallel.FromContext(ctx)
	if err := e.refine(ctx, p, y, w, dst, lin, settings, stationarity, bar); err != nil {
		bar.Note = err.Error()
		return bar
	}
	// Rounding errors are in both alike: no bar is narrower than they are.
	bar.Estimate = max(bar.Estimate, 0x1p-50*parallel.Norm(team, dst))
	switch small := bar.Step <= 1e-10*parallel.Norm(team, y); {
	case math.IsNaN(bar.Estimate) || math.IsInf(bar.Estimate, 0):
		bar.Note = "the corrected hypergradient holds NaN or Inf"
	case !small && bar.Contraction > barContraction:
		// A step at the level of rounding errors need not contract.
		bar.Note = fmt.Sprintf("the Newton step took ‖G‖ to %.2g times its size only: y is too far from a solution for an estimate", bar.Contraction)
	case bar.Left > 2*barSharpness*bar.Estimate:
		bar.Note = fmt.Sprintf("the correction of the adjoint hides %.2g of dL/dw in its residual, beside an estimate of %.2g: the spectrum is too wide for one", bar.Left, bar.Estimate)
	default:
		bar.Trusted = true
	}
	return bar
}

// refine computes p₁ into e.corrected, and the numbers of bar.
func (e *Estimator) refine(ctx context.Context, p Problem, y, w, dst []float64, lin Linearization, settings krylov.Settings, stationarity float64, bar *ErrorBar) error {
	ny, nw := p.Dims()
	e.refined, e.delta = parallel.Grow(e.refined, ny), parallel.Grow(e.delta, ny)
	e.corrected = parallel.Grow(e.corrected, nw)
	settings.CurvatureFloor, settings.Monitor, settings.History = 0, nil, false
	settings.RTol, settings.ATol, settings.Guess = e.ErrorBarRTol, 0, false
	if settings.RTol == 0 {
		settings.RTol = defaultBarRTol
	}
	// No residual that inexact products could not verify.
	floor := accuracyMargin * hvp.AccuracyOf(lin.Y)
	settings.RTol = max(settings.RTol, floor)
	if err := e.refineTo(ctx, p, y, w, dst, lin, settings, stationarity, bar); err != nil {
		return err
	}
	parts := bar.Moved + bar.Turned
	cancel := settings.RTol*parts > barSharpness*bar.Estimate
	if slow := bar.Contraction > barContraction && bar.Contraction < barSharpContraction; (cancel || slow) && e.ErrorBarRTol == 0 {
		sharper := defaultBarRTol / 10
		if cancel {
			sharper = barSharpness / 4 * bar.Estimate / parts
			if slow {
				sharper = min(sharper, defaultBarRTol/10)
			}
		}
		sharper = max(sharper, 1e-4, floor)
		if !(sharper < settings.RTol/2) || bar.Estimate <= 0x1p-50*parallel.Norm(parallel.FromContext(ctx), dst) {
			return nil
		}
		settings.RTol, settings.Guess = sharper, true
		lin, err := p.Linearize(ctx, y, w)
		if err != nil {
			return err
		}
		return e.refineTo(ctx, p, y, w, dst, lin, settings, stationarity, bar)
	}
	return nil
}

// refineTo is refine to the tolerance in settings. With a guess, e.refined holds y₁
// of the last time.
func (e *Estimator) refineTo(ctx context.Context, p Problem, y, w, dst []float64, lin Linearization, settings krylov.Settings, stationarity float64, bar *ErrorBar) error {
	team := parallel.FromContext(ctx)
	// y₁ = y − d
	if settings.Guess {
		parallel.Axpby(team, e.refined, 1, y, -1)
	} else {
		clear(e.refined)
	}
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

	// p₁ = ∂ℓ/∂w − (∂G/∂w)ᵀq, at y₁, so far; e.rhs = ∂ℓ/∂y − (∂G/∂y)ᵀq there
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
	if parallel.MaxAbs(team, e.sol) > 0 {
		if err := mixed.ApplyTrans(ctx, e.direction, e.sol); err != nil {
			return err
		}
		parallel.Axpy(team, e.corrected, -1, e.direction)
		if err := transY.ApplyTrans(ctx, e.delta, e.sol); err != nil {
			return err
		}
		bar.Products++
		parallel.Axpy(team, e.rhs, -1, e.delta)
	}
	bar.AdjointResidual = parallel.Norm(team, e.rhs)
	bar.Moved = e.shift(team, dst)

	settings.Trans, settings.Guess = true, false
	bar.Turned = 0
	for round := 0; ; round++ {
		res, err := e.method().Solve(ctx, at1.Y, e.delta, e.rhs, &settings)
		bar.Products += res.Products
		if err != nil {
			return fmt.Errorf("correction of the adjoint: %w", err)
		}
		if err := mixed.ApplyTrans(ctx, e.direction, e.delta); err != nil {
			return err
		}
		bar.Turned += parallel.Norm(team, e.direction)
		parallel.Axpy(team, e.corrected, -1, e.direction)
		bar.Estimate = e.shift(team, dst)
		// What the residual hides is the right-hand side of another round.
		if bar.Left, err = e.leftover(ctx, at1.Y, transY, mixed, settings.Precond, bar); err != nil {
			return err
		}
		size := max(bar.Estimate, 0x1p-50*parallel.Norm(team, dst))
		if bar.Left <= barSharpness*size || round == barRounds {
			return nil
		}
	}
}

// leftover takes (∂G/∂y)ᵀδ from e.rhs, which leaves the residual ρ of δ there, and
// estimates what it hides: s·‖(∂G/∂w)ᵀMρ‖ with the preconditioner M, or the inverse
// of the diagonal, for (∂G/∂y)⁻ᵀ. s ≥ 1 makes up for an M that is too small to be an
// inverse, on the right-hand side b of δ: δᵀb = s·bᵀMb. A smaller s would say that δ lacks
// what M finds. Zero where nothing like M is known.
func (e *Estimator) leftover(ctx context.Context, a hvp.Operator, transY, mixed hvp.Transposer, m hvp.Operator, bar *ErrorBar) (float64, error) {
	team := parallel.FromContext(ctx)
	e.hidden = parallel.Grow(e.hidden, len(e.rhs))
	known, err := e.approximate(ctx, a, m)
	if err != nil || !known || bar.AdjointResidual == 0 {
		return 0, err
	}
	s := parallel.Dot(team, e.delta, e.rhs) / parallel.Dot(team, e.hidden, e.rhs)
	if !(s > 1) || math.IsInf(s, 0) {
		s = 1
	}
	if err := transY.ApplyTrans(ctx, e.hidden, e.delta); err != nil {
		return 0, err
	}
	bar.Products++
	parallel.Axpy(team, e.rhs, -1, e.hidden)
	if _, err := e.approximate(ctx, a, m); err != nil {
		return 0, err
	}
	if err := mixed.ApplyTrans(ctx, e.direction, e.hidden); err != nil {
		return 0, err
	}
	return s * parallel.Norm(team, e.direction), nil
}

// approximate sets e.hidden to about (∂G/∂y)⁻ᵀ·e.rhs, up to a factor, and reports
// whether it knows how.
func (e *Estimator) approximate(ctx context.Context, a, m hvp.Operator) (known bool, err error) {
	if m != nil {
		if trans, ok := hvp.Trans(m); ok {
			return true, trans.ApplyTrans(ctx, e.hidden, e.rhs)
		}
		return true, m.Apply(ctx, e.hidden, e.rhs)
	}
	d, ok := hvp.Diag(a)
	if !ok || d.Diag(e.hidden) != nil {
		return false, nil
	}
	for i, v := range e.hidden {
		if v = math.Abs(v); v > 0 {
			e.hidden[i] = e.rhs[i] / v
		}
	}
	return true, nil
}

// shift returns ‖e.corrected − p‖.
func (e *Estimator) shift(team parallel.Team, p []float64) float64 {
	parallel.ScaleTo(team, e.direction, 1, e.corrected)
	parallel.Axpy(team, e.direction, -1, p)
	return parallel.Norm(team, e.direction)
}

// Corrected returns the hypergradient p₁ at the point that the Newton step of
// the last error bar led to: as a rule closer to the truth by the factor by
// which its systems were solved (ErrorBarRTol). It belongs to the Estimator and
// is nil before the first error bar.
func (e *Estimator) Corrected() []float64 { return e.corrected }
