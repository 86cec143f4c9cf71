package problems

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Quadratic is a quadratic inner problem with a spectrum of one's choice and any
// numbers of unknowns and parameters:
//
//	E(y, w) = ½·yᵀA·y + (a + Cᵀw)ᵀy,   ℓ(y, w) = ½‖y − t‖² + ½‖w‖²
//
// a, t and the entries of C are standard normal. The derivatives are
//
//	∂E/∂y       = A·y + a + Cᵀw
//	∂²E/∂y∂yᵀ   = A
//	∂²E/∂y∂w    = Cᵀ
//
// # Closed form
//
//	y*    = −A⁻¹(a + Cᵀw)
//	dL/dw = w − C·A⁻¹(y* − t)
//
// A = Q·D·Qᵀ with D = diag(d) of the eigenvalues and an orthogonal Q = H·B, of which
// nothing is assembled. H = I − 2vvᵀ is a reflection (Householder) along a random
// v, which couples all unknowns, and B a Hadamard transform of each 16 of them in
// a row, which mixes eigenvalues from all over the spectrum: so neither the
// diagonal of A (all but constant) nor its blocks give the spectrum away to a
// preconditioner. A⁻¹ = Q·D⁻¹·Qᵀ costs as much as A. Traffic per product in
// n_y-vectors: 2 for vᵀx, 4 for the blocks, 3 for the second reflection.
//
// Parameter k acts on unknowns in a row, about n_y/n_w of them: C has one entry
// per column.
type Quadratic struct {
	n, nw   int
	q       rotation
	a, c, t []float64
}

// QuadraticSettings are the choices of a [Quadratic]. The zero value works.
type QuadraticSettings struct {
	// Cond is the ratio of the largest eigenvalue, 1, to the least; those
	// between are equidistant on the log scale. Zero means 100.
	Cond float64
	// Eigenvalues replaces them, if not nil; positive, in any order. It is kept.
	Eigenvalues []float64
	// Seed of all that is random.
	Seed uint64
}

// NewQuadratic returns the problem with n unknowns and nw parameters.
func NewQuadratic(n, nw int, s *QuadraticSettings) (*Quadratic, error) {
	if s == nil {
		s = &QuadraticSettings{}
	}
	cond := s.Cond
	if cond == 0 {
		cond = 100
	}
	switch {
	case n < 1 || nw < 1 || n > math.MaxInt/64 || nw > math.MaxInt/64:
		return nil, fmt.Errorf("problems: quadratic: %d unknowns and %d parameters", n, nw)
	case !(cond >= 1 && cond <= 1e16):
		return nil, fmt.Errorf("problems: quadratic: the condition number is %v, want 1 … 1e16", s.Cond)
	case s.Eigenvalues != nil && len(s.Eigenvalues) != n:
		return nil, fmt.Errorf("problems: quadratic: %d eigenvalues for %d unknowns", len(s.Eigenvalues), n)
	}
	d := s.Eigenvalues
	for i, v := range d {
		if !(v >= 1e-100 && v <= 1e100) {
			return nil, fmt.Errorf("problems: quadratic: eigenvalue %d is %v, want 1e-100 … 1e100", i, v)
		}
	}
	if d == nil {
		d = spreadSpectrum(n, cond)
	}
	rng := rand.New(rand.NewPCG(s.Seed, 1))
	normal := func() []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		return x
	}
	p := &Quadratic{n: n, nw: nw, a: normal(), c: normal(), t: normal()}
	v := normal()
	parallel.ScaleTo(0, v, 1/parallel.Norm(0, v), v)
	p.q = rotation{d: d, v: v}
	return p, nil
}

// spreadSpectrum returns n numbers from 1 to 1/cond, equidistant on the log scale,
// in an order in which any few in a row are from all over the range: number i is
// number i·m mod n of them, with m prime to n and near n over the golden ratio.
func spreadSpectrum(n int, cond float64) []float64 {
	gcd := func(a, b int) int {
		for b != 0 {
			a, b = b, a%b
		}
		return a
	}
	m := max(1, int(float64(n)/math.Phi))
	for gcd(m, n) != 1 {
		m++
	}
	d := make([]float64, n)
	step := -math.Log(cond) / float64(max(1, n-1))
	parallel.For(0, n, func(lo, hi int) {
		at := int(uint64(lo) % uint64(n) * uint64(m) % uint64(n)) // n² < 2^64 for any n that fits in memory
		for i := lo; i < hi; i++ {
			d[i] = math.Exp(step * float64(at))
			if at += m; at >= n {
				at -= n
			}
		}
	})
	return d
}

// Dims implements [hypergrad.Equation].
func (p *Quadratic) Dims() (ny, nw int) { return p.n, p.nw }

// Eigenvalues returns the eigenvalues of A, themselves: read only.
func (p *Quadratic) Eigenvalues() []float64 { return p.q.d }

// Hessian returns A, which depends on neither y nor w.
func (p *Quadratic) Hessian() hvp.Operator { return &quadraticHessian{&p.q} }

func (p *Quadratic) check(y, w []float64) error {
	if y != nil && len(y) != p.n || len(w) != p.nw {
		return fmt.Errorf("problems: quadratic: y has length %d and w %d, want %d and %d", len(y), len(w), p.n, p.nw)
	}
	return nil
}

// part returns the unknowns [lo, hi) that parameter k acts on.
func (p *Quadratic) part(k int) (lo, hi int) { return mulDiv(k, p.n, p.nw), mulDiv(k+1, p.n, p.nw) }

// mulDiv returns ⌊a·b/c⌋ for a ≤ c without overflow.
func mulDiv(a, b, c int) int { return b/c*a + int(uint64(b%c)*uint64(a)/uint64(c)) }

// each calls f with the stretches [lo, hi) of each block of unknowns on which one
// parameter k acts.
func (p *Quadratic) each(team parallel.Team, f func(k, lo, hi int)) {
	parallel.For(team, p.n, func(lo, hi int) {
		// The last parameter whose part begins at lo or before.
		k := mulDiv(lo, p.nw, p.n)
		for lo < hi {
			begin, end := p.part(k)
			if begin <= lo && lo < end {
				q := min(end, hi)
				f(k, lo, q)
				lo = q
				continue
			}
			k++
		}
	})
}

// force sets dst = a + Cᵀw, or Cᵀw without a.
func (p *Quadratic) force(team parallel.Team, dst, a, w []float64) {
	p.each(team, func(k, lo, hi int) {
		kernel.ScaleTo(dst[lo:hi], w[k], p.c[lo:hi])
		if a != nil {
			kernel.Axpy(dst[lo:hi], 1, a[lo:hi])
		}
	})
}

// collect sets dst = C·q.
func (p *Quadratic) collect(team parallel.Team, dst, q []float64) {
	if p.nw <= parallel.BlockSize { // long parts: each on all cores
		for k := range dst {
			lo, hi := p.part(k)
			dst[k] = parallel.Dot(team, p.c[lo:hi], q[lo:hi])
		}
		return
	}
	parallel.For(team, p.nw, func(first, last int) {
		for k := first; k < last; k++ {
			lo, hi := p.part(k)
			dst[k] = kernel.Dot(p.c[lo:hi], q[lo:hi])
		}
	})
}

// Energy implements [hypergrad.Energy].
func (p *Quadratic) Energy(ctx context.Context, y, w []float64) (float64, error) {
	if err := p.check(y, w); err != nil {
		return 0, err
	}
	team := parallel.FromContext(ctx)
	cy := make([]float64, p.nw)
	p.collect(team, cy, y)
	return 0.5*p.q.form(team, y) + parallel.Dot(team, p.a, y) + parallel.Dot(team, cy, w), nil
}

// Residual implements [hypergrad.Equation]: A·y + a + Cᵀw.
func (p *Quadratic) Residual(ctx context.Context, dst, y, w []float64) error {
	if err := p.check(y, w); err != nil {
		return err
	}
	team := parallel.FromContext(ctx)
	p.q.apply(team, dst, y, false)
	p.each(team, func(k, lo, hi int) {
		kernel.Axpy(dst[lo:hi], w[k], p.c[lo:hi])
		kernel.Axpy(dst[lo:hi], 1, p.a[lo:hi])
	})
	return nil
}

// Loss implements [hypergrad.Problem].
func (p *Quadratic) Loss(ctx context.Context, dy, dw, y, w []float64) (float64, error) {
	if err := p.check(y, w); err != nil {
		return 0, err
	}
	team := parallel.FromContext(ctx)
	if dy != nil {
		parallel.ScaleTo(team, dy, 1, y)
		parallel.Axpy(team, dy, -1, p.t)
	}
	copy(dw, w)
	return 0.5*squaredDistance(team, y, p.t) + 0.5*parallel.Dot(team, w, w), nil
}

// Linearize implements [hypergrad.Equation].
func (p *Quadratic) Linearize(_ context.Context, y, w []float64) (hypergrad.Linearization, error) {
	if err := p.check(y, w); err != nil {
		return hypergrad.Linearization{}, err
	}
	return hypergrad.Linearization{Y: p.Hessian(), W: &hvp.Func{Rows: p.n, Cols: p.nw,
		Mul: func(ctx context.Context, dst, u []float64) error {
			p.force(parallel.FromContext(ctx), dst, nil, u)
			return nil
		},
		MulTrans: func(ctx context.Context, dst, q []float64) error {
			p.collect(parallel.FromContext(ctx), dst, q)
			return nil
		},
	}}, nil
}

// Exact returns L(w) and sets y and grad to y*(w) and dL/dw, all by the closed
// form. Either may be nil: not wanted.
func (p *Quadratic) Exact(ctx context.Context, y, grad, w []float64) (loss float64, err error) {
	if y == nil {
		y = make([]float64, p.n)
	}
	if err := p.check(y, w); err != nil {
		return 0, err
	}
	if grad != nil && len(grad) != p.nw {
		return 0, fmt.Errorf("problems: quadratic: a gradient of length %d, want %d", len(grad), p.nw)
	}
	team := parallel.FromContext(ctx)
	b, slope := make([]float64, p.n), make([]float64, p.n)
	p.force(team, b, p.a, w)
	p.q.apply(team, y, b, true)
	parallel.ScaleTo(team, y, -1, y)
	if loss, err = p.Loss(ctx, slope, nil, y, w); err != nil || grad == nil {
		return loss, err
	}
	p.q.apply(team, b, slope, true)
	p.collect(team, grad, b)
	parallel.Axpby(team, grad, 1, w, -1)
	return loss, nil
}

// quadraticHessian is A.
type quadraticHessian struct{ q *rotation }

// Dims implements [hvp.Operator].
func (h *quadraticHessian) Dims() (rows, cols int) { return len(h.q.d), len(h.q.d) }

// Structure implements [hvp.Structured].
func (h *quadraticHessian) Structure() hvp.Structure { return hvp.SPD }

// ProductTraffic returns the bytes that a product reads and writes beyond x and dst, once
// each: of the nine n_y-vectors of [Quadratic] seven.
func (h *quadraticHessian) ProductTraffic() int64 { return 7 * 8 * int64(len(h.q.d)) }

// Apply implements [hvp.Operator].
func (h *quadraticHessian) Apply(ctx context.Context, dst, x []float64) error {
	if n := len(h.q.d); len(dst) != n || len(x) != n {
		return fmt.Errorf("problems: quadratic: Hessian product with len(dst) = %d and len(x) = %d, want %d", len(dst), len(x), n)
	}
	h.q.apply(parallel.FromContext(ctx), dst, x, false)
	return nil
}

// ApplyTrans implements [hvp.Transposer].
func (h *quadraticHessian) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return h.Apply(ctx, dst, x)
}

// Diag implements [hvp.Diagonaler].
func (h *quadraticHessian) Diag(dst []float64) error {
	if len(dst) != len(h.q.d) {
		return fmt.Errorf("problems: quadratic: diagonal of length %d, want %d", len(dst), len(h.q.d))
	}
	h.q.diag(dst)
	return nil
}

var (
	_ hypergrad.Problem = (*Quadratic)(nil)
	_ hypergrad.Energy  = (*Quadratic)(nil)
	_ hvp.Transposer    = (*quadraticHessian)(nil)
	_ hvp.Diagonaler    = (*quadraticHessian)(nil)
)
