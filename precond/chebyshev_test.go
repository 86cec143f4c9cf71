package precond_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/precond"
	"github.com/hgsolve/hgsolve/precond/precondtest"
)

func chebyshev(s *precond.ChebyshevSettings) precondtest.Build {
	return func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		m, err := precond.NewChebyshev(ctx, a, s)
		if err != nil {
			return nil, err
		}
		return m, nil
	}
}

func TestChebyshevContract(t *testing.T) {
	rows := 70
	if raceEnabled {
		rows = 25 // more than one block
	}
	a, err := hvp.NewStencil(1, 0.01, rows, 90)
	if err != nil {
		t.Fatal(err)
	}
	other, err := hvp.NewStencil(2, 0.5, rows, 90)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []precond.ChebyshevSettings{{}, {Degree: 2, Ratio: 4}, {Degree: 10, Steps: 3}} {
		precondtest.Test(t, a, other, chebyshev(&s), nil)
	}
	// Products only: no rows, no diagonal.
	plain := func(a hvp.Operator) hvp.Operator {
		return &hvp.Func{Rows: rows * 90, Promise: hvp.SPD, Mul: a.Apply}
	}
	precondtest.Test(t, plain(a), plain(other), chebyshev(nil), nil)
}

// TestChebyshevFormula compares M with its closed form on eigenvectors: for a diagonal
// operator without Diag, M_ii·λ_i = 1 − T_k((θ−λ_i)/δ)/T_k(θ/δ).
func TestChebyshevFormula(t *testing.T) {
	n := 3000
	d := make([]float64, n)
	for i := range d {
		d[i] = 2 * (0.001 + float64(i)) / float64(n)
	}
	a := &hvp.Func{Rows: n, Promise: hvp.SPD, Mul: func(_ context.Context, dst, x []float64) error {
		for i, v := range d {
			dst[i] = v * x[i]
		}
		return nil
	}}
	for _, degree := range []int{2, 4, 8} {
		m, err := precond.NewChebyshev(t.Context(), a, &precond.ChebyshevSettings{Degree: degree, Ratio: 10})
		if err != nil {
			t.Fatal(err)
		}
		lo, hi := m.Interval()
		if !(hi >= d[n-1] && hi < 1.2*d[n-1]) || math.Abs(hi/lo-10) > 1e-10 {
			t.Errorf("interval [%v, %v] for a spectrum up to %v", lo, hi, d[n-1])
		}
		got := make([]float64, n)
		if err := m.Apply(t.Context(), got, filled(n, 1)); err != nil {
			t.Fatal(err)
		}
		theta, delta := (hi+lo)/2, (hi-lo)/2
		k := float64(degree + 1)
		cheb := func(x float64) float64 {
			switch {
			case x > 1:
				return math.Cosh(k * math.Acosh(x))
			case x < -1:
				return -math.Cosh(k * math.Acosh(-x)) // k is odd
			}
			return math.Cos(k * math.Acos(x))
		}
		for i, v := range d {
			want := (1 - cheb((theta-v)/delta)/cheb(theta/delta)) / v
			if math.Abs(got[i]-want) > 1e-9*want {
				t.Fatalf("degree %d: M at λ = %v is %v, want %v", degree, v, got[i], want)
			}
		}
	}
}

// TestChebyshevBoundTooSmall: with one Lanczos step the estimate is the mean of the
// spectrum, far below its end. M stays positive definite.
func TestChebyshevBoundTooSmall(t *testing.T) {
	n := 2000
	d := filled(n, 1)
	d[77] = 1e4 // hardly visible to a random vector
	a := &hvp.Func{Rows: n, Promise: hvp.SPD, Mul: func(_ context.Context, dst, x []float64) error {
		for i, v := range d {
			dst[i] = v * x[i]
		}
		return nil
	}}
	m, err := precond.NewChebyshev(t.Context(), a, &precond.ChebyshevSettings{Steps: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, hi := m.Interval(); hi > 5e3 {
		t.Fatalf("the bound %v is not too small", hi)
	}
	e := make([]float64, n)
	for i := range d {
		x := make([]float64, n)
		x[i] = 1
		if err := m.Apply(t.Context(), e, x); err != nil {
			t.Fatal(err)
		}
		if !(e[i] > 0) {
			t.Fatalf("M at λ = %v is %v", d[i], e[i])
		}
		if i > 100 {
			break
		}
	}
}

// TestChebyshevReducesIterations: fewer iterations, and fewer inner products, than
// without.
func TestChebyshevReducesIterations(t *testing.T) {
	m0 := 200
	if raceEnabled {
		m0 = 50
	}
	a := laplacian(t, 1e-4, m0, m0)
	b := filled(m0*m0, 1)
	jacobi, err := precond.NewJacobi(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	m, err := precond.NewChebyshev(t.Context(), a, nil)
	if err != nil {
		t.Fatal(err)
	}
	plain, cheb := solveSteps(t, a, jacobi, b, 1e-8), solveSteps(t, a, m, b, 1e-8)
	if cheb > plain*2/5 {
		t.Errorf("%d iterations with Chebyshev of degree 4, %d with Jacobi", cheb, plain)
	}
}

func TestChebyshevErrors(t *testing.T) {
	a := diagonal(t, 1, 2, 3)
	for _, s := range []precond.ChebyshevSettings{{Degree: 3}, {Degree: -2}, {Degree: 2000}, {Ratio: 1}, {Ratio: math.NaN()}, {Ratio: math.Inf(1)}, {Steps: -1}} {
		if _, err := precond.NewChebyshev(t.Context(), a, &s); err == nil {
			t.Errorf("settings %+v are no error", s)
		}
	}
	var notPositive *precond.NotPositiveError
	if _, err := precond.NewChebyshev(t.Context(), diagonal(t, 1, -2), nil); !errors.As(err, &notPositive) || notPositive.Index != 1 {
		t.Errorf("negative diagonal: %v", err)
	}
	swap := &hvp.Func{Rows: 2, Promise: hvp.Symmetric, Mul: func(_ context.Context, dst, x []float64) error {
		dst[0], dst[1] = x[1], x[0]
		return nil
	}}
	if _, err := precond.NewChebyshev(t.Context(), swap, nil); !errors.Is(err, precond.ErrIndefinite) {
		t.Errorf("eigenvalues ±1: %v", err)
	}
	general := &hvp.Func{Rows: 2, Mul: swap.Mul}
	if _, err := precond.NewChebyshev(t.Context(), general, nil); !errors.Is(err, precond.ErrNotApplicable) {
		t.Errorf("not symmetric: %v", err)
	}
	fails := errors.New("no product")
	broken := false
	flaky := &hvp.Func{Rows: 2, Promise: hvp.SPD, Mul: func(_ context.Context, dst, x []float64) error {
		copy(dst, x)
		if broken {
			return fails
		}
		return nil
	}}
	m, err := precond.NewChebyshev(t.Context(), flaky, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Apply(t.Context(), make([]float64, 3), make([]float64, 2)); err == nil {
		t.Error("wrong length accepted")
	}
	broken = true
	if err := m.Apply(t.Context(), make([]float64, 2), make([]float64, 2)); !errors.Is(err, fails) {
		t.Errorf("product that fails: %v", err)
	}
	if err := m.Refresh(t.Context(), flaky); !errors.Is(err, fails) {
		t.Errorf("refresh: %v", err)
	}
	broken = false
	if err := m.Apply(t.Context(), make([]float64, 2), make([]float64, 2)); err == nil {
		t.Error("use after a refresh that failed is no error")
	}
	if err := m.Refresh(t.Context(), flaky); err != nil {
		t.Error(err)
	}
}
