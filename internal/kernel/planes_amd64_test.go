//go:build !purego

package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestPlanesAssembly compares the kernels of filter banks and potentials with
// their plain twins, bit for bit, and looks for writes beyond their ends.
func TestPlanesAssembly(t *testing.T) {
	if !useAVX2 {
		t.Skip("no AVX2")
	}
	rng := rand.New(rand.NewPCG(21, 1))
	single := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(math.Abs(rng.NormFloat64()))
		}
		return x
	}
	f := [9]float64(random(rng, 9))
	for _, n := range laneSizes {
		if n == 0 {
			continue
		}
		const eps2, c = 0.7, 1.3
		stride := n + 2*Margin + 3
		rows := [3][]float64{random(rng, n+2), random(rng, n+2), random(rng, n+2)}
		u := random(rng, 8*stride)
		s := single(n + 4)
		for name, k := range map[string]struct {
			x          []float64
			fast, slow func(x []float64)
		}{
			"DCT3Responses":    {random(rng, 8*stride), func(x []float64) { DCT3Responses(x, stride, rows[0], rows[1], rows[2]) }, func(x []float64) { dct3ResponsesPlain(x, stride, rows[0], rows[1], rows[2]) }},
			"DCT3Adjoint":      {random(rng, 3*(n+2)), func(x []float64) { DCT3Adjoint(x[:n+2], x[n+2:2*n+4], x[2*n+4:], u, stride) }, func(x []float64) { dct3AdjointPlain(x[:n+2], x[n+2:2*n+4], x[2*n+4:], u, stride) }},
			"Conv3Responses":   {random(rng, stride), func(x []float64) { Conv3Responses(f[:], x, stride, rows[0], rows[1], rows[2]) }, func(x []float64) { conv3ResponsesPlain(&f, x[:n], rows[0], rows[1], rows[2]) }},
			"Conv3Adjoint":     {random(rng, 3*(n+2)), func(x []float64) { Conv3Adjoint(f[:], x[:n+2], x[n+2:2*n+4], x[2*n+4:], u, stride) }, func(x []float64) { conv3AdjointPlain(&f, x[:n+2], x[n+2:2*n+4], x[2*n+4:], u) }},
			"MulCharbonnier":   {random(rng, n+4), func(x []float64) { MulCharbonnier(x[:n], u, s, c, eps2) }, func(x []float64) { mulCharbonnierPlain(x[:n], u[:n], s, c, eps2) }},
			"MulLorentzian":    {random(rng, n+4), func(x []float64) { MulLorentzian(x[:n], u, s, c) }, func(x []float64) { mulLorentzianPlain(x[:n], u[:n], s, c) }},
			"MulFloat64":       {random(rng, n+4), func(x []float64) { MulFloat64(x[:n], u) }, func(x []float64) { mulFloat64Plain(x[:n], u[:n]) }},
			"MulFloat32":       {random(rng, n+4), func(x []float64) { MulFloat32(x[:n], s) }, func(x []float64) { mulFloat32Plain(x[:n], s[:n]) }},
			"Axpy":             {random(rng, n+4), func(x []float64) { Axpy(x[:n], c, u) }, func(x []float64) { axpyPlain(x[:n], c, u[:n]) }},
			"CharbonnierSlope": {random(rng, n+4), func(x []float64) { CharbonnierSlope(x[:n], c, eps2) }, func(x []float64) { charbonnierSlopePlain(x[:n], c, eps2) }},
			"CharbonnierCurv":  {random(rng, n+4), func(x []float64) { CharbonnierCurvature(x[:n], c, eps2) }, func(x []float64) { charbonnierCurvaturePlain(x[:n], c, eps2) }},
			"LorentzianSlope":  {random(rng, n+4), func(x []float64) { LorentzianSlope(x[:n], c) }, func(x []float64) { lorentzianSlopePlain(x[:n], c) }},
			"LorentzianCurv":   {random(rng, n+4), func(x []float64) { LorentzianCurvature(x[:n], c) }, func(x []float64) { lorentzianCurvaturePlain(x[:n], c) }},
			"CharbonnierSum":   {random(rng, n+4), func(x []float64) { x[0] = CharbonnierSum(x[:n&^3], eps2) }, func(x []float64) { x[0] = charbonnierSumPlain(x[:n&^3], math.Sqrt(eps2), eps2) }},
		} {
			got, want := clone(k.x), clone(k.x)
			k.fast(got)
			k.slow(want)
			for i := range want {
				if !sameBits(got[i], want[i]) {
					t.Fatalf("%s, n = %d: element %d is %v, want %v", name, n, i, got[i], want[i])
				}
			}
		}
		a, b := single(n+4), make([]float32, n+4)
		copy(b, a)
		CharbonnierSeeds(a[:n], u, eps2)
		charbonnierSeedsPlain(b[:n], u[:n], eps2)
		for i := range a {
			if a[i] != b[i] {
				t.Fatalf("CharbonnierSeeds, n = %d: element %d is %v, want %v", n, i, a[i], b[i])
			}
		}
		LorentzianSeeds(a[:n], u)
		lorentzianSeedsPlain(b[:n], u[:n])
		for i := range a {
			if a[i] != b[i] {
				t.Fatalf("LorentzianSeeds, n = %d: element %d is %v, want %v", n, i, a[i], b[i])
			}
		}
	}
}
