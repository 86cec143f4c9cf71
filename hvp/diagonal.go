package hvp

import (
	"context"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Diagonal is the operator diag(d). Solvers recognise it by [DiagonalMatrix]
// and fuse it into their vector updates.
type Diagonal struct {
	d         []float64
	structure Structure
}

// DiagonalMatrix is implemented by operators that are diagonal matrices, such
// as a Jacobi preconditioner.
type DiagonalMatrix interface {
	// DiagonalValues returns the diagonal itself, not a copy: read only.
	DiagonalValues() []float64
}

// NewDiagonal returns diag(d) and keeps d. It fails on NaN and Inf. If all
// entries are positive the operator promises to be definite.
func NewDiagonal(d []float64) (*Diagonal, error) {
	s := SPD
	for i, v := range d {
		switch {
		case math.IsNaN(v) || math.IsInf(v, 0):
			return nil, fmt.Errorf("hvp: diagonal entry %d is %v", i, v)
		case v < 0:
			s = Symmetric
		case v == 0:
			s &^= Definite
		}
	}
	return &Diagonal{d, s}, nil
}

// Dims implements [Operator].
func (a *Diagonal) Dims() (rows, cols int) { return len(a.d), len(a.d) }

// Apply implements [Operator].
func (a *Diagonal) Apply(ctx context.Context, dst, x []float64) error {
	if err := checkShape(len(a.d), len(a.d), dst, x, 1); err != nil {
		return err
	}
	parallel.MulTo(parallel.FromContext(ctx), dst, a.d, x)
	return nil
}

// ApplyTrans implements [Transposer].
func (a *Diagonal) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return a.Apply(ctx, dst, x)
}

// ApplyRows implements [RowRanger].
func (a *Diagonal) ApplyRows(dst, x []float64, lo, hi int) {
	kernel.MulTo(dst[lo:hi], a.d[lo:hi], x[lo:hi])
}

// RowGrain implements [RowRanger].
func (a *Diagonal) RowGrain() int { return 0 }

// ApplyBlock implements [Blocker].
func (a *Diagonal) ApplyBlock(_ context.Context, dst, x []float64, k int) error {
	if err := checkShape(len(a.d), len(a.d), dst, x, k); err != nil {
		return err
	}
	a.ApplyBlockRows(dst, x, k, 0, len(a.d))
	return nil
}

// ApplyBlockRows implements [BlockRanger].
func (a *Diagonal) ApplyBlockRows(dst, x []float64, k, lo, hi int) {
	for i, v := range a.d[lo:hi] {
		i = (lo + i) * k
		kernel.ScaleTo(dst[i:i+k], v, x[i:i+k])
	}
}

// ApplyBlockRowsSingle implements [SingleBlockRanger].
func (a *Diagonal) ApplyBlockRowsSingle(dst, x []float32, k, lo, hi int) {
	x = x[lo*k : hi*k]
	for i, v := range a.d[lo:hi] {
		out := dst[i*k : i*k+k]
		for l, u := range x[i*k : i*k+k] {
			out[l] = float32(v * float64(u))
		}
	}
}

// Diag implements [Diagonaler].
func (a *Diagonal) Diag(dst []float64) error {
	if err := checkDiag(len(a.d), len(a.d), dst); err != nil {
		return err
	}
	copy(dst, a.d)
	return nil
}

// Structure implements [Structured].
func (a *Diagonal) Structure() Structure { return a.structure }

// DiagonalValues implements [DiagonalMatrix].
func (a *Diagonal) DiagonalValues() []float64 { return a.d }
