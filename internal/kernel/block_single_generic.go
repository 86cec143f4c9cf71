//go:build !amd64 || purego

package kernel

// SinglePanels reports whether panels in single precision are faster than those in
// double precision here: the plain loops are not.
func SinglePanels() bool { return false }

func csrRowsBlockSingleStrips(dst, x []float32, k int, rowPtr []int, col []int32, val []float64, lo, hi int, near bool) (l int) {
	return 0
}

func panelDotSingleStrips(r, z []float32, w int, rz []float64, stride int) (l int) { return 0 }

func panelSubSingleStrips(r, a, q, d []float32, w int, rr, rdr []float64, stride int) (l int) {
	return 0
}

func panelStepSingleStrips(y, p, a, r, d, b []float32, w int) (l int) { return 0 }

func flushSingle(x []float64, y, p []float32, w int, cols []PanelColumn) (done int) { return 0 }

func residualSingle(r, p []float32, w int, b, ax []float64, cols []PanelColumn, rr, rz, rp []float64, stride int) (done int) {
	return 0
}

func turnSingle(p, r []float32, w int, c, b []float32) (done int) { return 0 }
