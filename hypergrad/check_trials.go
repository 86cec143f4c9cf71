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

// operatorTol is the tolerance for the contract of an operator: that given, or
// what an operator that is made of differences says of itself.
func operatorTol(a hvp.Operator, tol float64) float64 {
	if tol == 0 {
		tol = 1e-12
	}
	if accuracy := hvp.AccuracyOf(a); accuracy > 0 {
		tol = max(tol, 3e3*accuracy)
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
