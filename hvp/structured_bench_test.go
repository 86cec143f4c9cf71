package hvp_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
)

// BenchmarkStructured times what a wrapper costs over the work that it wraps, in
// turn within one run; "ratio" is structured time over plain time.
//
//	go test ./hvp -run '^$' -bench Structured -benchtime 200x
func BenchmarkStructured(b *testing.B) {
	op := must[hvp.Operator](b)
	const n = 1 << 18
	a := laplacian(b, n)
	d := must[*hvp.Diagonal](b)(hvp.NewDiagonal(positive(1, n)))
	free := rand.New(rand.NewPCG(1, 1)).Perm(n)[:n/2]
	const side = 512
	f := normals(2, 9)
	conv := must[*hvp.Convolution](b)(hvp.NewConvolution(side, side, f, 3, 3, hvp.Zero))
	var small, large []hvp.Operator
	for range 64 {
		small = append(small, laplacian(b, 4096))
	}
	large = append(large, op(hvp.Sum(small...)))
	for _, c := range []struct {
		name              string
		structured, plain hvp.Operator
	}{
		{"block diagonal of 2 against its parts twice", op(hvp.Blocks([][]hvp.Operator{{a, nil}, {nil, a}})), op(hvp.Sum(a, a))},
		{"diagonal times CSR against CSR", op(hvp.Product(d, a)), a},
		{"A[I,I] of CSR against CSR of twice the order", op(hvp.Principal(a, free)), a},
		{"A[I,I] of a shift against the shift", op(hvp.Principal(op(hvp.Shift(a, 1)), free)), op(hvp.Shift(a, 1))},
		{"3×3 convolution against its CSR", conv, csrOf(b, conv, side, f)},
		{"batch of 64 small terms against their sum", op(hvp.Batch(nil, small...)), large[0]},
	} {
		b.Run(c.name, func(b *testing.B) {
			run := func(a hvp.Operator) func() {
				rows, cols := a.Dims()
				dst, x := make([]float64, rows), normals(3, cols)
				return func() {
					if err := a.Apply(b.Context(), dst, x); err != nil {
						b.Fatal(err)
					}
				}
			}
			s, p := run(c.structured), run(c.plain)
			var times [2]float64
			for b.Loop() {
				times[0] += seconds(s)
				times[1] += seconds(p)
			}
			b.ReportMetric(times[0]/times[1], "ratio")
		})
	}
}

func seconds(f func()) float64 {
	begin := time.Now()
	f()
	return time.Since(begin).Seconds()
}

// csrOf is the 3×3 convolution with zeros outside as a sparse matrix.
func csrOf(t testing.TB, conv *hvp.Convolution, side int, f []float64) *hvp.CSR {
	t.Helper()
	var i, j []int32
	var v []float64
	for r := range side {
		for c := range side {
			for k, x := range f {
				if p, q := r+1-k/3, c+1-k%3; p >= 0 && p < side && q >= 0 && q < side {
					i, j, v = append(i, int32(r*side+c)), append(j, int32(p*side+q)), append(v, x)
				}
			}
		}
	}
	a := must[*hvp.CSR](t)(hvp.NewCSRFromTriplets(side*side, side*side, i, j, v))
	x := normals(4, side*side)
	got, want := make([]float64, side*side), make([]float64, side*side)
	if conv.Apply(t.Context(), got, x) != nil || a.Apply(t.Context(), want, x) != nil {
		t.Fatal("no product")
	}
	for k := range got {
		if d := got[k] - want[k]; d > 1e-12 || d < -1e-12 {
			t.Fatalf("the convolution is not its matrix: element %d is %v, want %v", k, got[k], want[k])
		}
	}
	return a
}
