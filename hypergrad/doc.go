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
// # Kinds of inner problems
//
//	y = argmin E(y, w)                [Funcs], [Terms]        [Newton] (CG), [LBFGS]
//	the same, not isolated            Structure: hvp.Singular [Newton] (CG), MINRES-QLP
//	min F subject to c(y, w) = 0      [Constrained]           [Newton] (MINRES)
//	bounds, inequalities, simplex     [Bounds]                [ActiveSetNewton]
//	lasso, elastic net                [L1]                    [ActiveSetNewton]
//	G(y, w) = 0                       [Root]                  [Newton] (GMRES)
//	y = Φ(y, w)                       [FixedPoint]            [Anderson], [Newton]
//	y_l = f_l(y_{l−1}, w)             [Layered]               itself, [BackSubstitution]
//
// All of them are a [Problem]: the Estimator does not know which it has. Where the
// theorem does not hold it says so. If ∂G/∂y is singular and the right-hand side not
// in its range the error is [ErrUndefined]. Where a variable is about to reach or to
// leave a bound, y(w) has a kink: [ActiveSet] has the margins, Report.Warnings names
// the variables, and [ActiveSet.Predict] tells whether a linear prediction for a finite
// change of w crosses one.
//
// # The steps
//
//	var inner hypergrad.Newton
//	if _, err := inner.Solve(ctx, problem, y, w); err != nil { … }   // y(w)
//	var est hypergrad.Estimator
//	report, err := est.Gradient(ctx, problem, y, w, grad)            // dL/dw
//
// The error is nil only if the linear solve converged; the [Report] says how far
// to trust the result. An Estimator and a Newton own their workspaces: reuse
// them, one per goroutine. Estimator.Precond makes the preconditioner of the linear
// solve, such as the Make of a [precond.Kind].
//
// [Minimize] puts both into a loop that improves w, each solve as accurate as the
// next step needs, with bounds, checkpoints and named ends:
//
//	result, err := hypergrad.Minimize(ctx, problem, y, w, &hypergrad.OuterSettings{Checkpoint: "fit.state"})
//
// # How far to trust it
//
// Every [Report] has an [ErrorBar], an estimate of the error of dL/dw from a Newton
// step, and the number of right digits; it says so where y is too far from a solution
// for an estimate. [Estimator].MinDigits makes too few digits an error. Where the
// constants of a problem are known, a [Certificate] bounds the error instead.
// [Estimator].EffectTol ends the linear solve by what it still does to dL/dw. Package
// baseline has the estimators that do without the theorem or without its solve, to
// compare cost and error with.
//
// # Other quantities
//
//	Estimator.Tangent, Tangents     (dy/dw)·u, one or several directions
//	Estimator.Gradients             dL/dw of several losses at once
//	Estimator.Jacobian              dy/dw, all of it or some rows and columns
//	OuterHessian                    d²L/dw²·v, the curvature of the outer problem
//
// # Sequences
//
// An outer loop asks for one hypergradient after the other. An Estimator predicts
// each adjoint from those before and keeps preconditioners while they are good, so
// that later ones take a fraction of the products of the first;
// [SequenceSettings] says what it does and what it can do besides.
// [Estimator.Checkpoint] and [Estimator.Resume] carry that over to another process.
package hypergrad
