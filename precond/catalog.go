package precond

// kinds is the catalogue: what can be made from an operator alone.
var kinds = []Kind{
	{"jacobi", "the inverse of the diagonal", make1(NewJacobi)},
	{"nystrom", "the largest eigenvalues by a random sketch, for a ridge above few large ones", make1(defaultNystrom)},
	{"saddle", "block-diagonal for saddle points, by the diagonals of H and of the Schur complement", make1(defaultSaddle)},
}
