package hypergrad

import (
	"math"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// signal is what a vector has been in the last points, as backward differences,
//
//	∇⁰ = x_t,   ∇^{j+1}_t = ∇^j_t − ∇^j_{t-1},
//
// newest first, which are well apart in size and direction where the vectors
// themselves are almost parallel, so that normal equations in them are harmless.
type signal struct {
	d     [][]float64
	scale float64   // a power of two that brings the first vector near 1
	gram  []float64 // ⟨∇^i, ∇^j⟩: size×size
	size  int

	// Of the sweep that runs.
	x       []float64
	replace bool
	change  bool
	blocks  int
	part    []float64
	scratch parallel.Scratch
}

// begin makes the signal ready for vectors like x, size of them at most.
func (s *signal) begin(t parallel.Team, size int, x []float64) {
	s.size, s.scale = size, 1
	if norm := parallel.Norm(t, x); norm > 0 && !math.IsInf(norm, 0) {
		_, e := math.Frexp(norm)
		s.scale = math.Ldexp(1, max(-1000, min(1000, -e)))
	}
	s.gram = parallel.Grow(s.gram, size*size)
	clear(s.gram) // what is not set yet must be the same in a checkpoint
}

// push adds x as the newest of count vectors, or has it take the place of the newest.
func (s *signal) push(t parallel.Team, count int, x []float64, replace bool) {
	for len(s.d) < count {
		s.d = append(s.d, nil)
	}
	if !replace {
		s.d[count-1] = parallel.Grow(s.d[count-1], len(x))
	}
	s.x, s.replace, s.change, s.blocks = x, replace, false, parallel.Blocks(len(x))
	d := s.d
	s.d = d[:count]
	s.part = parallel.Grow(s.part, count*count*s.blocks)
	t.Run(s.blocks, s)
	for i := range count {
		for j := range i + 1 {
			g := parallel.Combine(s.part[(i*count+j)*s.blocks:][:s.blocks])
			s.gram[i*s.size+j], s.gram[j*s.size+i] = g, g
		}
	}
	s.d, s.x = d, nil
}

// changes sets sums[0] to ‖x − ∇⁰‖² and sums[j] to ⟨x − ∇⁰, ∇^j⟩, in scaled units.
func (s *signal) changes(t parallel.Team, sums, x []float64) {
	s.x, s.change, s.blocks = x, true, parallel.Blocks(len(x))
	d := s.d
	s.d = d[:len(sums)]
	s.part = parallel.Grow(s.part, len(sums)*s.blocks)
	t.Run(s.blocks, s)
	for j := range sums {
		sums[j] = parallel.Combine(s.part[j*s.blocks:][:s.blocks])
	}
	s.d, s.x = d, nil
}

// Chunk implements [parallel.Task]. A block of all differences stays in cache for the
// inner products, so that a push reads and writes each of them once.
func (s *signal) Chunk(b int) {
	lo, hi := parallel.Block(b, len(s.x))
	d, x := s.d, s.x[lo:hi]
	if s.change {
		own := s.scratch.Get(hi - lo)
		u := *own
		for i, v := range x {
			u[i] = v*s.scale - d[0][lo+i]
		}
		for j := range d {
			s.part[j*s.blocks+b] = 0
		}
		s.part[b] = kernel.Dot(u, u)
		for j := 1; j < len(d); j++ {
			s.part[j*s.blocks+b] = kernel.Dot(u, d[j][lo:hi])
		}
		s.scratch.Put(own)
		return
	}
	for i, v := range x {
		v *= s.scale
		if s.replace {
			// The newest vector is in every difference.
			v -= d[0][lo+i]
			for _, e := range d[1:] {
				e[lo+i] += v
			}
			d[0][lo+i] = x[i] * s.scale
			continue
		}
		for _, e := range d {
			e[lo+i], v = v, v-e[lo+i]
		}
	}
	count := len(d)
	for i := range d {
		row := s.part[i*count*s.blocks+b:]
		for j := range i + 1 {
			row[j*s.blocks] = 0
		}
		kernel.PanelDots(row, s.blocks, d[:i+1], d[i], lo, hi)
	}
}

// same reports whether x is the newest vector, bit for bit.
func (s *signal) same(x []float64) bool {
	for i, v := range x {
		if v*s.scale != s.d[0][i] {
			return false
		}
	}
	return true
}
