package precond_test

import (
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/precond"
	"github.com/hgsolve/hgsolve/precond/precondtest"
)

// grid returns the 5-point Laplacian plus a shift, as a matrix.
func grid(t testing.TB, rows, cols int, shift float64) *hvp.CSR {
	t.Helper()
	s, err := hvp.NewStencil(1, shift, rows, cols)
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Assemble()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestKinds puts every preconditioner of the catalogue through the conformance
// test on a grid of more than one block.
func TestKinds(t *testing.T) {
	a, other := grid(t, 61, 53, 0.01), grid(t, 61, 53, 0.5)
	for _, k := range precond.Kinds() {
		t.Run(k.Name, func(t *testing.T) {
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
