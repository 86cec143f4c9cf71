//go:build !purego

package kernel

import "math"

//go:noescape
func addProductsPanel16(out, val *float32, at *int, x *float32, shift *int, terms, stride, rows int, sign float32)

//go:noescape
func addProductsPanel8(out, val *float32, at *int, x *float32, shift *int, terms, stride, rows int, sign float32)

//go:noescape
func addProductsPanel4(out, val *float32, at *int, x *float32, shift *int, terms, stride, rows int, sign float32)

//go:noescape
func addProductsPanel2(out, val *float32, at *int, x *float32, shift *int, terms, stride, rows int, sign float32)

//go:noescape
func addProductsPacked8(out, val *float32, at *int, x *float32, shift *int, terms, blocks int, sign float32)

//go:noescape
func addProductsPacked4(out, val *float32, at *int, x *float32, shift *int, terms, blocks int, sign float32)

//go:noescape
func addProductsPacked2(out, val *float32, at *int, x *float32, shift *int, terms, blocks int, sign float32)

// addProductsPanel does the first columns and returns how many. There is at least one
// row and one term.
func addProductsPanel(out []float32, w int, val []float32, at []int, x []float32, shift []int, subtract bool) (l int) {
	if !useFMA {
		return 0
	}
	terms, rows, done, sign := len(at), len(out)/w, 0, float32(0)
	if subtract {
		sign = float32(math.Copysign(0, -1))
	}
	if blocks := rows / 16; useWide && blocks > 0 {
		packed := addProductsPacked8
		switch w {
		case 4:
			packed = addProductsPacked4
		case 2:
			packed = addProductsPacked2
		case 8:
		default:
			blocks = 0
		}
		if blocks > 0 {
			packed(&out[0], &val[0], &at[0], &x[0], &shift[0], terms, blocks, sign)
			if done = 16 * blocks; done == rows {
				return w
			}
		}
	}
	for w-l >= 2 {
		f, n := addProductsPanel2, 2
		switch {
		case useWide && w-l >= 16:
			f, n = addProductsPanel16, 16
		case w-l >= 8:
			f, n = addProductsPanel8, 8
		case w-l >= 4:
			f, n = addProductsPanel4, 4
		}
		first := done*w + l
		f(&out[first], &val[done], &at[0], &x[first], &shift[0], terms, 4*w, rows-done, sign)
		l += n
	}
	return l
}
