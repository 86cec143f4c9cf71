package krylov

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// CG is the method of conjugate gradients for symmetric positive definite A,
//
//	r₀ = b − A·x₀,  z₀ = M·r₀,  p₀ = z₀
//	α = rᵀz / pᵀAp        x ← x + α·p
//	r ← r − α·A·p         z ← M·r
//	β = r₊ᵀz₊ / rᵀz       p ← z + β·p
//
// (Hestenes & Stiefel, J. Res. Nat. Bur. Standards 49, 1952,
// doi:10.6028/jres.049.044). x_k minimises the A-norm of the error over the
// Krylov space. The preconditioner M must be symmetric positive definite.
//
// # What it reports
//
// A direction with pᵀAp ≤ 0 ends the solve with [NegativeCurvature] from the
// first iteration on; x is then the last iterate, whose energy is the lowest so
// far. pᵀAp = 0 counts when A·p is not zero, for then A cannot be semidefinite.
// When A·p itself vanishes, A is singular: [Inconsistent] unless the residual
// is down to rounding errors. rᵀMr ≤ 0 is [IndefinitePreconditioner].
//
// The coefficients make a tridiagonal matrix whose eigenvalues, the Ritz
// values, approach those of M·A from inside: MinRitz and MaxRitz. With a
// CurvatureFloor μ ≤ λ_min(A), ErrorLower and ErrorUpper bound the A-norm of
// the error of x: from below by the decrease that one more step would bring
// (Hestenes & Stiefel; one more product), from above by Gauss–Radau quadrature
// (Golub & Meurant; the recurrence of Meurant & Tichý, Numer. Algorithms 62,
// 2013, doi:10.1007/s11075-012-9591-9) and by ‖r‖/√μ, whichever is smaller.
//
// # Cost
//
// Memory: 3 n-vectors (r, p, A·p) beyond x and b, 4 with a preconditioner that
// is not diagonal, one more if Flexible. Traffic per iteration beyond that of
// the product: see the loop.
type CG struct {
	// Flexible uses β = z₊ᵀ(r₊ − r)/rᵀz (Golub & Ye, SIAM J. Sci. Comput. 21,
	// 1999, doi:10.1137/S1064827597323415), which stands a preconditioner that
	// varies from step to step, such as an inner iteration.
	Flexible bool

	run
	cut
	r, p, q, z, old []float64
	d               []float64 // diagonal of a diagonal preconditioner
	level           bool      // all of d is one number

	// Partial sums by block; what they hold depends on the sweep.
	part0, part1 []float64

	alpha, beta float64
	t           tridiagonal
	normA       float64 // largest ‖Ap‖/‖p‖ looked at
	longest     float64 // largest step length whose curvature was looked at
	radau       float64 // coefficient of the Gauss–Radau bound
	mu          float64 // floor of the spectrum of M·A; zero means unknown
	direction   []float64
}

// String implements [Method].
func (c *CG) String() string {
	if c.Flexible {
		return "flexible cg"
	}
	return "cg"
}

// Solve implements [Method].
func (c *CG) Solve(ctx context.Context, a hvp.Operator, x, b []float64, s *Settings) (Result, error) {
	c.standsVarying = c.Flexible
	f := c.start(ctx, c.String(), a, x, b, s, false)
	if f.failed() {
		return c.finish(f, nil)
	}
	if f = c.prepare(); f.failed() {
		return c.finish(f, nil)
	}
	f = c.solve()
	c.spectrum()
	return c.finish(f, c.q)
}

// prepare sizes the workspace and finds the fast paths.
func (c *CG) prepare() failure {
	n := len(c.x)
	c.r, c.p, c.q = parallel.Grow(c.r, n), parallel.Grow(c.p, n), parallel.Grow(c.q, n)
	blocks := parallel.Blocks(n)
	c.part0, c.part1 = parallel.Grow(c.part0, blocks), parallel.Grow(c.part1, blocks)
	c.t.reset()
	c.normA, c.longest, c.mu = 0, 0, c.set.CurvatureFloor

	c.cutRows(c.a, n)
	c.exposed = true

	c.d, c.level = nil, false
	if c.m == nil {
		return ok
	}
	if dm, is := c.m.(hvp.DiagonalMatrix); is && !c.Flexible {
		c.d = dm.DiagonalValues()
		least, most := math.Inf(1), 0.0
		for i, v := range c.d {
			if !(v > 0) || math.IsInf(v, 0) {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					return c.nonFinite(fmt.Sprintf("entry %d of the diagonal preconditioner", i))
				}
				return failure{IndefinitePreconditioner, fmt.Errorf("entry %d of the diagonal preconditioner is %v", i, v)}
			}
			least, most = min(least, v), max(most, v)
		}
		c.mu *= least
		c.level = least == most
		return ok
	}
	c.mu = 0 // the floor is one of A, not of M·A
	c.z = parallel.Grow(c.z, n)
	if c.Flexible {
		c.old = parallel.Grow(c.old, n)
	}
	return ok
}

// solve runs CG, and again from the true residual when that does not confirm
// the convergence that the recurrence claims, as long as this halves it.
func (c *CG) solve() failure {
	norm, f := c.open(c.r)
	if f.failed() {
		return f
	}
	for {
		f := c.iterations(norm)
		if f.status != Converged {
			return f
		}
		truth, f := c.residual(c.r)
		if f.failed() {
			return f
		}
		if math.IsNaN(truth) || math.IsInf(truth, 0) {
			return c.nonFinite("the product of the operator and the solution")
		}
		c.res.TrueResidual = truth / c.scale
		if truth <= c.tolerance {
			return c.errorBounds(truth)
		}
		if truth > norm/2 && c.res.Restarts > 0 {
			return failure{Stagnated, nil}
		}
		norm = truth
		c.t.restart()
		c.res.TrueResidual = -1
		c.res.Restarts++
	}
}

// iterations runs CG from the residual in c.r, of the given norm, until the
// recurrence claims convergence.
//
// Traffic per iteration in n-vectors, one of 8n bytes each, none kept in cache
// from one sweep to the next:
//
//	                      no M      diagonal M   general M
//	q = A·p, pᵀq          2 p q     2            2
//	r −= α·q, rᵀr, rᵀz    3 r r q   4 (+d)       3, then z = M·r: 2, rᵀz: 2
//	x += α·p, p = z + β·p 5 x x p p r   6 (+d)   5
//	                      10        12           14
//
// A diagonal M that is a multiple of the identity is not read: 10.
func (c *CG) iterations(norm float64) failure {
	rz, f := c.firstDirection(norm)
	if f.failed() {
		return f
	}
	traffic := int64(8*10) * int64(c.n)
	switch {
	case c.level:
	case c.d != nil:
		traffic = int64(8*12) * int64(c.n)
	case c.m != nil:
		traffic = int64(8*14) * int64(c.n)
	}
	c.radau = 0
	if c.mu > 0 {
		c.radau = 1 / c.mu
	}
	for {
		if f := c.limits(); f.failed() {
			return f
		}
		pq, f := c.product(rz)
		if f.failed() {
			return f
		}
		c.alpha = rz / pq
		if s := c.set.Recycle; s != nil {
			s.collect(c.ctx, c.team, c.p, c.q, pq)
		}

		rr, next, betaTop, f := c.updateResidual()
		if f.failed() {
			return f
		}
		c.beta = betaTop / rz
		c.t.append(c.alpha, c.beta)
		c.updateRadau()
		norm = c.norm(rr, c.r)
		if math.IsNaN(norm) || math.IsInf(norm, 0) {
			// p and A·p were finite: the coefficient overflowed.
			return failure{Breakdown, fmt.Errorf("step length %v", c.alpha)}
		}
		c.res.Bytes += traffic
		done := norm <= c.tolerance
		if f := c.definitePrecond(next, norm); f.failed() {
			parallel.Axpy(c.team, c.x, c.alpha, c.p)
			if g := c.iterate(norm); g.failed() {
				return g
			}
			if done {
				return failure{Converged, nil} // to be verified
			}
			return f
		}
		c.updateDirection()
		rz = next
		if f := c.iterate(norm); f.failed() {
			return f
		}
		if done {
			return failure{Converged, nil} // to be verified
		}
	}
}

// firstDirection sets p = z = M·r and returns rᵀz.
func (c *CG) firstDirection(norm float64) (rz float64, f failure) {
	switch {
	case c.m == nil:
		parallel.Copy(c.team, c.p, c.r)
		return norm * norm, ok
	case c.d != nil:
		parallel.MulTo(c.team, c.p, c.d, c.r)
	default:
		if f := c.precondition(c.z, c.r); f.failed() {
			return 0, f
		}
		parallel.Copy(c.team, c.p, c.z)
	}
	rz = parallel.Dot(c.team, c.r, c.p)
	return rz, c.definitePrecond(rz, norm)
}

// product sets q = A·p and returns pᵀq, once it is certain that this is
// positive curvature. rz is the numerator of the step length.
func (c *CG) product(rz float64) (pq float64, f failure) {
	if f := c.run.product(&c.cut, c.q, c.p, (*cgProduct)(c)); f.failed() {
		return 0, f
	}
	c.res.Reductions++
	pq = parallel.Combine(c.part0)
	// A vanishing curvature shows as a step that is long beside those before:
	// only then, and at the first step, are the lengths of p and A·p worth
	// another look at both vectors.
	const unusual = 1e3
	if alpha := rz / pq; !(pq > 0) || math.IsInf(pq, 0) || !(alpha <= unusual*c.longest) {
		if f := c.curvature(pq); f.failed() {
			return 0, f
		}
		c.longest = max(c.longest, alpha)
	}
	return pq, ok
}

// curvature decides whether pᵀAp = pq is positive beyond rounding errors.
func (c *CG) curvature(pq float64) failure {
	normP, normQ := parallel.Norm(c.team, c.p), parallel.Norm(c.team, c.q)
	c.res.Reductions++
	if math.IsNaN(pq) || math.IsInf(pq, 0) || math.IsNaN(normQ) || math.IsInf(normQ, 0) {
		return c.nonFinite("a product of the operator")
	}
	const roundoff = 8 * 0x1p-52
	c.normA = max(c.normA, normQ/normP)
	if normQ <= roundoff*c.normA*normP {
		return c.nullDirection(normP)
	}
	// For a positive definite operator with condition number κ the cosine of
	// the angle between p and A·p is at least about 2/√κ (Kantorovich), far
	// above rounding errors for any κ of interest.
	if pq <= roundoff*normP*normQ {
		c.res.Curvature = pq / normP / normP
		c.direction = parallel.Grow(c.direction, c.n)
		parallel.ScaleTo(c.team, c.direction, 1/normP, c.p)
		c.res.Direction = c.direction
		return failure{NegativeCurvature, fmt.Errorf("pᵀAp/pᵀp = %.3g", c.res.Curvature)}
	}
	return ok
}

// nullDirection says what a direction with A·p = 0 means. It shows that A is
// singular; if p carries a part of the residual beyond rounding errors, the
// system has no solution.
func (c *CG) nullDirection(normP float64) failure {
	size := c.normA*parallel.Norm(c.team, c.x) + c.normB
	if math.Abs(parallel.Dot(c.team, c.r, c.p))/normP > 1e3*0x1p-52*size {
		return failure{Inconsistent, errNullDirection}
	}
	return failure{Stagnated, errNullSingular}
}

var (
	errUnderflow     = errors.New("rᵀMr underflows")
	errNullDirection = errors.New("a direction p with A·p = 0 that is not orthogonal to the residual")
	errNullSingular  = errors.New("a direction p with A·p = 0: the operator is singular")
)

// updateResidual sets r −= α·q and z = M·r. It returns rᵀr, rᵀz, and the
// numerator of β, which is rᵀz too unless the method is flexible.
func (c *CG) updateResidual() (rr, rz, betaTop float64, f failure) {
	flexible := c.m != nil && c.Flexible
	if flexible {
		parallel.Copy(c.team, c.old, c.r)
	}
	c.team.Run(c.chunks, (*cgResidual)(c))
	rr = parallel.Combine(c.part0)
	c.res.Reductions++
	switch {
	case c.m == nil:
		return rr, rr, rr, ok
	case c.d != nil:
		rz = parallel.Combine(c.part1)
		return rr, rz, rz, ok
	}
	if f := c.precondition(c.z, c.r); f.failed() {
		return 0, 0, 0, f
	}
	rz = parallel.Dot(c.team, c.r, c.z)
	c.res.Reductions++
	betaTop = rz
	if flexible {
		betaTop -= parallel.Dot(c.team, c.old, c.z)
	}
	return rr, rz, betaTop, ok
}

// definitePrecond checks rᵀz > 0 for z = M·r and a residual of the given norm.
func (c *CG) definitePrecond(rz, norm float64) failure {
	if c.m == nil || rz > 0 && !math.IsInf(rz, 0) {
		return ok
	}
	if math.IsNaN(rz) || math.IsInf(rz, 0) {
		return c.nonFinite("an application of the preconditioner")
	}
	z := c.z
	if c.d != nil {
		z = c.q
		parallel.MulTo(c.team, z, c.d, c.r)
	}
	normZ := parallel.Norm(c.team, z)
	if normZ > 0 && norm*normZ < 0x1p-1000 {
		return failure{Breakdown, errUnderflow}
	}
	if math.Abs(rz) <= 0x1p-52*norm*normZ && normZ > 0 && norm <= 1e-10*c.normB {
		// On the last digits of a singular system the sign is noise.
		return failure{Stagnated, fmt.Errorf("rᵀMr = %.3g is rounding error", rz)}
	}
	return failure{IndefinitePreconditioner, fmt.Errorf("rᵀMr = %.3g", rz)}
}

// updateDirection sets x += α·p and p = z + β·p.
func (c *CG) updateDirection() { c.team.Run(c.chunks, (*cgDirection)(c)) }

// updateRadau advances g_{k+1} = (g_k − α_k) / (μ·(g_k − α_k) + β_{k+1}), for
// which ‖e_k‖²_A ≤ g_k·r_kᵀz_k.
func (c *CG) updateRadau() {
	if c.radau == 0 {
		return
	}
	g := c.radau - c.alpha
	c.radau = g / (c.mu*g + c.beta)
	if !(g > 0) || !(c.radau > 0) {
		c.radau = 0 // the floor is not one, or rounding errors: no bound
	}
}

// errorBounds sets the bounds of the A-norm of the error of the solution whose
// residual, of the given norm, is in c.r.
func (c *CG) errorBounds(norm float64) failure {
	floor := c.set.CurvatureFloor
	if floor == 0 {
		return failure{Converged, nil}
	}
	// Ritz values are inside the spectrum: one below the floor disproves it.
	if least, _ := c.t.extremes(); least > 0 && least < c.mu*(1-1e-8) {
		return failure{Converged, nil}
	}
	c.res.ErrorUpper = norm / math.Sqrt(floor) / c.scale
	if c.radau > 0 && c.res.Restarts == 0 {
		rz := norm * norm
		if c.d != nil {
			parallel.MulTo(c.team, c.q, c.d, c.r)
			rz = parallel.Dot(c.team, c.q, c.r)
		}
		c.res.ErrorUpper = min(c.res.ErrorUpper, math.Sqrt(c.radau*rz)/c.scale)
	}
	// One exact line search along p lowers ‖e‖²_A by (rᵀp)²/pᵀAp.
	rp := parallel.Dot(c.team, c.r, c.p)
	if norm == 0 || rp == 0 {
		return failure{Converged, nil}
	}
	pq, f := c.product(math.Inf(1)) // look at the curvature in any case
	if f.failed() {
		return f // the operator is not what it promised to be
	}
	c.res.ErrorLower = math.Abs(rp) / math.Sqrt(pq) / c.scale
	return failure{Converged, nil}
}

// spectrum sets the Ritz values.
func (c *CG) spectrum() {
	c.res.MinRitz, c.res.MaxRitz = c.t.extremes()
}

var _ Method = (*CG)(nil)
