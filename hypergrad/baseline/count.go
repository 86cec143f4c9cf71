package baseline

import (
	"context"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
)

// counter is a problem that counts what is done with it.
type counter struct {
	p                                           hypergrad.Problem
	gradients, energies, losses, linearizations int
	hvps, mixed                                 int64   // of the linearisations before the last
	y, w                                        meterOf // of the last
}

// meterOf counts the products with an operator of so many rows.
type meterOf struct {
	*hvp.Meter
	rows int
}

// products returns how many products there were. Products by row ranges are
// complete ones in the end.
func (m meterOf) products() int64 {
	if m.Meter == nil {
		return 0
	}
	u := m.Usage()
	n := u.Products + u.Transposed + u.Vectors
	if m.rows > 0 {
		n += (u.Rows + int64(m.rows) - 1) / int64(m.rows)
	}
	return n
}

// countedEnergy is a counter of a problem that has an energy.
type countedEnergy struct {
	*counter
	energy hypergrad.Energy
}

// counting returns p with a counter: an [hypergrad.Energy] if p is one.
func counting(p hypergrad.Problem) (hypergrad.Problem, *counter) {
	c := &counter{p: p}
	if e, ok := p.(hypergrad.Energy); ok {
		return &countedEnergy{c, e}, c
	}
	return c, c
}

// Dims implements [hypergrad.Equation].
func (c *counter) Dims() (ny, nw int) { return c.p.Dims() }

// Residual implements [hypergrad.Equation].
func (c *counter) Residual(ctx context.Context, dst, y, w []float64) error {
	c.gradients++
	return c.p.Residual(ctx, dst, y, w)
}

// Loss implements [hypergrad.Problem].
func (c *counter) Loss(ctx context.Context, dy, dw, y, w []float64) (float64, error) {
	c.losses++
	return c.p.Loss(ctx, dy, dw, y, w)
}

// Energy implements [hypergrad.Energy].
func (c *countedEnergy) Energy(ctx context.Context, y, w []float64) (float64, error) {
	c.energies++
	return c.energy.Energy(ctx, y, w)
}

// Linearize implements [hypergrad.Equation].
func (c *counter) Linearize(ctx context.Context, y, w []float64) (hypergrad.Linearization, error) {
	c.linearizations++
	lin, err := c.p.Linearize(ctx, y, w)
	if err != nil {
		return lin, err
	}
	c.fold()
	lin.Y, c.y = metered(lin.Y, "∂G/∂y")
	lin.W, c.w = metered(lin.W, "∂G/∂w")
	return lin, nil
}

func metered(a hvp.Operator, name string) (hvp.Operator, meterOf) {
	rows, _ := a.Dims()
	b, m := hvp.Instrument(a, name, 0)
	return b, meterOf{m, rows}
}

// fold adds what the meters say to the totals.
func (c *counter) fold() {
	c.hvps += c.y.products()
	c.mixed += c.w.products()
	c.y, c.w = meterOf{}, meterOf{}
}

// report sets the counts of r.
func (c *counter) report(r *Report) {
	c.fold()
	r.HVPs, r.Mixed = int(c.hvps), int(c.mixed)
	r.Gradients, r.Energies, r.Losses, r.Linearizations = c.gradients, c.energies, c.losses, c.linearizations
}
