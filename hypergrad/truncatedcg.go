package hypergrad

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/precond"
)

// truncatedCG is the method of conjugate gradients for the step of a Newton method
// (Steihaug, SIAM J. Numer. Anal. 20, 1983, doi:10.1137/0720042; Conn, Gould &
// Toint, Trust-Region Methods, 2000, algorithm 7.5.1): it lowers the model
//
//	m(d) = ½dᵀHd − gᵀd
//
// until ‖g − H·d‖ ≤ η·‖g‖, d leaves the ball of the radius, or a direction p without
// positive curvature is met; in the latter cases d ends on the sphere. With the
// radius +Inf it goes on along p as far as it would for the curvature −pᵀHp.
//
// The norm of the ball is ‖d‖² = σ·dᵀM⁻¹d, which comes from the recurrences without
// M⁻¹, and σ makes the length of M·g the Euclidean one: without it a radius would
// lose its meaning whenever the preconditioner changes.
//
// Beside [krylov.CG] it lacks what makes a result one to rely on (the true residual,
// which costs a product, restarts, error bounds), for the next gradient tells how
// good a step is.
//
// Traffic per iteration in n-vectors beyond the product: 2 for pᵀq, 3 for r, 5 for d
// and p, one more each of the latter two with a diagonal preconditioner.
type truncatedCG struct {
	r, p, q, z   []float64
	part0, part1 []float64
	// Of the loop that runs: see Chunk.
	d, diag     []float64
	alpha, beta float64
	direction   bool
	general     bool // M·r is in z
}

// cgEnd says how a truncated CG ended.
type cgEnd int

const (
	cgInterior cgEnd = iota // the residual is small enough
	cgBoundary              // on the sphere
	cgNegative              // on the sphere, along negative curvature
	cgFlat                  // on the sphere, along no curvature
	cgLimit                 // iteration limit
)

// cgStep describes a step.
type cgStep struct {
	end        cgEnd
	iterations int
	products   int
	// model = −m(d) is positive for any step but zero; slope = gᵀd, which whoever
	// searches along d sets: the recurrences would lose it to rounding errors.
	slope, model float64
	// length is ‖d‖ in the norm of the ball.
	length float64
}

var errNotFinite = errors.New("a product with ∂G/∂y or with its preconditioner holds NaN or Inf")

// solve sets d. m is nil or a definite preconditioner.
func (c *truncatedCG) solve(ctx context.Context, a hvp.Operator, m precond.Preconditioner, d, g []float64, eta, radius float64, maxIter int) (s cgStep, err error) {
	n, team := len(g), parallel.FromContext(ctx)
	blocks := parallel.Blocks(n)
	c.r, c.p, c.q = parallel.Grow(c.r, n), parallel.Grow(c.p, n), parallel.Grow(c.q, n)
	c.part0, c.part1 = parallel.Grow(c.part0, blocks), parallel.Grow(c.part1, blocks)
	c.d, c.diag, c.general = d, nil, false
	defer func() { c.d, c.diag = nil, nil }()
	if m != nil {
		if dm, ok := m.(hvp.DiagonalMatrix); ok {
			c.diag = dm.DiagonalValues()
		} else {
			c.z, c.general = parallel.Grow(c.z, n), true
		}
	}
	clear(d)
	copy(c.r, g)
	switch {
	case m == nil:
		copy(c.p, g)
	case c.diag != nil:
		parallel.MulTo(team, c.p, c.diag, g)
	default:
		if err := m.Apply(ctx, c.p, g); err != nil {
			return s, fmt.Errorf("preconditioner: %w", err)
		}
	}
	normG := parallel.Norm(team, g)
	rz := parallel.Dot(team, c.r, c.p)
	if err := definite(rz, m); err != nil {
		return s, err
	}
	// dd, dp, pp are dᵀM⁻¹d, dᵀM⁻¹p, pᵀM⁻¹p.
	dd, dp, pp := 0.0, 0.0, rz
	sigma := parallel.Norm(team, c.p) / math.Sqrt(rz)
	sphere := radius / sigma
	largest := 0.0
	// leave ends the step at d + τ·p with the curvature pq.
	leave := func(end cgEnd, tau, pq float64) (cgStep, error) {
		parallel.Axpy(team, d, tau, c.p)
		s.end = end
		s.model += tau * (rz - 0.5*tau*pq)
		s.length = sigma * math.Sqrt(dd+tau*(2*dp+tau*pp))
		return s, nil
	}
	// toSphere is the τ > 0 for which d + τ·p is on the sphere.
	toSphere := func() float64 {
		rest := (sphere - math.Sqrt(dd)) * (sphere + math.Sqrt(dd))
		return rest / (dp + math.Sqrt(dp*dp+pp*rest))
	}
	for {
		if s.iterations >= maxIter {
			s.end = cgLimit
			break
		}
		if err := ctx.Err(); err != nil {
			return s, err
		}
		if err := a.Apply(ctx, c.q, c.p); err != nil {
			return s, err
		}
		s.products++
		pq := parallel.Dot(team, c.p, c.q)
		c.alpha = rz / pq
		// The curvature in the norm of the ball, within rounding errors of the largest,
		// is none: on the way to a minimum that a singular H puts at infinity.
		const roundoff = 64 * 0x1p-52
		ratio := pq / pp
		largest = max(largest, ratio)
		if !(ratio > roundoff*largest) || s.iterations == 0 {
			normP, normQ := parallel.Norm(team, c.p), parallel.Norm(team, c.q)
			if math.IsNaN(pq) || math.IsInf(pq, 0) || math.IsNaN(normQ) || math.IsInf(normQ, 0) {
				return s, errNotFinite
			}
			end := cgInterior
			switch {
			case math.Abs(ratio) <= roundoff*largest || math.Abs(pq) <= roundoff*normP*normQ:
				end, pq = cgFlat, 0
			case pq < 0:
				end = cgNegative
			}
			switch {
			case end == cgInterior:
			case !math.IsInf(sphere, 1):
				return leave(end, toSphere(), pq)
			case end == cgNegative:
				return leave(end, rz/-pq, pq)
			case s.iterations == 0:
				// No curvature and no radius: nothing tells a length.
				return leave(end, 1, 0)
			default:
				s.end = end
				s.length = sigma * math.Sqrt(dd)
				return s, nil
			}
		}
		next := dd + c.alpha*(2*dp+c.alpha*pp)
		if next >= sphere*sphere {
			return leave(cgBoundary, toSphere(), pq)
		}
		c.direction = false
		team.Run(blocks, c)
		rr := parallel.Combine(c.part0)
		rzNext := rr
		switch {
		case c.diag != nil:
			rzNext = parallel.Combine(c.part1)
		case c.general:
			if err := m.Apply(ctx, c.z, c.r); err != nil {
				return s, fmt.Errorf("preconditioner: %w", err)
			}
			rzNext = parallel.Dot(team, c.r, c.z)
		}
		s.iterations++
		s.model += 0.5 * c.alpha * rz
		done := math.Sqrt(rr) <= eta*normG
		if done {
			rzNext, c.beta = 0, 0
		} else if err := definite(rzNext, m); err != nil {
			return s, err
		}
		c.beta = rzNext / rz
		dp = c.beta * (dp + c.alpha*pp)
		pp = rzNext + c.beta*c.beta*pp
		dd, rz = next, rzNext
		c.direction = true
		team.Run(blocks, c)
		if done {
			break
		}
	}
	s.length = sigma * math.Sqrt(dd)
	return s, nil
}

// definite checks rz = rᵀMr > 0.
func definite(rz float64, m precond.Preconditioner) error {
	switch {
	case math.IsNaN(rz) || math.IsInf(rz, 0):
		return errNotFinite
	case !(rz > 0) && m != nil:
		return fmt.Errorf("the preconditioner %v is not definite: rᵀMr = %.3g", m, rz)
	}
	return nil
}

// Chunk implements parallel.Task: r ← r − α·q with its sums, or d ← d + α·p,
// p ← M·r + β·p.
func (c *truncatedCG) Chunk(b int) {
	lo, hi := parallel.Block(b, len(c.r))
	d, p, r, q := c.d[lo:hi], c.p[lo:hi], c.r[lo:hi], c.q[lo:hi]
	switch {
	case c.direction && c.diag != nil:
		kernel.StepDirectionDiag(d, p, c.alpha, r, c.diag[lo:hi], c.beta)
	case c.direction && c.general:
		kernel.StepDirection(d, p, c.alpha, c.z[lo:hi], c.beta)
	case c.direction:
		kernel.StepDirection(d, p, c.alpha, r, c.beta)
	case c.diag != nil:
		c.part0[b], c.part1[b] = kernel.SubAxpyNormDiag(r, c.alpha, q, c.diag[lo:hi])
	default:
		c.part0[b] = kernel.SubAxpyNorm(r, c.alpha, q)
	}
}
