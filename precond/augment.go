package precond

import (
	"context"
	"errors"
	"fmt"

	"github.com/hgsolve/hgsolve/hvp"
)

// defaultGamma is what SaddleSettings.Gamma is if zero: large enough for few
// iterations, and still far from 1/ε, where BᵀWB drowns H.
const defaultGamma = 1e6

// matrices returns H and B as matrices.
func matrices(h, b hvp.Operator) (x, y *hvp.CSR, err error) {
	if x, err = hvp.Assemble(h); err != nil {
		return nil, nil, notApplicable("augmented saddle", h, err)
	}
	if y, err = hvp.Assemble(b); err != nil {
		return nil, nil, notApplicable("augmented saddle", b, err)
	}
	if !hvp.StructureOf(h).Has(hvp.Symmetric) {
		return nil, nil, notApplicable("augmented saddle", h, ErrNotSymmetric)
	}
	return x, y, nil
}

// augmented returns H + Bᵀ·diag(w)·B, exactly symmetric, with the promise to be
// definite, which only its factorisation can tell.
func augmented(h, b hvp.Operator, w []float64) (*hvp.CSR, error) {
	x, y, err := matrices(h, b)
	if err != nil {
		return nil, err
	}
	bt, err := hvp.Transpose(y)
	if err != nil {
		return nil, err
	}
	corner, err := hvp.Assemble(hvp.Scale(-1, x))
	if err != nil {
		return nil, err
	}
	return weightedGram(bt, corner, w)
}

// isDiagonal reports whether h is a diagonal matrix.
func isDiagonal(h hvp.Operator) bool {
	if _, is := h.(hvp.DiagonalMatrix); is {
		return true
	}
	x, err := hvp.Assemble(h)
	if err != nil {
		return false
	}
	rowPtr, col, val := x.RawCSR()
	for i := range len(rowPtr) - 1 {
		for p := rowPtr[i]; p < rowPtr[i+1]; p++ {
			if int(col[p]) != i && val[p] != 0 {
				return false
			}
		}
	}
	return true
}

// gramCheap reports whether x·xᵀ is formed at a cost that fits that of its factors:
// columns with many entries make it dense.
func gramCheap(x *hvp.CSR) bool {
	_, cols := x.Dims()
	_, col, _ := x.RawCSR()
	count := make([]int, cols)
	for _, j := range col {
		count[j]++
	}
	work := 0
	for _, k := range count {
		work += k * k
	}
	const free, perEntry = 1 << 22, 100
	return work <= free+perEntry*len(col)
}

var errDense = errors.New("a dense row or column of B would make it dense")

// augment makes the parts of the augmented form.
func (m *Saddle) augment(ctx context.Context, h, b, corner hvp.Operator, inverse *Jacobi) error {
	if corner != nil {
		return errors.New("precond: saddle: the augmented form needs C = 0")
	}
	_, x, err := matrices(h, b)
	if err != nil {
		return err
	}
	bt, err := hvp.Transpose(x)
	if err != nil {
		return err
	}
	if !m.set.Augmented && !gramCheap(bt.(*hvp.CSR)) {
		return notApplicable("augmented saddle", b, errDense)
	}
	s, err := schurDiagonal(b, nil, inverse.DiagonalValues())
	if err != nil {
		return err
	}
	gamma := m.set.Gamma
	if gamma == 0 {
		gamma = defaultGamma
	}
	w := make([]float64, len(s)) // W
	for i, v := range s {
		w[i] = gamma / v
		s[i] = v / gamma
	}
	schur, err := jacobiOf(ctx, s)
	if err != nil {
		return fmt.Errorf("precond: saddle: rows of B: %w", err)
	}
	a, err := augmented(h, b, w)
	if err != nil {
		return err
	}
	var p Preconditioner
	switch {
	case m.augmented:
		p = m.h
		err = p.Refresh(ctx, a)
	case m.set.Hessian != nil:
		p, err = m.set.Hessian(ctx, a)
	default:
		p, err = newPart(ctx, a)
	}
	if err != nil {
		return fmt.Errorf("precond: saddle: H + BᵀWB: %w", err)
	}
	if q, ok := p.(*part); ok && q.shifted && !m.set.Augmented {
		return errors.New("precond: saddle: H + BᵀWB: an incomplete factorisation breaks down, and a complete one is too large")
	}
	m.h, m.s, m.augmented = p, schur, true
	return nil
}
