package krylov

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// blockSingle is the part of [BlockCG] that keeps its panels in single precision. They have
// w columns, 2, 4 or a multiple of eight, so that whole registers do them; slot[m] is the
// one of column c.cols[m] of the caller's.
//
// A column is solved in the units of its first residual. In them r ≈ b − A·(x + y), where
// x is the solution at the last correction.
type blockSingle struct {
	a          hvp.SingleBlockRanger // nil: whole
	whole      hvp.SingleBlocker
	m          hvp.SingleBlocker // preconditioner, nil for none, a diagonal or the polynomial
	lag        int               // bandwidth of the operator
	wave       wave
	next       singleNext
	betas      bool    // of this iteration are set
	drop       float64 // of residuals between two corrections
	inRows     bool    // the sweep of a correction computes ax
	w          int
	slot       []int
	live       []bool    // of the slots: their columns iterate
	unit       []float64 // of the slots: 1/unit is what an element of r, p and y stands for
	top        []float64 // of the slots: the largest residual norm since the last correction
	r, p, q, y []float32 // n×w
	from       []float32 // a panel to be narrowed
	d          []float32 // diagonal of the preconditioner, none if it is constant
	ax         []float64 // n×k: products with the solutions
	alpha      []float32 // of the slots
	beta       []float32
	gamma      []float32
	source     []kernel.PanelColumn // of the columns c.cols
	round      int                  // rounds of the loop, of an iteration or one and those of the polynomial
	first      int                  // round of the first claim since the last correction; 0 means none
	corrected  int                  // round of the last correction
	left       []int                // columns for double precision
	poly       panelPolynomial
	z          []float32 // preconditioned residuals: r itself where there is none or a diagonal
	zs         []float32 // those of m
}

// singleNext is what comes next for the directions.
type singleNext int

const (
	// afterCorrection: new ones from true residuals; y has all steps.
	afterCorrection singleNext = iota
	// alongDirection: the step of y and the next directions.
	alongDirection
)

// singlePatience is after how many iterations, and twice those of before, a residual is
// expected to have fallen by half.
const singlePatience = 1000

// singleLeast is the number of unknowns from which on single precision pays: below it
// panels are in the second cache in any case.
const singleLeast = 4096

// InSingle reports whether [BlockCG] solves systems with a, preconditioned by m, which may
// be nil, with panels in single precision, unless their columns are few or their numbers
// out of its range.
func InSingle(a, m hvp.Operator) bool {
	if n, _ := a.Dims(); n < singleLeast || !kernel.SinglePanels() {
		return false
	}
	if d, is := m.(hvp.Delegator); is {
		m = d.Delegate()
	}
	_, diagonal := m.(hvp.DiagonalMatrix)
	_, can := hvp.BlockRowsSingle(a)
	if !can {
		_, can = hvp.BlockSingle(a)
	}
	if !can || m == nil || diagonal {
		return can
	}
	_, can = hvp.BlockSingle(m)
	return can
}

// openSingle says whether the solve can begin in single precision.
func (c *BlockCG) openSingle() bool {
	s := &c.single
	s.a, s.whole, s.m, s.w, s.slot = nil, nil, nil, 0, parallel.Grow(s.slot, c.k)
	if c.Double || c.k < 2 || !InSingle(c.a, c.m) {
		return false
	}
	s.d = s.d[:0]
	if c.d != nil {
		s.d = parallel.Grow(s.d, c.n)
		constant := true
		for i, v := range c.d {
			s.d[i] = float32(v)
			constant = constant && v == c.d[0]
			if !(v > 0x1p-100 && v < 0x1p100) {
				return false
			}
		}
		if constant { // which changes no step
			s.d = s.d[:0]
		}
	}
	if c.m != nil && c.d == nil {
		s.m, _ = hvp.BlockSingle(c.m)
	}
	if s.a, _ = hvp.BlockRowsSingle(c.a); s.a == nil {
		s.whole, _ = hvp.BlockSingle(c.a)
	}
	s.lag = hvp.Bandwidth(c.a)
	return true
}

// panelWidth is the least width of panels that hold k columns. Two columns with a
// diagonal have no loop of their own.
func (s *blockSingle) panelWidth(k int) int {
	switch {
	case k <= 2 && len(s.d) == 0:
		return 2
	case k <= 4:
		return 4
	}
	return (k + 7) / 8 * 8
}

// singleRows is the number of rows in a block of panels of width w.
func singleRows(w int) int { return max(64, 2*parallel.BlockSize/w) }

// solveInSingle solves the columns in single precision, and those that cannot be brought
// to their tolerance in this precision then in double precision.
func (c *BlockCG) solveInSingle() {
	s := &c.single
	s.left = s.left[:0]
	f := c.iterationsInSingle()
	left := s.left
	if f.failed() {
		if f.status != IterationLimit { // not all have had that many
			c.cols = append(c.cols, left...)
			left = nil
		}
		c.endAll(f)
	}
	// Those that left at the same iteration go on together.
	spent := func(l int) int { return c.state[l].res.Iterations }
	slices.SortStableFunc(left, func(l, m int) int { return cmp.Compare(spent(l), spent(m)) })
	for len(left) > 0 {
		n := 1
		for n < len(left) && spent(left[n]) == spent(left[0]) {
			n++
		}
		c.res.Iterations = spent(left[0])
		c.cols, left = append(c.cols[:0], left[:n]...), left[n:]
		if f := c.toDouble(); f.failed() {
			c.endAll(f)
		}
		if c.w > 0 {
			c.iterations()
		}
	}
}

// iterationsInSingle runs CG until all columns have ended or need double precision, which
// s.left then lists.
//
// It is CG with residual replacement: while the recurrences run in single precision, the
// true residual b − A·x is computed in double precision again and again, and takes the
// place of the recurrence's; the search direction is kept, made orthogonal to the new
// residual, so that the convergence goes on as if nothing had happened. See G. L. G.
// Sleijpen, H. A. van der Vorst, Reliable updated residuals in hybrid Bi-CG methods,
// Computing 56 (1996), doi:10.1007/BF02309342, and M. A. Clark et al., Solving lattice
// QCD systems of equations using mixed precision solvers on GPUs, Comput. Phys. Commun.
// 181 (2010), doi:10.1016/j.cpc.2010.05.002, who keep the direction.
func (c *BlockCG) iterationsInSingle() failure {
	if f := c.beginSingle(); f.failed() {
		return f
	}
	s := &c.single
	for c.w > 0 {
		if f := c.limits(); f.failed() {
			c.flush()
			return f
		}
		if s.poly.steps > 0 && c.res.Iterations+1+s.poly.steps > c.maxIter {
			s.poly.steps = 0 // there is no room for it
			if f := c.correct(); f.failed() {
				return f
			}
			continue
		}
		s.round++
		f := c.singleProduct()
		correct := false
		if !f.failed() {
			c.singleCurvatures()
			fused := s.poly.steps > 0 && !c.expectsCorrection()
			c.singleResiduals(fused)
			if correct = c.singleNorms(); !correct {
				if !fused {
					f = c.singlePrecondition()
				}
				if !f.failed() {
					correct = c.singleBetas()
				}
			}
		}
		if !f.failed() {
			f = c.count(c.singleTraffic(), 1+s.poly.steps)
		}
		if f.failed() {
			c.flush()
			return f
		}
		if correct {
			if f := c.correct(); f.failed() {
				return f
			}
		}
	}
	return ok
}

// singleProduct sets the directions, A·p and pᵀA·p.
func (c *BlockCG) singleProduct() failure {
	s := &c.single
	begin := time.Now()
	defer func() { c.res.InProducts += time.Since(begin) }()
	if s.whole == nil {
		c.runWave((*singleProduct)(c), 2, 5)
		return ok
	}
	c.runWave((*singleProduct)(c), 1, 0)
	if err := s.whole.ApplyBlockSingle(c.ctx, s.q, s.p, s.w); err != nil {
		return failure{OperatorFailed, err}
	}
	c.runBlocks((*singleCurvature)(c))
	return ok
}

// singleResiduals sets the residuals, and with fused those that the polynomial
// preconditions.
func (c *BlockCG) singleResiduals(fused bool) {
	sweeps := 1
	if fused {
		begin := time.Now()
		defer func() { c.res.InPrecond += time.Since(begin) }()
		sweeps += c.single.poly.steps
		c.countPreconditioned()
	}
	c.runWave((*singleResidual)(c), sweeps, 3)
}

// singlePrecondition sets z, and rᵀz unless that is known from rᵀr.
func (c *BlockCG) singlePrecondition() failure {
	s := &c.single
	if s.m == nil && s.poly.steps == 0 {
		s.z = s.r
		return ok
	}
	begin := time.Now()
	defer func() { c.res.InPrecond += time.Since(begin) }()
	c.countPreconditioned()
	if s.m == nil {
		c.runWave((*singlePolynomial)(c), 1+s.poly.steps, 3)
		return ok
	}
	if err := s.m.ApplyBlockSingle(c.ctx, s.z, s.r, s.w); err != nil {
		return failure{PreconditionerFailed, err}
	}
	c.runBlocks((*singleInner)(c))
	return ok
}

// countPreconditioned counts an application of the preconditioner that sets z.
func (c *BlockCG) countPreconditioned() {
	s := &c.single
	bytes := 4 * 4 * s.poly.steps * c.n
	if s.m != nil {
		bytes = 4 * 2 * c.n
		s.z = s.zs[:c.n*s.w]
	} else {
		s.z = s.poly.result(c.n * s.w)
	}
	for m := range c.cols {
		if s.live[s.slot[m]] {
			c.at(m).res.PrecondApplies++
			c.at(m).res.Products += s.poly.steps
			c.at(m).res.Bytes += int64(bytes)
		}
	}
}

// runWave runs sweeps that share so many panels, as many of them together as find room in a
// cache.
func (c *BlockCG) runWave(t sweeper, sweeps, panels int) {
	s := &c.single
	together := 1
	if sweeps > 1 {
		together = max(1, min(sweeps, waveBytes/(4*s.w*panels*max(s.lag, 1))))
	}
	grain := 0
	if s.a != nil {
		grain = s.a.RowGrain()
	}
	s.wave.run(c.team, t, c.n, c.rowsPerBlock, sweeps, together, s.lag, grain)
}

// singleTraffic returns the bytes per column and iteration: ten vectors as in double
// precision, and what fills the panels up.
func (c *BlockCG) singleTraffic() float64 {
	bytes := 4 * 10 * float64(c.single.w)
	if len(c.single.d) > 0 {
		bytes += 4 * 2
	}
	return bytes / float64(c.w) * float64(c.n)
}

// beginSingle puts the columns into panels.
func (c *BlockCG) beginSingle() failure {
	s := &c.single
	w := s.panelWidth(c.w)
	size := c.n * w
	s.r, s.p, s.q, s.y = parallel.Grow(s.r, size), parallel.Grow(s.p, size), parallel.Grow(s.q, size), parallel.Grow(s.y, size)
	s.slot = parallel.Grow(s.slot, c.w)
	s.live, s.unit, s.top = parallel.Grow(s.live, w), parallel.Grow(s.unit, w), parallel.Grow(s.top, w)
	s.alpha, s.beta, s.gamma = parallel.Grow(s.alpha, w), parallel.Grow(s.beta, w), parallel.Grow(s.gamma, w)
	clear(s.live)
	clear(s.alpha)
	clear(s.beta)
	clear(s.gamma)
	s.w, s.round, s.first, s.corrected, s.next = w, 0, 0, 0, afterCorrection
	if s.m != nil {
		s.zs = parallel.Grow(s.zs, size)
	}
	fall := 0.5
	for m := range c.cols {
		s.slot[m], s.live[m] = m, true
		st := c.at(m)
		st.res.Method = "block cg in single precision"
		_, e := math.Frexp(st.norm)
		s.unit[m], s.top[m] = math.Ldexp(1, -e), st.norm
		fall = min(fall, st.tolerance/st.norm)
	}
	s.drop = math.Pow(fall, 1/math.Ceil(math.Log(fall)/math.Log(correctionDrop)))
	c.setSingleWidth()
	s.ax = parallel.Grow(s.ax, c.n*c.k)
	c.sources()
	if c.set.Guess {
		if f := c.productInDouble(); f.failed() {
			return f
		}
	}
	c.runBlocks((*singleBegin)(c))
	if f := c.startPolynomial(); f.failed() {
		return f
	}
	if s.poly.few {
		for m, l := range c.cols {
			c.at(m).res.Method = c.String()
			s.left = append(s.left, l)
		}
		c.cols, c.w = c.cols[:0], 0
		return ok
	}
	if f := c.singlePrecondition(); f.failed() {
		return f
	}
	for m := range c.cols {
		st := c.at(m)
		st.normBefore, st.coupling = st.norm, 0
		if st.rz = c.sum(c.part1, s.slot[m]); !(st.rz > 0) {
			c.leave(m)
			continue
		}
		s.gamma[s.slot[m]] = 1
	}
	return ok
}

// productInDouble sets ax = A·x, unless the sweep that follows does it by rows.
func (c *BlockCG) productInDouble() failure {
	s := &c.single
	s.inRows = c.rows != nil && c.rows.RowGrain() <= c.rowsPerBlock
	if s.inRows {
		return ok
	}
	return c.applyPanel(c.a, c.ab, OperatorFailed, &c.res.InProducts, s.ax, c.xs, c.k)
}

// setSingleWidth cuts the rows into blocks for panels of s.w columns.
func (c *BlockCG) setSingleWidth() {
	w := c.single.w
	c.rowsPerBlock = singleRows(w)
	c.blocks = (c.n + c.rowsPerBlock - 1) / c.rowsPerBlock
	c.part0, c.part1, c.part2 = parallel.Grow(c.part0, w*c.blocks), parallel.Grow(c.part1, w*c.blocks), parallel.Grow(c.part2, w*c.blocks)
}

// sources lists the columns in the panels.
func (c *BlockCG) sources() {
	s := &c.single
	s.source = s.source[:0]
	for m, l := range c.cols {
		s.source = append(s.source, kernel.PanelColumn{Single: s.slot[m], Double: l, Scale: c.state[l].scale, Unit: s.unit[s.slot[m]]})
	}
}

// leave says that column m of c.cols is to go on in double precision: for reasons that
// double precision names, if they are not those of single precision. Its numbers may be
// NaN from now on, so that the correction that ends it comes at once.
func (c *BlockCG) leave(m int) {
	s := &c.single
	l := s.slot[m]
	s.live[l], s.alpha[l], s.beta[l], s.gamma[l] = false, 0, 0, 0
}

// singleCurvatures sets the step lengths.
func (c *BlockCG) singleCurvatures() {
	s := &c.single
	s.next, s.betas = alongDirection, false
	for m := range c.cols {
		l := s.slot[m]
		if !s.live[l] {
			continue
		}
		st := c.at(m)
		st.res.Products++
		st.res.Reductions++
		pq := c.sum(c.part0, l)
		st.rzBefore = st.rz
		alpha := st.rz / pq
		if !(pq > 0) || !(alpha > 0x1p-80 && alpha < 0x1p80) {
			c.leave(m)
			continue
		}
		s.alpha[l] = float32(alpha)
		// A diagonal element of the matrix of Lanczos is below the largest eigenvalue.
		if s.poly.steps > 0 && 1/alpha+st.coupling > polynomialMost {
			s.poly.tooNarrow = true
		}
	}
}

// singleNorms looks at the new residuals and says whether it is time for a correction.
func (c *BlockCG) singleNorms() (correct bool) {
	s := &c.single
	claims, live := 0, 0
	for m := range c.cols {
		l := s.slot[m]
		if !s.live[l] {
			correct = true
			continue
		}
		st := c.at(m)
		norm := math.Sqrt(c.sum(c.part0, l)) / s.unit[l]
		st.res.Reductions++
		if !(norm < math.Inf(1)) {
			// x must not take this step; r, which it spoilt, is not needed again.
			c.leave(m)
			correct = true
			continue
		}
		live++
		st.normBefore, st.norm = st.norm, norm
		s.top[l] = max(s.top[l], norm)
		switch {
		case norm <= st.tolerance:
			claims++
		case norm <= s.drop*s.top[l]:
			correct = true
		}
	}
	if claims > 0 && s.first == 0 {
		s.first = s.round
	}
	// Columns that claim to have converged wait for the others, not for long. If a
	// residual does not fall, it may be for want of digits.
	late := s.round-s.corrected >= singlePatience+2*s.corrected
	return correct || late || s.poly.tooNarrow || claims > 0 && (claims == live || s.round-s.first >= 2+s.first/16)
}

// expectsCorrection says whether it will be time for a correction after this iteration, if
// it goes as the last one: the preconditioned residuals of before it would be of no use.
func (c *BlockCG) expectsCorrection() bool {
	s := &c.single
	claims := 0
	for m := range c.cols {
		l := s.slot[m]
		st := c.at(m)
		next := st.norm * min(1, st.norm/st.normBefore)
		switch {
		case !s.live[l]:
			return true
		case next <= st.tolerance:
			claims++
		case next <= 1.5*s.drop*s.top[l]:
			return true
		}
	}
	return claims == c.w
}

// singleBetas sets β from the preconditioned residuals. A column for which that makes no
// sense needs a correction.
func (c *BlockCG) singleBetas() (correct bool) {
	s := &c.single
	s.betas = true
	part := c.part0
	if len(s.d) > 0 || s.poly.steps > 0 || s.m != nil {
		part = c.part1
	}
	for m := range c.cols {
		l := s.slot[m]
		st := c.at(m)
		rz := c.sum(part, l) // in the units of the panel
		beta := rz / st.rzBefore
		if !(rz > 0) || !(beta < 0x1p80) {
			// The step is as bad as that: see singleNorms.
			c.leave(m)
			correct = true
			continue
		}
		st.coupling = beta / float64(s.alpha[l])
		if s.poly.steps == 0 { // the Ritz values are those without it
			st.t.append(float64(s.alpha[l]), beta)
		}
		st.rz = rz
		s.beta[l] = float32(beta)
	}
	return correct
}
