package precond

import (
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/internal/kernel"
)

// denseFactor is the Cholesky factor of the matrix of the coarsest level, by rows:
// row i of L at l[i*n:i*n+i+1].
type denseFactor struct {
	n       int
	l       []float64
	dropped int
}

// factorise sets the factor of a symmetric matrix. ref[i] is the size of the terms
// that a_ii was summed from: a pivot of at most tol times that is zero,
// and its unknown is left out, which makes the solve that of a generalised
// inverse. A pivot below minus that is an error.
func (f *denseFactor) factorise(ptr []int, col []int32, val, ref []float64, tol float64) error {
	n := len(ptr) - 1
	f.n, f.dropped = n, 0
	if cap(f.l) < n*n {
		f.l = make([]float64, n*n)
	}
	f.l = f.l[:n*n]
	clear(f.l)
	for i := range n {
		for k := ptr[i]; k < ptr[i+1]; k++ {
			if j := int(col[k]); j <= i {
				f.l[i*n+j] = val[k]
			}
		}
	}
	for i := range n {
		row := f.l[i*n : i*n+i+1]
		size := max(math.Abs(row[i]), ref[i])
		for j := range i {
			o := f.l[j*n : j*n+j+1]
			if o[j] == 0 {
				row[j] = 0
				continue
			}
			row[j] = (row[j] - kernel.Dot(row[:j], o[:j])) / o[j]
		}
		pivot := row[i] - kernel.Dot(row[:i], row[:i])
		tol := tol * size
		switch {
		case math.IsNaN(pivot) || math.IsInf(pivot, 0):
			return fmt.Errorf("precond: amg pivot %d of the coarsest level is %v", i, pivot)
		case pivot < -tol:
			return fmt.Errorf("precond: amg pivot %d of the coarsest level is %.3g, %.3g times its diagonal: %w", i, pivot, pivot/size, ErrIndefinite)
		case pivot <= tol:
			row[i] = 0
			f.dropped++
		default:
			row[i] = math.Sqrt(pivot)
		}
	}
	return nil
}

// solve sets x = L⁻ᵀ·L⁻¹·x.
func (f *denseFactor) solve(x []float64) {
	n := f.n
	for i := range n {
		row := f.l[i*n : i*n+i+1]
		if row[i] == 0 {
			x[i] = 0
			continue
		}
		x[i] = (x[i] - kernel.Dot(row[:i], x[:i])) / row[i]
	}
	for i := n - 1; i >= 0; i-- {
		row := f.l[i*n : i*n+i+1]
		if row[i] == 0 {
			continue
		}
		x[i] /= row[i]
		kernel.Axpy(x[:i], -x[i], row[:i])
	}
}

func (f *denseFactor) bytes() int64 {
	if f == nil {
		return 0
	}
	return 8 * int64(len(f.l))
}
