//go:build !purego

package kernel

import "unsafe"

// The loops of substitute_panel_amd64.h, for strips of 16, 8, 4, 2 and 1 columns.
//
// Those of substituteEight… and substituteOne… do count times eight points, or one, in the
// direction dir, 1 or −1: v, src, d, val, x, near and far belong to the first point of the first
// eight; d counts if scaled is 1; terms is in bytes of at; s1 and s2 are the two points done before.
// Those of bandPanel… do rows points from v on: c is the coefficient of distance r, next leads from
// one distance to the one below, and r points before v have been done. Moves are in
// bytes, from a point to the next.

//go:noescape
func substituteEight16(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)

//go:noescape
func substituteEight8(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)

//go:noescape
func substituteEight4(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)

//go:noescape
func substituteEight2(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)

//go:noescape
func substituteEight1(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)

//go:noescape
func substituteOne16(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)

//go:noescape
func substituteOne8(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)

//go:noescape
func substituteOne4(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)

//go:noescape
func substituteOne2(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)

//go:noescape
func substituteOne1(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)

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

// zeroPoint stands for the points outside a row.
var zeroPoint [16]float32

// substituteFives is Substitute for a reach of 2, where the couplings with each other row
// are five, with points that follow each other.
func (p *PanelRow) substituteFives(lo, hi int) bool {
	if !useFMA || p.Reach != 2 || len(p.At)%5 != 0 {
		return false
	}
	shift, w, count := p.Shift[:len(p.At)], p.W, hi-lo
	for e, a := range p.At {
		s := shift[e]
		if a < 0 || a+count > len(p.Val) || s < 0 || s+count*w > len(p.X) {
			panic("kernel: a coupling of a substitution is outside its matrix or panel")
		}
		if e%5 > 0 && s != shift[e-1]+w {
			return false
		}
	}
	for l := 0; l < w; {
		s := narrowStrip(l, w)
		eight, one := substituteEight8, substituteOne8
		switch s {
		case 16:
			eight, one = substituteEight16, substituteOne16
		case 4:
			eight, one = substituteEight4, substituteOne4
		case 2:
			eight, one = substituteEight2, substituteOne2
		case 1:
			eight, one = substituteEight1, substituteOne1
		}
		if many := count / 8; many == 0 {
		} else if p.Back {
			p.fives(eight, l, lo, hi-8, 8, many)
		} else {
			p.fives(eight, l, lo, lo, 8, many)
		}
		if few := count % 8; few == 0 {
		} else if p.Back {
			p.fives(one, l, lo, lo+few-1, 1, few)
		} else {
			p.fives(one, l, lo, hi-few, 1, few)
		}
		l += s
	}
	return true
}

// fives has f do count times so many points from point j on, and from column l. Val and
// X are those of point lo.
func (p *PanelRow) fives(f func(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int), l, lo, j, points, count int) {
	w, dir, before := p.W, 1, j-1
	if p.Back {
		dir, before = -1, j+points
	}
	src, d, scaled := p.V, &zeroPoint[0], 0
	if p.Src != nil {
		src = p.Src
	}
	if p.D != nil {
		d, scaled = &p.D[j], 1
	}
	val, x := &zeroPoint[0], &zeroPoint[0]
	if len(p.At) > 0 {
		val, x = &p.Val[j-lo], &p.X[(j-lo)*w+l]
	}
	at, next, _ := p.coupling(j)
	f(&p.V[j*w+l], &src[j*w+l], d, val, unsafe.SliceData(p.At), x, unsafe.SliceData(p.Shift), 8*len(p.At),
		&p.C[at], &p.C[at+next], p.point(before, l), p.point(before-dir, l), 4*w, count, scaled, dir)
}

// point returns column l of point j, which may be outside the row.
func (p *PanelRow) point(j, l int) *float32 {
	if j < 0 || (j+1)*p.W > len(p.V) {
		return &zeroPoint[0]
	}
	return &p.V[j*p.W+l]
}

// recurrenceStrips is recurrence for points that have Reach points before them.
func (p *PanelRow) recurrenceStrips(lo, hi int) {
	if !useFMA || lo >= hi {
		p.recurrence(lo, hi)
		return
	}
	j, move, moveC := lo, 4*p.W, 4
	if p.Back {
		j, move, moveC = hi-1, -move, -moveC
	}
	at, next, _ := p.coupling(j)
	far := &p.C[at+(p.Reach-1)*next]
	for l := 0; l < p.W; {
		s := narrowStrip(l, p.W)
		band := bandPanel8
		switch s {
		case 16:
			band = bandPanel16
		case 4:
			band = bandPanel4
		case 2:
			band = bandPanel2
		case 1:
			band = bandPanel1
		}
		band(&p.V[j*p.W+l], far, hi-lo, p.Reach, move, moveC, -4*next)
		l += s
	}
}

func scaleRowsStrips(v []float32, w int, d []float32) bool {
	if !useFMA || len(d) == 0 {
		return false
	}
	_ = v[len(d)*w-1]
	for l := 0; l < w; {
		s := narrowStrip(l, w)
		scale := scaleRowsPanel8
		switch s {
		case 16:
			scale = scaleRowsPanel16
		case 4:
			scale = scaleRowsPanel4
		case 2:
			scale = scaleRowsPanel2
		case 1:
			scale = scaleRowsPanel1
		}
		scale(&v[l], &d[0], len(d), 4*w)
		l += s
	}
	return true
}
