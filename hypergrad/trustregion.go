package hypergrad

import (
	"errors"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

const (
	armijo = 1e-4 // the share of the predicted decrease that a step must bring
	// shortest is the least t of a line search.
	shortest = 0x1p-40
	// energyNoise bounds the rounding errors of an energy relative to its size, and
	// drowned is how far above them a decrease must be to be read off the energy.
	energyNoise, drowned = 1e-13, 1e3
)

const noDescent = "no step along the Newton direction lowers the merit: the tolerance is below what rounding errors allow, or gradient, energy and Hessian product do not belong together"

// search moves y to y − t·d with sufficient decrease, t = 1 first, and returns the
// new gradient norm.
//
// The test is Armijo's on the merit. Where the decrease drowns in the rounding errors
// of the energy it is taken from the gradients at both ends of the step instead,
//
//	E(y) − E(y − t·d) ≈ ½t·(G(y) + G(y − t·d))ᵀd
//
// (the approximate Wolfe conditions of Hager & Zhang, SIAM J. Optim. 16, 2005,
// doi:10.1137/030601880), and a step that should end near a stationary point must
// lower the norm of the gradient too.
func (it *newtonStep) search(norm float64, s cgStep) (newNorm float64, err error) {
	if it.energy == nil {
		return it.searchNorm(norm)
	}
	noise := energyNoise * math.Abs(it.value)
	for it.step = 1; it.step > shortest; {
		if err := it.ctx.Err(); err != nil {
			return 0, fmt.Errorf("hypergrad: line search: %w", err)
		}
		it.moveTrial()
		value, err := it.evaluator.value(it.gTrial, it.trial)
		if err != nil {
			return 0, err
		}
		if math.IsInf(value, -1) {
			return 0, unbounded(it.fail("the energy at a trial is -Inf"), value)
		}
		want := it.step * s.slope
		gain := it.value - value
		hidden := want < drowned*noise
		ok := gain >= armijo*want
		if hidden {
			ok = gain >= -10*noise
		}
		if ok { // never for NaN
			newNorm, err = it.gradient(it.gTrial, it.trial)
			switch {
			case errors.Is(err, errNonFiniteGradient):
				ok = false
			case err != nil:
				return 0, err
			case hidden:
				gain = 0.5 * it.step * (s.slope + parallel.Dot(it.team, it.gTrial, it.d))
				ok = gain >= armijo*want && (s.end != cgInterior || newNorm < norm)
			}
		}
		if ok {
			it.value = value
			it.accept()
			return newNorm, it.resize(s, gain)
		}
		// The minimiser of the parabola through what is known along d.
		shrink := 0.5 * want / (want - gain)
		if !(shrink >= 0.1) || math.IsInf(gain, 0) {
			shrink = 0.1
		}
		it.step *= min(shrink, 0.5)
	}
	return 0, it.fail(noDescent)
}

// resize sets the radius for the next step after one that lowered the energy by gain.
// The region is all of space until CG meets a direction without positive curvature:
// for convex energies a radius, left over from where the energy was different, costs
// steps and saves nothing that the line search does not.
func (it *newtonStep) resize(s cgStep, gain float64) error {
	const poor, good = 0.25, 0.75
	ratio := gain / s.model
	onSphere := s.end != cgInterior && s.end != cgLimit
	switch {
	case math.IsInf(it.radius, 1) && !onSphere:
		return nil
	case it.step < 1:
		it.radius = it.step * s.length
	case ratio < poor:
		it.radius = s.length / 2
	case onSphere && (ratio > good || math.IsInf(it.radius, 1)):
		it.radius = 2 * s.length
	}
	const endless = 60
	if it.step == 1 && ratio > good && onSphere {
		it.growing++
	} else {
		it.growing = 0
	}
	if it.growing > endless {
		it.res.Iterations++
		return unbounded(it.fail(fmt.Sprintf("the last %d steps, each about twice as long as the one before, all brought what they promised", endless)), it.value)
	}
	return nil
}

// searchNorm is search with the merit ‖G‖.
func (it *newtonStep) searchNorm(norm float64) (newNorm float64, err error) {
	for it.step = 1; it.step > shortest; it.step /= 2 {
		if err := it.ctx.Err(); err != nil {
			return 0, fmt.Errorf("hypergrad: line search: %w", err)
		}
		it.moveTrial()
		newNorm, err = it.gradient(it.gTrial, it.trial)
		switch {
		case err != nil && !errors.Is(err, errNonFiniteGradient):
			return 0, err
		case err == nil && newNorm <= (1-armijo*it.step)*norm:
			it.value = newNorm
			it.accept()
			return newNorm, nil
		}
	}
	return 0, it.fail(noDescent)
}

// moveTrial sets it.trial = y − t·d.
func (it *newtonStep) moveTrial() {
	copy(it.trial, it.y)
	parallel.Axpy(it.team, it.trial, -it.step, it.d)
}

// accept makes the trial the iterate.
func (it *newtonStep) accept() {
	copy(it.y, it.trial)
	it.g, it.gTrial = it.gTrial, it.g
}
