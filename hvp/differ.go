package hvp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// stencil is a difference formula
//
//	( centre·g(y) + Σ weight_m·δ_m ) / (denom·h)
//
// with δ_m = g(y+m·h·v) − g(y−m·h·v) if central and g(y+m·h·v) if not. The
// weights are integers, so that they add no rounding errors of their own.
type stencil struct {
	order    int
	central  bool
	at       []float64 // m
	weight   []float64
	centre   float64
	denom    float64
	change   []float64 // weights of the change that the extrapolation makes
	changeAt float64   // its weight of g(y)
}

type stencilKey struct {
	order      int
	richardson bool
}

var stencils = map[stencilKey]*stencil{
	{1, false}: {order: 1, at: []float64{1}, weight: []float64{1}, centre: -1, denom: 1},
	{1, true}: {order: 2, at: []float64{1, 2}, weight: []float64{4, -1}, centre: -3, denom: 2,
		change: []float64{2, -1}, changeAt: -1},
	{2, false}: {order: 2, central: true, at: []float64{1}, weight: []float64{1}, denom: 2},
	{2, true}: {order: 4, central: true, at: []float64{1, 2}, weight: []float64{8, -1}, denom: 12,
		change: []float64{2, -1}},
	{4, false}: {order: 4, central: true, at: []float64{1, 2}, weight: []float64{8, -1}, denom: 12},
	{4, true}: {order: 6, central: true, at: []float64{1, 2, 4}, weight: []float64{256, -40, 1}, denom: 360,
		change: []float64{16, -10, 1}},
}

// amplification is the factor by which independent errors of norm 1 in the
// gradients enter the product at h = 1.
func (s *stencil) amplification() float64 {
	sum := s.centre * s.centre
	for _, w := range s.weight {
		if sum += w * w; s.central {
			sum += w * w
		}
	}
	return math.Sqrt(sum) / s.denom
}

// differ is the derivative of a field along directions, by differences around
// one point. The step is found by the first call of ready.
type differ struct {
	field    VectorField
	at       []float64
	rows     int
	stencil  *stencil
	noise    float64 // relative
	fixed    float64 // the step if it is given
	estimate bool

	mu       sync.Mutex
	done     bool
	base     []float64 // g(at), for stencils that use it
	step     float64   // h·‖v‖∞
	accuracy float64
	floor    float64 // the part of it that is noise

	scratch sync.Pool // *differScratch
}

type differScratch struct{ point, plus, minus []float64 }

func norm(ctx context.Context, x []float64) float64 {
	return parallel.Norm(parallel.FromContext(ctx), x)
}

// ratio returns a/b, and 0 for 0/0.
func ratio(a, b float64) float64 {
	if a == 0 {
		return 0
	}
	return a / b
}

// along sets dst to the derivative along x with h·‖x‖∞ = step, and change, if it
// is not nil, to what the extrapolation changed.
func (d *differ) along(ctx context.Context, dst, change, x []float64, step float64) error {
	team := parallel.FromContext(ctx)
	size := parallel.MaxAbs(team, x)
	if size == 0 {
		clear(dst)
		clear(change)
		return nil
	}
	h := step / size
	if math.IsInf(h, 0) || h == 0 || math.IsNaN(h) {
		return fmt.Errorf("hvp: no finite difference step for a vector whose largest element is %v", size)
	}
	b, _ := d.scratch.Get().(*differScratch)
	if b == nil {
		b = new(differScratch)
	}
	defer d.scratch.Put(b)
	b.point = parallel.Grow(b.point, len(d.at))
	shifted := func(g []float64, h float64) error {
		copy(b.point, d.at)
		parallel.Axpy(team, b.point, h, x)
		return d.field(ctx, g, b.point)
	}
	st := d.stencil
	// Without a centre the first term sets dst, else g(y) does.
	first := true
	if st.centre != 0 {
		parallel.ScaleTo(team, dst, st.centre, d.base)
		if change != nil {
			parallel.ScaleTo(team, change, st.changeAt, d.base)
		}
		first = false
	}
	b.plus = parallel.Grow(b.plus, d.rows)
	for k, m := range st.at {
		if err := shifted(b.plus, m*h); err != nil {
			return err
		}
		if st.central {
			b.minus = parallel.Grow(b.minus, d.rows)
			if err := shifted(b.minus, -m*h); err != nil {
				return err
			}
			parallel.Axpy(team, b.plus, -1, b.minus)
		}
		add := func(sum []float64, w float64) {
			if first {
				parallel.ScaleTo(team, sum, w, b.plus)
			} else {
				parallel.Axpy(team, sum, w, b.plus)
			}
		}
		add(dst, st.weight[k])
		if change != nil {
			add(change, st.change[k])
		}
		first = false
	}
	parallel.ScaleTo(team, dst, 1/(st.denom*h), dst)
	if change != nil {
		parallel.ScaleTo(team, change, 1/(st.denom*h), change)
	}
	return nil
}

// ready evaluates the field at the point and finds step and accuracy, at the
// first call that succeeds.
func (d *differ) ready(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done {
		return nil
	}
	if size := parallel.MaxAbs(parallel.FromContext(ctx), d.at); math.IsNaN(size) || math.IsInf(size, 0) {
		return fmt.Errorf("hvp: finite differences at a point that holds %v", size)
	}
	d.base = make([]float64, d.rows)
	if err := d.field(ctx, d.base, d.at); err != nil {
		return fmt.Errorf("hvp: finite differences: the function at the point: %w", err)
	}
	if size := norm(ctx, d.base); math.IsNaN(size) || math.IsInf(size, 0) {
		return fmt.Errorf("hvp: finite differences at a point where the function has norm %v", size)
	}
	if d.estimate {
		rel, err := EstimateNoise(ctx, d.field, d.at, d.rows, nil)
		if err != nil {
			return err
		}
		d.noise = max(d.noise, min(rel, 0.1))
	}
	l := ladder{differ: d, ctx: ctx, rungs: make(map[int]*rung), between: make(map[int]float64)}
	if err := l.climb(); err != nil {
		return err
	}
	if d.stencil.centre == 0 {
		d.base = nil
	}
	d.done = true
	return nil
}

// ladder is the search for the step: products along random directions with the
// steps start·4^k.
type ladder struct {
	*differ
	ctx    context.Context
	probes [][]float64
	start  float64
	scale  float64 // 1 + ‖y‖∞
	rungs  map[int]*rung
	// between holds the differences of the products at rungs k and k+1.
	between map[int]float64
	gap     []float64
	failed  error // of the field, at a step that was too long
}

const (
	ladderRatio = 4
	ladderReach = 12    // rungs up or down
	goodEnough  = 1e-12 // relative error that ends the search
	useless     = 0.1   // relative error with which it does not end
	patience    = 2     // rungs without gain that end the search
	caution     = 2     // the rung chosen is the one that looks best: it is a little worse
)

type rung struct {
	product []float64 // of all probes, one after another
	size    float64
	usable  bool
}

// balance is the two parts of the error of a product at one rung.
type balance struct{ noise, truncation float64 }

func (b balance) total() float64 { return b.noise + b.truncation }

// probeDirection returns a random vector with elements of both signs between ½
// and 1 in size.
func probeDirection(n int, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 0x5eed))
	u := make([]float64, n)
	for i := range u {
		u[i] = 0.5 + 0.5*rng.Float64()
		if rng.Uint64()&1 == 0 {
			u[i] = -u[i]
		}
	}
	return u
}

// climb sets step and accuracy.
func (l *ladder) climb() error {
	p := float64(l.stencil.order)
	l.scale = 1 + parallel.MaxAbs(parallel.FromContext(l.ctx), l.at)
	l.start = l.fixed
	if l.start == 0 {
		l.start = math.Pow(l.noise, 1/(min(p, 2)+1)) * l.scale // long steps mislead
	}
	if len(l.at) == 0 || l.rows == 0 {
		l.step, l.accuracy = l.start, l.noise
		return nil
	}
	// Few components are few samples of the noise: then several directions.
	for len(l.probes) < max(1, min(4, 16/l.rows)) {
		l.probes = append(l.probes, probeDirection(len(l.at), uint64(len(l.probes)+1)))
	}
	k, err := l.walk()
	if err != nil {
		return err
	}
	best, _ := l.judge(k)
	if math.IsInf(best.total(), 1) {
		if l.failed != nil {
			return fmt.Errorf("hvp: finite differences: %w", l.failed)
		}
		return errors.New("hvp: finite differences: the function is not finite around the point")
	}
	f := 1.0
	if l.fixed == 0 {
		f = max(0.5, min(2, l.optimum(best)))
	}
	l.step = l.stepAt(k) * f
	best.noise /= f
	best.truncation *= math.Pow(f, p)
	l.accuracy, l.floor = l.noise, l.noise
	if size := l.rungs[k].size; size > 0 {
		// Where the error is as large as the product, the product is error.
		signal := max(size-best.total(), 1e-3*best.total())
		l.accuracy, l.floor = caution*best.total()/signal, caution*best.noise/signal
	}
	return nil
}

// walk returns the best rung. It goes towards where noise and truncation seem to
// balance, past rungs that are no better: with few components a rung can look bad
// or good by chance. If all of them are useless it tries the other way too, since
// a field that varies within a step looks like noise.
func (l *ladder) walk() (best int, err error) {
	b, err := l.judge(0)
	if err != nil || l.fixed != 0 {
		return 0, err
	}
	least := l.relative(0, b)
	way := l.way(b)
	if way == 0 && least < useless || least <= goodEnough {
		return 0, nil
	}
	if way == 0 {
		way = 1
	}
	for range 2 {
		worse := 0
		for k := way; k <= ladderReach && k >= -ladderReach; k += way {
			if k > 0 && l.stepAt(k)*l.longest() > l.scale {
				break
			}
			if b, err = l.judge(k); err != nil {
				return 0, err
			}
			switch r := l.relative(k, b); {
			case r < least:
				best, least, worse = k, r, 0
			case !math.IsInf(r, 1):
				worse++
			}
			if least <= goodEnough || least < useless && (worse >= patience || l.way(b) != way) {
				return best, nil
			}
		}
		if least < useless {
			break
		}
		way = -way
	}
	return best, nil
}

// way returns where the balance is: +1 at longer, −1 at shorter steps, 0 here.
func (l *ladder) way(b balance) int {
	switch r := l.optimum(b); {
	case r > 1.5:
		return 1
	case !(r >= 1/1.5):
		return -1
	}
	return 0
}

// relative returns the error b of rung k relative to its product.
func (l *ladder) relative(k int, b balance) float64 {
	size := l.rungs[k].size
	if b.total() == 0 || size == 0 || math.IsNaN(size) {
		return b.total()
	}
	return b.total() / size
}

func (l *ladder) stepAt(k int) float64 { return l.start * math.Pow(ladderRatio, float64(k)) }

func (l *ladder) longest() float64 { return l.stencil.at[len(l.stencil.at)-1] }

// optimum returns the factor from the step of b to where the two parts balance.
func (l *ladder) optimum(b balance) float64 {
	if math.IsInf(b.truncation, 1) {
		return 0
	}
	p := float64(l.stencil.order)
	if b.truncation == 0 {
		return math.Inf(1)
	}
	return math.Pow(b.noise/(p*b.truncation), 1/(p+1))
}

// judge estimates the error at rung k from the differences to its neighbours.
// Noise falls by 4 from rung to rung, so that it rules the difference to the
// shorter step; truncation grows by 4^p and rules that to the longer one.
func (l *ladder) judge(k int) (balance, error) {
	for j := k - 1; j <= k; j++ {
		if err := l.compare(j); err != nil {
			return balance{}, err
		}
	}
	// Products that are compared already are not kept: they are long vectors.
	for j, r := range l.rungs {
		if j < k-1 || j > k+1 {
			r.product = nil
		}
	}
	if !l.rungs[k].usable {
		return balance{math.Inf(1), math.Inf(1)}, nil
	}
	// What is known of the noise: the promise of the settings, and all shorter
	// steps.
	terms := l.rungs[k].size*l.scale + norm(l.ctx, l.base)*math.Sqrt(float64(len(l.probes)))
	b := balance{noise: l.stencil.amplification() * l.noise * terms / l.stepAt(k)}
	for j := k - 1; ; j-- {
		d, known := l.between[j]
		if !known {
			break
		}
		if !math.IsInf(d, 1) {
			b.noise = max(b.noise, d*l.stepAt(j)/l.stepAt(k))
		}
	}
	// Steps that are not short enough yet do not show the full order.
	b.truncation = l.between[k] / math.Pow(ladderRatio, float64(min(l.stencil.order, 4)))
	return b, nil
}

// compare sets between[k] to the difference of the products at rungs k and k+1,
// infinite if one of them is not usable.
func (l *ladder) compare(k int) error {
	if _, known := l.between[k]; known {
		// Their sizes are known too.
		return nil
	}
	for j := k; j <= k+1; j++ {
		if err := l.measure(j); err != nil {
			return err
		}
	}
	a, b := l.rungs[k], l.rungs[k+1]
	if !a.usable || !b.usable {
		l.between[k] = math.Inf(1)
		return nil
	}
	l.gap = parallel.Grow(l.gap, len(a.product))
	for i, v := range a.product {
		l.gap[i] = v - b.product[i]
	}
	l.between[k] = norm(l.ctx, l.gap)
	return nil
}

// measure computes rung k. A field that fails or is not finite there makes the
// rung unusable; only the end of the context is an error.
func (l *ladder) measure(k int) error {
	if r := l.rungs[k]; r != nil && r.product != nil {
		return nil
	}
	r := &rung{product: make([]float64, len(l.probes)*l.rows)}
	l.rungs[k] = r
	for i, u := range l.probes {
		if err := l.along(l.ctx, r.product[i*l.rows:][:l.rows], nil, u, l.stepAt(k)); err != nil {
			if l.ctx.Err() != nil {
				return err
			}
			l.failed = err
			return nil
		}
	}
	r.size = norm(l.ctx, r.product)
	r.usable = !math.IsNaN(r.size) && !math.IsInf(r.size, 0)
	return nil
}
