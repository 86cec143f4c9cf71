package kernel

// The kernels of methods built on the symmetric Lanczos process.

// LanczosStep sets o ← a·q − b·v − c·o, the next vector of a Lanczos process in
// the place of the last but one, and returns oᵀo of the new o and qᵀo of the
// old one.
func LanczosStep(o, v, q []float64, a, b, c float64) (oo, qo float64) {
	v, q = v[:len(o)], q[:len(o)]
	var s0, s1, t0, t1 float64
	for len(o) >= 2 && len(v) >= 2 && len(q) >= 2 {
		t0 += q[0] * o[0]
		t1 += q[1] * o[1]
		e := a*q[0] - b*v[0] - c*o[0]
		f := a*q[1] - b*v[1] - c*o[1]
		o[0], o[1] = e, f
		s0 += e * e
		s1 += f * f
		o, v, q = o[2:], v[2:], q[2:]
	}
	for i := range o {
		t0 += q[i] * o[i]
		e := a*q[i] - b*v[i] - c*o[i]
		o[i] = e
		s0 += e * e
	}
	return s0 + s1, t0 + t1
}

// LanczosStepDiag sets o ← a·D·q − b·v − c·o with D = diag(d), d > 0, and
// returns oᵀD⁻¹o and ‖D⁻¹o‖² of the new o and qᵀo of the old one.
func LanczosStepDiag(o, v, q, d []float64, a, b, c float64) (odo, ddo, qo float64) {
	v, q, d = v[:len(o)], q[:len(o)], d[:len(o)]
	for i, w := range o {
		qo += q[i] * w
		e := a*(d[i]*q[i]) - b*v[i] - c*w
		o[i] = e
		g := e / d[i]
		odo += e * g
		ddo += g * g
	}
	return odo, ddo, qo
}

// MinresStep sets w2 ← a·v − b·w1 − c·w2 and adds t·w2 to x.
func MinresStep(x, w2, w1, v []float64, a, b, c, t float64) {
	w2, w1, v = w2[:len(x)], w1[:len(x)], v[:len(x)]
	for i, e := range v {
		w := a*e - b*w1[i] - c*w2[i]
		w2[i] = w
		x[i] += t * w
	}
}

// QLPStep applies two reflections to the columns of (w2, w1, a·v),
//
//	(w2, v') ← (c2·w2 + s2·a·v,  s2·w2 − c2·a·v)
//	(w1, w)  ← (c1·w1 + s1·v',   s1·w1 − c1·v')
//
// adds u·w2 to x and leaves w in the place of w2.
func QLPStep(x, w2, w1, v []float64, a, c2, s2, c1, s1, u float64) {
	w2, w1, v = w2[:len(x)], w1[:len(x)], v[:len(x)]
	for i, e := range v {
		e *= a
		f, g := w2[i], w1[i]
		x[i] += u * (c2*f + s2*e)
		e = s2*f - c2*e
		w1[i] = c1*g + s1*e
		w2[i] = s1*g - c1*e
	}
}
