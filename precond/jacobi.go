package precond

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

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
	setup time.Duration
}

// ErrNoDiagonal says that an operator does not know its diagonal.
var ErrNoDiagonal = errors.New("the operator has no Diag")

// NotPositiveError reports a diagonal entry, or a pivot of a diagonal block, that
// cannot be used: zero, NaN, Inf, without a finite inverse, or negative where that is not
// allowed. A symmetric operator with an entry that is zero or negative is not positive
// definite; the unit vector of that row is a witness.
type NotPositiveError struct {
	// Index is the row and Value the entry or pivot.
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
	return fmt.Sprintf("precond: diagonal entry %d is %v; need %s", e.Index, e.Value, need)
}

// Is implements the interface of errors.Is: a symmetric operator with a negative entry
// is not semidefinite, so that this is [ErrIndefinite].
func (e *NotPositiveError) Is(target error) bool {
	return target == ErrIndefinite && e.Symmetric && e.Value < 0
}

// NewJacobi returns the Jacobi preconditioner of a, which must be square and
// know its diagonal ([hvp.Diagonaler]). Entries that are zero, NaN or Inf, or whose
// inverse overflows, give a [*NotPositiveError]; so do negative ones if a promises
// to be symmetric.
func NewJacobi(ctx context.Context, a hvp.Operator) (*Jacobi, error) {
	m := &Jacobi{}
	if err := m.Refresh(ctx, a); err != nil {
		return nil, err
	}
	return m, nil
}

// Refresh implements [Preconditioner].
func (m *Jacobi) Refresh(ctx context.Context, a hvp.Operator) error {
	begin := time.Now()
	n, err := square("Jacobi", a)
	if err != nil {
		return err
	}
	if m.Diagonal != nil {
		if err := sameOrder(m, n); err != nil {
			return err
		}
	}
	dg, ok := hvp.Diag(a)
	if !ok {
		return notApplicable("Jacobi", a, ErrNoDiagonal)
	}
	d := make([]float64, n)
	if err := dg.Diag(d); err != nil {
		return fmt.Errorf("precond: diagonal of a %T: %w", a, err)
	}
	symmetric := hvp.StructureOf(a).Has(hvp.Symmetric)
	bad := make([]int, parallel.Blocks(n)) // the first bad entry of each block, plus one
	parallel.For(parallel.FromContext(ctx), n, func(lo, hi int) {
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
			return &NotPositiveError{i - 1, d[i-1], symmetric}
		}
	}
	if m.Diagonal, err = hvp.NewDiagonal(d); err != nil {
		return fmt.Errorf("precond: %w", err)
	}
	m.setup = time.Since(begin)
	return nil
}

// Report implements [Preconditioner].
func (m *Jacobi) Report() Report {
	return Report{Setup: m.setup, Bytes: 8 * int64(len(m.DiagonalValues()))}
}

// String names the preconditioner.
func (*Jacobi) String() string { return "jacobi" }

var (
	_ Preconditioner     = (*Jacobi)(nil)
	_ hvp.DiagonalMatrix = (*Jacobi)(nil)
)
