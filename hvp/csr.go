package hvp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// CSR is a sparse matrix in compressed row storage: 12 bytes per stored entry
// (a float64 and a 32-bit column) and 8 per row. It is immutable. The first
// transpose product builds the transpose once more in the same form, so that it
// runs in parallel and gives the same bits for any number of workers.
//
// Where many rows in turn have the columns of the row before plus one, as in the
// matrix of a grid, a product does not read the columns, nor the values if those
// repeat too; see [CSR.ProductTraffic]. Where rows are short and their lengths hard to
// foretell, as in the matrix of an unstructured mesh or of a graph, the first product
// copies those rows once more, 12 bytes per entry, to a layout in which later
// products take 0.3 to 0.8 of the time; it costs as much as some ten of them. The bits
// are always those of the plain rows.
type CSR struct {
	rows, cols int
	rowPtr     []int
	col        []int32
	val        []float64
	structure  Structure
	parts      []int // row bounds of chunks with about equal numbers of entries
	runs       csrRuns[float64]

	transOnce sync.Once
	trans     atomic.Pointer[CSR]
	splitOnce sync.Once
	splitForm atomic.Pointer[split]
	bandOnce  sync.Once
	band      int
}

// chunkEntries is how many entries one chunk of a product has: enough to pay
// for handing it out, few enough to balance rows of unequal length.
const chunkEntries = 8192

// NewCSR returns the rows×cols matrix whose row i has the columns
// col[rowPtr[i]:rowPtr[i+1]], strictly increasing, and the values at the same
// places of val. It keeps the slices, which must not be changed afterwards.
// Every entry is checked: a wrong length, a decreasing row pointer, a column out
// of range, unsorted or repeated in a row, and a NaN or Inf are errors.
func NewCSR(rows, cols int, rowPtr []int, col []int32, val []float64) (*CSR, error) {
	if rows < 0 || cols < 0 || rows > math.MaxInt32 || cols > math.MaxInt32 {
		return nil, fmt.Errorf("hvp: CSR with %d rows and %d columns; both must be in 0…2^31-1", rows, cols)
	}
	if len(rowPtr) != rows+1 {
		return nil, fmt.Errorf("hvp: CSR with %d rows needs %d row pointers, got %d", rows, rows+1, len(rowPtr))
	}
	if len(col) != len(val) {
		return nil, fmt.Errorf("hvp: CSR with %d column indices and %d values", len(col), len(val))
	}
	if rowPtr[0] != 0 || rowPtr[rows] != len(col) {
		return nil, fmt.Errorf("hvp: CSR row pointers run from %d to %d, want 0 to %d", rowPtr[0], rowPtr[rows], len(col))
	}
	for i := range rows {
		p, q := rowPtr[i], rowPtr[i+1]
		if q < p || q > len(col) {
			return nil, fmt.Errorf("hvp: CSR row pointer %d is %d after %d", i+1, q, p)
		}
		last := int32(-1)
		for k := p; k < q; k++ {
			switch c, v := col[k], val[k]; {
			case c < 0 || int(c) >= cols:
				return nil, fmt.Errorf("hvp: CSR row %d has column %d outside [0,%d)", i, c, cols)
			case c == last:
				return nil, fmt.Errorf("hvp: CSR row %d has column %d twice", i, c)
			case c < last:
				return nil, fmt.Errorf("hvp: CSR row %d is unsorted: column %d after %d", i, c, last)
			case math.IsNaN(v) || math.IsInf(v, 0):
				return nil, fmt.Errorf("hvp: CSR entry (%d,%d) is %v", i, c, v)
			default:
				last = c
			}
		}
	}
	return newCSR(rows, cols, rowPtr, col, val), nil
}

// newCSR wraps slices that are known to be valid.
func newCSR(rows, cols int, rowPtr []int, col []int32, val []float64) *CSR {
	a := &CSR{rows: rows, cols: cols, rowPtr: rowPtr, col: col, val: val, runs: findRuns(rowPtr, col, val)}
	a.parts = chunksOf(rowPtr, a.runs.grain())
	return a
}

// chunksOf returns the row bounds of chunks with about equal numbers of entries, at
// multiples of grain unless rows are long.
func chunksOf(rowPtr []int, grain int) (parts []int) {
	begin, rows := 0, len(rowPtr)-1
	parts = append(parts, 0)
	for i := 1; i <= rows; i++ {
		// The rows of a chunk count too: empty ones cost a store each.
		size := rowPtr[i] - rowPtr[begin] + i - begin
		if size >= chunkEntries && (i%grain == 0 || size >= 4*chunkEntries) || i == rows {
			parts = append(parts, i)
			begin = i
		}
	}
	return parts
}

// NewCSRFromTriplets returns the rows×cols matrix with entries v[k] at
// (i[k], j[k]), counted from zero, in any order; values at the same place are
// added, in the order given. The slices are not kept. Indices out of range, NaN
// and Inf are errors that name the entry.
func NewCSRFromTriplets(rows, cols int, i, j []int32, v []float64) (*CSR, error) {
	if rows < 0 || cols < 0 || rows > math.MaxInt32 || cols > math.MaxInt32 {
		return nil, fmt.Errorf("hvp: matrix of %d×%d; dimensions must be in 0…2^31-1", rows, cols)
	}
	if len(i) != len(j) || len(i) != len(v) {
		return nil, fmt.Errorf("hvp: triplets with %d rows, %d columns and %d values", len(i), len(j), len(v))
	}
	for k := range v {
		if i[k] < 0 || int(i[k]) >= rows || j[k] < 0 || int(j[k]) >= cols {
			return nil, fmt.Errorf("hvp: triplet %d is at (%d,%d), outside a %d×%d matrix", k, i[k], j[k], rows, cols)
		}
		if math.IsNaN(v[k]) || math.IsInf(v[k], 0) {
			return nil, fmt.Errorf("hvp: triplet %d at (%d,%d) is %v", k, i[k], j[k], v[k])
		}
	}
	// Two stable counting sorts, by column and then by row, put the entries in
	// order in linear time.
	_, byCol := bucket(cols, j, nil)
	rowPtr, order := bucket(rows, i, byCol)
	col, val := make([]int32, 0, len(v)), make([]float64, 0, len(v))
	begin := 0
	for r := range rows {
		first := len(col)
		end := rowPtr[r+1]
		for _, k := range order[begin:end] {
			if n := len(col); n > first && col[n-1] == j[k] {
				val[n-1] += v[k]
				continue
			}
			col = append(col, j[k])
			val = append(val, v[k])
		}
		begin = end
		rowPtr[r+1] = len(col)
	}
	for k, v := range val {
		if math.IsInf(v, 0) {
			return nil, fmt.Errorf("hvp: repeated triplets in column %d add up to %v", col[k], v)
		}
	}
	return newCSR(rows, cols, rowPtr, col, val), nil
}

// bucket sorts the entries order (nil: 0, 1, 2, …) stably by key[k] in [0,n) and
// returns the sorted order and the bounds of each key in it.
func bucket(n int, key []int32, order []int) (ptr, sorted []int) {
	ptr = make([]int, n+2)
	for _, k := range key {
		ptr[int(k)+2]++ // k+2 may not be an int32
	}
	for i := range n {
		ptr[i+2] += ptr[i+1]
	}
	sorted = make([]int, len(key))
	place := func(k int) {
		p := &ptr[int(key[k])+1]
		sorted[*p] = k
		*p++
	}
	if order == nil {
		for k := range key {
			place(k)
		}
	} else {
		for _, k := range order {
			place(k)
		}
	}
	return ptr[:n+1], sorted
}

// transpose returns Aᵀ, building it at the first call: A itself if it promised,
// and therefore was verified, to be symmetric.
func (a *CSR) transpose() *CSR {
	if a.structure.Has(Symmetric) {
		return a
	}
	a.transOnce.Do(func() {
		ptr, col, val := transposeCSR(a.cols, a.rowPtr, a.col, a.val)
		t := newCSR(a.cols, a.rows, ptr, col, val)
		t.structure = a.structure
		t.transOnce.Do(func() { t.trans.Store(a) })
		a.trans.Store(t)
	})
	return a.trans.Load()
}

// transposeCSR returns the arrays of the transpose of a matrix.
func transposeCSR[V kernel.Value](cols int, rowPtr []int, col []int32, val []V) (tPtr []int, tCol []int32, tVal []V) {
	ptr := make([]int, cols+2)
	for _, c := range col {
		ptr[c+2]++
	}
	for i := range cols {
		ptr[i+2] += ptr[i+1]
	}
	tCol, tVal = make([]int32, len(col)), make([]V, len(col))
	for i := range len(rowPtr) - 1 {
		for k := rowPtr[i]; k < rowPtr[i+1]; k++ {
			p := &ptr[col[k]+1]
			tCol[*p], tVal[*p] = int32(i), val[k]
			*p++
		}
	}
	return ptr[:cols+1], tCol, tVal
}

// Dims implements [Operator].
func (a *CSR) Dims() (rows, cols int) { return a.rows, a.cols }

// NNZ returns the number of stored entries, zeros among them included.
func (a *CSR) NNZ() int { return len(a.val) }

// Bytes returns the memory that the matrix holds now: the transpose, the copy of rows
// of changing length, and the form for [CSR.ApplyThrough] and [GLM] are included once they
// have been built.
func (a *CSR) Bytes() int64 {
	own := func(m *CSR) int64 { return int64(len(m.val))*12 + int64(len(m.rowPtr)+len(m.parts))*8 + m.runs.bytes() }
	bytes := own(a)
	if t := a.trans.Load(); t != nil {
		bytes += own(t)
	}
	if s := a.splitForm.Load(); s != nil {
		bytes += s.bytes()
	}
	return bytes
}

// RawCSR returns the row pointers, columns and values: read only.
func (a *CSR) RawCSR() (rowPtr []int, col []int32, val []float64) {
	return a.rowPtr, a.col, a.val
}

// csrProduct is one parallel product: a recycled [parallel.Task].
type csrProduct struct {
	a         *CSR
	dst, x, w []float64
	k         int
}

var csrProducts = sync.Pool{New: func() any { return new(csrProduct) }}

// Chunk implements parallel.Task.
func (p *csrProduct) Chunk(c int) {
	a := p.a
	lo, hi := a.parts[c], a.parts[c+1]
	switch {
	case p.w != nil:
		applyCSR(&a.runs, p.dst, p.x, a.rowPtr, a.col, a.val, lo, hi)
		kernel.MulTo(p.dst[lo:hi], p.dst[lo:hi], p.w[lo:hi])
	case p.k > 1:
		a.ApplyBlockRows(p.dst, p.x, p.k, lo, hi)
	default:
		applyCSR(&a.runs, p.dst, p.x, a.rowPtr, a.col, a.val, lo, hi)
	}
}

func (a *CSR) product(ctx context.Context, dst, x, w []float64, k int) error {
	if err := checkShape(a.rows, a.cols, dst, x, k); err != nil {
		return err
	}
	if a.rows == 0 {
		return nil
	}
	if k == 1 {
		a.runs.sliced(a.rowPtr, a.col, a.val) // here, where all workers can share the work
	}
	p := csrProducts.Get().(*csrProduct)
	*p = csrProduct{a, dst, x, w, k}
	parallel.FromContext(ctx).Run(len(a.parts)-1, p)
	*p = csrProduct{}
	csrProducts.Put(p)
	return nil
}

// Apply implements [Operator].
func (a *CSR) Apply(ctx context.Context, dst, x []float64) error {
	return a.product(ctx, dst, x, nil, 1)
}

// ApplyTrans implements [Transposer].
func (a *CSR) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return a.transpose().product(ctx, dst, x, nil, 1)
}

// ApplyWeighted sets dst = diag(w)·A·x, len(w) = rows, in one pass: the inner
// half of a Gauss–Newton or generalised linear model product.
func (a *CSR) ApplyWeighted(ctx context.Context, dst, x, w []float64) error {
	if w == nil || len(w) != a.rows {
		return fmt.Errorf("hvp: %d weights for %d rows", len(w), a.rows)
	}
	return a.product(ctx, dst, x, w, 1)
}

// ApplyBlock implements [Blocker].
func (a *CSR) ApplyBlock(ctx context.Context, dst, x []float64, k int) error {
	return a.product(ctx, dst, x, nil, k)
}

// ApplyRows implements [RowRanger].
func (a *CSR) ApplyRows(dst, x []float64, lo, hi int) {
	applyCSR(&a.runs, dst, x, a.rowPtr, a.col, a.val, lo, hi)
}

// ApplyBlockRows implements [BlockRanger].
func (a *CSR) ApplyBlockRows(dst, x []float64, k, lo, hi int) {
	a.runs.applyBlock(dst, x[:a.cols*k], k, a.rowPtr, a.col, a.val, lo, hi)
}

// ApplyBlockRowsSingle implements [SingleBlockRanger].
func (a *CSR) ApplyBlockRowsSingle(dst, x []float32, k, lo, hi int) {
	a.runs.step(&SingleStep{D: 1}, dst, x[:a.cols*k], nil, nil, k, a.rowPtr, a.col, a.val, lo, hi)
}

// RowGrain implements [RowRanger].
func (a *CSR) RowGrain() int { return 0 }

// Diag implements [Diagonaler].
func (a *CSR) Diag(dst []float64) error {
	if err := checkDiag(a.rows, a.cols, dst); err != nil {
		return err
	}
	for i := range dst {
		dst[i] = a.At(i, i)
	}
	return nil
}

// At returns entry (i, j), zero if it is not stored. It searches row i.
func (a *CSR) At(i, j int) float64 {
	lo, hi := a.rowPtr[i], a.rowPtr[i+1]
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if int(a.col[mid]) < j {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < a.rowPtr[i+1] && int(a.col[lo]) == j {
		return a.val[lo]
	}
	return 0
}

// Structure implements [Structured].
func (a *CSR) Structure() Structure { return a.structure }

var errNotSquare = errors.New("hvp: a matrix that is not square cannot be symmetric")

// Promise adds promises about the matrix, for example [SPD], and returns it.
// Symmetry is verified against the entries, exactly; definiteness is taken on
// trust. Call it before the matrix is in use.
func (a *CSR) Promise(s Structure) (*CSR, error) {
	s = s.closure()
	if s.Has(Symmetric) {
		if a.rows != a.cols {
			return nil, errNotSquare
		}
		for i := range a.rows {
			for k := a.rowPtr[i]; k < a.rowPtr[i+1]; k++ {
				if j := int(a.col[k]); a.At(j, i) != a.val[k] {
					return nil, fmt.Errorf("hvp: the matrix is not symmetric: entry (%d,%d) is %v, (%d,%d) is %v", i, j, a.val[k], j, i, a.At(j, i))
				}
			}
		}
	}
	a.structure |= s
	return a, nil
}
