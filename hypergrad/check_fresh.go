package hypergrad

import (
	"fmt"
	"slices"

	"github.com/hgsolve/hgsolve/hvp/hvptest"
)

// state is what a linearisation says at one point, and what differences say.
type state struct {
	evaluation
	hv, wq []float64
}

// fresh walks to points where first w and then y has moved, in place, and
// compares what the problem says there with what it says about the same numbers
// in other memory, after it has been elsewhere; and with differences, which know
// nothing of the past.
func (c *problemChecker) fresh(f *hvptest.Finding) error {
	v := hvptest.RandomVector(c.opt.Seed, 0, c.ny)
	at := func(y, w []float64) (s state, err error) {
		if s.evaluation, err = c.evaluate(c.ctx, y, w, 0); err != nil {
			return s, err
		}
		lin, err := c.linearize(y, w)
		if err != nil {
			return s, err
		}
		if s.hv, err = c.mul(lin.Y, v); err != nil {
			return s, err
		}
		if c.nw > 0 {
			s.wq, err = c.mulTrans(lin.W, v)
		}
		return s, err
	}
	same := func(got, want *state) error {
		if err := got.same(&want.evaluation); err != nil {
			return err
		}
		if err := hvptest.SameBits(got.hv, want.hv); err != nil {
			return fmt.Errorf("the product with ∂G/∂y: %w", err)
		}
		if err := hvptest.SameBits(got.wq, want.wq); err != nil {
			return fmt.Errorf("the transposed product with ∂G/∂w: %w", err)
		}
		return nil
	}
	y, w := slices.Clone(c.y), slices.Clone(c.w)
	type point struct {
		y, w []float64
		what string
	}
	y2, w2 := c.moved(c.y, max(c.opt.Spread, 0.05)*rms(c.y), 1002), c.moved(c.w, 0.05*rms(c.w), 1004)
	points := []point{{c.y, c.w, ""}, {c.y, w2, "w has"}, {y2, w2, "y has"}}
	var states []state
	for k, p := range points {
		copy(y, p.y)
		copy(w, p.w)
		s, err := at(y, w)
		if err != nil {
			return err
		}
		states = append(states, s)
		if k == 0 {
			continue
		}
		// Elsewhere, then the same point in other memory.
		if _, err := at(slices.Clone(points[k-1].y), slices.Clone(points[k-1].w)); err != nil {
			return err
		}
		again, err := at(slices.Clone(p.y), slices.Clone(p.w))
		if err != nil {
			return err
		}
		if err := same(&s, &again); err != nil {
			return fmt.Errorf("after %s moved in place, against the same numbers in other memory: %w", p.what, err)
		}
	}
	// By differences: the product must follow where they move.
	var old slope
	for k, p := range points {
		t := taylor{d: states[k].hv, first: rms(p.y) / 8, tol: c.opt.Tol, f: func(dst []float64, t float64) error {
			return c.p.Residual(c.ctx, dst, c.combine(p.y, t, v), p.w)
		}}
		s, err := t.run()
		if err != nil {
			return err
		}
		if k > 0 {
			tol := max(c.opt.Tol*s.size, 4*(s.unsure+old.unsure))
			unmoved := hvptest.SameBits(states[k].hv, states[k-1].hv) == nil
			if moved := distance(s.quotient, old.quotient); unmoved && moved > 10*tol {
				return fmt.Errorf("after %s moved the product with ∂G/∂y is the same as before, though differences of the residual have changed by %.2g of %.2g", p.what, moved, s.size)
			}
			if old.err <= tol && s.err > 10*tol {
				return fmt.Errorf("after %s moved the product with ∂G/∂y is off by %.2g of %.2g; before it was right", p.what, s.err, s.size)
			}
		}
		old = s
	}
	return nil
}

// combine returns x + t·u.
func (c *problemChecker) combine(x []float64, t float64, u []float64) []float64 {
	p := make([]float64, len(x))
	for i, v := range x {
		p[i] = v + t*u[i]
	}
	return p
}
