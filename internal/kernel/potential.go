package kernel

import "math"

// Second derivatives of potentials at filter responses, weighted by c[k] for
// filter k of a panel of eight, from float32 seeds. A square root and a
// division per value would cost more than the convolutions; one Newton step
// from a seed of 24 bits gives all but the last digit of a float64, at half the
// memory of storing the result itself.

// CharbonnierSeeds sets seed to (t²+ε²)^{-1/2}, rounded.
func CharbonnierSeeds(seed []float32, t []float64, eps2 float64) {
	t = t[:len(seed)]
	for i, v := range t {
		seed[i] = float32(1 / math.Sqrt(v*v+eps2))
	}
}

// MulCharbonnier multiplies u by c_k·ε²·(t²+ε²)^{-3/2}. All slices hold whole
// panels of eight.
func MulCharbonnier(u, t []float64, seed []float32, c *[8]float64, eps2 float64) {
	var ce [8]float64
	for k := range ce {
		ce[k] = c[k] * eps2
	}
	t, seed = t[:len(u)], seed[:len(u)]
	for len(u) >= 8 && len(t) >= 8 && len(seed) >= 8 {
		for k := range 8 {
			v := t[k]
			r := float64(seed[k])
			// r ← r·(3 − s·r²)/2 converges to s^{-1/2}; error 1.5·δ² for a
			// seed with relative error δ ≤ 2^-24.
			r *= 1.5 - (0.5*(v*v+eps2))*(r*r)
			u[k] *= ce[k] * (r * r * r)
		}
		u, t, seed = u[8:], t[8:], seed[8:]
	}
}

// LorentzianSeeds sets seed to 1/(1 + ½t²), rounded.
func LorentzianSeeds(seed []float32, t []float64) {
	t = t[:len(seed)]
	for i, v := range t {
		seed[i] = float32(1 / (1 + 0.5*v*v))
	}
}

// MulLorentzian multiplies u by c_k·(1 − ½t²)/(1 + ½t²)². All slices hold whole
// panels of eight.
func MulLorentzian(u, t []float64, seed []float32, c *[8]float64) {
	t, seed = t[:len(u)], seed[:len(u)]
	for len(u) >= 8 && len(t) >= 8 && len(seed) >= 8 {
		for k := range 8 {
			h := 0.5 * t[k] * t[k]
			r := float64(seed[k])
			r *= 2 - (1+h)*r // converges to 1/(1+h); error δ²
			u[k] *= c[k] * ((1 - h) * (r * r))
		}
		u, t, seed = u[8:], t[8:], seed[8:]
	}
}
