package hvp

import (
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// csrRuns says which rows of a matrix follow one pattern, so that a product need
// not read what it can know: on a run of rows whose columns are those of the row
// before plus one, as in a matrix from a grid, the column indices, and where the
// values repeat as well, the values. The sums are those of the plain product,
// entry by entry, so the bits are the same. Nothing is copied: a run is 8 bytes.
//
// Compression of repeated column differences and values is an old idea for
// matrices that exceed the caches (CSX: Kourtis, Karakasis, Goumas & Koziris,
// PPoPP 2011, doi:10.1145/1941553.1941587). Slices of rows with their entries
// column by column (SELL-C-σ: Kreutzer, Hager, Wellein, Fehske & Bishop, SIAM J.
// Sci. Comput. 36, 2014, doi:10.1137/130930352) would serve wide registers, but
// cost a second copy of the entries, and move as many bytes as the plain rows. One
// triangle of a symmetric matrix would save values, but a product with it adds to
// rows all over dst, so that there are no row ranges to fuse with, and each worker
// needs a vector of its own.
type csrRuns struct {
	runs  []kernel.Run // cut at the ends of blocks
	first []int32      // of each block of parallel.BlockSize rows
}

// findRuns looks at all rows. Without any pattern the result is empty.
func findRuns[V kernel.Value](rowPtr []int, col []int32, val []V) (r csrRuns) {
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
	}
	return r
}

// bytes returns the memory that r holds.
func (r *csrRuns) bytes() int64 { return int64(len(r.runs))*8 + int64(len(r.first))*4 }

// applyCSR sets dst[lo:hi] to rows lo … hi-1 of A·x.
func applyCSR[V kernel.Value](r *csrRuns, dst, x []float64, rowPtr []int, col []int32, val []V, lo, hi int) {
	if r.first == nil || lo == hi {
		kernel.CSRRows(dst, x, rowPtr, col, val, lo, hi)
		return
	}
	runs := r.runs[r.first[lo/parallel.BlockSize]:]
	for lo < hi {
		r := runs[0]
		runs = runs[1:]
		end := min(int(r.End), hi)
		if end <= lo {
			continue
		}
		p, q := rowPtr[lo], rowPtr[lo+1]
		switch r.Kind {
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
		default:
			kernel.CSRRows(dst, x, rowPtr, col, val, lo, end)
		}
		lo = end
	}
}

// productTraffic is [CSR.ProductTraffic] for values of the given size.
func (r *csrRuns) productTraffic(rowPtr []int, size int64) int64 {
	rows := len(rowPtr) - 1
	if r.first == nil {
		return int64(rowPtr[rows])*(4+size) + int64(rows)*8
	}
	bytes := r.bytes()
	lo := 0
	for _, run := range r.runs {
		end := int(run.End)
		switch entries := int64(rowPtr[end] - rowPtr[lo]); run.Kind {
		case kernel.RunPlain:
			bytes += (4+size)*entries + 8*int64(end-lo)
		case kernel.RunShifted:
			bytes += size * entries
		}
		lo = end
	}
	return bytes
}

// ProductTraffic returns how many bytes of the matrix one product reads: 12 per
// entry (a value and a column) and 8 per row, less what repeats from one row to
// the next in a pattern that the matrix was found to have. With the vectors, 8
// bytes per column and 8 per row, that is the memory traffic of a product.
func (a *CSR) ProductTraffic() int64 { return a.runs.productTraffic(a.rowPtr, 8) }
