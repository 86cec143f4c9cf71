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
// out of the range of float32; this does not. It works in dst: memory besides is a few
// kilobytes for each worker. Traffic: twice the factor, x, and dst, of which half, the even
// bands, is read and written once more.
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
	r, _ := m.panelRows.Get().(*gridPanelRow)
	if r == nil {
		r = new(gridPanelRow)
	}
	r.W, r.Reach, r.Val, r.Pitch = p.k, m.reach, m.m.Raw(), m.m.Pitch()
	band := 2*c + p.phase.kind()
	first, last := m.bands[band], m.bands[band+1]-1
	if p.phase != gridBackward { // L⁻¹
		for i := first; i <= last; i++ {
			r.Back, r.V, r.Src, r.D = false, p.row(p.dst, i), p.row(p.x, i), nil
			p.substitute(r, band, i)
		}
	}
	if p.phase != gridForward { // D⁻¹ and L⁻ᵀ
		for i := last; i >= first; i-- {
			r.Back, r.V, r.Src, r.D = true, p.row(p.dst, i), nil, m.m.Row(i, 0, 0)
			p.substitute(r, band, i)
		}
	}
	r.PanelRow = kernel.PanelRow{At: r.At, Shift: r.Shift}
	m.panelRows.Put(r)
}

// gridPanelRow is a row of the grid that is being substituted.
type gridPanelRow struct {
	kernel.PanelRow
	edge []float32 // other rows near an edge of the grid, with zeros beyond it
}

// row returns row i of the grid.
func (p *gridICPanel) row(panel []float32, i int) []float32 {
	size := p.m.cols * p.k
	return panel[i*size : (i+1)*size]
}

// substitute does row i of the band. Where points couple with columns outside the grid,
// it goes by copies of the rows nearby: the couplings are zero, but what stands there in dst
// may not be finite, or belong to another band.
func (p *gridICPanel) substitute(r *gridPanelRow, band, i int) {
	r.C = r.Val[p.m.m.At(i, 1):]
	reach, cols := p.m.reach, p.m.cols
	left, right := reach, cols-reach
	if left >= right {
		left, right = 0, 0 // all is edge
	}
	if r.Back {
		p.part(r, band, i, right, cols)
		p.part(r, band, i, left, right)
		p.part(r, band, i, 0, left)
	} else {
		p.part(r, band, i, 0, left)
		p.part(r, band, i, left, right)
		p.part(r, band, i, right, cols)
	}
}

// part is substitute for columns lo … hi-1, either all of them with no coupling beyond the
// edges or not.
func (p *gridICPanel) part(r *gridPanelRow, band, i, lo, hi int) {
	if lo >= hi {
		return
	}
	m, reach, k := p.m, p.m.reach, p.k
	inner := lo >= reach && hi+reach <= m.cols
	width := hi - lo + 2*reach
	r.X, r.At, r.Shift = p.dst, r.At[:0], r.Shift[:0]
	if !inner {
		r.edge = parallel.Grow(r.edge, 2*reach*width*k)
		r.X = r.edge
	}
	for a := 1; a <= reach; a++ {
		for _, a := range [2]int{-a, a} {
			if i+a < 0 || i+a >= m.rows || m.later(band, i, i+a) != r.Back {
				continue
			}
			shift := ((i+a)*m.cols + lo - reach) * k
			if !inner {
				shift = len(r.At) / (2*reach + 1) * width * k
				copyWithin(r.edge[shift:][:width*k], p.row(p.dst, i+a), (lo-reach)*k)
			}
			at, step := m.coupling(i, a, -reach)
			for b := range 2*reach + 1 {
				r.At = append(r.At, at+lo+b*step)
				r.Shift = append(r.Shift, shift+b*k)
			}
		}
	}
	r.Substitute(lo, hi)
}

// copyWithin sets dst to what begins at element from of src, and to zero where that is
// outside.
func copyWithin(dst, src []float32, from int) {
	before := max(0, -from)
	clear(dst[:before])
	n := copy(dst[before:], src[from+before:])
	clear(dst[before+n:])
}

var _ hvp.SingleBlocker = (*GridIC)(nil)
