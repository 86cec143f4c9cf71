package precond

import (
	"context"
	"math"
	"slices"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// States of a node without aggregate.
const (
	isolated int32 = -1 // no strong connections: the smoother alone serves it
	free     int32 = -2 // not yet
)

// weakConnections returns which entries of a are weak, |a_ij| ≤ ε·√(a_ii·a_jj), nil if
// none is; dst is memory to use. The diagonal is never weak.
func weakConnections(team parallel.Team, a *amgMatrix, strength float64, parts []int) []bool {
	strength = max(strength, 0)
	// a_ij² > ε²·a_ii·max a_jj for all entries: no further look is needed.
	if a.zeros == 0 && a.lower > strength*strength*a.upper {
		return nil
	}
	weak := make([]bool, len(a.val))
	count := make([]int, len(parts)-1)
	root := make([]float64, a.n)
	for i, d := range a.diag {
		root[i] = math.Sqrt(d)
	}
	team.Run(len(count), parallel.TaskFunc(func(c int) {
		n := 0
		for i := parts[c]; i < parts[c+1]; i++ {
			p, q := a.ptr[i], a.ptr[i+1]
			cs, vs, out := a.col[p:q], a.val[p:q], weak[p:q]
			limit := strength * root[i]
			for k, j := range cs {
				w := int(j) != i && !(math.Abs(vs[k]) > limit*root[j])
				out[k] = w
				if w {
					n++
				}
			}
		}
		count[c] = n
	}))
	for _, n := range count {
		if n > 0 {
			return weak
		}
	}
	return nil
}

// aggregator finds the aggregates of a graph: that of the entries of a matrix that
// are not weak.
type aggregator struct {
	n     int
	ptr   []int
	col   []int32
	weak  []bool
	parts int
	id    []int32
	ring  []bool // seeds and their neighbours
	seed  []bool
	seeds [][]int32 // of each part
	rest  [][]int32 // nodes of each part that are free after the first two stages
	total int
}

// aggregate returns the aggregate of each node, numbered in the order of the seeds,
// and how many there are. A node is a seed if it is no neighbour of a neighbour of
// an earlier seed; then its neighbours belong to it, and their neighbours as long
// as no other seed claims them.
//
// In parallel this is done in contiguous parts whose bounds depend on n only, in three
// stages. First, in each part, for seeds all of whose neighbours are in the part.
// Then free nodes next to a neighbour of a seed of another part join that one.
// What is left, along the bounds of the parts, is done one after another.
// Where the numbering has no locality most is left, and the result is that of
// the serial method.
func aggregate(team parallel.Team, n int, ptr []int, col []int32, weak []bool) (id []int32, count, lone int) {
	parts := setupParts(n)
	g := &aggregator{
		n: n, ptr: ptr, col: col, weak: weak, parts: parts,
		id: make([]int32, n), ring: make([]bool, n), seed: make([]bool, n),
		seeds: make([][]int32, parts), rest: make([][]int32, parts),
	}
	team.Run(parts, parallel.TaskFunc(g.inner))
	team.Run(parts, parallel.TaskFunc(g.join))
	for _, nodes := range g.rest {
		for _, i := range nodes {
			if g.id[i] == free {
				g.claim(int(i), 0, n)
			}
		}
	}
	team.Run(parts, parallel.TaskFunc(g.collect))
	number := make([]int32, n) // of each seed
	for _, s := range g.seeds {
		for _, i := range s {
			number[i] = int32(g.total)
			g.total++
		}
	}
	lones := make([]int, parts)
	team.Run(parts, parallel.TaskFunc(func(c int) {
		lo, hi := setupPart(c, parts, n)
		for i := lo; i < hi; i++ {
			if s := g.id[i]; s >= 0 {
				g.id[i] = number[s]
			} else {
				lones[c]++
			}
		}
	}))
	for _, k := range lones {
		lone += k
	}
	return g.id, g.total, lone
}

// strong reports whether entry k of row i connects it to another node.
func (g *aggregator) strong(i, k int) bool {
	return int(g.col[k]) != i && (g.weak == nil || !g.weak[k])
}

// claim makes i a seed. Until the numbers are known, an aggregate is named by its
// seed. Only nodes in [lo, hi) are touched.
func (g *aggregator) claim(i, lo, hi int) {
	g.seed[i] = true
	g.id[i], g.ring[i] = int32(i), true
	for k := g.ptr[i]; k < g.ptr[i+1]; k++ {
		if j := g.col[k]; g.strong(i, k) {
			g.id[j], g.ring[j] = int32(i), true
		}
	}
	for k := g.ptr[i]; k < g.ptr[i+1]; k++ {
		if !g.strong(i, k) {
			continue
		}
		j := int(g.col[k])
		for q := g.ptr[j]; q < g.ptr[j+1]; q++ {
			if c := int(g.col[q]); c >= lo && c < hi && g.id[c] == free && g.strong(j, q) {
				g.id[c] = int32(i)
			}
		}
	}
}

// inner is the first stage.
func (g *aggregator) inner(c int) {
	lo, hi := setupPart(c, g.parts, g.n)
	for i := lo; i < hi; i++ {
		g.id[i] = free
	}
	for i := lo; i < hi; i++ {
		if g.id[i] != free {
			continue
		}
		inside, alone := true, true
		for k := g.ptr[i]; k < g.ptr[i+1]; k++ {
			if g.strong(i, k) {
				alone = false
				if j := int(g.col[k]); j < lo || j >= hi {
					inside = false
					break
				}
			}
		}
		switch {
		case alone:
			g.id[i] = isolated
		case inside:
			g.claim(i, lo, hi)
		}
	}
}

// join is the second stage. It reads only what the first has decided for good, the
// neighbours of seeds, and writes only to nodes that are none.
func (g *aggregator) join(c int) {
	lo, hi := setupPart(c, g.parts, g.n)
	for i := lo; i < hi; i++ {
		if g.id[i] != free {
			continue
		}
		for k := g.ptr[i]; k < g.ptr[i+1]; k++ {
			if j := g.col[k]; g.strong(i, k) && g.ring[j] {
				g.id[i] = g.id[j]
				break
			}
		}
		if g.id[i] == free {
			g.rest[c] = append(g.rest[c], int32(i))
		}
	}
}

func (g *aggregator) collect(c int) {
	lo, hi := setupPart(c, g.parts, g.n)
	var s []int32
	for i := lo; i < hi; i++ {
		if g.seed[i] {
			s = append(s, int32(i))
		}
	}
	g.seeds[c] = s
}

// coarsen sets the aggregates and the prolongation of the level. It reports whether
// the aggregates are those of before, and with them all patterns.
func (l *amgLevel) coarsen(ctx context.Context, a *amgMatrix, near *nearNull, strength float64) (same bool, err error) {
	team := parallel.FromContext(ctx)
	rho, err := spectralRadius(ctx, a, l.parts)
	if err != nil {
		return false, err
	}
	omega := 4.0 / 3 / rho
	if near != nil {
		return l.coarsenBlocks(team, a, near, strength, omega), nil
	}
	weak := weakConnections(team, a, strength, l.parts)
	same = l.agg != nil && (weak == nil) == (l.weak == nil) && slices.Equal(weak, l.weak) && l.p.ptr != nil
	if !same {
		l.weak = weak
		l.agg, l.aggregates, l.isolated = aggregate(team, a.n, a.ptr, a.col, weak)
		if weak != nil && l.isolated > 0 {
			l.isolated -= l.attach(team, a, strength)
		}
		l.p = transfer{rows: a.n, cols: l.aggregates}
		if l.aggregates == 0 {
			return false, nil
		}
	}
	l.smoothProlongation(team, a, omega, strength, same)
	l.transpose(team, same)
	return same, nil
}

// attach has nodes without aggregate that depend on a neighbour, |a_ij| > ε·a_ii, join
// the aggregate of the one that they depend on most, and returns how many. Where
// coefficients jump, such a neighbour may have so much stronger connections that theirs
// is weak; yet the node follows it, and its connection would resist a coarse
// correction that leaves it behind. The way to an aggregate leads over nodes whose
// connections get stronger.
func (l *amgLevel) attach(team parallel.Team, a *amgMatrix, strength float64) (joined int) {
	strength = max(strength, 0)
	leader := func(i int) int {
		best, most := -1, strength*a.diag[i]
		for k := a.ptr[i]; k < a.ptr[i+1]; k++ {
			if v := math.Abs(a.val[k]); v > most && int(a.col[k]) != i {
				best, most = int(a.col[k]), v
			}
		}
		return best
	}
	to := make([]int32, a.n)
	count := make([]int, len(l.parts)-1)
	team.Run(len(count), parallel.TaskFunc(func(c int) {
		for i := l.parts[c]; i < l.parts[c+1]; i++ {
			to[i] = l.agg[i]
			if to[i] >= 0 {
				continue
			}
			for j, steps := leader(i), 0; j >= 0 && steps < 20; j, steps = leader(j), steps+1 {
				if l.agg[j] >= 0 {
					to[i] = l.agg[j]
					count[c]++
					break
				}
			}
		}
	}))
	l.agg = to
	for _, n := range count {
		joined += n
	}
	return joined
}
