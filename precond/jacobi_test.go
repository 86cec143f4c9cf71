package precond_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
)

func diagonal(t *testing.T, d ...float64) hvp.Operator {
	t.Helper()
	return &hvp.Func{Rows: len(d), Promise: hvp.SPD,
		Mul: func(_ context.Context, dst, x []float64) error {
			for i, v := range d {
				dst[i] = v * x[i]
			}
			return nil
		},
		Diagonal: func(dst []float64) error { copy(dst, d); return nil },
	}
}

func TestJacobiSolvesDiagonalSystemsAtOnce(t *testing.T) {
	a := diagonal(t, 1, 1e3, 1e-3, 7)
	m, err := precond.NewJacobi(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float64, 4)
	res, err := krylov.Solve(context.Background(), a, x, []float64{1, 2, 3, 4}, &krylov.Settings{Precond: m, RTol: 1e-14})
	if err != nil || res.Iterations != 1 {
		t.Errorf("%d iterations, %v", res.Iterations, err)
	}
	for i, want := range []float64{1, 2e-3, 3e3, 4.0 / 7} {
		if math.Abs(x[i]-want) > 1e-14*want {
			t.Errorf("x[%d] = %v, want %v", i, x[i], want)
		}
	}
}

func TestJacobiRefusesBadDiagonals(t *testing.T) {
	for _, c := range []struct {
		d     []float64
		index int
	}{
		{[]float64{1, -2, 3}, 1}, {[]float64{1, 2, 0}, 2}, {[]float64{math.NaN(), 1}, 0},
		{[]float64{1, math.Inf(1)}, 1}, {[]float64{1, 1e-310}, 1},
	} {
		_, err := precond.NewJacobi(context.Background(), diagonal(t, c.d...))
		var e *precond.NotPositiveError
		if !errors.As(err, &e) || e.Index != c.index {
			t.Errorf("diagonal %v: %v", c.d, err)
		}
	}
	// Without symmetry a negative entry is as good as a positive one.
	general := diagonal(t, 2, -4).(*hvp.Func)
	general.Promise = 0
	m, err := precond.NewJacobi(context.Background(), general)
	if err != nil {
		t.Fatal(err)
	}
	if d := m.DiagonalValues(); d[0] != 0.5 || d[1] != -0.25 {
		t.Errorf("inverse diagonal %v", d)
	}
	noDiag := &hvp.Func{Rows: 2, Mul: func(context.Context, []float64, []float64) error { return nil }}
	if _, err := precond.NewJacobi(context.Background(), noDiag); !errors.Is(err, precond.ErrNoDiagonal) {
		t.Errorf("operator without diagonal: %v", err)
	}
	if _, err := precond.NewJacobi(context.Background(), &hvp.Func{Rows: 2, Cols: 3}); err == nil {
		t.Error("rectangular operator accepted")
	}
}
