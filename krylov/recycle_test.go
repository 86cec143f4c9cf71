package krylov_test

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
)

// outlying is the operator diag(d) + u·uᵀ with eigenvalues in [1, 2] but for a few
// small ones, each moved by the factor 1 + shift·(a number for the place); u couples
// the unknowns.
func outlying(n int, shift, scale float64) *hvp.Func {
	rng := rand.New(rand.NewPCG(3, 3))
	d, u := make([]float64, n), make([]float64, n)
	for i := range d {
		d[i] = 1 + rng.Float64()
		if i%(n/6) == 1 {
			d[i] = 1e-5 * float64(1+i*i/n)
		}
		d[i] *= scale * (1 + shift*(rng.Float64()-0.5))
		u[i] = math.Sqrt(scale) * rng.NormFloat64() / math.Sqrt(float64(n)) / 10
	}
	return &hvp.Func{Rows: n, Promise: hvp.SPD,
		Mul: func(_ context.Context, dst, x []float64) error {
			s := 0.0
			for i, v := range x {
				s += u[i] * v
			}
			for i, v := range x {
				dst[i] = d[i]*v + s*u[i]
			}
			return nil
		}}
}

// preconds are M₀ of all kinds that CG tells apart.
func preconds(t testing.TB, n int) map[string]hvp.Operator {
	d := make([]float64, n)
	for i := range d {
		d[i] = 1 + 0.3*math.Sin(float64(i))
	}
	diagonal, err := hvp.NewDiagonal(d)
	if err != nil {
		t.Fatal(err)
	}
	general := &hvp.Func{Rows: n, Promise: hvp.SPD, Mul: func(ctx context.Context, dst, x []float64) error { return diagonal.Apply(ctx, dst, x) }}
	return map[string]hvp.Operator{"none": nil, "diagonal": diagonal, "general": general}
}

func seededVector(n int, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 9))
	x := make([]float64, n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	return x
}

// sequenceOf solves systems with the given operators and new right-hand sides
// through one space and returns the results and the last solution.
func sequenceOf(t testing.TB, space *krylov.Space, m hvp.Operator, workers int, operators ...hvp.Operator) (results []krylov.Result, x []float64) {
	t.Helper()
	var cg krylov.CG
	ctx := hvp.WithWorkers(t.Context(), workers)
	for i, a := range operators {
		n, _ := a.Dims()
		b := seededVector(n, uint64(i))
		x = make([]float64, n)
		s := &krylov.Settings{RTol: 1e-10, Workers: workers, Recycle: space, Precond: space.Precond(n, m)}
		res, err := cg.Solve(ctx, a, x, b, s)
		if err != nil {
			t.Fatalf("solve %d: %v", i, err)
		}
		r := make([]float64, n)
		if err := a.Apply(ctx, r, x); err != nil {
			t.Fatal(err)
		}
		rr, bb := 0.0, 0.0
		for j := range r {
			rr, bb = math.Hypot(rr, r[j]-b[j]), math.Hypot(bb, b[j])
		}
		if rr > 1.01e-10*bb {
			t.Fatalf("solve %d: residual %.2g of %.2g", i, rr, bb)
		}
		if err := space.Update(ctx); err != nil {
			t.Fatal(err)
		}
		results = append(results, res)
	}
	return results, x
}

// TestSpaceDeflates: with seven small eigenvalues out of the way, later solves take
// less than half the iterations, also when the operator has drifted, and no
// products but their own.
func TestSpaceDeflates(t *testing.T) {
	const n = 900
	for name, m := range preconds(t, n) {
		for _, scale := range []float64{1, 0x1p-500, 0x1p500} {
			var products int
			count := func(a *hvp.Func) hvp.Operator {
				mul := a.Mul
				a.Mul = func(ctx context.Context, dst, x []float64) error { products++; return mul(ctx, dst, x) }
				return a
			}
			space := &krylov.Space{Dim: 8, Window: 12}
			results, _ := sequenceOf(t, space, m, 0,
				count(outlying(n, 0, scale)), count(outlying(n, 0, scale)), count(outlying(n, 0.02, scale)), count(outlying(n, 0.04, scale)))
			sum, iterations := len(results), []int{} // one product each by the test
			for _, r := range results {
				sum += r.Products
				iterations = append(iterations, r.Iterations)
			}
			for i, most := range []int{1000, iterations[0] / 2, iterations[0] / 2, iterations[0] * 2 / 3} {
				if iterations[i] > most {
					t.Errorf("%s, scale %.0e: iterations %v", name, scale, iterations)
					break
				}
			}
			if products != sum {
				t.Errorf("%s: %d products, %d reported", name, products, sum)
			}
			if space.Len() != 8 {
				t.Errorf("%s: %d vectors", name, space.Len())
			}
			if wants := name != "none"; (space.PrecondApplies() > 0) != wants {
				t.Errorf("%s: %d applications in reductions", name, space.PrecondApplies())
			}
		}
	}
}

// TestSpaceOfAnotherOperator: whatever is in the space, the preconditioner is
// symmetric positive definite and the answer right.
func TestSpaceOfAnotherOperator(t *testing.T) {
	const n = 600
	ones := &hvp.Func{Rows: n, Promise: hvp.SPD, Mul: func(_ context.Context, dst, x []float64) error {
		for i, v := range x {
			dst[i] = v * float64(1+(i*i)%97)
		}
		return nil
	}}
	for name, m := range preconds(t, n) {
		space := &krylov.Space{Dim: 5}
		sequenceOf(t, space, m, 0, outlying(n, 0, 1), ones, outlying(n, 0, 1e6), ones)
		p := space.Precond(n, m)
		u, v := seededVector(n, 1), seededVector(n, 2)
		pu, pv, pt := make([]float64, n), make([]float64, n), make([]float64, n)
		trans, ok := hvp.Trans(p)
		if !ok {
			t.Fatalf("%s: no transpose", name)
		}
		for _, err := range []error{p.Apply(t.Context(), pu, u), p.Apply(t.Context(), pv, v), trans.ApplyTrans(t.Context(), pt, u)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		dot := func(a, b []float64) (s float64) {
			for i := range a {
				s += a[i] * b[i]
			}
			return s
		}
		if a, b := dot(u, pv), dot(v, pu); math.Abs(a-b) > 1e-12*math.Sqrt(dot(u, u)*dot(pv, pv)) {
			t.Errorf("%s: ⟨u, Mv⟩ = %v, ⟨Mu, v⟩ = %v", name, a, b)
		}
		if !(dot(u, pu) > 0) || !(dot(v, pv) > 0) || !hvp.StructureOf(p).Has(hvp.SPD) {
			t.Errorf("%s: not positive definite", name)
		}
		if !slices.Equal(pt, pu) {
			t.Errorf("%s: the transpose differs", name)
		}
		if err := p.Apply(t.Context(), pu[:3], u); err == nil {
			t.Errorf("%s: wrong length accepted", name)
		}
	}
}

func TestSpaceWorkers(t *testing.T) {
	const n = 4500
	var want []float64
	for _, workers := range []int{1, 2, 3, 7} {
		space := &krylov.Space{Dim: 6}
		_, x := sequenceOf(t, space, preconds(t, n)["general"], workers, outlying(n, 0, 1), outlying(n, 0.01, 1), outlying(n, 0.02, 1))
		if want == nil {
			want = x
		}
		if !slices.Equal(x, want) {
			t.Fatalf("%d workers: other bits", workers)
		}
	}
}

// TestSpaceMarshal: a copy goes on with the same bits, and no wrong data pass.
func TestSpaceMarshal(t *testing.T) {
	const n = 500
	a, next := outlying(n, 0, 1), outlying(n, 0.03, 1)
	m := preconds(t, n)["diagonal"]
	space := &krylov.Space{Dim: 6, Window: 9}
	sequenceOf(t, space, m, 0, a)
	data, err := space.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var other krylov.Space
	if err := other.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	_, x := sequenceOf(t, space, m, 0, next, a)
	_, y := sequenceOf(t, &other, m, 0, next, a)
	if !slices.Equal(x, y) {
		t.Error("other bits after a round trip")
	}
	nan := bytes.Clone(data)
	for i := range 8 {
		nan[len(nan)-1-i] = 0xff
	}
	for _, bad := range [][]byte{nil, data[:len(data)-1], data[:20], nan, append(bytes.Clone(data), 0), make([]byte, 64)} {
		before := other.Len()
		if err := other.UnmarshalBinary(bad); err == nil || other.Len() != before {
			t.Errorf("%d bytes of wrong data: %v", len(bad), err)
		}
	}
	other.Reset()
	if other.Len() != 0 || other.Precond(n, nil) != nil {
		t.Error("not empty after Reset")
	}
	// Another order empties the space.
	if space.Len() == 0 || space.Precond(n+1, nil) != nil || space.Len() != 0 {
		t.Error("a space outlived its order")
	}
}

func TestSpaceCanceled(t *testing.T) {
	space := &krylov.Space{}
	a := outlying(500, 0, 1)
	var cg krylov.CG
	ctx, cancel := context.WithCancel(t.Context())
	s := &krylov.Settings{Recycle: space, Precond: space.Precond(500, nil)}
	if _, err := cg.Solve(ctx, a, make([]float64, 500), seededVector(500, 1), s); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := space.Update(ctx); err == nil || space.Len() != 0 {
		t.Errorf("update under a canceled context: %v, %d vectors", err, space.Len())
	}
}

// TestSpaceAllocations: from the second solve of a size on, nothing.
func TestSpaceAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const n = 3000
	for name, m := range preconds(t, n) {
		a, b, x := outlying(n, 0, 1), seededVector(n, 1), make([]float64, n)
		space, cg := &krylov.Space{Dim: 4}, &krylov.CG{}
		s := &krylov.Settings{RTol: 1e-10, Recycle: space, Workers: 1}
		ctx := hvp.WithWorkers(context.Background(), 1)
		solve := func() {
			s.Precond = space.Precond(n, m)
			if _, err := cg.Solve(ctx, a, x, b, s); err != nil {
				t.Fatal(err)
			}
			if err := space.Update(ctx); err != nil {
				t.Fatal(err)
			}
		}
		solve()
		solve()
		if got := testing.AllocsPerRun(5, solve); got > 0 {
			t.Errorf("%s: %v allocations per solve", name, got)
		}
	}
}
