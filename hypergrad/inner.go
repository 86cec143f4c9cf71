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

// Newton solves the inner problem by the inexact Newton–Krylov method. For an
// equation that comes from an energy, or whose ∂G/∂y promises to be semidefinite,
// this is Newton–CG (Dembo & Steihaug, Math. Program. 26, 1983,
// doi:10.1007/BF02592055; Nocedal & Wright, Numerical Optimization, 2006, chapter 7):
//
//	H·d = g to the relative residual η_k,   y ← y − t·d
//
// with the same Hessian products as the hypergradient. The forcing term η_k is
// choice 2 of Eisenstat & Walker (SIAM J. Sci. Comput. 17, 1996,
// doi:10.1137/0917003), so convergence is superlinear at the end and products
// are not wasted at the start.
//
// With an energy, CG stops where it meets negative curvature, and from then on also at
// the border of a trust region (Steihaug, SIAM J. Numer. Anal. 20, 1983,
// doi:10.1137/0720042), so that energies need not be convex. A step that does not
// lower the energy is shortened, which makes the region smaller, instead of solved
// for again (Nocedal & Yuan, Combining trust region and line search techniques, 1998,
// doi:10.1007/978-1-4613-3335-7_7): products with the Hessian cost more than energies.
// Where the decrease drowns in the rounding errors of the energy, it is measured by
// the gradients at both ends of the step.
//
// Any other equation, such as a [Root], a [FixedPoint] or the saddle point of
// [Constrained], is solved by the method that the promises of ∂G/∂y ask for
// ([krylov.Auto]: MINRES, MINRES-QLP or GMRES). The merit is ‖G‖, which such a step
// lowers whenever its linear residual is below ‖G‖ (Eisenstat & Walker, SIAM J.
// Optim. 4, 1994, doi:10.1137/0804022).
//
// The zero value works; it keeps its workspace (gradient, y and gradient of the
// trial, direction, three vectors of CG) and is not for concurrent use.
type Newton struct {
	// RTol and ATol: done when ‖G‖ ≤ max(RTol·‖G₀‖, ATol), G₀ at the start. Zero
	// RTol means 1e-10 if ATol is zero too.
	RTol, ATol float64
	// MaxIter limits the Newton steps; zero means 1000. Energies that are not convex
	// may take hundreds, most of them of one or two products.
	MaxIter int
	// MaxCG limits the CG iterations of one step; zero means 2000. A truncated
	// solve still gives a descent direction. For equations that are not solved
	// by CG, zero means what [krylov.Settings] means by it.
	MaxCG int
	// Polish takes one more step when the tolerance is met. Convergence is
	// quadratic there, so that it makes y about as accurate as float64 allows; a
	// step that does not lower ‖G‖ is not taken.
	Polish bool
	// Precond makes the preconditioner, which is refreshed at each step, or made
	// anew where it cannot be; one that is neither diagonal nor applies the operator
	// is kept while it serves. Nil means none. Where it reports a diagonal that is
	// not positive, the step goes without.
	Precond PrecondFunc
	// Workers limits the goroutines; zero means GOMAXPROCS.
	Workers int
	// Monitor, if not nil, is called after each step.
	Monitor func(InnerProgress)

	cg                  truncatedCG
	auto                krylov.Auto
	g, d, trial, gTrial []float64
}

// InnerProgress is what the Monitor of an inner solver sees. What the method does not
// have is zero.
type InnerProgress struct {
	Iteration, Products int
	// Energy is E(y, w), NaN if the equation has none.
	Energy, GradNorm, Tolerance float64
	// Step is the step length t, Forcing the η of the linear solve, Radius that of
	// the trust region after the step, +Inf for all of space.
	Step, Forcing, Radius float64
}

// InnerResult describes an inner solve.
type InnerResult struct {
	// Iterations counts steps, Products Hessian products.
	Iterations, Products int
	// GradNorm is ‖G‖ at the end, StartNorm at the start.
	GradNorm, StartNorm, Tolerance float64
	// Energy is E at the end, NaN if the equation has none.
	Energy float64
	// NegativeCurvature counts the steps that CG ended along it.
	NegativeCurvature int
	// Energies and Gradients count evaluations of E and of G; one that gives both
	// counts as both if the gradient was wanted.
	Energies, Gradients int
	Elapsed             time.Duration
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
	it := newtonStep{Newton: s, evaluator: newEvaluator(ctx, eq, w, &res), y: y, radius: math.Inf(1)}
	for _, v := range []*[]float64{&s.g, &s.d, &s.trial, &s.gTrial} {
		*v = parallel.Grow(*v, ny)
	}
	return res, it.run()
}

// newtonStep is the state of one inner solve.
type newtonStep struct {
	*Newton
	evaluator
	y       []float64
	m       precond.Preconditioner // of the last step that made or refreshed one
	value   float64                // E, or ‖G‖ without an energy
	eta     float64
	step    float64
	radius  float64
	lastCG  int // iterations of the last linear solve
	growing int // steps in a row that ended on the sphere and made it grow
}

func (it *newtonStep) run() error {
	res := it.res
	value, norm, err := it.start(it.g, it.y)
	if err != nil {
		return err
	}
	res.Energy, it.value = value, value
	if it.energy == nil {
		it.value = norm
	}
	rtol := it.RTol
	if rtol == 0 && it.ATol == 0 {
		rtol = 1e-10
	}
	res.StartNorm = norm
	res.Tolerance = max(rtol*norm, it.ATol)
	maxIter := it.MaxIter
	if maxIter == 0 {
		maxIter = 1000
	}
	previous := norm
	for {
		res.GradNorm = norm
		if it.energy != nil {
			res.Energy = it.value
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
		step, err := it.direction(norm)
		if err != nil {
			return err
		}
		if norm, err = it.search(norm, step); err != nil {
			return err
		}
		res.Iterations++
		if it.Monitor != nil {
			e := it.value
			if it.energy == nil {
				e = math.NaN()
			}
			it.Monitor(InnerProgress{res.Iterations, res.Products, e, norm, res.Tolerance, it.step, it.eta, it.radius})
		}
	}
}

// polish takes a last step from a stationary point, if it helps.
func (it *newtonStep) polish(norm float64) error {
	const forcing = 1e-4
	if !it.Polish || norm == 0 {
		return nil
	}
	it.eta, it.radius = forcing, math.Inf(1)
	step, err := it.direction(norm)
	if err != nil {
		if it.ctx.Err() != nil {
			return err
		}
		return nil // the point is good enough without
	}
	if step.end == cgNegative {
		return nil // a longer way down, not a polished point
	}
	copy(it.trial, it.y)
	parallel.Axpy(it.team, it.trial, -1, it.d)
	value := math.NaN()
	if it.energy != nil {
		if value, err = it.evaluator.value(it.gTrial, it.trial); err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
			return it.ctx.Err()
		}
	}
	better, err := it.gradient(it.gTrial, it.trial)
	if err != nil || !(better < norm) {
		return it.ctx.Err()
	}
	copy(it.y, it.trial)
	it.res.Iterations++
	it.res.GradNorm, it.res.Energy = better, value
	return nil
}

func (it *newtonStep) fail(reason string) *NotStationaryError {
	return &NotStationaryError{it.res.GradNorm, it.res.Tolerance, it.res.Iterations, reason}
}

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

// direction sets it.d to the step to subtract from y.
func (it *newtonStep) direction(norm float64) (s cgStep, err error) {
	lin, err := it.eq.Linearize(it.ctx, it.y, it.w)
	if err != nil {
		return s, fmt.Errorf("hypergrad: linearisation: %w", err)
	}
	// A step needs no residual that inexact products could not verify.
	it.eta = max(it.eta, min(0.5, accuracyMargin*hvp.AccuracyOf(lin.Y)))
	m, err := it.precondition(lin.Y)
	if err != nil {
		return s, err
	}
	if it.energy == nil && !hvp.StructureOf(lin.Y).Has(hvp.Semidefinite) {
		settings := krylov.Settings{RTol: it.eta, MaxIter: it.MaxCG, Workers: it.Workers}
		if m != nil {
			settings.Precond = m
		}
		return s, it.general(lin.Y, &settings)
	}
	maxCG := it.MaxCG
	if maxCG == 0 {
		maxCG = 2000
	}
	s, err = it.cg.solve(it.ctx, lin.Y, m, it.d, it.g, it.eta, it.radius, maxCG)
	it.res.Products += s.products
	it.lastCG = s.iterations
	if err != nil {
		return s, fmt.Errorf("hypergrad: Newton step: %w", err)
	}
	if s.end == cgNegative {
		it.res.NegativeCurvature++
	}
	if s.slope = parallel.Dot(it.team, it.g, it.d); !(s.slope > 0) {
		// Rounding errors left no descent: steepest descent.
		copy(it.d, it.g)
		s.end, s.slope, s.model, s.length = cgLimit, norm*norm, norm*norm, norm
	}
	return s, nil
}

// keptUpTo is the number of iterations of a step up to which the preconditioner is kept
// for the next one: to refresh one that is no diagonal costs about as much.
const keptUpTo = 8

// precondition returns the preconditioner for a, nil for none.
func (it *newtonStep) precondition(a hvp.Operator) (m precond.Preconditioner, err error) {
	if it.Precond == nil {
		return nil, nil
	}
	var notPositive *precond.NotPositiveError
	if it.m != nil {
		if _, diagonal := it.m.(hvp.DiagonalMatrix); !diagonal && !precond.UsesOperator(it.m) && it.lastCG <= keptUpTo {
			return it.m, nil
		}
		switch err = it.m.Refresh(it.ctx, a); {
		case err == nil:
			return it.m, nil
		case errors.As(err, &notPositive):
			return nil, nil
		}
	}
	if m, err = it.Precond(it.ctx, a); err == nil {
		it.m = precond.Plain(m) // it keeps to its kind
		return it.m, nil
	}
	if errors.As(err, &notPositive) {
		return nil, nil
	}
	return nil, fmt.Errorf("hypergrad: preconditioner: %w", err)
}

// general sets it.d to a step for an equation without energy.
func (it *newtonStep) general(a hvp.Operator, settings *krylov.Settings) error {
	res, err := it.auto.Solve(it.ctx, a, it.d, it.g, settings)
	it.res.Products += res.Products
	it.lastCG = res.Iterations
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
