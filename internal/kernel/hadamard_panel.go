package kernel

// Loops over panels for products with Q·D·Qᵀ, where Q is a Householder reflection
// I − 2vvᵀ after Hadamard transforms of each 16 rows. Element i of vector l is x[i*k+l].
// Strips of four to sixteen columns are in registers; a column has the same bits in any of
// them and in the plain loops, but that assembly takes numbers of float32 without a normal
// form, below 1e-38, as zero.

// hadamardRows is the length of a transform.
const hadamardRows = 16

// PanelPairDotSingle sets s[l·stride] to vᵀx_l and t[l·stride] to uᵀx_l for the k columns of a
// panel x of len(v) rows. Products are in double precision and so are their sums, those of
// even and of odd rows apart.
func PanelPairDotSingle(x []float32, k int, v, u []float32, s, t []float64, stride int) {
	done := panelPairDotStrips(x, k, v, u, s, t, stride)
	panelPairDotPlain(x, k, done, v, u, s, t, stride)
}

// PanelPairDot is [PanelPairDotSingle] in double precision.
func PanelPairDot(x []float64, k int, v, u []float64, s, t []float64, stride int) {
	done := panelPairDotDoubleStrips(x, k, v, u, s, t, stride)
	panelPairDotPlain(x, k, done, v, u, s, t, stride)
}

// panelPairDotPlain does the columns from l on.
func panelPairDotPlain[F float32 | float64](x []F, k, l int, v, u []F, s, t []float64, stride int) {
	n := len(v)
	x, u = x[:n*k], u[:n]
	for ; l < k; l++ {
		var s0, s1, t0, t1 float64 // of even and of odd rows
		at := l
		for i := 1; i < n; i += 2 {
			e, f := float64(x[at]), float64(x[at+k])
			s0 += float64(float64(v[i-1]) * e)
			t0 += float64(float64(u[i-1]) * e)
			s1 += float64(float64(v[i]) * f)
			t1 += float64(float64(u[i]) * f)
			at += 2 * k
		}
		if n%2 == 1 {
			e := float64(x[at])
			s0 += float64(float64(v[n-1]) * e)
			t0 += float64(float64(u[n-1]) * e)
		}
		s[l*stride], t[l*stride] = s0+s1, t0+t1
	}
}

// HadamardPanelSingle sets the panel dst of k columns and len(v) rows to
//
//	T·D·T·(x + v·aᵀ) + v·bᵀ
//
// where T, with entries ±1, is the Hadamard matrix of each 16 rows in Sylvester's order, and
// one for the rows that are left over at the end. a and b have an element for each column.
// Every product and every sum is rounded. dst and x do not overlap.
func HadamardPanelSingle(dst, x []float32, k int, v, d, a, b []float32) {
	n := len(v) * k
	dst, x, d = dst[:n], x[:n], d[:len(v)]
	done := hadamardPanelStrips(dst, x, k, v, d, a, b)
	hadamardPanelPlain(dst, x, k, done, v, d, a, b)
}

// HadamardPanel is [HadamardPanelSingle] in double precision.
func HadamardPanel(dst, x []float64, k int, v, d, a, b []float64) {
	n := len(v) * k
	dst, x, d = dst[:n], x[:n], d[:len(v)]
	done := hadamardPanelDoubleStrips(dst, x, k, v, d, a, b)
	hadamardPanelPlain(dst, x, k, done, v, d, a, b)
}

// hadamardPanelPlain does the columns from done on, and of all columns the rows that are left
// over.
func hadamardPanelPlain[F float32 | float64](dst, x []F, k, done int, v, d, a, b []F) {
	for ; len(v) >= hadamardRows; v, d = v[hadamardRows:], d[hadamardRows:] {
		vs, ds := (*[hadamardRows]F)(v), (*[hadamardRows]F)(d)
		for l := done; l < k; l++ {
			var h [hadamardRows]F
			for i, f := range vs {
				h[i] = x[i*k+l] + F(f*a[l])
			}
			hadamardFours(&h, 4, 1)
			hadamardFours(&h, 1, 4)
			for i, f := range ds {
				h[i] = F(h[i] * f)
			}
			hadamardFours(&h, 1, 4)
			hadamardFours(&h, 4, 1)
			for i, f := range vs {
				dst[i*k+l] = h[i] + F(f*b[l])
			}
		}
		dst, x = dst[hadamardRows*k:], x[hadamardRows*k:]
	}
	for i, f := range v {
		for l := range k {
			dst[i*k+l] = F(d[i]*(x[i*k+l]+F(f*a[l]))) + F(f*b[l])
		}
	}
}

// hadamardFours transforms the four elements j·next, j·next + step, … for each j < 4. Steps of 1
// and of 4, in either order, are the transform of all.
func hadamardFours[F float32 | float64](h *[hadamardRows]F, step, next int) {
	for j := range 4 {
		i0 := j * next
		i1, i2, i3 := i0+step, i0+2*step, i0+3*step
		p, q := h[i0&15]+h[i1&15], h[i0&15]-h[i1&15]
		r, s := h[i2&15]+h[i3&15], h[i2&15]-h[i3&15]
		h[i0&15], h[i1&15], h[i2&15], h[i3&15] = p+r, q+s, p-r, q-s
	}
}
