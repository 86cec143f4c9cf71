package krylov

import (
	"math"

	"github.com/hgsolve/hgsolve/internal/kernel"
)

// The sweeps in single precision over blocks of rows.

func (c *BlockCG) singleBounds(b int) (lo, hi, from, to int) {
	lo = b * c.rowsPerBlock
	hi = min(lo+c.rowsPerBlock, c.n)
	return lo, hi, lo * c.single.w, hi * c.single.w
}

// diagonal returns rows lo … hi-1 of the diagonal preconditioner, nil without one or where
// the polynomial has it.
func (s *blockSingle) diagonal(lo, hi int) []float32 {
	if len(s.d) == 0 || s.poly.steps > 0 {
		return nil
	}
	return s.d[lo:hi]
}

// singleProduct: the directions of this iteration, q = A·p and pᵀq.
type singleProduct BlockCG

func (c *singleProduct) sweep(sweep, lo, hi int) {
	s := &c.single
	from, to := lo*s.w, hi*s.w
	if sweep == 1 {
		s.a.ApplyBlockRowsSingle(s.q[from:to], s.p, s.w, lo, hi)
		return
	}
	switch d := s.diagonal(lo, hi); s.next {
	case alongDirection: // y += α·p, p = D·z + β·p
		kernel.PanelStepDirectionSingle(s.y[from:to], s.p[from:to], s.alpha, s.z[from:to], d, s.beta, s.w)
	case afterCorrection: // p = γ·D·z + β·p
		kernel.PanelTurnSingle(s.p[from:to], s.z[from:to], d, s.w, s.gamma, s.beta)
	}
}

func (c *singleProduct) end(b int) {
	if c.single.whole == nil {
		(*singleCurvature)(c).Chunk(b)
	}
}

// singleResidual: r −= α·q, rᵀr and rᵀDr, and the polynomial in the operator, z = p(A)·r
// and rᵀz.
type singleResidual BlockCG

func (c *singleResidual) sweep(sweep, lo, hi int) {
	if sweep > 0 {
		(*BlockCG)(c).polynomialStep(sweep-1, lo, hi)
		return
	}
	for b := lo / c.rowsPerBlock; b*c.rowsPerBlock < hi; b++ {
		lo, hi, from, to := (*BlockCG)(c).singleBounds(b)
		s := &c.single
		kernel.PanelSubAxpyNormSingle(s.r[from:to], s.alpha, s.q[from:to], s.diagonal(lo, hi), s.w, c.part0[b:], c.part1[b:], c.blocks)
	}
	if c.single.wave.all > 1 {
		(*BlockCG)(c).beginPolynomial(lo, hi)
	}
}

func (c *singleResidual) end(b int) {
	if c.single.wave.all > 1 {
		(*singleInner)(c).Chunk(b)
	}
}

// singlePolynomial: z = p(A)·r and rᵀz.
type singlePolynomial BlockCG

func (c *singlePolynomial) sweep(sweep, lo, hi int) {
	if sweep > 0 {
		(*BlockCG)(c).polynomialStep(sweep-1, lo, hi)
		return
	}
	(*BlockCG)(c).beginPolynomial(lo, hi)
}

func (c *singlePolynomial) end(b int) { (*singleInner)(c).Chunk(b) }

// singleNoise: a sign for each row.
type singleNoise BlockCG

func (c *singleNoise) Chunk(b int) {
	lo, hi, _, _ := (*BlockCG)(c).singleBounds(b)
	for i := lo; i < hi; i++ {
		bits := uint64(i) * 0x9e3779b97f4a7c15 // Fibonacci hashing
		bits ^= bits >> 29
		bits *= 0xbf58476d1ce4e5b9
		c.bc[i] = 1 - 2*float64(bits>>63)
	}
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

// singleBegin: r = b − A·x, rᵀr, rᵀDr, p = 0, y = 0, x being zero without a guess.
type singleBegin BlockCG

func (c *singleBegin) Chunk(b int) {
	_, _, from, to := (*BlockCG)(c).singleBounds(b)
	s := &c.single
	clear(s.r[from:to])
	clear(s.y[from:to])
	clear(s.p[from:to])
	(*BlockCG)(c).trueResidual(b, c.set.Guess)
}

// singleCurvature: pᵀq.
type singleCurvature BlockCG

func (c *singleCurvature) Chunk(b int) {
	_, _, from, to := (*BlockCG)(c).singleBounds(b)
	s := &c.single
	kernel.PanelDotSingle(s.p[from:to], s.q[from:to], s.w, c.part0[b:], c.blocks)
}

// singleInner: rᵀz.
type singleInner BlockCG

func (c *singleInner) Chunk(b int) {
	_, _, from, to := (*BlockCG)(c).singleBounds(b)
	s := &c.single
	kernel.PanelDotSingle(s.r[from:to], s.z[from:to], s.w, c.part1[b:], c.blocks)
}

// singlePilot: a sum of the columns of r, the later ones counting less, so that equal ones do
// not cancel.
type singlePilot BlockCG

func (c *singlePilot) Chunk(b int) {
	lo, hi, _, _ := (*BlockCG)(c).singleBounds(b)
	w := c.single.w
	for i := lo; i < hi; i++ {
		sum := 0.0
		for l, v := range c.single.r[i*w : i*w+w] {
			sum += float64(v) / (float64(l) + math.Sqrt2)
		}
		c.bc[i] = sum
	}
}

// singleCorrect: r = b − A·x in double precision, rᵀr, and of the rounded one rᵀDr and
// rᵀp.
type singleCorrect BlockCG

func (c *singleCorrect) Chunk(b int) { (*BlockCG)(c).trueResidual(b, true) }

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
