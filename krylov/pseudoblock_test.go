package krylov_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
)

// sweeps counts the sweeps over an operator and the columns they serve.
type sweeps struct {
	*hvp.CSR
	calls, columns atomic.Int64
}

func (s *sweeps) Apply(ctx context.Context, dst, x []float64) error {
	s.calls.Add(1)
	s.columns.Add(1)
	return s.CSR.Apply(ctx, dst, x)
}

func (s *sweeps) ApplyBlock(ctx context.Context, dst, x []float64, k int) error {
	s.calls.Add(1)
	s.columns.Add(int64(k))
	return s.CSR.ApplyBlock(ctx, dst, x, k)
}

// TestPseudoBlock: each column as the method solves it alone, with shared sweeps.
func TestPseudoBlock(t *testing.T) {
	const m, k = 17, 5
	a := stencil5(t, m, -1.3) // indefinite
	// stencil5 promises SPD, which is wrong here: wrap the matrix anew.
	ptr, col, val := a.RawCSR()
	n := m * m
	raw, err := hvp.NewCSR(n, n, ptr, col, val)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err = raw.Promise(hvp.Symmetric); err != nil {
		t.Fatal(err)
	}
	b := make([]float64, n*k)
	for i := range n {
		b[i*k] = math.Sin(float64(i))
		b[i*k+1] = 1e-140 * math.Cos(float64(3*i))
		// column 2 is zero
		b[i*k+3] = float64(i % 7)
		b[i*k+4] = 1
	}
	for name, make1 := range map[string]func() krylov.Method{
		"minres":     nil,
		"minres-qlp": func() krylov.Method { return &krylov.MINRES{MinLength: true} },
		// Without restarts, which make the count jump with the last bits.
		"gmres": func() krylov.Method { return &krylov.GMRES{Restart: m * m} },
	} {
		var want []float64
		for _, workers := range []int{1, 2, 3, 7} {
			op := &sweeps{CSR: raw}
			p := krylov.PseudoBlock{New: make1}
			x := make([]float64, n*k)
			results, err := p.SolveBlock(context.Background(), op, x, b, k, &krylov.Settings{RTol: 1e-9, Workers: workers})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if want == nil {
				want = x
			} else if !slices.Equal(x, want) {
				t.Errorf("%s: %d workers change the result", name, workers)
			}
			most, sum := 0, 0
			for l, res := range results {
				single := newMethod(t, "minres")
				if make1 != nil {
					single = make1()
				}
				bl, xl, r := make([]float64, n), make([]float64, n), make([]float64, n)
				for i := range n {
					bl[i], xl[i] = b[i*k+l], x[i*k+l]
				}
				if err := raw.Apply(context.Background(), r, xl); err != nil {
					t.Fatal(err)
				}
				if d := distance(r, bl); d > 1e-9*norm(bl) || res.Status != krylov.Converged {
					t.Errorf("%s, column %d: %v, residual %v of %v", name, l, res.Status, d, norm(bl))
				}
				alone, err := single.Solve(context.Background(), raw, xl, bl, &krylov.Settings{RTol: 1e-9})
				if d := alone.Iterations - res.Iterations; err != nil || max(d, -d) > 2+alone.Iterations/50 {
					// A block product adds in another order, which shows in long runs.
					t.Errorf("%s, column %d: %d iterations, alone %d, %v", name, l, res.Iterations, alone.Iterations, err)
				}
				most, sum = max(most, res.Products), sum+res.Products
			}
			if results[2].Iterations != 0 {
				t.Errorf("%s: b = 0 took %d iterations", name, results[2].Iterations)
			}
			if calls, columns := int(op.calls.Load()), int(op.columns.Load()); calls != most || columns != sum {
				t.Errorf("%s: %d sweeps for %d columns; the longest system made %d products, all %d", name, calls, columns, most, sum)
			}
		}
	}
}

// TestPseudoBlockFailures: a column that fails does not touch the others; errors,
// cancellation and panics of the operator reach the caller.
func TestPseudoBlockFailures(t *testing.T) {
	a := stencil5(t, 12, 0.5)
	const n, k = 144, 3
	b := constant(n*k, 1)
	b[5*k+1] = math.NaN()
	var p krylov.PseudoBlock
	x := make([]float64, n*k)
	results, err := p.SolveBlock(context.Background(), a, x, b, k, nil)
	var e *krylov.BlockError
	if !errors.As(err, &e) || !slices.Equal(e.Columns, []int{1}) || !errors.Is(err, krylov.NonFinite) {
		t.Errorf("NaN in column 1: %v", err)
	}
	for _, l := range []int{0, 2} {
		if results[l].Status != krylov.Converged {
			t.Errorf("column %d: %v", l, results[l].Status)
		}
	}
	b[5*k+1] = 2
	for _, c := range []struct {
		what string
		a    hvp.Operator
		x    []float64
		k    int
	}{{"nil", nil, x, k}, {"short", a, x[:5], k}, {"negative k", a, x, -1}} {
		if _, err := p.SolveBlock(context.Background(), c.a, c.x, b, c.k, nil); !errors.Is(err, krylov.InvalidInput) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	if _, err := p.SolveBlock(context.Background(), a, nil, nil, 0, nil); err != nil {
		t.Errorf("no systems: %v", err)
	}
	broken := errors.New("broken")
	calls := 0
	failing := &hvp.Func{Rows: n, Promise: hvp.Symmetric, Mul: func(ctx context.Context, dst, x []float64) error {
		if calls++; calls > 10 {
			return broken
		}
		return a.Apply(ctx, dst, x)
	}}
	if _, err := p.SolveBlock(context.Background(), failing, x, b, k, nil); !errors.Is(err, broken) || !errors.Is(err, krylov.OperatorFailed) {
		t.Errorf("failing product: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err = p.SolveBlock(ctx, a, x, b, k, &krylov.Settings{RTol: 1e-14, Monitor: func(q krylov.Progress) error {
		if q.Iteration == 3 {
			cancel()
		}
		return nil
	}})
	if !errors.Is(err, krylov.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	func() {
		defer func() {
			if v := recover(); fmt.Sprint(v) != "boom" {
				t.Errorf("recovered %v", v)
			}
		}()
		calls := 0
		bomb := &hvp.Func{Rows: n, Promise: hvp.Symmetric, Mul: func(ctx context.Context, dst, x []float64) error {
			if calls++; calls > 10 {
				panic("boom")
			}
			return a.Apply(ctx, dst, x)
		}}
		_, err := p.SolveBlock(context.Background(), bomb, x, b, k, nil)
		t.Errorf("no panic: %v", err)
	}()
	// And it still works.
	if _, err := p.SolveBlock(context.Background(), a, x, b, k, nil); err != nil {
		t.Error(err)
	}
}
