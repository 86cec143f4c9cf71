//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// useFMA sends the products to assembly: sums of fused products, as the plain loops
// have them. useWide sends those of eight columns to registers of 512 bits, which hold
// a row of them in double precision; the bits are the same.
var (
	useFMA  = useAVX2 && cpu.X86.HasFMA
	useWide = useFMA && cpu.X86.HasAVX512F
)

// fetchSingle is from how many elements of a panel on its rows are asked for before they
// are needed: as many bytes as fetchFrom.
var fetchSingle = 2 * fetchFrom

// SinglePanels reports whether panels in single precision are faster than those in
// double precision here.
func SinglePanels() bool { return useFMA }

//go:noescape
func csrBlockSingle8Wide(dst, x *float32, stride int, rowPtr *int, col []int32, val *float64, rows, cols, near, tail int, mask *int64) (valid bool)

//go:noescape
func csrBlockSingle8(dst, x *float32, stride int, rowPtr *int, col []int32, val *float64, rows, cols, near, tail int, mask *int64) (valid bool)

//go:noescape
func csrBlockSingle4(dst, x *float32, stride int, rowPtr *int, col []int32, val *float64, rows, cols, near, tail int, mask *int64) (valid bool)

//go:noescape
func csrBlockSingle2(dst, x *float32, stride int, rowPtr *int, col []int32, val *float64, rows, cols, near, tail int, mask *int64) (valid bool)

//go:noescape
func panelDotSingle8(p, q *float32, stride, rows int, sums *float64)

//go:noescape
func panelDotSingle4(p, q *float32, stride, rows int, sums *float64)

//go:noescape
func panelSubSingle8(r, a, q *float32, stride, rows int, sums *float64)

//go:noescape
func panelSubSingle4(r, a, q *float32, stride, rows int, sums *float64)

//go:noescape
func panelSubDiagSingle8(r, a, q, d *float32, stride, rows int, sums *float64)

//go:noescape
func panelSubDiagSingle4(r, a, q, d *float32, stride, rows int, sums *float64)

//go:noescape
func panelStepSingle8(y, p, a, r, b *float32, stride, rows int)

//go:noescape
func panelStepSingle4(y, p, a, r, b *float32, stride, rows int)

//go:noescape
func panelStepDiagSingle8(y, p, a, r, d, b *float32, stride, rows int)

//go:noescape
func panelStepDiagSingle4(y, p, a, r, d, b *float32, stride, rows int)

//go:noescape
func panelDotSingle8Wide(p, q *float32, rows int, sums *float64)

//go:noescape
func panelSubSingle8Wide(r, a, q *float32, rows int, sums *float64)

//go:noescape
func panelSubDiagSingle8Wide(r, a, q, d *float32, rows int, sums *float64)

//go:noescape
func panelStepSingle8Wide(y, p, a, r, b *float32, rows int)

// The functions below do the strips of eight and of four columns and return the
// number of columns done, as those of block_amd64.go.

func csrRowsBlockSingleStrips(dst, x []float32, k int, rowPtr []int, col []int32, val []float64, lo, hi int, near bool) (l int) {
	if !useFMA || k < 2 || lo >= hi {
		return 0
	}
	rowPtr, val, dst = rowPtr[lo:hi+1], val[:len(col)], dst[:(hi-lo)*k]
	if len(col) == 0 || len(x) < k {
		return 0
	}
	ahead := -1 // no row ends there
	if !near && len(x) >= fetchSingle {
		ahead = len(col) - look - 2
	}
	for k-l >= 2 {
		f, n := csrBlockSingle2, 2
		switch w := strip(l, k); {
		case w == 8 && useWide:
			f, n = csrBlockSingle8Wide, w
		case w == 8:
			f, n = csrBlockSingle8, w
		case w == 4:
			f, n = csrBlockSingle4, w
		}
		if !f(&dst[l], &x[l], 4*k, &rowPtr[0], col, &val[0], hi-lo, len(x)/k, ahead, 0, nil) {
			panic("kernel: a column or row pointer of a sparse matrix is out of range")
		}
		l += n
	}
	return l
}

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

// spread writes the sums of a strip, one for each column.
func spread(to []float64, stride int, sums []float64) {
	for i, v := range sums {
		to[i*stride] = v
	}
}

// folds reports whether rows of w columns are to be taken several at a time, those of
// a register as one row of eight columns: 2 and 4.
func folds(w int, d []float32) bool { return d == nil && (w == 2 || w == 4) }

// folded writes the sums of the eight columns of rows that were taken several at a time.
func folded(to []float64, stride, w int, sums []float64) {
	for l := range w {
		s := 0.0
		for i := l; i < 8; i += w {
			s += sums[i]
		}
		to[l*stride] = s
	}
}

// repeated returns the coefficients of w columns for those of eight.
func repeated(a []float32, w int) (eight [8]float32) {
	for i := range eight {
		eight[i] = a[i%w]
	}
	return eight
}

// Eight columns, rows stride bytes apart.

func dotSingle8(p, q *float32, stride, rows int, sums *float64) {
	if useWide && stride == 32 {
		panelDotSingle8Wide(p, q, rows, sums)
	} else {
		panelDotSingle8(p, q, stride, rows, sums)
	}
}

func subSingle8(r, a, q, d *float32, stride, rows int, sums *float64) {
	switch wide := useWide && stride == 32; {
	case wide && d == nil:
		panelSubSingle8Wide(r, a, q, rows, sums)
	case wide:
		panelSubDiagSingle8Wide(r, a, q, d, rows, sums)
	case d == nil:
		panelSubSingle8(r, a, q, stride, rows, sums)
	default:
		panelSubDiagSingle8(r, a, q, d, stride, rows, sums)
	}
}

func stepSingle8(y, p, a, r, b *float32, stride, rows int) {
	if useWide && stride == 32 {
		panelStepSingle8Wide(y, p, a, r, b, rows)
	} else {
		panelStepSingle8(y, p, a, r, b, stride, rows)
	}
}

func panelDotSingleStrips(r, z []float32, w int, rz []float64, stride int) (l int) {
	if !useFMA || len(r) < 4 {
		return 0
	}
	z = z[:len(r)]
	var sums [8]float64
	if folds(w, nil) {
		n := len(r) &^ 7
		if n > 0 {
			dotSingle8(&r[0], &z[0], 32, n/8, &sums[0])
		}
		for i, v := range r[n:] {
			sums[i] += float64(v) * float64(z[n+i])
		}
		folded(rz, stride, w, sums[:])
		return w
	}
	for n := strip(l, w); n > 0; n = strip(l, w) {
		if n == 8 {
			dotSingle8(&r[l], &z[l], 4*w, len(r)/w, &sums[0])
		} else {
			panelDotSingle4(&r[l], &z[l], 4*w, len(r)/w, &sums[0])
		}
		spread(rz[l*stride:], stride, sums[:n])
		l += n
	}
	return l
}

func panelSubSingleStrips(r, a, q, d []float32, w int, rr, rdr []float64, stride int) (l int) {
	if !useFMA || len(r) < 4 {
		return 0
	}
	rows := len(r) / w
	a, q = a[:w], q[:len(r)]
	var sums [16]float64
	if folds(w, d) {
		n, eight := len(r)&^7, repeated(a, w)
		if n > 0 {
			subSingle8(&r[0], &eight[0], &q[0], nil, 32, n/8, &sums[0])
		}
		for i := range r[n:] {
			v := r[n+i] - float32(eight[i]*q[n+i])
			r[n+i] = v
			sums[i] += float64(v) * float64(v)
		}
		folded(rr, stride, w, sums[:8])
		return w
	}
	for n := strip(l, w); n > 0; n = strip(l, w) {
		switch {
		case d == nil && n == 8:
			subSingle8(&r[l], &a[l], &q[l], nil, 4*w, rows, &sums[0])
		case d == nil:
			panelSubSingle4(&r[l], &a[l], &q[l], 4*w, rows, &sums[0])
		case n == 8:
			d = d[:rows]
			subSingle8(&r[l], &a[l], &q[l], &d[0], 4*w, rows, &sums[0])
		default:
			d = d[:rows]
			panelSubDiagSingle4(&r[l], &a[l], &q[l], &d[0], 4*w, rows, &sums[0])
		}
		spread(rr[l*stride:], stride, sums[:n])
		if d != nil {
			spread(rdr[l*stride:], stride, sums[n:2*n])
		}
		l += n
	}
	return l
}

func panelStepSingleStrips(y, p, a, r, d, b []float32, w int) (l int) {
	if !useFMA || len(p) < 4 {
		return 0
	}
	rows := len(p) / w
	y, r, a, b = y[:len(p)], r[:len(p)], a[:w], b[:w]
	if folds(w, d) {
		n, a8, b8 := len(p)&^7, repeated(a, w), repeated(b, w)
		if n > 0 {
			stepSingle8(&y[0], &p[0], &a8[0], &r[0], &b8[0], 32, n/8)
		}
		for i := n; i < len(p); i++ {
			u := p[i]
			y[i] += float32(a8[i-n] * u)
			p[i] = r[i] + float32(b8[i-n]*u)
		}
		return w
	}
	for n := strip(l, w); n > 0; n = strip(l, w) {
		switch {
		case d == nil && n == 8:
			stepSingle8(&y[l], &p[l], &a[l], &r[l], &b[l], 4*w, rows)
		case d == nil:
			panelStepSingle4(&y[l], &p[l], &a[l], &r[l], &b[l], 4*w, rows)
		case n == 8:
			d = d[:rows]
			panelStepDiagSingle8(&y[l], &p[l], &a[l], &r[l], &d[0], &b[l], 4*w, rows)
		default:
			d = d[:rows]
			panelStepDiagSingle4(&y[l], &p[l], &a[l], &r[l], &d[0], &b[l], 4*w, rows)
		}
		l += n
	}
	return l
}

//go:noescape
func flushSingle8(x *float64, y, p *float32, a, f *float64, rows int)

//go:noescape
func residualSingle8(r, p *float32, b, ax, scale, unit *float64, rows int, sums *float64)

//go:noescape
func turnSingle8(p, r, c, b *float32, rows int)

// Of the corrections of block_correct.go the elements that fill rows of eight; the
// functions return how many these are.

func flushSingle(x []float64, y, p []float32, w int, cols []PanelColumn) (done int) {
	done = len(y) &^ 7
	if !useFMA || done == 0 {
		return 0
	}
	_, _ = x[done-1], p[done-1]
	var a, f [8]float64
	for i := range a {
		a[i], f[i] = cols[i%w].Step, 1/cols[i%w].Unit
	}
	flushSingle8(&x[0], &y[0], &p[0], &a[0], &f[0], done/8)
	return done
}

func residualSingle(r, p []float32, w int, b, ax []float64, cols []PanelColumn, rr, rz, rp []float64, stride int) (done int) {
	done = len(r) &^ 7
	if !useFMA || done == 0 {
		return 0
	}
	_, _, _ = p[done-1], b[done-1], ax[done-1]
	var scale, unit [8]float64
	var sums [24]float64
	for i := range scale {
		scale[i], unit[i] = cols[i%w].Scale, cols[i%w].Unit
	}
	residualSingle8(&r[0], &p[0], &b[0], &ax[0], &scale[0], &unit[0], done/8, &sums[0])
	folded(rr, stride, w, sums[:8])
	folded(rz, stride, w, sums[8:16])
	folded(rp, stride, w, sums[16:])
	return done
}

func turnSingle(p, r []float32, w int, c, b []float32) (done int) {
	done = len(p) &^ 7
	if !useFMA || done == 0 {
		return 0
	}
	_ = r[done-1]
	c8, b8 := repeated(c, w), repeated(b, w)
	turnSingle8(&p[0], &r[0], &c8[0], &b8[0], done/8)
	return done
}
