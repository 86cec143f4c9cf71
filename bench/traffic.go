package bench

import (
	"context"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
)

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
	bytes, ok = Traffic(lin.Y)
	return bytes, ok, nil
}
