package problems

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// denoiseHessian is I + Σ F_kᵀ diag(e^{w_k} φ″(t_k)) F_k at y.
//
// Traffic per product in n_y-vectors for K filters: v, the result, y and K/2 for the
// seeds, or v, the result and K for stored weights (K/2 for those in single
// precision of a coarse grid); all else happens in cache. Each row of positions
// holds the planes of seeds or weights of all filters one after the other.
type denoiseHessian struct {
	experts
	y      []float64
	seeds  []float32 // of the weights at all positions, one per filter and pixel
	stored []float64 // the weights themselves, instead of seeds
	single []float32 // the weights of a coarse grid, instead of both
	tasks  sync.Pool // *hessianProduct
	panels sync.Pool // *panelProduct

	// For products of panels.
	gridSingle lazyGrid[float32]
	gridDouble lazyGrid[float64]
	singles    parallel.ScratchOf[float32]
	doubles    parallel.Scratch
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
		return 8 * int64(h.filters) * int64(len(h.y))
	}
	return (8 + 4*int64(h.filters)) * int64(len(h.y))
}

// hessianProduct is one product as a parallel task.
type hessianProduct struct {
	h       *denoiseHessian
	dst, x  []float64
	weights func(s *tile, i, j, m int) *planes
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
		p.weights = func(s *tile, i, j, m int) *planes { return h.weighted(s, p.x, i, j, m) }
	}
	p.dst, p.x = dst, x
	return p
}

// at is where the weights of filter k at row i of the positions begin.
func (h *denoiseHessian) at(i, k int) int { return (i*h.filters + k) * h.cols }

// weighted returns φ″-weighted responses of x at a row of positions.
func (h *denoiseHessian) weighted(s *tile, x []float64, i, j, m int) *planes {
	h.responses(s, &s.u, x, i, j, m)
	known := h.stored != nil || h.single != nil
	if !known {
		h.responses(s, &s.t, h.y, i, j, m)
	}
	for k, w := range h.weight {
		u, at := s.u.plane(k, m), h.at(i, k)+j
		switch {
		case h.stored != nil:
			kernel.MulFloat64(u, h.stored[at:])
		case h.single != nil:
			kernel.MulFloat32(u, h.single[at:])
		case h.potential == Charbonnier:
			kernel.MulCharbonnier(u, s.t.plane(k, m), h.seeds[at:], w*h.eps2, h.eps2)
		default:
			kernel.MulLorentzian(u, s.t.plane(k, m), h.seeds[at:], w)
		}
	}
	return &s.u
}

// curvatures sets the planes t of s to the weights at a row of positions.
func (h *denoiseHessian) curvatures(s *tile, i, j, m int) {
	t := &s.t
	if h.stored == nil && h.single == nil {
		h.responses(s, t, h.y, i, j, m)
		h.derivative(secondDerivative, t, m)
		return
	}
	for k := range h.filters {
		v, at := t.plane(k, m), h.at(i, k)+j
		if h.stored != nil {
			copy(v, h.stored[at:])
			continue
		}
		for q, w := range h.single[at:][:m] {
			v[q] = float64(w)
		}
	}
}

// prepare computes the weights or their seeds.
func (h *denoiseHessian) prepare(team parallel.Team, store bool) {
	h.forgetGrids()
	if store {
		h.stored = parallel.Grow(h.stored, h.filters*len(h.y))
	} else {
		h.seeds = parallel.Grow(h.seeds, h.filters*len(h.y))
	}
	h.sums(team, 0, h.y, nil, func(_ []float64, s *tile, i, j, m int) {
		if store {
			h.derivative(secondDerivative, &s.t, m)
		}
		for k := range h.filters {
			t, at := s.t.plane(k, m), h.at(i, k)+j
			switch {
			case store:
				copy(h.stored[at:], t)
			case h.potential == Charbonnier:
				kernel.CharbonnierSeeds(h.seeds[at:at+m], t, h.eps2)
			default:
				kernel.LorentzianSeeds(h.seeds[at:at+m], t)
			}
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
	var squares []float64
	for k := range h.filters {
		for _, v := range h.bank.Filter(k) {
			squares = append(squares, v*v)
		}
	}
	sq.bank = kernel.NewBank(h.reach+1, squares, h.cols, h.stride)
	parallel.Team(0).Run(h.bands(), parallel.TaskFunc(func(c int) {
		lo, hi := c*bandRows*h.cols, min((c+1)*bandRows, h.rows)*h.cols
		sq.gather(dst, nil, lo, hi, func(s *tile, i, j, m int) *planes {
			h.curvatures(s, i, j, m)
			return &s.t
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
	learned bool // the filters are parameters
}

// Dims implements [hvp.Operator].
func (m *denoiseMixed) Dims() (rows, cols int) {
	return len(m.y), m.parameters(m.learned)
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
	// A direction often changes a few filters, as the columns of a Jacobian do: only
	// those take part.
	size := (m.reach + 1) * (m.reach + 1)
	var weighted, changed []int
	var scale, taps []float64
	for k, du := range u[:m.filters] {
		if du != 0 {
			weighted, scale = append(weighted, k), append(scale, du)
		}
		if !m.learned {
			continue
		}
		if f := u[m.filters+size*k:][:size]; slices.ContainsFunc(f, func(v float64) bool { return v != 0 }) {
			changed, taps = append(changed, k), append(taps, f...)
		}
	}
	parallel.Clear(team, dst)
	if len(weighted) > 0 {
		m.only(weighted).adjointOf(team, firstDerivative, dst, m.y, scale)
	}
	if len(changed) == 0 {
		return nil
	}
	// The change of the filters, as a bank of its own.
	these := m.only(changed)
	change := *these
	change.bank = kernel.NewBank(m.reach+1, taps, m.cols, m.stride)
	tmp := make([]float64, len(dst))
	add := func(adjoint *experts, panel func(s *tile, i, j, n int) *planes) {
		team.Run(m.bands(), parallel.TaskFunc(func(c int) {
			lo, hi := c*bandRows*m.cols, min((c+1)*bandRows, m.rows)*m.cols
			adjoint.gather(tmp, nil, lo, hi, panel)
		}))
		parallel.Axpy(team, dst, 1, tmp)
	}
	add(&change, func(s *tile, i, j, n int) *planes { // δF_kᵀ φ′(t_k)
		these.responses(s, &s.t, m.y, i, j, n)
		these.derivative(firstDerivative, &s.t, n)
		return &s.t
	})
	add(these, func(s *tile, i, j, n int) *planes { // F_kᵀ (φ″(t_k) ∘ δF_k y)
		these.responses(s, &s.t, m.y, i, j, n)
		these.derivative(secondDerivative, &s.t, n)
		change.responses(s, &s.u, m.y, i, j, n)
		for k := range these.filters {
			kernel.MulFloat64(s.t.plane(k, n), s.u.plane(k, n))
		}
		return &s.t
	})
	return nil
}

// ApplyTrans implements [hvp.Transposer]: the formulas of [Denoise].
func (m *denoiseMixed) ApplyTrans(ctx context.Context, dst, q []float64) error {
	_, nw := m.Dims()
	if len(dst) != nw || len(q) != len(m.y) {
		return fmt.Errorf("problems: denoise: mixed product with len(dst) = %d and len(q) = %d, want %d and %d", len(dst), len(q), nw, len(m.y))
	}
	size := m.reach + 1
	part := m.sums(parallel.FromContext(ctx), nw, m.y, q, func(sum []float64, s *tile, i, j, n int) {
		if m.learned {
			// u_k ← e^{w_k}φ″(t_k) ∘ F_k q, after its own sum is taken.
			second := m.tiles.Get().(*tile)
			defer m.tiles.Put(second)
			copy(second.t.v, s.t.v)
			m.derivative(secondDerivative, &second.t, n)
			for k := range m.filters {
				kernel.MulFloat64(second.t.plane(k, n), s.u.plane(k, n))
				for o := range size * size {
					at := (i+m.reach-o/size)*m.cols + j + m.reach - o%size
					sum[m.filters+size*size*k+o] += kernel.Dot(second.t.plane(k, n), m.y[at:at+n])
				}
			}
		}
		m.derivative(firstDerivative, &s.t, n)
		for k := range m.filters {
			sum[k] += kernel.Dot(s.t.plane(k, n), s.u.plane(k, n))
			if !m.learned {
				continue
			}
			for o := range size * size {
				at := (i+m.reach-o/size)*m.cols + j + m.reach - o%size
				sum[m.filters+size*size*k+o] += kernel.Dot(s.t.plane(k, n), q[at:at+n])
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
