package hvp

import (
	"errors"
	"fmt"
)

// An Assembler can write itself out as a sparse matrix. Preconditioners that
// need entries ask for it.
type Assembler interface {
	// Assemble returns the matrix with the promises of the operator. It may be
	// the operator itself and must not be changed.
	Assemble() (*CSR, error)
}

// ErrNotAssembled says that an operator knows products only, no entries.
var ErrNotAssembled = errors.New("the operator has no entries to assemble")

// Assemble returns a as a sparse matrix: a itself if it is one, a new matrix for
// an [Assembler], and what wrappers make of such (scaled, shifted, summed,
// instrumented, with promises). Others give [ErrNotAssembled], wrapped. The
// matrix has the promises of a.
func Assemble(a Operator) (*CSR, error) {
	switch a := a.(type) {
	case *CSR:
		return a, nil
	case Assembler:
		return a.Assemble()
	case *promised:
		m, err := Assemble(a.a)
		if err != nil {
			return nil, err
		}
		return m.withStructure(a.s), nil
	case *instrumented:
		return Assemble(a.a)
	case *instrumentedDiagonal:
		return Assemble(a.instrumented.a)
	}
	return nil, fmt.Errorf("hvp: a %T: %w", a, ErrNotAssembled)
}

// Assemble implements [Assembler].
func (a *Diagonal) Assemble() (*CSR, error) {
	n := len(a.d)
	rowPtr, col := make([]int, n+1), make([]int32, n)
	for i := range n {
		rowPtr[i+1], col[i] = i+1, int32(i)
	}
	return newCSR(n, n, rowPtr, col, a.d).withStructure(a.structure), nil
}

// Assemble implements [Assembler]. The terms are merged row by row.
func (s *combination) Assemble() (*CSR, error) {
	parts := make([]*CSR, len(s.terms))
	var nnz int
	for k, t := range s.terms {
		m, err := Assemble(t.a)
		if err != nil {
			return nil, err
		}
		parts[k] = m
		nnz += m.NNZ()
	}
	if s.shift != 0 {
		nnz += s.rows
	}
	i, j, v := make([]int32, 0, nnz), make([]int32, 0, nnz), make([]float64, 0, nnz)
	for r := range s.rows {
		for k, m := range parts {
			for p := m.rowPtr[r]; p < m.rowPtr[r+1]; p++ {
				i, j, v = append(i, int32(r)), append(j, m.col[p]), append(v, s.terms[k].c*m.val[p])
			}
		}
		if s.shift != 0 {
			i, j, v = append(i, int32(r)), append(j, int32(r)), append(v, s.shift)
		}
	}
	m, err := NewCSRFromTriplets(s.rows, s.cols, i, j, v)
	if err != nil {
		return nil, err
	}
	return m.withStructure(s.Structure()), nil
}

// withStructure returns the same entries with other promises, unverified.
func (a *CSR) withStructure(s Structure) *CSR {
	return &CSR{rows: a.rows, cols: a.cols, rowPtr: a.rowPtr, col: a.col, val: a.val, parts: a.parts, runs: a.runs, structure: s}
}

var (
	_ Assembler = (*Diagonal)(nil)
	_ Assembler = (*Stencil)(nil)
	_ Assembler = (*combination)(nil)
)
