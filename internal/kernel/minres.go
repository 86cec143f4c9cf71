package kernel

// The kernels of methods built on the symmetric Lanczos process.

// lanczosStepPlain is the plain twin of [LanczosStep]. The conversions keep the
// compiler from fusing a product with a sum, which would give other bits.
func lanczosStepPlain(o, v, q []float64, a, b, c float64) (oo, qo float64) {
	v, q = v[:len(o)], q[:len(o)]
	var s0, s1, s2, s3, t0, t1, t2, t3 float64
	for len(o) >= 4 && len(v) >= 4 && len(q) >= 4 {
		t0 += float64(q[0] * o[0])
		t1 += float64(q[1] * o[1])
		t2 += float64(q[2] * o[2])
		t3 += float64(q[3] * o[3])
		e := float64(a*q[0]) - float64(b*v[0]) - float64(c*o[0])
		f := float64(a*q[1]) - float64(b*v[1]) - float64(c*o[1])
		g := float64(a*q[2]) - float64(b*v[2]) - float64(c*o[2])
		h := float64(a*q[3]) - float64(b*v[3]) - float64(c*o[3])
		o[0], o[1], o[2], o[3] = e, f, g, h
		s0 += float64(e * e)
		s1 += float64(f * f)
		s2 += float64(g * g)
		s3 += float64(h * h)
		o, v, q = o[4:], v[4:], q[4:]
	}
	for i := range o {
		t0 += float64(q[i] * o[i])
		e := float64(a*q[i]) - float64(b*v[i]) - float64(c*o[i])
		o[i] = e
		s0 += float64(e * e)
	}
	return (s0 + s1) + (s2 + s3), (t0 + t1) + (t2 + t3)
}

// lanczosStepDiagPlain is the plain twin of [LanczosStepDiag].
func lanczosStepDiagPlain(o, v, q, d []float64, a, b, c float64) (odo, ddo, qo float64) {
	v, q, d = v[:len(o)], q[:len(o)], d[:len(o)]
	var r, s, t [4]float64 // running sums: twelve do not fit the registers
	for i, w := range o {
		e := float64(a*float64(d[i]*q[i])) - float64(b*v[i]) - float64(c*w)
		g := e / d[i]
		lane := i & 3
		if i >= len(o)&^3 {
			lane = 0
		}
		o[i] = e
		r[lane] += float64(e * g)
		s[lane] += float64(g * g)
		t[lane] += float64(q[i] * w)
	}
	return (r[0] + r[1]) + (r[2] + r[3]), (s[0] + s[1]) + (s[2] + s[3]), (t[0] + t[1]) + (t[2] + t[3])
}

// minresStepPlain is the plain twin of [MinresStep].
func minresStepPlain(x, w2, w1, v []float64, a, b, c, t float64) {
	w2, w1, v = w2[:len(x)], w1[:len(x)], v[:len(x)]
	for i, e := range v {
		w := float64(a*e) - float64(b*w1[i]) - float64(c*w2[i])
		w2[i] = w
		x[i] += float64(t * w)
	}
}

// qlpStepPlain is the plain twin of [QLPStep].
func qlpStepPlain(x, w2, w1, v []float64, a, c2, s2, c1, s1, u float64) {
	w2, w1, v = w2[:len(x)], w1[:len(x)], v[:len(x)]
	for i, e := range v {
		e *= a
		f, g := w2[i], w1[i]
		x[i] += float64(u * (float64(c2*f) + float64(s2*e)))
		e = float64(s2*f) - float64(c2*e)
		w1[i] = float64(c1*g) + float64(s1*e)
		w2[i] = float64(s1*g) - float64(c1*e)
	}
}
