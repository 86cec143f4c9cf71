package kernel

import (
	"math/rand/v2"
	"testing"
)

// testSmoothing compares the kernels of multigrid with plain loops, on rows of 0 to 40
// entries. Values are small integers: sums are exact in any order.
func testSmoothing[V Value](t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	small := func(n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = float64(rng.IntN(17) - 8)
		}
		return x
	}
	for _, n := range []int{1, 2, 3, 63, 64, 65, 127, 129} {
		ptr := make([]int, n+1)
		var col []int32
		var val []V
		for i := range n {
			for range rng.IntN(41) {
				col, val = append(col, int32(rng.IntN(n))), append(val, V(rng.IntN(9)-4))
			}
			ptr[i+1] = len(col)
		}
		x, b, m, d := small(n), small(n), small(n), small(n)
		ax := make([]float64, n)
		for i := range n {
			for k := ptr[i]; k < ptr[i+1]; k++ {
				ax[i] += float64(val[k]) * x[col[k]]
			}
		}
		lo, hi := n/3, n-n/5
		y := small(n)
		before := append([]float64(nil), y...)
		sum := append([]float64(nil), y...)
		CSRRows(y, x, ptr, col, val, lo, hi)
		CSRAdd(sum, x, ptr, col, val, lo, hi)
		for i := range n {
			want, add := before[i], before[i]
			if i >= lo && i < hi {
				want, add = ax[i], before[i]+ax[i]
			}
			if y[i] != want || sum[i] != add {
				t.Fatalf("n = %d, row %d: product %v, want %v; sum %v, want %v", n, i, y[i], want, sum[i], add)
			}
		}
		res, smooth := append([]float64(nil), ax...), append([]float64(nil), ax...)
		SubFrom(res, b)
		SmoothTo(smooth, x, m, b)
		for i := range n {
			if r := b[i] - ax[i]; res[i] != r || smooth[i] != x[i]+m[i]*r {
				t.Fatalf("n = %d, row %d: residual %v, smoothed %v", n, i, res[i], smooth[i])
			}
		}
		sum = append([]float64(nil), d...)
		AddProduct(sum, m, x)
		for i := range n {
			if sum[i] != d[i]+m[i]*x[i] {
				t.Fatalf("n = %d, row %d: sum %v, want %v", n, i, sum[i], d[i]+m[i]*x[i])
			}
		}
		for _, c := range []float64{0, 2} {
			upd, next := append([]float64(nil), d...), append([]float64(nil), ax...)
			ChebyshevStep(next, x, upd, m, b, c, 0.5)
			for i := range n {
				want := c*d[i] + 0.5*(m[i]*(b[i]-ax[i]))
				if upd[i] != want || next[i] != x[i]+want {
					t.Fatalf("n = %d, row %d, c = %v: update %v, want %v; %v", n, i, c, upd[i], want, next[i])
				}
			}
		}
	}
}

func TestSmoothing(t *testing.T) {
	t.Run("float64", testSmoothing[float64])
	t.Run("float32", testSmoothing[float32])
}
