// Package baseline holds other estimators of hypergradients under their names, to
// compare the theorem with: what they cost, and how far they are from the truth.
//
// For G(y, w) = 0 and L(w) = ℓ(y(w), w), with H = ∂G/∂y and b = ∂ℓ/∂y, package
// hypergrad solves Hᵀq = b and returns dL/dw = ∂ℓ/∂w − (∂G/∂w)ᵀq. The estimators
// here replace the solve, or do without the theorem:
//
//	Implicit      Hᵀq = b to a verified residual                    the theorem
//	CG            k steps of conjugate gradients
//	Neumann       q = a·Σ (I − aHᵀ)^i b, k terms
//	FixedPoint    k steps of the heavy ball for Hᵀq = b
//	OneStep       q = a·b: one step of gradient descent at y
//	T1T2          q = c·b: the identity in place of H⁻¹
//	Unrolled      k steps of gradient descent or heavy ball, differentiated
//	              backwards; all of them or the last few
//	UnrolledLBFGS k steps of L-BFGS, with their matrices held fixed
//	Difference    central differences of the problem solved again
//
// All meet one interface, [Estimator], and count every product they use in one
// [Report]. [Kinds] lists them.
//
// The nil error of an estimator here says that it did what its definition says,
// no more: a truncated series is never compared with its limit. What can be told
// without the truth is: a step that is too large for the spectrum
// ([StepTooLargeError]), an iteration that grows ([DivergedError]), an operator that
// is not positive definite.
package baseline
