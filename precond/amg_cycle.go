package precond

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// amgWork holds the vectors of one application and runs its sweeps.
type amgWork struct {
	m    *AMG
	team parallel.Team
	// Vectors of each level: the iterate x; the right-hand side b and the result
	// e, from level 1 on; d, with Chebyshev smoothing, the last update; r and s, with
	// W- and K-cycles, the residual of the first visit and its correction; v, with
	// K-cycles, A·e.
	x, b, e, d, r, s, v [][]float64

	// The sweep under way.
	op           sweepOp
	l            *amgLevel
	dst, in, rhs []float64
	upd          []float64
	c, f         float64
}

type sweepOp int

const (
	sweepScale    sweepOp = iota // dst = f·W·rhs
	sweepScaleD                  // dst = upd = f·W·rhs
	sweepResidual                // dst = rhs − A·in
	sweepProduct                 // dst = A·in
	sweepRestrict                // dst = f·Pᵀ·in
	sweepProlong                 // dst += P·in
	sweepSmooth                  // dst = in + W·(rhs − A·in)
	sweepCheb                    // upd = c·upd + f·W·(rhs − A·in), dst = in + upd
)

// amgPool lends works: one is kept for good, so that the garbage collector never
// takes the vectors of a solve away between two applications.
type amgPool struct {
	kept   atomic.Pointer[amgWork]
	others sync.Pool
}

func (m *AMG) getWork() *amgWork {
	if w := m.pool.kept.Swap(nil); w != nil {
		return w
	}
	if w, _ := m.pool.others.Get().(*amgWork); w != nil {
		return w
	}
	return m.newWork()
}

func (m *AMG) putWork(w *amgWork) {
	if !m.pool.kept.CompareAndSwap(nil, w) {
		m.pool.others.Put(w)
	}
}

// newWork allocates the vectors of all levels.
func (m *AMG) newWork() *amgWork {
	w := &amgWork{m: m}
	k := len(m.levels)
	for _, v := range []*[][]float64{&w.x, &w.b, &w.e, &w.d, &w.r, &w.s, &w.v} {
		*v = make([][]float64, k)
	}
	for i, l := range m.levels {
		last := i == k-1
		if !last || m.coarse == nil {
			w.x[i] = make([]float64, l.n)
			if m.set.ChebyshevDegree > 0 {
				w.d[i] = make([]float64, l.n)
			}
		}
		if i > 0 {
			w.b[i], w.e[i] = make([]float64, l.n), make([]float64, l.n)
			if m.set.Cycle != VCycle && !last {
				w.r[i], w.s[i] = make([]float64, l.n), make([]float64, l.n)
				if m.set.Cycle == KCycle {
					w.v[i] = make([]float64, l.n)
				}
			}
		}
	}
	return w
}

// vectorBytes returns the memory of the vectors of one application.
func (m *AMG) vectorBytes() (bytes int64) {
	w := m.getWork()
	defer m.putWork(w)
	for _, vs := range [][][]float64{w.x, w.b, w.e, w.d, w.r, w.s, w.v} {
		for _, v := range vs {
			bytes += 8 * int64(len(v))
		}
	}
	return bytes
}

// Apply implements [hvp.Operator]: one cycle from zero.
func (m *AMG) Apply(ctx context.Context, dst, x []float64) error {
	if m.broken {
		return errBroken
	}
	if len(dst) != m.n || len(x) != m.n {
		return fmt.Errorf("precond: amg of order %d: len(dst) = %d, len(x) = %d", m.n, len(dst), len(x))
	}
	if m.n == 0 {
		return nil
	}
	w := m.getWork()
	w.team = parallel.FromContext(ctx)
	w.cycle(0, dst, x)
	w.dst, w.in, w.rhs, w.upd, w.l = nil, nil, nil, nil, nil
	m.putWork(w)
	return nil
}

// cycle sets dst to one cycle of level i for the right-hand side b from zero. Until
// the last sweep, dst is scratch memory.
func (w *amgWork) cycle(i int, dst, b []float64) {
	m := w.m
	l := m.levels[i]
	if i == len(m.levels)-1 && m.coarse != nil {
		copy(dst, b)
		m.coarse.solve(dst)
		return
	}
	x, spare := w.smoothZero(l, w.x[i], dst, w.d[i], b)
	if i+1 < len(m.levels) {
		next := m.levels[i+1]
		w.sweep(sweepResidual, l, spare, x, b, l.parts)
		w.f = 1
		if i == 0 {
			w.f = m.scale
		}
		rhs, e := w.b[i+1], w.e[i+1]
		w.sweep(sweepRestrict, l, rhs, spare, nil, l.rt.parts)
		w.cycle(i+1, e, rhs)
		switch {
		case w.v[i+1] != nil:
			w.accelerate(i+1, e, rhs)
		case w.r[i+1] != nil:
			// e ← e + C·(b − A·e) for the cycle C of the next level.
			w.sweep(sweepResidual, next, w.r[i+1], e, rhs, next.parts)
			w.cycle(i+1, w.s[i+1], w.r[i+1])
			parallel.Axpy(w.team, e, 1, w.s[i+1])
		}
		w.sweep(sweepProlong, l, x, e, nil, l.p.parts)
	}
	w.smooth(l, spare, x, w.d[i], b)
}

// enough is the part of the residual that the first step of a K-cycle may leave for
// there to be no second one.
const enough = 0.25

// accelerate makes of the cycle e = C·b of level i at most two steps of flexible
// conjugate gradients for A·x = b (Notay & Vassilevski 2008):
//
//	e ← (eᵀb/eᵀAe)·e   v = A·e   r = b − v        done if ‖r‖ ≤ ¼·‖b‖: x = e
//	d = C·r            γ = dᵀv   ρ = dᵀAd − γ²/eᵀv
//	x = (1 − γ·dᵀr/(eᵀv·ρ))·e + (dᵀr/ρ)·d
//
// Where a direction has no positive curvature, as rounding errors make of the null
// space of a singular matrix, the step is not taken.
func (w *amgWork) accelerate(i int, e, b []float64) {
	l, team := w.m.levels[i], w.team
	v, r, d := w.v[i], w.r[i], w.s[i]
	w.sweep(sweepProduct, l, v, e, nil, l.parts)
	ev, eb := parallel.Dot(team, e, v), parallel.Dot(team, e, b)
	if !(ev > 0 && eb > 0) {
		return
	}
	f := eb / ev
	parallel.ScaleTo(team, e, f, e)
	parallel.ScaleTo(team, v, f, v)
	if parallel.SubScaled(team, r, 1, b, v) <= enough*enough*parallel.Dot(team, b, b) {
		return
	}
	ev = f * eb
	w.cycle(i, d, r)
	u := w.x[i] // scratch between two cycles of this level
	w.sweep(sweepProduct, l, u, d, nil, l.parts)
	dv, dr := parallel.Dot(team, d, v), parallel.Dot(team, d, r)
	if rho := parallel.Dot(team, d, u) - dv*(dv/ev); rho > 0 {
		parallel.Axpby(team, e, dr/rho, d, 1-dv/ev*(dr/rho))
	}
}

// sweep runs one operation over the chunks of a matrix.
func (w *amgWork) sweep(op sweepOp, l *amgLevel, dst, in, rhs []float64, parts []int) {
	w.op, w.l, w.dst, w.in, w.rhs = op, l, dst, in, rhs
	w.team.Run(len(parts)-1, w)
}

// Chunk implements parallel.Task.
func (w *amgWork) Chunk(c int) {
	l := w.l
	switch w.op {
	case sweepRestrict:
		rt := &l.rt
		lo, hi := rt.parts[c], rt.parts[c+1]
		if rt.wide != nil {
			kernel.CSRRows(w.dst, w.in, rt.ptr, rt.col, rt.wide, lo, hi)
		} else {
			kernel.CSRRows(w.dst, w.in, rt.ptr, rt.col, rt.val, lo, hi)
		}
		if w.f != 1 {
			kernel.ScaleTo(w.dst[lo:hi], w.f, w.dst[lo:hi])
		}
		return
	case sweepProlong:
		p := &l.p
		lo, hi := p.parts[c], p.parts[c+1]
		if p.wide != nil {
			kernel.CSRAdd(w.dst, w.in, p.ptr, p.col, p.wide, lo, hi)
		} else {
			kernel.CSRAdd(w.dst, w.in, p.ptr, p.col, p.val, lo, hi)
		}
		return
	}
	// Rows of the level, in pieces that stay in the first-level cache between
	// the product and what follows. They end where windows of slices end.
	const piece = 512
	for lo, hi, end := l.parts[c], 0, l.parts[c+1]; lo < end; lo = hi {
		hi = min((lo+piece)&^(piece-1), end)
		if w.op == sweepProduct {
			l.product(w.dst, w.in, lo, hi)
			continue
		}
		wt, b, dst := l.weight[lo:hi], w.rhs[lo:hi], w.dst[lo:hi]
		switch w.op {
		case sweepScale:
			kernel.MulTo(dst, wt, b)
		case sweepScaleD:
			kernel.MulTo(dst, wt, b)
			kernel.ScaleTo(dst, w.f, dst)
			copy(w.upd[lo:hi], dst)
		case sweepResidual:
			l.product(w.dst, w.in, lo, hi)
			kernel.SubFrom(dst, b)
		case sweepSmooth:
			l.product(w.dst, w.in, lo, hi)
			kernel.SmoothTo(dst, w.in[lo:hi], wt, b)
		case sweepCheb:
			l.product(w.dst, w.in, lo, hi)
			kernel.ChebyshevStep(dst, w.in[lo:hi], w.upd[lo:hi], wt, b, w.c, w.f)
		}
	}
}

// product sets rows lo … hi-1 of dst = A·x.
func (l *amgLevel) product(dst, x []float64, lo, hi int) {
	switch {
	case l.finest != nil:
		l.finest.ApplyRows(dst, x, lo, hi)
		return
	case l.val64 != nil:
		kernel.CSRRows(dst, x, l.ptr, l.col, l.val64, lo, hi)
		return
	}
	kernel.CSRRows(dst, x, l.ptr, l.col, l.val, lo, hi)
	if l.lost != nil {
		kernel.AddProduct(dst[lo:hi], l.lost[lo:hi], x[lo:hi])
	}
}

// smoothZero smooths from zero, beginning in x. It returns which of the two vectors
// has the result, and the other one: such that as many steps again end in spare.
func (w *amgWork) smoothZero(l *amgLevel, x, spare, d, b []float64) (result, other []float64) {
	degree := w.m.set.ChebyshevDegree
	if degree == 0 {
		w.sweep(sweepScale, l, x, nil, b, l.parts)
		return x, spare
	}
	poly := newChebyshevPoly(l.lambda, defaultRatio)
	w.upd, w.f = d, poly.first()
	w.sweep(sweepScaleD, l, x, nil, b, l.parts)
	for range degree - 1 {
		w.c, w.f = poly.next()
		w.sweep(sweepCheb, l, spare, x, b, l.parts)
		x, spare = spare, x
	}
	return x, spare
}

// smooth smooths x, with the help of spare; one of them has the result: spare after
// an odd number of steps.
func (w *amgWork) smooth(l *amgLevel, spare, x, d, b []float64) {
	degree := w.m.set.ChebyshevDegree
	if degree == 0 {
		w.sweep(sweepSmooth, l, spare, x, b, l.parts)
		return
	}
	poly := newChebyshevPoly(l.lambda, defaultRatio)
	w.upd, w.c, w.f = d, 0, poly.first()
	for k := range degree {
		if k > 0 {
			w.c, w.f = poly.next()
		}
		w.sweep(sweepCheb, l, spare, x, b, l.parts)
		x, spare = spare, x
	}
}
