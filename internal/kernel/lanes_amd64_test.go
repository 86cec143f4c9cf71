//go:build !purego

package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// laneSizes straddle the groups of four and eight and the blocks of 2048.
var laneSizes = []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129, 2047, 2048, 2049, 4095, 4097}

// sameBits reports whether two numbers have the same bits. Any NaN is like another:
// which payload an addition of two keeps depends on the order of its operands,
// and the compiler is free in that.
func sameBits(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b)
}

// TestAssembly compares assembly and plain twins bit for bit, on slices that
// begin at any multiple of eight bytes, and looks for writes beyond their ends.
func TestAssembly(t *testing.T) {
	if !useAVX2 {
		t.Skip("no AVX2")
	}
	special := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), 0x1p-1074, -0x1.8p-1023, 0x1p-540, 0x1p1023, -math.MaxFloat64}
	// NaN and Inf hide the rest of a sum, so denormal numbers come without them, too:
	// mixed with others in "small".
	for _, kind := range []string{"ordinary", "special", "small", "denormal"} {
		rng := rand.New(rand.NewPCG(8, 1))
		fill := func(x []float64) []float64 {
			for i := range x {
				x[i] = rng.NormFloat64() * math.Ldexp(1, rng.IntN(40)-20)
				switch {
				case kind == "special" && rng.IntN(6) == 0:
					x[i] = special[rng.IntN(len(special))]
				case kind == "small" && rng.IntN(3) == 0:
					x[i] = math.Ldexp(x[i], -500-rng.IntN(540))
				case kind == "denormal":
					x[i] = math.Ldexp(x[i], -1040)
				}
			}
			return x
		}
		for _, n := range laneSizes {
			for shift := range 5 {
				var asm, twin [4][]float64
				var in, out [4][]float64
				for k := range asm {
					whole := fill(make([]float64, n+16))
					asm[k], twin[k] = whole, clone(whole)
					at := shift * (k + 1) % 5 // the slices of one call differ in alignment
					in[k], out[k] = asm[k][at:at+n], twin[k][at:at+n]
				}
				s := fill(make([]float64, 6))
				where := fmt.Sprintf("%s, n=%d, shift %d", kind, n, shift)
				check := func(what string, got, want [3]float64) {
					t.Helper()
					if !sameBits(got[0], want[0]) || !sameBits(got[1], want[1]) || !sameBits(got[2], want[2]) {
						t.Fatalf("%s (%s): sums %x, twin has %x", what, where, got, want)
					}
					for k := range asm {
						for i := range asm[k] {
							if !sameBits(asm[k][i], twin[k][i]) {
								t.Fatalf("%s (%s): vector %d differs at %d: %x, twin has %x", what, where, k, i, asm[k][i], twin[k][i])
							}
						}
					}
				}
				var got, want [3]float64
				got[0], got[1] = Dot(in[1], in[2]), 0
				want[0] = dotPlain(out[1], out[2])
				check("Dot", got, want)
				var lanes, plain [4][4]float64
				done := dots4Lanes(&lanes, in[0], in[1], in[2], in[3], in[0])
				dots4Plain(&plain, out[0][:done], out[1], out[2], out[3], out[0])
				for j := range lanes {
					for l := range lanes[j] {
						check("dots4", [3]float64{lanes[j][l], got[1], got[2]}, [3]float64{plain[j][l], want[1], want[2]})
					}
				}
				add4(in[1], (*[4]float64)(s), in[0], in[2], in[3], in[0])
				add4Plain(out[1], (*[4]float64)(s), out[0], out[2], out[3], out[0])
				check("add4", got, want)
				got[0], got[1] = Dots2(in[0], in[1])
				want[0], want[1] = dots2Plain(out[0], out[1])
				check("Dots2", got, want)
				got[0], got[1] = LanczosStep(in[0], in[1], in[2], s[0], s[1], s[2])
				want[0], want[1] = lanczosStepPlain(out[0], out[1], out[2], s[0], s[1], s[2])
				check("LanczosStep", got, want)
				got[0], got[1], got[2] = LanczosStepDiag(in[1], in[3], in[0], in[2], s[0], s[1], s[2])
				want[0], want[1], want[2] = lanczosStepDiagPlain(out[1], out[3], out[0], out[2], s[0], s[1], s[2])
				check("LanczosStepDiag", got, want)
				MinresStep(in[3], in[2], in[1], in[0], s[0], s[1], s[2], s[3])
				minresStepPlain(out[3], out[2], out[1], out[0], s[0], s[1], s[2], s[3])
				check("MinresStep", got, want)
				QLPStep(in[0], in[1], in[3], in[2], s[0], s[1], s[2], s[3], s[4], s[5])
				qlpStepPlain(out[0], out[1], out[3], out[2], s[0], s[1], s[2], s[3], s[4], s[5])
				check("QLPStep", got, want)
				got[0] = SubAxpyNorm(in[1], s[0], in[2])
				want[0] = subAxpyNormPlain(out[1], s[0], out[2])
				check("SubAxpyNorm", got, want)
				got[0], got[1] = SubAxpyNormDiag(in[2], s[1], in[0], in[3])
				want[0], want[1] = subAxpyNormDiagPlain(out[2], s[1], out[0], out[3])
				check("SubAxpyNormDiag", got, want)
				StepDirection(in[0], in[1], s[2], in[3], s[3])
				stepDirectionPlain(out[0], out[1], s[2], out[3], s[3])
				check("StepDirection", got, want)
				StepDirectionDiag(in[3], in[0], s[2], in[2], in[1], s[3])
				stepDirectionDiagPlain(out[3], out[0], s[2], out[2], out[1], s[3])
				check("StepDirectionDiag", got, want)
			}
		}
	}
}
