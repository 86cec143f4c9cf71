package hvp

import (
	"context"
	"errors"
	"fmt"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Product returns A₁·A₂·…·A_k, which applies A_k first. It costs one product
// with each factor; nothing is multiplied out.
//
// It has a transpose and block products if all factors have. Row ranges need the
// whole of what stands to the right of a row: they are kept where the factors
// before the last are diagonal ([DiagonalMatrix]), since those only scale rows.
// The diagonal is known where at most one factor is not diagonal and all are
// square.
//
// A palindrome such as Jᵀ·W·J, whose factors from the left are by construction
// the transposes of those from the right, promises to be [Symmetric] if its
// middle does, and [Semidefinite] likewise; so does Jᵀ·J. Get Jᵀ from
// [Transpose]. Definiteness follows only if all factors are definite.
func Product(a ...Operator) (Operator, error) {
	if len(a) == 0 {
		return nil, errors.New("hvp: product of no operators")
	}
	for i, f := range a {
		if err := checkPart(fmt.Sprintf("factor %d of a product", i), f); err != nil {
			return nil, err
		}
		if i > 0 {
			r0, c0 := a[i-1].Dims()
			if r, c := f.Dims(); c0 != r {
				return nil, fmt.Errorf("hvp: product of a %d×%d operator and, as factor %d, a %d×%d one", r0, c0, i, r, c)
			}
		}
	}
	return &product{factors: append([]Operator(nil), a...)}, nil
}

type product struct {
	factors []Operator
	scratch parallel.Scratch
}

// Dims implements [Operator].
func (p *product) Dims() (rows, cols int) {
	rows, _ = p.factors[0].Dims()
	_, cols = p.factors[len(p.factors)-1].Dims()
	return rows, cols
}

// chain applies the factors from the last to the first, or from the first to the
// last if trans, k vectors at a time. The results in between take turns in two
// scratch vectors.
func (p *product) chain(dst, x []float64, k int, trans bool, mul func(dst, x []float64, a Operator) error) error {
	var held [2]*[]float64
	defer func() {
		for _, h := range held {
			if h != nil {
				p.scratch.Put(h)
			}
		}
	}()
	last := len(p.factors) - 1
	for step := range p.factors {
		f := p.factors[last-step]
		n, _ := f.Dims()
		if trans {
			f = p.factors[step]
			_, n = f.Dims()
		}
		out := dst
		if step < last {
			h := &held[step%2]
			if *h != nil {
				p.scratch.Put(*h)
			}
			*h = p.scratch.Get(n * k)
			out = **h
		}
		if err := mul(out, x, f); err != nil {
			return err
		}
		x = out
	}
	return nil
}

// Apply implements [Operator].
func (p *product) Apply(ctx context.Context, dst, x []float64) error {
	rows, cols := p.Dims()
	if err := checkShape(rows, cols, dst, x, 1); err != nil {
		return err
	}
	return p.chain(dst, x, 1, false, func(dst, x []float64, a Operator) error { return a.Apply(ctx, dst, x) })
}

// ApplyTrans implements [Transposer].
func (p *product) ApplyTrans(ctx context.Context, dst, x []float64) error {
	rows, cols := p.Dims()
	if err := checkShape(cols, rows, dst, x, 1); err != nil {
		return err
	}
	if p.Structure().Has(Symmetric) {
		return p.Apply(ctx, dst, x)
	}
	return p.chain(dst, x, 1, true, func(dst, x []float64, a Operator) error { return applyTrans(ctx, a, dst, x) })
}

// applyTrans applies the transpose of a part of another operator.
func applyTrans(ctx context.Context, a Operator, dst, x []float64) error {
	t, ok := Trans(a)
	if !ok {
		return fmt.Errorf("hvp: the part %T has no transpose", a)
	}
	return t.ApplyTrans(ctx, dst, x)
}

// applyBlock applies a part of another operator to k vectors.
func applyBlock(ctx context.Context, a Operator, dst, x []float64, k int) error {
	b, ok := Block(a)
	if !ok {
		return fmt.Errorf("hvp: the part %T has no block product", a)
	}
	return b.ApplyBlock(ctx, dst, x, k)
}

// ApplyBlock implements [Blocker].
func (p *product) ApplyBlock(ctx context.Context, dst, x []float64, k int) error {
	rows, cols := p.Dims()
	if err := checkShape(rows, cols, dst, x, k); err != nil {
		return err
	}
	return p.chain(dst, x, k, false, func(dst, x []float64, a Operator) error { return applyBlock(ctx, a, dst, x, k) })
}

// ApplyRows implements [RowRanger]: the rows of the last factor, scaled by the
// diagonal ones before it.
func (p *product) ApplyRows(dst, x []float64, lo, hi int) {
	last := len(p.factors) - 1
	p.factors[last].(RowRanger).ApplyRows(dst, x, lo, hi)
	for i := last - 1; i >= 0; i-- {
		d := p.factors[i].(DiagonalMatrix).DiagonalValues()
		kernel.MulTo(dst[lo:hi], d[lo:hi], dst[lo:hi])
	}
}

// RowGrain implements [RowRanger].
func (p *product) RowGrain() int { return p.factors[len(p.factors)-1].(RowRanger).RowGrain() }

// Diag implements [Diagonaler].
func (p *product) Diag(dst []float64) error {
	rows, cols := p.Dims()
	if err := checkDiag(rows, cols, dst); err != nil {
		return err
	}
	tmp := p.scratch.Get(len(dst))
	defer p.scratch.Put(tmp)
	for i, f := range p.factors {
		if err := f.(Diagonaler).Diag(*tmp); err != nil {
			return err
		}
		if i == 0 {
			copy(dst, *tmp)
		} else {
			kernel.MulTo(dst, dst, *tmp)
		}
	}
	return nil
}

// Capabilities implements [Conditional].
func (p *product) Capabilities() Capability {
	c := CanTrans | CanBlock
	full, before, square := 0, 0, true // factors that are not diagonal; those of them before the last
	for i, f := range p.factors {
		own := capabilitiesOf(f)
		c &= own | CanRows | CanDiag
		rows, cols := f.Dims()
		square = square && rows == cols && own&CanDiag != 0
		if _, ok := f.(DiagonalMatrix); !ok {
			full++
			if i < len(p.factors)-1 {
				before++
			}
		}
	}
	if _, ok := Rows(p.factors[len(p.factors)-1]); ok && before == 0 {
		c |= CanRows
	}
	if square && full <= 1 {
		c |= CanDiag
	}
	if p.Structure().Has(Symmetric) {
		c |= CanTrans
	}
	return c
}

// Structure implements [Structured].
func (p *product) Structure() Structure {
	n := len(p.factors)
	if n == 1 {
		return StructureOf(p.factors[0])
	}
	var s, varying Structure
	definite, singular, square, diagonal := true, false, true, true
	for _, f := range p.factors {
		q := StructureOf(f)
		varying |= q & Varying
		rows, cols := f.Dims()
		definite = definite && q.Has(Definite)
		singular = singular || q.Has(Singular)
		square = square && rows == cols
		_, ok := f.(DiagonalMatrix)
		diagonal = diagonal && ok
	}
	switch {
	case diagonal: // they commute
		s = SPD
		for _, f := range p.factors {
			s &= StructureOf(f)
		}
	case p.palindrome():
		s = Symmetric | Semidefinite
		if n%2 == 1 {
			s &= StructureOf(p.factors[n/2])
		}
		if definite {
			s |= Definite
		}
	}
	if singular && square {
		s |= Singular
	}
	return s.closure() | varying
}

// palindrome reports whether factor i is the transpose of factor n-1-i, the
// middle one left aside.
func (p *product) palindrome() bool {
	n := len(p.factors)
	for i := range n / 2 {
		if !areTransposes(p.factors[i], p.factors[n-1-i]) {
			return false
		}
	}
	return true
}

// transpose returns A_kᵀ·…·A₁ᵀ.
func (p *product) transpose() (Operator, error) {
	t := &product{}
	for i := len(p.factors) - 1; i >= 0; i-- {
		f, err := Transpose(p.factors[i])
		if err != nil {
			return nil, err
		}
		t.factors = append(t.factors, f)
	}
	return t, nil
}

// Accuracy implements [Approximate]: errors of the factors add up.
func (p *product) Accuracy() (sum float64) {
	for _, a := range p.factors {
		sum += AccuracyOf(a)
	}
	return sum
}
