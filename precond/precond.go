package precond

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
)

// A Preconditioner is an approximate inverse M ≈ A⁻¹ that knows how it was
// built. It applies itself, and its transpose, concurrently and without
// allocation; the result has the same bits for any number of workers.
type Preconditioner interface {
	hvp.Operator
	hvp.Transposer
	hvp.Structured
	// Refresh rebuilds M for an operator of the same shape whose values have
	// changed, reusing what depends on the pattern alone. After an error M is
	// not to be used until a Refresh succeeds. Not to be called while M is in
	// use.
	Refresh(ctx context.Context, a hvp.Operator) error
	// Report describes M as it was built last.
	Report() Report
	// String names M with its parameters.
	String() string
}

// An OperatorUser applies A itself whenever it is applied, as polynomials and
// multigrid cycles do: it must be refreshed when A changes, and is of no use once
// A is gone. Others may be kept for operators nearby.
type OperatorUser interface {
	UsesOperator() bool
}

// UsesOperator reports whether m is an [OperatorUser].
func UsesOperator(m Preconditioner) bool {
	u, is := m.(OperatorUser)
	return is && u.UsesOperator()
}

// Report describes a preconditioner and what it cost.
type Report struct {
	// Setup is the wall time of the last build or refresh.
	Setup time.Duration
	// Bytes is the memory that M keeps, its scratch vectors included.
	Bytes int64
	// Products counts products with A in the set-up.
	Products int
	// Price is what another set-up would cost beyond these, in the time of products
	// with A, as far as that is known; zero means not known.
	Price float64
	// Notes tell what a user should know, one line each: shifts that were
	// needed, the hierarchy, a rank, what was chosen and why.
	Notes []string
}

// ErrNotApplicable says that a preconditioner needs what the operator does not
// have, such as its entries, or promises that it does not give. It is no fault
// of the operator.
var ErrNotApplicable = errors.New("not applicable")

// ErrNotSymmetric says that an operator does not promise to be symmetric. It comes
// with [ErrNotApplicable].
var ErrNotSymmetric = errors.New("the operator does not promise to be symmetric")

// ErrIndefinite says that an operator turned out not to be positive semidefinite.
// Errors with a witness are it too in the sense of errors.Is: [*IndefiniteError],
// [*ShiftLimitError], and a [*NotPositiveError] of a negative value.
var ErrIndefinite = errors.New("the operator is not positive semidefinite")

// A Kind is a way to make a preconditioner from an operator alone, with default
// parameters.
type Kind struct {
	// Name as in [New], Summary in one line.
	Name, Summary string
	// Make builds it for a. The error is [ErrNotApplicable], wrapped, where a
	// lacks what this kind needs; any other error names a fault of a.
	Make func(ctx context.Context, a hvp.Operator) (Preconditioner, error)
}

// Kinds lists all kinds, the simplest first.
func Kinds() []Kind { return append([]Kind(nil), kinds...) }

// New makes a preconditioner by the name of its kind.
func New(ctx context.Context, name string, a hvp.Operator) (Preconditioner, error) {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		if k.Name == name {
			return k.Make(ctx, a)
		}
		names[i] = k.Name
	}
	return nil, fmt.Errorf("precond: no preconditioner %q; there are %q", name, names)
}

// make1 adapts a constructor to [Kind].Make: a typed nil must not become an
// interface.
func make1[P Preconditioner](build func(context.Context, hvp.Operator) (P, error)) func(context.Context, hvp.Operator) (Preconditioner, error) {
	return func(ctx context.Context, a hvp.Operator) (Preconditioner, error) {
		p, err := build(ctx, a)
		if err != nil {
			return nil, err
		}
		return p, nil
	}
}

// withDefaults is make1 for a constructor with settings, of which nil means the
// defaults.
func withDefaults[P Preconditioner, S any](build func(context.Context, hvp.Operator, *S) (P, error)) func(context.Context, hvp.Operator) (Preconditioner, error) {
	return make1(func(ctx context.Context, a hvp.Operator) (P, error) { return build(ctx, a, nil) })
}

// notApplicable returns an error that wraps [ErrNotApplicable] and why.
func notApplicable(kind string, a hvp.Operator, why error) error {
	return fmt.Errorf("precond: %s of a %T is %w: %w", kind, a, ErrNotApplicable, why)
}

// square returns the order of a, and an error if it is not square.
func square(kind string, a hvp.Operator) (n int, err error) {
	n, cols := a.Dims()
	if n != cols {
		return 0, fmt.Errorf("precond: %s of a %d×%d operator", kind, n, cols)
	}
	return n, nil
}

// sameOrder returns an error unless m, refreshed for an operator of order n, was
// built for one of that order.
func sameOrder(m Preconditioner, n int) error {
	if rows, _ := m.Dims(); rows != n {
		return fmt.Errorf("precond: refresh of %v of order %d by an operator of order %d", m, rows, n)
	}
	return nil
}
