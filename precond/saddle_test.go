package precond_test

import (
	"context"
	"errors"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
	"github.com/hgsolve/hgsolve/precond/precondtest"
)

// exact makes the inverse by a dense Cholesky factorisation.
func exact(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
	n, _ := a.Dims()
	e, ae, s := make([]float64, n), make([]float64, n), mat.NewSymDense(n, nil)
	for j := range n {
		e[j] = 1
		if err := a.Apply(ctx, ae, e); err != nil {
			return nil, err
		}
		e[j] = 0
		for i := range j + 1 {
			s.SetSym(i, j, ae[i])
		}
		s.SetSym(j, j, ae[j]*(1+1e-10)) // stands a semidefinite one
	}
	var chol mat.Cholesky
	if !chol.Factorize(s) {
		return nil, errors.New("not definite")
	}
	return precond.Wrap("exact", &hvp.Func{Rows: n, Promise: hvp.SPD, Mul: func(_ context.Context, dst, x []float64) error {
		return chol.SolveVecTo(mat.NewVecDense(n, dst), mat.NewVecDense(n, x))
	}}, func(context.Context, hvp.Operator) error { return errors.New("no refresh") })
}

// constraints returns B of m×n with rows (… 1 2 −1 …), of full rank.
func constraints(t testing.TB, m, n int) *hvp.CSR {
	t.Helper()
	var i, j []int32
	var v []float64
	for r := range m {
		for k, u := range []float64{1, 2, -1} {
			i, j, v = append(i, int32(r)), append(j, int32((2*r+k)%n)), append(v, u)
		}
	}
	b, err := hvp.NewCSRFromTriplets(m, n, i, j, v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func kkt(t testing.TB, h, b, c hvp.Operator) hvp.Operator {
	t.Helper()
	a, err := hvp.KKT(h, b, c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestSaddleExact: with a diagonal H the sparse Schur complement is exact, and
// MINRES takes three iterations, GMRES two (Murphy, Golub & Wathen 2000).
func TestSaddleExact(t *testing.T) {
	const n, m = 60, 20
	d := rhs(n)
	for i := range d {
		d[i] += 2
	}
	h, err := hvp.NewDiagonal(d)
	if err != nil {
		t.Fatal(err)
	}
	a := kkt(t, h, constraints(t, m, n), nil)
	f := rhs(n + m)
	block, err := precond.NewSaddle(t.Context(), a, &precond.SaddleSettings{Schur: exact})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := (&krylov.MINRES{}).Solve(t.Context(), a, make([]float64, n+m), f, &krylov.Settings{Precond: block, RTol: 1e-8}); err != nil || res.Iterations > 3 {
		t.Errorf("block-diagonal: %d iterations, %v", res.Iterations, err)
	}
	spectrum(t, block, mustDiagonal(t, n+m, 1)) // fails unless definite
	for _, least := range []bool{false, true} { // S = B·D⁻¹·Bᵀ either way
		tri, err := precond.NewSaddle(t.Context(), a, &precond.SaddleSettings{Schur: exact, Triangular: true, LeastSquares: least})
		if err != nil {
			t.Fatal(err)
		}
		for _, trans := range []bool{false, true} {
			res, err := (&krylov.GMRES{}).Solve(t.Context(), a, make([]float64, n+m), f, &krylov.Settings{Precond: tri, RTol: 1e-8, Trans: trans})
			if err != nil || res.Iterations > 2 {
				t.Errorf("block-triangular, transpose %v: %d iterations, %v", trans, res.Iterations, err)
			}
		}
	}
	// The Schur complement of the caller's own, and C.
	s, err := exact(t.Context(), mustDiagonal(t, m, 3))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := precond.NewSaddle(t.Context(), a, &precond.SaddleSettings{Given: s}); err != nil {
		t.Error(err)
	}
	withC := kkt(t, h, constraints(t, m, n), mustDiagonal(t, m, 0.5))
	tri, err := precond.NewSaddle(t.Context(), withC, &precond.SaddleSettings{Schur: exact, Triangular: true})
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&krylov.GMRES{}).Solve(t.Context(), withC, make([]float64, n+m), f, &krylov.Settings{Precond: tri, RTol: 1e-8})
	if err != nil || res.Iterations > 2 {
		t.Errorf("with C: %d iterations, %v", res.Iterations, err)
	}
}

func TestSaddleContract(t *testing.T) {
	const n, m = 2500, 700
	b := constraints(t, m, n)
	line, other := grid(t, 50, 50, 0.3), grid(t, 50, 50, 2)
	jacobi := func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		return precond.New(ctx, "jacobi", a)
	}
	for name, set := range map[string]precond.SaddleSettings{
		"diagonal": {}, "matrix": {Schur: jacobi}, "triangular": {Triangular: true}, "commutator": {Schur: jacobi, LeastSquares: true},
	} {
		t.Run(name, func(t *testing.T) {
			build := func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
				return asPreconditioner(precond.NewSaddle(ctx, a, &set))
			}
			precondtest.Test(t, kkt(t, line, b, nil), kkt(t, other, b, nil), build, nil)
			p, err := build(t.Context(), kkt(t, line, b, nil))
			if err != nil {
				t.Fatal(err)
			}
			testAllocations(t, p)
		})
	}
}

func TestSaddleRefuses(t *testing.T) {
	b := constraints(t, 3, 8)
	zero, err := hvp.NewDiagonal(make([]float64, 8))
	if err != nil {
		t.Fatal(err)
	}
	var e *precond.NotPositiveError
	if _, err := precond.NewSaddle(t.Context(), kkt(t, zero, b, nil), nil); !errors.As(err, &e) || e.Index != 7 {
		t.Errorf("H = 0 and an empty column of B: %v", err)
	}
	for _, a := range []hvp.Operator{grid(t, 4, 4, 1), mustDiagonal(t, 4, 1), b} {
		if _, err := precond.NewSaddle(t.Context(), a, nil); err == nil {
			t.Errorf("%T accepted", a)
		}
	}
	if _, err := precond.NewSaddle(t.Context(), grid(t, 4, 4, 1), nil); !errors.Is(err, precond.ErrNotApplicable) {
		t.Errorf("a grid: %v", err)
	}
	a := kkt(t, mustDiagonal(t, 8, 1), b, mustDiagonal(t, 3, 1))
	if _, err := precond.NewSaddle(t.Context(), a, &precond.SaddleSettings{LeastSquares: true}); err == nil {
		t.Error("commutator with C accepted")
	}
	empty, err := hvp.NewCSRFromTriplets(3, 8, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := precond.NewSaddle(t.Context(), kkt(t, mustDiagonal(t, 8, 1), empty, nil), nil); !errors.As(err, &e) {
		t.Errorf("B = 0: %v", err)
	}
}

// TestSaddleFiles solves saddle points of practice to 1e-8. most is the limit of the
// iterations; unpreconditioned MINRES takes 284, 4279, more than 10000, …, 188, 73
// and 3697 iterations. exact stands for a good inverse of the (approximate) Schur
// complement, which makes this a test of the block structure.
func TestSaddleFiles(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("dense factorisations")
	}
	read := func(elem ...string) *hvp.CSR {
		a, err := hvp.ReadMatrixMarket(shared(t, elem...))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	systems := map[string]hvp.Operator{
		// Its H is not symmetric.
		"stokes": kkt(t, read("matrices", "stokes_F_2178.mtx.gz"), read("matrices", "stokes_B_1089.mtx.gz"), read("matrices", "stokes_C_1089.mtx.gz")),
	}
	for _, name := range []string{"q2q1_cavity_659", "reorientation_1", "tumorAntiAngiogenesis_2"} {
		systems[name] = read("matrices", name+".mtx.gz")
	}
	for _, qp := range []string{"AUG2DC", "AUG3DC", "CONT-100"} {
		systems[qp] = kkt(t, read("qp", qp+".P.mtx.gz"), read("qp", qp+".A.mtx.gz"), nil)
	}
	for _, c := range []struct {
		name string
		set  precond.SaddleSettings
		most int
	}{
		{"q2q1_cavity_659", precond.SaddleSettings{}, 110},
		{"q2q1_cavity_659", precond.SaddleSettings{Hessian: exact, Schur: exact}, 70},
		{"q2q1_cavity_659", precond.SaddleSettings{Hessian: exact, Schur: exact, LeastSquares: true}, 30},
		{"q2q1_cavity_659", precond.SaddleSettings{Hessian: exact, Schur: exact, LeastSquares: true, Triangular: true}, 15},
		{"reorientation_1", precond.SaddleSettings{}, 900},
		{"reorientation_1", precond.SaddleSettings{Schur: exact}, 75},
		{"tumorAntiAngiogenesis_2", precond.SaddleSettings{}, 450},
		{"tumorAntiAngiogenesis_2", precond.SaddleSettings{Schur: exact}, 50},
		{"stokes", precond.SaddleSettings{Schur: exact, Triangular: true}, 110},
		{"AUG2DC", precond.SaddleSettings{}, 165},
		{"AUG2DC", precond.SaddleSettings{Triangular: true}, 85},
		{"AUG3DC", precond.SaddleSettings{Triangular: true}, 40},
		{"CONT-100", precond.SaddleSettings{}, 1500},
	} {
		a := systems[c.name]
		n, _ := a.Dims()
		b := make([]float64, n)
		if err := a.Apply(t.Context(), b, rhs(n)); err != nil {
			t.Fatal(err)
		}
		p, err := precond.NewSaddle(t.Context(), a, &c.set)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var method krylov.Method = &krylov.MINRES{}
		if c.set.Triangular {
			method = &krylov.GMRES{}
		}
		res, err := method.Solve(t.Context(), a, make([]float64, n), b, &krylov.Settings{Precond: p, RTol: 1e-8, MaxIter: c.most})
		if err != nil {
			t.Errorf("%s, %v: %v", c.name, p, err)
		}
		t.Logf("%s (%d): %d iterations of %s with %v; %q", c.name, n, res.Iterations, res.Method, p, p.Report().Notes)
	}
}
