package precond

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// ChebyshevSettings are the choices of [NewChebyshev]. The zero value works.
type ChebyshevSettings struct {
	// Degree of the polynomial in A: the number of products in an application,
	// an even number (see [Chebyshev]). Zero means 4 or, in single
	// precision, about twice the square root of the ratio of the ends of the
	// spectrum.
	Degree int
	// Ratio α of the ends of the interval [λ_max/α, λ_max] that the polynomial is
	// made for, above 1. Zero means 30 or, in single precision, that of the
	// estimated ends of the spectrum. Where the spectrum is seen to begin higher,
	// the interval does too.
	Ratio float64
	// Steps of the Lanczos process that estimates λ_max, one product each. Zero
	// means 10, or 8 in single precision.
	Steps int
	// Double has the polynomial applied in double precision where the operator
	// could do it in single precision.
	Double bool
}

// Chebyshev is a polynomial in a symmetric positive definite operator,
// M = p(D⁻¹A)·D⁻¹ with D its diagonal, or I if it does not know it. p makes
//
//	1 − λ·p(λ) = T_k((θ−λ)/δ)/T_k(θ/δ),   θ = (hi+lo)/2,  δ = (hi−lo)/2
//
// the smallest in the maximum norm over [lo, hi] of all polynomials of degree k
// that are 1 at 0 (Saad, Iterative Methods for Sparse Linear Systems, 2003,
// doi:10.1137/1.9780898718003, section 12.3). It needs products with A only, and no
// inner products.
//
// hi is the largest Ritz value of a few Lanczos steps plus its error, and 10 %. Such an
// estimate is never certain. For λ > hi + lo the right-hand side leaves [−1, 1]: with even
// k, M would be indefinite there. With odd k, which is why the degree k−1 of p must
// be even, it goes to −∞: λ·p(λ) is positive for all λ > 0, and M is positive
// definite whatever the estimates are.
//
// If A is an [hvp.Singler], and the estimated condition number of D⁻¹A is at most
// 1500, the polynomial is one in its stand-in, applied in single
// precision: M is then symmetric to about 1e-6 of its norm, which conjugate
// gradients do not notice. Memory: what the stand-in keeps and 2 n-vectors, of
// which 1.5 for each more concurrent application. Traffic per degree: the weights
// of the stand-in and 2.5 n-vectors.
//
// Otherwise, memory: 3 n-vectors, one of them D⁻¹; two for each more concurrent application. Traffic per
// degree: that of a product and 7 n-vectors, 5 if A gives row ranges
// ([hvp.RowRanger]), since then the update follows while the rows are in cache.
type Chebyshev struct {
	set      ChebyshevSettings
	degree   int
	single   *single // nil: in double precision
	a        hvp.Operator
	rows     hvp.RowRanger // nil: none
	n        int
	chunk    int // rows of a chunk, a multiple of the block size
	inv      []float64
	ends     hvp.Extremes
	lo, hi   float64
	least    float64   // estimate of the smallest eigenvalue, in single precision
	work     sync.Pool // *chebyshevWork
	setup    time.Duration
	scaled   bool
	products int
	broken   bool
	soon     float64 // for an Auto: iterations of Jacobi that are few enough without

	singleWork sync.Pool // *singleWork
}

// NewChebyshev returns the Chebyshev preconditioner of a, which must promise to be
// symmetric. A nil s means the defaults. A diagonal entry that is not positive gives a
// [*NotPositiveError]; a negative Ritz value, which shows that A has a negative
// eigenvalue, [ErrIndefinite].
func NewChebyshev(ctx context.Context, a hvp.Operator, s *ChebyshevSettings) (*Chebyshev, error) {
	m := &Chebyshev{n: -1}
	if s != nil {
		m.set = *s
	}
	switch {
	case m.set.Degree < 0 || m.set.Degree%2 != 0 || m.set.Degree > maxDegree:
		return nil, fmt.Errorf("precond: chebyshev of degree %d; it must be even, 2 … %d", m.set.Degree, maxDegree)
	case m.set.Ratio != 0 && !(m.set.Ratio > 1) || math.IsInf(m.set.Ratio, 0):
		return nil, fmt.Errorf("precond: chebyshev ratio %v must be above 1", m.set.Ratio)
	case m.set.Steps < 0:
		return nil, fmt.Errorf("precond: chebyshev with %d Lanczos steps", m.set.Steps)
	}
	if err := m.Refresh(ctx, a); err != nil {
		return nil, err
	}
	return m, nil
}

// Refresh implements [Preconditioner]: it takes the diagonal and the bounds of the
// spectrum anew.
func (m *Chebyshev) Refresh(ctx context.Context, a hvp.Operator) error {
	begin := time.Now()
	n, err := square("Chebyshev", a)
	if err != nil {
		return err
	}
	if m.n >= 0 {
		if err := sameOrder(m, n); err != nil {
			return err
		}
	}
	if !hvp.StructureOf(a).Has(hvp.Symmetric) {
		return notApplicable("Chebyshev", a, ErrNotSymmetric)
	}
	m.n, m.broken = n, true
	m.single = nil
	if n > 0 {
		is, err := m.setSingle(ctx, a)
		if err == nil && !is {
			err = m.estimate(ctx, a)
		}
		if err != nil {
			return err
		}
	}
	m.a = a
	m.rows, _ = hvp.Rows(a)
	m.chunk = parallel.BlockSize
	if m.rows != nil {
		m.chunk *= max(1, parallel.Blocks(m.rows.RowGrain()))
	}
	m.broken = false
	m.setup = time.Since(begin)
	return nil
}

// estimate sets the inverse diagonal and the interval.
func (m *Chebyshev) estimate(ctx context.Context, a hvp.Operator) error {
	ratio, steps := m.set.Ratio, m.set.Steps
	m.degree = m.set.Degree
	if m.degree == 0 {
		m.degree = 4
	}
	if ratio == 0 {
		ratio = defaultRatio
	}
	if steps == 0 {
		steps = 10
	}
	inv := parallel.Grow(m.inv, m.n)
	m.inv = inv
	dg, scaled := hvp.Diag(a)
	m.scaled = scaled
	if scaled {
		if err := dg.Diag(inv); err != nil {
			return fmt.Errorf("precond: diagonal of a %T: %w", a, err)
		}
		for i, v := range inv {
			if !(v > 0) || math.IsInf(v, 0) || math.IsInf(1/v, 0) {
				return &NotPositiveError{i, v, true}
			}
			inv[i] = 1 / v
		}
	} else {
		for i := range inv {
			inv[i] = 1
		}
	}
	s := &scaledSymmetric{a: a, root: make([]float64, m.n), tmp: make([]float64, m.n)}
	for i, v := range inv {
		s.root[i] = math.Sqrt(v)
	}
	var err error
	if m.ends, err = hvp.ExtremeEigenvalues(ctx, s, &hvp.EigenSettings{Steps: steps}); err != nil {
		return fmt.Errorf("precond: chebyshev: %w", err)
	}
	m.products = m.ends.Products
	e := &m.ends
	if e.Min < -0x1p-40*math.Abs(e.Max) || !(e.Max > 0) {
		return fmt.Errorf("precond: chebyshev: the operator has Ritz values from %.3g to %.3g: %w", e.Min, e.Max, ErrIndefinite)
	}
	m.hi = min(e.UpperBound, 1.1*(e.Max+e.MaxErr))
	// Inside [lo, hi] nothing may be left that a multiple of the identity, whose
	// spectrum is a point, would make empty.
	m.hi = max(m.hi, e.Max*(1+0x1p-20))
	m.lo = min(max(m.hi/ratio, e.LowerBound), e.Max*(1-0x1p-20))
	return nil
}

// scaledSymmetric is D^(-1/2)·A·D^(-1/2), for one product at a time.
type scaledSymmetric struct {
	a         hvp.Operator
	root, tmp []float64
}

func (s *scaledSymmetric) Dims() (rows, cols int)   { return s.a.Dims() }
func (s *scaledSymmetric) Structure() hvp.Structure { return hvp.Symmetric }
func (s *scaledSymmetric) Apply(ctx context.Context, dst, x []float64) error {
	team := parallel.FromContext(ctx)
	parallel.MulTo(team, s.tmp, s.root, x)
	if err := s.a.Apply(ctx, dst, s.tmp); err != nil {
		return err
	}
	parallel.MulTo(team, dst, s.root, dst)
	return nil
}

// chebyshevWork is the state of one application.
type chebyshevWork struct {
	m           *Chebyshev
	x, d        []float64
	in, out, b  []float64
	c, f        float64
	first, rows bool
}

// Chunk implements parallel.Task.
func (w *chebyshevWork) Chunk(c int) {
	m := w.m
	lo := c * m.chunk
	hi := min(lo+m.chunk, m.n)
	if w.first {
		d, out := w.d[lo:hi], w.out[lo:hi]
		kernel.MulTo(d, m.inv[lo:hi], w.b[lo:hi])
		kernel.ScaleTo(d, w.f, d)
		copy(out, d)
		return
	}
	if w.rows {
		m.rows.ApplyRows(w.out, w.in, lo, hi)
	}
	kernel.ChebyshevStep(w.out[lo:hi], w.in[lo:hi], w.d[lo:hi], m.inv[lo:hi], w.b[lo:hi], w.c, w.f)
}

var errChebyshevBroken = errors.New("precond: chebyshev after a set-up that failed")

// Apply implements [hvp.Operator].
func (m *Chebyshev) Apply(ctx context.Context, dst, x []float64) error {
	if m.broken {
		return errChebyshevBroken
	}
	if len(dst) != m.n || len(x) != m.n {
		return fmt.Errorf("precond: chebyshev of order %d: len(dst) = %d, len(x) = %d", m.n, len(dst), len(x))
	}
	if m.n == 0 {
		return nil
	}
	if m.single != nil {
		m.applySingle(ctx, dst, x)
		return nil
	}
	w, _ := m.work.Get().(*chebyshevWork)
	if w == nil {
		w = &chebyshevWork{x: make([]float64, m.n), d: make([]float64, m.n)}
	}
	w.m, w.b, w.out = m, x, dst
	err := w.run(ctx)
	w.in, w.out, w.b = nil, nil, nil
	m.work.Put(w)
	return err
}

func (w *chebyshevWork) run(ctx context.Context) error {
	m := w.m
	team := parallel.FromContext(ctx)
	chunks := (m.n + m.chunk - 1) / m.chunk
	poly := chebyshevPoly{}
	poly.set(m.lo, m.hi)
	w.first, w.rows, w.f = true, m.rows != nil, poly.first()
	team.Run(chunks, w)
	w.first = false
	// The degree is even: the iterate that begins in dst ends there.
	w.in, w.out = w.out, w.x
	for range m.degree {
		if !w.rows {
			if err := m.a.Apply(ctx, w.out, w.in); err != nil {
				return err
			}
		}
		w.c, w.f = poly.next()
		team.Run(chunks, w)
		w.in, w.out = w.out, w.in
	}
	return nil
}

// ApplyTrans implements [hvp.Transposer].
func (m *Chebyshev) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return m.Apply(ctx, dst, x)
}

// Dims implements [hvp.Operator].
func (m *Chebyshev) Dims() (rows, cols int) { return m.n, m.n }

// Structure implements [hvp.Structured].
func (m *Chebyshev) Structure() hvp.Structure { return hvp.SPD }

// Interval returns the interval [lo, hi] that the polynomial is made for, of the spectrum of
// D⁻¹A.
func (m *Chebyshev) Interval() (lo, hi float64) { return m.lo, m.hi }

// String names the preconditioner.
func (m *Chebyshev) String() string {
	if m.single != nil {
		return fmt.Sprintf("chebyshev(%d, single)", m.degree)
	}
	return fmt.Sprintf("chebyshev(%d)", m.degree)
}

// UsesOperator implements [OperatorUser].
func (m *Chebyshev) UsesOperator() bool { return true }

// Report implements [Preconditioner].
func (m *Chebyshev) Report() Report {
	r := Report{Setup: m.setup, Bytes: 3 * 8 * int64(m.n), Products: m.products}
	if m.n > 0 {
		of := "A"
		if m.scaled {
			of = "D⁻¹A"
		}
		precision := ""
		if m.single != nil {
			precision = ", in single precision"
			r.Bytes = m.single.bytes() + 3*4*int64(m.n)
		}
		r.Notes = []string{fmt.Sprintf("interval [%.4g, %.4g] of the spectrum of %s%s; %v", m.lo, m.hi, of, precision, m.ends)}
	}
	return r
}

var _ Preconditioner = (*Chebyshev)(nil)
