package problems

import (
	"context"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Coarsen implements [hvp.Coarsener]. On a grid of twice the spacing the filter
// that is a derivative of order p becomes 2^p times as steep for the same
// function, so each DCT component of order p = u + v of a filter is divided by
// 2^p, and the weights e^{w_k}φ″(t_k) are averaged over the four positions that a
// coarse one stands for. Negative weights of a potential that is not convex count
// as zero there: the coarse operator is definite.
func (h *denoiseHessian) Coarsen(ctx context.Context) (hvp.Operator, *hvp.Interpolation, float64, bool, error) {
	const smallest = 12
	if h.rows < smallest || h.cols < smallest {
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
	c.single = make([]float32, nf*len(c.y))
	var scale [nf]float64
	if h.dct {
		for k := range scale {
			order := (k+1)/3 + (k+1)%3
			scale[k] = 1 / float64(int(1)<<(2*order))
		}
	} else {
		c.bank = coarseFilters(h.bank)
		for k := range scale {
			scale[k] = 1
		}
	}
	bands := c.bands()
	parallel.FromContext(ctx).Run(bands, parallel.TaskFunc(func(band int) {
		s := tiles.Get().(*tile)
		defer tiles.Put(s)
		for i := band * bandRows; i < min((band+1)*bandRows, c.rows-2); i++ {
			for _, fine := range [2]int{2*i + 1, 2*i + 2} {
				if fine < h.rows-2 {
					h.addCoarseWeights(s, c, fine, i, &scale)
				}
			}
		}
	}))
	return c, p, 0.25, true, nil
}

// addCoarseWeights adds a quarter of the weights at row fine of the positions to
// the row of coarse positions that they belong to.
func (h *denoiseHessian) addCoarseWeights(s *tile, c *denoiseHessian, fine, row int, scale *[nf]float64) {
	for j := 0; j < h.cols-2; j += tileWidth {
		m := min(tileWidth, h.cols-2-j)
		h.curvatures(&s.t, fine, j, m)
		for k := range nf {
			factor := 0.25 * scale[k]
			dst := c.single[c.at(row, k):][:c.cols-2]
			for q, v := range s.t.plane(k, m) {
				// Fine positions 2J+1 and 2J+2.
				if col := (j + q - 1) >> 1; col >= 0 && col < len(dst) {
					dst[col] += float32(factor * max(v, 0))
				}
			}
		}
	}
}

// coarseFilters divides each DCT component of order p of the filters by 2^p.
func coarseFilters(bank [][9]float64) [][9]float64 {
	out := make([][9]float64, len(bank))
	third := 1.0 / 3
	basis := append([][9]float64{{third, third, third, third, third, third, third, third, third}}, kernel.DCT3()...)
	for k, f := range bank {
		for o, g := range basis {
			dot := 0.0
			for i, v := range g {
				dot += v * f[i]
			}
			order := o/3 + o%3
			for i, v := range g {
				out[k][i] += dot * v / float64(int(1)<<order)
			}
		}
	}
	return out
}
