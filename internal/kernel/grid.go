package kernel

// Rows of matrices on grids in single precision: what assembles and factorises a
// matrix by its diagonals, one row of points at a time. Operands are families of rows
// at constant distances in one slice; a distance may be negative.

// SubProductsSingle subtracts terms products of rows from t, in order:
//
//	t[j] ← t[j] − Σ_k a[at + k·sa + j]·x[xt + k·sx + j]
//
// t must not overlap what is read, but for being a whole row of it that is not.
func SubProductsSingle(t, a []float32, at, sa int, x []float32, xt, sx, terms int) {
	n := len(t)
	if n == 0 || terms <= 0 {
		return
	}
	_, _ = a[min(at, at+(terms-1)*sa)], a[max(at, at+(terms-1)*sa)+n-1]
	_, _ = x[min(xt, xt+(terms-1)*sx)], x[max(xt, xt+(terms-1)*sx)+n-1]
	done := subProductsSingle(t, a[at:], sa, x[xt:], sx, terms)
	if done < n {
		subProductsSinglePlain(t[done:], a, at+done, sa, x, xt+done, sx, terms)
	}
}

// The conversions keep the compiler from fusing, here and below.
func subProductsSinglePlain(t, a []float32, at, sa int, x []float32, xt, sx, terms int) {
	for k := range terms {
		u, v := a[at+k*sa:][:len(t)], x[xt+k*sx:][:len(t)]
		for j := range t {
			t[j] -= float32(u[j] * v[j])
		}
	}
}

// AddScaledSingle adds len(c) scaled rows to t, in order: t[j] ← t[j] + Σ_k c[k]·x[k·sx + j].
func AddScaledSingle(t, c, x []float32, sx int) {
	n := len(t)
	if n == 0 || len(c) == 0 {
		return
	}
	_ = x[(len(c)-1)*sx+n-1]
	done := addScaledSingle(t, c, x, sx)
	if done < n {
		addScaledSinglePlain(t[done:], c, x[done:], sx)
	}
}

func addScaledSinglePlain(t, c, x []float32, sx int) {
	for k, f := range c {
		v := x[k*sx:][:len(t)]
		for j := range t {
			t[j] += float32(f * v[j])
		}
	}
}
