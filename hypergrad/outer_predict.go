package hypergrad

import (
	"errors"
	"math"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// pathLength is the number of accepted points that y is predicted from, each one an
// n_y-vector of memory. Outer steps are too irregular for many.
const pathLength = 4

// predict sets trialY to where the inner solve for trialW starts: to the prediction
// from the accepted points, or to the y of the last one if that has the lower energy;
// for an equation without energy, the smaller ‖G‖.
func (r *outerRun) predict() error {
	st := &r.st
	copy(r.trialY, st.Y)
	h := &r.path
	if !h.predict(r.team, r.trialW) || h.best.family == last {
		return nil
	}
	h.combine(r.team, r.trialY, &h.best)
	there, err := r.merit(r.trialY)
	if err != nil {
		return err
	}
	here, err := r.merit(st.Y)
	if err != nil {
		return err
	}
	if !(there < here) {
		copy(r.trialY, st.Y)
	}
	return nil
}

// merit is the energy of y at trialW, or ‖G‖ where there is none: +Inf where it cannot
// be computed.
func (r *outerRun) merit(y []float64) (float64, error) {
	if p, is := r.p.(Energy); is {
		switch v, err := p.Energy(r.ctx, y, r.trialW); {
		case err == nil && !math.IsNaN(v):
			return v, nil
		case r.ctx.Err() != nil:
			return 0, &OuterError{OuterStopped, r.ctx.Err()}
		case !errors.Is(err, errNoEnergy):
			return math.Inf(1), nil
		}
	}
	if err := r.p.Residual(r.ctx, r.residual, y, r.trialW); err != nil {
		if r.ctx.Err() != nil {
			return 0, &OuterError{OuterStopped, r.ctx.Err()}
		}
		return math.Inf(1), nil
	}
	norm := parallel.Norm(r.team, r.residual)
	if math.IsNaN(norm) {
		return math.Inf(1), nil
	}
	return norm, nil
}
