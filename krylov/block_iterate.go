package krylov

import (
	"fmt"
	"math"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// iterations runs CG on the panels until all columns have ended.
//
// Traffic per iteration and column of the panels in n-vectors, none kept in
// cache from one sweep to the next; the product reads and writes one each and
// shares what it reads of A:
//
//	                          no M      diagonal M        general M
//	Q = A·P, PᵀQ, PᵀP, QᵀQ    2 p q     2                 2
//	R −= α·Q, RᵀR, RᵀZ        3 r r q   3 (+d/w)          3, then Z = M·R: 2, RᵀZ: 2
//	X += α·P, P = Z + β·P     5         5 (+d/w)          5
//	                          10        10 + 2/w          14
//
// and 2 more where the operator does not give rows of block products
// ([hvp.BlockRanger]), so that the inner products are a sweep of their own.
// While columns have left the panel, X costs as much as all columns did.
func (c *BlockCG) iterations() {
	if f := c.firstDirections(); f.failed() {
		c.fail(f)
		return
	}
	for c.w > 0 {
		if f := c.limits(); f.failed() {
			c.fail(f)
			return
		}
		if f := c.product(); f.failed() {
			c.fail(f)
			return
		}
		c.curvatures()
		if c.w == 0 {
			return
		}
		if f := c.updateResiduals(); f.failed() {
			c.fail(f)
			return
		}
		if c.w == 0 {
			return
		}
		c.runBlocks((*blockDirection)(c))
		if f := c.count(c.traffic(), 1); f.failed() {
			c.fail(f)
			return
		}
		if f := c.verify(); f.failed() {
			c.fail(f)
			return
		}
	}
}

func (c *BlockCG) runBlocks(t parallel.Task) { c.team.Run(c.blocks, t) }

// product sets Q = A·P and its inner products, in one sweep if the operator gives
// rows.
func (c *BlockCG) product() failure {
	if !c.fused() {
		if f := c.applyPanel(c.a, c.ab, OperatorFailed, &c.res.InProducts, c.q, c.p, c.w); f.failed() {
			return f
		}
		c.runBlocks((*blockProduct)(c))
		return ok
	}
	begin := time.Now()
	c.runBlocks((*blockProduct)(c))
	c.res.InProducts += time.Since(begin)
	return ok
}

// fused reports whether the operator gives row ranges as short as the blocks.
func (c *BlockCG) fused() bool { return c.rows != nil && c.rows.RowGrain() <= c.rowsPerBlock }

// precondition sets z = M·r.
func (c *BlockCG) precondition() failure {
	for l := range c.w {
		c.at(l).res.PrecondApplies++
	}
	return c.applyPanel(c.m, c.mb, PreconditionerFailed, &c.res.InPrecond, c.z, c.r, c.w)
}

// applyPanel applies an operator to w columns, at once if it can.
func (c *BlockCG) applyPanel(a hvp.Operator, block hvp.Blocker, s Status, spent *time.Duration, dst, src []float64, w int) failure {
	if err := c.ctx.Err(); err != nil {
		return failure{Canceled, err}
	}
	begin := time.Now()
	defer func() { *spent += time.Since(begin) }()
	dst, src = dst[:c.n*w], src[:c.n*w]
	if w == 1 {
		if err := a.Apply(c.ctx, dst, src); err != nil {
			return c.callback(s, err)
		}
		return ok
	}
	if block != nil {
		if err := block.ApplyBlock(c.ctx, dst, src, w); err != nil {
			return c.callback(s, err)
		}
		return ok
	}
	for l := range w {
		if err := c.ctx.Err(); err != nil {
			return failure{Canceled, err}
		}
		c.gather(c.xc, src, w, l)
		if err := a.Apply(c.ctx, c.rc, c.xc); err != nil {
			return c.callback(s, err)
		}
		c.scatter(dst, c.rc, w, l)
	}
	return ok
}

// firstDirections sets P = Z = M·R and rz.
func (c *BlockCG) firstDirections() failure {
	switch {
	case c.m == nil:
		parallel.Copy(c.team, c.p[:c.n*c.w], c.r[:c.n*c.w])
		for l := range c.w {
			c.at(l).rz = c.at(l).norm * c.at(l).norm
		}
		return ok
	case c.d != nil:
		c.runBlocks((*blockScale)(c))
	default:
		if f := c.precondition(); f.failed() {
			return f
		}
		parallel.Copy(c.team, c.p[:c.n*c.w], c.z[:c.n*c.w])
	}
	c.out, c.in = c.p, c.r
	c.runBlocks((*blockDot)(c))
	for l := range c.w {
		st := c.at(l)
		st.rz = c.sum(c.part0, l)
		st.end = c.definite(l, st.rz, st.norm)
	}
	c.dropEnded()
	return ok
}

// curvatures sets the step lengths and ends the columns without positive
// curvature.
func (c *BlockCG) curvatures() {
	const roundoff = 8 * 0x1p-52
	for l := range c.w {
		st := c.at(l)
		st.res.Products++
		st.res.Reductions++
		pq := c.sum(c.part0, l)
		normP, normQ := c.colNorm(c.sum(c.part1, l), c.p, l), c.colNorm(c.sum(c.part2, l), c.q, l)
		switch {
		case math.IsNaN(pq) || math.IsInf(pq, 0) || math.IsNaN(normQ) || math.IsInf(normQ, 0):
			st.end = c.nonFinite("a product of the operator")
		case normQ <= roundoff*max(st.normA, normQ/normP)*normP:
			st.end = c.nullDirection(l, normP)
		case pq <= roundoff*normP*normQ:
			st.res.Curvature = pq / normP / normP
			st.direction = parallel.Grow(st.direction, c.n)
			c.gather(st.direction, c.p, c.w, l)
			kernel.ScaleTo(st.direction, 1/normP, st.direction)
			st.res.Direction = st.direction
			st.end = failure{NegativeCurvature, fmt.Errorf("pᵀAp/pᵀp = %.3g", st.res.Curvature)}
		}
		st.normA = max(st.normA, normQ/normP)
		c.alpha[l] = st.rz / pq
	}
	c.dropEnded()
}

// nullDirection is that of [CG] for column l.
func (c *BlockCG) nullDirection(l int, normP float64) failure {
	st := c.at(l)
	c.gather(c.xc, c.xs, c.k, c.cols[l])
	size := st.normA*parallel.Norm(c.team, c.xc) + st.normB
	c.gather(c.xc, c.r, c.w, l)
	c.gather(c.rc, c.p, c.w, l)
	if math.Abs(parallel.Dot(c.team, c.xc, c.rc))/normP > 1e3*0x1p-52*size {
		return failure{Inconsistent, errNullDirection}
	}
	return failure{Stagnated, errNullSingular}
}

// updateResiduals sets R −= α·Q, Z = M·R and β, and ends the columns whose
// numbers went bad before they reach X.
func (c *BlockCG) updateResiduals() failure {
	c.runBlocks((*blockResidual)(c))
	// The norms first: c.part0 is needed again.
	for l := range c.w {
		st := c.at(l)
		st.norm = c.colNorm(c.sum(c.part0, l), c.r, l)
		if math.IsNaN(st.norm) || math.IsInf(st.norm, 0) {
			st.end = failure{Breakdown, fmt.Errorf("step length %v", c.alpha[l])}
		}
		st.done = st.norm <= st.tolerance
		c.beta[l] = c.sum(c.part0, l) // rᵀz
		if c.d != nil {
			c.beta[l] = c.sum(c.part1, l)
		}
		st.res.Reductions++
	}
	c.dropEnded()
	if c.w == 0 {
		return ok
	}
	if c.m != nil && c.d == nil {
		if f := c.precondition(); f.failed() {
			return f
		}
		c.out, c.in = c.z, c.r
		c.runBlocks((*blockDot)(c))
		for l := range c.w {
			c.beta[l] = c.sum(c.part0, l)
			c.at(l).res.Reductions++
		}
	}
	for l := range c.w {
		st := c.at(l)
		rz := c.beta[l]
		// x takes this step in any case; the column ends after it.
		st.end = c.definite(l, rz, st.norm)
		c.beta[l] = rz / st.rz
		st.t.append(c.alpha[l], c.beta[l])
		st.rz = rz
		if st.end.failed() && st.done {
			st.end = ok // to be verified
		}
		if math.IsNaN(c.beta[l]) {
			c.beta[l] = 0
		}
	}
	return ok
}

// definite checks rᵀz > 0 for column l, as [CG] does.
func (c *BlockCG) definite(l int, rz, norm float64) failure {
	if c.m == nil || rz > 0 && !math.IsInf(rz, 0) {
		return ok
	}
	if math.IsNaN(rz) || math.IsInf(rz, 0) {
		return c.nonFinite("an application of the preconditioner")
	}
	c.gather(c.rc, c.r, c.w, l)
	if c.d != nil {
		kernel.MulTo(c.rc, c.d, c.rc)
	} else {
		c.gather(c.rc, c.z, c.w, l)
	}
	normZ := parallel.Norm(c.team, c.rc)
	if math.Abs(rz) <= 0x1p-52*norm*normZ && normZ > 0 && norm <= 1e-10*c.at(l).normB {
		return failure{Stagnated, fmt.Errorf("rᵀMr = %.3g is rounding error", rz)}
	}
	return failure{IndefinitePreconditioner, fmt.Errorf("rᵀMr = %.3g", rz)}
}

// traffic returns the bytes per column and iteration.
func (c *BlockCG) traffic() float64 {
	vectors := 10.0
	switch {
	case c.d != nil:
		vectors += 2 / float64(c.w)
	case c.m != nil:
		vectors = 14
	}
	if !c.fused() {
		vectors += 2
	}
	return 8 * vectors * float64(c.n)
}

// count counts the iteration, of that many bytes per column, and calls the monitor for the column that is
// farthest from its tolerance.
func (c *BlockCG) count(bytes float64, iterations int) failure {
	c.res.Iterations += iterations
	worst := 0
	for l := range c.w {
		st := c.at(l)
		st.res.Iterations = c.res.Iterations
		st.res.Residual = st.norm / st.scale
		st.res.Bytes += int64(bytes)
		if c.set.History {
			for range iterations - 1 { // nobody knows the residuals in between
				st.history = append(st.history, st.history[len(st.history)-1])
			}
			st.history = append(st.history, st.res.Residual)
		}
		if w := c.at(worst); st.norm*w.tolerance > w.norm*st.tolerance {
			worst = l
		}
	}
	st := c.at(worst)
	return c.monitor(Progress{Iteration: c.res.Iterations, Residual: st.res.Residual, Tolerance: st.res.Tolerance, Elapsed: time.Since(c.begin)})
}

// verify computes the true residuals of the columns that claim convergence, as
// many at a time as fit into half a panel. Those that do not confirm it start
// again from the true residual, as long as this halves it.
func (c *BlockCG) verify() failure {
	c.claimed = c.claimed[:0]
	for l := range c.w {
		if st := c.at(l); st.done && !st.end.failed() {
			c.claimed = append(c.claimed, l)
		}
	}
	for begin := 0; begin < len(c.claimed); {
		group := c.claimed[begin:min(len(c.claimed), begin+max(1, c.k/2))]
		begin += len(group)
		g := len(group)
		c.in, c.out = c.q[:c.n*g], c.q[c.n*g:2*c.n*g]
		for m, l := range group {
			c.gather(c.xc, c.xs, c.k, c.cols[l])
			c.scatter(c.in, c.xc, g, m)
		}
		if f := c.applyPanel(c.a, c.ab, OperatorFailed, &c.res.InProducts, c.out, c.in, g); f.failed() {
			return f
		}
		for m, l := range group {
			if f := c.verifyColumn(m, g, l); f.failed() {
				return f
			}
		}
	}
	c.dropEnded()
	return ok
}

// verifyColumn compares the true residual of column l, whose product is column m
// of the g in c.out, with the tolerance.
func (c *BlockCG) verifyColumn(m, g, l int) failure {
	st := c.at(l)
	st.done = false
	st.res.Products++
	st.res.Bytes += 8 * 5 * int64(c.n)
	c.gather(c.bc, c.bs, c.k, c.cols[l])
	c.gather(c.rc, c.out, g, m)
	rr := parallel.SubScaled(c.team, c.rc, st.scale, c.bc, c.rc)
	truth := c.run.norm(rr, c.rc)
	switch {
	case math.IsNaN(truth) || math.IsInf(truth, 0):
		st.end = c.nonFinite("the product of the operator and the solution")
		return ok
	case truth <= st.tolerance:
		st.res.TrueResidual = truth / st.scale
		st.end = failure{Converged, nil}
		return ok
	case truth > st.truth/2 && st.res.Restarts > 0:
		st.res.TrueResidual = truth / st.scale
		st.end = failure{Stagnated, nil}
		return ok
	}
	// Restart from the true residual.
	st.truth, st.norm = truth, truth
	st.res.Restarts++
	st.t.restart()
	c.scatter(c.r, c.rc, c.w, l)
	switch {
	case c.m == nil:
		st.rz = truth * truth
		c.scatter(c.p, c.rc, c.w, l)
		return ok
	case c.d != nil:
		parallel.MulTo(c.team, c.xc, c.d, c.rc)
	default:
		st.res.PrecondApplies++
		if err := c.m.Apply(c.ctx, c.xc, c.rc); err != nil {
			return c.callback(PreconditionerFailed, err)
		}
		c.scatter(c.z, c.xc, c.w, l)
	}
	st.rz = parallel.Dot(c.team, c.xc, c.rc)
	c.scatter(c.p, c.xc, c.w, l)
	st.end = c.definite(l, st.rz, truth)
	return ok
}

// The sweeps of BlockCG over blocks of rows.

// bounds returns the rows of block b and the elements of the panels in it.
func (c *BlockCG) bounds(b int) (lo, hi, from, to int) {
	lo = b * c.rowsPerBlock
	hi = min(lo+c.rowsPerBlock, c.n)
	return lo, hi, lo * c.w, hi * c.w
}

// blockProduct: q = A·p, if A gives rows, and pᵀq, pᵀp, qᵀq of each column.
type blockProduct BlockCG

func (c *blockProduct) Chunk(b int) {
	lo, hi, from, to := (*BlockCG)(c).bounds(b)
	if (*BlockCG)(c).fused() {
		n := c.n * c.w
		applyBlockRows(c.rows, c.q[:n], c.p[:n], c.w, lo, hi)
	}
	kernel.PanelDots3(c.p[from:to], c.q[from:to], c.w, c.part0[b:], c.part1[b:], c.part2[b:], c.blocks)
}

// applyBlockRows computes rows of a product of w columns, one of them as a vector.
func applyBlockRows(a hvp.BlockRanger, dst, x []float64, w, lo, hi int) {
	if w == 1 {
		a.ApplyRows(dst, x, lo, hi)
	} else {
		a.ApplyBlockRows(dst, x, w, lo, hi)
	}
}

// blockScale: p = D·r with a diagonal preconditioner.
type blockScale BlockCG

func (c *blockScale) Chunk(b int) {
	lo, hi, from, to := (*BlockCG)(c).bounds(b)
	p, r := c.p[from:to], c.r[from:to]
	for i, v := range c.d[lo:hi] {
		kernel.ScaleTo(p[i*c.w:(i+1)*c.w], v, r[i*c.w:(i+1)*c.w])
	}
}

// blockDot: inᵀout of each column.
type blockDot BlockCG

func (c *blockDot) Chunk(b int) {
	_, _, from, to := (*BlockCG)(c).bounds(b)
	kernel.PanelDot(c.in[from:to], c.out[from:to], c.w, c.part0[b:], c.blocks)
}

// blockResidual: r −= α·q, rᵀr and, with a diagonal preconditioner, rᵀDr.
type blockResidual BlockCG

func (c *blockResidual) Chunk(b int) {
	lo, hi, from, to := (*BlockCG)(c).bounds(b)
	if c.d == nil {
		kernel.PanelSubAxpyNorm(c.r[from:to], c.alpha, c.q[from:to], c.w, c.part0[b:], c.blocks)
	} else {
		kernel.PanelSubAxpyNormDiag(c.r[from:to], c.alpha, c.q[from:to], c.d[lo:hi], c.w, c.part0[b:], c.part1[b:], c.blocks)
	}
}

// blockDirection: x += α·p, p = z + β·p.
type blockDirection BlockCG

func (c *blockDirection) Chunk(b int) {
	lo, hi, from, to := (*BlockCG)(c).bounds(b)
	x, p := c.xs[lo*c.k:hi*c.k], c.p[from:to]
	switch {
	case c.d != nil:
		kernel.PanelStepDirectionDiag(x, c.k, c.cols, p, c.alpha, c.r[from:to], c.d[lo:hi], c.beta, c.w)
	case c.m != nil:
		kernel.PanelStepDirection(x, c.k, c.cols, p, c.alpha, c.z[from:to], c.beta, c.w)
	default:
		kernel.PanelStepDirection(x, c.k, c.cols, p, c.alpha, c.r[from:to], c.beta, c.w)
	}
}

// A blockMove copies column l of k between a panel and a vector, in parallel: either way
// the whole panel comes from memory.
type blockMove struct {
	v, x    []float64
	k, l    int
	scatter bool
}

func (m *blockMove) Chunk(b int) {
	lo, hi := parallel.Block(b, len(m.v))
	if m.scatter {
		kernel.Scatter(m.x[lo*m.k:], m.v[lo:hi], m.k, m.l)
	} else {
		kernel.Gather(m.v[lo:hi], m.x[lo*m.k:], m.k, m.l)
	}
}

// gather sets v to column l of the panel x of k columns.
func (c *BlockCG) gather(v, x []float64, k, l int) { c.moveColumn(blockMove{v, x, k, l, false}) }

// scatter sets column l of the panel x of k columns to v.
func (c *BlockCG) scatter(x, v []float64, k, l int) { c.moveColumn(blockMove{v, x, k, l, true}) }

func (c *BlockCG) moveColumn(m blockMove) {
	c.move = m
	c.team.Run(parallel.Blocks(len(m.v)), &c.move)
	c.move = blockMove{}
}
