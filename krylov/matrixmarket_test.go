package krylov_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/formats"
)

// readTestMatrix reads a matrix of the data folder beside the repository and
// skips the test where there is none. It promises nothing.
func readTestMatrix(t testing.TB, name string) *hvp.CSR {
	t.Helper()
	path := filepath.Join("..", "..", "shared", "data", "matrices", name+".mtx.gz")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the data folder is not there: %v", err)
	}
	m, err := formats.ReadMatrixMarketFile(path)
	if err != nil {
		t.Fatal(err)
	}
	i, j, v := m.Expand()
	a, err := hvp.NewCSRFromTriplets(m.Rows, m.Cols, i, j, v)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
