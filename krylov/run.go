package krylov

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// run is what all methods share: the system, brought to a safe scale, the
// stopping test, the counters, and the honest end.
//
// The method works on b' = scale·b and x' = scale·x with a power of two that
// brings ‖b'‖ near 1 when ‖b‖ is so large or small that squares of residuals
// would leave the range of float64; otherwise scale is 1 and nothing changes.
type run struct {
	ctx   context.Context
	scope parallel.Scope
	team  parallel.Team

	a    hvp.Operator // or its transpose
	m    hvp.Operator // preconditioner, or its transpose; nil means none
	x, b []float64
	set  *Settings

	scale     float64
	normB     float64 // ‖b'‖
	tolerance float64 // for ‖b' − A·x'‖
	maxIter   int
	begin     time.Time

	standsVarying bool // the method stands a preconditioner that varies

	res     Result
	history []float64
	exposed bool // x may be shown to the Monitor: see Progress.Iterate

	// The transposes made for Settings.Trans, kept for the next solve.
	transA, transM [2]hvp.Operator
}

// failure carries a status and its cause through the internals of a method.
type failure struct {
	status Status
	cause  error
}

// ok means: go on.
var ok = failure{}

func (f failure) failed() bool { return f.status != NotSolved }

// start checks the input and prepares the run. If the answer is known at once
// (b = 0) or the input is wrong, it returns the final status.
func (r *run) start(ctx context.Context, method string, a hvp.Operator, x, b []float64, s *Settings, rectangular bool) failure {
	if s == nil {
		s = &Settings{}
	}
	r.begin = time.Now()
	r.res = Result{Method: method, TrueResidual: -1}
	r.history = r.history[:0]
	r.exposed = false
	r.a, r.m, r.x, r.b, r.set = a, s.Precond, x, b, s
	if d, is := r.m.(hvp.Delegator); is {
		r.m = d.Delegate()
	}
	r.scale = 1
	r.team = parallel.Team(s.Workers)
	if s.Workers == 0 {
		r.team = parallel.FromContext(ctx)
	}
	r.ctx = r.scope.Set(ctx, r.team)
	if f := r.checkInput(rectangular); f.failed() {
		return f
	}
	if !s.Guess {
		parallel.Clear(r.team, x)
	}
	if err := ctx.Err(); err != nil {
		return failure{Canceled, err}
	}
	r.res.RHSNorm = parallel.Norm(r.team, b)
	switch normB := r.res.RHSNorm; {
	case math.IsNaN(normB) || math.IsInf(normB, 0):
		return failure{NonFinite, fmt.Errorf("the right-hand side has norm %v", normB)}
	case normB == 0:
		clear(x)
		r.res.TrueResidual = 0
		return failure{Converged, nil}
	default:
		if _, e := math.Frexp(normB); e < -100 || e > 100 {
			// 2^±1000 covers the rest: what remains is between 2^-100 and 2^100.
			r.scale = math.Ldexp(1, max(-1000, min(1000, -e)))
		}
		r.normB = normB * r.scale
	}
	if s.Guess && r.scale != 1 {
		parallel.ScaleTo(r.team, x, r.scale, x) // finish takes it back
	}
	r.setLimits(len(x))
	return ok
}

// setLimits sets the tolerance for a right-hand side of norm r.normB, and how many
// iterations it may take with n unknowns.
func (r *run) setLimits(n int) {
	rtol := r.set.RTol
	if rtol == 0 && r.set.ATol == 0 {
		rtol = DefaultRTol
	}
	r.tolerance = max(rtol*r.normB, r.set.ATol*r.scale)
	r.res.Tolerance = r.tolerance / r.scale
	r.maxIter = r.set.MaxIter
	if r.maxIter == 0 {
		r.maxIter = min(10*n+1000, maxIterCap)
	}
}

// checkInput looks at shapes and settings, and puts the transposes in place.
func (r *run) checkInput(rectangular bool) failure {
	bad := func(format string, args ...any) failure {
		return failure{InvalidInput, fmt.Errorf(format, args...)}
	}
	s := r.set
	if r.a == nil {
		return bad("nil operator")
	}
	if s.Trans {
		if !sameOperator(r.transA[0], r.a) {
			t, err := hvp.Transpose(r.a)
			if err != nil {
				return failure{InvalidInput, err}
			}
			r.transA = [2]hvp.Operator{r.a, t}
		}
		r.a = r.transA[1]
		if r.m != nil {
			if !sameOperator(r.transM[0], r.m) {
				t, err := hvp.Transpose(r.m)
				if err != nil {
					return bad("preconditioner of a transposed system: %w", err)
				}
				r.transM = [2]hvp.Operator{r.m, t}
			}
			r.m = r.transM[1]
		}
	}
	rows, cols := r.a.Dims()
	switch {
	case !rectangular && rows != cols:
		return bad("the operator is %d×%d, this method needs a square one", rows, cols)
	case len(r.b) != rows || len(r.x) != cols:
		return bad("a %d×%d operator with len(x) = %d and len(b) = %d", rows, cols, len(r.x), len(r.b))
	case !(s.RTol >= 0) || !(s.ATol >= 0) || math.IsInf(s.RTol, 0) || math.IsInf(s.ATol, 0):
		return bad("RTol = %v and ATol = %v must be finite and not negative", s.RTol, s.ATol)
	case s.MaxIter < 0 || s.MaxTime < 0 || s.Workers < 0:
		return bad("MaxIter = %d, MaxTime = %v, Workers = %d must not be negative", s.MaxIter, s.MaxTime, s.Workers)
	case !(s.CurvatureFloor >= 0) || math.IsInf(s.CurvatureFloor, 0):
		return bad("CurvatureFloor = %v must be finite and not negative", s.CurvatureFloor)
	}
	if hvp.StructureOf(r.a).Has(hvp.Varying) {
		return bad("the operator varies: it is not a fixed linear map")
	}
	if parallel.Overlap(r.x, r.b) {
		return failure{InvalidInput, errOverlap}
	}
	if r.m != nil {
		if p, q := r.m.Dims(); p != cols || q != cols {
			return bad("the preconditioner is %d×%d, the operator has %d columns", p, q, cols)
		}
		if !r.standsVarying && varies(r.m) {
			return failure{InvalidInput, ErrVarying}
		}
	}
	return ok
}

// ErrVarying says that a preconditioner that is not a fixed linear map
// ([hvp.Varying]) came to a method that needs one. It is the cause of an [*Error]
// with [InvalidInput].
var ErrVarying = errors.New("the preconditioner varies from step to step, for which this method has no flexible variant or is not set to it")

// varies reports whether m, which may be nil, is no fixed linear map.
func varies(m hvp.Operator) bool { return m != nil && hvp.StructureOf(m).Has(hvp.Varying) }

var errWritten = errors.New("the product changes the vector that it is applied to")

var errOverlap = errors.New("x and b overlap")

// apply sets dst = A·src.
func (r *run) apply(dst, src []float64) failure {
	if err := r.ctx.Err(); err != nil {
		return failure{Canceled, err}
	}
	t := time.Now()
	err := r.a.Apply(r.ctx, dst, src)
	r.res.InProducts += time.Since(t)
	r.res.Products++
	if err != nil {
		return r.callback(OperatorFailed, err)
	}
	return ok
}

// precondition sets dst = M·src.
func (r *run) precondition(dst, src []float64) failure {
	if err := r.ctx.Err(); err != nil {
		return failure{Canceled, err}
	}
	t := time.Now()
	err := r.m.Apply(r.ctx, dst, src)
	r.res.InPrecond += time.Since(t)
	r.res.PrecondApplies++
	if err != nil {
		return r.callback(PreconditionerFailed, err)
	}
	return ok
}

// callback tells a callback that failed because the context ended from one
// that failed by itself.
func (r *run) callback(s Status, err error) failure {
	if r.ctx.Err() != nil {
		return failure{Canceled, err}
	}
	return failure{s, err}
}

// residual sets dst = b' − A·x' and returns its norm. As all that is claimed of x
// rests on it, it makes sure that the product has left x alone.
func (r *run) residual(dst []float64) (norm float64, f failure) {
	before := parallel.Dot(r.team, r.x, r.x)
	if f := r.apply(dst, r.x); f.failed() {
		return 0, f
	}
	if after := parallel.Dot(r.team, r.x, r.x); before != after && !math.IsNaN(before) {
		return 0, failure{OperatorFailed, errWritten}
	}
	rr := parallel.SubScaled(r.team, dst, r.scale, r.b, dst)
	r.res.Bytes += 8 * 5 * int64(len(dst))
	return r.norm(rr, dst), ok
}

// norm returns √vv, where vv was computed as the plain sum of squares of v, and
// recomputes it when it may have left the range of float64.
func (r *run) norm(vv float64, v []float64) float64 {
	if vv > 0x1p-900 && vv < 0x1p1000 {
		return math.Sqrt(vv)
	}
	return parallel.Norm(r.team, v)
}

// initialResidual sets res = b' − A·x' for the guess, if there is one, or
// x' = 0 and res = b', and returns the norm. A guess that is not good enough to
// be the answer is first scaled to make the residual least (L. Hegedüs, see
// Strakoš & Tichý, BIT 45, 2005, doi:10.1007/s10543-005-0032-1), so that the
// residual does not exceed ‖b‖.
func (r *run) initialResidual(res []float64) (norm float64, f failure) {
	if !r.set.Guess {
		parallel.ScaleTo(r.team, res, r.scale, r.b)
		return r.normB, ok
	}
	norm, f = r.residual(res)
	if f.failed() {
		return 0, f
	}
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		if m := parallel.MaxAbs(r.team, r.x); math.IsNaN(m) || math.IsInf(m, 0) {
			clear(r.x) // leave something usable
			return 0, failure{NonFinite, fmt.Errorf("the initial guess holds %v", m)}
		}
		return 0, r.nonFinite("the product of the operator and the initial guess")
	}
	if norm <= r.tolerance || norm == 0 {
		return norm, ok
	}
	// With c = A·x' = b' − res, the best factor is ξ = cᵀb'/cᵀc.
	parallel.Axpby(r.team, res, r.scale, r.b, -1)
	cc, cb := parallel.Norm(r.team, res), r.scale*parallel.Dot(r.team, res, r.b)
	xi := 0.0
	if cc > 0 {
		xi = cb / cc / cc
	}
	if math.IsNaN(xi) || math.IsInf(xi, 0) {
		xi = 0
	}
	parallel.ScaleTo(r.team, r.x, xi, r.x)
	parallel.Axpby(r.team, res, r.scale, r.b, -xi)
	return parallel.Norm(r.team, res), ok
}

// sameOperator reports whether a is b. Operators of a type that cannot be
// compared, such as a struct with a slice in it, are never the same.
func sameOperator(a, b hvp.Operator) (same bool) {
	defer func() { _ = recover() }()
	return a == b
}

// open sets res = b' − A·x' as initialResidual does and notes its norm. It ends
// the solve when the guess, or x = 0, is good enough already.
func (r *run) open(res []float64) (norm float64, f failure) {
	if norm, f = r.initialResidual(res); f.failed() {
		return 0, f
	}
	if r.set.History {
		r.history = append(r.history, norm/r.scale)
	}
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return 0, r.nonFinite("the first residual")
	}
	r.res.Residual = norm / r.scale
	r.res.FirstResidual = r.res.Residual
	if norm <= r.tolerance {
		r.res.TrueResidual = norm / r.scale
		return norm, failure{Converged, nil}
	}
	return norm, ok
}

// nonFinite is the failure for NaN or Inf found in what.
func (r *run) nonFinite(what string) failure {
	return failure{NonFinite, fmt.Errorf("NaN or Inf in %s", what)}
}

// iterate counts an iteration that ended with the given residual norm and
// looks at the limits and the monitor.
func (r *run) iterate(norm float64) failure {
	r.res.Iterations++
	r.res.Residual = norm / r.scale
	if r.set.History {
		r.history = append(r.history, norm/r.scale)
	}
	if r.set.Monitor == nil {
		return ok
	}
	return r.monitor(Progress{Iteration: r.res.Iterations, Residual: norm / r.scale, Tolerance: r.res.Tolerance, Elapsed: time.Since(r.begin)})
}

// limits reports whether the iteration or the time limit has been reached.
func (r *run) limits() failure {
	if err := r.ctx.Err(); err != nil {
		return failure{Canceled, err}
	}
	if r.res.Iterations >= r.maxIter {
		return failure{IterationLimit, nil}
	}
	if t := r.set.MaxTime; t > 0 && time.Since(r.begin) >= t {
		return failure{TimeLimit, nil}
	}
	return ok
}

// unscale sets x = x'/scale, which may leave the range of float64 at either end: then
// a success is none.
func (r *run) unscale(f failure) failure {
	size := parallel.Norm(r.team, r.x)
	parallel.ScaleTo(r.team, r.x, 1/r.scale, r.x)
	if m := parallel.MaxAbs(r.team, r.x); math.IsInf(m, 0) || math.IsNaN(m) {
		clear(r.x)
		r.res.TrueResidual = r.res.RHSNorm
		if f.status.Success() {
			return failure{NonFinite, errors.New("the solution exceeds the range of float64")}
		}
		return f
	}
	// Numbers below 2⁻¹⁰²² are rounded to multiples of 2⁻¹⁰⁷⁴, which changes A·x'
	// by more than ‖b'‖/‖x'‖ times that.
	lost := math.Sqrt(float64(len(r.x))) * 0x1p-1074 * r.scale
	if f.status == Converged && size > 0 && lost/size*r.normB > max(r.tolerance, 0x1p-52*r.normB) {
		r.res.TrueResidual = -1
		return failure{NonFinite, errors.New("the solution is below the range of float64")}
	}
	return f
}

// finish ends the solve. scratch, of the length of b, serves to compute the
// true residual when it is not known yet; it may be nil when it cannot be.
func (r *run) finish(f failure, scratch []float64) (Result, error) {
	res := &r.res
	switch f.status {
	case Converged, InvalidInput, OperatorFailed, PreconditionerFailed, Canceled:
		// Known already, or not to be had.
	default:
		if res.TrueResidual < 0 && scratch != nil {
			if norm, g := r.residual(scratch); !g.failed() && !math.IsNaN(norm) {
				res.TrueResidual = norm / r.scale
			}
		}
	}
	f = r.confirm(f)
	if r.scale != 1 {
		f = r.unscale(f)
	}
	if r.set != nil && r.set.History {
		res.History = r.history
	}
	res.Status = f.status
	res.Elapsed = time.Since(r.begin)
	// Keep nothing of the caller's.
	r.ctx, r.a, r.m, r.x, r.b, r.set = nil, nil, nil, nil, nil, nil
	r.scope.Context = nil
	if f.status.Success() {
		return *res, nil
	}
	e := &Error{Status: f.status, Method: res.Method, Iterations: res.Iterations, Residual: -1, Tolerance: res.Tolerance, Cause: f.cause}
	if res.TrueResidual >= 0 {
		e.Residual = res.TrueResidual
	}
	return *res, e
}
