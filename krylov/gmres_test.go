package krylov_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/krylov"
	"pgregory.net/rapid"
)

// nonsymmetricMethods are the methods for any square operator.
func nonsymmetricMethods() []krylov.Method {
	return []krylov.Method{&krylov.GMRES{}, &krylov.GMRES{Restart: 30}, &krylov.GMRES{Flexible: true}, &krylov.IDRS{}, &krylov.IDRS{S: 1}, &krylov.IDRS{S: 8, Seed: 5}}
}

func dot(x, y []float64) (s float64) {
	for i, v := range x {
		s += v * y[i]
	}
	return s
}

func axpy(y []float64, a float64, x []float64) {
	for i, v := range x {
		y[i] += a * v
	}
}

// residualOf is ‖b − A·x‖ by a product of its own, with Aᵀ if trans.
func residualOf(t testing.TB, a hvp.Operator, x, b []float64, trans bool) float64 {
	t.Helper()
	r := make([]float64, len(b))
	var err error
	if trans {
		tr, has := hvp.Trans(a)
		if !has {
			t.Fatal("no transpose")
		}
		err = tr.ApplyTrans(context.Background(), r, x)
	} else {
		err = a.Apply(context.Background(), r, x)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range r {
		r[i] = b[i] - r[i]
	}
	return norm(r)
}

// textbookGMRES is GMRES(m) with modified Gram–Schmidt and a right
// preconditioner diag(d), one vector at a time. It returns the number of steps
// until the recurrence meets rtol, at most limit.
func textbookGMRES(a hvp.Operator, d, b []float64, m int, rtol float64, limit int) (steps int) {
	n := len(b)
	ctx := context.Background()
	x := make([]float64, n)
	precond := func(v []float64) []float64 {
		z := slices.Clone(v)
		for i := range d {
			z[i] *= d[i]
		}
		return z
	}
	for {
		r := make([]float64, n)
		a.Apply(ctx, r, x)
		for i := range r {
			r[i] = b[i] - r[i]
		}
		beta := norm(r)
		if beta <= rtol*norm(b) || steps >= limit {
			return steps
		}
		v := [][]float64{r}
		for i := range r {
			r[i] /= beta
		}
		h := make([][]float64, m) // columns
		g := make([]float64, m+1)
		g[0] = beta
		cs, sn := make([]float64, m), make([]float64, m)
		k := 0
		for k < m && math.Abs(g[k]) > rtol*norm(b) && steps < limit {
			w := make([]float64, n)
			a.Apply(ctx, w, precond(v[k]))
			h[k] = make([]float64, m+1)
			for j := range k + 1 {
				h[k][j] = dot(v[j], w)
				axpy(w, -h[k][j], v[j])
			}
			h[k][k+1] = norm(w)
			for i := range w {
				w[i] /= h[k][k+1]
			}
			v = append(v, w)
			for j := range k {
				h[k][j], h[k][j+1] = cs[j]*h[k][j]+sn[j]*h[k][j+1], cs[j]*h[k][j+1]-sn[j]*h[k][j]
			}
			l := math.Hypot(h[k][k], h[k][k+1])
			cs[k], sn[k] = h[k][k]/l, h[k][k+1]/l
			h[k][k], h[k][k+1] = l, 0
			g[k], g[k+1] = cs[k]*g[k], -sn[k]*g[k]
			k++
			steps++
		}
		z := make([]float64, n)
		y := make([]float64, k)
		for i := k - 1; i >= 0; i-- {
			y[i] = g[i]
			for j := i + 1; j < k; j++ {
				y[i] -= h[j][i] * y[j]
			}
			y[i] /= h[i][i]
			axpy(z, y[i], v[i])
		}
		axpy(x, 1, precond(z))
	}
}

// jacobi returns 1/diag(A), with 1 for zeros.
func jacobi(t testing.TB, a *hvp.CSR) []float64 {
	t.Helper()
	n, _ := a.Dims()
	d := make([]float64, n)
	if err := a.Diag(d); err != nil {
		t.Fatal(err)
	}
	for i, v := range d {
		if v == 0 {
			v = 1
		}
		d[i] = 1 / v
	}
	return d
}

// randomSystem returns b = A·x for a random x.
func randomSystem(t testing.TB, a hvp.Operator) (b []float64) {
	t.Helper()
	n, _ := a.Dims()
	rng := rand.New(rand.NewPCG(2, 3))
	x := make([]float64, n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	b = make([]float64, n)
	if err := a.Apply(context.Background(), b, x); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestGMRESAgainstTextbook: at most 5 % more steps than the plain method on real
// matrices.
func TestGMRESAgainstTextbook(t *testing.T) {
	if raceEnabled {
		t.Skip("counts steps; slow under the race detector")
	}
	for _, c := range []struct {
		name    string
		jacobi  bool
		restart int
	}{
		{"orsirr_1", false, 400}, {"orsirr_1", true, 30}, {"sherman5", true, 30}, {"sherman5", true, 100}, {"fs_183_6", false, 30},
		{"fs_183_6", true, 30}, {"cage10", false, 30}, {"cage10", true, 30}, {"west0479", true, 479},
	} {
		t.Run(fmt.Sprintf("%s/jacobi %v/%d", c.name, c.jacobi, c.restart), func(t *testing.T) {
			a := readTestMatrix(t, c.name)
			b := randomSystem(t, a)
			s := &krylov.Settings{RTol: 1e-8}
			var d []float64
			if c.jacobi {
				d = jacobi(t, a)
				s.Precond, _ = hvp.NewDiagonal(d)
			}
			x := make([]float64, len(b))
			for _, flexible := range []bool{false, true} {
				res, err := (&krylov.GMRES{Restart: c.restart, Flexible: flexible}).Solve(context.Background(), a, x, b, s)
				if err != nil {
					t.Fatal(err)
				}
				if got := residualOf(t, a, x, b, false); got > 1.0001e-8*norm(b) {
					t.Errorf("residual %.3g of %.3g", got, norm(b))
				}
				want := textbookGMRES(a, d, b, c.restart, s.RTol, 4*res.Iterations)
				t.Logf("%v: %d steps, textbook %d", res.Method, res.Iterations, want)
				if float64(res.Iterations) > 1.05*float64(want)+1 {
					t.Errorf("%v: %d steps, textbook %d", res.Method, res.Iterations, want)
				}
			}
		})
	}
}

// convectionDiffusion is −Δu + p·(u_x + u_y/2) on an m×m grid, central
// differences, times h².
func convectionDiffusion(t testing.TB, m int, p float64) *hvp.CSR {
	t.Helper()
	h := 1 / float64(m+1)
	return stencil(t, m, 4, -1-p*h/2, -1+p*h/2, -1-p*h/4, -1+p*h/4)
}

// stencil is a constant 5-point stencil on an m×m grid.
func stencil(t testing.TB, m int, mid, west, east, south, north float64) *hvp.CSR {
	t.Helper()
	var i, j []int32
	var v []float64
	for r := range m {
		for c := range m {
			for _, e := range []struct {
				r, c int
				v    float64
			}{{r, c, mid}, {r, c - 1, west}, {r, c + 1, east}, {r - 1, c, south}, {r + 1, c, north}} {
				if e.r >= 0 && e.r < m && e.c >= 0 && e.c < m {
					i, j, v = append(i, int32(r*m+c)), append(j, int32(e.r*m+e.c)), append(v, e.v)
				}
			}
		}
	}
	a, err := hvp.NewCSRFromTriplets(m*m, m*m, i, j, v)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// polarPoisson is −(u_rr + u_r/r + u_θθ/r²) on the unit disk, nr radii and nt
// angles, periodic in θ, u = 0 on the rim: nonsymmetric, with rows of very
// different size.
func polarPoisson(t testing.TB, nr, nt int) *hvp.CSR {
	t.Helper()
	dr, dt := 1/(float64(nr)+0.5), 2*math.Pi/float64(nt)
	var i, j []int32
	var v []float64
	add := func(r, c, q, s int, x float64) {
		if q >= 0 && q < nr {
			i, j, v = append(i, int32(c*nr+r)), append(j, int32((s+nt)%nt*nr+q)), append(v, x)
		}
	}
	for c := range nt {
		for r := range nr {
			radius := (float64(r) + 0.5) * dr
			add(r, c, r, c, 2/(dr*dr)+2/(radius*radius*dt*dt))
			add(r, c, r-1, c, -1/(dr*dr)+1/(2*radius*dr))
			add(r, c, r+1, c, -1/(dr*dr)-1/(2*radius*dr))
			add(r, c, r, c-1, -1/(radius*radius*dt*dt))
			add(r, c, r, c+1, -1/(radius*radius*dt*dt))
		}
	}
	a, err := hvp.NewCSRFromTriplets(nr*nt, nr*nt, i, j, v)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestNonsymmetricSystems solves with A and with Aᵀ, with and without a
// preconditioner, and gets the same bits from any number of workers.
func TestNonsymmetricSystems(t *testing.T) {
	for _, c := range []struct {
		name string
		a    *hvp.CSR
	}{
		{"convection 20", convectionDiffusion(t, 30, 20)},
		{"convection 200", convectionDiffusion(t, 70, 200)},
		{"polar Poisson", polarPoisson(t, 20, 20)},
		{"upwind", stencil(t, 30, 4.5, -2.5, -0.2, -1.2, -0.5)},
	} {
		b := randomSystem(t, c.a)
		n := len(b)
		diagonal, err := hvp.NewDiagonal(jacobi(t, c.a))
		if err != nil {
			t.Fatal(err)
		}
		hidden := &hvp.Func{Rows: n, Mul: diagonal.Apply, Promise: hvp.Symmetric}
		teams := []int{0}
		if n > 2*parallel.BlockSize {
			teams = []int{1, 2, 3, 7}
			if raceEnabled {
				teams = []int{3}
			}
		}
		methods := nonsymmetricMethods()
		if raceEnabled {
			methods = methods[2:4] // slow
		}
		for _, m := range methods {
			for _, pre := range []hvp.Operator{nil, diagonal, hidden} {
				for _, trans := range []bool{false, true} {
					var want []float64
					for _, workers := range teams {
						x := make([]float64, n)
						res, err := m.Solve(context.Background(), c.a, x, b, &krylov.Settings{RTol: 1e-9, Precond: pre, Trans: trans, Workers: workers})
						if err != nil {
							// A short restart may stand still, and s = 1 may not do.
							if g, is := m.(*krylov.GMRES); is && g.Restart > 0 || res.Method == "idrs(1)" {
								t.Logf("%s, %v, precond %T, trans %v: %v", c.name, m, pre, trans, err)
								break
							}
							t.Fatalf("%s, %v, precond %T, trans %v: %v", c.name, m, pre, trans, err)
						}
						if got := residualOf(t, c.a, x, b, trans); got > 1.0001e-9*norm(b) {
							t.Errorf("%s, %v, precond %T, trans %v: residual %.3g", c.name, m, pre, trans, got/norm(b))
						}
						if want == nil {
							want = x
						} else if !slices.Equal(x, want) {
							t.Errorf("%s, %v, precond %T, trans %v: %d workers change the result", c.name, m, pre, trans, workers)
						}
					}
				}
			}
		}
	}
}

// cyclicShift has A·e_i = e_{i+1 mod n}: for b = e_1, GMRES makes no progress at
// all before step n.
func cyclicShift(n int) *hvp.Func {
	return &hvp.Func{Rows: n,
		Mul: func(_ context.Context, dst, x []float64) error {
			copy(dst[1:], x)
			dst[0] = x[n-1]
			return nil
		},
		MulTrans: func(_ context.Context, dst, x []float64) error {
			copy(dst, x[1:])
			dst[n-1] = x[0]
			return nil
		}}
}

func TestCyclicShift(t *testing.T) {
	const n = 50
	a := cyclicShift(n)
	b := make([]float64, n)
	b[0] = 1
	x := make([]float64, n)
	res, err := (&krylov.GMRES{Restart: 20}).Solve(context.Background(), a, x, b, nil)
	if !errors.Is(err, krylov.Stagnated) || res.Iterations != 20 || res.TrueResidual != 1 {
		t.Errorf("gmres(20): %v after %d steps, residual %v", err, res.Iterations, res.TrueResidual)
	}
	// 30 steps in vain, then 50.
	for _, m := range []krylov.Method{&krylov.GMRES{}, &krylov.GMRES{Flexible: true}} {
		res, err = m.Solve(context.Background(), a, x, b, nil)
		if err != nil || res.Iterations != 80 || math.Abs(x[n-1]-1) > 1e-12 {
			t.Errorf("%v: %v after %d steps", m, err, res.Iterations)
		}
	}
	res, err = (&krylov.IDRS{}).Solve(context.Background(), a, x, b, nil)
	checkHonest(t, nil, x, nil, 0, krylov.Result{Status: res.Status, TrueResidual: 1}, err)
	if err != nil && residualOf(t, a, x, b, false) > 1+1e-12 {
		t.Errorf("idr: %v, and x is worse than the start", err)
	}
}

// TestSingularNonsymmetric: consistent systems are solved where the Krylov space
// holds the solution; no system without solution is.
func TestSingularNonsymmetric(t *testing.T) {
	const n = 40
	// The discrete derivative on a circle: null space of the ones, on both sides.
	a := &hvp.Func{Rows: n,
		Mul: func(_ context.Context, dst, x []float64) error {
			for i := range dst {
				dst[i] = x[i] - x[(i+1)%n]
			}
			return nil
		},
		MulTrans: func(_ context.Context, dst, x []float64) error {
			for i := range dst {
				dst[i] = x[i] - x[(i+n-1)%n]
			}
			return nil
		}}
	b := randomSystem(t, a)
	shifted := slices.Clone(b)
	for i := range shifted {
		shifted[i] += 0.5
	}
	for _, m := range []krylov.Method{&krylov.GMRES{}, &krylov.GMRES{Flexible: true}, &krylov.IDRS{}} {
		x := make([]float64, n)
		if res, err := m.Solve(context.Background(), a, x, b, nil); err != nil {
			t.Errorf("%v, consistent: %v after %d", m, err, res.Iterations)
		}
		res, err := m.Solve(context.Background(), a, x, shifted, nil)
		if err == nil {
			t.Errorf("%v, inconsistent: %v", m, res.Status)
		}
		if _, is := m.(*krylov.GMRES); is {
			if want := 0.5 * math.Sqrt(n); !errors.Is(err, krylov.Inconsistent) || math.Abs(res.TrueResidual-want) > 1e-8*want {
				t.Errorf("%v, inconsistent: %v, residual %v, want %v", m, err, res.TrueResidual, want)
			}
		}
	}
	// Without a transpose there is no proof that no solution exists.
	a.MulTrans = nil
	res, err := (&krylov.GMRES{}).Solve(context.Background(), a, make([]float64, n), shifted, nil)
	if err == nil || res.Status == krylov.Inconsistent {
		t.Errorf("without a transpose: %v", res.Status)
	}
}

// TestVaryingPreconditioner: FGMRES stands one, and GMRES, which does not, says
// so instead of returning something else.
func TestVaryingPreconditioner(t *testing.T) {
	a := convectionDiffusion(t, 40, 30)
	b := randomSystem(t, a)
	n := len(b)
	calls := 0
	varying := &hvp.Func{Rows: n, Mul: func(ctx context.Context, dst, x []float64) error {
		calls++
		_, err := (&krylov.IDRS{}).Solve(ctx, a, dst, x, &krylov.Settings{RTol: 1e-30, MaxIter: 5 + calls%7})
		if errors.Is(err, krylov.IterationLimit) {
			err = nil
		}
		return err
	}}
	x := make([]float64, n)
	res, err := (&krylov.GMRES{Flexible: true}).Solve(context.Background(), a, x, b, &krylov.Settings{Precond: varying})
	if err != nil || res.Iterations > 100 {
		t.Errorf("fgmres: %v after %d", err, res.Iterations)
	}
	for _, m := range []krylov.Method{&krylov.GMRES{Restart: 30}, &krylov.IDRS{}} {
		res, err = m.Solve(context.Background(), a, x, b, &krylov.Settings{Precond: varying, MaxIter: 300})
		if err == nil && residualOf(t, a, x, b, false) > 1.0001e-8*norm(b) {
			t.Errorf("%v claims %v", m, res.Status)
		}
		if got := residualOf(t, a, x, b, false); got > norm(b)*(1+1e-5) {
			t.Errorf("%v: x is worse than the start: %v of %v", m, got, norm(b))
		}
	}
}

// TestNonsymmetricMemory asserts what the doc comments say, in n-vectors.
func TestNonsymmetricMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("slow under the race detector")
	}
	const m = 300
	a := convectionDiffusion(t, m, 10)
	n := m * m
	diagonal, _ := hvp.NewDiagonal(constant(n, 0.25))
	hidden := &hvp.Func{Rows: n, Mul: diagonal.Apply}
	for _, c := range []struct {
		m     krylov.Method
		pre   hvp.Operator
		guess bool
		want  float64
	}{
		{&krylov.GMRES{Restart: 12}, nil, false, 13},
		{&krylov.GMRES{Restart: 12}, diagonal, false, 14},
		{&krylov.GMRES{Restart: 12}, hidden, false, 14},
		{&krylov.GMRES{Restart: 12, Flexible: true}, hidden, false, 25},
		{&krylov.GMRES{Restart: 12, Flexible: true}, nil, false, 13},
		{&krylov.GMRES{}, nil, false, 26}, // as many as there are steps, and one
		{&krylov.IDRS{}, nil, false, 16},
		{&krylov.IDRS{}, hidden, true, 17},
		{&krylov.IDRS{S: 2}, diagonal, false, 10},
	} {
		x, b := constant(n, 1), sine(n)
		s := &krylov.Settings{MaxIter: 25, Precond: c.pre, Guess: c.guess}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := c.m.Solve(context.Background(), a, x, b, s)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, krylov.IterationLimit) {
			t.Fatal(err)
		}
		got := float64(after.TotalAlloc-before.TotalAlloc) / float64(8*n)
		if math.Abs(got-c.want) > 0.02*c.want {
			t.Errorf("%v, precond %T: %.3f n-vectors, want %v", c.m, c.pre, got, c.want)
		}
	}
}

// TestNonsymmetricProperties draws matrices with known singular values, some of them zero,
// and right-hand sides in the range or anywhere.
func TestNonsymmetricProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		seed := rapid.Uint64().Draw(t, "seed")
		rng := rand.New(rand.NewPCG(seed, 1))
		sigma := make([]float64, n)
		for i := range sigma {
			sigma[i] = math.Pow(10, rapid.Float64Range(-4, 0).Draw(t, "log sigma"))
		}
		zeros := rapid.IntRange(0, min(2, n-1)).Draw(t, "zeros")
		for i := range zeros {
			sigma[i] = 0
		}
		u, v := orthogonal(rng, n), orthogonal(rng, n)
		a := make([]float64, n*n)
		for i := range n {
			for j := range n {
				for k := range n {
					a[i*n+j] += u[i*n+k] * sigma[k] * v[j*n+k]
				}
			}
		}
		b, inRange := make([]float64, n), rapid.Bool().Draw(t, "in range")
		for k := range n {
			c := 1 + rng.Float64()
			if sigma[k] == 0 && inRange {
				c = 0
			}
			for i := range n {
				b[i] += c * u[i*n+k]
			}
		}
		for _, m := range nonsymmetricMethods() {
			x := make([]float64, n)
			res, err := m.Solve(context.Background(), dense(n, a), x, b, &krylov.Settings{RTol: 1e-8})
			r := plainResidual(a, x, b)
			if (err == nil) != (res.Status == krylov.Converged) || err == nil && r > 1.0001e-8*norm(b) {
				t.Fatalf("%v: %v with residual %v", m, res.Status, r)
			}
			if r > norm(b)*(1+1e-6) {
				t.Fatalf("%v: %v leaves x worse than zero: %v of %v, reported %v, x of norm %v", m, res.Status, r, norm(b), res.TrueResidual, norm(x))
			}
			if err == nil && zeros > 0 && !inRange {
				t.Fatalf("%v converged on a system without solution", m)
			}
			if res.Status == krylov.Inconsistent && (zeros == 0 || inRange) {
				t.Fatalf("%v calls a solvable system inconsistent", m)
			}
			if _, is := m.(*krylov.GMRES); is && zeros == 0 && err != nil {
				t.Fatalf("%v: regular system of condition 10⁴: %v", m, err)
			}
		}
	})
}

// orthogonal returns a random orthogonal matrix, row by row.
func orthogonal(rng *rand.Rand, n int) []float64 {
	q := make([]float64, n*n)
	for i := range n {
		row := q[i*n : i*n+n]
		for j := range row {
			row[j] = rng.NormFloat64()
		}
		for range 2 {
			for k := range i {
				axpy(row, -dot(row, q[k*n:k*n+n]), q[k*n:k*n+n])
			}
		}
		s := norm(row)
		for j := range row {
			row[j] /= s
		}
	}
	return q
}
