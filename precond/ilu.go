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

// ILUSettings are the choices of [NewILU]. The zero value works.
type ILUSettings struct {
	// Fill is how many entries the factors may have beyond those of the matrix, as a
	// multiple of the latter: the p of ILUT(p,τ) in units of the average row. Zero
	// means DefaultILUFill. A negative number means ILU(0): the pattern of the
	// matrix, where Drop does not apply.
	Fill float64
	// Drop is the τ of ILUT(p,τ): entries below τ times the mean magnitude of the
	// entries of their row are dropped. Zero means DefaultILUDrop, a negative number
	// that none are.
	Drop float64
	// Matching says whether the rows are permuted first, so that large entries
	// stand on the diagonal.
	Matching Matching
	// Perturb, if positive, replaces pivots that vanish by Perturb times the mean
	// magnitude of the entries of their row, and the report says how many. Zero
	// means that they are an error, a [*PivotError].
	Perturb float64
	// Subdomains are factorised independently of each other. The ordering is that
	// of the graph of A + Aᵀ, after the matching.
	Subdomains Subdomains
	// Single keeps the factors in single precision.
	Single bool
	// Levels is as in [ICSettings].
	Levels bool
}

// Defaults of ILUSettings.
const (
	DefaultILUFill = 2
	DefaultILUDrop = 1e-3
)

// Matching says when the rows are permuted before an incomplete LU factorisation.
type Matching int

const (
	// MatchAuto permutes if a diagonal entry is zero or missing.
	MatchAuto Matching = iota
	// MatchNever leaves the rows as they are.
	MatchNever
	// MatchAlways permutes and scales.
	MatchAlways
)

// ILU is an incomplete LU factorisation A ≈ L·U, domain by domain (see
// [Subdomains]), for matrices that need not be symmetric: with two rules of dropping
// (ILUT, Saad, Numer. Linear Algebra Appl. 1, 1994, doi:10.1002/nla.1680010405) or on
// the pattern of A (ILU(0)).
//
// Zeros on the diagonal, as in saddle-point matrices, are moved away by a permutation
// of the rows with the largest product of diagonal entries, and by its scaling (Duff
// & Koster, SIAM J. Matrix Anal. Appl. 22, 2001, doi:10.1137/S0895479899358443); the
// report says so.
type ILU struct {
	schwarz
	opt ILUSettings
}

// PivotError reports a pivot of an incomplete LU factorisation that vanishes.
type PivotError struct {
	Row int
	// Value of the pivot; zero if the diagonal entry is missing and nothing filled
	// its place.
	Value float64
}

// Error implements error.
func (e *PivotError) Error() string {
	return fmt.Sprintf("precond: incomplete LU: the pivot of row %d is %.3g, nothing beside the entries of the row", e.Row, e.Value)
}

// NewILU returns an incomplete LU factorisation of a, which must have entries
// ([hvp.Assemble]). A vanishing pivot gives a [*PivotError] unless s.Perturb replaces
// it; factors that are useless are an [*UnstableError], and a matrix that is singular by
// its pattern is an error that names a row. A nil s means the defaults.
func NewILU(ctx context.Context, a hvp.Operator, s *ILUSettings) (*ILU, error) {
	m := &ILU{}
	if s != nil {
		m.opt = *s
	}
	if m.opt.Fill == 0 {
		m.opt.Fill = DefaultILUFill
	}
	if m.opt.Drop == 0 {
		m.opt.Drop = DefaultILUDrop
	}
	m.opt.Drop = max(m.opt.Drop, 0)
	for _, v := range []float64{m.opt.Fill, m.opt.Drop, m.opt.Perturb} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("precond: incomplete LU with fill %v, drop %v, perturb %v", m.opt.Fill, m.opt.Drop, m.opt.Perturb)
		}
	}
	if err := m.Refresh(ctx, a); err != nil {
		return nil, err
	}
	return m, nil
}

// leastPivot is the least pivot of an LU factorisation, beside the entries of its row,
// that is taken for one.
const leastPivot = 1e-14

// Refresh implements [Preconditioner].
func (m *ILU) Refresh(ctx context.Context, a hvp.Operator) error {
	begin := time.Now()
	csr0, err := m.assemble(m, "incomplete LU", a)
	if err != nil {
		return err
	}
	m.notes = m.notes[:0]
	csr, err := m.matched(csr0)
	if err != nil {
		return fmt.Errorf("precond: incomplete LU: %w", err)
	}
	perturbed, err := m.build(ctx, csr, m.opt.Subdomains, storage{m.opt.Single, m.opt.Levels}, m.factor)
	var p *pivotError
	if errors.As(err, &p) {
		if m.perm != nil {
			p.row = int(m.perm[p.row])
		}
		return &PivotError{p.row, p.value}
	}
	if err != nil {
		return fmt.Errorf("precond: incomplete LU: %w", err)
	}
	count := 0.0
	for _, c := range perturbed {
		count += c
	}
	if count > 0 {
		m.notes = append(m.notes, fmt.Sprintf("%.0f pivots perturbed to %g of their rows", count, m.opt.Perturb))
	}
	if err := m.stability(ctx, csr0); err != nil {
		return err
	}
	m.setup = time.Since(begin)
	return nil
}

// UnstableError says that the triangular factors of an incomplete LU factorisation are
// so ill-conditioned that M is nothing but rounding errors, or overflows. Other
// orderings, more Fill, a smaller Drop, or [MatchAlways] may help.
type UnstableError struct {
	// Growth is ‖A·M·e − e‖/‖e‖ for the vector of ones e: above 2⁵², infinite or
	// NaN.
	Growth float64
}

// Error implements error.
func (e *UnstableError) Error() string {
	return fmt.Sprintf("precond: incomplete LU: the factors are unstable: ‖A·M·e − e‖/‖e‖ = %.3g for the vector of ones e", e.Growth)
}

// unstable is the growth from which on the report warns.
const unstable = 1e4

// stability applies the preconditioner to the vector of ones, after Chow & Saad, J.
// Comput. Appl. Math. 86, 1997, doi:10.1016/S0377-0427(97)00171-4.
func (m *ILU) stability(ctx context.Context, a *hvp.CSR) error {
	if m.n == 0 {
		return nil
	}
	e, z, r := make([]float64, m.n), make([]float64, m.n), make([]float64, m.n)
	for i := range e {
		e[i] = 1
	}
	if err := m.Apply(ctx, z, e); err != nil {
		return err
	}
	if err := a.Apply(ctx, r, z); err != nil {
		return fmt.Errorf("precond: incomplete LU: %w", err)
	}
	team := parallel.FromContext(ctx)
	parallel.Axpy(team, r, -1, e)
	growth := parallel.Norm(team, r) / math.Sqrt(float64(m.n))
	if !(growth <= 0x1p52) {
		return &UnstableError{growth}
	}
	if growth > unstable {
		m.notes = append(m.notes, fmt.Sprintf("the factors are ill-conditioned: ‖A·M·e − e‖ = %.1g·‖e‖ for the vector of ones e", growth))
	}
	return nil
}

// Report implements [Preconditioner].
func (m *ILU) Report() Report {
	r := m.schwarz.Report()
	r.Products = 1
	return r
}

// matched returns the matrix whose rows are permuted and scaled as the options
// say, and sets what undoes that in the preconditioner.
func (m *ILU) matched(a *hvp.CSR) (*hvp.CSR, error) {
	m.perm, m.scaleRows, m.scaleCols = nil, nil, nil
	rowPtr, col, val := a.RawCSR()
	n := len(rowPtr) - 1
	if m.opt.Matching == MatchNever {
		return a, nil
	}
	zeros := 0
	for i := range n {
		if a.At(i, i) == 0 {
			zeros++
		}
	}
	if m.opt.Matching == MatchAuto && zeros == 0 {
		return a, nil
	}
	perm, dr, dc, err := match(rowPtr, col, val)
	if err != nil {
		return nil, err
	}
	moved := 0
	ptr, cols, vals := make([]int, n+1), make([]int32, 0, len(col)), make([]float64, 0, len(col))
	scale := make([]float64, n)
	for i, r := range perm {
		if int(r) != i {
			moved++
		}
		scale[i] = dr[r]
		for p := rowPtr[r]; p < rowPtr[r+1]; p++ {
			if v := val[p] * dr[r] * dc[col[p]]; v != 0 {
				cols, vals = append(cols, col[p]), append(vals, v)
			}
		}
		ptr[i+1] = len(cols)
	}
	m.perm, m.scaleRows, m.scaleCols = perm, scale, dc
	m.notes = append(m.notes, fmt.Sprintf("%d zeros on the diagonal; %d of %d rows permuted", zeros, moved, n))
	b, err := hvp.NewCSR(n, n, ptr, cols, vals)
	if err != nil {
		return nil, fmt.Errorf("scaled matrix: %w", err)
	}
	return b, nil
}

// factor factorises the matrix of a subdomain; note is the number of perturbed
// pivots.
func (m *ILU) factor(a *localCSR) (f *ldu, note float64, err error) {
	rule := &pivotRule{least: leastPivot, replace: math.Max(m.opt.Perturb, 0)}
	if m.opt.Fill < 0 {
		f, err = lu0(a, rule)
	} else {
		f, err = lut(a, m.opt.Fill, m.opt.Drop, rule)
	}
	return f, float64(rule.count), err
}

// Structure implements [hvp.Structured]: M promises nothing.
func (m *ILU) Structure() hvp.Structure { return 0 }

// String names the preconditioner and its parameters.
func (m *ILU) String() string {
	name := "ilu0"
	if m.opt.Fill >= 0 {
		name = fmt.Sprintf("ilut(fill=%g, drop=%g)", m.opt.Fill, m.opt.Drop)
	}
	return name + m.suffix(m.opt.Single)
}

var _ Preconditioner = (*ILU)(nil)
