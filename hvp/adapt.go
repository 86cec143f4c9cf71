package hvp

import (
	"errors"
	"fmt"
	"math"

	"github.com/james-bowman/sparse"
	"gonum.org/v1/gonum/mat"
)

// nonZeroVisitor is implemented by gonum's banded and diagonal matrices
// (mat.NonZeroDoer) and by the matrices of james-bowman/sparse.
type nonZeroVisitor interface {
	DoNonZero(fn func(i, j int, v float64))
}

// NewCSRFromMat returns a copy of m as a CSR matrix. It takes any gonum
// matrix and all formats of github.com/james-bowman/sparse; where m can visit
// its nonzeros, only those are visited. Zeros are not stored, repeated
// coordinates are added. Indices out of range (that library does not check
// them), NaN and Inf are errors.
//
// A matrix whose type says that it is symmetric ([mat.Symmetric]) promises to
// be [Symmetric].
func NewCSRFromMat(m mat.Matrix) (a *CSR, err error) {
	if m == nil {
		return nil, errors.New("hvp: nil matrix")
	}
	// A matrix assembled from inconsistent slices panics when it is walked.
	defer func() {
		if r := recover(); r != nil {
			a, err = nil, fmt.Errorf("hvp: malformed %T: %v", m, r)
		}
	}()
	if s, ok := m.(*sparse.CSR); ok {
		return fromRawCSR(s)
	}
	rows, cols := m.Dims()
	if rows > math.MaxInt32 || cols > math.MaxInt32 {
		return nil, fmt.Errorf("hvp: matrix of %d×%d; dimensions must be below 2^31", rows, cols)
	}
	var i, j []int32
	var v []float64
	var bad error
	add := func(r, c int, x float64) {
		if x == 0 || bad != nil {
			return
		}
		if r < 0 || r >= rows || c < 0 || c >= cols {
			bad = fmt.Errorf("hvp: %T has an entry at (%d,%d), outside its %d×%d", m, r, c, rows, cols)
			return
		}
		i, j, v = append(i, int32(r)), append(j, int32(c)), append(v, x)
	}
	if nz, ok := m.(nonZeroVisitor); ok {
		nz.DoNonZero(add)
	} else {
		for r := range rows {
			for c := range cols {
				add(r, c, m.At(r, c))
			}
		}
	}
	if bad != nil {
		return nil, bad
	}
	a, err = NewCSRFromTriplets(rows, cols, i, j, v)
	if err != nil {
		return nil, err
	}
	if _, ok := m.(mat.Symmetric); ok {
		return a.Promise(Symmetric)
	}
	return a, nil
}

// fromRawCSR copies the arrays of a sparse.CSR, narrowing its indices to 32
// bits. That type does not keep its rows sorted: rows out of order go through
// the triplets.
func fromRawCSR(s *sparse.CSR) (*CSR, error) {
	raw := s.RawMatrix()
	if len(raw.Indptr) != raw.I+1 || len(raw.Ind) != len(raw.Data) {
		return nil, fmt.Errorf("hvp: malformed sparse.CSR: %d rows with %d row pointers, %d indices with %d values",
			raw.I, len(raw.Indptr), len(raw.Ind), len(raw.Data))
	}
	// Check before narrowing, which could make a wrong index look right.
	sorted := true
	for i := range raw.I {
		p, q := raw.Indptr[i], raw.Indptr[i+1]
		if p < 0 || q < p || q > len(raw.Ind) {
			return nil, fmt.Errorf("hvp: malformed sparse.CSR: row %d runs from %d to %d of %d entries", i, p, q, len(raw.Ind))
		}
		for k := p; k < q; k++ {
			if c := raw.Ind[k]; c < 0 || c >= raw.J || c > math.MaxInt32 {
				return nil, fmt.Errorf("hvp: sparse.CSR row %d has column %d outside [0,%d)", i, c, raw.J)
			}
			sorted = sorted && (k == p || raw.Ind[k] > raw.Ind[k-1])
		}
	}
	// Leave out zeros, and what stands before the first and after the last row.
	size := raw.Indptr[raw.I] - raw.Indptr[0]
	rowPtr := make([]int, raw.I+1)
	row, col, val := make([]int32, 0, size), make([]int32, 0, size), make([]float64, 0, size)
	for i := range raw.I {
		for k := raw.Indptr[i]; k < raw.Indptr[i+1]; k++ {
			if v := raw.Data[k]; v != 0 {
				row, col, val = append(row, int32(i)), append(col, int32(raw.Ind[k])), append(val, v)
			}
		}
		rowPtr[i+1] = len(col)
	}
	if sorted {
		return NewCSR(raw.I, raw.J, rowPtr, col, val)
	}
	return NewCSRFromTriplets(raw.I, raw.J, row, col, val)
}
