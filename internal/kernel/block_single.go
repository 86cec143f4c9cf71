package kernel

import "math"

// Panels in single precision, for the solver that keeps its vectors in float32 and
// its sums in float64: element i of vector l is x[i*k+l]. The strips of eight columns
// of a panel whose width is a multiple of eight, and of four, are in registers. Where
// there is assembly it takes numbers of float32 without a normal form, below 1e-38,
// as zero.

// CSRRowsBlockSingle is [CSRRowsBlock] for panels in single precision, but for dst, which
// holds rows lo … hi-1 only. Sums are in double precision, of fused products, those of even
// and of odd entries of a row apart, rounded when they are stored. near
// says that the columns move along with the rows, so that the rows of x are in a cache.
func CSRRowsBlockSingle(dst, x []float32, k int, rowPtr []int, col []int32, val []float64, lo, hi int, near bool) {
	done := csrRowsBlockSingleStrips(dst, x, k, rowPtr, col, val, lo, hi, near)
	if done == k {
		return
	}
	for i := lo; i < hi; i++ {
		p, q := rowPtr[i], rowPtr[i+1]
		cs, vs := col[p:q], val[p:q]
		for l := done; l < k; l++ {
			var s [2]float64
			for j, c := range cs {
				s[j&1] = math.FMA(vs[j], float64(x[int(c)*k+l]), s[j&1])
			}
			dst[(i-lo)*k+l] = float32(s[0] + s[1])
		}
	}
}

// fmaSingle returns a·b + c, rounded once. The product is exact in double precision; the
// sum is rounded to odd there, so that the second rounding, to single precision, does what
// one would (S. Boldo, G. Melquiond, Emulation of FMA and correctly rounded sums: proved
// algorithms using rounding to odd, IEEE Trans. Comput. 57, 2008, doi:10.1109/TC.2007.70819).
func fmaSingle(a, b, c float32) float32 {
	p, d := float64(a)*float64(b), float64(c)
	s := p + d
	if math.IsInf(s, 0) || math.IsNaN(s) {
		return float32(s)
	}
	e := s - p
	lost := (p - (s - e)) + (d - e)
	if bits := math.Float64bits(s); lost != 0 && bits&1 == 0 {
		if (lost > 0) == (s > 0) {
			bits++
		} else {
			bits--
		}
		s = math.Float64frombits(bits)
	}
	return float32(s)
}

// PanelDotSingle is [PanelDot] in single precision, with sums in double precision.
func PanelDotSingle(r, z []float32, w int, rz []float64, stride int) {
	z = z[:len(r)]
	for l := panelDotSingleStrips(r, z, w, rz, stride); l < w; l++ {
		s := 0.0
		for i := l; i < len(r); i += w {
			s += float64(float64(r[i]) * float64(z[i]))
		}
		rz[l*stride] = s
	}
}

// PanelSubAxpyNormSingle is [PanelSubAxpyNorm], and with a diagonal d that is not nil
// [PanelSubAxpyNormDiag], in single precision, with sums in double precision.
func PanelSubAxpyNormSingle(r, a, q, d []float32, w int, rr, rdr []float64, stride int) {
	q = q[:len(r)]
	for l := panelSubSingleStrips(r, a, q, d, w, rr, rdr, stride); l < w; l++ {
		s, t, row := 0.0, 0.0, 0
		for i := l; i < len(r); i += w {
			v := r[i] - float32(a[l]*q[i])
			r[i] = v
			s += float64(float64(v) * float64(v))
			if d != nil {
				t += float64(float64(v) * float64(float32(d[row]*v)))
				row++
			}
		}
		rr[l*stride] = s
		if d != nil {
			rdr[l*stride] = t
		}
	}
}

// PanelStepDirectionSingle adds a[l]·p to column l of y and then sets column l of p to
// r + b[l]·p, or D·r + b[l]·p with a diagonal d that is not nil.
func PanelStepDirectionSingle(y, p, a, r, d, b []float32, w int) {
	y, r = y[:len(p)], r[:len(p)]
	for l := panelStepSingleStrips(y, p, a, r, d, b, w); l < w; l++ {
		row := 0
		for i := l; i < len(p); i += w {
			u, z := p[i], r[i]
			if d != nil {
				z = float32(d[row] * z)
				row++
			}
			y[i] += float32(a[l] * u)
			p[i] = z + float32(b[l]*u)
		}
	}
}
