package kernel

// A panel is a set of vectors of one length, V = [v_0 … v_{k-1}], each stored as
// a slice of its own: products need them contiguous. The kernels below work on
// rows lo … hi-1 of it, which the caller chooses short enough that a block of w
// stays in the first-level cache while the vectors stream by, four at a time:
// four columns make w cost a quarter of a load each and give the processor
// eight independent sums.

// panelRows is how many rows PanelSubDots works on at a time: its second pass over
// a 1 KiB piece of each vector then finds it in the first-level cache, for panels
// of up to some forty vectors. Measured (BenchmarkOrthogonalise in package krylov,
// 16 vectors, two cores): 1.07 of the bandwidth of inner products, 0.82 with 512
// rows and 0.77 with 2048.
const panelRows = 128

// PanelDots adds Vᵀw over rows lo … hi-1: sums[j·stride] += v_jᵀw.
func PanelDots(sums []float64, stride int, v [][]float64, w []float64, lo, hi int) {
	w = w[lo:hi]
	j := 0
	for ; j+4 <= len(v); j += 4 {
		s0, s1, s2, s3 := dots4(w, v[j][lo:hi], v[j+1][lo:hi], v[j+2][lo:hi], v[j+3][lo:hi])
		sums[j*stride] += s0
		sums[(j+1)*stride] += s1
		sums[(j+2)*stride] += s2
		sums[(j+3)*stride] += s3
	}
	if j+2 <= len(v) {
		s0, s1 := dots2(w, v[j][lo:hi], v[j+1][lo:hi])
		sums[j*stride] += s0
		sums[(j+1)*stride] += s1
		j += 2
	}
	if j < len(v) {
		sums[j*stride] += Dot(w, v[j][lo:hi])
	}
}

// PanelAdd adds V·h to w in rows lo … hi-1.
func PanelAdd(w []float64, v [][]float64, h []float64, lo, hi int) {
	panelUpdate(w[lo:hi], v, h, 1, lo, hi)
}

// PanelSub subtracts V·h from w in rows lo … hi-1.
func PanelSub(w []float64, v [][]float64, h []float64, lo, hi int) {
	panelUpdate(w[lo:hi], v, h, -1, lo, hi)
}

// panelUpdate adds s·V·h, rows lo … hi-1 of it, to w. s is 1 or −1.
func panelUpdate(w []float64, v [][]float64, h []float64, s float64, lo, hi int) {
	h = h[:len(v)]
	j := 0
	for ; j+4 <= len(v); j += 4 {
		add4(w, s*h[j], s*h[j+1], s*h[j+2], s*h[j+3], v[j][lo:hi], v[j+1][lo:hi], v[j+2][lo:hi], v[j+3][lo:hi])
	}
	if j+2 <= len(v) {
		add2(w, s*h[j], s*h[j+1], v[j][lo:hi], v[j+1][lo:hi])
		j += 2
	}
	if j < len(v) {
		Axpy(w, s*h[j], v[j][lo:hi])
	}
}

// PanelSubDots subtracts V·h from w and adds Vᵀw for the new w to sums, both in
// rows lo … hi-1, reading V from memory once.
func PanelSubDots(sums []float64, stride int, w []float64, v [][]float64, h []float64, lo, hi int) {
	for ; lo < hi; lo += panelRows {
		end := min(lo+panelRows, hi)
		PanelSub(w, v, h, lo, end)
		PanelDots(sums, stride, v, w, lo, end)
	}
}

// dots4 returns the products of w with four vectors.
func dots4(w, a, b, c, d []float64) (sa, sb, sc, sd float64) {
	n := len(w)
	a, b, c, d = a[:n], b[:n], c[:n], d[:n]
	var a0, a1, b0, b1, c0, c1, d0, d1 float64
	for i := 1; i < n; i += 2 {
		u, v := w[i-1], w[i]
		a0 += u * a[i-1]
		b0 += u * b[i-1]
		c0 += u * c[i-1]
		d0 += u * d[i-1]
		a1 += v * a[i]
		b1 += v * b[i]
		c1 += v * c[i]
		d1 += v * d[i]
	}
	if n%2 == 1 {
		u := w[n-1]
		a0 += u * a[n-1]
		b0 += u * b[n-1]
		c0 += u * c[n-1]
		d0 += u * d[n-1]
	}
	return a0 + a1, b0 + b1, c0 + c1, d0 + d1
}

// dots2 returns the products of w with two vectors.
func dots2(w, a, b []float64) (sa, sb float64) {
	n := len(w)
	a, b = a[:n], b[:n]
	var a0, a1, b0, b1 float64
	for i := 1; i < n; i += 2 {
		u, v := w[i-1], w[i]
		a0 += u * a[i-1]
		b0 += u * b[i-1]
		a1 += v * a[i]
		b1 += v * b[i]
	}
	if n%2 == 1 {
		a0 += w[n-1] * a[n-1]
		b0 += w[n-1] * b[n-1]
	}
	return a0 + a1, b0 + b1
}

// add4 adds ha·a + hb·b + hc·c + hd·d to w.
func add4(w []float64, ha, hb, hc, hd float64, a, b, c, d []float64) {
	n := len(w)
	a, b, c, d = a[:n], b[:n], c[:n], d[:n]
	for i := range w {
		w[i] += (ha*a[i] + hb*b[i]) + (hc*c[i] + hd*d[i])
	}
}

// add2 adds ha·a + hb·b to w.
func add2(w []float64, ha, hb float64, a, b []float64) {
	n := len(w)
	a, b = a[:n], b[:n]
	for i := range w {
		w[i] += ha*a[i] + hb*b[i]
	}
}

// DivTo sets y = x/a, and z = d∘y if z is not nil. y may be x.
func DivTo(y []float64, a float64, x, d, z []float64) {
	x = x[:len(y)]
	if z == nil {
		for i, v := range x {
			y[i] = v / a
		}
		return
	}
	d, z = d[:len(y)], z[:len(y)]
	for i, v := range x {
		v /= a
		y[i] = v
		z[i] = d[i] * v
	}
}

// AddSwap adds t to x, or d∘t if d is not nil, and leaves in t what x was
// before.
func AddSwap(x, t, d []float64) {
	t = t[:len(x)]
	if d == nil {
		for i, old := range x {
			x[i], t[i] = old+t[i], old
		}
		return
	}
	d = d[:len(x)]
	for i, old := range x {
		x[i], t[i] = old+d[i]*t[i], old
	}
}
