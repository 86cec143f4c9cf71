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
		{"block-jacobi", "the inverse of the diagonal blocks", make1(blockJacobi)},
		{"ic0", "incomplete Cholesky factorisation without fill, by subdomains", make1(ic0)},
		{"ic", "incomplete Cholesky factorisation in twice the memory of ic0, by subdomains", make1(ic)},
		{"ilu0", "incomplete LU factorisation without fill, by subdomains", make1(ilu0)},
		{"ilut", "incomplete LU factorisation with threshold and limited fill, by subdomains", make1(ilut)},
		{"multigrid", "a geometric multigrid cycle, for operators on a grid", make1(func(ctx context.Context, a hvp.Operator) (*Multigrid, error) { return NewMultigrid(ctx, a, nil) })},
		{"nystrom", "the largest eigenvalues by a random sketch, for a ridge above few large ones", make1(defaultNystrom)},
		{"saddle", "block-diagonal for saddle points, by the diagonals of H and of the Schur complement", make1(defaultSaddle)},
		{"auto", "the one that suits the operator", make1(NewAuto)},
	}
}

func blockJacobi(ctx context.Context, a hvp.Operator) (*BlockJacobi, error) {
	return NewBlockJacobi(ctx, a, nil)
}

func ic0(ctx context.Context, a hvp.Operator) (*IC, error) {
	return NewIC(ctx, a, &ICSettings{Fill: -1})
}

func ic(ctx context.Context, a hvp.Operator) (*IC, error) { return NewIC(ctx, a, nil) }

func ilu0(ctx context.Context, a hvp.Operator) (*ILU, error) {
	return NewILU(ctx, a, &ILUSettings{Fill: -1})
}

func ilut(ctx context.Context, a hvp.Operator) (*ILU, error) { return NewILU(ctx, a, nil) }
