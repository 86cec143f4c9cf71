package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestPotentials compares with the formulas, at responses of all sizes.
func TestPotentials(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	const n = 8 * 1000
	resp, seed, c := make([]float64, n), make([]float32, n), [8]float64{}
	for i := range resp {
		resp[i] = rng.NormFloat64() * math.Pow(10, 12*rng.Float64()-6)
	}
	for k := range c {
		c[k] = 1 + rng.Float64()
	}
	for _, eps := range []float64{1e-6, 1, 30} {
		u := random(rng, n)
		got := clone(u)
		CharbonnierSeeds(seed, resp, eps*eps)
		MulCharbonnier(got, resp, seed, &c, eps*eps)
		for i, v := range resp {
			s := v*v + eps*eps
			want := u[i] * c[i%8] * eps * eps / (s * math.Sqrt(s))
			if math.Abs(got[i]-want) > 2e-14*math.Abs(want) {
				t.Fatalf("Charbonnier ε=%v at %v: %.17g, want %.17g", eps, v, got[i], want)
			}
		}
	}
	u := random(rng, n)
	got := clone(u)
	LorentzianSeeds(seed, resp)
	MulLorentzian(got, resp, seed, &c)
	for i, v := range resp {
		h := 0.5 * v * v
		want := u[i] * c[i%8] * (1 - h) / ((1 + h) * (1 + h))
		if math.Abs(got[i]-want) > 2e-14*math.Abs(want) {
			t.Fatalf("Lorentzian at %v: %.17g, want %.17g", v, got[i], want)
		}
	}
}
