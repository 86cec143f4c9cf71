package hvp_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/james-bowman/sparse"
	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"github.com/hgsolve/hgsolve/hvp"
)

func TestNewCSRErrors(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(-1)
	for _, c := range []struct {
		what       string
		rows, cols int
		ptr        []int
		col        []int32
		val        []float64
		want       string // in the message
	}{
		{"negative rows", -1, 2, nil, nil, nil, "-1 rows"},
		{"too many rows", math.MaxInt32 + 1, 2, nil, nil, nil, "2^31"},
		{"too many columns", 2, math.MaxInt32 + 1, nil, nil, nil, "2^31"},
		{"no row pointers", 2, 2, nil, nil, nil, "3 row pointers"},
		{"short row pointers", 2, 2, []int{0, 1}, []int32{0}, []float64{1}, "3 row pointers"},
		{"unequal lengths", 1, 2, []int{0, 1}, []int32{0, 1}, []float64{1}, "2 column indices"},
		{"late begin", 1, 2, []int{1, 1}, []int32{0}, []float64{1}, "from 1 to 1"},
		{"early end", 1, 2, []int{0, 0}, []int32{0}, []float64{1}, "from 0 to 0"},
		{"decreasing", 3, 2, []int{0, 2, 1, 2}, []int32{0, 1}, []float64{1, 2}, "row pointer 2"},
		{"beyond the end", 2, 2, []int{0, 5, 2}, []int32{0, 1}, []float64{1, 2}, "row pointer 1"},
		{"unsorted", 1, 3, []int{0, 2}, []int32{2, 0}, []float64{1, 2}, "unsorted"},
		{"twice", 1, 3, []int{0, 2}, []int32{2, 2}, []float64{1, 2}, "twice"},
		{"negative column", 1, 3, []int{0, 1}, []int32{-1}, []float64{1}, "column -1"},
		{"large column", 1, 3, []int{0, 1}, []int32{3}, []float64{1}, "column 3"},
		{"NaN", 2, 3, []int{0, 1, 2}, []int32{1, 2}, []float64{1, nan}, "(1,2) is NaN"},
		{"Inf", 1, 3, []int{0, 1}, []int32{1}, []float64{inf}, "(0,1) is -Inf"},
	} {
		a, err := hvp.NewCSR(c.rows, c.cols, c.ptr, c.col, c.val)
		if err == nil || a != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.what, err, c.want)
		}
	}
}

func TestNewCSRFromTripletsErrors(t *testing.T) {
	for _, c := range []struct {
		what string
		i, j []int32
		v    []float64
		want string
	}{
		{"unequal lengths", []int32{0}, nil, []float64{1}, "1 rows, 0 columns"},
		{"no values", []int32{0}, []int32{0}, nil, "0 values"},
		{"negative row", []int32{0, -1}, []int32{0, 0}, []float64{1, 1}, "triplet 1 is at (-1,0)"},
		{"large row", []int32{3}, []int32{0}, []float64{1}, "(3,0)"},
		{"negative column", []int32{0}, []int32{-2}, []float64{1}, "(0,-2)"},
		{"large column", []int32{0}, []int32{4}, []float64{1}, "(0,4)"},
		{"NaN", []int32{0}, []int32{0}, []float64{math.NaN()}, "NaN"},
		{"Inf", []int32{0}, []int32{0}, []float64{math.Inf(1)}, "+Inf"},
		{"a sum that overflows", []int32{0, 0}, []int32{0, 0}, []float64{1e308, 1e308}, "add up"},
	} {
		a, err := hvp.NewCSRFromTriplets(3, 4, c.i, c.j, c.v)
		if err == nil || a != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.what, err, c.want)
		}
	}
	if _, err := hvp.NewCSRFromTriplets(-3, 4, nil, nil, nil); err == nil {
		t.Error("negative number of rows accepted")
	}
}

// lying claims to be symmetric.
type lying struct{ *mat.Dense }

func (lying) SymmetricDim() int { return 2 }

func TestNewCSRFromMatErrors(t *testing.T) {
	nan := math.NaN()
	var nilDense *mat.Dense
	var nilCSR *sparse.CSR
	for what, m := range map[string]mat.Matrix{
		"nil":                 nil,
		"nil pointer":         nilDense,
		"nil sparse.CSR":      nilCSR,
		"NaN":                 mat.NewDense(1, 2, []float64{1, nan}),
		"NaN in a CSR":        sparse.NewCSR(1, 2, []int{0, 1}, []int{1}, []float64{nan}),
		"large column":        sparse.NewCSR(2, 2, []int{0, 1, 2}, []int{0, 2}, []float64{1, 2}),
		"huge column":         sparse.NewCSR(2, 2, []int{0, 1, 2}, []int{0, 1 << 32}, []float64{1, 2}),
		"negative column":     sparse.NewCSR(2, 2, []int{0, 1, 2}, []int{0, -1}, []float64{1, 2}),
		"short row pointers":  sparse.NewCSR(2, 2, []int{0, 1}, []int{0}, []float64{1}),
		"row pointers astray": sparse.NewCSR(2, 2, []int{0, 9, 1}, []int{0}, []float64{1}),
		"decreasing":          sparse.NewCSR(3, 2, []int{0, 2, 1, 2}, []int{0, 1}, []float64{1, 2}),
		"values missing":      sparse.NewCSR(2, 2, []int{0, 1, 2}, []int{0, 1}, []float64{1}),
		"large row of a CSC":  sparse.NewCSC(2, 2, []int{0, 1, 2}, []int{0, 2}, []float64{1, 2}),
		"CSC astray":          sparse.NewCSC(2, 2, []int{0, 7, 9}, []int{0, 1}, []float64{1, 2}),
		"large row of a COO":  sparse.NewCOO(2, 2, []int{0, 5}, []int{0, 1}, []float64{1, 2}),
		"not symmetric":       lying{mat.NewDense(2, 2, []float64{1, 2, 3, 4})},
	} {
		if a, err := hvp.NewCSRFromMat(m); err == nil || a != nil {
			t.Errorf("%s: no error", what)
		}
	}
}

func TestCSRPromise(t *testing.T) {
	rectangular := randomCSR(t, 3, 4)
	if _, err := rectangular.Promise(hvp.Definite); err == nil {
		t.Error("a rectangular matrix may promise to be definite")
	}
	a := must[*hvp.CSR](t)(hvp.NewCSRFromTriplets(3, 3, []int32{0, 0}, []int32{1, 2}, []float64{5, 0}))
	if _, err := a.Promise(hvp.Symmetric); err == nil || !strings.Contains(err.Error(), "(0,1)") {
		t.Errorf("unsymmetric matrix: %v", err)
	}
	b := must[*hvp.CSR](t)(hvp.NewCSRFromTriplets(3, 3, []int32{0, 0, 1}, []int32{1, 2, 0}, []float64{5, 0, 5}))
	if _, err := b.Promise(hvp.Symmetric); err != nil {
		t.Errorf("a stored zero on one side only: %v", err)
	}
	before := b.Bytes()
	dst := make([]float64, 3)
	if err := b.ApplyTrans(context.Background(), dst, []float64{1, 2, 3}); err != nil || dst[0] != 10 || dst[1] != 5 {
		t.Errorf("transpose product %v, %v", dst, err)
	}
	if b.Bytes() != before {
		t.Error("the transpose of a symmetric matrix was built")
	}
}

func TestZerosOfAMatrixAreNotStored(t *testing.T) {
	for what, m := range map[string]mat.Matrix{
		"sparse.CSR": sparse.NewCSR(2, 3, []int{0, 2, 3}, []int{0, 1, 2}, []float64{1, 0, 2}),
		"unsorted":   sparse.NewCSR(2, 3, []int{0, 2, 3}, []int{1, 0, 2}, []float64{1, 0, 2}),
		"sparse.CSC": sparse.NewCSC(3, 2, []int{0, 2, 3}, []int{0, 1, 2}, []float64{1, 0, 2}),
		"Dense":      mat.NewDense(2, 2, []float64{1, 0, 0, 2}),
	} {
		if a := must[*hvp.CSR](t)(hvp.NewCSRFromMat(m)); a.NNZ() != 2 {
			t.Errorf("%s: %d entries stored, want 2", what, a.NNZ())
		}
	}
}

// TestTripletsAreTheDenseMatrix: any triplets, in any order, with repetitions,
// mean the dense matrix that one gets by adding them up.
func TestTripletsAreTheDenseMatrix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := rapid.IntRange(1, 9).Draw(t, "rows"), rapid.IntRange(1, 9).Draw(t, "cols")
		n := rapid.IntRange(0, 60).Draw(t, "entries")
		i, j, v := make([]int32, n), make([]int32, n), make([]float64, n)
		want := make([]float64, rows*cols)
		for k := range n {
			i[k] = int32(rapid.IntRange(0, rows-1).Draw(t, "i"))
			j[k] = int32(rapid.IntRange(0, cols-1).Draw(t, "j"))
			v[k] = float64(rapid.IntRange(-8, 8).Draw(t, "v")) / 4 // sums are exact
			want[int(i[k])*cols+int(j[k])] += v[k]
		}
		a, err := hvp.NewCSRFromTriplets(rows, cols, i, j, v)
		if err != nil {
			t.Fatal(err)
		}
		ptr, col, val := a.RawCSR()
		if _, err := hvp.NewCSR(rows, cols, ptr, col, val); err != nil {
			t.Fatalf("its own arrays are not valid: %v", err)
		}
		x, y := make([]float64, cols), make([]float64, rows)
		for r := range rows {
			for c := range cols {
				if got := a.At(r, c); got != want[r*cols+c] {
					t.Fatalf("entry (%d,%d) is %v, want %v", r, c, got, want[r*cols+c])
				}
				x[c] = float64(c - 3)
				y[r] += want[r*cols+c] * x[c]
			}
		}
		got := make([]float64, rows)
		if err := a.Apply(t.Context(), got, x); err != nil {
			t.Fatal(err)
		}
		for r := range rows {
			if got[r] != y[r] {
				t.Fatalf("row %d of the product is %v, want %v", r, got[r], y[r])
			}
		}
		b, err := hvp.NewCSRFromMat(mat.NewDense(rows, cols, want))
		if err != nil {
			t.Fatal(err)
		}
		if b.NNZ() > a.NNZ() {
			t.Fatalf("%d entries of the dense matrix, %d of the triplets", b.NNZ(), a.NNZ())
		}
	})
}

// TestProductsDoNotAllocate: what a solver calls in its loop allocates nothing.
func TestProductsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools at random")
	}
	ctx := context.Background()
	for name, a := range operators(t) {
		rows, cols := a.Dims()
		dst, x := make([]float64, rows), make([]float64, cols)
		for _, p := range []struct {
			what  string
			apply func()
		}{
			{"Apply", func() { a.Apply(ctx, dst, x) }},
			{"ApplyRows", func() {
				if r, ok := hvp.Rows(a); ok {
					r.ApplyRows(dst, x, 0, rows)
				}
			}},
		} {
			p.apply()
			if got := testing.AllocsPerRun(20, p.apply); got >= 1 {
				t.Errorf("%s: %s allocates %v times", name, p.what, got)
			}
		}
	}
}
