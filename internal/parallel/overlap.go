package parallel

import "unsafe"

// Overlap reports whether two slices share memory between their lengths.
func Overlap(x, y []float64) bool {
	if len(x) == 0 || len(y) == 0 {
		return false
	}
	at := func(s []float64, i int) uintptr { return uintptr(unsafe.Pointer(&s[i])) }
	return at(x, 0) <= at(y, len(y)-1) && at(y, 0) <= at(x, len(x)-1)
}
