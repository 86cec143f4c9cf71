//go:build !purego

package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSingleWithoutWide: registers of 256 bits give the bits of those of 512, sums
// included, and the loops without either those that they are documented to give.
func TestSingleWithoutWide(t *testing.T) {
	if !useFMA {
		t.Skip("no AVX2 and FMA")
	}
	wide, fma, fetch := useWide, useFMA, fetchSingle
	defer func() { useWide, useFMA, fetchSingle = wide, fma, fetch }()
	rng := rand.New(rand.NewPCG(13, 1))
	ptr, col, val := randomCSR(rng, 33, 40)
	for _, n := range []int{1, 2, 3, 4, 7, 33, 40} {
		for _, w := range []int{2, 4, 8, 16} {
			for _, diag := range []bool{false, true} {
				p, q, r, y := single(random(rng, n*w)), single(random(rng, n*w)), single(random(rng, n*w)), single(random(rng, n*w))
				a, b, x := single(random(rng, w)), single(random(rng, w)), single(random(rng, 40*w))
				b0 := single(random(rng, n))
				var d []float32
				if diag {
					d = single(random(rng, n))
				}
				run := func() (numbers []float32, sums []float64) {
					sums = make([]float64, 3*w)
					PanelDotSingle(p, q, w, sums, 1)
					newR, newY, newP := slices.Clone(r), slices.Clone(y), slices.Clone(p)
					PanelSubAxpyNormSingle(newR, a, q, d, w, sums[w:], sums[2*w:], 1)
					PanelStepDirectionSingle(newY, newP, a, newR, d, b, w)
					product := make([]float32, 33*w)
					CSRRowsBlockSingle(product, x, w, ptr, col, val, 0, 33, false)
					shifted, added := make([]float32, len(y)-1), slices.Clone(y[w:])
					var sum Combination
					sum.Begin(len(shifted))
					sum.Add(a[0], q[1:])
					sum.Add(a[1], q)
					sum.To(shifted)
					AddProductsPanel(added, w, b0, []int{0, 1}, q, []int{w, 0}, diag)
					return slices.Concat(newR, newY, newP, product, shifted, added), sums
				}
				useWide, fetchSingle = wide, fetch
				numbers, sums := run()
				for _, useWide = range []bool{wide, false} {
					for _, fetchSingle = range []int{fetch, 0} {
						again, sumsAgain := run()
						sameSingle(t, "other registers", again, numbers)
						if !slices.Equal(sums, sumsAgain) {
							t.Fatalf("n = %d, w = %d: sums %v in other registers, %v", n, w, sumsAgain, sums)
						}
					}
				}
			}
		}
	}
}
