package precond

import (
	"context"
	"fmt"
	"sync"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// update is the symmetric operator M₀ + Q·C·Qᵀ with few columns in Q: what
// several preconditioners are in the end.
//
// Traffic of a product, in numbers, beyond that of M₀: 2nk for the two sweeps over
// Q, n for x twice and for dst. A diagonal M₀ is fused into the second sweep.
type update struct {
	n     int
	d     []float64      // M₀ = diag(d), or
	base  Preconditioner // M₀ if d is nil
	q     [][]float64    // columns of Q
	c     []float64      // C: its diagonal, or k×k row by row
	tasks sync.Pool      // *updateTask
}

// updateTask is one product in two phases: t = Qᵀx block by block, and
// dst = M₀x + Q·(C·t).
type updateTask struct {
	u          *update
	dst, x     []float64
	part, t, s []float64
	second     bool
}

// Chunk implements parallel.Task.
func (p *updateTask) Chunk(c int) {
	u := p.u
	lo, hi := parallel.Block(c, u.n)
	if !p.second {
		k := len(u.q)
		t := p.part[c*k : (c+1)*k]
		clear(t)
		kernel.PanelDots(t, 1, u.q, p.x, lo, hi)
		return
	}
	if u.d != nil {
		kernel.MulTo(p.dst[lo:hi], u.d[lo:hi], p.x[lo:hi])
	}
	kernel.PanelAdd(p.dst, u.q, p.s, lo, hi)
}

// checkVectors returns an error unless dst and x have length n.
func checkVectors(m fmt.Stringer, n int, dst, x []float64) error {
	if len(dst) != n || len(x) != n {
		return fmt.Errorf("precond: %v of order %d applied to a vector of length %d with a result of length %d", m, n, len(x), len(dst))
	}
	return nil
}

func (u *update) apply(ctx context.Context, dst, x []float64) error {
	if u.d == nil {
		if err := u.base.Apply(ctx, dst, x); err != nil {
			return err
		}
	}
	k, team, blocks := len(u.q), parallel.FromContext(ctx), parallel.Blocks(u.n)
	p, _ := u.tasks.Get().(*updateTask)
	if p == nil {
		p = new(updateTask)
	}
	p.u, p.dst, p.x, p.second = u, dst, x, false
	p.part, p.t, p.s = parallel.Grow(p.part, blocks*k), parallel.Grow(p.t, k), parallel.Grow(p.s, k)
	if k > 0 {
		team.Run(blocks, p)
	}
	sumBlocks(p.t, p.part, blocks)
	mulSmall(p.s, u.c, p.t)
	p.second = true
	team.Run(blocks, p)
	p.u, p.dst, p.x = nil, nil, nil
	u.tasks.Put(p)
	return nil
}

// sumBlocks sets t to the sum of the parts of all blocks, in their order.
func sumBlocks(t, part []float64, blocks int) {
	k := len(t)
	clear(t)
	for b := range blocks {
		for j, v := range part[b*k : (b+1)*k] {
			t[j] += v
		}
	}
}

// mulSmall sets s = C·t for C diagonal, or dense and symmetric.
func mulSmall(s, c, t []float64) {
	if len(c) == len(t) {
		kernel.MulTo(s, c, t)
		return
	}
	for i := range s {
		s[i] = kernel.Dot(c[i*len(t):(i+1)*len(t)], t)
	}
}

// bytes is the memory of Q, C, d and the scratch of one product.
func (u *update) bytes() int64 {
	k := len(u.q)
	return 8 * int64(u.n*k+len(u.c)+len(u.d)+parallel.Blocks(u.n)*k+2*k)
}

// panelProduct sets dst = A·X for k vectors stored as row-major panels, by block
// products where a has them.
func panelProduct(ctx context.Context, a hvp.Operator, dst, x []float64, k int) error {
	if b, ok := hvp.Block(a); ok {
		return b.ApplyBlock(ctx, dst, x, k)
	}
	n, _ := a.Dims()
	in, out := make([]float64, n), make([]float64, n)
	for l := range k {
		kernel.Gather(in, x, k, l)
		if err := a.Apply(ctx, out, in); err != nil {
			return err
		}
		kernel.Scatter(dst, out, k, l)
	}
	return nil
}
