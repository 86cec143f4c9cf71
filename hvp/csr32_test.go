package hvp_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
)

// TestFloat32 compares a matrix of float32 values with the CSR of the same rounded
// values, bit for bit.
func TestFloat32(t *testing.T) {
	ctx := context.Background()
	matrices := map[string]*hvp.CSR{
		"random": randomCSR(t, 300, 200), "5 points": gridMatrix(t, 5, 60, false), "5 points, varying": gridMatrix(t, 5, 60, true),
		"27 points": gridMatrix(t, 27, 9, false), "27 points, varying": gridMatrix(t, 27, 9, true),
		"empty": must[*hvp.CSR](t)(hvp.NewCSRFromTriplets(3, 2, nil, nil, nil)),
	}
	// Long rows of constant values.
	var i, j []int32
	var v []float64
	for r := range int32(50) {
		for k := range int32(70) {
			i, j, v = append(i, r), append(j, r+2*k), append(v, math.Sqrt(float64(k+1)))
		}
	}
	matrices["70 diagonals"] = must[*hvp.CSR](t)(hvp.NewCSRFromTriplets(50, 200, i, j, v))
	for name, a := range matrices {
		b := must[*hvp.CSR32](t)(a.Float32())
		rows, cols := a.Dims()
		if b.NNZ() != a.NNZ() || b.Bytes() != a.Bytes()-4*int64(a.NNZ()) || b.ProductTraffic() > a.ProductTraffic() {
			t.Errorf("%s: %d entries, %d bytes, %d per product; the CSR has %d, %d, %d", name, b.NNZ(), b.Bytes(), b.ProductTraffic(), a.NNZ(), a.Bytes(), a.ProductTraffic())
		}
		ptr, col, val := a.RawCSR()
		rounded := make([]float64, len(val))
		for k, v := range val {
			rounded[k] = float64(float32(v))
		}
		same := must[*hvp.CSR](t)(hvp.NewCSR(rows, cols, ptr, col, rounded))
		x, got, want := normals(3, cols), make([]float64, rows), make([]float64, rows)
		if err := same.Apply(ctx, want, x); err != nil {
			t.Fatal(err)
		}
		for _, workers := range []int{1, 2, 3, 7} {
			if err := b.Apply(hvp.WithWorkers(ctx, workers), got, x); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s, %d workers: not the product of the rounded values (%v)", name, workers, err)
			}
		}
		if e := b.Accuracy(); e > 0x1p-24 || e == 0 && !slices.Equal(val, rounded) {
			t.Errorf("%s: accuracy %v", name, e)
		}
		if s := b.Structure(); s.Has(hvp.Semidefinite) || a.Structure().Has(hvp.Symmetric) != s.Has(hvp.Symmetric) {
			t.Errorf("%s: promises %v of %v", name, s, a.Structure())
		}
		if rows < 1000 {
			t.Run(name, func(t *testing.T) { hvptest.TestOperator(t, b, nil) })
		}
	}
	for _, v := range []float64{1e39, -1e200, 1e-60} {
		a := must[*hvp.CSR](t)(hvp.NewCSRFromTriplets(2, 2, []int32{1}, []int32{0}, []float64{v}))
		if b, err := a.Float32(); err == nil || b != nil || !strings.Contains(err.Error(), "(1,0)") || !strings.Contains(err.Error(), fmt.Sprint(v)) {
			t.Errorf("%v: error %v", v, err)
		}
	}
}
