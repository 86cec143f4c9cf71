package hvp_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
)

// TestAssembleIsTheSameOperator compares products of wrappers with those of the
// matrix that they assemble to.
func TestAssembleIsTheSameOperator(t *testing.T) {
	ctx := context.Background()
	grid := must[*hvp.Stencil](t)(hvp.NewStencil(4, -1, 7, 9))
	n, _ := grid.Dims()
	d := make([]float64, n)
	for i := range d {
		d[i] = 1 + float64(i%5)
	}
	diag := must[*hvp.Diagonal](t)(hvp.NewDiagonal(d))
	shifted := must[hvp.Operator](t)(hvp.Shift(hvp.Scale(0.5, grid), 0.25))
	sum := must[hvp.Operator](t)(hvp.Sum(grid, diag, shifted))
	metered, _ := hvp.Instrument(sum, "sum", 0)
	promised := hvp.WithStructure(sum, hvp.SPD)
	x, want, got := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range x {
		x[i] = math.Sin(float64(3 * i))
	}
	for _, a := range []hvp.Operator{grid, diag, shifted, sum, metered, promised} {
		m := must[*hvp.CSR](t)(hvp.Assemble(a))
		if hvp.StructureOf(m) != hvp.StructureOf(a) {
			t.Errorf("%T: promises %v, the matrix %v", a, hvp.StructureOf(a), hvp.StructureOf(m))
		}
		if err := errors.Join(a.Apply(ctx, want, x), m.Apply(ctx, got, x)); err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if math.Abs(got[i]-want[i]) > 1e-13*(1+math.Abs(want[i])) {
				t.Fatalf("%T: row %d is %v, want %v", a, i, got[i], want[i])
			}
		}
	}
	examples := must[*hvp.CSR](t)(hvp.NewCSRFromTriplets(4, 3, []int32{0, 1, 1, 3}, []int32{0, 0, 2, 1}, []float64{2, 3, -1, 0.5}))
	glm := must[*hvp.GLM](t)(hvp.NewGLM(examples, []float64{1, 2, 3, 4}, []float64{0.1, 0.2, 0.3}))
	full := must[*hvp.CSR](t)(hvp.Assemble(glm))
	for i, want := range [][]float64{{22.1, 0, -6}, {0, 1.2, 0}, {-6, 0, 2.3}} {
		for j, v := range want {
			if math.Abs(full.At(i, j)-v) > 1e-14 || hvp.StructureOf(full) != hvp.StructureOf(glm) {
				t.Errorf("entry (%d,%d) of a GLM is %v, want %v; promises %v", i, j, full.At(i, j), v, hvp.StructureOf(full))
			}
		}
	}
	matrixFree := &hvp.Func{Rows: 2, Mul: func(context.Context, []float64, []float64) error { return nil }}
	if _, err := hvp.Assemble(must[hvp.Operator](t)(hvp.Shift(matrixFree, 1))); !errors.Is(err, hvp.ErrNotAssembled) {
		t.Errorf("matrix-free operator: %v", err)
	}
}
