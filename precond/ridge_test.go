package precond_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
	"github.com/hgsolve/hgsolve/precond/precondtest"
)

// fewExamples returns a GLM of 12 examples and n penalties between e⁻⁸ and 1.
func fewExamples(t *testing.T, n int, seed uint64) *hvp.GLM {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	const rows = 12
	var i, j []int32
	var v []float64
	for r := range int32(rows) {
		for c := range int32(n) {
			if rng.IntN(4) == 0 {
				i, j, v = append(i, r), append(j, c), append(v, rng.NormFloat64())
			}
		}
	}
	x, err := hvp.NewCSRFromTriplets(rows, n, i, j, v)
	if err != nil {
		t.Fatal(err)
	}
	d, ridge := make([]float64, rows), make([]float64, n)
	for k := range d {
		d[k] = 0.25
	}
	for k := range ridge {
		ridge[k] = math.Exp(-8 * rng.Float64())
	}
	g, err := hvp.NewGLM(x, d, ridge)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestRidge: with B of rank r, M·A has r+1 distinct eigenvalues at most, so CG needs
// r+1 iterations, and Auto picks it where there are more unknowns than examples.
func TestRidge(t *testing.T) {
	const n, rank = 600, 12
	a, other := fewExamples(t, n, 1), fewExamples(t, n, 2)
	build := func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		return precond.New(ctx, "ridge", a)
	}
	precondtest.Test(t, a, other, build, &hvptest.Options{})
	m, err := precond.NewAuto(t.Context(), a)
	if err != nil || m.Kind() != "ridge" {
		t.Fatalf("%v, %v", m, err)
	}
	b, x := make([]float64, n), make([]float64, n)
	for i := range b {
		b[i] = math.Sin(float64(i))
	}
	res, err := krylov.Solve(t.Context(), a, x, b, &krylov.Settings{Precond: m, RTol: 1e-10})
	if err != nil || res.Iterations > rank+2 {
		t.Errorf("%d iterations with the ridge, %v", res.Iterations, err)
	}
	if _, err := precond.NewRidge(t.Context(), grid(t, 10, 10, 1)); !errors.Is(err, precond.ErrNotApplicable) {
		t.Errorf("a matrix without a known ridge: %v", err)
	}
}
