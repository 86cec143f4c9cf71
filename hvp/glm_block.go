package hvp

import (
	"context"
	"sync"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// glmBlock is one half of a product with a panel of k vectors as a task:
// u = D·X·v by rows of X, then dst = Xᵀ·u + ridge∘v by rows of Xᵀ.
type glmBlock struct {
	m        *CSR
	k        int
	in, out  []float64
	d        []float64 // weights of the rows of out, nil in the second half
	ridge, v []float64
	u        []float64
}

var glmBlocks = sync.Pool{New: func() any { return new(glmBlock) }}

// Chunk implements parallel.Task.
func (p *glmBlock) Chunk(c int) {
	m, k := p.m, p.k
	lo, hi := m.parts[c], m.parts[c+1]
	kernel.CSRRowsBlock(p.out, p.in, k, m.rowPtr, m.col, m.val, lo, hi)
	for i := lo; i < hi; i++ {
		row := p.out[i*k : i*k+k]
		if p.d != nil {
			kernel.ScaleTo(row, p.d[i], row)
		} else {
			kernel.Axpy(row, p.ridge[i], p.v[i*k:i*k+k])
		}
	}
}

// ApplyBlock implements [Blocker]: X and Xᵀ come from memory once for all k
// vectors. It needs a panel of m·k numbers besides.
func (g *GLM) ApplyBlock(ctx context.Context, dst, x []float64, k int) error {
	n := g.x.cols
	if err := checkShape(n, n, dst, x, k); err != nil {
		return err
	}
	if n == 0 || k == 0 {
		return nil
	}
	team, xt := parallel.FromContext(ctx), g.x.transpose()
	p := glmBlocks.Get().(*glmBlock)
	p.u = parallel.Grow(p.u, len(g.d)*k)
	p.m, p.k, p.in, p.out, p.d = g.x, k, x, p.u, g.d
	team.Run(len(g.x.parts)-1, p)
	p.m, p.in, p.out, p.d, p.ridge, p.v = xt, p.u, dst, nil, g.ridge, x
	team.Run(len(xt.parts)-1, p)
	*p = glmBlock{u: p.u}
	glmBlocks.Put(p)
	return nil
}

var _ Blocker = (*GLM)(nil)
