package precond

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// CholeskySettings are the choices of [NewCholesky]. The zero value works.
type CholeskySettings struct {
	// MaxEntries is how many entries the factor may have; zero means 1<<25, 256 MiB.
	MaxEntries int
	// MaxWork bounds the multiplications of the factorisation; zero means 1<<33,
	// some seconds.
	MaxWork int
	// Ordering is that of the elimination. Zero means OrderAuto.
	Ordering Ordering
}

// Cholesky is the complete factorisation A = L·Lᵀ of a symmetric positive
// semidefinite matrix within its envelope: of each row of L the entries from the
// first of A on are kept (Jennings, Comput. J. 9, 1966, doi:10.1093/comjnl/9.3.281;
// with an order that makes the envelope small George & Liu, Computer Solution of
// Large Sparse Positive Definite Systems, 1981). It is for matrices whose graph is
// long and thin: banded ones, and chains of small blocks.
//
// A pivot that is zero up to rounding errors has the diagonal entry of A added: M is
// then the inverse of A plus a diagonal matrix of the rank that A lacks, and definite.
// The report counts these. A negative one is a [*NotPositiveError].
//
// Memory: the envelope, Σᵢ wᵢ numbers with wᵢ the distance of the first entry of row i from
// the diagonal. The set-up takes Σᵢ wᵢ² multiplications at most, an application
// 2·Σᵢ wᵢ, on one worker.
type Cholesky struct {
	set     CholeskySettings
	n       int
	chosen  Ordering
	order   []int32 // nil: natural
	start   []int   // row i of L without its diagonal is val[start[i]:start[i+1]]
	val     []float64
	diag    []float64 // 1 / L_ii
	scratch parallel.Scratch
	setup   time.Duration
	lifted  int
}

// NewCholesky returns the factorisation of a, which must have entries
// ([hvp.Assemble]) and promise to be symmetric; otherwise, and where the envelope is
// larger than the settings allow, the error is [ErrNotApplicable], wrapped. Nil settings
// mean defaults.
func NewCholesky(ctx context.Context, a hvp.Operator, s *CholeskySettings) (*Cholesky, error) {
	m := &Cholesky{n: -1}
	if s != nil {
		m.set = *s
	}
	if m.set.MaxEntries < 0 || m.set.MaxWork < 0 {
		return nil, fmt.Errorf("precond: Cholesky with at most %d entries and %d multiplications", m.set.MaxEntries, m.set.MaxWork)
	}
	if m.set.MaxEntries == 0 {
		m.set.MaxEntries = 1 << 25
	}
	if m.set.MaxWork == 0 {
		m.set.MaxWork = 1 << 33
	}
	if err := m.Refresh(ctx, a); err != nil {
		return nil, err
	}
	return m, nil
}

// Refresh implements [Preconditioner].
func (m *Cholesky) Refresh(ctx context.Context, a hvp.Operator) error {
	begin := time.Now()
	n, err := square("Cholesky", a)
	if err != nil {
		return err
	}
	if m.n >= 0 {
		if err := sameOrder(m, n); err != nil {
			return err
		}
	}
	if !hvp.StructureOf(a).Has(hvp.Symmetric) {
		return notApplicable("Cholesky", a, ErrNotSymmetric)
	}
	x, err := hvp.Assemble(a)
	if err != nil {
		return notApplicable("Cholesky", a, err)
	}
	rowPtr, col, val := x.RawCSR()
	order, chosen := chooseOrder(graph{rowPtr, col}, true, m.set.Ordering)
	place := placesOf(n, order)
	first := make([]int, n) // of each row in the order of the elimination
	for i := range n {
		k := place[i]
		first[k] = int(k)
		for _, j := range col[rowPtr[i]:rowPtr[i+1]] {
			first[k] = min(first[k], int(place[j]))
		}
	}
	entries, work := 0, 0
	for k, f := range first {
		entries += k - f
		work += (k - f) * (k - f)
	}
	if entries > m.set.MaxEntries || work > m.set.MaxWork {
		return notApplicable("Cholesky", a, fmt.Errorf("its envelope has %d entries, which take %.2g multiplications", entries, float64(work)))
	}
	m.n, m.order, m.chosen = n, order, chosen
	m.start = parallel.Grow(m.start, n+1)
	m.val = parallel.Grow(m.val, entries)
	m.diag = parallel.Grow(m.diag, n)
	clear(m.val)
	clear(m.diag)
	m.start[0] = 0
	for k, f := range first {
		m.start[k+1] = m.start[k] + k - f
	}
	for i := range n {
		k := int(place[i])
		for p := rowPtr[i]; p < rowPtr[i+1]; p++ {
			switch j := int(place[col[p]]); {
			case j < k:
				m.val[m.start[k+1]-k+j] = val[p]
			case j == k:
				m.diag[k] = val[p]
			}
		}
	}
	if err := m.factor(ctx); err != nil {
		return err
	}
	m.setup = max(time.Since(begin), 1)
	return nil
}

// placesOf returns when each row is eliminated.
func placesOf(n int, order []int32) []int32 {
	place := make([]int32, n)
	for k := range place {
		if order == nil {
			place[k] = int32(k)
		} else {
			place[order[k]] = int32(k)
		}
	}
	return place
}

// row returns row k of L without its diagonal, and its first column.
func (m *Cholesky) row(k int) (v []float64, first int) {
	v = m.val[m.start[k]:m.start[k+1]]
	return v, k - len(v)
}

// factor replaces the lower triangle of A by L, row by row.
func (m *Cholesky) factor(ctx context.Context) error {
	const zero, negative = 1e-13, -1e-8 // in units of the diagonal entry
	m.lifted = 0
	for k := range m.n {
		if k%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		// l_kj = (a_kj − Σ l_ki·l_ji) / l_jj
		v, first := m.row(k)
		a := m.diag[k]
		d := a
		for p := range v {
			u, begin := m.row(first + p)
			if common := min(p, first+p-begin); common > 0 {
				v[p] -= kernel.Dot(v[p-common:p], u[len(u)-common:])
			}
			v[p] *= m.diag[first+p]
			d -= v[p] * v[p]
		}
		switch {
		case !(a > 0) || math.IsInf(a, 0):
			return &NotPositiveError{m.original(k), a, true}
		case d > zero*a && !math.IsInf(d, 0):
		case d > negative*a && d <= zero*a:
			d = a
			m.lifted++
		default:
			return &NotPositiveError{m.original(k), d, true}
		}
		m.diag[k] = 1 / math.Sqrt(d)
	}
	return nil
}

// original returns the number of the k-th row of the elimination.
func (m *Cholesky) original(k int) int {
	if m.order == nil {
		return k
	}
	return int(m.order[k])
}

// Dims implements [hvp.Operator].
func (m *Cholesky) Dims() (rows, cols int) { return m.n, m.n }

// Apply implements [hvp.Operator].
func (m *Cholesky) Apply(_ context.Context, dst, x []float64) error {
	if err := checkVectors(m, m.n, dst, x); err != nil {
		return err
	}
	t := m.scratch.Get(m.n)
	defer m.scratch.Put(t)
	y := *t
	for k := range y {
		v, first := m.row(k)
		y[k] = (x[m.original(k)] - kernel.Dot(v, y[first:k])) * m.diag[k]
	}
	for k := m.n - 1; k >= 0; k-- {
		v, first := m.row(k)
		y[k] *= m.diag[k]
		kernel.Axpy(y[first:k], -y[k], v)
		dst[m.original(k)] = y[k]
	}
	return nil
}

// ApplyTrans implements [hvp.Transposer].
func (m *Cholesky) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return m.Apply(ctx, dst, x)
}

// Structure implements [hvp.Structured].
func (m *Cholesky) Structure() hvp.Structure { return hvp.SPD }

// Report implements [Preconditioner].
func (m *Cholesky) Report() Report {
	r := Report{Setup: m.setup, Bytes: 8*int64(len(m.val)+len(m.start)+2*m.n) + 4*int64(len(m.order)),
		Notes: []string{fmt.Sprintf("%v order, %d entries in the envelope", m.chosen, len(m.val))}}
	if m.lifted > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d pivots that were zero are lifted", m.lifted))
	}
	return r
}

// String names the preconditioner.
func (*Cholesky) String() string { return "cholesky" }

var _ Preconditioner = (*Cholesky)(nil)
