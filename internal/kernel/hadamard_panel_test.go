package kernel

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// TestPanelPairDot compares with the sums in the order of the documentation, to the bit in
// single precision, whatever the width, and within rounding errors in double.
func TestPanelPairDot(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 1))
	const stride = 3
	for _, n := range []int{0, 1, 2, 3, 16, 17, 129} {
		for k := 1; k <= 19; k++ {
			x, v, u := single(random(rng, n*k)), single(random(rng, n)), single(random(rng, n))
			xd, vd, ud := random(rng, n*k), random(rng, n), random(rng, n)
			s, g := random(rng, k*stride), random(rng, k*stride)
			sd, gd := random(rng, k*stride), random(rng, k*stride)
			PanelPairDotSingle(x, k, v, u, s, g, stride)
			PanelPairDot(xd, k, vd, ud, sd, gd, stride)
			for l := range k {
				var want [2][2]float64
				var ofV, ofU, sizeV, sizeU float64
				for i := range n {
					e := float64(x[i*k+l])
					want[0][i&1] += float64(float64(v[i]) * e)
					want[1][i&1] += float64(float64(u[i]) * e)
					ofV += vd[i] * xd[i*k+l]
					ofU += ud[i] * xd[i*k+l]
					sizeV += math.Abs(vd[i] * xd[i*k+l])
					sizeU += math.Abs(ud[i] * xd[i*k+l])
				}
				if a, b := want[0][0]+want[0][1], want[1][0]+want[1][1]; s[l*stride] != a || g[l*stride] != b {
					t.Fatalf("n = %d, k = %d: products %v and %v of column %d, want %v and %v", n, k, s[l*stride], g[l*stride], l, a, b)
				}
				close(t, "PanelPairDot v", sd[l*stride], ofV, sizeV, n)
				close(t, "PanelPairDot u", gd[l*stride], ofU, sizeU, n)
			}
		}
	}
}

// sylvester is entry (i, j) of the Hadamard matrix.
func sylvester(i, j int) float64 {
	if bits.OnesCount(uint(i&j))%2 == 1 {
		return -1
	}
	return 1
}

// TestHadamardPanel compares with the matrices written out, and the strips of a panel with
// its columns one by one, to the bit.
func TestHadamardPanel(t *testing.T) {
	rng := rand.New(rand.NewPCG(16, 1))
	for _, n := range []int{0, 1, 15, 16, 17, 33, 80, 95} {
		for k := 1; k <= 19; k++ {
			what := fmt.Sprintf("n = %d, k = %d", n, k)
			x, v, d := single(random(rng, n*k)), single(random(rng, n)), single(random(rng, n))
			a, b := single(random(rng, k)), single(random(rng, k))
			got := single(random(rng, n*k+2))
			first, last := got[0], got[n*k+1]
			HadamardPanelSingle(got[1:n*k+1], x, k, v, d, a, b)
			if got[0] != first || got[n*k+1] != last {
				t.Fatalf("%s: wrote beyond its rows", what)
			}
			got = got[1 : n*k+1]
			wide := func(x []float32) []float64 {
				y := make([]float64, len(x))
				for i, v := range x {
					y[i] = float64(v)
				}
				return y
			}
			double := make([]float64, n*k)
			HadamardPanel(double, wide(x), k, wide(v), wide(d), wide(a), wide(b))
			column, alone := make([]float32, n), make([]float32, n)
			for l := range k {
				for i := range column {
					column[i] = x[i*k+l]
				}
				HadamardPanelSingle(alone, column, 1, v, d, a[l:l+1], b[l:l+1])
				for i := range alone {
					if math.Float32bits(alone[i]) != math.Float32bits(got[i*k+l]) {
						t.Fatalf("%s: row %d of column %d is %v, alone %v", what, i, l, got[i*k+l], alone[i])
					}
					begin, size := i/16*16, 16
					if begin+16 > n {
						begin, size = i, 1
					}
					want, sum := 0.0, 0.0
					for m := begin; m < begin+size; m++ {
						h := 0.0
						for j := begin; j < begin+size; j++ {
							e := float64(x[j*k+l]) + float64(v[j])*float64(a[l])
							h += sylvester(m-begin, j-begin) * e
							sum += math.Abs(float64(d[m]) * e)
						}
						want += sylvester(i-begin, m-begin) * float64(d[m]) * h
					}
					want += float64(v[i]) * float64(b[l])
					sum += math.Abs(float64(v[i]) * float64(b[l]))
					if math.Abs(float64(got[i*k+l])-want) > 4e-7*sum || math.Abs(double[i*k+l]-want) > 1e-15*sum {
						t.Fatalf("%s: row %d of column %d is %v, in double precision %v, want %v", what, i, l, got[i*k+l], double[i*k+l], want)
					}
				}
			}
		}
	}
}
