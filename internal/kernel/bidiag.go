package kernel

// The vector updates of methods on the Golub–Kahan bidiagonalisation.

// AxpbyNorm sets y = a·x + b·y and returns yᵀy.
func AxpbyNorm(y []float64, a float64, x []float64, b float64) (yy float64) {
	x = x[:len(y)]
	var s0, s1, s2, s3 float64
	for len(y) >= 4 && len(x) >= 4 {
		v0 := a*x[0] + b*y[0]
		v1 := a*x[1] + b*y[1]
		v2 := a*x[2] + b*y[2]
		v3 := a*x[3] + b*y[3]
		y[0], y[1], y[2], y[3] = v0, v1, v2, v3
		s0 += v0 * v0
		s1 += v1 * v1
		s2 += v2 * v2
		s3 += v3 * v3
		y, x = y[4:], x[4:]
	}
	for i := range y {
		v := a*x[i] + b*y[i]
		y[i] = v
		s0 += v * v
	}
	return (s0 + s1) + (s2 + s3)
}

// AxpbyNormDiag sets y = a·x + b·y and returns yᵀy and yᵀDy with D = diag(d).
func AxpbyNormDiag(y []float64, a float64, x []float64, b float64, d []float64) (yy, ydy float64) {
	x, d = x[:len(y)], d[:len(y)]
	var s0, s1, t0, t1 float64
	for len(y) >= 2 && len(x) >= 2 && len(d) >= 2 {
		v0 := a*x[0] + b*y[0]
		v1 := a*x[1] + b*y[1]
		y[0], y[1] = v0, v1
		s0 += v0 * v0
		s1 += v1 * v1
		t0 += v0 * (d[0] * v0)
		t1 += v1 * (d[1] * v1)
		y, x, d = y[2:], x[2:], d[2:]
	}
	for i := range y {
		v := a*x[i] + b*y[i]
		y[i] = v
		s0 += v * v
		t0 += v * (d[i] * v)
	}
	return s0 + s1, t0 + t1
}

// LSMRStep scales v by c and then sets
//
//	g ← h − c1·g,   x ← x + c2·g,   h ← v − c3·h
//
// in one pass: all that LSMR does to its n-vectors once the coefficients are
// known.
func LSMRStep(x, g, h, v []float64, c, c1, c2, c3 float64) {
	g, h, v = g[:len(x)], h[:len(x)], v[:len(x)]
	for i, hi := range h {
		vi := c * v[i]
		gi := hi - c1*g[i]
		v[i], g[i], h[i] = vi, gi, vi-c3*hi
		x[i] += c2 * gi
	}
}

// LSMRStepDiag scales p by c, sets v = D·p, D = diag(d), and goes on as
// LSMRStep.
func LSMRStepDiag(x, g, h, v, p, d []float64, c, c1, c2, c3 float64) {
	g, h, v = g[:len(x)], h[:len(x)], v[:len(x)]
	p, d = p[:len(x)], d[:len(x)]
	for i, hi := range h {
		pi := c * p[i]
		vi := d[i] * pi
		gi := hi - c1*g[i]
		p[i], v[i], g[i], h[i] = pi, vi, gi, vi-c3*hi
		x[i] += c2 * gi
	}
}
