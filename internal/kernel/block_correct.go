package kernel

import "slices"

// Corrections of panels in single precision by the true residuals, which are in double
// precision.

// A PanelColumn says what a correction does with column Single of panels of w columns in
// single precision and column Double of panels of k in double precision: an element of
// the one stands for 1/Unit in the other, right-hand sides count Scale times, and Step of
// the direction is not in y yet.
type PanelColumn struct {
	Single, Double    int
	Scale, Unit, Step float64
}

// whole reports whether cols are all columns of panels that are equally wide, so that
// rows of eight columns can be taken at once, of narrower panels several together.
func whole(cols []PanelColumn, w, k int) bool {
	if len(cols) != w || w != k || w > 8 || 8%w != 0 {
		return false
	}
	for l, c := range cols {
		if c.Single != l || c.Double != l {
			return false
		}
	}
	return true
}

// PanelFlushSingle adds (y + Step·p)/Unit to x, column by column; where Step is zero p may
// be NaN.
func PanelFlushSingle(x []float64, k int, y, p []float32, w int, cols []PanelColumn) {
	p = p[:len(y)]
	done := 0
	stepless := func(c PanelColumn) bool { return c.Step == 0 }
	if whole(cols, w, k) && !slices.ContainsFunc(cols, stepless) {
		done = flushSingle(x, y, p, w, cols)
	}
	for _, c := range cols {
		f := 1 / c.Unit
		j := done/w*k + c.Double
		for i := done + c.Single; i < len(y); i += w {
			v := float64(y[i])
			if c.Step != 0 {
				v += float64(c.Step * float64(p[i]))
			}
			x[j] += float64(f * v)
			j += k
		}
	}
}

// PanelResidualSingle sets v = Scale·b − ax, where ax may be nil for zero, and r to Unit·v,
// column by column. rr[l·stride] for column Single = l is set to the sum of v∘v, rz and rp to
// those of r∘D·r and r∘p, as r is after rounding; d may be nil for ones.
func PanelResidualSingle(r, p, d []float32, w int, b, ax []float64, k int, cols []PanelColumn, rr, rz, rp []float64, stride int) {
	p = p[:len(r)]
	done := 0
	if (d == nil || w == 8) && ax != nil && whole(cols, w, k) {
		done = residualSingle(r, p, w, b, ax, cols, rr, rz, rp, stride)
		if d != nil { // the step of length zero sums up r∘D·r
			var zero [8]float32
			var norms, sums [8]float64
			PanelSubAxpyNormSingle(r[:done], zero[:], r[:done], d[:done/w], w, norms[:], sums[:], 1)
			for l, v := range sums {
				rz[l*stride] = v
			}
		}
	}
	for _, c := range cols {
		at := c.Single * stride
		if done == 0 {
			rr[at], rz[at], rp[at] = 0, 0, 0
		}
		row := done / w
		j := row*k + c.Double
		for i := done + c.Single; i < len(r); i += w {
			v := float64(c.Scale * b[j])
			if ax != nil {
				v -= ax[j]
			}
			j += k
			rr[at] += float64(v * v)
			u := float32(v * c.Unit)
			r[i] = u
			z := u
			if d != nil {
				z = float32(d[row] * u)
				row++
			}
			rz[at] += float64(float64(u) * float64(z))
			rp[at] += float64(float64(u) * float64(p[i]))
		}
	}
}

// PanelTurnSingle sets column l of p to c[l]·D·r + b[l]·p, or to D·r with a nil c; d may be
// nil for ones.
func PanelTurnSingle(p, r, d []float32, w int, c, b []float32) {
	r = r[:len(p)]
	row := 0
	if c != nil && d == nil && w <= 8 && 8%w == 0 {
		row = turnSingle(p, r, w, c, b) / w
	}
	for ; row*w < len(p); row++ {
		u, v := p[row*w:row*w+w], r[row*w:row*w+w]
		f := float32(1)
		if d != nil {
			f = d[row]
		}
		if c == nil {
			for l, v := range v {
				u[l] = f * v
			}
			continue
		}
		for l, v := range v {
			u[l] = float32(c[l]*float32(f*v)) + float32(b[l]*u[l])
		}
	}
}
