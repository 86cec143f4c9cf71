package krylov

import (
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// panelPolynomial is a polynomial in A that [BlockCG] puts in the place of the identity as
// its preconditioner where panels are in single precision and cost more than the operator:
// a step of it reads and writes four numbers per element where an iteration of CG moves
// ten, and where the operator has a band the steps follow each other while the panels are
// in a cache ([wave]).
//
// It is the Chebyshev iteration from zero for A·z = r, with a diagonal preconditioner D that
// for D·A·z = D·r, on the interval [lo, hi] of the spectrum, which Ritz values of a few
// iterations with one vector tell (Saad, Iterative Methods for Sparse Linear Systems, 2003,
// section 12.3). Where the coefficients of CG say that hi is too small, there is another
// polynomial; where it is not positive for that reason, rᵀz says so, and the column goes on in
// double precision.
type panelPolynomial struct {
	ritz   tridiagonal // of the residuals
	noise  tridiagonal
	steps  int // products; 0: no polynomial
	chosen int // how often
	// tooNarrow: there is an eigenvalue beyond hi, where the polynomial is large.
	tooNarrow bool
	few       bool // eigenvectors are in the first residuals
	step      [mostSweeps]hvp.SingleStep
	z, old    []float32 // iterates of even and of odd number
	scratch   parallel.ScratchOf[float32]
}

const (
	// polynomialSteps is the number of products of an application: 6, 8, 10 and 12 took the
	// same time within the noise, a tenth, on 5 points 300² and 1000² and 7 points 60³ and
	// 100³ at condition numbers of 200 and 800.
	polynomialSteps = 10
	// leastIterations is how many iterations must be allowed for.
	leastIterations = 3 * (1 + polynomialSteps)
	// polynomialLeast is how wide the spectrum is at least, by the pilot.
	polynomialLeast = 20
	// noiseWidest is how wide it is at most by the noise: eight iterations see a ratio of 30
	// in a spectrum without gaps. More is a sign of single eigenvalues far above the others,
	// which CG deals with one by one and a polynomial does not.
	noiseWidest = 120
	// polynomialWidest is hi/lo at most.
	polynomialWidest = 250
	// noiseFall is how much of noise is left where the condition number, below 12, needs no
	// polynomial.
	noiseFall = 1e-2
	// singleFall is how much of a residual the pilot leaves, and far less of it than of noise,
	// where it is a sum of so few eigenvectors that single precision, whose rounding errors
	// add others, is of no use.
	singleFall = 1e-5
	// pilotSteps are enough to see a ratio of a hundred, noiseSteps for the largest eigenvalue but
	// a few percent.
	pilotSteps = 16
	noiseSteps = 8
	// polynomialBeyond and polynomialBelow are how far the interval reaches beyond the
	// Ritz values: at the upper end for safety; at the lower end 0.7 to 1.5 took the same
	// time within the noise.
	polynomialBeyond = 1.1
	polynomialBelow  = 1.1
	// polynomialMost is above all eigenvalues of p(A)·A for an interval that holds those
	// of A.
	polynomialMost = 2
	// polynomialTries is how often an interval is chosen.
	polynomialTries = 3
	// waveBytes is how much of a cache of one worker the sweeps of a wave may take.
	waveBytes = 5 << 18
)

// wantPolynomial says whether the operator is so cheap that a polynomial pays.
func (c *BlockCG) wantPolynomial() bool {
	s := &c.single
	if s.a == nil || s.m != nil || s.a.RowGrain() > 0 {
		return false
	}
	bytes, known := hvp.ProductTraffic(c.a)
	return known && bytes <= 8*10*int64(c.n)
}

// startPolynomial chooses the polynomial, if the spectrum is as wide as to need one.
func (c *BlockCG) startPolynomial() failure {
	p := &c.single.poly
	p.chosen, p.tooNarrow, p.few = 0, false, false
	if p.steps = 0; c.maxIter < leastIterations || !c.wantPolynomial() {
		return ok
	}
	return c.choosePolynomial()
}

// widenPolynomial chooses another polynomial by the residuals of now, in which what the one
// of before has left is large.
func (c *BlockCG) widenPolynomial() failure {
	p := &c.single.poly
	if p.steps, p.tooNarrow = 0, false; p.chosen == polynomialTries {
		return ok
	}
	return c.choosePolynomial()
}

// choosePolynomial does so by CG with noise, which finds the upper end of the spectrum, as
// rounding errors will, and with the sum of the residuals, which says how far down the
// spectrum counts for them.
func (c *BlockCG) choosePolynomial() failure {
	s := &c.single
	p := &s.poly
	p.chosen++
	c.runBlocks((*singleNoise)(c))
	usual, f := c.pilot(&p.noise, noiseSteps)
	if f.failed() || usual < noiseFall {
		return f
	}
	c.runBlocks((*singlePilot)(c))
	fall, f := c.pilot(&p.ritz, pilotSteps)
	if f.failed() {
		return f
	}
	if p.few = fall < singleFall && fall < usual*usual/100; p.few { // in twice the steps
		return ok
	}
	least, largest := p.ritz.extremes()
	lowest, highest := p.noise.extremes()
	largest = max(largest, highest)
	if !(least > 0) || !(lowest > 0) || largest < polynomialLeast*least || largest > noiseWidest*lowest {
		return ok
	}
	for m := range c.cols {
		t := &c.at(m).t
		t.reset()
		t.minRitz, t.maxRitz, t.earlier = least, largest, true
	}
	p.steps = polynomialSteps
	hi := largest * polynomialBeyond
	p.choose(max(least/polynomialBelow, hi/polynomialWidest), hi)
	size := c.n * s.w
	p.z, p.old = parallel.Grow(p.z, size), parallel.Grow(p.old, size)
	return ok
}

// pilot runs so many iterations of CG in double precision with the right-hand side in bc, for
// their Ritz values, and returns by how much the residual falls.
func (c *BlockCG) pilot(t *tridiagonal, steps int) (fall float64, f failure) {
	t.reset()
	r, p, q := c.bc, c.xc, c.rc
	products := c.res.Products
	first, alpha, before := 0.0, 0.0, 0.0
	for k := 0; ; k++ {
		z := r
		if len(c.single.d) > 0 {
			z = q
			parallel.MulTo(c.team, z, c.d, r)
		}
		rz := parallel.Dot(c.team, r, z)
		if k == 0 {
			first = rz
		} else {
			t.append(alpha, rz/before)
		}
		fall = math.Sqrt(rz / first)
		if k == steps || !(rz > 0) {
			break
		}
		if k == 0 {
			parallel.Copy(c.team, p, z)
		} else {
			parallel.Axpby(c.team, p, 1, z, rz/before)
		}
		if f := c.apply(q, p); f.failed() {
			return 0, f
		}
		if alpha = rz / parallel.Dot(c.team, p, q); !(alpha > 0) {
			break // not definite
		}
		parallel.Axpy(c.team, r, -alpha, q)
		before = rz
	}
	st := c.at(0)
	st.res.Products += c.res.Products - products
	st.res.Bytes += int64(8 * 10 * c.n * (c.res.Products - products))
	c.res.Products = products
	return fall, ok
}

// choose sets the coefficients for an interval.
func (p *panelPolynomial) choose(lo, hi float64) {
	theta, delta := (hi+lo)/2, (hi-lo)/2
	sigma := theta / delta
	rho := 1 / sigma
	for i := range p.steps {
		next := 1 / (2*sigma - rho)
		f, g := next*rho, 2*next/delta
		rho = next
		switch i {
		case 0: // the first iterate is r/θ, and zero before it
			p.step[i] = hvp.SingleStep{A: float32((1+f)/theta + g), D: float32(-g / theta)}
		case 1:
			p.step[i] = hvp.SingleStep{A: float32(1 + f), C: float32(g - f/theta), D: float32(-g)}
		default:
			p.step[i] = hvp.SingleStep{A: float32(1 + f), B: float32(-f), C: float32(g), D: float32(-g)}
		}
	}
}

// result returns the panel that the last step writes.
func (p *panelPolynomial) result(size int) []float32 {
	if p.steps%2 == 0 {
		return p.old[:size]
	}
	return p.z[:size]
}

// stepElements is how many elements of a panel a step does at a time, so that the product
// stays in the first cache.
const stepElements = 4096

// own are the places of a product of each row with its entry of a diagonal.
var own = []int{0}

// beginPolynomial sets rows lo … hi-1 of D·r, the direction of the first step, where there is a
// diagonal.
func (c *BlockCG) beginPolynomial(lo, hi int) {
	s := &c.single
	if len(s.d) > 0 {
		from, to := lo*s.w, hi*s.w
		out := s.poly.old[from:to]
		clear(out)
		kernel.AddProductsPanel(out, s.w, s.d[lo:hi], own, s.r[from:to], own, false)
	}
}

// polynomialStep does rows lo … hi-1 of a step.
func (c *BlockCG) polynomialStep(i, lo, hi int) {
	s := &c.single
	p := &s.poly
	out, in := p.z, p.old
	if i%2 == 1 {
		out, in = in, out
	}
	before := out
	diagonal := len(s.d) > 0
	if !diagonal && i < 2 {
		before = s.r
	}
	if !diagonal && i == 0 {
		in = s.r
	}
	t := &p.step[i]
	if a, is := s.a.(hvp.SingleStepper); is && !diagonal {
		a.StepBlockRowsSingle(t, out, in[:c.n*s.w], before, s.r, s.w, lo, hi)
		return
	}
	var sum kernel.Combination
	rows := max(1, stepElements/s.w)
	q := p.scratch.Get(rows * s.w)
	for ; lo < hi; lo += rows {
		end := min(lo+rows, hi)
		from, to := lo*s.w, end*s.w
		product := (*q)[:to-from]
		s.a.ApplyBlockRowsSingle(product, in[:c.n*s.w], s.w, lo, end)
		right := func() { // C·r + D·A·in
			if t.C != 0 {
				sum.Add(t.C, s.r[from:])
			}
			sum.Add(t.D, product)
		}
		if diagonal {
			sum.Begin(to - from)
			right()
			sum.To(product)
		}
		sum.Begin(to - from)
		sum.Add(t.A, in[from:])
		if t.B != 0 {
			sum.Add(t.B, before[from:])
		}
		if !diagonal {
			right()
		}
		sum.To(out[from:to])
		if diagonal {
			kernel.AddProductsPanel(out[from:to], s.w, s.d[lo:end], own, product, own, false)
		}
	}
	p.scratch.Put(q)
}
