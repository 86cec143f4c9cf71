package krylov

import (
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// The sweeps of LSMR, each a parallel.Task on the workspace itself, over the
// rows of A (m) or over its columns (n).

func (l *LSMR) nSweep(t parallel.Task) { l.team.Run(l.overN.chunks, t) }

// lsmrLeft: t = A·v, if A gives row ranges, u ← t + c·u and uᵀu.
type lsmrLeft LSMR

func (l *lsmrLeft) Chunk(k int) {
	lo, hi, first, last := l.overM.bounds(k)
	t := l.t[:l.nr]
	if l.overM.rows != nil {
		l.overM.rows.ApplyRows(t, l.v, lo, hi)
	}
	for b := first; b < last; b++ {
		lo, hi := parallel.Block(b, l.nr)
		l.part0[b] = kernel.AxpbyNorm(l.u[lo:hi], 1, t[lo:hi], l.c)
	}
}

// lsmrDamp: u₂ ← Damp·v + c·u₂ and u₂ᵀu₂.
type lsmrDamp LSMR

func (l *lsmrDamp) Chunk(b int) {
	lo, hi := parallel.Block(b, l.nc)
	l.part0[b] = kernel.AxpbyNorm(l.u2[lo:hi], l.Damp, l.v[lo:hi], l.c)
}

// lsmrRight: t = Aᵀu, if Aᵀ gives row ranges, t += Damp·u₂, p ← c·t + c1·p, pᵀp
// and, with a diagonal preconditioner, pᵀDp.
type lsmrRight LSMR

func (l *lsmrRight) Chunk(k int) {
	lo, hi, first, last := l.overN.bounds(k)
	t := l.t[:l.nc]
	if l.overN.rows != nil {
		l.overN.rows.ApplyRows(t, l.u, lo, hi)
	}
	for b := first; b < last; b++ {
		lo, hi := parallel.Block(b, l.nc)
		if l.Damp > 0 {
			kernel.Axpy(t[lo:hi], l.Damp, l.u2[lo:hi])
		}
		if l.d == nil {
			l.part0[b] = kernel.AxpbyNorm(l.p[lo:hi], l.c, t[lo:hi], l.c1)
		} else {
			l.part0[b], l.part1[b] = kernel.AxpbyNormDiag(l.p[lo:hi], l.c, t[lo:hi], l.c1, l.d[lo:hi])
		}
	}
}

// lsmrStep: v ← c·v and the updates of h̄, x and h.
type lsmrStep LSMR

func (l *lsmrStep) Chunk(k int) {
	_, _, first, last := l.overN.bounds(k)
	for b := first; b < last; b++ {
		lo, hi := parallel.Block(b, l.nc)
		x, g, h, v, p := l.x[lo:hi], l.g[lo:hi], l.h[lo:hi], l.v[lo:hi], l.p[lo:hi]
		switch {
		case l.d != nil:
			kernel.LSMRStepDiag(x, g, h, v, p, l.d[lo:hi], l.c, l.c1, l.c2, l.c3)
		case l.m != nil:
			kernel.ScaleTo(p, l.c, p)
			kernel.LSMRStep(x, g, h, v, l.c, l.c1, l.c2, l.c3)
		default:
			kernel.LSMRStep(x, g, h, v, l.c, l.c1, l.c2, l.c3)
		}
	}
}
