//go:build !purego

package kernel

import "math"

//go:noescape
func addProductsPanelDouble8(out, val *float64, at *int, x *float64, shift *int, terms, stride, rows int, sign float64)

//go:noescape
func addProductsPanelDouble4(out, val *float64, at *int, x *float64, shift *int, terms, stride, rows int, sign float64)

//go:noescape
func addProductsPanelDouble2(out, val *float64, at *int, x *float64, shift *int, terms, stride, rows int, sign float64)

//go:noescape
func addProductsPanelDouble1(out, val *float64, at *int, x *float64, shift *int, terms, stride, rows int, sign float64)

// addProductsPanelDouble is addProductsPanel in double precision.
func addProductsPanelDouble(out []float64, w int, val []float64, at []int, x []float64, shift []int, subtract bool) (l int) {
	if !useFMA {
		return 0
	}
	sign := 0.0
	if subtract {
		sign = math.Copysign(0, -1)
	}
	for l < w {
		f, n := addProductsPanelDouble1, 1
		switch {
		case useWide && w-l >= 8:
			f, n = addProductsPanelDouble8, 8
		case w-l >= 4:
			f, n = addProductsPanelDouble4, 4
		case w-l >= 2:
			f, n = addProductsPanelDouble2, 2
		}
		f(&out[l], &val[0], &at[0], &x[l], &shift[0], len(at), 8*w, len(out)/w, sign)
		l += n
	}
	return l
}
