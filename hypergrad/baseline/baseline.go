package baseline

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/hgsolve/hgsolve/hypergrad"
)

// An Estimator estimates hypergradients. It keeps its workspace between calls and
// is not for concurrent use.
type Estimator interface {
	// Gradient sets dst to an estimate of dL/dw. len(y) = n_y and
	// len(w) = len(dst) = n_w; y and w are not changed and nothing is kept.
	// Estimators that apply the theorem, and differences, want a solution y(w)
	// of the inner problem in y; those that run an inner solver of their own
	// start it there (Kind.FromStart). With an error dst holds nothing of use.
	Gradient(ctx context.Context, p hypergrad.Problem, y, w, dst []float64) (Report, error)
	// String names the estimator with its parameters.
	String() string
}

// Report says what an estimate has cost.
type Report struct {
	// Loss is ℓ at the point where the estimate was made, and GradNorm the norm
	// of the estimate.
	Loss, GradNorm float64
	// HVPs counts products with ∂G/∂y and its transpose, SpectrumHVPs those
	// of them that went into the estimate of the spectrum. Gradients counts
	// evaluations of G, Energies of E and Losses of ℓ, Mixed products with
	// ∂G/∂w and its transpose, Linearizations the points at which G was
	// linearised. Products that the problem makes from differences of its
	// gradient count as the products they are.
	HVPs, SpectrumHVPs, Gradients, Energies, Losses, Mixed, Linearizations int
	// InnerSteps counts steps of an inner solver, recomputed ones left out (they
	// are in Gradients).
	InnerSteps int
	// InnerDecrease is ‖G‖ before the last inner step over ‖G‖ at the start, zero
	// without inner steps of the estimator's own.
	InnerDecrease float64
	// Step is the step length used, and LargestEigenvalue the estimate that it
	// was chosen or checked by; zero if there was none.
	Step, LargestEigenvalue float64
	// Vectors is the greatest number of vectors of length n_y held at a time,
	// y itself and what the problem allocates left out, and Bytes their size.
	Vectors int
	Bytes   int64
	Elapsed time.Duration
	// Note is a warning; empty if there is none.
	Note string
}

// Evaluations returns the number of first and second derivatives that were
// evaluated: gradients, Hessian and mixed products cost about the same.
func (r *Report) Evaluations() int { return r.HVPs + r.Gradients + r.Mixed }

// StepTooLargeError says that an iteration with I − a·∂G/∂y cannot converge: the
// eigenvalue found makes a·λ reach the limit, 2 for gradient descent.
type StepTooLargeError struct {
	// Step is a and Limit the value that it must stay below.
	Step, Limit float64
	// Eigenvalue is λ, a Ritz value: ∂G/∂y has one at least as large.
	Eigenvalue float64
}

// Error implements error.
func (e *StepTooLargeError) Error() string {
	return fmt.Sprintf("the step %.3g is too large: ∂G/∂y has an eigenvalue of %.4g or more, so that it must be below %.3g", e.Step, e.Eigenvalue, e.Limit)
}

// DivergedError says that an iteration grew where a convergent one cannot.
type DivergedError struct {
	// What grows, by the factor Growth at or until the step Step. Growth is Inf
	// where there is no finite number left.
	What   string
	Growth float64
	Step   int
}

// Error implements error.
func (e *DivergedError) Error() string {
	if math.IsInf(e.Growth, 1) {
		return fmt.Sprintf("diverged at step %d: %s hold NaN or Inf", e.Step, e.What)
	}
	return fmt.Sprintf("diverged at step %d: %s grow by a factor of %.3g: the step is too large or ∂G/∂y is not positive definite", e.Step, e.What, e.Growth)
}

// A Kind is an estimator with default parameters and a budget.
type Kind struct {
	// Name is short, Summary one line.
	Name, Summary string
	// FromStart says that Gradient wants the start of an inner solve in y, not
	// a solution.
	FromStart bool
	// New makes one with the budget k ≥ 1: steps, terms or directions.
	New func(k int) Estimator
	// Most is the largest budget that makes a difference for n_w parameters, 1
	// for an estimator without a budget and 0 if there is none.
	Most func(nw int) int
}

// Kinds lists the estimators.
func Kinds() []Kind {
	without := func(int) int { return 1 }
	unlimited := func(int) int { return 0 }
	return []Kind{
		{"implicit", "the adjoint system of the theorem, solved to a verified residual", false, func(int) Estimator { return &Implicit{Precond: hypergrad.Jacobi} }, without},
		{"cg", "the adjoint system by k steps of conjugate gradients", false, func(k int) Estimator { return &CG{Steps: k} }, unlimited},
		{"neumann", "k terms of the Neumann series of the inverse", false, func(k int) Estimator { return &Neumann{Terms: k} }, unlimited},
		{"fixed-point", "the adjoint system by k steps of the heavy ball", false, func(k int) Estimator { return &FixedPoint{Steps: k} }, unlimited},
		{"one-step", "one step of gradient descent at y, differentiated", false, func(int) Estimator { return &OneStep{} }, without},
		{"t1-t2", "the identity in place of the inverse", false, func(int) Estimator { return &T1T2{} }, without},
		{"differences", "central differences of the problem solved again along k directions", false, func(k int) Estimator { return &Difference{Directions: k} }, func(nw int) int { return nw }},
		{"unrolled-gd", "k steps of gradient descent, differentiated", true, func(k int) Estimator { return &Unrolled{Steps: k} }, unlimited},
		{"unrolled-hb", "k steps of the heavy ball, differentiated", true, func(k int) Estimator { return &Unrolled{Steps: k, HeavyBall: true} }, unlimited},
		{"truncated-gd", "k steps of gradient descent, the last quarter differentiated", true, func(k int) Estimator { return &Unrolled{Steps: k, Reverse: (k + 3) / 4} }, unlimited},
		{"unrolled-lbfgs", "k steps of L-BFGS, differentiated with its matrices held fixed", true, func(k int) Estimator { return &UnrolledLBFGS{Steps: k} }, unlimited},
	}
}

var (
	_ Estimator = (*Implicit)(nil)
	_ Estimator = (*CG)(nil)
	_ Estimator = (*Neumann)(nil)
	_ Estimator = (*FixedPoint)(nil)
	_ Estimator = (*OneStep)(nil)
	_ Estimator = (*T1T2)(nil)
	_ Estimator = (*Difference)(nil)
	_ Estimator = (*Unrolled)(nil)
	_ Estimator = (*UnrolledLBFGS)(nil)
)
