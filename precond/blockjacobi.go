package precond

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// BlockJacobiSettings are the choices of [NewBlockJacobi]. The zero value works.
type BlockJacobiSettings struct {
	// Size is the largest number of rows of a block that is found. Zero means 32.
	Size int
	// Blocks are the rows of each block, every row in exactly one of them. Nil
	// means blocks of consecutive rows: those with the same pattern (the unknowns of
	// a node of a mesh, say) belong together, and neighbours are merged as long as
	// they have no more than Size rows.
	Blocks [][]int32
}

// BlockJacobi is the inverse of the diagonal blocks of a matrix, by a Cholesky
// factorisation of each if the matrix promises to be symmetric and by an LU
// factorisation with pivots if not. Blocks are found as in Ginkgo's block-Jacobi
// (Flegar, Anzt, Cojean & Quintana-Ortí, ACM Trans. Math. Softw. 47, 2021,
// doi:10.1145/3441850).
type BlockJacobi struct {
	opt       BlockJacobiSettings
	n         int
	symmetric bool
	pattern   uint64
	rows      []int32 // rows of block k: rows[ptr[k]:ptr[k+1]]
	ptr       []int32
	at        []int     // where the factors of a block start
	factors   []float64 // row-major squares
	pivots    []int     // by place in rows
	chunks    []int32   // blocks of chunk c: chunks[c] … chunks[c+1]
	setup     time.Duration
	vectors   parallel.Scratch
	tasks     sync.Pool // *blockTask
}

// chunkRows is how many rows one chunk has, about.
const chunkRows = 1 << 11

// SingularBlockError reports a diagonal block whose LU factorisation met a pivot
// that vanishes.
type SingularBlockError struct {
	// Block is its number and Rows are its rows.
	Block int
	Rows  []int32
}

// Error implements error.
func (e *SingularBlockError) Error() string {
	return fmt.Sprintf("precond: block-Jacobi: diagonal block %d, of %d rows from row %d on, is singular", e.Block, len(e.Rows), e.Rows[0])
}

// NewBlockJacobi returns the block-Jacobi preconditioner of a, which must have
// entries ([hvp.Assemble]). If a promises to be symmetric its blocks must be positive
// definite: a pivot that is not gives a [*NotPositiveError] with its row. Otherwise
// a singular block is a [*SingularBlockError]. A nil s means the defaults.
func NewBlockJacobi(ctx context.Context, a hvp.Operator, s *BlockJacobiSettings) (*BlockJacobi, error) {
	m := &BlockJacobi{}
	if s != nil {
		m.opt = *s
	}
	if m.opt.Size == 0 {
		m.opt.Size = 32
	}
	if m.opt.Size < 0 {
		return nil, fmt.Errorf("precond: block-Jacobi with blocks of %d rows", m.opt.Size)
	}
	if err := m.Refresh(ctx, a); err != nil {
		return nil, err
	}
	return m, nil
}

// Refresh implements [Preconditioner].
func (m *BlockJacobi) Refresh(ctx context.Context, a hvp.Operator) error {
	begin := time.Now()
	n, err := square("block-Jacobi", a)
	if err != nil {
		return err
	}
	if m.ptr != nil {
		if err := sameOrder(m, n); err != nil {
			return err
		}
	}
	csr, err := hvp.Assemble(a)
	if errors.Is(err, hvp.ErrNotAssembled) {
		return notApplicable("block-Jacobi", a, err)
	}
	if err != nil {
		return fmt.Errorf("precond: block-Jacobi: %w", err)
	}
	m.n, m.symmetric = n, hvp.StructureOf(a).Has(hvp.Symmetric)
	rowPtr, col, val := csr.RawCSR()
	if p := fingerprint(rowPtr, col); m.ptr == nil || p != m.pattern {
		m.pattern = p
		if err := m.find(graph{rowPtr, col}); err != nil {
			m.ptr = nil
			return err
		}
	}
	place, block := make([]int32, n), make([]int32, n)
	for k := range len(m.ptr) - 1 {
		for p := m.ptr[k]; p < m.ptr[k+1]; p++ {
			place[m.rows[p]], block[m.rows[p]] = p-m.ptr[k], int32(k)
		}
	}
	clear(m.factors)
	errs := make([]error, len(m.chunks)-1)
	parallel.FromContext(ctx).Run(len(errs), parallel.TaskFunc(func(c int) {
		for k := m.chunks[c]; k < m.chunks[c+1] && errs[c] == nil; k++ {
			rows := m.rows[m.ptr[k]:m.ptr[k+1]]
			f := m.block(int(k))
			for i, r := range rows {
				for p := rowPtr[r]; p < rowPtr[r+1]; p++ {
					if j := col[p]; block[j] == k {
						f.Data[i*f.Stride+int(place[j])] = val[p]
					}
				}
			}
			errs[c] = m.factorise(int(k), f, rows)
		}
	}))
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	m.setup = time.Since(begin)
	return nil
}

// find sets the blocks and the places of their factors.
func (m *BlockJacobi) find(g graph) error {
	n := m.n
	m.rows, m.ptr = make([]int32, 0, n), []int32{0}
	if m.opt.Blocks != nil {
		seen := make([]bool, n)
		for k, rows := range m.opt.Blocks {
			if len(rows) == 0 {
				return fmt.Errorf("precond: block-Jacobi: block %d is empty", k)
			}
			for _, i := range rows {
				if i < 0 || int(i) >= n {
					return fmt.Errorf("precond: block-Jacobi: block %d has row %d of a matrix of order %d", k, i, n)
				}
				if seen[i] {
					return fmt.Errorf("precond: block-Jacobi: row %d is in two blocks, or twice in one", i)
				}
				seen[i] = true
			}
			m.rows = append(m.rows, rows...)
			m.ptr = append(m.ptr, int32(len(m.rows)))
		}
		if i := slices.Index(seen, false); i >= 0 {
			return fmt.Errorf("precond: block-Jacobi: row %d is in no block", i)
		}
	} else {
		var last, size int32 // rows in the last block
		for i := int32(0); int(i) < n; i += size {
			for size = 1; int(i+size) < n && int(size) < m.opt.Size && slices.Equal(g.row(i), g.row(i+size)); {
				size++
			}
			if i > 0 && int(last+size) > m.opt.Size {
				m.ptr = append(m.ptr, i)
				last = 0
			}
			last += size
			for r := i; r < i+size; r++ {
				m.rows = append(m.rows, r)
			}
		}
		if n > 0 {
			m.ptr = append(m.ptr, int32(n))
		}
	}
	m.at, m.chunks = m.at[:0], []int32{0}
	length, rows := 0, 0
	for k := range len(m.ptr) - 1 {
		size := int(m.ptr[k+1] - m.ptr[k])
		m.at = append(m.at, length)
		length += size * size
		if rows += size; rows >= chunkRows || k == len(m.ptr)-2 {
			m.chunks = append(m.chunks, int32(k+1))
			rows = 0
		}
	}
	m.factors, m.pivots = make([]float64, length), make([]int, n)
	return nil
}

// block returns the square of block k.
func (m *BlockJacobi) block(k int) blas64.General {
	size := int(m.ptr[k+1] - m.ptr[k])
	return blas64.General{Rows: size, Cols: size, Stride: size, Data: m.factors[m.at[k] : m.at[k]+size*size]}
}

// factorise replaces block k by its factors.
func (m *BlockJacobi) factorise(k int, f blas64.General, rows []int32) error {
	if m.symmetric {
		s := blas64.Symmetric{N: f.Rows, Stride: f.Stride, Data: f.Data, Uplo: blas.Upper}
		if _, ok := lapack64.Potrf(s); !ok {
			i, v := firstBadPivot(f)
			return &NotPositiveError{int(rows[i]), v, true}
		}
	} else if !lapack64.Getrf(f, m.pivots[m.ptr[k]:m.ptr[k+1]]) {
		return &SingularBlockError{k, slices.Clone(rows)}
	}
	for i := range f.Rows {
		d := f.Data[i*f.Stride+i]
		if math.IsInf(1/d, 0) || math.IsNaN(d) || math.IsInf(d, 0) {
			return &SingularBlockError{k, slices.Clone(rows)}
		}
	}
	return nil
}

// firstBadPivot returns where a Cholesky factorisation that failed stopped: its last
// pivot is left on the diagonal.
func firstBadPivot(f blas64.General) (i int, v float64) {
	for i = range f.Rows {
		if v = f.Data[i*f.Stride+i]; !(v > 0) {
			return i, v
		}
	}
	return 0, f.Data[0]
}

// Dims implements [hvp.Operator].
func (m *BlockJacobi) Dims() (rows, cols int) { return m.n, m.n }

// Apply implements [hvp.Operator].
func (m *BlockJacobi) Apply(ctx context.Context, dst, x []float64) error {
	return m.run(ctx, dst, x, false)
}

// ApplyTrans implements [hvp.Transposer].
func (m *BlockJacobi) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return m.run(ctx, dst, x, true)
}

// blockTask is one application: a recycled [parallel.Task].
type blockTask struct {
	m         *BlockJacobi
	dst, x, v []float64
	trans     bool
}

func (m *BlockJacobi) run(ctx context.Context, dst, x []float64, trans bool) error {
	if len(dst) != m.n || len(x) != m.n {
		return fmt.Errorf("precond: application of a preconditioner of order %d: len(dst) = %d, len(x) = %d", m.n, len(dst), len(x))
	}
	t, _ := m.tasks.Get().(*blockTask)
	if t == nil {
		t = new(blockTask)
	}
	v := m.vectors.Get(m.n)
	*t = blockTask{m, dst, x, *v, trans}
	parallel.FromContext(ctx).Run(len(m.chunks)-1, t)
	*t = blockTask{}
	m.vectors.Put(v)
	m.tasks.Put(t)
	return nil
}

// Chunk implements parallel.Task.
func (t *blockTask) Chunk(c int) {
	m := t.m
	for k := int(m.chunks[c]); k < int(m.chunks[c+1]); k++ {
		lo, hi := m.ptr[k], m.ptr[k+1]
		rows, v := m.rows[lo:hi], t.v[lo:hi]
		for i, r := range rows {
			v[i] = t.x[r]
		}
		f := m.block(k)
		upper := blas64.Triangular{N: f.Rows, Stride: f.Stride, Data: f.Data, Uplo: blas.Upper, Diag: blas.NonUnit}
		lower := blas64.Triangular{N: f.Rows, Stride: f.Stride, Data: f.Data, Uplo: blas.Lower, Diag: blas.Unit}
		x := blas64.Vector{N: len(v), Inc: 1, Data: v}
		switch {
		case m.symmetric: // UᵀU
			blas64.Trsv(blas.Trans, upper, x)
			blas64.Trsv(blas.NoTrans, upper, x)
		case t.trans: // (PLU)ᵀ = UᵀLᵀPᵀ
			blas64.Trsv(blas.Trans, upper, x)
			blas64.Trsv(blas.Trans, lower, x)
			for i := len(v) - 1; i >= 0; i-- {
				p := m.pivots[lo:hi][i]
				v[i], v[p] = v[p], v[i]
			}
		default:
			for i, p := range m.pivots[lo:hi] {
				v[i], v[p] = v[p], v[i]
			}
			blas64.Trsv(blas.NoTrans, lower, x)
			blas64.Trsv(blas.NoTrans, upper, x)
		}
		for i, r := range rows {
			t.dst[r] = v[i]
		}
	}
}

// Structure implements [hvp.Structured].
func (m *BlockJacobi) Structure() hvp.Structure {
	if m.symmetric {
		return hvp.SPD
	}
	return 0
}

// Report implements [Preconditioner].
func (m *BlockJacobi) Report() Report {
	blocks := len(m.ptr) - 1
	return Report{
		Setup: m.setup,
		Bytes: 8*int64(len(m.factors)+len(m.pivots)+len(m.at)+m.n) + 4*int64(len(m.rows)+len(m.ptr)+len(m.chunks)),
		Notes: []string{fmt.Sprintf("%d blocks of %.1f rows on average", blocks, float64(m.n)/float64(max(1, blocks)))},
	}
}

// String names the preconditioner and its parameters.
func (m *BlockJacobi) String() string {
	if m.opt.Blocks != nil {
		return fmt.Sprintf("block-jacobi(%d blocks)", len(m.opt.Blocks))
	}
	return fmt.Sprintf("block-jacobi(%d)", m.opt.Size)
}

var _ Preconditioner = (*BlockJacobi)(nil)
