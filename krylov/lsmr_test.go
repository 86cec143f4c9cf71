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

	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
)

// pseudoSolve returns A⁺b for a dense row-major m×n matrix, by its singular
// values; those below 1e-12 of the largest are zero.
func pseudoSolve(t testing.TB, m, n int, a, b []float64) []float64 {
	t.Helper()
	var svd mat.SVD
	if !svd.Factorize(mat.NewDense(m, n, slices.Clone(a)), mat.SVDThin) {
		t.Fatal("SVD failed")
	}
	s := svd.Values(nil)
	var u, v mat.Dense
	svd.UTo(&u)
	svd.VTo(&v)
	x := make([]float64, n)
	for k, sigma := range s {
		if !(sigma > 1e-12*s[0]) {
			continue
		}
		c := 0.0
		for i, bi := range b {
			c += u.At(i, k) * bi
		}
		for j := range x {
			x[j] += c / sigma * v.At(j, k)
		}
	}
	return x
}

// rectangular is a dense row-major m×n operator that promises nothing.
func rectangular(m, n int, a []float64) *hvp.Func {
	mul := func(dst, x []float64, trans bool) {
		clear(dst)
		for i := range m {
			for j := range n {
				if trans {
					dst[j] += a[i*n+j] * x[i]
				} else {
					dst[i] += a[i*n+j] * x[j]
				}
			}
		}
	}
	return &hvp.Func{Rows: m, Cols: n,
		Mul:      func(_ context.Context, dst, x []float64) error { mul(dst, x, false); return nil },
		MulTrans: func(_ context.Context, dst, x []float64) error { mul(dst, x, true); return nil }}
}

func TestLSMRHardSystems(t *testing.T) {
	for _, c := range hardCases() {
		n := len(c.b)
		x := constant(n, 1)
		var l krylov.LSMR
		res, _ := l.Solve(context.Background(), dense(n, c.a), x, c.b, &krylov.Settings{RTol: 1e-10})
		switch {
		case res.Status == krylov.NonFinite || c.name == "huge spread":
			// cond = 1e400: any failure is right, and no success is.
			if res.Status.Success() {
				t.Errorf("%s: %v", c.name, res.Status)
			}
			continue
		case c.solvable && res.Status != krylov.Converged, !c.solvable && res.Status != krylov.LeastSquares:
			t.Errorf("%s: solvable %v, status %v", c.name, c.solvable, res.Status)
		case n > 0:
			want := pseudoSolve(t, n, n, c.a, c.b)
			if d := distance(x, want); d > 1e-8*norm(want)+1e-13*norm(c.b) {
				t.Errorf("%s: x = %v, the pseudo-inverse gives %v", c.name, x, want)
			}
		}
	}
}

// product returns the m×n product of Gaussian m×rank and rank×n matrices.
func product(rng *rand.Rand, m, n, rank int) []float64 {
	a := make([]float64, m*n)
	for range rank {
		u, v := gaussian(rng, m), gaussian(rng, n)
		for i := range a {
			a[i] += u[i/n] * v[i%n]
		}
	}
	return a
}

func gaussian(rng *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	return x
}

func TestLSMRRectangular(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	for _, shape := range [][3]int{{40, 12, 12}, {12, 40, 12}, {25, 25, 25}, {40, 12, 7}, {12, 40, 7}, {20, 20, 9}, {1, 5, 1}, {5, 1, 1}, {30, 20, 1}} {
		m, n, rank := shape[0], shape[1], shape[2]
		a := product(rng, m, n, rank)
		for _, consistent := range []bool{true, false} {
			b := gaussian(rng, m)
			if consistent {
				if err := rectangular(m, n, a).Apply(t.Context(), b, gaussian(rng, n)); err != nil {
					t.Fatal(err)
				}
			}
			for _, damp := range []float64{0, 0.3} {
				// The damped problem is the least-squares problem with λI below A.
				rows, aa, bb := m, a, b
				if damp > 0 {
					rows, aa, bb = m+n, append(slices.Clone(a), make([]float64, n*n)...), append(slices.Clone(b), make([]float64, n)...)
					for j := range n {
						aa[(m+j)*n+j] = damp
					}
				}
				want := pseudoSolve(t, rows, n, aa, bb)
				scaling, _ := hvp.NewDiagonal(scales(rng, n))
				hidden := &hvp.Func{Rows: n, Mul: scaling.Apply, Promise: hvp.SPD}
				for _, pre := range []hvp.Operator{nil, scaling, hidden} {
					if pre != nil && rank < n && damp == 0 {
						continue // another solution, see below
					}
					for _, guess := range []bool{false, true} {
						if guess && rank < n && damp == 0 {
							continue
						}
						label := fmt.Sprintf("%d×%d of rank %d, consistent %v, damp %v, precond %T, guess %v", m, n, rank, consistent, damp, pre, guess)
						x := constant(n, 1)
						l := krylov.LSMR{Damp: damp}
						s := &krylov.Settings{RTol: 1e-11, Precond: pre, Guess: guess}
						res, err := l.Solve(t.Context(), rectangular(m, n, a), x, b, s)
						status := krylov.LeastSquares
						if damp == 0 && (consistent || rank == m) {
							status = krylov.Converged
						}
						if err != nil || res.Status != status {
							t.Errorf("%s: %v, want %v: %v", label, res.Status, status, err)
						}
						tol := 1e-8
						if pre != nil {
							tol = 1e-6 // the gradient is measured in another norm
						}
						if d := distance(x, want); d > tol*norm(want) {
							t.Errorf("%s: x is off by %v of %v", label, d, norm(want))
						}
						if truth := denseResidual(m, n, a, x, b); math.Abs(truth-res.TrueResidual) > 1e-10*(norm(b)+truth) {
							t.Errorf("%s: true residual %v, reported %v", label, truth, res.TrueResidual)
						}
						if e := l.Estimates(); math.Abs(e.NormX-norm(x)) > 1e-12*norm(x) {
							t.Errorf("%s: ‖x‖ = %v, reported %v", label, norm(x), e.NormX)
						}
					}
				}
			}
		}
	}
}

func scales(rng *rand.Rand, n int) []float64 {
	d := make([]float64, n)
	for i := range d {
		d[i] = math.Exp(2 * rng.NormFloat64())
	}
	return d
}

func denseResidual(m, n int, a, x, b []float64) float64 {
	r := slices.Clone(b)
	for i := range m {
		for j := range n {
			r[i] -= a[i*n+j] * x[j]
		}
	}
	return norm(r)
}

// TestLSMRWeightedLength: with a column scaling D the solution of a system
// without full rank is the one of least Σ x²/D: x = D^{1/2}·(A·D^{1/2})⁺·b.
func TestLSMRWeightedLength(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	const m, n, rank = 12, 20, 6
	a, b, d := product(rng, m, n, rank), gaussian(rng, m), scales(rng, n)
	scaled := slices.Clone(a)
	for k := range scaled {
		scaled[k] *= math.Sqrt(d[k%n])
	}
	want := pseudoSolve(t, m, n, scaled, b)
	for j := range want {
		want[j] *= math.Sqrt(d[j])
	}
	scaling, err := hvp.NewDiagonal(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, pre := range []hvp.Operator{scaling, &hvp.Func{Rows: n, Mul: scaling.Apply}} {
		x := make([]float64, n)
		res, err := new(krylov.LSMR).Solve(t.Context(), rectangular(m, n, a), x, b, &krylov.Settings{RTol: 1e-12, Precond: pre})
		if err != nil || res.Status != krylov.LeastSquares || distance(x, want) > 1e-9*norm(want) {
			t.Errorf("precond %T: %v, off by %v of %v: %v", pre, res.Status, distance(x, want), norm(want), err)
		}
	}
}

// TestLSMRIllConditioned: beyond a condition number of 1/RTol, ‖Aᵀr‖ is small
// long before r is. A solvable system must not pass for one without solution.
func TestLSMRIllConditioned(t *testing.T) {
	for _, digits := range []float64{4, 8, 11, 13} {
		for _, n := range []int{5, 40} {
			d := make([]float64, n)
			for i := range d {
				d[i] = math.Pow(10, -digits*float64(i)/float64(n-1))
			}
			for _, rtol := range []float64{1e-4, 1e-8, 1e-11} {
				x, b := make([]float64, n), constant(n, 1)
				res, err := new(krylov.LSMR).Solve(t.Context(), dense(n, diag(d...)), x, b, &krylov.Settings{RTol: rtol, MaxIter: 20000})
				checkHonest(t, diag(d...), x, b, rtol, res, err)
				if res.Status == krylov.LeastSquares {
					t.Errorf("cond 1e%v, n = %d, rtol %v: %v with residual %v after %d iterations", digits, n, rtol, res.Status, res.TrueResidual, res.Iterations)
				}
				if digits <= 8 && res.Status != krylov.Converged {
					t.Errorf("cond 1e%v, n = %d, rtol %v: %v", digits, n, rtol, err)
				}
			}
		}
	}
}

func TestLSMRCondLimit(t *testing.T) {
	a, b := diag(1, 1e-2, 1e-4, 1e-6), constant(4, 1)
	x := make([]float64, 4)
	l := krylov.LSMR{CondLimit: 1e3}
	res, err := l.Solve(t.Context(), dense(4, a), x, b, nil)
	if res.Status != krylov.Stagnated || !errors.Is(err, krylov.Stagnated) || res.Condition() < 1e3 {
		t.Errorf("%v with condition %v: %v", res.Status, res.Condition(), err)
	}
	for _, bad := range []krylov.LSMR{{Damp: -1}, {Damp: math.NaN()}, {Damp: math.Inf(1)}, {CondLimit: -1}} {
		if res, err := bad.Solve(t.Context(), dense(4, a), x, b, nil); res.Status != krylov.InvalidInput || err == nil {
			t.Errorf("%+v: %v", bad.String(), res.Status)
		}
	}
	noTrans := &hvp.Func{Rows: 4, Mul: dense(4, a).Mul}
	if res, err := new(krylov.LSMR).Solve(t.Context(), noTrans, x, b, nil); res.Status != krylov.InvalidInput || err == nil {
		t.Errorf("without a transpose: %v", res.Status)
	}
}

// TestLSMRLimitAtTheEnd: as many iterations as it takes are enough.
func TestLSMRLimitAtTheEnd(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 1))
	a, b, x := gaussian(rng, 30*9), gaussian(rng, 30), make([]float64, 9)
	res, err := new(krylov.LSMR).Solve(t.Context(), rectangular(30, 9, a), x, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	for limit := 1; limit <= res.Iterations; limit++ {
		again := make([]float64, 9)
		res2, err := new(krylov.LSMR).Solve(t.Context(), rectangular(30, 9, a), again, b, &krylov.Settings{MaxIter: limit})
		if limit == res.Iterations && (err != nil || !slices.Equal(x, again)) {
			t.Errorf("limit %d: %v", limit, err)
		}
		if limit < res.Iterations && res2.Status != krylov.IterationLimit {
			t.Errorf("limit %d of %d: %v", limit, res.Iterations, res2.Status)
		}
	}
}

// TestLSMREstimates compares with the singular values.
func TestLSMREstimates(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 1))
	const m, n = 60, 30
	a, b, x := gaussian(rng, m*n), gaussian(rng, m), make([]float64, n)
	var l krylov.LSMR
	res, err := l.Solve(t.Context(), rectangular(m, n, a), x, b, &krylov.Settings{RTol: 1e-12})
	if err != nil {
		t.Fatal(err)
	}
	var svd mat.SVD
	svd.Factorize(mat.NewDense(m, n, a), mat.SVDNone)
	s := svd.Values(nil)
	e := l.Estimates()
	if e.NormA > s[0]*(1+1e-12) || e.NormA < s[0]/3 {
		t.Errorf("‖A‖ is %v, estimated as %v", s[0], e.NormA)
	}
	if cond := s[0] / s[n-1]; e.Cond > cond*1.01 || e.Cond < cond/10 || e.Cond != res.Condition() {
		t.Errorf("cond(A) is %v, estimated as %v", cond, e.Cond)
	}
	if e.Gradient > 1e-12*s[0]*res.TrueResidual {
		t.Errorf("gradient %v", e.Gradient)
	}
}

// TestLSMRMonotone: ‖r‖ never rises.
func TestLSMRMonotone(t *testing.T) {
	a := stencil5(t, 25, 0)
	n, _ := a.Dims()
	x := make([]float64, n)
	res, err := new(krylov.LSMR).Solve(t.Context(), a, x, sine(n), &krylov.Settings{History: true})
	if err != nil || len(res.History) != res.Iterations+1 {
		t.Fatalf("%d residuals of %d iterations: %v", len(res.History), res.Iterations, err)
	}
	for k := 1; k < len(res.History); k++ {
		if res.History[k] > res.History[k-1]*(1+1e-12) {
			t.Fatalf("iteration %d: ‖r‖ rises from %v to %v", k, res.History[k-1], res.History[k])
		}
	}
}

// tallCSR is a sparse m×n matrix of full rank with three entries per row.
func tallCSR(t testing.TB, m, n int) *hvp.CSR {
	t.Helper()
	var i, j []int32
	var v []float64
	for r := range m {
		for k, x := range []float64{2, -1, 0.5} {
			i, j, v = append(i, int32(r)), append(j, int32((r*(k+1)+k)%n)), append(v, x+0.1*math.Sin(float64(r)))
		}
	}
	a, err := hvp.NewCSRFromTriplets(m, n, i, j, v)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestLSMRSameBitsForAnyWorkers(t *testing.T) {
	const m, n = 9000, 4300
	a, b := tallCSR(t, m, n), sine(m)
	d := make([]float64, n)
	for i := range d {
		d[i] = 1 + 0.5*math.Sin(float64(i))
	}
	scaling, _ := hvp.NewDiagonal(d)
	bare := &hvp.Func{Rows: m, Cols: n, Mul: a.Apply, MulTrans: a.ApplyTrans}
	for _, op := range []hvp.Operator{a, bare} {
		for _, damp := range []float64{0, 0.1} {
			for _, pre := range []hvp.Operator{nil, scaling, &hvp.Func{Rows: n, Mul: scaling.Apply}} {
				var want []float64
				for _, workers := range []int{1, 2, 3, 7} {
					l, x := krylov.LSMR{Damp: damp}, make([]float64, n)
					s := &krylov.Settings{Precond: pre, Workers: workers, RTol: 0.02}
					if _, err := l.Solve(t.Context(), op, x, b, s); err != nil {
						t.Fatalf("%T, damp %v, precond %T: %v", op, damp, pre, err)
					}
					if want == nil {
						want = x
					} else if !slices.Equal(x, want) {
						t.Errorf("%T, damp %v, precond %T: %d workers change the result", op, damp, pre, workers)
					}
				}
			}
		}
	}
}

// TestLSMRMemory: the workspace is what the documentation says, and the second
// solve allocates nothing.
func TestLSMRMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools at random")
	}
	const m, n = 60000, 20000
	a, b, x := tallCSR(t, m, n), sine(m), make([]float64, n)
	scaling, _ := hvp.NewDiagonal(constant(n, 0.5))
	if err := a.ApplyTrans(t.Context(), x, b); err != nil { // builds the transpose
		t.Fatal(err)
	}
	for _, c := range []struct {
		damp   float64
		pre    hvp.Operator
		memory int
	}{{0, nil, 2*m + 3*n}, {0, scaling, 2*m + 4*n}, {0.1, nil, 2*m + 4*n}, {0.1, scaling, 2*m + 5*n}} {
		l := krylov.LSMR{Damp: c.damp}
		s := &krylov.Settings{Precond: c.pre, RTol: 0.02}
		solve := func() {
			if _, err := l.Solve(context.Background(), a, x, b, s); err != nil {
				t.Fatal(err)
			}
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		solve()
		runtime.ReadMemStats(&after)
		got, want := float64(after.TotalAlloc-before.TotalAlloc), float64(8*c.memory)
		if math.Abs(got-want) > 0.03*want {
			t.Errorf("damp %v, precond %T: %.0f bytes allocated, want %.0f", c.damp, c.pre, got, want)
		}
		if got := testing.AllocsPerRun(5, solve); got >= 1 {
			t.Errorf("damp %v, precond %T: %v allocations in the second solve", c.damp, c.pre, got)
		}
	}
}
