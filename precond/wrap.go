package precond

import (
	"context"
	"errors"
	"fmt"

	"github.com/hgsolve/hgsolve/hvp"
)

// Wrap makes a [Preconditioner] of an operator of the caller's own, M ≈ A⁻¹. It
// has the promises of M; a transpose product needs one of M or
// its promise of symmetry. Refresh calls refresh, and fails if that is nil.
func Wrap(name string, m hvp.Operator, refresh func(ctx context.Context, a hvp.Operator) error) (Preconditioner, error) {
	if m == nil {
		return nil, errors.New("precond: Wrap of a nil operator")
	}
	if _, err := square(name, m); err != nil {
		return nil, err
	}
	t, ok := hvp.Trans(m)
	if !ok {
		return nil, fmt.Errorf("precond: Wrap of a %T without ApplyTrans that does not promise symmetry", m)
	}
	return &wrapped{m, t, name, refresh}, nil
}

type wrapped struct {
	hvp.Operator
	trans   hvp.Transposer
	name    string
	refresh func(ctx context.Context, a hvp.Operator) error
}

func (m *wrapped) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return m.trans.ApplyTrans(ctx, dst, x)
}

func (m *wrapped) Structure() hvp.Structure { return hvp.StructureOf(m.Operator) }

func (m *wrapped) Refresh(ctx context.Context, a hvp.Operator) error {
	if m.refresh == nil {
		return fmt.Errorf("precond: %s was wrapped without a Refresh", m.name)
	}
	return m.refresh(ctx, a)
}

// Delegate implements [hvp.Delegator].
func (m *wrapped) Delegate() hvp.Operator { return m.Operator }

func (m *wrapped) Report() Report { return Report{} }
func (m *wrapped) String() string { return m.name }
