package krylov

import "math"

// tridiagonal is the symmetric tridiagonal matrix of the Lanczos process behind
// a Krylov method. Its eigenvalues are the Ritz values.
type tridiagonal struct {
	diag, off        []float64
	lastAlpha        float64 // of CG
	lastBeta         float64
	minRitz, maxRitz float64 // over earlier segments of a restarted method
	earlier          bool
}

// reset empties the matrix and forgets what was before.
func (t *tridiagonal) reset() {
	*t = tridiagonal{diag: t.diag[:0], off: t.off[:0]}
}

// append adds the coefficients of one CG step,
//
//	T_kk = 1/α_k + β_{k-1}/α_{k-1},   T_{k,k+1} = √β_k/α_k
//
// where β_k leads to the next direction (Golub & Van Loan, Matrix
// Computations, 4th ed. 2013, section 11.3).
func (t *tridiagonal) append(alpha, beta float64) {
	d := 1 / alpha
	if n := len(t.diag); n > 0 {
		d += t.lastBeta / t.lastAlpha
		t.off = append(t.off, math.Sqrt(max(t.lastBeta, 0))/t.lastAlpha)
	}
	t.diag = append(t.diag, d)
	t.lastAlpha, t.lastBeta = alpha, beta
}

// appendLanczos adds one step of a Lanczos process, A·v_k = β_k·v_{k-1} + α·v_k +
// β_{k+1}·v_{k+1}; before is β_k, which does not count in the first step.
func (t *tridiagonal) appendLanczos(before, alpha float64) {
	if len(t.diag) > 0 {
		t.off = append(t.off, before)
	}
	t.diag = append(t.diag, alpha)
}

// restart begins a new segment: the Ritz values of the old one are kept, its
// coefficients are not.
func (t *tridiagonal) restart() {
	t.minRitz, t.maxRitz = t.extremes()
	t.earlier = len(t.diag) > 0 || t.earlier
	t.diag, t.off = t.diag[:0], t.off[:0]
}

// extremes returns the smallest and the largest eigenvalue, by bisection on the
// number of negative pivots (Sturm sequence; Barth, Martin & Wilkinson, Numer.
// Math. 9, 1967, doi:10.1007/BF02162154), or zeros if there is none.
func (t *tridiagonal) extremes() (least, largest float64) {
	n := len(t.diag)
	if n == 0 {
		return t.minRitz, t.maxRitz
	}
	lo, hi := math.Inf(1), math.Inf(-1) // Gershgorin
	for i, d := range t.diag {
		r := 0.0
		if i > 0 {
			r += math.Abs(t.off[i-1])
		}
		if i < len(t.off) && i < n-1 {
			r += math.Abs(t.off[i])
		}
		lo, hi = min(lo, d-r), max(hi, d+r)
	}
	if math.IsNaN(lo) || math.IsNaN(hi) || math.IsInf(lo, 0) || math.IsInf(hi, 0) {
		return t.minRitz, t.maxRitz
	}
	least, largest = t.bisect(lo, hi)
	if t.earlier {
		least, largest = min(least, t.minRitz), max(largest, t.maxRitz)
	}
	return least, largest
}

// bisect returns the smallest and the largest eigenvalue, given bounds of all. The
// two searches go side by side: a Sturm sequence is a chain of divisions, each
// waiting for the one before, and two chains take the time of one.
func (t *tridiagonal) bisect(lo, hi float64) (least, largest float64) {
	size := max(math.Abs(lo), math.Abs(hi))
	a, b := bracket{lo, hi}, bracket{lo, hi}
	for range 120 {
		u, searchA := a.middle(size)
		v, searchB := b.middle(size)
		if !searchA && !searchB {
			break
		}
		below, above := t.sides(u, v, size)
		if searchA {
			a.cut(u, below)
		}
		if searchB {
			b.cut(v, !above)
		}
	}
	return a.lo + (a.hi-a.lo)/2, b.lo + (b.hi-b.lo)/2
}

// A bracket is an interval that holds the eigenvalue searched for.
type bracket struct{ lo, hi float64 }

// middle returns the middle, and whether the search is to go on there.
func (b *bracket) middle(size float64) (mid float64, search bool) {
	mid = b.lo + (b.hi-b.lo)/2
	return mid, b.hi-b.lo > 0x1p-50*max(math.Abs(mid), 0x1p-60*size) && mid > b.lo && mid < b.hi
}

// cut keeps the half below mid, or that above.
func (b *bracket) cut(mid float64, below bool) {
	if below {
		b.hi = mid
	} else {
		b.lo = mid
	}
}

// sides reports whether there is an eigenvalue less than u, and whether there is
// one that is not less than v: a pivot of either sign.
func (t *tridiagonal) sides(u, v, size float64) (below, above bool) {
	p, q := 1.0, 1.0
	for i, d := range t.diag {
		e := 0.0
		if i > 0 {
			e = t.off[i-1]
		}
		// e²/pivot in an order that neither overflows nor underflows early.
		p, q = (d-u)-e*(e/p), (d-v)-e*(e/q)
		if p == 0 {
			p = -0x1p-100 * size
		}
		if q == 0 {
			q = -0x1p-100 * size
		}
		below = below || p < 0
		above = above || !(q < 0)
		if below && above {
			break
		}
	}
	return below, above
}
