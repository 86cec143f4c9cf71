package precond

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
)

// Ridge is the inverse of a ridge that is known to be part of an operator
// ([hvp.Ridge]), such as the penalties of a regularised model: M = diag(λ)⁻¹ for
// A = B + diag(λ), B semidefinite. M·A is the identity plus an operator of the rank
// of B: where B has a small rank, CG converges in few iterations, and often before
// [Jacobi], which spreads the ones. With equal penalties it is no preconditioner at
// all. It costs one n-vector of memory; solvers fuse it into their vector updates.
type Ridge struct {
	*hvp.Diagonal
	setup time.Duration
}

var errNoRidge = errors.New("no positive ridge is known")

// NewRidge returns the inverse of the ridge of a. An operator of which none is
// known, or with an element that is not positive, gives [ErrNotApplicable].
func NewRidge(ctx context.Context, a hvp.Operator) (*Ridge, error) {
	m := &Ridge{}
	if err := m.Refresh(ctx, a); err != nil {
		return nil, err
	}
	return m, nil
}

// Refresh implements [Preconditioner].
func (m *Ridge) Refresh(_ context.Context, a hvp.Operator) error {
	begin := time.Now()
	n, err := square("ridge", a)
	if err != nil {
		return err
	}
	if m.Diagonal != nil {
		if err := sameOrder(m, n); err != nil {
			return err
		}
	}
	d := make([]float64, n)
	ok, err := hvp.Ridge(a, d)
	if err != nil {
		return fmt.Errorf("precond: ridge: %w", err)
	}
	for i, v := range d {
		ok = ok && v > 0 && !math.IsInf(v, 0) && !math.IsInf(1/v, 0)
		d[i] = 1 / v
	}
	if !ok {
		return notApplicable("ridge", a, errNoRidge)
	}
	if m.Diagonal, err = hvp.NewDiagonal(d); err != nil {
		return fmt.Errorf("precond: ridge: %w", err)
	}
	m.setup = time.Since(begin)
	return nil
}

// Report implements [Preconditioner].
func (m *Ridge) Report() Report {
	return Report{Setup: m.setup, Bytes: 8 * int64(len(m.DiagonalValues()))}
}

// String names the preconditioner.
func (*Ridge) String() string { return "ridge" }

var (
	_ Preconditioner     = (*Ridge)(nil)
	_ hvp.DiagonalMatrix = (*Ridge)(nil)
)
