package kernel

// Sums of shifted rows: what a filter of any shape, its adjoint and the steps of a
// separable one do with a row of an image.

// ShiftedSum sets
//
//	out[j] = Σ_e c[e]·x[at[e]+j]
//
// The terms are added to zero in the order of e, each product and each sum rounded
// by itself, so that the bits do not depend on how out is cut. at has the length of
// c; out must not overlap x.
func ShiftedSum(out, c, x []float64, at []int) {
	at = shifts(len(out), c, x, at)
	if !shiftedSum(out, c, x, at, false) {
		clear(out)
		addShiftedSumPlain(out, c, x, at)
	}
}

// AddShiftedSum is ShiftedSum that begins with what out holds.
func AddShiftedSum(out, c, x []float64, at []int) {
	at = shifts(len(out), c, x, at)
	if !shiftedSum(out, c, x, at, true) {
		addShiftedSumPlain(out, c, x, at)
	}
}

// shifts returns at after a look that it stays inside x.
func shifts[V Value](n int, c, x []V, at []int) []int {
	at = at[:len(c)]
	inside(n, len(x), at)
	return at
}

// inside looks that n elements from each place on are inside a vector.
func inside(n, length int, at []int) {
	low, high := 0, 0
	for _, a := range at {
		low, high = min(low, a), max(high, a)
	}
	if low < 0 || high > length-n {
		panic("kernel: a shifted row is outside its vector")
	}
}

// The conversion keeps the compiler from fusing a product with a sum.
func addShiftedSumPlain(out, c, x []float64, at []int) {
	for e, f := range c {
		for j, v := range x[at[e]:][:len(out)] {
			out[j] += float64(f * v)
		}
	}
}
