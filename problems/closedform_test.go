package problems_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
)

// closedForm is a problem whose solution is known.
type closedForm interface {
	hypergrad.Problem
	hypergrad.Energy
	Exact(ctx context.Context, y, grad, w []float64) (loss float64, err error)
}

// hypergradient solves the inner problem from zero and the adjoint system.
func hypergradient(t testing.TB, ctx context.Context, p closedForm, w []float64, rtol float64) (y, grad []float64, rep hypergrad.Report) {
	t.Helper()
	ny, nw := p.Dims()
	y, grad = make([]float64, ny), make([]float64, nw)
	inner := &hypergrad.Newton{RTol: rtol, Polish: true, Precond: hypergrad.Jacobi}
	if _, err := inner.Solve(ctx, p, y, w); err != nil {
		t.Fatal(err)
	}
	est := &hypergrad.Estimator{Precond: hypergrad.Jacobi, Settings: krylov.Settings{RTol: rtol}}
	rep, err := est.Gradient(ctx, p, y, w, grad)
	if err != nil {
		t.Fatal(err)
	}
	return y, grad, rep
}

// checkClosedForm compares y*, L and dL/dw with the closed form.
func checkClosedForm(t *testing.T, what string, p closedForm, w []float64, rtol, tol float64) {
	t.Helper()
	ctx := context.Background()
	ny, nw := p.Dims()
	y, grad, rep := hypergradient(t, ctx, p, w, rtol)
	wantY, want := make([]float64, ny), make([]float64, nw)
	loss, err := p.Exact(ctx, wantY, want, w)
	if err != nil {
		t.Fatal(err)
	}
	ey, el, eg := relative(y, wantY), math.Abs(rep.Loss-loss)/loss, relative(grad, want)
	if !(ey <= tol && el <= tol && eg <= tol) {
		t.Errorf("%s: y is off by %.2g, L by %.2g, dL/dw by %.2g after %d iterations", what, ey, el, eg, rep.Solve.Iterations)
	}
	t.Logf("%s: n_y = %d, y is off by %.2g, L by %.2g, dL/dw by %.2g after %d iterations", what, ny, ey, el, eg, rep.Solve.Iterations)
}

// checkProblem does what every problem of this kind must stand: the operators keep
// their contract, energy and gradient belong together, differences of the
// re-solved problem confirm dL/dw to 1e-6, and workers change no bit.
func checkProblem(t *testing.T, what string, p closedForm, w []float64) {
	t.Helper()
	ctx := context.Background()
	ny, nw := p.Dims()
	rng := rand.New(rand.NewPCG(8, 1))
	normal := func(n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		return x
	}
	y := normal(ny)
	lin, err := p.Linearize(ctx, y, w)
	if err != nil {
		t.Fatal(err)
	}
	hvptest.TestOperator(t, lin.Y, nil)
	hvptest.TestOperator(t, lin.W, nil)

	// E is quadratic in y: its central difference is exact but for rounding.
	v, g := normal(ny), make([]float64, ny)
	if err := p.Residual(ctx, g, y, w); err != nil {
		t.Fatal(err)
	}
	energy := func(s float64) float64 {
		x := slices.Clone(y)
		for i := range x {
			x[i] += s * v[i]
		}
		e, err := p.Energy(ctx, x, w)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	slope := 0.0
	for i := range g {
		slope += g[i] * v[i]
	}
	if up, down := energy(1), energy(-1); math.Abs((up-down)/2-slope) > 1e-12*(math.Abs(up)+math.Abs(down)) {
		t.Errorf("%s: gᵀv = %v, by the energy %v", what, slope, (up-down)/2)
	}
	_, grad, _ := hypergradient(t, ctx, p, w, 1e-13)
	u := normal(nw)
	diff, err := hypergrad.CheckGradient(ctx, p, &hypergrad.Newton{RTol: 1e-13, Polish: true}, make([]float64, ny), w, grad, u, 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff.Error() > 1e-6 {
		t.Errorf("%s: hypergradient %v, by differences %v ± %.1g", what, diff.Predicted, diff.Measured, diff.Uncertainty)
	}
	checkWorkers(t, what, p, w)
}

// checkWorkers compares solution, hypergradient, energy and closed form bit by
// bit for 1, 2, 3 and 7 workers.
func checkWorkers(t *testing.T, what string, p closedForm, w []float64) {
	t.Helper()
	ny, nw := p.Dims()
	var first [][]float64
	for _, workers := range []int{1, 2, 3, 7} {
		ctx := hvp.WithWorkers(context.Background(), workers)
		y, grad, rep := hypergradient(t, ctx, p, w, 1e-9)
		exactY, exactGrad := make([]float64, ny), make([]float64, nw)
		loss, err := p.Exact(ctx, exactY, exactGrad, w)
		if err != nil {
			t.Fatal(err)
		}
		energy, err := p.Energy(ctx, y, w)
		if err != nil {
			t.Fatal(err)
		}
		all := [][]float64{y, grad, exactY, exactGrad, {rep.Loss, loss, energy}}
		if first == nil {
			first = all
		}
		for i, v := range all {
			if !slices.Equal(v, first[i]) {
				t.Errorf("%s: %d workers change result %d", what, workers, i)
			}
		}
	}
}
