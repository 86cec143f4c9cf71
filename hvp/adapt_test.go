package hvp_test

import (
	"testing"

	"github.com/james-bowman/sparse"
	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/hvp"
)

// TestEveryFormat: one small matrix with a repeated entry, in each format that
// can hold it, and the remaining kinds of gonum, entry by entry.
func TestEveryFormat(t *testing.T) {
	// [1 0 2; 0 0 0; 0 7 4], where 7 = 3 + 4 in formats that take repetitions.
	general := []float64{1, 0, 2, 0, 0, 0, 0, 7, 4}
	row, col, val := []int{2, 0, 2, 0, 2}, []int{1, 2, 2, 0, 1}, []float64{3, 2, 4, 1, 4}
	dok := sparse.NewDOK(3, 3)
	for k := range 9 {
		dok.Set(k/3, k%3, general[k])
	}
	symmetric := []float64{4, 1, 0, 1, 4, 2, 0, 2, 5}
	sym := mat.NewSymDense(3, symmetric)
	var chol mat.Cholesky
	if !chol.Factorize(sym) {
		t.Fatal("not definite")
	}
	lower := []float64{4, 0, 0, 1, 4, 0, 0, 2, 5}
	upper := []float64{4, 1, 0, 0, 4, 2, 0, 0, 5}
	tri := mat.NewTriDense(3, mat.Lower, lower)
	band := mat.NewBandDense(3, 3, 1, 0, []float64{0, 4, 1, 4, 2, 5})
	triBand := mat.NewTriBandDense(3, 1, mat.Upper, []float64{4, 1, 4, 2, 5, 0})
	symBand := mat.NewSymBandDense(3, 1, []float64{4, 1, 4, 2, 5, 0})
	diagonal := []float64{4, 0, 0, 0, 4, 0, 0, 0, 5}
	for name, c := range map[string]struct {
		m         mat.Matrix
		want      []float64
		symmetric bool
	}{
		"COO, repeated":        {sparse.NewCOO(3, 3, row, col, val), general, false},
		"CSR from it":          {sparse.NewCOO(3, 3, row, col, val).ToCSR(), general, false},
		"CSC from it":          {sparse.NewCOO(3, 3, row, col, val).ToCSC(), general, false},
		"CSR, repeated":        {sparse.NewCSR(3, 3, []int{0, 2, 2, 5}, []int{2, 0, 1, 2, 1}, []float64{2, 1, 3, 4, 4}), general, false},
		"CSC, repeated":        {sparse.NewCSC(3, 3, []int{0, 1, 3, 5}, []int{0, 2, 2, 2, 0}, []float64{1, 3, 4, 4, 2}), general, false},
		"DOK":                  {dok, general, false},
		"transposed COO":       {sparse.NewCOO(3, 3, col, row, val).T(), general, false},
		"transposed transpose": {mat.Transpose{Matrix: mat.NewDense(3, 3, general).T()}, general, false},
		"DIA":                  {sparse.NewDIA(3, 3, []float64{4, 4, 5}), diagonal, false},
		"DiagDense":            {mat.NewDiagDense(3, []float64{4, 4, 5}), diagonal, true},
		"view of a Dense":      {mat.NewDense(4, 4, []float64{1, 0, 2, 9, 0, 0, 0, 9, 0, 7, 4, 9, 9, 9, 9, 9}).Slice(0, 3, 0, 3), general, false},
		"Cholesky":             {&chol, symmetric, true},
		"SymDense":             {sym, symmetric, true},
		"SymBandDense":         {symBand, symmetric, true},
		"TriDense":             {tri, lower, false},
		"transposed TriDense":  {tri.T(), upper, false},
		"BandDense":            {band, lower, false},
		"transposed BandDense": {band.T(), upper, false},
		"TriBandDense":         {triBand, upper, false},
		"Tridiag":              {mat.NewTridiag(3, []float64{1, 2}, []float64{4, 4, 5}, []float64{0, 0}), lower, false},
	} {
		a, err := hvp.NewCSRFromMat(c.m)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for k, want := range c.want {
			if d := a.At(k/3, k%3) - want; d > 1e-14 || d < -1e-14 {
				t.Errorf("%s: entry (%d,%d) is %v, want %v", name, k/3, k%3, a.At(k/3, k%3), want)
			}
		}
		if got := a.Structure().Has(hvp.Symmetric); got != c.symmetric {
			t.Errorf("%s: promises symmetry: %v", name, got)
		}
	}
}
