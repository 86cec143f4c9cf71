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
	"github.com/hgsolve/hgsolve/krylov"
	"pgregory.net/rapid"
)

// TestMINRESIterations: fusing the loops costs no iterations against the
// textbook.
func TestMINRESIterations(t *testing.T) {
	const rtol = 1e-8
	compare := func(t *testing.T, a hvp.Operator, shift float64) {
		t.Helper()
		n, _ := a.Dims()
		b := randomVector(rand.New(rand.NewPCG(3, 3)), n)
		op, err := hvp.Shift(a, -shift)
		if err != nil {
			t.Fatal(err)
		}
		const limit = 10000
		_, want := textbookMINRES(op, b, rtol, limit)
		for _, m := range []*krylov.MINRES{{Shift: shift}, {Shift: shift, MinLength: true}, {Shift: shift, MinLength: true, TranCond: 1}} {
			x := make([]float64, n)
			res, err := m.Solve(context.Background(), a, x, b, &krylov.Settings{RTol: rtol, MaxIter: limit})
			t.Logf("%v, TranCond %g: %v, %d iterations, textbook %d, %d products, %d restarts, residual %.2g, Ritz %.3g … %.3g, curvature %.3g",
				m, m.TranCond, res.Status, res.Iterations, want, res.Products, res.Restarts, res.TrueResidual/res.RHSNorm, res.MinRitz, res.MaxRitz, res.Curvature)
			if err != nil {
				t.Errorf("%v: %v", m, err)
			}
			if float64(res.Iterations) > 1.05*float64(want)+1 {
				t.Errorf("%v: %d iterations, the textbook needs %d", m, res.Iterations, want)
			}
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{7, 50, 301} {
		t.Run(fmt.Sprintf("random indefinite %d", n), func(t *testing.T) {
			values := randomVector(rng, n)
			for i := range values {
				values[i] = math.Copysign(math.Exp(values[i]), values[i])
			}
			compare(t, newSpectral(rng, values).operator(), 0)
		})
	}
	for _, c := range []struct {
		name  string
		shift float64
	}{
		{"gr_30_30", 0}, {"gr_30_30", 2}, {"nos3", 0}, {"nos3", 5}, {"nos5", 0}, {"nos5", 1000},
		{"bcsstk02", 0}, {"bcsstk02", 50}, {"bcsstk01", 1e6}, {"wathen_7400", 0},
		{"pyamg_bar", 0}, {"wathen_7400", 0.5},
	} {
		if raceEnabled && c.name == "wathen_7400" {
			continue // slow
		}
		t.Run(fmt.Sprintf("%s-%g", c.name, c.shift), func(t *testing.T) {
			compare(t, readTestMatrix(t, c.name), c.shift)
		})
	}
}

// TestMINRESSingular: the answers are known in closed form.
func TestMINRESSingular(t *testing.T) {
	zeros := func(n int) []float64 { return make([]float64, n) }
	for _, c := range []struct {
		name     string
		a, b     []float64
		want     []float64 // A⁺·b
		solvable bool
	}{
		{"diag(0,1,1,1,1)", diag(0, 1, 1, 1, 1), constant(5, 1), []float64{0, 1, 1, 1, 1}, false},
		{"diag(0,2,-3,0)", diag(0, 2, -3, 0), []float64{7, 4, 6, 1}, []float64{0, 2, -2, 0}, false},
		{"zero operator", zeros(9), []float64{1, 2, 3}, zeros(3), false},
		{"zero, n = 1", zeros(1), []float64{6}, zeros(1), false},
		{"path, b in the null space", pathLaplacian(6), constant(6, 1), zeros(6), false},
		// Off by the mean: the projection of (1,0,0) is (2,-1,-1)/3.
		{"path of 3", pathLaplacian(3), []float64{1, 0, 0}, []float64{5. / 9, -1. / 9, -4. / 9}, false},
		{"path of 3, solvable", pathLaplacian(3), []float64{1, 0, -1}, []float64{1, 0, -1}, true},
		{"nilpotent", []float64{0, 1, 0, 1, 0, 0, 0, 0, 0}, []float64{1, 0, 0}, []float64{0, 1, 0}, true},
		{"zero b'Ab", diag(1, -1, 0, 0), []float64{1, 1, 0, 0}, []float64{1, -1, 0, 0}, true},
		{"rank one", []float64{1, 2, 2, 4}, []float64{1, 0}, []float64{0.04, 0.08}, false},
	} {
		n := len(c.b)
		for _, scale := range []int{0, 490, -490} {
			for _, pre := range []string{"", "identity"} {
				for _, m := range []*krylov.MINRES{{}, {MinLength: true}, {MinLength: true, TranCond: 1}} {
					a := slices.Clone(c.a)
					for i := range a {
						a[i] = math.Ldexp(a[i], scale)
					}
					s := &krylov.Settings{RTol: 1e-10}
					if pre != "" {
						s.Precond = diagonalFunc(n, pre)
					}
					x := make([]float64, n)
					res, err := m.Solve(context.Background(), dense(n, a), x, c.b, s)
					label := fmt.Sprintf("%s·2^%d, %v, TranCond %g, precond %q", c.name, scale, m, m.TranCond, pre)
					want := krylov.Converged
					switch {
					case !c.solvable && m.MinLength:
						want = krylov.LeastSquares
					case !c.solvable:
						want = krylov.Inconsistent
					}
					if res.Status != want || (err == nil) != want.Success() {
						t.Errorf("%s: %v, %v; want %v", label, res.Status, err, want)
						continue
					}
					if got, true := res.TrueResidual, plainResidual(a, x, c.b); math.Abs(got-true) > 1e-9*norm(c.b) {
						t.Errorf("%s: true residual %v, reported %v", label, true, got)
					}
					for i := range x {
						x[i] = math.Ldexp(x[i], scale)
					}
					if (c.solvable || m.MinLength) && distance(x, c.want) > 1e-9*(norm(c.want)+1e-3) {
						t.Errorf("%s: x = %v, want %v", label, x, c.want)
					}
				}
			}
		}
	}
}

// TestMINRESSaddle: the cavity matrix has one null vector, so a random b makes
// it unsolvable, and A·(random) solvable.
func TestMINRESSaddle(t *testing.T) {
	a := readTestMatrix(t, "q2q1_cavity_659")
	n, _ := a.Dims()
	ctx := context.Background()
	b := randomVector(rand.New(rand.NewPCG(3, 3)), n)
	x, ab, r := make([]float64, n), make([]float64, n), make([]float64, n)
	res, err := new(krylov.MINRES).Solve(ctx, a, x, b, nil)
	t.Logf("minres, random b: %v after %d iterations, residual %.3g", res.Status, res.Iterations, res.TrueResidual/res.RHSNorm)
	if !errors.Is(err, krylov.Inconsistent) {
		t.Errorf("random b: %v", err)
	}
	rest := res.TrueResidual
	qlp := &krylov.MINRES{MinLength: true}
	res, err = qlp.Solve(ctx, a, x, b, nil)
	t.Logf("minres-qlp, random b: %v after %d iterations, %d products, residual %.3g", res.Status, res.Iterations, res.Products, res.TrueResidual/res.RHSNorm)
	if res.Status != krylov.LeastSquares || math.Abs(res.TrueResidual-rest) > 1e-9*rest {
		t.Errorf("minres-qlp: %v, residual %v, minres has %v: %v", res.Status, res.TrueResidual, rest, err)
	}
	_ = a.Apply(ctx, ab, x)
	for i := range r {
		r[i] = b[i] - ab[i]
	}
	_ = a.Apply(ctx, ab, r)
	if got := norm(ab) / norm(r); got > 1e-7 {
		t.Errorf("‖A·r‖/‖r‖ = %v", got)
	}
	if got := math.Abs(inner(r, x)) / norm(r) / norm(x); got > 1e-9 {
		t.Errorf("x has the part %v along the null vector", got)
	}
	_ = a.Apply(ctx, ab, b)
	for _, m := range []*krylov.MINRES{{}, {MinLength: true}} {
		res, err = m.Solve(ctx, a, x, ab, nil)
		t.Logf("%v, solvable: %v after %d iterations", m, res.Status, res.Iterations)
		if err != nil || math.Abs(inner(r, x)) > 1e-9*norm(r)*norm(x) {
			t.Errorf("%v, solvable: %v, part along the null vector %v", m, err, inner(r, x)/norm(r)/norm(x))
		}
	}
}

func inner(x, y []float64) (s float64) {
	for i := range x {
		s += x[i] * y[i]
	}
	return s
}

// TestMINRESHardMatrices: matrices on which the textbook gets nowhere are
// reported, not solved.
func TestMINRESHardMatrices(t *testing.T) {
	for _, name := range []string{"reorientation_1", "tumorAntiAngiogenesis_2", "bcsstk14"} {
		a := readTestMatrix(t, name)
		n, _ := a.Dims()
		b := randomVector(rand.New(rand.NewPCG(3, 3)), n)
		limit := 4000
		if raceEnabled {
			limit = 400
		}
		for _, m := range []*krylov.MINRES{{}, {MinLength: true}} {
			x, ax := make([]float64, n), make([]float64, n)
			res, err := m.Solve(context.Background(), a, x, b, &krylov.Settings{MaxIter: limit})
			t.Logf("%s, %v: %v after %d iterations, residual %.3g", name, m, res.Status, res.Iterations, res.TrueResidual/res.RHSNorm)
			_ = a.Apply(context.Background(), ax, x)
			if got := distance(ax, b); got > 1.001*norm(b) || math.Abs(got-res.TrueResidual) > 1e-6*norm(b) {
				t.Errorf("%s, %v: residual %v, reported %v, ‖b‖ = %v", name, m, got, res.TrueResidual, norm(b))
			}
			if (err == nil) != res.Status.Success() || res.Status == krylov.Converged && res.TrueResidual > 1.0001e-8*norm(b) {
				t.Errorf("%s, %v: %v, %v", name, m, res.Status, err)
			}
		}
	}
}

// TestMINRESRandom: any spectrum with zeros in it, any right-hand side.
func TestMINRESRandom(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(rt, "n")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		decades := rapid.Float64Range(0, 3).Draw(rt, "decades")
		values := make([]float64, n)
		for i := range values {
			values[i] = math.Pow(10, -decades*rng.Float64())
			if rng.IntN(2) == 0 {
				values[i] = -values[i]
			}
			if rng.IntN(5) == 0 {
				values[i] = 0
			}
		}
		s := newSpectral(rng, values)
		identity := func(v float64) float64 { return v }
		b := randomVector(rng, n)
		if rapid.Bool().Draw(rt, "solvable") {
			b = s.mul(identity, b)
		}
		want := s.pinv(b)
		inRange := s.mul(identity, want)
		rest, size := distance(b, inRange), norm(b)
		const rtol = 1e-10
		for _, m := range []*krylov.MINRES{{}, {MinLength: true}, {MinLength: true, TranCond: 1}} {
			x := make([]float64, n)
			res, err := m.Solve(context.Background(), s.operator(), x, b, &krylov.Settings{RTol: rtol})
			if (err == nil) != res.Status.Success() {
				rt.Fatalf("%v: %v, %v", m, res.Status, err)
			}
			ax := s.mul(identity, x)
			if got := distance(b, ax); math.Abs(got-res.TrueResidual) > 1e-12*(size+norm(ax)) {
				rt.Fatalf("%v: true residual %v, reported %v", m, got, res.TrueResidual)
			}
			switch {
			case size == 0:
			case rest > 1e-8*size && res.Status == krylov.Converged:
				rt.Fatalf("%v: converged on a system without solution", m)
			case rest <= 1e-13*size && res.Status != krylov.Converged:
				rt.Fatalf("%v: %v: %v on a solvable system", m, res.Status, err)
			case rest > 1e-6*size && m.MinLength && res.Status != krylov.LeastSquares:
				rt.Fatalf("%v: %v: %v on a system without solution", m, res.Status, err)
			case rest > 1e-6*size && !m.MinLength && err == nil:
				rt.Fatalf("%v: %v on a system without solution", m, res.Status)
			}
			if err == nil && distance(x, want) > 1e-4*norm(want)+1e-9*size {
				rt.Fatalf("%v, TranCond %v: %v: x is off by %v of %v", m, m.TranCond, res.Status, distance(x, want), norm(want))
			}
			if p := res.Direction; p != nil {
				curvature := inner(p, s.mul(identity, p))
				if math.Abs(norm(p)-1) > 1e-12 || math.Abs(curvature-res.Curvature) > 1e-13 || curvature > 1e-14 {
					rt.Fatalf("%v: direction of length %v and curvature %v, reported %v", m, norm(p), curvature, res.Curvature)
				}
			}
		}
	})
}

// TestMINRESPreconditioned: the answer is that without, for preconditioners
// that are diagonal, say so or not, and of any scale.
func TestMINRESPreconditioned(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	const n = 201
	a := tridiag(n, -1, 0, -1)
	d := make([]float64, n)
	for i := range n {
		a[i*n+i] = 2 + math.Exp(3*rng.NormFloat64())
		if i%7 == 0 {
			a[i*n+i] *= -1
		}
		d[i] = 1 / (1 + math.Abs(a[i*n+i]))
	}
	op := dense(n, a)
	b := randomVector(rng, n)
	var plain int
	for _, scale := range []float64{0, 1, 0x1p300, 0x1p-300} {
		for _, general := range []bool{false, true} {
			s := &krylov.Settings{RTol: 1e-10}
			if scale != 0 {
				ds := make([]float64, n)
				for i := range ds {
					ds[i] = scale * d[i]
				}
				m, err := hvp.NewDiagonal(ds)
				if err != nil {
					t.Fatal(err)
				}
				s.Precond = m
				if general {
					s.Precond = &hvp.Func{Rows: n, Mul: m.Apply, Promise: hvp.SPD}
				}
			}
			for _, m := range []*krylov.MINRES{{}, {MinLength: true, TranCond: 1}} {
				x := make([]float64, n)
				res, err := m.Solve(context.Background(), op, x, b, s)
				t.Logf("scale %g, general %v, %v: %d iterations, %d products", scale, general, m, res.Iterations, res.Products)
				if err != nil || plainResidual(a, x, b) > 1.0001e-10*norm(b) {
					t.Errorf("%v: %v, residual %v", m, err, plainResidual(a, x, b)/norm(b))
				}
				if scale == 0 {
					plain = res.Iterations
				} else if res.Iterations > plain/2 {
					t.Errorf("%v: %d iterations, %d without preconditioner", m, res.Iterations, plain)
				}
				if res.Direction == nil {
					t.Errorf("%v: no direction of negative curvature", m)
				} else {
					checkWitness(t, a, n, res)
				}
			}
		}
	}
}

// TestMINRESRitz: the extreme eigenvalues of the 1-D Laplacian, shifted.
func TestMINRESRitz(t *testing.T) {
	const n, shift = 60, 0.5
	b := randomVector(rand.New(rand.NewPCG(1, 1)), n)
	x := make([]float64, n)
	res, err := (&krylov.MINRES{Shift: shift}).Solve(context.Background(), dense(n, tridiag(n, -1, 2, -1)), x, b, &krylov.Settings{RTol: 1e-12})
	if err != nil {
		t.Fatal(err)
	}
	least, largest := 2-2*math.Cos(math.Pi/(n+1))-shift, 2+2*math.Cos(math.Pi/(n+1))-shift
	if math.Abs(res.MinRitz-least) > 1e-6 || math.Abs(res.MaxRitz-largest) > 1e-6 {
		t.Errorf("Ritz values %v … %v, want %v … %v", res.MinRitz, res.MaxRitz, least, largest)
	}
	if got := plainResidual(tridiag(n, -1, 2-shift, -1), x, b); got > 1.0001e-12*norm(b) {
		t.Errorf("shifted residual %v", got)
	}
	if res.Curvature >= 0 || res.Curvature < least-1e-12 {
		t.Errorf("curvature %v, the least eigenvalue is %v", res.Curvature, least)
	}
	for _, m := range []*krylov.MINRES{{Shift: math.NaN()}, {Shift: math.Inf(1)}, {TranCond: -1}, {TranCond: math.NaN()}} {
		if _, err := m.Solve(context.Background(), dense(n, tridiag(n, -1, 2, -1)), x, b, nil); !errors.Is(err, krylov.InvalidInput) {
			t.Errorf("%+v: %v", m.Shift, err)
		}
	}
}

func TestMINRESString(t *testing.T) {
	m := &krylov.MINRES{}
	for _, c := range []struct {
		minLength bool
		shift     float64
		want      string
	}{{false, 0, "minres"}, {true, 0, "minres-qlp"}, {true, 0.5, "minres-qlp shift=0.5"}, {false, 0.5, "minres shift=0.5"}, {false, -2, "minres shift=-2"}} {
		m.MinLength, m.Shift = c.minLength, c.shift
		if got := m.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestMINRESNotSymmetric: no answer for an operator, or with a preconditioner,
// that is not symmetric, unless it is right.
func TestMINRESNotSymmetric(t *testing.T) {
	for _, c := range hardCases() {
		if c.symmetric {
			continue
		}
		n := len(c.b)
		for _, m := range []*krylov.MINRES{{}, {MinLength: true}} {
			x := make([]float64, n)
			res, err := m.Solve(context.Background(), dense(n, c.a), x, c.b, nil)
			if !errors.Is(err, krylov.NotSymmetric) {
				t.Errorf("%s, %v: %v, %v", c.name, m, res.Status, err)
			}
		}
	}
	a := stencil5(t, 12, 0)
	n, _ := a.Dims()
	pre := &hvp.Func{Rows: n, Promise: hvp.SPD, Mul: func(_ context.Context, dst, x []float64) error {
		sum := 0.0
		for i, v := range x {
			sum += v
			dst[i] = v + 0.3*sum
		}
		return nil
	}}
	_, err := new(krylov.MINRES).Solve(context.Background(), a, make([]float64, n), sine(n), &krylov.Settings{Precond: pre})
	if !errors.Is(err, krylov.NotSymmetric) {
		t.Errorf("preconditioner that is not symmetric: %v", err)
	}
}

// TestMINRESWithAndWithoutPrecond: one workspace serves solves with and without a
// preconditioner in any order, with the same bits as a new one.
func TestMINRESWithAndWithoutPrecond(t *testing.T) {
	a := stencil5(t, 12, 0)
	n, _ := a.Dims()
	pre := &hvp.Func{Rows: n, Promise: hvp.SPD, Mul: func(_ context.Context, dst, x []float64) error {
		for i, v := range x {
			dst[i] = v / float64(1+i%5)
		}
		return nil
	}}
	used := new(krylov.MINRES)
	for k, m := range []hvp.Operator{pre, nil, pre, nil, pre} {
		s := &krylov.Settings{Precond: m, RTol: 1e-10}
		x, want := make([]float64, n), make([]float64, n)
		if _, err := used.Solve(t.Context(), a, x, sine(n), s); err != nil {
			t.Fatalf("solve %d: %v", k, err)
		}
		if _, err := new(krylov.MINRES).Solve(t.Context(), a, want, sine(n), s); err != nil {
			t.Fatal(err)
		}
		for i, v := range want {
			if x[i] != v {
				t.Fatalf("solve %d: x[%d] = %v, with a new workspace %v", k, i, x[i], v)
			}
		}
	}
}

// TestMINRESSameBits: for odd sizes and an indefinite operator, in QLP mode too.
func TestMINRESSameBits(t *testing.T) {
	for _, m := range []int{1, 45, 46, 91} {
		a := stencil5(t, m, 0)
		n, _ := a.Dims()
		hidden := &hvp.Func{Rows: n, Mul: a.Apply}
		for _, op := range []hvp.Operator{a, hidden} {
			for _, tran := range []float64{0, 1} {
				var want []float64
				var ref krylov.Result
				for _, workers := range []int{1, 2, 3, 7} {
					x := make([]float64, n)
					mr := &krylov.MINRES{MinLength: tran != 0, TranCond: tran, Shift: 0.1}
					res, _ := mr.Solve(context.Background(), op, x, sine(n + 1)[1:], &krylov.Settings{Workers: workers, MaxIter: 150})
					if want == nil {
						want, ref = x, res
					} else if !slices.Equal(x, want) || res.TrueResidual != ref.TrueResidual || res.Curvature != ref.Curvature {
						t.Errorf("n = %d, TranCond %g: %d workers change the result", n, tran, workers)
					}
				}
			}
		}
	}
}

// TestMINRESMemory asserts the number of n-vectors that the doc comment states.
func TestMINRESMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const m = 500 // the tridiagonal matrix, two numbers per iteration, is not to count
	a := stencil5(t, m, 1)
	n, _ := a.Dims()
	jacobi, _ := hvp.NewDiagonal(constant(n, 0.2))
	hidden := &hvp.Func{Rows: n, Mul: jacobi.Apply, Promise: hvp.SPD}
	b, x := sine(n), make([]float64, n)
	for _, c := range []struct {
		pre  hvp.Operator
		want float64
	}{{nil, 5}, {jacobi, 5}, {hidden, 7}} {
		var res krylov.Result
		before := allocated()
		for range 4 {
			var err error
			if res, err = new(krylov.MINRES).Solve(context.Background(), a, x, b, &krylov.Settings{Precond: c.pre}); err != nil {
				t.Fatal(err)
			}
		}
		got := float64(allocated()-before) / 4 / float64(8*n)
		if got < c.want || got > 1.02*c.want {
			t.Errorf("precond %T: %.3f n-vectors, documented %v", c.pre, got, c.want)
		}
		words := map[float64]int64{5: 11, 7: 16}[c.want]
		if c.pre == jacobi {
			words = 12
		}
		if per := res.Bytes / int64(res.Iterations) / int64(8*n); per != words {
			t.Errorf("precond %T: traffic of %d n-vectors per iteration, documented %d", c.pre, per, words)
		}
	}
}

// allocated returns the bytes allocated since the program began.
func allocated() uint64 {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.TotalAlloc
}

// TestMINRESScaledLaplacian: b is a null vector up to rounding errors, which the
// first product cannot tell from a small eigenvalue.
func TestMINRESScaledLaplacian(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	const n = 300
	a := make([]float64, n*n)
	for range 4 * n {
		i, j, w := rng.IntN(n), rng.IntN(n), rng.Float64()
		if i == j {
			continue
		}
		a[i*n+j] -= w
		a[j*n+i] -= w
		a[i*n+i] += w
		a[j*n+j] += w
	}
	for _, m := range []*krylov.MINRES{{}, {MinLength: true}} {
		x := make([]float64, n)
		res, err := m.Solve(context.Background(), dense(n, a), x, constant(n, 0.1), nil)
		t.Logf("%v: %v after %d iterations, ‖x‖ = %.3g: %v", m, res.Status, res.Iterations, norm(x), err)
		if want := map[bool]krylov.Status{false: krylov.Inconsistent, true: krylov.LeastSquares}[m.MinLength]; res.Status != want || norm(x) > 1e-6 {
			t.Errorf("%v: %v, ‖x‖ = %v; want %v and 0", m, res.Status, norm(x), want)
		}
	}
}
