package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestGramRow compares with a plain loop on rows of 0 to 40 small integers, whose sums
// are exact in any order.
func TestGramRow(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{1, 2, 3, 4, 5, 63, 64, 65} {
		got, want := make([]float64, n*n), make([]float64, n*n)
		for range 50 {
			x := make([]float64, n)
			var col []int32
			var val []float64
			for j := range x {
				if rng.IntN(3) == 0 && len(col) < 40 {
					x[j] = float64(1 + rng.IntN(9))
					col, val = append(col, int32(j)), append(val, x[j])
				}
			}
			d := float64(rng.IntN(5))
			GramRow(got, n, col, val, d)
			for i := range n {
				for j := i; j < n; j++ {
					want[i*n+j] += d * x[i] * x[j]
				}
			}
		}
		for i := range n {
			for j := i; j < n; j++ {
				if got[i*n+j] != want[i*n+j] {
					t.Fatalf("n = %d: element %d, %d is %v, want %v", n, i, j, got[i*n+j], want[i*n+j])
				}
			}
		}
	}
}
