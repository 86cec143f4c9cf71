package kernel

// Banks of 3×3 filters, one row of positions at a time.
//
// A position (i, j) is a place where a filter fits inside the image; its window
// is rows i … i+2 and columns j … j+2. The response of filter f there is the
// convolution
//
//	t(i,j) = Σ_{a,b} f[3a+b] · y(i+2−a, j+2−b)
//
// The responses of filter k at a row of m positions are a plane, t[k·stride:][:m].
// The adjoint adds Fᵀu to the three image rows of the window, m+2 values each; its
// planes have Margin zeros before and after the m values, so that every column is
// the same sum: u[k·stride+Margin+j] belongs to position j.

// Margin is the number of zeros on both sides of a plane that an adjoint reads, for
// filters of 3×3.
const Margin = 2

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

// dct3 is DCT(3): with these factors its filters have the bits of the kernels.
func dct3() (bank []float64) {
	basis := [3][3]float64{{1, 1, 1}, {1, 0, -1}, {1, -2, 1}}
	factor := [3][3]float64{{0, dct01, dct02}, {dct01, dct11, dct12}, {dct02, dct12, dct22}}
	for u := range 3 {
		for v := range 3 {
			if u == 0 && v == 0 {
				continue
			}
			for a := range 3 {
				for b := range 3 {
					bank = append(bank, factor[u][v]*basis[u][a]*basis[v][b])
				}
			}
		}
	}
	return bank
}

// DCT3Responses sets the eight planes of t to the responses of the DCT bank at the
// m positions whose windows are in the image rows r0, r1, r2 of length m+2. The
// filters are products of a vertical and a horizontal one, so that all eight
// take some thirty operations per position instead of 136.
func DCT3Responses(t []float64, stride int, r0, r1, r2 []float64) {
	m := len(r0) - 2
	if m <= 0 {
		return
	}
	r1, r2, t = r1[:len(r0)], r2[:len(r0)], t[:7*stride+m]
	done := dct3Responses(t, stride, r0, r1, r2)
	dct3ResponsesPlain(t[done:], stride, r0[done:], r1[done:], r2[done:])
}

func dct3ResponsesPlain(t []float64, stride int, r0, r1, r2 []float64) {
	m := len(r0) - 2
	if m <= 0 {
		return
	}
	p := func(k int) []float64 { return t[k*stride:][:m] }
	t0, t1, t2, t3, t4, t5, t6, t7 := p(0), p(1), p(2), p(3), p(4), p(5), p(6), p(7)
	x0, y0, z0 := dctColumn(r0[0], r1[0], r2[0])
	x1, y1, z1 := dctColumn(r0[1], r1[1], r2[1])
	r0, r1, r2 = r0[2:], r1[2:], r2[2:]
	for j := range t0 {
		x2, y2, z2 := dctColumn(r0[j], r1[j], r2[j])
		ex, ey, ez := x0+x2, y0+y2, z0+z2
		t0[j] = dct01 * (x2 - x0)
		t1[j] = dct02 * (ex - 2*x1)
		t2[j] = dct01 * (ey + y1)
		t3[j] = dct11 * (y2 - y0)
		t4[j] = dct12 * (ey - 2*y1)
		t5[j] = dct02 * (ez + z1)
		t6[j] = dct12 * (z2 - z0)
		t7[j] = dct22 * (ez - 2*z1)
		x0, y0, z0 = x1, y1, z1
		x1, y1, z1 = x2, y2, z2
	}
}

// dctColumn is the unscaled vertical transform of one column of a window.
func dctColumn(a, b, c float64) (s0, s1, s2 float64) {
	e := a + c
	return e + b, c - a, e - 2*b
}

// DCT3Adjoint adds Fᵀu to the image rows o0, o1, o2 of length m+2 for eight planes
// u of m values with their margins.
func DCT3Adjoint(o0, o1, o2, u []float64, stride int) {
	if len(o0) <= 2 {
		return
	}
	o1, o2, u = o1[:len(o0)], o2[:len(o0)], u[:7*stride+len(o0)+Margin]
	done := dct3Adjoint(o0, o1, o2, u, stride)
	dct3AdjointPlain(o0[done:], o1[done:], o2[done:], u[done:], stride)
}

func dct3AdjointPlain(o0, o1, o2, u []float64, stride int) {
	// u[j], u[j+1] and u[j+2] are what positions j−2, j−1 and j say.
	p := func(k int) []float64 { return u[k*stride:][:len(o0)+Margin] }
	u0, u1, u2, u3, u4, u5, u6, u7 := p(0), p(1), p(2), p(3), p(4), p(5), p(6), p(7)
	for j := range o0 {
		s0 := dct01*(u0[j]-u0[j+2]) + dct02*((u1[j]+u1[j+2])-2*u1[j+1])
		s1 := dct01*((u2[j]+u2[j+2])+u2[j+1]) + dct11*(u3[j]-u3[j+2]) + dct12*((u4[j]+u4[j+2])-2*u4[j+1])
		s2 := dct02*((u5[j]+u5[j+2])+u5[j+1]) + dct12*(u6[j]-u6[j+2]) + dct22*((u7[j]+u7[j+2])-2*u7[j+1])
		e := s0 + s2
		o0[j] += e - s1
		o1[j] += s0 - 2*s2
		o2[j] += e + s1
	}
}

// Conv3Responses is DCT3Responses for any bank, nine numbers per filter.
func Conv3Responses(bank []float64, t []float64, stride int, r0, r1, r2 []float64) {
	m := len(r0) - 2
	if m <= 0 {
		return
	}
	r1, r2 = r1[:len(r0)], r2[:len(r0)]
	for k := range len(bank) / 9 {
		f, p := (*[9]float64)(bank[9*k:]), t[k*stride:][:m]
		done := conv3Responses(f, p, r0, r1, r2)
		conv3ResponsesPlain(f, p[done:], r0[done:], r1[done:], r2[done:])
	}
}

func conv3ResponsesPlain(f *[9]float64, t, r0, r1, r2 []float64) {
	for j := range t {
		t[j] = (f[8]*r0[j] + f[7]*r0[j+1] + f[6]*r0[j+2]) + (f[5]*r1[j] + f[4]*r1[j+1] + f[3]*r1[j+2]) + (f[2]*r2[j] + f[1]*r2[j+1] + f[0]*r2[j+2])
	}
}

// Conv3Adjoint is DCT3Adjoint for any bank, nine numbers per filter.
func Conv3Adjoint(bank []float64, o0, o1, o2, u []float64, stride int) {
	if len(o0) <= 2 {
		return
	}
	o1, o2 = o1[:len(o0)], o2[:len(o0)]
	for k := range len(bank) / 9 {
		f, p := (*[9]float64)(bank[9*k:]), u[k*stride:][:len(o0)+Margin]
		done := conv3Adjoint(f, o0, o1, o2, p)
		conv3AdjointPlain(f, o0[done:], o1[done:], o2[done:], p[done:])
	}
}

func conv3AdjointPlain(f *[9]float64, o0, o1, o2, u []float64) {
	for j := range o0 {
		a, b, c := u[j+2], u[j+1], u[j]
		o0[j] += f[8]*a + f[7]*b + f[6]*c
		o1[j] += f[5]*a + f[4]*b + f[3]*c
		o2[j] += f[2]*a + f[1]*b + f[0]*c
	}
}
