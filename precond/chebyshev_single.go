package precond

import (
	"context"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// singleDegree returns the default degree in single precision for a spectrum in
// [lo, hi]. Products are so cheap there that the iterations of the method outside,
// in double precision, are what to save: some six of them remain. Measured by
// BenchmarkSingle.
func singleDegree(lo, hi float64) int {
	return 2 * max(2, min(int(math.Round(math.Sqrt(hi/lo))), 30))
}

// singleSteps is the default of the Lanczos steps.
const singleSteps = 8

// singleWork is the state of one application in single precision.
type singleWork struct {
	task    singleTask
	b, x, y []float32
}

// soonError says that Jacobi needs so few iterations, by an estimate from below, that no
// polynomial is worth its set-up.
type soonError float64

func (e soonError) Error() string {
	return fmt.Sprintf("precond: Jacobi needs %.0f iterations", float64(e))
}

// setSingle prepares the polynomial in single precision; false if a cannot.
func (m *Chebyshev) setSingle(ctx context.Context, a hvp.Operator) (bool, error) {
	if m.set.Double {
		return false, nil
	}
	s, err := newSingle(ctx, a)
	if s == nil || err != nil {
		return false, err
	}
	steps, mean := m.set.Steps, 0.0
	if steps == 0 {
		steps = singleSteps
	}
	if m.ends, mean, err = s.spectrum(ctx, steps, m.soon); err != nil {
		return false, err
	}
	e := &m.ends
	m.hi = max(min(e.UpperBound, 1.05*(e.Max+e.MaxErr)), e.Max*(1+0x1p-10))
	m.least = min(mean, e.Min)
	if m.hi > singleCondition*m.least {
		return false, nil
	}
	m.single, m.inv, m.scaled = s, nil, true
	m.products = m.ends.Products
	m.lo = m.least
	if m.set.Ratio != 0 {
		m.lo = m.hi / m.set.Ratio
	}
	m.lo = min(m.lo, e.Max*(1-0x1p-10))
	m.degree = m.set.Degree
	if m.degree == 0 {
		m.degree = singleDegree(m.lo, m.hi)
	}
	// A polynomial of degree k reaches down to about hi/k².
	m.lo = max(m.lo, m.hi/float64(2*(m.degree+1)*(m.degree+1)))
	return true, nil
}

// applySingle is Apply in single precision.
func (m *Chebyshev) applySingle(ctx context.Context, dst, x []float64) {
	w, _ := m.singleWork.Get().(*singleWork)
	if w == nil {
		w = &singleWork{b: make([]float32, m.n), x: make([]float32, m.n), y: make([]float32, m.n)}
	}
	team := parallel.FromContext(ctx)
	var poly chebyshevPoly
	poly.set(m.lo, m.hi)
	w.task = singleTask{s: m.single, wide: x, scale: scaleOf(team, x)}
	w.task.fromZero(team, w.x, w.y, w.b, poly, m.degree+1, dst)
	w.task = singleTask{}
	m.singleWork.Put(w)
}
