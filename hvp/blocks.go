package hvp

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Blocks returns the operator made of blocks, block[i][j] in block row i and
// block column j; nil is a zero block. All blocks of a row have the same number
// of rows, all of a column the same number of columns, and each row and column
// has at least one block that is not nil, from which its size is known.
//
// It has the capabilities that all blocks have; the diagonal needs only the
// blocks on it, which then are square. It promises to be symmetric if the blocks
// on the diagonal are and those off it are by construction the transposes of
// their mirror images, see [Transpose]; if there are none off the diagonal,
// semidefinite or definite as the blocks on it are.
func Blocks(block [][]Operator) (Operator, error) {
	if len(block) == 0 || len(block[0]) == 0 {
		return nil, errors.New("hvp: block operator without blocks")
	}
	b := &blocks{row: make([]int, len(block)+1), col: make([]int, len(block[0])+1)}
	height, width := make([]int, len(block)), make([]int, len(block[0]))
	for i := range height {
		height[i] = -1
	}
	for j := range width {
		width[j] = -1
	}
	for i, row := range block {
		if len(row) != len(width) {
			return nil, fmt.Errorf("hvp: block row %d has %d blocks, row 0 has %d", i, len(row), len(width))
		}
		b.block = append(b.block, append([]Operator(nil), row...))
		for j, a := range row {
			if a == nil {
				continue
			}
			r, c := a.Dims()
			if height[i] >= 0 && height[i] != r || width[j] >= 0 && width[j] != c {
				return nil, fmt.Errorf("hvp: block (%d,%d) is %d×%d, which does not fit its block row and column", i, j, r, c)
			}
			height[i], width[j] = r, c
		}
	}
	for i, h := range height {
		if h < 0 {
			return nil, fmt.Errorf("hvp: block row %d holds only zero blocks: its size is not known", i)
		}
		b.row[i+1] = b.row[i] + h
	}
	for j, w := range width {
		if w < 0 {
			return nil, fmt.Errorf("hvp: block column %d holds only zero blocks: its size is not known", j)
		}
		b.col[j+1] = b.col[j] + w
	}
	return b, nil
}

// KKT returns the saddle-point operator
//
//	[ H   Aᵀ ]
//	[ A  −C  ]
//
// of min F(y) subject to A·y = b: H of n×n is the Hessian of the Lagrangian, A of
// m×n the Jacobian of the constraints, with a transpose, and C of m×m their
// regularisation, nil for none. It promises to be symmetric if H and C are; it is
// indefinite. See M. Benzi, G. H. Golub, J. Liesen, Numerical solution of saddle
// point problems, Acta Numerica 14 (2005), doi:10.1017/S0962492904000212.
func KKT(h, a, c Operator) (Operator, error) {
	if err := checkPart("KKT Hessian", h); err != nil {
		return nil, err
	}
	if err := checkPart("KKT constraints", a); err != nil {
		return nil, err
	}
	hr, hc := h.Dims()
	m, n := a.Dims()
	if hr != hc || hr != n {
		return nil, fmt.Errorf("hvp: KKT with a Hessian of %d×%d and constraints of %d×%d", hr, hc, m, n)
	}
	at, err := Transpose(a)
	if err != nil {
		return nil, fmt.Errorf("hvp: KKT constraints: %w", err)
	}
	symmetric := StructureOf(h).Has(Symmetric)
	var corner Operator
	if c != nil {
		if r, k := c.Dims(); r != m || k != m {
			return nil, fmt.Errorf("hvp: KKT with constraints of %d×%d and C of %d×%d", m, n, r, k)
		}
		symmetric = symmetric && StructureOf(c).Has(Symmetric)
		corner = Scale(-1, c)
	}
	k, err := Blocks([][]Operator{{h, at}, {a, corner}})
	if err == nil && symmetric && !StructureOf(k).Has(Symmetric) {
		k = WithStructure(k, Symmetric)
	}
	return k, err
}

// blocks is a matrix of operators.
type blocks struct {
	block    [][]Operator
	row, col []int // bounds
	scratch  parallel.Scratch
}

// Dims implements [Operator].
func (b *blocks) Dims() (rows, cols int) { return b.row[len(b.row)-1], b.col[len(b.col)-1] }

// apply sums mul over the blocks of each row, or each column if trans, k vectors
// at a time.
func (b *blocks) apply(ctx context.Context, dst, x []float64, k int, trans bool, mul func(dst, x []float64, a Operator) error) error {
	team := parallel.FromContext(ctx)
	row, col := b.row, b.col
	if trans {
		row, col = col, row
	}
	for i := range len(row) - 1 {
		out := dst[row[i]*k : row[i+1]*k]
		first := true
		for j := range len(col) - 1 {
			r, c := i, j
			if trans {
				r, c = j, i
			}
			a := b.block[r][c]
			if a == nil {
				continue
			}
			in := x[col[j]*k : col[j+1]*k]
			if first {
				if err := mul(out, in, a); err != nil {
					return fmt.Errorf("hvp: block operator: %w", err)
				}
				first = false
				continue
			}
			tmp := b.scratch.Get(len(out))
			err := mul(*tmp, in, a)
			if err == nil {
				parallel.Axpy(team, out, 1, *tmp)
			}
			b.scratch.Put(tmp)
			if err != nil {
				return fmt.Errorf("hvp: block operator: %w", err)
			}
		}
	}
	return nil
}

// Apply implements [Operator].
func (b *blocks) Apply(ctx context.Context, dst, x []float64) error {
	rows, cols := b.Dims()
	if err := checkShape(rows, cols, dst, x, 1); err != nil {
		return err
	}
	return b.apply(ctx, dst, x, 1, false, func(dst, x []float64, a Operator) error { return a.Apply(ctx, dst, x) })
}

// ApplyTrans implements [Transposer].
func (b *blocks) ApplyTrans(ctx context.Context, dst, x []float64) error {
	rows, cols := b.Dims()
	if err := checkShape(cols, rows, dst, x, 1); err != nil {
		return err
	}
	return b.apply(ctx, dst, x, 1, true, func(dst, x []float64, a Operator) error { return applyTrans(ctx, a, dst, x) })
}

// ApplyBlock implements [Blocker]. Consecutive rows of a panel are a panel.
func (b *blocks) ApplyBlock(ctx context.Context, dst, x []float64, k int) error {
	rows, cols := b.Dims()
	if err := checkShape(rows, cols, dst, x, k); err != nil {
		return err
	}
	return b.apply(ctx, dst, x, k, false, func(dst, x []float64, a Operator) error { return applyBlock(ctx, a, dst, x, k) })
}

// ApplyRows implements [RowRanger].
func (b *blocks) ApplyRows(dst, x []float64, lo, hi int) {
	if lo >= hi {
		return
	}
	for i := sort.SearchInts(b.row, lo+1) - 1; i < len(b.block) && b.row[i] < hi; i++ {
		from, to := max(lo, b.row[i])-b.row[i], min(hi, b.row[i+1])-b.row[i]
		if from >= to {
			continue
		}
		out, first := dst[b.row[i]:b.row[i+1]], true
		for j, a := range b.block[i] {
			if a == nil {
				continue
			}
			in := x[b.col[j]:b.col[j+1]]
			if first {
				a.(RowRanger).ApplyRows(out, in, from, to)
				first = false
				continue
			}
			tmp := b.scratch.Get(len(out))
			a.(RowRanger).ApplyRows(*tmp, in, from, to)
			kernel.Axpy(out[from:to], 1, (*tmp)[from:to])
			b.scratch.Put(tmp)
		}
	}
}

// RowGrain implements [RowRanger].
func (b *blocks) RowGrain() int {
	g := 0
	for _, row := range b.block {
		for _, a := range row {
			if a != nil {
				g = max(g, a.(RowRanger).RowGrain())
			}
		}
	}
	return g
}

// squareBlocks reports whether the blocks on the diagonal are square.
func (b *blocks) squareBlocks() bool {
	if len(b.row) != len(b.col) {
		return false
	}
	for i, r := range b.row {
		if r != b.col[i] {
			return false
		}
	}
	return true
}

// Diag implements [Diagonaler].
func (b *blocks) Diag(dst []float64) error {
	rows, cols := b.Dims()
	if err := checkDiag(rows, cols, dst); err != nil {
		return err
	}
	for i, row := range b.block {
		out := dst[b.row[i]:b.row[i+1]]
		if row[i] == nil {
			clear(out)
		} else if err := row[i].(Diagonaler).Diag(out); err != nil {
			return err
		}
	}
	return nil
}

// Capabilities implements [Conditional].
func (b *blocks) Capabilities() Capability {
	all := CanTrans | CanRows | CanBlock
	diag := b.squareBlocks()
	for i, row := range b.block {
		for j, a := range row {
			if a == nil {
				continue
			}
			c := capabilitiesOf(a)
			all &= c
			if i == j && c&CanDiag == 0 {
				diag = false
			}
		}
	}
	if diag {
		all |= CanDiag
	}
	return all
}

// Structure implements [Structured].
func (b *blocks) Structure() Structure {
	if !b.squareBlocks() {
		return 0
	}
	s, alone, singular := SPD, true, false // alone: nothing off the diagonal
	for i, row := range b.block {
		for j, a := range row {
			switch {
			case i != j:
				alone = alone && a == nil
				if i > j && !areTransposes(a, b.block[j][i]) {
					return 0
				}
			case a == nil:
				s &^= Definite
				singular = true
			default:
				p := StructureOf(a)
				s &= p
				singular = singular || p.Has(Singular)
			}
		}
	}
	if !alone {
		return s & Symmetric
	}
	if singular {
		s |= Singular
	}
	return s.closure()
}

// transpose returns the blocks transposed, each in the mirrored place.
func (b *blocks) transpose() (Operator, error) {
	t := &blocks{row: b.col, col: b.row, block: make([][]Operator, len(b.block[0]))}
	for j := range t.block {
		t.block[j] = make([]Operator, len(b.block))
		for i := range b.block {
			if a := b.block[i][j]; a != nil {
				at, err := Transpose(a)
				if err != nil {
					return nil, err
				}
				t.block[j][i] = at
			}
		}
	}
	return t, nil
}

// Accuracy implements [Approximate]: that of the worst block.
func (b *blocks) Accuracy() (worst float64) {
	for _, row := range b.block {
		for _, a := range row {
			worst = max(worst, AccuracyOf(a))
		}
	}
	return worst
}
