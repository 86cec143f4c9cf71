package precond

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"gonum.org/v1/gonum/blas/blas64"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// NystromSettings are the choices of [NewNystrom]. The zero value works.
type NystromSettings struct {
	// Shift is a μ > 0 with A − μI semidefinite. Zero takes the ridge that A
	// is known to have ([hvp.Ridge]), if it is positive everywhere, and
	// otherwise none.
	Shift float64
	// Rank is that of the first sketch. Zero means 16.
	Rank int
	// MaxRank limits the rank. Zero means 32, or n if that is at most 256: then
	// the preconditioner ends up as the exact inverse.
	MaxRank int
	// MaxBytes limits the memory of the set-up. Zero means 1 GiB.
	MaxBytes int64
	// Tail ends the doubling of the rank at λ̂_ℓ ≤ Tail·μ, where the condition
	// number of M·A is about 1 + Tail. Zero means 10. Without a μ only
	// the other limits end it.
	Tail float64
	// Seed of the random sketch. Zero means 1.
	Seed uint64
}

// Nystrom is the randomised Nyström preconditioner for a regularised semidefinite
// operator A = B + Λ, where Λ = diag(λ) is a ridge and B has few large
// eigenvalues: Hessians of generalised linear models, kernel matrices. In the
// scaled variables Â = S·A·S, S = Λ^(−1/2), which is B̂ + μI with μ = 1, a sketch
// of ℓ products
//
//	Y = B̂·Ω,    B̂_nys = Y·(ΩᵀY)⁻¹·Yᵀ = U·Λ̂·Uᵀ
//
// gives
//
//	M = S·( (λ̂_ℓ+μ)·U·(Λ̂+μI)⁻¹·Uᵀ + I − U·Uᵀ )·S
//
// (Frangella, Tropp & Udell, Randomized Nyström preconditioning, SIAM J. Matrix
// Anal. Appl. 44, 2023, doi:10.1137/21M1466244, for S = I and one μ). The sketch is
// shifted by ν = ε·‖Y‖ before the Cholesky factorisation of ΩᵀY, for stability,
// and Λ̂ is shifted back. The rank doubles until λ̂_ℓ is small beside μ, or a limit is
// reached; products of earlier sketches are kept. The condition number of M·A is
// about (λ̂_ℓ+μ)/μ, with any spectrum above λ̂_ℓ.
//
// Where no ridge is known, S = diag(A)^(−1/2) and μ = 0: Jacobi whose largest
// eigenvalues are taken away. That cures outliers at the top of the spectrum.
// It does little for small eigenvalues: for Laplacians and the like this is the
// wrong preconditioner.
//
// At ℓ = n it is the exact inverse, from n products with unit vectors.
//
// Memory: n×ℓ, and five times that in the set-up. Traffic of a product: 2nℓ + 4n
// numbers.
type Nystrom struct {
	update
	set    NystromSettings
	report Report
	values []float64 // Λ̂ in decreasing order
}

// IndefiniteError reports that an operator that promises to be semidefinite is
// not: Direction is an x with Curvature = xᵀAx/xᵀx below what rounding errors
// explain.
type IndefiniteError struct {
	Direction []float64
	Curvature float64
}

// Error implements error.
func (e *IndefiniteError) Error() string {
	return fmt.Sprintf("precond: the operator is not semidefinite: a direction has curvature %.3g", e.Curvature)
}

// Is implements the interface of errors.Is.
func (e *IndefiniteError) Is(target error) bool { return target == ErrIndefinite }

// errNotSemidefinite says which promise is missing.
var errNotSemidefinite = errors.New("the operator does not promise to be semidefinite")

// NewNystrom returns the Nyström preconditioner of a, which must promise to be
// symmetric positive semidefinite; otherwise the error is [ErrNotApplicable],
// wrapped. A direction of negative curvature in the sketch gives an
// [*IndefiniteError]. Nil settings mean defaults.
func NewNystrom(ctx context.Context, a hvp.Operator, s *NystromSettings) (*Nystrom, error) {
	m := &Nystrom{}
	if s != nil {
		m.set = *s
	}
	set := &m.set
	if set.Rank == 0 {
		set.Rank = 16
	}
	if set.MaxBytes == 0 {
		set.MaxBytes = 1 << 30
	}
	if set.Tail == 0 {
		set.Tail = 10
	}
	if set.Seed == 0 {
		set.Seed = 1
	}
	switch {
	case set.Rank < 0 || set.MaxRank < 0 || set.MaxBytes < 0:
		return nil, fmt.Errorf("precond: Nyström with rank %d, at most %d in %d bytes", set.Rank, set.MaxRank, set.MaxBytes)
	case !(set.Shift >= 0) || math.IsInf(set.Shift, 0) || !(set.Tail >= 0):
		return nil, fmt.Errorf("precond: Nyström with shift %v and tail %v", set.Shift, set.Tail)
	}
	n, err := square("Nyström", a)
	if err != nil {
		return nil, err
	}
	m.n = n
	if err := m.Refresh(ctx, a); err != nil {
		return nil, err
	}
	return m, nil
}

// scaling returns S as a vector, μ and a note on their origin.
func (m *Nystrom) scaling(a hvp.Operator) (s []float64, mu float64, note string, err error) {
	s = make([]float64, m.n)
	fill := func(v float64) {
		for i := range s {
			s[i] = v
		}
	}
	if m.set.Shift > 0 {
		fill(1)
		return s, m.set.Shift, "shift given", nil
	}
	if ok, err := hvp.Ridge(a, s); err != nil {
		return nil, 0, "", err
	} else if ok && invertSqrt(s) < 0 {
		return s, 1, "scaled by the ridge", nil
	}
	dg, ok := hvp.Diag(a)
	if !ok {
		fill(1)
		return s, 0, "no ridge and no diagonal known: not scaled", nil
	}
	if err := dg.Diag(s); err != nil {
		return nil, 0, "", fmt.Errorf("precond: diagonal of a %T: %w", a, err)
	}
	if i := invertSqrt(s); i >= 0 {
		return nil, 0, "", &NotPositiveError{i, s[i], true}
	}
	return s, 0, "no ridge known: scaled by the diagonal", nil
}

// invertSqrt replaces d by d^(−1/2) and returns −1, or the index of the first
// element for which that is not a positive number.
func invertSqrt(d []float64) int {
	for i, v := range d {
		if !(v > 0) || math.IsInf(v, 0) || math.IsInf(1/v, 0) {
			return i
		}
	}
	for i, v := range d {
		d[i] = 1 / math.Sqrt(v)
	}
	return -1
}

// Refresh implements [Preconditioner]. The rank is found anew.
func (m *Nystrom) Refresh(ctx context.Context, a hvp.Operator) error {
	begin := time.Now()
	n, err := square("Nyström", a)
	if err != nil {
		return err
	}
	if err := sameOrder(m, n); err != nil {
		return err
	}
	if !hvp.StructureOf(a).Has(hvp.Semidefinite) {
		return notApplicable("Nyström", a, errNotSemidefinite)
	}
	s, mu, note, err := m.scaling(a)
	if err != nil {
		return err
	}
	m.report = Report{}
	limit := m.set.MaxRank
	if limit == 0 {
		if limit = 32; n <= 256 {
			limit = n
		}
	}
	limit = min(limit, n, int(min(m.set.MaxBytes/(40*int64(max(n, 1))), int64(n))))
	m.q, m.c, m.values = nil, nil, nil
	var omega, y []float64 // the sketch so far, k columns
	team := parallel.FromContext(ctx)
	reason, exhausted := "limit of the rank", false
	for k := 0; k < limit; {
		next := min(limit, max(m.set.Rank, 2*k))
		if _, ok := a.(denser); limit == n && (ok || 4*k >= n) {
			next = n // what is left to gain is less than the way there costs
		}
		if next == n { // unit vectors give all of A: as exact, and better conditioned
			omega, y, k = nil, nil, 0
		}
		if omega, y, err = m.sketch(ctx, a, s, mu, omega, y, k, next); err != nil {
			return err
		}
		k = next
		if err := m.decompose(team, omega, y, mu, hvp.AccuracyOf(a), k); err != nil {
			return m.witness(ctx, a, s, mu, omega, y, k, err)
		}
		exhausted = len(m.values) < k
		if k == n || exhausted {
			reason = "all that there is"
			break
		}
		if mu > 0 && m.values[k-1] <= m.set.Tail*mu {
			reason = "tail of the spectrum reached"
			break
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("precond: Nyström: %w", err)
		}
	}
	m.finish(team, s, mu, exhausted)
	m.report.Notes = []string{note, fmt.Sprintf("rank %d: %s", len(m.q), reason)}
	if k := len(m.values); k > 0 {
		m.report.Notes = append(m.report.Notes, fmt.Sprintf("eigenvalues of the scaled operator %.3g … %.3g, μ = %.3g", m.values[0]+mu, m.values[k-1]+mu, mu))
	}
	m.report.Bytes = m.bytes()
	m.report.Setup = max(time.Since(begin), 1)
	return nil
}

// A denser writes itself out as a dense matrix for less than n products cost, as
// [hvp.GLM] does.
type denser interface{ Dense(dst []float64) error }

// sketch extends Ω and Y = (S·A·S − μI)·Ω from k to next columns.
func (m *Nystrom) sketch(ctx context.Context, a hvp.Operator, s []float64, mu float64, omega, y []float64, k, next int) (omegaNext, yNext []float64, err error) {
	n, w, team := m.n, next-k, parallel.FromContext(ctx)
	var o []float64
	if next == n {
		o = make([]float64, n*n)
		for i := range n {
			o[i*n+i] = 1
		}
	} else {
		o = gaussian(team, n, k, next, m.set.Seed)
	}
	in, out := append([]float64(nil), o...), make([]float64, n*w)
	tallScale(team, in, s, w)
	if d, ok := a.(denser); ok && next == n {
		if err := d.Dense(out); err != nil {
			return nil, nil, fmt.Errorf("precond: Nyström: %w", err)
		}
		for i := range n {
			parallel.MulTo(1, out[i*n:(i+1)*n], out[i*n:(i+1)*n], s)
		}
	} else {
		if err := panelProduct(ctx, a, out, in, w); err != nil {
			return nil, nil, fmt.Errorf("precond: Nyström: %w", err)
		}
		m.report.Products += w
	}
	tallScale(team, out, s, w)
	if err := checkPanel("Nyström", out, w); err != nil {
		return nil, nil, err
	}
	parallel.Axpy(team, out, -mu, o)
	if k == 0 {
		return o, out, nil
	}
	return beside(team, omega, o, n, k, w), beside(team, y, out, n, k, w), nil
}

// beside returns the panel of the columns of a, of k, and of b, of w columns.
func beside(team parallel.Team, a, b []float64, n, k, w int) []float64 {
	x := make([]float64, n*(k+w))
	tallRun(team, n, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			copy(x[i*(k+w):], a[i*k:(i+1)*k])
			copy(x[i*(k+w)+k:], b[i*w:(i+1)*w])
		}
	})
	return x
}

// errSketch says that a sketch is not semidefinite.
var errSketch = errors.New("precond: Nyström: the sketch is not semidefinite")

// decompose sets the columns of U and Λ̂ for the sketch Y of k columns. Directions
// whose eigenvalue vanishes beside the rounding errors are left out.
func (m *Nystrom) decompose(team parallel.Team, omega, y []float64, mu, accuracy float64, k int) error {
	n := m.n
	size := parallel.Norm(team, y)
	if size == 0 {
		m.q, m.values = nil, nil
		return nil
	}
	// The rounding errors of products are relative to A, those of what is left
	// of it after subtracting μ too.
	size = math.Hypot(size, mu*parallel.Norm(team, omega))
	var f []float64
	var r blas64.Triangular
	nu, ok := 0.0, false
	for eps := max(0x1p-50, accuracy); !ok; eps *= 32 {
		// Sums over many terms in a product have errors above the first value;
		// what the last does not explain is negative curvature.
		if eps > max(0x1p-40, accuracy) {
			return errSketch
		}
		nu = eps * size
		f = append(f[:0], y...)
		parallel.Axpy(team, f, nu, omega)
		r, ok = cholesky(tallProduct(team, omega, f, n, k, k, true), k)
	}
	tallSolve(team, f, n, k, r)
	g := tallProduct(team, f, f, n, k, k, true)
	lambda, vectors, err := eigen(g, k)
	if err != nil {
		return err
	}
	first := 0
	for first < k && !(lambda[first] > 2*nu && lambda[first] > 0x1p-40*lambda[k-1]) {
		first++
	}
	if first == k {
		m.q, m.values = nil, nil
		return nil
	}
	// U = F·V·Λ^(−1/2), largest first.
	kept := k - first
	v := make([]float64, k*kept)
	m.values = make([]float64, kept)
	for j := range kept {
		l := lambda[k-1-j]
		m.values[j] = max(0, l-nu)
		for i := range k {
			v[i*kept+j] = vectors[i*k+k-1-j] / math.Sqrt(l)
		}
	}
	m.q = columns(team, tallMul(team, f, v, n, k, kept), n, kept)
	return nil
}

// finish sets M₀ = S² and C, and scales U by S.
func (m *Nystrom) finish(team parallel.Team, s []float64, mu float64, exhausted bool) {
	m.d = make([]float64, m.n)
	parallel.MulTo(team, m.d, s, s)
	m.c = make([]float64, len(m.values))
	if len(m.values) == 0 {
		return
	}
	tail := m.values[len(m.values)-1] + mu
	switch {
	case len(m.values) == m.n:
		tail = 1
	case exhausted && mu > 0:
		tail = mu // B̂ has no further eigenvalues: this is the exact inverse
	}
	for j, l := range m.values {
		m.c[j] = tail/(l+mu) - 1
		parallel.MulTo(team, m.q[j], s, m.q[j])
	}
	if len(m.values) == m.n { // U is square: M = S·U·(Λ̂+μ)⁻¹·Uᵀ·S, without I − UUᵀ
		clear(m.d)
		for j := range m.c {
			m.c[j]++
		}
	}
}

// witness looks for the direction of negative curvature in a sketch that is not
// semidefinite.
func (m *Nystrom) witness(ctx context.Context, a hvp.Operator, s []float64, mu float64, omega, y []float64, k int, cause error) error {
	if !errors.Is(cause, errSketch) {
		return cause
	}
	team := parallel.FromContext(ctx)
	g := tallProduct(team, omega, y, m.n, k, k, true)
	_, vectors, err := eigen(g, k)
	if err != nil {
		return cause
	}
	x, ax := make([]float64, m.n), make([]float64, m.n)
	for i := range x {
		for j := range k {
			x[i] += omega[i*k+j] * vectors[j*k]
		}
		x[i] *= s[i]
	}
	if err := a.Apply(ctx, ax, x); err != nil {
		return fmt.Errorf("precond: Nyström: %w", err)
	}
	xx, xax := parallel.Dot(team, x, x), parallel.Dot(team, x, ax)
	if xax < 0 {
		return &IndefiniteError{Direction: x, Curvature: xax / xx}
	}
	if m.set.Shift > 0 {
		return fmt.Errorf("precond: Nyström: the operator less the shift of %v is not semidefinite: a direction has curvature %.3g", mu, xax/xx)
	}
	return cause
}

// Dims implements [hvp.Operator].
func (m *Nystrom) Dims() (rows, cols int) { return m.n, m.n }

// Apply implements [hvp.Operator].
func (m *Nystrom) Apply(ctx context.Context, dst, x []float64) error {
	if err := checkVectors(m, m.n, dst, x); err != nil {
		return err
	}
	return m.apply(ctx, dst, x)
}

// ApplyTrans implements [hvp.Transposer].
func (m *Nystrom) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return m.Apply(ctx, dst, x)
}

// Structure implements [hvp.Structured].
func (m *Nystrom) Structure() hvp.Structure { return hvp.SPD }

// Rank returns the number of eigenvalues that M acts on.
func (m *Nystrom) Rank() int { return len(m.q) }

// Report implements [Preconditioner].
func (m *Nystrom) Report() Report { return m.report }

// String names the preconditioner and its rank.
func (m *Nystrom) String() string { return fmt.Sprintf("nystrom(%d)", len(m.q)) }

var _ Preconditioner = (*Nystrom)(nil)
