package precond_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
	"github.com/hgsolve/hgsolve/precond/precondtest"
)

// spiked returns Q·diag(λ)·Qᵀ + μI, with as many random orthonormal vectors as there are λ,
// as an operator that promises to be definite.
func spiked(t testing.TB, n int, lambda []float64, mu float64) *hvp.LowRank {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 4))
	r := len(lambda)
	g := mat.NewDense(n, r, nil)
	for i := range n {
		for j := range r {
			g.Set(i, j, rng.NormFloat64())
		}
	}
	var qr mat.QR
	qr.Factorize(g)
	var q mat.Dense
	qr.QTo(&q)
	u, c, d := make([]float64, n*r), make([]float64, r*r), make([]float64, n)
	for i := range n {
		d[i] = mu
		for j := range r {
			u[i*r+j] = q.At(i, j)
		}
	}
	for j, l := range lambda {
		c[j*r+j] = l
	}
	a, err := hvp.NewLowRank(d, u, r, c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// geometric returns r numbers from hi down to lo.
func geometric(hi, lo float64, r int) []float64 {
	l := make([]float64, r)
	for j := range l {
		l[j] = hi * math.Pow(lo/hi, float64(j)/float64(max(r-1, 1)))
	}
	return l
}

// dense returns a as a matrix, by products.
func dense(t testing.TB, a hvp.Operator) *mat.Dense {
	t.Helper()
	n, _ := a.Dims()
	e, ae, m := make([]float64, n), make([]float64, n), mat.NewDense(n, n, nil)
	for j := range n {
		e[j] = 1
		if err := a.Apply(t.Context(), ae, e); err != nil {
			t.Fatal(err)
		}
		e[j] = 0
		m.SetCol(j, ae)
	}
	return m
}

// spectrum returns the eigenvalues of M·A for definite M: those of LᵀAL with
// M = LLᵀ. It fails if M is not definite.
func spectrum(t testing.TB, m, a hvp.Operator) []float64 {
	t.Helper()
	n, _ := a.Dims()
	dm, s := dense(t, m), mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			s.SetSym(i, j, (dm.At(i, j)+dm.At(j, i))/2)
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(s) {
		t.Fatalf("%v is not definite", m)
	}
	var l mat.TriDense
	chol.LTo(&l)
	var x, y mat.Dense
	x.Mul(dense(t, a), &l)
	y.Mul(l.T(), &x)
	for i := range n {
		for j := i; j < n; j++ {
			s.SetSym(i, j, (y.At(i, j)+y.At(j, i))/2)
		}
	}
	var eig mat.EigenSym
	if !eig.Factorize(s, false) {
		t.Fatal("no eigenvalues")
	}
	return eig.Values(nil)
}

func rhs(n int) []float64 {
	b := make([]float64, n)
	for i := range b {
		b[i] = math.Sin(1 + 3*float64(i))
	}
	return b
}

// iterations solves A·x = b and returns how many iterations that took.
func iterations(t testing.TB, a, m hvp.Operator, rtol float64) int {
	t.Helper()
	n, _ := a.Dims()
	res, err := krylov.Solve(t.Context(), a, make([]float64, n), rhs(n), &krylov.Settings{Precond: m, RTol: rtol})
	if err != nil {
		t.Fatalf("%v: %v", m, err)
	}
	return res.Iterations
}

// testAllocations: none per Apply and ApplyTrans.
func testAllocations(t *testing.T, m precond.Preconditioner) {
	t.Helper()
	if raceEnabled {
		return
	}
	apply, applyTrans := precondtest.Allocations(m)
	if n := testing.AllocsPerRun(10, apply) + testing.AllocsPerRun(10, applyTrans); n != 0 {
		t.Errorf("%v: %v allocations per product", m, n)
	}
}

func TestNystromFullRankIsExact(t *testing.T) {
	for _, n := range []int{1, 2, 15, 100} {
		a := spiked(t, n, geometric(1e6, 1, n), 1e-3)
		for name, a := range map[string]hvp.Operator{
			"ridge": a,
			// Without a known ridge.
			"none": &hvp.Func{Rows: n, Promise: hvp.SPD, Mul: func(ctx context.Context, dst, x []float64) error { return a.Apply(ctx, dst, x) }},
		} {
			m, err := precond.NewNystrom(t.Context(), a, nil)
			if err != nil {
				t.Fatal(err)
			}
			if m.Rank() != n {
				t.Errorf("n = %d, %s: rank %d", n, name, m.Rank())
			}
			if it := iterations(t, a, m, 1e-10); it > 2 {
				t.Errorf("n = %d, %s: %d iterations", n, name, it)
			}
		}
	}
}

// TestNystromCondition compares κ(M·A) with 1 + (λ_ℓ + ‖B−B̂‖)/μ, in which the
// expectation of the last norm is bounded by proposition 2.2 of Frangella, Tropp &
// Udell. An exhausted rank must be found to be exact, to the rounding errors that
// the Gram matrix leaves, ε·κ².
func TestNystromCondition(t *testing.T) {
	const mu = 0.01
	n := 300
	if raceEnabled {
		n = 130
	}
	for _, c := range []struct{ r, rank, most int }{{5, 16, 16}, {60, 16, 64}, {60, 16, 32}, {100, 64, 64}} {
		lambda := geometric(1e4, 1e-2, c.r)
		a := spiked(t, n, lambda, mu)
		m, err := precond.NewNystrom(t.Context(), a, &precond.NystromSettings{Rank: c.rank, MaxRank: c.most})
		if err != nil {
			t.Fatal(err)
		}
		e := spectrum(t, m, a)
		kappa, plain := e[n-1]/e[0], 1+1e4/mu
		if c.r < c.most && (m.Rank() != c.r || kappa > 1+0x1p-52*plain*plain) {
			t.Errorf("rank %d of %d: κ = %v", m.Rank(), c.r, kappa)
		}
		bound := plain
		for p := 2; p <= c.most-2 && c.r >= c.most; p++ {
			tail := 0.0
			for _, l := range lambda[c.most-p:] {
				tail += l
			}
			l, q := float64(c.most), float64(p)
			err := (1+2*(l-q)/(q-1))*lambda[c.most-p] + 2*math.E*math.E*l/(q*q-1)*tail
			bound = min(bound, 1+(lambda[c.most-1]+err)/mu)
		}
		if kappa > bound {
			t.Errorf("rank %d of %d: κ = %.4g, bound %.4g", m.Rank(), c.r, kappa, bound)
		}
		t.Logf("rank %d of %d: κ = %.4g, bound %.4g, without %.4g; %q", m.Rank(), c.r, kappa, bound, plain, m.Report().Notes)
	}
	// The given shift scales nothing and gives the same spectrum.
	a := spiked(t, n, geometric(1e4, 1, 5), mu)
	m, err := precond.NewNystrom(t.Context(), a, &precond.NystromSettings{Shift: mu})
	if err != nil {
		t.Fatal(err)
	}
	if e := spectrum(t, m, a); e[n-1]/e[0] > 1+0x1p-52*1e12 || m.Report().Products != 16 {
		t.Errorf("κ = %v with the shift given, %d products", e[n-1]/e[0], m.Report().Products)
	}
}

// TestNystromRankDeficient: indicator features whose groups sum to one make XᵀDX
// singular, and a tiny ridge leaves rounding errors of either sign.
func TestNystromRankDeficient(t *testing.T) {
	const rows, groups, size = 6000, 10, 8
	rng := rand.New(rand.NewPCG(8, 8))
	var i, j []int32
	var v []float64
	for r := range rows {
		for g := range groups {
			i, j, v = append(i, int32(r)), append(j, int32(g*size+rng.IntN(size))), append(v, 1)
		}
	}
	x, err := hvp.NewCSRFromTriplets(rows, groups*size, i, j, v)
	if err != nil {
		t.Fatal(err)
	}
	d, ridge := make([]float64, rows), make([]float64, groups*size)
	for r := range d {
		d[r] = rng.Float64() / 4
	}
	for k := range ridge {
		ridge[k] = 1e-6
	}
	a, err := hvp.NewGLM(x, d, ridge)
	if err != nil {
		t.Fatal(err)
	}
	m, err := precond.NewNystrom(t.Context(), a, nil)
	if err != nil {
		t.Fatal(err)
	}
	if it := iterations(t, a, m, 1e-8); it > 6 {
		t.Errorf("%d iterations: %q", it, m.Report().Notes)
	}
}

func TestNystromContract(t *testing.T) {
	const n = 2100 // more than one block
	a, other := spiked(t, n, geometric(1e4, 1, 20), 0.1), spiked(t, n, geometric(10, 1e-3, 12), 1)
	build := func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		return asPreconditioner(precond.NewNystrom(ctx, a, &precond.NystromSettings{Rank: 8}))
	}
	precondtest.Test(t, a, other, build, nil)
	m, err := build(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	testAllocations(t, m)
}

func asPreconditioner[P precond.Preconditioner](p P, err error) (precond.Preconditioner, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}

func TestNystromRefuses(t *testing.T) {
	ctx := t.Context()
	d := make([]float64, 400)
	for i := range d {
		d[i] = 1
	}
	d[7] = -3
	lying := func(mul func(dst, x []float64)) *hvp.Func {
		return &hvp.Func{Rows: len(d), Promise: hvp.SPD, Mul: func(_ context.Context, dst, x []float64) error { mul(dst, x); return nil }}
	}
	negative := lying(func(dst, x []float64) {
		for i, v := range x {
			dst[i] = -v
		}
	})
	_, err := precond.NewNystrom(ctx, negative, nil)
	var e *precond.IndefiniteError
	if !errors.As(err, &e) || !(e.Curvature < 0) {
		t.Fatalf("negative operator: %v", err)
	}
	ax := make([]float64, len(d))
	if err := negative.Apply(ctx, ax, e.Direction); err != nil {
		t.Fatal(err)
	}
	xx, xax := 0.0, 0.0
	for i, v := range e.Direction {
		xx, xax = xx+v*v, xax+v*ax[i]
	}
	if math.Abs(xax/xx-e.Curvature) > 1e-12*math.Abs(e.Curvature) {
		t.Errorf("witness has curvature %v, said %v", xax/xx, e.Curvature)
	}
	// A few negative eigenvalues among many: at full rank they are always found.
	if _, err := precond.NewNystrom(ctx, lying(func(dst, x []float64) {
		for i, v := range x {
			dst[i] = d[i] * v
		}
	}), &precond.NystromSettings{MaxRank: 400}); !errors.As(err, &e) {
		t.Errorf("one negative eigenvalue: %v", err)
	}
	if _, err := precond.NewNystrom(ctx, lying(func(dst, _ []float64) {
		clear(dst)
		dst[3] = math.NaN()
	}), nil); err == nil {
		t.Error("NaN in products accepted")
	}
	a := spiked(t, 300, []float64{5, 3}, 0.5)
	if _, err := precond.NewNystrom(ctx, a, &precond.NystromSettings{Shift: 2}); err == nil {
		t.Error("shift above the smallest eigenvalue accepted")
	}
	for _, s := range []precond.NystromSettings{{Shift: -1}, {Shift: math.NaN()}, {Rank: -1}, {MaxRank: -1}, {Tail: math.NaN()}} {
		if _, err := precond.NewNystrom(ctx, a, &s); err == nil {
			t.Errorf("settings %+v accepted", s)
		}
	}
	if _, err := precond.NewNystrom(ctx, hvp.WithStructure(a, 0), nil); err != nil && !errors.Is(err, precond.ErrNotApplicable) {
		t.Errorf("no promise: %v", err)
	}
	// No operator left after the ridge, and no memory allowed: the ridge alone.
	m, err := precond.NewNystrom(ctx, mustDiagonal(t, 300, 4), nil)
	if err != nil || m.Rank() != 0 || iterations(t, mustDiagonal(t, 300, 4), m, 1e-12) != 1 {
		t.Errorf("a diagonal: %v, %v", m, err)
	}
	if m, err := precond.NewNystrom(ctx, a, &precond.NystromSettings{MaxBytes: 1}); err != nil || m.Rank() != 0 {
		t.Errorf("no memory: %v, %v", m, err)
	}
}

func mustDiagonal(t testing.TB, n int, v float64) *hvp.Diagonal {
	t.Helper()
	d := make([]float64, n)
	for i := range d {
		d[i] = v
	}
	a, err := hvp.NewDiagonal(d)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// eigenvectors returns the eigenvectors of the grid operator to its k smallest
// eigenvalues on a line of n nodes, sin(π·j·(i+1)/(n+1)), with noise.
func sines(n, k int, noise float64) [][]float64 {
	rng := rand.New(rand.NewPCG(5, 5))
	w := make([][]float64, k)
	for j := range w {
		w[j] = make([]float64, n)
		for i := range n {
			w[j][i] = math.Sin(math.Pi*float64(j+1)*float64(i+1)/float64(n+1)) + noise*rng.NormFloat64()
		}
	}
	return w
}

func TestDeflation(t *testing.T) {
	const k = 10
	n := 200
	if raceEnabled {
		n = 80
	}
	line := grid(t, 1, n, 0)
	for _, noise := range []float64{0, 0.01, 1, 100} {
		for _, inner := range []string{"none", "jacobi"} {
			var m0 precond.Preconditioner
			if inner == "jacobi" {
				var err error
				if m0, err = precond.New(t.Context(), "jacobi", line); err != nil {
					t.Fatal(err)
				}
			}
			m, err := precond.NewDeflation(t.Context(), line, sines(n, k, noise), m0)
			if err != nil {
				t.Fatal(err)
			}
			e, e0 := spectrum(t, m, line), spectrum(t, mustDiagonal(t, n, 1), line)
			kappa := e[n-1] / e[0]
			before := e0[n-1] / e0[0]
			// Exact eigenvectors leave λ_max/λ_{k+1}; any W makes nothing worse
			// (Nabben & Vuik 2006) as long as σ lies within the spectrum.
			if noise == 0 && math.Abs(kappa/(e0[n-1]/e0[k])-1) > 1e-8 {
				t.Errorf("inner %s: κ = %v, want %v", inner, kappa, e0[n-1]/e0[k])
			}
			if kappa > before*(1+1e-10) {
				t.Errorf("noise %v, inner %s: κ grows from %v to %v", noise, inner, before, kappa)
			}
			t.Logf("noise %v, inner %s: κ from %.4g to %.4g", noise, inner, before, kappa)
		}
	}
	// As many vectors as the order: exact.
	all := make([][]float64, 6)
	for j := range all {
		all[j] = rhs(6)
		all[j][j] += 3
	}
	small := grid(t, 2, 3, 0)
	m, err := precond.NewDeflation(t.Context(), small, append(all, rhs(6)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if it := iterations(t, small, m, 1e-12); it > 2 {
		t.Errorf("a full basis takes %d iterations: %v", it, m.Report().Notes)
	}
}

func TestDeflationIndefinite(t *testing.T) {
	const n = 400
	d := make([]float64, n)
	for i := range d {
		d[i] = float64(i) - 30.5
	}
	a, err := hvp.NewDiagonal(d)
	if err != nil {
		t.Fatal(err)
	}
	var w [][]float64
	for i := 21; i < 41; i++ { // the eigenvectors to the 20 smallest |λ|
		e := make([]float64, n)
		e[i] = 1
		w = append(w, e)
	}
	m, err := precond.NewDeflation(t.Context(), a, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	spectrum(t, m, a) // fails unless definite
	with, without := iterations(t, a, m, 1e-8), iterations(t, a, nil, 1e-8)
	if with*2 > without {
		t.Errorf("MINRES takes %d iterations, without %d", with, without)
	}
	// The same promised to be definite is a lie that the Ritz values tell.
	var e *precond.IndefiniteError
	if _, err := precond.NewDeflation(t.Context(), hvp.WithStructure(a, hvp.SPD), w, nil); !errors.As(err, &e) || !(e.Curvature < 0) {
		t.Errorf("indefinite operator: %v", err)
	}
	for _, bad := range [][][]float64{{make([]float64, 3)}, {{math.NaN()}}} {
		if _, err := precond.NewDeflation(t.Context(), a, bad, nil); err == nil {
			t.Error("bad vectors accepted")
		}
	}
	nan := make([]float64, n)
	nan[5] = math.Inf(1)
	if _, err := precond.NewDeflation(t.Context(), a, [][]float64{nan}, nil); err == nil {
		t.Error("infinite vector accepted")
	}
}

func TestDeflationContract(t *testing.T) {
	a, other := grid(t, 61, 53, 0.01), grid(t, 61, 53, 0.5)
	n, _ := a.Dims()
	for _, k := range []int{0, 5} {
		for _, inner := range []string{"", "jacobi", "wrapped"} {
			build := func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
				if r, c := a.Dims(); r != c {
					return nil, errors.New("rectangular")
				}
				var m0 precond.Preconditioner
				if inner != "" {
					var err error
					if m0, err = precond.New(ctx, "jacobi", a); err != nil {
						return nil, err
					}
				}
				if inner == "wrapped" { // not recognised as a diagonal
					m0 = struct{ precond.Preconditioner }{m0}
				}
				return asPreconditioner(precond.NewDeflation(ctx, a, sines(n, k, 0.1), m0))
			}
			precondtest.Test(t, a, other, build, nil)
			m, err := build(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			testAllocations(t, m)
		}
	}
}

func addPairs(t testing.TB, p *precond.Pairs, a hvp.Operator, k int) {
	t.Helper()
	n, _ := a.Dims()
	y := make([]float64, n)
	for _, s := range sines(n, k, 0.3) {
		if err := a.Apply(t.Context(), y, s); err != nil {
			t.Fatal(err)
		}
		if ok, err := p.Add(s, y); !ok || err != nil {
			t.Fatalf("pair refused: %v", err)
		}
	}
}

// twoLoop is the recursion of Nocedal (Math. Comp. 35, 1980) as a plain twin.
func twoLoop(x []float64, s, y [][]float64, h0 func([]float64)) {
	alpha := make([]float64, len(s))
	dot := func(a, b []float64) (d float64) {
		for i, v := range a {
			d += v * b[i]
		}
		return d
	}
	for j := len(s) - 1; j >= 0; j-- {
		alpha[j] = dot(s[j], x) / dot(s[j], y[j])
		for i := range x {
			x[i] -= alpha[j] * y[j][i]
		}
	}
	h0(x)
	for j := range s {
		b := dot(y[j], x) / dot(s[j], y[j])
		for i := range x {
			x[i] += (alpha[j] - b) * s[j][i]
		}
	}
}

func TestLBFGSIsTheTwoLoopRecursion(t *testing.T) {
	a := grid(t, 61, 53, 0.1)
	n, _ := a.Dims()
	for _, k := range []int{0, 1, 2, 7} {
		for _, inner := range []bool{false, true} {
			p, err := precond.NewPairs(n, 7, false)
			if err != nil {
				t.Fatal(err)
			}
			addPairs(t, p, a, k)
			var m0 precond.Preconditioner
			if inner {
				if m0, err = precond.New(t.Context(), "jacobi", a); err != nil {
					t.Fatal(err)
				}
			}
			m, err := precond.NewLBFGS(t.Context(), p, m0)
			if err != nil {
				t.Fatal(err)
			}
			s := sines(n, k, 0.3)
			y := make([][]float64, k)
			for j := range s {
				y[j] = make([]float64, n)
				if err := a.Apply(t.Context(), y[j], s[j]); err != nil {
					t.Fatal(err)
				}
			}
			got, want := make([]float64, n), rhs(n)
			if err := m.Apply(t.Context(), got, want); err != nil {
				t.Fatal(err)
			}
			twoLoop(want, s, y, func(x []float64) {
				gamma := 1.0
				if inner {
					gamma = 1 / 4.1
				} else if k > 0 {
					sy, yy := 0.0, 0.0
					for i, v := range y[k-1] {
						sy, yy = sy+v*s[k-1][i], yy+v*v
					}
					gamma = sy / yy
				}
				for i := range x {
					x[i] *= gamma
				}
			})
			diff, size := 0.0, 0.0
			for i := range got {
				diff, size = math.Hypot(diff, got[i]-want[i]), math.Hypot(size, want[i])
			}
			if diff > 1e-11*size {
				t.Errorf("%d pairs, inner %v: differs by %.2g", k, inner, diff/size)
			}
			testAllocations(t, m)
		}
	}
}

func TestLBFGSContract(t *testing.T) {
	a, other := grid(t, 61, 53, 0.1), grid(t, 61, 53, 0.5)
	n, _ := a.Dims()
	build := func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		if r, c := a.Dims(); r != c {
			return nil, errors.New("rectangular")
		}
		p, err := precond.NewPairs(n, 5, false)
		if err != nil {
			return nil, err
		}
		addPairs(t, p, a, 5)
		return asPreconditioner(precond.NewLBFGS(ctx, p, nil))
	}
	precondtest.Test(t, a, other, build, nil)
}

func TestPairs(t *testing.T) {
	add := func(p *precond.Pairs, v float64) {
		t.Helper()
		if ok, err := p.Add([]float64{1, v}, []float64{1, v}); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	for _, uniform := range []bool{false, true} {
		p, err := precond.NewPairs(2, 8, uniform)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			add(p, float64(i))
			if l := p.Len(); l < min(i+1, 4) || l > 8 {
				t.Fatalf("uniform %v: %d pairs after %d", uniform, l, i+1)
			}
		}
	}
	p, err := precond.NewPairs(2, 2, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2][]float64{
		{{1, 0}, {-1, 0}}, {{1, 0}, {0, 1}}, {{0, 0}, {0, 0}}, {{math.NaN(), 0}, {1, 0}}, {{1, 0}, {math.Inf(1), 0}},
	} {
		if ok, err := p.Add(c[0], c[1]); ok || err != nil {
			t.Errorf("pair %v: %v, %v", c, ok, err)
		}
	}
	if p.Len() != 0 || p.Dropped() != 5 {
		t.Errorf("%d pairs, %d dropped", p.Len(), p.Dropped())
	}
	if _, err := p.Add([]float64{1}, []float64{1}); err == nil {
		t.Error("wrong length accepted")
	}
	if _, err := precond.NewPairs(2, 0, false); err == nil {
		t.Error("no pairs accepted")
	}
	// Parallel pairs: all but the newest are left out, and M stays definite.
	for range 2 {
		add(p, 1)
	}
	m, err := precond.NewLBFGS(t.Context(), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	spectrum(t, m, mustDiagonal(t, 2, 1))
	// An operator whose curvature has changed its sign.
	var e *precond.IndefiniteError
	if err := m.Refresh(t.Context(), mustDiagonal(t, 2, -1)); !errors.As(err, &e) {
		t.Errorf("refresh by a negative operator: %v", err)
	}
}
