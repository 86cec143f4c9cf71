package kernel

import "math"

// dotPlain is the plain twin of [Dot]. The conversions keep the compiler from
// fusing a product with a sum, which would give other bits.
func dotPlain(x, y []float64) float64 {
	y = y[:len(x)]
	var s0, s1, s2, s3 float64
	for len(x) >= 4 && len(y) >= 4 {
		s0 += float64(x[0] * y[0])
		s1 += float64(x[1] * y[1])
		s2 += float64(x[2] * y[2])
		s3 += float64(x[3] * y[3])
		x, y = x[4:], y[4:]
	}
	for i, v := range x {
		s0 += float64(v * y[i])
	}
	return (s0 + s1) + (s2 + s3)
}

// dots2Plain is the plain twin of [Dots2].
func dots2Plain(x, y []float64) (xy, yy float64) {
	y = y[:len(x)]
	var a0, a1, a2, a3, c0, c1, c2, c3 float64
	for len(x) >= 4 && len(y) >= 4 {
		v0, v1, v2, v3 := y[0], y[1], y[2], y[3]
		a0 += float64(x[0] * v0)
		a1 += float64(x[1] * v1)
		a2 += float64(x[2] * v2)
		a3 += float64(x[3] * v3)
		c0 += float64(v0 * v0)
		c1 += float64(v1 * v1)
		c2 += float64(v2 * v2)
		c3 += float64(v3 * v3)
		x, y = x[4:], y[4:]
	}
	for i, u := range x {
		v := y[i]
		a0 += float64(u * v)
		c0 += float64(v * v)
	}
	return (a0 + a1) + (a2 + a3), (c0 + c1) + (c2 + c3)
}

// SumSquaresScaled returns Σ (c·x_i)². It adds in the order of Dot, so that for
// a power of two it is c²·xᵀx to the last bit.
func SumSquaresScaled(x []float64, c float64) float64 {
	var s0, s1, s2, s3 float64
	for len(x) >= 4 {
		v0, v1, v2, v3 := c*x[0], c*x[1], c*x[2], c*x[3]
		s0 += v0 * v0
		s1 += v1 * v1
		s2 += v2 * v2
		s3 += v3 * v3
		x = x[4:]
	}
	for _, v := range x {
		s0 += (c * v) * (c * v)
	}
	return (s0 + s1) + (s2 + s3)
}

// MaxAbs returns max |x_i|, or NaN if there is one among them.
func MaxAbs(x []float64) float64 {
	m := 0.0
	for _, v := range x {
		v = math.Abs(v)
		if !(v <= m) { // also true for NaN, which then stays: v <= NaN is false
			if math.IsNaN(v) {
				return v
			}
			m = v
		}
	}
	return m
}

// Axpy adds a·x to y.
func Axpy(y []float64, a float64, x []float64) {
	x = x[:len(y)]
	done := axpy(y, a, x)
	axpyPlain(y[done:], a, x[done:])
}

func axpyPlain(y []float64, a float64, x []float64) {
	for i, v := range x {
		y[i] += a * v
	}
}

// Axpby sets y = a·x + b·y.
func Axpby(y []float64, a float64, x []float64, b float64) {
	x = x[:len(y)]
	for i, v := range x {
		y[i] = a*v + b*y[i]
	}
}

// ScaleTo sets y = a·x.
func ScaleTo(y []float64, a float64, x []float64) {
	x = x[:len(y)]
	for i, v := range x {
		y[i] = a * v
	}
}

// MulTo sets z = x∘y, element by element.
func MulTo(z, x, y []float64) {
	x, y = x[:len(z)], y[:len(z)]
	for i, v := range x {
		z[i] = v * y[i]
	}
}

// SubScaled sets r = c·b − q and returns rᵀr. r may be q.
func SubScaled(r []float64, c float64, b, q []float64) (rr float64) {
	b, q = b[:len(r)], q[:len(r)]
	var s0, s1 float64
	i := 0
	for ; i+1 < len(r); i += 2 {
		u := c*b[i] - q[i]
		v := c*b[i+1] - q[i+1]
		r[i], r[i+1] = u, v
		s0 += u * u
		s1 += v * v
	}
	if i < len(r) {
		u := c*b[i] - q[i]
		r[i] = u
		s0 += u * u
	}
	return s0 + s1
}
