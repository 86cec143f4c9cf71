package hypergrad

import (
	"context"
	"errors"
	"fmt"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Constrained is a [Problem] given by closures: the minimiser of an energy under
// equality constraints,
//
//	y(w) = argmin F(y, w)  subject to  c(y, w) = 0,   m constraints for n unknowns
//
// With the Lagrangian Λ = F + μᵀc its unknowns are z = (y, μ), of length n + m, and
//
//	G = ( ∂F/∂y + Aᵀμ, c ),   ∂G/∂z = [ H  Aᵀ ; A  0 ],   A = ∂c/∂y,   H = ∂²Λ/∂y∂yᵀ
//
// which is symmetric and indefinite ([hvp.KKT]): [Newton] finds z by MINRES, and
// so does an [Estimator] the adjoint. A tangent dz/dw·u holds dy/dw·u and
// dμ/dw·u. ∂G/∂z is regular where the rows of A are independent and H is definite
// on the null space of A (Fiacco, Introduction to Sensitivity and Stability
// Analysis in Nonlinear Programming, 1983; Gould, Hribar & Nocedal, SIAM J. Sci.
// Comput. 23, 2001, doi:10.1137/S1064827598345667). Newton's iteration finds
// stationary points of Λ, which may be maxima: it does not look at F.
//
// Inequalities c(y, w) ≤ 0 become equations with slack variables, c + s = 0, that
// [Bounds] keeps at s ≥ 0.
//
// Gradient, Constraint and either Operators or Jacobian and JacobianTrans are
// required. All closures must be safe for concurrent calls, set (never add to)
// their destination, and keep no slice. Below, len(y) = n, len(mu) = m.
type Constrained struct {
	// N, M and NW are the numbers of unknowns, constraints and parameters.
	N, M, NW int
	// Value returns F(y, w) and sets dw = ∂F/∂w, which is zero on entry; it is
	// used only where LossValue is nil.
	Value func(dw, y, w []float64) (float64, error)
	// Gradient sets dst = ∂F/∂y, of length n.
	Gradient func(dst, y, w []float64) error
	// Constraint sets dst = c(y, w), of length m.
	Constraint func(dst, y, w []float64) error
	// Jacobian sets dst = A·v, of length m, and JacobianTrans dst = Aᵀ·mu, of
	// length n.
	Jacobian      func(dst, v, y, w []float64) error
	JacobianTrans func(dst, mu, y, w []float64) error
	// HVP sets dst = (∂²F/∂y∂yᵀ)·v and Curvature dst = (Σ μ_i·∂²c_i/∂y∂yᵀ)·v, both
	// of length n. Affine says that c is affine in y: there is no Curvature.
	// Where HVP is nil, or Curvature is without Affine, products with H are
	// differences of ∂Λ/∂y.
	HVP       func(dst, v, y, w []float64) error
	Curvature func(dst, v, mu, y, w []float64) error
	Affine    bool
	// Operators returns H and A in place of the products above; with sparse
	// matrices, preconditioners have entries to work on. A needs a transpose.
	Operators func(ctx context.Context, y, mu, w []float64) (h, a hvp.Operator, err error)
	// JVPW sets dst = (∂G/∂w)·u, of length n + m, and VJPW dst = (∂G/∂w)ᵀ·q, of
	// length n_w, the derivative in w of q_yᵀ(∂F/∂y + Aᵀμ) + q_μᵀc, for a q of
	// length n + m. They are replaced as in [Root].
	JVPW, VJPW func(dst, u, y, mu, w []float64) error
	// LossValue returns ℓ(z, w) and sets dz = ∂ℓ/∂z, the first n of y and the
	// others of the multipliers, and dw = ∂ℓ/∂w, both always given and zero on
	// entry. Nil means ℓ = F, the optimal value, whose derivative is ∂Λ/∂w.
	LossValue func(dz, dw, z, w []float64) (float64, error)
	// Structure is what is known of ∂G/∂z beyond its symmetry: hvp.Singular
	// where constraints may be dependent, so that the shortest multipliers are
	// meant (see [ErrUndefined]).
	Structure hvp.Structure
}

// Dims implements [Equation]: n + m unknowns.
func (c *Constrained) Dims() (ny, nw int) { return c.N + c.M, c.NW }

// Split returns the parts y and μ of z, which share its memory.
func (c *Constrained) Split(z []float64) (y, mu []float64) { return z[:c.N:c.N], z[c.N:] }

// Residual implements [Equation].
func (c *Constrained) Residual(ctx context.Context, dst, z, w []float64) error {
	if c.Gradient == nil || c.Constraint == nil {
		return errors.New("hypergrad: Constrained without Gradient or Constraint")
	}
	y, mu := c.Split(z)
	top, bottom := c.Split(dst)
	if err := c.lagrange(ctx, top, y, mu, w); err != nil {
		return err
	}
	if c.M == 0 {
		return nil
	}
	return c.Constraint(bottom, y, w)
}

// lagrange sets dst = ∂Λ/∂y.
func (c *Constrained) lagrange(ctx context.Context, dst, y, mu, w []float64) error {
	if err := c.Gradient(dst, y, w); err != nil || c.M == 0 {
		return err
	}
	pull := make([]float64, c.N)
	switch {
	case c.JacobianTrans != nil:
		if err := c.JacobianTrans(pull, mu, y, w); err != nil {
			return err
		}
	case c.Operators != nil:
		_, a, err := c.Operators(ctx, y, mu, w)
		if err != nil {
			return err
		}
		t, ok := hvp.Trans(a)
		if !ok {
			return fmt.Errorf("hypergrad: Constrained: the Jacobian (a %T) has no transpose product", a)
		}
		if err := t.ApplyTrans(ctx, pull, mu); err != nil {
			return err
		}
	default:
		return errNoJacobian
	}
	parallel.Axpy(parallel.FromContext(ctx), dst, 1, pull)
	return nil
}

var errNoJacobian = errors.New("hypergrad: Constrained needs Operators, or Jacobian and JacobianTrans")

// Loss implements [Problem].
func (c *Constrained) Loss(_ context.Context, dz, dw, z, w []float64) (float64, error) {
	loss := c.LossValue
	if loss == nil {
		if c.Value == nil {
			return 0, errors.New("hypergrad: Constrained without LossValue and Value")
		}
		loss = func(dz, dw, z, w []float64) (float64, error) {
			y, _ := c.Split(z)
			dy, _ := c.Split(dz)
			if err := c.Gradient(dy, y, w); err != nil {
				return 0, err
			}
			return c.Value(dw, y, w)
		}
	}
	return lossOf("Constrained", loss, c.N+c.M, c.NW, dz, dw, z, w)
}

// Linearize implements [Equation].
func (c *Constrained) Linearize(ctx context.Context, z, w []float64) (lin Linearization, err error) {
	y, mu := c.Split(z)
	h, a, err := c.operators(ctx, y, mu, w)
	if err != nil {
		return lin, err
	}
	if c.M == 0 {
		lin.Y = h
	} else if lin.Y, err = hvp.KKT(h, a, nil); err != nil {
		return lin, err
	}
	if c.Structure != 0 {
		lin.Y = hvp.WithStructure(lin.Y, hvp.StructureOf(lin.Y)|c.Structure)
	}
	at := func(f func(dst, u, y, mu, w []float64) error) product {
		if f == nil {
			return nil
		}
		return func(_ context.Context, dst, u []float64) error { return f(dst, u, y, mu, w) }
	}
	lin.W, err = newPartial(c.N+c.M, c.NW, 0, at(c.JVPW), at(c.VJPW), func() (hvp.Operator, error) {
		return hvp.NewMixedDifference(c.Residual, nil, z, w, nil)
	})
	return lin, err
}

// operators returns H and A.
func (c *Constrained) operators(ctx context.Context, y, mu, w []float64) (h, a hvp.Operator, err error) {
	if c.Operators != nil {
		return c.Operators(ctx, y, mu, w)
	}
	if c.M > 0 && (c.Jacobian == nil || c.JacobianTrans == nil) {
		return nil, nil, errNoJacobian
	}
	a = &hvp.Func{Rows: c.M, Cols: c.N,
		Mul:      func(_ context.Context, dst, v []float64) error { return c.Jacobian(dst, v, y, w) },
		MulTrans: func(_ context.Context, dst, q []float64) error { return c.JacobianTrans(dst, q, y, w) },
	}
	flat := c.Affine || c.M == 0
	if c.HVP == nil || c.Curvature == nil && !flat {
		h, err = hvp.NewFiniteDifference(ctx, func(ctx context.Context, dst, y []float64) error {
			return c.lagrange(ctx, dst, y, mu, w)
		}, y, &hvp.FiniteDifferenceSettings{Promise: hvp.Symmetric})
		return h, a, err
	}
	var scratch parallel.Scratch
	return &hvp.Func{Rows: c.N, Promise: hvp.Symmetric, Mul: func(ctx context.Context, dst, v []float64) error {
		if err := c.HVP(dst, v, y, w); err != nil || flat {
			return err
		}
		bend := scratch.Get(c.N)
		defer scratch.Put(bend)
		if err := c.Curvature(*bend, v, mu, y, w); err != nil {
			return err
		}
		parallel.Axpy(parallel.FromContext(ctx), dst, 1, *bend)
		return nil
	}}, a, nil
}

var _ Problem = (*Constrained)(nil)
