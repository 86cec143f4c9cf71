package krylov

import (
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// The sweeps of CG, each a parallel.Task on the workspace itself. A chunk is one
// or more blocks: as many as the operator wants rows at a time.

// diagonal returns d[lo:hi], or what has the same numbers in it: where all of d is
// one number, as for a grid, the chunks share the first, which stays in cache.
func (c *CG) diagonal(lo, hi int) []float64 {
	if c.level {
		return c.d[:hi-lo]
	}
	return c.d[lo:hi]
}

// cgProduct: q = A·p, if A gives row ranges, and pᵀq.
type cgProduct CG

func (c *cgProduct) Chunk(k int) {
	lo, hi, first, last := c.bounds(k)
	if c.rows != nil {
		c.rows.ApplyRows(c.q, c.p, lo, hi)
	}
	for b := first; b < last; b++ {
		lo, hi := parallel.Block(b, c.n)
		c.part0[b] = kernel.Dot(c.p[lo:hi], c.q[lo:hi])
	}
}

// cgResidual: r −= α·q, rᵀr and, with a diagonal preconditioner, rᵀDr.
type cgResidual CG

func (c *cgResidual) Chunk(k int) {
	_, _, first, last := c.bounds(k)
	for b := first; b < last; b++ {
		lo, hi := parallel.Block(b, c.n)
		if c.d == nil {
			c.part0[b] = kernel.SubAxpyNorm(c.r[lo:hi], c.alpha, c.q[lo:hi])
		} else {
			c.part0[b], c.part1[b] = kernel.SubAxpyNormDiag(c.r[lo:hi], c.alpha, c.q[lo:hi], (*CG)(c).diagonal(lo, hi))
		}
	}
}

// cgDirection: x += α·p, p = z + β·p.
type cgDirection CG

func (c *cgDirection) Chunk(k int) {
	lo, hi, _, _ := c.bounds(k)
	x, p := c.x[lo:hi], c.p[lo:hi]
	switch {
	case c.d != nil:
		kernel.StepDirectionDiag(x, p, c.alpha, c.r[lo:hi], (*CG)(c).diagonal(lo, hi), c.beta)
	case c.m != nil:
		kernel.StepDirection(x, p, c.alpha, c.z[lo:hi], c.beta)
	default:
		kernel.StepDirection(x, p, c.alpha, c.r[lo:hi], c.beta)
	}
}
