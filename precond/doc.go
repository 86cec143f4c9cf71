// Package precond holds preconditioners: approximate inverses M ≈ A⁻¹ that
// Krylov methods apply as z = M·r.
//
// [Jacobi] needs the diagonal only, [Chebyshev] products only. [AMG] needs the
// entries of a symmetric positive (semi)definite matrix; on elliptic problems the
// number of iterations then hardly depends on their size.
//
// Each is an [hvp.Operator] with its transpose and its promises, so it works for
// adjoint systems and can be composed like any other operator. Set-up errors
// name what is wrong with the operator: a preconditioner that cannot be built
// is an error, never a silently weaker one.
//
//	m, err := precond.NewJacobi(ctx, a)
//	res, err := krylov.Solve(ctx, a, x, b, &krylov.Settings{Precond: m})
package precond
