// Package precond holds preconditioners: approximate inverses M ≈ A⁻¹ that
// Krylov methods apply as z = M·r.
//
// [Auto] chooses among them by what the operator can do and promises, and says why.
// [Kinds] lists what can be made from an operator alone, and [New] makes it by name:
//
//	the operator                             what serves
//	knows its diagonal                       [Jacobi]
//	has nothing but products                 [Chebyshev]
//	is on a grid, coarsens itself            [Multigrid]
//	  knows its entries there                [GridIC]
//	has entries: elliptic, any size          [AMG]
//	  definite                               [IC]; little fill [Cholesky]
//	  not symmetric                          [ILU]
//	  several unknowns per node              [BlockJacobi]
//	is a ridge above few large eigenvalues   [Nystrom]
//	is a saddle point                        [Saddle]
//	is one of a sequence                     [LBFGS], [Deflation]
//
// With AMG and Multigrid the number of iterations on elliptic problems hardly
// depends on their size. Where the operator has a stand-in in single precision
// ([hvp.Singler]), Chebyshev and Multigrid apply that instead: on one
// core a product of denoise took 0.3 of its time in double precision.
//
// Each is an [hvp.Operator] with its transpose and its promises, so it works for
// adjoint systems and can be composed like any other operator. Set-up errors
// name what is wrong with the operator: a preconditioner that cannot be built
// is an error, never a silently weaker one.
//
//	m, err := precond.NewJacobi(ctx, a)
//	res, err := krylov.Solve(ctx, a, x, b, &krylov.Settings{Precond: m})
//
// # Factorisations
//
// For operators that have entries ([hvp.Assemble]), [NewIC] factorises symmetric
// positive definite matrices and [NewILU] others; [NewBlockJacobi] inverts diagonal
// blocks, such as the unknowns of a node. The factorisations are of overlapping
// subdomains, solved in parallel (additive Schwarz, see [Subdomains]).
//
// # Low rank
//
// [Nystrom] is for a ridge above a few large eigenvalues, as in generalised linear
// models; for Laplacians it only costs. [LBFGS] and [Deflation] turn what an earlier
// solve has left, pairs (s, A·s) or a basis, into a better preconditioner; within the
// solves of a sequence, [krylov.Space] and [krylov.GCRODR] collect such by themselves.
//
// # Saddle points, complete factorisations
//
// [Saddle] joins preconditioners of the blocks of a saddle-point operator. [Cholesky]
// is complete, for matrices whose graph is long and thin, or a grid in the plane.
package precond
