package kernel

// CSRRowsBlock sets the k columns of rows lo … hi-1 of the row-major panel dst
// to A·x for the row-major panel x. Each row of the matrix comes from memory
// once for all k. The bits of a column are those of [CSRRows]: the even and the odd
// entries of a row are summed apart.
func CSRRowsBlock(dst, x []float64, k int, rowPtr []int, col []int32, val []float64, lo, hi int) {
	if csrRowsBlock(dst, x, k, rowPtr, col, val, lo, hi) {
		return
	}
	for i := lo; i < hi; i++ {
		p, q := rowPtr[i], rowPtr[i+1]
		cs, vs := col[p:q], val[p:q]
		vs = vs[:len(cs)]
		out := dst[i*k : i*k+k]
		l := 0
		for ; l+4 <= k; l += 4 {
			var s0, s1, s2, s3, t0, t1, t2, t3 float64
			j := 0
			for ; j+1 < len(cs); j += 2 {
				v, u := vs[j], (*[4]float64)(x[int(cs[j])*k+l:])
				s0 += float64(v * u[0])
				s1 += float64(v * u[1])
				s2 += float64(v * u[2])
				s3 += float64(v * u[3])
				v, u = vs[j+1], (*[4]float64)(x[int(cs[j+1])*k+l:])
				t0 += float64(v * u[0])
				t1 += float64(v * u[1])
				t2 += float64(v * u[2])
				t3 += float64(v * u[3])
			}
			if j < len(cs) {
				v, u := vs[j], (*[4]float64)(x[int(cs[j])*k+l:])
				s0 += float64(v * u[0])
				s1 += float64(v * u[1])
				s2 += float64(v * u[2])
				s3 += float64(v * u[3])
			}
			*(*[4]float64)(out[l:]) = [4]float64{s0 + t0, s1 + t1, s2 + t2, s3 + t3}
		}
		if l+2 <= k {
			var s0, s1, t0, t1 float64
			j := 0
			for ; j+1 < len(cs); j += 2 {
				v, u := vs[j], (*[2]float64)(x[int(cs[j])*k+l:])
				s0 += float64(v * u[0])
				s1 += float64(v * u[1])
				v, u = vs[j+1], (*[2]float64)(x[int(cs[j+1])*k+l:])
				t0 += float64(v * u[0])
				t1 += float64(v * u[1])
			}
			if j < len(cs) {
				v, u := vs[j], (*[2]float64)(x[int(cs[j])*k+l:])
				s0 += float64(v * u[0])
				s1 += float64(v * u[1])
			}
			*(*[2]float64)(out[l:]) = [2]float64{s0 + t0, s1 + t1}
			l += 2
		}
		if l < k {
			var s, t float64
			j := 0
			for ; j+1 < len(cs); j += 2 {
				s += float64(vs[j] * x[int(cs[j])*k+l])
				t += float64(vs[j+1] * x[int(cs[j+1])*k+l])
			}
			if j < len(cs) {
				s += float64(vs[j] * x[int(cs[j])*k+l])
			}
			out[l] = s + t
		}
	}
}
