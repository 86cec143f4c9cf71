package precond

import (
	"errors"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Jacobi is the inverse of the diagonal of an operator: M = diag(A)⁻¹. The
// methods for symmetric systems need it positive definite, so the diagonal of an
// operator that promises to be symmetric must be positive; otherwise it must have
// no zeros. It costs one n-vector of memory; solvers fuse it into their vector
// updates.
type Jacobi struct {
	*hvp.Diagonal
}

// ErrNoDiagonal says that an operator does not know its diagonal.
var ErrNoDiagonal = errors.New("the operator has no Diag")

// NotPositiveError reports a diagonal entry that Jacobi cannot use. If the
// operator is symmetric it is not positive definite, with the i-th unit vector
// as a witness.
type NotPositiveError struct {
	Index int
	Value float64
	// Symmetric says that the operator promises to be symmetric.
	Symmetric bool
}

// Error implements error.
func (e *NotPositiveError) Error() string {
	need := "a diagonal without zeros"
	if e.Symmetric {
		need = "a positive diagonal for a symmetric operator"
	}
	return fmt.Sprintf("precond: diagonal entry %d is %v; Jacobi needs %s", e.Index, e.Value, need)
}

// NewJacobi returns the Jacobi preconditioner of a, which must be square and
// know its diagonal ([hvp.Diagonaler]). Entries that are zero, NaN or Inf, or whose
// inverse overflows, give a [*NotPositiveError]; so do negative ones if a promises
// to be symmetric.
func NewJacobi(a hvp.Operator) (*Jacobi, error) {
	n, cols := a.Dims()
	if n != cols {
		return nil, fmt.Errorf("precond: Jacobi of a %d×%d operator", n, cols)
	}
	dg, ok := hvp.Diag(a)
	if !ok {
		return nil, fmt.Errorf("precond: Jacobi of a %T: %w", a, ErrNoDiagonal)
	}
	d := make([]float64, n)
	if err := dg.Diag(d); err != nil {
		return nil, fmt.Errorf("precond: diagonal of a %T: %w", a, err)
	}
	symmetric := hvp.StructureOf(a).Has(hvp.Symmetric)
	bad := make([]int, parallel.Blocks(n)) // the first bad entry of each block, plus one
	parallel.For(0, n, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			v := d[i]
			if !(v > 0) && (symmetric || !(v < 0)) || math.IsInf(v, 0) || math.IsInf(1/v, 0) {
				bad[lo/parallel.BlockSize] = i + 1
				return
			}
			d[i] = 1 / v
		}
	})
	for _, i := range bad {
		if i > 0 {
			return nil, &NotPositiveError{i - 1, d[i-1], symmetric}
		}
	}
	m, err := hvp.NewDiagonal(d)
	if err != nil {
		return nil, fmt.Errorf("precond: %w", err)
	}
	return &Jacobi{m}, nil
}

// String names the preconditioner.
func (*Jacobi) String() string { return "jacobi" }

var (
	_ hvp.Operator       = (*Jacobi)(nil)
	_ hvp.Transposer     = (*Jacobi)(nil)
	_ hvp.DiagonalMatrix = (*Jacobi)(nil)
)
