package hvp

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// CSR32 is a sparse matrix whose values are stored as float32, 8 bytes per entry
// with its column where [CSR] takes 12; products are added up in float64. It is
// made by [CSR.Float32], is immutable, and finds the same patterns as CSR.
//
// It is another matrix than the one it came from: entries differ by up to 2^-24 of
// themselves. As a preconditioner or as the operator of an inner solve that is all
// the same; a solve that is to have more digits needs the CSR for its residual.
type CSR32 struct {
	rows, cols int
	rowPtr     []int
	col        []int32
	val        []float32
	parts      []int
	runs       csrRuns[float32]
	structure  Structure
	accuracy   float64

	transOnce sync.Once
	trans     atomic.Pointer[CSR32]
}

// Float32 returns a with its values rounded to float32. Row pointers and columns are
// shared. Of the promises symmetry is kept; definiteness is not, since rounding can
// end it when the least eigenvalue is below 2^-24 of the entries: add it by
// [WithStructure] where it is known. A value beyond the range of float32, so that it
// would become Inf, or zero without being zero, is an error.
func (a *CSR) Float32() (*CSR32, error) {
	val := make([]float32, len(a.val))
	worst := 0.0
	for i := range a.rows {
		for k := a.rowPtr[i]; k < a.rowPtr[i+1]; k++ {
			v := a.val[k]
			u := float32(v)
			if math.IsInf(float64(u), 0) || u == 0 && v != 0 {
				return nil, fmt.Errorf("hvp: entry (%d,%d) is %v, beyond the range of float32", i, a.col[k], v)
			}
			if v != 0 {
				worst = max(worst, math.Abs(float64(u)-v)/math.Abs(v))
			}
			val[k] = u
		}
	}
	t := &CSR32{rows: a.rows, cols: a.cols, rowPtr: a.rowPtr, col: a.col, val: val, parts: a.parts, accuracy: worst}
	t.runs = findRuns(t.rowPtr, t.col, t.val)
	t.structure = a.structure & (Symmetric | Singular)
	return t, nil
}

// transpose returns Aᵀ, building it at the first call.
func (a *CSR32) transpose() *CSR32 {
	if a.structure.Has(Symmetric) {
		return a
	}
	a.transOnce.Do(func() {
		ptr, col, val := transposeCSR(a.cols, a.rowPtr, a.col, a.val)
		t := &CSR32{rows: a.cols, cols: a.rows, rowPtr: ptr, col: col, val: val, accuracy: a.accuracy, structure: a.structure}
		t.runs = findRuns(ptr, col, val)
		t.parts = chunksOf(ptr, t.runs.grain())
		t.transOnce.Do(func() { t.trans.Store(a) })
		a.trans.Store(t)
	})
	return a.trans.Load()
}

// Dims implements [Operator].
func (a *CSR32) Dims() (rows, cols int) { return a.rows, a.cols }

// NNZ returns the number of stored entries.
func (a *CSR32) NNZ() int { return len(a.val) }

// Bytes returns the memory that the matrix holds now, with what it shares with
// the CSR that it came from, and with its transpose and the copy of rows of changing
// length once they have been built.
func (a *CSR32) Bytes() int64 {
	own := func(m *CSR32) int64 {
		return int64(len(m.val))*8 + int64(len(m.rowPtr)+len(m.parts))*8 + m.runs.bytes()
	}
	if t := a.trans.Load(); t != nil {
		return own(a) + own(t)
	}
	return own(a)
}

// ProductTraffic is [CSR.ProductTraffic] with 8 bytes per entry in place of 12.
func (a *CSR32) ProductTraffic() int64 { return a.runs.productTraffic(a.rowPtr, 4) }

// Accuracy implements [Approximate]: the largest relative change of an entry, at
// most 2^-24 for entries that are normal numbers of float32.
func (a *CSR32) Accuracy() float64 { return a.accuracy }

// Structure implements [Structured].
func (a *CSR32) Structure() Structure { return a.structure }

// csr32Product is one parallel product: a recycled [parallel.Task].
type csr32Product struct {
	a      *CSR32
	dst, x []float64
}

var csr32Products = sync.Pool{New: func() any { return new(csr32Product) }}

// Chunk implements parallel.Task.
func (p *csr32Product) Chunk(c int) { p.a.ApplyRows(p.dst, p.x, p.a.parts[c], p.a.parts[c+1]) }

// Apply implements [Operator].
func (a *CSR32) Apply(ctx context.Context, dst, x []float64) error {
	if err := checkShape(a.rows, a.cols, dst, x, 1); err != nil {
		return err
	}
	if a.rows == 0 {
		return nil
	}
	a.runs.sliced(a.rowPtr, a.col, a.val) // here, where all workers can share the work
	p := csr32Products.Get().(*csr32Product)
	*p = csr32Product{a, dst, x}
	parallel.FromContext(ctx).Run(len(a.parts)-1, p)
	*p = csr32Product{}
	csr32Products.Put(p)
	return nil
}

// ApplyTrans implements [Transposer].
func (a *CSR32) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return a.transpose().Apply(ctx, dst, x)
}

// ApplyRows implements [RowRanger].
func (a *CSR32) ApplyRows(dst, x []float64, lo, hi int) {
	applyCSR(&a.runs, dst, x, a.rowPtr, a.col, a.val, lo, hi)
}

// RowGrain implements [RowRanger].
func (a *CSR32) RowGrain() int { return 0 }

// Diag implements [Diagonaler].
func (a *CSR32) Diag(dst []float64) error {
	if err := checkDiag(a.rows, a.cols, dst); err != nil {
		return err
	}
	for i := range dst {
		dst[i] = 0
		for k := a.rowPtr[i]; k < a.rowPtr[i+1]; k++ {
			if int(a.col[k]) == i {
				dst[i] = float64(a.val[k])
			}
		}
	}
	return nil
}

var (
	_ Transposer  = (*CSR32)(nil)
	_ RowRanger   = (*CSR32)(nil)
	_ Diagonaler  = (*CSR32)(nil)
	_ Structured  = (*CSR32)(nil)
	_ Approximate = (*CSR32)(nil)
)
