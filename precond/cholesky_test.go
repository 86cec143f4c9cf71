package precond_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/precond"
	"github.com/hgsolve/hgsolve/precond/precondtest"
)

// path returns the Laplacian of a path of n points plus shift·I, its rows in an order
// that is far from that of the path.
func path(t *testing.T, n int, shift float64) *hvp.CSR {
	t.Helper()
	var i, j []int32
	var v []float64
	at := func(k int) int32 { return int32(k * 7 % n) }
	for k := range n {
		i, j, v = append(i, at(k)), append(j, at(k)), append(v, shift)
		if k > 0 {
			i, j = append(i, at(k), at(k-1), at(k), at(k-1)), append(j, at(k-1), at(k), at(k), at(k-1))
			v = append(v, -1, -1, 1, 1)
		}
	}
	a, err := hvp.NewCSRFromTriplets(n, n, i, j, v)
	if err == nil {
		a, err = a.Promise(hvp.Symmetric)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestCholeskyIsExact: A·M·x = x, in any order.
func TestCholeskyIsExact(t *testing.T) {
	for name, a := range map[string]*hvp.CSR{"path": path(t, 1000, 0.1), "grid": grid(t, 23, 17, 0.01), "one": grid(t, 1, 1, 1)} {
		for _, o := range []precond.Ordering{precond.OrderNatural, precond.OrderRCM, precond.OrderAMD} {
			m, err := precond.NewCholesky(t.Context(), a, &precond.CholeskySettings{Ordering: o})
			if err != nil {
				t.Fatal(err)
			}
			n, _ := a.Dims()
			x, y, z := rhs(n), make([]float64, n), make([]float64, n)
			if err := m.Apply(t.Context(), y, x); err != nil {
				t.Fatal(err)
			}
			if err := a.Apply(t.Context(), z, y); err != nil {
				t.Fatal(err)
			}
			for i := range x {
				if math.Abs(z[i]-x[i]) > 1e-11 {
					t.Fatalf("%s, %v: element %d of A·M·x is %v, want %v", name, o, i, z[i], x[i])
				}
			}
			if o == precond.OrderRCM && name == "path" && !strings.Contains(m.Report().Notes[0], "999 entries") {
				t.Errorf("the envelope of a path: %q", m.Report().Notes)
			}
		}
	}
}

// TestCholeskyOfSingular: the last pivot of the Laplacian of a path is zero, and M is
// the inverse of A + a_kk·e_k·e_kᵀ, k an end of the path, where a_kk = 1: the Green's
// function of a string with one spring, M_ij = 1 + the way that i and j have in common.
func TestCholeskyOfSingular(t *testing.T) {
	const n = 50
	m, err := precond.NewCholesky(t.Context(), path(t, n, 0), nil)
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(m.Report().Notes, "; "); !strings.Contains(notes, "1 pivots") {
		t.Errorf("notes %q", notes)
	}
	e, y := make([]float64, n), make([]float64, n)
	seen := 0.0
	for k := range n {
		clear(e)
		e[k*7%n] = 1
		if err := m.Apply(t.Context(), y, e); err != nil {
			t.Fatal(err)
		}
		// k steps from the one end, and n−1−k from the other.
		if d := y[k*7%n]; math.Abs(d-float64(1+k)) > 1e-9 && math.Abs(d-float64(n-k)) > 1e-9 {
			t.Errorf("M_kk = %v for k = %d", d, k)
		}
		seen += y[k*7%n]
	}
	if want := n * (n + 1) / 2.0; math.Abs(seen-want) > 1e-7 {
		t.Errorf("trace %v, want %v", seen, want)
	}
}

// TestCholeskyContract puts each form through the conformance test.
func TestCholeskyContract(t *testing.T) {
	for _, o := range []precond.Ordering{precond.OrderNatural, precond.OrderRCM, precond.OrderAMD} {
		build := func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
			return precond.NewCholesky(ctx, a, &precond.CholeskySettings{Ordering: o})
		}
		precondtest.Test(t, grid(t, 31, 23, 0.01), grid(t, 31, 23, 0.7), build, nil)
		m, err := build(t.Context(), grid(t, 31, 23, 0.01))
		if err != nil {
			t.Fatal(err)
		}
		apply, _ := precondtest.Allocations(m)
		if n := testing.AllocsPerRun(10, apply); n != 0 && !raceEnabled {
			t.Errorf("%v: %v allocations per Apply", o, n)
		}
	}
}

// TestCholeskyChooses: the form that takes less time, by the counts of both; another
// pattern on refresh has its own.
func TestCholeskyChooses(t *testing.T) {
	note := func(m *precond.Cholesky) string { return strings.Join(m.Report().Notes, "; ") }
	for _, c := range []struct {
		name string
		a    *hvp.CSR
		want string
	}{
		{"chain", path(t, 1000, 0.1), "RCM order, 999 entries in the envelope"},
		{"strip", grid(t, 300, 4, 0.1), "natural order"},
		{"square", grid(t, 90, 90, 0.1), "AMD order"},
		{"full", symmetric(t, 3, hvp.SPD, map[[2]int]float64{{0, 0}: 2, {1, 1}: 2, {2, 2}: 2, {0, 1}: 1, {0, 2}: 1, {1, 2}: 1}), "natural order, 3 entries"},
	} {
		m, err := precond.NewCholesky(t.Context(), c.a, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(note(m), c.want) {
			t.Errorf("%s: %q, want %q", c.name, note(m), c.want)
		}
	}
	m, err := precond.NewCholesky(t.Context(), grid(t, 90, 90, 0.1), nil)
	if err != nil {
		t.Fatal(err)
	}
	other := grid(t, 2025, 4, 0.1)
	if err := m.Refresh(t.Context(), other); err != nil || !strings.Contains(note(m), "natural") {
		t.Errorf("refresh by a strip: %v, %q", err, note(m))
	}
	x, y, z := rhs(8100), make([]float64, 8100), make([]float64, 8100)
	if err := m.Apply(t.Context(), y, x); err != nil {
		t.Fatal(err)
	}
	if err := other.Apply(t.Context(), z, y); err != nil {
		t.Fatal(err)
	}
	for i := range x {
		if math.Abs(z[i]-x[i]) > 1e-11 {
			t.Fatalf("element %d of A·M·x is %v, want %v", i, z[i], x[i])
		}
	}
	// What the one form cannot have, the other may.
	if _, err := precond.NewCholesky(t.Context(), grid(t, 90, 90, 0.1), &precond.CholeskySettings{MaxEntries: 200_000}); err != nil {
		t.Errorf("entries for the sparse form only: %v", err)
	}
}

func TestCholeskyRefuses(t *testing.T) {
	var e *precond.NotPositiveError
	if _, err := precond.NewCholesky(t.Context(), grid(t, 20, 20, -0.5), &precond.CholeskySettings{Ordering: precond.OrderAMD}); !errors.As(err, &e) || !errors.Is(err, precond.ErrIndefinite) {
		t.Errorf("indefinite, by columns: %v", err)
	}
	if _, err := precond.NewCholesky(t.Context(), path(t, 20, -0.5), nil); !errors.As(err, &e) || !errors.Is(err, precond.ErrIndefinite) {
		t.Errorf("indefinite: %v", err)
	}
	unsymmetric, err := hvp.NewCSRFromTriplets(2, 2, []int32{0, 0, 1}, []int32{0, 1, 1}, []float64{1, 1, 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		a   hvp.Operator
		set precond.CholeskySettings
	}{
		"not symmetric": {unsymmetric, precond.CholeskySettings{}},
		"no entries":    {&hvp.Func{Rows: 3, Promise: hvp.SPD}, precond.CholeskySettings{}},
		"large":         {grid(t, 9, 9, 1), precond.CholeskySettings{MaxEntries: 50}},
		"expensive":     {grid(t, 9, 9, 1), precond.CholeskySettings{MaxWork: 50}},
	} {
		if _, err := precond.NewCholesky(t.Context(), c.a, &c.set); !errors.Is(err, precond.ErrNotApplicable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := precond.NewCholesky(t.Context(), grid(t, 3, 3, 1), &precond.CholeskySettings{MaxWork: -1}); err == nil {
		t.Error("negative work accepted")
	}
	m, err := precond.NewCholesky(t.Context(), grid(t, 3, 3, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Refresh(t.Context(), grid(t, 4, 3, 1)); err == nil {
		t.Error("refresh by another order accepted")
	}
}
