package problems

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Potential is the penalty φ on a filter response.
type Potential int

const (
	// Charbonnier is φ(t) = √(t²+ε²) − ε, convex: a smoothed absolute value.
	Charbonnier Potential = iota
	// Lorentzian is φ(t) = log(1 + ½t²), not convex: the Hessian may be
	// indefinite away from a minimiser, and there may be several minimisers.
	Lorentzian
)

// String returns the name in lower case.
func (p Potential) String() string {
	switch p {
	case Charbonnier:
		return "charbonnier"
	case Lorentzian:
		return "lorentzian"
	}
	return fmt.Sprintf("Potential(%d)", int(p))
}

// ParsePotential is the inverse of String.
func ParsePotential(name string) (Potential, error) {
	for _, p := range []Potential{Charbonnier, Lorentzian} {
		if p.String() == name {
			return p, nil
		}
	}
	return 0, fmt.Errorf("problems: no potential %q; there are charbonnier and lorentzian", name)
}

// Denoise is a field of experts in the sense of Samuel & Tappen (Learning
// optimized MAP estimates in continuously-valued MRF models, CVPR 2009,
// doi:10.1109/CVPR.2009.5206774): the image y that a noisy image z is taken for
// minimises
//
//	E(y, w) = ½‖y − z‖² + Σ_k e^{w_k} Σ_p φ((f_k∗y)_p)
//
// over all positions p where the s×s filter f_k fits inside the image. Grey
// levels run from 0 to 255. The f_k are the K = s²−1 DCT-II filters of s×s without
// the constant one, orthonormal, in row-major order of (vertical, horizontal)
// frequency: 8, 24 or 48 for s = 3, 5 or 7. Banks of 24 and 48 are those of Roth &
// Black (Fields of experts, IJCV 82, 2009, doi:10.1007/s11263-008-0197-6) and of
// Chen, Ranftl & Pock (Insights into analysis operator learning, IEEE Trans. Image
// Process. 23, 2014, doi:10.1109/TIP.2014.2299065).
// (f∗y)(i,j) = Σ_{a,b} f[a,b]·y(i+s−1−a, j+s−1−b). φ is a [Potential]. The outer
// loss compares with the clean image:
//
//	ℓ(y) = ‖y − clean‖² / (2·pixels)
//
// # Parameters
//
// w holds the K logarithms of the weights. With LearnFilters, the K·s²
// coefficients of the filters follow, f_k[a,b] at w[K+s²k+sa+b]. [Denoise.Default]
// gives a start.
//
// # Derivatives
//
// With t_k = f_k∗y, F_k the matrix of the convolution and all sums over k:
//
//	∂E/∂y           = y − z + Σ e^{w_k} F_kᵀ φ′(t_k)
//	∂²E/∂y∂yᵀ v     = v + Σ e^{w_k} F_kᵀ (φ″(t_k) ∘ F_k v)
//	∂²E/∂w_k∂yᵀ q   = e^{w_k} φ′(t_k)ᵀ F_k q
//	∂²E/∂f_k[o]∂yᵀ q = e^{w_k} Σ_p φ′(t_k(p))·q(p_o) + φ″(t_k(p))·(F_k q)_p·y(p_o)
//
// where p_o is the pixel that coefficient o meets at position p. For the
// Charbonnier potential the eigenvalues of the Hessian are at least 1. Products of
// one vector assemble nothing: φ″(t_k) is completed in every one from y and a seed in
// single precision, to full accuracy, and the operator needs K/2 n_y-vectors of memory.
// The first product of a panel of vectors assembles the Hessian as a [hvp.GridMatrixOf]
// numbers: 13, 41 or 85 n_y-vectors of memory for 3×3, 5×5 or 7×7 filters, half as much in
// single precision, both kept until the next Linearize and used again by it. In double
// precision this takes the time of two to thirteen products of one vector and each panel of
// eight that of 1.5 at most. Solvers are not told of such products where the matrix would
// take more than 2 GiB or without assembly for fused products.
type Denoise struct {
	rows, cols   int
	clean, noisy []float64
	set          DenoiseSettings
	hessian      denoiseHessian // of the last Linearize; its memory is reused
}

// DenoiseSettings are the choices of a [Denoise]. The zero value works.
type DenoiseSettings struct {
	// Potential is φ; zero is Charbonnier.
	Potential Potential
	// Epsilon is ε of Charbonnier, in grey levels. Zero means 1.
	Epsilon float64
	// LearnFilters makes the filter coefficients part of w.
	LearnFilters bool
	// StoreWeights keeps e^{w_k}·φ″(t_k) for all pixels and filters, K
	// n_y-vectors of memory instead of K/2, and makes products faster.
	StoreWeights bool
	// FilterSize is s: 3, 5 or 7. Zero means 3.
	FilterSize int
}

// NewDenoise returns the problem for two rows×cols images in row-major order.
// It keeps both slices.
func NewDenoise(clean, noisy []float64, rows, cols int, s *DenoiseSettings) (*Denoise, error) {
	if s == nil {
		s = &DenoiseSettings{}
	}
	d := &Denoise{rows: rows, cols: cols, clean: clean, noisy: noisy, set: *s}
	if d.set.Epsilon == 0 {
		d.set.Epsilon = 1
	}
	if d.set.FilterSize == 0 {
		d.set.FilterSize = 3
	}
	switch size := d.set.FilterSize; {
	case size != 3 && size != 5 && size != 7:
		return nil, fmt.Errorf("problems: denoise: filters of size %d, want 3, 5 or 7", size)
	case rows < size || cols < size:
		return nil, fmt.Errorf("problems: denoise: a %d×%d image is smaller than the %d×%d filters", rows, cols, size, size)
	case len(clean) != rows*cols || len(noisy) != rows*cols:
		return nil, fmt.Errorf("problems: denoise: clean has %d pixels and noisy %d, want %d×%d", len(clean), len(noisy), rows, cols)
	case !(d.set.Epsilon >= 1e-12 && d.set.Epsilon <= 1e12):
		return nil, fmt.Errorf("problems: denoise: epsilon is %v, want 1e-12 … 1e12 grey levels", s.Epsilon)
	case s.Potential != Charbonnier && s.Potential != Lorentzian:
		return nil, fmt.Errorf("problems: denoise: unknown potential %d", s.Potential)
	}
	for what, im := range map[string][]float64{"clean": clean, "noisy": noisy} {
		if m := parallel.MaxAbs(0, im); !(m <= 1e15) {
			return nil, fmt.Errorf("problems: denoise: the %s image holds %v, want grey levels of size 1e15 at most", what, m)
		}
	}
	return d, nil
}

// AddNoise returns image + sigma·N(0,1), pixel by pixel in order, from the
// generator rand.NewPCG(seed, 0). Nothing is rounded or clipped.
func AddNoise(image []float64, sigma float64, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 0))
	out := make([]float64, len(image))
	for i, v := range image {
		out[i] = v + sigma*rng.NormFloat64()
	}
	return out
}

// Resize returns a rows×cols image cut from the plane that the given one tiles
// by reflection at its borders: a smaller size crops at the top left, a larger
// one repeats the image mirrored.
func Resize(pix []float64, rows, cols, newRows, newCols int) []float64 {
	reflect := func(i, n int) int {
		if i %= 2 * n; i >= n {
			i = 2*n - 1 - i
		}
		return i
	}
	out := make([]float64, newRows*newCols)
	for i := range newRows {
		row := pix[reflect(i, rows)*cols:][:cols]
		for j := range newCols {
			out[i*newCols+j] = row[reflect(j, cols)]
		}
	}
	return out
}

// Dims implements [hypergrad.Equation].
func (d *Denoise) Dims() (ny, nw int) {
	return d.rows * d.cols, layoutOf(d.set.FilterSize).parameters(d.set.LearnFilters)
}

// Size returns the dimensions of the images.
func (d *Denoise) Size() (rows, cols int) { return d.rows, d.cols }

// Noisy returns z, itself: read only. It is the natural start of the inner
// solve.
func (d *Denoise) Noisy() []float64 { return d.noisy }

// Clean returns the image of the loss, itself: read only.
func (d *Denoise) Clean() []float64 { return d.clean }

// Default returns parameters with all log-weights equal to logWeight and, with
// LearnFilters, the DCT filters.
func (d *Denoise) Default(logWeight float64) []float64 {
	_, nw := d.Dims()
	w := make([]float64, nw)
	n := layoutOf(d.set.FilterSize).filters
	for k := range n {
		w[k] = logWeight
	}
	if d.set.LearnFilters {
		copy(w[n:], kernel.DCT(d.set.FilterSize))
	}
	return w
}

// experts returns what w says about the filters.
func (d *Denoise) experts(w []float64) (e experts, err error) {
	if _, nw := d.Dims(); len(w) != nw {
		return e, fmt.Errorf("problems: denoise: w has length %d, want %d", len(w), nw)
	}
	size := d.set.FilterSize
	e = experts{rows: d.rows, cols: d.cols, potential: d.set.Potential, eps2: d.set.Epsilon * d.set.Epsilon, layout: layoutOf(size)}
	e.weight = make([]float64, e.filters)
	for i := range e.weight {
		e.weight[i] = math.Exp(w[i])
		if math.IsNaN(e.weight[i]) || math.IsInf(e.weight[i], 0) {
			return e, fmt.Errorf("problems: denoise: w[%d] = %v gives the weight %v", i, w[i], e.weight[i])
		}
	}
	if taps := w[e.filters:]; len(taps) == 0 || slices.Equal(taps, kernel.DCT(size)) {
		e.bank = kernel.NewDCTBank(size, d.cols, e.stride)
	} else {
		e.bank = kernel.NewBank(size, slices.Clone(taps), d.cols, e.stride)
	}
	return e, nil
}

// Energy implements [hypergrad.Energy].
func (d *Denoise) Energy(ctx context.Context, y, w []float64) (float64, error) {
	e, err := d.experts(w)
	if err != nil {
		return 0, err
	}
	team := parallel.FromContext(ctx)
	return 0.5*squaredDistance(team, y, d.noisy) + e.energy(team, y), nil
}

// Residual implements [hypergrad.Equation]: the gradient of the energy.
func (d *Denoise) Residual(ctx context.Context, dst, y, w []float64) error {
	e, err := d.experts(w)
	if err != nil {
		return err
	}
	e.adjointOf(parallel.FromContext(ctx), firstDerivative, dst, y, nil)
	team := parallel.FromContext(ctx)
	parallel.Axpy(team, dst, 1, y)
	parallel.Axpy(team, dst, -1, d.noisy)
	return nil
}

// Loss implements [hypergrad.Problem].
func (d *Denoise) Loss(ctx context.Context, dy, dw, y, w []float64) (float64, error) {
	n := len(d.clean)
	if len(y) != n {
		return 0, errors.New("problems: denoise: y has the wrong length")
	}
	team := parallel.FromContext(ctx)
	if dy != nil {
		parallel.ScaleTo(team, dy, 1/float64(n), y)
		parallel.Axpy(team, dy, -1/float64(n), d.clean)
	}
	clear(dw)
	return squaredDistance(team, y, d.clean) / float64(2*n), nil
}

// Linearize implements [hypergrad.Equation]. The operators refer to y and share
// memory with those of the next call: a Denoise is not for concurrent use.
func (d *Denoise) Linearize(ctx context.Context, y, w []float64) (hypergrad.Linearization, error) {
	e, err := d.experts(w)
	if err != nil {
		return hypergrad.Linearization{}, err
	}
	h := &d.hessian
	h.experts, h.y = e, y
	h.prepare(parallel.FromContext(ctx), d.set.StoreWeights)
	m := &denoiseMixed{experts: e, y: y, learned: d.set.LearnFilters}
	return hypergrad.Linearization{Y: h, W: m}, nil
}

// squaredDistance returns ‖x − y‖².
func squaredDistance(t parallel.Team, x, y []float64) float64 {
	return parallel.Sum(t, len(x), func(lo, hi int) (s float64) {
		for i, v := range x[lo:hi] {
			v -= y[lo+i]
			s += v * v
		}
		return s
	})
}

var (
	_ hypergrad.Problem = (*Denoise)(nil)
	_ hypergrad.Energy  = (*Denoise)(nil)
)
