// Package precondtest checks implementations of [precond.Preconditioner].
package precondtest

import (
	"context"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
	"github.com/hgsolve/hgsolve/precond"
)

// TB is the part of [testing.TB] that is needed.
type TB interface {
	hvptest.TB
	Fatalf(format string, args ...any)
}

// Build makes the preconditioner of an operator; [precond.Kind].Make is one.
type Build func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error)

// Test reports every violation of the contract of [precond.Preconditioner] by
// what build makes for a: that of operators and of what M promises
// ([hvptest.TestOperator]), of [hvp.SingleBlocker] if it is one, the same bits from a build with any number of workers,
// from a second build and from a refresh, a report that is filled in, and named
// errors for other shapes. What says that it is [hvp.Varying] is not tested as an
// operator. other has the shape of a and different values. A nil
// opt means the defaults of hvptest.
//
// That Apply allocates nothing is for a test of its own, since it needs package
// testing: see [Allocations].
func Test(t TB, a, other hvp.Operator, build Build, opt *hvptest.Options) {
	t.Helper()
	ctx := context.Background()
	m, err := build(ctx, a)
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	n, _ := a.Dims()
	if rows, cols := m.Dims(); rows != n || cols != n {
		t.Fatalf("%v is %d×%d for an operator of order %d", m, rows, cols, n)
	}
	if !hvp.StructureOf(m).Has(hvp.Varying) { // else it is no operator to be tested
		hvptest.TestOperator(t, m, opt)
	}
	panels(t, m)
	if m.String() == "" {
		t.Errorf("the preconditioner %T has no name", m)
	}
	if r := m.Report(); r.Bytes <= 0 || r.Setup <= 0 {
		t.Errorf("%v: report without memory or set-up time: %+v", m, r)
	}

	x, want, got := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range x {
		x[i] = math.Sin(1 + float64(i)*float64(i%97))
	}
	same := func(what string, m precond.Preconditioner) {
		t.Helper()
		if err := m.Apply(ctx, got, x); err != nil {
			t.Errorf("%v, %s: %v", m, what, err)
			return
		}
		for i := range want {
			if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
				t.Errorf("%v, %s: element %d is %v, want %v", m, what, i, got[i], want[i])
				return
			}
		}
	}
	if err := m.Apply(ctx, want, x); err != nil {
		t.Fatalf("%v: %v", m, err)
	}
	for _, workers := range []int{1, 2, 3, 7} {
		again, err := build(hvp.WithWorkers(ctx, workers), a)
		if err != nil {
			t.Fatalf("%v, built by %d workers: %v", m, workers, err)
		}
		same("built by other workers", again)
	}
	// There and back again: what a refresh leaves behind must not matter.
	if err := m.Refresh(ctx, other); err != nil {
		t.Errorf("%v: refresh: %v", m, err)
		return
	}
	if err := m.Refresh(ctx, a); err != nil {
		t.Errorf("%v: refresh: %v", m, err)
		return
	}
	same("after two refreshes", m)
	fresh, err := build(ctx, other)
	if err != nil {
		t.Fatalf("build of the other operator: %v", err)
	}
	if err := fresh.Apply(ctx, want, x); err != nil {
		t.Fatalf("%v: %v", fresh, err)
	}
	if err := m.Refresh(ctx, other); err != nil {
		t.Errorf("%v: refresh: %v", m, err)
		return
	}
	same("refreshed for the other operator", m)

	larger := &hvp.Func{Rows: n + 1, Promise: hvp.StructureOf(a), Mul: func(_ context.Context, dst, x []float64) error { copy(dst, x); return nil }}
	if err := m.Refresh(ctx, larger); err == nil {
		t.Errorf("%v: a refresh by an operator of another order is no error", m)
	}
	rectangular := &hvp.Func{Rows: n + 1, Cols: n, Mul: func(_ context.Context, dst, _ []float64) error { clear(dst); return nil }}
	if _, err := build(ctx, rectangular); err == nil {
		t.Errorf("%v: a rectangular operator is no error", m)
	}
}

// Allocations returns the functions whose allocations, by testing.AllocsPerRun
// on one worker, must be zero: Apply and ApplyTrans of m. The context that they use
// is made beforehand.
func Allocations(m precond.Preconditioner) (apply, applyTrans func()) {
	n, _ := m.Dims()
	x, dst := make([]float64, n), make([]float64, n)
	for i := range x {
		x[i] = 1 / float64(i+1)
	}
	ctx := hvp.WithWorkers(context.Background(), 1)
	return func() { _ = m.Apply(ctx, dst, x) }, func() { _ = m.ApplyTrans(ctx, dst, x) }
}
