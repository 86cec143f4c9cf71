package problems

import (
	"sync"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// experts is Σ_k e^{w_k} Σ_p φ((f_k∗y)_p) for given parameters. It works through
// an image in bands of rows, shared among the workers, and each band in tiles of
// columns narrow enough that the responses of a row stay in the first-level
// cache. Bands and tiles compute the positions they need again where they meet;
// every output pixel is the same sum in the same order however the image is cut.
type experts struct {
	rows, cols int
	potential  Potential
	eps2       float64
	bank       [][9]float64
	dct        bool // bank is the DCT bank
	weight     [kernel.DCTFilters]float64
}

const (
	bandRows  = 32 // 2 of 34 rows of positions are computed twice
	tileWidth = 256
	nf        = kernel.DCTFilters
	// stride is the distance of the planes of a tile, which hold up to
	// tileWidth+2 positions between their margins.
	stride = tileWidth + 2 + 2*kernel.Margin + 2
)

// pointwise says which function of the responses an operation needs.
type pointwise int

const (
	firstDerivative  pointwise = iota // e^{w_k} φ′(t_k)
	secondDerivative                  // e^{w_k} φ″(t_k)
)

// planes are the responses of all filters at a row of positions, with the margins
// that adjoints read; those before the values are never written to.
type planes [nf * stride]float64

// plane returns the m responses of filter k.
func (t *planes) plane(k, m int) []float64 { return t[k*stride+kernel.Margin:][:m] }

// close zeroes the margins after m values.
func (t *planes) close(m int) {
	for k := range nf {
		clear(t[k*stride+kernel.Margin+m:][:kernel.Margin])
	}
}

// tile is the scratch of one worker.
type tile struct {
	t, u planes
	ring [3][tileWidth + 4]float64
}

var tiles = sync.Pool{New: func() any { return new(tile) }}

// bands returns the number of bands of rows.
func (e *experts) bands() int { return (e.rows + bandRows - 1) / bandRows }

// responses sets t to the responses of image y at m positions of row i from
// column j on.
func (e *experts) responses(t *planes, y []float64, i, j, m int) {
	at := i*e.cols + j
	r0, r1, r2 := y[at:at+m+2], y[at+e.cols:at+e.cols+m+2], y[at+2*e.cols:at+2*e.cols+m+2]
	if e.dct {
		kernel.DCT3Responses(t[kernel.Margin:], stride, r0, r1, r2)
	} else {
		kernel.Conv3Responses(e.bank, t[kernel.Margin:], stride, r0, r1, r2)
	}
}

// adjoint adds Fᵀu to three rows, len(o0)−2 positions.
func (e *experts) adjoint(o0, o1, o2 []float64, u *planes) {
	u.close(len(o0) - 2)
	if e.dct {
		kernel.DCT3Adjoint(o0, o1, o2, u[:], stride)
	} else {
		kernel.Conv3Adjoint(e.bank, o0, o1, o2, u[:], stride)
	}
}

// derivative replaces m responses of each filter by e^{w_k} φ′(t_k) or
// e^{w_k} φ″(t_k).
func (e *experts) derivative(p pointwise, t *planes, m int) {
	for k, w := range e.weight {
		v := t.plane(k, m)
		switch {
		case p == firstDerivative && e.potential == Charbonnier:
			kernel.CharbonnierSlope(v, w, e.eps2)
		case p == firstDerivative:
			kernel.LorentzianSlope(v, w)
		case e.potential == Charbonnier:
			kernel.CharbonnierCurvature(v, w*e.eps2, e.eps2)
		default:
			kernel.LorentzianCurvature(v, w)
		}
	}
}

// energy returns Σ_k e^{w_k} Σ_p φ(t_k(p)).
func (e *experts) energy(team parallel.Team, y []float64) float64 {
	return parallel.Combine(e.sums(team, 1, y, nil, func(sum []float64, s *tile, i, j, m int) {
		for k, w := range e.weight {
			if v := s.t.plane(k, m); e.potential == Charbonnier {
				sum[0] += w * kernel.CharbonnierSum(v, e.eps2)
			} else {
				sum[0] += w * kernel.LorentzianSum(v)
			}
		}
	}))
}

// sums calls f for each tile of each row of positions with the responses of y in
// its planes t and, if q is not nil, those of q in u, and returns the sums of n numbers that f adds to,
// one set per band.
func (e *experts) sums(team parallel.Team, n int, y, q []float64, f func(sum []float64, s *tile, i, j, m int)) []float64 {
	part := make([]float64, n*e.bands())
	team.Run(e.bands(), parallel.TaskFunc(func(c int) {
		s := tiles.Get().(*tile)
		defer tiles.Put(s)
		sum := part[c*n : (c+1)*n]
		for i := c * bandRows; i < min((c+1)*bandRows, e.rows-2); i++ {
			for j := 0; j < e.cols-2; j += tileWidth {
				m := min(tileWidth, e.cols-2-j)
				e.responses(&s.t, y, i, j, m)
				if q != nil {
					e.responses(&s.u, q, i, j, m)
				}
				f(sum, s, i, j, m)
			}
		}
	}))
	return part
}

// adjointOf sets dst = Σ_k F_kᵀ u_k, where u_k = e^{w_k} φ′(t_k) or
// e^{w_k} φ″(t_k), times scale[k] if that is not nil.
func (e *experts) adjointOf(team parallel.Team, p pointwise, dst, y []float64, scale *[nf]float64) {
	team.Run(e.bands(), parallel.TaskFunc(func(c int) {
		lo, hi := c*bandRows*e.cols, min((c+1)*bandRows, e.rows)*e.cols
		scaled := *e
		if scale != nil {
			for k, c := range scale {
				scaled.weight[k] *= c
			}
		}
		e.gather(dst, nil, lo, hi, func(s *tile, i, j, m int) *planes {
			e.responses(&s.t, y, i, j, m)
			scaled.derivative(p, &s.t, m)
			return &s.t
		})
	}))
}

// gather sets dst[lo:hi] = base + Fᵀu there, where u returns the planes of m
// positions of row i from column j on and base may be nil for zero.
func (e *experts) gather(dst, base []float64, lo, hi int, u func(s *tile, i, j, m int) *planes) {
	s := tiles.Get().(*tile)
	defer tiles.Put(s)
	first, last := lo/e.cols, (hi-1)/e.cols // rows of pixels
	for left := 0; left < e.cols; left += tileWidth {
		right := min(left+tileWidth, e.cols)
		// Positions that reach the columns left … right-1, and the columns
		// that these positions reach.
		j0, j1 := max(left-2, 0), min(right, e.cols-2)
		m := j1 - j0
		width := m + 2
		for r := range s.ring {
			clear(s.ring[r][:width])
		}
		for i := max(first-2, 0); i <= last; i++ {
			o0, o1, o2 := s.ring[i%3][:width], s.ring[(i+1)%3][:width], s.ring[(i+2)%3][:width]
			if i < e.rows-2 && m > 0 {
				e.adjoint(o0, o1, o2, u(s, i, j0, m))
			}
			// Row i is complete.
			if i >= first {
				from, to := max(lo, i*e.cols+left), min(hi, i*e.cols+right)
				if from < to {
					shift := from - i*e.cols - j0
					in := o0[shift : shift+to-from]
					if base == nil {
						copy(dst[from:to], in)
					} else {
						out, b := dst[from:to], base[from:to]
						for k, v := range in {
							out[k] = b[k] + v
						}
					}
				}
			}
			clear(o0)
		}
	}
}
