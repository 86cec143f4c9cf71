package hypergrad

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// An EnergyGradienter is an [Energy] that computes E and G = ∂E/∂y together, for
// less than both cost apart. Inner solvers use it where it is there.
type EnergyGradienter interface {
	Energy
	// EnergyGradient returns E(y, w) and sets dst = ∂E/∂y, len(dst) = n_y. Both
	// agree with Energy and Residual up to rounding errors.
	EnergyGradient(ctx context.Context, dst, y, w []float64) (float64, error)
}

// ErrUnbounded is what errors are that say that the energy of an inner problem falls
// without end, so that there is no minimiser.
var ErrUnbounded = errors.New("hypergrad: the energy of the inner problem is not bounded below")

var errNonFiniteGradient = errors.New("hypergrad: the gradient of the inner problem holds NaN or Inf")

// evaluator computes the merit of points and counts in res what that takes.
type evaluator struct {
	ctx    context.Context
	team   parallel.Team
	eq     Equation
	energy Energy           // nil if there is none
	both   EnergyGradienter // nil if there is none
	w      []float64
	res    *InnerResult
}

func newEvaluator(ctx context.Context, eq Equation, w []float64, res *InnerResult) evaluator {
	e := evaluator{ctx: ctx, team: parallel.FromContext(ctx), eq: eq, w: w, res: res}
	e.energy, _ = eq.(Energy)
	e.both, _ = eq.(EnergyGradienter)
	return e
}

// start sets g = G(y, w) and returns E and ‖G‖. It finds out whether there is an
// energy; without one, E is NaN.
func (e *evaluator) start(g, y []float64) (value, norm float64, err error) {
	value = math.NaN()
	if e.energy != nil {
		value, err = e.value(g, y)
		switch {
		case errors.Is(err, errNoEnergy):
			e.energy, e.both = nil, nil
			value = math.NaN()
		case err != nil:
			return 0, 0, err
		case math.IsNaN(value) || math.IsInf(value, 0):
			return 0, 0, fmt.Errorf("hypergrad: the energy at the start is %v", value)
		}
	}
	norm, err = e.gradient(g, y)
	return value, norm, err
}

// value returns E(y, w), and may set g = G(y, w); gradient, called next, completes
// it.
func (e *evaluator) value(g, y []float64) (v float64, err error) {
	e.res.Energies++
	if e.both != nil {
		v, err = e.both.EnergyGradient(e.ctx, g, y, e.w)
	} else {
		v, err = e.energy.Energy(e.ctx, y, e.w)
	}
	if err != nil {
		return 0, fmt.Errorf("hypergrad: energy: %w", err)
	}
	return v, nil
}

// gradient sets g = G(y, w), unless value has just done so for the same g and y, and
// returns its norm.
func (e *evaluator) gradient(g, y []float64) (norm float64, err error) {
	e.res.Gradients++
	if e.both == nil {
		if err := e.eq.Residual(e.ctx, g, y, e.w); err != nil {
			return 0, fmt.Errorf("hypergrad: gradient: %w", err)
		}
	}
	norm = parallel.Norm(e.team, g)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return 0, errNonFiniteGradient
	}
	return norm, nil
}

// unbounded is the error for an energy that fell to value.
func unbounded(cause *NotStationaryError, value float64) error {
	return fmt.Errorf("%w: it fell to %.3g: %w", ErrUnbounded, value, cause)
}
