package precond

// kinds is the catalogue: what can be made from an operator alone.
var kinds = []Kind{
	{"jacobi", "the inverse of the diagonal", make1(NewJacobi)},
	{"chebyshev", "a Chebyshev polynomial, products with the operator only", withDefaults(NewChebyshev)},
	{"amg", "algebraic multigrid by smoothed aggregation", withDefaults(NewAMG)},
}
