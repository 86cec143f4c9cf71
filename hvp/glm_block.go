package hvp

import (
	"context"
	"sync"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// splitBlock is the product of a [GLM] with four neighbouring columns of a
// row-major panel of k as a task; see [splitProduct], which it follows phase by
// phase, with four numbers in place of one.
type splitBlock struct {
	g            *GLM
	s            *split
	phase        int
	dst, v       []float64 // from the first column on
	k            int
	hot, sums, u []float64
	long         []float64 // the panels of two or three columns, filled up to four
}

var splitBlocks = sync.Pool{New: func() any { return new(splitBlock) }}

// ApplyBlock implements [Blocker]: the entries come from memory once for every
// four vectors. The last four of a panel may overlap those before. Besides its
// share of [GLM.Bytes] it needs four numbers per row and per group of rows and
// frequent column, for two or three vectors also eight per column.
func (g *GLM) ApplyBlock(ctx context.Context, dst, x []float64, k int) error {
	n := g.x.cols
	if err := checkShape(n, n, dst, x, k); err != nil {
		return err
	}
	switch {
	case n == 0 || k == 0:
		return nil
	case k == 1:
		return g.Apply(ctx, dst, x)
	}
	p, team := splitBlocks.Get().(*splitBlock), parallel.FromContext(ctx)
	p.g, p.s = g, g.x.split()
	if k < 4 {
		p.long = parallel.Grow(p.long, 8*n)
		p.dst, p.v, p.k = p.long[:4*n], p.long[4*n:], 4
		for j := range n {
			to := p.v[4*j : 4*j+4]
			clear(to[copy(to, x[j*k:j*k+k]):])
		}
		p.run(team)
		for j := range n {
			copy(dst[j*k:j*k+k], p.dst[4*j:])
		}
	} else {
		for l := 0; l < k; l += 4 {
			l := min(l, k-4)
			p.dst, p.v, p.k = dst[l:], x[l:], k
			p.run(team)
		}
	}
	*p = splitBlock{hot: p.hot, sums: p.sums, u: p.u, long: p.long}
	splitBlocks.Put(p)
	return nil
}

func (p *splitBlock) run(team parallel.Team) {
	s := p.s
	h := len(s.frequent)
	p.hot, p.u = parallel.Grow(p.hot, 4*h), parallel.Grow(p.u, 4*s.rows)
	p.sums = parallel.Grow(p.sums, (len(s.groups)-1)*4*h)
	for phase, chunks := range s.chunks() {
		p.phase = phase
		team.Run(chunks, p)
	}
}

// Chunk implements parallel.Task.
func (p *splitBlock) Chunk(c int) {
	s := p.s
	switch p.phase {
	case splitGather:
		lo, hi := s.addBlock(c)
		for h := lo; h < hi; h++ {
			*(*[4]float64)(p.hot[4*h:]) = [4]float64(p.v[p.k*int(s.frequent[h]):])
		}
	case splitByRow:
		p.group(c)
	case splitAdd:
		lo, hi := s.addBlock(c)
		s.addSums(p.sums, 4*lo, 4*hi, 4*len(s.frequent))
	case splitByCol:
		p.columns(c)
	}
}

// group reads the rows of group g.
func (p *splitBlock) group(g int) {
	s := p.s
	h := 4 * len(s.frequent)
	sum := p.sums[g*h : (g+1)*h]
	clear(sum)
	clear(p.u[4*s.groups[g] : 4*s.groups[g+1]])
	windows := len(s.place) - 1
	for b := s.firstBlock[g]; b < s.firstBlock[g+1]; b++ {
		u := p.u[4*s.blocks[b] : 4*s.blocks[b+1]]
		for w := range windows {
			p.addCell(u, p.v[p.k*w*s.width:], 4, p.k, s.rareRow, s.rareCol, b*windows+w)
		}
	}
	for w := s.first[g]; w < s.first[g+1]; w++ {
		lo, hi := s.windows[w], s.windows[w+1]
		row, length, u := s.row[lo:hi], s.length[lo:hi], p.u[4*lo:4*hi]
		a, b := s.entry[w], s.entry[w+1]
		if col := s.col[a:b]; s.val.f64 != nil {
			kernel.BlockDots(u, p.hot, row, length, col, s.val.f64[a:b])
			p.weigh(u, lo)
			kernel.BlockScatter(sum, u, row, length, col, s.val.f64[a:b])
		} else {
			kernel.BlockDots(u, p.hot, row, length, col, s.val.f32From(a, b))
			p.weigh(u, lo)
			kernel.BlockScatter(sum, u, row, length, col, s.val.f32From(a, b))
		}
	}
}

// weigh multiplies the rows of u from first on by their weights.
func (p *splitBlock) weigh(u []float64, first int) {
	for i := range len(u) / 4 {
		row := (*[4]float64)(u[4*i:])
		d := p.g.d[first+i]
		for j := range row {
			row[j] *= d
		}
	}
}

func (p *splitBlock) addCell(y, x []float64, sy, sx int, yi, xi []uint16, c int) {
	s := p.s
	if a, b := s.cells[c], s.cells[c+1]; s.rareVal.f64 != nil {
		kernel.BlockEntries(y, x, sy, sx, yi[a:b], xi[a:b], s.rareVal.f64[a:b])
	} else {
		kernel.BlockEntries(y, x, sy, sx, yi[a:b], xi[a:b], s.rareVal.f32From(a, b))
	}
}

// columns sets dst in window w of the columns.
func (p *splitBlock) columns(w int) {
	s, k := p.s, p.k
	lo := w * s.width
	hi := min(lo+s.width, s.cols)
	for j := lo; j < hi; j++ {
		to, v, r := (*[4]float64)(p.dst[k*j:]), (*[4]float64)(p.v[k*j:]), p.g.ridge[j]
		for l := range to {
			to[l] = r * v[l]
		}
	}
	for _, h := range s.at[s.place[w]:s.place[w+1]] {
		to, sum := (*[4]float64)(p.dst[k*(lo+int(h.col)):]), (*[4]float64)(p.sums[4*int(h.index):])
		for l := range to {
			to[l] += sum[l]
		}
	}
	windows := len(s.place) - 1
	for b := range len(s.blocks) - 1 {
		p.addCell(p.dst[k*lo:], p.u[4*s.blocks[b]:4*s.blocks[b+1]], k, 4, s.rareCol, s.rareRow, b*windows+w)
	}
}

var _ Blocker = (*GLM)(nil)
