//go:build !amd64 || purego

package kernel

// CSRRowsConstant is [CSRRowsShifted] for rows that have the values of the one
// before, too: val holds those of row lo. Columns increase.
func CSRRowsConstant(dst, x []float64, col []int32, val []float64, lo, hi int) {
	csrRowsConstantPlain(dst[lo:hi], x, col, val[:len(col)])
}

// csrRowsShifted returns how many of the first rows it has done.
func csrRowsShifted[V Value](dst, x []float64, col []int32, val []V) (done int) { return 0 }

func stencil3(dst, x, left, right []float64, diag, off float64) {
	stencil3Plain(dst, x, left, right, diag, off)
}

func stencil5(dst, x, left, right, up, down []float64, diag, off float64) {
	stencil5Plain(dst, x, left, right, up, down, diag, off)
}

func stencil7(dst, x, left, right, up, down, front, back []float64, diag, off float64) {
	stencil7Plain(dst, x, left, right, up, down, front, back, diag, off)
}
