package krylov_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
)

// testOnlyMatrixMarket reads a real general coordinate file; a stand-in for the
// reader of internal/formats.
func testOnlyMatrixMarket(t testing.TB, name string) (rows, cols int, i, j []int32, v []float64) {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "..", "shared", "data", "matrices", name+".mtx.gz"))
	if err != nil {
		t.Skipf("the collection of test matrices is not here: %v", err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(unzipped); lines.Scan(); {
		if line := lines.Text(); !strings.HasPrefix(line, "%") {
			var r, c int
			var x float64
			if rows == 0 {
				fmt.Sscan(line, &rows, &cols)
			} else if _, err := fmt.Sscan(line, &r, &c, &x); err != nil {
				t.Fatal(err)
			} else {
				i, j, v = append(i, int32(r-1)), append(j, int32(c-1)), append(v, x)
			}
		}
	}
	return rows, cols, i, j, v
}

// TestLSMRSurvey solves the least-squares problem of a survey (Harwell–Boeing
// well1033, condition number 166) and compares with a dense QR factorisation.
func TestLSMRSurvey(t *testing.T) {
	m, n, i, j, v := testOnlyMatrixMarket(t, "well1033")
	a, err := hvp.NewCSRFromTriplets(m, n, i, j, v)
	if err != nil {
		t.Fatal(err)
	}
	dense := mat.NewDense(m, n, nil)
	columns := make([]float64, n)
	for k := range v {
		dense.Set(int(i[k]), int(j[k]), v[k])
		columns[j[k]] += v[k] * v[k]
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
