package precond

import (
	"math"
	"slices"
	"sync"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// nearNull is the near-null space on one level: k vectors, by rows, and which rows
// make a node, start[v] … start[v+1]-1.
type nearNull struct {
	k     int
	b     []float64
	start []int
}

// newNearNull returns the near-null space of the finest level, nil where it is a
// vector of ones and all nodes are single unknowns: that needs no memory.
func newNearNull(s *AMGSettings, n int) *nearNull {
	if s.BlockSize <= 1 && s.NearNull == nil {
		return nil
	}
	size := max(s.BlockSize, 1)
	v := &nearNull{k: len(s.NearNull), start: make([]int, n/size+1)}
	for i := range v.start {
		v.start[i] = i * size
	}
	if v.k == 0 {
		// The constants of each unknown of a node.
		v.k = size
		v.b = make([]float64, n*size)
		for i := range n {
			v.b[i*size+i%size] = 1
		}
		return v
	}
	v.b = make([]float64, n*v.k)
	for c, u := range s.NearNull {
		for i, x := range u {
			v.b[i*v.k+c] = x
		}
	}
	return v
}

// nodes returns the graph of the nodes of a as a matrix of the largest absolute values
// of the blocks, and the node of each row.
func (v *nearNull) nodes(team parallel.Team, a *amgMatrix) (g *amgMatrix, of []int32) {
	n := len(v.start) - 1
	of = make([]int32, a.n)
	for i := range n {
		for r := v.start[i]; r < v.start[i+1]; r++ {
			of[r] = int32(i)
		}
	}
	if n == a.n {
		return a, of
	}
	parts := balance(v.start, 4096)
	bufs := make([]rowBuffer, len(parts)-1)
	g = &amgMatrix{n: n, ptr: make([]int, n+1), diag: make([]float64, n), lower: -1}
	pool := indexPool(n)
	team.Run(len(bufs), parallel.TaskFunc(func(c int) {
		b := &bufs[c]
		lent := pool.Get().(*[]int32)
		defer pool.Put(lent)
		index := *lent
		for i := parts[c]; i < parts[c+1]; i++ {
			begin := len(b.col32)
			for k := a.ptr[v.start[i]]; k < a.ptr[v.start[i+1]]; k++ {
				j, x := of[a.col[k]], math.Abs(a.val[k])
				if at := int(index[j]); at >= begin && at < len(b.col32) && b.col32[at] == j {
					b.val[at] = max(b.val[at], x)
				} else {
					index[j] = int32(len(b.col32))
					b.col32, b.val = append(b.col32, j), append(b.val, x)
				}
				if int(j) == i {
					g.diag[i] = max(g.diag[i], x)
				}
			}
			g.ptr[i+1] = len(b.col32) - begin
		}
	}))
	nnz := prefixSum(g.ptr)
	g.col, g.val = make([]int32, 0, nnz), make([]float64, 0, nnz)
	for _, b := range bufs {
		g.col, g.val = append(g.col, b.col32...), append(g.val, b.val...)
	}
	return g, of
}

// indexPool lends indices of n columns, one to each worker; see [galerkinWork].
func indexPool(n int) *sync.Pool {
	return &sync.Pool{New: func() any { s := make([]int32, n); return &s }}
}

// coarsenBlocks is coarsen with near-null vectors and nodes of several unknowns. The
// matrix is not filtered.
func (l *amgLevel) coarsenBlocks(team parallel.Team, a *amgMatrix, near *nearNull, strength, omega float64) (same bool) {
	g, of := near.nodes(team, a)
	weak := weakConnections(team, g, strength, balance(g.ptr, partEntries))
	same = l.agg != nil && (weak == nil) == (l.weak == nil) && slices.Equal(weak, l.weak) && l.p.ptr != nil
	if !same {
		l.weak = weak
		l.agg, l.aggregates, l.isolated = aggregate(team, g.n, g.ptr, g.col, weak)
	}
	t := near.tentative(team, l.agg, l.aggregates, a.n)
	if cols := t.start[l.aggregates]; !same {
		l.p = transfer{rows: a.n, cols: cols, ptr: make([]int, a.n+1)}
		if cols == 0 {
			return false
		}
	}
	bufs := make([]rowBuffer, len(l.parts)-1)
	pool := indexPool(l.p.cols)
	team.Run(len(bufs), parallel.TaskFunc(func(c int) {
		index := pool.Get().(*[]int32)
		defer pool.Put(index)
		t.smooth(l, a, &bufs[c], *index, of, omega, l.parts[c], l.parts[c+1], !same)
	}))
	if same {
		for c, b := range bufs {
			if at := l.p.ptr[l.parts[c]]; l.double {
				copy(l.p.wide[at:], b.val)
			} else {
				copy(l.p.val[at:], b.val32)
			}
		}
	} else {
		l.p.join(team, l.parts, bufs, l.double)
	}
	l.transpose(team, same)
	*near = nearNull{k: near.k, b: t.coarse, start: t.start}
	return same
}

// tentative is the prolongation T whose columns are, for each aggregate, an orthonormal
// basis of the near-null vectors restricted to it: Q of B = Q·R. R is the
// near-null space of the next level.
type tentative struct {
	k      int
	start  []int     // first column of each aggregate
	q      []float64 // by rows, k in each
	coarse []float64 // R, by rows, k in each
}

// dependent is how much of a near-null vector must be left, when those before are taken
// out of it on an aggregate, for it to be a direction of its own.
const dependent = 1e-8

// tentative orthonormalises the near-null vectors on each aggregate. Directions that
// depend on others there, as rotations do on small aggregates, are dropped.
func (v *nearNull) tentative(team parallel.Team, agg []int32, count, n int) *tentative {
	k := v.k
	t := &tentative{k: k, start: make([]int, count+1), q: make([]float64, n*k)}
	copy(t.q, v.b)
	first := make([]int, count+1) // nodes by aggregate
	for _, g := range agg {
		if g >= 0 {
			first[g+1]++
		}
	}
	prefixSum(first)
	nodes, place := make([]int32, first[count]), slices.Clone(first)
	for i, g := range agg {
		if g >= 0 {
			nodes[place[g]] = int32(i)
			place[g]++
		}
	}
	all := make([]float64, count*k*k) // R of each aggregate, with room for k rows
	parallel.For(team, count, func(lo, hi int) {
		var rows []int
		for g := lo; g < hi; g++ {
			rows = rows[:0]
			for _, i := range nodes[first[g]:first[g+1]] {
				for r := v.start[i]; r < v.start[i+1]; r++ {
					rows = append(rows, r*k)
				}
			}
			t.start[g+1] = orthonormalise(t.q, rows, all[g*k*k:(g+1)*k*k], k)
		}
	})
	prefixSum(t.start)
	t.coarse = make([]float64, t.start[count]*k)
	for g := range count {
		copy(t.coarse[t.start[g]*k:t.start[g+1]*k], all[g*k*k:])
	}
	return t
}

// orthonormalise replaces the k columns of the rows that begin at the given places of q by
// an orthonormal basis of them, to the left, and sets r such that the basis times
// r is what was there: modified Gram–Schmidt, twice. It returns the rank.
func orthonormalise(q []float64, rows []int, r []float64, k int) (rank int) {
	dot := func(a, b int) (s float64) {
		for _, p := range rows {
			s += q[p+a] * q[p+b]
		}
		return s
	}
	for c := range k {
		// Scaled to be of size 1, so that squares are in range.
		size := 0.0
		for _, p := range rows {
			size = max(size, math.Abs(q[p+c]))
		}
		if size == 0 {
			continue
		}
		for _, p := range rows {
			q[p+c] /= size
		}
		before := math.Sqrt(dot(c, c))
		for range 2 {
			for b := range rank {
				s := dot(b, c)
				r[b*k+c] += s * size
				for _, p := range rows {
					q[p+c] -= s * q[p+b]
				}
			}
		}
		norm := math.Sqrt(dot(c, c))
		if rank == len(rows) || norm <= dependent*before {
			continue
		}
		r[rank*k+c] = norm * size
		for _, p := range rows {
			q[p+rank] = q[p+c] / norm
		}
		rank++
	}
	return rank
}

// smooth appends rows lo … hi-1 of P = (I − ω·D⁻¹·A)·T to b.
func (t *tentative) smooth(l *amgLevel, a *amgMatrix, b *rowBuffer, index, of []int32, omega float64, lo, hi int, lengths bool) {
	var sum []float64
	for i := lo; i < hi; i++ {
		begin := len(b.col32)
		sum = sum[:0]
		add := func(g int32, row int, f float64) {
			for c, e := t.start[g], t.start[g+1]; c < e; c++ {
				x := f * t.q[row*t.k+c-t.start[g]]
				if at := int(index[c]); at >= begin && at < len(b.col32) && int(b.col32[at]) == c {
					sum[at-begin] += x
				} else {
					index[c] = int32(len(b.col32))
					b.col32, sum = append(b.col32, int32(c)), append(sum, x)
				}
			}
		}
		if own := l.agg[of[i]]; own >= 0 {
			add(own, i, 1)
			f := 0.0
			if d := a.diag[i]; d != 0 {
				f = -omega / d
			}
			for k := a.ptr[i]; k < a.ptr[i+1]; k++ {
				j := a.col[k]
				if g := l.agg[of[j]]; g >= 0 {
					add(g, int(j), f*a.val[k])
				}
			}
		}
		b.append(sum, l.double)
		if lengths {
			l.p.ptr[i+1] = len(b.col32) - begin
		}
	}
}
