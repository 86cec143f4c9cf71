package kernel

// Banks of 3×3 filters, one row of positions at a time.
//
// A position (i, j) is a place where a filter fits inside the image; its window
// is rows i … i+2 and columns j … j+2. The response of filter f there is the
// convolution
//
//	t(i,j) = Σ_{a,b} f[3a+b] · y(i+2−a, j+2−b)
//
// The responses of all K filters at one position lie next to each other: a row
// of m positions is a panel t of m·K values. The adjoint adds Fᵀu to the three
// image rows of the window, m+2 values each.

// DCTFilters is the number of filters of the 3×3 DCT-II bank without the
// constant one.
const DCTFilters = 8

// The one-dimensional DCT-II basis of length 3 is (1,1,1)/√3, (1,0,−1)/√2 and
// (1,−2,1)/√6; dctUV is the product of the factors for vertical frequency U and
// horizontal frequency V.
const (
	dct01 = 0.40824829046386301637 // 1/√6
	dct02 = 0.23570226039551584147 // 1/√18
	dct11 = 0.5                    // 1/√4
	dct12 = 0.28867513459481288225 // 1/√12
	dct22 = 0.16666666666666666667 // 1/√36
)

// DCT3 returns the bank: eight orthonormal filters in row-major order of
// (vertical, horizontal) frequency, (0,1), (0,2), (1,0), …, (2,2).
func DCT3() [][9]float64 {
	basis := [3][3]float64{{1, 1, 1}, {1, 0, -1}, {1, -2, 1}}
	factor := [3][3]float64{{0, dct01, dct02}, {dct01, dct11, dct12}, {dct02, dct12, dct22}}
	var bank [][9]float64
	for u := range 3 {
		for v := range 3 {
			if u == 0 && v == 0 {
				continue
			}
			var f [9]float64
			for a := range 3 {
				for b := range 3 {
					f[3*a+b] = factor[u][v] * basis[u][a] * basis[v][b]
				}
			}
			bank = append(bank, f)
		}
	}
	return bank
}

// DCT3Responses sets t, m·8 values, to the responses of the DCT bank at the m
// positions whose windows are in the image rows r0, r1, r2 of length m+2. The
// filters are products of a vertical and a horizontal one, so that all eight
// take some thirty operations per position instead of 136.
func DCT3Responses(t, r0, r1, r2 []float64) {
	m := len(r0) - 2
	if m <= 0 {
		return
	}
	x0, y0, z0 := dctColumn(r0[0], r1[0], r2[0])
	x1, y1, z1 := dctColumn(r0[1], r1[1], r2[1])
	r0, r1, r2 = r0[2:], r1[2:], r2[2:]
	r1, r2 = r1[:len(r0)], r2[:len(r0)]
	t = t[:8*len(r0)]
	for j := range r0 {
		x2, y2, z2 := dctColumn(r0[j], r1[j], r2[j])
		ex, ey, ez := x0+x2, y0+y2, z0+z2
		if len(t) < 8 {
			return // never: tells the compiler that the stores are in range
		}
		t[0] = dct01 * (x2 - x0)
		t[1] = dct02 * (ex - 2*x1)
		t[2] = dct01 * (ey + y1)
		t[3] = dct11 * (y2 - y0)
		t[4] = dct12 * (ey - 2*y1)
		t[5] = dct02 * (ez + z1)
		t[6] = dct12 * (z2 - z0)
		t[7] = dct22 * (ez - 2*z1)
		t = t[8:]
		x0, y0, z0 = x1, y1, z1
		x1, y1, z1 = x2, y2, z2
	}
}

// dctColumn is the unscaled vertical transform of one column of a window.
func dctColumn(a, b, c float64) (s0, s1, s2 float64) {
	e := a + c
	return e + b, c - a, e - 2*b
}

// DCT3Adjoint adds Fᵀu to the image rows o0, o1, o2 of length m+2 for the panel
// u of m·8 values.
func DCT3Adjoint(o0, o1, o2, u []float64) {
	m := len(o0) - 2
	if m <= 0 {
		return
	}
	o1, o2 = o1[:len(o0)], o2[:len(o0)]
	// Position j adds a, b, c to columns j, j+1, j+2 of the horizontal
	// transforms of the three vertical frequencies.
	var b0, b1, b2, c0, c1, c2, d0, d1, d2 float64 // b of j−1, c of j−1, c of j−2
	u = u[:8*m]
	for j := 0; j < m; j++ {
		if len(u) < 8 {
			return // never
		}
		u01, u02 := dct01*u[0], dct02*u[1]
		u10, u11, u12 := dct01*u[2], dct11*u[3], dct12*u[4]
		u20, u21, u22 := dct02*u[5], dct12*u[6], dct22*u[7]
		u = u[8:]
		e1, e2 := u10+u12, u20+u22
		s0 := (u02 - u01) + b0 + d0
		s1 := (e1 - u11) + b1 + d1
		s2 := (e2 - u21) + b2 + d2
		d0, d1, d2 = c0, c1, c2
		b0, b1, b2 = -2*u02, u10-2*u12, u20-2*u22
		c0, c1, c2 = u01+u02, e1+u11, e2+u21
		e := s0 + s2
		o0[j] += e - s1
		o1[j] += s0 - 2*s2
		o2[j] += e + s1
	}
	addColumn(o0, o1, o2, m, b0+d0, b1+d1, b2+d2)
	addColumn(o0, o1, o2, m+1, c0, c1, c2)
}

// addColumn is the adjoint of dctColumn, added to column j.
func addColumn(o0, o1, o2 []float64, j int, s0, s1, s2 float64) {
	o0[j] += s0 + s2 - s1
	o1[j] += s0 - 2*s2
	o2[j] += s0 + s2 + s1
}

// Conv3Responses is DCT3Responses for any bank of filters.
func Conv3Responses(bank [][9]float64, t, r0, r1, r2 []float64) {
	k := len(bank)
	m := len(r0) - 2
	r1, r2 = r1[:len(r0)], r2[:len(r0)]
	for j := 0; j < m; j++ {
		y0, y1, y2 := r0[j], r0[j+1], r0[j+2]
		y3, y4, y5 := r1[j], r1[j+1], r1[j+2]
		y6, y7, y8 := r2[j], r2[j+1], r2[j+2]
		out := t[j*k : j*k+k]
		for l := range out {
			f := &bank[l]
			out[l] = (f[8]*y0 + f[7]*y1 + f[6]*y2) + (f[5]*y3 + f[4]*y4 + f[3]*y5) + (f[2]*y6 + f[1]*y7 + f[0]*y8)
		}
	}
}

// Conv3Adjoint is DCT3Adjoint for any bank of filters.
func Conv3Adjoint(bank [][9]float64, o0, o1, o2, u []float64) {
	k := len(bank)
	m := len(o0) - 2
	o1, o2 = o1[:len(o0)], o2[:len(o0)]
	// s1 and s2 hold what earlier positions add to columns j and j+1, so that
	// each column is stored once.
	var p0, p1, p2, q0, q1, q2 float64
	for j := 0; j < m; j++ {
		var g0, g1, g2, g3, g4, g5, g6, g7, g8 float64
		for l, v := range u[j*k : j*k+k] {
			f := &bank[l]
			g0 += f[0] * v
			g1 += f[1] * v
			g2 += f[2] * v
			g3 += f[3] * v
			g4 += f[4] * v
			g5 += f[5] * v
			g6 += f[6] * v
			g7 += f[7] * v
			g8 += f[8] * v
		}
		o0[j] += p0 + g8
		o1[j] += p1 + g5
		o2[j] += p2 + g2
		p0, p1, p2 = q0+g7, q1+g4, q2+g1
		q0, q1, q2 = g6, g3, g0
	}
	if m > 0 {
		o0[m] += p0
		o1[m] += p1
		o2[m] += p2
		o0[m+1] += q0
		o1[m+1] += q1
		o2[m+1] += q2
	}
}
