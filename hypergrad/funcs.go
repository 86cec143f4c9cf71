package hypergrad

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Funcs is a [Problem] given by closures: y(w) = argmin E(y, w) with G = ∂E/∂y.
// Gradient and Loss are required. All closures must be safe for concurrent calls,
// set (never add to) their destination, and keep no slice.
type Funcs struct {
	// NY and NW are the lengths of y and w.
	NY, NW int
	// EnergyValue returns E(y, w). Without it [Newton] searches along its
	// directions for a smaller gradient instead of a smaller energy.
	EnergyValue func(y, w []float64) (float64, error)
	// Gradient sets dst = ∂E/∂y.
	Gradient func(dst, y, w []float64) error
	// HVP sets dst = (∂²E/∂y∂yᵀ)·v. Without it central differences of Gradient
	// are used: two gradients per product, about ten digits.
	HVP func(dst, v, y, w []float64) error
	// Diag sets dst to the diagonal of the Hessian; optional, for Jacobi.
	Diag func(dst, y, w []float64) error
	// Mixed sets dst = (∂²E/∂w∂yᵀ)·q, of length n_w. Without it the transpose
	// of n_w directional differences of Gradient is used: 2·n_w gradients.
	Mixed func(dst, q, y, w []float64) error
	// MixedTrans sets dst = (∂²E/∂y∂wᵀ)·u, of length n_y, for tangents.
	// Without it a central difference of Gradient along u is used.
	MixedTrans func(dst, u, y, w []float64) error
	// LossValue returns ℓ(y, w) and sets dy = ∂ℓ/∂y and dw = ∂ℓ/∂w, both
	// always given and zero on entry.
	LossValue func(dy, dw, y, w []float64) (float64, error)
	// Structure is what is known of the Hessian; zero means hvp.Semidefinite,
	// which holds at any minimiser.
	Structure hvp.Structure
}

// Dims implements [Equation].
func (f *Funcs) Dims() (ny, nw int) { return f.NY, f.NW }

// Residual implements [Equation].
func (f *Funcs) Residual(_ context.Context, dst, y, w []float64) error {
	if f.Gradient == nil {
		return errors.New("hypergrad: Funcs without Gradient")
	}
	return f.Gradient(dst, y, w)
}

// Energy implements [Energy]; it fails without EnergyValue.
func (f *Funcs) Energy(_ context.Context, y, w []float64) (float64, error) {
	if f.EnergyValue == nil {
		return 0, errNoEnergy
	}
	return f.EnergyValue(y, w)
}

var errNoEnergy = errors.New("hypergrad: Funcs without EnergyValue")

// Loss implements [Problem].
func (f *Funcs) Loss(_ context.Context, dy, dw, y, w []float64) (float64, error) {
	if f.LossValue == nil {
		return 0, errors.New("hypergrad: Funcs without LossValue")
	}
	if dy == nil {
		dy = make([]float64, f.NY)
	}
	if dw == nil {
		dw = make([]float64, f.NW)
	}
	clear(dy)
	clear(dw)
	return f.LossValue(dy, dw, y, w)
}

// Linearize implements [Equation].
func (f *Funcs) Linearize(ctx context.Context, y, w []float64) (lin Linearization, err error) {
	structure := f.Structure
	if structure == 0 {
		structure = hvp.Semidefinite
	}
	if f.HVP == nil {
		lin.Y, err = hvp.NewFiniteDifference(ctx, func(ctx context.Context, dst, y []float64) error {
			return f.Residual(ctx, dst, y, w)
		}, y, &hvp.FiniteDifferenceSettings{Promise: structure})
		if err != nil {
			return lin, err
		}
	} else {
		h := &hvp.Func{Rows: f.NY, Promise: structure, Mul: func(_ context.Context, dst, v []float64) error {
			return f.HVP(dst, v, y, w)
		}}
		if f.Diag != nil {
			h.Diagonal = func(dst []float64) error { return f.Diag(dst, y, w) }
		}
		lin.Y = h
	}
	mixed := &hvp.Func{Rows: f.NY, Cols: f.NW,
		Mul: func(ctx context.Context, dst, u []float64) error {
			if f.MixedTrans != nil {
				return f.MixedTrans(dst, u, y, w)
			}
			return f.differenceAlong(ctx, dst, u, y, w)
		},
		MulTrans: func(ctx context.Context, dst, q []float64) error {
			if f.Mixed != nil {
				return f.Mixed(dst, q, y, w)
			}
			return f.differencesIn(ctx, dst, q, y, w)
		},
	}
	lin.W = mixed
	if f.Mixed == nil || f.MixedTrans == nil {
		lin.W = differenced{mixed}
	}
	return lin, nil
}

// differenced is an operator at least one direction of which is made of central
// differences.
type differenced struct{ *hvp.Func }

// Accuracy returns the relative error to expect, as
// [hvp.FiniteDifference.Accuracy] does.
func (differenced) Accuracy() float64 { return math.Pow(0x1p-52, 2./3) }

// differenceAlong sets dst = (G(y, w+h·u) − G(y, w−h·u))/2h with the step of
// [hvp.FiniteDifference].
func (f *Funcs) differenceAlong(ctx context.Context, dst, u, y, w []float64) error {
	team := parallel.FromContext(ctx)
	norm := parallel.Norm(team, u)
	if norm == 0 {
		clear(dst)
		return nil
	}
	h := math.Cbrt(0x1p-52) * (1 + parallel.Norm(team, w)) / norm
	point, minus := make([]float64, f.NW), make([]float64, f.NY)
	for i := range w {
		point[i] = w[i] + h*u[i]
	}
	if err := f.Residual(ctx, dst, y, point); err != nil {
		return err
	}
	for i := range w {
		point[i] = w[i] - h*u[i]
	}
	if err := f.Residual(ctx, minus, y, point); err != nil {
		return err
	}
	parallel.Axpby(team, dst, -0.5/h, minus, 0.5/h)
	return nil
}

// differencesIn sets dst[j] = qᵀ·∂G/∂w_j, one difference at a time.
func (f *Funcs) differencesIn(ctx context.Context, dst, q, y, w []float64) error {
	unit, column := make([]float64, f.NW), make([]float64, f.NY)
	for j := range dst {
		if err := ctx.Err(); err != nil {
			return err
		}
		unit[j] = 1
		if err := f.differenceAlong(ctx, column, unit, y, w); err != nil {
			return fmt.Errorf("difference in w[%d]: %w", j, err)
		}
		unit[j] = 0
		dst[j] = parallel.Dot(parallel.FromContext(ctx), column, q)
	}
	return nil
}

var (
	_ Problem = (*Funcs)(nil)
	_ Energy  = (*Funcs)(nil)
)
