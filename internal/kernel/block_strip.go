package kernel

// The plain twins of the strips, of four lanes or, if there are fewer, of one; they return
// how many. p and the like begin with the first lane of a strip of groups of g lanes and end
// with the last lane of the last one of n groups. The conversions keep the compiler
// from fusing a product with a sum.

func panelDots3Plain(p, q []float64, g, n int, sums *[24]float64) int {
	if (n-1)*g+4 > len(p) {
		var a, b, c float64
		for i := 0; i < len(p); i += g {
			u, v := p[i], q[i]
			a += float64(u * v)
			b += float64(u * u)
			c += float64(v * v)
		}
		sums[0], sums[1], sums[2] = a, b, c
		return 1
	}
	var a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3 float64
	for i := range n {
		u, v := (*[4]float64)(p[i*g:]), (*[4]float64)(q[i*g:])
		a0 += float64(u[0] * v[0])
		b0 += float64(u[0] * u[0])
		c0 += float64(v[0] * v[0])
		a1 += float64(u[1] * v[1])
		b1 += float64(u[1] * u[1])
		c1 += float64(v[1] * v[1])
		a2 += float64(u[2] * v[2])
		b2 += float64(u[2] * u[2])
		c2 += float64(v[2] * v[2])
		a3 += float64(u[3] * v[3])
		b3 += float64(u[3] * u[3])
		c3 += float64(v[3] * v[3])
	}
	*(*[12]float64)(sums[:]) = [12]float64{a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3}
	return 4
}

func panelDotPlain(r, z []float64, g, n int, sums *[8]float64) int {
	if (n-1)*g+4 > len(r) {
		s := 0.0
		for i := 0; i < len(r); i += g {
			s += float64(r[i] * z[i])
		}
		sums[0] = s
		return 1
	}
	var s0, s1, s2, s3 float64
	for i := range n {
		u, v := (*[4]float64)(r[i*g:]), (*[4]float64)(z[i*g:])
		s0 += float64(u[0] * v[0])
		s1 += float64(u[1] * v[1])
		s2 += float64(u[2] * v[2])
		s3 += float64(u[3] * v[3])
	}
	*(*[4]float64)(sums[:]) = [4]float64{s0, s1, s2, s3}
	return 4
}

func panelSubPlain(r []float64, a *[8]float64, q []float64, g, n int, sums *[8]float64) int {
	if (n-1)*g+4 > len(r) {
		s := 0.0
		for i := 0; i < len(r); i += g {
			v := r[i] - float64(a[0]*q[i])
			r[i] = v
			s += float64(v * v)
		}
		sums[0] = s
		return 1
	}
	a0, a1, a2, a3 := a[0], a[1], a[2], a[3]
	var s0, s1, s2, s3 float64
	for i := range n {
		u, v := (*[4]float64)(r[i*g:]), (*[4]float64)(q[i*g:])
		u[0] -= float64(a0 * v[0])
		u[1] -= float64(a1 * v[1])
		u[2] -= float64(a2 * v[2])
		u[3] -= float64(a3 * v[3])
		s0 += float64(u[0] * u[0])
		s1 += float64(u[1] * u[1])
		s2 += float64(u[2] * u[2])
		s3 += float64(u[3] * u[3])
	}
	*(*[4]float64)(sums[:]) = [4]float64{s0, s1, s2, s3}
	return 4
}

// at returns what of d goes with the first four lanes of group i.
func (t *lanes) at(d []float64, i int) (d0, d1, d2, d3 float64) {
	d = d[i*t.step/8:]
	return d[t.row[0][0]/2], d[t.row[1][0]/2], d[t.row[2][0]/2], d[t.row[3][0]/2]
}

func panelSubDiagPlain(r []float64, a *[8]float64, q, d []float64, t *lanes, g, n int, sums *[16]float64) int {
	if (n-1)*g+4 > len(r) {
		s0, t0, j := 0.0, 0.0, int(t.row[0][0])/2
		for i := 0; i < len(r); i += g {
			v := r[i] - float64(a[0]*q[i])
			r[i] = v
			s0 += float64(v * v)
			t0 += float64(v * (d[j] * v))
			j += t.step / 8
		}
		sums[0], sums[1] = s0, t0
		return 1
	}
	a0, a1, a2, a3 := a[0], a[1], a[2], a[3]
	var s0, s1, s2, s3, t0, t1, t2, t3 float64
	for i := range n {
		d0, d1, d2, d3 := t.at(d, i)
		u, v := (*[4]float64)(r[i*g:]), (*[4]float64)(q[i*g:])
		u[0] -= float64(a0 * v[0])
		u[1] -= float64(a1 * v[1])
		u[2] -= float64(a2 * v[2])
		u[3] -= float64(a3 * v[3])
		s0 += float64(u[0] * u[0])
		s1 += float64(u[1] * u[1])
		s2 += float64(u[2] * u[2])
		s3 += float64(u[3] * u[3])
		t0 += float64(u[0] * (d0 * u[0]))
		t1 += float64(u[1] * (d1 * u[1]))
		t2 += float64(u[2] * (d2 * u[2]))
		t3 += float64(u[3] * (d3 * u[3]))
	}
	*(*[8]float64)(sums[:]) = [8]float64{s0, s1, s2, s3, t0, t1, t2, t3}
	return 4
}

// panelStepPlain is for groups of xg lanes in x; d may be nil.
func panelStepPlain(x, p []float64, a *[8]float64, r, d []float64, b *[8]float64, t *lanes, xg, g, n int) int {
	a0, a1, a2, a3 := a[0], a[1], a[2], a[3]
	b0, b1, b2, b3 := b[0], b[1], b[2], b[3]
	for i := range n {
		u, v, y := (*[4]float64)(p[i*g:]), (*[4]float64)(r[i*g:]), (*[4]float64)(x[i*xg:])
		v0, v1, v2, v3 := v[0], v[1], v[2], v[3]
		if d != nil {
			d0, d1, d2, d3 := t.at(d, i)
			v0, v1, v2, v3 = float64(d0*v0), float64(d1*v1), float64(d2*v2), float64(d3*v3)
		}
		p0, p1, p2, p3 := u[0], u[1], u[2], u[3]
		y[0] += float64(a0 * p0)
		y[1] += float64(a1 * p1)
		y[2] += float64(a2 * p2)
		y[3] += float64(a3 * p3)
		u[0] = v0 + float64(b0*p0)
		u[1] = v1 + float64(b1*p1)
		u[2] = v2 + float64(b2*p2)
		u[3] = v3 + float64(b3*p3)
	}
	return 4
}
