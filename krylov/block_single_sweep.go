package krylov

import "github.com/hgsolve/hgsolve/internal/kernel"

// The sweeps in single precision over blocks of rows.

func (c *BlockCG) singleBounds(b int) (lo, hi, from, to int) {
	lo = b * c.rowsPerBlock
	hi = min(lo+c.rowsPerBlock, c.n)
	return lo, hi, lo * c.single.w, hi * c.single.w
}

// diagonal returns rows lo … hi-1 of the diagonal preconditioner, nil without one.
func (s *blockSingle) diagonal(lo, hi int) []float32 {
	if len(s.d) == 0 {
		return nil
	}
	return s.d[lo:hi]
}

// singleProduct: q = A·p and pᵀq.
type singleProduct BlockCG

func (c *singleProduct) Chunk(b int) {
	s := &c.single
	begin, end := b*s.chunk, min((b+1)*s.chunk, c.blocks)
	lo, _, first, _ := (*BlockCG)(c).singleBounds(begin)
	_, hi, _, last := (*BlockCG)(c).singleBounds(end - 1)
	s.a.ApplyBlockRowsSingle(s.q[first:last], s.p, s.w, lo, hi)
	for b := begin; b < end; b++ {
		_, _, from, to := (*BlockCG)(c).singleBounds(b)
		kernel.PanelDotSingle(s.p[from:to], s.q[from:to], s.w, c.part0[b:], c.blocks)
	}
}

// singleResidual: r −= α·q, rᵀr and rᵀDr.
type singleResidual BlockCG

func (c *singleResidual) Chunk(b int) {
	lo, hi, from, to := (*BlockCG)(c).singleBounds(b)
	s := &c.single
	kernel.PanelSubAxpyNormSingle(s.r[from:to], s.alpha, s.q[from:to], s.diagonal(lo, hi), s.w, c.part0[b:], c.part1[b:], c.blocks)
}

// singleDirection: y += α·p, p = D·r + β·p.
type singleDirection BlockCG

func (c *singleDirection) Chunk(b int) {
	lo, hi, from, to := (*BlockCG)(c).singleBounds(b)
	s := &c.single
	kernel.PanelStepDirectionSingle(s.y[from:to], s.p[from:to], s.alpha, s.z[from:to], s.diagonal(lo, hi), s.beta, s.w)
}

// singleFlush: x += (y + α·p)/unit, y = 0.
type singleFlush BlockCG

func (c *singleFlush) Chunk(b int) {
	lo, hi, from, to := (*BlockCG)(c).singleBounds(b)
	s := &c.single
	kernel.PanelFlushSingle(c.xs[lo*c.k:hi*c.k], c.k, s.y[from:to], s.p[from:to], s.w, s.source)
	clear(s.y[from:to])
}

// singleNarrow: q = the columns keep of from.
type singleNarrow BlockCG

func (c *singleNarrow) Chunk(b int) {
	lo, hi, _, _ := (*BlockCG)(c).singleBounds(b)
	w, kept := c.single.w, len(c.keep)
	for i := lo; i < hi; i++ {
		row, to := c.single.from[i*w:i*w+w], c.single.q[i*kept:i*kept+kept]
		for m, l := range c.keep {
			to[m] = row[l]
		}
	}
}

// singleBegin: r = b − A·x, rᵀr, p = D·r, rᵀp, y = 0, x being zero without a guess.
type singleBegin BlockCG

func (c *singleBegin) Chunk(b int) {
	lo, hi, from, to := (*BlockCG)(c).singleBounds(b)
	s := &c.single
	clear(s.r[from:to])
	clear(s.y[from:to])
	clear(s.p[from:to])
	(*BlockCG)(c).trueResidual(b, c.set.Guess)
	kernel.PanelTurnSingle(s.p[from:to], s.r[from:to], s.diagonal(lo, hi), s.w, nil, nil)
}

// singleCorrect: r = b − A·x in double precision, rᵀr, and of the rounded one rᵀDr and
// rᵀp.
type singleCorrect BlockCG

func (c *singleCorrect) Chunk(b int) { (*BlockCG)(c).trueResidual(b, true) }

// singleTurn: p = γ·D·r + β·p.
type singleTurn BlockCG

func (c *singleTurn) Chunk(b int) {
	lo, hi, from, to := (*BlockCG)(c).singleBounds(b)
	s := &c.single
	kernel.PanelTurnSingle(s.p[from:to], s.z[from:to], s.diagonal(lo, hi), s.w, s.gamma, s.beta)
}

// trueResidual computes the residuals of block b, x being zero unless product says
// otherwise.
func (c *BlockCG) trueResidual(b int, product bool) {
	lo, hi, from, to := c.singleBounds(b)
	s := &c.single
	rhs := c.bs[lo*c.k : hi*c.k]
	var ax []float64
	if product && s.inRows {
		applyBlockRows(c.rows, s.ax, c.xs, c.k, lo, hi)
	}
	if product {
		ax = s.ax[lo*c.k : hi*c.k]
	}
	kernel.PanelResidualSingle(s.r[from:to], s.p[from:to], s.diagonal(lo, hi), s.w, rhs, ax, c.k, s.source, c.part0[b:], c.part1[b:], c.part2[b:], c.blocks)
}
