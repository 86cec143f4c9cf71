//go:build !purego

package kernel

// n is a multiple of the width of a register; strides count elements.

//go:noescape
func addScaledWide(t, c, x *float64, sx, terms, n int)

//go:noescape
func addScaledAVX2(t, c, x *float64, sx, terms, n int)

// n is 1, 2 or 3.
//
//go:noescape
func addScaledFew(t, c, x *float64, sx, terms, n int)

// addScaled does all elements, or none, and returns how many.
func addScaled(t, c, x []float64, sx int) (done int) {
	if !useFMA {
		return 0
	}
	n := len(t)
	if whole := n &^ 7; useWide && whole > 0 {
		addScaledWide(&t[0], &c[0], &x[0], sx, len(c), whole)
		done = whole
	}
	if whole := (n - done) &^ 3; whole > 0 {
		addScaledAVX2(&t[done], &c[0], &x[done], sx, len(c), whole)
		done += whole
	}
	if done < n {
		addScaledFew(&t[done], &c[0], &x[done], sx, len(c), n-done)
	}
	return n
}
