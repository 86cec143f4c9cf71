package bench

import (
	"context"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
)

// problemTraffic is [hvp.ProductTraffic] of ∂G/∂y. It linearises at (y, w).
func problemTraffic(ctx context.Context, p hypergrad.Problem, y, w []float64) (bytes int64, ok bool, err error) {
	lin, err := p.Linearize(ctx, y, w)
	if err != nil {
		return 0, false, err
	}
	bytes, ok = hvp.ProductTraffic(lin.Y)
	return bytes, ok, nil
}
