package krylov

import (
	"context"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// MINRES is the method of minimal residuals for symmetric A, definite or not,
// singular or not. It solves (A − σ·I)·x = b with σ = Shift; below, A stands for
// the shifted operator. The Lanczos process
//
//	β₁·v₁ = b,   β_{k+1}·v_{k+1} = A·v_k − α_k·v_k − β_k·v_{k-1},   α_k = v_kᵀA·v_k
//
// gives A·V_k = V_{k+1}·T_k with a tridiagonal T_k of one more row than columns,
// and x_k = V_k·y minimises ‖b − A·x‖ = ‖β₁·e₁ − T_k·y‖ over the Krylov space.
// Reflections Q_k with cosines c_k and sines s_k, one per step, make Q_k·T_k
// upper triangular with three diagonals; its column k is
//
//	ε_k = s_{k-2}·β_k,  δ_k = c_{k-1}·δ̄_k + s_{k-1}·α_k,  γ̄_k = s_{k-1}·δ̄_k − c_{k-1}·α_k
//	δ̄_{k+1} = −c_{k-1}·β_{k+1},   γ_k = √(γ̄_k² + β_{k+1}²),  c_k = γ̄_k/γ_k,  s_k = β_{k+1}/γ_k
//
// and the iterate follows with short recurrences
//
//	d_k = (v_k − ε_k·d_{k-2} − δ_k·d_{k-1}) / γ_k,   x_k = x_{k-1} + τ_k·d_k
//	τ_k = c_k·φ_{k-1},   φ_k = s_k·φ_{k-1} = ‖r_k‖,   φ₀ = β₁
//
// (Paige & Saunders, SIAM J. Numer. Anal. 12, 1975, doi:10.1137/0712047). With a
// preconditioner M, which must be symmetric positive definite, this runs on
// M^½·A·M^½: the residual is minimised in the norm √(rᵀM·r).
//
// # Singular systems: MINRES-QLP
//
// With MinLength the triangle is made lower triangular by reflections from the
// right, Q_k·T_k·P_k = L_k, and x_k = W_k·u with W_k = V_k·P_k and L_k·u = τ
// (Choi, Paige & Saunders, SIAM J. Sci. Comput. 33, 2011, doi:10.1137/100787921;
// Choi & Saunders, ACM Trans. Math. Softw. 40, 2014, doi:10.1145/2527267).
// The columns of W_k are orthonormal, whatever the condition of A, and the last
// diagonal element of L_k reveals its rank: a component that divides by rounding
// error is left out. The method begins with the cheaper recurrences above and
// goes over to these when the estimate of the condition exceeds TranCond.
//
// If the system has no solution, MINRES ends with [Inconsistent] and a
// least-squares solution, MINRES-QLP with [LeastSquares] and the one of minimum
// length, A⁺·b. If it has many, MINRES-QLP returns the shortest. Both hold
// without a preconditioner and a guess. With a guess it is the solution nearest
// to the (scaled) guess. A preconditioner measures length by √(xᵀM⁻¹x). It also
// changes which x is the least-squares solution, so it is dropped when the
// system looks as if it had none; MINRES-QLP then starts anew.
//
// # What it reports
//
// Convergence is claimed on ‖b − A·x‖ alone, computed anew from x. With a
// preconditioner the recurrence knows √(rᵀM·r) only; Residual is then an
// estimate, from the same recurrences and the lengths of the Lanczos vectors.
//
// ‖A·r_{k-1}‖ = φ_{k-1}·√(γ̄_k² + δ̄_{k+1}²) tells when nothing is left to
// minimise; ‖A‖ is estimated from below by the columns of T_k. In exact
// arithmetic that falls to zero. In floating point it turns back near √ε·‖A‖‖r‖,
// where the Lanczos process finds the null vector a second time, and to go on
// would fill x with it. There the method stops and looks: the part y of r in the
// range of A is the solution of A·y = A·r, which is always solvable. If r − y,
// with A·(r − y) = 0 to rounding errors, is above the tolerance the system has no
// solution; MINRES-QLP then solves A·x = b − (r − y), solvable too, to the full
// accuracy. If it is not, A was ill-conditioned only, and the method goes on from
// r. Eigenvalues below 2⁻⁴³·‖A‖ count as zero in this. One more product must agree
// with the symmetry of A, for without it A·r = 0 says nothing.
//
// The residual has curvature r_{k-1}ᵀA·r_{k-1} = −φ²_{k-1}·c_{k-1}·γ̄_k, and A is
// positive definite on the Krylov space as long as this is positive (Liu &
// Roosta, SIAM J. Optim. 32, 2022, arXiv:2206.05732). At the first sign of the
// contrary the residual and its curvature are computed from x, at two products;
// when it is as it seemed, Result has Direction and Curvature, and the method
// goes on. Curvature is that of A − σ·I, without preconditioner.
//
// Symmetry is watched at no cost: v_{k-1}ᵀA·v_k must be β_k, else [NotSymmetric].
// MinRitz and MaxRitz are the extreme eigenvalues of the square part of T_k.
//
// # Cost
//
// Memory: 5 n-vectors beyond x and b, with a diagonal preconditioner too, and 7
// with any other; one more once there is a Direction, and three once a system
// looks as if it had no solution. Two numbers per iteration for T_k. Products:
// one per iteration, one to verify, two for a Direction. Traffic per iteration
// beyond that of the product: see the loop.
type MINRES struct {
	// MinLength asks for MINRES-QLP: the solution of minimum length of a
	// singular system, in the least-squares sense if it has none.
	MinLength bool
	// Shift is σ in (A − σ·I)·x = b.
	Shift float64
	// TranCond is the condition from which on MINRES-QLP uses its own
	// recurrences. Zero means 1e7, and 1 means always.
	TranCond float64

	run
	cut
	shifted [2]hvp.Operator // A and A − σ·I, kept for the next solve
	sigma   float64         // of shifted
	named   struct {
		name, full string
		shift      float64
	}

	// The stored vectors are multiples of those of the maths: v = s·v_k and
	// z = s·M·v_k. Without a preconditioner z is v. With a diagonal one v is
	// z: only M·v_k is stored.
	v, old, z, zOld []float64
	images          [2][]float64 // what z and zOld are with a general preconditioner
	q, w1, w2       []float64    // A·z, d_{k-1} or w_{k-1}, and the one before
	d               []float64    // diagonal of a diagonal preconditioner
	general         bool         // there is a preconditioner that is not diagonal
	part            [3][]float64 // partial sums by block
	ca, cb, cc      float64      // coefficients of the Lanczos step

	// The Lanczos process and the reflections from the left.
	null         float64 // threshold of ‖A·r‖/(‖A‖‖r‖)
	normA        float64 // estimate of ‖M^½AM^½‖ from below
	normQ        float64 // ‖A·M·v_k‖₂
	scaleV, last float64 // s of v and of old
	beta         float64 // β_k
	long         float64 // ‖v_{k+1}‖₂
	phi, phi0    float64 // φ_{k-1} and φ of the begin
	c, s         float64 // of reflection k−1
	dbar, eps    float64 // δ̄_k, ε_k
	two, excess  float64 // estimate of ‖r_{k-1}‖₂, and what leaving u_k out adds

	// The reflections from the right.
	l, before triangle // L_k and L_{k-1}
	wait      update   // the step that x has not seen
	qlp, tail bool     // w1, w2 are columns of W; x has their components

	// What the verification of residuals has learned: the factor of the
	// estimate, and the last true residual.
	ratio, truth float64
	checks       int

	// For least squares: the residual, its part in the range of A, and a
	// right-hand side.
	shortest            bool    // MinLength, but not in a nested run
	nested              float64 // norm to report in a nested run, else −1
	resid, inRange, rhs []float64

	curvatureTries int
	direction      []float64
	t              tridiagonal
}

// Thresholds, all relative.
const (
	// ‖A·r‖/(‖A‖‖r‖) at which the system may have no solution: the recurrence
	// seldom gets below √ε, as the Lanczos vectors lose their orthogonality
	// when a null vector is found. It is the last word only at minresNull.
	minresFlat = 0x1p-23
	minresNull = 0x1p-43
	// Diagonal elements of L against ‖A‖ that are rounding error.
	minresRank = 0x1p-49
	// ‖A‖‖x‖/‖b‖ beyond which x consists of rounding errors.
	minresGrowth = 0x1p48
	// ε^(1/3): disagreement that symmetric operators do not show, not even
	// products by finite differences.
	minresSymmetry = 6e-6
	// Curvature against ‖A‖ that is not rounding error.
	minresCurvature = 0x1p-44
)

// String implements [Method].
func (mr *MINRES) String() string {
	name := "minres"
	if mr.MinLength {
		name = "minres-qlp"
	}
	if mr.Shift == 0 {
		return name
	}
	if mr.named.name != name || mr.named.shift != mr.Shift {
		mr.named.name, mr.named.shift = name, mr.Shift
		mr.named.full = fmt.Sprintf("%s shift=%g", name, mr.Shift)
	}
	return mr.named.full
}

// Solve implements [Method].
func (mr *MINRES) Solve(ctx context.Context, a hvp.Operator, x, b []float64, s *Settings) (Result, error) {
	f := mr.start(ctx, mr.String(), a, x, b, s, false)
	if f.failed() {
		return mr.finish(f, nil)
	}
	if f = mr.prepare(); f.failed() {
		return mr.finish(f, nil)
	}
	f = mr.solve()
	mr.res.MinRitz, mr.res.MaxRitz = mr.t.extremes()
	mr.settle(f)
	return mr.finish(f, mr.q)
}

// prepare sizes the workspace and finds the fast paths.
func (mr *MINRES) prepare() failure {
	if math.IsNaN(mr.Shift) || math.IsInf(mr.Shift, 0) || !(mr.TranCond >= 0) {
		return failure{InvalidInput, fmt.Errorf("the fields Shift = %v must be finite and TranCond = %v not negative", mr.Shift, mr.TranCond)}
	}
	if mr.Shift != 0 {
		if mr.shifted[0] != mr.a || mr.sigma != mr.Shift {
			t, err := hvp.Shift(mr.a, -mr.Shift)
			if err != nil {
				return failure{InvalidInput, err}
			}
			mr.shifted, mr.sigma = [2]hvp.Operator{mr.a, t}, mr.Shift
		}
		mr.a = mr.shifted[1]
	}
	n := len(mr.x)
	mr.v, mr.old, mr.q = parallel.Grow(mr.v, n), parallel.Grow(mr.old, n), parallel.Grow(mr.q, n)
	mr.w1, mr.w2 = parallel.Grow(mr.w1, n), parallel.Grow(mr.w2, n)
	for i := range mr.part {
		mr.part[i] = parallel.Grow(mr.part[i], parallel.Blocks(n))
	}
	mr.cutRows(mr.a, n)
	mr.t.reset()
	mr.normA, mr.null, mr.curvatureTries, mr.shortest, mr.nested = 0, minresFlat, 0, mr.MinLength, -1
	mr.d, mr.general = nil, false
	if mr.m == nil {
		return ok
	}
	if dm, is := mr.m.(hvp.DiagonalMatrix); is {
		mr.d = dm.DiagonalValues()
		for i, v := range mr.d {
			switch {
			case math.IsNaN(v) || math.IsInf(v, 0):
				return mr.nonFinite(fmt.Sprintf("entry %d of the diagonal preconditioner", i))
			case v <= 0:
				return failure{IndefinitePreconditioner, fmt.Errorf("entry %d of the diagonal preconditioner is %v", i, v)}
			}
		}
		return ok
	}
	mr.general = true
	// Not mr.z and mr.zOld themselves, which are v and old after a solve without
	// such a preconditioner.
	for i := range mr.images {
		mr.images[i] = parallel.Grow(mr.images[i], n)
	}
	mr.z, mr.zOld = mr.images[0], mr.images[1]
	return ok
}

// ending says why a run of the recurrences is over.
type ending int

const (
	// drifted: the true residual, in v and mr.truth, does not follow the recurrence.
	drifted ending = iota
	// exhausted: A·r is zero to rounding, or x would grow beyond all bounds.
	exhausted
)

// solve runs MINRES, and again from the true residual as long as this halves
// it, until that meets the tolerance or is known to be least.
func (mr *MINRES) solve() failure {
	norm, f := mr.open(mr.v)
	if f.failed() {
		return f
	}
	for {
		end, f := mr.iterations(norm)
		mr.flush()
		if f.failed() {
			return f
		}
		truth := mr.truth
		if end == exhausted {
			if truth, f = mr.residual(mr.v); f.failed() {
				return f
			}
		}
		if math.IsNaN(truth) || math.IsInf(truth, 0) {
			return mr.nonFinite("the product of the operator and the solution")
		}
		mr.res.TrueResidual = truth / mr.scale
		if truth <= mr.tolerance {
			return failure{Converged, nil}
		}
		if end == exhausted {
			least, f := mr.leastResidual(truth)
			switch {
			case f.failed():
				return f
			case least && !mr.MinLength:
				return failure{Inconsistent, nil}
			case least && mr.m == nil:
				return failure{LeastSquares, nil}
			case mr.m != nil:
				// The preconditioner makes another least-squares problem, and
				// its null vectors are not those of A.
				mr.m, mr.d, mr.general = nil, nil, false
				mr.t.reset()
				mr.normA = 0
				if mr.MinLength {
					clear(mr.x)
				}
				if truth, f = mr.residual(mr.v); f.failed() {
					return f
				}
				norm = truth
				mr.res.TrueResidual = -1
				mr.res.Restarts++
				continue
			default:
				mr.null = minresNull // it is only ill-conditioned
			}
		}
		if truth > norm/2 && mr.res.Restarts > 0 {
			return failure{Stagnated, nil}
		}
		norm = truth
		mr.t.restart()
		mr.res.TrueResidual = -1
		mr.res.Restarts++
	}
}

// begin puts the recurrences at their start, from the residual in v.
func (mr *MINRES) begin(norm float64) failure {
	mr.scaleV = norm
	switch {
	case mr.d != nil:
		parallel.MulTo(mr.team, mr.q, mr.d, mr.v)
		rz := parallel.Dot(mr.team, mr.q, mr.v)
		if math.IsNaN(rz) || math.IsInf(rz, 0) {
			return mr.nonFinite("an application of the preconditioner")
		}
		mr.scaleV = math.Sqrt(rz)
		mr.v, mr.q = mr.q, mr.v // M·v_k is what is stored
	case mr.general:
		if f := mr.precondition(mr.z, mr.v); f.failed() {
			return f
		}
		rz := parallel.Dot(mr.team, mr.v, mr.z)
		if f := mr.definitePrecond(rz, math.Inf(1), mr.z); f.failed() {
			return f
		}
		mr.scaleV = math.Sqrt(max(rz, 0))
	}
	if mr.scaleV == 0 {
		return failure{Breakdown, errUnderflow}
	}
	parallel.Clear(mr.team, mr.old)
	parallel.Clear(mr.team, mr.w1)
	parallel.Clear(mr.team, mr.w2)
	if mr.general {
		clear(mr.zOld)
	}
	mr.last, mr.beta = 1, 0
	mr.phi, mr.phi0, mr.two = mr.scaleV, mr.scaleV, norm
	mr.c, mr.s, mr.dbar, mr.eps = -1, 0, 0, 0
	mr.excess, mr.ratio, mr.truth, mr.checks = 0, 1, math.Inf(1), 0
	mr.l, mr.before = triangle{least: math.Inf(1)}, triangle{}
	mr.wait.kind, mr.qlp, mr.tail = stepNone, false, false
	return ok
}

// iterations runs MINRES from the residual in v, of the given norm.
//
// A step of the iterate waits until the product after it is known, so that it
// can share a sweep with the next Lanczos step, and be refused if that product
// shows that it divides by rounding error. Traffic per iteration in n-vectors,
// one of 8n bytes each, none kept in cache from one sweep to the next:
//
//	                                   no M      diagonal M   general M
//	q = A·z, zᵀq, qᵀq                  2 z q     2            2
//	v_{k+1} from q, v, v_old; qᵀz_old  4         5 (+d)       4
//	d_{k-1}, x                         5 (+v)    5            6, then z = M·v: 2, vᵀz: 2
//	                                   11        12           16
//
// One more in QLP mode, where both columns of W change, and two more when A
// gives no row ranges.
func (mr *MINRES) iterations(norm float64) (ending, failure) {
	if f := mr.begin(norm); f.failed() {
		return 0, f
	}
	for first := true; ; first = false {
		if f := mr.limits(); f.failed() {
			return 0, f
		}
		alpha, f := mr.product()
		if f.failed() {
			return 0, f
		}
		if mr.wait.kind != stepNone && mr.l.residual <= mr.null*mr.normA {
			mr.lastStep() // the products before knew too little of ‖A‖
			return exhausted, ok
		}
		// γ̄_k = s·δ̄_k − c·α_k,  δ_k = c·δ̄_k + s·α_k
		bar := mr.s*mr.dbar - mr.c*alpha
		delta := mr.c*mr.dbar + mr.s*alpha
		next, f := mr.lanczos(alpha, first)
		if f.failed() {
			return 0, f
		}
		if mr.nested < 0 {
			mr.t.appendLanczos(mr.beta, alpha)
		}
		mr.normA = max(mr.normA, math.Hypot(math.Hypot(mr.beta, alpha), next))
		mr.beta = next
		mr.res.Bytes += mr.traffic()

		// ‖A·r_{k-1}‖/‖r_{k-1}‖ = √(γ̄_k² + δ̄_{k+1}²),  δ̄_{k+1} = −c·β_{k+1}
		root := math.Hypot(bar, mr.c*next)
		null := root <= mr.null*mr.normA
		if !null && mr.c*bar >= 0 {
			if f := mr.curvature(); f.failed() {
				return 0, f
			}
		}
		// The reflection of row k+1: γ_k, τ_k = c_k·φ_{k-1}, φ_k = s_k·φ_{k-1}.
		eps, dbar := mr.eps, -mr.c*next
		mr.eps = mr.s * next
		mr.dbar = dbar
		var gamma float64
		mr.c, mr.s, gamma = reflection(bar, next)
		mr.advance(eps, delta, gamma, mr.c*mr.phi)
		mr.l.residual = root
		if null || !mr.bounded() {
			mr.lastStep()
			return exhausted, mr.report()
		}
		mr.phi *= mr.s
		// ‖r_k‖₂² ≈ s⁴·‖r_{k-1}‖₂² + c²·φ_k²·‖v_{k+1}‖₂²; without a
		// preconditioner both sides are φ_k².
		mr.two = math.Hypot(mr.s*mr.s*mr.two, mr.c*mr.phi*mr.long)
		if mr.m == nil {
			mr.two = mr.phi
		}
		if f := mr.report(); f.failed() {
			return 0, f
		}
		invariant := next <= 0x1p-52*mr.normA
		if mr.estimate() <= mr.tolerance || invariant {
			if drift, f := mr.verify(invariant); f.failed() || drift {
				return drifted, f
			}
		}
	}
}

// traffic returns the bytes of one iteration, see iterations.
func (mr *MINRES) traffic() int64 {
	words := 11
	switch {
	case mr.d != nil:
		words = 12
	case mr.general:
		words = 16
	}
	if mr.qlp {
		words++
	}
	if mr.rows == nil {
		words += 2
	}
	return 8 * int64(words) * int64(mr.n)
}

// product sets q = A·z and returns α_k = zᵀq/s².
func (mr *MINRES) product() (alpha float64, f failure) {
	if !mr.general {
		mr.z, mr.zOld = mr.v, mr.old
	}
	if f := mr.run.product(&mr.cut, mr.q, mr.z, (*minresProduct)(mr)); f.failed() {
		return 0, f
	}
	mr.res.Reductions++
	alpha = parallel.Combine(mr.part[0]) / mr.scaleV / mr.scaleV
	mr.normQ = mr.norm(parallel.Combine(mr.part[2]), mr.q) / mr.scaleV
	if math.IsNaN(alpha) || math.IsInf(alpha, 0) || math.IsNaN(mr.normQ) || math.IsInf(mr.normQ, 0) {
		return 0, mr.nonFinite("a product of the operator")
	}
	mr.normA = max(mr.normA, math.Hypot(mr.beta, alpha))
	if mr.m == nil {
		mr.normA = max(mr.normA, mr.normQ)
	}
	return alpha, ok
}

// lanczos computes v_{k+1} in the place of v_{k-1}, and in the same sweep takes
// the step that waits. It returns β_{k+1} and leaves v_{k+1} in v, v_k in old.
func (mr *MINRES) lanczos(alpha float64, first bool) (next float64, f failure) {
	// A power of two near 1/‖A·v_k‖ keeps the stored vectors near 1.
	_, e := math.Frexp(mr.normQ)
	size := math.Ldexp(1, -max(-1000, min(1000, e)))
	// s·v_{k+1} = size·(q/s_k − α·v/s_k − β·v_old/s_{k-1})
	mr.ca, mr.cb, mr.cc = size/mr.scaleV, size*(alpha/mr.scaleV), size*(mr.beta/mr.last)
	mr.team.Run(mr.chunks, (*minresLanczos)(mr))
	mr.stepped()
	mr.res.Reductions++
	uz := parallel.Combine(mr.part[0])
	cross := parallel.Combine(mr.part[1]) / mr.last / mr.scaleV
	if !first && math.Abs(cross-mr.beta)*mr.beta > minresSymmetry*mr.normA*mr.normA {
		return 0, failure{NotSymmetric, fmt.Errorf("⟨u,A·v⟩ = %.6g and ⟨A·u,v⟩ = %.6g for two directions u, v", cross, mr.beta)}
	}
	scale := math.Sqrt(max(uz, 0))
	mr.long = 1
	switch {
	case mr.m == nil:
		scale = mr.norm(uz, mr.old)
	case mr.general:
		normV := mr.norm(uz, mr.old)
		if f := mr.precondition(mr.zOld, mr.old); f.failed() {
			return 0, f
		}
		uz = parallel.Dot(mr.team, mr.old, mr.zOld)
		mr.res.Reductions++
		if f := mr.definitePrecond(uz, normV, mr.zOld); f.failed() {
			return 0, f
		}
		scale = math.Sqrt(max(uz, 0))
		mr.long = normV / scale
	default:
		mr.long = math.Sqrt(parallel.Combine(mr.part[2])) / scale
	}
	if math.IsNaN(scale) || math.IsInf(scale, 0) {
		return 0, failure{Breakdown, fmt.Errorf("a Lanczos vector of length %v", scale)}
	}
	if scale == 0 {
		mr.long = 0
	}
	mr.last, mr.scaleV = mr.scaleV, scale
	mr.v, mr.old = mr.old, mr.v
	mr.z, mr.zOld = mr.zOld, mr.z
	return scale / size, ok
}

// definitePrecond checks vᵀz > 0 for z = M·v. A vector v that consists of
// rounding errors, and a product that does, count as zero.
func (mr *MINRES) definitePrecond(vz, normV float64, z []float64) failure {
	switch {
	case vz > 0 && !math.IsInf(vz, 0):
		return ok
	case math.IsNaN(vz) || math.IsInf(vz, 0):
		return mr.nonFinite("an application of the preconditioner")
	case normV <= minresNull, math.Abs(vz) <= 0x1p-52*normV*parallel.Norm(mr.team, z) && vz != 0:
		return ok
	}
	return failure{IndefinitePreconditioner, fmt.Errorf("vᵀMv = %.3g", vz)}
}

// estimate returns what the recurrences know of ‖r_k‖₂.
func (mr *MINRES) estimate() float64 { return mr.ratio * math.Hypot(mr.two, mr.excess) }

var _ Method = (*MINRES)(nil)
