package main

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/formats"
	"github.com/hgsolve/hgsolve/krylov"
)

func tridiagonal(n int, lo, mid, hi float64) []float64 {
	a := make([]float64, n*n)
	for i := range n {
		a[i*n+i] = mid
		if i > 0 {
			a[i*n+i-1] = lo
		}
		if i < n-1 {
			a[i*n+i+1] = hi
		}
	}
	return a
}

func ones(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = 1
	}
	return x
}

// TestSolveHardSystems: every method on every small hard system ends with a
// status that the entries confirm, and with the exit status that belongs to it.
func TestSolveHardSystems(t *testing.T) {
	laplacian := tridiagonal(6, -1, 2, -1)
	laplacian[0], laplacian[35] = 1, 1
	dir := t.TempDir()
	for _, c := range []struct {
		name       string
		a, b       []float64
		symmetric  bool
		consistent bool // not transposed
	}{
		{"swap", []float64{0, 1, 1, 0}, []float64{1, 0}, true, true},
		{"rotation", []float64{0, 1, -1, 0}, []float64{1, 0}, false, true},
		{"zero-bAb", []float64{1, 0, 0, 0, -1, 0, 0, 0, 0}, []float64{1, 1, 0}, true, true},
		{"nilpotent", []float64{0, 1, 0, 1, 0, 0, 0, 0, 0}, []float64{1, 0, 0}, true, true},
		{"nilpotent-shift", []float64{0, 1, 0, 0, 0, 1, 0, 0, 0}, []float64{1, 0, 0}, false, true},
		{"inconsistent", []float64{0, 0, 0, 0, 1, 0, 0, 0, 1}, ones(3), true, false},
		{"zero", make([]float64, 9), []float64{1, 2, 3}, true, false},
		{"laplacian", laplacian, []float64{1, -2, 3, 1, -4, 1}, true, true},
		{"laplacian-inconsistent", laplacian, ones(6), true, false},
		{"indefinite", tridiagonal(50, 1, 1-5, 1), ones(50), true, true},
		{"b=0", []float64{1, 0, 0, 2}, []float64{0, 0}, true, true},
		{"n=1", []float64{3}, []float64{6}, true, true},
		{"n=1-negative", []float64{-3}, []float64{6}, true, true},
		{"n=1-singular", []float64{0}, []float64{6}, true, false},
		{"n=0", nil, nil, true, true},
		{"tiny", []float64{2e-160, 1e-160, 1e-160, 3e-160}, []float64{1e-150, 2e-150}, true, true},
		{"huge", []float64{2e150, 1e150, 1e150, 3e150}, []float64{1e150, 2e150}, true, true},
		{"skew", []float64{0, 1, 0, -1, 0, 2, 0, -2, 0}, []float64{1, 0, 2}, false, false},
		{"triangular", tridiagonal(40, 0, 1, 0.9), ones(40), false, true},
		{"defective", []float64{1, 1, 0, 0, 1, 1, 0, 0, 1}, []float64{1, 2, 3}, false, true},
	} {
		n := len(c.b)
		matrix := writeDense(t, dir, c.name+".mtx", n, n, c.a)
		rhs := writeNpy(t, dir, c.name+".npy", c.b)
		out := filepath.Join(dir, "x.npy")
		for _, method := range krylov.Methods() {
			for _, extra := range [][]string{nil, {"-trans"}, {"-x0", rhs}} {
				stdout, stderr, status := hgbench(t, append([]string{"solve", "-matrix", matrix, "-rhs", rhs, "-method", method, "-json", "-", "-out", out, "-keep", "-quiet"}, extra...)...)
				what := c.name + ", " + method + " " + strings.Join(extra[:min(1, len(extra))], "")
				r := decodeSolve(t, []byte(stdout))
				success := r.Status == "Converged" || r.Status == "LeastSquares"
				if (status == 0) != success || r.Converged != success || status > 1 || status == 1 && (strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, r.Status)) {
					t.Errorf("%s: exit status %d with %s: %q", what, status, r.Status, stderr)
				}
				if r.Status == "NotSolved" || strings.HasPrefix(r.Status, "Status(") {
					t.Errorf("%s: %s", what, r.Status)
				}
				if c.symmetric && c.consistent && strings.HasPrefix(method, "minres") && r.Status != "Converged" {
					t.Errorf("%s: %s", what, stderr)
				}
				if r.Status == "InvalidInput" {
					continue // auto, while it has no method for it
				}
				x, _, err := formats.ReadNpy(out)
				if err != nil {
					t.Fatal(err)
				}
				res := residualOf(c.a, c.b, x, slices.Contains(extra, "-trans"))
				if norm := norm2(c.b); r.Status == "Converged" && res > 1e-8*norm*(1+1e-6) || math.IsNaN(res) ||
					r.TrueResidual != nil && math.Abs(res-*r.TrueResidual) > 1e-12*norm {
					t.Errorf("%s: %s with residual %v of %v, reported %v", what, r.Status, res, norm, *r.TrueResidual)
				}
				if r.Status == "LeastSquares" && c.consistent && !r.Trans {
					t.Errorf("%s: a system that has a solution is called a least-squares problem", what)
				}
			}
		}
	}
}

// residualOf is ‖b − A·x‖ by plain loops.
func residualOf(a, b, x []float64, trans bool) float64 {
	n := len(b)
	r := slices.Clone(b)
	for i := range n {
		for j := range n {
			if trans {
				r[j] -= a[i*n+j] * x[i]
			} else {
				r[i] -= a[i*n+j] * x[j]
			}
		}
	}
	return norm2(r)
}

func norm2(x []float64) (norm float64) {
	for _, v := range x {
		norm = math.Hypot(norm, v)
	}
	return norm
}

// TestSolveRealMatrices: matrices from the data folder beside the repository,
// with the residual of what was written computed here.
func TestSolveRealMatrices(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		args []string
		need string  // a method that may not be there
		cond float64 // of what the method sees, if known
	}{
		{"nos5", []string{"-spd", "-precond", "jacobi", "-rhs", "random:1"}, "", 0},
		{"nos5", []string{"-spd"}, "", 1.1e4},
		{"1138_bus", []string{"-method", "cg", "-precond", "jacobi"}, "", 0},
		{"gr_30_30", []string{"-spd", "-rtol", "1e-12"}, "", 195},
		{"gr_30_30", []string{"-method", "minres", "-shift", "-2", "-rhs", "random:2"}, "", 0},
		{"gr_30_30", []string{"-method", "minres-qlp", "-shift", "-2", "-rhs", "sine"}, "", 0},
		{"bcsstk02", []string{"-method", "minres", "-precond", "jacobi", "-trans"}, "", 0},
		{"orsirr_1", []string{"-method", "gmres", "-precond", "none", "-shift", "-3000", "-rtol", "1e-6"}, "gmres", 0},
		{"olm1000", []string{"-method", "idrs", "-shift", "1e5", "-trans"}, "idrs", 0},
		{"well1033", []string{"-method", "lsmr", "-rhs", "random:1"}, "lsmr", 0},
	} {
		t.Run(c.name+" "+strings.Join(c.args, " "), func(t *testing.T) {
			if c.need != "" && !slices.Contains(krylov.Methods(), c.need) {
				t.Skipf("there is no method %s", c.need)
			}
			path := filepath.Join("..", "..", "..", "shared", "data", "matrices", c.name+".mtx.gz")
			m, err := formats.ReadMatrixMarketFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				t.Skipf("no test matrix: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(dir, "x.npy")
			stdout, stderr, status := hgbench(t, append([]string{"solve", "-matrix", path, "-out", out, "-json", "-", "-quiet"}, c.args...)...)
			r := decodeSolve(t, []byte(stdout))
			t.Logf("%s: %s after %d iterations", r.Path, r.Status, r.Iterations)
			if status != 0 {
				t.Fatal(stderr)
			}
			if c.cond > 0 && !(*r.CondEstimate > 0.8*c.cond && *r.CondEstimate < 1.1*c.cond) {
				t.Errorf("condition estimate %v, want about %v", *r.CondEstimate, c.cond)
			}
			i, j, v := m.Expand()
			a, err := hvp.NewCSRFromTriplets(m.Rows, m.Cols, i, j, v)
			if err != nil {
				t.Fatal(err)
			}
			x, _, err := formats.ReadNpy(out)
			if err != nil {
				t.Fatal(err)
			}
			apply, undo := a.Apply, a.ApplyTrans
			if r.Trans {
				apply, undo = undo, apply
			}
			res, err := readRHS(context.Background(), r.RHS, len(x)+m.Rows-m.Cols, "")
			if err != nil {
				t.Fatal(err)
			}
			norm, ax := norm2(res), make([]float64, len(res))
			if err := apply(context.Background(), ax, x); err != nil {
				t.Fatal(err)
			}
			for i := range res {
				res[i] -= ax[i]
				if r.Shift != 0 {
					res[i] -= r.Shift * x[i]
				}
			}
			if got := norm2(res); r.Status == "Converged" && got > *r.Tolerance*(1+1e-6) || math.Abs(got-*r.TrueResidual) > 1e-12*norm {
				t.Errorf("residual %v, reported %v, asked for %v", got, *r.TrueResidual, *r.Tolerance)
			}
			if r.Status == "LeastSquares" {
				grad := make([]float64, len(x))
				if err := undo(context.Background(), grad, res); err != nil {
					t.Fatal(err)
				}
				if g := norm2(grad); g > 1e-6*norm2(res) {
					t.Errorf("‖Aᵀr‖ = %v for ‖r‖ = %v", g, norm2(res))
				}
			}
		})
	}
}
