package hvp

import (
	"sync"

	"github.com/hgsolve/hgsolve/internal/kernel"
)

// gridTerms are the couplings of a run of points of a grid row: where they are in the
// planes, and where the rows of the panel are that they ask for.
type gridTerms struct{ at, shift []int }

var gridTermsPool = sync.Pool{New: func() any { return new(gridTerms) }}

// MulPanelRows sets dst, a panel of hi−lo rows, to rows lo … hi−1 of A·X for the panel x
// of k vectors: element i of vector l is x[i·k+l]. dst and x do not overlap. An element is
// the sum of its terms in the order of the points, products fused with sums, whatever the
// range and k are. Numbers of single precision beyond its range become Inf, those below 10⁻³⁸
// may become zero. It is safe for concurrent use, cannot fail and starts no goroutines;
// ranges shorter than a row of points look up more than they need.
//
// Traffic per point: 1 + 2·Reach·(Reach+1) entries, each of which is used for both rows that it
// belongs to while it is in a cache, and k numbers of x and of dst.
func (m *GridMatrixOf[V]) MulPanelRows(dst, x []V, k, lo, hi int) {
	dst, x = dst[:(hi-lo)*k], x[:m.rows*m.cols*k]
	clear(dst)
	t := gridTermsPool.Get().(*gridTerms)
	for row := lo; row < hi; {
		i, j := row/m.cols, row%m.cols
		// Points that are as far as Reach from the sides are coupled with all columns; each
		// of the others has a list of its own.
		n := 1
		if m.reach <= j && j < m.cols-m.reach {
			n = min(m.cols-m.reach-j, hi-row)
		}
		m.terms(t, k, i, j)
		kernel.AddProductsPanel(dst[(row-lo)*k:][:n*k], k, m.val, t.at, x, t.shift, false)
		row += n
	}
	gridTermsPool.Put(t)
}

// terms sets t to the couplings of point (i, j), in the order of the points.
func (m *GridMatrixOf[V]) terms(t *gridTerms, k, i, j int) {
	t.at, t.shift = t.at[:0], t.shift[:0]
	left, right := max(-m.reach, -j), min(m.reach, m.cols-1-j)
	for a := max(-m.reach, -i); a <= min(m.reach, m.rows-1-i); a++ {
		for b := left; b <= right; b++ {
			at := 0
			if a < 0 || a == 0 && b <= 0 {
				at = m.At(i, m.Plane(-a, -b)) + j
			} else {
				at = m.At(i+a, m.Plane(a, b)) + j + b
			}
			t.at = append(t.at, at)
			t.shift = append(t.shift, ((i+a)*m.cols+j+b)*k)
		}
	}
}
