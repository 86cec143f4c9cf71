package krylov_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
)

// dense returns a dense row-major n×n operator that promises nothing.
func dense(n int, a []float64) *hvp.Func {
	mul := func(dst, x []float64, trans bool) {
		clear(dst)
		for i := range n {
			for j := range n {
				if trans {
					dst[j] += a[i*n+j] * x[i]
				} else {
					dst[i] += a[i*n+j] * x[j]
				}
			}
		}
	}
	return &hvp.Func{
		Rows:     n,
		Mul:      func(_ context.Context, dst, x []float64) error { mul(dst, x, false); return nil },
		MulTrans: func(_ context.Context, dst, x []float64) error { mul(dst, x, true); return nil },
	}
}

func diag(d ...float64) []float64 {
	n := len(d)
	a := make([]float64, n*n)
	for i, v := range d {
		a[i*n+i] = v
	}
	return a
}

func tridiag(n int, lo, mid, hi float64) []float64 {
	a := make([]float64, n*n)
	for i := range n {
		a[i*n+i] = mid
		if i > 0 {
			a[i*n+i-1] = lo
		}
		if i < n-1 {
			a[i*n+i+1] = hi
		}
	}
	return a
}

func constant(n int, v float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = v
	}
	return x
}

// pathLaplacian is the graph Laplacian of a path of n nodes: singular, with
// null space spanned by the ones.
func pathLaplacian(n int) []float64 {
	a := tridiag(n, -1, 2, -1)
	a[0], a[n*n-1] = 1, 1
	return a
}

type hardCase struct {
	name      string
	a         []float64
	b         []float64
	symmetric bool
	solvable  bool // some x solves it
}

// hardCases are those of the list of hard systems that every solver must
// report honestly: converged and right, or a named failure.
func hardCases() []hardCase {
	nan, inf := math.NaN(), math.Inf(1)
	zeros := func(n int) []float64 { return make([]float64, n) }
	laplaceRHS := []float64{1, -2, 3, 1, -4, 1} // sums to zero: consistent
	return []hardCase{
		{"swap", []float64{0, 1, 1, 0}, []float64{1, 0}, true, true},
		{"rotation", []float64{0, 1, -1, 0}, []float64{1, 2}, false, true},
		{"zero b'Ab", diag(1, -1, 0, 0), []float64{1, 1, 0, 0}, true, true},
		{"nilpotent", []float64{0, 1, 0, 1, 0, 0, 0, 0, 0}, []float64{1, 0, 0}, true, true},
		{"nilpotent shift", []float64{0, 1, 0, 0, 0, 1, 0, 0, 0}, []float64{1, 0, 0}, false, true},
		{"inconsistent", diag(0, 1, 1, 1, 1), constant(5, 1), true, false},
		{"zero operator", zeros(9), []float64{1, 2, 3}, true, false},
		{"singular Laplacian", pathLaplacian(6), laplaceRHS, true, true},
		{"singular Laplacian inconsistent", pathLaplacian(6), constant(6, 1), true, false},
		{"indefinite tridiagonal", tridiag(30, 1, -4, 1), constant(30, 1), true, true},
		{"tridiag(1,1,1)-5I", tridiag(50, 1, 1-5, 1), constant(50, 1), true, true},
		{"NaN operator", diag(1, nan, 2), constant(3, 1), true, false},
		{"Inf operator", diag(1, inf, 2), constant(3, 1), true, false},
		{"NaN b", diag(1, 2, 3), []float64{1, nan, 2}, true, false},
		{"Inf b", diag(1, 2, 3), []float64{1, inf, 2}, true, false},
		{"b = 0", diag(1, 2, 3), zeros(3), true, true},
		{"n = 1", []float64{3}, []float64{6}, true, true},
		{"n = 1 negative", []float64{-3}, []float64{6}, true, true},
		{"n = 1 singular", []float64{0}, []float64{6}, true, false},
		{"n = 0", nil, nil, true, true},
		{"identity", diag(1, 1, 1, 1), []float64{1, 2, 3, 4}, true, true},
		{"huge spread", diag(1e-200, 1, 1e200), []float64{1, 1, 1}, true, true},
		{"skew", []float64{0, 1, 0, -1, 0, 2, 0, -2, 0}, []float64{1, 0, 2}, false, false},
		{"triangular", tridiag(40, 0, 1, 0.9), constant(40, 1), false, true},
		{"defective", []float64{1, 1, 0, 0, 1, 1, 0, 0, 1}, []float64{1, 2, 3}, false, true},
	}
}

// plainResidual is ‖b − A·x‖ by a loop of its own.
func plainResidual(a, x, b []float64) float64 {
	n := len(b)
	r := slices.Clone(b)
	for i := range n {
		for j := range n {
			r[i] -= a[i*n+j] * x[j]
		}
	}
	return norm(r)
}

// norm is ‖x‖ for numbers of any size.
func norm(x []float64) float64 {
	scale, sum := 0.0, 0.0
	for _, v := range x {
		scale = max(scale, math.Abs(v))
	}
	if scale == 0 || math.IsNaN(scale) || math.IsInf(scale, 0) {
		return scale
	}
	for _, v := range x {
		sum += (v / scale) * (v / scale)
	}
	return scale * math.Sqrt(sum)
}

// newMethod returns a fresh method by name.
func newMethod(t testing.TB, name string) krylov.Method {
	t.Helper()
	m, err := krylov.New(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// checkHonest fails unless the outcome is one that a user may trust.
func checkHonest(t *testing.T, a, x, b []float64, rtol float64, res krylov.Result, err error) {
	t.Helper()
	if (err == nil) != res.Status.Success() {
		t.Errorf("status %v with error %v", res.Status, err)
	}
	if err != nil {
		if !errors.Is(err, res.Status) {
			t.Errorf("error %v is not its status %v", err, res.Status)
		}
		var e *krylov.Error
		if !errors.As(err, &e) {
			t.Errorf("error of type %T", err)
		}
	}
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("status %v leaves x[%d] = %v", res.Status, i, v)
			break
		}
	}
	if res.Status == krylov.Converged {
		if got, want := plainResidual(a, x, b), rtol*norm(b); !(got <= want*(1+1e-6)) {
			t.Errorf("converged with residual %v, asked for %v", got, want)
		}
	}
}

func TestHardSystems(t *testing.T) {
	const rtol = 1e-10
	for _, name := range krylov.Methods() {
		for _, c := range hardCases() {
			promises := []hvp.Structure{0}
			if c.symmetric {
				// A wrong promise must not make a wrong answer.
				promises = append(promises, hvp.Symmetric, hvp.SPD)
			}
			for _, promise := range promises {
				for _, pre := range []string{"", "identity", "negative", "indefinite", "NaN", "zero"} {
					label := fmt.Sprintf("%s/%s/promise %v/precond %s", name, c.name, promise, pre)
					t.Run(label, func(t *testing.T) {
						n := len(c.b)
						op := dense(n, c.a)
						op.Promise = promise
						s := &krylov.Settings{RTol: rtol, MaxIter: 500}
						if pre != "" {
							s.Precond = diagonalFunc(n, pre)
						}
						x := constant(n, 1)
						b := slices.Clone(c.b)
						res, err := newMethod(t, name).Solve(context.Background(), op, x, b, s)
						checkHonest(t, c.a, x, c.b, rtol, res, err)
						for i := range b {
							if b[i] != c.b[i] && !math.IsNaN(b[i]) {
								t.Fatalf("b was modified")
							}
						}
						if res.Status == krylov.Converged && !c.solvable {
							t.Errorf("converged on a system without solution")
						}
						if res.Status == krylov.LeastSquares {
							checkLeastSquares(t, c.a, x, c.b)
						}
						if res.Status == krylov.NegativeCurvature || res.Direction != nil {
							checkWitness(t, c.a, n, res)
						}
					})
				}
			}
		}
	}
}

// diagonalFunc is a diagonal preconditioner that does not say that it is one.
func diagonalFunc(n int, kind string) hvp.Operator {
	return &hvp.Func{Rows: n, Promise: hvp.Symmetric, Mul: func(_ context.Context, dst, x []float64) error {
		for i, v := range x {
			switch {
			case kind == "negative":
				v = -v
			case kind == "indefinite" && i%2 == 1:
				v = -2 * v
			case kind == "NaN" && i == n-1:
				v = math.NaN()
			case kind == "zero":
				v = 0
			}
			dst[i] = v
		}
		return nil
	}}
}

// checkLeastSquares verifies Aᵀ(b − A·x) = 0.
func checkLeastSquares(t *testing.T, a, x, b []float64) {
	t.Helper()
	n := len(b)
	r := slices.Clone(b)
	for i := range n {
		for j := range n {
			r[i] -= a[i*n+j] * x[j]
		}
	}
	ar := make([]float64, n)
	for i := range n {
		for j := range n {
			ar[j] += a[i*n+j] * r[i]
		}
	}
	if got, size := norm(ar), norm(a)*norm(r); !(got <= 1e-7*size) {
		t.Errorf("least squares with ‖Aᵀr‖ = %v, ‖A‖‖r‖ = %v", got, size)
	}
}

// checkWitness verifies that the direction has the curvature reported, and
// that it is not positive.
func checkWitness(t *testing.T, a []float64, n int, res krylov.Result) {
	t.Helper()
	p := res.Direction
	if len(p) != n {
		t.Fatalf("negative curvature without a direction")
	}
	got, size := 0.0, 0.0
	for i := range n {
		for j := range n {
			got += p[i] * a[i*n+j] * p[j]
			size += math.Abs(p[i] * a[i*n+j] * p[j])
		}
	}
	if math.Abs(got-res.Curvature) > 1e-12*size || got > 1e-12*size {
		t.Errorf("direction has curvature %v, reported %v", got, res.Curvature)
	}
}

// TestScaleInvariance: scaling A or b by powers of two up to 2^±498 ≈ 1e±150
// changes the solution by the exact factor and nothing else.
func TestScaleInvariance(t *testing.T) {
	const n = 60
	rng := rand.New(rand.NewPCG(1, 1))
	a := tridiag(n, -1, 2.1, -1)
	b := make([]float64, n)
	for i := range b {
		b[i] = rng.NormFloat64()
	}
	for _, name := range krylov.Methods() {
		solve := func(ea, eb int) ([]float64, krylov.Result) {
			as, bs := slices.Clone(a), slices.Clone(b)
			for i := range as {
				as[i] = math.Ldexp(as[i], ea)
			}
			for i := range bs {
				bs[i] = math.Ldexp(bs[i], eb)
			}
			op := dense(n, as)
			op.Promise = hvp.SPD
			x := make([]float64, n)
			res, err := newMethod(t, name).Solve(context.Background(), op, x, bs, &krylov.Settings{RTol: 1e-10})
			if err != nil {
				t.Errorf("%s: A·2^%d, b·2^%d: %v", name, ea, eb, err)
			}
			return x, res
		}
		want, ref := solve(0, 0)
		for _, e := range [][2]int{{498, 0}, {-498, 0}, {0, 498}, {0, -498}, {498, -498}, {-498, 498}, {498, 498}, {-498, -498}, {3, 5}} {
			got, res := solve(e[0], e[1])
			if res.Iterations != ref.Iterations {
				t.Errorf("%s: A·2^%d, b·2^%d: %d iterations, want %d", name, e[0], e[1], res.Iterations, ref.Iterations)
			}
			worst := 0.0
			for i := range got {
				// Divide first: the factor itself may be out of range.
				g := math.Ldexp(math.Ldexp(got[i], -e[1]), e[0])
				worst = max(worst, math.Abs(g-want[i])/(1e-300+math.Abs(want[i])))
			}
			if worst > 1e-9 {
				t.Errorf("%s: A·2^%d, b·2^%d: x differs by %.2g", name, e[0], e[1], worst)
			}
		}
	}
}

// stencil5 is the 5-point matrix of an m×m grid plus shift on the diagonal.
func stencil5(t testing.TB, m int, shift float64) *hvp.CSR {
	t.Helper()
	var i, j []int32
	var v []float64
	add := func(r, c int, x float64) { i, j, v = append(i, int32(r)), append(j, int32(c)), append(v, x) }
	for r := range m {
		for c := range m {
			k := r*m + c
			add(k, k, 4+shift)
			if r > 0 {
				add(k, k-m, -1)
			}
			if r < m-1 {
				add(k, k+m, -1)
			}
			if c > 0 {
				add(k, k-1, -1)
			}
			if c < m-1 {
				add(k, k+1, -1)
			}
		}
	}
	a, err := hvp.NewCSRFromTriplets(m*m, m*m, i, j, v)
	if err != nil {
		t.Fatal(err)
	}
	if a, err = a.Promise(hvp.SPD); err != nil {
		t.Fatal(err)
	}
	return a
}

func sine(n int) []float64 {
	b := make([]float64, n)
	for i := range b {
		b[i] = math.Sin(0.01 * float64(i))
	}
	return b
}

// TestSameBitsForAnyWorkers is a promise of the package.
func TestSameBitsForAnyWorkers(t *testing.T) {
	a := stencil5(t, 101, 0.3)
	n, _ := a.Dims()
	b := sine(n)
	d := make([]float64, n)
	for i := range d {
		d[i] = 1 / (4.3 + 0.1*math.Sin(float64(i)))
	}
	jacobi, err := hvp.NewDiagonal(d)
	if err != nil {
		t.Fatal(err)
	}
	hidden := &hvp.Func{Rows: n, Mul: jacobi.Apply, Promise: hvp.SPD}
	for _, name := range krylov.Methods() {
		for _, pre := range []hvp.Operator{nil, jacobi, hidden} {
			var want []float64
			for _, workers := range []int{1, 2, 3, 7} {
				x := make([]float64, n)
				_, err := newMethod(t, name).Solve(context.Background(), a, x, b, &krylov.Settings{Precond: pre, Workers: workers})
				if err != nil {
					t.Fatalf("%s, %d workers: %v", name, workers, err)
				}
				if want == nil {
					want = x
				} else if !slices.Equal(x, want) {
					t.Errorf("%s, precond %T: %d workers change the result", name, pre, workers)
				}
			}
		}
	}
}

// TestNoAllocation: the second solve of a size allocates nothing.
func TestNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools at random")
	}
	a := stencil5(t, 60, 0.1)
	n, _ := a.Dims()
	b, x := sine(n), make([]float64, n)
	jacobi, _ := hvp.NewDiagonal(constant(n, 0.25))
	hidden := &hvp.Func{Rows: n, Mul: jacobi.Apply, Promise: hvp.SPD}
	for _, name := range krylov.Methods() {
		for _, pre := range []hvp.Operator{nil, jacobi, hidden} {
			for _, workers := range []int{0, 2} {
				m := newMethod(t, name)
				s := &krylov.Settings{Precond: pre, Workers: workers, History: true}
				solve := func() {
					if _, err := m.Solve(context.Background(), a, x, b, s); err != nil {
						t.Fatal(err)
					}
				}
				solve()
				// Below one: a garbage collection in between may empty a pool.
				if got := testing.AllocsPerRun(10, solve); got >= 1 {
					t.Errorf("%s, precond %T, %d workers: %v allocations per solve", name, pre, workers, got)
				}
			}
		}
	}
}

func TestCancellation(t *testing.T) {
	a := stencil5(t, 40, 0)
	n, _ := a.Dims()
	for _, name := range krylov.Methods() {
		for _, after := range []int{0, 1, 2, 5} {
			ctx, cancel := context.WithCancel(context.Background())
			products := 0
			late := 0
			op := &hvp.Func{Rows: n, Promise: hvp.SPD, Mul: func(c context.Context, dst, x []float64) error {
				if products >= after {
					cancel()
				}
				if ctx.Err() != nil {
					late++
				}
				products++
				return a.Apply(c, dst, x)
			}}
			if after == 0 {
				cancel()
			}
			x := make([]float64, n)
			res, err := newMethod(t, name).Solve(ctx, op, x, sine(n), nil)
			if res.Status != krylov.Canceled || !errors.Is(err, context.Canceled) || !errors.Is(err, krylov.Canceled) {
				t.Errorf("%s: status %v, error %v", name, res.Status, err)
			}
			if late > 1 {
				t.Errorf("%s: %d products after cancellation", name, late)
			}
			cancel()
		}
	}
}

func TestOperatorErrorComesBack(t *testing.T) {
	cause := errors.New("disk on fire")
	a := stencil5(t, 20, 0)
	n, _ := a.Dims()
	for _, name := range krylov.Methods() {
		for _, after := range []int{0, 1, 7} {
			calls := 0
			failing := func(c context.Context, dst, x []float64) error {
				if calls++; calls > after {
					return cause
				}
				return a.Apply(c, dst, x)
			}
			op := &hvp.Func{Rows: n, Promise: hvp.SPD, Mul: failing}
			res, err := newMethod(t, name).Solve(context.Background(), op, make([]float64, n), sine(n), nil)
			if res.Status != krylov.OperatorFailed || !errors.Is(err, cause) {
				t.Errorf("%s: status %v, error %v", name, res.Status, err)
			}
			calls = 0
			pre := &hvp.Func{Rows: n, Promise: hvp.SPD, Mul: func(c context.Context, dst, x []float64) error {
				if calls++; calls > after {
					return cause
				}
				copy(dst, x)
				return nil
			}}
			res, err = newMethod(t, name).Solve(context.Background(), a, make([]float64, n), sine(n), &krylov.Settings{Precond: pre})
			if res.Status != krylov.PreconditionerFailed || !errors.Is(err, cause) {
				t.Errorf("%s: failing preconditioner: status %v, error %v", name, res.Status, err)
			}
		}
	}
}

func TestLimitsAndMonitor(t *testing.T) {
	a := stencil5(t, 60, 0)
	n, _ := a.Dims()
	b := sine(n)
	stop := errors.New("enough")
	for _, name := range krylov.Methods() {
		x := make([]float64, n)
		seen := 0
		res, err := newMethod(t, name).Solve(context.Background(), a, x, b, &krylov.Settings{MaxIter: 7, History: true, Monitor: func(p krylov.Progress) error {
			seen++
			if p.Iteration != seen || !(p.Residual > 0) || !(p.Tolerance > 0) {
				t.Errorf("%s: progress %+v at call %d", name, p, seen)
			}
			return nil
		}})
		if res.Status != krylov.IterationLimit || res.Iterations != 7 || seen != 7 || len(res.History) != 8 || !errors.Is(err, krylov.IterationLimit) {
			t.Errorf("%s: %v after %d iterations, %d calls, %d residuals: %v", name, res.Status, res.Iterations, seen, len(res.History), err)
		}
		if math.Abs(res.TrueResidual-res.Residual) > 1e-8*res.Residual {
			t.Errorf("%s: true residual %v, recurrence %v", name, res.TrueResidual, res.Residual)
		}
		if res.TrueResidual >= res.RHSNorm {
			t.Errorf("%s: seven iterations took the residual from %v to %v", name, res.RHSNorm, res.TrueResidual)
		}
		res, err = newMethod(t, name).Solve(context.Background(), a, x, b, &krylov.Settings{Monitor: func(p krylov.Progress) error {
			if p.Iteration == 3 {
				return stop
			}
			return nil
		}})
		if res.Status != krylov.Stopped || !errors.Is(err, stop) || res.Iterations != 3 {
			t.Errorf("%s: monitor: %v after %d: %v", name, res.Status, res.Iterations, err)
		}
		res, _ = newMethod(t, name).Solve(context.Background(), a, x, b, &krylov.Settings{MaxTime: time.Nanosecond})
		if res.Status != krylov.TimeLimit {
			t.Errorf("%s: time limit: %v", name, res.Status)
		}
	}
}

func TestGuess(t *testing.T) {
	a := stencil5(t, 30, 0.1)
	n, _ := a.Dims()
	b := sine(n)
	for _, name := range krylov.Methods() {
		x := make([]float64, n)
		m := newMethod(t, name)
		cold, err := m.Solve(context.Background(), a, x, b, &krylov.Settings{RTol: 1e-10})
		if err != nil {
			t.Fatal(err)
		}
		again := slices.Clone(x)
		res, err := m.Solve(context.Background(), a, again, b, &krylov.Settings{RTol: 1e-10, Guess: true})
		if err != nil || res.Iterations != 0 || !slices.Equal(again, x) {
			t.Errorf("%s: exact guess: %d iterations, %v", name, res.Iterations, err)
		}
		// A guess that is wrong by a factor costs nothing: it is scaled.
		for i := range again {
			again[i] = -1e6 * x[i]
		}
		res, err = m.Solve(context.Background(), a, again, b, &krylov.Settings{RTol: 1e-9, Guess: true})
		if err != nil || res.Iterations > 2 {
			t.Errorf("%s: scaled guess: %d iterations (cold %d), %v", name, res.Iterations, cold.Iterations, err)
		}
		copy(again, constant(n, 1))
		res, err = m.Solve(context.Background(), a, again, make([]float64, n), &krylov.Settings{Guess: true})
		if err != nil || slices.Max(again) != 0 || slices.Min(again) != 0 {
			t.Errorf("%s: b = 0 with a guess: %v, %v", name, res.Status, err)
		}
		again[3] = math.NaN()
		res, err = m.Solve(context.Background(), a, again, b, &krylov.Settings{Guess: true})
		if !errors.Is(err, krylov.NonFinite) || again[3] != 0 {
			t.Errorf("%s: NaN guess: %v, %v", name, res.Status, err)
		}
	}
}

func TestInvalidInput(t *testing.T) {
	a := stencil5(t, 3, 0)
	ones := constant(9, 1)
	for _, name := range krylov.Methods() {
		for _, c := range []struct {
			what string
			a    hvp.Operator
			x, b []float64
			s    *krylov.Settings
		}{
			{"nil operator", nil, ones, ones, nil},
			{"short x", a, ones[:8], ones, nil},
			{"long b", a, ones, constant(10, 1), nil},
			{"negative rtol", a, ones, ones, &krylov.Settings{RTol: -1}},
			{"NaN rtol", a, ones, ones, &krylov.Settings{RTol: math.NaN()}},
			{"negative limit", a, ones, ones, &krylov.Settings{MaxIter: -1}},
			{"wrong preconditioner", a, ones, ones, &krylov.Settings{Precond: dense(2, diag(1, 1))}},
		} {
			res, err := newMethod(t, name).Solve(context.Background(), c.a, slices.Clone(c.x), c.b, c.s)
			if res.Status != krylov.InvalidInput || !errors.Is(err, krylov.InvalidInput) {
				t.Errorf("%s: %s: status %v, error %v", name, c.what, res.Status, err)
			}
		}
	}
}
