package hypergrad

import (
	"context"
	"errors"

	"github.com/hgsolve/hgsolve/hvp"
)

// Root is a [Problem] given by closures: y(w) solves G(y, w) = 0, n_y equations
// for n_y unknowns, with no energy behind them: ∂G/∂y need not be symmetric.
// G and LossValue are required. All closures must be safe for concurrent
// calls, set (never add to) their destination, and keep no slice.
//
// What is left out is replaced by differences and by columns:
//
//	JVP, JVPW    central differences of G, good for some nine digits
//	VJP, VJPW    n_y or n_w products, once per linearisation, and n_y² or n_y·n_w
//	             numbers to keep them (at most 2²⁴: more is an error)
//
// so that a small problem needs G alone, and a large one should give all four.
// [Newton] solves it, by GMRES unless Structure promises more.
type Root struct {
	// NY and NW are the lengths of y and w.
	NY, NW int
	// G sets dst = G(y, w), of length n_y.
	G func(dst, y, w []float64) error
	// JVP sets dst = (∂G/∂y)·v and VJP dst = (∂G/∂y)ᵀ·q, all of length n_y.
	JVP, VJP func(dst, v, y, w []float64) error
	// JVPW sets dst = (∂G/∂w)·u, of length n_y, and VJPW dst = (∂G/∂w)ᵀ·q, of
	// length n_w.
	JVPW, VJPW func(dst, u, y, w []float64) error
	// LossValue returns ℓ(y, w) and sets dy = ∂ℓ/∂y and dw = ∂ℓ/∂w, both
	// always given and zero on entry.
	LossValue func(dy, dw, y, w []float64) (float64, error)
	// Structure is what is known of ∂G/∂y; zero promises nothing. With
	// hvp.Symmetric there is no need for VJP.
	Structure hvp.Structure
}

// Dims implements [Equation].
func (r *Root) Dims() (ny, nw int) { return r.NY, r.NW }

// Residual implements [Equation].
func (r *Root) Residual(_ context.Context, dst, y, w []float64) error {
	if r.G == nil {
		return errors.New("hypergrad: Root without G")
	}
	return r.G(dst, y, w)
}

// Loss implements [Problem].
func (r *Root) Loss(_ context.Context, dy, dw, y, w []float64) (float64, error) {
	return lossOf("Root", r.LossValue, r.NY, r.NW, dy, dw, y, w)
}

// lossOf calls the closure f of a type as it expects it.
func lossOf(owner string, f func(dy, dw, y, w []float64) (float64, error), ny, nw int, dy, dw, y, w []float64) (float64, error) {
	if f == nil {
		return 0, errors.New("hypergrad: " + owner + " without LossValue")
	}
	if dy == nil {
		dy = make([]float64, ny)
	}
	if dw == nil {
		dw = make([]float64, nw)
	}
	clear(dy)
	clear(dw)
	return f(dy, dw, y, w)
}

// Linearize implements [Equation].
func (r *Root) Linearize(ctx context.Context, y, w []float64) (lin Linearization, err error) {
	at := func(f func(dst, v, y, w []float64) error) product {
		if f == nil {
			return nil
		}
		return func(_ context.Context, dst, v []float64) error { return f(dst, v, y, w) }
	}
	lin.Y, err = newPartial(r.NY, r.NY, r.Structure, at(r.JVP), at(r.VJP), func() (hvp.Operator, error) {
		return hvp.NewFiniteDifference(ctx, func(ctx context.Context, dst, y []float64) error {
			return r.Residual(ctx, dst, y, w)
		}, y, &hvp.FiniteDifferenceSettings{Promise: r.Structure})
	})
	if err != nil {
		return lin, err
	}
	lin.W, err = newPartial(r.NY, r.NW, 0, at(r.JVPW), at(r.VJPW), func() (hvp.Operator, error) {
		return hvp.NewMixedDifference(r.Residual, nil, y, w, nil)
	})
	return lin, err
}

var _ Problem = (*Root)(nil)
