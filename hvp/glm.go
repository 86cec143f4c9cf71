package hvp

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// GLM is XᵀDX + Λ with D = diag(d) and Λ = diag(ridge): the Hessian of a
// generalised linear model, such as logistic regression, or of least squares.
// X is sparse, m×n, usually with many more entries than rows and columns.
//
// A product reads X twice, once by rows and once, as its transpose, by columns;
// both run in parallel and give the same bits for any number of workers. The
// transpose is built at the first product and kept by X. [GaussNewton] is the
// same for any operator in place of X and of D.
type GLM struct {
	x         *CSR
	d, ridge  []float64
	structure Structure
	scratch   sync.Pool // *glmProduct
}

// NewGLM returns XᵀDX + Λ with len(d) = m and len(ridge) = n. It keeps the
// slices. NaN, Inf and negative entries of d or ridge are errors: the operator
// promises to be semidefinite, and definite if all of ridge is positive.
func NewGLM(x *CSR, d, ridge []float64) (*GLM, error) {
	rows, cols := x.Dims()
	if len(d) != rows || len(ridge) != cols {
		return nil, fmt.Errorf("hvp: GLM with a %d×%d matrix, %d weights and a ridge of length %d", rows, cols, len(d), len(ridge))
	}
	g := &GLM{x: x, d: d, ridge: ridge, structure: SPD}
	for name, v := range map[string][]float64{"weight": d, "ridge": ridge} {
		for i, u := range v {
			if !(u >= 0) || math.IsInf(u, 0) {
				return nil, fmt.Errorf("hvp: GLM %s %d is %v", name, i, u)
			}
			if u == 0 && name == "ridge" {
				g.structure &^= Definite
			}
		}
	}
	return g, nil
}

// Dims implements [Operator].
func (g *GLM) Dims() (rows, cols int) { return g.x.cols, g.x.cols }

// Structure implements [Structured].
func (g *GLM) Structure() Structure { return g.structure }

// glmProduct is the second half of a product, dst = Xᵀu + ridge∘v, as a task.
type glmProduct struct {
	g            *GLM
	xt           *CSR
	u, dst, v    []float64
	squareWeight bool
}

// Chunk implements parallel.Task.
func (p *glmProduct) Chunk(c int) {
	t := p.xt
	lo, hi := t.parts[c], t.parts[c+1]
	if p.squareWeight {
		for j := lo; j < hi; j++ {
			s := p.g.ridge[j]
			for k := t.rowPtr[j]; k < t.rowPtr[j+1]; k++ {
				s += p.g.d[t.col[k]] * t.val[k] * t.val[k]
			}
			p.dst[j] = s
		}
		return
	}
	kernel.CSRRows(p.dst, p.u, t.rowPtr, t.col, t.val, lo, hi)
	kernel.AddMul(p.dst[lo:hi], p.g.ridge[lo:hi], p.v[lo:hi])
}

func (g *GLM) get() *glmProduct {
	p, _ := g.scratch.Get().(*glmProduct)
	if p == nil {
		p = &glmProduct{g: g, xt: g.x.transpose(), u: make([]float64, len(g.d))}
	}
	return p
}

// run runs the second half and recycles the task.
func (g *GLM) run(team parallel.Team, p *glmProduct) {
	team.Run(len(p.xt.parts)-1, p)
	p.dst, p.v = nil, nil
	g.scratch.Put(p)
}

// Apply implements [Operator].
func (g *GLM) Apply(ctx context.Context, dst, x []float64) error {
	n := g.x.cols
	if err := checkShape(n, n, dst, x, 1); err != nil {
		return err
	}
	p := g.get()
	if err := g.x.ApplyWeighted(ctx, p.u, x, g.d); err != nil {
		return err
	}
	p.dst, p.v, p.squareWeight = dst, x, false
	g.run(parallel.FromContext(ctx), p)
	return nil
}

// ApplyTrans implements [Transposer].
func (g *GLM) ApplyTrans(ctx context.Context, dst, x []float64) error { return g.Apply(ctx, dst, x) }

// Diag implements [Diagonaler]: Σ_i d_i·x_ij² + ridge_j.
func (g *GLM) Diag(dst []float64) error {
	if len(dst) != g.x.cols {
		return fmt.Errorf("hvp: diagonal of length %d for an operator of %d columns", len(dst), g.x.cols)
	}
	p := g.get()
	p.dst, p.squareWeight = dst, true
	g.run(0, p)
	return nil
}

var (
	_ Transposer = (*GLM)(nil)
	_ Diagonaler = (*GLM)(nil)
)
