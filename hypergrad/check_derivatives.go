package hypergrad

import (
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
)

// compare runs one Taylor comparison per direction and keeps the worst. each
// returns the comparison along random vector number k and its name.
func (c *problemChecker) compare(f *hvptest.Finding, each func(k int) (taylor, string, error)) error {
	f.Tol = c.opt.Tol
	worst := -1.0
	for k := range c.opt.Directions {
		t, name, err := each(k)
		if err != nil {
			return err
		}
		t.tol = c.opt.Tol
		s, err := t.run()
		if err != nil {
			return err
		}
		if s.order > 0 && (f.Order == 0 || s.order < f.Order) {
			f.Order = s.order
		}
		if s.size == 0 {
			continue // zero, and zero by differences
		}
		tol, e := max(c.opt.Tol, 4*s.unsure/s.size), s.err/s.size
		if tol > 0.1 && s.err > 0 {
			return fmt.Errorf("%w: differences along %s are too noisy, %.2g ± %.1g", hvptest.ErrUnknown, name, norm(s.quotient), s.unsure)
		}
		if e/tol > worst || math.IsNaN(e) {
			worst = e / tol
			f.Worst, f.Tol = e, tol
			f.Detail = "along " + name
			if !(e <= tol) {
				f.Detail += s.explain()
			}
		}
	}
	return nil
}

// explain says in words how the derivative is wrong.
func (s *slope) explain() string {
	switch {
	case norm(s.quotient) <= 4*s.unsure:
		return ": differences say that it is zero"
	case s.pure && math.Abs(s.factor+1) < 1e-3:
		return ": differences have the opposite sign"
	case s.pure:
		return fmt.Sprintf(": differences are %.4g times as large", s.factor)
	}
	return fmt.Sprintf(": differences have the norm %.4g and differ by %.2g", norm(s.quotient), s.err)
}

// along returns the direction number k in y, or in w, and the line through the
// point.
func (c *problemChecker) along(k int, inY bool) (u []float64, line func(t float64) (y, w []float64), first float64, name string) {
	n, x, of := c.nw, c.w, "w"
	if inY {
		n, x, of = c.ny, c.y, "y"
	}
	u = hvptest.RandomVector(c.opt.Seed, 2*k, n)
	point := make([]float64, n)
	return u, func(t float64) (y, w []float64) {
		for i := range point {
			point[i] = x[i] + t*u[i]
		}
		if inY {
			return point, c.w
		}
		return c.y, point
	}, rms(x) / 8, fmt.Sprintf("%s in %s", hvptest.VectorName(2*k), of)
}

func (c *problemChecker) gradientOfEnergy(f *hvptest.Finding) error {
	if c.energy == nil {
		return hvptest.ErrAbsent
	}
	g := make([]float64, c.ny)
	if err := c.p.Residual(c.ctx, g, c.y, c.w); err != nil {
		return err
	}
	return c.compare(f, func(k int) (taylor, string, error) {
		u, line, first, name := c.along(k, true)
		return taylor{d: []float64{dot(g, u)}, first: first, size: norm(g) * norm(u) / math.Sqrt(float64(c.ny)), f: func(dst []float64, t float64) (err error) {
			y, w := line(t)
			dst[0], err = c.energy.Energy(c.ctx, y, w)
			return err
		}}, name, nil
	})
}

// residualAlong is the residual on a line through the point.
func (c *problemChecker) residualAlong(line func(t float64) (y, w []float64)) func(dst []float64, t float64) error {
	return func(dst []float64, t float64) error {
		y, w := line(t)
		return c.p.Residual(c.ctx, dst, y, w)
	}
}

func (c *problemChecker) hessianProduct(f *hvptest.Finding) error {
	lin, err := c.linearize(c.y, c.w)
	if err != nil {
		return err
	}
	return c.compare(f, func(k int) (taylor, string, error) {
		v, line, first, name := c.along(k, true)
		hv, err := c.mul(lin.Y, v)
		return taylor{d: hv, first: first, f: c.residualAlong(line)}, name, err
	})
}

func (c *problemChecker) hessianSymmetric(f *hvptest.Finding) error {
	lin, err := c.linearize(c.y, c.w)
	if err != nil {
		return err
	}
	if c.energy == nil && !hvp.StructureOf(lin.Y).Has(hvp.Symmetric) {
		return hvptest.ErrAbsent
	}
	tol := operatorTol(lin.Y, c.opt.Operators.Tol)
	f.Tol = max(1e-10, tol)
	return c.pairs(f, lin.Y, c.ny, func(u []float64) ([]float64, error) { return c.mul(lin.Y, u) }, "⟨u,Hv⟩ = %.10g, ⟨v,Hu⟩ = %.10g with u = %s, v = %s")
}

// pairs compares ⟨u,Av⟩ with ⟨v,Tu⟩.
func (c *problemChecker) pairs(f *hvptest.Finding, a hvp.Operator, cols int, trans func(u []float64) ([]float64, error), format string) error {
	for k := range 2 * c.opt.Directions {
		i, j := 2*k, 2*k+1
		u, v := hvptest.RandomVector(c.opt.Seed, i, c.ny), hvptest.RandomVector(c.opt.Seed, j, cols)
		av, err := c.mul(a, v)
		if err != nil {
			return err
		}
		tu, err := trans(u)
		if err != nil {
			return err
		}
		x, y := dot(u, av), dot(v, tu)
		size := max(norm(u)*norm(av), norm(v)*norm(tu))
		f.Saw(math.Abs(x-y), size, format, x, y, hvptest.VectorName(i), hvptest.VectorName(j))
	}
	return nil
}

func (c *problemChecker) mixedProduct(f *hvptest.Finding) error {
	if c.nw == 0 {
		return hvptest.ErrAbsent
	}
	lin, err := c.linearize(c.y, c.w)
	if err != nil {
		return err
	}
	return c.compare(f, func(k int) (taylor, string, error) {
		u, line, first, name := c.along(k, false)
		wu, err := c.mul(lin.W, u)
		return taylor{d: wu, first: first, f: c.residualAlong(line)}, name, err
	})
}

func (c *problemChecker) mixedTranspose(f *hvptest.Finding) error {
	if c.nw == 0 {
		return hvptest.ErrAbsent
	}
	lin, err := c.linearize(c.y, c.w)
	if err != nil {
		return err
	}
	return c.compare(f, func(k int) (taylor, string, error) {
		u, line, first, name := c.along(k, false)
		q := hvptest.RandomVector(c.opt.Seed, 2*k+1, c.ny)
		wq, err := c.mulTrans(lin.W, q)
		if err != nil {
			return taylor{}, name, err
		}
		residual, along := make([]float64, c.ny), c.residualAlong(line)
		return taylor{d: []float64{dot(u, wq)}, first: first, size: norm(u) * norm(wq) / math.Sqrt(float64(c.nw)), f: func(dst []float64, t float64) error {
			err := along(residual, t)
			dst[0] = dot(q, residual)
			return err
		}}, fmt.Sprintf("%s, against %s", name, hvptest.VectorName(2*k+1)), nil
	})
}

func (c *problemChecker) mixedAdjoint(f *hvptest.Finding) error {
	if c.nw == 0 {
		return hvptest.ErrAbsent
	}
	lin, err := c.linearize(c.y, c.w)
	if err != nil {
		return err
	}
	f.Tol = max(1e-10, operatorTol(lin.W, c.opt.Operators.Tol))
	return c.pairs(f, lin.W, c.nw, func(u []float64) ([]float64, error) { return c.mulTrans(lin.W, u) }, "⟨q,Wu⟩ = %.10g, ⟨Wᵀq,u⟩ = %.10g with q = %s, u = %s")
}

func (c *problemChecker) lossInY(f *hvptest.Finding) error { return c.lossIn(f, true) }
func (c *problemChecker) lossInW(f *hvptest.Finding) error { return c.lossIn(f, false) }

func (c *problemChecker) lossIn(f *hvptest.Finding, inY bool) error {
	dy, dw := make([]float64, c.ny), make([]float64, c.nw)
	if _, err := c.p.Loss(c.ctx, dy, dw, c.y, c.w); err != nil {
		return err
	}
	d := dw
	if inY {
		d = dy
	}
	if len(d) == 0 {
		return hvptest.ErrAbsent
	}
	return c.compare(f, func(k int) (taylor, string, error) {
		u, line, first, name := c.along(k, inY)
		return taylor{d: []float64{dot(d, u)}, first: first, size: norm(d) * norm(u) / math.Sqrt(float64(len(d))), f: func(dst []float64, t float64) (err error) {
			y, w := line(t)
			dst[0], err = c.p.Loss(c.ctx, nil, nil, y, w)
			return err
		}}, name, nil
	})
}
