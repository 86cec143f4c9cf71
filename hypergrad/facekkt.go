package hypergrad

import (
	"github.com/hgsolve/hgsolve/hvp"
)

// onFace returns a on the free variables and the identity on the others, as an operator
// on all of them. A KKT system of matrices, with bounds on the variables only, stays one:
// active variables have the row of the identity in H and no column in A, so that
// preconditioners find the parts of the saddle point.
func onFace(a hvp.Operator, at []place) (hvp.Operator, error) {
	block, ok := hvp.Partition(a)
	if !ok || len(block) != 2 || len(block[0]) != 2 || block[0][0] == nil || block[1][0] == nil || block[1][1] != nil || !hvp.StructureOf(a).Has(hvp.Symmetric) {
		return &faceOperator{a: a, at: at}, nil
	}
	n, _ := block[0][0].Dims()
	for _, p := range at[n:] {
		if p != free {
			return &faceOperator{a: a, at: at}, nil
		}
	}
	h, err := hvp.Assemble(block[0][0])
	if err != nil {
		return &faceOperator{a: a, at: at}, nil
	}
	b, err := hvp.Assemble(block[1][0])
	if err != nil {
		return &faceOperator{a: a, at: at}, nil
	}
	m, _ := b.Dims()
	if h, err = masked(h, at[:n], at[:n]); err != nil {
		return nil, err
	}
	if b, err = masked(b, make([]place, m), at[:n]); err != nil {
		return nil, err
	}
	k, err := hvp.KKT(h, b, nil)
	if err != nil {
		return nil, err
	}
	return hvp.WithStructure(k, hvp.StructureOf(a)), nil
}

// masked returns a without the rows and columns that are not free; if rows and cols
// are the same, with those of the identity in their place.
func masked(a *hvp.CSR, rows, cols []place) (*hvp.CSR, error) {
	square := len(rows) > 0 && len(cols) == len(rows) && &rows[0] == &cols[0]
	rowPtr, col, val := a.RawCSR()
	ptr, c, v := make([]int, len(rows)+1), make([]int32, 0, len(col)), make([]float64, 0, len(col))
	for i, p := range rows {
		switch {
		case p == free:
			for k := rowPtr[i]; k < rowPtr[i+1]; k++ {
				if cols[col[k]] == free {
					c, v = append(c, col[k]), append(v, val[k])
				}
			}
		case square:
			c, v = append(c, int32(i)), append(v, 1)
		}
		ptr[i+1] = len(c)
	}
	m, err := hvp.NewCSR(len(rows), len(cols), ptr, c, v)
	if err != nil || !square {
		return m, err
	}
	return m.Promise(a.Structure())
}
