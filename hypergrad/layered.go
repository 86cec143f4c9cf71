package hypergrad

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/precond"
)

// Layered is a [Problem] whose unknowns are the states of a chain of layers,
//
//	y_l = f_l(y_{l−1}, w),  l = 1 … k,  y₀ the input:   G_l = y_l − f_l(y_{l−1}, w)
//
// such as a feedforward network or the steps of a time integration. ∂G/∂y is unit
// block lower triangular, so that forward substitution solves the tangent system
// and back substitution the adjoint one,
//
//	q_l = ∂ℓ/∂y_l + (∂f_{l+1}/∂y_l)ᵀ·q_{l+1}
//
// exactly: the adjoint of this equation is backpropagation (Rumelhart, Hinton &
// Williams, Nature 323, 1986, doi:10.1038/323533a0; LeCun, A theoretical framework
// for back-propagation, 1988). [BackSubstitution] is this as a preconditioner, with
// which a Krylov method takes one iteration. Solve is the forward pass.
type Layered struct {
	// Layers in order. The states stand in y one after the other.
	Layers []Layer
	// Input is y₀; the first layer has it as its x.
	Input []float64
	// NW is the length of w.
	NW int
	// LossValue returns ℓ(y, w) and sets dy = ∂ℓ/∂y and dw = ∂ℓ/∂w, both
	// always given and zero on entry.
	LossValue func(dy, dw, y, w []float64) (float64, error)
}

// A Layer is y = f(x, w). All closures are required, must be safe for concurrent
// calls, set (never add to) their destination, and keep no slice. Their w is the part
// From … To−1 of that of the problem; parts of different layers may overlap (shared
// weights). A layer with From = To has no parameters and needs no JVPW and VJPW.
type Layer struct {
	Size     int // of y
	From, To int
	// F sets dst = f(x, w).
	F func(dst, x, w []float64) error
	// JVP sets dst = (∂f/∂x)·v and VJP dst = (∂f/∂x)ᵀ·q.
	JVP, VJP func(dst, v, x, w []float64) error
	// JVPW sets dst = (∂f/∂w)·u and VJPW dst = (∂f/∂w)ᵀ·q, u and the second dst of
	// length To − From.
	JVPW, VJPW func(dst, u, x, w []float64) error
}

// Dims implements [Equation].
func (p *Layered) Dims() (ny, nw int) {
	for _, l := range p.Layers {
		ny += l.Size
	}
	return ny, p.NW
}

// check returns an error that names the first layer that is not complete.
func (p *Layered) check() error {
	for k, l := range p.Layers {
		switch {
		case l.Size <= 0:
			return fmt.Errorf("hypergrad: layer %d has size %d", k, l.Size)
		case l.From < 0 || l.To < l.From || l.To > p.NW:
			return fmt.Errorf("hypergrad: layer %d has the parameters %d … %d of %d", k, l.From, l.To, p.NW)
		case l.F == nil || l.JVP == nil || l.VJP == nil || l.To > l.From && (l.JVPW == nil || l.VJPW == nil):
			return fmt.Errorf("hypergrad: layer %d lacks one of F, JVP, VJP, JVPW and VJPW", k)
		}
	}
	return nil
}

// each calls f for the layers, in the order of the chain or backwards, with the
// bounds of its state and of the state before (−1 for the input).
func (p *Layered) each(backwards bool, f func(l *Layer, k, before, lo, hi int) error) error {
	lo, last := make([]int, len(p.Layers)+1), len(p.Layers)-1
	for k, l := range p.Layers {
		lo[k+1] = lo[k] + l.Size
	}
	for k := range p.Layers {
		if backwards {
			k = last - k
		}
		before := -1
		if k > 0 {
			before = lo[k-1]
		}
		if err := f(&p.Layers[k], k, before, lo[k], lo[k+1]); err != nil {
			return fmt.Errorf("layer %d: %w", k, err)
		}
	}
	return nil
}

// input returns the x of a layer.
func (p *Layered) input(y []float64, before, lo int) []float64 {
	if before < 0 {
		return p.Input
	}
	return y[before:lo:lo]
}

// Residual implements [Equation].
func (p *Layered) Residual(_ context.Context, dst, y, w []float64) error {
	if err := p.check(); err != nil {
		return err
	}
	return p.each(false, func(l *Layer, _, before, lo, hi int) error {
		if err := l.F(dst[lo:hi], p.input(y, before, lo), w[l.From:l.To]); err != nil {
			return err
		}
		for i := lo; i < hi; i++ {
			dst[i] = y[i] - dst[i]
		}
		return nil
	})
}

// Loss implements [Problem].
func (p *Layered) Loss(_ context.Context, dy, dw, y, w []float64) (float64, error) {
	ny, nw := p.Dims()
	return lossOf("Layered", p.LossValue, ny, nw, dy, dw, y, w)
}

// Solve implements [InnerSolver]: one forward pass, whatever y holds on entry. eq
// must be this problem.
func (p *Layered) Solve(ctx context.Context, eq Equation, y, w []float64) (res InnerResult, err error) {
	begin := time.Now()
	defer func() { res.Elapsed = time.Since(begin) }()
	res.Energy = math.NaN()
	if q, ok := eq.(*Layered); !ok || q != p {
		return res, errors.New("hypergrad: a Layered solves itself only")
	}
	ny, nw := p.Dims()
	if err := checkLengths(length{"y", len(y), ny}, length{"w", len(w), nw}); err != nil {
		return res, err
	}
	if err := p.check(); err != nil {
		return res, err
	}
	err = p.each(false, func(l *Layer, _, before, lo, hi int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return l.F(y[lo:hi], p.input(y, before, lo), w[l.From:l.To])
	})
	if err != nil {
		return res, fmt.Errorf("hypergrad: forward pass: %w", err)
	}
	if n := parallel.Norm(parallel.FromContext(ctx), y); math.IsNaN(n) || math.IsInf(n, 0) {
		return res, errors.New("hypergrad: forward pass: a state holds NaN or Inf")
	}
	res.Iterations = 1
	return res, nil
}

// Linearize implements [Equation].
func (p *Layered) Linearize(_ context.Context, y, w []float64) (lin Linearization, err error) {
	if err := p.check(); err != nil {
		return lin, err
	}
	ny, nw := p.Dims()
	lin.Y = &layeredOperator{p: p, y: y, w: w, n: ny}
	lin.W = &hvp.Func{Rows: ny, Cols: columns(nw),
		Mul: func(_ context.Context, dst, u []float64) error {
			return p.each(false, func(l *Layer, _, before, lo, hi int) error {
				if l.From == l.To {
					clear(dst[lo:hi])
					return nil
				}
				if err := l.JVPW(dst[lo:hi], u[l.From:l.To], p.input(y, before, lo), w[l.From:l.To]); err != nil {
					return err
				}
				for i := lo; i < hi; i++ {
					dst[i] = -dst[i]
				}
				return nil
			})
		},
		MulTrans: func(_ context.Context, dst, q []float64) error {
			clear(dst)
			var part []float64
			return p.each(false, func(l *Layer, _, before, lo, hi int) error {
				if l.From == l.To {
					return nil
				}
				part = parallel.Grow(part, l.To-l.From)
				if err := l.VJPW(part, q[lo:hi], p.input(y, before, lo), w[l.From:l.To]); err != nil {
					return err
				}
				for j, v := range part {
					dst[l.From+j] -= v
				}
				return nil
			})
		},
	}
	return lin, nil
}

// layeredOperator is ∂G/∂y of a Layered or, with inverse, its inverse.
type layeredOperator struct {
	p       *Layered
	y, w    []float64
	n       int
	inverse bool
	scratch parallel.Scratch
}

// Dims implements [hvp.Operator].
func (a *layeredOperator) Dims() (rows, cols int) { return a.n, a.n }

// Apply implements [hvp.Operator]: dst_l = x_l − J_l·x_{l−1}, or forward
// substitution, dst_l = x_l + J_l·dst_{l−1}.
func (a *layeredOperator) Apply(_ context.Context, dst, x []float64) error {
	if err := checkLengths(length{"dst", len(dst), a.n}, length{"x", len(x), a.n}); err != nil {
		return err
	}
	return a.p.each(false, func(l *Layer, _, before, lo, hi int) error {
		if before < 0 {
			copy(dst[lo:hi], x[lo:hi])
			return nil
		}
		from, sign := x, -1.0
		if a.inverse {
			from, sign = dst, 1
		}
		part := a.scratch.Get(hi - lo)
		defer a.scratch.Put(part)
		if err := l.JVP(*part, from[before:lo], a.y[before:lo], a.w[l.From:l.To]); err != nil {
			return err
		}
		for i, v := range *part {
			dst[lo+i] = x[lo+i] + sign*v
		}
		return nil
	})
}

// ApplyTrans implements [hvp.Transposer]: dst_{l−1} = x_{l−1} − J_lᵀ·x_l, or back
// substitution, dst_{l−1} = x_{l−1} + J_lᵀ·dst_l.
func (a *layeredOperator) ApplyTrans(_ context.Context, dst, x []float64) error {
	if err := checkLengths(length{"dst", len(dst), a.n}, length{"x", len(x), a.n}); err != nil {
		return err
	}
	last := len(a.p.Layers) - 1
	return a.p.each(true, func(l *Layer, k, before, lo, hi int) error {
		if k == last {
			copy(dst[lo:hi], x[lo:hi])
		}
		if before < 0 {
			return nil
		}
		from, sign := x, -1.0
		if a.inverse {
			from, sign = dst, 1
		}
		part := a.scratch.Get(lo - before)
		defer a.scratch.Put(part)
		if err := l.VJP(*part, from[lo:hi], a.y[before:lo], a.w[l.From:l.To]); err != nil {
			return err
		}
		for i, v := range *part {
			dst[before+i] = x[before+i] + sign*v
		}
		return nil
	})
}

// BackSubstitution is the [PrecondFunc] of a [Layered] problem: the exact inverse of
// its ∂G/∂y, by one sweep over the layers. For any other operator the error is
// [precond.ErrNotApplicable], wrapped.
func BackSubstitution(_ context.Context, a hvp.Operator) (precond.Preconditioner, error) {
	l, ok := a.(*layeredOperator)
	if !ok {
		return nil, fmt.Errorf("hypergrad: back substitution of a %T is %w", a, precond.ErrNotApplicable)
	}
	return precond.Wrap("back substitution", &layeredOperator{p: l.p, y: l.y, w: l.w, n: l.n, inverse: true}, nil)
}

var (
	_ Problem     = (*Layered)(nil)
	_ InnerSolver = (*Layered)(nil)
	_ PrecondFunc = BackSubstitution
)
