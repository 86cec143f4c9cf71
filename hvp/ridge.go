package hvp

import "fmt"

// Ridge sets dst to a diagonal Λ ≥ 0 of which it is known that A − diag(Λ) is
// semidefinite, and reports whether any is known: the penalties of a [GLM], the c
// of [Shift] above a semidefinite operator, diagonal terms of a [Sum] of
// semidefinite ones, the diagonal of a [LowRank] operator. len(dst) is the order
// of A. It looks at how A was made, not at its numbers.
func Ridge(a Operator, dst []float64) (ok bool, err error) {
	rows, cols := a.Dims()
	if rows != cols || len(dst) != rows {
		return false, fmt.Errorf("hvp: ridge of length %d of a %d×%d operator", len(dst), rows, cols)
	}
	clear(dst)
	return addRidge(a, 1, dst), nil
}

// addRidge adds c times the ridge of a to dst.
func addRidge(a Operator, c float64, dst []float64) bool {
	switch a := a.(type) {
	case *promised:
		return addRidge(a.a, c, dst)
	case *instrumented:
		return addRidge(a.a, c, dst)
	case *instrumentedDiagonal:
		return addRidge(a.instrumented.a, c, dst)
	case *GLM:
		return addScaled(dst, c, a.ridge)
	case *Diagonal:
		return a.structure.Has(Semidefinite) && addScaled(dst, c, a.d)
	case *LowRank:
		return a.d != nil && a.structure.Has(Semidefinite) && addScaled(dst, c, a.d)
	case *combination:
		if !(a.shift >= 0) || !(c > 0) {
			return false
		}
		for _, t := range a.terms {
			if !(t.c >= 0) || !StructureOf(t.a).Has(Semidefinite) {
				return false
			}
		}
		found := a.shift > 0
		for i := range dst {
			dst[i] += c * a.shift
		}
		for _, t := range a.terms {
			if t.c > 0 && addRidge(t.a, c*t.c, dst) {
				found = true
			}
		}
		return found
	}
	return false
}

func addScaled(dst []float64, c float64, v []float64) bool {
	for i, u := range v {
		dst[i] += c * u
	}
	return true
}
