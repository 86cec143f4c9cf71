package precond

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Multigrid is a geometric multigrid V-cycle for operators on a grid that know
// themselves on coarser ones ([hvp.Coarsener]): nothing is assembled. With S the
// smoother, P the interpolation and A_c the coarse operator,
//
//	x = S·b,   x += P·M_c·Pᵀ(b − A·x)·scale,   x += S·(b − A·x)
//
// (Brandt, Math. Comp. 31, 1977, doi:10.1090/S0025-5718-1977-0431719-X; Trottenberg,
// Oosterlee & Schüller, Multigrid, 2001). S is a Chebyshev polynomial in D⁻¹A for
// the upper part of the spectrum of D⁻¹A, D the diagonal (Adams, Brezina, Hu &
// Tuminaro, J. Comput. Phys. 188, 2003, doi:10.1016/S0021-9991(03)00194-3). Before
// and after are adjoint to each other, so that M is symmetric, and definite since
// the smoother contracts.
//
// It costs 2·Degree products with A per application on the finest level; memory,
// beyond what the coarse operators hold: 3 vectors of the finest level and 5 of each
// coarser one, which is 4⅔ n-vectors in all in two dimensions. All but one per level
// are scratch, again for each more concurrent application.
//
// If A is an [hvp.Singler] and not ill-conditioned (the estimated condition number of
// D⁻¹A is at most 1500), and its coarse operators are the same, the cycle is one of
// their stand-ins in single precision: 2 n-vectors on each level beyond what the
// stand-ins hold, and M is symmetric to about 1e-6 of its norm.
type Multigrid struct {
	set    MultigridSettings
	levels []*gridLevel
	report Report
	work   sync.Pool // *[]gridWork

	singleWork sync.Pool // *[]singleGrid
}

// MultigridSettings are the choices of a [Multigrid]. The zero value works.
type MultigridSettings struct {
	// Degree of the smoothing polynomial, the number of products before, and
	// after, a coarse correction. Zero means 2.
	Degree int
	// Fraction of the largest eigenvalue of D⁻¹A where the smoother begins to
	// work. Zero means 0.2.
	Fraction float64
	// Levels limits the number of grids, the finest included; zero means as many as
	// there are.
	Levels int
	// Double has the cycle done in double precision where the operators could do it
	// in single precision.
	Double bool
}

// gridLevel is one grid.
type gridLevel struct {
	a      hvp.Operator
	inv    []float64 // 1/diagonal
	single *single   // a and inv in single precision, instead of both
	high   float64   // bound of the spectrum of D⁻¹A
	n      int
	p      *hvp.Interpolation // from the next level; nil on the coarsest
	scale  float64
}

// gridWork is the scratch of one level: residual, step of the smoother, and
// right-hand side and solution of the next level.
type gridWork struct {
	r, d, b, x []float64
	step       smoothStep
}

var errNoCoarsen = errors.New("it does not implement hvp.Coarsener")

// NewMultigrid builds the grids of a, which must promise to be symmetric, be an
// [hvp.Coarsener] and know its diagonal; otherwise the error is [ErrNotApplicable],
// wrapped. A diagonal entry that is not positive gives a [*NotPositiveError]. A nil s
// means the defaults.
func NewMultigrid(ctx context.Context, a hvp.Operator, s *MultigridSettings) (*Multigrid, error) {
	m := &Multigrid{}
	if s != nil {
		m.set = *s
	}
	if m.set.Degree == 0 {
		m.set.Degree = 2
	}
	if m.set.Fraction == 0 {
		m.set.Fraction = 0.2
	}
	if m.set.Degree < 0 || !(m.set.Fraction > 0 && m.set.Fraction < 1) || m.set.Levels < 0 {
		return nil, fmt.Errorf("precond: multigrid with smoothing degree %d, fraction %v, %d levels", m.set.Degree, m.set.Fraction, m.set.Levels)
	}
	if err := m.Refresh(ctx, a); err != nil {
		return nil, err
	}
	return m, nil
}

// Refresh implements [Preconditioner].
func (m *Multigrid) Refresh(ctx context.Context, a hvp.Operator) error {
	begin := time.Now()
	n, err := square("multigrid", a)
	if err != nil {
		return err
	}
	if m.levels != nil {
		if err := sameOrder(m, n); err != nil {
			return err
		}
	}
	if !hvp.StructureOf(a).Has(hvp.Symmetric) {
		return notApplicable("multigrid", a, ErrNotSymmetric)
	}
	levels, rep, err := m.grids(ctx, a, m.set.Double)
	if errors.Is(err, errMixed) {
		levels, rep, err = m.grids(ctx, a, true)
	}
	if err != nil {
		return err
	}
	m.levels = levels
	m.work, m.singleWork = sync.Pool{}, sync.Pool{}
	rep.Setup = time.Since(begin)
	m.report = rep
	return nil
}

// errMixed says that not all levels can be in single precision.
var errMixed = errors.New("a level cannot be in single precision")

// grids builds the levels from a on and reports their memory.
func (m *Multigrid) grids(ctx context.Context, a hvp.Operator, double bool) (levels []*gridLevel, rep Report, err error) {
	for {
		l, products, err := newGridLevel(ctx, a, double)
		if err == nil && len(levels) > 0 && (l.single == nil) != (levels[0].single == nil) {
			err = errMixed
		}
		if err != nil {
			if len(levels) > 0 {
				err = fmt.Errorf("precond: multigrid, level %d: %w", len(levels), err)
			}
			return nil, rep, err
		}
		rep.Products += products
		levels = append(levels, l)
		rep.Bytes += l.bytes(len(levels) == 1)
		rep.Notes = append(rep.Notes, fmt.Sprintf("level %d: %d unknowns, spectrum of D⁻¹A below %.3g", len(levels)-1, l.n, l.high))
		c, is := a.(hvp.Coarsener)
		if !is && len(levels) == 1 {
			return nil, rep, notApplicable("multigrid", a, errNoCoarsen)
		}
		if !is || len(levels) == m.set.Levels {
			return levels, rep, nil
		}
		coarse, p, scale, ok, err := c.Coarsen(ctx)
		if err != nil {
			return nil, rep, fmt.Errorf("precond: multigrid, level %d: %w", len(levels)-1, err)
		}
		if !ok {
			return levels, rep, nil
		}
		l.p, l.scale = p, scale
		a = coarse
	}
}

// bytes is the memory of a level with its scratch.
func (l *gridLevel) bytes(finest bool) int64 {
	switch {
	case l.single != nil:
		return l.single.bytes() + 3*4*int64(l.n)
	case finest:
		return 8 * 3 * int64(l.n)
	}
	return 8 * 5 * int64(l.n)
}

// newGridLevel takes the diagonal of a and bounds the spectrum of D⁻¹A.
func newGridLevel(ctx context.Context, a hvp.Operator, double bool) (l *gridLevel, products int, err error) {
	if !double {
		s, err := newSingle(ctx, a)
		if err != nil {
			return nil, 0, err
		}
		if s != nil {
			e, mean, err := s.spectrum(ctx, eigenSteps, 0)
			if err == nil && e.Max > singleCondition*mean {
				err = errMixed
			}
			return &gridLevel{single: s, n: s.n, high: eigenMargin * e.Max, scale: 1}, e.Products, err
		}
	}
	j, err := NewJacobi(ctx, a)
	if err != nil {
		return nil, 0, err
	}
	l = &gridLevel{a: a, inv: j.DiagonalValues(), scale: 1}
	l.n = len(l.inv)
	l.high, products, err = largestEigenvalue(ctx, a, l.inv)
	return l, products, err
}

// Lanczos steps for the largest eigenvalue, and the margin for what they have not
// seen yet.
const eigenSteps, eigenMargin = 8, 1.1

// largestEigenvalue bounds the spectrum of D⁻¹A from above, given 1/D: the
// largest Ritz value of a few Lanczos steps on D^-½·A·D^-½, with a margin.
func largestEigenvalue(ctx context.Context, a hvp.Operator, inv []float64) (high float64, products int, err error) {
	team := parallel.FromContext(ctx)
	scaled := &scaledSymmetric{a: a, root: make([]float64, len(inv)), tmp: make([]float64, len(inv))}
	parallel.For(team, len(inv), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			scaled.root[i] = math.Sqrt(inv[i])
		}
	})
	e, err := hvp.ExtremeEigenvalues(ctx, scaled, &hvp.EigenSettings{Steps: eigenSteps, Tol: -1})
	if err != nil {
		return 0, 0, fmt.Errorf("precond: largest eigenvalue: %w", err)
	}
	if !(e.Max > 0) {
		return 0, 0, fmt.Errorf("precond: the largest eigenvalue of the scaled operator seems to be %v", e.Max)
	}
	return eigenMargin * e.Max, e.Products, nil
}

// Dims implements [hvp.Operator].
func (m *Multigrid) Dims() (rows, cols int) { n := m.levels[0].n; return n, n }

// Structure implements [hvp.Structured].
func (m *Multigrid) Structure() hvp.Structure { return hvp.SPD }

// Apply implements [hvp.Operator].
func (m *Multigrid) Apply(ctx context.Context, dst, x []float64) error {
	n := m.levels[0].n
	if len(dst) != n || len(x) != n {
		return fmt.Errorf("precond: multigrid of order %d with len(dst) = %d and len(x) = %d", n, len(dst), len(x))
	}
	if m.levels[0].single != nil {
		return m.applySingle(ctx, dst, x)
	}
	w, _ := m.work.Get().(*[]gridWork)
	if w == nil {
		all := make([]gridWork, len(m.levels))
		for i, l := range m.levels {
			all[i].r, all[i].d = make([]float64, l.n), make([]float64, l.n)
			if i > 0 {
				all[i].b, all[i].x = make([]float64, l.n), make([]float64, l.n)
			}
		}
		w = &all
	}
	err := m.cycle(ctx, parallel.FromContext(ctx), 0, *w, dst, x)
	m.work.Put(w)
	return err
}

// ApplyTrans implements [hvp.Transposer].
func (m *Multigrid) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return m.Apply(ctx, dst, x)
}

// On the coarsest grid all of the spectrum is smoothed.
const coarsestSteps, coarsestRatio = 8, 40

// cycle sets x = M·b on a level.
func (m *Multigrid) cycle(ctx context.Context, team parallel.Team, level int, work []gridWork, x, b []float64) error {
	l, w := m.levels[level], &work[level]
	degree := m.set.Degree
	low := m.set.Fraction * l.high
	if l.p == nil {
		degree, low = coarsestSteps, l.high/coarsestRatio
	}
	if err := l.smooth(ctx, team, w, x, b, degree, low, true); err != nil {
		return err
	}
	if l.p == nil {
		return nil
	}
	next := &work[level+1]
	if err := l.residual(ctx, team, w.r, x, b); err != nil {
		return err
	}
	if err := l.p.ApplyTrans(ctx, next.b, w.r); err != nil {
		return err
	}
	if l.scale != 1 {
		parallel.ScaleTo(team, next.b, l.scale, next.b)
	}
	if err := m.cycle(ctx, team, level+1, work, next.x, next.b); err != nil {
		return err
	}
	if err := l.p.Add(ctx, x, next.x); err != nil {
		return err
	}
	return l.smooth(ctx, team, w, x, b, degree, low, false)
}

// residual sets r = b − A·x.
func (l *gridLevel) residual(ctx context.Context, team parallel.Team, r, x, b []float64) error {
	if err := l.a.Apply(ctx, r, x); err != nil {
		return err
	}
	parallel.Axpby(team, r, 1, b, -1)
	return nil
}

// smooth takes degree steps of the Chebyshev iteration for D⁻¹A·x = D⁻¹b with
// the spectrum in [low, high] (Saad, Iterative Methods for Sparse Linear Systems,
// 2003, algorithm 12.1); zero says that x is zero, whatever it holds.
func (l *gridLevel) smooth(ctx context.Context, team parallel.Team, w *gridWork, x, b []float64, degree int, low float64, zero bool) error {
	theta, delta := (l.high+low)/2, (l.high-low)/2
	sigma := theta / delta
	rho := 1 / sigma
	for k := range degree {
		r := b
		if !zero || k > 0 {
			if err := l.residual(ctx, team, w.r, x, b); err != nil {
				return err
			}
			r = w.r
		}
		c, f := 0.0, 1/theta
		if k > 0 {
			next := 1 / (2*sigma - rho)
			c, f = next*rho, 2*next/delta
			rho = next
		}
		w.step = smoothStep{x: x, d: w.d, r: r, inv: l.inv, c: c, f: f, first: zero && k == 0, last: k == degree-1}
		team.Run(parallel.Blocks(l.n), &w.step)
		w.step = smoothStep{} // keeps nothing of the caller's
	}
	return nil
}

// smoothStep sets d = c·d + f·D⁻¹·r and x += d. With first x is zero before; with
// last d is not needed any more.
type smoothStep struct {
	x, d, r, inv []float64
	c, f         float64
	first, last  bool
}

// Chunk implements parallel.Task.
func (t *smoothStep) Chunk(block int) {
	lo, hi := parallel.Block(block, len(t.x))
	x, d, r, inv := t.x[lo:hi], t.d[lo:hi], t.r[lo:hi], t.inv[lo:hi]
	for i, v := range r {
		s := t.f * inv[i] * v
		if t.c != 0 {
			s += t.c * d[i]
		}
		if !t.last {
			d[i] = s
		}
		if t.first {
			x[i] = s
		} else {
			x[i] += s
		}
	}
}

// UsesOperator implements [OperatorUser].
func (m *Multigrid) UsesOperator() bool { return true }

// Report implements [Preconditioner].
func (m *Multigrid) Report() Report { return m.report }

// String names the preconditioner.
func (m *Multigrid) String() string {
	if m.levels[0].single != nil {
		return fmt.Sprintf("multigrid(degree %d, single)", m.set.Degree)
	}
	return fmt.Sprintf("multigrid(degree %d)", m.set.Degree)
}

var (
	_ Preconditioner = (*Multigrid)(nil)
	_ OperatorUser   = (*Multigrid)(nil)
)
