package hvp

import (
	"fmt"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// gramParts is how many sums over parts of the rows Dense makes at most.
const gramParts = 16

// Dense sets dst, n×n and row by row, to the matrix itself. It costs
// ½·Σ_i r_i² multiplications for r_i entries in row i of X, added to sums in the first
// or second-level cache: where features are few that is much less than n products. The
// sums over parts of the rows, which are worked on in parallel, take up to 15 times
// the memory of dst where they are a small part of the work.
func (g *GLM) Dense(dst []float64) error {
	n, x := g.x.cols, g.x
	if len(dst) != n*n {
		return fmt.Errorf("hvp: dense matrix of %d numbers for an operator of order %d", len(dst), n)
	}
	work := 0
	for i := range x.rows {
		r := x.rowPtr[i+1] - x.rowPtr[i]
		work += r * r / 2
	}
	// To clear a sum and to add it costs about as much as two multiplications for
	// each of its elements.
	parts := min(gramParts, 1+work/(16*n*n+1))
	sums := make([][]float64, parts)
	team := parallel.Team(0)
	team.Run(parts, parallel.TaskFunc(func(c int) {
		sum := dst
		if c == 0 {
			clear(dst)
		} else {
			sum = make([]float64, n*n)
		}
		for i := c * x.rows / parts; i < (c+1)*x.rows/parts; i++ {
			p, q := x.rowPtr[i], x.rowPtr[i+1]
			kernel.GramRow(sum, n, x.col[p:q], x.val[p:q], g.d[i])
		}
		sums[c] = sum
	}))
	team.Run(n, parallel.TaskFunc(func(j int) { // row j from the diagonal on
		row := dst[j*n+j : (j+1)*n]
		for _, sum := range sums[1:] {
			kernel.Axpy(row, 1, sum[j*n+j:(j+1)*n])
		}
		row[0] += g.ridge[j]
	}))
	team.Run(n, parallel.TaskFunc(func(j int) {
		for i := range j {
			dst[j*n+i] = dst[i*n+j]
		}
	}))
	return nil
}

// mostAssembled is the order up to which a GLM writes itself out: its matrix is full.
const mostAssembled = 512

// Assemble implements [Assembler] for models of few features; for others it gives
// [ErrNotAssembled], wrapped. All entries are stored, zeros too.
func (g *GLM) Assemble() (*CSR, error) {
	n := g.x.cols
	if n > mostAssembled {
		return nil, fmt.Errorf("hvp: a GLM of order %d, above %d: %w", n, mostAssembled, ErrNotAssembled)
	}
	rowPtr, col, val := make([]int, n+1), make([]int32, n*n), make([]float64, n*n)
	if err := g.Dense(val); err != nil {
		return nil, err
	}
	for i := range n {
		rowPtr[i+1] = (i + 1) * n
		for j := range n {
			col[i*n+j] = int32(j)
		}
	}
	return newCSR(n, n, rowPtr, col, val).withStructure(g.structure), nil
}

var _ Assembler = (*GLM)(nil)
