package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestShiftedSumBounds(t *testing.T) {
	for name, at := range map[string][]int{"before": {0, -1}, "behind": {0, 2}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			ShiftedSum(make([]float64, 3), []float64{1, 1}, make([]float64, 4), at)
		}()
	}
}

// TestDCT compares the bank with the DCT-II formula and looks at orthonormality.
func TestDCT(t *testing.T) {
	for _, n := range []int{3, 5, 7} {
		bank, nn := DCT(n), n*n
		if len(bank) != (nn-1)*nn {
			t.Fatalf("size %d: %d numbers", n, len(bank))
		}
		for k := range nn - 1 {
			f := bank[k*nn:][:nn]
			sum := 0.0
			for o, v := range f {
				sum += v
				want := 2 / float64(n)
				for _, m := range [2][2]int{{(k + 1) / n, o / n}, {(k + 1) % n, o % n}} {
					if m[0] == 0 {
						want /= math.Sqrt2
					}
					want *= math.Cos(math.Pi * float64(m[0]*(2*m[1]+1)) / float64(2*n))
				}
				if math.Abs(v-want) > 1e-15 {
					t.Errorf("size %d, filter %d, element %d: %v, want %v", n, k, o, v, want)
				}
			}
			if math.Abs(sum) > 2e-15 {
				t.Errorf("size %d: filter %d is not orthogonal to the constant one: %v", n, k, sum)
			}
			for l := range nn - 1 {
				want := 0.0
				if k == l {
					want = 1
				}
				if dot := Dot(f, bank[l*nn:][:nn]); math.Abs(dot-want) > 2e-15 {
					t.Errorf("size %d, filters %d and %d: %v", n, k, l, dot)
				}
			}
		}
	}
}

// TestBank compares responses and adjoints with their definition.
func TestBank(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 1))
	for _, n := range []int{3, 5, 7} {
		nn, reach := n*n, n-1
		for _, m := range []int{1, 2, 3, 31, 32, 33, 64, 131} {
			pitch, stride := m+reach+3, m+3*reach+1
			for _, b := range []*Bank{
				NewDCTBank(n, pitch, stride),
				NewBank(n, DCT(n), pitch, stride),
				NewBank(n, random(rng, 3*nn), pitch, stride),
				NewProductBank(n, random(rng, nn), pitch, stride),
			} {
				name := fmt.Sprintf("size %d, %d filters, %d positions, DCT3 %v, products %v", n, b.Count(), m, b.IsDCT3(), b.Basis() != nil)
				y := random(rng, n*pitch)
				u := make([]float64, b.Count()*stride)
				for i := range u {
					u[i] = math.NaN()
				}
				rows := make([]float64, n*(m+reach))
				for i := range rows {
					rows[i] = rng.NormFloat64()
				}
				want := clone(rows)
				got := make([]float64, len(u))
				scratch := make([]float64, b.Scratch())
				b.Responses(got, y, m, scratch)
				for k := range b.Count() {
					p := u[k*stride:][:m+2*reach]
					clear(p)
					f := b.Filter(k)
					for j := range m {
						v, r := rng.NormFloat64(), 0.0
						p[reach+j] = v
						for o, c := range f {
							row, col := reach-o/n, j+reach-o%n
							r += c * y[row*pitch+col]
							want[row*(m+reach)+col] += c * v
						}
						if math.Abs(got[k*stride+j]-r) > 1e-12 {
							t.Fatalf("%s: response %d of filter %d is %v, want %v", name, j, k, got[k*stride+j], r)
						}
					}
					for _, v := range got[k*stride+m:][:stride-m] {
						if v != 0 {
							t.Fatalf("%s: written between the planes", name)
						}
					}
				}
				var o [MostFilterSize][]float64
				for r := range n {
					o[r] = rows[r*(m+reach):][:m+reach]
				}
				b.Adjoint(&o, u, scratch)
				near(t, name+": adjoint", rows, want)
			}
		}
	}
}

// BenchmarkBank prints ns per response, and per response and filter tap.
func BenchmarkBank(b *testing.B) {
	const m = 132
	rng := rand.New(rand.NewPCG(5, 1))
	for _, n := range []int{3, 5, 7} {
		reach := n - 1
		stride := m + 3*reach + 2
		for _, bank := range []*Bank{NewDCTBank(n, 512, stride), NewBank(n, DCT(n), 512, stride)} {
			y, t, scratch := random(rng, n*512), random(rng, bank.Count()*stride), make([]float64, bank.Scratch())
			var o [MostFilterSize][]float64
			for r := range n {
				o[r] = make([]float64, m+reach)
			}
			name := fmt.Sprintf("%d×%d/dct=%v/", n, n, bank.IsDCT3() || bank.Basis() != nil)
			for _, c := range []struct {
				name string
				run  func()
			}{
				{name + "responses", func() { bank.Responses(t, y, m, scratch) }},
				{name + "adjoint", func() { bank.Adjoint(&o, t, scratch) }},
			} {
				b.Run(c.name, func(b *testing.B) {
					for b.Loop() {
						c.run()
					}
					each := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / m / float64(bank.Count())
					b.ReportMetric(each, "ns/response")
					b.ReportMetric(each/float64(n*n), "ns/tap")
				})
			}
		}
	}
}
