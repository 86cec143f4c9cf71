package hvp

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// NoiseSettings are the choices of [EstimateNoise]. The zero value works.
type NoiseSettings struct {
	// Points is the number of points of the difference table, 5 to 20. Zero
	// means 8.
	Points int
	// Spacing is the distance of the points, in each component of y, at which
	// the search begins. Zero means 1e-6·(1+‖y‖∞).
	Spacing float64
	// Seed of the direction. Zero means 1.
	Seed uint64
}

// ErrNoNoise is what [EstimateNoise] returns when no difference table looks like
// noise.
var ErrNoNoise = errors.New("hvp: the noise level was not found: at all spacings the differences look smooth or change too fast")

// EstimateNoise estimates the relative noise of a vector field of the given
// number of rows near y: what is left of its values when a smooth function has
// been taken out, be it rounding errors, an iteration ended early, or a table
// looked up.
//
// It is ECnoise (Moré & Wild, Estimating computational noise, SIAM J. Sci.
// Comput. 33, 2011, doi:10.1137/100786125) with sums over components: the field
// is evaluated at a few points equally spaced along a random direction.
// The k-th differences of a smooth function vanish like spacing^k, those of
// independent errors of variance σ² have variance C(2k,k)·σ², so that
//
//	σ_k² = (k!)²/(2k)! · mean of the squared k-th differences
//
// settles at σ² once the smooth part is gone. The first level whose value agrees
// within a factor 4 with the next two, and whose differences change sign, is
// taken. If there is none the points were too far apart, or so close that values
// repeat: then it tries again with spacings 100 times smaller or larger.
//
// The noise is given relative to the size of the terms of the field,
//
//	‖noise‖ = rel·(‖g(y)‖ + ‖Jacobian·u‖·(1+‖y‖∞)),   elements of u about ±1
//
// which does not vanish where the field does. It is never less than 2^-53.
func EstimateNoise(ctx context.Context, g VectorField, y []float64, rows int, s *NoiseSettings) (rel float64, err error) {
	if s == nil {
		s = &NoiseSettings{}
	}
	points, seed := s.Points, s.Seed
	if points == 0 {
		points = 8
	}
	if seed == 0 {
		seed = 1
	}
	switch {
	case g == nil:
		return 0, errors.New("hvp: noise of a nil function")
	case points < 5 || points > 20:
		return 0, fmt.Errorf("hvp: a difference table with %d points, want 5 to 20", points)
	case rows < 1 || len(y) == 0:
		return 0, fmt.Errorf("hvp: noise of a field of %d components in %d variables", rows, len(y))
	case !(s.Spacing >= 0) || math.IsInf(s.Spacing, 0):
		return 0, fmt.Errorf("hvp: spacing %v of a difference table", s.Spacing)
	}
	t := noiseTable{ctx: ctx, g: g, y: y, u: probeDirection(len(y), seed), point: make([]float64, len(y))}
	t.rows = make([][]float64, points)
	for i := range t.rows {
		t.rows[i] = make([]float64, rows)
	}
	scale := 1 + parallel.MaxAbs(parallel.FromContext(ctx), y)
	spacing := s.Spacing
	if spacing == 0 {
		spacing = 1e-6 * scale
	}
	sigma, found := 0.0, false
	shorter, longer := false, false
	for range 5 {
		if err := t.fill(spacing); err != nil {
			return 0, err
		}
		var close bool
		if sigma, found, close = t.level(); found {
			break
		}
		// One change of direction would only repeat.
		if close {
			spacing *= 100
			longer = true
		} else {
			spacing /= 100
			shorter = true
		}
		if shorter && longer {
			break
		}
	}
	if !found {
		return 0, ErrNoNoise
	}
	terms, err := t.terms(sigma, scale)
	if err != nil {
		return 0, err
	}
	rel = max(0x1p-53, ratio(sigma, terms))
	if math.IsNaN(rel) || math.IsInf(rel, 0) {
		return 0, fmt.Errorf("hvp: noise of norm %v in a field of size %v", sigma, terms)
	}
	return rel, nil
}

// noiseTable holds the values at equally spaced points, then their differences.
type noiseTable struct {
	ctx         context.Context
	g           VectorField
	y, u, point []float64
	rows        [][]float64
}

// evaluate sets dst = g(y + t·u).
func (t *noiseTable) evaluate(dst []float64, at float64) error {
	copy(t.point, t.y)
	parallel.Axpy(parallel.FromContext(t.ctx), t.point, at, t.u)
	if err := t.g(t.ctx, dst, t.point); err != nil {
		return fmt.Errorf("hvp: noise: %w", err)
	}
	if size := norm(t.ctx, dst); math.IsNaN(size) || math.IsInf(size, 0) {
		return fmt.Errorf("hvp: noise of a field that has norm %v at distance %.3g from the point", size, at)
	}
	return nil
}

func (t *noiseTable) fill(spacing float64) error {
	for i, dst := range t.rows {
		if err := t.evaluate(dst, spacing*(float64(i)-float64(len(t.rows)-1)/2)); err != nil {
			return err
		}
	}
	return nil
}

// level builds the differences in place and returns the norm of the noise, or,
// if none was found, whether the points were too close together.
func (t *noiseTable) level() (sigma float64, found, close bool) {
	m := len(t.rows)
	n := len(t.rows[0])
	var sigmas []float64
	var mixed []bool
	gamma := 1.0
	for k := 1; k < m; k++ {
		gamma *= float64(k) / float64(2*(2*k-1)) // (k!)²/(2k)!
		sum := 0.0
		for i := range m - k {
			parallel.Axpby(parallel.FromContext(t.ctx), t.rows[i], 1, t.rows[i+1], -1)
			size := norm(t.ctx, t.rows[i])
			sum += size * size
		}
		changes, nonzero, zeros := 0, 0, 0
		for c := range n {
			up, down := false, false
			for i := range m - k {
				v := t.rows[i][c]
				up, down = up || v > 0, down || v < 0
				if v == 0 {
					zeros++
				}
			}
			if up || down {
				nonzero++
			}
			if up && down {
				changes++
			}
		}
		if k == 1 && 2*zeros >= n*(m-1) && sum > 0 {
			return 0, false, true // half of the values repeat
		}
		if sum == 0 {
			// Smooth to the last bit: a polynomial of low degree in exact
			// arithmetic.
			return 0, k > 1, k == 1
		}
		sigmas = append(sigmas, math.Sqrt(gamma*sum/float64(m-k)))
		mixed = append(mixed, 2*changes >= nonzero)
	}
	for k := 0; k+2 < len(sigmas); k++ {
		least := min(sigmas[k], sigmas[k+1], sigmas[k+2])
		most := max(sigmas[k], sigmas[k+1], sigmas[k+2])
		if mixed[k] && most <= 4*least {
			return sigmas[k], true, false
		}
	}
	return 0, false, false
}

// terms returns ‖g(y)‖ + ‖Jacobian·u‖·scale, with the noise taken out of a wide
// difference.
func (t *noiseTable) terms(sigma, scale float64) (float64, error) {
	const width = 1e-3
	a, b := t.rows[0], t.rows[1]
	if err := t.evaluate(a, width*scale); err != nil {
		return 0, err
	}
	size := norm(t.ctx, a)
	if err := t.evaluate(b, -width*scale); err != nil {
		return 0, err
	}
	size = (size + norm(t.ctx, b)) / 2
	parallel.Axpy(parallel.FromContext(t.ctx), a, -1, b)
	change := norm(t.ctx, a)
	signal := math.Sqrt(max(0, change*change-2*sigma*sigma))
	return size + signal/(2*width), nil
}
