package krylov

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// lsmrState is what the recurrence of one segment carries, all scalars; the
// names are those of the paper.
type lsmrState struct {
	uNorm       float64 // norm of the stored u, of which u/uNorm is meant
	alpha, beta float64
	inverse     float64 // what the stored p is to be multiplied by: 1/α, or 0
	alphaBar    float64
	zetaBar     float64
	rho, rhoBar float64
	cBar, sBar  float64

	// For the norm of the residual.
	betaDD, betaD        float64 // β̈, β̇
	rhoDot               float64
	thetaTilde, tauTilde float64
	zeta, rNorm          float64 // rNorm estimates ‖r‖
	maxRhoBar, minRhoBar float64
	cond                 float64
	exhausted, condLimit bool

	steps     int     // of this segment
	doubt     int     // step at which a small gradient is believed; 0 while it is not small
	doubtNorm float64 // ‖r‖ when it became small
	claimed   bool    // a least-squares solution is claimed

	firstNorm, firstSlope float64 // ‖r‖ and ‖Aᵀr‖ at the begin of the segment
}

// safeScale keeps the stored u, of norm β, in a range where the products that
// follow and their squares are safe. The factor is a power of two: scaling A
// changes no digit.
func (l *LSMR) safeScale() {
	l.uNorm = l.beta
	if l.beta > 0x1p-200 && l.beta < 0x1p200 {
		return
	}
	frac, e := math.Frexp(l.beta)
	l.uNorm = frac
	for e != 0 { // in two steps where 2^-e would leave the range
		k := max(-1000, min(1000, e))
		c := math.Ldexp(1, -k)
		parallel.ScaleTo(l.team, l.u, c, l.u)
		if l.Damp > 0 {
			parallel.ScaleTo(l.team, l.u2, c, l.u2)
		}
		e -= k
	}
}

// left sets β₊u₊ = A·v − α·u.
func (l *LSMR) left() failure {
	l.c = -l.alpha / l.uNorm
	if l.overM.rows != nil {
		if err := l.ctx.Err(); err != nil {
			return failure{Canceled, err}
		}
		t := time.Now()
		l.team.Run(l.overM.chunks, (*lsmrLeft)(l))
		l.res.InProducts += time.Since(t)
		l.res.Products++
	} else {
		if f := l.apply(l.t[:l.nr], l.v); f.failed() {
			return f
		}
		l.team.Run(l.overM.chunks, (*lsmrLeft)(l))
	}
	l.beta = l.run.norm(parallel.Combine(l.part0[:parallel.Blocks(l.nr)]), l.u)
	if l.Damp > 0 {
		l.team.Run(parallel.Blocks(l.nc), (*lsmrDamp)(l))
		l.beta = math.Hypot(l.beta, l.run.norm(parallel.Combine(l.part0[:parallel.Blocks(l.nc)]), l.u2))
	}
	l.res.Reductions++
	if math.IsNaN(l.beta) || math.IsInf(l.beta, 0) {
		return l.nonFinite("a product of the operator")
	}
	l.normA = max(l.normA, math.Hypot(l.alpha, l.beta))
	if l.beta <= 0x1p-52*l.normA {
		l.beta = 0 // u₊ is noise
	}
	return ok
}

// right sets α₊v₊ = Aᵀu₊ − β₊v, but for the division by α₊, and applies N.
func (l *LSMR) right() failure {
	previous := l.alpha
	l.alpha, l.inverse = 0, 0
	if l.beta == 0 && previous != 0 {
		l.exhausted = true
		return ok
	}
	if previous != 0 {
		l.safeScale()
	}
	l.c, l.c1 = 1/l.uNorm, -l.beta
	if l.overN.rows != nil {
		if err := l.ctx.Err(); err != nil {
			return failure{Canceled, err}
		}
		t := time.Now()
		l.nSweep((*lsmrRight)(l))
		l.res.InProducts += time.Since(t)
		l.res.Products++
	} else {
		a := l.a
		l.a = l.at
		f := l.apply(l.t[:l.nc], l.u)
		l.a = a
		if f.failed() {
			return f
		}
		l.nSweep((*lsmrRight)(l))
	}
	l.res.Reductions++
	pp := l.run.norm(parallel.Combine(l.part0[:parallel.Blocks(l.nc)]), l.p)
	if math.IsNaN(pp) || math.IsInf(pp, 0) {
		return l.nonFinite("a product of the transposed operator")
	}
	l.alpha, l.inverse = pp, 1/pp
	if l.m != nil && pp > 0 {
		if f := l.dualNorm(pp); f.failed() {
			return f
		}
	}
	if l.alpha <= 0x1p-52*l.normA && previous != 0 || math.IsInf(l.inverse, 0) {
		l.alpha, l.inverse, l.exhausted = 0, 0, true // v₊ is noise
	}
	return ok
}

// dualNorm sets v = N·p and α = √(pᵀv) for p of norm pp > 0.
func (l *LSMR) dualNorm(pp float64) failure {
	e := 0
	if pp < 0x1p-200 || pp > 0x1p200 {
		// Scale p by a power of two, as safeScale does with u.
		_, e = math.Frexp(pp)
		e = max(-1000, min(1000, e))
		parallel.ScaleTo(l.team, l.p, math.Ldexp(1, -e), l.p)
		pp = math.Ldexp(pp, -e)
	}
	pnp := parallel.Combine(l.part1[:parallel.Blocks(l.nc)])
	normV := pp
	switch {
	case l.d == nil:
		if f := l.precondition(l.v, l.p); f.failed() {
			return f
		}
		pnp = parallel.Dot(l.team, l.p, l.v)
		normV = parallel.Norm(l.team, l.v)
		l.res.Reductions++
	case e != 0:
		parallel.MulTo(l.team, l.v, l.d, l.p)
		pnp = parallel.Dot(l.team, l.p, l.v)
	}
	if math.IsNaN(pnp) || math.IsInf(pnp, 0) || math.IsNaN(normV) || math.IsInf(normV, 0) {
		return l.nonFinite("an application of the preconditioner")
	}
	// A cosine between p and N·p at the level of rounding errors is not that of
	// a definite N, and would make small what is not.
	if l.d == nil && !(pnp > 0x1p-50*pp*normV) {
		return failure{IndefinitePreconditioner, fmt.Errorf("pᵀNp/(‖p‖·‖Np‖) = %.3g", pnp/pp/normV)}
	}
	l.inverse = 1 / math.Sqrt(pnp)
	l.alpha = math.Ldexp(math.Sqrt(pnp), e)
	return ok
}

// rotate advances the two QR factorisations, the coefficients of the vectors and
// the estimates.
func (l *LSMR) rotate() failure {
	rho := math.Hypot(l.alphaBar, l.beta)
	if rho == 0 {
		return failure{Breakdown, errors.New("ρ = 0")}
	}
	c, s := l.alphaBar/rho, l.beta/rho
	theta := s * l.alpha
	l.alphaBar = c * l.alpha

	thetaBar := l.sBar * rho
	rhoTemp := l.cBar * rho
	rhoBar := math.Hypot(rhoTemp, theta)
	if rhoBar == 0 {
		return failure{Breakdown, errors.New("ρ̄ = 0")}
	}
	l.cBar, l.sBar = rhoTemp/rhoBar, theta/rhoBar
	zetaOld := l.zeta
	l.zeta, l.zetaBar = l.cBar*l.zetaBar, -l.sBar*l.zetaBar

	// h̄ ← h − θ̄ρ/(ρ₋ρ̄₋)·h̄,  x ← x + ζ/(ρρ̄)·h̄,  h ← v − θ/ρ·h
	l.c = l.inverse
	l.c1 = (thetaBar / l.rho) * (rho / l.rhoBar)
	l.c2 = l.zeta / rho / rhoBar
	l.c3 = theta / rho
	if math.IsNaN(l.c1+l.c2+l.c3) || math.IsInf(l.c1+l.c2+l.c3, 0) {
		return failure{Breakdown, fmt.Errorf("coefficients %v, %v, %v", l.c1, l.c2, l.c3)}
	}

	// ‖r‖, section 5 of the paper.
	betaHat := c * l.betaDD
	l.betaDD = -s * l.betaDD
	rhoTilde := math.Hypot(l.rhoDot, thetaBar)
	cTilde, sTilde := l.rhoDot/rhoTilde, thetaBar/rhoTilde
	thetaTildeOld := l.thetaTilde
	l.thetaTilde = sTilde * rhoBar
	l.rhoDot = cTilde * rhoBar
	l.betaD = -sTilde*l.betaD + cTilde*betaHat
	l.tauTilde = (zetaOld - thetaTildeOld*l.tauTilde) / rhoTilde
	tauDot := (l.zeta - l.thetaTilde*l.tauTilde) / l.rhoDot
	l.rNorm = math.Hypot(l.betaD-tauDot, l.betaDD)
	if math.IsNaN(l.rNorm) {
		return failure{Breakdown, errors.New("the estimate of the residual")}
	}
	l.grad = math.Abs(l.zetaBar)

	// cond(A) is near max ρ̄ / min ρ̄; the last ρ̄ is not final.
	l.cond = max(l.maxRhoBar, rhoTemp) / min(l.minRhoBar, rhoTemp)
	l.minS = min(l.minS, l.minRhoBar, rhoTemp)
	l.maxRhoBar, l.minRhoBar = max(l.maxRhoBar, rhoBar), min(l.minRhoBar, rhoBar)
	l.res.MaxRitz, l.res.MinRitz = l.normA, l.minS
	l.rho, l.rhoBar = rho, rhoBar
	return ok
}

// claims reports whether the recurrence is done: with success, as it believes,
// or because it cannot go on.
func (l *LSMR) claims() bool {
	limit := l.CondLimit
	if limit == 0 {
		limit = 1e15
	}
	bound := l.normA * l.rNorm
	l.steps++
	switch {
	case l.Damp == 0 && l.rNorm <= l.tolerance, l.exhausted:
		return true
	case l.grad > l.gradTol*bound || l.grad*l.cond > 0.01*bound:
		l.doubt = 0
	case l.doubt == 0 || l.rNorm < 0.99*l.doubtNorm:
		// The gradient is small. Is that so because ‖r‖ is least, or because
		// what is left of r lies along small singular values that the Krylov
		// space has yet to find? Go on for a while and see whether ‖r‖ falls.
		l.doubt, l.doubtNorm = l.steps+10+l.steps/4, l.rNorm
		if l.nr <= l.nc {
			// Fewer equations than unknowns are solvable as a rule.
			l.doubt = 10 + 2*l.steps
		}
	}
	switch {
	case l.doubt > 0 && (l.steps >= l.doubt || l.grad <= 0x1p-48*bound || l.cond > limit):
		l.gradTol *= 0.1 // should the claim be refuted
		l.claimed = true
		return true
	case l.cond > limit:
		l.condLimit = true
		return true
	}
	return false
}
