package hvp

import (
	"sync"
	"sync/atomic"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// csrRuns says which rows of a matrix follow one pattern, so that a product need
// not read what it can know: on a run of rows whose columns are those of the row
// before plus one, as in a matrix from a grid, the column indices, and where the
// values repeat as well, the values. The sums are those of the plain product,
// entry by entry, so the bits are the same. Nothing is copied: a run is 8 bytes.
//
// Rows without a pattern whose lengths are hard to foretell, as in the matrix of an
// unstructured mesh or of a graph, are the exception: the processor guesses where a row
// ends, and what it does after a wrong guess is lost, for short rows most of the
// time. The first product copies them to slices of four rows of like length
// (kernel.Slices), which need few guesses. Rows of equal length gain nothing from that
// outside of the second cache, since slices are as many bytes.
//
// Compression of repeated column differences and values is an old idea for
// matrices that exceed the caches (CSX: Kourtis, Karakasis, Goumas & Koziris,
// PPoPP 2011, doi:10.1145/1941553.1941587). One triangle of a symmetric matrix would
// save values, but a product with it adds to rows all over dst, so that there are no
// row ranges to fuse with, and each worker needs a vector of its own.
type csrRuns[V kernel.Value] struct {
	runs    []kernel.Run  // cut at the ends of blocks
	first   []int32       // of each block of parallel.BlockSize rows
	slices  *csrSlices[V] // of the uneven runs; nil without such
	scratch *parallel.ScratchOf[float32]
}

// csrSlices is what the first product makes.
type csrSlices[V kernel.Value] struct {
	once sync.Once
	made atomic.Pointer[kernel.Slices[V]]
}

// findRuns looks at all rows. Without any pattern the result is empty.
func findRuns[V kernel.Value](rowPtr []int, col []int32, val []V) (r csrRuns[V]) {
	r.scratch = new(parallel.ScratchOf[float32])
	rows := len(rowPtr) - 1
	found := make([][]kernel.Run, parallel.Blocks(rows))
	parallel.For(0, rows, func(lo, hi int) {
		found[lo/parallel.BlockSize] = kernel.FindRuns(nil, rowPtr, col, val, lo, hi)
	})
	total, pattern := 0, false
	for _, f := range found {
		total += len(f)
		pattern = pattern || len(f) > 1 || f[0].Kind != kernel.RunPlain
	}
	if !pattern {
		return r
	}
	r.runs, r.first = make([]kernel.Run, 0, total), make([]int32, 0, len(found))
	for _, f := range found {
		r.first = append(r.first, int32(len(r.runs)))
		r.runs = append(r.runs, f...)
		for _, run := range f {
			if run.Kind == kernel.RunUneven && r.slices == nil {
				r.slices = new(csrSlices[V])
			}
		}
	}
	return r
}

// bytes returns the memory that r holds now.
func (r *csrRuns[V]) bytes() int64 {
	bytes := int64(len(r.runs))*8 + int64(len(r.first))*4
	if r.slices != nil {
		if s := r.slices.made.Load(); s != nil {
			bytes += s.Bytes()
		}
	}
	return bytes
}

// grain is at multiples of how many rows chunks of a product had better end.
func (r *csrRuns[V]) grain() int {
	if r.slices != nil {
		return kernel.SliceWindow
	}
	return 1
}

// sliced returns the slices of the matrix, which it makes at the first call; nil
// where there are none. It may be called at the same time.
func (r *csrRuns[V]) sliced(rowPtr []int, col []int32, val []V) *kernel.Slices[V] {
	if r.slices == nil {
		return nil
	}
	if s := r.slices.made.Load(); s != nil {
		return s
	}
	r.slices.once.Do(func() {
		s := kernel.NewSlices[V](r.runs, rowPtr, col)
		parallel.For(0, len(rowPtr)-1, func(lo, hi int) {
			for _, run := range r.runs[r.first[lo/parallel.BlockSize]:] {
				end := int(run.End)
				if run.Kind == kernel.RunUneven {
					s.Fill(rowPtr, col, val, lo, end)
				}
				if lo = end; lo == hi {
					break
				}
			}
		})
		r.slices.made.Store(s)
	})
	return r.slices.made.Load()
}

// applyCSR sets dst[lo:hi] to rows lo … hi-1 of A·x.
func applyCSR[V kernel.Value](r *csrRuns[V], dst, x []float64, rowPtr []int, col []int32, val []V, lo, hi int) {
	if r.first == nil || lo == hi {
		kernel.CSRRows(dst, x, rowPtr, col, val, lo, hi)
		return
	}
	runs := r.runs[r.first[lo/parallel.BlockSize]:]
	for lo < hi {
		run := runs[0]
		runs = runs[1:]
		end := min(int(run.End), hi)
		if end <= lo {
			continue
		}
		p, q := rowPtr[lo], rowPtr[lo+1]
		switch run.Kind {
		case kernel.RunShifted:
			kernel.CSRRowsShifted(dst, x, col[p:q], val[p:], lo, end)
		case kernel.RunConstant:
			if v, ok := any(val).([]float64); ok {
				kernel.CSRRowsConstant(dst, x, col[p:q], v[p:q], lo, end)
				break
			}
			var v [64]float64 // longer rows are not worth a copy
			if q-p > len(v) {
				kernel.CSRRowsShifted(dst, x, col[p:q], val[p:], lo, end)
				break
			}
			for k, u := range val[p:q] {
				v[k] = float64(u)
			}
			kernel.CSRRowsConstant(dst, x, col[p:q], v[:q-p], lo, end)
		case kernel.RunUneven:
			r.sliced(rowPtr, col, val).Rows(dst, x, rowPtr, col, val, lo, end, int(run.End))
		default:
			kernel.CSRRows(dst, x, rowPtr, col, val, lo, end)
		}
		lo = end
	}
}

// productTraffic is [CSR.ProductTraffic] for values of the given size.
func (r *csrRuns[V]) productTraffic(rowPtr []int, size int64) int64 {
	rows := len(rowPtr) - 1
	if r.first == nil {
		return int64(rowPtr[rows])*(4+size) + int64(rows)*8
	}
	bytes := int64(len(r.runs))*8 + int64(len(r.first))*4
	lo := 0
	for _, run := range r.runs {
		end := int(run.End)
		switch entries := int64(rowPtr[end] - rowPtr[lo]); run.Kind {
		case kernel.RunPlain:
			bytes += (4+size)*entries + 8*int64(end-lo)
		case kernel.RunShifted:
			bytes += size * entries
		case kernel.RunUneven: // the slices, and how long each row is
			bytes += (4+size)*entries + 2*int64(end-lo)
		}
		lo = end
	}
	return bytes
}

// ProductTraffic returns how many bytes of the matrix one product reads: 12 per
// entry (a value and a column) and 8 per row, less what repeats from one row to
// the next in a pattern that the matrix was found to have. Of rows that were copied
// (see [CSR]) only the copy is read. With the vectors, 8
// bytes per column and 8 per row, that is the memory traffic of a product.
func (a *CSR) ProductTraffic() int64 { return a.runs.productTraffic(a.rowPtr, 8) }
