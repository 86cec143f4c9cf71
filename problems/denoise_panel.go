package problems

import (
	"sync"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// panelWidth is how many columns a tile of panels has: the planes of eight images and
// eight filters then are in the first cache.
const panelWidth = 64

// panelWeights are the weights e^{w_k}φ″(t_k) in single precision, made band by band by
// the products that need them first: K/2 n_y-vectors of memory.
type panelWeights struct {
	values []float32 // row by row of positions, in it filter by filter
	room   *sync.Once
	made   []sync.Once // of each band
	tiles  sync.Pool   // *panelTile, of the present filters
}

// panelTile is the scratch of one worker.
type panelTile struct {
	bank *kernel.PanelBank
	u    []float32
	ring [kernel.MostFilterSize][]float32
}

// forget makes w ready for other weights of as many bands.
func (w *panelWeights) forget(bands int) {
	w.room, w.made = new(sync.Once), make([]sync.Once, bands)
	w.tiles = sync.Pool{}
}

// makePanelWeights computes the weights of a band of positions.
func (h *denoiseHessian) makePanelWeights(band int) {
	h.panel.room.Do(func() { h.panel.values = parallel.Grow(h.panel.values, h.filters*len(h.y)) })
	s, _ := h.experts.tiles.Get().(*tile)
	defer h.experts.tiles.Put(s)
	for i := band * bandRows; i < min((band+1)*bandRows, h.rows-h.reach); i++ {
		for j := 0; j < h.cols-h.reach; j += tileWidth {
			m := min(tileWidth, h.cols-h.reach-j)
			h.curvatures(s, i, j, m)
			for k := range h.filters {
				out := h.panel.values[h.at(i, k)+j:]
				for q, v := range s.t.plane(k, m) {
					out[q] = float32(v)
				}
			}
		}
	}
}

func (h *denoiseHessian) panelTile(k int) *panelTile {
	t, _ := h.panel.tiles.Get().(*panelTile)
	if t == nil || t.bank.Columns() != k {
		stride := panelWidth + 3*h.reach
		t = &panelTile{bank: kernel.NewPanelBank(h.bank, stride, k), u: make([]float32, h.filters*stride*k)}
		for r := range h.reach + 1 {
			t.ring[r] = make([]float32, (panelWidth+2*h.reach)*k)
		}
	}
	return t
}

// ApplyBlockRowsSingle implements [hvp.SingleBlockRanger]. See experts.gather.
func (h *denoiseHessian) ApplyBlockRowsSingle(dst, x []float32, k, lo, hi int) {
	if lo >= hi {
		return
	}
	cols, size := h.cols, h.reach+1
	first, last := lo/cols, (hi-1)/cols
	top := max(first-h.reach, 0)
	for b := top / bandRows; b <= last/bandRows; b++ {
		h.panel.made[b].Do(func() { h.makePanelWeights(b) })
	}
	t := h.panelTile(k)
	for left := 0; left < cols; left += panelWidth {
		right := min(left+panelWidth, cols)
		j0, j1 := max(left-h.reach, 0), min(right, cols-h.reach)
		m := j1 - j0
		// Each row of the window begins with the row of x that it will add to.
		begin := func(o []float32, i int) {
			if i < h.rows {
				copy(o, x[(i*cols+j0)*k:])
			}
		}
		var o [kernel.MostFilterSize][]float32
		for r := range size {
			o[r] = t.ring[r][:(m+h.reach)*k]
			begin(o[r], top+r)
		}
		for i := top; i <= last; i++ {
			if i < h.rows-h.reach && m > 0 {
				t.bank.Weighted(t.u, x[(i*cols+j0)*k:], m, h.panel.values[h.at(i, 0)+j0:], cols)
				t.bank.Adjoint(&o, t.u)
			}
			o0 := o[0]
			if from, to := max(lo, i*cols+left), min(hi, i*cols+right); i >= first && from < to {
				copy(dst[(from-lo)*k:(to-lo)*k], o0[(from-i*cols-j0)*k:])
			}
			copy(o[:size], o[1:size])
			begin(o0, i+size)
			o[size-1] = o0
		}
	}
	h.panel.tiles.Put(t)
}

var _ hvp.SingleBlockRanger = (*denoiseHessian)(nil)
