package problems

import (
	"context"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// gridPair is two pixels of a window, the first one down rows and right columns from the
// upper left, that a filter couples.
type gridPair[V float32 | float64] struct {
	down, right int
	a, b        int // rows and columns from the second to the first
	c           []V // products of their coefficients, one per filter
}

// gridPairs returns the pairs of a window, the first pixel being the later one.
func gridPairs[V float32 | float64](e *experts) (pairs []gridPair[V]) {
	size := e.reach + 1
	for o := range size * size {
		for q := range o + 1 {
			p := gridPair[V]{down: o / size, right: o % size, a: o/size - q/size, b: o%size - q%size}
			for k := range e.filters {
				f := e.bank.Filter(k) // reversed: a convolution
				p.c = append(p.c, V(f[size*size-1-o]*f[size*size-1-q]))
			}
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// AssembleGrid implements [hvp.GridAssembler]: the pixels p and q of the windows of all
// positions are coupled by Σ_k f_k[p]·f_k[q]·e^{w_k}φ″(t_k). Seeds are as good as the
// weights themselves here, in single precision.
func (h *denoiseHessian) AssembleGrid(ctx context.Context, m *hvp.GridMatrix) (ok bool, err error) {
	for _, w := range h.weight {
		if h.potential == Charbonnier {
			w /= math.Sqrt(h.eps2)
		}
		if !(w < 1e30) { // times 49 products of coefficients
			return false, fmt.Errorf("problems: denoise: a weight of %.3g is beyond the range of single precision", w)
		}
	}
	m.Resize(h.rows, h.cols, h.reach)
	pairs := gridPairs[float32](&h.experts)
	parallel.FromContext(ctx).Run(h.bands(), parallel.TaskFunc(func(band int) { h.assembleSingle(m, pairs, band) }))
	return true, nil
}

// assembleSingle sets the rows of a band of m from seeds.
func (h *denoiseHessian) assembleSingle(m *hvp.GridMatrix, pairs []gridPair[float32], band int) {
	const width = tileWidth
	s := h.singles.Get(h.filters * width)
	defer h.singles.Put(s)
	w := *s
	assembleBand(h, m, pairs, band, width, func(i, j, n int) {
		for k := range h.filters {
			h.singleWeights(w[k*width:][:n], i, j, k)
		}
	}, func(t, c []float32) { kernel.AddScaledSingle(t, c, w, width) })
}

// assembleDouble sets the rows of a band of m from weights in full accuracy.
func (h *denoiseHessian) assembleDouble(m *hvp.GridMatrixOf[float64], pairs []gridPair[float64], band int) {
	// All pairs ask for the same weights, which stay in the first-level cache, whole lines of
	// it each: 256, 128 and 64 columns.
	width := min(tileWidth, 4096/h.filters&^63)
	s := h.tiles.Get().(*tile)
	defer h.tiles.Put(s)
	d := h.doubles.Get(h.filters * width)
	defer h.doubles.Put(d)
	w := *d
	assembleBand(h, m, pairs, band, width, func(i, j, n int) {
		h.curvatures(s, i, j, n)
		for k := range h.filters {
			copy(w[k*width:], s.t.plane(k, n))
		}
	}, func(t, c []float64) { kernel.AddScaled(t, c, w, width) })
}

// assembleBand sets the rows of a band of m in tiles of width columns: weights gets those at
// n positions of row i from column j on, add adds their sum with the factors c to t, of
// length n.
func assembleBand[V float32 | float64](h *denoiseHessian, m *hvp.GridMatrixOf[V], pairs []gridPair[V], band, width int, weights func(i, j, n int), add func(t, c []V)) {
	lo, hi := band*bandRows, min((band+1)*bandRows, h.rows)
	m.Clear(lo, hi)
	for i := lo; i < hi; i++ {
		diag := m.Row(i, 0, 0)
		for j := range diag {
			diag[j] = 1
		}
	}
	for i := max(lo-h.reach, 0); i < min(hi, h.rows-h.reach); i++ {
		for j := 0; j < h.cols-h.reach; j += width {
			n := min(width, h.cols-h.reach-j)
			weights(i, j, n)
			for l := range pairs {
				p := &pairs[l]
				if row := i + p.down; lo <= row && row < hi {
					add(m.Row(row, p.a, p.b)[j+p.right:][:n], p.c)
				}
			}
		}
	}
}

// singleWeights sets dst to e^{w_k}φ″(t_k) at positions of row i from column j on.
func (h *denoiseHessian) singleWeights(dst []float32, i, j, k int) {
	at, n := h.at(i, k)+j, len(dst)
	switch {
	case h.stored != nil:
		for q, v := range h.stored[at:][:n] {
			dst[q] = float32(v)
		}
	case h.single != nil:
		copy(dst, h.single[at:])
	case h.potential == Charbonnier: // e^{w_k}·ε²·s³, s = (t²+ε²)^{-1/2}
		w, eps := float32(h.weight[k]/math.Sqrt(h.eps2)), float32(math.Sqrt(h.eps2))
		for q, s := range h.seeds[at:][:n] {
			s *= eps
			dst[q] = w * (s * s * s)
		}
	default: // e^{w_k}·(1 − ½t²)·s², s = 1/(1 + ½t²)
		w := float32(h.weight[k])
		for q, s := range h.seeds[at:][:n] {
			dst[q] = w * (float32(2*s*s) - s)
		}
	}
}

var _ hvp.GridAssembler = (*denoiseHessian)(nil)
