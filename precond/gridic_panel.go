package precond

import (
	"context"
	"errors"
	"fmt"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// gridICPanel is an application to a panel under way, which solves in dst itself. A
// point is a row of k columns, so that the recurrence within a row of the grid is done
// for up to eight columns at a time.
type gridICPanel struct {
	m      *GridIC
	dst, x []float32
	k      int
	phase  gridPhase
}

// ApplyBlockSingle implements [hvp.SingleBlocker]. Apply scales its vector against numbers
// out of the range of float32; this does not. Traffic: twice the factor, and seven times
// the panel.
func (m *GridIC) ApplyBlockSingle(ctx context.Context, dst, x []float32, k int) error {
	n := m.rows * m.cols
	switch {
	case m.broken:
		return errors.New("precond: incomplete Cholesky on a grid: not built, its last refresh failed")
	case k < 1 || len(dst) != n*k || len(x) != n*k:
		return fmt.Errorf("precond: incomplete Cholesky on a grid of order %d applied to a panel of %d columns with len(dst) = %d and len(x) = %d", n, k, len(dst), len(x))
	}
	p, _ := m.panels.Get().(*gridICPanel)
	if p == nil {
		p = new(gridICPanel)
	}
	*p = gridICPanel{m: m, dst: dst, x: x, k: k}
	count := len(m.bands) - 1
	team := parallel.FromContext(ctx)
	for p.phase = gridForward; p.phase <= gridBackward; p.phase++ {
		team.Run((count+1-p.phase.kind())/2, p)
	}
	*p = gridICPanel{}
	m.panels.Put(p)
	return nil
}

// kind is 1 for the odd bands and 0 for the even ones.
func (p gridPhase) kind() int {
	if p == gridMiddle {
		return 1
	}
	return 0
}

// Chunk implements parallel.Task: band 2c or 2c+1.
func (p *gridICPanel) Chunk(c int) {
	m := p.m
	band := 2*c + p.phase.kind()
	first, last := m.bands[band], m.bands[band+1]-1
	val, pitch := m.m.Raw(), m.m.Pitch()
	room := m.room.Get(4 * m.reach * (2*m.reach + 1))
	defer m.room.Put(room)
	if p.phase != gridBackward { // L⁻¹
		for i := first; i <= last; i++ {
			v := p.row(i)
			copy(v, p.x[i*len(v):])
			p.gather(band, i, false, *room)
			kernel.ForwardBandPanel(v, p.k, val[m.m.At(i, 1):], pitch, m.reach)
		}
	}
	if p.phase != gridForward { // D⁻¹ and L⁻ᵀ
		for i := last; i >= first; i-- {
			v := p.row(i)
			kernel.ScaleRowsPanel(v, p.k, m.m.Row(i, 0, 0))
			p.gather(band, i, true, *room)
			kernel.BackwardBandPanel(v, p.k, val[m.m.At(i, 1):], pitch, m.reach)
		}
	}
}

// row returns row i of the grid.
func (p *gridICPanel) row(i int) []float32 {
	size := p.m.cols * p.k
	return p.dst[i*size : (i+1)*size]
}

// gather subtracts what the rows near row i of the band say, those after it in the order of
// elimination or those before. room is for two numbers for each of their couplings.
func (p *gridICPanel) gather(band, i int, later bool, room []int) {
	cols := p.m.cols
	lo := min(p.m.reach, cols)
	hi := max(lo, cols-p.m.reach)
	for j := range lo {
		p.gatherPart(band, i, later, j, j+1, room)
	}
	if lo < hi {
		p.gatherPart(band, i, later, lo, hi, room)
	}
	for j := hi; j < cols; j++ {
		p.gatherPart(band, i, later, j, j+1, room)
	}
}

// gatherPart is gather for columns lo … hi-1, which have the same couplings within the
// grid: others are zero, but what stands in their place may not be finite, nor belong to
// this band.
func (p *gridICPanel) gatherPart(band, i int, later bool, lo, hi int, room []int) {
	m, r := p.m, p.m.reach
	at, shift := room[:0:len(room)/2], room[len(room)/2:][:0]
	first, last := max(-r, -lo), min(r, m.cols-hi)
	for a := 1; a <= r; a++ {
		for _, a := range [2]int{-a, a} {
			if i+a < 0 || i+a >= m.rows || m.later(band, i, i+a) != later {
				continue
			}
			l, step := m.coupling(i, a, first)
			for b := first; b <= last; b++ {
				at = append(at, l+lo)
				shift = append(shift, ((i+a)*m.cols+lo+b)*p.k)
				l += step
			}
		}
	}
	kernel.AddProductsPanel(p.row(i)[lo*p.k:hi*p.k], p.k, m.m.Raw(), at, p.dst, shift, true)
}

var _ hvp.SingleBlocker = (*GridIC)(nil)
