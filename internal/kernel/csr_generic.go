//go:build !amd64 || purego

package kernel

// CSRRows sets dst[i] = Σ val[k]·x[col[k]], k = rowPtr[i] … rowPtr[i+1]-1, for
// lo ≤ i < hi, the even and the odd entries of a row summed apart. A column or a row
// pointer out of range is a panic.
func CSRRows[V Value](dst, x []float64, rowPtr []int, col []int32, val []V, lo, hi int) {
	csrRowsPlain(dst, x, rowPtr, col, val, lo, hi)
}

func (s *Slices[V]) window(dst, x []float64, rowPtr []int, order []uint8, length []uint32, col []int32, val []V) {
	s.windowPlain(dst, x, rowPtr, order, length, col, val)
}
