package hvp

import (
	"context"
	"fmt"
	"sync"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// splitProduct is dst = Xᵀ·f(X·v) + ridge∘v as a task of four phases.
type splitProduct struct {
	s      *split
	phase  int
	dst, v []float64
	ridge  []float64 // nil: zero

	weight []float64 // f is the product with it, unless
	f      func(t []float64, first int)
	square bool // instead, dst = (X∘X)ᵀ·weight + ridge

	hot  []float64 // v at the frequent columns
	sums []float64 // the sums of the groups, one after the other
	u    []float64 // f(X·v)
}

const (
	splitGather = iota // hot
	splitByRow         // u and sums, by groups of rows
	splitAdd           // sums of all groups into that of the first
	splitByCol         // dst, by windows of columns
)

// splitAddBlock is how many frequent columns a chunk of splitGather and of splitAdd
// has.
const splitAddBlock = 2048

var splitProducts = sync.Pool{New: func() any { return new(splitProduct) }}

// run makes the product on the team and recycles p.
func (p *splitProduct) run(team parallel.Team) {
	s := p.s
	h := len(s.frequent)
	p.hot = parallel.Grow(p.hot, h+kernel.FrequentColumns)
	p.sums = parallel.Grow(p.sums, (len(s.groups)-1)*h+kernel.FrequentColumns)
	p.u = parallel.Grow(p.u, s.rows)
	for phase, chunks := range s.chunks() {
		if p.square && phase == splitGather {
			continue
		}
		p.phase = phase
		team.Run(chunks, p)
	}
	*p = splitProduct{hot: p.hot, sums: p.sums, u: p.u}
	splitProducts.Put(p)
}

// chunks returns how many chunks each phase has.
func (s *split) chunks() [4]int {
	blocks := (len(s.frequent) + splitAddBlock - 1) / splitAddBlock
	return [4]int{blocks, len(s.groups) - 1, blocks, len(s.place) - 1}
}

// addBlock returns the frequent columns of chunk c of splitGather and splitAdd.
func (s *split) addBlock(c int) (lo, hi int) {
	return c * splitAddBlock, min((c+1)*splitAddBlock, len(s.frequent))
}

// addSums adds elements lo … hi-1 of the sums of all groups, h numbers each, to
// those of the first.
func (s *split) addSums(sums []float64, lo, hi, h int) {
	first := sums[lo:hi]
	for g := 1; g < len(s.groups)-1; g++ {
		for k, v := range sums[g*h+lo : g*h+hi] {
			first[k] += v
		}
	}
}

// sum returns the sum of group g.
func (p *splitProduct) sum(g int) *kernel.Frequent {
	return (*kernel.Frequent)(p.sums[g*len(p.s.frequent):])
}

// Chunk implements parallel.Task.
func (p *splitProduct) Chunk(c int) {
	switch p.phase {
	case splitGather:
		lo, hi := p.s.addBlock(c)
		hot := p.hot[lo:hi]
		for k, j := range p.s.frequent[lo:hi] {
			hot[k] = p.v[j]
		}
	case splitByRow:
		p.group(c)
	case splitAdd:
		lo, hi := p.s.addBlock(c)
		p.s.addSums(p.sums, lo, hi, len(p.s.frequent))
	case splitByCol:
		p.columns(c)
	}
}

// group reads the rows of group g.
func (p *splitProduct) group(g int) {
	s := p.s
	sum, hot := p.sum(g), (*kernel.Frequent)(p.hot)
	clear(sum[:len(s.frequent)])
	if !p.square {
		clear(p.u[s.groups[g]:s.groups[g+1]])
		windows := len(s.place) - 1
		for b := s.firstBlock[g]; b < s.firstBlock[g+1]; b++ {
			u := p.u[s.blocks[b]:s.blocks[b+1]]
			for w := range windows {
				s.addCell(u, p.v[w*s.width:], s.rareRow, s.rareCol, b*windows+w)
			}
		}
	}
	for w := s.first[g]; w < s.first[g+1]; w++ {
		lo, hi := s.windows[w], s.windows[w+1]
		row, length := s.row[lo:hi], s.length[lo:hi]
		a, b := s.entry[w], s.entry[w+1]
		switch col := s.col[a:b]; {
		case p.square && s.val.f64 != nil:
			kernel.FrequentSquares(sum, p.weight[lo:hi], row, length, col, s.val.f64[a:b])
		case p.square:
			kernel.FrequentSquares(sum, p.weight[lo:hi], row, length, col, s.val.f32From(a, b))
		case s.val.f64 != nil:
			u, val := p.u[lo:hi], s.val.f64[a:b]
			kernel.FrequentDots(u, hot, row, length, col, val)
			p.link(u, lo)
			kernel.FrequentScatter(sum, u, row, length, col, val)
		default:
			u, val := p.u[lo:hi], s.val.f32From(a, b)
			kernel.FrequentDots(u, hot, row, length, col, val)
			p.link(u, lo)
			kernel.FrequentScatter(sum, u, row, length, col, val)
		}
	}
}

// addCell adds to y the entries of cell c, with indices yi into y and xi into x,
// times x.
func (s *split) addCell(y, x []float64, yi, xi []uint16, c int) {
	a, b := s.cells[c], s.cells[c+1]
	if s.rareVal.f64 != nil {
		kernel.AddEntries(y, x, yi[a:b], xi[a:b], s.rareVal.f64[a:b])
	} else {
		kernel.AddEntries(y, x, yi[a:b], xi[a:b], s.rareVal.f32From(a, b))
	}
}

// link replaces t by f(t), rows first … first+len(t)-1.
func (p *splitProduct) link(t []float64, first int) {
	if p.f != nil {
		p.f(t, first)
		return
	}
	kernel.MulTo(t, t, p.weight[first:first+len(t)])
}

// columns sets dst in window w of the columns.
func (p *splitProduct) columns(w int) {
	s := p.s
	lo := w * s.width
	hi := min(lo+s.width, s.cols)
	dst := p.dst[lo:hi]
	switch {
	case p.ridge == nil:
		clear(dst)
	case p.square:
		copy(dst, p.ridge[lo:hi])
	default:
		kernel.MulTo(dst, p.ridge[lo:hi], p.v[lo:hi])
	}
	for _, h := range s.at[s.place[w]:s.place[w+1]] {
		dst[h.col] += p.sums[h.index]
	}
	windows := len(s.place) - 1
	for b := range len(s.blocks) - 1 {
		c := b*windows + w
		if !p.square {
			s.addCell(dst, p.u[s.blocks[b]:s.blocks[b+1]], s.rareCol, s.rareRow, c)
			continue
		}
		weight := p.weight[s.blocks[b]:s.blocks[b+1]]
		for k := s.cells[c]; k < s.cells[c+1]; k++ {
			v := s.rareVal.at(k)
			dst[s.rareCol[k]] += weight[s.rareRow[k]] * v * v
		}
	}
}

// ApplyThrough sets dst = Aᵀ·f(A·x), len(dst) = len(x) = columns, reading most of
// A once from memory: the gradient of Σ_i φ_i(a_iᵀx), f = φ′, for example. f is
// called with t = (A·x)[first:first+len(t)] for all rows, a block at a time, and
// replaces t; calls for different blocks may come from several goroutines at
// once. The result has the same bits for any number of workers.
//
// The first call stores the entries in another form, which [GLM] uses as well;
// see [CSR.Bytes].
func (a *CSR) ApplyThrough(ctx context.Context, dst, x []float64, f func(t []float64, first int)) error {
	if f == nil {
		return fmt.Errorf("hvp: ApplyThrough without a function")
	}
	if err := checkShape(a.cols, a.cols, dst, x, 1); err != nil {
		return err
	}
	p := splitProducts.Get().(*splitProduct)
	p.s, p.dst, p.v, p.f = a.split(), dst, x, f
	p.run(parallel.FromContext(ctx))
	return nil
}
