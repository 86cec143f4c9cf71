package krylov

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// IDRS is IDR(s), induced dimension reduction, for any square A in short
// recurrences. The residual is forced into spaces G_0 ⊃ G_1 ⊃ … of shrinking
// dimension,
//
//	G_{j+1} = (I − ω·A·M)·(G_j ∩ P^⊥)     P: s fixed vectors
//
// which takes s + 1 products for each j, and at most n + n/s products in all in
// exact arithmetic (Sonneveld & van Gijzen, SIAM J. Sci. Comput. 31, 2008,
// doi:10.1137/070685804). This is the form with bi-orthogonal directions (van
// Gijzen & Sonneveld, ACM Trans. Math. Softw. 38, 2011,
// doi:10.1145/2049662.2049667). With U and G = A·U holding s directions, N = PᵀG
// lower triangular and f = Pᵀr, step k = 1 … s is
//
//	N_{k:s,k:s}·c = f_{k:s}
//	u_k ← Σ_{j≥k} c_j·u_j + ω·M·(r − Σ_{j≥k} c_j·g_j),   g_k ← A·u_k
//	g_k, u_k −= Σ_{j<k} α_j·g_j, α_j·u_j                 so that g_k ⊥ p_1 … p_{k-1}
//	β = f_k/N_kk,  r −= β·g_k,  x += β·u_k               so that r ⊥ p_1 … p_k
//
// and the last one of a round t = A·M·r, r −= ω·t, x += ω·M·r with the ω that
// makes r least, kept away from zero where t is nearly orthogonal to r (Sleijpen
// & van der Vorst, Numer. Algorithms 10, 1995, doi:10.1007/BF02140769).
//
// The preconditioner stands on the right; it need be neither symmetric nor
// definite, but it must not vary.
//
// # What it reports
//
// The residual goes up and down, and what the recurrence holds can come apart
// from b − A·x. [Converged] is claimed on the recomputed residual only; when that
// denies it, the method starts again from there. It does so too when a coefficient
// breaks down, when the residual has grown to 10⁸ times its best, and when there
// has been no new best for n/s + 1000 products. Two starts in a row that do not
// halve the residual end the solve: by [Breakdown] or [Stagnated] after what
// caused the last, or by [Inconsistent] if ‖Aᵀr‖ ≤ 10⁻¹⁰·‖A‖·‖r‖ proves it, which
// takes an operator with a transpose.
//
// x is the better of the last iterate and the best at the end of a round of s + 1
// products, of which a copy is kept (three n-vectors of traffic for each new best).
// It is never worse than the start: the residual of what a failed solve returns is
// recomputed, and if it exceeds the first one, or if x is so large that rounding
// errors of A·x reach it, x is the start again.
//
// An iteration is one product; those that verify do not count.
//
// # Why this one
//
// BiCGStab(ℓ) (Sleijpen & Fokkema, ETNA 1, 1993) was tried beside it. Products to
// ‖r‖ ≤ 10⁻⁸·‖b‖, b = A·x for a random x, at most min(10n + 1000, 20000), without
// and with Jacobi; a dash means that it was not reached:
//
//	              IDR(4)         IDR(8)        BiCGStab(2)   BiCGStab(4)   GMRES{}
//	orsirr_1      1323    426     692    333   1548    420   1312    352    716    264
//	sherman5      2127    162    1765    147   2876    188   2712    184   1928    271
//	west0479         –      –       –      –      –      –      –      –   1355   1355
//	fs_183_6       139     18      80     18    328     24    408     24     26     15
//	cage10          25     18      25     18     28     20     32     24     22     17
//	epb0          1420    784    1182    698   2596   1420   2536   1336   3531   1442
//	olm1000       2552      –    1444   4367      –   3436      –   2472   2544   2566
//	szd_12675        –  14576       –   7717      –      –      –      –      –   5082
//
// On the hard ones the count of any short recurrence changes by a third with the
// rounding errors, or with the seed. GMRES needs fewer products, but its steps
// cost more the longer the basis: on sherman5 without Jacobi IDR(4) took about a
// tenth of the time of GMRES{}.
//
// # Cost
//
// Memory: 3s + 4 n-vectors beyond x and b (P, U, G, r, t, u, the best x), one more
// with a Guess. P is drawn at the first solve of a size and kept. Traffic: see the
// loop.
type IDRS struct {
	// S is the number of shadow vectors. Zero means 4.
	S int
	// Seed seeds the shadow vectors.
	Seed uint64

	run
	cut
	label label
	d     []float64 // diagonal of a diagonal preconditioner

	p, u, g            [][]float64
	r, t               []float64 // residual; A·M·r and scratch
	z                  []float64 // the next u; M·r
	best, begun        []float64 // the x of the best residual; the guess
	drawn              shadow    // what p holds
	n, s, blocks       int
	part               []float64 // shares of Pᵀ·(a vector), as in GMRES
	part0, part1       []float64 // shares of other sums
	part2              []float64
	nn                 []float64 // N, row by row
	f, c, phi          []float64 // c holds α for j < k
	src, dst           []float64 // dst = A·src
	k                  int       // the step of the sweeps
	beta, omega        float64
	normR              float64 // of the recurrence
	normBest, normInit float64
	normA, normAM      float64 // the largest ‖A·u‖/‖u‖ and ‖A·M·r‖/‖r‖ seen
	idle               int     // products since the last new best
}

// shadow says how the shadow vectors were drawn.
type shadow struct {
	n, s int
	seed uint64
}

const defaultShadows = 4

// roundEnd says why the rounds ended.
type roundEnd int

const (
	goOn     roundEnd = iota
	solved            // the recurrence says so
	divided           // a coefficient broke down
	diverged          // the residual grew, or did not fall for long
)

// String implements [Method].
func (m *IDRS) String() string {
	s := m.S
	if s == 0 {
		s = defaultShadows
	}
	return m.label.get("idrs(%d)", s, false)
}

// Solve implements [Method].
func (m *IDRS) Solve(ctx context.Context, a hvp.Operator, x, b []float64, s *Settings) (Result, error) {
	f := m.start(ctx, m.String(), a, x, b, s, false)
	if f.failed() {
		return m.finish(f, nil)
	}
	if f = m.prepare(); f.failed() {
		return m.finish(f, nil)
	}
	f = m.solve()
	m.src, m.dst, m.d, m.rows = nil, nil, nil, nil
	return m.finish(f, nil)
}

// prepare sizes the workspace and finds the fast paths.
func (m *IDRS) prepare() failure {
	if m.S < 0 {
		return failure{InvalidInput, fmt.Errorf("the field S = %d must not be negative", m.S)}
	}
	n, s := len(m.x), m.S
	if s == 0 {
		s = defaultShadows
	}
	s = min(s, n)
	m.n, m.s, m.blocks = n, s, parallel.Blocks(n)
	for _, list := range []*[][]float64{&m.p, &m.u, &m.g} {
		for len(*list) < s {
			*list = append(*list, nil)
		}
		*list = (*list)[:s]
		for j := range *list {
			(*list)[j] = parallel.Grow((*list)[j], n)
		}
	}
	for _, v := range []*[]float64{&m.r, &m.t, &m.z, &m.best} {
		*v = parallel.Grow(*v, n)
	}
	for _, v := range []*[]float64{&m.f, &m.c, &m.phi} {
		*v = parallel.Grow(*v, s)
	}
	for _, v := range []*[]float64{&m.part0, &m.part1, &m.part2} {
		*v = parallel.Grow(*v, m.blocks)
	}
	m.part, m.nn = parallel.Grow(m.part, s*m.blocks), parallel.Grow(m.nn, s*s)
	m.normA, m.normAM = 0, 0
	m.cutRows(m.a, n)
	m.draw(m.Seed)
	m.d = nil
	if dm, is := m.m.(hvp.DiagonalMatrix); is {
		m.d = dm.DiagonalValues()
		return finiteDiagonal(m.d)
	}
	return ok
}

// draw fills P with orthonormal random vectors.
func (m *IDRS) draw(seed uint64) {
	want := shadow{m.n, m.s, seed}
	if m.drawn == want {
		return
	}
	m.drawn = want
	rng := rand.New(rand.NewPCG(seed, 0))
	for j, p := range m.p {
		for i := range p {
			p[i] = rng.NormFloat64()
		}
		for range 2 {
			for _, q := range m.p[:j] {
				parallel.Axpy(m.team, p, -parallel.Dot(m.team, p, q), q)
			}
		}
		parallel.ScaleTo(m.team, p, 1/parallel.Norm(m.team, p), p)
	}
}

// solve prepares the start and the best x, from which something is left whatever
// happens.
func (m *IDRS) solve() failure {
	norm, f := m.initialResidual(m.r)
	if f.failed() {
		return f
	}
	if m.set.History {
		m.history = append(m.history, norm/m.scale)
	}
	m.normR, m.normBest, m.normInit = norm, norm, norm
	m.res.FirstResidual = norm / m.scale
	m.idle = 0
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return m.nonFinite("the first residual")
	}
	m.keep(norm)
	if m.set.Guess {
		m.begun = parallel.Grow(m.begun, m.n)
		copy(m.begun, m.x)
	}
	return m.land(m.starts(norm))
}

// starts runs rounds, each time from a true residual, the first of the given
// norm.
func (m *IDRS) starts(norm float64) failure {
	draws := uint64(0)
	for unproductive := 0; ; {
		m.res.TrueResidual = norm / m.scale
		if norm <= m.tolerance {
			return failure{Converged, nil}
		}
		end, f := m.rounds()
		if f.failed() {
			return f
		}
		if end != solved {
			copy(m.x, m.best)
		}
		truth, f := m.truth()
		if f.failed() {
			return f
		}
		if end == solved && truth > m.tolerance {
			m.res.Restarts++
		}
		if truth <= norm/2 {
			unproductive = 0
		} else if unproductive++; unproductive == 2 && truth > m.tolerance {
			return m.why(end)
		} else {
			draws++
			m.draw(m.Seed + draws)
		}
		norm = truth
	}
}

// truth sets r to the true residual, after going back to the start if x is worse
// than that, and returns its norm.
func (m *IDRS) truth() (norm float64, f failure) {
	norm, f = m.residual(m.r)
	if f.failed() {
		return 0, f
	}
	if !(norm <= m.normInit*(1+1e-6)) || norm > m.tolerance && !m.sound() {
		m.backToStart()
		norm, f = m.residual(m.r)
		if f.failed() {
			return 0, f
		}
		if math.IsNaN(norm) || math.IsInf(norm, 0) {
			return 0, m.nonFinite("the product of the operator and the solution")
		}
	}
	m.normR = norm
	m.keep(norm)
	return norm, ok
}

// sound reports whether the rounding errors of A·x alone are well below the first
// residual. On a singular system x may grow without bound along the null space.
func (m *IDRS) sound() bool {
	return 0x1p-52*m.normA*parallel.Norm(m.team, m.x) <= m.normInit/16
}

// keep makes x the best iterate.
func (m *IDRS) keep(norm float64) {
	copy(m.best, m.x)
	m.normBest, m.idle = norm, 0
}

// backToStart puts the initial guess into x.
func (m *IDRS) backToStart() {
	if m.set.Guess {
		copy(m.x, m.begun)
	} else {
		clear(m.x)
	}
}

// why names the failure of a solve that can go on no longer for the given
// reason. r is the true residual.
func (m *IDRS) why(end roundEnd) failure {
	m.res.TrueResidual = m.normR / m.scale
	switch {
	case end == divided:
		return m.whySingular(m.r, m.t, m.normA, errShadow)
	case m.inconsistent(m.r, m.t, m.normA):
		return failure{Inconsistent, errNotInRange}
	}
	return failure{Stagnated, nil}
}

var errShadow = errors.New("no direction that the shadow vectors can tell from zero: the operator or the preconditioner is singular, or nearly")

// land leaves the best x that there is after a failure.
func (m *IDRS) land(f failure) failure {
	if f.status == Converged {
		return f
	}
	if !(m.normR <= m.normBest) || !m.sound() {
		copy(m.x, m.best)
		m.normR = m.normBest
		m.res.TrueResidual = -1
	}
	m.res.Residual = m.normR / m.scale
	switch f.status {
	case OperatorFailed, PreconditionerFailed, Canceled:
		return f // there is no product to be had
	}
	if m.res.TrueResidual < 0 || m.res.TrueResidual != m.res.Residual {
		norm, g := m.residual(m.t)
		if !g.failed() && norm <= m.normInit*(1+1e-6) {
			m.res.TrueResidual = norm / m.scale
			return f
		}
		m.backToStart()
		m.res.TrueResidual = m.normInit / m.scale
	}
	return f
}

// rounds runs IDR(s) from the residual in r until the recurrence claims
// convergence or cannot go on.
//
// Traffic in n-vectors, one of 8n bytes each, none kept in cache from one sweep
// to the next:
//
//	                                      no M      diagonal M   general M
//	u = Σ c·u + ω·M·(r − Σ c·g)           2(s−k)+4  +1 d         +2, M: 2
//	g = A·u, Pᵀg                          s+2
//	g, u −= Σ α·g, Σ α·u; r −= βg; x += βu, rᵀr   2(k−1)+8
//	step k = 1 … s                        3s+12     3s+13        3s+16
//	t = A·M·r, tᵀr, tᵀt                   2         5            4
//	r −= ω·t, x += ω·M·r, rᵀr, Pᵀr        s+5       s+6          s+6
//	round of s + 1 products               3s²+13s+7 3s²+14s+11   3s²+17s+10
//
// which for s = 4 is 21 n-vectors per product.
func (m *IDRS) rounds() (end roundEnd, f failure) {
	for j := range m.s {
		clear(m.u[j])
		clear(m.g[j])
	}
	clear(m.nn)
	for j := range m.s {
		m.nn[j*m.s+j] = 1
	}
	for {
		// The first round begins here, too: this is where ω gets its scale.
		if end, f := m.reduce(); f.failed() || end != goOn {
			return end, f
		}
		if m.normR < m.normBest && m.sound() {
			m.keep(m.normR)
			m.res.Bytes += 24 * int64(m.n)
		}
		for k := range m.s {
			if end, f := m.step(k); f.failed() || end != goOn {
				return end, f
			}
		}
	}
}

// step makes direction k and takes it out of the residual.
func (m *IDRS) step(k int) (roundEnd, failure) {
	if f := m.limits(); f.failed() {
		return 0, f
	}
	s := m.s
	for i := k; i < s; i++ {
		c := m.f[i]
		for j := k; j < i; j++ {
			c -= m.nn[i*s+j] * m.c[j]
		}
		m.c[i] = c / m.nn[i*s+i]
	}
	m.k = k
	if m.m == nil || m.d != nil {
		m.team.Run(m.blocks, (*idrsDirection)(m))
	} else {
		m.team.Run(m.blocks, (*idrsRemainder)(m))
		if f := m.precondition(m.z, m.t); f.failed() {
			return 0, f
		}
		m.team.Run(m.blocks, (*idrsCombine)(m))
	}
	m.u[k], m.z = m.z, m.u[k]

	m.src, m.dst = m.u[k], m.g[k]
	if f := m.product((*idrsProduct)(m)); f.failed() {
		return 0, f
	}
	for j := range m.phi {
		m.phi[j] = parallel.Combine(m.part[j*m.blocks : (j+1)*m.blocks])
	}
	size := m.norm(parallel.Combine(m.part0), m.dst)
	if math.IsNaN(size) || math.IsInf(size, 0) {
		return 0, m.blame()
	}
	if length := m.norm(parallel.Combine(m.part1), m.src); length > 0 {
		m.normA = max(m.normA, size/length)
	}
	// Forward substitution: N_{1:k-1,1:k-1}·α = φ_{1:k-1}, then φ −= N·α.
	for i := range s {
		v := m.phi[i]
		for j := range min(i, k) {
			v -= m.nn[i*s+j] * m.c[j]
		}
		if i < k {
			m.c[i] = v / m.nn[i*s+i]
		} else {
			m.nn[i*s+k] = v
		}
	}
	pivot := m.nn[k*s+k]
	if !(math.Abs(pivot) > 0x1p-60*size) {
		return divided, ok
	}
	m.beta = m.f[k] / pivot
	m.team.Run(m.blocks, (*idrsUpdate)(m))
	for i := k + 1; i < s; i++ {
		m.f[i] -= m.beta * m.nn[i*s+k]
	}
	traffic := 3*s + 12
	if m.d != nil {
		traffic++
	} else if m.m != nil {
		traffic += 4
	}
	return m.advance(traffic)
}

// reduce ends a round, or begins the first one: it takes a multiple of t = A·M·r
// out of the residual, and sets f = Pᵀr.
func (m *IDRS) reduce() (roundEnd, failure) {
	if f := m.limits(); f.failed() {
		return 0, f
	}
	m.src, m.dst = m.r, m.t
	traffic := m.s + 7
	switch {
	case m.d != nil:
		m.src = m.z
		parallel.MulTo(m.team, m.z, m.d, m.r)
		traffic += 4
	case m.m != nil:
		m.src = m.z
		if f := m.precondition(m.z, m.r); f.failed() {
			return 0, f
		}
		traffic += 3
	}
	if f := m.product((*idrsReduction)(m)); f.failed() {
		return 0, f
	}
	normR, normT := m.normR, m.norm(parallel.Combine(m.part1), m.t)
	rt := parallel.Combine(m.part0)
	if math.IsNaN(normT) || math.IsInf(normT, 0) || math.IsNaN(rt) {
		return 0, m.blame()
	}
	m.normAM = max(m.normAM, normT/normR)
	if m.m == nil {
		m.normA = max(m.normA, m.normAM)
	}
	if normT <= vanishing*m.normAM*normR {
		return divided, ok
	}
	// ω = rᵀt/tᵀt makes r least. |cos(r,t)| < 0.7 would make it too small to
	// keep the accuracy of the recurrence.
	cosine := rt / normR / normT
	if math.Abs(cosine) < 0.7 {
		cosine = math.Copysign(0.7, cosine)
	}
	m.omega = cosine * (normR / normT)
	m.team.Run(m.blocks, (*idrsReduced)(m))
	for j := range m.f {
		m.f[j] = parallel.Combine(m.part[j*m.blocks : (j+1)*m.blocks])
	}
	return m.advance(traffic)
}

// product sets dst = A·src and takes the sums of the sweep.
func (m *IDRS) product(sweep parallel.Task) failure {
	m.res.Reductions++
	return m.run.product(&m.cut, m.dst, m.src, sweep)
}

// blame says where NaN or Inf in a product came from.
func (m *IDRS) blame() failure {
	if v := parallel.MaxAbs(m.team, m.src); math.IsNaN(v) || math.IsInf(v, 0) {
		if m.m != nil {
			return m.nonFinite("an application of the preconditioner")
		}
		return failure{Breakdown, errors.New("a direction left the range of float64")}
	}
	return m.nonFinite("a product of the operator")
}

// advance counts a product whose residual is in r, with the shares of rᵀr in
// part2, and says whether to go on.
func (m *IDRS) advance(traffic int) (roundEnd, failure) {
	m.res.Bytes += 8 * int64(traffic) * int64(m.n)
	m.res.Reductions++
	m.res.TrueResidual = -1
	m.normR = m.norm(parallel.Combine(m.part2), m.r)
	if math.IsNaN(m.normR) || math.IsInf(m.normR, 0) {
		m.normR = math.Inf(1)
		return diverged, ok
	}
	if f := m.iterate(m.normR); f.failed() {
		return 0, f
	}
	m.idle++
	switch {
	case m.normR <= m.tolerance:
		return solved, ok
	case m.normR > 1e8*m.normBest || m.idle > m.n/m.s+1000:
		return diverged, ok
	}
	return goOn, ok
}

var _ Method = (*IDRS)(nil)
