package kernel

// CSRAdd adds Σ val[k]·x[col[k]] to dst[i], k = rowPtr[i] … rowPtr[i+1]-1, for
// lo ≤ i < hi. It is meant for rows of a few entries, such as those of a
// prolongation.
func CSRAdd[V Value](dst, x []float64, rowPtr []int, col []int32, val []V, lo, hi int) {
	p := rowPtr[lo]
	ends := rowPtr[lo+1 : hi+1]
	out := dst[lo:hi]
	out = out[:len(ends)]
	for i, q := range ends {
		cs := col[p:q]
		vs := val[p:q:q]
		vs = vs[:len(cs)]
		var s0, s1 float64
		for len(cs) >= 2 && len(vs) >= 2 {
			s0 += float64(vs[0]) * x[cs[0]]
			s1 += float64(vs[1]) * x[cs[1]]
			cs, vs = cs[2:], vs[2:]
		}
		if len(cs) > 0 && len(vs) > 0 {
			s0 += float64(vs[0]) * x[cs[0]]
		}
		out[i] += s0 + s1
		p = q
	}
}

// AddProduct adds m∘x to y.
func AddProduct(y, m, x []float64) {
	m, x = m[:len(y)], x[:len(y)]
	for i := range y {
		y[i] += m[i] * x[i]
	}
}

// SubFrom sets y = b − y.
func SubFrom(y, b []float64) {
	b = b[:len(y)]
	for i, v := range y {
		y[i] = b[i] - v
	}
}

// SmoothTo sets y = x + m∘(b − y): a step of a smoother with the diagonal m from
// x, if y holds A·x.
func SmoothTo(y, x, m, b []float64) {
	x, m, b = x[:len(y)], m[:len(y)], b[:len(y)]
	for i, v := range y {
		y[i] = x[i] + m[i]*(b[i]-v)
	}
}

// ChebyshevStep sets d = c·d + f·m∘(b − y) and then y = x + d: a step of the
// Chebyshev iteration with the diagonal m from x, if y holds A·x. d is not read
// when c is zero.
func ChebyshevStep(y, x, d, m, b []float64, c, f float64) {
	x, d, m, b = x[:len(y)], d[:len(y)], m[:len(y)], b[:len(y)]
	if c == 0 {
		for i, v := range y {
			s := f * (m[i] * (b[i] - v))
			d[i] = s
			y[i] = x[i] + s
		}
		return
	}
	for i, v := range y {
		s := c*d[i] + f*(m[i]*(b[i]-v))
		d[i] = s
		y[i] = x[i] + s
	}
}
