package hypergrad

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// OuterSettings are the choices of [Minimize]. The zero value works.
type OuterSettings struct {
	// Inner finds y(w); nil means a [Newton] with the preconditioner of the
	// Estimator, or with [AutoLoose] if that is nil too.
	Inner ToleranceSolver
	// Estimator computes dL/dw; nil means one with the preconditioner [Auto], and
	// without where ∂G/∂y gives nothing to make one of.
	// Its error bar and the tolerances of its systems are set by Minimize, and
	// put back at the end.
	Estimator *Estimator
	// Low and High bound w, entry by entry: infinite entries are no bounds. Nil
	// means none.
	Low, High []float64

	// GradTol ends the run as [OuterConverged] when the projected norm of dL/dw,
	// plus its estimated error, is below GradTol times the largest ‖dL/dw‖ of
	// any accepted point. Zero means 1e-4.
	GradTol float64
	// LossTol ends the run as [OuterLossConverged] when the quasi-Newton model
	// promises to lower L by at most LossTol·|L|, or when two steps in a row have
	// changed it by no more. Zero means that this is no reason to end.
	LossTol float64
	// MaxIter limits the iterations, one point tried in each; zero means 100.
	MaxIter int
	// MaxTime limits the wall time of this call; it is looked at once per
	// iteration. Zero means no limit.
	MaxTime time.Duration

	// ErrorShare is the error of dL/dw, as a share of its projected norm, up to
	// which a step is taken. Zero means 0.3.
	ErrorShare float64
	// FirstStep and MaxStep limit the change of any entry of w in the first step
	// and in any. Zero means 1 and 4: fit for parameters on a log scale.
	FirstStep, MaxStep float64
	// Memory is the number of L-BFGS pairs, two n_w-vectors each. Zero means 8.
	Memory int

	// Checkpoint is the path of a file to which the state is written after every
	// iteration, all or nothing. If the file exists, the run goes on from it;
	// see [Minimize]. Empty means none.
	Checkpoint string
	// Fresh ignores a checkpoint that is there; it is overwritten.
	Fresh bool
	// Fingerprint tells a checkpoint of this problem from one of another: a hash
	// or a description of the data and of all settings of the problem, of Inner
	// and of Estimator. The numbers of unknowns, the start and the settings here
	// that steer the steps are added to it.
	Fingerprint string

	// Monitor, if not nil, is called for the start and after each iteration,
	// before its checkpoint is written, and once for the point that a run is
	// resumed at. A non-nil error ends the run as [OuterStopped].
	Monitor func(OuterProgress) error
}

// OuterProgress describes a point: the accepted one after an iteration.
type OuterProgress struct {
	// Iteration counts points tried, the start being 0; Accepted says whether
	// this one was kept. Resumed marks the point read from a checkpoint.
	Iteration         int
	Accepted, Resumed bool
	// W is w, lent until the Monitor returns; nil in a Trace.
	W []float64
	// Loss is L(w) = ℓ(y, w) − qᵀG(y, w): the second term corrects, to first
	// order, for the inexact y, and LossError is its size.
	Loss, LossError float64
	// FullNorm is ‖dL/dw‖ and GradNorm the norm without the entries that point
	// out of the bounds. Error is the estimated error of dL/dw, right to a factor of three or
	// so, and Trusted says that the estimate is one, as in [ErrorBar].
	FullNorm, GradNorm, Error float64
	Trusted                   bool
	// Step is the largest change of an entry of w that was tried, StepLimit the
	// most that the next may be.
	Step, StepLimit float64
	// InnerTol is the ‖G‖ that the inner problem was solved to and AdjointRTol
	// the relative residual of the adjoint system.
	InnerTol, AdjointRTol float64
	// Evaluations counts hypergradients, more than one per iteration where
	// tolerances had to be tightened; the products are those of the inner
	// solves and of the adjoints with their error bars. All are totals.
	Evaluations, InnerProducts, AdjointProducts int
	// Elapsed is the wall time, that before a resumed checkpoint included.
	Elapsed time.Duration
	// Note says why a point was not accepted, or what limits its accuracy.
	Note string
}

// Digits returns how many digits of dL/dw are right by the estimate.
func (p *OuterProgress) Digits() float64 {
	return (&ErrorBar{Estimate: p.Error, Trusted: p.Trusted}).Digits(p.FullNorm)
}

// OuterStatus says how [Minimize] ended. It is an error to compare with:
// errors.Is(err, OuterIterationLimit).
type OuterStatus int

// The ways to end.
const (
	OuterConverged      OuterStatus = iota + 1 // the projected gradient is small
	OuterLossConverged                         // the loss does not change any more
	OuterIterationLimit                        // MaxIter
	OuterTimeLimit                             // MaxTime
	OuterStepTooSmall                          // no step lowers the loss
	OuterAccuracyLimit                         // dL/dw cannot be had as accurately as a step needs
	OuterFailed                                // the start could not be evaluated, or no trial
	OuterStopped                               // by the Monitor or the context
)

var outerStatuses = map[OuterStatus][2]string{
	OuterConverged:      {"Converged", "the projected gradient is small"},
	OuterLossConverged:  {"LossConverged", "the loss does not change any more"},
	OuterIterationLimit: {"IterationLimit", "iteration limit"},
	OuterTimeLimit:      {"TimeLimit", "time limit"},
	OuterStepTooSmall:   {"StepTooSmall", "no step along the hypergradient lowers the loss"},
	OuterAccuracyLimit:  {"AccuracyLimit", "the hypergradient cannot be had as accurately as a step needs"},
	OuterFailed:         {"Failed", "a point could not be evaluated"},
	OuterStopped:        {"Stopped", "stopped"},
}

// String returns the name of the status.
func (s OuterStatus) String() string {
	if names, is := outerStatuses[s]; is {
		return names[0]
	}
	return fmt.Sprintf("OuterStatus(%d)", int(s))
}

// Error implements error.
func (s OuterStatus) Error() string { return "hypergrad: minimisation: " + outerStatuses[s][1] }

// Success reports whether the run ended where it should.
func (s OuterStatus) Success() bool { return s == OuterConverged || s == OuterLossConverged }

// OuterError is the error of a run that did not converge.
type OuterError struct {
	Status OuterStatus
	Err    error // the cause, nil if the status says it all
}

// Error implements error.
func (e *OuterError) Error() string {
	if e.Err == nil {
		return e.Status.Error()
	}
	return e.Status.Error() + ": " + e.Err.Error()
}

// Is reports whether target is the status.
func (e *OuterError) Is(target error) bool { return target == e.Status }

// Unwrap returns the cause.
func (e *OuterError) Unwrap() error { return e.Err }

// OuterResult describes a run of [Minimize].
type OuterResult struct {
	Status OuterStatus
	// Start and End describe the start and the point returned; W is nil.
	Start, End OuterProgress
	// Grad is dL/dw at the point returned, of length n_w.
	Grad []float64
	// Trace holds the start and all iterations, those before a checkpoint
	// included.
	Trace []OuterProgress
	// Resumed is the iteration that a checkpoint was resumed at, −1 if none was.
	Resumed int
}

// Minimize improves w so that L(w) = ℓ(y(w), w) falls, between the bounds, until
// the hypergradient vanishes there. w and y (the start of the first inner solve)
// are overwritten with the best point, whatever the error; y is as accurate as the
// last step needed, which may be little. The error is nil only
// if the run converged; otherwise it is an [*OuterError], or says what is wrong
// with the input.
//
// # Method
//
// Steps are those of projected quasi-Newton: L-BFGS on the entries of w that are
// not held by a bound, then clipped (two-metric projection, Bertsekas, SIAM J.
// Control Optim. 20, 1982, doi:10.1137/0320018), no entry changing by more than a
// limit that adapts as in trust-region methods. Each iteration tries one point: y
// is solved for anew there, from a prediction of y by the last accepted points or from the
// last y, whichever has the lower energy, and L and dL/dw decide. After two quasi-Newton
// steps in a row that were much too short the next ones are as long as the limit allows. A point is
// kept for a sufficient decrease of L beyond its error; where the decrease is
// smaller than the error, by the slope at the trial (the approximate Wolfe
// condition of Hager & Zhang, SIAM J. Optim. 16, 2005, doi:10.1137/030601880).
//
// # Tolerances
//
// As in HOAG (Pedregosa, ICML 2016, arXiv 1602.02355) the inner problem and the
// adjoint are solved loosely at first and the more accurately the smaller dL/dw
// becomes. Here both tolerances follow the estimated error of dL/dw ([ErrorBar]),
// whose corrected value is the one that is used:
// they are tightened at the point itself until the error is below ErrorShare of
// the projected norm, and chosen ahead for the norm that is expected next, under
// a bound that decreases as 1/k², so that the errors are summable until they are
// below what GradTol and LossTol ask for.
//
// # Checkpoints
//
// With a Checkpoint the state is saved after each iteration, and a run that was
// ended at any moment, by whatever means, goes on where it was: it repeats the
// iteration it was in and returns the bits of a run that was never interrupted
// (the times excepted), since no decision looks at the clock. State of the
// Estimator and of Inner is saved if they have methods Checkpoint() ([]byte,
// error) and Resume([]byte) error. A file that is damaged, or that belongs to
// another problem, is an error. Criteria to end are not part of the state: a
// finished run can be continued with others.
func Minimize(ctx context.Context, p Problem, y, w []float64, s *OuterSettings) (res OuterResult, err error) {
	r, err := newOuterRun(ctx, p, y, w, s)
	if err != nil {
		return OuterResult{Resumed: -1}, err
	}
	defer r.restore()
	return r.run()
}

// outerRun is one call of Minimize.
type outerRun struct {
	OuterSettings
	ctx    context.Context
	team   parallel.Team
	p      Problem
	y, w   []float64 // of the caller: written at the end
	ny, nw int
	begin  time.Time
	before time.Duration // spent before the checkpoint
	saved  Estimator     // fields to put back

	identity [32]byte // fingerprint of a checkpoint

	st                     outerState
	resumed                int
	path                   history // of y at the accepted points
	trialW, trialY, trialG []float64
	residual               []float64 // n_y
	dir, step, change      []float64 // n_w
	free                   []bool
}

func newOuterRun(ctx context.Context, p Problem, y, w []float64, s *OuterSettings) (*outerRun, error) {
	r := &outerRun{ctx: ctx, p: p, y: y, w: w, begin: time.Now(), resumed: -1}
	if s != nil {
		r.OuterSettings = *s
	}
	r.ny, r.nw = p.Dims()
	if err := checkLengths(length{"y", len(y), r.ny}, length{"w", len(w), r.nw}); err != nil {
		return nil, err
	}
	if err := r.checkBounds(); err != nil {
		return nil, err
	}
	for _, v := range []struct {
		name           string
		value          *float64
		fallback, most float64
	}{
		{"GradTol", &r.GradTol, 1e-4, 1}, {"LossTol", &r.LossTol, 0, 1}, {"ErrorShare", &r.ErrorShare, 0.3, 0.9},
		{"FirstStep", &r.FirstStep, 1, math.MaxFloat64}, {"MaxStep", &r.MaxStep, 4, math.MaxFloat64},
	} {
		if *v.value == 0 {
			*v.value = v.fallback
		}
		if !(*v.value >= 0 && *v.value <= v.most) {
			return nil, fmt.Errorf("hypergrad: minimisation: %s = %v, want 0 … %.3g", v.name, *v.value, v.most)
		}
	}
	if r.MaxIter < 0 || r.Memory < 0 || r.MaxTime < 0 {
		return nil, fmt.Errorf("hypergrad: minimisation: MaxIter = %d, Memory = %d or MaxTime = %v is negative", r.MaxIter, r.Memory, r.MaxTime)
	}
	if r.MaxIter == 0 {
		r.MaxIter = 100
	}
	if r.Memory == 0 {
		r.Memory = 8
	}
	inner := PrecondFunc(AutoLoose)
	if r.Estimator == nil {
		r.Estimator = &Estimator{Precond: Auto}
	} else {
		inner = r.Estimator.Precond
	}
	if r.Inner == nil {
		r.Inner = &Newton{Precond: inner, Workers: r.Estimator.Settings.Workers}
	}
	r.ctx, r.team = r.Estimator.scope(ctx)
	r.saved = Estimator{Settings: r.Estimator.Settings, NoErrorBar: r.Estimator.NoErrorBar, ErrorBarRTol: r.Estimator.ErrorBarRTol}
	r.Estimator.NoErrorBar, r.Estimator.ErrorBarRTol = false, barRTol
	r.trialW, r.trialG, r.dir = make([]float64, r.nw), make([]float64, r.nw), make([]float64, r.nw)
	r.step, r.change, r.free = make([]float64, r.nw), make([]float64, r.nw), make([]bool, r.nw)
	r.trialY, r.residual = make([]float64, r.ny), make([]float64, r.ny)
	return r, nil
}

// restore puts back what was set in the Estimator.
func (r *outerRun) restore() {
	e := r.Estimator
	e.Settings, e.NoErrorBar, e.ErrorBarRTol = r.saved.Settings, r.saved.NoErrorBar, r.saved.ErrorBarRTol
}

// checkBounds refuses bounds that contradict each other, and a start outside.
func (r *outerRun) checkBounds() error {
	for _, b := range []struct {
		name   string
		values []float64
		sign   float64
	}{{"Low", r.Low, -1}, {"High", r.High, 1}} {
		if b.values != nil && len(b.values) != r.nw {
			return fmt.Errorf("hypergrad: minimisation: len(%s) = %d, want %d", b.name, len(b.values), r.nw)
		}
		for i, v := range b.values {
			if math.IsNaN(v) {
				return fmt.Errorf("hypergrad: minimisation: %s[%d] is NaN", b.name, i)
			}
		}
	}
	for i, v := range r.w {
		lo, hi := r.bounds(i)
		switch {
		case math.IsNaN(v) || math.IsInf(v, 0):
			return fmt.Errorf("hypergrad: minimisation: w[%d] = %v at the start", i, v)
		case lo > hi:
			return fmt.Errorf("hypergrad: minimisation: Low[%d] = %v is above High[%d] = %v", i, lo, i, hi)
		case v < lo || v > hi:
			return fmt.Errorf("hypergrad: minimisation: w[%d] = %v at the start is outside its bounds %v … %v", i, v, lo, hi)
		}
	}
	return nil
}

func (r *outerRun) bounds(i int) (lo, hi float64) {
	lo, hi = math.Inf(-1), math.Inf(1)
	if r.Low != nil {
		lo = r.Low[i]
	}
	if r.High != nil {
		hi = r.High[i]
	}
	return lo, hi
}

var errNoTrial = errors.New("the points tried could not be evaluated")
