package precond

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
)

// ICSettings are the choices of [NewIC]. The zero value works.
type ICSettings struct {
	// Fill is how many entries the factor may have beyond those of the lower
	// triangle of the matrix, as a multiple of the latter. Zero means 1, which makes
	// twice the memory of IC(0). A negative number means IC(0): the pattern of the
	// matrix.
	Fill float64
	// Work is how many more entries take part in the factorisation and are then
	// dropped, in the same unit. It costs set-up time and no memory
	// afterwards. Zero means 1, a negative number none.
	Work float64
	// Subdomains are factorised independently of each other.
	Subdomains Subdomains
	// Single keeps the factors in single precision: half the memory traffic, the
	// arithmetic still in double precision.
	Single bool
	// Levels factorises the matrix as a whole and shares each level of its
	// triangular solves among the workers, with the factors by rows and by
	// columns. Subdomains and Single do not apply then.
	Levels bool
}

func (o *ICSettings) withDefaults() ICSettings {
	var s ICSettings
	if o != nil {
		s = *o
	}
	if s.Fill == 0 {
		s.Fill = 1
	}
	if s.Work == 0 {
		s.Work = 1
	}
	s.Work = max(s.Work, 0)
	return s
}

// IC is an incomplete Cholesky factorisation A ≈ L·Lᵀ, domain by domain (see
// [Subdomains]), for symmetric positive definite matrices. M is symmetric positive
// definite by construction.
//
// The matrix is scaled to unit diagonal, D^-½·A·D^-½. Each column of L keeps its
// largest entries, as many as the column of A has and a number more: the limited
// memory of Lin & Moré, SIAM J. Sci. Comput. 21, 1999,
// doi:10.1137/S1064827597327334. Dropped entries take part in the elimination as far
// as Work permits (Tismenetsky, Linear Algebra Appl. 154–156, 1991,
// doi:10.1016/0024-3795(91)90383-8; with limited memory Scott & Tůma, ACM Trans. Math.
// Softw. 40, 2014, doi:10.1145/2617555).
//
// A pivot that is not positive makes the factorisation of its subdomain start again
// with α·I added, α = 1e-3, 2e-3, …; the report tells the largest α. Matrices that
// need more than 1 are refused with a [*ShiftLimitError].
type IC struct {
	schwarz
	opt   ICSettings
	shift float64 // largest α
}

// maxShift is the largest multiple of the diagonal that is added to it.
const maxShift = 1.1

// ShiftLimitError says that a matrix that should be positive definite is so far from
// it that no shift of sensible size helped.
type ShiftLimitError struct {
	// Row is where the factorisation with shift Shift·Aᵢᵢ met the pivot Pivot, a
	// multiple of Aᵢᵢ.
	Row          int
	Shift, Pivot float64
}

// Error implements error.
func (e *ShiftLimitError) Error() string {
	return fmt.Sprintf("precond: incomplete Cholesky: pivot of row %d is %.3g of its diagonal entry after a shift by %.3g of that; is the matrix positive definite?",
		e.Row, e.Pivot, e.Shift)
}

// Is implements the interface of errors.Is.
func (e *ShiftLimitError) Is(target error) bool { return target == ErrIndefinite }

// NewIC returns an incomplete Cholesky factorisation of a, which must have entries
// ([hvp.Assemble]) and promise to be symmetric. A diagonal entry that is not positive
// gives a [*NotPositiveError], other signs that a is not positive definite a
// [*ShiftLimitError]. A nil s means the defaults.
func NewIC(ctx context.Context, a hvp.Operator, s *ICSettings) (*IC, error) {
	m := &IC{opt: s.withDefaults(), schwarz: schwarz{symmetric: true}}
	if math.IsNaN(m.opt.Fill) || math.IsNaN(m.opt.Work) || math.IsInf(m.opt.Fill, 0) || math.IsInf(m.opt.Work, 0) {
		return nil, fmt.Errorf("precond: incomplete Cholesky with fill %v and work %v", m.opt.Fill, m.opt.Work)
	}
	if err := m.Refresh(ctx, a); err != nil {
		return nil, err
	}
	return m, nil
}

// Refresh implements [Preconditioner].
func (m *IC) Refresh(ctx context.Context, a hvp.Operator) error {
	begin := time.Now()
	csr, err := m.assemble(m, "incomplete Cholesky", a)
	if err != nil {
		return err
	}
	shifts, err := m.build(ctx, csr, m.opt.Subdomains, storage{m.opt.Single, m.opt.Levels}, m.factor)
	var p *shiftError
	var d *pivotError
	switch {
	case errors.As(err, &p):
		return &ShiftLimitError{p.row, p.shift, p.value}
	case errors.As(err, &d):
		return &NotPositiveError{d.row, d.value, true}
	case err != nil:
		return fmt.Errorf("precond: incomplete Cholesky: %w", err)
	}
	m.notes = m.notes[:0]
	count, largest := 0, 0.0
	for _, s := range shifts {
		if s > 0 {
			count++
			largest = max(largest, s)
		}
	}
	m.shift = largest
	if count > 0 {
		m.notes = append(m.notes, fmt.Sprintf("shift by up to %.3g of the diagonal in %d of %d subdomains", largest, count, len(shifts)))
	}
	m.setup = time.Since(begin)
	return nil
}

// shiftError says that even the largest shift did not help.
type shiftError struct {
	*pivotError
	shift float64
}

// Unwrap makes the row reachable for who knows the number of the subdomain's.
func (e *shiftError) Unwrap() error { return e.pivotError }

// factor factorises the matrix of a subdomain; note is the shift.
func (m *IC) factor(a *localCSR) (f *ldu, note float64, err error) {
	n := a.order()
	s := make([]float64, n)
	for i := range n {
		var d float64
		c, v := a.row(i)
		for k, j := range c {
			if int(j) == i {
				d = v[k]
			}
		}
		s[i] = 1 / math.Sqrt(d)
		if !(d > 0) || math.IsInf(s[i], 0) {
			return nil, 0, &pivotError{i, d}
		}
	}
	lower := lowerTriangle(a, s)
	var shift float64
	for {
		var l *localCSR
		var diag []float64
		if m.opt.Fill < 0 {
			l, diag, err = cholesky0(lower, shift)
		} else {
			l, diag, err = incompleteCholesky(lower, shift, m.opt.Fill, m.opt.Work)
		}
		var p *pivotError
		switch {
		case err == nil:
			f = &ldu{u: l, d: diag}
			for j, d := range diag {
				_, v := l.row(j)
				for k := range v {
					v[k] /= d
				}
				diag[j] = d * d
			}
			f.scale(s)
			return f, shift, nil
		case !errors.As(err, &p):
			return nil, 0, err
		case shift >= maxShift/2:
			return nil, 0, &shiftError{p, shift}
		}
		shift = max(1e-3, 2*shift)
	}
}

// Structure implements [hvp.Structured].
func (m *IC) Structure() hvp.Structure { return hvp.SPD }

// String names the preconditioner and its parameters.
func (m *IC) String() string {
	name := "ic0"
	if m.opt.Fill >= 0 {
		name = fmt.Sprintf("ic(fill=%g)", m.opt.Fill)
	}
	return name + m.suffix(m.opt.Single)
}

// suffix returns what the name says about storage.
func (m *schwarz) suffix(single bool) string {
	switch {
	case m.levels != nil:
		return ", levels"
	case single:
		return ", single"
	}
	return ""
}

// assemble checks a and returns its entries. m, of which s is a part, is given for
// the message.
func (s *schwarz) assemble(m Preconditioner, kind string, a hvp.Operator) (*hvp.CSR, error) {
	n, err := square(kind, a)
	if err != nil {
		return nil, err
	}
	if s.domains != nil {
		if err := sameOrder(m, n); err != nil {
			return nil, err
		}
	}
	if s.symmetric && !hvp.StructureOf(a).Has(hvp.Symmetric) {
		return nil, notApplicable(kind, a, ErrNotSymmetric)
	}
	csr, err := hvp.Assemble(a)
	if errors.Is(err, hvp.ErrNotAssembled) {
		return nil, notApplicable(kind, a, err)
	}
	if err != nil {
		return nil, fmt.Errorf("precond: %s: %w", kind, err)
	}
	return csr, nil
}

var _ Preconditioner = (*IC)(nil)
