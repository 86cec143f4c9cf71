package hvp

import (
	"math"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// blockRunEntries is how many entries a run of rows must have to be worth two calls more in a
// block product, one for itself and one for the rows before it: 13 rows of 7 entries gain
// nothing, 28 such rows take 0.8 to 0.9 of the time of plain ones, and 12 rows of 27 entries
// 0.75 to 0.95.
const blockRunEntries = 128

// applyBlock sets rows lo … hi-1 of the panel dst of k columns to those of A·x, with
// the bits of k products with one vector.
//
// A panel is a vector of k·rows elements, and that is all that rows with constant
// columns and values need to know: element i·k+l is the sum of the same elements of x for
// all l, so that they are rows in a longer run, whose columns are k times those of A. This
// takes 0.45 to 0.8 of the time of plain rows for 2 to 8 columns and 5 points. Rows that
// share only their columns are plain here: a loop that does not read those took 1.2 of the
// time in the caches and 1.0 out of them, since k columns share one look at an entry anyway.
func (r *csrRuns[V]) applyBlock(dst, x []float64, k int, rowPtr []int, col []int32, val []float64, lo, hi int) {
	if r.first == nil || lo == hi || len(x) > math.MaxInt32 {
		kernel.CSRRowsBlock(dst, x, k, rowPtr, col, val, lo, hi)
		return
	}
	var columns [64]int32 // longer rows are not worth a copy
	from := lo            // rows from … lo-1 are plain
	for _, run := range r.runs[r.first[lo/parallel.BlockSize]:] {
		end := min(int(run.End), hi)
		if end <= lo {
			continue
		}
		p, q := rowPtr[lo], rowPtr[lo+1]
		if run.Kind == kernel.RunConstant && q-p <= len(columns) && (q-p)*(end-lo) >= blockRunEntries {
			if from < lo {
				kernel.CSRRowsBlock(dst, x, k, rowPtr, col, val, from, lo)
			}
			for j, c := range col[p:q] {
				columns[j] = c * int32(k)
			}
			kernel.CSRRowsConstant(dst, x, columns[:q-p], val[p:q], lo*k, end*k)
			from = end
		}
		if lo = end; lo == hi {
			break
		}
	}
	if from < hi {
		kernel.CSRRowsBlock(dst, x, k, rowPtr, col, val, from, hi)
	}
}
