package hypergrad

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
)

// problemChecker is the state of one call of Check.
type problemChecker struct {
	ctx    context.Context
	p      Problem
	energy Energy // nil if there is none
	y, w   []float64
	ny, nw int
	opt    CheckOptions
}

func newProblemChecker(ctx context.Context, p Problem, y, w []float64, opt CheckOptions) *problemChecker {
	c := &problemChecker{ctx: ctx, p: p, y: slices.Clone(y), w: slices.Clone(w), ny: len(y), nw: len(w), opt: opt}
	if opt.Spread > 0 {
		c.y = c.moved(y, opt.Spread*rms(y), 1000)
	}
	c.energy, _ = p.(Energy)
	return c
}

// moved returns x + h·u with random vector number k.
func (c *problemChecker) moved(x []float64, h float64, k int) []float64 {
	u := hvptest.RandomVector(c.opt.Seed, k, len(x))
	for i := range u {
		u[i] = x[i] + h*u[i]
	}
	return u
}

func (c *problemChecker) trials() []hvptest.Trial {
	all := []hvptest.Trial{
		{Property: Values, Run: c.values, Vital: true},
		{Property: InputKept, Run: c.inputKept},
		{Property: Overwrites, Run: c.overwrites},
		{Property: AnyWorkers, Run: c.anyWorkers},
		{Property: Concurrent, Run: c.concurrent},
		{Property: GradientOfEnergy, Run: c.gradientOfEnergy},
		{Property: HessianProduct, Run: c.hessianProduct},
		{Property: HessianSymmetric, Run: c.hessianSymmetric},
		{Property: MixedProduct, Run: c.mixedProduct},
		{Property: MixedTranspose, Run: c.mixedTranspose},
		{Property: MixedAdjoint, Run: c.mixedAdjoint},
		{Property: LossInY, Run: c.lossInY},
		{Property: LossInW, Run: c.lossInW},
		{Property: Fresh, Run: c.fresh},
		{Property: OperatorY, Run: func(f *hvptest.Finding) error { return c.operator(f, true) }},
		{Property: OperatorW, Run: func(f *hvptest.Finding) error { return c.operator(f, false) }},
	}
	for i := range all {
		t := &all[i]
		run, property := t.Run, t.Property
		t.Run = func(f *hvptest.Finding) error {
			if err := c.ctx.Err(); err != nil {
				return fmt.Errorf("%w: %w", hvptest.ErrUnknown, err)
			}
			if c.opt.Monitor != nil {
				c.opt.Monitor(property)
			}
			return run(f)
		}
	}
	return all
}

// evaluation is all that a problem says about a point without its derivatives.
type evaluation struct{ energy, residual, loss, dy, dw []float64 }

// evaluate calls the methods at a point, with garbage in what they shall set.
func (c *problemChecker) evaluate(ctx context.Context, y, w []float64, garbage float64) (e evaluation, err error) {
	filled := func(n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = garbage
		}
		return x
	}
	e.residual, e.dy, e.dw = filled(c.ny), filled(c.ny), filled(c.nw)
	if c.energy != nil {
		v, err := c.energy.Energy(ctx, y, w)
		if err != nil && !errors.Is(err, errNoEnergy) {
			return e, fmt.Errorf("method Energy: %w", err)
		}
		if err == nil {
			e.energy = []float64{v}
		}
	}
	if err := c.p.Residual(ctx, e.residual, y, w); err != nil {
		return e, fmt.Errorf("method Residual: %w", err)
	}
	loss, err := c.p.Loss(ctx, e.dy, e.dw, y, w)
	if err != nil {
		return e, fmt.Errorf("method Loss: %w", err)
	}
	e.loss = []float64{loss}
	return e, nil
}

// parts names the results.
func (e *evaluation) parts() []struct {
	name string
	x    []float64
} {
	return []struct {
		name string
		x    []float64
	}{{"the energy", e.energy}, {"the residual", e.residual}, {"the loss", e.loss}, {"∂ℓ/∂y", e.dy}, {"∂ℓ/∂w", e.dw}}
}

func (e *evaluation) same(want *evaluation) error {
	old := want.parts()
	for i, part := range e.parts() {
		if err := hvptest.SameBits(part.x, old[i].x); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// linearize returns the operators at a point, with their shapes checked.
func (c *problemChecker) linearize(y, w []float64) (lin Linearization, err error) {
	lin, err = c.p.Linearize(c.ctx, y, w)
	if err != nil {
		return lin, fmt.Errorf("method Linearize: %w", err)
	}
	if lin.Y == nil || lin.W == nil {
		return lin, errors.New("method Linearize returns a nil operator")
	}
	if r, k := lin.Y.Dims(); r != c.ny || k != c.ny {
		return lin, fmt.Errorf("∂G/∂y is %d×%d, want %d×%d", r, k, c.ny, c.ny)
	}
	if r, k := lin.W.Dims(); r != c.ny || k != c.nw {
		return lin, fmt.Errorf("∂G/∂w is %d×%d, want %d×%d", r, k, c.ny, c.nw)
	}
	return lin, nil
}

// mul returns A·x in fresh memory, which holds NaN before.
func (c *problemChecker) mul(a hvp.Operator, x []float64) ([]float64, error) {
	rows, _ := a.Dims()
	dst := make([]float64, rows)
	for i := range dst {
		dst[i] = math.NaN()
	}
	return dst, a.Apply(c.ctx, dst, x)
}

var errNoMixedTranspose = errors.New("∂G/∂w has no ApplyTrans, which every hypergradient needs")

// mulTrans returns Aᵀ·x of the mixed derivative.
func (c *problemChecker) mulTrans(a hvp.Operator, x []float64) ([]float64, error) {
	t, ok := hvp.Trans(a)
	if !ok {
		return nil, errNoMixedTranspose
	}
	_, cols := a.Dims()
	dst := make([]float64, cols)
	for i := range dst {
		dst[i] = math.NaN()
	}
	return dst, t.ApplyTrans(c.ctx, dst, x)
}

func (c *problemChecker) values(*hvptest.Finding) error {
	y, w := slices.Clone(c.y), slices.Clone(c.w) // whoever writes to them is found below
	e, err := c.evaluate(c.ctx, y, w, math.NaN())
	if err != nil {
		return err
	}
	if e.energy == nil {
		c.energy = nil
	}
	for _, part := range e.parts() {
		if err := finite(part.x); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	lin, err := c.linearize(y, w)
	if err != nil {
		return err
	}
	hv, err := c.mul(lin.Y, hvptest.RandomVector(c.opt.Seed, 0, c.ny))
	if err == nil {
		err = finite(hv)
	}
	if err != nil {
		return fmt.Errorf("the product with ∂G/∂y: %w", err)
	}
	if c.nw == 0 {
		return nil
	}
	mq, err := c.mulTrans(lin.W, hvptest.RandomVector(c.opt.Seed, 0, c.ny))
	if err == nil {
		err = finite(mq)
	}
	if err != nil {
		return fmt.Errorf("the transposed product with ∂G/∂w: %w", err)
	}
	return nil
}

func finite(x []float64) error {
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("element %d is %v", i, v)
		}
	}
	return nil
}

func (c *problemChecker) inputKept(*hvptest.Finding) error {
	y, w := slices.Clone(c.y), slices.Clone(c.w)
	unchanged := func(method string) error {
		if err := hvptest.SameBits(y, c.y); err != nil {
			return fmt.Errorf("%s wrote to y: %w", method, err)
		}
		if err := hvptest.SameBits(w, c.w); err != nil {
			return fmt.Errorf("%s wrote to w: %w", method, err)
		}
		return nil
	}
	if _, err := c.evaluate(c.ctx, y, w, 0); err != nil {
		return err
	}
	if err := unchanged("Energy, Residual or Loss"); err != nil {
		return err
	}
	lin, err := c.linearize(y, w)
	if err != nil {
		return err
	}
	if err := unchanged("Linearize"); err != nil {
		return err
	}
	if _, err := c.mul(lin.Y, hvptest.RandomVector(c.opt.Seed, 0, c.ny)); err != nil {
		return err
	}
	if _, err := c.mulTrans(lin.W, hvptest.RandomVector(c.opt.Seed, 0, c.ny)); err != nil {
		return err
	}
	return unchanged("a product of the linearisation")
}

func (c *problemChecker) overwrites(*hvptest.Finding) error {
	want, err := c.evaluate(c.ctx, c.y, c.w, 0)
	if err != nil {
		return err
	}
	for _, garbage := range []float64{math.NaN(), 1, -1e300, math.Inf(1)} {
		got, err := c.evaluate(c.ctx, c.y, c.w, garbage)
		if err != nil {
			return err
		}
		if err := got.same(&want); err != nil {
			return fmt.Errorf("the destinations held %v: %w", garbage, err)
		}
	}
	for k, name := range []string{"dy and dw", "dw", "dy"} {
		dy, dw := make([]float64, c.ny), make([]float64, c.nw)
		if k != 1 {
			dy = nil
		}
		if k != 2 {
			dw = nil
		}
		loss, err := c.p.Loss(c.ctx, dy, dw, c.y, c.w)
		if err != nil {
			return fmt.Errorf("method Loss without %s: %w", name, err)
		}
		if loss != want.loss[0] {
			return fmt.Errorf("the loss is %v without %s, %v with them", loss, name, want.loss[0])
		}
	}
	return nil
}

func (c *problemChecker) anyWorkers(*hvptest.Finding) error {
	want, err := c.evaluate(c.ctx, c.y, c.w, 0)
	if err != nil {
		return err
	}
	for _, workers := range []int{1, 2, 3, 7, 1} {
		got, err := c.evaluate(hvp.WithWorkers(c.ctx, workers), c.y, c.w, 0)
		if err != nil {
			return err
		}
		if err := got.same(&want); err != nil {
			return fmt.Errorf("again with %d workers: %w", workers, err)
		}
	}
	return nil
}

func (c *problemChecker) concurrent(*hvptest.Finding) error {
	const goroutines = 4
	points, want := [goroutines][]float64{}, [goroutines]evaluation{}
	var err error
	for k := range goroutines {
		points[k] = c.moved(c.y, 1e-3*rms(c.y), 2000+2*k)
		if want[k], err = c.evaluate(c.ctx, points[k], c.w, 0); err != nil {
			return err
		}
	}
	errs := make([]error, goroutines)
	var wg sync.WaitGroup
	for k := range goroutines {
		wg.Go(func() {
			errs[k] = hvptest.Guard(func() error {
				for range 3 {
					got, err := c.evaluate(c.ctx, points[k], c.w, 0)
					if err != nil {
						return err
					}
					if err := got.same(&want[k]); err != nil {
						return fmt.Errorf("%d goroutines at once against one: %w", goroutines, err)
					}
					runtime.Gosched()
				}
				return nil
			})
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

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

// operatorTol is the tolerance for the contract of an operator: that given, or
// what an operator that is made of differences says of itself.
func operatorTol(a hvp.Operator, tol float64) float64 {
	if tol == 0 {
		tol = 1e-12
	}
	if d, ok := a.(interface{ Accuracy() float64 }); ok {
		tol = max(tol, 3e3*d.Accuracy())
	}
	return tol
}

// operator checks the contract of ∂G/∂y or ∂G/∂w.
func (c *problemChecker) operator(f *hvptest.Finding, inY bool) error {
	lin, err := c.linearize(c.y, c.w)
	if err != nil {
		return err
	}
	a := lin.W
	if inY {
		a = lin.Y
	} else if c.nw == 0 {
		return hvptest.ErrAbsent
	}
	opt := c.opt.Operators
	opt.Tol = operatorTol(a, opt.Tol)
	findings := hvptest.Check(c.ctx, a, &opt)
	f.Tol = opt.Tol
	for _, g := range findings {
		if g.Verdict == hvptest.Holds && g.Tol > 0 && g.Worst > f.Worst {
			f.Worst, f.Detail = g.Worst, fmt.Sprintf("%s: %s", g.Property, g.Detail)
		}
	}
	if bad := hvptest.Violations(findings); len(bad) > 0 {
		f.Worst = max(bad[0].Worst, f.Worst)
		return fmt.Errorf("%s: %s", bad[0].Property, bad[0].Detail)
	}
	return nil
}
