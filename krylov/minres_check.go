package krylov

import (
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// How MINRES finds out what is true of the residual: its norm, its curvature, and
// whether it is the least.

// verify computes the true residual where the recurrences claim that it meets
// the tolerance. It reports drift, with the true residual in v, if that does
// not follow the recurrence any more.
func (mr *MINRES) verify(invariant bool) (drift bool, f failure) {
	mr.flush()
	truth, f := mr.residual(mr.q)
	if f.failed() {
		return false, f
	}
	if math.IsNaN(truth) || math.IsInf(truth, 0) {
		return false, mr.nonFinite("the product of the operator and the solution")
	}
	if truth <= mr.tolerance {
		mr.res.TrueResidual = truth / mr.scale
		return false, failure{Converged, nil}
	}
	claim := mr.estimate()
	if invariant || claim == 0 || mr.m == nil && truth > 4*claim || mr.checks > 0 && truth > 0.7*mr.truth {
		mr.v, mr.q = mr.q, mr.v
		mr.truth = truth
		return true, ok
	}
	// Only the estimate was off, or little is missing: go on.
	mr.ratio *= 1.2 * truth / claim
	mr.truth = truth
	mr.checks++
	mr.unflush()
	return false, ok
}

// curvature computes the residual r_{k-1}, and its curvature, from the iterate,
// when the recurrence says that this is not positive. It keeps what is true.
func (mr *MINRES) curvature() failure {
	if mr.res.Direction != nil || mr.curvatureTries >= 3 || mr.nested >= 0 {
		return ok
	}
	mr.curvatureTries++
	mr.direction = parallel.Grow(mr.direction, mr.n)
	p := mr.direction
	copy(p, mr.x)
	if mr.qlp {
		parallel.Axpy(mr.team, p, mr.l.u1, mr.w2)
		parallel.Axpy(mr.team, p, mr.l.u, mr.w1)
	}
	if f := mr.apply(mr.q, p); f.failed() {
		return f
	}
	parallel.SubScaled(mr.team, mr.q, mr.scale, mr.b, mr.q)
	switch {
	case mr.d != nil:
		parallel.MulTo(mr.team, p, mr.d, mr.q)
	case mr.general:
		if f := mr.precondition(p, mr.q); f.failed() {
			return f
		}
	default:
		copy(p, mr.q)
	}
	size := parallel.Norm(mr.team, p)
	if !(size > 0) || math.IsInf(1/size, 0) {
		return ok
	}
	parallel.ScaleTo(mr.team, p, 1/size, p)
	if f := mr.apply(mr.q, p); f.failed() {
		return f
	}
	value, long := parallel.Dot(mr.team, p, mr.q), parallel.Norm(mr.team, mr.q)
	size = mr.normA
	if mr.m != nil {
		size = long // ‖A‖ without preconditioner is not known
	}
	if value <= -minresCurvature*size || value <= 8*0x1p-52*long && long > 1e-8*size {
		mr.res.Curvature, mr.res.Direction = value, p
	}
	return ok
}

// settle makes sure that a solve that failed leaves an x that is not worse
// than x = 0.
func (mr *MINRES) settle(f failure) {
	switch f.status {
	case Converged, LeastSquares, Canceled, OperatorFailed, PreconditionerFailed:
		return
	}
	truth := mr.res.TrueResidual * mr.scale
	if truth < 0 {
		var g failure
		if truth, g = mr.residual(mr.q); g.failed() {
			return
		}
	}
	if !(truth <= mr.normB*(1+1e-12)) { // NaN too
		clear(mr.x)
		mr.res.TrueResidual = -1
		if !math.IsNaN(truth) {
			mr.res.TrueResidual = mr.res.RHSNorm
		}
		return
	}
	mr.res.TrueResidual = truth / mr.scale
}

// leastResidual reports whether the residual in v, of the given norm, is that
// of a least-squares solution: A·M·r = 0 to rounding errors. As a product that
// vanishes says this of symmetric operators only, it checks the symmetry for r
// and a random vector. The workspace is free at this time.
func (mr *MINRES) leastResidual(norm float64) (least bool, f failure) {
	r := mr.v // or M·r
	switch {
	case mr.d != nil:
		r = mr.old
		parallel.MulTo(mr.team, r, mr.d, mr.v)
	case mr.general:
		r = mr.z
		if f := mr.precondition(r, mr.v); f.failed() {
			return false, f
		}
	}
	if f := mr.apply(mr.q, r); f.failed() {
		return false, f
	}
	y, ay := mr.w1, mr.w2
	signs(y)
	if f := mr.apply(ay, y); f.failed() {
		return false, f
	}
	team := mr.team
	normR, normAR := parallel.Norm(team, r), parallel.Norm(team, mr.q)
	normY, normAY := math.Sqrt(float64(mr.n)), parallel.Norm(team, ay)
	if bad := normAR + normAY; math.IsNaN(bad) || math.IsInf(bad, 0) {
		return false, mr.nonFinite("a product of the operator")
	}
	if normR == 0 {
		return false, ok
	}
	rAy, yAr := parallel.Dot(team, r, ay)/normR, parallel.Dot(team, y, mr.q)/normR
	if math.Abs(rAy-yAr) > minresSymmetry*max(normAY, normAR/normR*normY) {
		return false, failure{NotSymmetric, fmt.Errorf("⟨u,A·v⟩ = %.6g and ⟨A·u,v⟩ = %.6g for two directions u, v", rAy/normY, yAr/normY)}
	}
	if mr.m == nil {
		mr.normA = max(mr.normA, normAY/normY)
		if normAR <= minresNull*mr.normA*normR {
			return true, ok
		}
		return mr.split(norm)
	}
	// ‖M^½·A·M·r‖ against ‖M^½AM^½‖·‖M^½·r‖.
	t := mr.zOld
	if mr.d != nil {
		t = mr.w1
		parallel.MulTo(team, t, mr.d, mr.q)
	} else if f := mr.precondition(t, mr.q); f.failed() {
		return false, f
	}
	top, bottom := parallel.Dot(team, t, mr.q), parallel.Dot(team, r, mr.v)
	return math.Sqrt(max(top, 0)) <= minresNull*mr.normA*math.Sqrt(max(bottom, 0)), ok
}

// signs fills y with +1 and −1 in an order without pattern (the finaliser of
// SplitMix64; Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195).
func signs(y []float64) {
	for i := range y {
		h := (uint64(i) + 1) * 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		y[i] = 1 - 2*float64(h>>63)
	}
}

// split tells whether the residual r in v, of the given norm, has a part in the
// null space of A, where ‖A·r‖ is small but not zero to rounding errors. The
// system A·y = A·r is always solvable and its shortest solution y is the part of
// r in the range of A. The rest r − y is the residual of every least-squares
// solution; if it is above the tolerance the system has no solution. Then
//
//	A·x = b − (r − y)
//
// is solvable again and gives the shortest x for MINRES-QLP. The recurrences for
// solvable systems do not have the limit of accuracy √ε of those for others.
func (mr *MINRES) split(norm float64) (least bool, f failure) {
	n, team := mr.n, mr.team
	mr.resid, mr.inRange, mr.rhs = parallel.Grow(mr.resid, n), parallel.Grow(mr.inRange, n), parallel.Grow(mr.rhs, n)
	copy(mr.resid, mr.v)
	copy(mr.rhs, mr.q) // A·r
	clear(mr.inRange)
	normAR := parallel.Norm(team, mr.q)
	size := mr.normA * norm
	truth, f := mr.nest(mr.inRange, norm, min(1e-6*normAR, 1e-13*size))
	if f.failed() {
		return false, f
	}
	// r ← r − y
	parallel.Axpy(team, mr.resid, -1, mr.inRange)
	rest := parallel.Norm(team, mr.resid)
	if truth > 1e-3*normAR || rest <= mr.tolerance || truth > 1e-9*mr.normA*rest {
		_, f = mr.residual(mr.v) // where solve wants it
		return false, f
	}
	if !mr.MinLength {
		return true, ok
	}
	x := mr.x
	goal := min(mr.tolerance, 1e-8*rest)
	if mr.set.Guess {
		copy(mr.rhs, mr.inRange)
		clear(mr.inRange)
	} else {
		// The components that the first run has left along null vectors go.
		parallel.ScaleTo(team, mr.rhs, mr.scale, mr.b)
		parallel.Axpy(team, mr.rhs, -1, mr.resid)
		clear(mr.inRange)
	}
	if _, f = mr.nest(mr.inRange, rest, goal); f.failed() {
		return false, f
	}
	if mr.set.Guess {
		parallel.Axpy(team, x, 1, mr.inRange)
	} else {
		copy(x, mr.inRange)
	}
	truth, f = mr.residual(mr.v)
	if f.failed() {
		return false, f
	}
	mr.res.TrueResidual = truth / mr.scale
	if f := mr.apply(mr.q, mr.v); f.failed() {
		return false, f
	}
	normAR = parallel.Norm(team, mr.q)
	noise := 64 * 0x1p-52 * (mr.normA*parallel.Norm(team, x) + mr.normB)
	if normAR <= mr.normA*max(1e-7*truth, noise) {
		return true, ok
	}
	return false, failure{Stagnated, fmt.Errorf("‖A·r‖ = %.3g is not that of a least-squares solution", normAR/mr.scale)}
}

// nest runs MINRES on A·y = rhs, from y = 0, down to the given norm of the
// residual, or as far as it comes, and returns that. It reports the given norm
// to the monitor, because that of the system at hand does not change.
func (mr *MINRES) nest(y []float64, report, goal float64) (truth float64, f failure) {
	x, b, scale, tolerance, null := mr.x, mr.b, mr.scale, mr.tolerance, mr.null
	mr.x, mr.b, mr.scale, mr.tolerance, mr.null = y, mr.rhs, 1, goal, minresNull
	mr.shortest, mr.nested = false, report/scale
	defer func() {
		mr.x, mr.b, mr.scale, mr.tolerance, mr.null = x, b, scale, tolerance, null
		mr.shortest, mr.nested = mr.MinLength, -1
		mr.res.TrueResidual = -1
	}()
	copy(mr.v, mr.rhs)
	norm := parallel.Norm(mr.team, mr.v)
	for range 4 {
		if norm == 0 {
			break
		}
		_, f := mr.iterations(norm)
		mr.flush()
		if f.failed() && f.status != Converged {
			return 0, f
		}
		truth, g := mr.residual(mr.v)
		if g.failed() {
			return 0, g
		}
		if math.IsNaN(truth) || math.IsInf(truth, 0) {
			return 0, mr.nonFinite("the product of the operator and the solution")
		}
		last := norm
		norm = truth
		if truth <= goal || truth > last/2 {
			break
		}
	}
	return norm, ok
}

// report counts an iteration.
func (mr *MINRES) report() failure {
	if mr.nested >= 0 {
		return mr.iterate(mr.nested * mr.scale)
	}
	return mr.iterate(mr.estimate())
}
