package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The plain twins of the panel kernels: one column at a time.

func plainPanelDots(v [][]float64, w []float64, lo, hi int) (sums, sizes []float64) {
	for _, c := range v {
		s, size := plainDot(c[lo:hi], w[lo:hi])
		sums, sizes = append(sums, s), append(sizes, size)
	}
	return sums, sizes
}

func plainPanelAdd(w []float64, v [][]float64, h []float64, s float64, lo, hi int) {
	for j, c := range v {
		for i := lo; i < hi; i++ {
			w[i] += s * h[j] * c[i]
		}
	}
}

func TestPanel(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	const stride = 3
	for _, n := range append([]int{511, 512, 513, 1025}, sizes...) {
		for k := range 10 {
			lo, hi := n/5, n-n/7
			w, h := random(rng, n), random(rng, k)
			v := make([][]float64, k)
			for j := range v {
				v[j] = random(rng, n)
			}
			check := func(what string, sums, w []float64) {
				t.Helper()
				want, size := plainPanelDots(v, w, lo, hi)
				for j := range want {
					close(t, what, sums[j*stride]-1, want[j], size[j]+1, n)
				}
			}
			ones := func() []float64 {
				sums := make([]float64, k*stride+1)
				for i := range sums {
					sums[i] = 1
				}
				return sums
			}
			near := func(what string, got, want []float64) {
				t.Helper()
				for i := range want {
					if math.Abs(got[i]-want[i]) > 1e-14*(1+math.Abs(want[i])) || (i < lo || i >= hi) && got[i] != want[i] {
						t.Fatalf("n=%d, k=%d: %s[%d] = %v, want %v", n, k, what, i, got[i], want[i])
					}
				}
			}
			sums := ones()
			PanelDots(sums, stride, v, w, lo, hi)
			check("PanelDots", sums, w)

			want, got := clone(w), clone(w)
			plainPanelAdd(want, v, h, 1, lo, hi)
			PanelAdd(got, v, h, lo, hi)
			near("PanelAdd", got, want)

			want, got = clone(w), clone(w)
			plainPanelAdd(want, v, h, -1, lo, hi)
			PanelSub(got, v, h, lo, hi)
			near("PanelSub", got, want)

			sums, again := ones(), clone(w)
			PanelSubDots(sums, stride, again, v, h, lo, hi)
			same(t, "PanelSubDots", again, got)
			check("PanelSubDots", sums, got)
		}
	}
}

func TestDivToAndAddSwap(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	for _, n := range sizes {
		x, d := random(rng, n), random(rng, n)
		quotient, scaled := make([]float64, n), make([]float64, n)
		for i := range x {
			quotient[i] = x[i] / 3
			scaled[i] = d[i] * (x[i] / 3)
		}
		y, z := clone(x), make([]float64, n)
		DivTo(y, 3, y, nil, nil)
		same(t, "DivTo", y, quotient)
		DivTo(y, 3, x, d, z)
		same(t, "DivTo", y, quotient)
		same(t, "DivTo with d", z, scaled)

		for _, diag := range [][]float64{nil, d} {
			sum, u, swapped := make([]float64, n), clone(x), clone(quotient)
			for i := range sum {
				sum[i] = x[i] + quotient[i]
				if diag != nil {
					sum[i] = x[i] + diag[i]*quotient[i]
				}
			}
			AddSwap(u, swapped, diag)
			same(t, "AddSwap x", u, sum)
			same(t, "AddSwap t", swapped, x)
		}
	}
}
