package krylov

import (
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// cut divides a sweep over n elements into chunks: one block each or, where the
// operator gives row ranges, as many blocks as it wants rows at a time. The
// chunks depend on n and the operator only, and the blocks on n only.
type cut struct {
	rows             hvp.RowRanger // of the operator; nil if it has none
	n, chunk, chunks int
}

// cutRows cuts n elements for the products of a.
func (c *cut) cutRows(a hvp.Operator, n int) {
	*c = cut{n: n, chunk: parallel.BlockSize}
	if c.rows, _ = hvp.Rows(a); c.rows != nil {
		c.chunk *= max(1, parallel.Blocks(c.rows.RowGrain()))
	}
	c.chunks = (n + c.chunk - 1) / c.chunk
}

// bounds returns the elements [lo, hi) and the blocks [first, last) of chunk k.
func (c *cut) bounds(k int) (lo, hi, first, last int) {
	lo = k * c.chunk
	hi = min(lo+c.chunk, c.n)
	return lo, hi, lo / parallel.BlockSize, parallel.Blocks(hi)
}

// product sets dst = A·src and runs the sweep that sums over it. Where the
// operator gives row ranges the sweep computes them itself, while they are in
// cache, and its time counts as that of the product.
func (r *run) product(c *cut, dst, src []float64, sweep parallel.Task) failure {
	if c.rows == nil {
		if f := r.apply(dst, src); f.failed() {
			return f
		}
		r.team.Run(c.chunks, sweep)
	} else {
		begin := time.Now()
		r.team.Run(c.chunks, sweep)
		r.res.InProducts += time.Since(begin)
		r.res.Products++
	}
	return ok
}
