package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// plainResponses is the definition of the convolution.
func plainResponses(bank [][9]float64, rows [3][]float64) []float64 {
	m := len(rows[0]) - 2
	t := make([]float64, max(m, 0)*len(bank))
	for j := range max(m, 0) {
		for k, f := range bank {
			for a := range 3 {
				for b := range 3 {
					t[j*len(bank)+k] += f[3*a+b] * rows[2-a][j+2-b]
				}
			}
		}
	}
	return t
}

// byPosition returns the responses at one position next to each other, from planes.
func byPosition(t []float64, stride, k, m int) []float64 {
	out := make([]float64, 0, k*m)
	for j := range m {
		for l := range k {
			out = append(out, t[l*stride+j])
		}
	}
	return out
}

// byFilter is its inverse, with margins of zeros and NaN beyond.
func byFilter(u []float64, stride, k, m int) []float64 {
	out := make([]float64, k*stride)
	for i := range out {
		out[i] = math.NaN()
	}
	for l := range k {
		p := out[l*stride:][:m+2*Margin]
		clear(p)
		for j := range m {
			p[Margin+j] = u[j*k+l]
		}
	}
	return out
}

func near(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-13*(1+math.Abs(want[i])) {
			t.Fatalf("%s[%d] = %.17g, want %.17g (of %d)", what, i, got[i], want[i], len(want))
		}
	}
}

func TestConv3(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	random3 := func(n int) (r [3][]float64) {
		for i := range r {
			r[i] = random(rng, n)
		}
		return r
	}
	flat := func(bank [][9]float64) (f []float64) {
		for k := range bank {
			f = append(f, bank[k][:]...)
		}
		return f
	}
	var dct [][9]float64
	for k := range DCTFilters {
		dct = append(dct, [9]float64(DCT(3)[9*k:]))
	}
	other := make([][9]float64, 5)
	for k := range other {
		for o := range other[k] {
			other[k][o] = rng.NormFloat64()
		}
	}
	for _, m := range []int{1, 2, 3, 63, 64, 65, 255, 257} {
		for _, c := range []struct {
			name      string
			bank      [][9]float64
			responses func(t []float64, stride int, r0, r1, r2 []float64)
			adjoint   func(o0, o1, o2, u []float64, stride int)
		}{
			{"DCT3", dct, DCT3Responses, DCT3Adjoint},
			{"Conv3 DCT", dct, func(t []float64, stride int, r0, r1, r2 []float64) { Conv3Responses(DCT(3), t, stride, r0, r1, r2) },
				func(o0, o1, o2, u []float64, stride int) { Conv3Adjoint(DCT(3), o0, o1, o2, u, stride) }},
			{"Conv3 random", other, func(t []float64, stride int, r0, r1, r2 []float64) {
				Conv3Responses(flat(other), t, stride, r0, r1, r2)
			},
				func(o0, o1, o2, u []float64, stride int) { Conv3Adjoint(flat(other), o0, o1, o2, u, stride) }},
		} {
			k := len(c.bank)
			stride := m + 2*Margin + m%3
			rows := random3(m + 2)
			want := plainResponses(c.bank, rows)
			got := random(rng, stride*k)
			before8 := clone(got)
			c.responses(got, stride, rows[0], rows[1], rows[2])
			near(t, c.name, byPosition(got, stride, k, m), want)
			for l := range k {
				near(t, c.name+": between the planes", got[l*stride+m:(l+1)*stride], before8[l*stride+m:(l+1)*stride])
			}

			// The adjoint by its definition: ⟨Fy, u⟩ = ⟨y, Fᵀu⟩ for each unit y,
			// added to what was there.
			u := random(rng, m*k)
			out := random3(m + 2)
			before := [3][]float64{clone(out[0]), clone(out[1]), clone(out[2])}
			c.adjoint(out[0], out[1], out[2], byFilter(u, stride, k, m), stride)
			for r := range 3 {
				for j := range m + 2 {
					unit := [3][]float64{make([]float64, m+2), make([]float64, m+2), make([]float64, m+2)}
					unit[r][j] = 1
					want := before[r][j] + Dot(plainResponses(c.bank, unit), u)
					if math.Abs(out[r][j]-want) > 1e-12 {
						t.Fatalf("%s m=%d: adjoint row %d column %d = %v, want %v", c.name, m, r, j, out[r][j], want)
					}
				}
			}
		}
	}
}

func BenchmarkConv3(b *testing.B) {
	const m = 254
	rng := rand.New(rand.NewPCG(5, 1))
	r := [3][]float64{random(rng, m+2), random(rng, m+2), random(rng, m+2)}
	const stride = m + 2*Margin
	t := random(rng, stride*8)
	bank := DCT(3)
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"DCT3Responses", func() { DCT3Responses(t, stride, r[0], r[1], r[2]) }},
		{"DCT3Adjoint", func() { DCT3Adjoint(r[0], r[1], r[2], t, stride) }},
		{"Conv3Responses", func() { Conv3Responses(bank, t, stride, r[0], r[1], r[2]) }},
		{"Conv3Adjoint", func() { Conv3Adjoint(bank, r[0], r[1], r[2], t, stride) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				c.run()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/m, "ns/position")
		})
	}
}
