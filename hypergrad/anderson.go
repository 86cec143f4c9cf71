package hypergrad

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Anderson finds the fixed point of an equation G = y − Φ(y, w), such as a
// [FixedPoint], by products with Φ alone: Anderson's acceleration of the Picard
// iteration y ← Φ(y),
//
//	f_k = Φ(y_k) − y_k = −G(y_k)
//	γ = argmin ‖f_k − ΔF·γ‖,   ΔF = (f_{k−m+1} − f_{k−m}, …, f_k − f_{k−1})
//	y_{k+1} = y_k + β·f_k − (ΔY + β·ΔF)·γ
//
// (Walker & Ni, SIAM J. Numer. Anal. 49, 2011, doi:10.1137/10078356X; Anderson, J.
// ACM 12, 1965, doi:10.1145/321296.321305). For a linear Φ it is essentially
// GMRES. ΔF = Q·R is updated from step to step; the oldest differences are dropped
// while R is worse conditioned than 10⁸, as in section 4 of Walker & Ni.
//
// An iteration that raises ‖f‖ a thousandfold above the least seen goes back to
// the best iterate, forgets the differences and halves the mixing β, four times at
// most.
//
// The zero value works; it keeps its workspace, 2·Memory + 4 vectors, and is not
// for concurrent use.
type Anderson struct {
	// RTol and ATol: done when ‖y − Φ(y)‖ ≤ max(RTol·‖y₀ − Φ(y₀)‖, ATol), for the
	// y that is returned. Zero RTol means 1e-10 if ATol is zero too.
	RTol, ATol float64
	// MaxIter limits the evaluations of Φ; zero means 10 000.
	MaxIter int
	// Memory is the number m of differences; zero means 5, a negative one none:
	// the Picard iteration.
	Memory int
	// Mixing is β; zero means 1.
	Mixing float64
	// Workers limits the goroutines; zero means GOMAXPROCS.
	Workers int
	// Monitor, if not nil, is called after each evaluation.
	Monitor func(InnerProgress)

	g, last, best, tmp []float64   // G at y, before, the best y
	dy, q              [][]float64 // ΔY, the oldest first, and Q of ΔG = Q·R
	r                  []float64   // R by columns, m×m
	gamma              []float64
	kept               int // columns of Q; −1: the last step does not count
}

// Solve implements [InnerSolver]. The error is nil only if the residual of the y
// returned meets the tolerance; it is a [*NotStationaryError] when it does not,
// and y is then the best iterate.
func (s *Anderson) Solve(ctx context.Context, eq Equation, y, w []float64) (res InnerResult, err error) {
	begin := time.Now()
	defer func() { res.Elapsed = time.Since(begin) }()
	res.Energy = math.NaN()
	ny, nw := eq.Dims()
	if err := checkLengths(length{"y", len(y), ny}, length{"w", len(w), nw}); err != nil {
		return res, err
	}
	memory, beta, maxIter := s.Memory, s.Mixing, s.MaxIter
	switch {
	case memory == 0:
		memory = 5
	case memory < 0:
		memory = 0
	}
	memory = min(memory, ny)
	if beta == 0 {
		beta = 1
	}
	if maxIter == 0 {
		maxIter = 10_000
	}
	if !(beta > 0 && beta <= 1) {
		return res, fmt.Errorf("hypergrad: Anderson: mixing %v is not in (0, 1]", s.Mixing)
	}
	if s.Workers != 0 {
		ctx = hvp.WithWorkers(ctx, s.Workers)
	}
	team := parallel.FromContext(ctx)
	s.grow(memory, ny)
	mixed, least := beta, math.Inf(1)
	s.kept = -1
	for {
		if err := ctx.Err(); err != nil {
			return res, fmt.Errorf("hypergrad: fixed point: %w", err)
		}
		if err := eq.Residual(ctx, s.g, y, w); err != nil {
			return res, fmt.Errorf("hypergrad: fixed point: %w", err)
		}
		norm := parallel.Norm(team, s.g)
		bad := math.IsNaN(norm) || math.IsInf(norm, 0)
		if res.Iterations == 0 {
			if bad {
				return res, errNonFiniteGradient
			}
			rtol := s.RTol
			if rtol == 0 && s.ATol == 0 {
				rtol = 1e-10
			}
			res.StartNorm, res.Tolerance = norm, max(rtol*norm, s.ATol)
		}
		if s.Monitor != nil {
			s.Monitor(InnerProgress{Iteration: res.Iterations, Energy: math.NaN(), GradNorm: norm, Tolerance: res.Tolerance, Step: mixed})
		}
		if norm < least {
			least = norm
			copy(s.best, y)
		}
		res.GradNorm = least
		if norm <= res.Tolerance {
			return res, nil
		}
		reason := ""
		restart := bad || norm > 1e3*least
		switch {
		case res.Iterations >= maxIter:
			reason = "iteration limit"
		case restart && mixed < beta/10:
			reason = "the iteration diverges: Φ is no contraction here; Newton does not need one"
		}
		if reason != "" {
			copy(y, s.best)
			return res, &NotStationaryError{least, res.Tolerance, res.Iterations, reason}
		}
		res.Iterations++
		if restart {
			mixed /= 2
			copy(y, s.best)
			s.kept = -1
			continue
		}
		s.step(team, y, mixed, memory)
	}
}

// grow makes room for m differences of n unknowns.
func (s *Anderson) grow(m, n int) {
	s.g, s.last = parallel.Grow(s.g, n), parallel.Grow(s.last, n)
	s.best, s.tmp = parallel.Grow(s.best, n), parallel.Grow(s.tmp, n)
	for len(s.dy) < m+1 {
		s.dy, s.q = append(s.dy, nil), append(s.q, nil)
	}
	for k := range m {
		s.dy[k], s.q[k] = parallel.Grow(s.dy[k], n), parallel.Grow(s.q[k], n)
	}
	s.dy[m] = parallel.Grow(s.dy[m], n) // the step that is not yet a difference
	s.r, s.gamma = parallel.Grow(s.r, m*m), parallel.Grow(s.gamma, m)
}

// step replaces y by the next iterate.
func (s *Anderson) step(team parallel.Team, y []float64, beta float64, m int) {
	const worst = 1e8
	if s.kept < 0 || m == 0 {
		s.kept = 0
	} else {
		if s.kept == m {
			s.drop(team, m)
			// What was the newest step stands behind the others again.
			s.dy[m-1], s.dy[m] = s.dy[m], s.dy[m-1]
		}
		s.add(team, m)
		for s.kept > 1 && s.spread(m) > worst {
			s.drop(team, m)
		}
		if s.kept == 1 && s.r[0] == 0 {
			s.kept = 0
		}
	}
	// s.last = g − Q·(Qᵀg), its projections in γ
	copy(s.last, s.g)
	for k := range s.kept {
		s.gamma[k] = parallel.Dot(team, s.q[k], s.last)
		parallel.Axpy(team, s.last, -s.gamma[k], s.q[k])
	}
	// γ ← R⁻¹·Qᵀg
	for i := s.kept - 1; i >= 0; i-- {
		for j := i + 1; j < s.kept; j++ {
			s.gamma[i] -= s.r[i+j*m] * s.gamma[j]
		}
		s.gamma[i] /= s.r[i+i*m]
	}
	// y ← y − β·(g − QQᵀg) − ΔY·γ
	step := s.dy[s.kept]
	parallel.ScaleTo(team, step, -beta, s.last)
	for k := range s.kept {
		parallel.Axpy(team, step, -s.gamma[k], s.dy[k])
	}
	parallel.Axpy(team, y, 1, step)
	copy(s.last, s.g)
}

// add appends the column g − last, whose step is in its place, to Q·R.
func (s *Anderson) add(team parallel.Team, m int) {
	k := s.kept
	v := s.q[k]
	copy(v, s.g)
	parallel.Axpy(team, v, -1, s.last)
	col := s.r[k*m : (k+1)*m]
	clear(col)
	for range 2 {
		for i := range k {
			c := parallel.Dot(team, s.q[i], v)
			parallel.Axpy(team, v, -c, s.q[i])
			col[i] += c
		}
	}
	col[k] = parallel.Norm(team, v)
	if col[k] > 0 {
		parallel.ScaleTo(team, v, 1/col[k], v)
	}
	s.kept++
}

// spread returns the ratio of the diagonal elements of R, an estimate of its
// condition number from below.
func (s *Anderson) spread(m int) float64 {
	low, high := math.Inf(1), 0.0
	for i := range s.kept {
		d := math.Abs(s.r[i+i*m])
		low, high = min(low, d), max(high, d)
	}
	if low == 0 {
		return math.Inf(1)
	}
	return high / low
}

// drop removes the oldest column: rotations of neighbouring rows make what is
// left of R triangular again.
func (s *Anderson) drop(team parallel.Team, m int) {
	oldest := s.dy[0]
	copy(s.dy, s.dy[1:s.kept])
	s.dy[s.kept-1] = oldest
	copy(s.r, s.r[m:s.kept*m])
	s.kept--
	for i := range s.kept {
		a, b := s.r[i+i*m], s.r[i+1+i*m]
		size := math.Hypot(a, b)
		if size == 0 {
			continue
		}
		c, d := a/size, b/size
		for j := i; j < s.kept; j++ {
			u, v := s.r[i+j*m], s.r[i+1+j*m]
			s.r[i+j*m], s.r[i+1+j*m] = c*u+d*v, c*v-d*u
		}
		copy(s.tmp, s.q[i])
		parallel.Axpby(team, s.q[i], d, s.q[i+1], c)
		parallel.Axpby(team, s.q[i+1], -d, s.tmp, c)
	}
}

var _ InnerSolver = (*Anderson)(nil)
