package krylov

import (
	"context"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// GCRODR is restarted GMRES that keeps a deflation space over its restarts, and
// from one solve to the next: for sequences of systems with any square operators
// that change slowly. With the space U and C = A·U, CᵀC = I,
//
//	x ← x + U·Cᵀr,  r ← r − C·Cᵀr                  the part in the space
//	(I − C·Cᵀ)·A·M·V_s = V_{s+1}·H̄,  B = CᵀA·M·V_s    Arnoldi for the rest, v₁ = r/‖r‖
//	y = argmin ‖ ‖r‖·e₁ − H̄·y ‖,  x ← x + M·V_s·y − U·B·y
//
// (GCRO-DR: Parks, de Sturler, Mackey, Johnson & Maiti, SIAM J. Sci. Comput. 28,
// 2006, doi:10.1137/040607277). After a cycle the space is the part of
// span(U, M·V_s) that A·M shortens most: with A·[U D, M·V_s] = [C, V_{s+1}]·G, the
// right singular vectors of G of the Dim least singular values (as in Al Daas,
// Grigori, Hénon & Ricoux, ACM Trans. Math. Softw. 47, 2021, doi:10.1145/3439746,
// who compare them with harmonic Ritz vectors). M·V_s is kept, so that the
// preconditioner may vary from step to step.
//
// A solve with another operator begins with C = A·U, at Dim products; where the
// operator is the one of the solve before, Fixed saves them. If a solve with the
// space takes more products for a digit than one without, the next 1, 2, 4, …
// solves go without. The result of a solve depends on those before it within the
// tolerance only; after [GCRODR.Reset] it has the bits of a first one.
//
// # What it reports
//
// [Converged] only on the recomputed residual, which each cycle begins with.
// [Stagnated]: two cycles in a row took less than 0.1 % off it. A product that adds
// nothing to the space ends the cycle; if the residual is not halved then, A or M
// is singular: [Inconsistent] or [Breakdown], as for [GMRES]. An iteration is one
// Arnoldi step.
//
// # Cost
//
// Memory: 2·Dim + Steps + 2 n-vectors beyond x and b, Steps more with a
// preconditioner. Traffic of step j: 4·(Dim + j) + 8 n-vectors beyond that of the
// product, as classical Gram–Schmidt runs twice over C and V.
type GCRODR struct {
	// Dim is the dimension of the space; zero means 10.
	Dim int
	// Steps is the number of Arnoldi steps of a cycle; zero means 20.
	Steps int
	// Fixed says that the operator is that of the solve before, so that C = A·U
	// holds already. It is tried, and the space dropped if it does not hold.
	Fixed bool

	run
	k, n, steps int // dimension now, order, steps of this cycle
	u, c        [][]float64
	v, z        [][]float64
	w, r        []float64
	basis       [][]float64 // c[:k] and v[:j]
	part        []float64
	coef, again []float64
	h           []float64 // column j: B and H̄ of step j, height dim+steps+1
	tri, g      []float64 // R of H̄ by columns, and Qᵀ‖r‖e₁
	cos, sin    []float64
	y, gram     []float64
	values      []float64
	work        []float64
	small       []float64
	rotation    rotation
	panel       panelSweep
	plain       float64 // products per digit without a space
	pause, wait int
	trans       bool // of the solve before
	name        struct {
		text       string
		dim, steps int
	}
}

func (g *GCRODR) dim() int {
	if g.Dim == 0 {
		return 10
	}
	return g.Dim
}

func (g *GCRODR) length() int {
	if g.Steps == 0 {
		return 20
	}
	return g.Steps
}

// String implements [Method].
func (g *GCRODR) String() string {
	if d, s := g.dim(), g.length(); g.name.text == "" || g.name.dim != d || g.name.steps != s {
		g.name.text, g.name.dim, g.name.steps = fmt.Sprintf("gcrodr(%d,%d)", s, d), d, s
	}
	return g.name.text
}

// Len returns the dimension of the space that the next solve begins with.
func (g *GCRODR) Len() int { return g.k }

// Reset forgets the space.
func (g *GCRODR) Reset() { g.k, g.plain, g.pause, g.wait = 0, 0, 0, 0 }

// Solve implements [Method].
func (g *GCRODR) Solve(ctx context.Context, a hvp.Operator, x, b []float64, s *Settings) (Result, error) {
	f := g.start(ctx, g.String(), a, x, b, s, false)
	if f.failed() {
		return g.finish(f, nil)
	}
	if g.Dim < 0 || g.Steps < 0 {
		return g.finish(failure{InvalidInput, fmt.Errorf("the fields Dim = %d and Steps = %d must not be negative", g.Dim, g.Steps)}, nil)
	}
	g.prepare()
	had := g.k > 0
	f = g.solve()
	if !f.status.Success() {
		g.k = 0 // it may be what has failed
	}
	g.judge(had)
	return g.finish(f, g.w)
}

// prepare sizes the workspace.
func (g *GCRODR) prepare() {
	n := len(g.x)
	d, s := g.dim(), min(g.length(), n)
	if n != g.n || d < g.k || g.trans != g.set.Trans {
		g.Reset()
	}
	if g.wait > 0 {
		g.wait--
		g.k = 0
	}
	g.n, g.trans = n, g.set.Trans
	grow := func(v [][]float64, count int) [][]float64 {
		for len(v) < count {
			v = append(v, nil)
		}
		for i := range count {
			v[i] = parallel.Grow(v[i], n)
		}
		return v
	}
	g.u, g.c, g.v = grow(g.u, d), grow(g.c, d), grow(g.v, s+1)
	if g.m != nil {
		g.z = grow(g.z, s)
	}
	g.w, g.r = parallel.Grow(g.w, n), parallel.Grow(g.r, n)
	rows := d + s + 1
	g.part = parallel.Grow(g.part, rows*parallel.Blocks(n))
	g.coef, g.again = parallel.Grow(g.coef, rows), parallel.Grow(g.again, rows)
	g.h, g.tri, g.g = parallel.Grow(g.h, rows*s), parallel.Grow(g.tri, rows*s), parallel.Grow(g.g, s+1)
	g.cos, g.sin, g.y = parallel.Grow(g.cos, s), parallel.Grow(g.sin, s), parallel.Grow(g.y, rows)
	g.gram, g.values, g.work = parallel.Grow(g.gram, rows*rows), parallel.Grow(g.values, rows), parallel.Grow(g.work, 3*rows)
	g.small = parallel.Grow(g.small, 3*rows*rows)
	g.steps = s
	if cap(g.basis) < rows {
		g.basis = make([][]float64, 0, rows)
	}
}

// judge switches the space off where it has not paid.
func (g *GCRODR) judge(had bool) {
	res := &g.res
	if !(res.FirstResidual > res.Tolerance) || res.Iterations < 4 {
		return
	}
	rate := float64(res.Products) / math.Log(res.FirstResidual/res.Tolerance)
	switch {
	case !had:
		g.plain = rate
	case g.plain > 0 && rate > g.plain:
		g.pause = max(1, 2*g.pause)
		g.wait = g.pause
	default:
		g.pause = 0
	}
}

func (g *GCRODR) solve() failure {
	norm, f := g.open(g.r)
	if f.failed() {
		return f
	}
	if g.k > 0 {
		if norm, f = g.reuse(norm); f.failed() {
			return f
		}
	}
	slow := 0
	for {
		if norm <= g.tolerance {
			// From r, which the recurrences have, to the true residual.
			truth, f := g.residual(g.r)
			if f.failed() {
				return f
			}
			g.res.TrueResidual = truth / g.scale
			if truth <= g.tolerance {
				return failure{Converged, nil}
			}
			norm = truth
		}
		g.res.TrueResidual = -1
		g.project()
		before := norm
		happy, f := g.cycle()
		if f.failed() {
			return f
		}
		truth, f := g.residual(g.r)
		if f.failed() {
			return f
		}
		if math.IsNaN(truth) || math.IsInf(truth, 0) {
			return g.nonFinite("the product of the operator and the solution")
		}
		g.res.TrueResidual = truth / g.scale
		switch {
		case truth <= g.tolerance:
			return failure{Converged, nil}
		case happy && truth > before/2:
			copy(g.v[0], g.r)
			return g.whySingular(g.v[0], g.w, 0, errNothingNew)
		case truth > 0.999*before:
			if slow++; slow == 2 {
				return failure{Stagnated, nil}
			}
		default:
			slow = 0
		}
		g.res.Restarts++
		norm = truth
	}
}

var errNothingNew = fmt.Errorf("the operator maps the last direction into the space that is there already: it, or the preconditioner, is singular")

// reuse makes C = A·U orthonormal for this operator and takes the part of the
// solution that is in the space, if that helps. norm is that of the residual r.
func (g *GCRODR) reuse(norm float64) (float64, failure) {
	if !g.Fixed {
		kept := 0
		for j := range g.k {
			if f := g.apply(g.w, g.u[j]); f.failed() {
				return norm, f
			}
			size := parallel.Norm(g.team, g.w)
			if math.IsNaN(size) || math.IsInf(size, 0) {
				return norm, g.nonFinite("a product of the operator")
			}
			g.u[kept], g.u[j] = g.u[j], g.u[kept]
			u := g.u[kept]
			for range 2 {
				for i := range kept {
					h := parallel.Dot(g.team, g.c[i], g.w)
					parallel.Axpy(g.team, g.w, -h, g.c[i])
					parallel.Axpy(g.team, u, -h, g.u[i])
				}
			}
			left := parallel.Norm(g.team, g.w)
			if !(left > 1e-8*size) {
				continue
			}
			parallel.ScaleTo(g.team, g.c[kept], 1/left, g.w)
			parallel.ScaleTo(g.team, u, 1/left, u)
			kept++
		}
		g.k = kept
		return norm, ok // the first cycle projects
	}
	copy(g.v[0], g.x)
	g.project()
	truth, f := g.residual(g.r)
	if f.failed() {
		return norm, f
	}
	if truth <= norm { // NaN is not
		return truth, ok
	}
	g.k = 0
	copy(g.x, g.v[0])
	return g.residual(g.r)
}

// project moves the part of the residual in C into x.
func (g *GCRODR) project() {
	if g.k == 0 {
		return
	}
	g.basis = append(g.basis[:0], g.c[:g.k]...)
	g.dots(g.coef[:g.k], g.r)
	g.sub(g.r, g.basis, g.coef[:g.k])
	g.add(g.x, g.u[:g.k], g.coef[:g.k])
}

// cycle runs the Arnoldi process from r, which is orthogonal to C, corrects x and
// renews the space. happy says that a product added nothing.
func (g *GCRODR) cycle() (happy bool, f failure) {
	beta := parallel.Norm(g.team, g.r)
	if !(beta > 0) {
		return false, ok
	}
	rows := g.k + g.steps + 1
	parallel.ScaleTo(g.team, g.v[0], 1/beta, g.r)
	clear(g.g)
	g.g[0] = beta
	j := 0
	for j < g.steps && !happy {
		if f := g.limits(); f.failed() {
			g.correct(j)
			return false, f
		}
		src := g.v[j]
		if g.m != nil {
			if f := g.precondition(g.z[j], src); f.failed() {
				g.correct(j)
				return false, f
			}
			src = g.z[j]
		}
		if f := g.apply(g.w, src); f.failed() {
			g.correct(j)
			return false, f
		}
		size := parallel.Norm(g.team, g.w)
		if math.IsNaN(size) || math.IsInf(size, 0) {
			g.correct(j)
			return false, g.nonFinite("a product of the operator, or of the preconditioner")
		}
		g.basis = append(append(g.basis[:0], g.c[:g.k]...), g.v[:j+1]...)
		col := g.h[j*rows : j*rows+rows]
		clear(col)
		coef, again := g.coef[:g.k+j+1], g.again[:g.k+j+1]
		g.dots(coef, g.w)
		g.sub(g.w, g.basis, coef)
		g.dots(again, g.w)
		g.sub(g.w, g.basis, again)
		for i := range coef {
			col[i] = coef[i] + again[i]
		}
		left := parallel.Norm(g.team, g.w)
		g.res.Reductions += 4
		g.res.Bytes += int64(8*g.n) * int64(4*len(g.basis)+8)
		if left <= vanishing*size {
			left, happy = 0, true
		} else {
			parallel.ScaleTo(g.team, g.v[j+1], 1/left, g.w)
		}
		col[g.k+j+1] = left
		norm := g.rotate(col[g.k:], j, left)
		j++
		if f := g.iterate(norm); f.failed() {
			g.correct(j)
			return false, f
		}
		if norm <= g.tolerance {
			break
		}
	}
	g.correct(j)
	g.renew(j, rows)
	return happy, ok
}

// rotate appends column j of H̄ to the triangle and returns the residual norm.
func (g *GCRODR) rotate(h []float64, j int, last float64) float64 {
	col := g.tri[j*g.steps : j*g.steps+j+1]
	copy(col, h)
	for i := range j {
		a, b := col[i], col[i+1]
		col[i], col[i+1] = g.cos[i]*a+g.sin[i]*b, g.cos[i]*b-g.sin[i]*a
	}
	size := math.Hypot(col[j], last)
	g.cos[j], g.sin[j] = 1, 0
	if size > 0 {
		g.cos[j], g.sin[j] = col[j]/size, last/size
	}
	col[j] = size
	g.g[j], g.g[j+1] = g.cos[j]*g.g[j], -g.sin[j]*g.g[j]
	return math.Abs(g.g[j+1])
}

// correct adds the correction of the first j steps to x.
func (g *GCRODR) correct(j int) {
	largest := 0.0
	for i := range j {
		largest = max(largest, g.tri[i*g.steps+i])
	}
	for j > 0 && !(g.tri[(j-1)*g.steps+j-1] > vanishing*largest) {
		j-- // a column that divides by rounding errors
	}
	if j == 0 {
		return
	}
	y := g.y[:j]
	for i := j - 1; i >= 0; i-- {
		s := g.g[i]
		for l := i + 1; l < j; l++ {
			s -= g.tri[l*g.steps+i] * y[l]
		}
		y[i] = s / g.tri[i*g.steps+i]
	}
	rows := g.k + g.steps + 1
	by := g.coef[:g.k]
	for i := range by {
		by[i] = 0
		for l := range y {
			by[i] += g.h[l*rows+i] * y[l]
		}
	}
	basis := g.v
	if g.m != nil {
		basis = g.z
	}
	g.add(g.x, basis[:j], y)
	g.sub(g.x, g.u[:g.k], by)
}

// renew puts the best of span(U, M·V) into U and its image into C, after j steps.
func (g *GCRODR) renew(j, rows int) {
	k, d := g.k, g.dim()
	cols := k + j
	keep := min(d, cols)
	if j == 0 || keep == 0 {
		return
	}
	// A·[U·D, M·V] = [C, V₊]·G, G of (k+j+1)×cols by rows; D makes columns of unit length.
	high := k + j + 1
	gm := g.small[:high*cols]
	clear(gm)
	scale := g.values
	for i := range k {
		scale[i] = 1 / parallel.Norm(g.team, g.u[i])
		gm[i*cols+i] = scale[i]
	}
	for l := range j {
		for i := range k + l + 2 {
			gm[i*cols+k+l] = g.h[l*rows+i]
		}
	}
	for l := range j {
		if g.m == nil {
			break
		}
		// Columns of M·V, too, compare by what they are mapped to per length.
		s := 1 / parallel.Norm(g.team, g.z[l])
		for i := range high {
			gm[i*cols+k+l] *= s
		}
		g.again[l] = s
	}
	gram := g.gram[:cols*cols]
	for a := range cols {
		for b := range a + 1 {
			s := 0.0
			for i := range high {
				s += gm[i*cols+a] * gm[i*cols+b]
			}
			gram[a*cols+b], gram[b*cols+a] = s, s
		}
	}
	for i := range k {
		g.y[i] = scale[i]
	}
	for l := range j {
		g.y[k+l] = 1
		if g.m != nil {
			g.y[k+l] = g.again[l]
		}
	}
	for _, v := range gram {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			g.k = 0
			return
		}
	}
	if !symmetricEigen(gram, cols, g.values[:cols], g.work) {
		g.k = 0
		return
	}
	// Q·R = G·Z, by modified Gram–Schmidt twice; Z ← Z·R⁻¹ alongside.
	q := g.small[high*cols:][:high*keep]
	z := g.small[high*(cols+keep):][:cols*keep]
	kept := 0
	for l := range keep {
		for i := range cols {
			z[i*keep+kept] = gram[i*cols+l]
		}
		size, left := 0.0, 0.0
		for i := range high {
			s := 0.0
			for a := range cols {
				s += gm[i*cols+a] * z[a*keep+kept]
			}
			q[i*keep+kept] = s
			size = math.Hypot(size, s)
		}
		for range 2 {
			for p := range kept {
				s := 0.0
				for i := range high {
					s += q[i*keep+p] * q[i*keep+kept]
				}
				for i := range high {
					q[i*keep+kept] -= s * q[i*keep+p]
				}
				for i := range cols {
					z[i*keep+kept] -= s * z[i*keep+p]
				}
			}
		}
		for i := range high {
			left = math.Hypot(left, q[i*keep+kept])
		}
		if !(left > 1e-8*size) {
			continue
		}
		for i := range high {
			q[i*keep+kept] /= left
		}
		for i := range cols {
			z[i*keep+kept] /= left
		}
		kept++
	}
	for i := range cols {
		for l := range kept {
			z[i*keep+l] *= g.y[i]
		}
	}
	basis := g.v
	if g.m != nil {
		basis = g.z
	}
	g.replace(g.u[:d], k, basis[:j], z, keep, kept)
	g.replace(g.c[:d], k, g.v[:j+1], q, keep, kept)
	g.k = kept
}

var _ Method = (*GCRODR)(nil)
