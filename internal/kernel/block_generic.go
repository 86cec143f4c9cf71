//go:build !amd64 || purego

package kernel

// Without assembly everything is left to the plain loops.

func csrRowsBlock(dst, x []float64, k int, rowPtr []int, col []int32, val []float64, lo, hi int) bool {
	return false
}

func panelDots3(p, q []float64, g, n int, sums *[24]float64) int {
	return panelDots3Plain(p, q, g, n, sums)
}

func panelDot(r, z []float64, g, n int, sums *[8]float64) int { return panelDotPlain(r, z, g, n, sums) }

func panelSub(r []float64, a *[8]float64, q []float64, g, n int, sums *[8]float64) int {
	return panelSubPlain(r, a, q, g, n, sums)
}

func panelSubDiag(r []float64, a *[8]float64, q, d []float64, t *lanes, g, n int, sums *[16]float64) int {
	return panelSubDiagPlain(r, a, q, d, t, g, n, sums)
}

func panelStep(x, p []float64, a *[8]float64, r, d []float64, b *[8]float64, t *lanes, xg, g, n, left int) int {
	return panelStepPlain(x, p, a, r, d, b, t, xg, g, n)
}
