package krylov

import (
	"context"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// LSMR solves the least-squares problem
//
//	minimise ‖A·x − b‖² + Damp²·‖x‖²
//
// for any A, square or rectangular, of any rank, given products with A and with
// Aᵀ. It is MINRES on the normal equations AᵀA·x = Aᵀb without forming them:
// the Golub–Kahan process
//
//	β₁u₁ = b,                    α₁v₁ = Aᵀu₁
//	β₊u₊ = A·v − α·u,            α₊v₊ = Aᵀu₊ − β₊·v
//
// makes a lower bidiagonal B with A·V = U·B, and two sequences of plane
// rotations turn min ‖Bᵀ(β₁e₁ − B·y)‖ into short recurrences for x (Fong &
// Saunders, SIAM J. Sci. Comput. 33, 2011, doi:10.1137/10079687X). Both ‖r‖ and
// ‖Aᵀr‖, r = b − A·x, fall monotonically, so that x can be used whenever the
// solve is stopped. Among all solutions x is the one of minimum length: the
// pseudo-inverse solution of a system without full rank (with a guess x₀, the
// one nearest to the scaled guess).
//
// # What it reports
//
// [Converged]: Damp is zero, and the true residual meets the tolerance of the
// settings. [LeastSquares], also a success: the residual cannot be made smaller.
// That claim is checked as severely as the other one. From x, r and then Aᵀr
// (with damping, Aᵀr − Damp²·x, and so on) are computed anew, and must satisfy
//
//	‖Aᵀr‖ ≤ RTol·‖A‖·‖r‖     and     ‖Aᵀr‖² ≤ 0.01·‖A·Aᵀr‖·‖r‖
//
// where ‖A‖ is the largest ‖A·v‖/‖v‖ seen, a lower bound. The second test says
// that one more step along the gradient would not lower ‖r‖² by more than one
// part in 10⁴. A solvable system with a condition number above 1/RTol meets the
// first test early: what is left of its residual lies along small singular
// values. To tell it from one without solution, the recurrence also wants
// ‖Aᵀr‖·cond(A) ≤ 0.01·‖A‖·‖r‖, and when its gradient is small it goes on for as
// many iterations as it has made (a quarter of them if there are more equations
// than unknowns) and believes it only if ‖r‖ stays where it is. What is singular
// to working precision remains singular. A claim that fails the checks makes the
// method start again from the residual, and end with [Stagnated] when that
// brings nothing.
//
// MaxRitz and MinRitz estimate the largest and the smallest singular value of A
// seen, from inside; [LSMR.Estimates] has more.
//
// # Preconditioner
//
// Settings.Precond is for this method a symmetric positive definite
// N ≈ (AᵀA)⁻¹, for instance the column scaling diag(1/‖A·eⱼ‖²). With N = L·Lᵀ
// the method is LSMR on A·L, and L is not needed: α is the N-norm of Aᵀu₊ − β₊p
// for p = L⁻ᵀv. It then minimises ‖Aᵀr‖ in the N-norm, and tests that norm,
// relative to ‖A·L‖. Solutions of full-rank problems stay what they are. Where
// there are many, x has minimum ‖x‖ in the N⁻¹-norm, not in the usual one: for a
// column scaling the weighted length Σ xⱼ²/Nⱼⱼ.
//
// # Cost
//
// Memory for an m×n operator: m + max(m,n) + 3n numbers beyond x and b, n more
// with a preconditioner, n more with damping. Traffic per iteration: see the
// loop.
type LSMR struct {
	// Damp is the regularisation λ ≥ 0. With λ > 0 a solve that succeeds ends
	// with LeastSquares, and Result.Residual and the residuals of Monitor and
	// History are √(‖r‖² + λ²‖x‖²), those of the damped problem.
	Damp float64
	// CondLimit ends the solve with Stagnated when the estimated condition
	// number of A (with damping, of the damped problem) exceeds it and x is
	// not a verified solution: what further iterations add to x is noise, and
	// damping is called for. Zero means 10¹⁵, near the reciprocal of the
	// precision.
	CondLimit float64

	run
	at           hvp.Operator
	transposes   [2]hvp.Operator // A and Aᵀ of the last solve
	overM, overN cut             // the sweeps over the rows of A, and over those of Aᵀ
	nr, nc       int             // rows and columns of A

	u, t, p, h, g []float64 // g is h̄; p is v, or N⁻¹v with a preconditioner
	u2            []float64 // the part of u that damping adds
	z             []float64 // storage of v where it is not p
	v             []float64
	d             []float64 // diagonal of a diagonal preconditioner

	part0, part1 []float64

	lsmrState
	rtol    float64 // of the gradient
	gradTol float64 // at which the recurrence claims a least-squares solution
	normA   float64 // largest ‖A·v‖/‖v‖ seen, over all segments
	minS    float64 // smallest singular value seen
	grad    float64 // ‖Aᵀr‖

	estimates LSMREstimates
	name      string // for nameDamp
	nameDamp  float64

	// Coefficients of the sweeps.
	c, c1, c2, c3 float64
}

// LSMREstimates are by-products of a solve with [LSMR]. With a preconditioner
// N = L·Lᵀ they are those of A·L, and with damping those of A on top of Damp·I.
type LSMREstimates struct {
	// NormA is a lower bound of ‖A‖₂, and Cond an estimate of ‖A‖·‖A⁺‖.
	NormA, Cond float64
	// NormX is ‖x‖, and Gradient is ‖Aᵀr‖, computed from x if the solve
	// succeeded with LeastSquares, and otherwise as the recurrence has it.
	NormX, Gradient float64
}

// Estimates returns the estimates of the last solve.
func (l *LSMR) Estimates() LSMREstimates {
	return l.estimates
}

// String implements [Method].
func (l *LSMR) String() string {
	if l.Damp == 0 {
		return "lsmr"
	}
	if l.nameDamp != l.Damp {
		l.name, l.nameDamp = fmt.Sprintf("lsmr damp=%g", l.Damp), l.Damp
	}
	return l.name
}

// Solve implements [Method]. A may be rectangular.
func (l *LSMR) Solve(ctx context.Context, a hvp.Operator, x, b []float64, s *Settings) (Result, error) {
	f := l.start(ctx, l.String(), a, x, b, s, true)
	l.lsmrState, l.estimates = lsmrState{}, LSMREstimates{}
	if !f.failed() {
		if f = l.prepare(); !f.failed() {
			f = l.solve()
		}
		l.res.MaxRitz, l.res.MinRitz = l.normA, l.minS
		if math.IsInf(l.minS, 0) {
			l.res.MinRitz = 0
		}
		l.estimates = LSMREstimates{NormA: l.normA, Cond: l.res.Condition(), Gradient: l.grad / l.scale,
			NormX: parallel.Norm(l.team, l.x) / l.scale}
		res, err := l.finish(f, l.u)
		l.at, l.overM.rows, l.overN.rows, l.d = nil, nil, nil, nil
		return res, err
	}
	return l.finish(f, nil)
}

// prepare sizes the workspace and finds the fast paths.
func (l *LSMR) prepare() failure {
	if !(l.Damp >= 0) || math.IsInf(l.Damp, 0) || !(l.CondLimit >= 0) {
		return failure{InvalidInput, fmt.Errorf("the fields Damp = %v and CondLimit = %v must not be negative", l.Damp, l.CondLimit)}
	}
	if !sameOperator(l.transposes[0], l.a) {
		at, err := hvp.Transpose(l.a)
		if err != nil {
			return failure{InvalidInput, fmt.Errorf("LSMR needs products with the transpose: %w", err)}
		}
		l.transposes = [2]hvp.Operator{l.a, at}
	}
	l.at = l.transposes[1]
	m, n := len(l.b), len(l.x)
	l.nr, l.nc = m, n
	l.u, l.t = parallel.Grow(l.u, m), parallel.Grow(l.t, max(m, n))
	l.p, l.h, l.g = parallel.Grow(l.p, n), parallel.Grow(l.h, n), parallel.Grow(l.g, n)
	blocks := parallel.Blocks(max(m, n))
	l.part0, l.part1 = parallel.Grow(l.part0, blocks), parallel.Grow(l.part1, blocks)
	l.u2 = l.u2[:0]
	if l.Damp > 0 {
		l.u2 = parallel.Grow(l.u2, n)
	}
	l.overM.cutRows(l.a, m)
	l.overN.cutRows(l.at, n)
	l.normA, l.minS, l.grad = 0, math.Inf(1), 0
	l.rtol = min(1, l.tolerance/l.normB)
	l.gradTol = l.rtol

	l.d = nil
	l.v = l.p
	if l.m == nil {
		return ok
	}
	l.z = parallel.Grow(l.z, n)
	l.v = l.z
	if dm, is := l.m.(hvp.DiagonalMatrix); is {
		l.d = dm.DiagonalValues()
		for i, v := range l.d {
			switch {
			case math.IsNaN(v) || math.IsInf(v, 0):
				return l.nonFinite(fmt.Sprintf("entry %d of the diagonal preconditioner", i))
			case !(v > 0):
				return failure{IndefinitePreconditioner, fmt.Errorf("entry %d of the diagonal preconditioner is %v", i, v)}
			}
		}
	}
	return ok
}

// solve runs segments of LSMR, each from a residual computed from x, until such
// a residual confirms what the segment before it claimed.
func (l *LSMR) solve() failure {
	norm, f := l.initialResidual(l.u)
	if f.failed() {
		return f
	}
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return l.nonFinite("the first residual")
	}
	l.res.FirstResidual = norm / l.scale
	for {
		l.res.TrueResidual = norm / l.scale
		if l.Damp == 0 && norm <= l.tolerance {
			if l.res.Iterations == 0 {
				l.res.Residual = norm / l.scale
				l.record(norm)
			}
			l.grad = 0
			return failure{Converged, nil}
		}
		f := l.segment(norm)
		if f.failed() {
			return f
		}
		// x has a claim to be verified.
		norm, f = l.run.residual(l.u)
		if f.failed() {
			return f
		}
		if math.IsNaN(norm) || math.IsInf(norm, 0) {
			return l.nonFinite("the product of the operator and the solution")
		}
	}
}

// record adds the first residual to the history.
func (l *LSMR) record(norm float64) {
	if l.set.History && len(l.history) == 0 {
		l.history = append(l.history, norm/l.scale)
	}
}

// segment runs LSMR from the residual in u, of the given norm, until the
// recurrence claims a solution (no failure), or the first step certifies that x
// is one already. The bidiagonalisation starts from the true residual, so that
// its first two products are those that the certificate needs.
//
// Traffic per iteration in numbers of 8 bytes, none kept in cache from one sweep
// to the next, for m rows and n columns:
//
//	                              no N     diagonal N   general N      damping
//	t = A·v                       m + n    m + n        m + n
//	u ← t − α·u, uᵀu              3m       3m           3m             + 3n  v u₂ u₂
//	t = Aᵀu                       m + n    m + n        m + n
//	p ← t − β·p, pᵀp (pᵀNp)       3n       4n (+d)      3n             + n   u₂
//	v = N·p, pᵀv                                        4n
//	v/α, h̄, x, h                  8n       10n (+d v)   10n (p in its own loop)
//	                              5m+13n   5m+16n       5m+19n         + 4n
func (l *LSMR) segment(norm float64) failure {
	previous := l.lsmrState
	l.lsmrState = lsmrState{}
	if f := l.begin(norm); f.failed() {
		return f
	}
	if l.alpha == 0 {
		return l.leastSquares()
	}
	traffic := 8 * (5*int64(l.nr) + 13*int64(l.nc))
	switch {
	case l.d != nil:
		traffic += 8 * 3 * int64(l.nc)
	case l.m != nil:
		traffic += 8 * 6 * int64(l.nc)
	}
	if l.Damp > 0 {
		traffic += 8 * 4 * int64(l.nc)
	}
	for first := true; ; first = false {
		// A claim is verified before the limits are looked at.
		verify := first && l.res.Iterations > 0
		if f := l.limits(); f.failed() && !verify {
			return f
		}
		if f := l.left(); f.failed() {
			return f
		}
		if first {
			// ‖A·v₁‖² = α² + β², v₁ being along the gradient.
			tol := 0x1p-48
			if previous.claimed || previous.exhausted {
				tol = l.rtol
			}
			if l.alpha <= tol*l.normA && l.alpha <= 0.01*math.Hypot(l.alpha, l.beta) {
				return l.leastSquares()
			}
			if previous.condLimit {
				return failure{Stagnated, fmt.Errorf("the condition number is estimated as %.2g, above the limit", previous.cond)}
			}
			if verify {
				if l.res.Restarts > 0 && norm > previous.firstNorm/2 && l.firstSlope > previous.firstSlope/2 {
					return failure{Stagnated, fmt.Errorf("‖Aᵀr‖/(‖A‖·‖r‖) is %.2g", l.alpha/l.normA)}
				}
				l.res.Restarts++
				if f := l.limits(); f.failed() {
					return f
				}
			}
			l.res.TrueResidual = -1
		}
		if f := l.right(); f.failed() {
			return f
		}
		if f := l.rotate(); f.failed() {
			return f
		}
		l.nSweep((*lsmrStep)(l))
		l.res.Bytes += traffic
		if f := l.iterate(l.rNorm); f.failed() {
			return f
		}
		if l.claims() {
			return ok
		}
	}
}

// leastSquares ends the solve with x as it is.
func (l *LSMR) leastSquares() failure {
	l.grad = l.firstSlope
	l.res.Residual = l.firstNorm / l.scale
	if l.res.Iterations == 0 {
		l.record(l.firstNorm)
	}
	return failure{LeastSquares, nil}
}

// begin sets β₁u₁ = r and α₁v₁ = Aᵀu₁.
func (l *LSMR) begin(norm float64) failure {
	l.firstNorm = norm
	if l.Damp > 0 {
		parallel.ScaleTo(l.team, l.u2, -l.Damp, l.x)
		l.firstNorm = math.Hypot(norm, parallel.Norm(l.team, l.u2))
		if !(l.firstNorm > 0) {
			return ok // x = 0 and A·x = b
		}
	}
	if l.res.Iterations == 0 {
		l.record(l.firstNorm)
	}
	l.beta = l.firstNorm
	l.safeScale()
	beta := l.beta
	l.beta = 0
	clear(l.p)
	if f := l.right(); f.failed() {
		return f
	}
	l.beta = beta
	l.firstSlope = l.alpha * beta
	if l.alpha == 0 {
		return ok
	}
	// v₁ and h₁; h̄₀ = 0 and x as it is.
	clear(l.g)
	clear(l.h)
	l.c, l.c1, l.c2, l.c3 = l.inverse, 0, 0, 0
	l.nSweep((*lsmrStep)(l))

	l.alphaBar, l.zetaBar = l.alpha, l.alpha*beta
	l.rho, l.rhoBar, l.cBar = 1, 1, 1
	l.betaDD, l.rhoDot = beta, 1
	l.minRhoBar = math.Inf(1)
	return ok
}

var _ Method = (*LSMR)(nil)
