package krylov

import (
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// The sweeps of IDR(s), each a parallel.Task on the workspace itself.

// idrsDirection: z = ω·D·(r − Σ_{j≥k} c_j·g_j) + Σ_{j≥k} c_j·u_j, D = I without
// a preconditioner. It is the next u_k.
type idrsDirection IDRS

func (m *idrsDirection) Chunk(b int) {
	lo, hi := parallel.Block(b, m.n)
	z := m.z[lo:hi]
	copy(z, m.r[lo:hi])
	kernel.PanelSub(m.z, m.g[m.k:], m.c[m.k:], lo, hi)
	if m.d != nil {
		kernel.MulTo(z, m.d[lo:hi], z)
	}
	kernel.ScaleTo(z, m.omega, z)
	kernel.PanelAdd(m.z, m.u[m.k:], m.c[m.k:], lo, hi)
}

// idrsRemainder: t = r − Σ_{j≥k} c_j·g_j, for a preconditioner that is not
// diagonal.
type idrsRemainder IDRS

func (m *idrsRemainder) Chunk(b int) {
	lo, hi := parallel.Block(b, m.n)
	copy(m.t[lo:hi], m.r[lo:hi])
	kernel.PanelSub(m.t, m.g[m.k:], m.c[m.k:], lo, hi)
}

// idrsCombine: z = ω·z + Σ_{j≥k} c_j·u_j, z = M·t before.
type idrsCombine IDRS

func (m *idrsCombine) Chunk(b int) {
	lo, hi := parallel.Block(b, m.n)
	kernel.ScaleTo(m.z[lo:hi], m.omega, m.z[lo:hi])
	kernel.PanelAdd(m.z, m.u[m.k:], m.c[m.k:], lo, hi)
}

// idrsProduct: g_k = A·u_k, if A gives row ranges, Pᵀg_k, g_kᵀg_k and u_kᵀu_k.
type idrsProduct IDRS

func (m *idrsProduct) Chunk(k int) {
	first, last := (*IDRS)(m).applyRows(k)
	for b := first; b < last; b++ {
		lo, hi := parallel.Block(b, m.n)
		(*IDRS)(m).shadowSums(b, m.dst)
		m.part0[b], m.part1[b] = kernel.Dot(m.dst[lo:hi], m.dst[lo:hi]), kernel.Dot(m.src[lo:hi], m.src[lo:hi])
	}
}

// applyRows computes the rows of chunk k of dst = A·src, if A gives row ranges,
// and returns the blocks of the chunk.
func (m *IDRS) applyRows(k int) (first, last int) {
	lo, hi, first, last := m.bounds(k)
	if m.rows != nil {
		m.rows.ApplyRows(m.dst, m.src, lo, hi)
	}
	return first, last
}

// shadowSums sets the shares of block b in Pᵀv.
func (m *IDRS) shadowSums(b int, v []float64) {
	lo, hi := parallel.Block(b, m.n)
	for j := range m.p {
		m.part[j*m.blocks+b] = 0
	}
	kernel.PanelDots(m.part[b:], m.blocks, m.p, v, lo, hi)
}

// idrsUpdate: g_k −= Σ_{j<k} α_j·g_j, u_k −= Σ_{j<k} α_j·u_j, then r −= β·g_k,
// x += β·u_k, and rᵀr. c holds α for j < k.
type idrsUpdate IDRS

func (m *idrsUpdate) Chunk(b int) {
	lo, hi := parallel.Block(b, m.n)
	g, u := m.g[m.k], m.u[m.k]
	kernel.PanelSub(g, m.g[:m.k], m.c[:m.k], lo, hi)
	kernel.PanelSub(u, m.u[:m.k], m.c[:m.k], lo, hi)
	kernel.Axpy(m.x[lo:hi], m.beta, u[lo:hi])
	m.part2[b] = kernel.SubAxpyNorm(m.r[lo:hi], m.beta, g[lo:hi])
}

// idrsReduction: t = A·src, if A gives row ranges, tᵀr and tᵀt.
type idrsReduction IDRS

func (m *idrsReduction) Chunk(k int) {
	first, last := (*IDRS)(m).applyRows(k)
	for b := first; b < last; b++ {
		lo, hi := parallel.Block(b, m.n)
		m.part0[b], m.part1[b] = kernel.Dots2(m.r[lo:hi], m.t[lo:hi])
	}
}

// idrsReduced: x += ω·src, r −= ω·t, rᵀr and Pᵀr. src may be r.
type idrsReduced IDRS

func (m *idrsReduced) Chunk(b int) {
	lo, hi := parallel.Block(b, m.n)
	kernel.Axpy(m.x[lo:hi], m.omega, m.src[lo:hi])
	m.part2[b] = kernel.SubAxpyNorm(m.r[lo:hi], m.omega, m.t[lo:hi])
	(*IDRS)(m).shadowSums(b, m.r)
}
