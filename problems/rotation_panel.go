package problems

import (
	"context"
	"fmt"
	"sync"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Products with panels take two sweeps instead of three. With M = B·D·B and u = M·v,
//
//	A·x = M·(x − 2s·v) − 2t·v,   s = vᵀx,   t = vᵀM·(x − 2s·v) = uᵀx − 2s·vᵀu
//
// so that one sweep over x gives s and t, and a second one A·x. The differences lose digits
// only beside ‖A‖·‖x‖, for |s| ≤ ‖x‖ and |vᵀu| ≤ ‖u‖ ≤ ‖A‖. Traffic per column: 1 and 2
// n-vectors, and for all columns v and u, then v and d.

// panelRows is the number of rows in a block: of 64 columns in single precision 64 KiB. It is
// a multiple of hadamard and divides the block size.
const panelRows = 256

// rotationPanel is A in the numbers of panels, made by the product that needs it first: three
// n-vectors.
type rotationPanel[F float32 | float64] struct {
	made  sync.Once
	v, u  []F
	d     []F       // a sixteenth of it where B acts, whose entries then are ±1
	vu    float64   // vᵀu
	tasks sync.Pool // *panelTask[F]
}

// panelKernels are the loops over a block of rows.
type panelKernels[F float32 | float64] struct {
	dots      func(x []F, k int, v, u []F, s, t []float64, stride int)
	transform func(dst, x []F, k int, v, d, a, b []F)
}

// panelTask is a sweep over panels as a parallel.Task.
type panelTask[F float32 | float64] struct {
	p      *rotationPanel[F]
	run    panelKernels[F]
	second bool
	dst, x []F
	k      int
	s, t   []float64 // of the blocks, column by column
	a, b   []F       // −2s and −2t
}

// Chunk implements parallel.Task.
func (t *panelTask[F]) Chunk(c int) {
	p, k, blocks := t.p, t.k, len(t.s)/t.k
	begin, end := parallel.Block(c, len(p.v))
	for lo := begin; lo < end; lo += panelRows {
		hi, b := min(lo+panelRows, end), lo/panelRows
		if x := t.x[lo*k : hi*k]; t.second {
			t.run.transform(t.dst[lo*k:hi*k], x, k, p.v[lo:hi], p.d[lo:hi], t.a, t.b)
		} else {
			t.run.dots(x, k, p.v[lo:hi], p.u[lo:hi], t.s[b:], t.t[b:], blocks)
		}
	}
}

// build computes u and vᵀu of the rounded v and d: but for the rounding of u, the operator of
// panels then is a symmetric one.
func (p *rotationPanel[F]) build(r *rotation, team parallel.Team) {
	n := len(r.d)
	p.v, p.u, p.d = make([]F, n), make([]F, n), make([]F, n)
	whole := n - n%hadamard
	part := make([]float64, parallel.Blocks(n))
	team.Run(len(part), parallel.TaskFunc(func(c int) {
		lo, hi := parallel.Block(c, n)
		for i := lo; i < hi; i++ {
			p.v[i], p.d[i] = F(r.v[i]), F(r.d[i])
			if i < whole {
				p.d[i] = F(r.d[i] / hadamard)
			}
		}
		v, d, u := make([]float64, hi-lo), make([]float64, hi-lo), make([]float64, hi-lo)
		for i := range v {
			v[i], d[i] = float64(p.v[lo+i]), float64(p.d[lo+i])
		}
		kernel.HadamardPanel(u, v, 1, make([]float64, hi-lo), d, make([]float64, 1), make([]float64, 1))
		for i, w := range u {
			p.u[lo+i] = F(w)
			u[i] = float64(p.u[lo+i])
		}
		part[c] = kernel.Dot(v, u)
	}))
	p.vu = parallel.Combine(part)
}

// apply sets dst = A·X for panels of k columns.
func (p *rotationPanel[F]) apply(r *rotation, run panelKernels[F], team parallel.Team, dst, x []F, k int) error {
	n := len(r.d)
	if k < 1 || len(dst) != n*k || len(x) != n*k {
		return fmt.Errorf("problems: quadratic: Hessian product of %d columns with len(dst) = %d and len(x) = %d, want %d", k, len(dst), len(x), n*max(k, 1))
	}
	p.made.Do(func() { p.build(r, team) })
	t, _ := p.tasks.Get().(*panelTask[F])
	if t == nil {
		t = &panelTask[F]{p: p, run: run}
	}
	blocks := (n + panelRows - 1) / panelRows
	t.dst, t.x, t.k = dst, x, k
	t.s, t.t = parallel.Grow(t.s, blocks*k), parallel.Grow(t.t, blocks*k)
	t.a, t.b = parallel.Grow(t.a, k), parallel.Grow(t.b, k)
	t.second = false
	team.Run(parallel.Blocks(n), t)
	for l := range k {
		s := parallel.Combine(t.s[l*blocks:][:blocks])
		t.a[l] = F(-2 * s)
		t.b[l] = F(-2 * (parallel.Combine(t.t[l*blocks:][:blocks]) - 2*s*p.vu))
	}
	t.second = true
	team.Run(parallel.Blocks(n), t)
	t.dst, t.x = nil, nil
	p.tasks.Put(t)
	return nil
}

// ApplyBlockSingle implements [hvp.SingleBlocker].
func (h *quadraticHessian) ApplyBlockSingle(ctx context.Context, dst, x []float32, k int) error {
	run := panelKernels[float32]{kernel.PanelPairDotSingle, kernel.HadamardPanelSingle}
	return h.q.single.apply(h.q, run, parallel.FromContext(ctx), dst, x, k)
}

// ApplyBlock implements [hvp.Blocker].
func (h *quadraticHessian) ApplyBlock(ctx context.Context, dst, x []float64, k int) error {
	run := panelKernels[float64]{kernel.PanelPairDot, kernel.HadamardPanel}
	return h.q.double.apply(h.q, run, parallel.FromContext(ctx), dst, x, k)
}

var (
	_ hvp.SingleBlocker = (*quadraticHessian)(nil)
	_ hvp.Blocker       = (*quadraticHessian)(nil)
)
