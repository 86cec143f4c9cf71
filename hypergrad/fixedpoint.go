package hypergrad

import (
	"context"
	"errors"
)

// FixedPoint is a [Problem] given by closures: y(w) = Φ(y, w), that is G = y − Φ
// with ∂G/∂y = I − ∂Φ/∂y and ∂G/∂w = −∂Φ/∂w. Where Φ contracts, the fixed point
// is unique and iterating Φ finds it (Banach); the theorem only needs ∂G/∂y to be
// regular, that is no eigenvalue 1 of ∂Φ/∂y. Map and LossValue are required; what
// is left out is replaced as in [Root]. All closures must be safe for concurrent
// calls, set (never add to) their destination, and keep no slice.
//
// [Anderson] solves it by products with Φ alone, [Newton] by Newton–Krylov.
type FixedPoint struct {
	// NY and NW are the lengths of y and w.
	NY, NW int
	// Map sets dst = Φ(y, w), of length n_y.
	Map func(dst, y, w []float64) error
	// JVP sets dst = (∂Φ/∂y)·v and VJP dst = (∂Φ/∂y)ᵀ·q, all of length n_y.
	JVP, VJP func(dst, v, y, w []float64) error
	// JVPW sets dst = (∂Φ/∂w)·u, of length n_y, and VJPW dst = (∂Φ/∂w)ᵀ·q, of
	// length n_w.
	JVPW, VJPW func(dst, u, y, w []float64) error
	// LossValue returns ℓ(y, w) and sets dy = ∂ℓ/∂y and dw = ∂ℓ/∂w, both
	// always given and zero on entry.
	LossValue func(dy, dw, y, w []float64) (float64, error)
}

// Dims implements [Equation].
func (f *FixedPoint) Dims() (ny, nw int) { return f.NY, f.NW }

// Residual implements [Equation]: y − Φ(y, w).
func (f *FixedPoint) Residual(_ context.Context, dst, y, w []float64) error {
	if f.Map == nil {
		return errors.New("hypergrad: FixedPoint without Map")
	}
	return f.minus(dst, y, f.Map(dst, y, w))
}

// minus sets dst = x − dst, or −dst for a nil x, unless there was an error.
func (f *FixedPoint) minus(dst, x []float64, err error) error {
	if err != nil {
		return err
	}
	if x == nil {
		for i := range dst {
			dst[i] = -dst[i]
		}
		return nil
	}
	for i := range dst {
		dst[i] = x[i] - dst[i]
	}
	return nil
}

// Loss implements [Problem].
func (f *FixedPoint) Loss(_ context.Context, dy, dw, y, w []float64) (float64, error) {
	return lossOf("FixedPoint", f.LossValue, f.NY, f.NW, dy, dw, y, w)
}

// Linearize implements [Equation].
func (f *FixedPoint) Linearize(ctx context.Context, y, w []float64) (Linearization, error) {
	r := &Root{NY: f.NY, NW: f.NW, G: func(dst, y, w []float64) error { return f.Residual(ctx, dst, y, w) }}
	for _, d := range []struct {
		to    *func(dst, v, y, w []float64) error
		from  func(dst, v, y, w []float64) error
		minus bool
	}{{&r.JVP, f.JVP, true}, {&r.VJP, f.VJP, true}, {&r.JVPW, f.JVPW, false}, {&r.VJPW, f.VJPW, false}} {
		if d.from == nil {
			continue
		}
		*d.to = func(dst, v, y, w []float64) error {
			err := d.from(dst, v, y, w)
			if d.minus {
				return f.minus(dst, v, err)
			}
			return f.minus(dst, nil, err)
		}
	}
	return r.Linearize(ctx, y, w)
}

var _ Problem = (*FixedPoint)(nil)
