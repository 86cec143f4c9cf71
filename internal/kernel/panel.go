package kernel

// A panel is a set of vectors of one length, V = [v_0 … v_{k-1}], each stored as
// a slice of its own: products need them contiguous. The kernels below work on
// rows lo … hi-1 of it, which the caller chooses short enough that a block of w
// stays in the first-level cache while the vectors stream by, four at a time:
// four columns make w cost a quarter of a load each and give the processor
// sixteen independent sums.

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
		add4(w, &[4]float64{s * h[j], s * h[j+1], s * h[j+2], s * h[j+3]}, v[j][lo:hi], v[j+1][lo:hi], v[j+2][lo:hi], v[j+3][lo:hi])
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
	var sums [4][4]float64
	done := dots4Lanes(&sums, w, a, b, c, d)
	dots4Plain(&sums, w[done:], a[done:], b[done:], c[done:], d[done:])
	total := func(s *[4]float64) float64 { return (s[0] + s[1]) + (s[2] + s[3]) }
	return total(&sums[0]), total(&sums[1]), total(&sums[2]), total(&sums[3])
}

// dots4Plain goes on with the running sums of the products of w with four vectors:
// element i belongs to sum i mod 4, and what remains beyond a multiple of four to
// the first. The conversions keep the compiler from fusing, here and below.
func dots4Plain(sums *[4][4]float64, w, a, b, c, d []float64) {
	n := len(w)
	a, b, c, d = a[:n], b[:n], c[:n], d[:n]
	i := 0
	for ; i+4 <= n; i += 4 {
		for l, u := range w[i : i+4] {
			sums[0][l] += float64(u * a[i+l])
			sums[1][l] += float64(u * b[i+l])
			sums[2][l] += float64(u * c[i+l])
			sums[3][l] += float64(u * d[i+l])
		}
	}
	for ; i < n; i++ {
		u := w[i]
		sums[0][0] += float64(u * a[i])
		sums[1][0] += float64(u * b[i])
		sums[2][0] += float64(u * c[i])
		sums[3][0] += float64(u * d[i])
	}
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

// add4 adds h[0]·a + h[1]·b + h[2]·c + h[3]·d to w.
func add4(w []float64, h *[4]float64, a, b, c, d []float64) {
	done := add4Lanes(w, h, a, b, c, d)
	add4Plain(w[done:], h, a[done:], b[done:], c[done:], d[done:])
}

func add4Plain(w []float64, h *[4]float64, a, b, c, d []float64) {
	n := len(w)
	a, b, c, d = a[:n], b[:n], c[:n], d[:n]
	ha, hb, hc, hd := h[0], h[1], h[2], h[3]
	for i := range w {
		w[i] += (float64(ha*a[i]) + float64(hb*b[i])) + (float64(hc*c[i]) + float64(hd*d[i]))
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
