package krylov

import (
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// The sweeps of GMRES, each a parallel.Task on the workspace itself.

// gmresProduct: w = A·src, if A gives row ranges, h = Vᵀw and wᵀw.
type gmresProduct GMRES

func (g *gmresProduct) Chunk(k int) {
	lo, hi, first, last := g.bounds(k)
	if g.rows != nil {
		g.rows.ApplyRows(g.w, g.src, lo, hi)
	}
	for b := first; b < last; b++ {
		lo, hi := parallel.Block(b, g.n)
		(*GMRES)(g).clearShares(b)
		kernel.PanelDots(g.part[b:], g.blocks, g.basis, g.w, lo, hi)
		g.norms[b] = kernel.Dot(g.w[lo:hi], g.w[lo:hi])
	}
}

// clearShares sets the shares of block b in all sums to zero.
func (g *GMRES) clearShares(b int) {
	for j := range g.basis {
		g.part[j*g.blocks+b] = 0
	}
}

// gmresFirstPass: w −= V·h, c = Vᵀw.
type gmresFirstPass GMRES

func (g *gmresFirstPass) Chunk(b int) {
	lo, hi := parallel.Block(b, g.n)
	(*GMRES)(g).clearShares(b)
	kernel.PanelSubDots(g.part[b:], g.blocks, g.w, g.basis, g.coef, lo, hi)
}

// gmresSecondPass: w −= V·c, wᵀw.
type gmresSecondPass GMRES

func (g *gmresSecondPass) Chunk(b int) {
	lo, hi := parallel.Block(b, g.n)
	kernel.PanelSub(g.w, g.basis, g.coef, lo, hi)
	g.norms[b] = kernel.Dot(g.w[lo:hi], g.w[lo:hi])
}

// gmresDivide: v = v/‖v‖, and z = D·v with a diagonal preconditioner.
type gmresDivide GMRES

func (g *gmresDivide) Chunk(b int) {
	lo, hi := parallel.Block(b, g.n)
	if g.d == nil {
		kernel.DivTo(g.w[lo:hi], g.divisor, g.w[lo:hi], nil, nil)
	} else {
		kernel.DivTo(g.w[lo:hi], g.divisor, g.w[lo:hi], g.d[lo:hi], g.z[lo:hi])
	}
}

// gmresCorrect: t = V·y and, unless a preconditioner is to come in between,
// x += t, with the old x left in t. coef is y.
type gmresCorrect GMRES

func (g *gmresCorrect) Chunk(b int) {
	lo, hi := parallel.Block(b, g.n)
	t := g.w[lo:hi]
	clear(t)
	kernel.PanelAdd(g.w, g.basis, g.coef, lo, hi)
	switch {
	case g.d != nil:
		kernel.AddSwap(g.x[lo:hi], t, g.d[lo:hi])
	case g.m == nil || g.flexible:
		kernel.AddSwap(g.x[lo:hi], t, nil)
	}
}
