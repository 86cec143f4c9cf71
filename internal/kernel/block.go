package kernel

// Panels are k vectors stored row by row: element i of vector l is x[i*k+l].
// These loops walk a panel in strips of eight, four, two and one columns, so that the
// coefficients and the sums of a strip stay in registers; a strip skips over the
// others' elements, which is free as long as the rows of one call stay in the
// first-level cache. Sums come out in column l at index l*stride.

// CSRRowsBlock sets the k columns of rows lo … hi-1 of the row-major panel dst
// to A·x for the row-major panel x. Each row of the matrix comes from memory
// once for all k.
func CSRRowsBlock(dst, x []float64, k int, rowPtr []int, col []int32, val []float64, lo, hi int) {
	done := csrRowsBlockStrips(dst, x, k, rowPtr, col, val, lo, hi)
	if done == k {
		return
	}
	for i := lo; i < hi; i++ {
		p, q := rowPtr[i], rowPtr[i+1]
		cs, vs := col[p:q], val[p:q]
		vs = vs[:len(cs)]
		out := dst[i*k : i*k+k]
		l := done
		for ; l+8 <= k; l += 8 {
			var s0, s1, s2, s3, s4, s5, s6, s7 float64
			for j, c := range cs {
				v, u := vs[j], (*[8]float64)(x[int(c)*k+l:])
				s0 += float64(v * u[0])
				s1 += float64(v * u[1])
				s2 += float64(v * u[2])
				s3 += float64(v * u[3])
				s4 += float64(v * u[4])
				s5 += float64(v * u[5])
				s6 += float64(v * u[6])
				s7 += float64(v * u[7])
			}
			*(*[8]float64)(out[l:]) = [8]float64{s0, s1, s2, s3, s4, s5, s6, s7}
		}
		if l+4 <= k {
			var s0, s1, s2, s3 float64
			for j, c := range cs {
				v, u := vs[j], (*[4]float64)(x[int(c)*k+l:])
				s0 += float64(v * u[0])
				s1 += float64(v * u[1])
				s2 += float64(v * u[2])
				s3 += float64(v * u[3])
			}
			*(*[4]float64)(out[l:]) = [4]float64{s0, s1, s2, s3}
			l += 4
		}
		if l+2 <= k {
			var s0, s1 float64
			for j, c := range cs {
				v, u := vs[j], (*[2]float64)(x[int(c)*k+l:])
				s0 += float64(v * u[0])
				s1 += float64(v * u[1])
			}
			*(*[2]float64)(out[l:]) = [2]float64{s0, s1}
			l += 2
		}
		if l < k {
			s := 0.0
			for j, c := range cs {
				s += float64(vs[j] * x[int(c)*k+l])
			}
			out[l] = s
		}
	}
}

// PanelDots3 sets pq, pp and qq to the sums of p∘q, p∘p and q∘q of each of the w
// columns.
func PanelDots3(p, q []float64, w int, pq, pp, qq []float64, stride int) {
	q = q[:len(p)]
	l := panelDots3Strips(p, q, w, pq, pp, qq, stride)
	for ; l+4 <= w; l += 4 {
		var a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3 float64
		for i := l; i+4 <= len(p); i += w {
			u, v := (*[4]float64)(p[i:]), (*[4]float64)(q[i:])
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
		put4(pq[l*stride:], stride, a0, a1, a2, a3)
		put4(pp[l*stride:], stride, b0, b1, b2, b3)
		put4(qq[l*stride:], stride, c0, c1, c2, c3)
	}
	if l+2 <= w {
		var a0, a1, b0, b1, c0, c1 float64
		for i := l; i+2 <= len(p); i += w {
			u, v := (*[2]float64)(p[i:]), (*[2]float64)(q[i:])
			a0 += float64(u[0] * v[0])
			b0 += float64(u[0] * u[0])
			c0 += float64(v[0] * v[0])
			a1 += float64(u[1] * v[1])
			b1 += float64(u[1] * u[1])
			c1 += float64(v[1] * v[1])
		}
		pq[l*stride], pq[(l+1)*stride] = a0, a1
		pp[l*stride], pp[(l+1)*stride] = b0, b1
		qq[l*stride], qq[(l+1)*stride] = c0, c1
		l += 2
	}
	if l < w {
		var a, b, c float64
		for i := l; i < len(p); i += w {
			u, v := p[i], q[i]
			a += float64(u * v)
			b += float64(u * u)
			c += float64(v * v)
		}
		pq[l*stride], pp[l*stride], qq[l*stride] = a, b, c
	}
}

func put4(s []float64, stride int, v0, v1, v2, v3 float64) {
	s[0], s[stride], s[2*stride], s[3*stride] = v0, v1, v2, v3
}

// PanelDot sets rz to the sum of r∘z of each of the w columns.
func PanelDot(r, z []float64, w int, rz []float64, stride int) {
	z = z[:len(r)]
	l := panelDotStrips(r, z, w, rz, stride)
	for ; l+4 <= w; l += 4 {
		var s0, s1, s2, s3 float64
		for i := l; i+4 <= len(r); i += w {
			u, v := (*[4]float64)(r[i:]), (*[4]float64)(z[i:])
			s0 += float64(u[0] * v[0])
			s1 += float64(u[1] * v[1])
			s2 += float64(u[2] * v[2])
			s3 += float64(u[3] * v[3])
		}
		put4(rz[l*stride:], stride, s0, s1, s2, s3)
	}
	for ; l < w; l++ {
		s := 0.0
		for i := l; i < len(r); i += w {
			s += float64(r[i] * z[i])
		}
		rz[l*stride] = s
	}
}

// PanelSubAxpyNorm subtracts a[l]·q from column l of r and sets rr to the sums
// of squares of the columns.
func PanelSubAxpyNorm(r, a, q []float64, w int, rr []float64, stride int) {
	q = q[:len(r)]
	l := panelSubStrips(r, a, q, w, rr, stride)
	for ; l+4 <= w; l += 4 {
		a0, a1, a2, a3 := a[l], a[l+1], a[l+2], a[l+3]
		var s0, s1, s2, s3 float64
		for i := l; i+4 <= len(r); i += w {
			u, v := (*[4]float64)(r[i:]), (*[4]float64)(q[i:])
			u[0] -= float64(a0 * v[0])
			u[1] -= float64(a1 * v[1])
			u[2] -= float64(a2 * v[2])
			u[3] -= float64(a3 * v[3])
			s0 += float64(u[0] * u[0])
			s1 += float64(u[1] * u[1])
			s2 += float64(u[2] * u[2])
			s3 += float64(u[3] * u[3])
		}
		put4(rr[l*stride:], stride, s0, s1, s2, s3)
	}
	if l+2 <= w {
		a0, a1 := a[l], a[l+1]
		var s0, s1 float64
		for i := l; i+2 <= len(r); i += w {
			u, v := (*[2]float64)(r[i:]), (*[2]float64)(q[i:])
			u[0] -= float64(a0 * v[0])
			u[1] -= float64(a1 * v[1])
			s0 += float64(u[0] * u[0])
			s1 += float64(u[1] * u[1])
		}
		rr[l*stride], rr[(l+1)*stride] = s0, s1
		l += 2
	}
	if l < w {
		al, s := a[l], 0.0
		for i := l; i < len(r); i += w {
			v := r[i] - float64(al*q[i])
			r[i] = v
			s += float64(v * v)
		}
		rr[l*stride] = s
	}
}

// PanelSubAxpyNormDiag is PanelSubAxpyNorm that also sets rdr to the sums of
// D·r∘r, where D = diag(d) and row i of the panel goes with d[i].
func PanelSubAxpyNormDiag(r, a, q, d []float64, w int, rr, rdr []float64, stride int) {
	q = q[:len(r)]
	l := panelSubDiagStrips(r, a, q, d, w, rr, rdr, stride)
	for ; l+4 <= w; l += 4 {
		a0, a1, a2, a3 := a[l], a[l+1], a[l+2], a[l+3]
		var s0, s1, s2, s3, t0, t1, t2, t3 float64
		i := l
		for _, di := range d {
			u, v := (*[4]float64)(r[i:]), (*[4]float64)(q[i:])
			u[0] -= float64(a0 * v[0])
			u[1] -= float64(a1 * v[1])
			u[2] -= float64(a2 * v[2])
			u[3] -= float64(a3 * v[3])
			s0 += float64(u[0] * u[0])
			s1 += float64(u[1] * u[1])
			s2 += float64(u[2] * u[2])
			s3 += float64(u[3] * u[3])
			t0 += float64(u[0] * (di * u[0]))
			t1 += float64(u[1] * (di * u[1]))
			t2 += float64(u[2] * (di * u[2]))
			t3 += float64(u[3] * (di * u[3]))
			i += w
		}
		put4(rr[l*stride:], stride, s0, s1, s2, s3)
		put4(rdr[l*stride:], stride, t0, t1, t2, t3)
	}
	for ; l < w; l++ {
		al, s, t := a[l], 0.0, 0.0
		i := l
		for _, di := range d {
			v := r[i] - float64(al*q[i])
			r[i] = v
			s += float64(v * v)
			t += float64(v * (di * v))
			i += w
		}
		rr[l*stride], rdr[l*stride] = s, t
	}
}

// PanelStepDirection adds a[l]·p to column cols[l] of the panel x of k columns,
// and then sets column l of p to r + b[l]·p.
func PanelStepDirection(x []float64, k int, cols []int, p, a, r, b []float64, w int) {
	r = r[:len(p)]
	for l := 0; l < w; {
		if n := panelStepStrip(x, k, cols, p, a, r, nil, b, w, l); n > 0 {
			l += n
			continue
		}
		if l+4 <= w && cols[l+3] == cols[l]+3 { // neighbours in x too
			a0, a1, a2, a3 := a[l], a[l+1], a[l+2], a[l+3]
			b0, b1, b2, b3 := b[l], b[l+1], b[l+2], b[l+3]
			j := cols[l]
			for i := l; i+4 <= len(p); i += w {
				u, v, y := (*[4]float64)(p[i:]), (*[4]float64)(r[i:]), (*[4]float64)(x[j:])
				p0, p1, p2, p3 := u[0], u[1], u[2], u[3]
				y[0] += float64(a0 * p0)
				y[1] += float64(a1 * p1)
				y[2] += float64(a2 * p2)
				y[3] += float64(a3 * p3)
				u[0] = v[0] + float64(b0*p0)
				u[1] = v[1] + float64(b1*p1)
				u[2] = v[2] + float64(b2*p2)
				u[3] = v[3] + float64(b3*p3)
				j += k
			}
			l += 4
			continue
		}
		al, bl, j := a[l], b[l], cols[l]
		for i := l; i < len(p); i += w {
			u := p[i]
			x[j] += float64(al * u)
			p[i] = r[i] + float64(bl*u)
			j += k
		}
		l++
	}
}

// PanelStepDirectionDiag is PanelStepDirection with D·r in place of r.
func PanelStepDirectionDiag(x []float64, k int, cols []int, p, a, r, d, b []float64, w int) {
	r = r[:len(p)]
	for l := 0; l < w; {
		if n := panelStepStrip(x, k, cols, p, a, r, d, b, w, l); n > 0 {
			l += n
			continue
		}
		if l+4 <= w && cols[l+3] == cols[l]+3 {
			a0, a1, a2, a3 := a[l], a[l+1], a[l+2], a[l+3]
			b0, b1, b2, b3 := b[l], b[l+1], b[l+2], b[l+3]
			i, j := l, cols[l]
			for _, di := range d {
				u, v, y := (*[4]float64)(p[i:]), (*[4]float64)(r[i:]), (*[4]float64)(x[j:])
				p0, p1, p2, p3 := u[0], u[1], u[2], u[3]
				y[0] += float64(a0 * p0)
				y[1] += float64(a1 * p1)
				y[2] += float64(a2 * p2)
				y[3] += float64(a3 * p3)
				u[0] = float64(di*v[0]) + float64(b0*p0)
				u[1] = float64(di*v[1]) + float64(b1*p1)
				u[2] = float64(di*v[2]) + float64(b2*p2)
				u[3] = float64(di*v[3]) + float64(b3*p3)
				i += w
				j += k
			}
			l += 4
			continue
		}
		al, bl, i, j := a[l], b[l], l, cols[l]
		for _, di := range d {
			u := p[i]
			x[j] += float64(al * u)
			p[i] = float64(di*r[i]) + float64(bl*u)
			i += w
			j += k
		}
		l++
	}
}

// Gather sets v to column l of the panel x of k columns.
func Gather(v, x []float64, k, l int) {
	for i := range v {
		v[i] = x[l]
		l += k
	}
}

// Scatter sets column l of the panel x of k columns to v.
func Scatter(x, v []float64, k, l int) {
	for _, u := range v {
		x[l] = u
		l += k
	}
}

// GatherColumns sets the panel v to the columns cols of the panel x of k columns.
func GatherColumns(v, x []float64, k int, cols []int) {
	to := 0
	for i := 0; i < len(x); i += k {
		for _, l := range cols {
			v[to] = x[i+l]
			to++
		}
	}
}

// ScatterColumns sets the columns cols of the panel x of k columns to those of the panel
// v, but for those that are negative.
func ScatterColumns(x, v []float64, k int, cols []int) {
	from := 0
	for i := 0; i < len(x); i += k {
		for _, l := range cols {
			if l >= 0 {
				x[i+l] = v[from]
			}
			from++
		}
	}
}

// Compact keeps the columns keep, in increasing order, of the panel x of n rows
// and w columns, in place: they become a panel of len(keep) columns.
func Compact(x []float64, n, w int, keep []int) {
	to := 0
	for i := range n {
		row := x[i*w : i*w+w]
		for _, l := range keep {
			x[to] = row[l]
			to++
		}
	}
}
