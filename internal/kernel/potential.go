package kernel

import "math"

// Derivatives of potentials at the responses t of one filter, in planes. For
// products, second derivatives are completed from float32 seeds: a square root and
// a division per value would cost more than the convolutions; one Newton step
// from a seed of 24 bits gives all but the last digit of a float64, at half the
// memory of storing the result itself.

// CharbonnierSeeds sets seed to (t²+ε²)^{-1/2}, rounded.
func CharbonnierSeeds(seed []float32, t []float64, eps2 float64) {
	t = t[:len(seed)]
	done := charbonnierSeeds(seed, t, eps2)
	charbonnierSeedsPlain(seed[done:], t[done:], eps2)
}

func charbonnierSeedsPlain(seed []float32, t []float64, eps2 float64) {
	for i, v := range t {
		seed[i] = float32(1 / math.Sqrt(v*v+eps2))
	}
}

// MulCharbonnier multiplies u by c·(t²+ε²)^{-3/2}.
func MulCharbonnier(u, t []float64, seed []float32, c, eps2 float64) {
	t, seed = t[:len(u)], seed[:len(u)]
	done := mulCharbonnier(u, t, seed, c, eps2)
	mulCharbonnierPlain(u[done:], t[done:], seed[done:], c, eps2)
}

func mulCharbonnierPlain(u, t []float64, seed []float32, c, eps2 float64) {
	for i, v := range t {
		r := float64(seed[i])
		// r ← r·(3 − s·r²)/2 converges to s^{-1/2}; error 1.5·δ² for a seed with
		// relative error δ ≤ 2^-24.
		r *= 1.5 - (0.5*(v*v+eps2))*(r*r)
		u[i] *= c * (r * r * r)
	}
}

// LorentzianSeeds sets seed to 1/(1 + ½t²), rounded.
func LorentzianSeeds(seed []float32, t []float64) {
	t = t[:len(seed)]
	done := lorentzianSeeds(seed, t)
	lorentzianSeedsPlain(seed[done:], t[done:])
}

func lorentzianSeedsPlain(seed []float32, t []float64) {
	for i, v := range t {
		seed[i] = float32(1 / (1 + 0.5*v*v))
	}
}

// MulLorentzian multiplies u by c·(1 − ½t²)/(1 + ½t²)².
func MulLorentzian(u, t []float64, seed []float32, c float64) {
	t, seed = t[:len(u)], seed[:len(u)]
	done := mulLorentzian(u, t, seed, c)
	mulLorentzianPlain(u[done:], t[done:], seed[done:], c)
}

func mulLorentzianPlain(u, t []float64, seed []float32, c float64) {
	for i, v := range t {
		h := 0.5 * v * v
		r := float64(seed[i])
		r *= 2 - (1+h)*r // converges to 1/(1+h); error δ²
		u[i] *= c * ((1 - h) * (r * r))
	}
}

// MulFloat32 multiplies u by weights in single precision.
func MulFloat32(u []float64, w []float32) {
	w = w[:len(u)]
	done := mulFloat32(u, w)
	mulFloat32Plain(u[done:], w[done:])
}

func mulFloat32Plain(u []float64, w []float32) {
	for i, v := range w {
		u[i] *= float64(v)
	}
}

// MulFloat64 multiplies u by weights.
func MulFloat64(u, w []float64) {
	w = w[:len(u)]
	done := mulFloat64(u, w)
	mulFloat64Plain(u[done:], w[done:])
}

func mulFloat64Plain(u, w []float64) {
	for i, v := range w {
		u[i] *= v
	}
}

// CharbonnierSlope replaces t by c·t/√(t²+ε²).
func CharbonnierSlope(t []float64, c, eps2 float64) {
	charbonnierSlopePlain(t[charbonnierSlope(t, c, eps2):], c, eps2)
}

func charbonnierSlopePlain(t []float64, c, eps2 float64) {
	for i, v := range t {
		t[i] = c * (v / math.Sqrt(v*v+eps2))
	}
}

// CharbonnierCurvature replaces t by c·(t²+ε²)^{-3/2}.
func CharbonnierCurvature(t []float64, c, eps2 float64) {
	charbonnierCurvaturePlain(t[charbonnierCurvature(t, c, eps2):], c, eps2)
}

func charbonnierCurvaturePlain(t []float64, c, eps2 float64) {
	for i, v := range t {
		s := v*v + eps2
		t[i] = c / (s * math.Sqrt(s))
	}
}

// LorentzianSlope replaces t by c·t/(1 + ½t²).
func LorentzianSlope(t []float64, c float64) {
	lorentzianSlopePlain(t[lorentzianSlope(t, c):], c)
}

func lorentzianSlopePlain(t []float64, c float64) {
	for i, v := range t {
		t[i] = c * (v / (1 + 0.5*v*v))
	}
}

// LorentzianCurvature replaces t by c·(1 − ½t²)/(1 + ½t²)².
func LorentzianCurvature(t []float64, c float64) {
	lorentzianCurvaturePlain(t[lorentzianCurvature(t, c):], c)
}

func lorentzianCurvaturePlain(t []float64, c float64) {
	for i, v := range t {
		h := 0.5 * v * v
		t[i] = c * ((1 - h) / ((1 + h) * (1 + h)))
	}
}

// CharbonnierSum returns Σ √(t²+ε²) − ε. Cancellation for small t costs an
// absolute error of ε·2⁻⁵³ each, nothing in a sum over all responses.
func CharbonnierSum(t []float64, eps2 float64) float64 {
	eps := math.Sqrt(eps2)
	s, done := charbonnierSum(t, eps, eps2)
	for _, v := range t[done:] {
		s += math.Sqrt(v*v+eps2) - eps
	}
	return s
}

// charbonnierSumPlain is the sum over a multiple of four values.
func charbonnierSumPlain(t []float64, eps, eps2 float64) float64 {
	var s [4]float64
	for ; len(t) >= 4; t = t[4:] {
		for l, v := range t[:4] {
			s[l] += math.Sqrt(v*v+eps2) - eps
		}
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}

// LorentzianSum returns Σ log(1 + ½t²), one logarithm for eight values: rounding
// 1 + ½t² for small t costs an absolute error of 2⁻⁵³ each, nothing in a sum over
// all responses.
func LorentzianSum(t []float64) (s float64) {
	const group = 8
	for len(t) > 0 {
		n := min(group, len(t))
		product := 1.0
		for _, v := range t[:n] {
			product *= 1 + 0.5*v*v
		}
		if product <= math.MaxFloat64 {
			s += math.Log(product)
		} else {
			for _, v := range t[:n] {
				s += math.Log1p(0.5 * v * v)
			}
		}
		t = t[n:]
	}
	return s
}
