package baseline

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Difference solves the inner problem again at w ± h·u and takes central differences,
//
//	uᵀ·dL/dw ≈ (L(w+h·u) − L(w−h·u)) / 2h
//
// With n_w directions these are the coordinates and the error is O(h²) plus the errors
// of the solves over h. With fewer, they are a random orthonormal set u_1 … u_r and the
// estimate is
//
//	(n_w/r)·Σ (u_iᵀ·dL/dw)·u_i
//
// whose expectation is dL/dw and whose relative error is about √(n_w/r − 1): the random
// directions of Nesterov & Spokoiny (2017, doi:10.1007/s10208-015-9296-2) and of Spall
// (1992, doi:10.1109/9.119632), without their repetitions. It needs neither mixed
// products nor ∂ℓ/∂w, but 2·r solutions.
type Difference struct {
	// Directions is r; zero, and more than n_w, means n_w.
	Directions int
	// Step is h, along directions of length one; zero means 1e-4 times the
	// larger of 1 and the largest |w_j|. It suits parameters of order one, as on the
	// log scale.
	Step float64
	// Inner solves the inner problem, from y; nil means [hypergrad.Newton] to a
	// gradient 1e-8 of that at the start and one step beyond.
	Inner hypergrad.InnerSolver
	// Seed of the directions; zero means 1.
	Seed uint64

	newton hypergrad.Newton
	work   workspace
	basis  []float64
}

// differenceVectors are the start of a solve, the four vectors of Newton's method
// and the three of its CG; another solver may hold more.
const differenceVectors = 8

// String implements [Estimator].
func (e *Difference) String() string { return fmt.Sprintf("differences(%d)", e.Directions) }

// Gradient implements [Estimator].
func (e *Difference) Gradient(ctx context.Context, p hypergrad.Problem, y, w, dst []float64) (rep Report, err error) {
	s, err := open(ctx, e, p, y, w, dst, &rep, &e.work)
	if err != nil {
		return rep, err
	}
	defer func() { err = s.close(err) }()
	if e.Directions < 0 || e.Step < 0 || !finite(e.Step) {
		return rep, fmt.Errorf("settings Directions = %d and Step = %v must be finite and not negative", e.Directions, e.Step)
	}
	h := e.Step
	if h == 0 {
		h = 1e-4 * max(1, parallel.MaxAbs(s.team, w))
	}
	rep.Step = h
	inner := e.Inner
	if inner == nil {
		e.newton.RTol, e.newton.Polish = 1e-8, true
		inner = &e.newton
	}
	start := s.vectors(1)[0]
	s.holds(differenceVectors)
	point := e.work.params
	slope := func(u func(j int) float64) (float64, error) {
		var value [2]float64
		for k, t := range []float64{h, -h} {
			for j := range point {
				point[j] = w[j] + t*u(j)
			}
			copy(start, y)
			res, err := inner.Solve(ctx, s.p, start, point)
			rep.InnerSteps += res.Iterations
			if err != nil {
				return 0, err
			}
			if value[k], err = s.p.Loss(ctx, nil, nil, start, point); err != nil {
				return 0, fmt.Errorf("loss: %w", err)
			}
		}
		rep.Loss = (value[0] + value[1]) / 2
		return (value[0] - value[1]) / (2 * h), nil
	}
	count := e.Directions
	if count == 0 || count >= s.nw {
		for i := range dst {
			if dst[i], err = slope(func(j int) float64 {
				if j == i {
					return 1
				}
				return 0
			}); err != nil {
				return rep, err
			}
		}
		return rep, nil
	}
	e.directions(s, count)
	clear(dst)
	for i := range count {
		u := e.basis[i*s.nw : (i+1)*s.nw]
		c, err := slope(func(j int) float64 { return u[j] })
		if err != nil {
			return rep, err
		}
		parallel.Axpy(s.team, dst, c*float64(s.nw)/float64(count), u)
	}
	return rep, nil
}

// directions sets e.basis to count < n_w random orthonormal vectors.
func (e *Difference) directions(s *session, count int) {
	seed := e.Seed
	if seed == 0 {
		seed = 1
	}
	rng := rand.New(rand.NewPCG(seed, 2))
	e.basis = parallel.Grow(e.basis, count*s.nw)
	at := func(i int) []float64 { return e.basis[i*s.nw : (i+1)*s.nw] }
	for i := range count {
		u := at(i)
		for j := range u {
			u[j] = rng.NormFloat64()
		}
		for range 2 { // twice is enough
			for k := range i {
				parallel.Axpy(s.team, u, -parallel.Dot(s.team, at(k), u), at(k))
			}
			parallel.ScaleTo(s.team, u, 1/parallel.Norm(s.team, u), u)
		}
	}
}
