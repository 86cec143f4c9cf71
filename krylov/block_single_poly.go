package krylov

import (
	"math"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// panelPolynomial is a polynomial in A that [BlockCG] puts in the place of the identity as
// its preconditioner where panels are in single precision and cost more than the operator:
// a step of it reads and writes four numbers per element where an iteration of CG moves
// ten, so that the same number of products takes half the traffic.
//
// It is the Chebyshev iteration from zero for A·z = r on the interval [lo, hi] of the
// spectrum, with hi from the Ritz values of the first iterations (Saad, Iterative Methods
// for Sparse Linear Systems, 2003, section 12.3). Where hi turns out too small, so that the
// polynomial is not positive, rᵀz tells, and the column goes on in double precision.
type panelPolynomial struct {
	wanted  bool
	steps   int // products; 0: none yet
	lo, hi  float64
	z, old  []float32
	out, in []float32 // of the step under way
	before  []float32
	a, b, c float32 // out = a·in + b·before + c·r + d·A·in
	d       float32
	last    bool
	scratch parallel.ScratchOf[float32]
}

const (
	// polynomialSteps is the number of products of an application. 4 to 7 with widths of
	// 40 to 80 took the same time within eight percent on 5 points 1000² and 7 points 60³
	// (BenchmarkBlockCG); a width of 25 took 14 percent longer on the first.
	polynomialSteps = 6
	// polynomialWidth is hi/lo.
	polynomialWidth = 60
	// polynomialLeast is how wide the spectrum is at least, by the first iterations. At a
	// condition number of 200 the polynomial takes up to ten percent longer than none, at
	// 800 0.75 to 0.9 of the time.
	polynomialLeast = 20
	// polynomialStart is after how many iterations the largest Ritz value is taken to
	// be within ten percent of the largest eigenvalue.
	polynomialStart = 12
)

// wantPolynomial says whether the operator is so cheap that a polynomial pays.
func (c *BlockCG) wantPolynomial() bool {
	s := &c.single
	if c.m != nil && len(s.d) > 0 || s.a.RowGrain() > 0 {
		return false
	}
	if _, is := c.a.(*hvp.Stencil); is {
		return true
	}
	t, is := c.a.(interface{ ProductTraffic() int64 })
	return is && t.ProductTraffic() <= 8*10*int64(c.n)
}

// startPolynomial chooses the polynomial, if the spectrum is as wide as to need one.
func (c *BlockCG) startPolynomial() {
	p := &c.single.poly
	p.wanted = false
	least, largest := math.Inf(1), 0.0
	for m := range c.cols {
		lo, hi := c.at(m).t.extremes()
		least, largest = min(least, lo), max(largest, hi)
	}
	if !(least > 0) || largest < polynomialLeast*least {
		return
	}
	p.steps, p.hi = polynomialSteps, 1.1*largest
	p.lo = p.hi / polynomialWidth
	size := c.n * c.single.w
	p.z, p.old = parallel.Grow(p.z, size), parallel.Grow(p.old, size)
}

// polynomial sets z = p(A)·r and rᵀz.
func (c *BlockCG) polynomial() {
	begin := time.Now()
	s := &c.single
	p := &s.poly
	size := c.n * s.w
	p.z, p.old = p.z[:size], p.old[:size]
	theta, delta := (p.hi+p.lo)/2, (p.hi-p.lo)/2
	sigma := theta / delta
	rho := 1 / sigma
	for i := range p.steps {
		next := 1 / (2*sigma - rho)
		f, g := next*rho, 2*next/delta
		rho = next
		switch i {
		case 0: // the first iterate is r/θ, and zero before it
			p.in, p.before, p.out = s.r, s.r, p.z
			p.a, p.b, p.c, p.d = float32((1+f)/theta+g), 0, 0, float32(-g/theta)
		case 1:
			p.in, p.before, p.out = p.z, s.r, p.old
			p.a, p.b, p.c, p.d = float32(1+f), 0, float32(g-f/theta), float32(-g)
		default:
			p.in, p.before, p.out = p.out, p.in, p.in
			p.a, p.b, p.c, p.d = float32(1+f), float32(-f), float32(g), float32(-g)
		}
		p.last = i == p.steps-1
		c.runBlocks((*singlePolynomial)(c))
	}
	s.z = p.out
	c.res.InPrecond += time.Since(begin)
	for m := range c.cols {
		if s.live[s.slot[m]] {
			c.at(m).res.PrecondApplies++
			c.at(m).res.Products += p.steps
			c.at(m).res.Bytes += int64(4 * 4 * p.steps * c.n)
		}
	}
}

// singlePolynomial: a step of the polynomial, after the last one rᵀz.
type singlePolynomial BlockCG

func (c *singlePolynomial) Chunk(b int) {
	lo, hi, from, to := (*BlockCG)(c).singleBounds(b)
	s := &c.single
	p := &s.poly
	q := p.scratch.Get(to - from)
	s.a.ApplyBlockRowsSingle(*q, p.in, s.w, lo, hi)
	kernel.CombineSingle(p.out[from:to], p.in[from:to], p.before[from:to], s.r[from:to], *q, p.a, p.b, p.c, p.d)
	p.scratch.Put(q)
	if p.last {
		kernel.PanelDotSingle(s.r[from:to], p.out[from:to], s.w, c.part1[b:], c.blocks)
	}
}
