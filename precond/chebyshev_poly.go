package precond

// maxDegree bounds the degree of Chebyshev polynomials: far above it rounding
// errors and cost have long won.
const maxDegree = 1000

// defaultRatio is the part of the spectrum that a smoother looks at: [λ/ratio, λ].
const defaultRatio = 30

// chebyshevPoly gives the coefficients of the Chebyshev iteration for a spectrum
// in [lo, hi], θ = (hi+lo)/2, δ = (hi−lo)/2, σ = θ/δ:
//
//	d₀ = r₀/θ,   ρ₀ = 1/σ
//	ρ_k = 1/(2σ − ρ_{k-1}),   d_k = ρ_k·ρ_{k-1}·d_{k-1} + (2ρ_k/δ)·r_k
//
// (Saad, Iterative Methods for Sparse Linear Systems, 2003,
// doi:10.1137/1.9780898718003, algorithm 12.1).
type chebyshevPoly struct{ theta, delta, sigma, rho float64 }

// newChebyshevPoly returns the coefficients for [hi/ratio, hi].
func newChebyshevPoly(hi, ratio float64) (p chebyshevPoly) {
	p.set(hi/ratio, hi)
	return p
}

func (p *chebyshevPoly) set(lo, hi float64) {
	p.theta, p.delta = (hi+lo)/2, (hi-lo)/2
	p.sigma, p.rho = p.theta/p.delta, p.delta/p.theta
}

// first returns the factor of r₀.
func (p *chebyshevPoly) first() float64 { return 1 / p.theta }

// next returns the factors of d_{k-1} and r_k.
func (p *chebyshevPoly) next() (c, f float64) {
	old := p.rho
	p.rho = 1 / (2*p.sigma - old)
	return p.rho * old, 2 * p.rho / p.delta
}
