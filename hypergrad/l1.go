package hypergrad

import (
	"context"
	"errors"
	"fmt"

	"github.com/hgsolve/hgsolve/hvp"
)

// L1 is a [Problem] with an ℓ₁ penalty, weighted variable by variable,
//
//	y(w) = argmin E(y, w) + Σ λ_i(w)·|y_i|
//
// for E the energy of the problem within: the lasso, the weighted lasso, and with
// a ridge in E the elastic net. On the support S, where y_i ≠ 0,
//
//	H_SS·dy_S/dw = −(∂²E/∂y∂w)_S − diag(sign y_S)·(∂λ/∂w)_S,   dy_i/dw = 0 off it
//
// (Bertrand et al., Implicit differentiation of Lasso-type models, ICML 2020, arXiv
// 2002.08943; Dossal et al., Statistica Sinica 23, 2013, arXiv 1111.1162). It needs
// |∂E/∂y_i| < λ_i off the support and H_SS regular; [ActiveSet] reports the margins.
//
// Residual is the subgradient of minimum norm, zero exactly at a solution. Loss
// returns ∂ℓ/∂y on the support. [ActiveSetNewton] finds y. λ_i = 0 leaves a variable
// without penalty; y_i must be nonnegative where Lower says so.
type L1 struct {
	// Problem is the smooth part.
	Problem
	// Weights sets lambda = λ(w), of length n_y, all ≥ 0.
	Weights func(lambda, w []float64) error
	// WeightsJVP sets dst = (∂λ/∂w)·u, of length n_y, and WeightsVJP dst =
	// (∂λ/∂w)ᵀ·q, of length n_w. They are replaced as in [Root].
	WeightsJVP, WeightsVJP func(dst, u, w []float64) error
	// Lower and Upper are bounds as in [Bounds].
	Lower, Upper []float64
	// Tol and WeakTol are as in [Bounds]; Tol says what counts as zero,
	// relative to max |y_i|.
	Tol, WeakTol float64
}

func (l *L1) at(w []float64) (*composite, error) {
	c, err := newComposite("L1", l.Problem, l.Lower, l.Upper, l.Tol, l.WeakTol)
	if err != nil {
		return nil, err
	}
	if l.Weights == nil {
		return nil, errors.New("hypergrad: L1 without Weights")
	}
	c.lambda = make([]float64, c.ny)
	if err := l.Weights(c.lambda, w); err != nil {
		return nil, err
	}
	for i, v := range c.lambda {
		if !(v >= 0) || v > 1e300 {
			return nil, fmt.Errorf("hypergrad: L1: λ[%d] = %v", i, v)
		}
		if v > 0 && c.lo[i] > 0 || v > 0 && c.hi[i] < 0 {
			return nil, fmt.Errorf("hypergrad: L1: the bounds %v … %v of y[%d] exclude zero", c.lo[i], c.hi[i], i)
		}
	}
	c.weightsAt = l.Weights
	c.lambdaW = func(ctx context.Context, w []float64) (hvp.Operator, error) {
		at := func(f func(dst, u, w []float64) error) product {
			if f == nil {
				return nil
			}
			return func(_ context.Context, dst, u []float64) error { return f(dst, u, w) }
		}
		return newPartial(c.ny, c.nw, 0, at(l.WeightsJVP), at(l.WeightsVJP), func() (hvp.Operator, error) {
			return hvp.NewMixedDifference(func(_ context.Context, dst, _, w []float64) error { return l.Weights(dst, w) }, nil, c.lambda, w, nil)
		})
	}
	return c, nil
}

// Residual implements [Equation]; see [L1].
func (l *L1) Residual(ctx context.Context, dst, y, w []float64) error {
	c, err := l.at(w)
	if err != nil {
		return err
	}
	return c.residual(ctx, dst, y, w)
}

// Loss implements [Problem]; see [L1].
func (l *L1) Loss(ctx context.Context, dy, dw, y, w []float64) (float64, error) {
	c, err := l.at(w)
	if err != nil {
		return 0, err
	}
	return c.loss(ctx, dy, dw, y, w)
}

// Linearize implements [Equation]; see [L1].
func (l *L1) Linearize(ctx context.Context, y, w []float64) (Linearization, error) {
	c, err := l.at(w)
	if err != nil {
		return Linearization{}, err
	}
	return c.linearize(ctx, y, w)
}

// ActiveSet describes the support at a solution y.
func (l *L1) ActiveSet(ctx context.Context, y, w []float64) (*ActiveSet, error) {
	return newActiveSet(ctx, l, y, w)
}

// Diagnose implements [Diagnoser].
func (l *L1) Diagnose(ctx context.Context, y, w []float64) ([]string, error) {
	return diagnose(ctx, l, y, w)
}

var (
	_ nonsmooth = (*L1)(nil)
	_ Diagnoser = (*L1)(nil)
)
