package precond_test

import (
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
)

// TestAutoChoices: what is picked for operators of which the study of thresholds
// (BenchmarkAuto of cmd/hgbench) settled it.
func TestAutoChoices(t *testing.T) {
	// A chain with a weak end: no grid, so that a trial has to tell, and little fill.
	chain := map[[2]int]float64{}
	for i := range 1500 {
		chain[[2]int{i, i}] = 2 + 1e-7
		if i > 0 {
			chain[[2]int{i - 1, i}] = -1
		}
	}
	for _, c := range []struct {
		name string
		a    hvp.Operator
		kind string
		note string
	}{
		{"dominant", laplacian(t, 1, 50, 50), "jacobi", "does not pay"},
		{"dominant, matrix-free", stencil(t, 1, 50, 50), "jacobi", "does not pay"},
		{"grid", laplacian(t, 0, 90, 90), "amg", ""},
		{"grid, matrix-free", stencil(t, 0, 150, 150), "multigrid", ""},
		{"chain", symmetric(t, 1500, hvp.SPD, chain), "cholesky", ""},
	} {
		m, err := precond.NewAuto(t.Context(), c.a)
		if err != nil {
			t.Fatal(err)
		}
		if notes := strings.Join(m.Report().Notes, "; "); m.Kind() != c.kind || !strings.Contains(notes, c.note) {
			t.Errorf("%s: %s, want %s; %s", c.name, m.Kind(), c.kind, notes)
		}
	}
}

// TestAutoDelegates: what Auto picked is as good in a solver as by itself, a diagonal
// matrix as such; the bits are the same.
func TestAutoDelegates(t *testing.T) {
	a := laplacian(t, 1, 50, 50)
	m, err := precond.NewAuto(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	j, err := precond.NewJacobi(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	var applies [2]int
	var x [2][]float64
	for k, p := range []precond.Preconditioner{m, j} {
		x[k] = make([]float64, 2500)
		res, err := krylov.Solve(t.Context(), a, x[k], random(2500), &krylov.Settings{Precond: p})
		if err != nil {
			t.Fatal(err)
		}
		applies[k] = res.PrecondApplies
	}
	if applies[0] != applies[1] {
		t.Errorf("%d applications through Auto, %d of Jacobi itself", applies[0], applies[1])
	}
	for i, v := range x[1] {
		if x[0][i] != v {
			t.Fatalf("element %d is %v through Auto, %v with Jacobi itself", i, x[0][i], v)
		}
	}
}
