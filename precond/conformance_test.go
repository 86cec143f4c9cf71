package precond_test

import (
	"errors"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/precond"
	"github.com/hgsolve/hgsolve/precond/precondtest"
)

// grid returns the 5-point Laplacian plus a shift, as a matrix.
func grid(t testing.TB, rows, cols int, shift float64) *hvp.CSR {
	t.Helper()
	a, err := stencil(t, shift, rows, cols).Assemble()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// stencil returns the Laplacian of a grid plus a shift, matrix-free.
func stencil(t testing.TB, shift float64, shape ...int) *hvp.Stencil {
	t.Helper()
	s, err := hvp.NewStencil(1, shift, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestKinds puts every preconditioner of the catalogue through the conformance
// test on a grid of more than one block.
func TestKinds(t *testing.T) {
	matrix, otherMatrix := grid(t, 61, 53, 0.01), grid(t, 61, 53, 0.5)
	for _, k := range precond.Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			switch k.Name {
			case "saddle":
				t.Skip("for saddle points only: see TestSaddleContract")
			case "ridge":
				t.Skip("for known ridges only: see TestRidge")
			case "grid-ic":
				t.Skip("for what knows its entries on a grid: see TestSingle")
			}
			var a, other hvp.Operator = matrix, otherMatrix
			if _, err := k.Make(t.Context(), a); errors.Is(err, precond.ErrNotApplicable) {
				// Some want the grid, not the matrix.
				a, other = stencil(t, 0.01, 61, 53), stencil(t, 0.5, 61, 53)
			}
			precondtest.Test(t, a, other, precondtest.Build(k.Make), nil)
			m, err := k.Make(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			apply, applyTrans := precondtest.Allocations(m)
			if n := testing.AllocsPerRun(10, apply); n != 0 && !raceEnabled {
				t.Errorf("%v: %v allocations per Apply", m, n)
			}
			if n := testing.AllocsPerRun(10, applyTrans); n != 0 && !raceEnabled {
				t.Errorf("%v: %v allocations per ApplyTrans", m, n)
			}
		})
	}
}
