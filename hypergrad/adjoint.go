package hypergrad

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
)

// A PrecondFunc makes a preconditioner for ∂G/∂y. [Jacobi] is one; the Make of
// any [precond.Kind] converts to one; [precond.Wrap] serves for operators of the
// caller's own. It may return nil, and no error, where there is none to be had. What it makes is kept for later points and refreshed there now and
// then (see [SequenceSettings]); one that applies the operator it was made for must
// say so by a method UsesOperator() bool, and is refreshed at each point.
type PrecondFunc func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error)

// Preconditioned is a problem that knows a preconditioner for its ∂G/∂y. An
// [Estimator] without one of its own uses it; where it gives an error the solve goes
// on without, and the report says so.
type Preconditioned interface {
	// Precondition is a [PrecondFunc].
	Precondition(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error)
}

// Jacobi is the PrecondFunc of [precond.Jacobi].
func Jacobi(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
	return precond.New(ctx, "jacobi", a)
}

// Auto is the PrecondFunc of [precond.Auto]: it picks what suits ∂G/∂y. Where nothing
// applies, as for products alone, there is none.
func Auto(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
	return automatic(ctx, a, &precond.AutoSettings{})
}

// AutoLoose is [Auto] for solves to a digit or two, such as the steps of a [Newton]: it
// passes over what takes long to set up.
func AutoLoose(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
	return automatic(ctx, a, &precond.AutoSettings{Loose: true})
}

func automatic(ctx context.Context, a hvp.Operator, s *precond.AutoSettings) (precond.Preconditioner, error) {
	m, err := precond.NewAutoFor(ctx, a, s)
	switch {
	case errors.Is(err, precond.ErrNotApplicable):
		return nil, nil
	case err != nil:
		return nil, err // no typed nil
	}
	return m, nil
}

// An Estimator computes hypergradients and tangents. The zero value works. It
// keeps its workspace, the last adjoint, and what makes the next solve cheaper
// ([SequenceSettings]) between calls; it is not for concurrent use.
type Estimator struct {
	// Method solves the linear system; nil means [krylov.Auto], which chooses
	// by the promises of ∂G/∂y.
	Method krylov.Method
	// Settings of the linear solve. Precond and Trans in it are set by the
	// Estimator.
	Settings krylov.Settings
	// Precond makes the preconditioner; nil means that of a [Preconditioned]
	// problem, and none for others. If it reports a
	// diagonal that is not positive ([precond.NotPositiveError]) the solve goes
	// on without, and the report says so.
	Precond PrecondFunc
	// NoErrorBar says not to estimate the error of each hypergradient; see
	// [ErrorBar] for what it is and costs, three n_y-vectors of memory among it.
	NoErrorBar bool
	// ErrorBarRTol is the tolerance of the two systems of the error bar; zero
	// means 0.1, and less where the estimate would suffer. A smaller one makes
	// Corrected better, up to second order in the error of y.
	ErrorBarRTol float64
	// MinDigits is how many digits of dL/dw, in the norm, must be right by the
	// error bar, or Gradient returns a [*DigitsError]. Zero demands nothing.
	MinDigits float64
	// EffectTol, if not zero, ends an adjoint solve by CG (or Auto) also when
	// what it has yet to change in dL/dw is estimated to be below
	// EffectTol·‖dL/dw‖; see [EffectStop]. The tolerance of the residual ends
	// it too, whichever comes first.
	EffectTol float64
	// EffectEvery is the least number of iterations between two checks of
	// EffectTol, each a product with (∂G/∂w)ᵀ; zero means 10.
	EffectEvery int
	// Certificate, if not nil, holds constants of the problem from which a
	// bound of the error of dL/dw is computed; see [Certificate].
	Certificate *Constants
	// Sequence says what is carried from one hypergradient to the next; see
	// [SequenceSettings] and [Estimator.Reset].
	Sequence SequenceSettings

	seq            sequence
	images         [][]float64 // products of a projected guess
	auto           krylov.Auto
	rhs, sol       []float64
	direction      []float64 // scratch of length n_w
	refined, delta []float64 // of the error bar: y₁, and d or δ
	hidden         []float64 // of the error bar: scratch of length n_y
	corrected      []float64
	tangentOf      Equation // whose first tangent has been compared with differences
	several        several  // systems at once
	effect         effectWatch
}

// Report says what was computed and how far to trust it.
type Report struct {
	// Loss is ℓ(y, w).
	Loss float64
	// GradNorm is ‖dL/dw‖ (or the norm of the tangent).
	GradNorm float64
	// Stationarity is ‖G(y, w)‖: the theorem holds where it vanishes, and the
	// error of dL/dw grows with it.
	Stationarity float64
	// LossSlope is ‖∂ℓ/∂y‖, the norm of the right-hand side. If it is zero the
	// solve is skipped and dL/dw = ∂ℓ/∂w exactly.
	LossSlope float64
	// Solve is the outcome of the linear solve: method, status, iterations,
	// products, residuals, curvature.
	Solve krylov.Result
	// Precond names the preconditioner, "none" if there is none, and PrecondNote
	// says why one that was asked for is not used.
	Precond, PrecondNote string
	// Sequence says what the solve had from those before it.
	Sequence SequenceReport
	// ProductAccuracy and MixedAccuracy are the relative errors of products with
	// ∂G/∂y and ∂G/∂w that these operators report, zero for exact ones; see
	// [hvp.Approximate]. ToleranceNote says how the tolerance of the linear
	// solve was loosened because of the first, and is empty if it was not.
	ProductAccuracy, MixedAccuracy float64
	ToleranceNote                  string
	// ResidualEffect estimates the part of the error of dL/dw that the residual
	// of the linear solve and the errors of inexact products leave: ‖(∂G/∂w)ᵀq‖
	// times the sum of ‖r‖/‖∂ℓ/∂y‖, ProductAccuracy and MixedAccuracy. It is an
	// estimate of size, not a bound.
	ResidualEffect float64
	// Warnings are what a problem that is a [Diagnoser] says about the solution,
	// such as variables that are weakly active, and, with the first error bar of a
	// problem, pieces of it that grossly disagree with differences of G and ℓ (see
	// [ErrorBar]).
	Warnings []string
	// Error estimates the error of dL/dw; nil if the Estimator's NoErrorBar is
	// set (and no MinDigits), or the linear solve did not converge.
	Error *ErrorBar
	// Digits is how many decimal digits of dL/dw are right in the norm, by
	// Error: 0 … 16. Zero also means that nothing is known, where Error is nil
	// or not trusted.
	Digits float64
	// Effect says how the adjoint solve was watched and perhaps ended by
	// EffectTol; nil if that is zero.
	Effect *EffectStop
	// Certificate is a bound of the error of dL/dw; nil unless the Estimator
	// has the constants for it.
	Certificate *Certificate
	// Wall time by phase: derivatives and set-up of the preconditioner, the
	// linear solve, the mixed product.
	Setup, Linear, Mixed time.Duration
}

// Gradient sets dst = dL/dw at a y that solves G(y, w) = 0. len(y) = n_y,
// len(w) = len(dst) = n_w; y and w are not changed and do not overlap dst. The error is nil only if the
// linear solve converged; otherwise dst is computed from its best iterate, which
// is not a hypergradient to rely on.
func (e *Estimator) Gradient(ctx context.Context, p Problem, y, w, dst []float64) (Report, error) {
	rep := Report{Precond: "none"}
	ny, nw := p.Dims()
	if err := checkLengths(length{"y", len(y), ny}, length{"w", len(w), nw}, length{"dst", len(dst), nw}); err != nil {
		return rep, err
	}
	if err := checkApart(dst, vector{"y", y}, vector{"w", w}); err != nil {
		return rep, err
	}
	ctx, team := e.scope(ctx)
	start := time.Now()
	e.rhs, e.sol = parallel.Grow(e.rhs, ny), parallel.Grow(e.sol, ny)
	e.direction = parallel.Grow(e.direction, nw)

	// The residual is only needed for its norm: borrow the place of q.
	if err := p.Residual(ctx, e.sol, y, w); err != nil {
		return rep, fmt.Errorf("hypergrad: residual: %w", err)
	}
	rep.Stationarity = parallel.Norm(team, e.sol)
	var err error
	if rep.Loss, err = p.Loss(ctx, e.rhs, dst, y, w); err != nil {
		return rep, fmt.Errorf("hypergrad: loss: %w", err)
	}
	rep.LossSlope = parallel.Norm(team, e.rhs)
	for _, v := range []struct {
		name  string
		value float64
	}{{"residual G", rep.Stationarity}, {"loss", rep.Loss}, {"∂ℓ/∂y", rep.LossSlope}, {"∂ℓ/∂w", parallel.Norm(team, dst)}} {
		if math.IsNaN(v.value) || math.IsInf(v.value, 0) {
			return rep, fmt.Errorf("hypergrad: the %s is or holds NaN or Inf", v.name)
		}
	}
	lin, err := p.Linearize(ctx, y, w)
	if err != nil {
		return rep, fmt.Errorf("hypergrad: linearisation: %w", err)
	}
	mixed, ok := hvp.Trans(lin.W)
	if !ok {
		return rep, fmt.Errorf("hypergrad: ∂G/∂w (a %T) has no transpose product", lin.W)
	}
	settings := e.Settings
	settings.Trans = true
	loosen(&rep, &settings, lin.Y)
	if err := e.begin(ctx, &rep, &settings, p, lin.Y, w); err != nil {
		return rep, err
	}
	rep.Setup = time.Since(start)

	start = time.Now()
	solve := settings
	watch := e.watch(ctx, &solve, mixed, dst, rep.LossSlope)
	e.Certificate.prepare(&solve)
	solveErr := e.solve(ctx, &rep, &solve, lin.Y, w)
	rep.Effect = watch.done(&rep.Solve)
	if err := e.learn(ctx, &rep, &solve, w); err != nil {
		return rep, err
	}
	settings.Precond, settings.Recycle = solve.Precond, solve.Recycle
	rep.Linear = time.Since(start)
	solveErr = undefined(&rep.Solve, false, solveErr)

	start = time.Now()
	if rep.Solve.Status != krylov.InvalidInput && rep.LossSlope > 0 && ctx.Err() == nil {
		if err := mixed.ApplyTrans(ctx, e.direction, e.sol); err != nil {
			return rep, fmt.Errorf("hypergrad: mixed product: %w", err)
		}
		if r := rep.Solve.TrueResidual; r >= 0 {
			rep.MixedAccuracy = transAccuracy(lin.W)
			rep.ResidualEffect = parallel.Norm(team, e.direction) * (r/rep.LossSlope + rep.ProductAccuracy + rep.MixedAccuracy)
		}
		parallel.Axpy(team, dst, -1, e.direction)
	}
	rep.Mixed = time.Since(start)
	rep.GradNorm = parallel.Norm(team, dst)
	if err := rep.diagnose(ctx, p, y, w); err != nil {
		return rep, err
	}
	if solveErr != nil {
		return rep, solveError("adjoint", &rep, solveErr)
	}
	if math.IsNaN(rep.GradNorm) || math.IsInf(rep.GradNorm, 0) {
		return rep, errors.New("hypergrad: dL/dw holds NaN or Inf")
	}
	if e.Certificate != nil {
		if rep.Certificate, err = e.certify(ctx, &rep, lin); err != nil {
			return rep, err
		}
	}
	if !e.NoErrorBar || e.MinDigits > 0 {
		rep.Error = e.errorBar(ctx, p, y, w, dst, lin, settings, rep.Stationarity)
		if err := ctx.Err(); err != nil {
			return rep, fmt.Errorf("hypergrad: error bar: %w", err)
		}
		if rep.Sequence.Solves == 1 {
			e.checkConsistency(ctx, p, y, w, dst, &rep)
		}
		rep.Digits = rep.Error.Digits(rep.GradNorm)
	}
	return rep, e.enoughDigits(&rep)
}

// Adjoint returns the q of the last Gradient, of length n_y. It belongs to the
// Estimator and is valid until its next call.
func (e *Estimator) Adjoint() []float64 { return e.sol }

// scope returns the context under which callbacks run, and the team.
func (e *Estimator) scope(ctx context.Context) (context.Context, parallel.Team) {
	if e.Settings.Workers != 0 {
		ctx = hvp.WithWorkers(ctx, e.Settings.Workers)
	}
	return ctx, parallel.FromContext(ctx)
}

func (e *Estimator) method() krylov.Method {
	if e.Method != nil {
		return e.Method
	}
	return &e.auto
}

// diagnose asks p, if it is a [Diagnoser], for its warnings.
func (rep *Report) diagnose(ctx context.Context, p Equation, y, w []float64) (err error) {
	if d, ok := p.(Diagnoser); ok && ctx.Err() == nil {
		if rep.Warnings, err = d.Diagnose(ctx, y, w); err != nil {
			return fmt.Errorf("hypergrad: diagnosis: %w", err)
		}
	}
	return nil
}
