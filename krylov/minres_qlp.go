package krylov

import (
	"math"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// triangle holds the last three rows of the lower triangle L_k = Q_k·T_k·P_k of
// MINRES-QLP, the right-hand side τ and the solution u of L_k·u = τ. A digit
// counts backwards from k: gamma2 is the diagonal element of row k−2.
//
//	row k−2:  eta2 theta2 gamma2
//	row k−1:       eta1   theta1 gamma1
//	row k:                eta    theta  gamma
//
// Rows up to k−2 are final, the last two change with the next reflections.
type triangle struct {
	k                     int
	gamma, gamma1, gamma2 float64
	theta, theta1, theta2 float64
	eta, eta1, eta2       float64
	tau, tau1, tau2       float64
	u, u1, u2, u3, u4     float64
	top                   float64 // γ_k·u_k, also if u_k has been left out
	c1, s1, c2, s2        float64 // P_{k-1,k} and P_{k-2,k}
	final                 float64 // ‖(u_1 … u_{k-2})‖
	least                 float64 // least |γ| of the final rows
	residual              float64 // ‖A·r_{k-1}‖/‖r_{k-1}‖
	eps, delta, left      float64 // column k of the upper triangle; left is its γ_k
}

// length returns ‖x_k‖ = ‖u‖, in the norm √(xᵀM⁻¹x) if there is a preconditioner.
func (l *triangle) length() float64 { return math.Hypot(math.Hypot(l.final, l.u1), l.u) }

// push adds column k = (ε, δ, γ)ᵀ of the upper triangle and turns it with the
// last two columns into the lower one. Components of u whose diagonal element
// is at most tiny are left out.
func (l *triangle) push(eps, delta, gamma, tau, tiny float64) {
	l.k++
	l.eps, l.delta, l.left = eps, delta, gamma
	l.gamma2, l.gamma1 = l.gamma1, l.gamma
	l.theta2, l.theta1 = l.theta1, l.theta
	l.eta2, l.eta1 = l.eta1, l.eta
	l.tau2, l.tau1, l.tau = l.tau1, l.tau, tau
	l.u4, l.u3 = l.u3, l.u2

	// P_{k-2,k} removes ε from row k−2, P_{k-1,k} what is now δ from row k−1.
	l.c2, l.s2, l.gamma2 = reflection(l.gamma2, eps)
	l.theta1, delta = l.c2*l.theta1+l.s2*delta, l.s2*l.theta1-l.c2*delta
	l.eta, gamma = l.s2*gamma, -l.c2*gamma
	l.c1, l.s1, l.gamma1 = reflection(l.gamma1, delta)
	l.theta, l.gamma = l.s1*gamma, -l.c1*gamma

	if l.k > 2 {
		l.least = min(l.least, math.Abs(l.gamma2))
	}
	l.u2 = quotient(l.tau2-l.eta2*l.u4-l.theta2*l.u3, l.gamma2, tiny)
	l.u1 = quotient(l.tau1-l.eta1*l.u3-l.theta1*l.u2, l.gamma1, tiny)
	l.top = l.tau - l.eta*l.u2 - l.theta*l.u1
	l.u = quotient(l.top, l.gamma, tiny)
	l.final = math.Hypot(l.final, l.u2)
}

// smallest returns the least diagonal element.
func (l *triangle) smallest() float64 {
	least := min(l.least, math.Abs(l.gamma))
	if l.k > 1 {
		least = min(least, math.Abs(l.gamma1))
	}
	return least
}

// quotient returns a/b, or 0 where |b| ≤ tiny.
func quotient(a, b, tiny float64) float64 {
	if math.Abs(b) <= tiny {
		return 0
	}
	return a / b
}

// reflection returns c, s and r ≥ 0 with c·a + s·b = r, s·a − c·b = 0 and
// c² + s² = 1, without harmful overflow or underflow.
func reflection(a, b float64) (c, s, r float64) {
	switch absA, absB := math.Abs(a), math.Abs(b); {
	case b == 0:
		return math.Copysign(1, a), 0, absA
	case a == 0:
		return 0, math.Copysign(1, b), absB
	case absB >= absA:
		t := a / b
		s = math.Copysign(1/math.Sqrt(1+t*t), b)
		return s * t, s, b / s
	default:
		t := b / a
		c = math.Copysign(1/math.Sqrt(1+t*t), a)
		return c, c * t, a / c
	}
}

// stepKind says by which recurrences the iterate moves.
type stepKind int

const (
	stepNone stepKind = iota
	stepMINRES
	stepQLP
)

// update is a step of the iterate: the coefficients of kernel.MinresStep or
// kernel.QLPStep.
type update struct {
	kind           stepKind
	a              float64
	b, c, t        float64
	c2, s2, c1, s1 float64
	u              float64
}

// advance takes column k into the triangle and prepares the step of the iterate
// that belongs to it.
func (mr *MINRES) advance(eps, delta, gamma, tau float64) {
	mr.before = mr.l
	tiny := 0.0
	if mr.shortest {
		tiny = minresRank * mr.normA
	}
	mr.l.push(eps, delta, gamma, tau, tiny)
	mr.excess = 0
	if mr.shortest {
		limit := mr.TranCond
		if limit == 0 {
			limit = 1e7
		}
		limit = min(limit, 0.1/minresRank) // before anything is left out
		if !mr.qlp && mr.normA >= limit*mr.l.smallest() {
			mr.transfer()
		}
	}
	if mr.qlp {
		if mr.l.u == 0 {
			mr.excess = math.Abs(mr.l.top)
		}
		mr.waitQLP()
		return
	}
	// d_k = (v_k − ε·d_{k-2} − δ·d_{k-1})/γ
	mr.wait = update{kind: stepMINRES, a: 1 / mr.last / gamma, b: delta / gamma, c: eps / gamma, t: tau}
}

// waitQLP prepares the step that the triangle stands for.
func (mr *MINRES) waitQLP() {
	l := &mr.l
	mr.wait = update{kind: stepQLP, a: 1 / mr.last, c2: l.c2, s2: l.s2, c1: l.c1, s1: l.s1, u: l.u2}
}

// bounded reports whether x_k stays where its digits mean something. In QLP mode
// it makes that so.
func (mr *MINRES) bounded() bool {
	l := &mr.l
	if mr.normA*l.length() <= minresGrowth*mr.phi0 {
		return true
	}
	if !mr.shortest {
		return false
	}
	mr.leaveOut()
	return mr.normA*l.length() <= minresGrowth*mr.phi0
}

// leaveOut sets u_k = 0, which needs the recurrences of QLP.
func (mr *MINRES) leaveOut() {
	if !mr.qlp {
		mr.transfer()
		mr.waitQLP()
	}
	mr.l.u = 0
	mr.excess = math.Abs(mr.l.top)
}

// lastStep settles what becomes of step k when A·r_{k-1} = 0: it is not taken by
// MINRES, whose x_{k-1} is a least-squares solution. MINRES-QLP takes it without
// u_k, the component along the null vector that the last column of W is then.
func (mr *MINRES) lastStep() {
	if !mr.shortest {
		mr.wait.kind = stepNone
		return
	}
	if math.Abs(mr.l.gamma) <= 0x1p-20*mr.normA {
		mr.leaveOut()
	}
	mr.excess = 0
}

// transfer turns the directions of MINRES into the columns of W, and x_{k-1}
// into the part of it that is final:
//
//	w_{k-1} = γ_{k-1}·d_{k-1},  w_{k-2} = γ_{k-2}·d_{k-2} + ϑ_{k-1}·d_{k-1}
//	x ← x − u_{k-1}·w_{k-1} − u_{k-2}·w_{k-2}
//
// with the elements of L_{k-1}, because W = V·P = D·R·P = D·L.
func (mr *MINRES) transfer() {
	l := &mr.before
	parallel.Axpby(mr.team, mr.w2, l.theta, mr.w1, l.gamma1)
	parallel.ScaleTo(mr.team, mr.w1, l.gamma, mr.w1)
	parallel.Axpy(mr.team, mr.x, -l.u1, mr.w2)
	parallel.Axpy(mr.team, mr.x, -l.u, mr.w1)
	mr.res.Bytes += 8 * 11 * int64(mr.n)
	mr.qlp = true
}

// flush brings x up to date: the step that waits and, in QLP mode, the last two
// components.
func (mr *MINRES) flush() {
	if mr.wait.kind != stepNone {
		mr.team.Run(mr.chunks, (*minresStep)(mr))
		mr.stepped()
	}
	if mr.qlp && !mr.tail {
		parallel.Axpy(mr.team, mr.x, mr.l.u1, mr.w2)
		parallel.Axpy(mr.team, mr.x, mr.l.u, mr.w1)
		mr.tail = true
	}
}

// unflush takes the last two components out of x again.
func (mr *MINRES) unflush() {
	if mr.tail {
		parallel.Axpy(mr.team, mr.x, -mr.l.u1, mr.w2)
		parallel.Axpy(mr.team, mr.x, -mr.l.u, mr.w1)
		mr.tail = false
	}
}

// stepped notes that the step that waited has been taken.
func (mr *MINRES) stepped() {
	if mr.wait.kind != stepNone {
		mr.w1, mr.w2 = mr.w2, mr.w1
		mr.wait.kind = stepNone
	}
}
