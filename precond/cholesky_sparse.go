package precond

import (
	"context"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// sparseFactor is L by columns without the diagonal: rows row[ptr[j]:ptr[j+1]] of column
// j, in increasing order.
type sparseFactor struct {
	parent []int32 // elimination tree
	ptr    []int
	row    []int32
	val    []float64
}

// minimumDegreePlan returns the approximate minimum degree order of a graph, in
// postorder, its elimination tree, the entries of each column of L, and the
// multiplications that they take. It gives up, ok false, at more than most entries.
func minimumDegreePlan(g graph, most int) (order, parent []int32, counts []int, work int, ok bool) {
	order, ok = approximateMinimumDegree(g, most)
	if !ok {
		return nil, nil, nil, 0, false
	}
	n := len(order)
	parent = eliminationTree(g, order, placesOf(n, order))
	sorted := make([]int32, n)
	for k, j := range postorder(parent) {
		sorted[k] = order[j]
	}
	order = sorted
	place := placesOf(n, order)
	parent = eliminationTree(g, order, place)
	counts, _, ok = fill(g, order, place, parent, most)
	for _, c := range counts {
		work += c * (c + 1) / 2
	}
	return order, parent, counts, work, ok
}

// plan sets the tree and makes room for columns of the given lengths.
func (f *sparseFactor) plan(parent []int32, counts []int) {
	n := len(parent)
	f.parent = parent
	f.ptr = parallel.Grow(f.ptr, n+1)
	f.ptr[0] = 0
	for j, c := range counts {
		f.ptr[j+1] = f.ptr[j] + c
	}
	f.row = parallel.Grow(f.row, f.ptr[n])
	f.val = parallel.Grow(f.val, f.ptr[n])
}

// factor computes L row by row: row k is the solution of L_k·l = a, L_k the part of L
// found so far, whose entries are found by walking up the tree from those of a. pivot
// turns l_kk² into 1/l_kk.
func (f *sparseFactor) factor(ctx context.Context, rowPtr []int, col []int32, val []float64, order, place []int32, diag []float64, pivot func(k int, a, d float64) (float64, error)) error {
	n := len(order)
	x := make([]float64, n)
	next := append([]int(nil), f.ptr[:n]...) // where the next entry of each column goes
	seen := make([]int32, n)
	path, reach := make([]int32, n), make([]int32, n)
	for k := range n {
		if k%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		i := order[k]
		a := 0.0
		seen[k] = int32(k + 1)
		top := n // reach[top:] is in the order of the tree
		for p := rowPtr[i]; p < rowPtr[i+1]; p++ {
			j := place[col[p]]
			if int(j) >= k {
				if int(j) == k {
					a = val[p]
				}
				continue
			}
			x[j] = val[p]
			length := 0
			for ; seen[j] != int32(k+1); j = f.parent[j] {
				path[length] = j
				length++
				seen[j] = int32(k + 1)
			}
			for length > 0 {
				length--
				top--
				reach[top] = path[length]
			}
		}
		d := a
		for _, j := range reach[top:] {
			// l_kj = x_j / l_jj,  x ← x − l_kj·(column j)
			v := x[j] * diag[j]
			x[j] = 0
			begin, end := f.ptr[j], next[j]
			rows := f.row[begin:end]
			vals := f.val[begin:end]
			vals = vals[:len(rows)]
			for q, r := range rows {
				x[r] -= vals[q] * v
			}
			d -= v * v
			f.row[end], f.val[end] = int32(k), v
			next[j] = end + 1
		}
		var err error
		if diag[k], err = pivot(k, a, d); err != nil {
			return err
		}
	}
	return nil
}

// solve sets dst = L⁻ᵀ·L⁻¹·x, order saying which elements the rows of L are, with a
// scratch vector y.
func (f *sparseFactor) solve(dst, x, y, diag []float64, order []int32) {
	for k, i := range order {
		y[k] = x[i]
	}
	for j, d := range diag {
		v := y[j] * d
		y[j] = v
		rows, vals := f.row[f.ptr[j]:f.ptr[j+1]], f.val[f.ptr[j]:f.ptr[j+1]]
		vals = vals[:len(rows)]
		for q, r := range rows {
			y[r] -= vals[q] * v
		}
	}
	for j := len(order) - 1; j >= 0; j-- {
		rows, vals := f.row[f.ptr[j]:f.ptr[j+1]], f.val[f.ptr[j]:f.ptr[j+1]]
		vals = vals[:len(rows)]
		s0, s1 := 0.0, 0.0
		for len(rows) >= 2 && len(vals) >= 2 {
			s0 += vals[0] * y[rows[0]]
			s1 += vals[1] * y[rows[1]]
			rows, vals = rows[2:], vals[2:]
		}
		if len(rows) > 0 && len(vals) > 0 {
			s0 += vals[0] * y[rows[0]]
		}
		y[j] = (y[j] - (s0 + s1)) * diag[j]
		dst[order[j]] = y[j]
	}
}

func (f *sparseFactor) bytes() int64 {
	return 4*int64(len(f.parent)+len(f.row)) + 8*int64(len(f.ptr)+len(f.val))
}
