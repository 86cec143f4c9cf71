package krylov

import (
	"context"
	"fmt"
	"sync"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// deflated is the preconditioner that a [Space] makes.
type deflated struct {
	n       int
	w, aw   [][]float64
	sigma   float64
	m       hvp.Operator
	d       []float64      // of a diagonal M₀
	trans   hvp.Transposer // of another
	sweeps  sync.Pool      // *deflation
	scratch parallel.Scratch
}

func (o *deflated) set(s *Space) {
	o.n, o.w, o.aw, o.sigma, o.m = s.n, s.w[:s.k], s.aw[:s.k], s.sigma, s.m
	o.d, o.trans = nil, nil
	if dm, is := o.m.(hvp.DiagonalMatrix); is {
		o.d = dm.DiagonalValues()
	} else if o.m != nil {
		o.trans, _ = hvp.Trans(o.m)
	}
}

// Dims implements [hvp.Operator].
func (o *deflated) Dims() (rows, cols int) { return o.n, o.n }

// Structure implements [hvp.Structured]: M is as definite as M₀.
func (o *deflated) Structure() hvp.Structure {
	if o.m == nil {
		return hvp.SPD
	}
	return hvp.StructureOf(o.m)
}

// String names the preconditioner.
func (o *deflated) String() string {
	if o.m == nil {
		return fmt.Sprintf("recycled(%d)", len(o.w))
	}
	if s, ok := o.m.(fmt.Stringer); ok {
		return fmt.Sprintf("%v + recycled(%d)", s, len(o.w))
	}
	return fmt.Sprintf("%T + recycled(%d)", o.m, len(o.w))
}

// Apply implements [hvp.Operator].
func (o *deflated) Apply(ctx context.Context, dst, x []float64) error {
	if o.m == nil {
		return o.apply(ctx, dst, x, nil)
	}
	return o.apply(ctx, dst, x, o.m.Apply)
}

// ApplyTrans implements [hvp.Transposer].
func (o *deflated) ApplyTrans(ctx context.Context, dst, x []float64) error {
	switch {
	case o.m == nil || o.d != nil:
		return o.Apply(ctx, dst, x)
	case o.trans == nil:
		return fmt.Errorf("krylov: the preconditioner %T under a recycled space has no transpose product", o.m)
	}
	return o.apply(ctx, dst, x, o.trans.ApplyTrans)
}

// apply sets
//
//	t = Wᵀx,  u = x − AW·t,  z = M₀·u,  s = (AW)ᵀz,  dst = z + W·(σ·t − s)
//
// in three sweeps, four with an M₀ that is not diagonal.
func (o *deflated) apply(ctx context.Context, dst, x []float64, m func(context.Context, []float64, []float64) error) error {
	if len(x) != o.n || len(dst) != o.n {
		return fmt.Errorf("krylov: recycled space of order %d applied to lengths %d and %d", o.n, len(dst), len(x))
	}
	team := parallel.FromContext(ctx)
	f, _ := o.sweeps.Get().(*deflation)
	if f == nil {
		f = new(deflation)
	}
	k := len(o.w)
	f.blocks = parallel.Blocks(o.n)
	f.part = parallel.Grow(f.part, k*f.blocks)
	f.t, f.c = parallel.Grow(f.t, k), parallel.Grow(f.c, k)
	f.o, f.x, f.u, f.z = o, x, dst, dst
	direct := o.m == nil || o.d != nil
	var own *[]float64
	if !direct {
		own = o.scratch.Get(o.n)
		f.u = *own
	}
	team.Run(f.blocks, (*deflationDots)(f))
	f.combine(f.t)
	team.Run(f.blocks, (*deflationProject)(f))
	var err error
	if !direct {
		if err = m(ctx, dst, f.u); err == nil {
			team.Run(f.blocks, (*deflationDotsA)(f))
		}
		o.scratch.Put(own)
	}
	if err == nil {
		f.combine(f.c)
		for j, s := range f.c {
			f.c[j] = o.sigma*f.t[j] - s
		}
		team.Run(f.blocks, (*deflationAdd)(f))
	}
	f.o, f.x, f.u, f.z = nil, nil, nil, nil
	o.sweeps.Put(f)
	return err
}

// deflation is the state of one application.
type deflation struct {
	o       *deflated
	x, u, z []float64
	blocks  int
	part    []float64
	t, c    []float64
}

func (f *deflation) combine(sums []float64) {
	for j := range sums {
		sums[j] = parallel.Combine(f.part[j*f.blocks:][:f.blocks])
	}
}

// dots sets the shares of block b in Vᵀx.
func (f *deflation) dots(v [][]float64, x []float64, b, lo, hi int) {
	for j := range v {
		f.part[j*f.blocks+b] = 0
	}
	kernel.PanelDots(f.part[b:], f.blocks, v, x, lo, hi)
}

// deflationDots: Wᵀx.
type deflationDots deflation

func (f *deflationDots) Chunk(b int) {
	lo, hi := parallel.Block(b, f.o.n)
	(*deflation)(f).dots(f.o.w, f.x, b, lo, hi)
}

// deflationProject: u = x − AW·t and, without M₀ or with a diagonal one,
// z = M₀·u and (AW)ᵀz.
type deflationProject deflation

func (f *deflationProject) Chunk(b int) {
	lo, hi := parallel.Block(b, f.o.n)
	copy(f.u[lo:hi], f.x[lo:hi])
	kernel.PanelSub(f.u, f.o.aw, f.t, lo, hi)
	switch {
	case f.o.d != nil:
		kernel.MulTo(f.z[lo:hi], f.o.d[lo:hi], f.u[lo:hi])
	case f.o.m != nil:
		return
	}
	(*deflation)(f).dots(f.o.aw, f.z, b, lo, hi)
}

// deflationDotsA: (AW)ᵀz.
type deflationDotsA deflation

func (f *deflationDotsA) Chunk(b int) {
	lo, hi := parallel.Block(b, f.o.n)
	(*deflation)(f).dots(f.o.aw, f.z, b, lo, hi)
}

// deflationAdd: z += W·c.
type deflationAdd deflation

func (f *deflationAdd) Chunk(b int) {
	lo, hi := parallel.Block(b, f.o.n)
	kernel.PanelAdd(f.z, f.o.w, f.c, lo, hi)
}

var _ interface {
	hvp.Operator
	hvp.Transposer
	hvp.Structured
} = (*deflated)(nil)
