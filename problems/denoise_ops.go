package problems

import (
	"context"
	"fmt"
	"sync"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// denoiseHessian is I + Σ F_kᵀ diag(e^{w_k} φ″(t_k)) F_k at y.
//
// Traffic per product in n_y-vectors: v, the result, y and 4 for the seeds, or
// v, the result and 8 for stored weights; all else happens in cache.
type denoiseHessian struct {
	experts
	y      []float64
	seeds  []float32 // of the weights at all positions, 8 per pixel
	stored []float64 // the weights themselves, instead of seeds
	tasks  sync.Pool // *hessianProduct
}

// Dims implements [hvp.Operator].
func (h *denoiseHessian) Dims() (rows, cols int) { return len(h.y), len(h.y) }

// Structure implements [hvp.Structured].
func (h *denoiseHessian) Structure() hvp.Structure {
	if h.potential == Charbonnier {
		return hvp.SPD
	}
	return hvp.Symmetric
}

// ProductTraffic returns the bytes that a product reads beyond x and dst; package
// bench looks for it.
func (h *denoiseHessian) ProductTraffic() int64 {
	if h.stored != nil {
		return 8 * 8 * int64(len(h.y))
	}
	return 8 * 5 * int64(len(h.y))
}

// hessianProduct is one product as a parallel task.
type hessianProduct struct {
	h       *denoiseHessian
	dst, x  []float64
	weights func(s *tile, i, j, m int) []float64
}

// Chunk implements parallel.Task: one band of rows.
func (p *hessianProduct) Chunk(c int) {
	h := p.h
	lo, hi := c*bandRows*h.cols, min((c+1)*bandRows, h.rows)*h.cols
	h.gather(p.dst, p.x, lo, hi, p.weights)
}

func (h *denoiseHessian) task(dst, x []float64) *hessianProduct {
	p, _ := h.tasks.Get().(*hessianProduct)
	if p == nil {
		p = &hessianProduct{h: h}
		p.weights = func(s *tile, i, j, m int) []float64 { return h.weighted(s, p.x, i, j, m) }
	}
	p.dst, p.x = dst, x
	return p
}

// weighted returns φ″-weighted responses of x at a row of positions.
func (h *denoiseHessian) weighted(s *tile, x []float64, i, j, m int) []float64 {
	u := s.u[:m*nf]
	h.responses(u, x, i, j, m)
	at := (i*h.cols + j) * nf
	if h.stored != nil {
		kernel.MulTo(u, u, h.stored[at:at+m*nf])
		return u
	}
	t := s.t[:m*nf]
	h.responses(t, h.y, i, j, m)
	if h.potential == Charbonnier {
		kernel.MulCharbonnier(u, t, h.seeds[at:at+m*nf], &h.weight, h.eps2)
	} else {
		kernel.MulLorentzian(u, t, h.seeds[at:at+m*nf], &h.weight)
	}
	return u
}

// prepare computes the weights or their seeds.
func (h *denoiseHessian) prepare(team parallel.Team, store bool) {
	if store {
		h.stored = parallel.Grow(h.stored, nf*len(h.y))
	} else {
		h.seeds = parallel.Grow(h.seeds, nf*len(h.y))
	}
	h.sums(team, 0, h.y, nil, func(_, t, _ []float64, i, j, m int) {
		at := (i*h.cols + j) * nf
		switch {
		case store:
			h.derivative(secondDerivative, t)
			copy(h.stored[at:], t)
		case h.potential == Charbonnier:
			kernel.CharbonnierSeeds(h.seeds[at:at+m*nf], t, h.eps2)
		default:
			kernel.LorentzianSeeds(h.seeds[at:at+m*nf], t)
		}
	})
}

// Apply implements [hvp.Operator].
func (h *denoiseHessian) Apply(ctx context.Context, dst, x []float64) error {
	if len(dst) != len(h.y) || len(x) != len(h.y) {
		return fmt.Errorf("problems: denoise: Hessian product with len(dst) = %d and len(x) = %d, want %d", len(dst), len(x), len(h.y))
	}
	p := h.task(dst, x)
	parallel.FromContext(ctx).Run(h.bands(), p)
	p.dst, p.x = nil, nil
	h.tasks.Put(p)
	return nil
}

// ApplyTrans implements [hvp.Transposer].
func (h *denoiseHessian) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return h.Apply(ctx, dst, x)
}

// ApplyRows implements [hvp.RowRanger].
func (h *denoiseHessian) ApplyRows(dst, x []float64, lo, hi int) {
	if lo == hi {
		return
	}
	p := h.task(dst, x)
	h.gather(dst, x, lo, hi, p.weights)
	p.dst, p.x = nil, nil
	h.tasks.Put(p)
}

// RowGrain implements [hvp.RowRanger].
func (h *denoiseHessian) RowGrain() int { return bandRows * h.cols }

// Diag implements [hvp.Diagonaler]: 1 + Σ_k Σ_o f_k[o]²·e^{w_k}φ″(t_k(p−o)),
// the adjoint of the bank of squared filters.
func (h *denoiseHessian) Diag(dst []float64) error {
	if len(dst) != len(h.y) {
		return fmt.Errorf("problems: denoise: diagonal of length %d, want %d", len(dst), len(h.y))
	}
	sq := h.experts
	sq.dct = false
	sq.bank = make([][9]float64, len(h.bank))
	for k, f := range h.bank {
		for o, v := range f {
			sq.bank[k][o] = v * v
		}
	}
	parallel.Team(0).Run(h.bands(), parallel.TaskFunc(func(c int) {
		lo, hi := c*bandRows*h.cols, min((c+1)*bandRows, h.rows)*h.cols
		sq.gather(dst, nil, lo, hi, func(s *tile, i, j, m int) []float64 {
			t := s.t[:m*nf]
			h.responses(t, h.y, i, j, m)
			h.derivative(secondDerivative, t)
			return t
		})
		for i := range dst[lo:hi] {
			dst[lo+i]++
		}
	}))
	return nil
}

// denoiseMixed is ∂G/∂w, n_y × n_w, at y.
type denoiseMixed struct {
	experts
	y       []float64
	filters bool
}

// Dims implements [hvp.Operator].
func (m *denoiseMixed) Dims() (rows, cols int) {
	cols = nf
	if m.filters {
		cols *= 10
	}
	return len(m.y), cols
}

// Apply implements [hvp.Operator]:
//
//	dst = Σ_k e^{w_k} (du_k·F_kᵀφ′(t_k) + δF_kᵀφ′(t_k) + F_kᵀ(φ″(t_k) ∘ δF_k y))
//
// where δF_k is the convolution with the part of u that belongs to f_k.
func (m *denoiseMixed) Apply(ctx context.Context, dst, u []float64) error {
	if _, nw := m.Dims(); len(dst) != len(m.y) || len(u) != nw {
		return fmt.Errorf("problems: denoise: mixed product with len(dst) = %d and len(u) = %d, want %d and %d", len(dst), len(u), len(m.y), nw)
	}
	team := parallel.FromContext(ctx)
	scale := [nf]float64(u)
	m.adjointOf(team, firstDerivative, dst, m.y, &scale)
	if !m.filters {
		return nil
	}
	// The change of the filters, as a bank of its own.
	change := m.experts
	change.dct = false
	change.bank = make([][9]float64, nf)
	for k := range change.bank {
		change.bank[k] = [9]float64(u[nf+9*k:])
	}
	tmp := make([]float64, len(dst))
	add := func(adjoint *experts, panel func(s *tile, i, j, n int) []float64) {
		team.Run(m.bands(), parallel.TaskFunc(func(c int) {
			lo, hi := c*bandRows*m.cols, min((c+1)*bandRows, m.rows)*m.cols
			adjoint.gather(tmp, nil, lo, hi, panel)
		}))
		parallel.Axpy(team, dst, 1, tmp)
	}
	add(&change, func(s *tile, i, j, n int) []float64 { // δF_kᵀ φ′(t_k)
		t := s.t[:n*nf]
		m.responses(t, m.y, i, j, n)
		m.derivative(firstDerivative, t)
		return t
	})
	add(&m.experts, func(s *tile, i, j, n int) []float64 { // F_kᵀ (φ″(t_k) ∘ δF_k y)
		t, du := s.t[:n*nf], s.u[:n*nf]
		m.responses(t, m.y, i, j, n)
		m.derivative(secondDerivative, t)
		change.responses(du, m.y, i, j, n)
		kernel.MulTo(t, t, du)
		return t
	})
	return nil
}

// ApplyTrans implements [hvp.Transposer]: the formulas of [Denoise].
func (m *denoiseMixed) ApplyTrans(ctx context.Context, dst, q []float64) error {
	_, nw := m.Dims()
	if len(dst) != nw || len(q) != len(m.y) {
		return fmt.Errorf("problems: denoise: mixed product with len(dst) = %d and len(q) = %d, want %d and %d", len(dst), len(q), nw, len(m.y))
	}
	part := m.sums(parallel.FromContext(ctx), nw, m.y, q, func(sum, t, u []float64, i, j, n int) {
		var second [nf * tileWidth]float64
		if m.filters {
			copy(second[:], t)
			m.derivative(secondDerivative, second[:len(t)])
		}
		m.derivative(firstDerivative, t)
		for p := range n {
			for k := range nf {
				sum[k] += t[p*nf+k] * u[p*nf+k]
			}
		}
		if !m.filters {
			return
		}
		for p := range n {
			for o := range 9 {
				at := (i+2-o/3)*m.cols + j + p + 2 - o%3
				qo, yo := q[at], m.y[at]
				for k := range nf {
					sum[nf+9*k+o] += t[p*nf+k]*qo + second[p*nf+k]*u[p*nf+k]*yo
				}
			}
		}
	})
	column := make([]float64, m.bands())
	for l := range dst {
		for c := range column {
			column[c] = part[c*nw+l]
		}
		dst[l] = parallel.Combine(column)
	}
	return nil
}

var (
	_ hvp.RowRanger  = (*denoiseHessian)(nil)
	_ hvp.Diagonaler = (*denoiseHessian)(nil)
	_ hvp.Transposer = (*denoiseMixed)(nil)
)
