package hvp

import (
	"context"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// GLM is XᵀDX + Λ with D = diag(d) and Λ = diag(ridge): the Hessian of a
// generalised linear model, such as logistic regression, or of least squares.
// X is sparse, m×n, usually with many more entries than rows and columns.
//
// A product reads the frequent columns of X once and the rare ones twice, in a
// form that is built at the first product and kept by X, so that operators with
// other weights on the same X share it. It runs in parallel and gives the same
// bits for any number of workers. [GaussNewton] is the same for any operator in
// place of X and of D.
type GLM struct {
	x         *CSR
	d, ridge  []float64
	structure Structure
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

// Bytes returns the memory that the matrix holds now: X in the forms built so
// far, which all operators on the same X share, the weights and the ridge.
func (g *GLM) Bytes() int64 { return g.x.Bytes() + int64(len(g.d)+len(g.ridge))*8 }

// Examples returns the number of rows of X, which bounds the rank of XᵀDX.
func (g *GLM) Examples() int { return g.x.rows }

// ProductTraffic returns how many bytes a product reads beyond x and dst: the
// entries of frequent columns once, those of rare ones and a vector of the examples
// twice, the weights and the penalties.
func (g *GLM) ProductTraffic() int64 {
	bytes := int64(len(g.d)+len(g.ridge)) * 8
	s := g.x.split()
	bytes += int64(len(s.col)+len(s.row))*2 + int64(len(s.length))*4 + s.val.bytes()
	if rare := int64(len(s.rareRow)+len(s.rareCol))*2 + s.rareVal.bytes(); rare > 0 {
		bytes += 2*rare + 16*int64(len(g.d))
	}
	return bytes
}

// Apply implements [Operator].
func (g *GLM) Apply(ctx context.Context, dst, x []float64) error {
	n := g.x.cols
	if err := checkShape(n, n, dst, x, 1); err != nil {
		return err
	}
	p := splitProducts.Get().(*splitProduct)
	p.s, p.dst, p.v, p.weight, p.ridge = g.x.split(), dst, x, g.d, g.ridge
	p.run(parallel.FromContext(ctx))
	return nil
}

// ApplyTrans implements [Transposer].
func (g *GLM) ApplyTrans(ctx context.Context, dst, x []float64) error { return g.Apply(ctx, dst, x) }

// Diag implements [Diagonaler]: Σ_i d_i·x_ij² + ridge_j.
func (g *GLM) Diag(dst []float64) error {
	if len(dst) != g.x.cols {
		return fmt.Errorf("hvp: diagonal of length %d for an operator of %d columns", len(dst), g.x.cols)
	}
	p := splitProducts.Get().(*splitProduct)
	p.s, p.dst, p.weight, p.ridge, p.square = g.x.split(), dst, g.d, g.ridge, true
	p.run(0)
	return nil
}

var (
	_ Transposer = (*GLM)(nil)
	_ Diagonaler = (*GLM)(nil)
)
