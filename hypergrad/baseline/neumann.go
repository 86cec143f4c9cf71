package baseline

import (
	"context"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Neumann replaces the inverse by the first terms of its Neumann series,
//
//	q_k = a·Σ_{i<k} (I − a·Hᵀ)^i·b,   H = ∂G/∂y, b = ∂ℓ/∂y
//
// (Lorraine, Vicol & Duvenaud, Optimizing millions of hyperparameters by implicit
// differentiation, AISTATS 2020, arXiv 1911.02590; Ghadimi & Wang, Approximation
// methods for bilevel programming, arXiv 1802.02246). It costs k − 1 products and is
// what k steps of gradient descent from y(w), differentiated backwards, come to
// (Shaban et al., AISTATS 2019, arXiv 1810.10667), and k steps of gradient descent
// for Hᵀq = b from zero. The error,
//
//	q_k − q = −(I − a·Hᵀ)^k·q
//
// vanishes if and only if 0 < a·λ < 2 for all eigenvalues λ of a symmetric H. That is
// checked: a step too large for a Ritz value of H is a [*StepTooLargeError] before the
// first term, and as no term of a convergent series with symmetric H is longer than
// the one before, one that is ends the sum with a [*DivergedError]. If H is not
// symmetric, the series ends when its terms have grown beyond any transient.
type Neumann struct {
	// Terms is k ≥ 1.
	Terms int
	// Step is a; zero means 1/L with L an upper bound of the spectrum of H by
	// ten Lanczos steps at most. The same steps check one that is given, unless
	// Unchecked says not to.
	Step      float64
	Unchecked bool

	work workspace
}

// String implements [Estimator].
func (e *Neumann) String() string { return fmt.Sprintf("neumann(%d)", e.Terms) }

// Gradient implements [Estimator].
func (e *Neumann) Gradient(ctx context.Context, p hypergrad.Problem, y, w, dst []float64) (rep Report, err error) {
	s, err := open(ctx, e, p, y, w, dst, &rep, &e.work)
	if err != nil {
		return rep, err
	}
	defer func() { err = s.close(err) }()
	if err := positive("Terms", e.Terms); err != nil {
		return rep, err
	}
	v := s.vectors(3)
	term, q, h := v[0], v[1], v[2]
	at, err := s.at(y, term)
	if err != nil {
		return rep, err
	}
	a, _, err := at.step(stepRule{given: e.Step, unchecked: e.Unchecked, definite: true, held: 3})
	if err != nil {
		return rep, err
	}
	// The factor a is that of the mixed product: term ← (I − a·Hᵀ)·term.
	copy(q, term)
	noise := 1e-10 + 10*hvp.AccuracyOf(at.a)
	symmetric := hvp.StructureOf(at.a).Has(hvp.Symmetric)
	first := parallel.Norm(s.team, term)
	last := first
	for i := 1; i < e.Terms && last > 0; i++ {
		if err := ctx.Err(); err != nil {
			return rep, err
		}
		if err := at.apply(h, term); err != nil {
			return rep, err
		}
		parallel.Axpy(s.team, term, -a, h)
		parallel.Axpy(s.team, q, 1, term)
		size := parallel.Norm(s.team, term)
		// Errors of the products may keep a term of a singular H from falling.
		const what = "the terms of the Neumann series"
		if symmetric && size > last*(1+noise) && size > 1e-12*first {
			return rep, diverged(what, size, last, i)
		}
		if size > growthLimit*first || !finite(size) {
			return rep, diverged(what, size, first, i)
		}
		last = size
	}
	return rep, at.subtractMixed(a, q)
}

// diverged returns the error of an iterate that has grown from first to size.
func diverged(what string, size, first float64, step int) error {
	growth := size / first
	if !finite(growth) {
		growth = math.Inf(1)
	}
	return &DivergedError{what, growth, step}
}
