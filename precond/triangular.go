package precond

import (
	"fmt"
	"math"
)

// localCSR is a sparse matrix of a subdomain in its own numbering, the rows sorted.
type localCSR struct {
	ptr []int32
	col []int32
	val []float64
}

func (a *localCSR) order() int { return len(a.ptr) - 1 }

func (a *localCSR) row(i int) ([]int32, []float64) {
	lo, hi := a.ptr[i], a.ptr[i+1]
	return a.col[lo:hi], a.val[lo:hi]
}

// ldu is a factorisation L·D·U with unit triangular L and U, strict parts stored by
// rows. If l is nil, L = Uᵀ.
type ldu struct {
	l, u *localCSR
	d    []float64
}

// levelOrder returns the rows in an order in which the rows of one level, which do
// not depend on each other in any of the triangular solves, stand together:
// ptr[k] … ptr[k+1] are those of level k. Rows of a level depend on earlier levels
// in L and Uᵀ, on later ones in U and Lᵀ. The factors are the same in this order.
func (f *ldu) levelOrder() (ptr, order []int32) {
	n := f.u.order()
	level := make([]int32, n)
	var last int32
	for i := range n {
		own := level[i]
		if f.l != nil {
			c, _ := f.l.row(i)
			for _, j := range c {
				own = max(own, level[j]+1)
			}
			level[i] = own
		}
		last = max(last, own)
		c, _ := f.u.row(i)
		for _, j := range c {
			level[j] = max(level[j], own+1)
		}
	}
	ptr = make([]int32, last+3)
	for _, k := range level {
		ptr[k+2]++
	}
	for k := range last + 1 {
		ptr[k+2] += ptr[k+1]
	}
	order = make([]int32, n)
	for i, k := range level {
		order[ptr[k+1]] = int32(i)
		ptr[k+1]++
	}
	return ptr[:last+2], order
}

// triangle is a strict triangle by rows, in 16-bit column numbers where they do
// (subdomains are that small unless asked otherwise): 10 instead of 12 bytes an
// entry, or 6 with values in single precision.
type triangle[I uint16 | int32, V float32 | float64] struct {
	ptr []int32
	col []I
	val []V
}

func (t *triangle[I, V]) bytes() int64 {
	var i I
	var v V
	return int64(len(t.ptr))*4 + int64(len(t.col))*int64(sizeOf(i)+sizeOf(v))
}

func sizeOf(v any) int {
	switch v.(type) {
	case uint16:
		return 2
	case int32, float32:
		return 4
	}
	return 8
}

// errRange is the value of a factor that its storage cannot hold.
type errRange struct{ value float64 }

func (e errRange) Error() string {
	return fmt.Sprintf("an entry %.3g of the factors does not fit its storage", e.value)
}

// pack returns the rows of a in the given order, columns renumbered alike.
func pack[I uint16 | int32, V float32 | float64](a *localCSR, order, place []int32) (*triangle[I, V], error) {
	t := &triangle[I, V]{make([]int32, len(a.ptr)), make([]I, len(a.col)), make([]V, len(a.col))}
	var at int32
	for k, i := range order {
		c, v := a.row(int(i))
		for p, j := range c {
			t.col[at], t.val[at] = I(place[j]), V(v[p])
			if math.IsInf(float64(t.val[at]), 0) || math.IsNaN(v[p]) {
				return nil, errRange{v[p]}
			}
			at++
		}
		t.ptr[k+1] = at
	}
	return t, nil
}

// lower sets x ← (I+T)⁻¹·x for a strictly lower T.
func (t *triangle[I, V]) lower(x []float64) {
	ptr := t.ptr
	x = x[:len(ptr)-1]
	for i := range x {
		x[i] = t.rowMinus(i, x)
	}
}

// upper sets x ← (I+T)⁻¹·x for a strictly upper T.
func (t *triangle[I, V]) upper(x []float64) {
	for i := len(t.ptr) - 2; i >= 0; i-- {
		x[i] = t.rowMinus(i, x)
	}
}

// rowMinus returns x[i] less row i of T·x.
func (t *triangle[I, V]) rowMinus(i int, x []float64) float64 {
	s := x[i]
	lo, hi := t.ptr[i], t.ptr[i+1]
	col := t.col[lo:hi]
	val := t.val[lo:hi]
	val = val[:len(col)]
	for k, c := range col {
		s -= float64(val[k]) * x[c]
	}
	return s
}

// upperTrans sets x ← (I+T)⁻ᵀ·x for a strictly upper T.
func (t *triangle[I, V]) upperTrans(x []float64) {
	ptr := t.ptr
	x = x[:len(ptr)-1]
	for i := range x {
		t.spread(i, x)
	}
}

// lowerTrans sets x ← (I+T)⁻ᵀ·x for a strictly lower T.
func (t *triangle[I, V]) lowerTrans(x []float64) {
	for i := len(t.ptr) - 2; i >= 0; i-- {
		t.spread(i, x)
	}
}

// spread takes x[i] times row i of T away from x.
func (t *triangle[I, V]) spread(i int, x []float64) {
	s := x[i]
	lo, hi := t.ptr[i], t.ptr[i+1]
	col := t.col[lo:hi]
	val := t.val[lo:hi]
	val = val[:len(col)]
	for k, c := range col {
		x[c] -= float64(val[k]) * s
	}
}

// A localSolver applies the inverse of the factorisation of a subdomain, in place.
type localSolver interface {
	solve(x []float64)
	solveTrans(x []float64)
	bytes() int64
}

// packed is a factorisation ready for use: x ← U⁻¹·D⁻¹·L⁻¹·x. Of symmetric factors
// only U is stored, and the forward solve runs over it by columns of L: it is still
// in cache when the backward solve reads it again.
type packed[I uint16 | int32, V float32 | float64] struct {
	l, u *triangle[I, V] // l nil: L = Uᵀ
	dinv []float64
}

func newPacked[I uint16 | int32, V float32 | float64](f *ldu, order, place []int32) (localSolver, error) {
	m := &packed[I, V]{dinv: make([]float64, len(order))}
	for k, i := range order {
		m.dinv[k] = 1 / f.d[i]
		if math.IsInf(m.dinv[k], 0) || math.IsNaN(m.dinv[k]) || m.dinv[k] == 0 {
			return nil, errRange{m.dinv[k]}
		}
	}
	var err error
	if f.l != nil {
		if m.l, err = pack[I, V](f.l, order, place); err != nil {
			return nil, err
		}
	}
	m.u, err = pack[I, V](f.u, order, place)
	return m, err
}

// newLocalSolver packs f with its rows in the given order.
func newLocalSolver(f *ldu, order []int32, single bool) (localSolver, error) {
	place := make([]int32, len(order))
	for k, i := range order {
		place[i] = int32(k)
	}
	switch small := len(order) <= 1<<16; {
	case small && single:
		return newPacked[uint16, float32](f, order, place)
	case small:
		return newPacked[uint16, float64](f, order, place)
	case single:
		return newPacked[int32, float32](f, order, place)
	}
	return newPacked[int32, float64](f, order, place)
}

func (m *packed[I, V]) solve(x []float64) {
	if m.l != nil {
		m.l.lower(x)
	} else {
		m.u.upperTrans(x)
	}
	for i, d := range m.dinv {
		x[i] *= d
	}
	m.u.upper(x)
}

func (m *packed[I, V]) solveTrans(x []float64) {
	m.u.upperTrans(x)
	for i, d := range m.dinv {
		x[i] *= d
	}
	if m.l != nil {
		m.l.lowerTrans(x)
	} else {
		m.u.upper(x)
	}
}

func (m *packed[I, V]) bytes() int64 {
	b := m.u.bytes() + 8*int64(len(m.dinv))
	if m.l != nil {
		b += m.l.bytes()
	}
	return b
}
