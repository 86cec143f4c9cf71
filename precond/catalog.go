package precond

import (
	"context"

	"github.com/hgsolve/hgsolve/hvp"
)

// kinds is the catalogue: what can be made from an operator alone.
var kinds []Kind

func init() { // Auto looks at the catalogue
	kinds = []Kind{
		{"jacobi", "the inverse of the diagonal", make1(NewJacobi)},
		{"ridge", "the inverse of a known ridge, such as penalties", make1(NewRidge)},
		{"block-jacobi", "the inverse of the diagonal blocks", withDefaults(NewBlockJacobi)},
		{"ic0", "incomplete Cholesky factorisation without fill, by subdomains", make1(func(ctx context.Context, a hvp.Operator) (*IC, error) {
			return NewIC(ctx, a, &ICSettings{Fill: -1})
		})},
		{"ic", "incomplete Cholesky factorisation in twice the memory of ic0, by subdomains", withDefaults(NewIC)},
		{"grid-ic", "incomplete Cholesky factorisation without fill of an operator on a grid, in single precision", make1(NewGridIC)},
		{"ilu0", "incomplete LU factorisation without fill, by subdomains", make1(func(ctx context.Context, a hvp.Operator) (*ILU, error) {
			return NewILU(ctx, a, &ILUSettings{Fill: -1})
		})},
		{"ilut", "incomplete LU factorisation with threshold and limited fill, by subdomains", withDefaults(NewILU)},
		{"cholesky", "complete Cholesky factorisation, within the envelope or by sparse columns", withDefaults(NewCholesky)},
		{"chebyshev", "a Chebyshev polynomial, products with the operator only", withDefaults(NewChebyshev)},
		{"multigrid", "a geometric multigrid cycle, for operators on a grid", withDefaults(NewMultigrid)},
		{"amg", "algebraic multigrid by smoothed aggregation", withDefaults(NewAMG)},
		{"nystrom", "the largest eigenvalues by a random sketch, for a ridge above few large ones", withDefaults(NewNystrom)},
		{"saddle", "block-diagonal for saddle points, by the Schur complement or the augmented Lagrangian", withDefaults(NewSaddle)},
		{"auto", "the one that suits the operator", make1(NewAuto)},
	}
}
