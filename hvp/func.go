package hvp

import (
	"context"
	"errors"
)

// Func is an operator given by closures: the usual way to bring a
// Hessian-vector product.
//
//	h := &hvp.Func{Rows: n, Mul: func(ctx context.Context, dst, v []float64) error { … }, Promise: hvp.SPD}
type Func struct {
	// Rows and Cols are the dimensions. Cols = 0 means square, and a negative
	// Cols that there are no columns.
	Rows, Cols int
	// Mul sets dst = A·x under the rules of [Operator].
	Mul func(ctx context.Context, dst, x []float64) error
	// MulTrans sets dst = Aᵀ·x. Nil means that there is no transpose, unless
	// Promise says that A is symmetric.
	MulTrans func(ctx context.Context, dst, x []float64) error
	// MulRows is the row-range form, see [RowRanger]; nil means none.
	MulRows func(dst, x []float64, lo, hi int)
	// Grain is RowGrain of the row-range form.
	Grain int
	// Diagonal sets dst to the diagonal; nil means that it is not known.
	Diagonal func(dst []float64) error
	// Promise is what the caller knows of A; zero promises nothing.
	Promise Structure
}

var (
	errNoMul      = errors.New("hvp: Func without Mul")
	errNoMulTrans = errors.New("hvp: Func without MulTrans that does not promise symmetry has no transpose product")
)

// Dims implements [Operator].
func (f *Func) Dims() (rows, cols int) {
	if f.Cols == 0 {
		return f.Rows, f.Rows
	}
	return f.Rows, max(f.Cols, 0)
}

// Apply implements [Operator].
func (f *Func) Apply(ctx context.Context, dst, x []float64) error {
	if f.Mul == nil {
		return errNoMul
	}
	rows, cols := f.Dims()
	if err := checkShape(rows, cols, dst, x, 1); err != nil {
		return err
	}
	return f.Mul(ctx, dst, x)
}

// ApplyTrans implements [Transposer].
func (f *Func) ApplyTrans(ctx context.Context, dst, x []float64) error {
	rows, cols := f.Dims()
	if err := checkShape(cols, rows, dst, x, 1); err != nil {
		return err
	}
	switch {
	case f.MulTrans != nil:
		return f.MulTrans(ctx, dst, x)
	case f.Structure().Has(Symmetric):
		return f.Apply(ctx, dst, x)
	}
	return errNoMulTrans
}

// ApplyRows implements [RowRanger].
func (f *Func) ApplyRows(dst, x []float64, lo, hi int) { f.MulRows(dst, x, lo, hi) }

// RowGrain implements [RowRanger].
func (f *Func) RowGrain() int { return f.Grain }

// Diag implements [Diagonaler].
func (f *Func) Diag(dst []float64) error {
	rows, cols := f.Dims()
	if err := checkDiag(rows, cols, dst); err != nil {
		return err
	}
	return f.Diagonal(dst)
}

// Structure implements [Structured].
func (f *Func) Structure() Structure { return f.Promise.closure() }

// Capabilities implements [Conditional].
func (f *Func) Capabilities() (c Capability) {
	if f.MulTrans != nil || f.Structure().Has(Symmetric) {
		c |= CanTrans
	}
	if f.MulRows != nil {
		c |= CanRows
	}
	if f.Diagonal != nil {
		c |= CanDiag
	}
	return c
}
