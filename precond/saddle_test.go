package precond_test

import (
	"context"
	"errors"
	"math"
	"strings"
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

// jacobi makes the inverse of the diagonal.
func jacobi(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
	return precond.New(ctx, "jacobi", a)
}

// TestSaddleAugmented: with the complete factorisation of H + BᵀWB and an H of the
// largest nullity that a regular system allows, m, there are two eigenvalues, 1 and
// −1, and MINRES takes two iterations (Greif & Schötzau 2006).
func TestSaddleAugmented(t *testing.T) {
	const n, m = 60, 20
	b := constraints(t, m, n)
	// H = I − Bᵀ(BBᵀ)⁻¹B for B = (I 0): zero on the range of Bᵀ.
	d := make([]float64, n)
	var i, j []int32
	var v []float64
	for k := range n {
		if k < m {
			i, j, v = append(i, int32(k)), append(j, int32(k)), append(v, 1+float64(k%3))
		} else {
			d[k] = float64(k)
		}
	}
	h, err := hvp.NewDiagonal(d)
	if err != nil {
		t.Fatal(err)
	}
	eye, err := hvp.NewCSRFromTriplets(m, n, i, j, v)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		a    hvp.Operator
		set  precond.SaddleSettings
		most int
	}{
		"nullity m":           {kkt(t, h, eye, nil), precond.SaddleSettings{}, 2},
		"nullity m, any γ":    {kkt(t, h, eye, nil), precond.SaddleSettings{Augmented: true, Gamma: 1e-3}, 2},
		"definite":            {kkt(t, grid(t, 6, 10, 0.5), b, nil), precond.SaddleSettings{}, 6},
		"definite, small γ":   {kkt(t, grid(t, 6, 10, 0.5), b, nil), precond.SaddleSettings{Augmented: true, Gamma: 1}, 40},
		"by another's choice": {kkt(t, grid(t, 6, 10, 0.5), b, nil), precond.SaddleSettings{Augmented: true, Hessian: exact}, 6},
	} {
		p, err := precond.NewSaddle(t.Context(), c.a, &c.set)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !strings.Contains(p.String(), "augmented") {
			t.Errorf("%s: %v", name, p)
		}
		spectrum(t, p, mustDiagonal(t, n+m, 1)) // fails unless definite
		f := make([]float64, n+m)
		if err := c.a.Apply(t.Context(), f, rhs(n+m)); err != nil {
			t.Fatal(err)
		}
		res, err := (&krylov.MINRES{}).Solve(t.Context(), c.a, make([]float64, n+m), f, &krylov.Settings{Precond: p, RTol: 1e-8})
		if err != nil || res.Iterations > c.most {
			t.Errorf("%s: %d iterations, %v", name, res.Iterations, err)
		}
	}
	// An H that is not definite on the null space of B: the report says why not.
	for k := range d {
		d[k] = 1
	}
	if h, err = hvp.NewDiagonal(append([]float64{-1, -1}, d[:n-2]...)); err != nil {
		t.Fatal(err)
	}
	// −1 twice on variables that one row of b joins: definite on its null space no more.
	one, err := hvp.NewCSRFromTriplets(1, n, []int32{0, 0}, []int32{0, 1}, []float64{1, 1})
	if err != nil {
		t.Fatal(err)
	}
	p, err := precond.NewSaddle(t.Context(), kkt(t, h, one, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(p.Report().Notes, "; "); !strings.Contains(notes, "not augmented: saddle: H + BᵀWB") {
		t.Errorf("%v: %q", p, notes)
	}
	spectrum(t, p, mustDiagonal(t, n+1, 1))
	if _, err := precond.NewSaddle(t.Context(), kkt(t, h, one, nil), &precond.SaddleSettings{Augmented: true}); !errors.Is(err, precond.ErrIndefinite) {
		t.Errorf("asked for: %v", err)
	}
	for _, set := range []precond.SaddleSettings{{Augmented: true, Triangular: true}, {Augmented: true, Schur: exact}, {Gamma: -1}, {Gamma: math.NaN()}} {
		if _, err := precond.NewSaddle(t.Context(), kkt(t, h, one, nil), &set); err == nil {
			t.Errorf("%+v accepted", set)
		}
	}
	if _, err := precond.NewSaddle(t.Context(), kkt(t, mustDiagonal(t, n, 1), b, mustDiagonal(t, m, 1)), &precond.SaddleSettings{Augmented: true}); err == nil {
		t.Error("C accepted")
	}
}

func TestSaddleContract(t *testing.T) {
	const n, m = 2500, 700
	b := constraints(t, m, n)
	line, other := grid(t, 50, 50, 0.3), grid(t, 50, 50, 2)
	for name, set := range map[string]precond.SaddleSettings{
		"default": {}, "diagonal": {Hessian: jacobi}, "matrix": {Schur: jacobi}, "triangular": {Triangular: true}, "commutator": {Schur: jacobi, LeastSquares: true},
		"augmented": {Augmented: true, Hessian: jacobi, Gamma: 1},
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
// iterations; with the diagonals of H and of the Schur complement MINRES takes 103, 779,
// 357, 8, 8, 18, 154, 69, 1383 and more than 10000, in the order of the names below
// without stokes. exact stands for a good inverse of the (approximate) Schur
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
	for _, qp := range []string{"HS51", "HS52", "GENHS28", "AUG2DC", "AUG3DC", "CONT-100", "DTOC3"} {
		systems[qp] = kkt(t, read("qp", qp+".P.mtx.gz"), read("qp", qp+".A.mtx.gz"), nil)
	}
	for _, c := range []struct {
		name string
		set  precond.SaddleSettings
		most int
	}{
		{"q2q1_cavity_659", precond.SaddleSettings{}, 8},
		{"q2q1_cavity_659", precond.SaddleSettings{Hessian: jacobi}, 90},
		{"q2q1_cavity_659", precond.SaddleSettings{Hessian: exact, Schur: exact}, 70},
		{"q2q1_cavity_659", precond.SaddleSettings{Hessian: exact, Schur: exact, LeastSquares: true}, 30},
		{"q2q1_cavity_659", precond.SaddleSettings{Hessian: exact, Schur: exact, LeastSquares: true, Triangular: true}, 15},
		{"reorientation_1", precond.SaddleSettings{}, 10},
		{"reorientation_1", precond.SaddleSettings{Schur: exact}, 75},
		{"tumorAntiAngiogenesis_2", precond.SaddleSettings{}, 8},
		{"tumorAntiAngiogenesis_2", precond.SaddleSettings{Schur: exact}, 50},
		{"stokes", precond.SaddleSettings{Triangular: true}, 110},
		{"stokes", precond.SaddleSettings{Schur: exact, Triangular: true}, 110},
		{"HS51", precond.SaddleSettings{}, 6},
		{"HS52", precond.SaddleSettings{}, 6},
		{"GENHS28", precond.SaddleSettings{}, 6},
		{"AUG2DC", precond.SaddleSettings{}, 3},
		{"AUG2DC", precond.SaddleSettings{Triangular: true}, 2},
		{"AUG2DC", precond.SaddleSettings{Augmented: true}, 60},
		{"AUG3DC", precond.SaddleSettings{}, 3},
		{"AUG3DC", precond.SaddleSettings{Triangular: true}, 2},
		{"CONT-100", precond.SaddleSettings{}, 3},
		{"CONT-100", precond.SaddleSettings{Augmented: true}, 10},
		{"DTOC3", precond.SaddleSettings{}, 10},
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
