package precond

import (
	"context"
	"errors"
	"fmt"

	"github.com/hgsolve/hgsolve/hvp"
)

// part is the default preconditioner of a definite matrix that [Saddle] has formed,
// the Schur complement or H + BᵀWB. It is a complete Cholesky factorisation where
// that is cheap, for large matrices like a Laplacian a multigrid cycle, and elsewhere an
// incomplete factorisation. Where the latter had to shift the diagonal, which
// tells that it is far from the matrix, it is the complete one after all unless that
// costs too much.
type part struct {
	Preconditioner
	note    string
	shifted bool // it is an incomplete factorisation of another matrix
}

// Bounds of the multiplications of a complete factorisation: cheapWork, some 0.1 s, for
// one that an incomplete factorisation of a matrix in two dimensions with 10,000
// unknowns and its iterations do not beat, and mostWork, half a second, for one
// that is needed.
const (
	cheapWork = 1 << 29
	mostWork  = 1 << 31
)

func newPart(ctx context.Context, a hvp.Operator) (Preconditioner, error) {
	p := &part{}
	if err := p.Refresh(ctx, a); err != nil {
		return nil, err
	}
	return p, nil
}

// Refresh implements [Preconditioner].
func (p *part) Refresh(ctx context.Context, a hvp.Operator) error {
	p.note, p.shifted = "", false
	n, _ := a.Dims()
	x, err := hvp.Assemble(a)
	if err != nil {
		return notApplicable("part of a saddle point", a, err)
	}
	work := cheapWork
	if _, ok := p.Preconditioner.(*Cholesky); ok {
		work = mostWork // it was needed before
	}
	cheap := p.complete(ctx, a, work)
	if !errors.Is(cheap, ErrNotApplicable) {
		return cheap
	}
	if n > largeMatrix && laplacianLike(x) {
		amg, err := NewAMG(ctx, a, nil)
		if err == nil {
			p.Preconditioner = amg
			return nil
		}
		p.note = fmt.Sprintf("no amg: %v", err)
	}
	ic, ok := p.Preconditioner.(*IC)
	if ok {
		err = ic.Refresh(ctx, a)
	} else {
		ic, err = NewIC(ctx, a, nil)
	}
	switch {
	case err == nil && ic.shift == 0:
		p.Preconditioner = ic
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	failed := p.complete(ctx, a, mostWork)
	switch {
	case failed == nil:
		p.note = "complete, as the incomplete factorisation breaks down"
	case err == nil:
		p.Preconditioner, p.shifted = ic, true
	case errors.Is(failed, ErrNotApplicable):
		return err
	default:
		return failed
	}
	return nil
}

// complete makes p a complete factorisation of at most work multiplications.
func (p *part) complete(ctx context.Context, a hvp.Operator, work int) error {
	c, ok := p.Preconditioner.(*Cholesky)
	if ok {
		c.set.MaxWork = work
		return c.Refresh(ctx, a)
	}
	c, err := NewCholesky(ctx, a, &CholeskySettings{MaxWork: work})
	if err == nil {
		p.Preconditioner = c
	}
	return err
}

// Report implements [Preconditioner].
func (p *part) Report() Report {
	r := p.Preconditioner.Report()
	if p.note != "" {
		r.Notes = append(r.Notes[:len(r.Notes):len(r.Notes)], p.note)
	}
	return r
}

// String names what it is.
func (p *part) String() string { return p.Preconditioner.String() }
