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
	// MaxEntries is how many entries the factor may have; zero means 1<<25, 256 MiB
	// within an envelope and 384 MiB without.
	MaxEntries int
	// MaxWork bounds the multiplications of the factorisation; zero means 1<<33,
	// some seconds. One of a sparse column counts as four.
	MaxWork int
	// Ordering is that of the elimination, and with it the form of the factor. Zero
	// means OrderAuto, the one that takes less time.
	Ordering Ordering
}

// Cholesky is the complete factorisation A = L·Lᵀ of a symmetric positive
// semidefinite matrix, in one of two forms:
//
//   - Within the envelope, of each row of L the entries from the first of A on
//     (Jennings, Comput. J. 9, 1966, doi:10.1093/comjnl/9.3.281), in the natural or the
//     reverse Cuthill–McKee order, which makes the envelope small (George & Liu, Computer
//     Solution of Large Sparse Positive Definite Systems, 1981). All loops
//     run over whole rows. It is for matrices whose graph is long and thin, and for
//     those that are nearly full.
//   - By sparse columns, in the approximate minimum degree order (OrderAMD), for graphs
//     of other shapes, such as large grids. L has its exact pattern, which the elimination
//     tree gives.
//
// Which takes less time is settled by counting the entries and the multiplications of
// both, exactly, before anything is computed.
//
// A pivot that is zero up to rounding errors has the diagonal entry of A added: M is
// then the inverse of A plus a diagonal matrix of the rank that A lacks, and definite.
// The report counts these. A negative one is a [*NotPositiveError].
//
// Memory: the envelope, Σᵢ wᵢ numbers with wᵢ the distance of the first entry of row i from
// the diagonal, or 12 bytes for each entry of L. The set-up takes Σᵢ wᵢ² multiplications at
// most, or ½·Σⱼ cⱼ² for columns of cⱼ entries, an application twice as many as L has
// entries, on one worker.
type Cholesky struct {
	set     CholeskySettings
	n       int
	pattern uint64 // fingerprint of the pattern that the symbolic part was made for
	chosen  Ordering
	order   []int32       // nil: natural
	start   []int         // row i of L without its diagonal is val[start[i]:start[i+1]]
	val     []float64     // of the envelope
	columns *sparseFactor // instead of the envelope; nil: none
	diag    []float64     // 1 / L_ii
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
	if p := fingerprint(rowPtr, col); m.n < 0 || p != m.pattern {
		if err := m.analyse(n, graph{rowPtr, col}); err != nil {
			return notApplicable("Cholesky", a, err)
		}
		m.n, m.pattern = n, p
	}
	m.lifted = 0
	place := placesOf(n, m.order)
	if m.columns != nil {
		err = m.columns.factor(ctx, rowPtr, col, val, m.order, place, m.diag, m.pivot)
	} else {
		m.load(rowPtr, col, val, place)
		err = m.factor(ctx)
	}
	if err != nil {
		return err
	}
	m.setup = max(time.Since(begin), 1)
	return nil
}

// columnWork is how many multiplications of rows of an envelope take the time of one of
// sparse columns, and solveWork how many take that of an entry in an application.
const columnWork, solveWork = 4, 4

// analyse chooses order and form, and makes room for L.
func (m *Cholesky) analyse(n int, g graph) error {
	s := &m.set
	order, chosen := []int32(nil), OrderAMD
	var first []int
	entries, work := 0, 0
	if s.Ordering != OrderAMD {
		order, chosen = chooseOrder(g, true, s.Ordering)
		first, entries, work = g.envelope(order)
	}
	fits := func(entries, work int) bool { return entries <= s.MaxEntries && work <= s.MaxWork }
	envelope := s.Ordering != OrderAMD && fits(entries, work)
	lower := (len(g.col) - n) / 2
	if s.Ordering == OrderAMD || s.Ordering == OrderAuto && (!envelope || entries > columnWork*lower) {
		most := s.MaxEntries
		if envelope {
			most = min(most, entries+n)
		}
		least, parent, counts, more, ok := minimumDegreePlan(g, most)
		total := 0
		for _, c := range counts {
			total += c
		}
		switch {
		case ok && fits(total, columnWork*more) && (!envelope || columnWork*(more+solveWork*total) < work+solveWork*entries):
			m.order, m.chosen = least, OrderAMD
			m.start, m.val = nil, nil
			m.diag = parallel.Grow(m.diag, n)
			m.columns = &sparseFactor{}
			m.columns.plan(parent, counts)
			return nil
		case envelope:
		case !ok && entries == 0:
			return fmt.Errorf("its factor has more than %d entries", most)
		case !ok:
			return fmt.Errorf("its envelope has %d entries, which take %.2g multiplications, and its factor has more than %d", entries, float64(work), most)
		default:
			return fmt.Errorf("its factor has %d entries, which take %.2g multiplications", total, float64(more))
		}
	}
	if !envelope {
		return fmt.Errorf("its envelope has %d entries, which take %.2g multiplications", entries, float64(work))
	}
	m.order, m.chosen, m.columns = order, chosen, nil
	m.start = make([]int, n+1)
	m.val = make([]float64, entries)
	m.diag = parallel.Grow(m.diag, n)
	for k, f := range first {
		m.start[k+1] = m.start[k] + k - f
	}
	return nil
}

// envelope returns the first column of each row, in the given order (nil: natural), the
// entries from there to the diagonal, and the sum of their squares.
func (g graph) envelope(order []int32) (first []int, entries, work int) {
	n := len(g.ptr) - 1
	place := placesOf(n, order)
	first = make([]int, n)
	for i := range int32(n) {
		k := place[i]
		f := k
		for _, j := range g.row(i) {
			f = min(f, place[j])
		}
		first[k] = int(f)
		w := int(k - f)
		entries += w
		work += w * w
	}
	return first, entries, work
}

// load puts the lower triangle of A in place.
func (m *Cholesky) load(rowPtr []int, col []int32, val []float64, place []int32) {
	clear(m.val)
	clear(m.diag)
	for i := range m.n {
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
		var err error
		if m.diag[k], err = m.pivot(k, a, d); err != nil {
			return err
		}
	}
	return nil
}

// pivot returns 1/l_kk for what is left of the diagonal entry a of row k.
func (m *Cholesky) pivot(k int, a, d float64) (float64, error) {
	const zero, negative = 1e-13, -1e-8 // in units of the diagonal entry
	switch {
	case !(a > 0) || math.IsInf(a, 0):
		return 0, &NotPositiveError{m.original(k), a, true}
	case d > zero*a && !math.IsInf(d, 0):
	case d > negative*a && d <= zero*a:
		d = a
		m.lifted++
	default:
		return 0, &NotPositiveError{m.original(k), d, true}
	}
	return 1 / math.Sqrt(d), nil
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
	if m.columns != nil {
		m.columns.solve(dst, x, y, m.diag, m.order)
		return nil
	}
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
	r := Report{Setup: m.setup, Bytes: 8*int64(len(m.val)+len(m.start)+2*m.n) + 4*int64(len(m.order))}
	note := fmt.Sprintf("%v order, %d entries in the envelope", m.chosen, len(m.val))
	if m.columns != nil {
		r.Bytes += m.columns.bytes()
		note = fmt.Sprintf("%v order, %d entries", m.chosen, len(m.columns.val))
	}
	r.Notes = []string{note}
	if m.lifted > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d pivots that were zero are lifted", m.lifted))
	}
	return r
}

// String names the preconditioner.
func (*Cholesky) String() string { return "cholesky" }

var _ Preconditioner = (*Cholesky)(nil)
