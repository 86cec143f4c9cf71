//go:build !purego

package kernel

import "unsafe"

//go:noescape
func frequentDots64(t, x *float64, row *uint16, length *int32, rows int, col *uint16, val *float64)

//go:noescape
func frequentDots32(t, x *float64, row *uint16, length *int32, rows int, col *uint16, val *float32)

//go:noescape
func frequentDots1(t, x *float64, row *uint16, length *int32, rows int, col *uint16)

//go:noescape
func frequentScatter64(s, u *float64, row *uint16, length *int32, rows int, col *uint16, val *float64)

//go:noescape
func frequentScatter32(s, u *float64, row *uint16, length *int32, rows int, col *uint16, val *float32)

//go:noescape
func frequentScatter1(s, u *float64, row *uint16, length *int32, rows int, col *uint16)

//go:noescape
func addEntries64(y, x *float64, yi, xi *uint16, n int, val *float64)

//go:noescape
func addEntries32(y, x *float64, yi, xi *uint16, n int, val *float32)

//go:noescape
func addEntries1(y, x *float64, yi, xi *uint16, n int)

// FrequentDots adds to t[row[l]] the product of line l with x. Line l has the next
// length[l] entries of col and val. Lengths and rows must be those of a valid
// matrix: they are not checked again.
func FrequentDots[V Value](t []float64, x *Frequent, row []uint16, length []int32, col []uint16, val []V) {
	if !useAVX2 {
		frequentDotsPlain(t, x, row, length, col, val)
		return
	}
	tp, xp, rp, lp, cp := unsafe.SliceData(t), &x[0], unsafe.SliceData(row), unsafe.SliceData(length), unsafe.SliceData(col)
	switch v := any(val).(type) {
	case []float64:
		frequentDots64(tp, xp, rp, lp, len(row), cp, unsafe.SliceData(v))
	case []float32:
		if v == nil {
			frequentDots1(tp, xp, rp, lp, len(row), cp)
		} else {
			frequentDots32(tp, xp, rp, lp, len(row), cp, unsafe.SliceData(v))
		}
	}
}

// FrequentScatter adds Σ_l u[row[l]]·(line l) to s; see [FrequentDots].
func FrequentScatter[V Value](s *Frequent, u []float64, row []uint16, length []int32, col []uint16, val []V) {
	if !useAVX2 {
		frequentScatterPlain(s, u, row, length, col, val)
		return
	}
	sp, up, rp, lp, cp := &s[0], unsafe.SliceData(u), unsafe.SliceData(row), unsafe.SliceData(length), unsafe.SliceData(col)
	switch v := any(val).(type) {
	case []float64:
		frequentScatter64(sp, up, rp, lp, len(row), cp, unsafe.SliceData(v))
	case []float32:
		if v == nil {
			frequentScatter1(sp, up, rp, lp, len(row), cp)
		} else {
			frequentScatter32(sp, up, rp, lp, len(row), cp, unsafe.SliceData(v))
		}
	}
}

// AddEntries adds val[k]·x[xi[k]] to y[yi[k]] for all k in turn. The indices must
// be those of a valid matrix: they are not checked again.
func AddEntries[V Value](y, x []float64, yi, xi []uint16, val []V) {
	if !useAVX2 {
		addEntriesPlain(y, x, yi, xi, val)
		return
	}
	yp, xp, ip, jp := unsafe.SliceData(y), unsafe.SliceData(x), unsafe.SliceData(yi), unsafe.SliceData(xi)
	switch v := any(val).(type) {
	case []float64:
		addEntries64(yp, xp, ip, jp, len(yi), unsafe.SliceData(v))
	case []float32:
		if v == nil {
			addEntries1(yp, xp, ip, jp, len(yi))
		} else {
			addEntries32(yp, xp, ip, jp, len(yi), unsafe.SliceData(v))
		}
	}
}
