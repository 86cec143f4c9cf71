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
	resp, seed, c := make([]float64, n), make([]float32, n), 1+rng.Float64()
	for i := range resp {
		resp[i] = rng.NormFloat64() * math.Pow(10, 12*rng.Float64()-6)
	}
	for _, eps := range []float64{1e-6, 1, 30} {
		u := random(rng, n)
		got := clone(u)
		CharbonnierSeeds(seed, resp, eps*eps)
		MulCharbonnier(got, resp, seed, c*eps*eps, eps*eps)
		for i, v := range resp {
			s := v*v + eps*eps
			want := u[i] * c * eps * eps / (s * math.Sqrt(s))
			if math.Abs(got[i]-want) > 2e-14*math.Abs(want) {
				t.Fatalf("Charbonnier ε=%v at %v: %.17g, want %.17g", eps, v, got[i], want)
			}
		}
	}
	u := random(rng, n)
	got := clone(u)
	LorentzianSeeds(seed, resp)
	MulLorentzian(got, resp, seed, c)
	for i, v := range resp {
		h := 0.5 * v * v
		want := u[i] * c * (1 - h) / ((1 + h) * (1 + h))
		if math.Abs(got[i]-want) > 2e-14*math.Abs(want) {
			t.Fatalf("Lorentzian at %v: %.17g, want %.17g", v, got[i], want)
		}
	}
	sum := func(f func(v float64) float64) (s float64) {
		for _, v := range resp {
			s += f(v)
		}
		return s
	}
	want := sum(func(v float64) float64 { return math.Log1p(0.5 * v * v) })
	if got := LorentzianSum(resp); math.Abs(got-want) > 1e-13*want {
		t.Errorf("Σ log(1 + ½t²) = %.17g, want %.17g", got, want)
	}
	if got := LorentzianSum([]float64{1e80, 1e100, 1}); math.Abs(got-(360*math.Ln10-2*math.Ln2+math.Log(1.5))) > 1e-10 {
		t.Errorf("large responses: %v", got)
	}
	want = sum(func(v float64) float64 { return math.Sqrt(v*v+1) - 1 })
	if got := CharbonnierSum(resp, 1); math.Abs(got-want) > 1e-13*want {
		t.Errorf("Σ √(t²+1) − 1 = %.17g, want %.17g", got, want)
	}
}
