package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestAddProductsPanel compares with the plain loop, bit for bit, over widths and numbers of
// rows that straddle the strips and blocks, for terms that overlap as those of a grid do.
func TestAddProductsPanel(t *testing.T) {
	t.Run("single", func(t *testing.T) { testAddProductsPanel(t, single, sameSingle) })
	t.Run("double", func(t *testing.T) { testAddProductsPanel(t, slices.Clone[[]float64], same) })
}

func testAddProductsPanel[V Value](t *testing.T, number func([]float64) []V, same func(t *testing.T, what string, got, want []V)) {
	rng := rand.New(rand.NewPCG(15, 1))
	for _, w := range []int{1, 2, 3, 4, 5, 6, 7, 8, 12, 15, 16, 17, 24, 31, 40} {
		for _, rows := range []int{0, 1, 7, 8, 9, 15, 16, 17, 33, 64} {
			for _, terms := range []int{0, 1, 5, 26} {
				for _, subtract := range []bool{false, true} {
					what := fmt.Sprintf("w = %d, %d rows, %d terms, subtract = %v", w, rows, terms, subtract)
					at, shift := make([]int, terms), make([]int, terms)
					for e := range at {
						at[e], shift[e] = rng.IntN(100), rng.IntN(20)*w+rng.IntN(2)
					}
					// The last term is at the ends of val and x.
					val, x := number(random(rng, rows+100)), number(random(rng, (rows+20)*w+1))
					if terms > 0 {
						at[terms-1], shift[terms-1] = 100, 20*w+1
					}
					got := number(random(rng, rows*w+2))
					want := slices.Clone(got)
					addProductsPanelPlain(want[1:rows*w+1], w, 0, val, at, x, shift, subtract)
					AddProductsPanel(got[1:rows*w+1], w, val, at, x, shift, subtract)
					same(t, what, got, want)
				}
			}
		}
	}
}

func TestAddProductsPanelChecksPlaces(t *testing.T) {
	const w, rows = 8, 3
	out, val, x := make([]float32, w*rows), make([]float32, 10), make([]float32, 10*w)
	for name, c := range map[string]struct{ at, shift []int }{
		"negative row of val": {[]int{0, -1}, []int{0, 0}},
		"beyond val":          {[]int{8, 0}, []int{0, 0}},
		"negative row of x":   {[]int{0, 0}, []int{-1, 0}},
		"beyond x":            {[]int{0, 0}, []int{0, 7*w + 1}},
		"far beyond x":        {[]int{0, 0}, []int{0, 1<<63 - 1}},
		"too few":             {[]int{0, 0}, []int{0}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: read", name)
				}
			}()
			AddProductsPanel(out, w, val, c.at, x, c.shift, false)
		}()
	}
	AddProductsPanel(out, w, val, []int{7}, x, []int{7 * w}, false)
}
