package kernel

import "math"

// Kernels in single precision, for the inside of preconditioners: operators on
// images as in conv3.go, with weights of 16 bits and nothing else in them but sums.
// A weight is a bfloat16 number, the upper half of a float32: its range, and eight
// bits, so that a rounded weight is off by 2⁻⁹ of itself at most.

// Bfloat16 rounds v ≥ 0 to the nearest bfloat16 number. Values beyond the range
// become infinite; a NaN stays one.
func Bfloat16(v float64) uint16 {
	f := float32(v)
	if f != f {
		return 0x7fc0
	}
	b := math.Float32bits(f)
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// FromBfloat16 is the inverse of Bfloat16.
func FromBfloat16(w uint16) float32 { return math.Float32frombits(uint32(w) << 16) }

// WeightAt is where the weight of filter k at position j of a row is: eight
// positions of all eight filters are 128 bytes, so that a row is one stream through
// memory.
func WeightAt(j, k int) int { return j>>3*(8*DCTFilters) + 8*k + j&7 }

// WeightsOf is the number of weights of a row of m positions.
func WeightsOf(m int) int { return (m + 7) >> 3 * (8 * DCTFilters) }

// DCT3Square returns the squares of the factors of the DCT bank that
// [DCT3WeightedSingle] and [DCT3AdjointSingle] leave out.
func DCT3Square() [DCTFilters]float64 {
	return [DCTFilters]float64{1. / 6, 1. / 18, 1. / 6, 1. / 4, 1. / 12, 1. / 18, 1. / 12, 1. / 36}
}

// DCT3WeightedSingle is DCT3Responses in single precision without the factors of
// the filters, and multiplied by the weights w, that of filter k at position j being
// w[[WeightAt](j, k)].
func DCT3WeightedSingle(t []float32, stride int, r0, r1, r2 []float32, w []uint16) {
	m := len(r0) - 2
	if m <= 0 {
		return
	}
	r1, r2, t, w = r1[:len(r0)], r2[:len(r0)], t[:7*stride+m], w[:WeightsOf(m)]
	done := dct3WeightedSingle(t, stride, r0, r1, r2, w)
	dct3WeightedSinglePlain(t[done:], stride, r0[done:], r1[done:], r2[done:], w[WeightAt(done, 0):])
}

func dct3WeightedSinglePlain(t []float32, stride int, r0, r1, r2 []float32, w []uint16) {
	for j := range len(r0) - 2 {
		x0, y0, z0 := dctColumnSingle(r0[j], r1[j], r2[j])
		x1, y1, z1 := dctColumnSingle(r0[j+1], r1[j+1], r2[j+1])
		x2, y2, z2 := dctColumnSingle(r0[j+2], r1[j+2], r2[j+2])
		ex, ey, ez := x0+x2, y0+y2, z0+z2
		for k, v := range [DCTFilters]float32{x2 - x0, ex - (x1 + x1), ey + y1, y2 - y0, ey - (y1 + y1), ez + z1, z2 - z0, ez - (z1 + z1)} {
			t[k*stride+j] = v * FromBfloat16(w[WeightAt(j, k)])
		}
	}
}

func dctColumnSingle(a, b, c float32) (s0, s1, s2 float32) {
	e := a + c
	return e + b, c - a, e - (b + b)
}

// DCT3AdjointSingle is DCT3Adjoint in single precision without the factors of the
// filters.
func DCT3AdjointSingle(o0, o1, o2, u []float32, stride int) {
	if len(o0) <= 2 {
		return
	}
	o1, o2, u = o1[:len(o0)], o2[:len(o0)], u[:7*stride+len(o0)+Margin]
	done := dct3AdjointSingle(o0, o1, o2, u, stride)
	dct3AdjointSinglePlain(o0[done:], o1[done:], o2[done:], u[done:], stride)
}

func dct3AdjointSinglePlain(o0, o1, o2, u []float32, stride int) {
	p := func(k int) []float32 { return u[k*stride:][:len(o0)+Margin] }
	u0, u1, u2, u3, u4, u5, u6, u7 := p(0), p(1), p(2), p(3), p(4), p(5), p(6), p(7)
	for j := range o0 {
		s0 := (u0[j] - u0[j+2]) + ((u1[j] + u1[j+2]) - (u1[j+1] + u1[j+1]))
		s1 := (((u2[j] + u2[j+2]) + u2[j+1]) + (u3[j] - u3[j+2])) + ((u4[j] + u4[j+2]) - (u4[j+1] + u4[j+1]))
		s2 := (((u5[j] + u5[j+2]) + u5[j+1]) + (u6[j] - u6[j+2])) + ((u7[j] + u7[j+2]) - (u7[j+1] + u7[j+1]))
		e := s0 + s2
		o0[j] += e - s1
		o1[j] += s0 - (s2 + s2)
		o2[j] += e + s1
	}
}

// Conv3WeightedSingle is Conv3Responses in single precision, multiplied by the
// weights.
func Conv3WeightedSingle(bank [][9]float32, t []float32, stride int, r0, r1, r2 []float32, w []uint16) {
	m := len(r0) - 2
	if m <= 0 {
		return
	}
	r1, r2 = r1[:len(r0)], r2[:len(r0)]
	for k := range bank {
		f, p, v := &bank[k], t[k*stride:][:m], w[WeightAt(0, k):WeightsOf(m)]
		done := conv3WeightedSingle(f, p, r0, r1, r2, v)
		if done < m {
			conv3WeightedSinglePlain(f, p[done:], r0[done:], r1[done:], r2[done:], v[WeightAt(done, 0):])
		}
	}
}

// The conversions keep the compiler from fusing a product with a sum.
func conv3WeightedSinglePlain(f *[9]float32, t, r0, r1, r2 []float32, w []uint16) {
	for j := range t {
		a := (float32(f[8]*r0[j]) + float32(f[7]*r0[j+1])) + float32(f[6]*r0[j+2])
		b := (float32(f[5]*r1[j]) + float32(f[4]*r1[j+1])) + float32(f[3]*r1[j+2])
		c := (float32(f[2]*r2[j]) + float32(f[1]*r2[j+1])) + float32(f[0]*r2[j+2])
		t[j] = ((a + b) + c) * FromBfloat16(w[WeightAt(j, 0)])
	}
}

// Conv3AdjointSingle is Conv3Adjoint in single precision.
func Conv3AdjointSingle(bank [][9]float32, o0, o1, o2, u []float32, stride int) {
	if len(o0) <= 2 {
		return
	}
	o1, o2 = o1[:len(o0)], o2[:len(o0)]
	for k := range bank {
		f, p := &bank[k], u[k*stride:][:len(o0)+Margin]
		done := conv3AdjointSingle(f, o0, o1, o2, p)
		conv3AdjointSinglePlain(f, o0[done:], o1[done:], o2[done:], p[done:])
	}
}

func conv3AdjointSinglePlain(f *[9]float32, o0, o1, o2, u []float32) {
	for j := range o0 {
		a, b, c := u[j+2], u[j+1], u[j]
		o0[j] += (float32(f[8]*a) + float32(f[7]*b)) + float32(f[6]*c)
		o1[j] += (float32(f[5]*a) + float32(f[4]*b)) + float32(f[3]*c)
		o2[j] += (float32(f[2]*a) + float32(f[1]*b)) + float32(f[0]*c)
	}
}

// ChebyshevStepSingle sets out = in + c·(in − out) + f·d∘(b − q), a step of the
// Chebyshev iteration in single precision: q is A·in, and out holds the iterate
// before in.
func ChebyshevStepSingle(out, in, q, d, b []float32, c, f float32) {
	in, q, d, b = in[:len(out)], q[:len(out)], d[:len(out)], b[:len(out)]
	done := chebyshevStepSingle(out, in, q, d, b, c, f)
	for i := done; i < len(out); i++ {
		v := in[i]
		out[i] = (v + float32(c*(v-out[i]))) + float32(float32(f*d[i])*(b[i]-q[i]))
	}
}

// ScaleSingle sets y = a·y.
func ScaleSingle(y []float32, a float32) {
	for i := range y {
		y[i] *= a
	}
}

// AxpySingle adds a·x to y.
func AxpySingle(y []float32, a float32, x []float32) {
	x = x[:len(y)]
	done := axpySingle(y, a, x)
	for i := done; i < len(y); i++ {
		y[i] += float32(a * x[i])
	}
}
