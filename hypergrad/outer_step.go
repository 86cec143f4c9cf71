package hypergrad

import (
	"math"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// held says whether a bound stops a descent along −g in entry i.
func (r *outerRun) held(i int, w, g float64) bool {
	lo, hi := r.bounds(i)
	return w <= lo && g >= 0 || w >= hi && g <= 0
}

// projectedNorm is the norm of g without the entries that a bound holds.
func (r *outerRun) projectedNorm(w, g []float64) float64 {
	sum := parallel.Sum(r.team, r.nw, func(lo, hi int) (s float64) {
		for i := lo; i < hi; i++ {
			if !r.held(i, w[i], g[i]) {
				s += g[i] * g[i]
			}
		}
		return s
	})
	if sum > 1e-280 && sum < 1e280 {
		return math.Sqrt(sum)
	}
	// Squares overflow or underflow: scale.
	size := parallel.MaxAbs(r.team, g)
	if size == 0 || math.IsInf(size, 0) || math.IsNaN(size) {
		return size
	}
	sum = parallel.Sum(r.team, r.nw, func(lo, hi int) (s float64) {
		for i := lo; i < hi; i++ {
			if !r.held(i, w[i], g[i]) {
				s += g[i] / size * (g[i] / size)
			}
		}
		return s
	})
	return size * math.Sqrt(sum)
}

// freeDot is xᵀy over the free entries.
func (r *outerRun) freeDot(x, y []float64) float64 {
	return parallel.Sum(r.team, r.nw, func(lo, hi int) (s float64) {
		for i := lo; i < hi; i++ {
			if r.free[i] {
				s += x[i] * y[i]
			}
		}
		return s
	})
}

// propose sets trialW and step = trialW − W, and returns the slope gᵀ·step < 0 and
// the largest change of an entry. newton says that this is a whole quasi-Newton
// step.
func (r *outerRun) propose() (slope, longest float64, newton bool) {
	st := &r.st
	for i, g := range st.G {
		r.free[i] = !r.held(i, st.W[i], g)
	}
	r.quasiNewton()
	newton = !st.Stretch && len(st.S) > 0
	size := parallel.MaxAbs(r.team, r.dir)
	scale := 1.0
	if !newton || size > st.Limit {
		scale, newton = st.Limit/size, false
	}
	longest = r.project(scale)
	if slope = parallel.Dot(r.team, st.G, r.step); slope < 0 {
		return slope, longest, newton
	}
	// Clipping may turn a quasi-Newton step uphill, never one along −g.
	for i := range r.dir {
		r.dir[i] = 0
		if r.free[i] {
			r.dir[i] = -st.G[i]
		}
	}
	longest = r.project(st.Limit / parallel.MaxAbs(r.team, r.dir))
	return parallel.Dot(r.team, st.G, r.step), longest, false
}

// project sets trialW to W + scale·dir, clipped to the bounds.
func (r *outerRun) project(scale float64) (longest float64) {
	for i, w := range r.st.W {
		lo, hi := r.bounds(i)
		r.trialW[i] = min(max(w+scale*r.dir[i], lo), hi)
		r.step[i] = r.trialW[i] - w
		longest = max(longest, math.Abs(r.step[i]))
	}
	return longest
}

// quasiNewton sets dir = −H·g on the free entries and zero elsewhere, H the L-BFGS
// matrix of the pairs restricted to these entries (Nocedal, Math. Comp. 35, 1980,
// doi:10.1090/S0025-5718-1980-0572855-7). Pairs without positive curvature there
// are passed over.
func (r *outerRun) quasiNewton() {
	st, d := &r.st, r.dir
	for i, g := range st.G {
		d[i] = 0
		if r.free[i] {
			d[i] = -g
		}
	}
	m := len(st.S)
	rho, alpha := make([]float64, m), make([]float64, m)
	gamma := 0.0
	for k := m - 1; k >= 0; k-- {
		s, y := st.S[k], st.D[k]
		sy, yy := r.freeDot(s, y), r.freeDot(y, y)
		if !(sy > curved*math.Sqrt(yy*r.freeDot(s, s))) {
			continue
		}
		rho[k] = 1 / sy
		if gamma == 0 {
			gamma = sy / yy
		}
		// α = ρ·sᵀd,  d ← d − α·y
		alpha[k] = rho[k] * r.freeDot(s, d)
		parallel.Axpy(r.team, d, -alpha[k], y)
	}
	if gamma == 0 {
		gamma = 1
	}
	parallel.ScaleTo(r.team, d, gamma, d)
	for k := range m {
		if rho[k] != 0 {
			// d ← d + (α − ρ·yᵀd)·s
			parallel.Axpy(r.team, d, alpha[k]-rho[k]*r.freeDot(st.D[k], d), st.S[k])
		}
	}
	for i := range d {
		if !r.free[i] {
			d[i] = 0
		}
	}
}

// curved is the least cosine of the angle between step and change of gradient for
// a pair to be used.
const curved = 1e-8

// remember adds the pair (step, change), or notes that its curvature is not
// positive.
func (r *outerRun) remember() {
	st := &r.st
	sy := parallel.Dot(r.team, r.step, r.change)
	st.Stretch = !(sy > curved*parallel.Norm(r.team, r.step)*parallel.Norm(r.team, r.change))
	if st.Stretch {
		return
	}
	var s, d []float64
	if len(st.S) >= r.Memory {
		s, d = st.S[0], st.D[0]
		st.S, st.D = append(st.S[:0], st.S[1:]...), append(st.D[:0], st.D[1:]...)
	} else {
		s, d = make([]float64, r.nw), make([]float64, r.nw)
	}
	copy(s, r.step)
	copy(d, r.change)
	st.S, st.D = append(st.S, s), append(st.D, d)
}

// curvature is the least second derivative of L along the steps of the pairs.
func (r *outerRun) curvature() float64 {
	least := math.Inf(1)
	for k, s := range r.st.S {
		least = min(least, parallel.Dot(r.team, s, r.st.D[k])/parallel.Dot(r.team, s, s))
	}
	return least
}
