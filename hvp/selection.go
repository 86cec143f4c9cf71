package hvp

import (
	"context"
	"fmt"
	"sync"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Selection is the operator that picks m of n numbers, dst[i] = x[index[i]]: rows
// of the identity, in any order. Its transpose puts them back and fills up with
// zeros. With all n indices it is a permutation.
type Selection struct {
	n     int
	index []int
}

// NewSelection returns the selection of the given indices of 0 … n-1, which must
// be distinct. It keeps the slice.
func NewSelection(n int, index []int) (*Selection, error) {
	if err := checkIndex("selection", n, index); err != nil {
		return nil, err
	}
	return &Selection{n, index}, nil
}

// checkIndex returns an error unless index holds distinct numbers of 0 … n-1.
func checkIndex(what string, n int, index []int) error {
	if n < 0 {
		return fmt.Errorf("hvp: %s from %d numbers", what, n)
	}
	seen := make([]bool, n)
	for k, i := range index {
		if i < 0 || i >= n {
			return fmt.Errorf("hvp: %s: index %d is %d, outside [0,%d)", what, k, i, n)
		}
		if seen[i] {
			return fmt.Errorf("hvp: %s: %d occurs twice, the second time as index %d", what, i, k)
		}
		seen[i] = true
	}
	return nil
}

// selectTask moves panels of k columns between the long and the short order.
type selectTask struct {
	index  []int
	dst, x []float64
	k      int
	back   bool
}

var selectTasks = sync.Pool{New: func() any { return new(selectTask) }}

// Chunk implements parallel.Task.
func (t *selectTask) Chunk(c int) {
	lo, hi := parallel.Block(c, len(t.index))
	k := t.k
	for i, s := range t.index[lo:hi] {
		i += lo
		switch {
		case k == 1 && t.back:
			t.dst[s] = t.x[i]
		case k == 1:
			t.dst[i] = t.x[s]
		case t.back:
			copy(t.dst[s*k:(s+1)*k], t.x[i*k:(i+1)*k])
		default:
			copy(t.dst[i*k:(i+1)*k], t.x[s*k:(s+1)*k])
		}
	}
}

// gather sets dst[i] = x[index[i]]; with back, dst[index[i]] = x[i] and the rest
// of dst stays.
func gather(ctx context.Context, dst, x []float64, index []int, k int, back bool) {
	t := selectTasks.Get().(*selectTask)
	*t = selectTask{index, dst, x, k, back}
	parallel.FromContext(ctx).Run(parallel.Blocks(len(index)), t)
	*t = selectTask{}
	selectTasks.Put(t)
}

// Dims implements [Operator].
func (s *Selection) Dims() (rows, cols int) { return len(s.index), s.n }

// Apply implements [Operator].
func (s *Selection) Apply(ctx context.Context, dst, x []float64) error {
	return s.ApplyBlock(ctx, dst, x, 1)
}

// ApplyTrans implements [Transposer].
func (s *Selection) ApplyTrans(ctx context.Context, dst, x []float64) error {
	if err := checkShape(s.n, len(s.index), dst, x, 1); err != nil {
		return err
	}
	clear(dst)
	gather(ctx, dst, x, s.index, 1, true)
	return nil
}

// ApplyBlock implements [Blocker].
func (s *Selection) ApplyBlock(ctx context.Context, dst, x []float64, k int) error {
	if err := checkShape(len(s.index), s.n, dst, x, k); err != nil {
		return err
	}
	gather(ctx, dst, x, s.index, k, false)
	return nil
}

// ApplyRows implements [RowRanger].
func (s *Selection) ApplyRows(dst, x []float64, lo, hi int) {
	for i := lo; i < hi; i++ {
		dst[i] = x[s.index[i]]
	}
}

// RowGrain implements [RowRanger].
func (s *Selection) RowGrain() int { return 0 }

// Diag implements [Diagonaler].
func (s *Selection) Diag(dst []float64) error {
	if err := checkDiag(len(s.index), s.n, dst); err != nil {
		return err
	}
	clear(dst)
	for i, k := range s.index {
		if i == k {
			dst[i] = 1
		}
	}
	return nil
}
