package baseline

import (
	"context"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Unrolled runs a fixed number of steps of gradient descent or heavy ball from y and
// differentiates them backwards,
//
//	d_{t+1} = β·d_t − a·G(y_t, w),   y_{t+1} = y_t + d_{t+1},   d_0 = 0
//	v̄ = ȳ_{t+1} + d̄_{t+1},   w̄ ← w̄ − a·(∂G/∂w)ᵀ·v̄,   ȳ_t = ȳ_{t+1} − a·(∂G/∂y)ᵀ·v̄,   d̄_t = β·v̄
//
// from ȳ_T = ∂ℓ/∂y, d̄_T = 0 and w̄ = ∂ℓ/∂w at y_T, where the derivatives of G are those
// at y_t (Domke, AISTATS 2012, PMLR 22:318–326; Maclaurin, Duvenaud & Adams, ICML 2015,
// arXiv 1502.03492; the ITD of Grazzi, Franceschi, Pontil & Salzo, arXiv 2006.16218). This
// is the exact gradient of ℓ(y_T(w), w), the start held fixed: what it lacks to dL/dw is
// what y_T lacks to y(w). a and β are constants, though they may be chosen from ∂G/∂y at
// the start. A step backwards costs a linearisation, a product and a mixed product.
//
// With Reverse = K < Steps only the last K steps are differentiated, as if the point
// where they begin did not depend on w (Shaban, Cheng, Hatch & Boots, Truncated
// back-propagation for bilevel optimization, AISTATS 2019, arXiv 1810.10667).
//
// # Memory
//
// Of the steps to be differentiated every c-th state is kept, and those between are
// computed again when they are needed: ⌈K/c⌉ states, c − 1 vectors and five vectors at
// work (seven with momentum, where a state is y and d). c near √K makes that about 2√K
// vectors for at most K gradients more, the two-level scheme of Griewank (1992,
// doi:10.1080/10556789208805505); binomial schedules (Griewank & Walther 2000,
// doi:10.1145/347837.347846) save more memory for more recomputation.
type Unrolled struct {
	// Steps is T ≥ 1 and Reverse is K; zero means all.
	Steps, Reverse int
	// HeavyBall is with the Momentum β, 0 < β < 1; zero means chosen. Without,
	// β = 0.
	HeavyBall bool
	Momentum  float64
	// Step is a; zero means chosen by the spectrum of ∂G/∂y at the start, as for
	// [Neumann] and [FixedPoint]: it may be too large further on. A given one is
	// checked there, unless Unchecked. Whatever it is, a gradient that grows beyond
	// any transient ends the estimate with a [*DivergedError]. The note says if ‖G‖
	// is more than twice as large at the end as at the start. A run may also go
	// round in circles, where ∂G/∂y is larger than at the start: then
	// Report.InnerDecrease stays where it is as Steps grows.
	Step      float64
	Unchecked bool
	// Every is c, the number of steps from one kept state to the next. Zero means
	// about √K; K or more keeps all and computes nothing again.
	Every int

	work workspace
}

// String implements [Estimator].
func (e *Unrolled) String() string {
	name := "unrolled-gd"
	if e.HeavyBall {
		name = "unrolled-hb"
	}
	if e.Reverse > 0 && e.Reverse < e.Steps {
		return fmt.Sprintf("%s(%d, last %d)", name, e.Steps, e.Reverse)
	}
	return fmt.Sprintf("%s(%d)", name, e.Steps)
}

// unrolling is one estimate of an [Unrolled].
type unrolling struct {
	*session
	a, beta float64
	y, d    []float64 // the state; d is nil without momentum
	g       []float64
	first   float64 // ‖G‖ at the start
	size    float64 // and at the last state that was left
}

// Gradient implements [Estimator].
func (e *Unrolled) Gradient(ctx context.Context, p hypergrad.Problem, y, w, dst []float64) (rep Report, err error) {
	s, err := open(ctx, e, p, y, w, dst, &rep, &e.work)
	if err != nil {
		return rep, err
	}
	defer func() { err = s.close(err) }()
	if err := positive("Steps", e.Steps); err != nil {
		return rep, err
	}
	if e.Reverse < 0 || e.Every < 0 {
		return rep, fmt.Errorf("settings Reverse = %d and Every = %d must not be negative", e.Reverse, e.Every)
	}
	start, err := s.linearize(y)
	if err != nil {
		return rep, err
	}
	a, beta, err := start.step(stepRule{given: e.Step, unchecked: e.Unchecked, heavyBall: e.HeavyBall, momentum: e.Momentum})
	if err != nil {
		return rep, err
	}
	window := e.Steps
	if e.Reverse > 0 {
		window = min(window, e.Reverse)
	}
	state := 1 // vectors of a state
	if e.HeavyBall {
		state = 2
	}
	every := e.Every
	if every == 0 {
		every = int(math.Ceil(math.Sqrt(float64(state) * float64(window))))
	}
	every = min(every, window)
	segments := (window + every - 1) / every
	v := s.vectors(state*segments + every - 1 + state + 3 + state - 1)
	take := func(k int) (u [][]float64) {
		u, v = v[:k], v[k:]
		return u
	}
	kept, between := take(state*segments), take(every-1)
	u := &unrolling{session: s, a: a, beta: beta, y: take(1)[0], g: take(1)[0]}
	back := backward{bar: take(1)[0], h: take(1)[0]}
	if e.HeavyBall {
		u.d, back.dbar = take(1)[0], take(1)[0]
		clear(u.d)
		clear(back.dbar)
	}
	copy(u.y, y)

	// Forward: the last segment is kept as it goes.
	keep := func(k int) {
		copy(kept[k*state], u.y)
		if u.d != nil {
			copy(kept[k*state+1], u.d)
		}
	}
	for t := range e.Steps {
		if i := t - (e.Steps - window); i >= 0 {
			if i%every == 0 {
				keep(i / every)
			} else if i/every == segments-1 {
				copy(between[i%every-1], u.y)
			}
		}
		if err := u.forward(); err != nil {
			return rep, err
		}
		rep.InnerSteps++
	}
	if u.first > 0 {
		rep.InnerDecrease = u.size / u.first
	}
	if u.size > 2*u.first && rep.Note == "" {
		rep.Note = fmt.Sprintf("‖G‖ grew from %.3g to %.3g", u.first, u.size)
	}
	if err := s.loss(u.y, back.bar); err != nil {
		return rep, err
	}

	// Backward: from segment to segment, whose states are computed again.
	for k := segments - 1; k >= 0; k-- {
		length := min(every, window-k*every)
		if k < segments-1 {
			copy(u.y, kept[k*state])
			if u.d != nil {
				copy(u.d, kept[k*state+1])
			}
			for i := range length - 1 {
				if err := u.forward(); err != nil {
					return rep, err
				}
				copy(between[i], u.y)
			}
		}
		for i := length - 1; i >= 0; i-- {
			at := kept[k*state]
			if i > 0 {
				at = between[i-1]
			}
			if err := u.backward(&back, at, k == 0 && i == 0); err != nil {
				return rep, err
			}
		}
	}
	return rep, nil
}

// forward takes a step from the state.
func (u *unrolling) forward() error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	if err := u.p.Residual(u.ctx, u.g, u.y, u.w); err != nil {
		return fmt.Errorf("gradient: %w", err)
	}
	switch size := parallel.Norm(u.team, u.g); {
	case u.counts.gradients == 1 && finite(size):
		u.first, u.size = size, size
	case size > growthLimit*u.first || !finite(size):
		return diverged("the gradients of the inner problem", size, u.first, u.rep.InnerSteps)
	default:
		u.size = size
	}
	if u.d == nil {
		parallel.Axpy(u.team, u.y, -u.a, u.g)
		return nil
	}
	parallel.Axpby(u.team, u.d, -u.a, u.g, u.beta)
	parallel.Axpy(u.team, u.y, 1, u.d)
	return nil
}

// backward holds the adjoint state.
type backward struct {
	bar, dbar []float64 // ȳ, and d̄ with momentum
	h         []float64
}

// backward goes back over the step from y; before the first one nothing depends on w.
func (u *unrolling) backward(b *backward, y []float64, first bool) error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	at, err := u.linearize(y)
	if err != nil {
		return err
	}
	v := b.bar
	if b.dbar != nil {
		v = b.dbar
		parallel.Axpy(u.team, v, 1, b.bar)
	}
	if err := at.subtractMixed(u.a, v); err != nil || first {
		return err
	}
	if err := at.apply(b.h, v); err != nil {
		return err
	}
	parallel.Axpy(u.team, b.bar, -u.a, b.h)
	if b.dbar != nil {
		parallel.ScaleTo(u.team, v, u.beta, v)
	}
	return nil
}
