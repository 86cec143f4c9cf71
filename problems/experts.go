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
	bank       *kernel.Bank
	weight     []float64 // of the filters
	*layout
}

const (
	// bandRows is the height of a band: 2, 4 or 6 more rows of positions are
	// computed twice.
	bandRows = 32
	// tileWidth is how many columns a tile has. The planes of a 3×3 bank stay in
	// the first-level cache, those of larger ones, which do more work per response,
	// in the second: half the width made them slower.
	tileWidth = 256
)

// layout is how a tile of columns is kept for one size of filters.
type layout struct {
	filters int // their number
	reach   int // one less than their size: rows and columns that windows add to positions
	// stride is the distance of the planes of a tile, which hold up to
	// tileWidth+reach positions between their margins.
	stride int
	tiles  sync.Pool
	parts  []*layout // of fewer filters; nil in a part
}

// layouts belong to the filter sizes 3, 5 and 7.
var layouts = [3]*layout{newLayout(3), newLayout(5), newLayout(7)}

// layoutOf returns the layout for a filter size of 3, 5 or 7.
func layoutOf(size int) *layout { return layouts[(size-3)/2] }

func newLayout(size int) *layout {
	l := newLayoutOf(size*size-1, size)
	for n := range l.filters {
		l.parts = append(l.parts, newLayoutOf(n, size))
	}
	return l
}

func newLayoutOf(filters, size int) *layout {
	l := &layout{filters: filters, reach: size - 1, stride: tileWidth + 3*(size-1) + 2}
	l.tiles.New = func() any { return l.newTile() }
	return l
}

// only returns the experts with the given filters.
func (e *experts) only(filters []int) *experts {
	if len(filters) == e.filters {
		return e
	}
	part := *e
	part.layout, part.weight = e.parts[len(filters)], nil
	var taps []float64
	for _, k := range filters {
		part.weight = append(part.weight, e.weight[k])
		taps = append(taps, e.bank.Filter(k)...)
	}
	part.bank = kernel.NewBank(e.reach+1, taps, e.cols, e.stride)
	return &part
}

// parameters returns the length of w.
func (l *layout) parameters(learned bool) int {
	if learned {
		return l.filters * (1 + (l.reach+1)*(l.reach+1))
	}
	return l.filters
}

// pointwise says which function of the responses an operation needs.
type pointwise int

const (
	firstDerivative  pointwise = iota // e^{w_k} φ′(t_k)
	secondDerivative                  // e^{w_k} φ″(t_k)
)

// planes are the responses of all filters at a row of positions, with the margins
// that adjoints read; those before the values are never written to.
type planes struct {
	v              []float64
	stride, margin int
}

// plane returns the m responses of filter k.
func (t *planes) plane(k, m int) []float64 { return t.v[k*t.stride+t.margin:][:m] }

// close zeroes the margins after m values.
func (t *planes) close(m int) {
	for at := t.margin + m; at < len(t.v); at += t.stride {
		clear(t.v[at:][:t.margin])
	}
}

// tile is the scratch of one worker.
type tile struct {
	t, u    planes
	ring    [kernel.MostFilterSize][]float64
	scratch []float64
}

func (l *layout) newTile() *tile {
	s := &tile{scratch: make([]float64, (l.reach+1)*l.stride)}
	for _, p := range []*planes{&s.t, &s.u} {
		*p = planes{make([]float64, l.filters*l.stride), l.stride, l.reach}
	}
	for r := range l.reach + 1 {
		s.ring[r] = make([]float64, tileWidth+2*l.reach)
	}
	return s
}

// bands returns the number of bands of rows.
func (e *experts) bands() int { return (e.rows + bandRows - 1) / bandRows }

// responses sets t, planes of s, to the responses of image y at m positions of row
// i from column j on.
func (e *experts) responses(s *tile, t *planes, y []float64, i, j, m int) {
	e.bank.Responses(t.v[e.reach:], y[i*e.cols+j:], m, s.scratch)
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
		s := e.tiles.Get().(*tile)
		defer e.tiles.Put(s)
		sum := part[c*n : (c+1)*n]
		for i := c * bandRows; i < min((c+1)*bandRows, e.rows-e.reach); i++ {
			for j := 0; j < e.cols-e.reach; j += tileWidth {
				m := min(tileWidth, e.cols-e.reach-j)
				e.responses(s, &s.t, y, i, j, m)
				if q != nil {
					e.responses(s, &s.u, q, i, j, m)
				}
				f(sum, s, i, j, m)
			}
		}
	}))
	return part
}

// adjointOf sets dst = Σ_k F_kᵀ u_k, where u_k = e^{w_k} φ′(t_k) or
// e^{w_k} φ″(t_k), times scale[k] if that is not nil.
func (e *experts) adjointOf(team parallel.Team, p pointwise, dst, y []float64, scale []float64) {
	scaled := *e
	if scale != nil {
		scaled.weight = make([]float64, e.filters)
		for k, c := range scale {
			scaled.weight[k] = e.weight[k] * c
		}
	}
	team.Run(e.bands(), parallel.TaskFunc(func(c int) {
		lo, hi := c*bandRows*e.cols, min((c+1)*bandRows, e.rows)*e.cols
		e.gather(dst, nil, lo, hi, func(s *tile, i, j, m int) *planes {
			e.responses(s, &s.t, y, i, j, m)
			scaled.derivative(p, &s.t, m)
			return &s.t
		})
	}))
}

// gather sets dst[lo:hi] = base + Fᵀu there, where u returns the planes of m
// positions of row i from column j on and base may be nil for zero.
func (e *experts) gather(dst, base []float64, lo, hi int, u func(s *tile, i, j, m int) *planes) {
	s := e.tiles.Get().(*tile)
	defer e.tiles.Put(s)
	first, last := lo/e.cols, (hi-1)/e.cols // rows of pixels
	size := e.reach + 1
	for left := 0; left < e.cols; left += tileWidth {
		right := min(left+tileWidth, e.cols)
		// Positions that reach the columns left … right-1, and the columns
		// that these positions reach.
		j0, j1 := max(left-e.reach, 0), min(right, e.cols-e.reach)
		m := j1 - j0
		width := m + e.reach
		// o is the window: the rows of the ring from row i on.
		var o [kernel.MostFilterSize][]float64
		for r := range size {
			o[r] = s.ring[r][:width]
			clear(o[r])
		}
		for i := max(first-e.reach, 0); i <= last; i++ {
			if i < e.rows-e.reach && m > 0 {
				p := u(s, i, j0, m)
				p.close(m)
				e.bank.Adjoint(&o, p.v, s.scratch)
			}
			// Row i is complete.
			o0 := o[0]
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
			copy(o[:size], o[1:size])
			clear(o0)
			o[size-1] = o0
		}
	}
}
