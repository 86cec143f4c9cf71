package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestBfloat16(t *testing.T) {
	for v, want := range map[float64]uint16{0: 0, 1: 0x3f80, 1 + 0x1p-8: 0x3f80, 1 + 3*0x1p-8: 0x3f82, math.MaxFloat32: 0x7f80, math.Inf(1): 0x7f80, 0x1p-200: 0} {
		if got := Bfloat16(v); got != want {
			t.Errorf("Bfloat16(%v) = %#x, want %#x", v, got, want)
		}
	}
	if v := FromBfloat16(Bfloat16(math.NaN())); v == v {
		t.Errorf("NaN becomes %v", v)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		v := math.Exp(20 * rng.NormFloat64())
		if got := float64(FromBfloat16(Bfloat16(v))); math.Abs(got-v) > 0x1p-8*v {
			t.Fatalf("%v becomes %v", v, got)
		}
	}
}

// TestSingle compares the kernels in single precision with those in double
// precision and, bit by bit, with their plain twins.
func TestSingle(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	vector := func(n int) (s []float32, d []float64) {
		s, d = make([]float32, n), make([]float64, n)
		for i := range s {
			s[i] = float32(rng.NormFloat64())
			d[i] = float64(s[i])
		}
		return s, d
	}
	close32 := func(what string, n int, got []float32, want []float64) {
		t.Helper()
		for i := range want {
			if math.Abs(float64(got[i])-want[i]) > 2e-5 {
				t.Fatalf("%s of %d: element %d is %v, want %v", what, n, i, got[i], want[i])
			}
		}
	}
	same := func(what string, n int, got, want []float32) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Fatalf("%s of %d: differs from the plain twin", what, n)
		}
	}
	var bank []float64
	var bank32 [][9]float32
	for range DCTFilters {
		s, d := vector(9)
		bank, bank32 = append(bank, d...), append(bank32, [9]float32(s))
	}
	square := DCT3Square()
	for _, m := range []int{1, 2, 3, 7, 8, 9, 16, 63, 64, 65, 127, 129, 300} {
		stride := m + 2 + 2*Margin
		r0, d0 := vector(m + 2)
		r1, d1 := vector(m + 2)
		r2, d2 := vector(m + 2)
		w := make([]uint16, WeightsOf(m))
		for i := range w {
			w[i] = Bfloat16(rng.Float64())
		}
		got, want, plain := make([]float32, DCTFilters*stride), make([]float64, DCTFilters*stride), make([]float32, DCTFilters*stride)
		weigh := func(t []float64, factor bool) {
			for k := range DCTFilters {
				for j := range m {
					t[k*stride+j] *= float64(FromBfloat16(w[WeightAt(j, k)]))
					if factor {
						t[k*stride+j] /= math.Sqrt(square[k])
					}
				}
			}
		}
		DCT3Responses(want, stride, d0, d1, d2)
		weigh(want, true)
		DCT3WeightedSingle(got, stride, r0, r1, r2, w)
		close32("DCT responses", m, got, want)
		dct3WeightedSinglePlain(plain, stride, r0, r1, r2, w)
		same("DCT responses", m, got, plain)
		Conv3Responses(bank, want, stride, d0, d1, d2)
		weigh(want, false)
		Conv3WeightedSingle(bank32, got, stride, r0, r1, r2, w)
		close32("responses", m, got, want)
		for k := range bank32 {
			conv3WeightedSinglePlain(&bank32[k], plain[k*stride:][:m], r0, r1, r2, w[WeightAt(0, k):])
		}
		same("responses", m, got, plain)

		// Adjoints: planes with margins, the factors of the filters in the wanted.
		u, du := vector(DCTFilters * stride)
		for k := range DCTFilters {
			for _, at := range []int{0, 1, m + 2, m + 3} {
				u[k*stride+at], du[k*stride+at] = 0, 0
			}
		}
		scaled := slices.Clone(du)
		for k := range DCTFilters {
			for j := range stride {
				scaled[k*stride+j] /= math.Sqrt(square[k])
			}
		}
		adjoint := func(what string, single, twin func(o [3][]float32), double func(o [3][]float64)) {
			var o, p [3][]float32
			var d [3][]float64
			for r := range o {
				o[r], d[r] = vector(m + 2)
				p[r] = slices.Clone(o[r])
			}
			single(o)
			twin(p)
			double(d)
			for r := range o {
				close32(what, m, o[r], d[r])
				same(what, m, o[r], p[r])
			}
		}
		adjoint("DCT adjoint", func(o [3][]float32) { DCT3AdjointSingle(o[0], o[1], o[2], u, stride) },
			func(o [3][]float32) { dct3AdjointSinglePlain(o[0], o[1], o[2], u, stride) },
			func(o [3][]float64) { DCT3Adjoint(o[0], o[1], o[2], scaled, stride) })
		adjoint("adjoint", func(o [3][]float32) { Conv3AdjointSingle(bank32, o[0], o[1], o[2], u, stride) },
			func(o [3][]float32) {
				for k := range bank32 {
					conv3AdjointSinglePlain(&bank32[k], o[0], o[1], o[2], u[k*stride:][:m+2+Margin])
				}
			},
			func(o [3][]float64) { Conv3Adjoint(bank, o[0], o[1], o[2], du, stride) })

		const c, f = 0.3, 1.7
		out, dout := vector(m + 2)
		q, dq := vector(m + 2)
		ChebyshevStepSingle(out, r0, q, r1, r2, c, f)
		for i, v := range d0 {
			dout[i] = v + c*(v-dout[i]) + f*d1[i]*(d2[i]-dq[i])
		}
		close32("Chebyshev step", m, out, dout)
		AxpySingle(q, c, r0)
		for i, v := range d0 {
			dq[i] += c * v
		}
		close32("axpy", m, q, dq)
	}
}
