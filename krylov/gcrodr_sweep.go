package krylov

import (
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// replace sets the first kept of the vectors into to [into[:k], more]·y, where y
// has stride columns.
func (g *GCRODR) replace(into [][]float64, k int, more [][]float64, y []float64, stride, kept int) {
	// The sum may run over the first k and more, but its place needs kept
	// vectors: those between are not read before they are written, block by block.
	for i := k; i < kept; i++ {
		clear(into[i])
	}
	spare := max(k, kept)
	g.basis = append(append(g.basis[:0], into[:spare]...), more...)
	rows := g.gram[:len(g.basis)*stride]
	for i := range g.basis {
		for l := range stride {
			switch {
			case i < k:
				rows[i*stride+l] = y[i*stride+l]
			case i < spare:
				rows[i*stride+l] = 0
			default:
				rows[i*stride+l] = y[(i-spare+k)*stride+l]
			}
		}
	}
	g.rotation.v, g.rotation.y, g.rotation.cols, g.rotation.keep = g.basis, rows, stride, kept
	g.team.Run(parallel.Blocks(g.n), &g.rotation)
	g.rotation.v, g.rotation.y = nil, nil
}

// dots sets coef = basisᵀ·x.
func (g *GCRODR) dots(coef, x []float64) {
	blocks := parallel.Blocks(g.n)
	g.sweep(sweepDots, x, coef)
	for i := range coef {
		coef[i] = parallel.Combine(g.part[i*blocks:][:blocks])
	}
}

func (g *GCRODR) sub(x []float64, basis [][]float64, coef []float64) {
	g.basis = append(g.basis[:0], basis...)
	g.sweep(sweepSub, x, coef)
}

func (g *GCRODR) add(x []float64, basis [][]float64, coef []float64) {
	g.basis = append(g.basis[:0], basis...)
	g.sweep(sweepAdd, x, coef)
}

type sweepKind int

const (
	sweepDots sweepKind = iota
	sweepSub
	sweepAdd
)

func (g *GCRODR) sweep(kind sweepKind, x, coef []float64) {
	g.panel = panelSweep{kind, x, coef, g.basis, g.part, parallel.Blocks(g.n)}
	g.team.Run(g.panel.blocks, &g.panel)
	g.panel = panelSweep{}
}

// panelSweep is one pass over the basis.
type panelSweep struct {
	kind    sweepKind
	x, coef []float64
	basis   [][]float64
	part    []float64
	blocks  int
}

func (s *panelSweep) Chunk(b int) {
	lo, hi := parallel.Block(b, len(s.x))
	switch s.kind {
	case sweepDots:
		for j := range s.basis {
			s.part[j*s.blocks+b] = 0
		}
		kernel.PanelDots(s.part[b:], s.blocks, s.basis, s.x, lo, hi)
	case sweepSub:
		kernel.PanelSub(s.x, s.basis, s.coef, lo, hi)
	case sweepAdd:
		kernel.PanelAdd(s.x, s.basis, s.coef, lo, hi)
	}
}
