package baseline

import (
	"errors"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
)

// lanczosSteps is how many products the estimate of a spectrum may cost. Ten give
// the largest eigenvalue to a few per cent from below; the upper bound is then
// some ten per cent above it, which is all that a step length needs.
const lanczosSteps = 10

// growthLimit is how far an iteration whose norm need not fall may grow before
// it counts as diverging: about 1/√ε. The transient of the heavy ball, the worst
// of those that converge, is of the order of √κ.
const growthLimit = 1 << 26

// stepRule says how the step of an iteration with I − a·∂G/∂y is found.
type stepRule struct {
	// given is a, zero to choose it; unchecked trusts it.
	given     float64
	unchecked bool
	// heavyBall is with the momentum given, zero to choose it.
	heavyBall bool
	momentum  float64
	// definite demands a positive semidefinite ∂G/∂y, without which the
	// iteration at this point has no limit.
	definite bool
	// held is the number of n_y-vectors held meanwhile.
	held int
}

// step returns the step length a and the momentum β.
//
// Gradient descent converges for all eigenvalues 0 < λ ≤ L if and only if a·L < 2,
// the heavy ball with 0 ≤ β < 1 if and only if a·L < 2(1+β). L is estimated by a few
// Lanczos steps: a Ritz value θ ≤ L proves a step too large, and θ plus the last
// residual bounds L in practice. The chosen steps are 1/L, and 4/(√L+√μ)² with
// β = ((√L−√μ)/(√L+√μ))² (Polyak 1964, doi:10.1016/0041-5553(64)90137-5), μ the least
// Ritz value, but at least L/10⁴. As μ is found from inside the spectrum, β is too
// small rather than too large.
func (p *point) step(r stepRule) (a, beta float64, err error) {
	switch {
	case r.given < 0 || !finite(r.given):
		return 0, 0, fmt.Errorf("step = %v, want a positive number, or 0 to choose it", r.given)
	case r.heavyBall && !(r.momentum >= 0 && r.momentum < 1):
		return 0, 0, fmt.Errorf("momentum = %v, want 0 < momentum < 1, or 0 to choose it", r.momentum)
	}
	known := r.given > 0 && (!r.heavyBall || r.momentum > 0)
	if known && r.unchecked {
		p.rep.Step = r.given
		return r.given, r.momentum, nil
	}
	if !hvp.StructureOf(p.a).Has(hvp.Symmetric) {
		if !known {
			return 0, 0, errors.New("∂G/∂y does not promise to be symmetric, so that no step can be chosen from its spectrum: give one (1 for G = y − Φ(y, w))")
		}
		p.rep.Step, p.rep.Note = r.given, "the step is not checked: ∂G/∂y does not promise to be symmetric"
		return r.given, r.momentum, nil
	}
	e, err := hvp.ExtremeEigenvalues(p.ctx, p.a, &hvp.EigenSettings{Steps: lanczosSteps, Tol: 1e-3})
	if err != nil {
		return 0, 0, fmt.Errorf("spectrum of ∂G/∂y: %w", err)
	}
	p.rep.SpectrumHVPs += e.Products
	p.rep.LargestEigenvalue = e.Max
	p.holds(r.held + e.Products + 1)
	if negative := e.Min + e.MinErr; r.definite && negative < -1e-10*math.Abs(e.Max) {
		return 0, 0, fmt.Errorf("∂G/∂y has the eigenvalue %.3g ± %.1g, the largest is about %.3g: the iteration cannot converge: %w", e.Min, e.MinErr, e.Max, krylov.NegativeCurvature)
	}
	if !(e.Max > 0) {
		return 0, 0, fmt.Errorf("the largest eigenvalue found of ∂G/∂y is %.3g: there is no step: %w", e.Max, krylov.NegativeCurvature)
	}
	upper := e.UpperBound
	a, beta = r.given, 0
	if r.heavyBall {
		rootL, rootMu := math.Sqrt(upper), math.Sqrt(max(e.Min, upper*1e-4))
		if beta = r.momentum; beta == 0 {
			beta = (rootL - rootMu) / (rootL + rootMu)
			beta *= beta
		}
		if a == 0 {
			// With a β of the caller's, the step that suits it: 1+β instead of 2.
			a = (1 + beta) / upper
			if r.momentum == 0 {
				a = 2 / (rootL + rootMu)
				a *= a
			}
		}
	} else if a == 0 {
		a = 1 / upper
	}
	p.rep.Step = a
	if r.unchecked {
		return a, beta, nil
	}
	switch limit := 2 * (1 + beta); {
	case a*e.Max >= limit:
		return a, beta, &StepTooLargeError{a, limit / e.Max, e.Max}
	case a*upper >= limit:
		p.rep.Note = fmt.Sprintf("the step may be too large: the largest eigenvalue is between %.4g and %.4g", e.Max, upper)
	}
	return a, beta, nil
}
