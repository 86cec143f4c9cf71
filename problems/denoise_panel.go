package problems

import (
	"context"
	"fmt"
	"sync"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// lazyGrid is the Hessian as a matrix, assembled band by band by the products that need
// them first: 1 + 2r(r+1) n_y-vectors of memory for filters of size r+1, 13 for 3×3, half as
// much in single precision. A product of a panel with it takes (2r+1)² terms per pixel and
// column, one with the filters and their adjoint 2K(r+1)² for K filters: 25 and 144.
type lazyGrid[V float32 | float64] struct {
	m      hvp.GridMatrixOf[V]
	pairs  []gridPair[V]
	shaped *sync.Once
	made   []sync.Once // of each band
}

// forget makes g ready for other weights of as many bands.
func (g *lazyGrid[V]) forget(bands int) {
	g.shaped, g.made = new(sync.Once), make([]sync.Once, bands)
}

// product sets dst, a panel of hi−lo rows, to rows lo … hi−1 of the product with the panel x
// of k columns; assemble sets the rows of a band.
func (g *lazyGrid[V]) product(h *denoiseHessian, dst, x []V, k, lo, hi int, assemble func(m *hvp.GridMatrixOf[V], pairs []gridPair[V], band int)) {
	if lo >= hi {
		return
	}
	g.shaped.Do(func() {
		g.m.Resize(h.rows, h.cols, h.reach)
		g.pairs = gridPairs[V](&h.experts)
	})
	// Couplings with rows below are in these.
	first, last := lo/h.cols, min((hi-1)/h.cols+h.reach, h.rows-1)
	for b := first / bandRows; b <= last/bandRows; b++ {
		g.made[b].Do(func() { assemble(&g.m, g.pairs, b) })
	}
	g.m.MulPanelRows(dst, x, k, lo, hi)
}

// forgetGrids makes the matrices ready for other weights.
func (h *denoiseHessian) forgetGrids() {
	h.gridSingle.forget(h.bands())
	h.gridDouble.forget(h.bands())
}

// ApplyBlockRowsSingle implements [hvp.SingleBlockRanger]. Weights beyond the range of
// single precision make couplings that are not finite.
func (h *denoiseHessian) ApplyBlockRowsSingle(dst, x []float32, k, lo, hi int) {
	h.gridSingle.product(h, dst, x, k, lo, hi, h.assembleSingle)
}

// panelProduct is one product of a panel as a parallel task.
type panelProduct struct {
	h      *denoiseHessian
	dst, x []float64
	k      int
}

// Chunk implements parallel.Task: one band of rows.
func (p *panelProduct) Chunk(c int) {
	h := p.h
	lo, hi := c*bandRows*h.cols, min((c+1)*bandRows, h.rows)*h.cols
	h.gridDouble.product(h, p.dst[lo*p.k:hi*p.k], p.x, p.k, lo, hi, h.assembleDouble)
}

// ApplyBlock implements [hvp.Blocker]: the first product of two or more columns assembles the
// Hessian, in double precision.
func (h *denoiseHessian) ApplyBlock(ctx context.Context, dst, x []float64, k int) error {
	if k < 1 || len(dst) != len(h.y)*k || len(x) != len(dst) {
		return fmt.Errorf("problems: denoise: Hessian product of %d columns with len(dst) = %d and len(x) = %d, want %d", k, len(dst), len(x), len(h.y)*max(k, 1))
	}
	if k == 1 {
		return h.Apply(ctx, dst, x)
	}
	p, _ := h.panels.Get().(*panelProduct)
	if p == nil {
		p = new(panelProduct)
	}
	*p = panelProduct{h, dst, x, k}
	parallel.FromContext(ctx).Run(h.bands(), p)
	*p = panelProduct{}
	h.panels.Put(p)
	return nil
}

// mostGridBytes is how large a matrix in double precision may be for solvers to be told of
// it.
const mostGridBytes = 2 << 30

// Capabilities implements [hvp.Conditional]: products of panels in double precision are for
// matrices that are not too large, on machines with fused products.
func (h *denoiseHessian) Capabilities() hvp.Capability {
	c := hvp.CanTrans | hvp.CanRows | hvp.CanDiag | hvp.CanBlockRowsSingle
	planes := 1 + 2*h.reach*(h.reach+1)
	if kernel.SinglePanels() && 8*int64(planes)*int64(len(h.y)) <= mostGridBytes {
		c |= hvp.CanBlock
	}
	return c
}

// Bandwidth implements hvp.Banded: the largest |i−j| of coupled pixels i and j, which are
// in one window, reach rows and reach columns apart.
func (h *denoiseHessian) Bandwidth() int { return h.reach*h.cols + h.reach }

var (
	_ hvp.SingleBlockRanger = (*denoiseHessian)(nil)
	_ hvp.Blocker           = (*denoiseHessian)(nil)
	_ hvp.Conditional       = (*denoiseHessian)(nil)
)
