package krylov

import (
	"math"
	"slices"
	"time"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// correctionDrop is by how much residuals fall between two corrections at most, which are spread
// evenly over the digits asked for: a solve to 1e-8 computes them anew twice, which costs as
// much as a few iterations, and rounding errors of single precision, 6e-8 of the largest
// residual since, stay far below. With 1/10, 1/512 and 1/1000 the iterations to 1e-8 were the
// same within seven percent.
const correctionDrop = 0.98e-4 // not 1e-4, of which twice is not quite 1e-8

// flush adds what the recurrences have summed up to the solutions, with the step that the
// directions have not taken yet.
func (c *BlockCG) flush() {
	s := &c.single
	for i := range s.source {
		t := &s.source[i]
		t.Step = 0
		if s.next == alongDirection {
			t.Step = float64(s.alpha[t.Single])
		}
	}
	c.runBlocks((*singleFlush)(c))
	s.next = afterCorrection
}

// correct replaces the residuals by the true ones, ends the columns whose true residuals
// are below their tolerances, and says how the next directions come about.
func (c *BlockCG) correct() failure {
	s := &c.single
	err := c.ctx.Err()
	c.flush()
	if err != nil {
		return failure{Canceled, err}
	}
	if f := c.productInDouble(); f.failed() {
		return f
	}
	begin := time.Now()
	c.runBlocks((*singleCorrect)(c))
	if s.inRows {
		c.res.InProducts += time.Since(begin)
	}
	late := s.round-s.corrected >= singlePatience+2*s.corrected
	s.first, s.corrected = 0, s.round
	ended := false
	for m := range c.cols {
		l := s.slot[m]
		st := c.at(m)
		st.res.Products++
		st.res.Bytes += int64(c.n) * (4*6 + 8*5)
		truth := math.Sqrt(c.sum(c.part0, l))
		st.trueRz, st.trueRp = c.sum(c.part1, l), c.sum(c.part2, l)
		switch {
		case !s.live[l]:
		case math.IsNaN(truth) || math.IsInf(truth, 0):
			c.leave(m)
			clear(c.xc) // the range of single precision was left: begin again
			c.scatter(c.xs, c.xc, c.k, c.cols[m])
		case truth <= st.tolerance:
			st.res.TrueResidual, st.res.Residual = truth/st.scale, truth/st.scale
			st.end = failure{Converged, nil}
			c.leave(m)
		case truth > st.truth/2 && (late || truth > 4*st.norm), illConditioned(&st.t):
			c.leave(m) // the recurrence has lost its way
		default:
			st.truth, st.norm, s.top[l] = truth, truth, truth
		}
		ended = ended || !s.live[l]
	}
	if ended {
		c.endSingle()
		c.sources()
		if c.w == 0 {
			return ok
		}
	}
	another := s.poly.tooNarrow
	if another {
		if f := c.widenPolynomial(); f.failed() {
			return f
		}
	}
	if f := c.singlePrecondition(); f.failed() {
		return f
	}
	for m := range c.cols {
		l := s.slot[m]
		st := c.at(m)
		rz := st.trueRz
		if s.poly.steps > 0 || s.m != nil {
			rz = c.sum(c.part1, l)
		}
		beta := rz / st.rzBefore
		if !(rz > 0) || !(beta < 0x1p80) {
			c.leave(m) // as the next look at the norms finds
			continue
		}
		if s.poly.steps == 0 && !s.betas {
			st.t.append(float64(s.alpha[l]), beta)
		}
		st.rz, st.coupling = rz, beta/float64(s.alpha[l])
		s.beta[l], s.gamma[l] = float32(beta), float32(1-beta*st.trueRp/rz)
		if another { // the directions of before know another one
			st.coupling, s.beta[l], s.gamma[l] = 0, 0, 1
		}
	}
	return ok
}

// illConditioned reports whether the Ritz values are so far apart that directions in single
// precision, 2⁻²⁴ of their size off, mean little to the smallest: iterations could be many
// times those of double precision.
func illConditioned(t *tridiagonal) bool {
	least, largest := t.extremes()
	return least < 0x1p-23*largest
}

// endSingle takes the columns that no longer iterate off the list, and narrows the panels
// if that saves a register.
func (c *BlockCG) endSingle() {
	s := &c.single
	kept := 0
	for m, l := range c.cols {
		switch {
		case c.state[l].end.failed():
			c.finishColumn(l)
			continue
		case !s.live[s.slot[m]]:
			s.left = append(s.left, l)
			continue
		}
		c.cols[kept], s.slot[kept] = l, s.slot[m]
		kept++
	}
	c.cols, s.slot = c.cols[:kept], s.slot[:kept]
	c.w = kept
	if w := s.panelWidth(kept); kept > 0 && w < s.w {
		c.narrow(w)
	}
}

// narrow keeps w columns of the panels, those that iterate among them.
func (c *BlockCG) narrow(w int) {
	s := &c.single
	c.keep = append(c.keep[:0], s.slot...)
	for l := 0; len(c.keep) < w; l++ { // fill up with what has ended
		if !slices.Contains(s.slot, l) {
			c.keep = append(c.keep, l)
		}
	}
	slices.Sort(c.keep)
	for _, panel := range []*[]float32{&s.r, &s.p} {
		s.from = *panel
		c.runBlocks((*singleNarrow)(c))
		*panel, s.q = s.q[:c.n*w], s.from[:c.n*w]
	}
	s.from, s.y = nil, s.y[:c.n*w] // y is zero
	for m, l := range c.keep {
		s.live[m], s.unit[m], s.top[m] = s.live[l], s.unit[l], s.top[l]
		s.alpha[m], s.beta[m], s.gamma[m] = s.alpha[l], s.beta[l], s.gamma[l]
	}
	for m, l := range s.slot {
		s.slot[m] = slices.Index(c.keep, l)
	}
	s.w = w
	s.live, s.unit, s.top, s.alpha, s.beta, s.gamma = s.live[:w], s.unit[:w], s.top[:w], s.alpha[:w], s.beta[:w], s.gamma[:w]
	c.setSingleWidth()
}

// toDouble prepares the columns that are left for the iterations in double precision: at
// their true residuals.
func (c *BlockCG) toDouble() failure {
	c.setWidth(len(c.cols))
	c.allocate()
	for m, l := range c.cols {
		st := &c.state[l]
		c.gather(c.xc, c.xs, c.k, l)
		c.gather(c.bc, c.bs, c.k, l)
		if f := c.apply(c.rc, c.xc); f.failed() {
			return f
		}
		st.res.Products++
		rr := parallel.SubScaled(c.team, c.rc, st.scale, c.bc, c.rc)
		truth := c.run.norm(rr, c.rc)
		switch {
		case math.IsNaN(truth) || math.IsInf(truth, 0):
			st.end = c.nonFinite("the product of the operator and the solution")
		case truth <= st.tolerance:
			st.res.TrueResidual = truth / st.scale
			st.end = failure{Converged, nil}
		}
		st.truth, st.norm, st.res.Residual = truth, truth, truth/st.scale
		st.t.restart()
		if st.res.Method != c.String() {
			st.res.Method, st.res.Path = c.String(), st.res.Method+" → "+c.String()
		}
		c.scatter(c.r, c.rc, c.w, m)
	}
	c.dropEnded()
	return ok
}
