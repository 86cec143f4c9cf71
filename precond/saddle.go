package precond

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Maker makes the preconditioner of a part of an operator; the Make of a [Kind] is
// one.
type Maker func(ctx context.Context, a hvp.Operator) (Preconditioner, error)

// SaddleSettings are the choices of [NewSaddle]. The zero value works.
type SaddleSettings struct {
	// Hessian makes the preconditioner of H. Nil means D⁻¹ with D = diag(H) where
	// that is positive. Where it is not, which is common for saddle points that
	// are regular only on the null space of B, D = |diag(H)| + γ·diag(BᵀB) with
	// the γ that gives both terms equal sums, or 1 if H has no diagonal, and the
	// report says so. The same D stands in the Schur complement.
	Hessian Maker
	// Augmented preconditions H + BᵀWB in place of H, by Hessian or, if that is nil, by
	// a Cholesky factorisation, complete where that is cheap, and the Schur complement
	// by W⁻¹ with W = γ·diag(B·D⁻¹·Bᵀ)⁻¹. It needs C = 0, the entries of H and B, and
	// an H that is positive definite on the null space of B only: elsewhere it
	// may be singular or, for a γ that is large enough, indefinite. Where
	// neither Hessian, Schur nor Given is set, this is tried first for an H that
	// is not a positive diagonal matrix, unless Triangular is set; the report says
	// what came of it.
	Augmented bool
	// Gamma is γ; zero means 1e6.
	Gamma float64
	// Schur makes that of the Schur complement in the approximation
	// C + B·D⁻¹·Bᵀ, a sparse matrix, which is formed for it. Nil means a
	// Cholesky factorisation, complete where that is cheap, or [AMG]; of its
	// diagonal only where columns of B with many entries would make it dense.
	// Where H is diagonal this is the Schur complement itself.
	Schur Maker
	// LeastSquares commutes instead, S⁻¹ ≈ K·B·D⁻¹·H·D⁻¹·Bᵀ·K with
	// K ≈ (B·D⁻¹·Bᵀ)⁻¹ made by Schur (BFBt: Elman, Howle, Shadid, Shuttleworth
	// & Tuminaro, SIAM J. Sci. Comput. 27, 2006, doi:10.1137/040608817). It needs
	// C = 0 and a good K, which is applied twice.
	LeastSquares bool
	// Given is a preconditioner of the Schur complement of the caller's own, in
	// place of all this. It is refreshed with nil for an operator.
	Given Preconditioner
	// Triangular makes the block-triangular form, for GMRES.
	Triangular bool
}

// Saddle preconditions saddle-point operators
//
//	A = [ H   Bᵀ ]
//	    [ B  −C  ],    S = C + B·H⁻¹·Bᵀ
//
// by preconditioners of H and S: the block-diagonal form diag(H, S)⁻¹, definite, for
// MINRES, or the block-triangular one, [H Bᵀ; 0 −S]⁻¹, for GMRES. With exact
// inverses and C = 0 the first gives an operator of three eigenvalues, 1 and
// (1±√5)/2, the second one whose minimal polynomial is (1−t)²: three and two
// iterations (Murphy, Golub & Wathen, SIAM J. Sci. Comput. 21, 2000,
// doi:10.1137/S1064827599355153). For a survey see Benzi, Golub & Liesen, Acta Numer.
// 14, 2005, doi:10.1017/S0962492904000212.
//
// The augmented form is diag(H + BᵀWB, W⁻¹)⁻¹, also for an H that is singular
// (Golub & Greif, SIAM J. Sci. Comput. 24, 2003, doi:10.1137/S1064827500375096;
// Greif & Schötzau, Electron. Trans. Numer. Anal. 22, 2006). With exact inverses
// and C = 0 the eigenvalues are 1 and −1/(1+μ) with H·x = μ·BᵀWB·x, x outside of
// the null space of B: all near ±1 if W is large.
//
// Memory: that of the two parts and two vectors. A product costs one with each part, and
// in the triangular form one with B or Bᵀ.
type Saddle struct {
	n, m    int
	set     SaddleSettings
	h, s    Preconditioner
	b       hvp.Operator // B, and Bᵀ
	bt      hvp.Operator
	scratch parallel.Scratch
	report  Report
	// augmented says that h and s are of the augmented form.
	augmented bool
}

// errNotSaddle says that no saddle point is to be seen.
var errNotSaddle = errors.New("it is neither a 2×2 block operator with square corners nor a symmetric matrix with a trailing block of zeros")

// NewSaddle returns the preconditioner of a, which must come from [hvp.KKT], or from
// [hvp.Blocks] with 2×2 blocks and promise to be symmetric, or be a matrix
// ([hvp.Assemble]) that promises to be symmetric and has a trailing block of zeros,
// which is then taken as large as it can be. Otherwise the error is
// [ErrNotApplicable], wrapped. Unless H and S get preconditioners of the caller's
// own, B and C must have entries and H a diagonal; a [*NotPositiveError] says
// that there is an empty row or column. Nil settings mean defaults.
func NewSaddle(ctx context.Context, a hvp.Operator, s *SaddleSettings) (*Saddle, error) {
	m := &Saddle{n: -1}
	if s != nil {
		m.set = *s
	}
	switch {
	case m.set.Given != nil && (m.set.LeastSquares || m.set.Schur != nil):
		return nil, errors.New("precond: saddle: the Schur complement is given and to be made")
	case m.set.Augmented && (m.set.Given != nil || m.set.Schur != nil || m.set.LeastSquares || m.set.Triangular):
		return nil, errors.New("precond: saddle: the augmented form is block-diagonal and has its own Schur complement")
	case !(m.set.Gamma >= 0) || math.IsInf(m.set.Gamma, 1):
		return nil, fmt.Errorf("precond: saddle: γ = %v", m.set.Gamma)
	}
	if err := m.Refresh(ctx, a); err != nil {
		return nil, err
	}
	return m, nil
}

// parts returns H, B, Bᵀ and −C, nil if that is zero.
func parts(a hvp.Operator) (h, b, bt, corner hvp.Operator, err error) {
	symmetric := hvp.StructureOf(a).Has(hvp.Symmetric)
	if block, ok := hvp.Partition(a); ok {
		if len(block) != 2 || len(block[0]) != 2 || block[0][0] == nil || block[0][1] == nil || block[1][0] == nil {
			return nil, nil, nil, nil, notApplicable("saddle", a, errNotSaddle)
		}
		h, bt, b, corner = block[0][0], block[0][1], block[1][0], block[1][1]
		if r, c := h.Dims(); r != c {
			return nil, nil, nil, nil, notApplicable("saddle", a, errNotSaddle)
		}
		if !symmetric { // B and Bᵀ by construction?
			x, isB := b.(*hvp.CSR)
			if t, err := hvp.Transpose(b); !isB || err != nil || t != bt && hvp.Operator(x) != bt {
				return nil, nil, nil, nil, notApplicable("saddle", a, ErrNotSymmetric)
			}
		}
		return h, b, bt, corner, nil
	}
	x, err := hvp.Assemble(a)
	if err != nil {
		return nil, nil, nil, nil, notApplicable("saddle", a, err)
	}
	if !symmetric {
		return nil, nil, nil, nil, notApplicable("saddle", a, ErrNotSymmetric)
	}
	rows, _ := x.Dims()
	n := trailingZeros(x)
	if n == rows || n == 0 {
		return nil, nil, nil, nil, notApplicable("saddle", a, errNotSaddle)
	}
	index := make([]int, rows)
	for i := range index {
		index[i] = i
	}
	if h, err = hvp.Principal(x, index[:n]); err != nil {
		return nil, nil, nil, nil, err
	}
	if b, err = hvp.Restrict(x, index[n:], index[:n]); err != nil {
		return nil, nil, nil, nil, err
	}
	bt, err = hvp.Transpose(b)
	return h, b, bt, nil, err
}

// trailingZeros returns the least n such that rows and columns n and beyond of the
// symmetric matrix x hold nothing but zeros in common.
func trailingZeros(x *hvp.CSR) int {
	rowPtr, col, val := x.RawCSR()
	last, n := int32(-1), len(rowPtr)-1
	for i := n - 1; i >= 0; i-- {
		for p := rowPtr[i]; p < rowPtr[i+1]; p++ {
			if val[p] != 0 {
				last = max(last, col[p])
			}
		}
		if int(last) >= i {
			break
		}
		n = i
	}
	return n
}

// Refresh implements [Preconditioner].
func (m *Saddle) Refresh(ctx context.Context, a hvp.Operator) error {
	begin := time.Now()
	order, err := square("saddle", a)
	if err != nil {
		return err
	}
	if m.n >= 0 {
		if err := sameOrder(m, order); err != nil {
			return err
		}
	}
	h, b, bt, corner, err := parts(a)
	if err != nil {
		return err
	}
	rows, n := b.Dims()
	if m.n >= 0 && m.n != n {
		return fmt.Errorf("precond: refresh of %v with %d variables by an operator with %d", m, m.n, n)
	}
	fresh := m.n < 0
	m.n, m.m, m.b, m.bt = n, rows, b, bt
	var d *Jacobi // D⁻¹
	var notes []string
	if m.set.Augmented || m.set.Hessian == nil || m.set.Given == nil {
		var note string
		if d, note, err = saddleDiagonal(ctx, h, b); err != nil {
			return err
		}
		if note != "" {
			notes = append(notes, note)
		}
	}
	automatic := m.set.Hessian == nil && m.set.Schur == nil && m.set.Given == nil && !m.set.LeastSquares && !m.set.Triangular
	augment := m.set.Augmented || automatic && corner == nil && (len(notes) > 0 || !isDiagonal(h))
	if augment {
		err := m.augment(ctx, h, b, corner, d)
		switch {
		case err == nil:
			notes = append(notes, fmt.Sprintf("augmented: %v for H + BᵀWB", m.h))
		case m.set.Augmented || ctx.Err() != nil:
			return err
		default:
			notes = append(notes, "not augmented: "+strings.TrimPrefix(err.Error(), "precond: "))
			augment = false
		}
	}
	if !augment {
		fresh = fresh || m.augmented
		m.augmented = false
		if err := m.plain(ctx, h, b, corner, d, fresh); err != nil {
			return err
		}
	}
	for _, p := range []Preconditioner{m.h, m.s} {
		if r, c := p.Dims(); r != c || p == m.h && r != n || p == m.s && r != rows {
			return fmt.Errorf("precond: saddle: %v is %d×%d for %d variables and %d constraints", p, r, c, n, rows)
		}
	}
	rh, rs := m.h.Report(), m.s.Report()
	m.report = Report{
		Setup: max(time.Since(begin), 1), Bytes: rh.Bytes + rs.Bytes + 8*int64(n+rows), Products: rh.Products + rs.Products,
		Notes: []string{fmt.Sprintf("%d variables and %d constraints", n, rows)},
	}
	m.report.Notes = append(m.report.Notes, notes...)
	m.report.Notes = append(append(m.report.Notes, rh.Notes...), rs.Notes...)
	return nil
}

// plain makes or refreshes the preconditioners of H and S.
func (m *Saddle) plain(ctx context.Context, h, b, corner hvp.Operator, d *Jacobi, fresh bool) (err error) {
	switch {
	case m.set.Hessian == nil:
		m.h = d
	case fresh:
		m.h, err = m.set.Hessian(ctx, h)
	default:
		err = m.h.Refresh(ctx, h)
	}
	if err != nil {
		return fmt.Errorf("precond: saddle: H: %w", err)
	}
	return m.schur(ctx, h, b, corner, d, fresh)
}

// schur makes or refreshes the preconditioner of S.
func (m *Saddle) schur(ctx context.Context, h, b, corner hvp.Operator, inverse *Jacobi, fresh bool) error {
	if m.set.Given != nil {
		if m.s = m.set.Given; !fresh {
			return m.s.Refresh(ctx, nil)
		}
		return nil
	}
	if m.set.LeastSquares && corner != nil {
		return errors.New("precond: saddle: the least-squares commutator needs C = 0")
	}
	d := inverse.DiagonalValues()
	old := m.s
	if k, ok := old.(*commutator); ok {
		old = k.Preconditioner
	}
	if err := m.schurPart(ctx, old, b, corner, d, fresh); err != nil {
		return fmt.Errorf("precond: saddle: Schur complement: %w", err)
	}
	if m.set.LeastSquares {
		m.s = &commutator{Preconditioner: m.s, h: h, b: b, bt: m.bt, d: d}
	}
	return nil
}

// schurPart sets m.s to the preconditioner of C + B·D⁻¹·Bᵀ, the old one refreshed where
// it can be.
func (m *Saddle) schurPart(ctx context.Context, old Preconditioner, b, corner hvp.Operator, d []float64, fresh bool) error {
	x, err := hvp.Assemble(b)
	if err != nil {
		return notApplicable("saddle", b, err)
	}
	symmetric := corner == nil || hvp.StructureOf(corner).Has(hvp.Symmetric)
	if m.set.Schur == nil && (!symmetric || !gramCheap(x)) {
		s, err := schurDiagonal(b, corner, d)
		if err != nil {
			return err
		}
		m.s, err = jacobiOf(ctx, s)
		return err
	}
	s, err := weightedGram(b, corner, d)
	if err != nil {
		return err
	}
	_, isPart := old.(*part)
	switch {
	case !fresh && (m.set.Schur != nil || isPart):
		m.s = old
		return old.Refresh(ctx, s)
	case m.set.Schur != nil:
		m.s, err = m.set.Schur(ctx, s)
	default:
		m.s, err = newPart(ctx, s)
	}
	return err
}

func jacobiOf(ctx context.Context, d []float64) (*Jacobi, error) {
	s, err := hvp.NewDiagonal(d)
	if err != nil {
		return nil, err
	}
	return NewJacobi(ctx, s)
}

// Dims implements [hvp.Operator].
func (m *Saddle) Dims() (rows, cols int) { return m.n + m.m, m.n + m.m }

// Blocks returns the numbers of variables and of constraints.
func (m *Saddle) Blocks() (variables, constraints int) { return m.n, m.m }

// Apply implements [hvp.Operator].
func (m *Saddle) Apply(ctx context.Context, dst, x []float64) error {
	if err := checkVectors(m, m.n+m.m, dst, x); err != nil {
		return err
	}
	y1, y2 := dst[:m.n], dst[m.n:]
	if err := m.s.Apply(ctx, y2, x[m.n:]); err != nil {
		return err
	}
	if !m.set.Triangular {
		return m.h.Apply(ctx, y1, x[:m.n])
	}
	// y₂ = −S⁻¹·x₂, y₁ = H⁻¹·(x₁ − Bᵀ·y₂)
	team := parallel.FromContext(ctx)
	t := m.scratch.Get(m.n)
	defer m.scratch.Put(t)
	if err := m.bt.Apply(ctx, *t, y2); err != nil {
		return err
	}
	parallel.Axpy(team, *t, 1, x[:m.n])
	parallel.ScaleTo(team, y2, -1, y2)
	return m.h.Apply(ctx, y1, *t)
}

// ApplyTrans implements [hvp.Transposer].
func (m *Saddle) ApplyTrans(ctx context.Context, dst, x []float64) error {
	if err := checkVectors(m, m.n+m.m, dst, x); err != nil {
		return err
	}
	y1, y2 := dst[:m.n], dst[m.n:]
	if err := m.h.ApplyTrans(ctx, y1, x[:m.n]); err != nil {
		return err
	}
	if !m.set.Triangular {
		return m.s.ApplyTrans(ctx, y2, x[m.n:])
	}
	// y₁ = H⁻ᵀ·x₁, y₂ = S⁻ᵀ·(B·y₁ − x₂)
	t := m.scratch.Get(m.m)
	defer m.scratch.Put(t)
	if err := m.b.Apply(ctx, *t, y1); err != nil {
		return err
	}
	parallel.Axpy(parallel.FromContext(ctx), *t, -1, x[m.n:])
	return m.s.ApplyTrans(ctx, y2, *t)
}

// Structure implements [hvp.Structured].
func (m *Saddle) Structure() hvp.Structure {
	if m.set.Triangular {
		return 0
	}
	return hvp.StructureOf(m.h) & hvp.StructureOf(m.s)
}

// Report implements [Preconditioner].
func (m *Saddle) Report() Report { return m.report }

// String names the preconditioner and its parts.
func (m *Saddle) String() string {
	form := "diagonal"
	switch {
	case m.augmented:
		form = "augmented"
	case m.set.Triangular:
		form = "triangular"
	}
	return fmt.Sprintf("saddle(%s, %v, %v)", form, m.h, m.s)
}

var _ Preconditioner = (*Saddle)(nil)
