//go:build !purego

package kernel

//go:noescape
func csrBlock8(dst, x *float64, stride int, rowPtr *int, col []int32, val *float64, rows, cols int) (valid bool)

//go:noescape
func csrBlock4(dst, x *float64, stride int, rowPtr *int, col []int32, val *float64, rows, cols int) (valid bool)

//go:noescape
func panelDots3x8(p, q *float64, stride, rows int, sums *float64)

//go:noescape
func panelDots3x4(p, q *float64, stride, rows int, sums *float64)

//go:noescape
func panelDotx8(p, q *float64, stride, rows int, sums *float64)

//go:noescape
func panelDotx4(p, q *float64, stride, rows int, sums *float64)

//go:noescape
func panelSubx8(r, a, q *float64, stride, rows int, sums *float64)

//go:noescape
func panelSubx4(r, a, q *float64, stride, rows int, sums *float64)

//go:noescape
func panelSubDiagx8(r, a, q, d *float64, stride, rows int, sums *float64)

//go:noescape
func panelSubDiagx4(r, a, q, d *float64, stride, rows int, sums *float64)

//go:noescape
func panelStepx8(x, p, a, r, b *float64, xstride, stride, rows int)

//go:noescape
func panelStepx4(x, p, a, r, b *float64, xstride, stride, rows int)

//go:noescape
func panelStepDiagx8(x, p, a, r, d, b *float64, xstride, stride, rows int)

//go:noescape
func panelStepDiagx4(x, p, a, r, d, b *float64, xstride, stride, rows int)

// The functions below do the strips of eight and of four columns from the first
// on, as many as there are, and return the number of columns done: none without
// AVX2. Their callers in block.go have the plain loops for the others.

// strip returns the width of the next strip of w columns, of which l are done: 8,
// 4, or 0 for those that are left to the plain loops.
func strip(l, w int) int {
	switch {
	case l+8 <= w:
		return 8
	case l+4 <= w:
		return 4
	}
	return 0
}

func csrRowsBlockStrips(dst, x []float64, k int, rowPtr []int, col []int32, val []float64, lo, hi int) (l int) {
	if !useAVX2 || k < 4 || lo >= hi {
		return 0
	}
	rowPtr, val, dst = rowPtr[lo:hi+1], val[:len(col)], dst[lo*k:hi*k]
	if len(col) == 0 || len(x) < k {
		return 0
	}
	for n := strip(l, k); n > 0; n = strip(l, k) {
		f := csrBlock8
		if n == 4 {
			f = csrBlock4
		}
		if !f(&dst[l], &x[l], 8*k, &rowPtr[0], col, &val[0], hi-lo, len(x)/k) {
			panic("kernel: a column or row pointer of a sparse matrix is out of range")
		}
		l += n
	}
	return l
}

// spread writes the sums of a strip, one for each column.
func spread(to []float64, stride int, sums []float64) {
	for i, v := range sums {
		to[i*stride] = v
	}
}

func panelDots3Strips(p, q []float64, w int, pq, pp, qq []float64, stride int) (l int) {
	if !useAVX2 || len(p) < 4 {
		return 0
	}
	q = q[:len(p)]
	var sums [24]float64
	for n := strip(l, w); n > 0; n = strip(l, w) {
		if n == 8 {
			panelDots3x8(&p[l], &q[l], 8*w, len(p)/w, &sums[0])
		} else {
			panelDots3x4(&p[l], &q[l], 8*w, len(p)/w, &sums[0])
		}
		spread(pq[l*stride:], stride, sums[:n])
		spread(pp[l*stride:], stride, sums[n:2*n])
		spread(qq[l*stride:], stride, sums[2*n:3*n])
		l += n
	}
	return l
}

func panelDotStrips(r, z []float64, w int, rz []float64, stride int) (l int) {
	if !useAVX2 || len(r) < 4 {
		return 0
	}
	z = z[:len(r)]
	var sums [8]float64
	for n := strip(l, w); n > 0; n = strip(l, w) {
		if n == 8 {
			panelDotx8(&r[l], &z[l], 8*w, len(r)/w, &sums[0])
		} else {
			panelDotx4(&r[l], &z[l], 8*w, len(r)/w, &sums[0])
		}
		spread(rz[l*stride:], stride, sums[:n])
		l += n
	}
	return l
}

func panelSubStrips(r, a, q []float64, w int, rr []float64, stride int) (l int) {
	if !useAVX2 || len(r) < 4 {
		return 0
	}
	a, q = a[:w], q[:len(r)]
	var sums [8]float64
	for n := strip(l, w); n > 0; n = strip(l, w) {
		if n == 8 {
			panelSubx8(&r[l], &a[l], &q[l], 8*w, len(r)/w, &sums[0])
		} else {
			panelSubx4(&r[l], &a[l], &q[l], 8*w, len(r)/w, &sums[0])
		}
		spread(rr[l*stride:], stride, sums[:n])
		l += n
	}
	return l
}

func panelSubDiagStrips(r, a, q, d []float64, w int, rr, rdr []float64, stride int) (l int) {
	if !useAVX2 || len(r) < 4 {
		return 0
	}
	a, q, d = a[:w], q[:len(r)], d[:len(r)/w]
	var sums [16]float64
	for n := strip(l, w); n > 0; n = strip(l, w) {
		if n == 8 {
			panelSubDiagx8(&r[l], &a[l], &q[l], &d[0], 8*w, len(r)/w, &sums[0])
		} else {
			panelSubDiagx4(&r[l], &a[l], &q[l], &d[0], 8*w, len(r)/w, &sums[0])
		}
		spread(rr[l*stride:], stride, sums[:n])
		spread(rdr[l*stride:], stride, sums[n:2*n])
		l += n
	}
	return l
}

// panelStepStrip does columns l … l+n-1, where n, 8 or 4, is the longest strip
// whose columns are neighbours in x too, and returns n; 0 if there is none. d may
// be nil.
func panelStepStrip(x []float64, k int, cols []int, p, a, r, d, b []float64, w, l int) (n int) {
	if !useAVX2 || len(p) < 4 {
		return 0
	}
	n = strip(l, w)
	if n == 8 && cols[l+7] != cols[l]+7 {
		n = 4
	}
	if n == 0 || cols[l+n-1] != cols[l]+n-1 {
		return 0
	}
	rows, j := len(p)/w, cols[l]
	r, a, b, x = r[:len(p)], a[:w], b[:w], x[:rows*k]
	_ = x[(rows-1)*k+j+n-1]
	switch {
	case d == nil && n == 8:
		panelStepx8(&x[j], &p[l], &a[l], &r[l], &b[l], 8*k, 8*w, rows)
	case d == nil:
		panelStepx4(&x[j], &p[l], &a[l], &r[l], &b[l], 8*k, 8*w, rows)
	case n == 8:
		d = d[:rows]
		panelStepDiagx8(&x[j], &p[l], &a[l], &r[l], &d[0], &b[l], 8*k, 8*w, rows)
	default:
		d = d[:rows]
		panelStepDiagx4(&x[j], &p[l], &a[l], &r[l], &d[0], &b[l], 8*k, 8*w, rows)
	}
	return n
}
