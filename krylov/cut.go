package krylov

import (
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
