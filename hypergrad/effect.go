package hypergrad

import (
	"context"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/krylov"
)

// EffectStop describes how the adjoint solve was watched, and perhaps ended, by
// what its iterations still did to dL/dw (the Estimator's EffectTol). The residual
// says nothing about that where ∂G/∂w damps or amplifies what the residual holds:
// the error that it leaves in dL/dw is (∂G/∂w)ᵀ(∂G/∂y)⁻ᵀr (Ehrhardt, Gazzola &
// Scott, 2024, arXiv 2412.08264, stop by an estimate of it from Ritz vectors; here
// dL/dw is watched instead).
//
// With p_j = ∂ℓ/∂w − (∂G/∂w)ᵀq at check j, e_j = ‖p_j − p_{j−1}‖ and the ratio
// ρ = max(e_j/e_{j−1}, e_{j−1}/e_{j−2}), what is still to come is about
//
//	e_{j+1} + e_{j+2} + … ≈ e_j·ρ/(1−ρ)
//
// where the changes fall like a geometric sequence; ρ counts as at least ½, so that
// the estimate is at least e_j, and above 0.9 there is none. The solve ends when four
// times the estimate is below EffectTol·‖p_j‖ at two checks in a row and the residual
// is below half of ‖∂ℓ/∂y‖. Checks are as far apart as a quarter of the iterations
// done so far, and at least EffectEvery: so a plateau of dL/dw does not end the solve
// unless it is longer than about half of all that went before. That is a rule of
// thumb, as every test is that looks back; the error bar is not fooled by it, since it
// solves for what is missing.
type EffectStop struct {
	// Ended says that the solve ended so, with status [krylov.Satisfied] and a
	// residual above its tolerance.
	Ended bool
	// Checks counts the checks, each of one product with (∂G/∂w)ᵀ.
	Checks int
	// Change is the last e_j, and Remaining the estimate of the part of dL/dw
	// that is still missing, both norms; Remaining is infinite where there is
	// no estimate.
	Change, Remaining float64
}

const (
	effectEvery  = 10
	effectSafety = 4.0
	effectRatio  = 0.9
	effectDrop   = 0.5 // of the residual
)

// effectWatch is the state of the watch.
type effectWatch struct {
	EffectStop
	e         *Estimator
	ctx       context.Context
	team      parallel.Team
	mixed     hvp.Transposer
	lossW     []float64 // ∂ℓ/∂w
	slope     float64   // ‖∂ℓ/∂y‖
	q         []float64
	now, last []float64 // (∂G/∂w)ᵀq
	next      int       // iteration of the next check
	changes   [3]float64
	good      int // checks in a row that were good enough
	user      func(krylov.Progress) error
}

// watch puts the checks of EffectTol into the settings of an adjoint solve. It
// returns nil if they are not wanted.
func (e *Estimator) watch(ctx context.Context, s *krylov.Settings, mixed hvp.Transposer, lossW []float64, slope float64) *effectWatch {
	if !(e.EffectTol > 0) {
		return nil
	}
	w := &e.effect
	*w = effectWatch{e: e, ctx: ctx, team: parallel.FromContext(ctx), mixed: mixed, lossW: lossW, slope: slope, user: s.Monitor,
		q: parallel.Grow(w.q, len(e.sol)), now: parallel.Grow(w.now, len(lossW)), last: parallel.Grow(w.last, len(lossW))}
	clear(w.last) // q = 0
	w.Remaining = math.Inf(1)
	w.next = w.step(0)
	s.Monitor = w.monitor
	return w
}

// step returns how many iterations after number k the next check is due.
func (w *effectWatch) step(k int) int {
	every := w.e.EffectEvery
	if every <= 0 {
		every = effectEvery
	}
	return max(every, k/4)
}

// monitor is the Monitor of the solve.
func (w *effectWatch) monitor(p krylov.Progress) error {
	if w.user != nil {
		if err := w.user(p); err != nil {
			return err
		}
	}
	if p.Iteration < w.next || !p.Iterate(w.q) {
		return nil
	}
	w.next = p.Iteration + w.step(p.Iteration)
	if err := w.mixed.ApplyTrans(w.ctx, w.now, w.q); err != nil {
		return fmt.Errorf("mixed product: %w", err)
	}
	w.Checks++
	// ‖p_j − p_{j−1}‖ and ‖p_j‖; then now becomes last.
	parallel.Axpy(w.team, w.last, -1, w.now)
	w.Change = parallel.Norm(w.team, w.last)
	parallel.ScaleTo(w.team, w.last, 1, w.lossW)
	parallel.Axpy(w.team, w.last, -1, w.now)
	size := parallel.Norm(w.team, w.last)
	w.now, w.last = w.last, w.now
	w.changes = [3]float64{w.changes[1], w.changes[2], w.Change}
	w.Remaining = w.remaining()
	if effectSafety*w.Remaining <= w.e.EffectTol*size && p.Residual <= effectDrop*w.slope {
		w.good++
	} else {
		w.good = 0
	}
	if w.good < 2 {
		return nil
	}
	return krylov.ErrSatisfied
}

// remaining estimates what is missing from the last three changes.
func (w *effectWatch) remaining() float64 {
	c := w.changes
	if w.Checks < 3 {
		return math.Inf(1)
	}
	if c[2] == 0 && c[1] == 0 {
		return 0
	}
	rho := max(0.5, c[2]/c[1], c[1]/c[0]) // 0/0 cannot be: c[1] > 0 or c[2] > 0
	if c[1] == 0 || c[0] == 0 || !(rho <= effectRatio) {
		return math.Inf(1)
	}
	return c[2] * rho / (1 - rho)
}

// done returns what goes into the report.
func (w *effectWatch) done(res *krylov.Result) *EffectStop {
	if w == nil {
		return nil
	}
	stop := w.EffectStop
	stop.Ended = res.Status == krylov.Satisfied
	w.ctx, w.mixed, w.lossW, w.user = nil, nil, nil, nil
	return &stop
}
