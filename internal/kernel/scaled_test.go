package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestAddScaled compares with the plain loop, bit for bit, between elements that must stay.
func TestAddScaled(t *testing.T) {
	rng := rand.New(rand.NewPCG(16, 1))
	for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 31, 32, 33, 63, 64, 65, 95, 96, 97, 127, 129, 255} {
		for _, terms := range []int{0, 1, 2, 8, 48} {
			c, x := random(rng, terms), random(rng, terms*(n+3))
			got := random(rng, n+2)
			want := slices.Clone(got)
			AddScaled(got[1:n+1], c, x, n+3)
			addScaledPlain(want[1:n+1], c, x, n+3)
			same(t, fmt.Sprintf("n = %d, %d terms", n, terms), got, want)
		}
	}
}

func TestAddScaledChecksLengths(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("read beyond x")
		}
	}()
	AddScaled(make([]float64, 4), make([]float64, 3), make([]float64, 2*5+3), 5)
}
