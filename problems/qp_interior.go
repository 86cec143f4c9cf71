package problems

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
)

// Interior sets z to a solution for the parameters w by a primal-dual interior-point
// method, predictor and corrector of Mehrotra (SIAM J. Optim. 2, 1992,
// doi:10.1137/0802028; Nocedal & Wright, Numerical Optimization, 2006, ch. 16.6). What
// z holds before does not matter. P must be positive semidefinite. Each step solves
// two systems
//
//	[ P + Σ  Aᵀ ; A  0 ],   Σ = diag(z_lo/(x − lo) + z_hi/(hi − x))
//
// by MINRES with the preconditioner of the problem, made once for both. Variables whose
// bounds are equal stand there and take no part.
//
// It ends when the residuals are rtol of the size of the data and the duality gap is rtol
// of the parts of the value; zero means 1e-8. The x is strictly within the bounds that
// differ: [QP.Solve] goes on from here to the exact face. The error is a
// [*hypergrad.NotStationaryError] after 100 steps, or where a step comes to nothing or
// its system is not solved, as for constraints that contradict each other.
func (q *QP) Interior(ctx context.Context, z, w []float64, rtol float64) (res hypergrad.InnerResult, err error) {
	begin := time.Now()
	defer func() { res.Elapsed = time.Since(begin) }()
	switch {
	case len(z) != q.c.N+q.c.M || len(w) != q.c.NW:
		return res, fmt.Errorf("problems: QP: %d unknowns and %d parameters, want %d and %d", len(z), len(w), q.c.N+q.c.M, q.c.NW)
	case !(rtol >= 0 && rtol < 1):
		return res, fmt.Errorf("problems: QP: interior point to a relative tolerance of %v", rtol)
	case rtol == 0:
		rtol = 1e-8
	}
	it, err := q.interior(ctx, w)
	if err != nil {
		return res, err
	}
	res.Energy = math.NaN()
	res.Tolerance = rtol * it.size
	const most = 100
	for ; ; res.Iterations++ {
		if err := it.residuals(ctx); err != nil {
			return res, err
		}
		res.GradNorm, res.Products = math.Hypot(it.dual, it.primal), it.products
		if res.Iterations == 0 {
			res.StartNorm = res.GradNorm
		}
		done := it.dual <= res.Tolerance && it.primal <= res.Tolerance && it.gap <= rtol*max(it.scale, 1e-3*it.gap0)
		reason := ""
		switch {
		case done:
			it.write(z)
			return res, nil
		case res.Iterations >= most:
			reason = "iteration limit"
		case it.stuck >= 5:
			reason = "steps come to nothing: are the constraints consistent, and is P positive semidefinite?"
		}
		if reason != "" {
			it.write(z)
			return res, &hypergrad.NotStationaryError{GradNorm: res.GradNorm, Tolerance: res.Tolerance, Iterations: res.Iterations, Reason: "interior point: " + reason}
		}
		switch err := it.step(ctx); {
		case errors.Is(err, errNoStep):
			it.write(z)
			return res, &hypergrad.NotStationaryError{GradNorm: res.GradNorm, Tolerance: res.Tolerance, Iterations: res.Iterations, Reason: "interior point: " + err.Error()}
		case err != nil:
			return res, err
		}
	}
}

// errNoStep says that the linear system of a step has no solution that was found.
var errNoStep = errors.New("the linear system of a step is not solved: are the constraints consistent, and is P positive semidefinite?")

// interiorState is a point of the method and its directions, for the variables whose
// bounds differ.
type interiorState struct {
	q     *QP
	team  parallel.Team
	index []int     // of the variables
	fixed []float64 // values of all variables, zero for those that take part
	p, a  *hvp.CSR
	at    hvp.Operator // Aᵀ
	c, b  []float64    // linear term and right-hand side

	lo, hi, x, y, zl, zu []float64
	dx, dzl, dzu         []float64
	rd, rp               []float64
	rhs, sol             []float64

	size                      float64 // of the data
	dual, primal              float64 // norms of rd and rp
	gap, gap0, scale, average float64 // duality gap; at the start; what it compares to; for one bound
	products, bounds, stuck   int
	precond                   precond.Preconditioner
	minres                    krylov.MINRES
}

// interior returns the state at the starting point.
func (q *QP) interior(ctx context.Context, w []float64) (*interiorState, error) {
	n, m := q.c.N, q.c.M
	it := &interiorState{q: q, team: parallel.FromContext(ctx), fixed: make([]float64, n), y: make([]float64, m)}
	var err error
	if it.size, err = q.size(ctx, w); err != nil {
		return nil, err
	}
	for i := range n {
		lo, hi := math.Inf(-1), math.Inf(1)
		if q.bounds != nil {
			lo, hi = q.bounds.Lower[i], q.bounds.Upper[i]
		}
		switch {
		case lo < hi:
			it.index, it.lo, it.hi = append(it.index, i), append(it.lo, lo), append(it.hi, hi)
		case lo == hi && !math.IsInf(lo, 0):
			it.fixed[i] = lo
		default:
			return nil, fmt.Errorf("problems: QP: unknown %d with the bounds %v and %v", i, lo, hi)
		}
	}
	p, err := hvp.Principal(q.p, it.index)
	if err != nil {
		return nil, err
	}
	a, err := hvp.Restrict(q.a, nil, it.index)
	if err != nil {
		return nil, err
	}
	it.p, it.a = p.(*hvp.CSR), a.(*hvp.CSR)
	if it.at, err = hvp.Transpose(a); err != nil {
		return nil, err
	}
	// The residual with x at the fixed values and 0 elsewhere is (c, −b).
	z, g := append(append([]float64(nil), it.fixed...), it.y...), make([]float64, n+m)
	if err := q.c.Residual(ctx, g, z, w); err != nil {
		return nil, err
	}
	for _, i := range it.index {
		it.c = append(it.c, g[i])
	}
	for _, v := range g[n:] {
		it.b = append(it.b, -v)
	}
	k := len(it.index)
	for _, v := range []*[]float64{&it.x, &it.zl, &it.zu, &it.dx, &it.dzl, &it.dzu, &it.rd} {
		*v = make([]float64, k)
	}
	it.rp, it.rhs, it.sol = make([]float64, m), make([]float64, k+m), make([]float64, k+m)
	return it, it.start(ctx)
}

// start sets x well within the bounds, and all bounds' multipliers to the size of the
// gradient there.
func (it *interiorState) start(ctx context.Context) error {
	width := 0.0
	for i, lo := range it.lo {
		for _, v := range []float64{lo, it.hi[i], it.hi[i] - lo} {
			if !math.IsInf(v, 0) {
				width = max(width, math.Abs(v))
			}
		}
	}
	if width == 0 {
		width = 1
	}
	for i, lo := range it.lo {
		room := min(width, (it.hi[i]-lo)/4)
		it.x[i] = max(lo+room, min(it.hi[i]-room, 0))
	}
	if err := it.p.Apply(ctx, it.rd, it.x); err != nil {
		return err
	}
	it.products++
	force := 0.0
	for i, v := range it.rd {
		force = max(force, math.Abs(v+it.c[i]), math.Abs(it.c[i]))
	}
	if force == 0 {
		force = 1
	}
	for i, lo := range it.lo {
		if !math.IsInf(lo, 0) {
			it.zl[i] = force
			it.bounds++
		}
		if !math.IsInf(it.hi[i], 0) {
			it.zu[i] = force
			it.bounds++
		}
	}
	return nil
}

// residuals evaluates the point.
func (it *interiorState) residuals(ctx context.Context) error {
	if err := it.p.Apply(ctx, it.rd, it.x); err != nil {
		return err
	}
	energy := parallel.Dot(it.team, it.rd, it.x)
	pull := it.rhs[:len(it.x)]
	if err := it.at.Apply(ctx, pull, it.y); err != nil {
		return err
	}
	if err := it.a.Apply(ctx, it.rp, it.x); err != nil {
		return err
	}
	it.products++
	parallel.Axpy(it.team, it.rp, -1, it.b)
	it.gap = 0
	for i, x := range it.x {
		it.rd[i] += it.c[i] + pull[i] - it.zl[i] + it.zu[i]
		if it.zl[i] > 0 {
			it.gap += (x - it.lo[i]) * it.zl[i]
		}
		if it.zu[i] > 0 {
			it.gap += (it.hi[i] - x) * it.zu[i]
		}
	}
	if it.gap0 == 0 {
		it.gap0 = it.gap
	}
	it.average = it.gap / float64(max(1, it.bounds))
	it.scale = math.Abs(energy) + math.Abs(parallel.Dot(it.team, it.c, it.x)) + math.Abs(parallel.Dot(it.team, it.b, it.y))
	it.dual, it.primal = parallel.Norm(it.team, it.rd), parallel.Norm(it.team, it.rp)
	if s := it.dual + it.primal + it.gap; math.IsNaN(s) || math.IsInf(s, 0) {
		return errors.New("problems: QP: the residual of an interior point holds NaN or Inf")
	}
	return nil
}

// direction sets dx, dzl, dzu and the last part of sol, that of y, to the step towards
// the products target of distances and multipliers. correct takes the second-order
// terms of the direction that is there into account.
func (it *interiorState) direction(ctx context.Context, k hvp.Operator, target float64, correct bool) error {
	n := len(it.x)
	for i, x := range it.x {
		r := -it.rd[i]
		if z := it.zl[i]; z > 0 {
			s := x - it.lo[i]
			more := 0.0
			if correct {
				more = it.dx[i] * it.dzl[i]
			}
			it.dzl[i] = (target-more)/s - z
			r += it.dzl[i]
		}
		if z := it.zu[i]; z > 0 {
			s := it.hi[i] - x
			more := 0.0
			if correct {
				more = -it.dx[i] * it.dzu[i]
			}
			it.dzu[i] = (target-more)/s - z
			r -= it.dzu[i]
		}
		it.rhs[i] = r
	}
	for i, v := range it.rp {
		it.rhs[n+i] = -v
	}
	const rtol, useful = 1e-10, 0.1
	res, err := it.minres.Solve(ctx, k, it.sol, it.rhs, &krylov.Settings{RTol: rtol, Precond: it.precond})
	it.products += res.Products
	if err != nil && !(res.TrueResidual >= 0 && res.TrueResidual <= useful*res.RHSNorm) {
		if ctx.Err() != nil {
			return fmt.Errorf("problems: QP: interior point: %w", ctx.Err())
		}
		return fmt.Errorf("%w: %w", errNoStep, err)
	}
	copy(it.dx, it.sol[:n])
	for i, d := range it.dx {
		if z := it.zl[i]; z > 0 {
			it.dzl[i] -= z / (it.x[i] - it.lo[i]) * d
		}
		if z := it.zu[i]; z > 0 {
			it.dzu[i] += z / (it.hi[i] - it.x[i]) * d
		}
	}
	return nil
}

// lengths returns how far the direction goes within bounds, at most limit, for x and
// for the multipliers.
func (it *interiorState) lengths() (primal, dual float64) {
	primal, dual = math.Inf(1), math.Inf(1)
	for i, d := range it.dx {
		switch {
		case d < 0 && it.zl[i] > 0:
			primal = min(primal, (it.x[i]-it.lo[i])/-d)
		case d > 0 && it.zu[i] > 0:
			primal = min(primal, (it.hi[i]-it.x[i])/d)
		}
		if it.dzl[i] < 0 {
			dual = min(dual, it.zl[i]/-it.dzl[i])
		}
		if it.dzu[i] < 0 {
			dual = min(dual, it.zu[i]/-it.dzu[i])
		}
	}
	return primal, dual
}

// step takes one step.
func (it *interiorState) step(ctx context.Context) error {
	sigma := make([]float64, len(it.x))
	for i, x := range it.x {
		if z := it.zl[i]; z > 0 {
			sigma[i] += z / (x - it.lo[i])
		}
		if z := it.zu[i]; z > 0 {
			sigma[i] += z / (it.hi[i] - x)
		}
	}
	d, err := hvp.NewDiagonal(sigma)
	if err != nil {
		return err
	}
	sum, err := hvp.Sum(it.p, d)
	if err != nil {
		return err
	}
	h, err := hvp.Assemble(sum)
	if err != nil {
		return err
	}
	if h, err = h.Promise(hvp.Symmetric); err != nil {
		return err
	}
	k, err := hvp.KKT(h, it.a, nil)
	if err != nil {
		return err
	}
	if it.precond == nil {
		it.precond, err = it.q.forSolve(ctx, k)
	} else {
		err = it.precond.Refresh(ctx, k)
	}
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("problems: QP: interior point: %w", ctx.Err())
		}
		return fmt.Errorf("%w: %w", errNoStep, err)
	}
	// Predictor: straight for the solution. Its success sets the target of the
	// corrector.
	if err := it.direction(ctx, k, 0, false); err != nil {
		return err
	}
	primal, dual := it.lengths()
	primal, dual = min(1, primal), min(1, dual)
	after := 0.0
	for i, x := range it.x {
		x += primal * it.dx[i]
		if z := it.zl[i]; z > 0 {
			after += (x - it.lo[i]) * (z + dual*it.dzl[i])
		}
		if z := it.zu[i]; z > 0 {
			after += (it.hi[i] - x) * (z + dual*it.dzu[i])
		}
	}
	if it.bounds > 0 {
		centring := math.Pow(max(0, after)/it.gap, 3)
		if err := it.direction(ctx, k, centring*it.average, true); err != nil {
			return err
		}
		primal, dual = it.lengths()
	}
	const back, little = 0.995, 1e-6
	primal, dual = min(1, back*primal), min(1, back*dual)
	if max(primal, dual) < little {
		it.stuck++
	} else {
		it.stuck = 0
	}
	parallel.Axpy(it.team, it.y, dual, it.sol[len(it.x):])
	for i, d := range it.dx {
		x := it.x[i] + primal*d
		if x > it.lo[i] && x < it.hi[i] { // not if rounded onto the bound
			it.x[i] = x
		}
		it.zl[i] += dual * it.dzl[i]
		it.zu[i] += dual * it.dzu[i]
	}
	return nil
}

// write sets z to the point.
func (it *interiorState) write(z []float64) {
	copy(z, it.fixed)
	for k, i := range it.index {
		z[i] = it.x[k]
	}
	copy(z[len(it.fixed):], it.y)
}
