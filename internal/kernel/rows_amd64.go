//go:build !purego

package kernel

//go:noescape
func csrRowsConstantAVX2(dst, x []float64, col []int32, val []float64)

// CSRRowsConstant is [CSRRowsShifted] for rows that have the values of the one
// before, too: val holds those of row lo. Columns increase.
func CSRRowsConstant(dst, x []float64, col []int32, val []float64, lo, hi int) {
	dst, val = dst[lo:hi], val[:len(col)]
	if !useAVX2 || len(dst) < 4 {
		csrRowsConstantPlain(dst, x, col, val)
		return
	}
	_, _ = x[col[0]], x[int(col[len(col)-1])+len(dst)-1] // all that is read is inside
	csrRowsConstantAVX2(dst, x, col, val)
	if done := len(dst) &^ 3; done < len(dst) {
		csrRowsConstantPlain(dst[done:], x[done:], col, val)
	}
}

//go:noescape
func csrRowsShiftedAVX2(dst, x []float64, col []int32, val []float64)

//go:noescape
func csrRowsShiftedSingleAVX2(dst, x []float64, col []int32, val []float32)

// csrRowsShifted returns how many of the first rows it has done.
func csrRowsShifted[V Value](dst, x []float64, col []int32, val []V) (done int) {
	if !useAVX2 || len(dst) < 4 || len(col) == 0 {
		return 0
	}
	_, _ = x[col[0]], x[int(col[len(col)-1])+len(dst)-1] // all that is read is inside
	switch v := any(val).(type) {
	case []float64:
		csrRowsShiftedAVX2(dst, x, col, v)
	case []float32:
		csrRowsShiftedSingleAVX2(dst, x, col, v)
	}
	return len(dst) &^ 3
}

//go:noescape
func stencil3AVX2(dst, x, left, right []float64, diag, off float64)

func stencil3(dst, x, left, right []float64, diag, off float64) {
	if !useAVX2 || len(dst) < 4 {
		stencil3Plain(dst, x, left, right, diag, off)
		return
	}
	x, left, right = x[:len(dst)], left[:len(dst)], right[:len(dst)]
	stencil3AVX2(dst, x, left, right, diag, off)
}

//go:noescape
func stencil5AVX2(dst, x, left, right, up, down []float64, diag, off float64)

func stencil5(dst, x, left, right, up, down []float64, diag, off float64) {
	if !useAVX2 || len(dst) < 4 {
		stencil5Plain(dst, x, left, right, up, down, diag, off)
		return
	}
	x, left, right = x[:len(dst)], left[:len(dst)], right[:len(dst)]
	up, down = up[:len(dst)], down[:len(dst)]
	stencil5AVX2(dst, x, left, right, up, down, diag, off)
}

//go:noescape
func stencil7AVX2(dst, x, left, right, up, down, front, back []float64, diag, off float64)

func stencil7(dst, x, left, right, up, down, front, back []float64, diag, off float64) {
	if !useAVX2 || len(dst) < 4 {
		stencil7Plain(dst, x, left, right, up, down, front, back, diag, off)
		return
	}
	x, left, right = x[:len(dst)], left[:len(dst)], right[:len(dst)]
	up, down = up[:len(dst)], down[:len(dst)]
	front, back = front[:len(dst)], back[:len(dst)]
	stencil7AVX2(dst, x, left, right, up, down, front, back, diag, off)
}
