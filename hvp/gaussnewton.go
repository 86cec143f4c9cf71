package hvp

import "fmt"

// GaussNewton returns JᵀWJ + diag(ridge), the generalised Gauss–Newton operator
// of an energy E(y) = φ(r(y)) + ½ Σ ridge_i·y_i²: J = ∂r/∂y, m×n with a
// transpose, and W = ∂²φ/∂r∂rᵀ, m×m. It is the Hessian without the term in the
// second derivatives of r, and for a convex φ never indefinite, which the Hessian
// may be. See J. Martens, New insights and perspectives on the natural gradient
// method, JMLR 21 (2020) 146, section 8.
//
// A nil W is the identity: least squares. Otherwise it must promise to be
// symmetric; a [Diagonal] is the common case. A nil ridge is none; for λI use
// [Shift] on the result. The promises follow from those of W and from the signs
// of ridge: semidefinite for a semidefinite W and ridge ≥ 0, definite for
// ridge > 0.
//
// For a sparse matrix J and a diagonal W take [GLM], which fuses the factors and
// knows its diagonal; here J may be any operator.
func GaussNewton(j, w Operator, ridge []float64) (Operator, error) {
	if err := checkPart("Gauss–Newton", j); err != nil {
		return nil, err
	}
	m, n := j.Dims()
	t, err := Transpose(j)
	if err != nil {
		return nil, fmt.Errorf("hvp: Gauss–Newton: %w", err)
	}
	factors := []Operator{t, j}
	if w != nil {
		if rows, cols := w.Dims(); rows != m || cols != m {
			return nil, fmt.Errorf("hvp: Gauss–Newton with J of %d×%d and W of %d×%d", m, n, rows, cols)
		}
		if !StructureOf(w).Has(Symmetric) {
			return nil, fmt.Errorf("hvp: Gauss–Newton: W (%T) does not promise to be symmetric", w)
		}
		factors = []Operator{t, w, j}
	}
	g, err := Product(factors...)
	if err != nil {
		return nil, err
	}
	promise := Symmetric | Semidefinite
	if w != nil {
		promise &= StructureOf(w)
	}
	if !StructureOf(g).Has(promise) { // J is composed of others, and Jᵀ of theirs
		g = WithStructure(g, promise)
	}
	if ridge == nil {
		return g, nil
	}
	if len(ridge) != n {
		return nil, fmt.Errorf("hvp: Gauss–Newton with J of %d×%d and a ridge of length %d", m, n, len(ridge))
	}
	d, err := NewDiagonal(ridge)
	if err != nil {
		return nil, fmt.Errorf("hvp: Gauss–Newton ridge: %w", err)
	}
	return Sum(g, d)
}
