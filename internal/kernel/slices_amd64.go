//go:build !purego

package kernel

import "unsafe"

//go:noescape
func slices64(dst, x *float64, length *uint32, slices int, order *uint8, col *int32, val *float64, rowPtr *int, entries int) (valid bool)

//go:noescape
func slices32(dst, x *float64, length *uint32, slices int, order *uint8, col *int32, val *float32, rowPtr *int, entries int) (valid bool)

// window is [Slices.windowPlain] by assembly. What it reads was checked when s was
// made, but for the row pointers.
func (s *Slices[V]) window(dst, x []float64, rowPtr []int, order []uint8, length []uint32, col []int32, val []V) {
	if !useAVX2 || len(length) == 0 {
		s.windowPlain(dst, x, rowPtr, order, length, col, val)
		return
	}
	dst, rowPtr = dst[:len(order)], rowPtr[:len(order)+1]
	xp, cp := unsafe.SliceData(x), unsafe.SliceData(col)
	valid := true
	switch v := any(val).(type) {
	case []float64:
		valid = slices64(&dst[0], xp, &length[0], len(length), &order[0], cp, unsafe.SliceData(v), &rowPtr[0], len(val))
	case []float32:
		valid = slices32(&dst[0], xp, &length[0], len(length), &order[0], cp, unsafe.SliceData(v), &rowPtr[0], len(val))
	}
	if !valid {
		panic("kernel: a row pointer of a sparse matrix has changed")
	}
}
