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
	matrixFree := &hvp.Func{Rows: 2, Mul: func(context.Context, []float64, []float64) error { return nil }}
	if _, err := hvp.Assemble(must[hvp.Operator](t)(hvp.Shift(matrixFree, 1))); !errors.Is(err, hvp.ErrNotAssembled) {
		t.Errorf("matrix-free operator: %v", err)
	}
}
