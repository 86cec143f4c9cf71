package precond

import (
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// factorise replaces the matrix in m.m by its factor. It returns the first point whose
// pivot is no good, with that, or −1.
func (m *GridIC) factorise(team parallel.Team) (bad int, pivot float64) {
	count := len(m.bands) - 1
	m.diag = parallel.Grow(m.diag, m.rows*m.cols)
	team.Run(count, parallel.TaskFunc(func(k int) {
		for i := m.bands[k]; i < m.bands[k+1]; i++ {
			d := m.m.Row(i, 0, 0)
			copy(m.diag[i*m.cols:], d)
			for j := range d {
				d[j] *= float32(1 + m.shift)
			}
		}
	}))
	where, pivots := make([]int, count), make([]float64, count)
	for kind := range 2 {
		team.Run((count+1-kind)/2, parallel.TaskFunc(func(c int) {
			k := 2*c + kind
			where[k], pivots[k] = m.factoriseBand(k)
		}))
		for k := kind; k < count; k += 2 {
			if where[k] >= 0 {
				return where[k], pivots[k]
			}
		}
	}
	return -1, 0
}

// gridRows are the couplings of a row of points with those after it, before they are
// divided by the pivots: 2r+1 planes for each row after it.
type gridRows struct{ e []float32 }

// factoriseBand eliminates the points of a band.
func (m *GridIC) factoriseBand(k int) (bad int, pivot float64) {
	r, pitch := m.reach, m.m.Pitch()
	s, _ := m.families.Get().(*gridRows)
	if s == nil {
		s = new(gridRows)
	}
	defer m.families.Put(s)
	s.e = parallel.Grow(s.e, 2*r*(2*r+1)*pitch)
	clear(s.e) // the margins
	after := make([]int, 0, 2*r)
	for i := m.bands[k]; i < m.bands[k+1]; i++ {
		if j, d := m.eliminateWithin(i); j >= 0 {
			return i*m.cols + j, d
		}
		after = after[:0]
		for a := -r; a <= r; a++ {
			if a != 0 && m.later(k, i, i+a) {
				after = append(after, a)
			}
		}
		for p, a := range after {
			m.couplings(s.e[p*(2*r+1)*pitch:], i, a)
		}
		for p, a1 := range after {
			for q := p; q < len(after) && after[q]-a1 <= r; q++ {
				m.eliminateFrom(s.e[p*(2*r+1)*pitch:], i, a1, after[q])
			}
		}
	}
	return -1, 0
}

// eliminateWithin factorises the couplings of row i of the grid with itself. It returns
// the first column whose pivot is no good, with that, or −1.
func (m *GridIC) eliminateWithin(i int) (bad int, pivot float64) {
	val, r, pitch := m.m.Raw(), m.reach, m.m.Pitch()
	at := m.m.At(i, 0)
	least := m.diag[i*m.cols:][:m.cols]
	d := val[at:][:m.cols+r]
	if r == 2 {
		near, far := val[at+pitch:][:m.cols+r], val[at+2*pitch:][:m.cols+r]
		d0, d1, e1 := d[0], d[1], near[1]
		for j, v := range least {
			if !(d0 > gridLeastPivot*v) || !(d0 < singleHuge) {
				return j, float64(d0)
			}
			// Of the pivot of column j and what it changes, in registers:
			// d1 and e2 are of columns j+1 and j+2.
			inv := 1 / d0
			e2 := far[j+2]
			l1, l2 := e1*inv, e2*inv
			near[j+1], far[j+2], d[j] = l1, l2, inv
			d0 = d1 - float32(l1*e1)
			d1 = d[j+2] - float32(l2*e2)
			e1 = near[j+2] - float32(l2*e1)
		}
		return -1, 0
	}
	for j, v := range least {
		if !(d[j] > gridLeastPivot*v) || !(d[j] < singleHuge) {
			return j, float64(d[j])
		}
		inv := 1 / d[j]
		d[j] = inv
		for s := 1; s <= r; s++ {
			e := val[at+s*pitch+j+s]
			d[j+s] -= float32(float32(e*inv) * e)
			for t := s + 1; t <= r; t++ {
				val[at+(t-s)*pitch+j+t] -= float32(float32(val[at+t*pitch+j+t]*inv) * e)
			}
		}
		for s := 1; s <= r; s++ {
			val[at+s*pitch+j+s] *= inv
		}
	}
	return -1, 0
}

const singleHuge = 0x1p100

// coupling returns where the coupling of point (i, 0) with (i+a, b) is, and by how much
// that changes with b. It is kept at the later of the two points in the order of rows.
func (m *GridIC) coupling(i, a, b int) (at, step int) {
	if a > 0 {
		return m.m.At(i+a, m.m.Plane(a, b)) + b, m.m.Pitch() + 1
	}
	return m.m.At(i, m.m.Plane(-a, -b)), -m.m.Pitch()
}

// couplings eliminates the points of row i from their couplings with row i+a, in the
// direction of the row, keeps the result in e and divides it by the pivots.
func (m *GridIC) couplings(e []float32, i, a int) {
	val, r, pitch := m.m.Raw(), m.reach, m.m.Pitch()
	within := m.m.At(i, 1)
	inv := m.m.Row(i, 0, 0)
	for b := r; b >= -r; b-- {
		at, _ := m.coupling(i, a, b)
		t := val[at:][:m.cols]
		if terms := min(r, r-b); terms > 0 {
			// e(b)[j] ← e(b)[j] − Σ_s l_s[j]·e(b+s)[j−s]
			kernel.SubProductsSingle(t, val, within, pitch, e, (b+1+r)*pitch+r-1, pitch-1, terms)
		}
		keep := e[(b+r)*pitch+r:][:m.cols]
		for j, v := range t {
			keep[j] = v
			t[j] = v * inv[j]
		}
	}
}

// eliminateFrom eliminates the points of row i from the couplings of row i+a1 with row
// i+a2, where e holds those of row i with row i+a1 and a1 ≤ a2.
func (m *GridIC) eliminateFrom(e []float32, i, a1, a2 int) {
	val, r, pitch := m.m.Raw(), m.reach, m.m.Pitch()
	first := -r
	if a1 == a2 {
		first = 0
	}
	for delta := first; delta <= r; delta++ {
		// Points (i+a1, m−δ) and (i+a2, m), by all points (i, m−b).
		lo, hi := max(-r, delta-r), min(r, delta+r)
		t := m.m.Row(i+a2, a2-a1, delta)
		x, step := m.coupling(i, a2, lo)
		kernel.SubProductsSingle(t, e, (lo-delta+r)*pitch+r-lo, pitch-1, val, x-lo, step-1, hi-lo+1)
	}
}
