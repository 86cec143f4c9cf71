package hypergrad

import (
	"context"
	"errors"

	"github.com/hgsolve/hgsolve/hvp"
)

// Funcs is a [Problem] given by closures: y(w) = argmin E(y, w) with G = ∂E/∂y.
// Gradient and LossValue are required. All closures must be safe for concurrent calls,
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
	// are used: two gradients per product and about ten to find the step, for
	// some nine digits ([hvp.FiniteDifference]).
	HVP func(dst, v, y, w []float64) error
	// Diag sets dst to the diagonal of the Hessian; optional, for Jacobi.
	Diag func(dst, y, w []float64) error
	// GradientW sets dst = ∂E/∂w, of length n_w; optional. It replaces Mixed: a
	// difference of it along q is the mixed product, two evaluations for any
	// n_w ([hvp.MixedDifference]).
	GradientW func(dst, y, w []float64) error
	// Mixed sets dst = (∂²E/∂w∂yᵀ)·q, of length n_w. Without it and without
	// GradientW the transpose of n_w directional differences of Gradient is
	// used: 2·n_w gradients.
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
	lin.W, err = f.mixedOperator(y, w)
	return lin, err
}

// mixedOperator returns ∂G/∂w from the closures that there are and differences
// for the rest.
func (f *Funcs) mixedOperator(y, w []float64) (hvp.Operator, error) {
	given := &hvp.Func{Rows: f.NY, Cols: columns(f.NW)}
	if f.MixedTrans != nil {
		given.Mul = func(_ context.Context, dst, u []float64) error { return f.MixedTrans(dst, u, y, w) }
	}
	if f.Mixed != nil {
		given.MulTrans = func(_ context.Context, dst, q []float64) error { return f.Mixed(dst, q, y, w) }
	}
	if f.Mixed != nil && f.MixedTrans != nil {
		return given, nil
	}
	var gradW hvp.PairField
	if f.GradientW != nil {
		gradW = func(_ context.Context, dst, y, w []float64) error { return f.GradientW(dst, y, w) }
	}
	d, err := hvp.NewMixedDifference(f.Residual, gradW, y, w, nil)
	if err != nil || f.Mixed == nil && f.MixedTrans == nil {
		return d, err
	}
	half := halfMixed{Func: given, d: d, exactTrans: f.Mixed != nil}
	if f.Mixed == nil {
		given.MulTrans = d.ApplyTrans
	} else {
		given.Mul = d.Apply
	}
	return half, nil
}

// halfMixed is ∂G/∂w with one product given and the other by differences.
type halfMixed struct {
	*hvp.Func
	d          *hvp.MixedDifference
	exactTrans bool
}

// Accuracy implements [hvp.Approximate].
func (h halfMixed) Accuracy() float64 { return h.d.Accuracy() }

// TransAccuracy is the accuracy of the transpose alone.
func (h halfMixed) TransAccuracy() float64 {
	if h.exactTrans {
		return 0
	}
	return h.d.TransAccuracy()
}

var (
	_ Problem = (*Funcs)(nil)
	_ Energy  = (*Funcs)(nil)
)
