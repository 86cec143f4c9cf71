package krylov_test

import (
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
)

// TestLSMRSurvey solves the least-squares problem of a survey (Harwell–Boeing
// well1033, condition number 166) and compares with a dense QR factorisation.
func TestLSMRSurvey(t *testing.T) {
	a := readTestMatrix(t, "well1033")
	m, n := a.Dims()
	dense := mat.NewDense(m, n, nil)
	columns := make([]float64, n)
	rowPtr, col, val := a.RawCSR()
	for i := range m {
		for k := rowPtr[i]; k < rowPtr[i+1]; k++ {
			dense.Set(i, int(col[k]), val[k])
			columns[col[k]] += val[k] * val[k]
		}
	}
	b := sine(m)
	var qr mat.QR
	qr.Factorize(dense)
	var solution mat.Dense
	if err := qr.SolveTo(&solution, false, mat.NewDense(m, 1, b)); err != nil {
		t.Fatal(err)
	}
	want := mat.Col(nil, 0, &solution)
	for k, c := range columns {
		columns[k] = 1 / c
	}
	scaling, err := hvp.NewDiagonal(columns)
	if err != nil {
		t.Fatal(err)
	}
	for _, pre := range []hvp.Operator{nil, scaling} {
		var l krylov.LSMR
		x := make([]float64, n)
		res, err := l.Solve(t.Context(), a, x, b, &krylov.Settings{RTol: 1e-12, Precond: pre})
		if err != nil || res.Status != krylov.LeastSquares {
			t.Fatalf("precond %T: %v, %v", pre, res.Status, err)
		}
		t.Logf("precond %T: %d iterations, cond ≥ %.4g, ‖r‖ = %.4g of %.4g, error %.2g", pre, res.Iterations, res.Condition(), res.TrueResidual, res.RHSNorm, distance(x, want)/norm(want))
		if d := distance(x, want); d > 1e-8*norm(want) {
			t.Errorf("precond %T: off by %v of %v", pre, d, norm(want))
		}
	}
	// A consistent right-hand side: the residual goes to zero.
	ones, x := constant(n, 1), make([]float64, n)
	if err := a.Apply(t.Context(), b, ones); err != nil {
		t.Fatal(err)
	}
	res, err := new(krylov.LSMR).Solve(t.Context(), a, x, b, &krylov.Settings{RTol: 1e-10})
	if err != nil || res.Status != krylov.Converged || distance(x, ones) > 1e-7*norm(ones) {
		t.Errorf("consistent: %v, off by %v, %v", res.Status, distance(x, ones), err)
	}
}
