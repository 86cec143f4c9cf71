//go:build !purego

package kernel

// n is a positive multiple of four.

//go:noescape
func dct3ResponsesAVX2(t *float64, stride int, r0, r1, r2 *float64, n int, c *[5]float64)

//go:noescape
func dct3AdjointAVX2(o0, o1, o2, u *float64, stride int, n int, c *[5]float64)

//go:noescape
func conv3ResponsesAVX2(t, r0, r1, r2 *float64, n int, f *[9]float64)

//go:noescape
func conv3AdjointAVX2(o0, o1, o2, u *float64, n int, f *[9]float64)

var dctConstants = [5]float64{dct01, dct02, dct11, dct12, dct22}

// dct3Responses does the first positions and returns how many.
func dct3Responses(t []float64, stride int, r0, r1, r2 []float64) (done int) {
	if m := len(r0) - 2; useAVX2 && m >= 4 {
		done = m &^ 3
		dct3ResponsesAVX2(&t[0], stride, &r0[0], &r1[0], &r2[0], done, &dctConstants)
	}
	return done
}

// dct3Adjoint does the first columns and returns how many.
func dct3Adjoint(o0, o1, o2, u []float64, stride int) (done int) {
	if useAVX2 && len(o0) >= 4 {
		done = len(o0) &^ 3
		dct3AdjointAVX2(&o0[0], &o1[0], &o2[0], &u[Margin], stride, done, &dctConstants)
	}
	return done
}

// conv3Responses does the first positions of one filter and returns how many.
func conv3Responses(f *[9]float64, t, r0, r1, r2 []float64) (done int) {
	if m := len(r0) - 2; useAVX2 && m >= 4 {
		done = m &^ 3
		conv3ResponsesAVX2(&t[0], &r0[0], &r1[0], &r2[0], done, f)
	}
	return done
}

// conv3Adjoint does the first columns of one filter and returns how many.
func conv3Adjoint(f *[9]float64, o0, o1, o2, u []float64) (done int) {
	if useAVX2 && len(o0) >= 4 {
		done = len(o0) &^ 3
		conv3AdjointAVX2(&o0[0], &o1[0], &o2[0], &u[Margin], done, f)
	}
	return done
}
