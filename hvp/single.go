package hvp

import (
	"context"
	"fmt"

	"github.com/hgsolve/hgsolve/internal/kernel"
)

// A Singler is a symmetric positive definite operator that has a cheap stand-in in
// single precision: what a preconditioner that applies its operator many times, a
// polynomial or a multigrid cycle, asks for.
type Singler interface {
	// Single returns Ã with (1−δ)·A ≤ Ã ≤ (1+δ)·A as quadratic forms, δ at most
	// a few percent, where A is definite; of an A that is not, Ã is a definite
	// substitute. It keeps nothing of A that changes and has memory of its own.
	// ok is false where A has no such stand-in after all.
	Single(ctx context.Context) (s SingleOperator, ok bool, err error)
}

// A SingleOperator is a symmetric operator on vectors in single precision: the same
// operator in every product, up to rounding errors of products and sums, a few
// times 10⁻⁷ of the result. It is safe for concurrent use and allocates nothing in
// the steady state.
type SingleOperator interface {
	// Order is the number of rows and columns.
	Order() int
	// ApplyRows sets dst, of length hi−lo, to rows lo … hi−1 of Ã·x, of the same
	// bits however the rows are cut. dst must not overlap x.
	ApplyRows(dst, x []float32, lo, hi int)
	// RowGrain is the number of consecutive rows that are cheap to compute
	// together.
	RowGrain() int
	// DiagRows sets dst, of length hi−lo, to the diagonal of these rows.
	DiagRows(dst []float32, lo, hi int)
	// Bytes is the memory that it keeps.
	Bytes() int64
}

// AddSingle is [Interpolation.Add] in single precision.
func (p *Interpolation) AddSingle(ctx context.Context, dst, x []float32) error {
	rows, cols := p.Dims()
	if len(dst) != rows || len(x) != cols {
		return fmt.Errorf("hvp: interpolation of %d values to %d, want %d to %d", len(x), len(dst), cols, rows)
	}
	interpolate(ctx, p, &p.single, kernel.AxpySingle, dst, x, false, 1)
	return nil
}

// ApplyTransSingle is [Interpolation.ApplyTrans] in single precision.
func (p *Interpolation) ApplyTransSingle(ctx context.Context, dst, x []float32) error {
	rows, cols := p.Dims()
	if len(dst) != cols || len(x) != rows {
		return fmt.Errorf("hvp: restriction of %d values to %d, want %d to %d", len(x), len(dst), rows, cols)
	}
	interpolate(ctx, p, &p.single, kernel.AxpySingle, dst, x, true, 0)
	return nil
}
