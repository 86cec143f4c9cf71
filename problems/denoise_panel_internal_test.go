package problems

import (
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
)

// TestDenoisePanelsLimit: solvers are told of matrices of 2 GiB and of no larger one.
func TestDenoisePanelsLimit(t *testing.T) {
	if !kernel.SinglePanels() {
		t.Skip("no assembly for fused products")
	}
	const most = 2 << 30 / (8 * 85)
	for n, want := range map[int]bool{most: true, most + 1: false} {
		h := &denoiseHessian{experts: experts{layout: layoutOf(7)}, y: make([]float64, n)}
		if _, told := hvp.Block(h); told != want {
			t.Errorf("%d pixels: %v", n, told)
		}
		if _, told := hvp.BlockRowsSingle(h); !told {
			t.Errorf("%d pixels: no products in single precision", n)
		}
	}
}
