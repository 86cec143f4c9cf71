package hypergrad

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/precond"
)

// LBFGS solves the inner problem by the limited-memory BFGS method (Nocedal, Math.
// Comput. 35, 1980, doi:10.1090/S0025-5718-1980-0572855-7; Liu & Nocedal, Math.
// Program. 45, 1989, doi:10.1007/BF01589116), from energies and gradients alone:
//
//	y ← y − t·M·G(y),   M the BFGS matrix of the last pairs
//	s = change of y, z = change of G
//
// with a line search for the strong Wolfe conditions. It is the choice where Hessian
// products are missing or dear beside gradients; otherwise [Newton] takes fewer
// evaluations for the accuracy that hypergradients want. The equation must be an
// [Energy].
//
// The pairs s, z are what a preconditioner of the adjoint system can be made of:
//
//	var inner hypergrad.LBFGS
//	… inner.Solve …
//	est.Precond = inner.Preconditioner
//
// gonum/optimize has the method too, but not for n = 10⁶: its vectors pass through
// copies between the optimiser's goroutine and its callers, its sums are serial,
// cannot be cancelled by a context, and its pairs are not to be had afterwards.
//
// The zero value works; it keeps 2·Memory + 5 n_y-vectors and is not for concurrent
// use. Traffic per step beyond energy and gradient: some 10·Memory n_y-vectors.
type LBFGS struct {
	// RTol and ATol: done when ‖G‖ ≤ max(RTol·‖G₀‖, ATol), G₀ at the start. Zero
	// RTol means 1e-10 if ATol is zero too.
	RTol, ATol float64
	// MaxIter limits the steps; zero means 10000.
	MaxIter int
	// Memory is the number of pairs; zero means 10.
	Memory int
	// Workers limits the goroutines; zero means GOMAXPROCS.
	Workers int
	// Monitor, if not nil, is called after each step.
	Monitor func(InnerProgress)

	g, d, trial, gTrial []float64
	s, z                [][]float64 // oldest first
	sz, alpha           []float64
	n                   int
}

// quasiStep is the state of one solve.
type quasiStep struct {
	*LBFGS
	evaluator
	y     []float64
	value float64
	norm  float64
	step  float64
	// stalled counts the steps in a row that neither lowered the energy by more than
	// its rounding errors nor made ‖G‖ less than the least before.
	stalled int
	least   float64
}

// Solve implements [InnerSolver], starting from the y given and overwriting it. The
// energy never grows from step to step (up to rounding errors). The error is nil only
// if ‖G‖, computed from y, meets the tolerance; it is a [*NotStationaryError] when it
// does not, and [ErrUnbounded] too where the energy falls without end.
func (l *LBFGS) Solve(ctx context.Context, eq Equation, y, w []float64) (res InnerResult, err error) {
	begin := time.Now()
	defer func() { res.Elapsed = time.Since(begin) }()
	ny, nw := eq.Dims()
	if err := checkLengths(length{"y", len(y), ny}, length{"w", len(w), nw}); err != nil {
		return res, err
	}
	if l.Workers != 0 {
		ctx = hvp.WithWorkers(ctx, l.Workers)
	}
	l.n = ny
	l.s, l.z = l.s[:0], l.z[:0]
	for _, v := range []*[]float64{&l.g, &l.d, &l.trial, &l.gTrial} {
		*v = parallel.Grow(*v, ny)
	}
	it := quasiStep{LBFGS: l, evaluator: newEvaluator(ctx, eq, w, &res), y: y}
	return res, it.run()
}

func (it *quasiStep) run() (err error) {
	res := it.res
	if it.energy == nil {
		return fmt.Errorf("hypergrad: L-BFGS needs an energy, which a %T has not", it.eq)
	}
	if it.value, it.norm, err = it.start(it.g, it.y); err != nil {
		return err
	}
	if it.energy == nil {
		return errNoEnergy
	}
	rtol, maxIter := it.RTol, it.MaxIter
	if rtol == 0 && it.ATol == 0 {
		rtol = 1e-10
	}
	if maxIter == 0 {
		maxIter = 10_000
	}
	res.StartNorm, it.least = it.norm, it.norm
	res.Tolerance = max(rtol*it.norm, it.ATol)
	for {
		res.GradNorm, res.Energy = it.norm, it.value
		if it.norm <= res.Tolerance {
			return nil
		}
		const patience = 100
		switch {
		case res.Iterations >= maxIter:
			return it.fail("iteration limit")
		case it.stalled > patience:
			return it.fail("the steps lower neither energy nor gradient any more: the tolerance is below what rounding errors allow")
		}
		if err := it.ctx.Err(); err != nil {
			return fmt.Errorf("hypergrad: inner problem: %w", err)
		}
		slope := it.direction()
		if err := it.search(slope); err != nil {
			if len(it.s) == 0 || !errors.Is(err, ErrInnerNotStationary) || errors.Is(err, ErrUnbounded) {
				return err
			}
			// Pairs that rounding errors spoiled: once more without.
			it.s, it.z = it.s[:0], it.z[:0]
			if err := it.search(it.direction()); err != nil {
				return err
			}
		}
		res.Iterations++
		if it.Monitor != nil {
			it.Monitor(InnerProgress{Iteration: res.Iterations, Energy: it.value, GradNorm: it.norm, Tolerance: res.Tolerance, Step: it.step})
		}
	}
}

func (it *quasiStep) fail(reason string) *NotStationaryError {
	return &NotStationaryError{it.res.GradNorm, it.res.Tolerance, it.res.Iterations, reason}
}

// direction sets it.d = M·g and returns gᵀd > 0.
func (it *quasiStep) direction() (slope float64) {
	k := len(it.s)
	copy(it.d, it.g)
	if k == 0 {
		return it.norm * it.norm
	}
	it.alpha = parallel.Grow(it.alpha, k)
	for i := k - 1; i >= 0; i-- {
		it.alpha[i] = parallel.Dot(it.team, it.s[i], it.d) / it.sz[i]
		parallel.Axpy(it.team, it.d, -it.alpha[i], it.z[i])
	}
	last := it.z[k-1]
	parallel.ScaleTo(it.team, it.d, it.sz[k-1]/parallel.Dot(it.team, last, last), it.d)
	for i := range k {
		b := parallel.Dot(it.team, it.z[i], it.d) / it.sz[i]
		parallel.Axpy(it.team, it.d, it.alpha[i]-b, it.s[i])
	}
	slope = parallel.Dot(it.team, it.g, it.d)
	if !(slope > 0) || math.IsInf(slope, 0) {
		it.s, it.z = it.s[:0], it.z[:0]
		return it.direction()
	}
	return slope
}

// accept makes the trial the iterate and keeps the pair.
func (it *quasiStep) accept(value, norm float64) {
	// The least cosine of a pair: below, its curvature is noise.
	const floor = 1e-10
	memory := it.Memory
	if memory <= 0 {
		memory = 10
	}
	k := len(it.s)
	var s, z []float64
	switch {
	case k >= memory: // the oldest makes room
		s, z = it.s[0], it.z[0]
		copy(it.s, it.s[1:])
		copy(it.z, it.z[1:])
		copy(it.sz, it.sz[1:])
		k--
	case cap(it.s) > k && cap(it.z) > k:
		s, z = it.s[:k+1][k], it.z[:k+1][k]
	}
	s, z = parallel.Grow(s, it.n), parallel.Grow(z, it.n)
	it.s, it.z, it.sz = append(it.s[:k], s), append(it.z[:k], z), append(it.sz[:k], 0)
	copy(s, it.trial)
	parallel.Axpy(it.team, s, -1, it.y)
	copy(z, it.gTrial)
	parallel.Axpy(it.team, z, -1, it.g)
	it.sz[k] = parallel.Dot(it.team, s, z)
	if sizes := parallel.Norm(it.team, s) * parallel.Norm(it.team, z); !(it.sz[k] > floor*sizes) || math.IsInf(it.sz[k], 0) {
		it.s, it.z = it.s[:k], it.z[:k]
	}
	if it.value-value <= drowned*energyNoise*math.Abs(it.value) && norm >= it.least {
		it.stalled++
	} else {
		it.stalled = 0
	}
	it.least = min(it.least, norm)
	copy(it.y, it.trial)
	it.g, it.gTrial = it.gTrial, it.g
	it.value, it.norm = value, norm
}

// Pairs returns copies of the pairs of the last solve.
func (l *LBFGS) Pairs() (*precond.Pairs, error) {
	p, err := precond.NewPairs(l.n, max(len(l.s), 1), false)
	if err != nil {
		return nil, err
	}
	for i := range l.s {
		if _, err := p.Add(l.s[i], l.z[i]); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Preconditioner is a [PrecondFunc] that makes an L-BFGS preconditioner of the pairs
// of the last solve ([precond.NewLBFGS]). It takes no product.
func (l *LBFGS) Preconditioner(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
	if n, _ := a.Dims(); n != l.n {
		return nil, fmt.Errorf("hypergrad: L-BFGS pairs of length %d for an operator of order %d", l.n, n)
	}
	pairs, err := l.Pairs()
	if err != nil {
		return nil, err
	}
	m, err := precond.NewLBFGS(ctx, pairs, nil)
	if err != nil {
		return nil, err
	}
	return m, nil
}

var _ PrecondFunc = (*LBFGS)(nil).Preconditioner
