package krylov_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
)

// readTestMatrix reads a square, general, real Matrix Market file of the shared
// data folder. It stands in for the reader of the module until there is one.
func readTestMatrix(t testing.TB, name string) *hvp.CSR {
	t.Helper()
	path := filepath.Join("..", "..", "shared", "data", "matrices", name+".mtx.gz")
	file, err := os.Open(path)
	if err != nil {
		t.Skipf("needs the matrix %s of the shared data: %v", name, err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(unzipped)
	line := "%"
	for strings.HasPrefix(line, "%") {
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	var n, m, nnz int
	fmt.Sscan(line, &n, &m, &nnz)
	rows, cols, vals := make([]int32, nnz), make([]int32, nnz), make([]float64, nnz)
	for k := range nnz {
		if _, err := fmt.Fscan(in, &rows[k], &cols[k], &vals[k]); err != nil {
			t.Fatalf("%s, entry %d: %v", name, k, err)
		}
		rows[k]--
		cols[k]--
	}
	a, err := hvp.NewCSRFromTriplets(n, m, rows, cols, vals)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
