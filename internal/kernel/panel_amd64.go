//go:build !purego

package kernel

//go:noescape
func dots4AVX2(w, a, b, c, d *float64, n int, sums *[4][4]float64)

//go:noescape
func add4AVX2(w *float64, h *[4]float64, a, b, c, d *float64, n int)

// dots4Lanes sets the four running sums of the products of w with four vectors for
// the first elements, and returns of how many.
func dots4Lanes(sums *[4][4]float64, w, a, b, c, d []float64) (done int) {
	if !useAVX2 || len(w) < 4 {
		return 0
	}
	done = len(w) &^ 3
	_, _, _, _ = a[done-1], b[done-1], c[done-1], d[done-1]
	dots4AVX2(&w[0], &a[0], &b[0], &c[0], &d[0], done, sums)
	return done
}

// add4Lanes adds h[0]·a + h[1]·b + h[2]·c + h[3]·d to the first elements of w and
// returns to how many.
func add4Lanes(w []float64, h *[4]float64, a, b, c, d []float64) (done int) {
	if !useAVX2 || len(w) < 4 {
		return 0
	}
	done = len(w) &^ 3
	_, _, _, _ = a[done-1], b[done-1], c[done-1], d[done-1]
	add4AVX2(&w[0], h, &a[0], &b[0], &c[0], &d[0], done)
	return done
}
