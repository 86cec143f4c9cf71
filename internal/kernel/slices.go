package kernel

import (
	"math"
	"unsafe"
)

// SliceWindow is within how many rows [Slices] sorts: few enough that their results
// stay in the first-level cache while they are written in another order, and that a
// place among them is one byte.
const SliceWindow = 256

// Slices are stretches of rows of a sparse matrix as SELL-4-256: the rows of a
// window of [SliceWindow] in the order of their lengths, four of them a slice, whose
// entries are interleaved: the first ones of the four rows, the second ones, and so on
// (SELL-C-σ: Kreutzer, Hager, Wellein, Fehske & Bishop, SIAM J. Sci. Comput. 36,
// 2014, doi:10.1137/130930352). Other than there nothing is padded, for 0·Inf would be
// a NaN that the product does not have: what some rows of a slice have more than
// others follows row by row. It is a second copy of the entries, 4 bytes and a value
// each, and 2 bytes per row of the matrix.
//
// What it saves is wrong guesses where a row ends: where the length of short rows
// changes at random, products take 0.3 to 0.5 of the time of [CSRRows] in the second
// cache and 0.4 to 0.8 in the last one and from memory. Where it does not change
// they take 0.6 to 0.95 in the second cache, but as long as CSRRows in the last one, not worth a
// copy (BenchmarkCSRLayouts). Slices of eight rows were no faster than those of four.
type Slices[V Value] struct {
	cols   int      // 1 + the largest column
	start  []int    // of each window, in col and val
	order  []uint8  // of the rows of each window
	length []uint32 // of each slice, in entries per row; twice that, plus one if more follows
	col    []int32
	val    []V
}

// NewSlices returns room for the runs of kind RunUneven of a matrix, to be filled by
// [Slices.Fill] run by run.
func NewSlices[V Value](runs []Run, rowPtr []int, col []int32) *Slices[V] {
	rows := len(rowPtr) - 1
	s := &Slices[V]{start: make([]int, rows/SliceWindow+1), order: make([]uint8, rows), length: make([]uint32, rows/4)}
	begin, entries := 0, 0
	for _, r := range runs {
		end := int(r.End)
		if r.Kind == RunUneven {
			for w := begin; w < end; w += SliceWindow {
				s.start[w/SliceWindow] = entries + rowPtr[w] - rowPtr[begin]
			}
			entries += rowPtr[end] - rowPtr[begin]
			for _, c := range col[rowPtr[begin]:rowPtr[end]] {
				s.cols = max(s.cols, int(uint32(c))+1)
			}
		}
		begin = end
	}
	s.col, s.val = make([]int32, entries), make([]V, entries)
	return s
}

// Bytes returns the memory that s holds.
func (s *Slices[V]) Bytes() int64 {
	var v V
	return int64(len(s.val))*(4+int64(unsafe.Sizeof(v))) + int64(len(s.order)) + 4*int64(len(s.length)) + 8*int64(len(s.start))
}

// Fill sets the slices of rows lo … hi-1, a run of kind RunUneven or whole
// windows of it.
func (s *Slices[V]) Fill(rowPtr []int, col []int32, val []V, lo, hi int) {
	for ; lo < hi; lo += SliceWindow {
		order := s.order[lo:min(lo+SliceWindow, hi)]
		orderRows(order, rowPtr[lo:])
		to := s.start[lo/SliceWindow]
		for i := 0; i < len(order); i += 4 {
			var at, end [4]int
			common, longest := math.MaxInt, 0
			for j, r := range order[i : i+4] {
				at[j], end[j] = rowPtr[lo+int(r)], rowPtr[lo+int(r)+1]
				common, longest = min(common, end[j]-at[j]), max(longest, end[j]-at[j])
			}
			length := 2 * uint32(common)
			if longest > common {
				common &^= 1 // what follows begins with an even entry
				length = 2*uint32(common) + 1
			}
			s.length[(lo+i)/4] = length
			interleave(s.col[to:], col, at, common)
			interleave(s.val[to:], val, at, common)
			to += 4 * common
			for j := range at {
				at[j] += common
				copy(s.col[to:], col[at[j]:end[j]])
				to += copy(s.val[to:], val[at[j]:end[j]])
			}
		}
	}
}

// interleave sets dst[4k+j] = src[at[j]+k] for j < 4 and k < n.
func interleave[T int32 | float32 | float64](dst, src []T, at [4]int, n int) {
	a, b, c, d := src[at[0]:][:n], src[at[1]:][:n], src[at[2]:][:n], src[at[3]:][:n]
	dst = dst[:4*n]
	for k := range a {
		if len(dst) < 4 {
			return // never: this is for the compiler
		}
		*(*[4]T)(dst) = [4]T{a[k], b[k], c[k], d[k]}
		dst = dst[4:]
	}
}

// orderRows writes to order the rows 0 … len(order)-1 sorted stably by their lengths.
func orderRows(order []uint8, rowPtr []int) {
	rowPtr = rowPtr[:len(order)+1]
	const long = 127 // longer rows are behind the others as they come
	var place [long + 2]int
	length := func(i int) int { return min(rowPtr[i+1]-rowPtr[i], long) }
	for i := range order {
		place[length(i)+1]++
	}
	for n := range long {
		place[n+1] += place[n]
	}
	for i := range order {
		n := length(i)
		order[place[n]] = uint8(i)
		place[n]++
	}
}

// Rows is [CSRRows] for rows lo … hi-1 of a run of kind RunUneven that ends before
// row end. The bits are those of CSRRows. Windows that lo or hi cuts are done by it,
// from the other copy of the matrix, which is that s was made from.
func (s *Slices[V]) Rows(dst, x []float64, rowPtr []int, col []int32, val []V, lo, hi, end int) {
	x = x[:len(x):len(x)]
	_ = x[:s.cols] // all that is read is inside
	for lo < hi {
		w := lo &^ (SliceWindow - 1)
		e := min(w+SliceWindow, end)
		if w < lo || e > hi {
			e = min(e, hi)
			CSRRows(dst, x, rowPtr, col, val, lo, e)
		} else {
			at := s.start[w/SliceWindow]
			n := rowPtr[e] - rowPtr[w]
			s.window(dst[w:e], x, rowPtr[w:e+1], s.order[w:e], s.length[w/4:e/4], s.col[at:at+n], s.val[at:at+n])
		}
		lo = e
	}
}

// windowPlain does one window. It is the plain twin of the assembly.
func (s *Slices[V]) windowPlain(dst, x []float64, rowPtr []int, order []uint8, length []uint32, col []int32, val []V) {
	for i, l := range length {
		rows := (*[4]uint8)(order[4*i:])
		var even, odd [4]float64
		n := int(l >> 1)
		for k := range n {
			sum := &even
			if k%2 != 0 {
				sum = &odd
			}
			c, v := (*[4]int32)(col), (*[4]V)(val)
			sum[0] += float64(float64(v[0]) * x[c[0]])
			sum[1] += float64(float64(v[1]) * x[c[1]])
			sum[2] += float64(float64(v[2]) * x[c[2]])
			sum[3] += float64(float64(v[3]) * x[c[3]])
			col, val = col[4:], val[4:]
		}
		for j, r := range rows {
			if l&1 != 0 {
				m := rowPtr[int(r)+1] - rowPtr[r] - n
				for k, c := range col[:m] {
					if p := float64(float64(val[k]) * x[c]); k%2 == 0 {
						even[j] += p
					} else {
						odd[j] += p
					}
				}
				col, val = col[m:], val[m:]
			}
			dst[r] = even[j] + odd[j]
		}
	}
}
