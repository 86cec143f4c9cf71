//go:build !purego

package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestShiftedSumAssembly compares the kernel with its plain twin, bit for bit, and
// looks for writes beyond the end. x ends where the last term does.
func TestShiftedSumAssembly(t *testing.T) {
	if !useAVX2 {
		t.Skip("no AVX2")
	}
	rng := rand.New(rand.NewPCG(31, 1))
	for _, n := range append([]int{6, 10, 18, 30, 32, 34, 35, 61, 62, 66, 100}, laneSizes...) {
		for _, terms := range []int{0, 1, 2, 5, 24, 25, 49} {
			c, at := random(rng, terms), make([]int, terms)
			for e := range at {
				at[e] = rng.IntN(40)
			}
			if terms > 0 {
				at[rng.IntN(terms)] = 39
			}
			x := random(rng, n+39)
			if n > 3 {
				x[1], x[2], x[3] = math.Inf(1), math.Copysign(0, -1), 5e-324
			}
			out := random(rng, n+5)
			for _, add := range []bool{false, true} {
				got, want := clone(out), clone(out)
				if add {
					AddShiftedSum(got[:n], c, x, at)
				} else {
					ShiftedSum(got[:n], c, x, at)
					clear(want[:n])
				}
				addShiftedSumPlain(want[:n], c, x, at)
				for i := range want {
					if !sameBits(got[i], want[i]) {
						t.Fatalf("n = %d, %d terms, add %v: element %d is %v, want %v", n, terms, add, i, got[i], want[i])
					}
				}
			}
		}
	}
}
