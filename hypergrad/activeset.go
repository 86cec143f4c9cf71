package hypergrad

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// A Diagnoser is a problem that can say what is to be known about a solution.
// [Estimator.Gradient] and [Estimator.Tangent] copy it into the [Report].
type Diagnoser interface {
	// Diagnose returns warnings, one line each, none if all is well.
	Diagnose(ctx context.Context, y, w []float64) ([]string, error)
}

// An ActiveSet describes a solution y of [Bounds] or [L1]: which variables stand at
// a bound or at a kink, and how far the set is from a change.
//
// The margin of a free variable is its distance to the nearest bound or kink, of an
// active one the size of its multiplier, by which its gradient may change before it
// is let go (at a kink λ_i − |∂E/∂y_i|). Relative margins are divided by max |y_i|,
// and by the larger of max |G_i| and c·max |y_i|, c the length that ∂G/∂y gives to a
// random unit vector; so they do not change when E, or y, is scaled. Where a margin
// vanishes, y(w) has a kink and dy/dw is at best that of one side.
type ActiveSet struct {
	// Free and Active are the numbers of the variables, ascending.
	Free, Active []int
	// FreeMargin and ActiveMargin are the smallest margins; Index is −1 where
	// there is none.
	FreeMargin, ActiveMargin Margin
	// Weak holds all margins whose relative value is at most WeakTol, the free
	// variables first.
	Weak    []Margin
	WeakTol float64
	// Stationarity is the norm of the projected gradient (the subgradient of
	// minimum norm) and NaturalResidual is ‖y − prox(y − G)‖, for bounds ‖y −
	// P(y − G)‖. Both vanish exactly at a solution.
	Stationarity, NaturalResidual float64

	c       *composite
	at      []place
	y, w, g []float64
}

// A Margin is the distance of one variable to a change of the active set.
type Margin struct {
	Index           int
	Active          bool
	Value, Relative float64
}

// String says it in words.
func (m Margin) String() string {
	switch {
	case m.Index < 0:
		return "none"
	case m.Active:
		return fmt.Sprintf("y[%d] is active with a multiplier of %.3g (relative %.2g)", m.Index, m.Value, m.Relative)
	}
	return fmt.Sprintf("y[%d] is free at a distance of %.3g to its bound or kink (relative %.2g)", m.Index, m.Value, m.Relative)
}

// newActiveSet describes y.
func newActiveSet(ctx context.Context, p nonsmooth, y, w []float64) (*ActiveSet, error) {
	c, err := p.at(w)
	if err != nil {
		return nil, err
	}
	if err := checkLengths(length{"y", len(y), c.ny}, length{"w", len(w), c.nw}); err != nil {
		return nil, err
	}
	s := &ActiveSet{c: c, y: slices.Clone(y), w: slices.Clone(w), WeakTol: c.weak, FreeMargin: Margin{Index: -1}, ActiveMargin: Margin{Index: -1, Active: true}}
	if s.g, s.at, err = c.look(ctx, y, w); err != nil {
		return nil, err
	}
	size := reachOf(y)
	steep, err := s.steepness(ctx, size)
	if err != nil {
		return nil, err
	}
	var weakActive []Margin
	for i, p := range s.at {
		s.Stationarity = math.Hypot(s.Stationarity, c.stationarity(i, p, y[i], s.g[i]))
		s.NaturalResidual = math.Hypot(s.NaturalResidual, y[i]-c.prox(i, y[i]-s.g[i], 1))
		m := Margin{Index: i, Active: p != free}
		scale, least := size, &s.FreeMargin
		if m.Active {
			s.Active = append(s.Active, i)
			scale, least = steep, &s.ActiveMargin
		} else {
			s.Free = append(s.Free, i)
		}
		m.Value = max(c.margin(i, p, y[i], s.g[i], c.weight(i)), 0)
		if math.IsInf(m.Value, 1) {
			continue // nothing to meet
		}
		if m.Relative = m.Value; scale > 0 {
			m.Relative = m.Value / scale
		}
		if least.Index < 0 || m.Value < least.Value {
			*least = m
		}
		switch {
		case m.Relative > c.weak:
		case m.Active:
			weakActive = append(weakActive, m)
		default:
			s.Weak = append(s.Weak, m)
		}
	}
	s.Weak = append(s.Weak, weakActive...)
	return s, nil
}

// margin returns the distance to a change, negative if it is past, infinite if
// there is nothing to meet.
func (c *composite) margin(i int, p place, y, g, lambda float64) float64 {
	switch {
	case p == pinned:
		return math.Inf(1)
	case p == atKink:
		return lambda - math.Abs(g)
	case p == atLower:
		if lambda > 0 && y >= 0 {
			return g + lambda
		}
		return g - lambda
	case p == atUpper:
		if lambda > 0 && y <= 0 {
			return lambda - g
		}
		return -g - lambda
	case lambda > 0:
		return min(math.Abs(y), y-c.lo[i], c.hi[i]-y)
	}
	return min(y-c.lo[i], c.hi[i]-y)
}

// steepness is what multipliers are compared with.
func (s *ActiveSet) steepness(ctx context.Context, size float64) (float64, error) {
	steep := reachOf(s.g)
	u, sum, any := make([]float64, s.c.ny), 0.0, false
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range u {
		v := rng.NormFloat64()
		if !math.IsInf(s.c.lo[i], -1) || !math.IsInf(s.c.hi[i], 1) || s.c.weight(i) > 0 {
			u[i], any = v, true
			sum += v * v
		}
	}
	if !any || size == 0 {
		return steep, nil
	}
	lin, err := s.c.base.Linearize(ctx, s.y, s.w)
	if err != nil {
		return 0, err
	}
	hu := make([]float64, s.c.ny)
	if err := lin.Y.Apply(ctx, hu, u); err != nil {
		return 0, err
	}
	return max(steep, parallel.Norm(parallel.FromContext(ctx), hu)/math.Sqrt(sum)*size), nil
}

// Warnings returns one line for each weak margin, at most ten.
func (s *ActiveSet) Warnings() (lines []string) {
	const most = 10
	for k, m := range s.Weak {
		if k == most {
			return append(lines, fmt.Sprintf("%d more variables are as close to a change of the active set", len(s.Weak)-most))
		}
		kind := "nearly active: "
		if m.Active {
			kind = "weakly active: "
		}
		lines = append(lines, fmt.Sprintf("%s%v, tolerance %.2g: dy/dw jumps where the active set changes", kind, m, s.WeakTol))
	}
	return lines
}

func diagnose(ctx context.Context, p nonsmooth, y, w []float64) ([]string, error) {
	s, err := newActiveSet(ctx, p, y, w)
	if err != nil {
		return nil, err
	}
	return s.Warnings(), nil
}

// A Prediction says what a linear prediction y + dy, for a change dw of w, does to
// the active set.
type Prediction struct {
	// Changes are the variables that the prediction takes past their margin, by
	// the fraction of dw at which they get there.
	Changes []Change
	// Fraction is the part of dw up to which the prediction keeps the active
	// set: 1 without changes.
	Fraction float64
}

// A Change is a variable that leaves its place. A free one violates a bound, or
// changes sign, with the predicted y; of an active one the multiplier changes sign,
// so that it becomes free.
type Change struct {
	Index    int
	Active   bool
	Margin   float64 // at w
	Y        float64 // the predicted y_i
	Past     float64 // by how much the margin is exceeded, > 0
	Fraction float64 // of dw at which the margin is used up
}

// String says it in words.
func (c Change) String() string {
	if c.Active {
		return fmt.Sprintf("active y[%d] becomes free: at %.3g of the change its multiplier vanishes, at all of it it is %.6g", c.Index, c.Fraction, -c.Past)
	}
	return fmt.Sprintf("free y[%d] reaches its bound or kink at %.3g of the change; predicted %.6g, past it by %.6g", c.Index, c.Fraction, c.Y, c.Past)
}

// Predict checks the linear prediction for a finite change dw of w, dy = (dy/dw)·dw
// as from [Estimator.Tangent]. A prediction with changes is not to be used as it is:
// solve anew from w + Fraction·dw on, or at w + dw.
func (s *ActiveSet) Predict(ctx context.Context, dy, dw []float64) (Prediction, error) {
	pred := Prediction{Fraction: 1}
	c := s.c
	if err := checkLengths(length{"dy", len(dy), c.ny}, length{"dw", len(dw), c.nw}); err != nil {
		return pred, err
	}
	lin, err := c.base.Linearize(ctx, s.y, s.w)
	if err != nil {
		return pred, err
	}
	dg, more := make([]float64, c.ny), make([]float64, c.ny)
	if err := lin.Y.Apply(ctx, dg, dy); err != nil {
		return pred, err
	}
	if err := lin.W.Apply(ctx, more, dw); err != nil {
		return pred, err
	}
	for i, v := range more {
		dg[i] += v
	}
	clear(more)
	if c.lambdaW != nil {
		l, err := c.lambdaW(ctx, s.w)
		if err != nil {
			return pred, err
		}
		if err := l.Apply(ctx, more, dw); err != nil {
			return pred, err
		}
	}
	for i, p := range s.at {
		lambda := c.weight(i)
		now := max(c.margin(i, p, s.y[i], s.g[i], lambda), 0)
		y := s.y[i] + dy[i]
		then := c.margin(i, p, y, s.g[i]+dg[i], lambda+more[i])
		if p == free && lambda > 0 && math.Signbit(y) != math.Signbit(s.y[i]) {
			then = min(then, -math.Abs(y))
		}
		if math.IsInf(now, 1) || then >= 0 {
			continue
		}
		ch := Change{Index: i, Active: p != free, Margin: now, Y: y, Past: -then, Fraction: now / (now - then)}
		pred.Changes = append(pred.Changes, ch)
		pred.Fraction = min(pred.Fraction, ch.Fraction)
	}
	slices.SortStableFunc(pred.Changes, func(a, b Change) int {
		switch {
		case a.Fraction < b.Fraction:
			return -1
		case a.Fraction > b.Fraction:
			return 1
		}
		return 0
	})
	return pred, nil
}

// Restrict returns the free variables of y.
func (s *ActiveSet) Restrict(y []float64) []float64 {
	part := make([]float64, len(s.Free))
	for k, i := range s.Free {
		part[k] = y[i]
	}
	return part
}

// Problem returns the smooth problem on the face: its unknowns are the free
// variables, the active ones stay where they are at y. Its operators are principal
// parts ([hvp.Principal]), so that a sparse ∂G/∂y leaves a smaller sparse matrix.
// Hypergradients and tangents are those of the problem that the set belongs to.
func (s *ActiveSet) Problem() Problem { return &faceProblem{s} }

// faceProblem is a composite in its free variables.
type faceProblem struct{ s *ActiveSet }

// expand returns the vector of all variables.
func (f *faceProblem) expand(part []float64) []float64 {
	y := slices.Clone(f.s.y)
	for k, i := range f.s.Free {
		y[i] = part[k]
	}
	return y
}

// Dims implements [Equation].
func (f *faceProblem) Dims() (ny, nw int) { return len(f.s.Free), f.s.c.nw }

// Residual implements [Equation].
func (f *faceProblem) Residual(ctx context.Context, dst, y, w []float64) error {
	full := f.expand(y)
	g := make([]float64, len(full))
	if err := f.s.c.base.Residual(ctx, g, full, w); err != nil {
		return err
	}
	lambda := make([]float64, len(full))
	if f.s.c.lambda != nil {
		if err := f.s.c.weightsAt(lambda, w); err != nil {
			return err
		}
	}
	for k, i := range f.s.Free {
		dst[k] = g[i] + math.Copysign(lambda[i], f.s.y[i])
	}
	return nil
}

// Loss implements [Problem].
func (f *faceProblem) Loss(ctx context.Context, dy, dw, y, w []float64) (float64, error) {
	full := f.expand(y)
	var slope []float64
	if dy != nil {
		slope = make([]float64, len(full))
	}
	l, err := f.s.c.base.Loss(ctx, slope, dw, full, w)
	if err != nil || dy == nil {
		return l, err
	}
	for k, i := range f.s.Free {
		dy[k] = slope[i]
	}
	return l, nil
}

// Linearize implements [Equation].
func (f *faceProblem) Linearize(ctx context.Context, y, w []float64) (lin Linearization, err error) {
	full := f.expand(y)
	if lin, err = f.s.c.linearizeAt(ctx, f.s.at, full, w); err != nil {
		return lin, err
	}
	if whole, ok := lin.Y.(*faceOperator); ok {
		lin.Y = whole.a // whose entries are copied if it has them
	}
	if lin.Y, err = hvp.Principal(lin.Y, f.s.Free); err != nil {
		return lin, err
	}
	lin.W, err = hvp.Restrict(lin.W, f.s.Free, nil)
	return lin, err
}
