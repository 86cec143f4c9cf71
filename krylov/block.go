package krylov

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// BlockCG solves A·x_l = b_l for k right-hand sides at once by conjugate
// gradients that share each sweep over A. Every column runs the method of [CG],
// with its own coefficients, convergence test and [Status]; what is shared is
// the product with A (and with the preconditioner), which reads its data once
// for all columns ([hvp.Blocker]). For a sparse matrix, where the entries weigh
// more than the vectors, this is most of the cost of a solve. (It is the
// pseudo-block form: the columns do not share a Krylov space, as in O'Leary's
// block method, Linear Algebra Appl. 29, 1980, doi:10.1016/0024-3795(80)90247-5,
// so there is no breakdown by dependent columns, and each column takes the
// iterations that it takes alone.)
//
// A column that has ended, well or not, leaves the panel, and the sweeps that
// follow cost that much less. Convergence is claimed for a column only when its
// true residual, computed anew in double precision, confirms it.
//
// # Panels
//
// k vectors of length n are stored row by row: element i of vector l is
// x[i*k+l], len(x) = n·k.
//
// # Single precision
//
// Panels are k times as long as a vector, and their traffic is what an iteration
// costs. Where the operator multiplies panels in single precision
// ([hvp.SingleBlockRanger], [hvp.SingleBlocker]) and the preconditioner is none, diagonal
// or does so too, the recurrences run in single precision from 4096 unknowns on, on processors
// with AVX2 and FMA, at half the traffic, and are brought back to the true residual in
// double precision each time that they have gained up to four digits. The solutions are as
// accurate as those of double precision, for the tolerance asked. Where single
// precision does not come on, for want of digits or of range, a column goes on in
// double precision from where it is. Ill-conditioned systems take up to half as many
// more iterations to tolerances near 1e-12. A column that has reached its tolerance
// may iterate a little longer, until it is worth a look at all of them.
//
// Where the operator is known to read less than the vectors ([hvp.Weighed]), as on a grid, the
// preconditioner is none or diagonal and the spectrum is wide, a Chebyshev polynomial of
// degree ten preconditions the iterations, whose steps follow each other in the caches as far as
// the bandwidth allows ([hvp.Banded]). It counts as ten iterations more, and takes a few
// products with single vectors to choose; histories repeat a residual in between. The
// iterations are up to a quarter more than those of CG on large grids, and up to twice as many
// on small ones. Double switches all that off.
//
// # Cost
//
// Memory beyond x and b: three n×k panels, four with a preconditioner that is
// not diagonal, and 3n; as much in single precision, whose panels have 2, 4 or a multiple
// of eight columns, and one more with a polynomial. Traffic per iteration: see the loop.
// Operators and preconditioners without block products are applied column by column.
type BlockCG struct {
	// Double says to keep all panels in double precision from the beginning.
	Double bool

	run
	n, k       int
	caller     context.Context
	xs         []float64       // the caller's panel of solutions, scaled column by column
	bs         []float64       // the caller's right-hand sides
	ab, mb     hvp.Blocker     // block products of a and m; nil if there are none
	rows       hvp.BlockRanger // block products of a by rows; nil if there are none
	r, p, q, z []float64       // panels of w columns
	xc, bc, rc []float64       // one column
	d          []float64       // diagonal of a diagonal preconditioner
	state      []blockState    // of all columns
	cols       []int           // columns in the panels, increasing
	alpha      []float64       // step lengths of those
	beta       []float64
	keep       []int
	claimed    []int
	results    []Result
	w          int // width of the panels: len(cols)
	single     blockSingle

	rowsPerBlock, blocks int
	part0, part1, part2  []float64 // sums of column l in block b at l·blocks+b
	in, out              []float64 // of a verification: panels in q
	move                 blockMove
}

// blockState is what CG knows of one column.
type blockState struct {
	res                     Result
	err                     error
	scale, normB, tolerance float64
	rz, norm, normA         float64
	rzBefore, normBefore    float64 // of the iteration before
	coupling                float64 // β/α of it
	truth                   float64 // at the last restart, or the first residual
	trueRz, trueRp          float64 // rᵀD·r and rᵀp with the true residual, in single precision
	history                 []float64
	direction               []float64
	t                       tridiagonal
	end                     failure // why the column is to leave the panel
	done                    bool    // the recurrence claims convergence
}

// A BlockError says which columns of a block solve failed, and why.
type BlockError struct {
	// Columns are the failed columns of k, and Errs their errors, each an
	// [*Error].
	Columns []int
	Errs    []error
	K       int
}

// Error names the columns.
func (e *BlockError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "krylov: %d of %d systems failed", len(e.Columns), e.K)
	for i, l := range e.Columns {
		fmt.Fprintf(&b, "; column %d: %v", l, e.Errs[i])
	}
	return b.String()
}

// Unwrap returns the errors of the columns.
func (e *BlockError) Unwrap() []error { return e.Errs }

// String names the method.
func (c *BlockCG) String() string { return "block cg" }

// SolveBlock solves A·X = B for n×k panels under the rules of [Method.Solve].
// There is one result per column, valid until the next solve. The error is nil
// if and only if all columns converged, and otherwise a [*BlockError].
// CurvatureFloor buys no error bounds here. A Monitor sees, once per iteration,
// the column that is farthest from its tolerance. Times in the results are those
// of the shared sweeps up to the end of the column.
func (c *BlockCG) SolveBlock(ctx context.Context, a hvp.Operator, x, b []float64, k int, s *Settings) (results []Result, err error) {
	if f := c.open(ctx, a, x, b, k, s); f.failed() {
		return c.close(f)
	}
	c.begin = time.Now()
	inSingle := c.openSingle()
	if !inSingle {
		c.allocate()
	}
	c.prepareColumns(inSingle)
	switch {
	case c.w == 0:
	case inSingle:
		c.solveInSingle()
	default:
		c.iterations()
	}
	return c.close(ok)
}

// open checks the input and sizes the workspace.
func (c *BlockCG) open(ctx context.Context, a hvp.Operator, x, b []float64, k int, s *Settings) failure {
	if k < 0 || k > 1<<20 {
		c.k = 0
		return failure{InvalidInput, fmt.Errorf("%d right-hand sides", k)}
	}
	c.k, c.w = k, 0
	c.results = parallel.Grow(c.results, k)
	for len(c.state) < k {
		c.state = append(c.state, blockState{})
	}
	for l := range k {
		st := &c.state[l]
		*st = blockState{history: st.history[:0], direction: st.direction, t: st.t}
		st.t.reset()
		st.res = Result{Method: c.String(), TrueResidual: -1}
		st.scale = 1
	}
	if a == nil {
		return failure{InvalidInput, errors.New("nil operator")}
	}
	n, cols := a.Dims()
	if n != cols || len(x) != n*k || len(b) != n*k {
		return failure{InvalidInput, fmt.Errorf("a %d×%d operator and %d systems with len(x) = %d and len(b) = %d", n, cols, k, len(x), len(b))}
	}
	if parallel.Overlap(x, b) {
		return failure{InvalidInput, errOverlap}
	}
	c.n, c.xs, c.bs, c.caller = n, x, b, ctx
	c.xc, c.bc, c.rc = parallel.Grow(c.xc, n), parallel.Grow(c.bc, n), parallel.Grow(c.rc, n)
	c.alpha, c.beta = parallel.Grow(c.alpha, k), parallel.Grow(c.beta, k)
	c.cols, c.keep, c.claimed = parallel.Grow(c.cols, k)[:0], parallel.Grow(c.keep, k)[:0], parallel.Grow(c.claimed, k)[:0]
	c.d, c.mb = nil, nil

	// The settings are the same for all columns: look at them once, with no
	// column at all.
	clear(c.bc)
	if f := c.start(ctx, c.String(), a, c.xc, c.bc, s, false); f.failed() && f.status != Converged {
		return f
	}
	c.ab, _ = hvp.Block(c.a)
	c.rows, _ = hvp.BlockRows(c.a)
	if c.m == nil {
		return ok
	}
	if dm, is := c.m.(hvp.DiagonalMatrix); is {
		c.d = dm.DiagonalValues()
		for i, v := range c.d {
			switch {
			case math.IsNaN(v) || math.IsInf(v, 0):
				return c.nonFinite(fmt.Sprintf("entry %d of the diagonal preconditioner", i))
			case !(v > 0):
				return failure{IndefinitePreconditioner, fmt.Errorf("entry %d of the diagonal preconditioner is %v", i, v)}
			}
		}
		return ok
	}
	c.mb, _ = hvp.Block(c.m)
	return ok
}

// allocate sizes the panels.
func (c *BlockCG) allocate() {
	size := c.n * c.k
	c.r, c.p, c.q = parallel.Grow(c.r, size), parallel.Grow(c.p, size), parallel.Grow(c.q, c.n*max(c.k, 2))
	if c.m != nil && c.d == nil {
		c.z = parallel.Grow(c.z, size)
	}
}

// prepareColumns sets the columns up and, unless the panels are to be in single
// precision, puts the first residuals of those that are not done yet into them.
func (c *BlockCG) prepareColumns(inSingle bool) {
	frame := c.run // start and finish set and clear what all columns share
	c.setWidth(c.k)
	plain := !c.set.Guess && c.plainNorms()
	if plain {
		parallel.Clear(c.team, c.xs)
		if !inSingle {
			parallel.Copy(c.team, c.r, c.bs)
		}
	}
	for l := range c.k {
		st := &c.state[l]
		c.run = frame
		if plain {
			c.res = Result{Method: c.String(), TrueResidual: -1, RHSNorm: st.norm}
			c.scale, c.normB = 1, st.norm
			c.setLimits(c.n)
			c.begun(st, c.compare(st.norm), true)
		} else {
			c.prepareColumn(st, l, inSingle)
		}
		frame.maxIter = c.maxIter
		c.cols = append(c.cols, l)
	}
	c.run = frame
	c.res = Result{}
	if inSingle {
		c.finishEnded()
	} else {
		c.dropEnded()
	}
}

// plainNorms sets the norms of the right-hand sides and reports whether all of them
// are such that nothing need be scaled, and none is zero.
func (c *BlockCG) plainNorms() bool {
	c.in, c.out = c.bs, c.bs
	c.runBlocks((*blockDot)(c))
	for l := range c.k {
		bb := c.sum(c.part0, l)
		if !(bb > 0x1p-200 && bb < 0x1p200) {
			return false
		}
		c.state[l].norm = math.Sqrt(bb)
	}
	return true
}

// prepareColumn sets up column l by itself, as a solve of its own would begin.
func (c *BlockCG) prepareColumn(st *blockState, l int, inSingle bool) {
	frame := c.run
	c.gather(c.xc, c.xs, c.k, l)
	c.gather(c.bc, c.bs, c.k, l)
	f := c.start(c.caller, c.String(), frame.a, c.xc, c.bc, frame.set.direct(), false)
	c.a, c.m, c.ctx, c.team, c.set, c.begin = frame.a, frame.m, frame.ctx, frame.team, frame.set, frame.begin
	compared := false
	if !f.failed() {
		if st.norm, f = c.initialResidual(c.rc); !f.failed() {
			f, compared = c.compare(st.norm), true
		}
	}
	c.begun(st, f, compared)
	c.scatter(c.xs, c.xc, c.k, l)
	if !inSingle {
		c.scatter(c.r, c.rc, c.k, l)
	}
}

// compare looks at the norm of the first residual.
func (c *BlockCG) compare(norm float64) (f failure) {
	switch {
	case math.IsNaN(norm) || math.IsInf(norm, 0):
		f = c.nonFinite("the first residual")
	case norm <= c.tolerance:
		c.res.TrueResidual = norm / c.scale
		f = failure{Converged, nil}
	}
	c.res.Residual = norm / c.scale
	return f
}

// begun keeps what the set-up of a column found; compared says that it came as far as
// the first residual.
func (c *BlockCG) begun(st *blockState, f failure, compared bool) {
	if compared && c.set.History {
		st.history = append(st.history, c.res.Residual)
	}
	st.res, st.scale, st.normB, st.tolerance, st.truth, st.end = c.res, c.scale, c.normB, c.tolerance, st.norm, f
}

// direct returns the settings for an operator that has been transposed already.
func (s *Settings) direct() *Settings {
	if !s.Trans {
		return s
	}
	d := *s
	d.Trans, d.Precond = false, nil
	return &d
}

// setWidth says that the panels have w columns. Blocks have about as many
// elements of the panel as those of a vector.
func (c *BlockCG) setWidth(w int) {
	c.w = w
	c.rowsPerBlock = max(64, parallel.BlockSize/max(w, 1))
	c.blocks = (c.n + c.rowsPerBlock - 1) / c.rowsPerBlock
	c.part0, c.part1, c.part2 = parallel.Grow(c.part0, w*c.blocks), parallel.Grow(c.part1, w*c.blocks), parallel.Grow(c.part2, w*c.blocks)
}

// sum returns the combined sum of column l of the panels.
func (c *BlockCG) sum(part []float64, l int) float64 {
	return parallel.Combine(part[l*c.blocks : (l+1)*c.blocks])
}

// colNorm returns the norm of column l of a panel whose sum of squares is vv.
func (c *BlockCG) colNorm(vv float64, panel []float64, l int) float64 {
	if vv > 0x1p-900 && vv < 0x1p1000 {
		return math.Sqrt(vv)
	}
	c.gather(c.rc, panel, c.w, l)
	return parallel.Norm(c.team, c.rc)
}

// at returns the state of column l of the panels.
func (c *BlockCG) at(l int) *blockState { return &c.state[c.cols[l]] }

// dropEnded takes the columns that have ended out of the panels.
func (c *BlockCG) dropEnded() {
	c.keep = c.keep[:0]
	for l := range c.w {
		if !c.at(l).end.failed() {
			c.keep = append(c.keep, l)
		}
	}
	if len(c.keep) == c.w {
		return
	}
	for l := range c.w {
		if st := c.at(l); st.end.failed() {
			c.finishColumn(c.cols[l])
		}
	}
	w := len(c.keep)
	kernel.Compact(c.r, c.n, c.w, c.keep)
	kernel.Compact(c.p, c.n, c.w, c.keep)
	kernel.Compact(c.q, c.n, c.w, c.keep)
	if c.m != nil && c.d == nil {
		kernel.Compact(c.z, c.n, c.w, c.keep)
	}
	for m, l := range c.keep {
		c.cols[m], c.alpha[m], c.beta[m] = c.cols[l], c.alpha[l], c.beta[l]
	}
	c.cols = c.cols[:w]
	c.setWidth(w)
}

// finishColumn ends one column as a solve of its own would end.
func (c *BlockCG) finishColumn(l int) {
	st := &c.state[l]
	frame := c.run
	// Of a column that converged without scaling finish leaves x as it is.
	same := st.scale == 1 && st.end.status == Converged
	if !same {
		c.gather(c.xc, c.xs, c.k, l)
		c.gather(c.bc, c.bs, c.k, l)
	}
	c.x, c.b = c.xc, c.bc
	c.scale, c.normB, c.tolerance = st.scale, st.normB, st.tolerance
	c.res, c.history = st.res, st.history
	c.res.InProducts += frame.res.InProducts
	c.res.InPrecond += frame.res.InPrecond
	c.res.MinRitz, c.res.MaxRitz = st.t.extremes()
	c.results[l], st.err = c.finish(st.end, c.rc)
	if !same {
		c.scatter(c.xs, c.xc, c.k, l)
	}
	c.run = frame
}

// fail ends all columns that are still in the panels.
func (c *BlockCG) fail(f failure) {
	for l := range c.w {
		c.at(l).end = f
	}
	c.dropEnded()
}

// finishEnded takes the columns that have ended off the list, while there are no panels.
func (c *BlockCG) finishEnded() {
	c.keep = c.keep[:0]
	for _, l := range c.cols {
		if c.state[l].end.failed() {
			c.finishColumn(l)
		} else {
			c.keep = append(c.keep, l)
		}
	}
	c.cols = append(c.cols[:0], c.keep...)
	c.w = len(c.cols)
}

// endAll ends all columns that are not finished, whatever the panels hold.
func (c *BlockCG) endAll(f failure) {
	for _, l := range c.cols {
		c.state[l].end = f
		c.finishColumn(l)
	}
	c.cols, c.w = c.cols[:0], 0
}

// close returns the results, all of them the failure f if there is one.
func (c *BlockCG) close(f failure) ([]Result, error) {
	if f.failed() && f.status != InvalidInput && c.set != nil && !c.set.Guess {
		parallel.Clear(c.team, c.xs)
	}
	var e *BlockError
	for l := range c.k {
		st := &c.state[l]
		if f.failed() {
			c.results[l] = st.res
			c.results[l].Status = f.status
			st.err = &Error{Status: f.status, Method: c.String(), Residual: -1, Tolerance: -1, Cause: f.cause}
		}
		if st.err != nil {
			if e == nil {
				e = &BlockError{K: c.k}
			}
			e.Columns, e.Errs = append(e.Columns, l), append(e.Errs, st.err)
		}
		st.err, st.end = nil, ok
	}
	// Keep nothing of the caller's.
	c.ctx, c.a, c.m, c.x, c.b, c.set = nil, nil, nil, nil, nil, nil
	c.scope.Context = nil
	c.xs, c.bs, c.ab, c.mb, c.rows, c.d, c.caller = nil, nil, nil, nil, nil, nil, nil
	c.single.a, c.single.whole, c.single.m = nil, nil, nil
	if f.failed() && c.k == 0 {
		return nil, &BlockError{Errs: []error{&Error{Status: f.status, Method: c.String(), Residual: -1, Tolerance: -1, Cause: f.cause}}}
	}
	if e != nil {
		return c.results, e
	}
	return c.results, nil
}
