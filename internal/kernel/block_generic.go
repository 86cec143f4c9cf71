//go:build !amd64 || purego

package kernel

// Without assembly there are no strips that are done already.

func csrRowsBlockStrips(dst, x []float64, k int, rowPtr []int, col []int32, val []float64, lo, hi int) (l int) {
	return 0
}

func panelDots3Strips(p, q []float64, w int, pq, pp, qq []float64, stride int) (l int) { return 0 }

func panelDotStrips(r, z []float64, w int, rz []float64, stride int) (l int) { return 0 }

func panelSubStrips(r, a, q []float64, w int, rr []float64, stride int) (l int) { return 0 }

func panelSubDiagStrips(r, a, q, d []float64, w int, rr, rdr []float64, stride int) (l int) {
	return 0
}

func panelStepStrip(x []float64, k int, cols []int, p, a, r, d, b []float64, w, l int) (n int) {
	return 0
}
