package krylov

import (
	"errors"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// ErrSatisfied is what a Monitor returns, as it is or wrapped, when x is good
// enough for what it is for, whatever the residual is. The solve then ends with
// status [Satisfied], which is a success, and Result.TrueResidual is computed from
// x as ever: if it is more than ten times the residual that the monitor was shown,
// the recurrence has gone astray and the status is [Stagnated].
var ErrSatisfied = errors.New("krylov: the monitor is satisfied")

// Iterate sets dst, of the length of x, to the iterate that the progress is about and
// reports whether it could; otherwise, and for another length, dst is left alone. [CG] has x at hand in each iteration (and so has [Auto] while it runs CG);
// other methods, whose x is late or does not exist before the end, and several
// systems at once do not. It may only be called before the Monitor returns. It
// costs a copy of x.
func (p Progress) Iterate(dst []float64) bool {
	if p.source == nil || len(dst) != len(p.source.x) {
		return false
	}
	parallel.ScaleTo(p.source.team, dst, 1/p.source.scale, p.source.x)
	return true
}

// monitor calls the Monitor, if there is one.
func (r *run) monitor(p Progress) failure {
	if r.set.Monitor == nil {
		return ok
	}
	if r.exposed {
		p.source = r
	}
	switch err := r.set.Monitor(p); {
	case err == nil:
		return ok
	case errors.Is(err, ErrSatisfied) && r.exposed:
		return failure{Satisfied, nil}
	default:
		return failure{Stopped, err}
	}
}

// confirm turns Satisfied into another status if the true residual is not known or
// not what the monitor was shown.
func (r *run) confirm(f failure) failure {
	if f.status != Satisfied {
		return f
	}
	switch t := r.res.TrueResidual; {
	case t < 0:
		return r.nonFinite("the product of the operator and the solution")
	case t > 10*r.res.Residual && t > r.res.Tolerance:
		return failure{Stagnated, errAstray}
	}
	return f
}

var errAstray = errors.New("the monitor is satisfied, but the true residual is more than ten times the one it was shown")
