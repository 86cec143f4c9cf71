package hypergrad

import (
	"math"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// taylor compares a derivative d with the function f along a line: f sets dst to
// the value at step t, len(dst) = len(d). It looks at the remainder
//
//	r(h) = ‖f(h) − f(0) − h·d‖,   O(h²) for the right d, O(h) for a wrong one,
//
// on a sequence of halved steps, and at the difference quotients themselves.
type taylor struct {
	f     func(dst []float64, t float64) error
	d     []float64
	first float64 // the largest step
	size  float64 // what an error is relative to, at least; 0: only to d
	tol   float64 // remainders that are smaller relative to the step do not count
}

// slope is the outcome.
type slope struct {
	quotient []float64 // the derivative by differences, extrapolated
	unsure   float64   // estimate of its error
	err      float64   // ‖quotient − d‖
	size     float64   // that err is relative to
	order    float64   // of r(h); 0: r is at the level of rounding errors
	factor   float64   // best c in quotient ≈ c·d
	pure     bool      // and it explains the difference
}

const (
	halvings = 26
	epsilon  = 0x1p-52
	// clean is how far above the rounding errors a remainder must be for its
	// slope to mean anything.
	clean = 64
)

func (t *taylor) run() (s slope, err error) {
	m := len(t.d)
	at := func(h float64) ([]float64, error) {
		v := make([]float64, m)
		return v, t.f(v, h)
	}
	f0, err := at(0)
	if err != nil {
		return s, err
	}
	noise, err := t.noise(f0)
	if err != nil {
		return s, err
	}
	normD := norm(t.d)
	var previous, extrapolated, older []float64 // quotient of 2h; of h and 2h, of 2h and 4h
	var order []float64                         // remainders, from some step on without gap
	s.unsure = math.Inf(1)
	h := t.first
	for range halvings {
		f, err := at(h)
		if err != nil {
			return s, err
		}
		q, r := make([]float64, m), make([]float64, m)
		for i := range q {
			q[i] = (f[i] - f0[i]) / h
			r[i] = q[i] - t.d[i]
		}
		size := max(normD, norm(q), t.size)
		floor := max(noise, 2*epsilon*(norm(f)+h*normD))
		if rem := h * norm(r); rem > clean*floor && rem > t.tol*h*size {
			order = append(order, rem)
		} else if len(order) > 2 {
			order = append(order, 0) // the end of the sequence
		} else {
			order = order[:0]
		}
		if previous != nil {
			older, extrapolated = extrapolated, make([]float64, m)
			for i := range q {
				extrapolated[i] = 2*q[i] - previous[i]
			}
			if older != nil {
				unsure := distance(extrapolated, older) + 4*floor/h
				if unsure < s.unsure {
					s.unsure, s.quotient = unsure, extrapolated
					s.size = max(normD, norm(extrapolated), t.size)
				}
			}
		}
		previous = q
		if len(order) > 0 && order[len(order)-1] == 0 || size > 0 && floor/h > 1e-3*size {
			if s.quotient != nil && 4*floor/h > s.unsure {
				break // smaller steps only add noise
			}
		}
		h /= 2
	}
	s.err = distance(s.quotient, t.d)
	s.order = lastSlope(order)
	if dd := dot(t.d, t.d); dd > 0 {
		s.factor = dot(s.quotient, t.d) / dd
		rest := 0.0
		for i, v := range s.quotient {
			rest += (v - s.factor*t.d[i]) * (v - s.factor*t.d[i])
		}
		s.pure = math.Sqrt(rest) <= 1e-3*s.size
	}
	return s, nil
}

// noise estimates the rounding errors of f near f0 by fourth differences over
// tiny steps, of which a smooth f leaves nothing (R. W. Hamming; J. J. Moré,
// S. M. Wild, Estimating computational noise, SIAM J. Sci. Comput. 33 (2011),
// doi:10.1137/100786125). Independent errors of size ε give √70·ε.
func (t *taylor) noise(f0 []float64) (float64, error) {
	const count = 9
	values := [count][]float64{f0}
	for k := 1; k < count; k++ {
		values[k] = make([]float64, len(f0))
		if err := t.f(values[k], float64(k)*t.first*0x1p-30); err != nil {
			return 0, err
		}
	}
	worst := 0.0
	for k := range count - 4 {
		sum := 0.0
		for i := range f0 {
			d := values[k][i] - 4*values[k+1][i] + 6*values[k+2][i] - 4*values[k+3][i] + values[k+4][i]
			sum += d * d
		}
		worst = max(worst, math.Sqrt(sum/70))
	}
	return max(worst, epsilon/4*norm(f0)), nil
}

// lastSlope returns the mean of log₂ r(2h)/r(h) over the smallest steps, up to
// four of them, before a zero; 0 if there are less than two.
func lastSlope(r []float64) float64 {
	for k, v := range r {
		if v == 0 {
			r = r[:k]
			break
		}
	}
	if len(r) < 3 {
		return 0
	}
	r = r[max(0, len(r)-5):]
	return math.Log2(r[0]/r[len(r)-1]) / float64(len(r)-1)
}

func norm(x []float64) float64   { return parallel.Norm(1, x) }
func dot(x, y []float64) float64 { return parallel.Dot(1, x, y) }

func distance(x, y []float64) float64 {
	d := make([]float64, len(x))
	for i, v := range x {
		d[i] = v - y[i]
	}
	return norm(d)
}

// rms is the root of the mean square, 1 for zero vectors: the scale of x.
func rms(x []float64) float64 {
	if n := norm(x); n > 0 {
		return n / math.Sqrt(float64(len(x)))
	}
	return 1
}
