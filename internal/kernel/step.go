package kernel

// The plain twins of the updates of conjugate gradients. The conversions keep the
// compiler from fusing a product with a sum, which would give other bits.

func subAxpyNormPlain(r []float64, a float64, q []float64) (rr float64) {
	q = q[:len(r)]
	var s0, s1, s2, s3 float64
	for len(r) >= 4 && len(q) >= 4 {
		v0 := r[0] - float64(a*q[0])
		v1 := r[1] - float64(a*q[1])
		v2 := r[2] - float64(a*q[2])
		v3 := r[3] - float64(a*q[3])
		r[0], r[1], r[2], r[3] = v0, v1, v2, v3
		s0 += float64(v0 * v0)
		s1 += float64(v1 * v1)
		s2 += float64(v2 * v2)
		s3 += float64(v3 * v3)
		r, q = r[4:], q[4:]
	}
	for i := range r {
		v := r[i] - float64(a*q[i])
		r[i] = v
		s0 += float64(v * v)
	}
	return (s0 + s1) + (s2 + s3)
}

func subAxpyNormDiagPlain(r []float64, a float64, q, d []float64) (rr, rdr float64) {
	q, d = q[:len(r)], d[:len(r)]
	var s0, s1, s2, s3, t0, t1, t2, t3 float64
	for len(r) >= 4 && len(q) >= 4 && len(d) >= 4 {
		v0 := r[0] - float64(a*q[0])
		v1 := r[1] - float64(a*q[1])
		v2 := r[2] - float64(a*q[2])
		v3 := r[3] - float64(a*q[3])
		r[0], r[1], r[2], r[3] = v0, v1, v2, v3
		s0 += float64(v0 * v0)
		s1 += float64(v1 * v1)
		s2 += float64(v2 * v2)
		s3 += float64(v3 * v3)
		t0 += float64(v0 * float64(d[0]*v0))
		t1 += float64(v1 * float64(d[1]*v1))
		t2 += float64(v2 * float64(d[2]*v2))
		t3 += float64(v3 * float64(d[3]*v3))
		r, q, d = r[4:], q[4:], d[4:]
	}
	for i := range r {
		v := r[i] - float64(a*q[i])
		r[i] = v
		s0 += float64(v * v)
		t0 += float64(v * float64(d[i]*v))
	}
	return (s0 + s1) + (s2 + s3), (t0 + t1) + (t2 + t3)
}

func stepDirectionPlain(x, p []float64, a float64, r []float64, b float64) {
	p, r = p[:len(x)], r[:len(x)]
	for i, v := range p {
		x[i] += float64(a * v)
		p[i] = r[i] + float64(b*v)
	}
}

func stepDirectionDiagPlain(x, p []float64, a float64, r, d []float64, b float64) {
	p, r, d = p[:len(x)], r[:len(x)], d[:len(x)]
	for i, v := range p {
		x[i] += float64(a * v)
		p[i] = float64(d[i]*r[i]) + float64(b*v)
	}
}
