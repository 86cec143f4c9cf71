package kernel

// Panels are k vectors stored row by row: element i of vector l is x[i*k+l].
//
// A panel of n rows and w columns is also one of n/g rows, groups of g rows of it, and
// g·w lanes, but for the last rows: lane e is column e mod w of row e/w of its
// group. With one, two or four rows, registers of four lanes divide a group without
// remainder, so that no width is slow, and the sums of a column are g that do not wait
// for each other: those over the first rows of the groups, over the second ones and so
// on, added in this order, and then what the last rows have, one by one. Strips of eight,
// four or, where a group does have a remainder, one lane skip over the others, which is
// free as long as the rows of one call stay in the first-level cache. Sums come out in
// column l at index l*stride.

// lanes says what the lanes of a strip are.
type lanes struct {
	row  [8][2]int32 // 2r and 2r+1 for row r of the group, as VPERMPS takes the halves of an element
	step int         // the bytes of as many elements of a vector
}

// groupRows returns how many rows of w columns are a group: as few as divide into strips of
// four lanes, and for two and four columns so many that they fill a strip of eight. Of
// more than 16 columns the one to three that are left over matter less than the many strips of
// a group of four rows.
func groupRows(w int) int {
	switch {
	case w > 4 && w%4 == 0 || w > 16:
		return 1
	case w%2 == 0 && w > 2:
		return 2
	}
	return 4
}

// groups returns the number of groups in a panel of w columns, and the lanes of a group.
func groups(elements, w int) (n, g int) {
	if w == 0 {
		return 0, 0
	}
	g = w * groupRows(w)
	return elements / g, g
}

// set makes t the lanes from l on, the first of which is in column c.
func (t *lanes) set(l, c, w int) {
	t.step = 8 * groupRows(w)
	r := int32(uint32(l) / uint32(w))
	for i := range t.row {
		t.row[i] = [2]int32{2 * r, 2*r + 1}
		if c++; c == w {
			r, c = r+1, 0
		}
	}
}

// repeat returns the elements of a that go with the lanes from column c on.
func repeat(a []float64, c int) (to [8]float64) {
	if c+8 <= len(a) {
		return [8]float64(a[c:])
	}
	for i := range to {
		to[i] = a[c]
		if c++; c == len(a) {
			c = 0
		}
	}
	return to
}

// fold takes the sums of the lanes from l on, the first of which is in column c: those of
// the first row of a group set the sum of a column, and those that come later are added.
func fold(to []float64, stride int, sums []float64, l, c, w int) {
	if l+len(sums) <= w {
		for i, v := range sums {
			to[(c+i)*stride] = v
		}
		return
	}
	for i, v := range sums {
		if l+i < w {
			to[c*stride] = v
		} else {
			to[c*stride] += v
		}
		if c++; c == w {
			c = 0
		}
	}
}

// column returns the column of the lane n after one in column c.
func column(c, n, w int) int {
	for c += n; c >= w; c -= w {
	}
	return c
}

// zero sets the sums of w columns to zero.
func zero(to []float64, stride, w int) {
	for l := range w {
		to[l*stride] = 0
	}
}

// PanelDots3 sets pq, pp and qq to the sums of p∘q, p∘p and q∘q of each of the w
// columns.
func PanelDots3(p, q []float64, w int, pq, pp, qq []float64, stride int) {
	q = q[:len(p)]
	n, g := groups(len(p), w)
	if n == 0 {
		zero(pq, stride, w)
		zero(pp, stride, w)
		zero(qq, stride, w)
	} else {
		var sums [24]float64
		for l, c, m := 0, 0, 0; l < g; l, c = l+m, column(c, m, w) {
			m = panelDots3(p[l:n*g], q[l:n*g], g, n, &sums)
			fold(pq, stride, sums[:m], l, c, w)
			fold(pp, stride, sums[m:2*m], l, c, w)
			fold(qq, stride, sums[2*m:3*m], l, c, w)
		}
	}
	for i := n * g; i < len(p); i += w {
		for l, u := range p[i : i+w] {
			v := q[i+l]
			pq[l*stride] += float64(u * v)
			pp[l*stride] += float64(u * u)
			qq[l*stride] += float64(v * v)
		}
	}
}

// PanelDot sets rz to the sum of r∘z of each of the w columns.
func PanelDot(r, z []float64, w int, rz []float64, stride int) {
	z = z[:len(r)]
	n, g := groups(len(r), w)
	if n == 0 {
		zero(rz, stride, w)
	} else {
		var sums [8]float64
		for l, c, m := 0, 0, 0; l < g; l, c = l+m, column(c, m, w) {
			m = panelDot(r[l:n*g], z[l:n*g], g, n, &sums)
			fold(rz, stride, sums[:m], l, c, w)
		}
	}
	for i := n * g; i < len(r); i += w {
		for l, u := range r[i : i+w] {
			rz[l*stride] += float64(u * z[i+l])
		}
	}
}

// PanelSubAxpyNorm subtracts a[l]·q from column l of r and sets rr to the sums
// of squares of the columns.
func PanelSubAxpyNorm(r, a, q []float64, w int, rr []float64, stride int) {
	q, a = q[:len(r)], a[:w]
	n, g := groups(len(r), w)
	if n == 0 {
		zero(rr, stride, w)
	} else {
		var sums [8]float64
		for l, c, m := 0, 0, 0; l < g; l, c = l+m, column(c, m, w) {
			as := repeat(a, c)
			m = panelSub(r[l:n*g], &as, q[l:n*g], g, n, &sums)
			fold(rr, stride, sums[:m], l, c, w)
		}
	}
	for i := n * g; i < len(r); i += w {
		for l, al := range a {
			v := r[i+l] - float64(al*q[i+l])
			r[i+l] = v
			rr[l*stride] += float64(v * v)
		}
	}
}

// PanelSubAxpyNormDiag is PanelSubAxpyNorm that also sets rdr to the sums of
// D·r∘r, where D = diag(d) and row i of the panel goes with d[i].
func PanelSubAxpyNormDiag(r, a, q, d []float64, w int, rr, rdr []float64, stride int) {
	q, a = q[:len(r)], a[:w]
	n, g := groups(len(r), w)
	if n == 0 {
		zero(rr, stride, w)
		zero(rdr, stride, w)
	} else {
		var sums [16]float64
		var t lanes
		for l, c, m := 0, 0, 0; l < g; l, c = l+m, column(c, m, w) {
			as := repeat(a, c)
			t.set(l, c, w)
			m = panelSubDiag(r[l:n*g], &as, q[l:n*g], d[:n*g/w], &t, g, n, &sums)
			fold(rr, stride, sums[:m], l, c, w)
			fold(rdr, stride, sums[m:2*m], l, c, w)
		}
		d = d[n*g/w:]
	}
	for i := n * g; i < len(r); i += w {
		di := d[0]
		d = d[1:]
		for l, al := range a {
			v := r[i+l] - float64(al*q[i+l])
			r[i+l] = v
			rr[l*stride] += float64(v * v)
			rdr[l*stride] += float64(v * (di * v))
		}
	}
}

// PanelStepDirection adds a[l]·p to column cols[l] of the panel x of k columns,
// and then sets column l of p to r + b[l]·p.
func PanelStepDirection(x []float64, k int, cols []int, p, a, r, b []float64, w int) {
	panelStepDirection(x, k, cols, p, a, r, nil, b, w)
}

// PanelStepDirectionDiag is PanelStepDirection with D·r in place of r.
func PanelStepDirectionDiag(x []float64, k int, cols []int, p, a, r, d, b []float64, w int) {
	if len(p) > 0 {
		panelStepDirection(x, k, cols, p, a, r, d[:len(p)/w], b, w)
	}
}

// panelStepDirection is both; d may be nil.
func panelStepDirection(x []float64, k int, cols []int, p, a, r, d, b []float64, w int) {
	r, a, b = r[:len(p)], a[:w], b[:w]
	var t lanes
	if n, g := groups(len(p), w); w == k && n > 0 && g%4 == 0 { // x is as p is
		for l, c, m := 0, 0, 0; l < g; l, c = l+m, column(c, m, w) {
			as, bs := repeat(a, c), repeat(b, c)
			t.set(l, c, w)
			m = panelStep(x[l:n*g], p[l:n*g], &as, r[l:n*g], d, &bs, &t, g, g, n, g-l)
		}
		x, p, r = x[n*g:], p[n*g:], r[n*g:]
		if d != nil {
			d = d[n*g/w:]
		}
	}
	if len(p) == 0 {
		return
	}
	rows := len(p) / w
	for l := 0; l < w; {
		beside := 1 // columns that are neighbours in x too
		for beside < 8 && l+beside < w && cols[l+beside] == cols[l]+beside {
			beside++
		}
		j := cols[l]
		if beside >= 4 {
			as, bs := repeat(a, l), repeat(b, l)
			t.set(0, 0, 8)
			l += panelStep(x[j:], p[l:], &as, r[l:], d, &bs, &t, k, w, rows, beside)
			continue
		}
		al, bl := a[l], b[l]
		if d == nil {
			for i := l; i < len(p); i += w {
				u := p[i]
				x[j] += float64(al * u)
				p[i] = r[i] + float64(bl*u)
				j += k
			}
		} else {
			i := l
			for _, di := range d[:rows] {
				u := p[i]
				x[j] += float64(al * u)
				p[i] = float64(di*r[i]) + float64(bl*u)
				i += w
				j += k
			}
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

// Interleave sets rows lo … hi-1 of the panel x of k columns to f times those of the k vectors
// that are one after the other in v, each of length n.
func Interleave(x, v []float64, n, k int, f float64, lo, hi int) {
	const tile = 256 // rows, so that k of them stay in the first cache
	for ; lo < hi; lo += tile {
		end := min(lo+tile, hi)
		for l := range k {
			at := lo*k + l
			for _, u := range v[l*n+lo : l*n+end] {
				x[at] = f * u
				at += k
			}
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
