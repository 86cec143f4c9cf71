package kernel

// A Value is a stored entry of a sparse matrix; sums are in float64.
type Value interface{ float32 | float64 }

// csrRowsPlain is the plain twin of [CSRRows]. The conversions keep the compiler from
// fusing: all kernels for rows give the same bits.
func csrRowsPlain[V Value](dst, x []float64, rowPtr []int, col []int32, val []V, lo, hi int) {
	p := rowPtr[lo]
	ends := rowPtr[lo+1 : hi+1]
	out := dst[lo:hi]
	out = out[:len(ends)]
	for i, q := range ends {
		cs := col[p:q]
		vs := val[p:q:q]
		vs = vs[:len(cs)]
		var s0, s1 float64
		for len(cs) >= 2 && len(vs) >= 2 {
			s0 += float64(float64(vs[0]) * x[cs[0]])
			s1 += float64(float64(vs[1]) * x[cs[1]])
			cs, vs = cs[2:], vs[2:]
		}
		for k, c := range cs {
			s0 += float64(float64(vs[k]) * x[c])
		}
		out[i] = s0 + s1
		p = q
	}
}
