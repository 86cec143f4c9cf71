package problems

import (
	"math"
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
)

// pointwise says which function of the responses an operation needs.
type pointwise int

const (
	firstDerivative  pointwise = iota // e^{w_k} φ′(t_k)
	secondDerivative                  // e^{w_k} φ″(t_k)
)

// tile is the scratch of one worker.
type tile struct {
	t, u [nf * (tileWidth + 2)]float64
	ring [3][tileWidth + 4]float64
}

var tiles = sync.Pool{New: func() any { return new(tile) }}

// bands returns the number of bands of rows.
func (e *experts) bands() int { return (e.rows + bandRows - 1) / bandRows }

// responses sets t to the responses of image y at m positions of row i from
// column j on.
func (e *experts) responses(t, y []float64, i, j, m int) {
	at := i*e.cols + j
	r0, r1, r2 := y[at:at+m+2], y[at+e.cols:at+e.cols+m+2], y[at+2*e.cols:at+2*e.cols+m+2]
	if e.dct {
		kernel.DCT3Responses(t, r0, r1, r2)
	} else {
		kernel.Conv3Responses(e.bank, t, r0, r1, r2)
	}
}

// adjoint adds Fᵀu to three rows.
func (e *experts) adjoint(o0, o1, o2, u []float64) {
	if e.dct {
		kernel.DCT3Adjoint(o0, o1, o2, u)
	} else {
		kernel.Conv3Adjoint(e.bank, o0, o1, o2, u)
	}
}

// derivative replaces responses by e^{w_k} φ′(t_k) or e^{w_k} φ″(t_k).
func (e *experts) derivative(p pointwise, t []float64) {
	w := &e.weight
	switch {
	case p == firstDerivative && e.potential == Charbonnier:
		for ; len(t) >= nf; t = t[nf:] {
			for k, v := range t[:nf] {
				t[k] = w[k] * (v / math.Sqrt(v*v+e.eps2))
			}
		}
	case p == firstDerivative:
		for ; len(t) >= nf; t = t[nf:] {
			for k, v := range t[:nf] {
				t[k] = w[k] * (v / (1 + 0.5*v*v))
			}
		}
	case e.potential == Charbonnier:
		var c [nf]float64
		for k := range c {
			c[k] = w[k] * e.eps2
		}
		for ; len(t) >= nf; t = t[nf:] {
			for k, v := range t[:nf] {
				s := v*v + e.eps2
				t[k] = c[k] / (s * math.Sqrt(s))
			}
		}
	default:
		for ; len(t) >= nf; t = t[nf:] {
			for k, v := range t[:nf] {
				h := 0.5 * v * v
				t[k] = w[k] * ((1 - h) / ((1 + h) * (1 + h)))
			}
		}
	}
}

// energy returns Σ_k e^{w_k} Σ_p φ(t_k(p)).
func (e *experts) energy(team parallel.Team, y []float64) float64 {
	return parallel.Combine(e.sums(team, 1, y, nil, func(sum, t, _ []float64, i, j, m int) {
		var s [nf]float64
		eps := math.Sqrt(e.eps2)
		for ; len(t) >= nf; t = t[nf:] {
			for k, v := range t[:nf] {
				if e.potential == Charbonnier {
					// Cancellation for small v costs an absolute error of
					// ε·2⁻⁵³, nothing in a sum over all responses.
					s[k] += math.Sqrt(v*v+e.eps2) - eps
				} else {
					s[k] += math.Log1p(0.5 * v * v)
				}
			}
		}
		for k, v := range s {
			sum[0] += e.weight[k] * v
		}
	}))
}

// sums calls f for each tile of each row of positions with the responses of y
// and, if it is not nil, of q, and returns the sums of n numbers that f adds to,
// one set per band.
func (e *experts) sums(team parallel.Team, n int, y, q []float64, f func(sum, t, u []float64, i, j, m int)) []float64 {
	part := make([]float64, n*e.bands())
	team.Run(e.bands(), parallel.TaskFunc(func(c int) {
		s := tiles.Get().(*tile)
		defer tiles.Put(s)
		sum := part[c*n : (c+1)*n]
		for i := c * bandRows; i < min((c+1)*bandRows, e.rows-2); i++ {
			for j := 0; j < e.cols-2; j += tileWidth {
				m := min(tileWidth, e.cols-2-j)
				t, u := s.t[:m*nf], s.u[:m*nf]
				e.responses(t, y, i, j, m)
				if q != nil {
					e.responses(u, q, i, j, m)
				}
				f(sum, t, u, i, j, m)
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
		e.gather(dst, nil, lo, hi, func(s *tile, i, j, m int) []float64 {
			t := s.t[:m*nf]
			e.responses(t, y, i, j, m)
			e.derivative(p, t)
			if scale != nil {
				for ; len(t) >= nf; t = t[nf:] {
					for k := range t[:nf] {
						t[k] *= scale[k]
					}
				}
			}
			return s.t[:m*nf]
		})
	}))
}

// gather sets dst[lo:hi] = base + Fᵀu there, where u returns the panel of m
// positions of row i from column j on and base may be nil for zero.
func (e *experts) gather(dst, base []float64, lo, hi int, u func(s *tile, i, j, m int) []float64) {
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
