package krylov

import (
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// What MINRES does when A·r is nearly zero and r is not: is there no solution, or
// is A ill-conditioned?

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
