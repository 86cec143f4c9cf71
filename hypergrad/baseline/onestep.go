package baseline

import (
	"context"

	"github.com/hgsolve/hgsolve/hypergrad"
)

// OneStep differentiates one step of gradient descent at a solution, F = y − a·G(y, w),
// as if what it started from did not depend on w:
//
//	dL/dw ≈ ∂ℓ/∂w + (∂F/∂w)ᵀ·b = ∂ℓ/∂w − a·(∂G/∂w)ᵀ·b,   b = ∂ℓ/∂y
//
// (Bolte, Pauwels & Vaiter, One-step differentiation of iterative algorithms, NeurIPS
// 2023, arXiv 2305.13768; Fung et al., JFB: Jacobian-free backpropagation, AAAI 2022,
// arXiv 2103.12803). q = a·b is the first term of [Neumann]; the error of dy/dw is at
// most ρ/(1−ρ)·‖∂F/∂w‖ for a contraction by ρ = ‖I − a·H‖: it does not vanish, however
// good y is, and is small only where one step leads to the solution from anywhere
// near. For the step of Newton's method it is the theorem itself: [Implicit].
type OneStep struct {
	// Step is a; zero means 1/L, as for [Neumann], and Unchecked does the same.
	Step      float64
	Unchecked bool

	work workspace
}

// String implements [Estimator].
func (e *OneStep) String() string { return "one-step" }

// Gradient implements [Estimator].
func (e *OneStep) Gradient(ctx context.Context, p hypergrad.Problem, y, w, dst []float64) (rep Report, err error) {
	s, err := open(ctx, e, p, y, w, dst, &rep, &e.work)
	if err != nil {
		return rep, err
	}
	defer func() { err = s.close(err) }()
	b := s.vectors(1)[0]
	at, err := s.at(y, b)
	if err != nil {
		return rep, err
	}
	a, _, err := at.step(stepRule{given: e.Step, unchecked: e.Unchecked, definite: true, held: 1})
	if err != nil {
		return rep, err
	}
	return rep, at.subtractMixed(a, b)
}
