package precond

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Deflation improves a preconditioner M₀ on a space spanned by the columns of W,
// such as Ritz vectors of an earlier solve. For a semidefinite A it is the balancing
// form
//
//	M = PᵀM₀P + σ·W·(WᵀAW)⁻¹·Wᵀ,    P = I − A·W·(WᵀAW)⁻¹·Wᵀ
//
// (Mandel, Comm. Numer. Methods Engrg. 9, 1993, doi:10.1002/cnm.1640090307; compared
// with others by Nabben & Vuik, SIAM J. Sci. Comput. 27, 2006,
// doi:10.1137/040608246): M·A maps W to σ·W, whatever W is, and it
// is symmetric and definite for any W. Approximate eigenvectors of M₀A take their
// eigenvalues out of the spectrum, small or large. σ, within the spectrum of M₀A,
// keeps those that are moved from becoming outliers; it is the root mean square of
// that spectrum as one random vector sees it.
//
// For an A that is symmetric only, it is, for MINRES,
//
//	M = (I−WWᵀ)·M₀·(I−WWᵀ) + σ·W·|WᵀAW|⁻¹·Wᵀ
//
// with orthonormal W: definite, and for eigenvectors of A, which then
// have ±σ.
//
// Memory: three n×k panels, two in the second form. Traffic of a product beyond that
// of M₀: 4nk numbers.
type Deflation struct {
	n      int
	given  []float64 // orthonormal basis as it was given, a panel
	k      int
	inner  Preconditioner
	d      []float64 // M₀ = diag(d), if it is
	spd    bool
	w, v   [][]float64 // W with WᵀAW diagonal, and A·W, or W again
	c1, c2 []float64
	tasks  sync.Pool // *deflationTask
	report Report
	note   string
}

// NewDeflation returns the preconditioner for the vectors w, each of length n, in
// any number, none included. They are copied, and made orthonormal; those that
// depend on others are left out, which the report says. A nil inner is the
// identity; otherwise it must promise to be definite, belongs to the result from
// then on, and is refreshed with it. a must promise to be symmetric. An a that
// promises to be semidefinite and has a direction in the span of w with xᵀAx ≤ 0
// gives an [*IndefiniteError].
func NewDeflation(ctx context.Context, a hvp.Operator, w [][]float64, inner Preconditioner) (*Deflation, error) {
	n, err := square("deflation", a)
	if err != nil {
		return nil, err
	}
	k := len(w)
	panel := make([]float64, n*k)
	for j, v := range w {
		if len(v) != n {
			return nil, fmt.Errorf("precond: deflation: vector %d has length %d, want %d", j, len(v), n)
		}
		kernel.Scatter(panel, v, k, j)
	}
	if err := checkPanel("deflation", panel, k); err != nil {
		return nil, err
	}
	m := &Deflation{n: n, inner: inner}
	if inner != nil {
		if err := sameOrder(inner, n); err != nil {
			return nil, err
		}
		if !hvp.StructureOf(inner).Has(hvp.Definite) {
			return nil, fmt.Errorf("precond: deflation: the preconditioner %v does not promise to be definite", inner)
		}
	}
	if m.given, m.k, err = orthonormal(parallel.FromContext(ctx), panel, n, k); err != nil {
		return nil, err
	}
	if m.k < k {
		m.note = fmt.Sprintf("%d of %d vectors depend on the others", k-m.k, k)
	}
	if err := m.build(ctx, a); err != nil {
		return nil, err
	}
	return m, nil
}

// Refresh implements [Preconditioner]: k+1 products with a, and a refresh of M₀.
func (m *Deflation) Refresh(ctx context.Context, a hvp.Operator) error {
	n, err := square("deflation", a)
	if err != nil {
		return err
	}
	if err := sameOrder(m, n); err != nil {
		return err
	}
	if m.inner != nil {
		if err := m.inner.Refresh(ctx, a); err != nil {
			return err
		}
	}
	return m.build(ctx, a)
}

func (m *Deflation) build(ctx context.Context, a hvp.Operator) error {
	begin := time.Now()
	if !hvp.StructureOf(a).Has(hvp.Symmetric) {
		return notApplicable("deflation", a, ErrNotSymmetric)
	}
	n, k, team := m.n, m.k, parallel.FromContext(ctx)
	m.spd = hvp.StructureOf(a).Has(hvp.Semidefinite)
	m.d = nil
	if m.inner == nil {
		m.d = make([]float64, n)
		for i := range m.d {
			m.d[i] = 1
		}
	} else if dm, ok := m.inner.(hvp.DiagonalMatrix); ok {
		m.d = dm.DiagonalValues()
	}
	m.w, m.v, m.c1, m.c2 = nil, nil, make([]float64, k), make([]float64, k)
	m.report = Report{}
	if m.note != "" {
		m.report.Notes = append(m.report.Notes, m.note)
	}
	if k > 0 {
		sigma, err := m.scale(ctx, a)
		if err != nil {
			return err
		}
		aw := make([]float64, n*k)
		if err := panelProduct(ctx, a, aw, m.given, k); err != nil {
			return fmt.Errorf("precond: deflation: %w", err)
		}
		m.report.Products = k + 1
		if err := checkPanel("deflation", aw, k); err != nil {
			return err
		}
		theta, vectors, err := eigen(tallProduct(team, m.given, aw, n, k, k, true), k)
		if err != nil {
			return err
		}
		m.w = columns(team, tallMul(team, m.given, vectors, n, k, k), n, k)
		tiny := 0x1p-48 * max(math.Abs(theta[0]), math.Abs(theta[k-1]))
		m.v = m.w
		for j, t := range theta {
			switch {
			case m.spd && !(t > tiny):
				return &IndefiniteError{Direction: m.w[j], Curvature: t}
			case !(math.Abs(t) > tiny):
				return fmt.Errorf("precond: deflation: WᵀAW is singular: eigenvalue %d of %d is %.3g", j, k, t)
			case m.spd:
				m.c1[j], m.c2[j] = 1/t, sigma/t
			default:
				m.c1[j], m.c2[j] = 1, sigma/math.Abs(t)
			}
		}
		if m.spd {
			m.v = columns(team, tallMul(team, aw, vectors, n, k, k), n, k)
		}
		m.report.Notes = append(m.report.Notes, fmt.Sprintf("%d Ritz values %.3g … %.3g moved to %.3g", k, theta[0], theta[k-1], sigma))
	}
	m.report.Bytes = 8 * int64(n+3*n*k+2*k+parallel.Blocks(n)*k)
	if m.inner != nil {
		inner := m.inner.Report()
		m.report.Bytes += inner.Bytes
		m.report.Products += inner.Products
	}
	m.report.Setup = max(time.Since(begin), 1)
	return nil
}

// scale returns σ = √(hᵀ·A·M₀·A·h / hᵀM₀⁻¹h) for h = M₀·g and random g.
func (m *Deflation) scale(ctx context.Context, a hvp.Operator) (float64, error) {
	team := parallel.FromContext(ctx)
	g, h, ah, z := gaussian(team, m.n, 0, 1, 1), make([]float64, m.n), make([]float64, m.n), make([]float64, m.n)
	if err := m.applyInner(ctx, h, g); err != nil {
		return 0, err
	}
	if err := a.Apply(ctx, ah, h); err != nil {
		return 0, fmt.Errorf("precond: deflation: %w", err)
	}
	if err := m.applyInner(ctx, z, ah); err != nil {
		return 0, err
	}
	s := math.Sqrt(parallel.Dot(team, ah, z) / parallel.Dot(team, h, g))
	if !(s > 0) || math.IsInf(s, 0) {
		return 0, fmt.Errorf("precond: deflation: the preconditioned operator has the scale %v", s)
	}
	return s, nil
}

func (m *Deflation) applyInner(ctx context.Context, dst, x []float64) error {
	if m.d != nil {
		parallel.MulTo(parallel.FromContext(ctx), dst, m.d, x)
		return nil
	}
	return m.inner.Apply(ctx, dst, x)
}

// deflationTask is one product as a task, in phases.
type deflationTask struct {
	m             *Deflation
	dst, x, y     []float64
	part, t, s, u []float64
	phase         int
}

// Chunk implements parallel.Task.
func (p *deflationTask) Chunk(c int) {
	m := p.m
	lo, hi := parallel.Block(c, m.n)
	part := p.part[c*m.k : (c+1)*m.k]
	switch p.phase {
	case 0: // t = Wᵀx
		clear(part)
		kernel.PanelDots(part, 1, m.w, p.x, lo, hi)
	case 1: // y = x − V·s, and, where M₀ is diagonal, dst = M₀·y and u = Vᵀ·dst
		copy(p.y[lo:hi], p.x[lo:hi])
		kernel.PanelSub(p.y, m.v, p.s, lo, hi)
		if m.d == nil {
			return
		}
		kernel.MulTo(p.dst[lo:hi], m.d[lo:hi], p.y[lo:hi])
		fallthrough
	case 2:
		clear(part)
		kernel.PanelDots(part, 1, m.v, p.dst, lo, hi)
	case 3: // dst += W·s
		kernel.PanelAdd(p.dst, m.w, p.s, lo, hi)
	}
}

// Apply implements [hvp.Operator].
func (m *Deflation) Apply(ctx context.Context, dst, x []float64) error {
	if err := checkVectors(m, m.n, dst, x); err != nil {
		return err
	}
	if m.k == 0 {
		return m.applyInner(ctx, dst, x)
	}
	team, blocks := parallel.FromContext(ctx), parallel.Blocks(m.n)
	p, _ := m.tasks.Get().(*deflationTask)
	if p == nil {
		p = new(deflationTask)
	}
	defer func() {
		p.dst, p.x = nil, nil
		m.tasks.Put(p)
	}()
	p.m, p.dst, p.x, p.y = m, dst, x, parallel.Grow(p.y, m.n)
	p.part = parallel.Grow(p.part, blocks*m.k)
	p.t, p.s, p.u = parallel.Grow(p.t, m.k), parallel.Grow(p.s, m.k), parallel.Grow(p.u, m.k)
	run := func(phase int) {
		p.phase = phase
		team.Run(blocks, p)
	}
	run(0)
	sumBlocks(p.t, p.part, blocks)
	kernel.MulTo(p.s, m.c1, p.t)
	run(1)
	if m.d == nil {
		if err := m.inner.Apply(ctx, dst, p.y); err != nil {
			return err
		}
		run(2)
	}
	sumBlocks(p.u, p.part, blocks)
	for j := range p.s {
		p.s[j] = m.c2[j]*p.t[j] - m.c1[j]*p.u[j]
	}
	run(3)
	return nil
}

// ApplyTrans implements [hvp.Transposer].
func (m *Deflation) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return m.Apply(ctx, dst, x)
}

// Dims implements [hvp.Operator].
func (m *Deflation) Dims() (rows, cols int) { return m.n, m.n }

// Structure implements [hvp.Structured].
func (m *Deflation) Structure() hvp.Structure { return hvp.SPD }

// Report implements [Preconditioner].
func (m *Deflation) Report() Report { return m.report }

// String names the preconditioner, its rank and M₀.
func (m *Deflation) String() string {
	if m.inner == nil {
		return fmt.Sprintf("deflation(%d)", m.k)
	}
	return fmt.Sprintf("deflation(%d, %v)", m.k, m.inner)
}

var _ Preconditioner = (*Deflation)(nil)
