package precond

import (
	"fmt"
	"sync"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// levelSolver solves with the factors of the whole matrix, level by level: the rows
// of a level depend on other levels only and are shared among the workers (Anderson
// & Saad, Int. J. High Speed Comput. 1, 1989, doi:10.1142/S0129053389000056). Each
// row is a sum in its own order, so the result is that of the sequential solve, bit
// by bit. It pays where levels are long: three-dimensional grids, or orders by
// colours.
type levelSolver struct {
	ptr  []int32 // rows of level k: ptr[k] … ptr[k+1]
	runs []int32 // levels of run k: runs[k] … runs[k+1]; one long level, or short ones together
	l, u *triangle[int32, float64]
	// Of factors that are not symmetric, for the transpose: Uᵀ and Lᵀ.
	ut, lt *triangle[int32, float64]
	dinv   []float64
	tasks  sync.Pool // *levelTask
}

// levelBlock is the number of rows of one chunk; levels shorter than two of them
// are not worth handing out.
const levelBlock = 512

// transposed returns the transpose of a, its rows sorted.
func (a *localCSR) transposed() *localCSR {
	n := a.order()
	ptr := make([]int32, n+2)
	for _, c := range a.col {
		ptr[c+2]++
	}
	for i := range n {
		ptr[i+2] += ptr[i+1]
	}
	t := &localCSR{ptr[:n+1], make([]int32, len(a.col)), make([]float64, len(a.col))}
	for i := range n {
		c, v := a.row(i)
		for k, j := range c {
			p := ptr[j+1]
			t.col[p], t.val[p] = int32(i), v[k]
			ptr[j+1]++
		}
	}
	return t
}

func newLevelSolver(f *ldu, ptr, order []int32) (*levelSolver, error) {
	place := make([]int32, len(order))
	for k, i := range order {
		place[i] = int32(k)
	}
	s := &levelSolver{ptr: ptr}
	p, err := newPacked[int32, float64](f, order, place)
	if err != nil {
		return nil, err
	}
	m := p.(*packed[int32, float64])
	s.l, s.u, s.dinv = m.l, m.u, m.dinv
	if s.ut, err = pack[int32, float64](f.u.transposed(), order, place); err != nil {
		return nil, err
	}
	if f.l == nil {
		s.l, s.lt = s.ut, s.u
	} else if s.lt, err = pack[int32, float64](f.l.transposed(), order, place); err != nil {
		return nil, err
	}
	long := func(k int) bool { return ptr[k+1]-ptr[k] >= 2*levelBlock }
	s.runs = []int32{0}
	for k := 1; k < len(ptr); k++ {
		if k == len(ptr)-1 || long(k) || long(k-1) {
			s.runs = append(s.runs, int32(k))
		}
	}
	return s, nil
}

// levelTask is one application: a recycled [parallel.Task].
type levelTask struct {
	s        *levelSolver
	x, in    []float64 // the vector in the order of the levels; the caller's
	dst      []float64
	from, to []int32
	t        *triangle[int32, float64]
	step     levelStep
	lo, hi   int // rows of the level at work
}

type levelStep int

const (
	levelGather levelStep = iota
	levelForward
	levelScale
	levelBackward
	levelScatter
)

// run sets dst = M·in, where row k here is element from[k] of in and to[k] of dst; v is
// scratch.
func (s *levelSolver) run(team parallel.Team, dst, in, v []float64, from, to []int32, trans bool) {
	t, _ := s.tasks.Get().(*levelTask)
	if t == nil {
		t = new(levelTask)
	}
	*t = levelTask{s: s, x: v, in: in, dst: dst, from: from, to: to}
	forward, backward := s.l, s.u
	if trans {
		forward, backward = s.ut, s.lt
	}
	n := len(to)
	all := func(step levelStep) {
		t.step, t.lo, t.hi = step, 0, n
		team.Run((n+levelBlock-1)/levelBlock, t)
	}
	all(levelGather)
	t.step, t.t = levelForward, forward
	for k := 0; k+1 < len(s.runs); k++ {
		t.level(team, k)
	}
	all(levelScale)
	t.step, t.t = levelBackward, backward
	for k := len(s.runs) - 2; k >= 0; k-- {
		t.level(team, k)
	}
	all(levelScatter)
	*t = levelTask{}
	s.tasks.Put(t)
}

// level does run k of the levels.
func (t *levelTask) level(team parallel.Team, k int) {
	first, last := t.s.runs[k], t.s.runs[k+1]
	t.lo, t.hi = int(t.s.ptr[first]), int(t.s.ptr[last])
	if last-first > 1 || t.hi-t.lo < 2*levelBlock {
		t.span(t.lo, t.hi)
		return
	}
	team.Run((t.hi-t.lo+levelBlock-1)/levelBlock, t)
}

// Chunk implements parallel.Task.
func (t *levelTask) Chunk(c int) {
	lo := t.lo + c*levelBlock
	t.span(lo, min(lo+levelBlock, t.hi))
}

func (t *levelTask) span(lo, hi int) {
	x := t.x
	switch t.step {
	case levelGather:
		for k := lo; k < hi; k++ {
			x[k] = t.in[t.from[k]]
		}
	case levelForward:
		for k := lo; k < hi; k++ {
			x[k] = t.t.rowMinus(k, x)
		}
	case levelScale:
		for k := lo; k < hi; k++ {
			x[k] *= t.s.dinv[k]
		}
	case levelBackward:
		for k := hi - 1; k >= lo; k-- {
			x[k] = t.t.rowMinus(k, x)
		}
	case levelScatter:
		for k := lo; k < hi; k++ {
			t.dst[t.to[k]] = x[k]
		}
	}
}

func (s *levelSolver) bytes() int64 {
	b := 4*int64(len(s.ptr)+len(s.runs)) + 8*int64(len(s.dinv)) + s.u.bytes() + s.ut.bytes()
	if s.l != s.ut {
		b += s.l.bytes() + s.lt.bytes()
	}
	return b
}

func (s *levelSolver) note() string {
	n, levels := len(s.dinv), len(s.ptr)-1
	return fmt.Sprintf("%d levels of %.0f rows on average", levels, float64(n)/float64(max(1, levels)))
}
