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

// Newton solves the inner problem by the inexact Newton–Krylov method with line
// search. For an equation that comes from an energy, or whose ∂G/∂y promises to be
// semidefinite, this is Newton–CG (Dembo & Steihaug, Math. Program. 26, 1983, doi:10.1007/BF02592055;
// Nocedal & Wright, Numerical Optimization, 2006, algorithm 7.1):
//
//	H·d = g to the relative residual η_k,   y ← y − t·d
//
// with the same Hessian products as the hypergradient. The forcing term η_k is
// choice 2 of Eisenstat & Walker (SIAM J. Sci. Comput. 17, 1996,
// doi:10.1137/0917003), so convergence is superlinear at the end and products
// are not wasted at the start. Where CG meets negative curvature, the step goes
// along its last iterate or, if there is none, along the direction found.
//
// Any other equation, such as a [Root], a [FixedPoint] or the saddle point of
// [Constrained], is solved by the method that the promises of ∂G/∂y ask for
// ([krylov.Auto]: MINRES, MINRES-QLP or GMRES). The merit is ‖G‖, which such a step
// lowers whenever its linear residual is below ‖G‖ (Eisenstat & Walker, SIAM J.
// Optim. 4, 1994, doi:10.1137/0804022).
//
// The zero value works; it keeps its workspace (y and gradient of the trial,
// direction, three vectors of CG, the preconditioner) and is not for concurrent
// use.
type Newton struct {
	// RTol and ATol: done when ‖G‖ ≤ max(RTol·‖G₀‖, ATol), G₀ at the start. Zero
	// RTol means 1e-10 if ATol is zero too.
	RTol, ATol float64
	// MaxIter limits the Newton steps; zero means 200.
	MaxIter int
	// MaxCG limits the CG iterations of one step; zero means 2000. A truncated
	// solve still gives a descent direction. For equations that are not solved
	// by CG, zero means what [krylov.Settings] means by it.
	MaxCG int
	// Polish takes one more step when the tolerance is met. Convergence is
	// quadratic there, so that it makes y about as accurate as float64 allows; a
	// step that does not lower ‖G‖ is not taken.
	Polish bool
	// Precond makes the preconditioner at each step; nil means none. Where it
	// reports a diagonal that is not positive, the step goes without.
	Precond PrecondFunc
	// Workers limits the goroutines; zero means GOMAXPROCS.
	Workers int
	// Monitor, if not nil, is called after each step.
	Monitor func(InnerProgress)

	cg          krylov.CG
	auto        krylov.Auto
	g, d, trial []float64
}

// InnerProgress is what a Monitor of [Newton] sees.
type InnerProgress struct {
	Iteration, Products int
	// Energy is E(y, w), NaN if the equation has none.
	Energy, GradNorm, Tolerance float64
	// Step is the step length t, Forcing the η of the linear solve.
	Step, Forcing float64
}

// InnerResult describes an inner solve.
type InnerResult struct {
	// Iterations counts Newton steps, Products Hessian products.
	Iterations, Products int
	// GradNorm is ‖G‖ at the end, StartNorm at the start.
	GradNorm, StartNorm, Tolerance float64
	// Energy is E at the end, NaN if the equation has none.
	Energy float64
	// NegativeCurvature counts the steps in which CG met it.
	NegativeCurvature int
	Elapsed           time.Duration
}

// NotStationaryError says that an inner solve ended before ‖G‖ was small enough.
type NotStationaryError struct {
	GradNorm, Tolerance float64
	Iterations          int
	Reason              string
}

// Error implements error.
func (e *NotStationaryError) Error() string {
	return fmt.Sprintf("hypergrad: inner problem not stationary after %d steps: ‖G‖ = %.3g, asked for %.3g: %s", e.Iterations, e.GradNorm, e.Tolerance, e.Reason)
}

// Is reports whether target is [ErrInnerNotStationary].
func (e *NotStationaryError) Is(target error) bool { return target == ErrInnerNotStationary }

// reach is how far below the tolerance a linear solve aims at most.
const reach = 0.3

// Solve finds y with G(y, w) = 0, starting from the y given and overwriting it.
// If eq is an [Energy] the energy never grows from step to step (up to rounding
// errors); otherwise ‖G‖ never does. The error is nil only if ‖G‖ meets the
// tolerance; it is a [*NotStationaryError] when it does not.
func (s *Newton) Solve(ctx context.Context, eq Equation, y, w []float64) (res InnerResult, err error) {
	begin := time.Now()
	defer func() { res.Elapsed = time.Since(begin) }()
	ny, nw := eq.Dims()
	if err := checkLengths(length{"y", len(y), ny}, length{"w", len(w), nw}); err != nil {
		return res, err
	}
	if s.Workers != 0 {
		ctx = hvp.WithWorkers(ctx, s.Workers)
	}
	it := newtonStep{Newton: s, ctx: ctx, team: parallel.FromContext(ctx), eq: eq, y: y, w: w, res: &res}
	it.energy, _ = eq.(Energy)
	s.g, s.d, s.trial = parallel.Grow(s.g, ny), parallel.Grow(s.d, ny), parallel.Grow(s.trial, ny)
	return res, it.run()
}

// newtonStep is the state of one inner solve.
type newtonStep struct {
	*Newton
	ctx    context.Context
	team   parallel.Team
	eq     Equation
	energy Energy // nil if there is none
	y, w   []float64
	res    *InnerResult
	value  float64 // E, or ½‖G‖² without an energy
	eta    float64
	step   float64
}

func (it *newtonStep) run() error {
	res := it.res
	if err := it.evaluate(it.y); err != nil {
		return err
	}
	norm, err := it.gradient(it.y)
	if err != nil {
		return err
	}
	rtol := it.RTol
	if rtol == 0 && it.ATol == 0 {
		rtol = 1e-10
	}
	res.StartNorm = norm
	res.Tolerance = max(rtol*norm, it.ATol)
	maxIter := it.MaxIter
	if maxIter == 0 {
		maxIter = 200
	}
	previous := norm
	it.eta = 0.5
	for {
		res.GradNorm, res.Energy = norm, it.value
		if it.energy == nil {
			res.Energy = math.NaN()
		}
		if norm <= res.Tolerance {
			return it.polish(norm)
		}
		if res.Iterations >= maxIter {
			return it.fail("iteration limit")
		}
		if err := it.ctx.Err(); err != nil {
			return fmt.Errorf("hypergrad: inner problem: %w", err)
		}
		it.forcing(norm, previous)
		previous = norm
		slope, err := it.direction(norm)
		if err != nil {
			return err
		}
		norm, err = it.search(norm, slope)
		if err != nil {
			res.GradNorm, res.Energy = previous, it.value
			return err
		}
		res.Iterations++
		if it.Monitor != nil {
			e := it.value
			if it.energy == nil {
				e = math.NaN()
			}
			it.Monitor(InnerProgress{res.Iterations, res.Products, e, norm, res.Tolerance, it.step, it.eta})
		}
	}
}

// polish takes a last step from a stationary point, if it helps.
func (it *newtonStep) polish(norm float64) error {
	const forcing = 1e-4
	if !it.Polish || norm == 0 {
		return nil
	}
	it.eta = forcing
	if _, err := it.direction(norm); err != nil {
		if it.ctx.Err() != nil {
			return err
		}
		return nil // the point is good enough without
	}
	copy(it.trial, it.y)
	parallel.Axpy(it.team, it.trial, -1, it.d)
	better, err := it.gradient(it.trial)
	if err != nil || !(better < norm) {
		return nil
	}
	copy(it.y, it.trial)
	it.res.Iterations++
	it.res.GradNorm = better
	if err := it.evaluate(it.y); err != nil {
		return err
	}
	if it.energy != nil {
		it.res.Energy = it.value
	}
	return nil
}

func (it *newtonStep) fail(reason string) error {
	return &NotStationaryError{it.res.GradNorm, it.res.Tolerance, it.res.Iterations, reason}
}

// evaluate sets it.value to the merit at y when that needs no gradient.
func (it *newtonStep) evaluate(y []float64) (err error) {
	if it.energy == nil {
		return nil
	}
	it.value, err = it.energy.Energy(it.ctx, y, it.w)
	if errors.Is(err, errNoEnergy) {
		it.energy, err = nil, nil
		return nil
	}
	if err != nil {
		return fmt.Errorf("hypergrad: energy: %w", err)
	}
	if math.IsNaN(it.value) || math.IsInf(it.value, 0) {
		return fmt.Errorf("hypergrad: the energy at the start is %v", it.value)
	}
	return nil
}

// gradient sets it.g = G(y, w) and returns its norm.
func (it *newtonStep) gradient(y []float64) (norm float64, err error) {
	if err := it.eq.Residual(it.ctx, it.g, y, it.w); err != nil {
		return 0, fmt.Errorf("hypergrad: gradient: %w", err)
	}
	norm = parallel.Norm(it.team, it.g)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return 0, errNonFiniteGradient
	}
	if it.energy == nil {
		it.value = norm
	}
	return norm, nil
}

var errNonFiniteGradient = errors.New("hypergrad: the gradient of the inner problem holds NaN or Inf")

// forcing chooses the relative residual of the linear solve.
func (it *newtonStep) forcing(norm, previous float64) {
	const gamma, most = 0.9, 0.5
	if it.res.Iterations == 0 {
		it.eta = most
	} else {
		ratio := norm / previous
		next := gamma * ratio * ratio
		if safe := gamma * it.eta * it.eta; safe > 0.1 {
			next = max(next, safe)
		}
		it.eta = min(next, most)
	}
	// No more digits than the tolerance can use.
	it.eta = max(it.eta, min(most, reach*it.res.Tolerance/norm))
}

// direction sets it.d to the step to subtract from y and returns gᵀd > 0.
func (it *newtonStep) direction(norm float64) (slope float64, err error) {
	lin, err := it.eq.Linearize(it.ctx, it.y, it.w)
	if err != nil {
		return 0, fmt.Errorf("hypergrad: linearisation: %w", err)
	}
	// A step needs no residual that inexact products could not verify.
	it.eta = max(it.eta, min(0.5, accuracyMargin*hvp.AccuracyOf(lin.Y)))
	settings := krylov.Settings{RTol: it.eta, MaxIter: it.MaxCG, Workers: it.Workers}
	byCG := it.energy != nil || hvp.StructureOf(lin.Y).Has(hvp.Semidefinite)
	if settings.MaxIter == 0 && byCG {
		settings.MaxIter = 2000
	}
	if it.Precond != nil {
		m, err := it.Precond(it.ctx, lin.Y)
		var notPositive *precond.NotPositiveError
		switch {
		case err == nil:
			settings.Precond = m
		case !errors.As(err, &notPositive):
			return 0, fmt.Errorf("hypergrad: preconditioner: %w", err)
		}
	}
	if !byCG {
		return 0, it.general(lin.Y, &settings)
	}
	res, err := it.cg.Solve(it.ctx, lin.Y, it.d, it.g, &settings)
	it.res.Products += res.Products
	switch res.Status {
	case krylov.Converged, krylov.IterationLimit, krylov.Stagnated, krylov.Inconsistent:
	case krylov.NegativeCurvature:
		it.res.NegativeCurvature++
		if res.Iterations == 0 {
			copy(it.d, res.Direction)
		}
	default:
		return 0, fmt.Errorf("hypergrad: Newton step: %w", err)
	}
	slope = parallel.Dot(it.team, it.g, it.d)
	if slope < 0 && res.Status == krylov.NegativeCurvature && res.Iterations == 0 {
		parallel.ScaleTo(it.team, it.d, -1, it.d)
		slope = -slope
	}
	if !(slope > 0) {
		// The linear solve gave nothing: steepest descent.
		copy(it.d, it.g)
		slope = norm * norm
	}
	if res.Status == krylov.NegativeCurvature && res.Iterations == 0 {
		// Along a direction of negative curvature there is no natural step
		// length: take that of the gradient.
		c := norm / parallel.Norm(it.team, it.d)
		parallel.ScaleTo(it.team, it.d, c, it.d)
		slope *= c
	}
	return slope, nil
}

// general sets it.d to a step for an equation without energy.
func (it *newtonStep) general(a hvp.Operator, settings *krylov.Settings) error {
	res, err := it.auto.Solve(it.ctx, a, it.d, it.g, settings)
	it.res.Products += res.Products
	switch res.Status {
	case krylov.Converged, krylov.LeastSquares:
		return nil
	case krylov.IterationLimit, krylov.Stagnated, krylov.Inconsistent:
		// What lowers the linear residual lowers ‖G‖.
		if res.TrueResidual >= 0 && res.TrueResidual < 0.99*res.RHSNorm {
			return nil
		}
	}
	return fmt.Errorf("hypergrad: Newton step: %w", err)
}

// search moves y to y − t·d with sufficient decrease, by halving t, and returns
// the new gradient norm.
//
// The test is Armijo's on the merit, which far from the end is all that counts.
// Near the end the decrease drowns in the rounding errors of the merit; there a
// step is accepted if it lowers the gradient norm instead.
func (it *newtonStep) search(norm, slope float64) (newNorm float64, err error) {
	const armijo, halvings = 1e-4, 40
	noise := 1e-13 * math.Abs(it.value)
	old := it.value
	for it.step = 1.0; it.step > math.Ldexp(1, -halvings); it.step /= 2 {
		if err := it.ctx.Err(); err != nil {
			return 0, fmt.Errorf("hypergrad: line search: %w", err)
		}
		copy(it.trial, it.y)
		parallel.Axpy(it.team, it.trial, -it.step, it.d)
		if it.energy == nil {
			switch newNorm, err = it.gradient(it.trial); {
			case err != nil && !errors.Is(err, errNonFiniteGradient):
				return 0, err
			case err == nil && newNorm <= (1-armijo*it.step)*norm:
				copy(it.y, it.trial)
				return newNorm, nil
			}
			continue
		}
		value, err := it.energy.Energy(it.ctx, it.trial, it.w)
		if err != nil {
			return 0, fmt.Errorf("hypergrad: energy: %w", err)
		}
		if it.step*slope < 1e3*noise {
			if !(value <= old+10*noise) {
				continue
			}
			newNorm, err = it.gradient(it.trial)
			if err != nil {
				return 0, err
			}
			if newNorm < norm {
				it.value = value
				copy(it.y, it.trial)
				return newNorm, nil
			}
			continue
		}
		if value <= old-armijo*it.step*slope {
			it.value = value
			copy(it.y, it.trial)
			return it.gradient(it.y)
		}
	}
	// Leave the gradient of y, not of the last trial, behind.
	if _, err := it.gradient(it.y); err != nil {
		return 0, err
	}
	it.value = old
	return 0, it.fail("no step along the Newton direction lowers the merit: the tolerance is below what rounding errors allow, or gradient, energy and Hessian product do not belong together")
}
