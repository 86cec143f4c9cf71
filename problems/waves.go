package problems

import (
	"math"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// A Mode is a product of sine waves on a grid of n₁×n₂×… nodes,
//
//	φ(i) = Π_d sin(k_d·π·(i_d+1)/(n_d+1)),   i_d = 0 … n_d−1,
//
// an eigenvector of the Laplacian with Dirichlet boundaries, times an amplitude.
// Modes of different wave numbers are orthogonal, and ‖φ‖² = Π (n_d+1)/2.
type Mode struct {
	// K holds the wave number k_d of each dimension, from 1 to n_d.
	K []int
	// Amplitude is the factor of the mode.
	Amplitude float64
}

// SpreadModes returns count modes on a grid, or fewer where that many are not to
// be had, with wave numbers spread evenly over the whole spectrum and amplitudes
// 1, 1/2, 1/3, …: in each dimension those of a Kronecker sequence. The first mode
// is the smoothest one.
func SpreadModes(count int, shape ...int) []Mode {
	// Multiples of the powers of 1/g modulo one, with g the positive root of
	// g^(dim+1) = g + 1, are spread evenly in the unit cube (M. Roberts 2018).
	g := 1.5
	for range 60 {
		g = math.Pow(1+g, 1/float64(len(shape)+1))
	}
	var modes []Mode
	seen := map[[3]int]bool{}
	for j := 0; j < 4*count && len(modes) < count; j++ {
		var key [3]int
		m := Mode{K: make([]int, len(shape)), Amplitude: 1 / float64(len(modes)+1)}
		for d, n := range shape {
			_, t := math.Modf(float64(j) * math.Pow(g, -float64(d+1)))
			m.K[d] = 1 + int(t*float64(n))
			key[d] = m.K[d]
		}
		if !seen[key] {
			seen[key] = true
			modes = append(modes, m)
		}
	}
	return modes
}

// sineAt returns sin and cos of π·k·i/(n+1), i counted from 1. The argument is
// reduced before it is rounded, so that large k·i lose no digits.
func sineAt(k, i, n int) (s, c float64) {
	r := int(uint64(k) * uint64(i) % (2 * uint64(n+1)))
	return math.Sincos(math.Pi * (float64(r) / float64(n+1)))
}

// waveTable is how many sines of a wave are kept; the others follow from them
// by the sum of two angles.
const waveTable = 1024

// waves adds up modes on a grid, without holding more than a table for each.
type waves struct {
	shape []int
	modes []Mode
	// sin and cos of the first waveTable steps along a line, mode by mode
	sin, cos [][]float64
}

func newWaves(modes []Mode, shape []int) *waves {
	w := &waves{shape: shape, modes: modes}
	n := shape[len(shape)-1]
	for _, m := range modes {
		s, c := make([]float64, min(n, waveTable)), make([]float64, min(n, waveTable))
		for i := range s {
			s[i], c[i] = sineAt(m.K[len(m.K)-1], i, n)
		}
		w.sin, w.cos = append(w.sin, s), append(w.cos, c)
	}
	return w
}

// sum sets dst = Σ factor_m·φ_m, φ_m without its amplitude.
func (w *waves) sum(team parallel.Team, dst, factor []float64) {
	length := w.shape[len(w.shape)-1]
	parallel.For(team, len(dst), func(lo, hi int) {
		clear(dst[lo:hi])
		for lo < hi {
			// A piece of a line that meets one stretch of the tables.
			line, j := lo/length, lo%length
			from := j / waveTable * waveTable
			q := min(hi, lo+length-j, lo+from+waveTable-j)
			for m, mode := range w.modes {
				c, rest := factor[m], line
				for d := len(w.shape) - 2; d >= 0; d-- {
					s, _ := sineAt(mode.K[d], rest%w.shape[d]+1, w.shape[d])
					c *= s
					rest /= w.shape[d]
				}
				// sin(α + β) = sin α·cos β + cos α·sin β
				s, co := sineAt(mode.K[len(mode.K)-1], from+1, length)
				addSines(dst[lo:q], c*s, w.cos[m][j-from:], c*co, w.sin[m][j-from:])
			}
			lo = q
		}
	})
}

// addSines adds a·u + b·v to dst.
func addSines(dst []float64, a float64, u []float64, b float64, v []float64) {
	u, v = u[:len(dst)], v[:len(dst)]
	for i := range dst {
		dst[i] += a*u[i] + b*v[i]
	}
}
