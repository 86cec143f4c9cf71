//go:build !purego

package kernel

// The loops of band_panel_amd64.h, for strips of 16, 8, 4, 2 and 1 columns. Moves are in
// bytes, from a point to the next in the order of substitution.
//
// bandPanel… does points from v on: c is the coefficient of distance r, next leads from one
// distance to the one below, and r points before v have been done. band2Panel… is for r = 2 and
// begins at the end of the row.

//go:noescape
func bandPanel16(v, c *float32, rows, r, move, moveC, next int)

//go:noescape
func bandPanel8(v, c *float32, rows, r, move, moveC, next int)

//go:noescape
func bandPanel4(v, c *float32, rows, r, move, moveC, next int)

//go:noescape
func bandPanel2(v, c *float32, rows, r, move, moveC, next int)

//go:noescape
func bandPanel1(v, c *float32, rows, r, move, moveC, next int)

//go:noescape
func band2Panel16(v, near, far *float32, rows, move, moveC int)

//go:noescape
func band2Panel8(v, near, far *float32, rows, move, moveC int)

//go:noescape
func band2Panel4(v, near, far *float32, rows, move, moveC int)

//go:noescape
func band2Panel2(v, near, far *float32, rows, move, moveC int)

//go:noescape
func band2Panel1(v, near, far *float32, rows, move, moveC int)

//go:noescape
func scaleRowsPanel16(v, d *float32, rows, stride int)

//go:noescape
func scaleRowsPanel8(v, d *float32, rows, stride int)

//go:noescape
func scaleRowsPanel4(v, d *float32, rows, stride int)

//go:noescape
func scaleRowsPanel2(v, d *float32, rows, stride int)

//go:noescape
func scaleRowsPanel1(v, d *float32, rows, stride int)

// narrowStrip is [strip] from sixteen columns, where registers hold so many, down to one.
func narrowStrip(l, w int) int {
	n := 8
	if useWide {
		n = 16
	}
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
	// The first point, its coefficient of distance 1, and from there to the next.
	row, at, next, move, moveC := first, first, -pitch, 4*w, 4
	if back {
		row = n - 1 - first
		at, next, move, moveC = row+1, next-1, -move, -moveC
	}
	far := &c[at-(r-1)*next]
	for l := 0; l < w; {
		s := narrowStrip(l, w)
		if r == 2 {
			band2Strip(s, &v[row*w+l], &c[at], far, n, move, moveC)
		} else {
			bandStrip(s, &v[row*w+l], far, n-first, r, move, moveC, 4*next)
		}
		l += s
	}
}

func bandStrip(w int, v, c *float32, rows, r, move, moveC, next int) {
	switch w {
	case 16:
		bandPanel16(v, c, rows, r, move, moveC, next)
	case 8:
		bandPanel8(v, c, rows, r, move, moveC, next)
	case 4:
		bandPanel4(v, c, rows, r, move, moveC, next)
	case 2:
		bandPanel2(v, c, rows, r, move, moveC, next)
	default:
		bandPanel1(v, c, rows, r, move, moveC, next)
	}
}

func band2Strip(w int, v, near, far *float32, rows, move, moveC int) {
	switch w {
	case 16:
		band2Panel16(v, near, far, rows, move, moveC)
	case 8:
		band2Panel8(v, near, far, rows, move, moveC)
	case 4:
		band2Panel4(v, near, far, rows, move, moveC)
	case 2:
		band2Panel2(v, near, far, rows, move, moveC)
	default:
		band2Panel1(v, near, far, rows, move, moveC)
	}
}

// scaleRowsStrips is [ScaleRowsPanel] for a panel of as many rows as d.
func scaleRowsStrips(v []float32, w int, d []float32) bool {
	if !useFMA || len(d) == 0 {
		return false
	}
	for l := 0; l < w; {
		s := narrowStrip(l, w)
		switch to := &v[l]; s {
		case 16:
			scaleRowsPanel16(to, &d[0], len(d), 4*w)
		case 8:
			scaleRowsPanel8(to, &d[0], len(d), 4*w)
		case 4:
			scaleRowsPanel4(to, &d[0], len(d), 4*w)
		case 2:
			scaleRowsPanel2(to, &d[0], len(d), 4*w)
		default:
			scaleRowsPanel1(to, &d[0], len(d), 4*w)
		}
		l += s
	}
	return true
}
