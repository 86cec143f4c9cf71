package precond

// kinds is the catalogue: what can be made from an operator alone.
var kinds = []Kind{
	{"jacobi", "the inverse of the diagonal", make1(NewJacobi)},
}
