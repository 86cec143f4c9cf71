package hvp

import (
	"context"
	"fmt"
	"sync"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Principal returns A[I,I], the rows and columns of a square A whose numbers are
// in index, in that order: the Hessian on the free variables of an active-set
// method. All promises of A hold for it too: symmetry, and by restriction of the
// quadratic form semidefiniteness and definiteness.
//
// Of a [CSR] and of a [Diagonal] the entries are copied into a new one, with all
// capabilities. Any other A is applied to vectors that are zero outside I, so a
// product costs one with A however few the indices; transpose, block products
// and diagonal are kept. The index slice is kept.
func Principal(a Operator, index []int) (Operator, error) {
	if err := checkPart("restriction", a); err != nil {
		return nil, err
	}
	rows, cols := a.Dims()
	if rows != cols {
		return nil, fmt.Errorf("hvp: principal part of a %d×%d operator, which is not square", rows, cols)
	}
	if err := checkIndex("restriction", rows, index); err != nil {
		return nil, err
	}
	switch a := a.(type) {
	case *CSR:
		return a.sub(index, index, true), nil
	case *Diagonal:
		d := make([]float64, len(index))
		for k, i := range index {
			d[k] = a.d[i]
		}
		return &Diagonal{d, a.structure}, nil
	}
	return newRestricted(a, index, index, true), nil
}

// Permute returns P·A·Pᵀ, the square operator A with its variables in another
// order: entry (i, j) of the result is entry (order[i], order[j]) of A. It is
// [Principal] with all indices, and keeps what that keeps.
func Permute(a Operator, order []int) (Operator, error) {
	p, err := Principal(a, order)
	if err != nil {
		return nil, err
	}
	if n, _ := a.Dims(); len(order) != n {
		return nil, fmt.Errorf("hvp: permutation of length %d for an operator of order %d", len(order), n)
	}
	return p, nil
}

// Restrict returns A[I,J]: the rows of A in rows and the columns in cols, each in
// that order; nil stands for all of them. See [Principal] for what it costs and
// keeps; this form promises nothing and has no diagonal, except for a [CSR].
func Restrict(a Operator, rows, cols []int) (Operator, error) {
	if err := checkPart("restriction", a); err != nil {
		return nil, err
	}
	r, c := a.Dims()
	if rows == nil {
		rows = upTo(r)
	}
	if cols == nil {
		cols = upTo(c)
	}
	if err := checkIndex("restriction to rows", r, rows); err != nil {
		return nil, err
	}
	if err := checkIndex("restriction to columns", c, cols); err != nil {
		return nil, err
	}
	if m, ok := a.(*CSR); ok {
		return m.sub(rows, cols, false), nil
	}
	return newRestricted(a, rows, cols, false), nil
}

func upTo(n int) []int {
	index := make([]int, n)
	for i := range index {
		index[i] = i
	}
	return index
}

// sub returns the entries in the given rows and columns as a new matrix.
func (a *CSR) sub(rows, cols []int, principal bool) *CSR {
	// Place of each column in the result, from 1.
	place := make([]int32, a.cols)
	for k, j := range cols {
		place[j] = int32(k + 1)
	}
	var i, j []int32
	var v []float64
	for k, r := range rows {
		for p := a.rowPtr[r]; p < a.rowPtr[r+1]; p++ {
			if c := place[a.col[p]]; c > 0 {
				i, j, v = append(i, int32(k)), append(j, c-1), append(v, a.val[p])
			}
		}
	}
	s, err := NewCSRFromTriplets(len(rows), len(cols), i, j, v)
	if err != nil {
		panic(err) // a part of a valid matrix is valid
	}
	if principal {
		s.structure = a.structure
	}
	return s
}

// restricted is R·A·Cᵀ with selections R and C.
type restricted struct {
	a          Operator
	rows, cols []int
	principal  bool // rows and cols are one
	forward    sync.Pool
	backward   sync.Pool
	blocks     sync.Pool
	scratch    parallel.Scratch
}

func newRestricted(a Operator, rows, cols []int, principal bool) *restricted {
	return &restricted{a: a, rows: rows, cols: cols, principal: principal}
}

// Dims implements [Operator].
func (r *restricted) Dims() (rows, cols int) { return len(r.rows), len(r.cols) }

// padded lends a vector that is zero outside one index set. A pool serves one
// set only, so that whoever uses its vectors leaves the zeros alone.
func padded(pool *sync.Pool, n int) *[]float64 {
	v, _ := pool.Get().(*[]float64)
	if v == nil || len(*v) != n {
		w := make([]float64, n)
		v = &w
	}
	return v
}

// apply pads x by zeros, multiplies and picks the result.
func (r *restricted) apply(ctx context.Context, dst, x []float64, k int, pool *sync.Pool, from, to []int, n, m int, mul func(dst, x []float64) error) error {
	long, out := padded(pool, n*k), r.scratch.Get(m*k)
	gather(ctx, *long, x, from, k, true)
	err := mul(*out, *long)
	if err == nil {
		gather(ctx, dst, *out, to, k, false)
	}
	pool.Put(long)
	r.scratch.Put(out)
	return err
}

// Apply implements [Operator].
func (r *restricted) Apply(ctx context.Context, dst, x []float64) error {
	if err := checkShape(len(r.rows), len(r.cols), dst, x, 1); err != nil {
		return err
	}
	rows, cols := r.a.Dims()
	return r.apply(ctx, dst, x, 1, &r.forward, r.cols, r.rows, cols, rows, func(dst, x []float64) error { return r.a.Apply(ctx, dst, x) })
}

// ApplyTrans implements [Transposer].
func (r *restricted) ApplyTrans(ctx context.Context, dst, x []float64) error {
	if err := checkShape(len(r.cols), len(r.rows), dst, x, 1); err != nil {
		return err
	}
	rows, cols := r.a.Dims()
	return r.apply(ctx, dst, x, 1, &r.backward, r.rows, r.cols, rows, cols, func(dst, x []float64) error { return applyTrans(ctx, r.a, dst, x) })
}

// ApplyBlock implements [Blocker].
func (r *restricted) ApplyBlock(ctx context.Context, dst, x []float64, k int) error {
	if err := checkShape(len(r.rows), len(r.cols), dst, x, k); err != nil {
		return err
	}
	rows, cols := r.a.Dims()
	return r.apply(ctx, dst, x, k, &r.blocks, r.cols, r.rows, cols, rows, func(dst, x []float64) error { return applyBlock(ctx, r.a, dst, x, k) })
}

// Diag implements [Diagonaler].
func (r *restricted) Diag(dst []float64) error {
	if err := checkDiag(len(r.rows), len(r.cols), dst); err != nil {
		return err
	}
	rows, _ := r.a.Dims()
	all := r.scratch.Get(rows)
	defer r.scratch.Put(all)
	if err := r.a.(Diagonaler).Diag(*all); err != nil {
		return err
	}
	for k, i := range r.rows {
		dst[k] = (*all)[i]
	}
	return nil
}

// Capabilities implements [Conditional].
func (r *restricted) Capabilities() Capability {
	c := capabilitiesOf(r.a) &^ CanRows
	if !r.principal {
		c &^= CanDiag
	}
	return c
}

// Structure implements [Structured].
func (r *restricted) Structure() Structure {
	if !r.principal {
		return 0
	}
	return StructureOf(r.a)
}

// transpose returns Aᵀ[J,I].
func (r *restricted) transpose() (Operator, error) {
	t, err := Transpose(r.a)
	if err != nil {
		return nil, err
	}
	return newRestricted(t, r.cols, r.rows, r.principal), nil
}

// Accuracy implements [Approximate].
func (r *restricted) Accuracy() float64 { return AccuracyOf(r.a) }
