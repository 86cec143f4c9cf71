package hypergrad

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/krylov"
)

// OuterHessian is the Hessian d²L/dw² of L(w) = ℓ(y(w), w), an [hvp.Operator] for
// the Krylov methods, by central differences of hypergradients:
//
//	(d²L/dw²)·v ≈ ( p(w + h·v) − p(w − h·v) ) / 2h
//
// Each product solves the inner problem and the adjoint system twice, at w ± h·v,
// both from the y at w. The step balances truncation with the error η of the
// hypergradients, h ~ (3η/M₃)^{1/3}: η is the error bar at w relative to ‖p‖ (or the
// tolerance of the adjoint system, whichever is larger), and M₃ is not assumed but
// measured, by products with steps that differ by fours, as [hvp.FiniteDifference]
// does; so the set-up takes some ten pairs of solves. The error that is left is the
// [OuterHessian.Accuracy], relative to the product with a generic v; it can be about
// η^{2/3} at best. The result is not exactly symmetric; no solver should ask for less
// than ten times that accuracy.
//
// It is safe for concurrent use: products wait for each other, since they share the
// inner solver and the Estimator.
type OuterHessian struct {
	fd *hvp.FiniteDifference

	mu     sync.Mutex
	p      Problem
	inner  InnerSolver
	est    *Estimator
	y, at  []float64 // y(w) at the point, and the y that moves
	noise  float64
	solves int
}

// OuterHessianSettings are the choices of an [OuterHessian]. The zero value (or nil)
// works.
type OuterHessianSettings struct {
	// Inner solves the inner problem; its accuracy limits that of the products.
	// Nil means [Newton] to 1e-12 of the gradient at y = 0 or where its
	// rounding errors end, whichever comes first.
	Inner InnerSolver
	// Estimator computes the hypergradients; it belongs to the OuterHessian from
	// then on. Nil means a zero one with RTol = 1e-12.
	Estimator *Estimator
	// Step fixes h·‖v‖∞; zero means that it is measured.
	Step float64
	// Promise is what is known of d²L/dw²; zero means symmetric, as any Hessian.
	Promise hvp.Structure
}

// NewOuterHessian returns d²L/dw² at w, which it copies. y is a start for the inner
// problem, whose solution at w it becomes.
func NewOuterHessian(ctx context.Context, p Problem, y, w []float64, s *OuterHessianSettings) (*OuterHessian, error) {
	if s == nil {
		s = &OuterHessianSettings{}
	}
	ny, nw := p.Dims()
	if err := checkLengths(length{"y", len(y), ny}, length{"w", len(w), nw}); err != nil {
		return nil, err
	}
	h := &OuterHessian{p: p, inner: s.Inner, est: s.Estimator, at: make([]float64, ny)}
	if h.inner == nil {
		h.inner = &sharpNewton{Newton: Newton{Polish: true}}
	}
	if h.est == nil {
		h.est = &Estimator{Settings: krylov.Settings{RTol: 1e-12}}
	}
	w = append([]float64(nil), w...)
	if _, err := h.inner.Solve(ctx, p, y, w); err != nil {
		return nil, fmt.Errorf("hypergrad: outer Hessian: %w", err)
	}
	h.y = append([]float64(nil), y...)

	// How wrong are hypergradients?
	h.est.NoErrorBar = false
	rep, err := h.est.Gradient(ctx, p, h.y, w, make([]float64, nw))
	if err != nil {
		return nil, fmt.Errorf("hypergrad: outer Hessian: %w", err)
	}
	h.est.NoErrorBar = true // the step measures errors from here on
	h.noise = rep.ProductAccuracy + rep.MixedAccuracy
	if slices.Contains(rep.Warnings, rep.Error.Note) {
		return nil, fmt.Errorf("hypergrad: outer Hessian: %s", rep.Error.Note)
	}
	if rep.Error.Trusted && rep.GradNorm > 0 {
		h.noise = max(h.noise, rep.Error.Estimate/rep.GradNorm)
	} else if !rep.Error.Trusted {
		return nil, fmt.Errorf("hypergrad: outer Hessian: %w: %s", ErrInnerNotStationary, rep.Error.Note)
	}
	h.noise = max(0x1p-50, min(h.noise, 0.1))

	promise := s.Promise
	if promise == 0 {
		promise = hvp.Symmetric
	}
	h.fd, err = hvp.NewFiniteDifference(ctx, h.gradient, w, &hvp.FiniteDifferenceSettings{Noise: h.noise, Step: s.Step, Promise: promise})
	if err != nil {
		return nil, fmt.Errorf("hypergrad: outer Hessian: %w", err)
	}
	return h, nil
}

// sharpNewton solves to 1e-12 of the gradient at y = 0 or at the start; near the end of
// what rounding errors allow it takes what it gets.
type sharpNewton struct {
	Newton
	zero, g []float64
}

// Solve implements [InnerSolver].
func (n *sharpNewton) Solve(ctx context.Context, eq Equation, y, w []float64) (InnerResult, error) {
	n.zero, n.g = parallel.Grow(n.zero, len(y)), parallel.Grow(n.g, len(y))
	clear(n.zero)
	n.ATol = 0
	for _, at := range [2][]float64{n.zero, y} {
		if err := eq.Residual(ctx, n.g, at, w); err != nil {
			return InnerResult{}, fmt.Errorf("hypergrad: gradient: %w", err)
		}
		n.ATol = max(n.ATol, 1e-12*parallel.Norm(parallel.FromContext(ctx), n.g))
	}
	res, err := n.Newton.Solve(ctx, eq, y, w)
	var stuck *NotStationaryError
	if errors.As(err, &stuck) && stuck.GradNorm <= 1e3*n.ATol {
		return res, nil // the error bar says what it is worth
	}
	return res, err
}

// gradient sets dst = p(w).
func (h *OuterHessian) gradient(ctx context.Context, dst, w []float64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	copy(h.at, h.y)
	if _, err := h.inner.Solve(ctx, h.p, h.at, w); err != nil {
		return err
	}
	h.solves++
	_, err := h.est.Gradient(ctx, h.p, h.at, w, dst)
	return err
}

// Dims implements [hvp.Operator].
func (h *OuterHessian) Dims() (rows, cols int) { return h.fd.Dims() }

// Structure implements [hvp.Structured].
func (h *OuterHessian) Structure() hvp.Structure { return h.fd.Structure() }

// Accuracy implements [hvp.Approximate].
func (h *OuterHessian) Accuracy() float64 { return h.fd.Accuracy() }

// Apply implements [hvp.Operator]: two inner solves and two hypergradients.
func (h *OuterHessian) Apply(ctx context.Context, dst, v []float64) error {
	return h.fd.Apply(ctx, dst, v)
}

// Step returns h·‖v‖∞.
func (h *OuterHessian) Step() float64 { return h.fd.Step() }

// Noise returns the relative error of a hypergradient at w by its error bar.
func (h *OuterHessian) Noise() float64 { return h.noise }

// Solves returns how many inner problems have been solved so far.
func (h *OuterHessian) Solves() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.solves
}

var (
	_ hvp.Operator    = (*OuterHessian)(nil)
	_ hvp.Structured  = (*OuterHessian)(nil)
	_ hvp.Approximate = (*OuterHessian)(nil)
)
