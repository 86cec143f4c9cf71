package baseline

import (
	"context"
	"fmt"

	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// FixedPoint solves the adjoint system by a fixed number of steps of the heavy ball,
//
//	q_{i+1} = q_i + a·(b − Hᵀq_i) + β·(q_i − q_{i−1}),   q_0 = q_{−1} = 0
//
// the AID-FP of Grazzi, Franceschi, Pontil & Salzo, ICML 2020, arXiv 2006.16218, with
// the map of Polyak (1964, doi:10.1016/0041-5553(64)90137-5). Without the momentum β it
// is [Neumann]. With the right a and β the error falls by about (√κ−1)/(√κ+1) per step,
// as with conjugate gradients, which find both by themselves. The first of the steps
// needs no product.
type FixedPoint struct {
	// Steps is k ≥ 1.
	Steps int
	// Step is a and Momentum is β, 0 < β < 1; zero means chosen from ten Lanczos
	// steps at most, which also check those given, unless Unchecked.
	Step, Momentum float64
	Unchecked      bool

	work workspace
}

// String implements [Estimator].
func (e *FixedPoint) String() string { return fmt.Sprintf("fixed-point(%d)", e.Steps) }

// Gradient implements [Estimator].
func (e *FixedPoint) Gradient(ctx context.Context, p hypergrad.Problem, y, w, dst []float64) (rep Report, err error) {
	s, err := open(ctx, e, p, y, w, dst, &rep, &e.work)
	if err != nil {
		return rep, err
	}
	defer func() { err = s.close(err) }()
	if err := positive("Steps", e.Steps); err != nil {
		return rep, err
	}
	v := s.vectors(4)
	b, q, d, r := v[0], v[1], v[2], v[3]
	at, err := s.at(y, b)
	if err != nil {
		return rep, err
	}
	a, beta, err := at.step(stepRule{given: e.Step, unchecked: e.Unchecked, heavyBall: true, momentum: e.Momentum, definite: true, held: 4})
	if err != nil {
		return rep, err
	}
	// d is the last move: d ← β·d + a·(b − Hᵀq), q ← q + d.
	first := parallel.Norm(s.team, b)
	parallel.ScaleTo(s.team, d, a, b)
	copy(q, d)
	for i := 1; i < e.Steps && first > 0; i++ {
		if err := ctx.Err(); err != nil {
			return rep, err
		}
		if err := at.apply(r, q); err != nil {
			return rep, err
		}
		parallel.Axpby(s.team, r, 1, b, -1)
		if size := parallel.Norm(s.team, r); size > growthLimit*first || !finite(size) {
			return rep, diverged("the residuals of the adjoint system", size, first, i)
		}
		parallel.Axpby(s.team, d, a, r, beta)
		parallel.Axpy(s.team, q, 1, d)
	}
	return rep, at.subtractMixed(1, q)
}
