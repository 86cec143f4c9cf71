package hvp

import (
	"context"
	"fmt"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// LowRank is D + U·C·Uᵀ with D = diag(d), U of n×r with few columns and C
// symmetric: a covariance of r factors, a limited-memory quasi-Newton matrix, the
// Hessian of a sum of r squares with a ridge. A product reads U twice, 2nr
// numbers, instead of n².
type LowRank struct {
	n, r      int
	d, u, c   []float64 // d and c may be nil: zero and the identity
	structure Structure
	tasks     sync.Pool // *lowRankTask
}

// NewLowRank returns D + U·C·Uᵀ. u is the n×r matrix U, row by row, and c the
// r×r matrix C, row by row, exactly symmetric; n is len(u)/r. A nil d means no
// diagonal and a nil c the identity. It keeps the slices.
//
// The operator promises to be symmetric; semidefinite if no element of d is
// negative and C has a Cholesky factor (or is the identity); definite if besides
// all of d is positive. A semidefinite C without a Cholesky factor is taken for
// indefinite: say what you know by [WithStructure].
func NewLowRank(d, u []float64, r int, c []float64) (*LowRank, error) {
	if r < 1 || len(u)%r != 0 {
		return nil, fmt.Errorf("hvp: low rank: U of %d numbers is no matrix of %d columns", len(u), r)
	}
	a := &LowRank{n: len(u) / r, r: r, d: d, u: u, c: c, structure: Symmetric | Semidefinite}
	if d != nil && len(d) != a.n {
		return nil, fmt.Errorf("hvp: low rank: diagonal of length %d, U has %d rows", len(d), a.n)
	}
	if c != nil && len(c) != r*r {
		return nil, fmt.Errorf("hvp: low rank: C of %d numbers for U of %d columns, want %d", len(c), r, r*r)
	}
	for what, v := range map[string][]float64{"low rank diagonal": d, "low rank U": u, "low rank C": c} {
		if err := checkFinite(what, v); err != nil {
			return nil, err
		}
	}
	if c != nil {
		for i := range r {
			for j := range i {
				if c[i*r+j] != c[j*r+i] {
					return nil, fmt.Errorf("hvp: low rank: C is not symmetric: entry (%d,%d) is %v, (%d,%d) is %v", i, j, c[i*r+j], j, i, c[j*r+i])
				}
			}
		}
		var chol mat.Cholesky
		if !chol.Factorize(mat.NewSymDense(r, append([]float64(nil), c...))) {
			a.structure = Symmetric
		}
	}
	positive := d != nil
	for _, v := range d {
		positive = positive && v > 0
		if v < 0 {
			a.structure = Symmetric
		}
	}
	if positive && a.structure.Has(Semidefinite) {
		a.structure |= Definite
	}
	if d == nil && r < a.n {
		a.structure |= Singular
	}
	return a, nil
}

// Dims implements [Operator].
func (a *LowRank) Dims() (rows, cols int) { return a.n, a.n }

// Structure implements [Structured].
func (a *LowRank) Structure() Structure { return a.structure }

// lowRankTask is one product with k vectors, in two phases: t = Uᵀx, block by
// block, and dst = d∘x + U·(C·t).
type lowRankTask struct {
	a          *LowRank
	dst, x     []float64
	k          int
	part, t, s []float64 // r×k panels: one per block, their sum, C times that
	second     bool
}

// Chunk implements parallel.Task.
func (p *lowRankTask) Chunk(c int) {
	a, k, r := p.a, p.k, p.a.r
	lo, hi := parallel.Block(c, a.n)
	if !p.second {
		t := p.part[c*r*k : (c+1)*r*k]
		clear(t)
		for i := lo; i < hi; i++ {
			x := p.x[i*k : (i+1)*k]
			for j, u := range a.u[i*r : (i+1)*r] {
				row := t[j*k : (j+1)*k]
				for l, v := range x {
					row[l] += u * v
				}
			}
		}
		return
	}
	for i := lo; i < hi; i++ {
		dst := p.dst[i*k : (i+1)*k]
		clear(dst)
		if a.d != nil {
			for l, v := range p.x[i*k : (i+1)*k] {
				dst[l] = a.d[i] * v
			}
		}
		for j, u := range a.u[i*r : (i+1)*r] {
			row := p.s[j*k : (j+1)*k]
			for l := range dst {
				dst[l] += u * row[l]
			}
		}
	}
}

// ApplyBlock implements [Blocker].
func (a *LowRank) ApplyBlock(ctx context.Context, dst, x []float64, k int) error {
	if err := checkShape(a.n, a.n, dst, x, k); err != nil {
		return err
	}
	p, _ := a.tasks.Get().(*lowRankTask)
	if p == nil {
		p = &lowRankTask{a: a}
	}
	team, blocks, rk := parallel.FromContext(ctx), parallel.Blocks(a.n), a.r*k
	p.dst, p.x, p.k, p.second = dst, x, k, false
	p.part, p.t, p.s = parallel.Grow(p.part, blocks*rk), parallel.Grow(p.t, rk), parallel.Grow(p.s, rk)
	team.Run(blocks, p)
	// The blocks are added in their order, whoever computed them.
	clear(p.t)
	for b := range blocks {
		for i, v := range p.part[b*rk : (b+1)*rk] {
			p.t[i] += v
		}
	}
	copy(p.s, p.t)
	if a.c != nil {
		clear(p.s)
		for i := range a.r {
			for j, c := range a.c[i*a.r : (i+1)*a.r] {
				for l := range k {
					p.s[i*k+l] += c * p.t[j*k+l]
				}
			}
		}
	}
	p.second = true
	team.Run(blocks, p)
	p.dst, p.x = nil, nil
	a.tasks.Put(p)
	return nil
}

// Apply implements [Operator].
func (a *LowRank) Apply(ctx context.Context, dst, x []float64) error {
	return a.ApplyBlock(ctx, dst, x, 1)
}

// ApplyTrans implements [Transposer].
func (a *LowRank) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return a.Apply(ctx, dst, x)
}

// Diag implements [Diagonaler]: d_i + u_iᵀ·C·u_i, with u_i row i of U.
func (a *LowRank) Diag(dst []float64) error {
	if err := checkDiag(a.n, a.n, dst); err != nil {
		return err
	}
	for i := range dst {
		u, s := a.u[i*a.r:(i+1)*a.r], 0.0
		for j, v := range u {
			if a.c == nil {
				s += v * v
				continue
			}
			for l, c := range a.c[j*a.r : (j+1)*a.r] {
				s += v * c * u[l]
			}
		}
		if a.d != nil {
			s += a.d[i]
		}
		dst[i] = s
	}
	return nil
}

var (
	_ Transposer = (*LowRank)(nil)
	_ Blocker    = (*LowRank)(nil)
	_ Diagonaler = (*LowRank)(nil)
)
