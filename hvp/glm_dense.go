package hvp

import (
	"fmt"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Dense sets dst, n×n and row by row, to the matrix itself. It costs
// ½·Σ_i r_i² multiplications for r_i entries in row i of X: where features are few
// that is much less than n products.
func (g *GLM) Dense(dst []float64) error {
	n := g.x.cols
	if len(dst) != n*n {
		return fmt.Errorf("hvp: dense matrix of %d numbers for an operator of order %d", len(dst), n)
	}
	xt, x := g.x.transpose(), g.x
	team := parallel.Team(0)
	team.Run(n, parallel.TaskFunc(func(j int) { // row j from the diagonal on
		row := dst[j*n : (j+1)*n]
		clear(row)
		for p := xt.rowPtr[j]; p < xt.rowPtr[j+1]; p++ {
			i := xt.col[p]
			c := g.d[i] * xt.val[p]
			for q := x.rowPtr[i+1] - 1; q >= x.rowPtr[i] && int(x.col[q]) >= j; q-- {
				row[x.col[q]] += c * x.val[q]
			}
		}
		row[j] += g.ridge[j]
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
