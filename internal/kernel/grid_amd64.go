//go:build !purego

package kernel

// n is positive; strides count elements.

//go:noescape
func subProductsSingleAVX2(t, a, x *float32, sa, sx, terms, n int)

//go:noescape
func addScaledSingleAVX2(t, c, x *float32, sx, terms, n int)

// subProductsSingle does all elements, or none, and returns how many.
func subProductsSingle(t, a []float32, sa int, x []float32, sx, terms int) (done int) {
	if !useAVX2 {
		return 0
	}
	subProductsSingleAVX2(&t[0], &a[0], &x[0], sa, sx, terms, len(t))
	return len(t)
}

// addScaledSingle does all elements, or none, and returns how many.
func addScaledSingle(t, c, x []float32, sx int) (done int) {
	if !useAVX2 {
		return 0
	}
	addScaledSingleAVX2(&t[0], &c[0], &x[0], sx, len(c), len(t))
	return len(t)
}
