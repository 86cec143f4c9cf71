package problems

import (
	"context"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Coarsen implements [hvp.Coarsener]. On a grid of twice the spacing the same
// function varies twice as fast, and a filter must respond to it as before. Of 3×3
// filters each DCT component of order p = u + v is a derivative of that order and is
// divided by 2^p. A larger filter is applied to the polynomial through the values at
// its own coarse nodes, which divides all its moments up to its size so. The weights
// e^{w_k}φ″(t_k) are averaged over the four positions that a coarse one stands for.
// Negative weights of a potential that is not convex count as zero there: the coarse
// operator is definite.
func (h *denoiseHessian) Coarsen(ctx context.Context) (hvp.Operator, *hvp.Interpolation, float64, bool, error) {
	const smallest = 12
	if limit := smallest * h.reach / 2; h.rows < limit || h.cols < limit {
		return nil, nil, 0, false, nil
	}
	p, err := hvp.NewInterpolation(h.rows, h.cols)
	if err != nil {
		return nil, nil, 0, false, err
	}
	c := &denoiseHessian{experts: h.experts}
	c.potential = Charbonnier // promises definiteness
	c.rows, c.cols = (h.rows+1)/2, (h.cols+1)/2
	c.y = make([]float64, c.rows*c.cols) // its length is looked at, nothing else
	c.single = make([]float32, c.filters*len(c.y))
	scale := make([]float64, h.filters)
	for k := range scale {
		scale[k] = 1
		if h.bank.IsDCT3() { // the filters stay what they are
			order := (k+1)/3 + (k+1)%3
			scale[k] = 1 / float64(int(1)<<(2*order))
		}
	}
	c.bank = coarseBank(h.bank, c.cols, c.stride)
	bands := c.bands()
	c.forgetGrids()
	parallel.FromContext(ctx).Run(bands, parallel.TaskFunc(func(band int) {
		s := h.tiles.Get().(*tile)
		defer h.tiles.Put(s)
		for i := band * bandRows; i < min((band+1)*bandRows, c.rows-c.reach); i++ {
			// The middle of a window is reach/2 from its position.
			for _, fine := range [2]int{2*i + h.reach/2, 2*i + h.reach/2 + 1} {
				if fine < h.rows-h.reach {
					h.addCoarseWeights(s, c, fine, i, scale)
				}
			}
		}
	}))
	return c, p, 0.25, true, nil
}

// addCoarseWeights adds a quarter of the weights at row fine of the positions to
// the row of coarse positions that they belong to.
func (h *denoiseHessian) addCoarseWeights(s *tile, c *denoiseHessian, fine, row int, scale []float64) {
	for j := 0; j < h.cols-h.reach; j += tileWidth {
		m := min(tileWidth, h.cols-h.reach-j)
		h.curvatures(s, fine, j, m)
		for k := range h.filters {
			factor := 0.25 * scale[k]
			dst := c.single[c.at(row, k):][:c.cols-c.reach]
			for q, v := range s.t.plane(k, m) {
				// Fine positions 2J + reach/2 and the next.
				if col := (j + q - h.reach/2) >> 1; col >= 0 && col < len(dst) {
					dst[col] += float32(factor * max(v, 0))
				}
			}
		}
	}
}

// coarseBank returns the filters for the grid of twice the spacing.
func coarseBank(b *kernel.Bank, pitch, stride int) *kernel.Bank {
	n := b.Size()
	switch {
	case b.IsDCT3():
		return kernel.NewDCTBank(n, pitch, stride)
	case b.Basis() != nil:
		basis, d := make([]float64, n*n), dilation(n)
		for u := range n {
			for a, v := range b.Basis()[u*n:][:n] {
				kernel.Axpy(basis[u*n:][:n], v, d[a*n:][:n])
			}
		}
		return kernel.NewProductBank(n, basis, pitch, stride)
	}
	taps := make([]float64, b.Count()*n*n)
	for k := range b.Count() {
		out := taps[k*n*n:][:n*n]
		if n == 3 {
			divideOrders(out, b.Filter(k))
		} else {
			dilate(out, b.Filter(k), n)
		}
	}
	return kernel.NewBank(n, taps, pitch, stride)
}

// divideOrders divides each DCT component of order p of a 3×3 filter by 2^p.
func divideOrders(out, f []float64) {
	basis := kernel.DCT(3)
	for o := range 9 {
		var g [9]float64
		for i := range g {
			g[i] = 1.0 / 3
			if o > 0 {
				g[i] = basis[9*(o-1)+i]
			}
		}
		dot := 0.0
		for i, v := range g {
			dot += v * f[i]
		}
		order := o/3 + o%3
		for i, v := range g {
			out[i] += dot * v / float64(int(1)<<order)
		}
	}
}

// dilate sets out to DᵀfD for the dilation D.
func dilate(out, f []float64, n int) {
	d := dilation(n)
	for a := range n {
		for b := range n {
			for p := range n {
				kernel.Axpy(out[p*n:][:n], f[a*n+b]*d[a*n+p], d[b*n:][:n])
			}
		}
	}
}

// dilation returns the n×n matrix D, row by row, that gives a polynomial of degree
// n−1 at the points (a − r)/2 from its values at p − r, where r = ⌊n/2⌋: Lagrange's
// basis polynomials.
func dilation(n int) []float64 {
	d := make([]float64, n*n)
	r := n / 2
	for a := range n {
		x := float64(a-r) / 2
		for p := range n {
			l := 1.0
			for q := range n {
				if q != p {
					l *= (x - float64(q-r)) / float64(p-q)
				}
			}
			d[a*n+p] = l
		}
	}
	return d
}
