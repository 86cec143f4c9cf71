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
)

// ActiveSetNewton solves [Bounds] and [L1] by a Newton method on the face that a
// proximal-gradient step points to:
//
//	x = y − t·G(y),  A = {i : prox(x)_i at a bound or at zero}, F the others
//	y_A ← there,     H_FF·d_F = −(G + ∂h)_F − H_FA·(change of y_A),   y_F ← P(y_F + α·d_F)
//
// This is the primal-dual active set or semismooth Newton method (Hintermüller, Ito &
// Kunisch, SIAM J. Optim. 13, 2002, doi:10.1137/S1052623401383558), which ends in
// finitely many steps for a quadratic energy near the solution and converges
// superlinearly in general. With an energy the system is solved by CG, which goes on
// along a direction of negative curvature where it meets one. Two things make it safe:
//
//   - if the problem is an [Energy], a step must lower E + h by a share of what the
//     proximal-gradient step itself is good for, else α is halved and at last that
//     step is taken, with t from backtracking (projected gradients for bounds:
//     Bertsekas, IEEE Trans. Automat. Control 21, 1976,
//     doi:10.1109/TAC.1976.1101194; Moré & Toraldo, SIAM J. Optim. 1, 1991,
//     doi:10.1137/0801008);
//   - without an energy, as for [Constrained] within [Bounds], the merit is the
//     natural residual ‖y − prox(y − t·G)‖/t, which full steps may raise for a
//     limited number of times.
//
// The y that is returned has its active variables exactly at their bounds, or at
// zero. The zero value works; it is not for concurrent use.
type ActiveSetNewton struct {
	// RTol and ATol: done when the norm of the projected gradient (the residual
	// of the problem) is at most max(RTol·that at the start, ATol), or at the
	// rounding errors of G. Zero RTol means 1e-10 if ATol is zero too.
	RTol, ATol float64
	// MaxIter limits the steps; zero means 200.
	MaxIter int
	// Precond makes a preconditioner for ∂G/∂y on the face, in all variables,
	// with the identity for active ones; nil means none.
	Precond PrecondFunc
	// Linear limits the linear solves; its tolerance is chosen by the method.
	Linear krylov.Settings
	// Workers limits the goroutines; zero means GOMAXPROCS.
	Workers int
	// Monitor, if not nil, is called after each step.
	Monitor func(InnerProgress)

	auto krylov.Auto
	cg   krylov.CG
}

// setStep is the state of one solve.
type setStep struct {
	*ActiveSetNewton
	ctx    context.Context
	team   parallel.Team
	c      *composite
	energy Energy
	y, w   []float64
	res    *InnerResult

	g, trial, near, rhs, d, tmp []float64
	at, face                    []place
	t                           float64 // step of the proximal gradient
	value                       float64 // E + h
	norm, merit                 float64 // of the projected gradient, of the natural residual
	raised                      int     // steps that did not lower the merit
	best                        []float64
	least                       float64 // merit of best; without an energy
}

// Solve implements [InnerSolver] for [Bounds] and [L1]; y is projected onto the
// bounds first. The error is a [*NotStationaryError] if the tolerance is not met.
func (s *ActiveSetNewton) Solve(ctx context.Context, eq Equation, y, w []float64) (res InnerResult, err error) {
	begin := time.Now()
	defer func() { res.Elapsed = time.Since(begin) }()
	p, ok := eq.(nonsmooth)
	if !ok {
		return res, fmt.Errorf("hypergrad: ActiveSetNewton solves Bounds and L1, not a %T", eq)
	}
	c, err := p.at(w)
	if err != nil {
		return res, err
	}
	if err := checkLengths(length{"y", len(y), c.ny}, length{"w", len(w), c.nw}); err != nil {
		return res, err
	}
	if s.Workers != 0 {
		ctx = hvp.WithWorkers(ctx, s.Workers)
	}
	it := &setStep{ActiveSetNewton: s, ctx: ctx, team: parallel.FromContext(ctx), c: c, y: y, w: w, res: &res, at: make([]place, c.ny), face: make([]place, c.ny)}
	it.least = math.Inf(1)
	for _, v := range []*[]float64{&it.best, &it.g, &it.trial, &it.near, &it.rhs, &it.d, &it.tmp} {
		*v = make([]float64, c.ny)
	}
	it.energy, _ = c.base.(Energy)
	return res, it.run()
}

func (it *setStep) run() error {
	for i, v := range it.y {
		it.y[i] = it.c.prox(i, v, 0)
	}
	if err := it.start(); err != nil {
		return err
	}
	res := it.res
	rtol := it.RTol
	if rtol == 0 && it.ATol == 0 {
		rtol = 1e-10
	}
	maxIter := it.MaxIter
	if maxIter == 0 {
		maxIter = 200
	}
	res.StartNorm = it.norm
	res.Tolerance = max(rtol*it.norm, it.ATol, 16*0x1p-52*parallel.Norm(it.team, it.g))
	for {
		res.GradNorm, res.Energy = it.norm, it.value
		if it.norm <= res.Tolerance {
			return nil
		}
		if res.Iterations >= maxIter {
			return it.giveUp("iteration limit")
		}
		if err := it.ctx.Err(); err != nil {
			return fmt.Errorf("hypergrad: inner problem: %w", err)
		}
		if err := it.step(); err != nil {
			return err
		}
		res.Iterations++
		if it.Monitor != nil {
			it.Monitor(InnerProgress{Iteration: res.Iterations, Products: res.Products, Energy: it.value, GradNorm: it.norm, Tolerance: res.Tolerance, Step: it.t})
		}
	}
}

func (it *setStep) fail(reason string) error {
	return &NotStationaryError{it.res.GradNorm, it.res.Tolerance, it.res.Iterations, reason}
}

// start evaluates y and estimates t = 1/‖∂G/∂y‖ by a few steps of the power method.
func (it *setStep) start() error {
	lin, err := it.c.base.Linearize(it.ctx, it.y, it.w)
	if err != nil {
		return fmt.Errorf("hypergrad: linearisation: %w", err)
	}
	for i := range it.d {
		it.d[i] = 1 + 0.5*math.Sin(float64(7*i))
	}
	const powers = 6
	for range powers {
		size := parallel.Norm(it.team, it.d)
		if size == 0 {
			break
		}
		parallel.ScaleTo(it.team, it.tmp, 1/size, it.d)
		if err := lin.Y.Apply(it.ctx, it.d, it.tmp); err != nil {
			return fmt.Errorf("hypergrad: product: %w", err)
		}
		it.res.Products++
	}
	it.t = 1
	if l := parallel.Norm(it.team, it.d); l > 0 && !math.IsInf(l, 0) {
		it.t = 1 / l
	}
	it.value = math.NaN()
	if it.energy != nil {
		if it.value, err = it.valueAt(it.y); err != nil {
			return err
		}
	}
	return it.accept(it.y)
}

// valueAt returns E + h, and turns the search for an energy off where there is none.
func (it *setStep) valueAt(y []float64) (float64, error) {
	e, err := it.energy.Energy(it.ctx, y, it.w)
	if errors.Is(err, errNoEnergy) {
		it.energy = nil
		return math.NaN(), nil
	}
	if err != nil {
		return 0, fmt.Errorf("hypergrad: energy: %w", err)
	}
	if it.c.lambda != nil {
		for i, v := range y {
			e += it.c.lambda[i] * math.Abs(v)
		}
	}
	return e, nil
}

// evaluate sets it.g, the places and both norms for y.
func (it *setStep) evaluate(y []float64) error {
	if err := it.c.base.Residual(it.ctx, it.g, y, it.w); err != nil {
		return fmt.Errorf("hypergrad: gradient: %w", err)
	}
	if n := parallel.Norm(it.team, it.g); math.IsNaN(n) || math.IsInf(n, 0) {
		return errNonFiniteGradient
	}
	if err := it.c.places(it.at, y, it.g); err != nil {
		return err
	}
	for i, p := range it.at {
		it.tmp[i] = it.c.stationarity(i, p, y[i], it.g[i])
	}
	it.norm = parallel.Norm(it.team, it.tmp)
	for i, v := range y {
		it.tmp[i] = v - it.c.prox(i, v-it.t*it.g[i], it.t)
	}
	it.merit = parallel.Norm(it.team, it.tmp) / it.t
	return nil
}

// accept makes y the iterate.
func (it *setStep) accept(y []float64) error {
	if err := it.evaluate(y); err != nil {
		return err
	}
	if &y[0] != &it.y[0] {
		copy(it.y, y)
	}
	if it.energy == nil && it.merit < it.least {
		it.least = it.merit
		copy(it.best, y)
	}
	return nil
}

// giveUp goes back to the best iterate and returns the error with the reason.
func (it *setStep) giveUp(reason string) error {
	if it.energy == nil {
		copy(it.y, it.best)
		if err := it.evaluate(it.y); err != nil {
			return err
		}
		it.res.GradNorm = it.norm
	}
	return it.fail(reason)
}

// predict sets it.near to prox(y − t·G) and it.face to the places there.
func (it *setStep) predict() {
	for i, v := range it.y {
		c := it.c
		x := c.prox(i, v-it.t*it.g[i], it.t)
		it.near[i] = x
		switch {
		case c.lo[i] == c.hi[i]:
			it.face[i] = pinned
		case x == c.lo[i]:
			it.face[i] = atLower
		case x == c.hi[i]:
			it.face[i] = atUpper
		case x == 0 && c.weight(i) > 0:
			it.face[i] = atKink
		default:
			it.face[i] = free
		}
	}
}

// newton sets it.d to the Newton step on the face, the moves of active variables
// included. false: the linear solve gave none.
func (it *setStep) newton() (bool, error) {
	lin, err := it.c.base.Linearize(it.ctx, it.y, it.w)
	if err != nil {
		return false, fmt.Errorf("hypergrad: linearisation: %w", err)
	}
	moved := false
	for i, p := range it.face {
		it.tmp[i] = 0
		if p != free {
			it.tmp[i] = it.near[i] - it.y[i]
			moved = moved || it.tmp[i] != 0
		}
	}
	clear(it.rhs)
	if moved {
		if err := lin.Y.Apply(it.ctx, it.rhs, it.tmp); err != nil {
			return false, fmt.Errorf("hypergrad: product: %w", err)
		}
		it.res.Products++
	}
	for i, p := range it.face {
		if p == free {
			it.rhs[i] = -it.rhs[i] - it.g[i]
			if l := it.c.weight(i); l > 0 {
				it.rhs[i] -= math.Copysign(l, it.near[i])
			}
		} else {
			it.rhs[i] = 0 // active variables move by it.tmp
		}
	}
	size := parallel.Norm(it.team, it.rhs)
	if size == 0 {
		copy(it.d, it.tmp)
		return true, nil
	}
	s := it.Linear
	s.ATol, s.Guess, s.Trans, s.Precond, s.Workers = 0, false, false, nil, it.Workers
	const least, most = 1e-13, 0.1
	s.RTol = max(least, min(most, it.norm/it.res.StartNorm, 0.3*it.res.Tolerance/size))
	if it.energy != nil {
		s.RTol = max(min(most, it.norm/it.res.StartNorm), 0.3*it.res.Tolerance/size, least)
	}
	s.RTol = min(0.5, max(s.RTol, accuracyMargin*hvp.AccuracyOf(lin.Y)))
	op, err := onFace(lin.Y, it.face)
	if err != nil {
		return false, err
	}
	if it.Precond != nil {
		if s.Precond, err = it.Precond(it.ctx, op); err != nil {
			return false, fmt.Errorf("hypergrad: preconditioner: %w", err)
		}
	}
	var r krylov.Result
	if it.energy != nil {
		r, err = it.cg.Solve(it.ctx, op, it.d, it.rhs, &s)
	} else {
		r, err = it.auto.Solve(it.ctx, op, it.d, it.rhs, &s)
	}
	it.res.Products += r.Products
	switch {
	case r.Status == krylov.NegativeCurvature && r.Curvature < 0:
		// Beyond the iterate, along p, as far as Newton's method would go for
		// the curvature of the other sign; p is conjugate to the iterate, so
		// that rhsᵀp is the descent along it.
		it.res.NegativeCurvature++
		parallel.Axpy(it.team, it.d, parallel.Dot(it.team, it.rhs, r.Direction)/-r.Curvature, r.Direction)
	case it.ctx.Err() != nil:
		return false, fmt.Errorf("hypergrad: inner problem: %w", it.ctx.Err())
	case r.Status == krylov.OperatorFailed || r.Status == krylov.PreconditionerFailed || r.Status == krylov.NonFinite || r.Status == krylov.InvalidInput:
		return false, fmt.Errorf("hypergrad: Newton step: %w", err)
	case err != nil && !(r.TrueResidual >= 0 && r.TrueResidual < 0.99*r.RHSNorm):
		return false, nil
	}
	for i, p := range it.face {
		if p != free {
			it.d[i] = it.tmp[i]
		}
	}
	return true, nil
}

// moveTo sets it.trial = P(y + α·d): active variables where they belong, others kept
// within bounds and on their side of zero.
func (it *setStep) moveTo(alpha float64) {
	for i, v := range it.y {
		if it.face[i] != free && alpha == 1 {
			it.trial[i] = it.near[i]
			continue
		}
		x := v + alpha*it.d[i]
		if it.face[i] == free && it.c.weight(i) > 0 && x*it.near[i] < 0 {
			x = 0
		}
		it.trial[i] = it.c.prox(i, x, 0)
	}
}

// step takes one step.
func (it *setStep) step() error {
	it.predict()
	ok, err := it.newton()
	if err != nil {
		return err
	}
	if it.energy == nil {
		return it.stepByMerit(ok)
	}
	// What the proximal-gradient step is good for.
	const share, noiseLevel = 1e-4, 1e-13
	gain := 0.0
	for i, x := range it.near {
		gain += (x - it.y[i]) * (x - it.y[i])
	}
	gain *= share / (2 * it.t)
	noise := noiseLevel * math.Abs(it.value)
	old, oldNorm := it.value, it.norm
	for alpha := 1.0; ok && alpha > 1e-3; alpha /= 2 {
		it.moveTo(alpha)
		value, err := it.valueAt(it.trial)
		if err != nil {
			return err
		}
		if value <= old-gain && gain > 1e3*noise {
			it.value = value
			return it.accept(it.trial)
		}
		if gain <= 1e3*noise && value <= old+10*noise {
			// The gain drowns in rounding errors: the residual decides.
			if err := it.evaluate(it.trial); err != nil {
				return err
			}
			if it.norm < oldNorm {
				it.value = value
				return it.accept(it.trial)
			}
			if err := it.evaluate(it.y); err != nil {
				return err
			}
		}
	}
	return it.backtrack(old, oldNorm, noise)
}

// backtrack takes a proximal-gradient step.
func (it *setStep) backtrack(old, oldNorm, noise float64) error {
	const halvings = 60
	for range halvings {
		it.predict()
		length := 0.0
		for i, x := range it.near {
			length += (x - it.y[i]) * (x - it.y[i])
		}
		value, err := it.valueAt(it.near)
		if err != nil {
			return err
		}
		if value <= old-length/(4*it.t) && length > 0 {
			it.value = value
			copy(it.trial, it.near)
			return it.accept(it.trial)
		}
		if length/(4*it.t) <= 1e3*noise && value <= old+10*noise {
			if err := it.evaluate(it.near); err != nil {
				return err
			}
			if it.norm < oldNorm {
				it.value = value
				copy(it.trial, it.near)
				return it.accept(it.trial)
			}
			if err := it.evaluate(it.y); err != nil {
				return err
			}
		}
		it.t /= 2
	}
	return it.fail("neither the Newton nor a proximal-gradient step lowers the energy: the tolerance is below what rounding errors allow, or gradient, energy and Hessian product do not belong together")
}

// stepByMerit takes the first of a few steps that lowers the natural residual, else
// the full one, for a limited number of times.
func (it *setStep) stepByMerit(ok bool) error {
	const armijo, patience = 1e-4, 30
	if !ok {
		return it.giveUp("the linear system on the face of the predicted active set has no solution that was found")
	}
	old := it.merit
	for _, alpha := range []float64{1, 0.5, 0.25, 0.125} {
		it.moveTo(alpha)
		err := it.evaluate(it.trial)
		if err != nil && !errors.Is(err, errNonFiniteGradient) {
			return err
		}
		if err == nil && (it.merit <= (1-armijo*alpha)*old || it.norm <= it.res.Tolerance) {
			return it.accept(it.trial)
		}
	}
	if it.raised++; it.raised > patience {
		return it.giveUp("the active set does not settle")
	}
	it.moveTo(1)
	return it.accept(it.trial)
}

var _ InnerSolver = (*ActiveSetNewton)(nil)
