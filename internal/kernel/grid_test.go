package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestGridKernels compares with the plain twins, bit for bit, with strides of either
// sign, and looks that nothing else is written.
func TestGridKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	random := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(rng.NormFloat64())
		}
		return v
	}
	for _, n := range []int{1, 2, 3, 7, 8, 9, 15, 16, 31, 32, 33, 39, 40, 63, 64, 65, 127, 129, 255, 257} {
		for _, terms := range []int{0, 1, 2, 5, 8} {
			for _, s := range [][2]int{{n + 3, 1}, {-n, -1}, {n - 1, n + 2}, {0, -3}} {
				a, x := random(20*(n+4)), random(20*(n+4))
				at, xt := 9*(n+4)+1, 9*(n+4)-1
				got := random(n + 2)
				want := append([]float32(nil), got...)
				SubProductsSingle(got[1:n+1], a, at, s[0], x, xt, s[1], terms)
				subProductsSinglePlain(want[1:n+1], a, at, s[0], x, xt, s[1], terms)
				sameSingles(t, "sub", n, terms, got, want)
				c := random(terms)
				AddScaledSingle(got[1:n+1], c, x, n+3)
				addScaledSinglePlain(want[1:n+1], c, x, n+3)
				sameSingles(t, "add", n, terms, got, want)
			}
		}
	}
}

func sameSingles(t *testing.T, name string, n, terms int, got, want []float32) {
	t.Helper()
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%s, n = %d, %d terms: element %d is %v, want %v", name, n, terms, i, got[i], want[i])
		}
	}
}
