package precond

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// GridIC is an incomplete Cholesky factorisation A ≈ L·D·Lᵀ without fill, IC(0)
// (Meijerink & van der Vorst, Math. Comp. 31, 1977,
// doi:10.1090/S0025-5718-1977-0438681-4), of an operator on a grid that knows its
// entries ([hvp.GridAssembler]), in single precision. M is symmetric positive definite by
// construction. It serves operators that couple points over a few rows and columns more
// strongly than a diagonal can tell, such as Hessians of filter banks.
//
// The rows of the grid are cut into bands of some 32. Those of even number come first in
// the order of elimination, and within a band points row by row: bands of one kind do not
// depend on each other, no coupling is lost, and the result is the same for any number of
// workers. On Hessians of 3×3 filters this took at most one iteration in twelve more
// than row by row throughout, and half as many as bands without couplings.
//
// A row of points is eliminated from the rows after it as a whole, diagonal by diagonal,
// so that only the recurrence within a row is not done eight points at a time.
//
// Memory per point: 4·(2 + 2r(r+1)) bytes for a reach r, 56 for 3×3 filters.
// Traffic per application: twice the factor, 16 bytes for x and dst, and 24 for the
// vector in between.
//
// A sixty-fourth of the diagonal is added to it: without, pivots may come out so small
// that the factor serves worse (41 iterations instead of 68 where Jacobi takes 164), and
// elsewhere it makes no difference. Where a pivot is still below 2⁻¹² of the diagonal entry
// the factorisation begins again with twice as much; the report tells. An operator that needs
// more than a quarter is refused with a [*ShiftLimitError].
type GridIC struct {
	m         hvp.GridMatrix // the factor: D⁻¹ in plane 0, L in the others
	diag      []float32      // of A
	rows      int
	cols      int
	reach     int
	bands     []int // first rows, and the number of rows
	shift     float64
	setup     time.Duration
	broken    bool
	families  sync.Pool // *gridRows
	work      sync.Pool // *gridICWork
	panels    sync.Pool // *gridICPanel
	panelRows sync.Pool // *gridPanelRow
}

const (
	gridBand       = 32        // rows of a band, about
	gridLeastPivot = 1. / 4096 // of the diagonal
	gridFirstShift = 1. / 64
	gridLastShift  = 1. / 4
	// gridPrice is what a refresh costs, in products, for each row of reach:
	// measured on Hessians of banks of filters.
	gridPrice = 2.5
)

// NewGridIC returns the incomplete factorisation of a, which must be a
// [hvp.GridAssembler] and promise to be symmetric. A diagonal entry that is not positive
// gives a [*NotPositiveError], other signs that a is not positive definite a
// [*ShiftLimitError].
func NewGridIC(ctx context.Context, a hvp.Operator) (*GridIC, error) {
	m := &GridIC{broken: true}
	if err := m.Refresh(ctx, a); err != nil {
		return nil, err
	}
	return m, nil
}

// Refresh implements [Preconditioner].
func (m *GridIC) Refresh(ctx context.Context, a hvp.Operator) error {
	begin := time.Now()
	n, err := square("incomplete Cholesky on a grid", a)
	if err != nil {
		return err
	}
	if len(m.bands) > 0 {
		if err := sameOrder(m, n); err != nil {
			return err
		}
	}
	if !hvp.StructureOf(a).Has(hvp.Symmetric) {
		return notApplicable("incomplete Cholesky on a grid", a, ErrNotSymmetric)
	}
	g, is := a.(hvp.GridAssembler)
	if !is {
		return notApplicable("incomplete Cholesky on a grid", a, errors.New("it does not know its entries on a grid"))
	}
	m.broken = true
	for m.shift = gridFirstShift; ; m.shift *= 2 {
		ok, err := g.AssembleGrid(ctx, &m.m)
		switch {
		case err != nil:
			return fmt.Errorf("precond: incomplete Cholesky on a grid: %w", err)
		case !ok:
			return notApplicable("incomplete Cholesky on a grid", a, errors.New("it has no entries on a grid"))
		case ctx.Err() != nil:
			return ctx.Err()
		}
		m.rows, m.cols, m.reach = m.m.Shape()
		if m.rows*m.cols != n {
			return fmt.Errorf("precond: incomplete Cholesky: a grid of %d×%d points for an operator of order %d", m.rows, m.cols, n)
		}
		m.cut()
		bad, pivot := m.factorise(parallel.FromContext(ctx))
		switch {
		case bad < 0:
			m.broken, m.setup = false, time.Since(begin)
			return nil
		case !(m.diag[bad] > 0):
			return &NotPositiveError{bad, float64(m.diag[bad]), true}
		case m.shift >= gridLastShift:
			return &ShiftLimitError{bad, m.shift, pivot / float64(m.diag[bad])}
		}
	}
}

// cut sets the bands: of one height but for a row, and no lower than twice the reach,
// so that what two even bands change in the odd one between them is apart.
func (m *GridIC) cut() {
	count := max(1, min((m.rows+gridBand/2)/gridBand, m.rows/(2*m.reach)))
	m.bands = m.bands[:0]
	for k := range count + 1 {
		m.bands = append(m.bands, k*m.rows/count)
	}
}

// later reports whether row q of the grid is eliminated after row i of band k, where q is
// at most reach rows away.
func (m *GridIC) later(k, i, q int) bool {
	switch {
	case q < 0 || q >= m.rows:
		return false
	case m.bands[k] <= q && q < m.bands[k+1]:
		return q > i
	}
	return k%2 == 0
}

// Dims implements [hvp.Operator].
func (m *GridIC) Dims() (rows, cols int) { return m.rows * m.cols, m.rows * m.cols }

// Structure implements [hvp.Structured].
func (m *GridIC) Structure() hvp.Structure { return hvp.SPD }

// Report implements [Preconditioner].
func (m *GridIC) Report() Report {
	vector := 4 * int64(m.rows) * int64(m.m.Pitch())
	r := Report{Setup: m.setup, Bytes: m.m.Bytes() + 4*int64(len(m.diag)) + vector, Price: gridPrice * float64(m.reach)}
	if m.shift > gridFirstShift {
		r.Notes = append(r.Notes, fmt.Sprintf("shift by %.3g of the diagonal", m.shift))
	}
	return r
}

// String names the preconditioner.
func (m *GridIC) String() string {
	return fmt.Sprintf("grid-ic(%d×%d, single)", 2*m.reach+1, 2*m.reach+1)
}

var _ Preconditioner = (*GridIC)(nil)
