package precond

import (
	"context"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// singleGrid is the scratch of one level in single precision: right-hand side,
// solution and its twin, which holds the residual between smoothing steps.
type singleGrid struct {
	task    singleTask
	b, x, y []float32
}

// applySingle is Apply in single precision.
func (m *Multigrid) applySingle(ctx context.Context, dst, x []float64) error {
	w, _ := m.singleWork.Get().(*[]singleGrid)
	if w == nil {
		all := make([]singleGrid, len(m.levels))
		for i, l := range m.levels {
			all[i] = singleGrid{b: make([]float32, l.n), x: make([]float32, l.n), y: make([]float32, l.n)}
		}
		w = &all
	}
	team := parallel.FromContext(ctx)
	top := &(*w)[0]
	top.task.wide, top.task.scale = x, scaleOf(team, x)
	err := m.cycleSingle(ctx, team, 0, *w, dst)
	top.task.wide = nil
	m.singleWork.Put(w)
	return err
}

// cycleSingle is cycle in single precision, from work[level].b to work[level].x,
// and to dst if that is not nil.
func (m *Multigrid) cycleSingle(ctx context.Context, team parallel.Team, level int, work []singleGrid, dst []float64) error {
	l, w := m.levels[level], &work[level]
	t := &w.task
	t.s = l.single
	var poly chebyshevPoly
	if l.p == nil {
		poly.set(l.high/coarsestRatio, l.high)
		t.fromZero(team, w.x, w.y, w.b, poly, coarsestSteps, dst)
		return nil
	}
	poly.set(m.set.Fraction*l.high, l.high)
	t.fromZero(team, w.x, w.y, w.b, poly, m.set.Degree, nil)
	t.mode, t.in, t.out, t.b, t.c = singleResidual, w.x, w.y, w.b, float32(l.scale)
	t.run(team)
	next := &work[level+1]
	if err := l.p.ApplyTransSingle(ctx, next.b, w.y); err != nil {
		return err
	}
	if err := m.cycleSingle(ctx, team, level+1, work, nil); err != nil {
		return err
	}
	if err := l.p.AddSingle(ctx, w.x, next.x); err != nil {
		return err
	}
	x, y := w.x, w.y
	t.onward(team, x, y, w.b, poly, m.set.Degree, dst)
	if m.set.Degree%2 != 0 {
		w.x, w.y = y, x
	}
	return nil
}
