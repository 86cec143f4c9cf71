package hvp

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Stencil is c·L + s·I on a grid of 1, 2 or 3 dimensions, matrix-free. L is the
// graph Laplacian with neighbours outside counting as zero (Dirichlet):
//
//	(L·x)_i = 2·dim·x_i − Σ x_j, j the neighbours of i inside the grid
//
// which has 3, 5 or 7 points. On a grid of n₁×n₂×… nodes its eigenvectors are
// products of sine waves, and its eigenvalues sums of dim numbers
// 4·sin²(k_d·π/2(n_d+1)), k_d = 1 … n_d.
//
// A product reads x and writes dst, 16 bytes per row, as long as two lines of a
// plane, or two planes of a grid of three dimensions, stay in a cache; there is
// nothing else to read. [Stencil.Assemble] gives the same operator assembled, which
// reads 12 bytes per entry besides.
type Stencil struct {
	shape     []int
	n         int
	c, s      float64
	grid      kernel.Grid
	diag, off float64
	structure Structure
}

// NewStencil returns c·L + s·I on a grid with the given number of nodes in each
// dimension, the last one running fastest. It promises to be definite if its
// eigenvalues say so: for c ≥ 0 and s ≥ 0, one of them positive, and for others
// whose least eigenvalue is safely positive.
func NewStencil(c, s float64, shape ...int) (*Stencil, error) {
	if len(shape) < 1 || len(shape) > 3 {
		return nil, fmt.Errorf("hvp: stencil in %d dimensions, want 1, 2 or 3", len(shape))
	}
	const most = math.MaxInt / 16 // the size in bytes is an int
	n := 1
	for _, m := range shape {
		if m < 1 || m > most/n {
			return nil, fmt.Errorf("hvp: stencil on a grid of %v nodes", shape)
		}
		n *= m
	}
	a := &Stencil{shape: append([]int{}, shape...), n: n, c: c, s: s}
	dim := len(shape)
	a.diag, a.off = 2*float64(dim)*c+s, -c
	if size := 4*float64(dim)*math.Abs(c) + math.Abs(s); math.IsNaN(size) || math.IsInf(size, 0) {
		return nil, fmt.Errorf("hvp: stencil with the factor %v and the shift %v", c, s)
	}
	a.grid = kernel.Grid{Dim: dim, Planes: 1, Lines: 1, Length: shape[dim-1], Step: 1}
	if dim > 1 {
		a.grid.Lines = shape[dim-2]
	}
	if dim > 2 {
		a.grid.Planes = shape[0]
	}
	a.structure = a.promise()
	return a, nil
}

// promise says what follows from the spectrum.
func (a *Stencil) promise() Structure {
	if a.c >= 0 && a.s >= 0 {
		if a.c == 0 && a.s == 0 {
			return (Semidefinite | Singular).closure()
		}
		return SPD
	}
	first := make([]int, len(a.shape))
	for d := range first {
		first[d] = 1
	}
	least := min(a.Eigenvalue(first...), a.Eigenvalue(a.shape...))
	if least > 0x1p-40*(math.Abs(a.diag)+math.Abs(a.off)) {
		return SPD
	}
	return Symmetric
}

// Shape returns the number of nodes in each dimension.
func (a *Stencil) Shape() []int { return append([]int{}, a.shape...) }

// Coefficients returns c and s.
func (a *Stencil) Coefficients() (c, s float64) { return a.c, a.s }

// Eigenvalue returns the eigenvalue of the product of the sine waves
// sin(k_d·π·(i_d+1)/(n_d+1)), i_d = 0 … n_d−1: c·Σ 4·sin²(k_d·π/2(n_d+1)) + s.
// Each k_d is from 1 to n_d; k = (1, 1, …) belongs to the least eigenvalue of L
// and k = shape to the largest.
func (a *Stencil) Eigenvalue(k ...int) float64 {
	mu := 0.0
	for d, m := range a.shape {
		v := math.Sin(float64(k[d]) * math.Pi / (2 * float64(m+1)))
		mu += 4 * v * v
	}
	return a.c*mu + a.s
}

// Dims implements [Operator].
func (a *Stencil) Dims() (rows, cols int) { return a.n, a.n }

// Structure implements [Structured].
func (a *Stencil) Structure() Structure { return a.structure }

// stencilProduct is one parallel product: a recycled [parallel.Task]. A chunk is
// some blocks of rows.
type stencilProduct struct {
	a      *Stencil
	grid   kernel.Grid
	dst, x []float64
}

// stencilChunk is the length of a chunk: a few microseconds of work.
const stencilChunk = 4 * parallel.BlockSize

var stencilProducts = sync.Pool{New: func() any { return new(stencilProduct) }}

// Chunk implements parallel.Task.
func (p *stencilProduct) Chunk(c int) {
	lo := c * stencilChunk
	kernel.StencilRows(p.dst, p.x, &p.grid, p.a.diag, p.a.off, lo, min(lo+stencilChunk, len(p.dst)))
}

// ApplyBlock implements [Blocker]: k vectors are a grid of nodes with k numbers
// each.
func (a *Stencil) ApplyBlock(ctx context.Context, dst, x []float64, k int) error {
	if err := checkShape(a.n, a.n, dst, x, k); err != nil {
		return err
	}
	p := stencilProducts.Get().(*stencilProduct)
	*p = stencilProduct{a, a.grid, dst, x}
	p.grid.Step = k
	parallel.FromContext(ctx).Run((len(dst)+stencilChunk-1)/stencilChunk, p)
	*p = stencilProduct{}
	stencilProducts.Put(p)
	return nil
}

// Apply implements [Operator].
func (a *Stencil) Apply(ctx context.Context, dst, x []float64) error {
	return a.ApplyBlock(ctx, dst, x, 1)
}

// ApplyTrans implements [Transposer].
func (a *Stencil) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return a.ApplyBlock(ctx, dst, x, 1)
}

// ApplyRows implements [RowRanger].
func (a *Stencil) ApplyRows(dst, x []float64, lo, hi int) {
	kernel.StencilRows(dst, x, &a.grid, a.diag, a.off, lo, hi)
}

// ApplyBlockRows implements [BlockRanger].
func (a *Stencil) ApplyBlockRows(dst, x []float64, k, lo, hi int) {
	g := a.grid
	g.Step = k
	kernel.StencilRows(dst, x, &g, a.diag, a.off, lo*k, hi*k)
}

// ApplyBlockRowsSingle implements [SingleBlockRanger].
func (a *Stencil) ApplyBlockRowsSingle(dst, x []float32, k, lo, hi int) {
	g := a.grid
	g.Step = k
	kernel.StencilRowsSingle(dst, x, &g, a.diag, a.off, nil, 0, nil, 0, lo*k, hi*k)
}

// StepBlockRowsSingle implements [SingleStepper].
func (a *Stencil) StepBlockRowsSingle(s *SingleStep, out, in, before, r []float32, k, lo, hi int) {
	g := a.grid
	g.Step = k
	d := float64(s.D)
	kernel.StencilRowsSingle(out[lo*k:hi*k], in, &g, d*a.diag+float64(s.A), d*a.off, before, s.B, r, s.C, lo*k, hi*k)
}

// RowGrain implements [RowRanger].
func (a *Stencil) RowGrain() int { return 0 }

// Diag implements [Diagonaler].
func (a *Stencil) Diag(dst []float64) error {
	if err := checkDiag(a.n, a.n, dst); err != nil {
		return err
	}
	for i := range dst {
		dst[i] = a.diag
	}
	return nil
}

// Form returns xᵀ·(c·L + s·I)·y as c·Σ (x_i − x_j)·(y_i − y_j) + s·xᵀy, the sum over
// all pairs of neighbours. Where x and y are smooth this keeps the digits that
// the differences in L·y lose; with y = x no term is negative.
func (a *Stencil) Form(ctx context.Context, x, y []float64) (float64, error) {
	if err := checkShape(a.n, a.n, x, y, 1); err != nil {
		return 0, err
	}
	team := parallel.FromContext(ctx)
	form := 0.0
	if a.c != 0 {
		form = a.c * parallel.Sum(team, a.n, func(lo, hi int) float64 { return kernel.StencilForm(x, y, &a.grid, lo, hi) })
	}
	if a.s != 0 {
		form += a.s * parallel.Dot(team, x, y)
	}
	return form, nil
}

// NNZ returns the number of entries that the assembled matrix stores.
func (a *Stencil) NNZ() int { return a.entriesBefore(a.n) }

// entriesBefore returns the number of entries in the rows before row i: 2·dim+1
// each, less those whose neighbour would be outside. A dimension of m nodes at
// the given stride has rows without a left neighbour where i/stride%m is 0, and
// without a right one where it is m−1.
func (a *Stencil) entriesBefore(i int) int {
	entries := (2*len(a.shape) + 1) * i
	stride := 1
	for d := len(a.shape) - 1; d >= 0; d-- {
		period := stride * a.shape[d]
		rest := i % period
		entries -= 2*(i/period)*stride + min(rest, stride) + max(0, rest-(period-stride))
		stride = period
	}
	return entries
}

// Assemble implements [Assembler]: the operator as a matrix, with the same promises. Zeros are stored
// too: every row has its diagonal and all its neighbours. It fails if the grid
// has more nodes than a 32-bit column index can tell apart.
func (a *Stencil) Assemble() (*CSR, error) {
	if a.n > math.MaxInt32 {
		return nil, fmt.Errorf("hvp: the matrix of a stencil on a grid of %v nodes has more than 2^31-1 rows", a.shape)
	}
	nnz := a.NNZ()
	rowPtr, col, val := make([]int, a.n+1), make([]int32, nnz), make([]float64, nnz)
	parallel.For(0, a.n, func(lo, hi int) { a.assemble(rowPtr, col, val, lo, hi) })
	m := newCSR(a.n, a.n, rowPtr, col, val)
	m.structure = a.structure
	return m, nil
}

// assemble writes rows lo … hi-1, in CSR order, and the ends of the rows.
func (a *Stencil) assemble(rowPtr []int, col []int32, val []float64, lo, hi int) {
	dim := len(a.shape)
	var stride, at, size [3]int // by dimension, the fastest first
	step := 1
	for d := range dim {
		size[d] = a.shape[dim-1-d]
		stride[d], at[d] = step, lo/step%size[d]
		step *= size[d]
	}
	p := a.entriesBefore(lo)
	for i := lo; i < hi; i++ {
		for d := dim - 1; d >= 0; d-- {
			if at[d] > 0 {
				col[p], val[p] = int32(i-stride[d]), a.off
				p++
			}
		}
		col[p], val[p] = int32(i), a.diag
		p++
		for d := range dim {
			if at[d] < size[d]-1 {
				col[p], val[p] = int32(i+stride[d]), a.off
				p++
			}
		}
		rowPtr[i+1] = p
		for d := range dim { // the coordinates of the next node
			if at[d]++; at[d] < size[d] {
				break
			}
			at[d] = 0
		}
	}
}

var (
	_ Transposer  = (*Stencil)(nil)
	_ BlockRanger = (*Stencil)(nil)
	_ Blocker     = (*Stencil)(nil)
	_ Diagonaler  = (*Stencil)(nil)
	_ Structured  = (*Stencil)(nil)
)
