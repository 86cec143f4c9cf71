package bench

import (
	"context"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/problems"
)

// MatrixTraffic returns the bytes that a product with a sparse matrix in memory
// reads beyond its two vectors, in the model of all that this module reports: 12
// for each stored entry, value and column, and 8 for each row.
func MatrixTraffic(nnz, rows int64) int64 { return 12*nnz + 8*rows }

// Traffic returns the bytes that a product with a moves beyond reading x and
// writing dst, none kept in cache from one product to the next. Vectors of the
// solver and the two of the product are in krylov.Result.Bytes; so the traffic
// of a solve is that plus the number of its products times Traffic.
//
// ok is false where the model does not know the operator: nothing is guessed.
func Traffic(a hvp.Operator) (bytes int64, ok bool) {
	switch a := a.(type) {
	case interface{ ProductTraffic() int64 }: // knows it itself
		return a.ProductTraffic(), true
	case *hvp.Stencil:
		return 0, true // all from x
	case *hvp.Diagonal:
		rows, _ := a.Dims()
		return 8 * int64(rows), true
	}
	return 0, false
}

// problemTraffic is [Traffic] of ∂G/∂y. It linearises at (y, w).
func problemTraffic(ctx context.Context, p hypergrad.Problem, y, w []float64) (bytes int64, ok bool, err error) {
	lin, err := p.Linearize(ctx, y, w)
	if err != nil {
		return 0, false, err
	}
	n := int64(len(y))
	switch p := p.(type) {
	case *problems.Quadratic:
		return 8 * 7 * n, true, nil // nine n_y-vectors, see Quadratic, x and dst among them
	case *problems.Logistic:
		x, _ := p.Examples()
		m, _ := x.Dims()
		// X by rows and by columns, a vector of the examples written and read
		// with its weight, the ridge.
		return MatrixTraffic(int64(x.NNZ()), int64(m)) + MatrixTraffic(int64(x.NNZ()), n) + 24*int64(m) + 8*n, true, nil
	}
	bytes, ok = Traffic(lin.Y)
	return bytes, ok, nil
}
