package problems

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Smoothing fits a smooth y to data z on a grid of 1, 2 or 3 dimensions, with the
// strength of the smoothing as the only parameter, on the log scale (λ = e^w):
//
//	E(y, w) = ½‖y − z‖² + ½·e^w·yᵀL·y,   ℓ(y) = ½‖y‖²
//
// where yᵀL·y is the sum of (y_i − y_j)² over all neighbours i, j, with y = 0
// outside the grid ([hvp.Stencil]). The derivatives are
//
//	∂E/∂y       = y − z + e^w·L·y
//	∂²E/∂y∂yᵀ   = I + e^w·L
//	∂²E/∂y∂w    = e^w·L·y
//
// # Closed form
//
// The data are a sum of modes ([Mode]), z = Σ a_m·φ_m with L·φ_m = μ_m·φ_m, so that
//
//	y*    = Σ a_m/(1+λμ_m)·φ_m
//	L(w)  = N/2·Σ a_m²/(1+λμ_m)²,          N = ‖φ_m‖² = Π (n_d+1)/2
//	dL/dw = −λN·Σ a_m²·μ_m/(1+λμ_m)³
//
// at any size, which makes the problem one for studies of scaling: nothing is
// assembled, all work is on n_y-vectors. CG takes as many iterations as there are
// modes of different μ, or as the condition number of I + λL asks for if that is
// less.
type Smoothing struct {
	shape []int
	waves *waves
	z     []float64
	l     *hvp.Stencil // L itself
}

// NewSmoothing returns the problem on a grid with the given number of nodes in
// each dimension, the last one running fastest. Modes of the same wave numbers
// count as one, with the sum of their amplitudes.
func NewSmoothing(modes []Mode, shape ...int) (*Smoothing, error) {
	l, err := hvp.NewStencil(1, 0, shape...)
	if err != nil {
		return nil, fmt.Errorf("problems: smoothing: %w", err)
	}
	p := &Smoothing{shape: slices.Clone(shape), l: l}
	if len(modes) == 0 {
		return nil, fmt.Errorf("problems: smoothing: no modes, so that z = 0")
	}
	var merged []Mode
	at := map[[3]int]int{}
	for _, m := range modes {
		if len(m.K) != len(shape) {
			return nil, fmt.Errorf("problems: smoothing: the mode %v has %d wave numbers, the grid %d dimensions", m.K, len(m.K), len(shape))
		}
		var key [3]int
		for d, k := range m.K {
			if k < 1 || k > shape[d] {
				return nil, fmt.Errorf("problems: smoothing: the wave number %d of the mode %v is not in 1…%d", k, m.K, shape[d])
			}
			key[d] = k
		}
		if a := math.Abs(m.Amplitude); !(a <= 1e100) {
			return nil, fmt.Errorf("problems: smoothing: the mode %v has the amplitude %v, want 1e100 at most", m.K, m.Amplitude)
		}
		if i, is := at[key]; is {
			merged[i].Amplitude += m.Amplitude
			continue
		}
		at[key] = len(merged)
		merged = append(merged, Mode{slices.Clone(m.K), m.Amplitude})
	}
	p.waves = newWaves(merged, p.shape)
	n, _ := l.Dims()
	p.z = make([]float64, n)
	amplitudes := make([]float64, len(merged))
	for i, m := range merged {
		amplitudes[i] = m.Amplitude
	}
	p.waves.sum(0, p.z, amplitudes)
	return p, nil
}

// Dims implements [hypergrad.Equation].
func (p *Smoothing) Dims() (ny, nw int) { return len(p.z), 1 }

// Shape returns the number of nodes in each dimension.
func (p *Smoothing) Shape() []int { return slices.Clone(p.shape) }

// Data returns z, itself: read only.
func (p *Smoothing) Data() []float64 { return p.z }

// Modes returns the modes of z, itself: read only.
func (p *Smoothing) Modes() []Mode { return p.waves.modes }

// strength returns λ = e^w after checking the lengths of y, if given, and w.
func (p *Smoothing) strength(y, w []float64) (float64, error) {
	if len(w) != 1 {
		return 0, fmt.Errorf("problems: smoothing: w has length %d, want 1", len(w))
	}
	if y != nil && len(y) != len(p.z) {
		return 0, fmt.Errorf("problems: smoothing: y has length %d, want %d", len(y), len(p.z))
	}
	lambda := math.Exp(w[0])
	if math.IsNaN(lambda) || lambda > 1e100 {
		return 0, fmt.Errorf("problems: smoothing: w = %v gives the strength %v, want 1e100 at most", w[0], lambda)
	}
	return lambda, nil
}

// Energy implements [hypergrad.Energy].
func (p *Smoothing) Energy(ctx context.Context, y, w []float64) (float64, error) {
	lambda, err := p.strength(y, w)
	if err != nil {
		return 0, err
	}
	form, err := p.l.Form(ctx, y, y)
	return 0.5*squaredDistance(parallel.FromContext(ctx), y, p.z) + 0.5*lambda*form, err
}

// hessian returns I + λL.
func (p *Smoothing) hessian(lambda float64) (*hvp.Stencil, error) {
	return hvp.NewStencil(lambda, 1, p.shape...)
}

// Residual implements [hypergrad.Equation]: (I + λL)·y − z.
func (p *Smoothing) Residual(ctx context.Context, dst, y, w []float64) error {
	lambda, err := p.strength(y, w)
	if err != nil {
		return err
	}
	h, err := p.hessian(lambda)
	if err != nil {
		return err
	}
	parallel.For(parallel.FromContext(ctx), len(dst), func(lo, hi int) {
		h.ApplyRows(dst, y, lo, hi)
		d := dst[lo:hi]
		for i, z := range p.z[lo:hi] {
			d[i] -= z
		}
	})
	return nil
}

// Loss implements [hypergrad.Problem].
func (p *Smoothing) Loss(ctx context.Context, dy, dw, y, w []float64) (float64, error) {
	if _, err := p.strength(y, w); err != nil {
		return 0, err
	}
	team := parallel.FromContext(ctx)
	if dy != nil {
		parallel.ScaleTo(team, dy, 1, y)
	}
	clear(dw)
	return 0.5 * parallel.Dot(team, y, y), nil
}

// Linearize implements [hypergrad.Equation].
func (p *Smoothing) Linearize(_ context.Context, y, w []float64) (hypergrad.Linearization, error) {
	lambda, err := p.strength(y, w)
	if err != nil {
		return hypergrad.Linearization{}, err
	}
	h, err := p.hessian(lambda)
	if err != nil {
		return hypergrad.Linearization{}, err
	}
	return hypergrad.Linearization{Y: h, W: &hvp.Func{Rows: len(p.z), Cols: 1,
		// u·λL·y
		Mul: func(ctx context.Context, dst, u []float64) error {
			scaled, err := hvp.NewStencil(lambda*u[0], 0, p.shape...)
			if err != nil {
				return err
			}
			return scaled.Apply(ctx, dst, y)
		},
		// λ·qᵀL·y
		MulTrans: func(ctx context.Context, dst, q []float64) (err error) {
			dst[0], err = p.l.Form(ctx, q, y)
			dst[0] *= lambda
			return err
		},
	}}, nil
}

// Exact returns L(w) and sets y and grad to y*(w) and dL/dw, all by the closed
// form. Either may be nil: not wanted.
func (p *Smoothing) Exact(ctx context.Context, y, grad, w []float64) (loss float64, err error) {
	lambda, err := p.strength(y, w)
	if err != nil {
		return 0, err
	}
	if grad != nil && len(grad) != 1 {
		return 0, fmt.Errorf("problems: smoothing: a gradient of length %d, want 1", len(grad))
	}
	norm := 1.0
	for _, n := range p.shape {
		norm *= float64(n+1) / 2
	}
	slope := 0.0
	factor := make([]float64, len(p.waves.modes))
	for i, m := range p.waves.modes {
		mu := p.l.Eigenvalue(m.K...)
		factor[i] = m.Amplitude / (1 + lambda*mu)
		loss += factor[i] * factor[i]
		slope += factor[i] * factor[i] * (lambda * mu / (1 + lambda*mu))
	}
	if grad != nil {
		grad[0] = -norm * slope
	}
	if y != nil {
		p.waves.sum(parallel.FromContext(ctx), y, factor)
	}
	return 0.5 * norm * loss, nil
}

var (
	_ hypergrad.Problem = (*Smoothing)(nil)
	_ hypergrad.Energy  = (*Smoothing)(nil)
)
