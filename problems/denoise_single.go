package problems

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// singleHessian is the Hessian in single precision: the weights e^{w_k}φ″(t_k) are
// bfloat16 numbers, off by 2⁻⁹ of themselves at most, and negative ones of a
// potential that is not convex are zero. As the Hessian is I plus a nonnegative
// sum over the weights, it is off by 2⁻⁹ of its quadratic form too. Traffic per
// product: x and dst, 8 bytes per pixel, and 16 for the weights, which is all that
// is kept.
type singleHessian struct {
	experts
	bank    [][9]float32 // nil for the DCT filters, their factors being in the weights
	squares [][9]float32
	w       []uint16 // rows of positions, see kernel.WeightAt
	tiles   sync.Pool
}

const (
	singleWidth  = 512              // columns of a tile
	singleStride = singleWidth + 16 // 8 positions before the tile, 2 columns and the margins
)

// singleFilters is the number of filters of a 3×3 bank.
const singleFilters = kernel.DCTFilters

// singleTile is the scratch of one worker.
type singleTile struct {
	u    [singleFilters * singleStride]float32
	ring [3][singleWidth + 10]float32
}

// Single implements [hvp.Singler], for 3×3 filters.
func (h *denoiseHessian) Single(ctx context.Context) (hvp.SingleOperator, bool, error) {
	if h.filters != singleFilters {
		return nil, false, nil
	}
	s := &singleHessian{experts: h.experts, w: make([]uint16, h.rows*kernel.WeightsOf(h.cols))}
	s.tiles.New = func() any { return new(singleTile) }
	var factor [singleFilters]float64
	dct := h.experts.bank.IsDCT3()
	if dct {
		factor = kernel.DCT3Square()
	}
	s.squares = make([][9]float32, singleFilters)
	for k := range h.filters {
		f := h.experts.bank.Filter(k)
		if !dct {
			factor[k] = 1
			var g [9]float32
			for o, v := range f {
				g[o] = float32(v)
			}
			s.bank = append(s.bank, g)
		}
		for o, v := range f {
			s.squares[k][o] = float32(v * v / factor[k])
		}
	}
	var overflow atomic.Bool
	parallel.FromContext(ctx).Run(h.bands(), parallel.TaskFunc(func(c int) {
		t := h.tiles.Get().(*tile)
		defer h.tiles.Put(t)
		for i := c * bandRows; i < min((c+1)*bandRows, h.rows-2); i++ {
			for j := 0; j < h.cols-2; j += tileWidth {
				m := min(tileWidth, h.cols-2-j)
				h.curvatures(t, i, j, m)
				for k, f := range factor {
					out := s.w[i*kernel.WeightsOf(h.cols):]
					for q, v := range t.t.plane(k, m) {
						v = f * max(v, 0)
						if !(v < math.MaxFloat32/16) {
							overflow.Store(true)
						}
						out[kernel.WeightAt(j+q, k)] = kernel.Bfloat16(v)
					}
				}
			}
		}
	}))
	if overflow.Load() {
		return nil, false, errors.New("problems: denoise: a weight of the Hessian is NaN or beyond the range of single precision")
	}
	return s, true, nil
}

// Order implements [hvp.SingleOperator].
func (s *singleHessian) Order() int { return s.rows * s.cols }

// RowGrain implements [hvp.SingleOperator].
func (s *singleHessian) RowGrain() int { return bandRows * s.cols }

// Bytes implements [hvp.SingleOperator].
func (s *singleHessian) Bytes() int64 { return 2 * int64(len(s.w)) }

// ApplyRows implements [hvp.SingleOperator].
func (s *singleHessian) ApplyRows(dst, x []float32, lo, hi int) { s.gather(dst, x, lo, hi) }

// DiagRows implements [hvp.SingleOperator].
func (s *singleHessian) DiagRows(dst []float32, lo, hi int) {
	s.gather(dst, nil, lo, hi)
}

// gather sets dst to elements lo … hi−1 of x + Fᵀ(w ∘ Fx) or, without x, of the
// diagonal. See experts.gather.
func (s *singleHessian) gather(dst, x []float32, lo, hi int) {
	if lo >= hi {
		return
	}
	t := s.tiles.Get().(*singleTile)
	cols := s.cols
	first, last := lo/cols, (hi-1)/cols
	for left := 0; left < cols; left += singleWidth {
		right := min(left+singleWidth, cols)
		j0, j1 := max(left-8, 0), min(right, cols-2) // left-2 would do, but for the groups of weights
		m := j1 - j0
		width := m + 2
		// Each line of the ring begins with the row of x that it will become.
		begin := func(line []float32, i int) {
			switch {
			case x == nil:
				for j := range line {
					line[j] = 1
				}
			case i < s.rows:
				copy(line, x[i*cols+j0:])
			}
		}
		top := max(first-2, 0)
		for i := top; i < top+2; i++ {
			begin(t.ring[i%3][:width], i)
		}
		for k := range singleFilters {
			clear(t.u[k*singleStride+kernel.Margin+m:][:kernel.Margin])
		}
		for i := top; i <= last; i++ {
			o0, o1, o2 := t.ring[i%3][:width], t.ring[(i+1)%3][:width], t.ring[(i+2)%3][:width]
			begin(o2, i+2)
			if i < s.rows-2 {
				s.add(t, o0, o1, o2, x, i, j0, m)
			}
			if i >= first { // row i is complete
				from, to := max(lo, i*cols+left), min(hi, i*cols+right)
				if from < to {
					copy(dst[from-lo:to-lo], o0[from-i*cols-j0:])
				}
			}
		}
	}
	s.tiles.Put(t)
}

// add adds what m positions of row i from column j on say to three rows.
func (s *singleHessian) add(t *singleTile, o0, o1, o2, x []float32, i, j, m int) {
	const margin = kernel.Margin
	cols := s.cols
	w := s.w[i*kernel.WeightsOf(cols)+kernel.WeightAt(j, 0):]
	if x == nil {
		for k := range singleFilters {
			for q := range m {
				t.u[k*singleStride+margin+q] = kernel.FromBfloat16(w[kernel.WeightAt(q, k)])
			}
		}
		kernel.Conv3AdjointSingle(s.squares, o0, o1, o2, t.u[:], singleStride)
		return
	}
	at := i*cols + j
	r0, r1, r2 := x[at:at+m+2], x[at+cols:at+cols+m+2], x[at+2*cols:at+2*cols+m+2]
	if s.bank == nil {
		kernel.DCT3WeightedSingle(t.u[margin:], singleStride, r0, r1, r2, w)
		kernel.DCT3AdjointSingle(o0, o1, o2, t.u[:], singleStride)
		return
	}
	kernel.Conv3WeightedSingle(s.bank, t.u[margin:], singleStride, r0, r1, r2, w)
	kernel.Conv3AdjointSingle(s.bank, o0, o1, o2, t.u[:], singleStride)
}

var _ hvp.Singler = (*denoiseHessian)(nil)
