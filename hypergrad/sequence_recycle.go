package hypergrad

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
)

// recycling decides about the [krylov.Space] of an Estimator. A solve without it
// sets the standard; those with it must need fewer products for a digit, the price
// of its sweeps included, or it pauses.
type recycling struct {
	space *krylov.Space
	pause backoff
	used  bool         // in the solve under way
	m     hvp.Operator // that the space is on top of in it
	// Plain and Best are iterations per digit without the space, and the least
	// with it since it was begun. Gathered counts the solves that it collected
	// from.
	Plain, Best float64
	Gathered    int
}

// gathering is the number of solves that a space collects from to begin with.
const gathering = 3

func (r *recycling) reset() {
	if r.space != nil {
		r.space.Reset()
	}
	*r = recycling{space: r.space}
}

// failed empties the space and pauses.
func (r *recycling) failed() {
	if r.space == nil {
		return
	}
	pause, plain := r.pause, r.Plain
	// A space of another operator costs as much as a solve.
	pause.judge(false, true)
	r.reset()
	r.pause, r.Plain = pause, plain
}

var errNoHeadway = errors.New("the recycled space makes the solve longer")

// watch ends a solve with the space when it takes more iterations than one without.
func (r *recycling) watch(s *krylov.Settings) {
	if !r.used || r.Plain == 0 {
		return
	}
	const patience = 1.1
	limit := math.Inf(1)
	monitor, plain := s.Monitor, r.Plain
	s.Monitor = func(p krylov.Progress) error {
		if p.Iteration == 1 {
			limit = max(8, patience*plain*math.Log10(p.Residual/p.Tolerance))
		}
		if monitor != nil {
			if err := monitor(p); err != nil {
				return err
			}
		}
		if float64(p.Iteration) > limit && p.Residual > p.Tolerance {
			return errNoHeadway
		}
		return nil
	}
}

// deflate puts the recycled space before the preconditioner in s.
func (e *Estimator) deflate(rep *Report, s *krylov.Settings, a hvp.Operator) {
	r := &e.seq.recycle
	r.used, r.m, s.Recycle = false, nil, nil
	// A window of 2k directions is reduced with k vectors by (3k)² inner products
	// and 6k² updates: where that is dearer than the products of the window, it
	// could not be earned back soon.
	if k := float64(e.Sequence.Recycle); k <= 0 || 7.5*k*e.Sequence.sweepCost() > 1 || !hvp.StructureOf(a).Has(hvp.Semidefinite) {
		return
	}
	if r.space == nil || r.space.Dim != e.Sequence.Recycle {
		r.reset()
		r.space = &krylov.Space{Dim: e.Sequence.Recycle}
	}
	if !r.pause.due() {
		r.pause.pass()
		return
	}
	if r.Gathered < gathering {
		s.Recycle = r.space
	}
	r.m = s.Precond
	s.Precond = r.space.Precond(e.seq.n, r.m)
	if k := r.space.Len(); k > 0 {
		r.used = true
		rep.Sequence.Recycled = k
		if m, ok := s.Precond.(fmt.Stringer); ok {
			rep.Precond = m.String()
		}
	}
}

// recycled judges the space by the work of the solve, and renews it. s is then as
// for another solve with the same operator.
func (e *Estimator) recycled(ctx context.Context, rep *Report, s *krylov.Settings, w work) error {
	r := &e.seq.recycle
	if r.m == nil && s.Recycle == nil && !r.used {
		return nil
	}
	gathered, m := s.Recycle != nil, r.m
	s.Recycle = nil
	var err error
	switch {
	case rep.Solve.Direction != nil:
		r.failed() // A is not definite: the next one may not be either
	case r.used && w.telling() && !e.spacePays(rep, w):
		r.failed()
	case gathered:
		if !r.used && w.telling() {
			r.Plain = w.rate()
		}
		r.Gathered++
		err = r.space.Update(ctx)
	}
	s.Precond = r.space.Precond(e.seq.n, m)
	r.m, r.used = nil, false
	return err
}

// spacePays judges the space by the work of a solve with it.
func (e *Estimator) spacePays(rep *Report, w work) bool {
	r := &e.seq.recycle
	rate := w.rate()
	if r.Best == 0 || rate < r.Best {
		r.Best = rate
	}
	price := 1 + e.Sequence.sweepCost()*float64(4*rep.Sequence.Recycled)
	pays := rate*price < r.Plain
	if pays {
		r.pause.judge(true, true)
	}
	if pays && rate > 1.25*r.Best {
		r.Gathered, r.Best = 0, 0 // it ages: collect again
	}
	return pays
}
