//go:build !purego

package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestHadamardWithoutWide: registers of 256 bits give the bits of those of 512, and so do the
// plain loops.
func TestHadamardWithoutWide(t *testing.T) {
	if !useFMA {
		t.Skip("no AVX2 and FMA")
	}
	wide, fma := useWide, useFMA
	defer func() { useWide, useFMA = wide, fma }()
	rng := rand.New(rand.NewPCG(18, 1))
	for _, n := range []int{1, 2, 15, 16, 33, 64} {
		for _, k := range []int{1, 4, 8, 13, 16} {
			x, v, u := single(random(rng, n*k)), single(random(rng, n)), single(random(rng, n))
			a, b := single(random(rng, k)), single(random(rng, k))
			xd, vd, ud := random(rng, n*k), random(rng, n), random(rng, n)
			ad, bd := random(rng, k), random(rng, k)
			run := func() (panel []float32, double []float64) {
				panel, double = make([]float32, n*k), make([]float64, n*k+4*k)
				sums := double[n*k:]
				PanelPairDotSingle(x, k, v, u, sums[:k], sums[k:], 1)
				HadamardPanelSingle(panel, x, k, v, u, a, b)
				PanelPairDot(xd, k, vd, ud, sums[2*k:], sums[3*k:], 1)
				HadamardPanel(double[:n*k], xd, k, vd, ud, ad, bd)
				return panel, double
			}
			useWide, useFMA = wide, fma
			panel, double := run()
			for _, now := range [][2]bool{{false, true}, {false, false}} {
				useWide, useFMA = now[0], now[1]
				again, doubleAgain := run()
				sameSingle(t, "other registers", again, panel)
				if !slices.Equal(double, doubleAgain) {
					t.Fatalf("n = %d, k = %d: other bits in double precision in other registers", n, k)
				}
			}
		}
	}
}
