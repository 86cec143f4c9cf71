package hypergrad

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
)

// SequenceSettings say what an [Estimator] carries from one hypergradient to the
// next, so that in an outer loop the tenth costs less than the first. The zero
// value guesses the solution and keeps the preconditioner as long as it is good.
//
// Nothing of this can make an answer wrong: all of it enters as an initial guess
// or as a preconditioner, and a solve has converged only if the residual of the
// current system says so. Nor does it depend on the time of day: decisions rest
// on counted products and iterations, so that a run repeats bit for bit. All is
// forgotten when another Problem (another value of the interface, compared by ==)
// or another size comes, and at [Estimator.Reset].
type SequenceSettings struct {
	// NoGuess starts each solve from zero.
	NoGuess bool
	// History is the number of solutions that guesses are made from, each one
	// n_y-vector and one n_w-vector of memory. Zero means 12; 1 starts from the
	// last solution.
	History int
	// Project makes the guess the least-squares solution over the History last
	// solutions, for as many products (Fischer, Comput. Methods Appl. Mech. Eng.
	// 163, 1998, doi:10.1016/S0045-7825(98)00012-7), while that pays.
	Project bool
	// NoLag makes a new preconditioner for each solve.
	NoLag bool
	// Recycle is the number of vectors of a [krylov.Space], of which each takes
	// eight n_y-vectors of memory, while the space pays. It serves systems that
	// CG solves; for those without symmetry set Method to a [krylov.GCRODR].
	// Zero means none.
	Recycle int
	// SweepCost is the price of reading or writing one n_y-vector, in products.
	// It decides whether a recycled space can pay: never where Recycle·SweepCost
	// is above 2/15. Zero means 1/64; where products touch the data of many
	// examples, far less is right.
	SweepCost float64
}

const (
	defaultHistory   = 12
	defaultSweepCost = 1.0 / 64
)

func (s *SequenceSettings) history() int {
	if s.History == 0 {
		return defaultHistory
	}
	return max(s.History, 1)
}

func (s *SequenceSettings) sweepCost() float64 {
	if s.SweepCost == 0 {
		return defaultSweepCost
	}
	return s.SweepCost
}

// SequenceReport says what a solve had from those before it.
type SequenceReport struct {
	// Solves counts the solves since the state began, this one included.
	Solves int
	// Guess names how the initial guess was made: "none", "last", "trend m"
	// (linear prediction from the solutions), "secant m" (prediction from w), m
	// being the differences of solutions that went into it, or "projection m".
	Guess string
	// Reduction is the relative residual that the solve began with, ‖b − A·x₀‖/‖b‖;
	// 1 without a guess.
	Reduction float64
	// Recycled is the dimension of the recycled space in use.
	Recycled int
	// Products counts the products that were spent here beyond the solve: those
	// of a projection. (The one that a guess takes is in Solve.Products.)
	Products int
	// PrecondAge counts the solves since the preconditioner was built or
	// refreshed: zero means for this one.
	PrecondAge int
}

// sequence is the state that outlives a solve.
type sequence struct {
	problem Equation
	n, nw   int
	solves  int
	rate    float64 // iterations per digit of the last telling solve
	guess   history
	warm    backoff // of guesses
	project backoff
	lag     lag
	recycle recycling
}

// Reset forgets all that the Estimator has learned from earlier solves. The next
// hypergradient is that of a new Estimator.
func (e *Estimator) Reset() {
	e.seq.problem, e.seq.n, e.seq.nw, e.seq.solves, e.seq.rate = nil, 0, 0, 0, 0
	e.seq.guess.reset()
	e.seq.warm, e.seq.project = backoff{}, backoff{}
	e.seq.lag = lag{}
	e.seq.recycle.reset()
	e.resetMethod()
}

// resetMethod makes a method that remembers, such as [krylov.GCRODR], forget.
func (e *Estimator) resetMethod() {
	if m, is := e.Method.(interface{ Reset() }); is {
		m.Reset()
	}
}

// same makes sure that the state belongs to p, and says so by being there.
func (e *Estimator) same(p Equation, n, nw int) {
	s := &e.seq
	if s.n != n || s.nw != nw || s.problem != nil && !sameEquation(s.problem, p) {
		e.Reset()
	}
	s.problem, s.n, s.nw = p, n, nw
}

// sameEquation reports whether a is b. Values that cannot be compared are never
// the same.
func sameEquation(a, b Equation) (same bool) {
	defer func() { _ = recover() }()
	return a == b
}

// begin prepares the adjoint solve: preconditioner, recycled space, guess.
func (e *Estimator) begin(ctx context.Context, rep *Report, s *krylov.Settings, p Equation, a hvp.Operator, w []float64) error {
	e.same(p, len(e.sol), len(w))
	rep.Sequence = SequenceReport{Solves: e.seq.solves + 1, Guess: "none", Reduction: 1}
	if err := e.precondition(ctx, rep, s, p, a, w); err != nil {
		return err
	}
	e.deflate(rep, s, a)
	if e.Sequence.NoGuess || !e.seq.warm.due() {
		return nil
	}
	return e.predict(ctx, rep, s, a, w)
}

// solve runs the adjoint solve. If it fails, or makes no headway, with a
// preconditioner or a space that is not of this operator, it goes on with a new one; if it
// fails with an automatic choice for this operator, with Jacobi.
func (e *Estimator) solve(ctx context.Context, rep *Report, s *krylov.Settings, a hvp.Operator, w []float64) error {
	monitor := s.Monitor
	e.seq.recycle.watch(s)
	var err error
	rep.Solve, err = e.method().Solve(ctx, a, e.sol, e.rhs, s)
	s.Monitor = monitor
	if err == nil {
		return nil
	}
	first := rep.Solve
	switch first.Status {
	case krylov.IterationLimit:
		if s.MaxIter != 0 {
			return err // no more were granted
		}
	case krylov.Stopped:
		if !errors.Is(err, errNoHeadway) {
			return err
		}
	case krylov.Stagnated, krylov.Breakdown, krylov.IndefinitePreconditioner, krylov.PreconditionerFailed, krylov.NotSymmetric, krylov.NonFinite:
	default:
		return err
	}
	if rep.Sequence.PrecondAge == 0 && rep.Sequence.Recycled == 0 {
		l := &e.seq.lag
		name := l.name
		if !l.settle(ctx, a, w) {
			return err
		}
		e.seq.recycle.failed()
		s.Recycle, s.Precond, rep.Precond = nil, l.m, l.name
		rep.PrecondNote = fmt.Sprintf("%s did not serve: %v", name, err)
		clear(e.sol)
	} else {
		e.seq.lag.m = nil
		e.seq.recycle.failed()
		s.Recycle, s.Precond = nil, e.Settings.Precond
		rep.Precond, rep.Sequence.Recycled = "none", 0
		if err := e.precondition(ctx, rep, s, e.seq.problem, a, w); err != nil {
			return err
		}
	}
	s.Guess = true
	if s.MaxIter > 0 {
		s.MaxIter = max(1, s.MaxIter-first.Iterations)
	}
	rep.Solve, err = e.method().Solve(ctx, a, e.sol, e.rhs, s)
	rep.Solve.Follows(&first)
	return err
}

// learn takes what the adjoint solve has brought.
func (e *Estimator) learn(ctx context.Context, rep *Report, s *krylov.Settings, w []float64) error {
	res := &rep.Solve
	q := &e.seq
	if res.RHSNorm > 0 && res.TrueResidual >= 0 && res.FirstResidual > 0 {
		rep.Sequence.Reduction = res.FirstResidual / res.RHSNorm
	}
	if !res.Status.Success() {
		q.lag.m = nil
		q.recycle.failed()
		q.guess.candidates = q.guess.candidates[:0]
		s.Recycle = nil
		return nil
	}
	q.solves++
	work := workOf(res)
	if work.telling() {
		q.rate = work.rate()
	}
	q.lag.learn(work)
	q.lag.quick = work.digits >= 1 && res.TrueResidual < res.FirstResidual*math.Pow(10, -2*work.iterations)
	if err := e.recycled(ctx, rep, s, work); err != nil {
		return err
	}
	if e.Sequence.NoGuess {
		return nil
	}
	switch {
	case !s.Guess:
		q.warm.pass()
	case work.digits > 0 && q.rate > 0:
		// One product bought log(1/Reduction) digits.
		q.warm.judge(-math.Log10(rep.Sequence.Reduction)*q.rate >= 1, false)
	}
	q.guess.push(parallel.FromContext(ctx), e.Sequence.history(), e.sol, w)
	return nil
}

// work is what a solve took: iterations for so many decimal digits.
type work struct {
	iterations, digits float64
}

func workOf(res *krylov.Result) work {
	w := work{iterations: float64(res.Iterations)}
	if res.Tolerance > 0 && res.FirstResidual > res.Tolerance {
		w.digits = math.Log10(res.FirstResidual / res.Tolerance)
	}
	return w
}

// rate returns iterations per digit.
func (w work) rate() float64 {
	if w.digits == 0 {
		return 0
	}
	return w.iterations / w.digits
}

// telling reports whether the rate says something: a solve of less than a digit
// or of a few iterations does not.
func (w work) telling() bool { return w.digits >= 1 && w.iterations >= 4 }

// backoff switches something off for a number of solves that doubles with each
// time that it did not pay; after a grave one it grows fourfold.
type backoff struct{ Pause, Wait int }

// due reports whether it is on.
func (b *backoff) due() bool { return b.Wait == 0 }

// judge says whether it has paid.
func (b *backoff) judge(paid, grave bool) {
	factor := 2
	if grave {
		factor = 4
	}
	if paid {
		b.Pause = 0
		return
	}
	b.Pause = min(max(factor/2, factor*b.Pause), 1<<10)
	b.Wait = b.Pause
}

// pass lets a solve without it go by.
func (b *backoff) pass() { b.Wait = max(0, b.Wait-1) }

// predict puts the guess into e.sol.
func (e *Estimator) predict(ctx context.Context, rep *Report, s *krylov.Settings, a hvp.Operator, w []float64) error {
	h := &e.seq.guess
	team := parallel.FromContext(ctx)
	if e.Sequence.Project && h.len > 1 {
		if e.seq.project.due() {
			done, err := e.projectGuess(ctx, rep, a, w)
			s.Guess = done
			if err != nil || done {
				return err
			}
		}
		e.seq.project.pass()
	}
	if s.Guess = h.predict(team, w); s.Guess {
		h.combine(team, e.sol, &h.best)
		rep.Sequence.Guess = h.best.String()
	}
	return nil
}

// projectGuess sets e.sol to the combination of the kept solutions with the least
// residual, and compares it with the prediction that costs nothing. It is not
// done if there is none.
func (e *Estimator) projectGuess(ctx context.Context, rep *Report, a hvp.Operator, w []float64) (done bool, err error) {
	h := &e.seq.guess
	team := parallel.FromContext(ctx)
	trans, ok := hvp.Trans(a)
	if !ok {
		return false, nil // the solver will say so
	}
	free := h.predict(team, w)
	for len(e.images) < h.len {
		e.images = append(e.images, nil)
	}
	for j := range h.len {
		e.images[j] = parallel.Grow(e.images[j], h.n)
		if err := trans.ApplyTrans(ctx, e.images[j], h.q.d[j]); err != nil {
			return false, fmt.Errorf("hypergrad: projection of the guess: %w", err)
		}
		rep.Sequence.Products++
	}
	plain, least, ok := h.project(team, e.images[:h.len], e.rhs, free)
	if !ok {
		e.seq.project.judge(false, false)
		return false, nil
	}
	h.combine(team, e.sol, &h.best)
	rep.Sequence.Guess = h.best.String()
	// Digits gained against products spent.
	paid := e.seq.rate*math.Log10(plain/least) >= float64(h.len)
	e.seq.project.judge(paid, false)
	return true, nil
}

// precondition makes the preconditioner for a, or takes the one from before, and
// notes it in rep.
func (e *Estimator) precondition(ctx context.Context, rep *Report, s *krylov.Settings, p Equation, a hvp.Operator, w []float64) error {
	l := &e.seq.lag
	make, own := e.Precond, false
	if make == nil {
		if q, ok := p.(Preconditioned); ok {
			make, own = q.Precondition, true
		}
	}
	if make == nil {
		l.m = nil
		return nil
	}
	err := l.provide(ctx, make, a, w, !e.Sequence.NoLag)
	var notPositive *precond.NotPositiveError
	switch {
	case errors.As(err, &notPositive), own && err != nil && ctx.Err() == nil:
		rep.PrecondNote = err.Error()
		return nil
	case err != nil:
		return fmt.Errorf("hypergrad: preconditioner: %w", err)
	case l.m == nil:
		rep.PrecondNote = "none applies"
		return nil
	}
	s.Precond = l.m
	rep.Precond = l.name
	rep.Sequence.PrecondAge = l.Age
	return nil
}
