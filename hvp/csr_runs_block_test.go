package hvp_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
)

// TestBlockProductBits: the columns of a block product are products with one vector, bit
// for bit, with patterns and without, for any range of rows and any number of workers.
func TestBlockProductBits(t *testing.T) {
	for _, c := range []struct {
		name string
		a    *hvp.CSR
	}{
		{"5 points", gridMatrix(t, 5, 64, false)},
		{"5 points, values vary", gridMatrix(t, 5, 64, true)},
		{"7 points", gridMatrix(t, 7, 18, false)},
		{"27 points", gridMatrix(t, 27, 14, false)},
		{"27 points, values vary", gridMatrix(t, 27, 14, true)},
		{"random", unevenCSR(t, 300, 200, func(*rand.Rand) int { return 5 })},
		{"uneven", unevenCSR(t, 5000, 3000, func(rng *rand.Rand) int { return rng.IntN(9) })},
		{"rows of 70 constants", band(t, 3000, 70)},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, cols := c.a.Dims()
			rng := rand.New(rand.NewPCG(2, 1))
			for k := 2; k <= 9; k++ {
				x, want, got := normals(9, cols*k), make([]float64, rows*k), make([]float64, rows*k)
				xl, yl := make([]float64, cols), make([]float64, rows)
				for l := range k {
					kernel.Gather(xl, x, k, l)
					if err := c.a.Apply(t.Context(), yl, xl); err != nil {
						t.Fatal(err)
					}
					kernel.Scatter(want, yl, k, l)
				}
				for _, workers := range []int{1, 2, 3, 7} {
					clear(got)
					if err := c.a.ApplyBlock(hvp.WithWorkers(context.Background(), workers), got, x, k); err != nil || !slices.Equal(got, want) {
						t.Errorf("k = %d, %d workers: other bits (%v)", k, workers, err)
					}
				}
				for range 20 {
					lo := rng.IntN(rows + 1)
					hi := lo + rng.IntN(rows+1-lo)
					got := normals(10, rows*k)
					before := slices.Clone(got)
					c.a.ApplyBlockRows(got, x, k, lo, hi)
					copy(before[lo*k:hi*k], want[lo*k:hi*k])
					if !slices.Equal(got, before) {
						t.Fatalf("k = %d: rows %d … %d are not those of the whole", k, lo, hi-1)
					}
				}
			}
		})
	}
}

// band has ones in the given number of columns from the diagonal on.
func band(t *testing.T, n, width int) *hvp.CSR {
	ptr := make([]int, n+1)
	var col []int32
	var val []float64
	for i := range n {
		for j := i; j < min(n, i+width); j++ {
			col, val = append(col, int32(j)), append(val, 1)
		}
		ptr[i+1] = len(col)
	}
	return must[*hvp.CSR](t)(hvp.NewCSR(n, n, ptr, col, val))
}
