// Package krylov solves linear systems A·x = b for operators that are known only
// by their products.
//
// # Honest by construction
//
// A solve ends with a [Result] and an error that is nil only if the system was
// solved. Solved means: the true residual ‖b − A·x‖ was computed anew from x and
// meets max(RTol·‖b‖, ATol). Whatever else can happen has its own [Status]:
// negative curvature (with the direction and the value), a preconditioner that
// is not definite, NaN or Inf and where it came from, stagnation, breakdown,
// limits, cancellation. Two successes leave a residual above the tolerance, and have
// a status of their own: [LeastSquares], where the system has no solution and x was
// verified to be a least-squares solution, and [Satisfied], where a monitor has ended
// CG because x is good enough for what it is for ([ErrSatisfied]). x is usable in every
// case. All tests are relative: scaling A or b by 1e±150 changes nothing but the scale.
//
// # Choosing a method
//
//	A promises               method     memory beyond x and b
//	positive definite        [CG]       3 n-vectors, 4 with a preconditioner
//	  … and many b at once   [BlockCG]  3 n×k panels, 4 with a preconditioner
//	symmetric                [MINRES]   5 n-vectors, 7 with a preconditioner
//	nothing                  [GMRES]    Restart + 1, one more with a preconditioner
//	nothing, a sequence      [GCRODR]   2·Dim + Steps + 2, Steps more with a preconditioner
//	nothing                  [IDRS]     3s + 4: fixed, but the residual goes up and down
//	nothing, or rectangular  [LSMR]     5 n-vectors (least squares; needs Aᵀ)
//
// MINRES also solves singular systems; with MinLength it returns the shortest
// solution, or the shortest least-squares solution of a system that has none. A
// preconditioner that varies from step to step is for the Flexible variants of
// CG and GMRES. Several right-hand sides share the sweeps over the operator by
// [BlockCG] or, with any other method, by [PseudoBlock].
//
// Where systems with slowly changing operators follow each other, a [Space] learns
// from the solves of [CG] to precondition the next ones, and [GCRODR] does so by
// itself.
//
// [Solve] chooses by the promises of the operator ([hvp.Structured]) and says in
// Result.Method what it used. A method value, such as a CG, owns its workspace:
// from the second solve of a size on nothing is allocated. It is not for
// concurrent use; have one per goroutine.
//
//	var cg krylov.CG
//	res, err := cg.Solve(ctx, a, x, b, &krylov.Settings{RTol: 1e-10, Precond: m})
//
// # Same bits for any number of workers
//
// All loops run on the worker pool of the module in blocks that depend on n
// only. Results are bit-identical for any Settings.Workers.
package krylov
