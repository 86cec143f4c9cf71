package hypergrad

import (
	"errors"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// outerTol is how accurately a point is evaluated: ‖G‖, and the relative residual
// of the adjoint system.
type outerTol struct{ Inner, Adjoint float64 }

// outerPoint is the outcome of an evaluation.
type outerPoint struct {
	Loss, LossError float64
	GradNorm, Error float64 // projected norm, and estimated error
	FullNorm        float64 // not projected
	Trusted         bool
	Tol             outerTol // asked for
	Reached         outerTol // reached
	Parts           outerTol // what either may have of Error
	Note            string
}

const (
	// firstInner and firstAdjoint are the relative accuracies of both solves at
	// the start.
	firstInner, firstAdjoint = 1e-2, 1e-2
	// barRTol is that of the systems of the error bar. The estimate may be wrong
	// by a factor of three then, where ∂G/∂y is ill-conditioned, which changes no
	// decision; on real data a value of 0.01 costs half as many adjoint products
	// again. With a preconditioner from an earlier point that is next to exact, which has
	// digits cheaply but may leave errors where the residual does not show them, it is
	// laggedBarRTol.
	barRTol, laggedBarRTol = 0.1, 0.01
	// mostContraction of ‖G‖ by the Newton step of the error bar is where its
	// first-order estimates begin to hold: 8/27 is what a cubic G gives however
	// far y is from the solution.
	mostContraction = 0.25
	// leastAdjoint is the smallest relative residual asked for.
	leastAdjoint = 1e-13
	// mostTightenings limits the evaluations of one point.
	mostTightenings = 15
)

// A trialError says that a point could not be evaluated, which a shorter step may
// cure.
type trialError struct{ error }

func (e *trialError) Unwrap() error { return e.error }

// accurate says whether the error of dL/dw is small enough for a step.
func (r *outerRun) accurate(pt *outerPoint) bool {
	return pt.Trusted && pt.Error <= r.allowed(pt.relevant())
}

// relevant is the norm that the error is compared with: where bounds hold all
// entries, that of what holds them there.
func (pt *outerPoint) relevant() float64 {
	if pt.GradNorm == 0 {
		return pt.FullNorm
	}
	return pt.GradNorm
}

// allowed is the error of dL/dw that may be, for a projected norm. It helps nobody
// to know better than a third of what the run is to end at, nor than half of the
// gradient of norm g at which a step promises the decrease ½·g²/curvature =
// LossTol·|L|.
func (r *outerRun) allowed(norm float64) float64 {
	st := &r.st
	enough := 0.3 * r.target()
	if r.LossTol > 0 && len(st.S) > 0 && !st.Stretch {
		enough = max(enough, 0.5*math.Sqrt(2*r.LossTol*math.Abs(st.Point.Loss)*r.curvature()))
	}
	return max(r.ErrorShare*norm, enough)
}

// evaluate solves for trialY, from what it holds, and computes trialG at trialW.
// It begins with the tolerances of the state and tightens them until the error is
// small enough, or until enough says that it does not matter.
func (r *outerRun) evaluate(enough func(*outerPoint) bool) (pt outerPoint, err error) {
	tol := r.st.Tol
	floor := 0.0 // below this the inner solver has failed
	for try := 1; ; try++ {
		if pt, err = r.evaluateTo(tol, &floor); err != nil {
			return pt, err
		}
		if r.accurate(&pt) || pt.Trusted && enough != nil && enough(&pt) {
			return pt, nil
		}
		goal := 0.5 * r.allowed(pt.relevant())
		next := tighten(&pt, goal, 1e-3, 0.3)
		if next == tol { // neither is to blame by itself
			next = outerTol{0.3 * tol.Inner, 0.3 * tol.Adjoint}
		}
		next.Inner, next.Adjoint = max(next.Inner, floor), max(next.Adjoint, leastAdjoint)
		if try == mostTightenings || next.Inner >= 0.9*tol.Inner && next.Adjoint >= 0.9*tol.Adjoint {
			if pt.Note == "" {
				pt.Note = fmt.Sprintf("the error of dL/dw stays at %.2e, its projected norm is %.2e", pt.Error, pt.GradNorm)
			}
			return pt, nil
		}
		tol = next
	}
}

// evaluateTo evaluates the trial to given tolerances.
func (r *outerRun) evaluateTo(tol outerTol, floor *float64) (outerPoint, error) {
	pt := outerPoint{Tol: tol}
	failed := func(err error) error {
		if cause := r.ctx.Err(); cause != nil {
			return &OuterError{OuterStopped, cause}
		}
		return &trialError{err}
	}
	in, err := r.Inner.SolveTo(r.ctx, r.p, r.trialY, r.trialW, tol.Inner)
	r.st.InnerProducts += in.Products
	var far *NotStationaryError
	switch {
	case errors.As(err, &far) && far.GradNorm < math.Inf(1) && r.ctx.Err() == nil:
		// It may be as good as rounding errors allow: the error bar will tell.
		*floor = 2 * max(far.GradNorm, tol.Inner)
		pt.Note = far.Error()
	case err != nil:
		return pt, failed(err)
	}
	e := r.Estimator
	e.Settings.RTol, e.ErrorBarRTol = tol.Adjoint, barRTol
	if e.seq.lag.keeps() && e.seq.lag.quick {
		e.ErrorBarRTol = laggedBarRTol
	}
	rep, err := e.Gradient(r.ctx, r.p, r.trialY, r.trialW, r.trialG)
	r.st.Evaluations++
	r.st.AdjointProducts += rep.Solve.Products
	if rep.Error != nil {
		r.st.AdjointProducts += rep.Error.Products
	}
	if err != nil {
		return pt, failed(err)
	}
	if err := r.p.Residual(r.ctx, r.residual, r.trialY, r.trialW); err != nil {
		return pt, failed(err)
	}
	correction := parallel.Dot(r.team, e.Adjoint(), r.residual)
	pt.Loss, pt.LossError = rep.Loss-correction, math.Abs(correction)
	pt.Reached = outerTol{Inner: rep.Stationarity, Adjoint: tol.Adjoint}
	if rep.LossSlope > 0 {
		pt.Reached.Adjoint = max(rep.Solve.TrueResidual, 0) / rep.LossSlope
	}
	bar := rep.Error
	if pt.Trusted = bar.Trusted; pt.Trusted {
		// What the bar has found out is not wasted.
		copy(r.trialG, e.Corrected())
	}
	pt.FullNorm = parallel.Norm(r.team, r.trialG)
	pt.GradNorm = r.projectedNorm(r.trialW, r.trialG)
	if !bar.Trusted {
		pt.Note = bar.Note
		return pt, nil
	}
	if bar.Contraction > mostContraction && bar.Step > 1e-6*parallel.Norm(r.team, r.trialY) {
		pt.Trusted = false
		pt.Note = fmt.Sprintf("a Newton step takes ‖G‖ to %.2g times its size only: y is too far from a solution", bar.Contraction)
		return pt, nil
	}
	pt.Error = bar.Estimate
	r.attribute(&pt, bar, rep.LossSlope)
	return pt, nil
}

// attribute splits the error of a point into what the inner problem and what the
// adjoint may have caused, each as the derivative of the error by what was reached
// (st.Sensitivity). All that is known is their sum, an upper bound of both; but
// that of an earlier point, where one solve was loose and the error small
// nevertheless, bounds it here too, if it is let grow a little from point to point.
// Where the bounds explain less than half of the error they are out of date. The
// error bar knows another bound of the adjoint's part: its residual as a share of
// that at the point that the Newton step leads to, which y adds to. It also knows what
// the move of y does with the q that there is, and so most of the inner problem's part.
func (r *outerRun) attribute(pt *outerPoint, bar *ErrorBar, slope float64) {
	const growth = 3
	old := r.st.Sensitivity
	bound := func(reached, old float64) float64 {
		if reached == 0 {
			return growth * old
		}
		if old == 0 {
			return pt.Error / reached
		}
		return min(pt.Error/reached, growth*old)
	}
	now := outerTol{bound(pt.Reached.Inner, old.Inner), bound(pt.Reached.Adjoint, old.Adjoint)}
	pt.Parts = outerTol{now.Inner * pt.Reached.Inner, now.Adjoint * pt.Reached.Adjoint}
	if pt.Parts.Inner+pt.Parts.Adjoint < 0.5*pt.Error {
		now = outerTol{bound(pt.Reached.Inner, 0), bound(pt.Reached.Adjoint, 0)}
		pt.Parts = outerTol{pt.Error, pt.Error}
	}
	r.st.Sensitivity = now
	if total := bar.AdjointResidual; total > 0 {
		const least = 0.1
		ratio := min(pt.Reached.Adjoint*slope/total, 1)
		pt.Parts.Adjoint = min(pt.Parts.Adjoint, max(ratio, least)*pt.Error)
		// The rest of that residual, at right angles to it for all that is known, is
		// what the error of y does to q.
		turned := max(math.Sqrt(1-ratio*ratio), least) * bar.Turned
		pt.Parts.Inner = min(pt.Parts.Inner, max(bar.Moved+turned, least*pt.Error))
	}
}

// tighten returns the tolerances at which the error would be goal if its parts are
// proportional to what was reached, between least and most times those that were
// asked for.
func tighten(pt *outerPoint, goal, least, most float64) outerTol {
	if !pt.Trusted {
		return outerTol{0.1 * pt.Tol.Inner, 0.1 * pt.Tol.Adjoint}
	}
	change := func(asked, reached, part float64) float64 {
		if part == 0 || reached == 0 {
			return max(most, 1) * asked
		}
		if most < 1 && part <= goal/2 {
			return asked // this one is not to blame
		}
		return min(max(reached*(goal/2/part), least*asked), most*asked)
	}
	return outerTol{change(pt.Tol.Inner, pt.Reached.Inner, pt.Parts.Inner), change(pt.Tol.Adjoint, pt.Reached.Adjoint, pt.Parts.Adjoint)}
}

// plan chooses the tolerances of the next evaluation: half of what will be allowed
// if the projected norm falls to a third, and errors that are summable.
func (r *outerRun) plan() {
	st := &r.st
	k := float64(st.Iteration + 1)
	goal := 0.5 * r.allowed(st.Point.relevant()/3)
	goal = min(goal, max(r.ErrorShare*st.Largest/(k*k), 0.15*r.target()))
	st.Tol = tighten(&st.Point, goal, 1e-3, 3)
	st.Tol.Inner = max(st.Tol.Inner, math.SmallestNonzeroFloat64)
	st.Tol.Adjoint = min(max(st.Tol.Adjoint, leastAdjoint), 0.1)
}
