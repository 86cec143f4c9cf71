package hvp_test

import (
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
)

// TestConvolutionBits: in the interior a pixel of a 5×5 or 7×7 convolution is the sum
// over the taps one by one, each product and sum rounded, with and without assembly,
// for any number of workers.
func TestConvolutionBits(t *testing.T) {
	const side = 75
	for _, n := range []int{5, 7} {
		f, x := normals(uint64(n), n*n), normals(1, side*side)
		want, got := make([]float64, side*side), make([]float64, side*side)
		axpyConvolution(want, x, side, f, n)
		for boundary := hvp.Zero; boundary <= hvp.Replicate; boundary++ {
			c := must[*hvp.Convolution](t)(hvp.NewConvolution(side, side, f, n, n, boundary))
			for _, workers := range []int{1, 2, 3, 7} {
				if err := c.Apply(hvp.WithWorkers(t.Context(), workers), got, x); err != nil {
					t.Fatal(err)
				}
				for i := n / 2; i < side-n/2; i++ {
					for j := n / 2; j < side-n/2; j++ {
						if at := i*side + j; got[at] != want[at] {
							t.Fatalf("size %d, %v, %d workers: pixel %d,%d is %v, want %v", n, boundary, workers, i, j, got[at], want[at])
						}
					}
				}
			}
		}
	}
}
