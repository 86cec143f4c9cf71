package krylov

import (
	"context"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// reduction is a Rayleigh–Ritz projection of M·A on the span of a few vectors in
// the A-inner product, with its workspace.
type reduction struct {
	v, av    [][]float64
	z        []float64 // M·A·v_j
	column   int       // j
	blocks   int
	part     []float64 // partial sums: of VᵀAv_j, then of (AV)ᵀz
	g, f, x  []float64 // c×c matrices by rows
	theta    []float64
	work     []float64
	rotation rotation
}

// dependent is the eigenvalue of the Gram matrix VᵀAV, scaled to a unit
// diagonal, below which a direction of the span is rounding error.
const dependent = 1e-10

// ritz returns the Ritz values θ in increasing order and the coefficients y of
// the Ritz vectors, one in each column of the matrix with len(v) rows and
// len(theta) columns, such that (V·y)ᵀ(AV·y) = I. m may be nil. It is not ok when
// m fails or numbers are not finite.
func (r *reduction) ritz(ctx context.Context, t parallel.Team, v, av [][]float64, m hvp.Operator) (theta, y []float64, ok bool) {
	c := len(v)
	if c == 0 {
		return nil, nil, false
	}
	n := len(v[0])
	r.v, r.av, r.blocks = v, av, parallel.Blocks(n)
	defer func() { r.v, r.av = nil, nil }()
	r.part = parallel.Grow(r.part, 2*c*r.blocks)
	r.g, r.f, r.x = parallel.Grow(r.g, c*c), parallel.Grow(r.f, c*c), parallel.Grow(r.x, c*c)
	r.theta, r.work = parallel.Grow(r.theta, c), parallel.Grow(r.work, 3*c)
	var own []float64
	if m != nil {
		r.z = parallel.Grow(r.z, n)
		own = r.z
	}
	for j := range c {
		r.column = j
		r.z = av[j]
		if m != nil {
			r.z = own
			if err := m.Apply(ctx, r.z, av[j]); err != nil {
				return nil, nil, false
			}
		}
		t.Run(r.blocks, (*reductionSums)(r))
		for i := j; i < c; i++ {
			g := parallel.Combine(r.part[i*r.blocks:][:r.blocks])
			f := parallel.Combine(r.part[(c+i)*r.blocks:][:r.blocks])
			r.g[i*c+j], r.g[j*c+i], r.f[i*c+j], r.f[j*c+i] = g, g, f, f
		}
	}
	r.z = own
	return r.pencil(c)
}

// pencil solves F·y = θ·G·y.
func (r *reduction) pencil(c int) (theta, y []float64, ok bool) {
	for i := range c {
		if !(r.g[i*c+i] > 0) {
			return nil, nil, false
		}
	}
	// G = S·U·Λ·Uᵀ·S with S² = diag(G); B = S⁻¹·U·Λ^{-½} has BᵀGB = I. B takes
	// the place of G.
	scale := r.work[2*c:]
	for i := range c {
		scale[i] = 1 / math.Sqrt(r.g[i*c+i])
	}
	for i := range c {
		for j := range c {
			r.g[i*c+j] *= scale[i] * scale[j]
		}
	}
	// The scales survive in x: the work space is needed.
	copy(r.x, scale[:c])
	for _, v := range r.g {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, nil, false
		}
	}
	if !symmetricEigen(r.g, c, r.theta, r.work) {
		return nil, nil, false
	}
	drop := 0
	for drop < c && !(r.theta[drop] > dependent*r.theta[c-1]) {
		drop++
	}
	rank := c - drop
	for i := range c {
		for j := range rank {
			r.g[i*rank+j] = r.g[i*c+drop+j] * r.x[i] / math.Sqrt(r.theta[drop+j])
		}
	}
	b := blas64.General{Rows: c, Cols: rank, Stride: rank, Data: r.g}
	// BᵀFB·u = θ·u, y = B·u
	fb := blas64.General{Rows: c, Cols: rank, Stride: rank, Data: r.x}
	blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, blas64.General{Rows: c, Cols: c, Stride: c, Data: r.f}, b, 0, fb)
	bfb := blas64.General{Rows: rank, Cols: rank, Stride: rank, Data: r.f}
	blas64.Gemm(blas.Trans, blas.NoTrans, 1, b, fb, 0, bfb)
	for _, v := range r.f[:rank*rank] {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, nil, false
		}
	}
	theta = r.theta[:rank]
	if !symmetricEigen(r.f[:rank*rank], rank, theta, r.work) || !(theta[0] > 0) {
		return nil, nil, false
	}
	blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, b, bfb, 0, fb)
	return theta, r.x[:c*rank], true
}

// symmetricEigen replaces the symmetric matrix a of order n by its eigenvectors,
// in columns, and sets values in increasing order. len(work) ≥ 3n.
func symmetricEigen(a []float64, n int, values, work []float64) bool {
	return lapack64.Syev(lapack.EVCompute, blas64.Symmetric{N: n, Stride: n, Data: a, Uplo: blas.Upper}, values, work, len(work))
}

// combine replaces the first keep of the vectors v by V·y, where y has len(v)
// rows; the rest are undefined.
func (r *reduction) combine(t parallel.Team, v [][]float64, y []float64, keep int) {
	r.rotation.v, r.rotation.y, r.rotation.cols, r.rotation.keep = v, y, len(y)/len(v), keep
	t.Run(parallel.Blocks(len(v[0])), &r.rotation)
	r.rotation.v, r.rotation.y = nil, nil
}

// reductionSums: the products of v_i with A·v_j and of A·v_i with z for i ≥ j, a
// block at a time, so that A·v_j and z stay in cache. Where vectors were multiplied
// by different operators VᵀAV is not quite symmetric: its lower half counts.
type reductionSums reduction

func (r *reductionSums) Chunk(b int) {
	lo, hi := parallel.Block(b, len(r.z))
	c, j := len(r.v), r.column
	for i := j; i < c; i++ {
		r.part[i*r.blocks+b], r.part[(c+i)*r.blocks+b] = 0, 0
	}
	kernel.PanelDots(r.part[j*r.blocks+b:], r.blocks, r.v[j:], r.av[j], lo, hi)
	kernel.PanelDots(r.part[(c+j)*r.blocks+b:], r.blocks, r.av[j:], r.z, lo, hi)
}

// rotation: V ← V·y in place, block by block.
type rotation struct {
	v          [][]float64
	y          []float64
	cols, keep int
	scratch    parallel.Scratch
}

func (r *rotation) Chunk(b int) {
	lo, hi := parallel.Block(b, len(r.v[0]))
	size := hi - lo
	out := r.scratch.Get(r.keep * size)
	for l := range r.keep {
		o := (*out)[l*size:][:size]
		clear(o)
		for i, v := range r.v {
			kernel.Axpy(o, r.y[i*r.cols+l], v[lo:hi])
		}
	}
	for l := range r.keep {
		copy(r.v[l][lo:hi], (*out)[l*size:][:size])
	}
	r.scratch.Put(out)
}
