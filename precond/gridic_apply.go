package precond

import (
	"context"
	"errors"
	"fmt"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// gridICWork is an application under way.
type gridICWork struct {
	m        *GridIC
	v        []float32 // rows with margins of zeros
	dst, x   []float64
	scale    float64
	phase    gridPhase
	together int // bands that a chunk works on
}

// gridPhase is what a pass does.
type gridPhase int

const (
	gridForward  gridPhase = iota // even bands: L⁻¹
	gridMiddle                    // odd bands: L⁻¹, and D⁻¹ and L⁻ᵀ while they are in cache
	gridBackward                  // even bands: D⁻¹ and L⁻ᵀ
)

// gridTogether is how many bands a chunk works on at a time: the recurrences within
// their rows, which wait for one sum after the other, take turns.
const gridTogether = 2

// Apply implements [hvp.Operator].
func (m *GridIC) Apply(ctx context.Context, dst, x []float64) error {
	n := m.rows * m.cols
	switch {
	case m.broken:
		return errors.New("precond: incomplete Cholesky on a grid: not built, its last refresh failed")
	case len(dst) != n || len(x) != n:
		return fmt.Errorf("precond: incomplete Cholesky on a grid of order %d applied with len(dst) = %d and len(x) = %d", n, len(dst), len(x))
	}
	count := len(m.bands) - 1
	team := parallel.FromContext(ctx)
	w, _ := m.work.Get().(*gridICWork)
	if size := m.rows * m.m.Pitch(); w == nil || len(w.v) != size {
		w = &gridICWork{m: m, v: make([]float32, size)}
	}
	w.dst, w.x, w.scale = dst, x, scaleOf(team, x)
	w.together = gridTogether
	if count/2 < gridTogether*team.Size() { // rather all workers
		w.together = 1
	}
	for _, p := range [...]struct {
		phase gridPhase
		bands int
	}{{gridForward, (count + 1) / 2}, {gridMiddle, count / 2}, {gridBackward, (count + 1) / 2}} {
		w.phase = p.phase
		team.Run((p.bands+w.together-1)/w.together, w)
	}
	w.dst, w.x = nil, nil
	m.work.Put(w)
	return nil
}

// ApplyTrans implements [hvp.Transposer].
func (m *GridIC) ApplyTrans(ctx context.Context, dst, x []float64) error { return m.Apply(ctx, dst, x) }

// Chunk implements parallel.Task.
func (w *gridICWork) Chunk(c int) {
	odd := 0
	if w.phase == gridMiddle {
		odd = 1
	}
	var bands [gridTogether]int
	set := bands[:0]
	for g := range w.together {
		if k := 2*(w.together*c+g) + odd; k < len(w.m.bands)-1 {
			set = append(set, k)
		}
	}
	if w.phase != gridBackward {
		w.forward(set)
	}
	if w.phase != gridForward {
		w.backward(set)
	}
}

// row returns row i of the vector, and where it begins.
func (w *gridICWork) row(i int) (v []float32, at int) {
	at = i*w.m.m.Pitch() + w.m.reach
	return w.v[at:][:w.m.cols], at
}

// forward solves with L in bands that do not depend on each other.
func (w *gridICWork) forward(bands []int) {
	m := w.m
	val, pitch, r := m.m.Raw(), m.m.Pitch(), m.reach
	for step := 0; ; step++ {
		var rows [gridTogether]int
		set := rows[:0]
		for _, k := range bands {
			i := m.bands[k] + step
			if i >= m.bands[k+1] {
				continue
			}
			v, _ := w.row(i)
			for j, x := range w.x[i*m.cols:][:m.cols] {
				v[j] = float32(w.scale * x)
			}
			w.gather(v, k, i, false)
			set = append(set, i)
		}
		switch {
		case len(set) == 0:
			return
		case len(set) == 2 && r == 2:
			p, q := m.m.At(set[0], 1), m.m.At(set[1], 1)
			u, _ := w.row(set[0])
			v, _ := w.row(set[1])
			forwardTwo(u, val[p:], val[p+pitch:], v, val[q:], val[q+pitch:])
			continue
		}
		for _, i := range set {
			at, l := i*pitch+r, m.m.At(i, 1)
			for j := range m.cols {
				s := w.v[at+j]
				for b := r; b > 0; b-- {
					s -= float32(val[l+(b-1)*pitch+j] * w.v[at+j-b])
				}
				w.v[at+j] = s
			}
		}
	}
}

// backward solves with D·Lᵀ in bands that do not depend on each other, and sends them
// to the result.
func (w *gridICWork) backward(bands []int) {
	m := w.m
	val, pitch, r := m.m.Raw(), m.m.Pitch(), m.reach
	for step := 1; ; step++ {
		var rows [gridTogether]int
		set := rows[:0]
		for _, k := range bands {
			i := m.bands[k+1] - step
			if i < m.bands[k] {
				continue
			}
			v, _ := w.row(i)
			for j, d := range m.m.Row(i, 0, 0) {
				v[j] *= d
			}
			w.gather(v, k, i, true)
			set = append(set, i)
		}
		switch {
		case len(set) == 0:
			return
		case len(set) == 2 && r == 2:
			p, q := m.m.At(set[0], 1), m.m.At(set[1], 1)
			u, _ := w.row(set[0])
			v, _ := w.row(set[1])
			backwardTwo(u, val[p+1:], val[p+pitch+2:], v, val[q+1:], val[q+pitch+2:])
		default:
			for _, i := range set {
				at, l := i*pitch+r, m.m.At(i, 1)
				for j := m.cols - 1; j >= 0; j-- {
					s := w.v[at+j]
					for b := r; b > 0; b-- {
						s -= float32(val[l+(b-1)*pitch+j+b] * w.v[at+j+b])
					}
					w.v[at+j] = s
				}
			}
		}
		back := 1 / w.scale
		for _, i := range set {
			v, _ := w.row(i)
			out := w.dst[i*m.cols:][:m.cols]
			for j, x := range v {
				out[j] = back * float64(x)
			}
		}
	}
}

// gather subtracts what the rows near row i of band k say, those after it in the order of
// elimination or those before: Σ l·v.
func (w *gridICWork) gather(v []float32, k, i int, later bool) {
	m := w.m
	val, r := m.m.Raw(), m.reach
	for a := 1; a <= r; a++ {
		for _, a := range [2]int{-a, a} {
			if i+a < 0 || i+a >= m.rows || m.later(k, i, i+a) != later {
				continue
			}
			l, step := m.coupling(i, a, -r)
			_, at := w.row(i + a)
			kernel.SubProductsSingle(v, val, l, step, w.v, at-r, 1, 2*r+1)
		}
	}
}

// forwardTwo runs u[j] ← u[j] − l₂[j]·u[j−2] − l₁[j]·u[j−1] in two rows of one length.
func forwardTwo(u, near, far, v, near2, far2 []float32) {
	n := len(u)
	near, far, v, near2, far2 = near[:n], far[:n], v[:n], near2[:n], far2[:n]
	var u1, u2, v1, v2 float32
	for j, s := range u {
		s -= float32(far[j] * u2)
		s -= float32(near[j] * u1)
		t := v[j] - float32(far2[j]*v2)
		t -= float32(near2[j] * v1)
		u[j], v[j] = s, t
		u1, u2, v1, v2 = s, u1, t, v1
	}
}

// backwardTwo runs u[j] ← u[j] − l₂[j]·u[j+2] − l₁[j]·u[j+1] backwards in two rows, where
// the coefficients are shifted.
func backwardTwo(u, near, far, v, near2, far2 []float32) {
	n := len(u)
	near, far, v, near2, far2 = near[:n], far[:n], v[:n], near2[:n], far2[:n]
	var u1, u2, v1, v2 float32
	for j := n - 1; j >= 0; j-- {
		s := u[j] - float32(far[j]*u2)
		s -= float32(near[j] * u1)
		t := v[j] - float32(far2[j]*v2)
		t -= float32(near2[j] * v1)
		u[j], v[j] = s, t
		u1, u2, v1, v2 = s, u1, t, v1
	}
}

var _ hvp.Transposer = (*GridIC)(nil)
