package hvp

import (
	"context"
	"errors"
	"fmt"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Scale returns c·A. It keeps all capabilities of A, and its promises as far as
// they hold for c.
func Scale(c float64, a Operator) Operator {
	rows, cols := a.Dims()
	return &combination{rows: rows, cols: cols, terms: []term{{c, a}}}
}

// Shift returns A + c·I for a square A. It keeps all capabilities of A. For
// c ≥ 0 it keeps semidefiniteness, and for c > 0 makes it definiteness.
func Shift(a Operator, c float64) (Operator, error) {
	rows, cols := a.Dims()
	if rows != cols {
		return nil, fmt.Errorf("hvp: shift of a %d×%d operator", rows, cols)
	}
	return &combination{rows: rows, cols: cols, terms: []term{{1, a}}, shift: c}, nil
}

// Sum returns A₁ + A₂ + …, with the capabilities and promises that all terms
// have. The terms are added in the order given.
func Sum(a ...Operator) (Operator, error) {
	if len(a) == 0 {
		return nil, errors.New("hvp: sum of no operators")
	}
	rows, cols := a[0].Dims()
	s := &combination{rows: rows, cols: cols}
	for i, t := range a {
		if r, c := t.Dims(); r != rows || c != cols {
			return nil, fmt.Errorf("hvp: sum of a %d×%d operator and, as term %d, a %d×%d one", rows, cols, i, r, c)
		}
		s.terms = append(s.terms, term{1, t})
	}
	return s, nil
}

type term struct {
	c float64
	a Operator
}

// combination is Σ c_k A_k + shift·I.
type combination struct {
	rows, cols int
	terms      []term
	shift      float64
	scratch    parallel.Scratch // for the second and later terms
	single     parallel.ScratchOf[float32]
}

// Dims implements [Operator].
func (s *combination) Dims() (rows, cols int) { return s.rows, s.cols }

// apply sums mul(dst, term) over the terms.
func (s *combination) apply(ctx context.Context, dst, x []float64, mul func(dst []float64, a Operator) error) error {
	team := parallel.FromContext(ctx)
	var tmp *[]float64
	if len(s.terms) > 1 {
		tmp = s.scratch.Get(len(dst))
		defer s.scratch.Put(tmp)
	}
	for k, t := range s.terms {
		if k == 0 {
			if err := mul(dst, t.a); err != nil {
				return err
			}
			if t.c != 1 {
				parallel.ScaleTo(team, dst, t.c, dst)
			}
			continue
		}
		if err := mul(*tmp, t.a); err != nil {
			return err
		}
		parallel.Axpy(team, dst, t.c, *tmp)
	}
	if s.shift != 0 {
		parallel.Axpy(team, dst, s.shift, x)
	}
	return nil
}

// Apply implements [Operator].
func (s *combination) Apply(ctx context.Context, dst, x []float64) error {
	if err := checkShape(s.rows, s.cols, dst, x, 1); err != nil {
		return err
	}
	return s.apply(ctx, dst, x, func(dst []float64, a Operator) error { return a.Apply(ctx, dst, x) })
}

// ApplyTrans implements [Transposer].
func (s *combination) ApplyTrans(ctx context.Context, dst, x []float64) error {
	if err := checkShape(s.cols, s.rows, dst, x, 1); err != nil {
		return err
	}
	return s.apply(ctx, dst, x, func(dst []float64, a Operator) error {
		t, ok := Trans(a)
		if !ok {
			return fmt.Errorf("hvp: term %T of a sum has no transpose", a)
		}
		return t.ApplyTrans(ctx, dst, x)
	})
}

// ApplyBlock implements [Blocker].
func (s *combination) ApplyBlock(ctx context.Context, dst, x []float64, k int) error {
	if err := checkShape(s.rows, s.cols, dst, x, k); err != nil {
		return err
	}
	return s.apply(ctx, dst, x, func(dst []float64, a Operator) error {
		b, ok := Block(a)
		if !ok {
			return fmt.Errorf("hvp: term %T of a sum has no block product", a)
		}
		return b.ApplyBlock(ctx, dst, x, k)
	})
}

// ApplyRows implements [RowRanger].
func (s *combination) ApplyRows(dst, x []float64, lo, hi int) { s.ApplyBlockRows(dst, x, 1, lo, hi) }

// ApplyBlockRows implements [BlockRanger].
func (s *combination) ApplyBlockRows(dst, x []float64, k, lo, hi int) {
	from, to := lo*k, hi*k
	for i, t := range s.terms {
		if i == 0 {
			applyBlockRows(t.a, dst, x, k, lo, hi)
			if t.c != 1 {
				kernel.ScaleTo(dst[from:to], t.c, dst[from:to])
			}
			continue
		}
		tmp := s.scratch.Get(len(dst))
		applyBlockRows(t.a, *tmp, x, k, lo, hi)
		kernel.Axpy(dst[from:to], t.c, (*tmp)[from:to])
		s.scratch.Put(tmp)
	}
	if s.shift != 0 {
		kernel.Axpy(dst[from:to], s.shift, x[from:to])
	}
}

// applyBlockRows computes rows of a part of another operator that has the
// capability, with k = 1 that of row ranges.
func applyBlockRows(a Operator, dst, x []float64, k, lo, hi int) {
	if k == 1 {
		a.(RowRanger).ApplyRows(dst, x, lo, hi)
		return
	}
	a.(BlockRanger).ApplyBlockRows(dst, x, k, lo, hi)
}

// ApplyBlockRowsSingle implements [SingleBlockRanger].
func (s *combination) ApplyBlockRowsSingle(dst, x []float32, k, lo, hi int) {
	for i, t := range s.terms {
		a := t.a.(SingleBlockRanger)
		if i == 0 {
			a.ApplyBlockRowsSingle(dst, x, k, lo, hi)
			if t.c != 1 {
				kernel.ScaleSingle(dst, float32(t.c))
			}
			continue
		}
		tmp := s.single.Get(len(dst))
		a.ApplyBlockRowsSingle(*tmp, x, k, lo, hi)
		kernel.AxpySingle(dst, float32(t.c), *tmp)
		s.single.Put(tmp)
	}
	if s.shift != 0 {
		kernel.AxpySingle(dst, float32(s.shift), x[lo*k:hi*k])
	}
}

// grained is what a [RowRanger] and a [SingleBlockRanger] have in common.
type grained interface{ RowGrain() int }

// RowGrain implements [RowRanger].
func (s *combination) RowGrain() int {
	g := 0
	for _, t := range s.terms {
		g = max(g, t.a.(grained).RowGrain())
	}
	return g
}

// Diag implements [Diagonaler].
func (s *combination) Diag(dst []float64) error {
	if err := checkDiag(s.rows, s.cols, dst); err != nil {
		return err
	}
	tmp := s.scratch.Get(len(dst))
	defer s.scratch.Put(tmp)
	clear(dst)
	for _, t := range s.terms {
		if err := t.a.(Diagonaler).Diag(*tmp); err != nil {
			return err
		}
		kernel.Axpy(dst, t.c, *tmp)
	}
	for i := range dst {
		dst[i] += s.shift
	}
	return nil
}

// Structure implements [Structured].
func (s *combination) Structure() Structure {
	all := SPD | Singular
	var varying Structure
	definite := false
	for _, t := range s.terms {
		p := StructureOf(t.a)
		varying |= p & Varying
		switch {
		case t.c == 0:
			p = p&(Symmetric|Semidefinite) | Singular
		case !(t.c > 0):
			p &= Symmetric | Singular
		}
		definite = definite || p.Has(Definite)
		all &= p | Definite
	}
	if s.shift != 0 {
		all &^= Singular
	}
	if s.shift < 0 {
		all &= Symmetric
	}
	// A sum of semidefinite terms is definite if one of them is.
	if !all.Has(Semidefinite) || !(definite || s.shift > 0) || s.shift < 0 {
		all &^= Definite
	}
	return all.closure() | varying
}

// Accuracy implements [Approximate]: that of the worst term. Terms that cancel
// each other make the relative error larger.
func (s *combination) Accuracy() (worst float64) {
	for _, t := range s.terms {
		if t.c != 0 {
			worst = max(worst, AccuracyOf(t.a))
		}
	}
	return worst
}

// transpose returns Σ c_k A_kᵀ + shift·I.
func (s *combination) transpose() (Operator, error) {
	t := &combination{rows: s.cols, cols: s.rows, shift: s.shift}
	for _, k := range s.terms {
		a, err := Transpose(k.a)
		if err != nil {
			return nil, err
		}
		t.terms = append(t.terms, term{k.c, a})
	}
	return t, nil
}

// Capabilities implements [Conditional].
func (s *combination) Capabilities() Capability {
	c := CanTrans | CanRows | CanBlock | CanDiag | CanBlockRows | CanBlockRowsSingle
	for _, t := range s.terms {
		c &= capabilitiesOf(t.a)
	}
	return c
}

func capabilitiesOf(a Operator) (c Capability) {
	if _, ok := Trans(a); ok {
		c |= CanTrans
	}
	if _, ok := Rows(a); ok {
		c |= CanRows
	}
	if _, ok := Block(a); ok {
		c |= CanBlock
	}
	if _, ok := BlockRows(a); ok {
		c |= CanBlockRows
	}
	if _, ok := BlockRowsSingle(a); ok {
		c |= CanBlockRowsSingle
	}
	if _, ok := BlockSingle(a); ok {
		c |= CanBlockSingle
	}
	if _, ok := Diag(a); ok {
		c |= CanDiag
	}
	return c
}

// WithStructure returns a with the given promises added to its own. It keeps
// all capabilities. Nobody checks the promises here; solvers report what
// contradicts them.
func WithStructure(a Operator, s Structure) Operator {
	if d, ok := a.(*Diagonal); ok {
		return &Diagonal{d.d, (d.structure | s).closure()} // which solvers recognise
	}
	return &promised{a, (StructureOf(a) | s).closure()}
}

type promised struct {
	a Operator
	s Structure
}

func (p *promised) Dims() (rows, cols int)   { return p.a.Dims() }
func (p *promised) Structure() Structure     { return p.s }
func (p *promised) Accuracy() float64        { return AccuracyOf(p.a) }
func (p *promised) Capabilities() Capability { return capabilitiesOf(p.a) | p.symmetricTrans() }
func (p *promised) RowGrain() int            { return p.a.(grained).RowGrain() }
func (p *promised) Diag(dst []float64) error { return p.a.(Diagonaler).Diag(dst) }

func (p *promised) symmetricTrans() Capability {
	if p.s.Has(Symmetric) {
		return CanTrans
	}
	return 0
}

func (p *promised) Apply(ctx context.Context, dst, x []float64) error {
	return p.a.Apply(ctx, dst, x)
}

func (p *promised) ApplyTrans(ctx context.Context, dst, x []float64) error {
	if t, ok := Trans(p.a); ok {
		return t.ApplyTrans(ctx, dst, x)
	}
	if !p.s.Has(Symmetric) {
		return fmt.Errorf("hvp: operator %T has no transpose", p.a)
	}
	return p.a.Apply(ctx, dst, x)
}

func (p *promised) ApplyRows(dst, x []float64, lo, hi int) {
	p.a.(RowRanger).ApplyRows(dst, x, lo, hi)
}

func (p *promised) ApplyBlockRows(dst, x []float64, k, lo, hi int) {
	p.a.(BlockRanger).ApplyBlockRows(dst, x, k, lo, hi)
}

func (p *promised) ApplyBlockRowsSingle(dst, x []float32, k, lo, hi int) {
	p.a.(SingleBlockRanger).ApplyBlockRowsSingle(dst, x, k, lo, hi)
}

func (p *promised) ApplyBlockSingle(ctx context.Context, dst, x []float32, k int) error {
	return p.a.(SingleBlocker).ApplyBlockSingle(ctx, dst, x, k)
}

func (p *promised) ApplyBlock(ctx context.Context, dst, x []float64, k int) error {
	return p.a.(Blocker).ApplyBlock(ctx, dst, x, k)
}
