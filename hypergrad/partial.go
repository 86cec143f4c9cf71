package hypergrad

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// product sets dst to a matrix or its transpose times x.
type product func(ctx context.Context, dst, x []float64) error

// partial is ∂G/∂y or ∂G/∂w, an operator that is put together from what a problem gives: the
// product, or differences in its place, and the product with the transpose, or
// the columns in its place.
type partial struct {
	forward hvp.Operator
	trans   product // nil: from the columns
	promise hvp.Structure

	mu      sync.Mutex
	columns []float64 // one after the other
}

// mostColumns bounds the columns that are computed in place of a transpose: 128
// MiB.
const mostColumns = 1 << 24

// errNoTranspose says that a problem is too large for what it leaves out.
var errNoTranspose = errors.New("too large to take the columns one by one: give the product with the transpose")

// newPartial returns the operator of rows×cols. Without mul, differences gives
// its products.
func newPartial(rows, cols int, promise hvp.Structure, mul, trans product, differences func() (hvp.Operator, error)) (hvp.Operator, error) {
	if mul != nil && (trans != nil || promise&(hvp.Symmetric|hvp.Semidefinite|hvp.Definite) != 0) {
		return &hvp.Func{Rows: rows, Cols: columns(cols), Mul: mul, MulTrans: trans, Promise: promise}, nil
	}
	j := &partial{trans: trans, promise: promise}
	if mul != nil {
		j.forward = &hvp.Func{Rows: rows, Cols: columns(cols), Mul: mul}
		return j, nil
	}
	var err error
	j.forward, err = differences()
	return j, err
}

// columns is the Cols of an hvp.Func with n columns, where zero would mean square.
func columns(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// Dims implements [hvp.Operator].
func (j *partial) Dims() (rows, cols int) { return j.forward.Dims() }

// Apply implements [hvp.Operator].
func (j *partial) Apply(ctx context.Context, dst, x []float64) error {
	return j.forward.Apply(ctx, dst, x)
}

// ApplyTrans implements [hvp.Transposer].
func (j *partial) ApplyTrans(ctx context.Context, dst, x []float64) error {
	switch {
	case j.trans != nil:
		return j.trans(ctx, dst, x)
	case hvp.StructureOf(j).Has(hvp.Symmetric):
		return j.forward.Apply(ctx, dst, x)
	}
	rows, cols := j.Dims()
	columns, err := j.fill(ctx, rows, cols)
	if err != nil {
		return err
	}
	team := parallel.FromContext(ctx)
	for k := range dst {
		dst[k] = parallel.Dot(team, columns[k*rows:(k+1)*rows], x)
	}
	return nil
}

// fill computes the columns at the first call.
func (j *partial) fill(ctx context.Context, rows, cols int) ([]float64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.columns != nil {
		return j.columns, nil
	}
	if rows > mostColumns/max(cols, 1) {
		return nil, fmt.Errorf("hypergrad: a derivative of %d×%d without transpose product is %w", rows, cols, errNoTranspose)
	}
	columns, unit := make([]float64, rows*cols), make([]float64, cols)
	for k := range cols {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		unit[k] = 1
		if err := j.forward.Apply(ctx, columns[k*rows:(k+1)*rows], unit); err != nil {
			return nil, fmt.Errorf("column %d: %w", k, err)
		}
		unit[k] = 0
	}
	j.columns = columns
	return columns, nil
}

// Structure implements [hvp.Structured].
func (j *partial) Structure() hvp.Structure { return j.promise }

// Accuracy implements [hvp.Approximate].
func (j *partial) Accuracy() float64 { return hvp.AccuracyOf(j.forward) }

// TransAccuracy is the accuracy of the transpose alone.
func (j *partial) TransAccuracy() float64 {
	if j.trans != nil {
		return 0
	}
	return j.Accuracy()
}
