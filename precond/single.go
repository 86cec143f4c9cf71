package precond

import (
	"context"
	"fmt"
	"math"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// single is the Chebyshev iteration for D⁻¹A·x = D⁻¹b in single precision: what the
// polynomial and the smoother of the multigrid cycle do where the operator is an
// [hvp.Singler]. It runs as
//
//	x_{k+1} = x_k + c·(x_k − x_{k-1}) + f·D⁻¹(b − A·x_k)
//
// in the place of x_{k-1}, chunk by chunk of rows, each product going to a scratch
// that stays in cache. Traffic per step: that of the weights of A and 5 vectors of
// floats.
type single struct {
	a       hvp.SingleOperator
	n       int
	chunk   int // rows
	inv     []float32
	scratch sync.Pool // *[]float32
}

// newSingle returns the stand-in of a in single precision with the inverse of its
// diagonal; nil if a has none.
func newSingle(ctx context.Context, a hvp.Operator) (*single, error) {
	of, is := a.(hvp.Singler)
	if !is {
		return nil, nil
	}
	op, ok, err := of.Single(ctx)
	if err != nil {
		return nil, fmt.Errorf("precond: single precision: %w", err)
	}
	if !ok {
		return nil, nil
	}
	s := &single{a: op, n: op.Order()}
	s.chunk = parallel.BlockSize * max(1, parallel.Blocks(op.RowGrain()))
	s.inv = make([]float32, s.n)
	bad := make([]int, s.chunks()) // the first bad entry of each chunk, plus one
	parallel.FromContext(ctx).Run(s.chunks(), parallel.TaskFunc(func(c int) {
		lo, hi := s.rows(c)
		op.DiagRows(s.inv[lo:hi], lo, hi)
		for i, v := range s.inv[lo:hi] {
			if !(v > 0x1p-120 && v < 0x1p120) { // neither it nor its inverse overflows
				bad[c] = lo + i + 1
				return
			}
			s.inv[lo+i] = 1 / v
		}
	}))
	for _, i := range bad {
		if i > 0 {
			return nil, &NotPositiveError{i - 1, float64(s.inv[i-1]), true}
		}
	}
	return s, nil
}

// singleCondition is the largest condition number of D⁻¹A at which preconditioners
// work in single precision. Their rounding errors, relative to M, grow with it
// until M is not definite any more; that was seen at 5000.
const singleCondition = 1500

func (s *single) chunks() int { return (s.n + s.chunk - 1) / s.chunk }

func (s *single) rows(c int) (lo, hi int) {
	lo = c * s.chunk
	return lo, min(lo+s.chunk, s.n)
}

// bytes is the memory that s keeps.
func (s *single) bytes() int64 { return s.a.Bytes() + 4*int64(s.n) }

// scaleOf returns a power of two that brings x to the middle of the range of
// single precision.
func scaleOf(team parallel.Team, x []float64) float64 {
	m := parallel.MaxAbs(team, x)
	if !(m > 0) || math.IsInf(m, 0) {
		return 1
	}
	_, e := math.Frexp(m)
	return math.Ldexp(1, min(-e, 1000))
}

// singleMode is what a singleTask does to its vectors.
type singleMode int

const (
	singleFirst    singleMode = iota // out = f·D⁻¹b
	singleStep                       // a step; out holds the iterate before in
	singleStart                      // a step where that is zero, whatever out holds
	singleResidual                   // out = c·(b − A·in)
)

// singleTask is one pass over the vectors of s.
type singleTask struct {
	s          *single
	mode       singleMode
	out, in, b []float32
	c, f       float32
	wide, to   []float64 // where b comes from, and what out goes to; nil for neither
	scale      float64   // b = scale·wide, to = out/scale
}

// Chunk implements parallel.Task.
func (t *singleTask) Chunk(chunk int) {
	s := t.s
	lo, hi := s.rows(chunk)
	out, b := t.out[lo:hi], t.b[lo:hi]
	if t.wide != nil {
		for i, v := range t.wide[lo:hi] {
			b[i] = float32(t.scale * v)
		}
	}
	if t.mode == singleFirst {
		inv := s.inv[lo:hi]
		for i, v := range b {
			out[i] = t.f * inv[i] * v
		}
	} else {
		q, _ := s.scratch.Get().(*[]float32)
		if q == nil {
			q = new([]float32)
			*q = make([]float32, s.chunk)
		}
		ax := (*q)[:hi-lo]
		s.a.ApplyRows(ax, t.in, lo, hi)
		switch t.mode {
		case singleResidual:
			for i, v := range b {
				out[i] = t.c * (v - ax[i])
			}
		case singleStart:
			clear(out)
			fallthrough
		default:
			kernel.ChebyshevStepSingle(out, t.in[lo:hi], ax, s.inv[lo:hi], b, t.c, t.f)
		}
		s.scratch.Put(q)
	}
	if t.to != nil {
		back := 1 / t.scale
		to := t.to[lo:hi]
		for i, v := range out {
			to[i] = back * float64(v)
		}
	}
}

func (t *singleTask) run(team parallel.Team) { team.Run(t.s.chunks(), t) }

// fromZero takes steps of the iteration from x = 0, the first without a product,
// between the two vectors x and y, so that the last is in x. If t.wide is set, b is
// made of it first; if to is not nil, the last goes there too.
func (t *singleTask) fromZero(team parallel.Team, x, y, b []float32, p chebyshevPoly, steps int, to []float64) {
	if steps%2 == 0 {
		x, y = y, x
	}
	t.mode, t.out, t.b, t.f, t.to = singleFirst, x, b, float32(p.first()), nil
	if steps == 1 {
		t.to = to
	}
	t.run(team)
	t.wide = nil
	for k := 1; k < steps; k++ {
		c, f := p.next()
		t.mode, t.in, t.out, t.c, t.f = singleStep, x, y, float32(c), float32(f)
		if k == 1 {
			t.mode = singleStart
		}
		if k == steps-1 {
			t.to = to
		}
		t.run(team)
		x, y = y, x
	}
	t.to = nil
}

// onward takes steps from x, with y as scratch: the last is in x if their number is
// even and in y if not.
func (t *singleTask) onward(team parallel.Team, x, y, b []float32, p chebyshevPoly, steps int, to []float64) {
	for k := range steps {
		c, f := 0.0, p.first()
		t.mode = singleStart
		if k > 0 {
			c, f = p.next()
			t.mode = singleStep
		}
		t.in, t.out, t.b, t.c, t.f = x, y, b, float32(c), float32(f)
		if k == steps-1 {
			t.to = to
		}
		t.run(team)
		x, y = y, x
	}
	t.to = nil
}

// spectrum estimates the spectrum of D⁻¹A by Lanczos steps in the inner product of
// D, without orthogonalisation against earlier vectors, which the largest Ritz value of a
// few steps does not need: Min and Max of e with the residual of the latter. mean
// is the Rayleigh quotient 1ᵀA1/1ᵀD1 of the vector of ones, an upper bound of the
// smallest eigenvalue. Where that makes fewer iterations than soon, the error is a
// soonError.
func (s *single) spectrum(ctx context.Context, steps int, soon float64) (e hvp.Extremes, mean float64, err error) {
	team := parallel.FromContext(ctx)
	q, u, old := make([]float32, s.n), make([]float32, s.n), make([]float32, s.n)
	part, other := make([]float64, s.chunks()), make([]float64, s.chunks())
	each := func(f func(lo, hi int) (a, b float64)) (a, b float64) {
		team.Run(s.chunks(), parallel.TaskFunc(func(c int) {
			lo, hi := s.rows(c)
			part[c], other[c] = f(lo, hi)
		}))
		return parallel.Combine(part), parallel.Combine(other)
	}
	for i := range q {
		q[i] = 1
	}
	ones, diag := each(func(lo, hi int) (a, d float64) {
		s.a.ApplyRows(u[lo:hi], q, lo, hi)
		for i, v := range u[lo:hi] {
			a += float64(v)
			d += 1 / float64(s.inv[lo+i])
		}
		return a, d
	})
	mean = ones / diag
	if low := iterationsFor(1 / mean); low < soon {
		return e, mean, soonError(low)
	}
	// q̂ = β·q and û = β·D·q are not normalised: that would be another pass.
	_, square := each(func(lo, hi int) (_, sum float64) {
		for i := lo; i < hi; i++ {
			// Random signs by the finaliser of splitmix64 (Steele, Lea & Flood,
			// OOPSLA 2014, doi:10.1145/2660193.2660195).
			h := (uint64(i) + 1) * 0x9e3779b97f4a7c15
			h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
			h = (h ^ h>>27) * 0x94d049bb133111eb
			v := s.inv[i]
			if h>>63 == 0 {
				v = -v
			}
			q[i], u[i], old[i] = v, v/s.inv[i], 0
			sum += float64(v) * float64(u[i])
		}
		return 0, sum
	})
	var alpha, beta []float64
	b, before := math.Sqrt(square), 1.0
	for k := range min(steps, s.n) {
		if k == 0 {
			before = b
		}
		f, g := float32(1/b), float32(b/before)
		a, _ := each(func(lo, hi int) (sum, _ float64) {
			w, _ := s.scratch.Get().(*[]float32)
			if w == nil {
				w = new([]float32)
				*w = make([]float32, s.chunk)
			}
			z := (*w)[:hi-lo]
			s.a.ApplyRows(z, q, lo, hi)
			o, in := old[lo:hi], q[lo:hi]
			for i, v := range z {
				sum += float64(in[i]) * float64(v)
				o[i] = f*v - g*o[i]
			}
			s.scratch.Put(w)
			return sum, 0
		})
		a /= b * b
		h := float32(a / b)
		_, square = each(func(lo, hi int) (_, sum float64) {
			o, d, inv, out := old[lo:hi], u[lo:hi], s.inv[lo:hi], q[lo:hi]
			for i, v := range o {
				v -= h * d[i]
				w := inv[i] * v
				o[i], out[i] = v, w
				sum += float64(v) * float64(w)
			}
			return 0, sum
		})
		u, old = old, u
		alpha, beta = append(alpha, a), append(beta, math.Sqrt(square))
		if math.IsNaN(square) || math.IsInf(square, 0) {
			return e, mean, fmt.Errorf("precond: Lanczos step %d in single precision gives a vector of squared norm %v", k, square)
		}
		before, b = b, beta[k]
		if b <= 1e-6*a {
			break // all that the start vector holds
		}
	}
	k := len(alpha)
	t := mat.NewSymDense(k, nil)
	for i, v := range alpha {
		t.SetSym(i, i, v)
		if i > 0 {
			t.SetSym(i-1, i, beta[i-1])
		}
	}
	var eig mat.EigenSym
	if !eig.Factorize(t, true) {
		return e, mean, fmt.Errorf("precond: the eigenvalues of a Lanczos matrix of order %d did not converge", k)
	}
	var vec mat.Dense
	eig.VectorsTo(&vec)
	values := eig.Values(nil)
	last := beta[k-1]
	e = hvp.Extremes{Min: values[0], Max: values[k-1], Products: k + 1}
	e.MinErr, e.MaxErr = last*math.Abs(vec.At(k-1, 0)), last*math.Abs(vec.At(k-1, k-1))
	e.LowerBound, e.UpperBound = e.Min-last, e.Max+last
	if !(e.Max > 0) || !(mean > 0) {
		return e, mean, fmt.Errorf("precond: single precision: %v, Rayleigh quotient %.3g: %w", e, mean, ErrIndefinite)
	}
	return e, mean, nil
}
