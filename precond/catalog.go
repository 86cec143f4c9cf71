package precond

import (
	"context"

	"github.com/hgsolve/hgsolve/hvp"
)

// kinds is the catalogue: what can be made from an operator alone.
var kinds = []Kind{
	{"jacobi", "the inverse of the diagonal", make1(NewJacobi)},
	{"multigrid", "a geometric multigrid cycle, for operators on a grid", make1(func(ctx context.Context, a hvp.Operator) (*Multigrid, error) { return NewMultigrid(ctx, a, nil) })},
	{"nystrom", "the largest eigenvalues by a random sketch, for a ridge above few large ones", make1(defaultNystrom)},
	{"saddle", "block-diagonal for saddle points, by the diagonals of H and of the Schur complement", make1(defaultSaddle)},
}
