package hypergrad

import (
	"errors"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// point is a trial of a line search: φ(t) = E(y − t·d) − E(y) and φ′(t). Without a
// finite value φ is +Inf.
type point struct{ t, value, slope float64 }

// search moves y along −d to a point with the strong Wolfe conditions
//
//	φ(t) ≤ φ(0) + 10⁻⁴·t·φ′(0),   |φ′(t)| ≤ 0.9·|φ′(0)|
//
// by the bracketing of Nocedal & Wright, Numerical Optimization, 2006, algorithms 3.5
// and 3.6, with cubic interpolation. slope is −φ′(0). Where t·φ′(0) drowns in the
// rounding errors of the energy φ is summed up from φ′ by the trapezoidal rule, see
// the search of [Newton].
func (it *quasiStep) search(slope float64) error {
	const (
		curvature = 0.9
		trials    = 60 // 4⁶⁰ is 10³⁶
		grow      = 4.0
	)
	noise := energyNoise * math.Abs(it.value)
	lo, hi, bracketed := point{slope: -slope}, point{}, false
	t := 1.0
	if len(it.s) == 0 {
		// Without pairs nothing tells a length: one that would change y by as much
		// as it is, or by one.
		if size := parallel.Norm(it.team, it.y); size > 0 {
			t = size / it.norm
		} else {
			t = 1 / it.norm
		}
	}
	first := t
	for range trials {
		if err := it.ctx.Err(); err != nil {
			return fmt.Errorf("hypergrad: line search: %w", err)
		}
		at, value, norm, err := it.trialAt(t)
		if err != nil {
			return err
		}
		// A change of the energy counts as it is if it can be told from noise.
		if hidden := t*slope < drowned*noise; hidden && at.value <= 10*noise {
			at.value = lo.value + 0.5*(lo.slope+at.slope)*(t-lo.t)
		}
		switch {
		case !(at.value <= -armijo*t*slope) || at.value >= lo.value:
			hi, bracketed = at, true
		case math.Abs(at.slope) <= curvature*slope:
			it.step = t
			it.accept(value, norm)
			return nil
		default:
			if !bracketed && at.slope >= 0 || bracketed && at.slope*(hi.t-lo.t) >= 0 {
				hi, bracketed = lo, true
			}
			lo = at
		}
		if !bracketed {
			t *= grow
			if math.IsInf(t, 0) {
				break
			}
			continue
		}
		if t = interpolate(lo, hi); t == lo.t || t == hi.t {
			break
		}
	}
	if !bracketed && lo.t > first {
		return unbounded(it.fail("the energy still falls at the end of a line search"), it.value+lo.value)
	}
	if lo.t > 0 {
		// The slope at the start was so much smaller than those around that rounding
		// errors hide where it is as small again: what is lower will do.
		at, value, norm, err := it.trialAt(lo.t)
		if err != nil {
			return err
		}
		if at.value < -10*noise || norm < it.norm {
			it.step = lo.t
			it.accept(value, norm)
			return nil
		}
	}
	return it.fail(noDescent)
}

// trialAt evaluates y − t·d.
func (it *quasiStep) trialAt(t float64) (at point, value, norm float64, err error) {
	at = point{t: t, value: math.Inf(1)}
	copy(it.trial, it.y)
	parallel.Axpy(it.team, it.trial, -t, it.d)
	if value, err = it.evaluator.value(it.gTrial, it.trial); err != nil {
		return at, 0, 0, err
	}
	if math.IsInf(value, -1) {
		return at, 0, 0, unbounded(it.fail("the energy at a trial is -Inf"), value)
	}
	if math.IsNaN(value) || math.IsInf(value, 1) {
		return at, value, 0, nil
	}
	switch norm, err = it.gradient(it.gTrial, it.trial); {
	case errors.Is(err, errNonFiniteGradient):
		return at, value, 0, nil
	case err != nil:
		return at, 0, 0, err
	}
	slope := -parallel.Dot(it.team, it.gTrial, it.d)
	if math.IsNaN(slope) {
		return at, value, 0, nil
	}
	return point{t, value - it.value, slope}, value, norm, nil
}

// interpolate returns the minimiser of the cubic through two points, kept away from
// both by a tenth of their distance.
func interpolate(lo, hi point) float64 {
	width := hi.t - lo.t
	t := lo.t + 0.5*width
	if !math.IsInf(hi.value, 0) {
		// Nocedal & Wright, (3.59).
		d1 := lo.slope + hi.slope - 3*(lo.value-hi.value)/(lo.t-hi.t)
		if d2 := d1*d1 - lo.slope*hi.slope; d2 >= 0 {
			root := math.Copysign(math.Sqrt(d2), width)
			c := hi.t - width*(hi.slope+root-d1)/(hi.slope-lo.slope+2*root)
			if !math.IsNaN(c) {
				t = c
			}
		}
	} else {
		t = lo.t + 0.1*width
	}
	share := (t - lo.t) / width
	return lo.t + min(max(share, 0.1), 0.9)*width
}
