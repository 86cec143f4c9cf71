// Package hypergrad differentiates through problems that are solved inside other
// problems.
//
// # The one idea
//
// An equation G(y, w) = 0, n_y equations for n_y unknowns, defines y(w). A loss
// L(w) = ℓ(y(w), w) is to be improved by w. By the implicit function theorem
//
//	dL/dw = ∂ℓ/∂w − (∂G/∂w)ᵀ q,   (∂G/∂y)ᵀ q = ∂ℓ/∂y      (adjoint, one linear solve)
//	(dy/dw)·u = −(∂G/∂y)⁻¹ (∂G/∂w)·u                       (tangent, one linear solve)
//
// For y(w) = argmin E(y, w), G = ∂E/∂y, ∂G/∂y is the Hessian and ∂G/∂w the mixed
// second derivative. Neither is formed: both are operators ([hvp.Operator]), and
// the linear solve is a Krylov method.
//
// # Bringing a problem
//
// Implement [Problem], or fill in [Funcs] with closures. The least that it needs
// is the gradient of the energy and the loss: Hessian products then come from
// differences of the gradient, and the mixed product from differences of the
// gradient in w where that is given too. Such products have errors, which they
// report; the linear solve is asked for no more than they can deliver, and the
// [Report] says so. With the Hessian product and the mixed product given, nothing
// is approximated. [Check] tries every piece by itself and names the one that is
// wrong; [CheckGradient] compares the result with finite differences of the
// re-solved problem.
//
// Where energy and loss are sums of many small terms, [NewTerms] takes these as
// code without derivatives (package autodiff) and differentiates it exactly: a
// whole problem is then some ten lines.
//
// # The steps
//
//	var inner hypergrad.Newton
//	if _, err := inner.Solve(ctx, problem, y, w); err != nil { … }   // y(w)
//	var est hypergrad.Estimator
//	report, err := est.Gradient(ctx, problem, y, w, grad)            // dL/dw
//
// [Minimize] puts both into a loop that improves w, each solve as accurate as the
// next step needs, with bounds, checkpoints and named ends:
//
//	result, err := hypergrad.Minimize(ctx, problem, y, w, &hypergrad.OuterSettings{Checkpoint: "fit.state"})
//
// The error is nil only if the linear solve converged; the [Report] says how far
// to trust the result. An Estimator and a Newton own their workspaces: reuse
// them, one per goroutine.
package hypergrad
