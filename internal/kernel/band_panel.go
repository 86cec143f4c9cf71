package kernel

// ForwardBandPanel substitutes forwards in a row of points of a grid, each a row of w
// columns of the panel v in single precision, in place:
//
//	v[j] −= Σ_b c[(b−1)·pitch+j]·v[j−b]      b = r … 1, j = 0, 1, …
//
// with products fused with the difference, in this order. Points outside v count as
// zero. Where there is assembly it takes numbers without a normal form, below 1e-38, as
// zero.
func ForwardBandPanel(v []float32, w int, c []float32, pitch, r int) {
	if n := len(v) / w; n > 0 {
		bandPanel(v[:n*w], w, c[:(r-1)*pitch+n], pitch, r, false)
	}
}

// BackwardBandPanel is [ForwardBandPanel] from the last point to the first:
//
//	v[j] −= Σ_b c[(b−1)·pitch+j+b]·v[j+b]    b = r … 1, j = n−1, n−2, …
func BackwardBandPanel(v []float32, w int, c []float32, pitch, r int) {
	if n := len(v) / w; n > 0 {
		bandPanel(v[:n*w], w, c[:(r-1)*pitch+n+r], pitch, r, true)
	}
}

func bandPanel(v []float32, w int, c []float32, pitch, r int, back bool) {
	first := bandStripsFrom(len(v)/w, r)
	bandPlain(v, w, c, pitch, r, back, first)
	bandStrips(v, w, c, pitch, r, back, first)
}

// bandPlain does the first count points in the order of substitution.
func bandPlain(v []float32, w int, c []float32, pitch, r int, back bool, count int) {
	n := len(v) / w
	for t := range count {
		j, at, near, next := t, t, -1, pitch
		if back {
			j, at, near, next = n-1-t, n-t, 1, pitch+1
		}
		for b := r; b > 0; b-- {
			f := -c[at+(b-1)*next]
			for l := range w {
				u := float32(0)
				if b <= t {
					u = v[(j+b*near)*w+l]
				}
				v[j*w+l] = fmaSingle(f, u, v[j*w+l])
			}
		}
	}
}

// ScaleRowsPanel multiplies row j of the panel v of w columns by d[j].
func ScaleRowsPanel(v []float32, w int, d []float32) {
	v = v[:len(d)*w]
	if scaleRowsStrips(v, w, d) {
		return
	}
	for j, f := range d {
		row := v[j*w : j*w+w]
		for l, u := range row {
			row[l] = f * u
		}
	}
}
