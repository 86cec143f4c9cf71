package hypergrad

import "context"

// Bounds is a [Problem] on a box: the problem within it, with lo ≤ y ≤ hi. For an
// energy, y(w) = argmin E(y, w) over the box; in general y solves the
// complementarity problem
//
//	y_i = lo_i and G_i ≥ 0,   or   lo_i ≤ y_i ≤ hi_i and G_i = 0,   or   y_i = hi_i and G_i ≤ 0
//
// so that of a [Constrained] problem with bounds on its unknowns, and so also of
// inequalities with slack variables and of the simplex, this is the full system of
// optimality.
//
// Where strict complementarity holds (no G_i = 0 at a bound), the active variables,
// those at a bound, stay there for small changes of w, dy_i/dw = 0, and the others
// obey the implicit function theorem on the face,
//
//	(∂G/∂y)_FF·dy_F/dw = −(∂G/∂w)_F
//
// (Fiacco, Math. Program. 10, 1976, doi:10.1007/BF01580677; Bertrand et al., ICML
// 2020, arXiv 2002.08943, for nonsmooth regularisers). This is what Linearize
// returns, in all n_y variables. At a change of the set dy/dw jumps: [ActiveSet]
// tells how far that is, and Diagnose warns.
//
// Residual is the projected gradient (Calamai & Moré, Math. Program. 39, 1987,
// doi:10.1007/BF02592073), zero exactly at a solution; a y outside of the box is an
// error. Loss returns ∂ℓ/∂y along the face: zero for active variables, which cannot
// move. [ActiveSetNewton] finds y.
type Bounds struct {
	// Problem is the problem without bounds.
	Problem
	// Lower and Upper are the bounds of the first unknowns; those beyond their
	// lengths have none, and so do infinite ones.
	Lower, Upper []float64
	// Tol is the distance to a bound, relative to the larger of the bound and
	// max |y_i|, below which a variable is at it; zero means 1e-10.
	Tol float64
	// WeakTol is the relative margin below which Diagnose warns; see
	// [ActiveSet]. Zero means 1e-6.
	WeakTol float64
}

func (b *Bounds) at([]float64) (*composite, error) {
	return newComposite("Bounds", b.Problem, b.Lower, b.Upper, b.Tol, b.WeakTol)
}

// Residual implements [Equation]; see [Bounds].
func (b *Bounds) Residual(ctx context.Context, dst, y, w []float64) error {
	c, err := b.at(w)
	if err != nil {
		return err
	}
	return c.residual(ctx, dst, y, w)
}

// Loss implements [Problem]; see [Bounds].
func (b *Bounds) Loss(ctx context.Context, dy, dw, y, w []float64) (float64, error) {
	c, err := b.at(w)
	if err != nil {
		return 0, err
	}
	return c.loss(ctx, dy, dw, y, w)
}

// Linearize implements [Equation]; see [Bounds].
func (b *Bounds) Linearize(ctx context.Context, y, w []float64) (Linearization, error) {
	c, err := b.at(w)
	if err != nil {
		return Linearization{}, err
	}
	return c.linearize(ctx, y, w)
}

// ActiveSet describes the active variables at a solution y.
func (b *Bounds) ActiveSet(ctx context.Context, y, w []float64) (*ActiveSet, error) {
	return newActiveSet(ctx, b, y, w)
}

// Diagnose implements [Diagnoser].
func (b *Bounds) Diagnose(ctx context.Context, y, w []float64) ([]string, error) {
	return diagnose(ctx, b, y, w)
}

var (
	_ nonsmooth = (*Bounds)(nil)
	_ Diagnoser = (*Bounds)(nil)
)
