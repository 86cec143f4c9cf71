//go:build !purego

package kernel

// n is a positive multiple of eight; strides count elements.

//go:noescape
func dct3WeightedSingleAVX2(t *float32, stride int, r0, r1, r2 *float32, w *uint16, n int)

//go:noescape
func dct3AdjointSingleAVX2(o0, o1, o2, u *float32, stride int, n int)

//go:noescape
func conv3WeightedSingleAVX2(t, r0, r1, r2 *float32, w *uint16, n int, f *[9]float32)

//go:noescape
func conv3AdjointSingleAVX2(o0, o1, o2, u *float32, n int, f *[9]float32)

//go:noescape
func chebyshevStepSingleAVX2(out, in, q, d, b *float32, n int, c, f float32)

//go:noescape
func axpySingleAVX2(y, x *float32, n int, a float32)

// dct3WeightedSingle does the first positions and returns how many.
func dct3WeightedSingle(t []float32, stride int, r0, r1, r2 []float32, w []uint16) (done int) {
	if m := len(r0) - 2; useAVX2 && m >= 8 {
		done = m &^ 7
		dct3WeightedSingleAVX2(&t[0], stride, &r0[0], &r1[0], &r2[0], &w[0], done)
	}
	return done
}

// dct3AdjointSingle does the first columns and returns how many.
func dct3AdjointSingle(o0, o1, o2, u []float32, stride int) (done int) {
	if useAVX2 && len(o0) >= 8 {
		done = len(o0) &^ 7
		dct3AdjointSingleAVX2(&o0[0], &o1[0], &o2[0], &u[Margin], stride, done)
	}
	return done
}

// conv3WeightedSingle does the first positions of one filter and returns how many.
func conv3WeightedSingle(f *[9]float32, t, r0, r1, r2 []float32, w []uint16) (done int) {
	if m := len(r0) - 2; useAVX2 && m >= 8 {
		done = m &^ 7
		conv3WeightedSingleAVX2(&t[0], &r0[0], &r1[0], &r2[0], &w[0], done, f)
	}
	return done
}

// conv3AdjointSingle does the first columns of one filter and returns how many.
func conv3AdjointSingle(f *[9]float32, o0, o1, o2, u []float32) (done int) {
	if useAVX2 && len(o0) >= 8 {
		done = len(o0) &^ 7
		conv3AdjointSingleAVX2(&o0[0], &o1[0], &o2[0], &u[Margin], done, f)
	}
	return done
}

func chebyshevStepSingle(out, in, q, d, b []float32, c, f float32) (done int) {
	if done = len(out) &^ 7; !useAVX2 || done == 0 {
		return 0
	}
	chebyshevStepSingleAVX2(&out[0], &in[0], &q[0], &d[0], &b[0], done, c, f)
	return done
}

func axpySingle(y []float32, a float32, x []float32) (done int) {
	if done = len(y) &^ 7; !useAVX2 || done == 0 {
		return 0
	}
	axpySingleAVX2(&y[0], &x[0], done, a)
	return done
}
