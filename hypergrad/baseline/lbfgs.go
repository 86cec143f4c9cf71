package baseline

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// UnrolledLBFGS runs a fixed number of steps of L-BFGS from y (Liu & Nocedal 1989,
// doi:10.1007/BF01589116) and differentiates them backwards with matrices and step
// lengths held fixed,
//
//	y_{t+1} = y_t − a_t·M_t·G(y_t, w)
//	v̄ = a_t·M_t·ȳ_{t+1},   w̄ ← w̄ − (∂G/∂w)ᵀ·v̄,   ȳ_t = ȳ_{t+1} − (∂G/∂y)ᵀ·v̄
//
// M_t made of the last Memory pairs s = y_{t+1} − y_t, r = G_{t+1} − G_t, and of a Cauchy
// step (one product) before the first.
//
// This is not the derivative of the algorithm: M_t and a_t depend on w and y_t too, and
// that would need products with ∂²G/∂y² through the pairs. What is left out,
// (∂(a_t·M_t)/∂w)·G(y_t), vanishes with the gradient. The estimate then tends to dL/dw if
// the products of the I − a_t·M_t·∂G/∂y tend to zero (Mehmood & Ochs on updates that vary,
// arXiv 2410.15923). L-BFGS does not see to that: its matrices are made for the
// gradients it meets and may blow up other directions. y_T can be good, and the estimate
// bad: on a quadratic problem with κ = 100 and 20,000 unknowns, 64 steps take ‖G‖ to
// 1.5e-5 of its size and leave an error of 0.3.
//
// It needs a problem that is a [hypergrad.Energy], for the line search of Armijo. Where
// that finds no lower energy, at the level of rounding errors, the run ends early:
// Report.InnerSteps says after how many steps. M_t is needed backwards, so that all pairs
// are kept: 2·Steps vectors and six more; there is nothing to save by checkpoints.
type UnrolledLBFGS struct {
	// Steps is T ≥ 1.
	Steps int
	// Memory is the number of pairs in M_t; zero means 10.
	Memory int

	work workspace
	lbfgsHistory
}

// lbfgsHistory is what the way back needs of the way there.
type lbfgsHistory struct {
	s, r   [][]float64 // pairs
	rho    []float64   // 1/rᵀs, zero for a pair that is no use
	length []float64   // a_t
	memory int
	first  float64   // M_0 = first·I
	alpha  []float64 // scratch of Memory numbers
}

// String implements [Estimator].
func (e *UnrolledLBFGS) String() string { return fmt.Sprintf("unrolled-lbfgs(%d)", e.Steps) }

// Gradient implements [Estimator].
func (e *UnrolledLBFGS) Gradient(ctx context.Context, p hypergrad.Problem, y, w, dst []float64) (rep Report, err error) {
	s, err := open(ctx, e, p, y, w, dst, &rep, &e.work)
	if err != nil {
		return rep, err
	}
	defer func() { err = s.close(err) }()
	if err := positive("Steps", e.Steps); err != nil {
		return rep, err
	}
	if e.Memory < 0 {
		return rep, fmt.Errorf("setting Memory = %d must not be negative", e.Memory)
	}
	energy, ok := s.p.(hypergrad.Energy)
	if !ok {
		return rep, errors.New("the line search of L-BFGS needs an energy, which the problem does not have")
	}
	v := s.vectors(2*e.Steps + 6)
	h := &e.lbfgsHistory
	h.s, h.r, v = v[:e.Steps], v[e.Steps:2*e.Steps], v[2*e.Steps:]
	h.rho, h.length = h.rho[:0], h.length[:0]
	if h.memory = e.Memory; h.memory == 0 {
		h.memory = 10
	}
	h.alpha = parallel.Grow(h.alpha, h.memory)
	at, g, d, trial, trialG, bar := v[0], v[1], v[2], v[3], v[4], v[5]
	copy(at, y)
	if err := h.forward(s, energy, e.Steps, at, g, d, trial, trialG); err != nil {
		return rep, err
	}
	if err := s.loss(at, bar); err != nil {
		return rep, err
	}
	for t := rep.InnerSteps - 1; t >= 0; t-- {
		if err := ctx.Err(); err != nil {
			return rep, err
		}
		// y_t = y_{t+1} − s_t
		parallel.Axpy(s.team, at, -1, h.s[t])
		point, err := s.linearize(at)
		if err != nil {
			return rep, err
		}
		h.apply(s.team, t, d, bar) // M_t is symmetric
		if err := point.subtractMixed(h.length[t], d); err != nil {
			return rep, err
		}
		if t == 0 {
			break
		}
		if err := point.apply(g, d); err != nil {
			return rep, err
		}
		parallel.Axpy(s.team, bar, -h.length[t], g)
	}
	return rep, nil
}

// forward runs L-BFGS from y, which it overwrites.
func (h *lbfgsHistory) forward(s *session, energy hypergrad.Energy, steps int, y, g, d, trial, trialG []float64) error {
	const armijo, halvings = 1e-4, 40
	gradient := func(dst, y []float64) (float64, error) {
		if err := s.p.Residual(s.ctx, dst, y, s.w); err != nil {
			return 0, fmt.Errorf("gradient: %w", err)
		}
		return parallel.Norm(s.team, dst), nil
	}
	value, err := energy.Energy(s.ctx, y, s.w)
	if err != nil {
		return fmt.Errorf("energy: %w", err)
	}
	norm, err := gradient(g, y)
	if err != nil {
		return err
	}
	if !finite(value) || !finite(norm) {
		return diverged("the energies or their gradients", math.NaN(), 1, 0)
	}
	if norm == 0 {
		s.rep.Note = "the start is a solution: nothing is differentiated"
		return nil
	}
	start, err := s.linearize(y)
	if err != nil {
		return err
	}
	if err := start.apply(d, g); err != nil {
		return err
	}
	curvature := parallel.Dot(s.team, g, d) / norm / norm
	if !(curvature > 0) || !finite(1/curvature) {
		return fmt.Errorf("the curvature along the gradient at the start is %.3g: there is no first step", curvature)
	}
	h.first = 1 / curvature
	startNorm := norm
	for t := range steps {
		h.apply(s.team, t, d, g)
		slope := parallel.Dot(s.team, d, g)
		if slope == 0 {
			return nil
		}
		length, newNorm := 1.0, 0.0
		for ; ; length /= 2 {
			if err := s.ctx.Err(); err != nil {
				return err
			}
			if length < math.Ldexp(1, -halvings) {
				s.rep.Note = fmt.Sprintf("no lower energy after %d steps", t)
				return nil
			}
			copy(trial, y)
			parallel.Axpy(s.team, trial, -length, d)
			e, err := energy.Energy(s.ctx, trial, s.w)
			if err != nil {
				return fmt.Errorf("energy: %w", err)
			}
			// Where the decrease drowns in rounding errors of the energy, the
			// gradient decides.
			noisy := length*slope < 1e-10*math.Abs(value)
			if !(e <= value-armijo*length*slope) && !(noisy && e <= value+1e-12*math.Abs(value)) {
				continue
			}
			if newNorm, err = gradient(trialG, trial); err != nil {
				return err
			}
			if !finite(newNorm) || noisy && newNorm >= norm {
				continue
			}
			value = e
			break
		}
		copy(h.s[t], trial)
		parallel.Axpy(s.team, h.s[t], -1, y)
		copy(h.r[t], trialG)
		parallel.Axpy(s.team, h.r[t], -1, g)
		// A pair whose curvature is not positive, beyond rounding errors, is
		// no use to a positive definite M.
		rho := 0.0
		if sr := parallel.Dot(s.team, h.s[t], h.r[t]); sr > 1e-12*parallel.Norm(s.team, h.s[t])*parallel.Norm(s.team, h.r[t]) {
			rho = 1 / sr
		}
		h.rho, h.length = append(h.rho, rho), append(h.length, length)
		copy(y, trial)
		copy(g, trialG)
		s.rep.InnerDecrease = norm / startNorm
		norm = newNorm
		s.rep.InnerSteps++
	}
	return nil
}

// apply sets dst = M_t·x by the two loops over the pairs before t.
func (h *lbfgsHistory) apply(team parallel.Team, t int, dst, x []float64) {
	oldest := max(0, t-h.memory)
	copy(dst, x)
	scale := h.first
	fresh := true
	for i := t - 1; i >= oldest; i-- {
		if h.rho[i] == 0 {
			continue
		}
		if fresh {
			// γ = sᵀr/rᵀr of the newest pair.
			r := parallel.Norm(team, h.r[i])
			scale, fresh = 1/(h.rho[i]*r*r), false
		}
		alpha := h.rho[i] * parallel.Dot(team, h.s[i], dst)
		h.alpha[i-oldest] = alpha
		parallel.Axpy(team, dst, -alpha, h.r[i])
	}
	parallel.ScaleTo(team, dst, scale, dst)
	for i := oldest; i < t; i++ {
		if h.rho[i] == 0 {
			continue
		}
		beta := h.rho[i] * parallel.Dot(team, h.r[i], dst)
		parallel.Axpy(team, dst, h.alpha[i-oldest]-beta, h.s[i])
	}
}
