package krylov

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// GMRES is the generalised minimal residual method for any square A,
//
//	r₀ = b − A·x₀,  v₁ = r₀/‖r₀‖
//	w = A·M·v_k              the next product
//	h = Vᵀw,  w ← w − V·h    orthogonalised against v₁ … v_k
//	v_{k+1} = w/‖w‖          A·M·V_k = V_{k+1}·H̄_k
//	y = argmin ‖ ‖r₀‖·e₁ − H̄_k·y ‖,  x = x₀ + M·V_k·y
//
// (Saad & Schultz, SIAM J. Sci. Stat. Comput. 7, 1986, doi:10.1137/0907058).
// x minimises the norm of the residual over x₀ + M·span(v₁ … v_k). The
// preconditioner stands on the right, so that this is the residual of the
// system itself; it need be neither symmetric nor definite. Flexible keeps
// z_k = M·v_k and takes x = x₀ + Z·y, which stands a preconditioner that varies
// from step to step, such as an inner iteration (FGMRES; Saad, SIAM J. Sci.
// Comput. 14, 1993, doi:10.1137/0914028).
//
// # Orthogonalisation
//
// Classical Gram–Schmidt, twice: the second pass restores orthogonality to a
// few rounding errors unless A·M·V_k is numerically rank deficient (Giraud,
// Langou & Rozložník, Comput. Math. Appl. 50, 2005,
// doi:10.1016/j.camwa.2005.08.009). In blocks of rows the update of the first
// pass and the sums of the second share one sweep over V, so that being thorough
// costs less memory traffic than modified Gram–Schmidt once: see the loop.
//
// # Restarts
//
// After Restart steps x is formed, the true residual computed, and the method
// starts again from it. A restarted method can stand still where the full one
// would converge (on a cyclic shift, GMRES(m) stands still for every m < n).
// With Restart = 0 a cycle of 30 steps that does not halve the residual is
// followed by one of twice as many, up to 240 steps and 1 GiB of basis, or, where
// that is more, as many steps as fit into 32 MiB, which is full GMRES for n up to
// 2000. A Restart that is given is kept.
//
// # What it reports
//
// [Converged] only on the recomputed residual. A step that adds nothing to the
// space (h_{k+1,k} at the level of rounding errors of ‖A·M·v_k‖) ends the cycle,
// but solves the system only if A is regular there: the true residual decides.
// If it is not even halved, A or M is singular. It is [Inconsistent] if ‖Aᵀr‖ ≤
// 10⁻¹⁰·‖A‖·‖r‖, for then r is the part of b outside of the range of A, and the
// x returned is a least-squares solution; this takes an operator with a
// transpose. Otherwise it is a [Breakdown], as when M maps a vector to zero.
// [Stagnated]: two full cycles in a row, at the largest restart length, took less
// than 0.1 % off the true residual, or one took nothing at all; or a convergence
// that the recurrence claims is denied by the true residual twice without halving
// it in between. Where R is nearly singular, y is cut to the columns for which the
// rounding errors of the correction stay below the residual that it is to reduce.
// x is the best iterate at the end of a step. Only when the
// context ends or a preconditioner that is not diagonal fails, x is the iterate
// of the last restart.
//
// An iteration is one step.
//
// # Cost
//
// Memory: Restart + 1 n-vectors beyond x and b, allocated as the steps need them;
// one more with a preconditioner, and Restart more if Flexible. Traffic: see the
// loop.
type GMRES struct {
	// Restart is the number of steps between restarts. Zero means 30 to begin
	// with, and more where 30 do not do.
	Restart int
	// Flexible stands a preconditioner that varies.
	Flexible bool

	run
	cut
	label    label
	v        [][]float64 // basis
	zs       [][]float64 // M·v_k, if Flexible
	z        []float64   // M·v for the current v
	d        []float64   // diagonal of a diagonal preconditioner
	flexible bool        // Flexible, and there is a preconditioner

	blocks int

	// What the sweeps work on.
	basis   [][]float64 // v[:k] or zs[:k]
	w, src  []float64   // w = A·src
	coef    []float64
	divisor float64

	// part[j·blocks+b] is the share of block b in the sum for basis vector j;
	// norms holds the shares of ‖w‖².
	part, norms []float64

	h, again []float64 // a column of H̄, and its part from the second pass
	r        []float64 // R of H̄ = Q·R, columns of the upper triangle one by one
	cos, sin []float64 // Q as Givens rotations
	g, y     []float64 // Qᵀ·(‖r₀‖·e₁) and R⁻¹g
	size     []float64 // ‖A·M·v_k‖
	normAM   float64   // the largest of them
}

// The restart lengths of GMRES.
const (
	defaultRestart = 30
	longestRestart = 240
	smallBasis     = 1 << 22 // numbers, 32 MiB: there may be more vectors than that
	largestBasis   = 1 << 27 // numbers, 1 GiB
)

// vanishing is the size of the remainder of a sum, relative to its terms, at
// which it is taken for zero.
const vanishing = 16 * 0x1p-52

// A label is the name of a method with its parameters, made anew only when one
// of them changes: String must not allocate in every solve.
type label struct {
	text      string
	parameter int
	variant   bool
}

func (l *label) get(format string, parameter int, variant bool) string {
	if l.text == "" || l.parameter != parameter || l.variant != variant {
		*l = label{fmt.Sprintf(format, parameter), parameter, variant}
	}
	return l.text
}

// String implements [Method].
func (g *GMRES) String() string {
	restart := g.Restart
	if restart == 0 {
		restart = defaultRestart
	}
	if g.Flexible {
		return g.label.get("fgmres(%d)", restart, true)
	}
	return g.label.get("gmres(%d)", restart, false)
}

// Solve implements [Method].
func (g *GMRES) Solve(ctx context.Context, a hvp.Operator, x, b []float64, s *Settings) (Result, error) {
	g.standsVarying = g.Flexible
	f := g.start(ctx, g.String(), a, x, b, s, false)
	if f.failed() {
		return g.finish(f, nil)
	}
	if f = g.prepare(); f.failed() {
		return g.finish(f, nil)
	}
	f = g.solve()
	g.basis, g.w, g.src, g.d, g.rows = nil, nil, nil, nil, nil
	return g.finish(f, nil)
}

// prepare sizes the workspace and finds the fast paths.
func (g *GMRES) prepare() failure {
	if g.Restart < 0 {
		return failure{InvalidInput, fmt.Errorf("the field Restart = %d must not be negative", g.Restart)}
	}
	n := len(g.x)
	g.blocks = parallel.Blocks(n)
	g.norms = parallel.Grow(g.norms, g.blocks)
	g.cutRows(g.a, n)
	g.normAM = 0

	g.d, g.flexible = nil, g.Flexible && g.m != nil
	if g.m == nil || g.flexible {
		return ok
	}
	g.z = parallel.Grow(g.z, n)
	if dm, is := g.m.(hvp.DiagonalMatrix); is {
		g.d = dm.DiagonalValues()
		return finiteDiagonal(g.d)
	}
	return ok
}

// finiteDiagonal names the first NaN or Inf of a diagonal preconditioner.
func finiteDiagonal(d []float64) failure {
	for i, v := range d {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return failure{NonFinite, fmt.Errorf("entry %d of the diagonal preconditioner is %v", i, v)}
		}
	}
	return ok
}

// vector returns vector j of a basis, allocating it when it is new.
func (g *GMRES) vector(basis *[][]float64, j int) []float64 {
	for len(*basis) <= j {
		*basis = append(*basis, nil)
	}
	(*basis)[j] = parallel.Grow((*basis)[j], g.n)
	return (*basis)[j]
}

// resize makes room for cycles of m steps.
func (g *GMRES) resize(m int) {
	g.part = parallel.Grow(g.part, m*g.blocks)
	g.h, g.again = parallel.Grow(g.h, m+1), parallel.Grow(g.again, m)
	g.r = parallel.Grow(g.r, m*(m+1)/2)
	g.cos, g.sin = parallel.Grow(g.cos, m), parallel.Grow(g.sin, m)
	g.g, g.y, g.size = parallel.Grow(g.g, m+1), parallel.Grow(g.y, m), parallel.Grow(g.size, m)
}

// solve runs cycles, each from the true residual that the one before left.
func (g *GMRES) solve() failure {
	norm, f := g.open(g.vector(&g.v, 0))
	if f.failed() {
		return f
	}
	m, longest := g.lengths()
	stalls := 0
	for {
		g.res.TrueResidual = norm / g.scale
		if norm <= g.tolerance {
			return failure{Converged, nil}
		}
		g.resize(m)
		k, end, f := g.cycle(norm, m)
		truth, f := g.land(k, norm, f)
		if truth <= g.tolerance && g.res.TrueResidual >= 0 {
			return failure{Converged, nil}
		}
		if f.failed() {
			return f
		}
		halved := truth <= norm/2
		switch {
		case end == brokeDown && !halved:
			return g.singular()
		case end == claimed:
			if !halved && g.res.Restarts > 0 {
				if g.inconsistent() {
					return failure{Inconsistent, errNotInRange}
				}
				return failure{Stagnated, nil}
			}
			g.res.Restarts++
		case end == full && !halved:
			if truth <= 0.999*norm {
				stalls = 0
			} else if stalls++; g.inconsistent() {
				return failure{Inconsistent, errNotInRange}
			}
			if m < longest {
				m, stalls = min(2*m, longest), 0
			} else if stalls == 2 || truth >= norm*(1-1e-12) {
				return failure{Stagnated, nil}
			}
		default:
			stalls = 0
		}
		norm = truth
	}
}

// lengths returns the length of the first cycle and that of the longest.
func (g *GMRES) lengths() (first, longest int) {
	if g.Restart > 0 {
		m := min(g.Restart, g.n)
		return m, m
	}
	first = min(defaultRestart, g.n)
	return first, max(first, min(g.n, max(longestRestart, smallBasis/g.n), largestBasis/g.n))
}

// cycleEnd says why a cycle ended.
type cycleEnd int

const (
	full      cycleEnd = iota // after m steps
	claimed                   // the recurrence says that the system is solved
	brokeDown                 // the space is invariant
)

// cycle runs up to m steps from the residual in v[0], of the given norm. It
// returns the number of basis vectors that the solution is to be made of, also
// when it failed.
//
// Traffic of a step with k vectors in the basis, in n-vectors, one of 8n bytes
// each, V kept in cache within a block of rows only:
//
//	                               no M    diagonal M     general M
//	w = A·z, h = Vᵀw, wᵀw          k+2     k+2            k+2
//	w −= V·h, c = Vᵀw              k+2     k+2            k+2
//	w −= V·c, wᵀw                  k+2     k+2            k+2
//	v = w/‖w‖                      2       4 (+d, z)      2, then z = M·v: 2
//	                               3k+8    3k+10          3k+10
func (g *GMRES) cycle(norm float64, m int) (k int, end cycleEnd, f failure) {
	clear(g.g[:m+1])
	g.g[0] = norm
	g.divide(g.v[0], norm)
	perStep := int64(8)
	if g.m != nil {
		perStep += 2
	}
	for k < m {
		if f := g.limits(); f.failed() {
			return k, full, f
		}
		if f := g.operand(k); f.failed() {
			return k, full, f
		}
		before, f := g.product(k)
		if f.failed() {
			return k, full, f
		}
		g.normAM = max(g.normAM, before)
		after := g.orthogonalise(k)
		g.res.Bytes += 8 * int64(g.n) * (3*int64(k+1) + perStep)
		if math.IsNaN(after) || math.IsInf(after, 0) {
			return k, full, failure{Breakdown, errors.New("the orthogonalisation left the range of float64")}
		}
		level := vanishing * math.Sqrt(float64(k+1))
		invariant := after <= level*before || before <= level*g.normAM
		if invariant {
			after = 0
		}
		regular := g.rotate(k, before, after)
		if regular {
			k++
		}
		estimate := math.Abs(g.g[k])
		if f := g.iterate(estimate); f.failed() {
			return k, full, f
		}
		switch {
		case invariant:
			return k, brokeDown, ok
		case estimate <= g.tolerance:
			return k, claimed, ok
		case k < m:
			g.divide(g.v[k], after)
		}
	}
	return k, full, ok
}

// operand sets src to the vector that the next product is of: M·v_k, if there
// is a preconditioner.
func (g *GMRES) operand(k int) failure {
	switch {
	case g.m == nil:
		g.src = g.v[k]
		return ok
	case g.d != nil:
		g.src = g.z // by divide
		return ok
	case g.flexible:
		g.src = g.vector(&g.zs, k)
	default:
		g.src = g.z
	}
	return g.precondition(g.src, g.v[k])
}

// product sets w = v[k+1] = A·src and h = Vᵀw, and returns ‖w‖.
func (g *GMRES) product(k int) (norm float64, f failure) {
	g.w = g.vector(&g.v, k+1)
	g.basis = g.v[:k+1]
	if f := g.run.product(&g.cut, g.w, g.src, (*gmresProduct)(g)); f.failed() {
		return 0, f
	}
	g.combine(g.h[:k+1])
	norm = g.norm(parallel.Combine(g.norms), g.w)
	if !math.IsNaN(norm) && !math.IsInf(norm, 0) {
		return norm, ok
	}
	if s := parallel.MaxAbs(g.team, g.src); g.m != nil && (math.IsNaN(s) || math.IsInf(s, 0)) {
		return 0, g.nonFinite("an application of the preconditioner")
	}
	return 0, g.nonFinite("a product of the operator")
}

// orthogonalise makes w orthogonal to the basis, with Vᵀw in h, and returns what
// is left of its norm.
func (g *GMRES) orthogonalise(k int) (norm float64) {
	g.coef = g.h[:k+1]
	g.team.Run(g.blocks, (*gmresFirstPass)(g))
	g.combine(g.again[:k+1])
	g.coef = g.again[:k+1]
	g.team.Run(g.blocks, (*gmresSecondPass)(g))
	g.res.Reductions++
	for j, c := range g.coef {
		g.h[j] += c
	}
	return g.norm(parallel.Combine(g.norms), g.w)
}

// combine adds up the shares of the blocks in the sums for the basis vectors.
func (g *GMRES) combine(dst []float64) {
	for j := range dst {
		dst[j] = parallel.Combine(g.part[j*g.blocks : (j+1)*g.blocks])
	}
	g.res.Reductions++
}

// divide sets v = v/a, and z = M·v if M is diagonal.
func (g *GMRES) divide(v []float64, a float64) {
	g.w, g.divisor = v, a
	g.team.Run(g.blocks, (*gmresDivide)(g))
}

// rotate appends column k, with h_{k+1,k} = after, to the QR factorisation of H̄
// and reports whether the diagonal entry of R is more than rounding errors. If
// not, the column is useless, and g is left alone.
//
//	[ c  s] [r_kk     ]   [√(r_kk² + h²)]        [g_k ]   [ c·g_k]
//	[−s  c] [h_{k+1,k}] = [0            ],  Qᵀ·  [0   ] = [−s·g_k]
func (g *GMRES) rotate(k int, before, after float64) (regular bool) {
	col := g.r[k*(k+1)/2 : (k+1)*(k+2)/2]
	copy(col, g.h[:k+1])
	for j := range k {
		c, s := g.cos[j], g.sin[j]
		col[j], col[j+1] = c*col[j]+s*col[j+1], c*col[j+1]-s*col[j]
	}
	length := math.Hypot(col[k], after)
	if after == 0 && length <= vanishing*float64(k+1)*before || length == 0 {
		return false
	}
	g.cos[k], g.sin[k] = col[k]/length, after/length
	col[k] = length
	g.g[k], g.g[k+1] = g.cos[k]*g.g[k], -g.sin[k]*g.g[k]
	return true
}

// solution sets y to the solution of the small problem for as many of the first k
// columns, and returns how many, as keep the rounding errors of A·M·V·y well
// below the residual that the cycle began with. All but the last few columns of a
// singular system do.
func (g *GMRES) solution(k int, norm float64) int {
	for tries := 0; k > 0; tries++ {
		g.small(k)
		length := 0.0
		for _, v := range g.y[:k] {
			length = math.Hypot(length, v)
		}
		if 0x1p-52*g.normAM*length <= norm/16 {
			return k
		}
		if tries < 8 {
			k--
		} else {
			k /= 2
		}
	}
	return 0
}

// small sets y = R⁻¹g for the first k columns.
func (g *GMRES) small(k int) {
	for i := k - 1; i >= 0; i-- {
		s := g.g[i]
		for j := i + 1; j < k; j++ {
			s -= g.r[j*(j+1)/2+i] * g.y[j]
		}
		g.y[i] = s / g.r[i*(i+1)/2+i]
	}
}

// land ends a cycle: it adds to x the correction made of k vectors, puts the
// true residual into v[0], and returns its norm. A correction that makes x worse
// is taken back. f is how the cycle ended and wins over what fails here.
func (g *GMRES) land(k int, norm float64, f failure) (truth float64, _ failure) {
	if k = g.solution(k, norm); k == 0 {
		parallel.ScaleTo(g.team, g.v[0], norm, g.v[0])
		return norm, f
	}
	if fault := g.correct(k); fault.failed() {
		return norm, first(f, fault)
	}
	switch f.status {
	case Canceled, OperatorFailed, PreconditionerFailed:
		g.res.TrueResidual = -1
		return norm, f // there is no product to be had
	}
	truth, fault := g.residual(g.v[0])
	if !fault.failed() && truth <= norm*(1+1e-6) {
		g.res.TrueResidual = truth / g.scale
		return truth, f
	}
	copy(g.x, g.v[k])
	switch {
	case f.failed():
		return norm, f
	case fault.failed():
		return norm, fault
	case math.IsNaN(truth) || math.IsInf(truth, 0):
		return norm, g.nonFinite("the product of the operator and the solution")
	}
	return g.residual(g.v[0])
}

// first returns f if it is a failure, else g.
func first(f, g failure) failure {
	if f.failed() {
		return f
	}
	return g
}

// correct sets x += M·V·y, or Z·y, with k vectors and leaves the old x
// in v[k]. If it fails, x is the old one.
func (g *GMRES) correct(k int) failure {
	g.coef = g.y[:k]
	g.basis, g.w = g.v[:k], g.v[k]
	if g.flexible {
		g.basis = g.zs[:k]
	}
	g.team.Run(g.blocks, (*gmresCorrect)(g))
	g.res.Bytes += 8 * int64(g.n) * int64(k+4)
	if g.m != nil && g.d == nil && !g.flexible {
		if f := g.precondition(g.z, g.w); f.failed() {
			return f
		}
		parallel.ScaleTo(g.team, g.w, 1, g.x)
		parallel.Axpy(g.team, g.x, 1, g.z)
		g.res.Bytes += 8 * int64(g.n) * 7
	}
	if m := parallel.MaxAbs(g.team, g.x); math.IsNaN(m) || math.IsInf(m, 0) {
		copy(g.x, g.w)
		return failure{Breakdown, errors.New("the correction of x left the range of float64")}
	}
	return ok
}

// inconsistent reports whether the residual in v[0] proves that there is no
// solution.
func (g *GMRES) inconsistent() bool {
	return g.run.inconsistent(g.v[0], g.vector(&g.v, 1), g.normA())
}

// normA returns an estimate of ‖A‖ from below, zero if there is none.
func (g *GMRES) normA() float64 {
	if g.m != nil {
		return 0
	}
	return g.normAM
}

// singular names what an invariant space means on which the residual, in v[0],
// could not be made small.
func (g *GMRES) singular() failure {
	return g.whySingular(g.v[0], g.vector(&g.v, 1), g.normA(), errInvariant)
}

var errInvariant = errors.New("the Krylov space cannot be extended and does not hold the solution: the operator or the preconditioner is singular")

var _ Method = (*GMRES)(nil)
