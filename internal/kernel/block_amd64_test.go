//go:build !purego

package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestPanelAssembly compares the loops over panels with and without assembly, bit
// for bit.
func TestPanelAssembly(t *testing.T) {
	if !useAVX2 {
		t.Skip("no AVX2")
	}
	defer func() { useAVX2 = true }()
	rng := rand.New(rand.NewPCG(13, 1))
	for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 66, 129} {
		for w := 1; w <= 23; w++ {
			for _, left := range []int{0, w / 2, w - 1} { // the column of x that is left out
				k := w + 1
				cols := make([]int, w)
				for l := range cols {
					cols[l] = l
					if l >= left {
						cols[l]++
					}
				}
				in := [][]float64{random(rng, n*w), random(rng, n*w), random(rng, n*w), random(rng, n*k), random(rng, n), random(rng, w), random(rng, w)}
				ptr, col, val := randomCSR(rng, n, n)
				const stride = 3
				var out [2][][]float64
				for i, on := range []bool{true, false} {
					useAVX2 = on
					v := make([][]float64, 0, 12)
					for _, x := range in {
						v = append(v, clone(x))
					}
					for range 5 {
						v = append(v, make([]float64, w*stride))
					}
					p, q, r, x, d, a, b := v[0], v[1], v[2], v[3], v[4], v[5], v[6]
					CSRRowsBlock(q, p, w, ptr, col, val, n/5, n-n/7)
					PanelDots3(p, q, w, v[7], v[8], v[9], stride)
					PanelSubAxpyNorm(r, a, q, w, v[10], stride)
					PanelStepDirection(x, k, cols, p, a, r, b, w)
					PanelSubAxpyNormDiag(r, b, q, d, w, v[11], v[8], 2)
					PanelStepDirectionDiag(x, k, cols, p, b, r, d, a, w)
					PanelDot(p, r, w, v[9], 2)
					out[i] = v
				}
				for j, want := range out[1] {
					checkBits(t, fmt.Sprintf("n=%d, w=%d: vector %d", n, w, j), out[0][j], want)
				}
			}
		}
	}
}

// TestPanelAssemblyChecksColumns: what a broken matrix points to is not read.
func TestPanelAssemblyChecksColumns(t *testing.T) {
	for what, m := range map[string]struct {
		ptr []int
		col []int32
	}{
		"large column":       {[]int{0, 1, 2}, []int32{0, 2}},
		"negative column":    {[]int{0, 1, 2}, []int32{0, -1}},
		"row pointer beyond": {[]int{0, 1, 3}, []int32{0, 1}},
		"decreasing":         {[]int{0, 2, 1}, []int32{0, 1}},
	} {
		for k := 1; k <= 9; k++ {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s, k = %d: no panic", what, k)
					}
				}()
				CSRRowsBlock(make([]float64, 2*k), make([]float64, 2*k), k, m.ptr, m.col, []float64{1, 1}, 0, 2)
			}()
		}
	}
}
