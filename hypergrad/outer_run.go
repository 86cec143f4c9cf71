package hypergrad

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// outerState is all that a run needs to go on; it is what a checkpoint holds.
type outerState struct {
	// W, Y and G are the accepted point and dL/dw there; Point describes it.
	W, Y, G []float64
	Point   outerPoint
	Trace   []OuterProgress
	// Iteration, Evaluations and the products are counters as in OuterProgress.
	Iteration, Evaluations         int
	InnerProducts, AdjointProducts int
	// Largest is the largest ‖dL/dw‖ of an accepted point.
	Largest float64
	// Tol is what the next evaluation begins with, Sensitivity bounds the
	// derivatives of the error of dL/dw by what the two solves reach.
	Tol, Sensitivity outerTol
	// S and D are the L-BFGS pairs, steps and changes of dL/dw, oldest first.
	S, D [][]float64
	// Limit is the step limit. Stretch says that the curvature along the last
	// step was not positive, or that L was still steep at its end, so that the next
	// goes as far as the limit.
	Limit   float64
	Stretch bool
	// Short counts steps in a row that were too short; see steep.
	Short int
	// Rejected and Settled count, in a row, points not accepted and steps that
	// changed the loss little. Failure is the last reason for the former.
	Rejected, Settled int
	Failure           string
	// Elapsed is the time spent; no decision looks at it.
	Elapsed time.Duration
	// Estimator and Inner are what these have learned, Path the accepted points.
	Estimator, Inner []byte
	Path             savedHistory
}

// suspicious is the number of rejected points in a row after which the accepted one
// is evaluated again.
const suspicious = 5

// mostRejected is the number of rejected points in a row that ends a run: the
// step is then shorter by a factor of a million at least.
const mostRejected = 20

// steep is the share of its slope that a quasi-Newton step may leave at its end before it
// counts as too short, and gentle what a stretched one must come down to. After two short
// steps in a row the next one is twice as long, whatever the model says, as a line search
// would go on, and so are those after it. Where L falls like an exponential, as it does
// with the logarithm of a penalty that had better be zero, the model would take steps of
// one length for ever.
const steep, gentle = 0.3, 0.1

func (r *outerRun) run() (OuterResult, error) {
	found, err := r.load()
	if err != nil {
		return OuterResult{Resumed: -1}, err
	}
	if found {
		r.resumed = r.st.Iteration
		last := r.st.Trace[len(r.st.Trace)-1]
		last.Resumed = true
		err = r.monitor(last)
	} else {
		err = r.start()
	}
	for err == nil {
		status, done := r.done()
		if done {
			return r.finish(status, nil)
		}
		err = r.iterate()
	}
	if r.st.W == nil { // not even the start
		var outer *OuterError
		if !errors.As(err, &outer) {
			err = &OuterError{OuterFailed, err}
		}
		return OuterResult{Status: statusOf(err), Resumed: -1}, err
	}
	return r.finish(statusOf(err), err)
}

// statusOf returns the status in an error, OuterFailed if it has none.
func statusOf(err error) OuterStatus {
	var outer *OuterError
	if errors.As(err, &outer) {
		return outer.Status
	}
	return OuterFailed
}

// finish hands the best point to the caller.
func (r *outerRun) finish(status OuterStatus, err error) (OuterResult, error) {
	st := &r.st
	copy(r.w, st.W)
	copy(r.y, st.Y)
	res := OuterResult{Status: status, Trace: st.Trace, Grad: st.G, Resumed: r.resumed, Start: st.Trace[0]}
	res.End = r.progress(true, 0, "")
	res.End.Elapsed = r.elapsed()
	if err == nil && !status.Success() {
		failure := &OuterError{Status: status}
		if st.Failure != "" && (status == OuterStepTooSmall || status == OuterAccuracyLimit || status == OuterFailed) {
			failure.Err = errors.New(st.Failure)
		}
		err = failure
	}
	return res, err
}

func (r *outerRun) elapsed() time.Duration { return r.before + time.Since(r.begin) }

// target is the absolute tolerance of the projected norm.
func (r *outerRun) target() float64 { return r.GradTol * r.st.Largest }

// done says whether and how the run has ended at the accepted point.
func (r *outerRun) done() (OuterStatus, bool) {
	st := &r.st
	pt := &st.Point
	switch {
	case pt.GradNorm == 0 && r.accurate(pt) || pt.Trusted && pt.GradNorm+pt.Error <= r.target():
		return OuterConverged, true
	case r.LossTol > 0 && (st.Settled >= 2 || r.accurate(pt) && r.promised() <= r.LossTol*math.Abs(pt.Loss)):
		return OuterLossConverged, true
	case !r.accurate(pt):
		st.Failure = pt.Note
		return OuterAccuracyLimit, true
	case st.Rejected >= mostRejected && st.Failure == errNoTrial.Error():
		return OuterFailed, true
	case st.Rejected >= mostRejected:
		return OuterStepTooSmall, true
	case st.Iteration >= r.MaxIter:
		return OuterIterationLimit, true
	case r.MaxTime > 0 && time.Since(r.begin) > r.MaxTime:
		return OuterTimeLimit, true
	}
	return 0, false
}

// promised is the decrease of the loss that the quadratic model of L-BFGS
// promises: −½gᵀs. It is infinite where the model has no minimum within the step
// limit.
func (r *outerRun) promised() float64 {
	slope, _, newton := r.propose()
	if !newton {
		return math.Inf(1)
	}
	return -slope / 2
}

// start evaluates the start.
func (r *outerRun) start() error {
	copy(r.trialW, r.w)
	copy(r.trialY, r.y)
	if err := r.p.Residual(r.ctx, r.residual, r.trialY, r.trialW); err != nil {
		return fmt.Errorf("residual: %w", err)
	}
	norm := parallel.Norm(r.team, r.residual)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return errors.New("the residual G at the start holds NaN or Inf")
	}
	r.st.Tol = outerTol{Inner: max(firstInner*norm, math.SmallestNonzeroFloat64), Adjoint: firstAdjoint}
	r.st.Limit = min(r.FirstStep, r.MaxStep)
	pt, err := r.evaluate(nil)
	if err != nil {
		return err
	}
	st := &r.st
	st.W, st.Y, st.G = make([]float64, r.nw), make([]float64, r.ny), make([]float64, r.nw)
	copy(st.W, r.trialW)
	copy(st.Y, r.trialY)
	copy(st.G, r.trialG)
	st.Point, st.Largest = pt, pt.FullNorm
	r.path.push(r.team, pathLength, st.Y, st.W)
	r.plan()
	return r.record(true, 0, pt.Note)
}

// iterate tries one point.
func (r *outerRun) iterate() error {
	st := &r.st
	if st.Rejected%suspicious == suspicious-1 {
		return r.again()
	}
	slope, longest, newton := r.propose()
	if err := r.predict(); err != nil {
		return err
	}
	st.Iteration++
	pt, err := r.evaluate(func(pt *outerPoint) bool { return r.verdict(pt, slope) < 0 })
	var failed *trialError
	switch {
	case errors.As(err, &failed):
		st.Failure = errNoTrial.Error()
		r.reject(longest / 4)
		return r.record(false, longest, failed.Error())
	case err != nil:
		st.Iteration--
		return err
	}
	end := parallel.Dot(r.team, r.trialG, r.step) // the slope at the trial
	accept := r.verdict(&pt, slope) > 0
	if r.verdict(&pt, slope) == 0 {
		// The losses cannot tell: their slopes do.
		const delta = 0.1
		accept = end <= (2*delta-1)*slope
	}
	if !accept {
		// Where a parabola through both slopes has its minimum.
		fraction := 0.25
		if end > 0 {
			fraction = min(max(-slope/(end-slope), 0.1), 0.7)
		}
		st.Failure = fmt.Sprintf("the last %d points tried had no lower loss", st.Rejected+1)
		r.reject(fraction * longest)
		st.Tol = pt.Tol
		return r.record(false, longest, "no sufficient decrease")
	}
	r.accept(pt, slope, end, longest, newton)
	if !r.accurate(&st.Point) {
		// What was enough to accept it need not be enough for the next step.
		if err := r.sharpen(); err != nil {
			return err
		}
	}
	return r.record(true, longest, st.Point.Note)
}

// again evaluates the accepted point anew, more accurately: where many points are
// rejected, it may be its own loss or gradient that is wrong.
func (r *outerRun) again() error {
	st := &r.st
	tol := st.Point.Tol
	st.Tol = outerTol{1e-2 * tol.Inner, max(1e-2*tol.Adjoint, leastAdjoint)}
	note := "the last accepted point was evaluated again"
	err := r.reevaluate()
	var failed *trialError
	switch {
	case errors.As(err, &failed):
		note += ": " + failed.Error()
	case err != nil:
		return err
	}
	st.Iteration++
	st.Rejected++
	return r.record(false, 0, note)
}

// sharpen evaluates the accepted point anew where its error is too large for the next
// step.
func (r *outerRun) sharpen() error {
	r.st.Tol = tighten(&r.st.Point, 0.5*r.allowed(r.st.Point.relevant()), 1e-3, 0.3)
	err := r.reevaluate()
	var failed *trialError
	if errors.As(err, &failed) {
		return nil // the point is as it was
	}
	r.plan()
	return err
}

// reevaluate evaluates the accepted point to the tolerances of the state.
func (r *outerRun) reevaluate() error {
	st := &r.st
	copy(r.trialW, st.W)
	copy(r.trialY, st.Y)
	pt, err := r.evaluate(nil)
	if err != nil {
		return err
	}
	copy(st.G, r.trialG)
	st.Y, r.trialY = r.trialY, st.Y
	st.Point, st.Largest = pt, max(st.Largest, pt.FullNorm)
	r.path.push(r.team, pathLength, st.Y, st.W)
	return nil
}

// verdict says whether the loss at the trial is sufficiently lower (1), not (−1),
// or cannot be told from that of the accepted point (0). slope < 0 is gᵀs.
func (r *outerRun) verdict(pt *outerPoint, slope float64) int {
	const armijo, doubt, rounding = 1e-4, 0.5, 1e-13
	old := &r.st.Point
	noise := doubt*(old.LossError+pt.LossError) + rounding*(math.Abs(old.Loss)+math.Abs(pt.Loss))
	switch excess := pt.Loss - old.Loss - armijo*slope; {
	case excess < -noise:
		return 1
	case excess > noise:
		return -1
	}
	return 0
}

func (r *outerRun) reject(limit float64) {
	st := &r.st
	st.Rejected++
	st.Settled, st.Short = 0, 0
	st.Limit = limit
}

// accept moves to the trial point.
func (r *outerRun) accept(pt outerPoint, slope, end, longest float64, newton bool) {
	st := &r.st
	st.Rejected, st.Failure = 0, ""
	if drop := st.Point.Loss - pt.Loss; r.LossTol > 0 && math.Abs(drop) <= r.LossTol*math.Abs(pt.Loss) {
		st.Settled++
	} else {
		st.Settled = 0
	}
	for i := range r.change {
		r.change[i] = r.trialG[i] - st.G[i]
	}
	r.remember()
	if end < 0.5*slope && longest >= 0.99*st.Limit {
		// As far as was allowed, and still steep.
		st.Limit = min(2.5*st.Limit, r.MaxStep)
	} else {
		st.Limit = min(max(st.Limit, 2*longest), r.MaxStep)
	}
	switch {
	case newton && end < steep*slope:
		st.Short++
	case st.Short < 2 || end > gentle*slope:
		st.Short = 0
	}
	if st.Short >= 2 {
		st.Stretch, st.Limit = true, min(2*longest, r.MaxStep)
	}
	copy(st.W, r.trialW)
	copy(st.G, r.trialG)
	st.Y, r.trialY = r.trialY, st.Y
	st.Point, st.Largest = pt, max(st.Largest, pt.FullNorm)
	r.path.push(r.team, pathLength, st.Y, st.W)
	r.plan()
}

// progress describes the accepted point.
func (r *outerRun) progress(accepted bool, step float64, note string) OuterProgress {
	st, pt := &r.st, &r.st.Point
	return OuterProgress{
		Iteration: st.Iteration, Accepted: accepted, Loss: pt.Loss, LossError: pt.LossError, FullNorm: pt.FullNorm, GradNorm: pt.GradNorm, Error: pt.Error, Trusted: pt.Trusted,
		Step: step, StepLimit: st.Limit, InnerTol: pt.Tol.Inner, AdjointRTol: pt.Tol.Adjoint, Evaluations: st.Evaluations,
		InnerProducts: st.InnerProducts, AdjointProducts: st.AdjointProducts, Elapsed: st.Elapsed, Note: note,
	}
}

// record ends an iteration: trace, monitor, checkpoint.
func (r *outerRun) record(accepted bool, step float64, note string) error {
	r.st.Elapsed = r.elapsed()
	p := r.progress(accepted, step, note)
	r.st.Trace = append(r.st.Trace, p)
	if err := r.monitor(p); err != nil {
		return err
	}
	return r.save()
}

func (r *outerRun) monitor(p OuterProgress) error {
	if r.Monitor != nil {
		p.W = r.st.W
		if err := r.Monitor(p); err != nil {
			return &OuterError{OuterStopped, err}
		}
	}
	if err := r.ctx.Err(); err != nil {
		return &OuterError{OuterStopped, err}
	}
	return nil
}
