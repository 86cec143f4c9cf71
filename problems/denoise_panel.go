package problems

import (
	"sync"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// lazyGrid is the Hessian as a matrix, assembled band by band by the products that need
// them first: (1 + 2r(r+1))/2 n_y-vectors of memory for filters of size r+1, 6.5 for 3×3. A
// product of a panel with it takes (2r+1)² terms per pixel, one with the filters and
// their adjoint 2K(r+1)² for K filters: 25 and 144.
type lazyGrid struct {
	m       hvp.GridMatrix
	pairs   []gridPair
	shaped  *sync.Once
	made    []sync.Once // of each band
	scratch parallel.ScratchOf[float32]
}

// forget makes g ready for other weights of as many bands.
func (g *lazyGrid) forget(bands int) {
	g.shaped, g.made = new(sync.Once), make([]sync.Once, bands)
}

// ApplyBlockRowsSingle implements [hvp.SingleBlockRanger]. Weights beyond the range of
// single precision make couplings that are not finite.
func (h *denoiseHessian) ApplyBlockRowsSingle(dst, x []float32, k, lo, hi int) {
	if lo >= hi {
		return
	}
	g := &h.grid
	g.shaped.Do(func() {
		g.m.Resize(h.rows, h.cols, h.reach)
		g.pairs = h.gridPairs()
	})
	// Couplings with rows below are in these.
	first, last := lo/h.cols, min((hi-1)/h.cols+h.reach, h.rows-1)
	for b := first / bandRows; b <= last/bandRows; b++ {
		g.made[b].Do(func() { h.assembleBand(&g.m, g.pairs, b) })
	}
	g.m.MulPanelRows(dst, x, k, lo, hi)
}

// Bandwidth implements hvp.Banded: the largest |i−j| of coupled pixels i and j, which are
// in one window, reach rows and reach columns apart.
func (h *denoiseHessian) Bandwidth() int { return h.reach*h.cols + h.reach }

var _ hvp.SingleBlockRanger = (*denoiseHessian)(nil)
