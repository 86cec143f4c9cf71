package krylov

import (
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// The sweeps of MINRES, each a parallel.Task on the workspace itself. A chunk is
// one or more blocks: as many as the operator wants rows at a time.

// step takes the step that waits on one range of elements.
func (mr *MINRES) step(lo, hi int) {
	x, w2, w1, v := mr.x[lo:hi], mr.w2[lo:hi], mr.w1[lo:hi], mr.zOld[lo:hi]
	switch s := &mr.wait; s.kind {
	case stepMINRES:
		kernel.MinresStep(x, w2, w1, v, s.a, s.b, s.c, s.t)
	case stepQLP:
		kernel.QLPStep(x, w2, w1, v, s.a, s.c2, s.s2, s.c1, s.s1, s.u)
	}
}

// minresProduct: q = A·z, if A gives row ranges, and zᵀq, qᵀq.
type minresProduct MINRES

func (mr *minresProduct) Chunk(k int) {
	lo, hi, first, last := mr.bounds(k)
	if mr.rows != nil {
		mr.rows.ApplyRows(mr.q, mr.z, lo, hi)
	}
	for b := first; b < last; b++ {
		lo, hi := parallel.Block(b, mr.n)
		mr.part[0][b], mr.part[2][b] = kernel.Dots2(mr.z[lo:hi], mr.q[lo:hi])
	}
}

// minresLanczos: the step that waits, then the next Lanczos vector in the place
// of the old one, its norms, and the product of q with the old one.
type minresLanczos MINRES

func (mr *minresLanczos) Chunk(k int) {
	_, _, first, last := mr.bounds(k)
	for b := first; b < last; b++ {
		lo, hi := parallel.Block(b, mr.n)
		(*MINRES)(mr).step(lo, hi)
		old, v, q := mr.old[lo:hi], mr.v[lo:hi], mr.q[lo:hi]
		switch {
		case mr.d != nil:
			mr.part[0][b], mr.part[2][b], mr.part[1][b] = kernel.LanczosStepDiag(old, v, q, mr.d[lo:hi], mr.ca, mr.cb, mr.cc)
		case mr.general:
			mr.part[0][b], _ = kernel.LanczosStep(old, v, q, mr.ca, mr.cb, mr.cc)
			mr.part[1][b] = kernel.Dot(q, mr.zOld[lo:hi])
		default:
			mr.part[0][b], mr.part[1][b] = kernel.LanczosStep(old, v, q, mr.ca, mr.cb, mr.cc)
		}
	}
}

// minresStep: the step that waits, by itself.
type minresStep MINRES

func (mr *minresStep) Chunk(k int) {
	lo, hi, _, _ := mr.bounds(k)
	(*MINRES)(mr).step(lo, hi)
}
