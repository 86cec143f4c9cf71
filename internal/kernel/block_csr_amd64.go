//go:build !purego

package kernel

//go:noescape
func csrBlock8(dst, x *float64, stride int, rowPtr *int, col []int32, val *float64, rows, cols, near, tail int, mask *int64) (valid bool)

//go:noescape
func csrBlock7(dst, x *float64, stride int, rowPtr *int, col []int32, val *float64, rows, cols, near, tail int, mask *int64) (valid bool)

//go:noescape
func csrBlock4(dst, x *float64, stride int, rowPtr *int, col []int32, val *float64, rows, cols, near, tail int, mask *int64) (valid bool)

//go:noescape
func csrBlock3(dst, x *float64, stride int, rowPtr *int, col []int32, val *float64, rows, cols, near, tail int, mask *int64) (valid bool)

//go:noescape
func csrBlock2(dst, x *float64, stride int, rowPtr *int, col []int32, val *float64, rows, cols, near, tail int, mask *int64) (valid bool)

// Rows of x are fetched ahead, look entries (LOOK in block_csr_amd64.s) before they are needed, where x has at
// least fetchFrom elements, 16 MiB, and its columns may be all over it: with 28 and 100
// entries per row this takes 0.85 to 0.95 of the time at 20 MiB and more, but 1.05 to
// 1.15 below 10 MiB.
const (
	look      = 64
	fetchFrom = 1 << 21
)

// tails[3-n:] is the mask of the first n lanes of four.
var tails = [6]int64{-1, -1, -1}

func csrRowsBlock(dst, x []float64, k int, rowPtr []int, col []int32, val []float64, lo, hi int) bool {
	if !useAVX2 || lo >= hi || len(col) == 0 || len(x) < k || k == 0 {
		return false
	}
	rowPtr, val, dst = rowPtr[lo:hi+1], val[:len(col)], dst[lo*k:hi*k]
	near := -1 // no row ends there
	if len(x) >= fetchFrom {
		near = len(col) - look - 2
	}
	for l := 0; l < k; {
		f, n, tail := csrBlock8, 8, 0
		switch left := k - l; left {
		default:
		case 5, 6, 7:
			f, n, tail = csrBlock7, left, left-4
		case 4:
			f, n = csrBlock4, 4
		case 2:
			f, n = csrBlock2, 2
		case 1, 3:
			f, n, tail = csrBlock3, left, left
		}
		if !f(&dst[l], &x[l], 8*k, &rowPtr[0], col, &val[0], hi-lo, len(x)/k, near, tail, &tails[3-tail]) {
			panic("kernel: a column or row pointer of a sparse matrix is out of range")
		}
		l += n
	}
	return true
}
