package hvp

import (
	"context"
	"fmt"
	"sync"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// A Coarsener is an operator on a grid that knows itself on a grid of half the
// resolution: what a geometric multigrid method asks for, without any entries.
type Coarsener interface {
	// Coarsen returns A_c and the interpolation P, n × n_c, from the coarse
	// grid, with A_c ≈ scale·PᵀAP for smooth functions, scale > 0. A_c keeps
	// nothing of A that changes. ok is false where the grid is too small.
	Coarsen(ctx context.Context) (coarse Operator, p *Interpolation, scale float64, ok bool, err error)
}

// Interpolation is the linear interpolation P from a coarse grid to one of twice
// the resolution, in one to three dimensions, the last running fastest. Values
// belong to cells: coarse cell J covers the cells 2J and 2J+1 of the fine grid
// (the last one of an odd number only one), and
//
//	(P·c)(2J) = ¾·c(J) + ¼·c(J−1),   (P·c)(2J+1) = ¾·c(J) + ¼·c(J+1)
//
// in each dimension, c outside the grid being that of the nearest cell, so that
// constants stay constants. Its transpose, the restriction, is the exact
// adjoint, computed by gathering. Both have the same bits for any number of
// workers. Nothing is stored.
type Interpolation struct {
	fine, coarse [3]int    // planes, rows, columns
	tasks        sync.Pool // *interpolationTask[float64]
	single       sync.Pool // *interpolationTask[float32]
}

// NewInterpolation returns the interpolation to a grid with the given number of
// cells in each dimension.
func NewInterpolation(shape ...int) (*Interpolation, error) {
	if len(shape) < 1 || len(shape) > 3 {
		return nil, fmt.Errorf("hvp: interpolation in %d dimensions, want 1, 2 or 3", len(shape))
	}
	p := &Interpolation{fine: [3]int{1, 1, 1}, coarse: [3]int{1, 1, 1}}
	for d, m := range shape {
		if m < 1 || m > 1<<31 {
			return nil, fmt.Errorf("hvp: interpolation to a grid of %v cells", shape)
		}
		at := 3 - len(shape) + d
		p.fine[at], p.coarse[at] = m, (m+1)/2
	}
	return p, nil
}

// Dims implements [Operator].
func (p *Interpolation) Dims() (rows, cols int) {
	return p.fine[0] * p.fine[1] * p.fine[2], p.coarse[0] * p.coarse[1] * p.coarse[2]
}

// interpolationTask is one product: a line of the result per index.
type interpolationTask[T kernel.Real] struct {
	p       *Interpolation
	axpy    func(y []T, a T, x []T)
	dst, x  []T
	trans   bool
	add     T
	lines   int // of one chunk
	buffers sync.Pool
}

// Chunk implements parallel.Task.
func (t *interpolationTask[T]) Chunk(c int) {
	buf, _ := t.buffers.Get().(*[]T)
	if buf == nil {
		buf = new([]T)
	}
	in, out := t.p.coarse, t.p.fine
	if t.trans {
		in, out = out, in
	}
	*buf = parallel.Grow(*buf, in[2])
	line := *buf
	for l := c * t.lines; l < min((c+1)*t.lines, out[0]*out[1]); l++ {
		plane, row := l/out[1], l%out[1]
		clear(line)
		var pi, ri [4]int
		var pw, rw [4]float64
		np := axisTerms(t.trans, plane, in[0], out[0], &pi, &pw)
		nr := axisTerms(t.trans, row, in[1], out[1], &ri, &rw)
		for a := range np {
			for b := range nr {
				at := (pi[a]*in[1] + ri[b]) * in[2]
				t.axpy(line, T(pw[a]*rw[b]), t.x[at:at+in[2]])
			}
		}
		dst := t.dst[l*out[2] : (l+1)*out[2]]
		switch {
		case t.trans:
			kernel.RestrictLine(dst, line)
		default:
			kernel.InterpolateLine(dst, line, t.add)
		}
	}
	t.buffers.Put(buf)
}

// axisTerms sets which lines of the input one line of the output is made of, and
// with which weights, along one axis.
func axisTerms(trans bool, at, in, out int, index *[4]int, weight *[4]float64) (n int) {
	add := func(i int, w float64) {
		for k := range n {
			if index[k] == i {
				weight[k] += w
				return
			}
		}
		index[n], weight[n] = i, w
		n++
	}
	if !trans { // fine line from coarse ones
		add(at/2, 0.75)
		add(min(max(at/2+2*(at%2)-1, 0), in-1), 0.25)
		return n
	}
	// Coarse line from the fine ones that it reaches: the transpose.
	for f := max(2*at-1, 0); f <= min(2*at+2, in-1); f++ {
		w := 0.0
		if f/2 == at {
			w += 0.75
		}
		if min(max(f/2+2*(f%2)-1, 0), out-1) == at {
			w += 0.25
		}
		if w != 0 {
			add(f, w)
		}
	}
	return n
}

// interpolate runs one product with the tasks of a pool.
func interpolate[T kernel.Real](ctx context.Context, p *Interpolation, tasks *sync.Pool, axpy func(y []T, a T, x []T), dst, x []T, trans bool, add T) {
	t, _ := tasks.Get().(*interpolationTask[T])
	if t == nil {
		t = &interpolationTask[T]{p: p, axpy: axpy}
	}
	out := p.fine
	if trans {
		out = p.coarse
	}
	t.dst, t.x, t.trans, t.add = dst, x, trans, add
	t.lines = max(1, 2*parallel.BlockSize/out[2])
	parallel.FromContext(ctx).Run((out[0]*out[1]+t.lines-1)/t.lines, t)
	t.dst, t.x = nil, nil
	tasks.Put(t)
}

func (p *Interpolation) run(ctx context.Context, dst, x []float64, trans bool, add float64) {
	interpolate(ctx, p, &p.tasks, kernel.Axpy, dst, x, trans, add)
}

// Apply implements [Operator]: dst = P·x.
func (p *Interpolation) Apply(ctx context.Context, dst, x []float64) error {
	rows, cols := p.Dims()
	if err := checkShape(rows, cols, dst, x, 1); err != nil {
		return err
	}
	p.run(ctx, dst, x, false, 0)
	return nil
}

// Add sets dst = dst + P·x, under the rules of Apply.
func (p *Interpolation) Add(ctx context.Context, dst, x []float64) error {
	rows, cols := p.Dims()
	if err := checkShape(rows, cols, dst, x, 1); err != nil {
		return err
	}
	p.run(ctx, dst, x, false, 1)
	return nil
}

// ApplyTrans implements [Transposer]: dst = Pᵀ·x, the restriction.
func (p *Interpolation) ApplyTrans(ctx context.Context, dst, x []float64) error {
	rows, cols := p.Dims()
	if err := checkShape(cols, rows, dst, x, 1); err != nil {
		return err
	}
	p.run(ctx, dst, x, true, 0)
	return nil
}

// Coarsen implements [Coarsener]: the grid of half the resolution has a quarter
// of the coupling and the same shift.
func (a *Stencil) Coarsen(context.Context) (coarse Operator, p *Interpolation, scale float64, ok bool, err error) {
	const smallest = 8
	shape := a.Shape()
	scale = 1
	for d, m := range shape {
		if m < smallest {
			return nil, nil, 0, false, nil
		}
		shape[d] = (m + 1) / 2
		scale /= 2
	}
	if coarse, err = NewStencil(a.c/4, a.s, shape...); err != nil {
		return nil, nil, 0, false, err
	}
	p, err = NewInterpolation(a.shape...)
	return coarse, p, scale, err == nil, err
}

var (
	_ Transposer = (*Interpolation)(nil)
	_ Coarsener  = (*Stencil)(nil)
)
