//go:build !purego

package kernel

// The loops of band_panel_amd64.h, for strips of 8, 4, 2 and 1 columns. Moves are
// in bytes, from a point to the next in the order of substitution.
//
// bandPanel… does rows points from v on, where c is the coefficient of distance r, and next
// from one distance to the one below; r points before v have been done. band2Panel… is for r = 2
// and begins at the end of the row.

//go:noescape
func bandPanel8(v, c *float32, rows, r, move, moveC, next int)

//go:noescape
func bandPanel4(v, c *float32, rows, r, move, moveC, next int)

//go:noescape
func bandPanel2(v, c *float32, rows, r, move, moveC, next int)

//go:noescape
func bandPanel1(v, c *float32, rows, r, move, moveC, next int)

//go:noescape
func band2Panel8(v, near, far *float32, rows, move, moveC int)

//go:noescape
func band2Panel4(v, near, far *float32, rows, move, moveC int)

//go:noescape
func band2Panel2(v, near, far *float32, rows, move, moveC int)

//go:noescape
func band2Panel1(v, near, far *float32, rows, move, moveC int)

//go:noescape
func scaleRowsPanel8(v, d *float32, rows, stride int)

//go:noescape
func scaleRowsPanel4(v, d *float32, rows, stride int)

//go:noescape
func scaleRowsPanel2(v, d *float32, rows, stride int)

//go:noescape
func scaleRowsPanel1(v, d *float32, rows, stride int)

// narrowStrip is [strip] down to single columns.
func narrowStrip(l, w int) int {
	n := 8
	for l+n > w {
		n /= 2
	}
	return n
}

// bandStripsFrom returns how many of n points the plain loop does before bandStrips goes on.
func bandStripsFrom(n, r int) int {
	switch {
	case !useFMA || n < r:
		return n
	case r == 2:
		return 0
	}
	return r
}

// bandStrips does the points from the given one on. The slices are as long as
// [ForwardBandPanel] and [BackwardBandPanel] have made them.
func bandStrips(v []float32, w int, c []float32, pitch, r int, back bool, first int) {
	n := len(v) / w
	if first == n {
		return
	}
	// Of the first point, and from there to the next.
	row, at, next, move, moveC := first, first, -4*pitch, 4*w, 4
	if back {
		row = n - 1 - first
		at, next, move, moveC = row+1, next-4, -move, -moveC
	}
	for l := 0; l < w; {
		s := narrowStrip(l, w)
		p, q, to := &c[at-(r-1)*next/4], &c[at], &v[row*w+l]
		switch {
		case r == 2 && s == 8:
			band2Panel8(to, q, p, n, move, moveC)
		case r == 2 && s == 4:
			band2Panel4(to, q, p, n, move, moveC)
		case r == 2 && s == 2:
			band2Panel2(to, q, p, n, move, moveC)
		case r == 2:
			band2Panel1(to, q, p, n, move, moveC)
		case s == 8:
			bandPanel8(to, p, n-first, r, move, moveC, next)
		case s == 4:
			bandPanel4(to, p, n-first, r, move, moveC, next)
		case s == 2:
			bandPanel2(to, p, n-first, r, move, moveC, next)
		default:
			bandPanel1(to, p, n-first, r, move, moveC, next)
		}
		l += s
	}
}

// scaleRowsStrips is ScaleRowsPanel for a panel of as many rows as d.
func scaleRowsStrips(v []float32, w int, d []float32) bool {
	if !useFMA || len(d) == 0 {
		return false
	}
	for l := 0; l < w; {
		s := narrowStrip(l, w)
		switch s {
		case 8:
			scaleRowsPanel8(&v[l], &d[0], len(d), 4*w)
		case 4:
			scaleRowsPanel4(&v[l], &d[0], len(d), 4*w)
		case 2:
			scaleRowsPanel2(&v[l], &d[0], len(d), 4*w)
		default:
			scaleRowsPanel1(&v[l], &d[0], len(d), 4*w)
		}
		l += s
	}
	return true
}
