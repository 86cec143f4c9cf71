//go:build !purego

package kernel

import "unsafe"

//go:noescape
func blockDots64(t, x *float64, row *uint16, length *int32, rows int, col *uint16, val *float64)

//go:noescape
func blockScatter64(s, u *float64, row *uint16, length *int32, rows int, col *uint16, val *float64)

//go:noescape
func blockEntries64(y, x *float64, sy, sx int, yi, xi *uint16, n int, val *float64)

//go:noescape
func blockDots32(t, x *float64, row *uint16, length *int32, rows int, col *uint16, val *float32)

//go:noescape
func blockScatter32(s, u *float64, row *uint16, length *int32, rows int, col *uint16, val *float32)

//go:noescape
func blockEntries32(y, x *float64, sy, sx int, yi, xi *uint16, n int, val *float32)

//go:noescape
func blockDots1(t, x *float64, row *uint16, length *int32, rows int, col *uint16)

//go:noescape
func blockScatter1(s, u *float64, row *uint16, length *int32, rows int, col *uint16)

//go:noescape
func blockEntries1(y, x *float64, sy, sx int, yi, xi *uint16, n int)

// BlockDots is [FrequentDots] for four vectors: element i of t and x is the numbers
// 4i … 4i+3.
func BlockDots[V Value](t, x []float64, row []uint16, length []int32, col []uint16, val []V) {
	if !useAVX2 {
		blockDotsPlain(t, x, row, length, col, val)
		return
	}
	ap, bp, rp, lp, cp := unsafe.SliceData(t), unsafe.SliceData(x), unsafe.SliceData(row), unsafe.SliceData(length), unsafe.SliceData(col)
	switch v := any(val).(type) {
	case []float64:
		blockDots64(ap, bp, rp, lp, len(row), cp, unsafe.SliceData(v))
	case []float32:
		if v == nil {
			blockDots1(ap, bp, rp, lp, len(row), cp)
		} else {
			blockDots32(ap, bp, rp, lp, len(row), cp, unsafe.SliceData(v))
		}
	}
}

// BlockScatter is [FrequentScatter] for four vectors.
func BlockScatter[V Value](s, u []float64, row []uint16, length []int32, col []uint16, val []V) {
	if !useAVX2 {
		blockScatterPlain(s, u, row, length, col, val)
		return
	}
	ap, bp, rp, lp, cp := unsafe.SliceData(s), unsafe.SliceData(u), unsafe.SliceData(row), unsafe.SliceData(length), unsafe.SliceData(col)
	switch v := any(val).(type) {
	case []float64:
		blockScatter64(ap, bp, rp, lp, len(row), cp, unsafe.SliceData(v))
	case []float32:
		if v == nil {
			blockScatter1(ap, bp, rp, lp, len(row), cp)
		} else {
			blockScatter32(ap, bp, rp, lp, len(row), cp, unsafe.SliceData(v))
		}
	}
}

// BlockEntries is [AddEntries] for four vectors: element i of y is the numbers sy·i …
// sy·i+3, that of x begins at sx·i.
func BlockEntries[V Value](y, x []float64, sy, sx int, yi, xi []uint16, val []V) {
	if !useAVX2 {
		blockEntriesPlain(y, x, sy, sx, yi, xi, val)
		return
	}
	yp, xp, ip, jp := unsafe.SliceData(y), unsafe.SliceData(x), unsafe.SliceData(yi), unsafe.SliceData(xi)
	switch v := any(val).(type) {
	case []float64:
		blockEntries64(yp, xp, sy, sx, ip, jp, len(yi), unsafe.SliceData(v))
	case []float32:
		if v == nil {
			blockEntries1(yp, xp, sy, sx, ip, jp, len(yi))
		} else {
			blockEntries32(yp, xp, sy, sx, ip, jp, len(yi), unsafe.SliceData(v))
		}
	}
}
