package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/formats"
	"github.com/hgsolve/hgsolve/krylov"
)

// solveJSON is the JSON report as a script sees it: all its fields, numbers that
// may be null as pointers.
type solveJSON struct {
	Matrix          string
	Rows, Cols      int
	N, NNZ          int
	Operator        string
	Shift           float64
	Trans           bool
	Structure       string
	StructureSource string `json:"structure_source"`
	RHS             string

	Method, Path, Precond, Settings, Status, Error string
	Converged                                      bool
	Iterations, Restarts, Products                 int

	RHSNorm      *float64 `json:"rhs_norm"`
	Tolerance    *float64
	Residual     *float64
	TrueResidual *float64                        `json:"true_residual"`
	ErrorBound   *struct{ Lower, Upper float64 } `json:"error_bound"`
	CondEstimate *float64                        `json:"cond_estimate"`
	MinRitz      *float64                        `json:"min_ritz"`
	MaxRitz      *float64                        `json:"max_ritz"`
	Curvature    *float64

	Seconds float64
	Phases  struct {
		Load, Setup, Rest, Total float64
		Products                 float64 `json:"in_products"`
		Precond                  float64 `json:"in_precond"`
	} `json:"seconds_by_phase"`
	Bytes       int64
	GBPerS      *float64 `json:"gb_per_s"`
	Workers     int
	X           *string
	Go, Version string
}

func decodeSolve(t *testing.T, text []byte) (r solveJSON) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return r
}

// writeText writes a file of the given name into dir and returns its path.
func writeText(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeNpy(t *testing.T, dir, name string, v []float64, shape ...int) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := formats.WriteNpy(path, v, shape...); err != nil {
		t.Fatal(err)
	}
	return path
}

// writeDense writes a row-major matrix as a Matrix Market file, zeros left out.
func writeDense(t *testing.T, dir, name string, rows, cols int, a []float64) string {
	t.Helper()
	var i, j []int32
	var v []float64
	for k, x := range a {
		if x != 0 {
			i, j, v = append(i, int32(k/cols)), append(j, int32(k%cols)), append(v, x)
		}
	}
	path := filepath.Join(dir, name)
	err := formats.WriteFile(path, func(w io.Writer) error { return formats.WriteMatrixMarket(w, rows, cols, i, j, v) })
	if err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	// spdText is tridiag(−1, 3, −1) of order 5, its lower triangle.
	spdText = "%%MatrixMarket matrix coordinate real symmetric\n5 5 9\n" +
		"1 1 3\n2 1 -1\n2 2 3\n3 2 -1\n3 3 3\n4 3 -1\n4 4 3\n5 4 -1\n5 5 3\n"
	// generalText is [2 1 0; 0 3 1; 1 0 4].
	generalText = "%%MatrixMarket matrix coordinate integer general\n3 3 6\n1 1 2\n1 2 1\n2 2 3\n2 3 1\n3 1 1\n3 3 4\n"
)

func TestSolveGolden(t *testing.T) {
	dir := t.TempDir()
	spd, general := writeText(t, dir, "spd.mtx", spdText), writeText(t, dir, "general.mtx", generalText)
	for _, c := range []struct {
		name   string
		status int
		args   []string
	}{
		{"help-solve", 0, []string{"help", "solve"}},
		{"solve", 0, []string{"-matrix", spd, "-method", "cg", "-precond", "jacobi", "-curvature-floor", "1", "-rhs", "random:1"}},
		{"solve-json", 0, []string{"-matrix", spd, "-spd", "-method", "cg", "-rhs", "random:1", "-json", "-", "-quiet"}},
		{"solve-stencil", 1, []string{"-stencil", "3d:6", "-rhs", "sine", "-shift", "0.5", "-method", "cg", "-maxiter", "3"}},
		{"solve-matrix-free", 1, []string{"-stencil", "3d:6", "-operator", "matrix-free", "-rhs", "sine", "-shift", "0.5", "-method", "cg", "-maxiter", "3"}},
		{"solve-negative", 1, []string{"-matrix", spd, "-shift", "-3", "-method", "cg", "-rhs", "random:1"}},
		{"solve-invalid", 1, []string{"-matrix", writeText(t, dir, "wide.mtx", "%%MatrixMarket matrix array real general\n1 2\n1\n2\n"), "-method", "cg"}},
		{"solve-not-symmetric", 1, []string{"-matrix", general, "-trans", "-method", "minres", "-rhs", "sine"}},
		{"solve-no-matrix", 2, nil},
	} {
		args := append([]string{"solve"}, c.args...)
		if c.name == "help-solve" {
			args = c.args
		}
		stdout, stderr, status := hgbench(t, args...)
		if status != c.status {
			t.Errorf("%s: exit status %d, want %d", c.name, status, c.status)
		}
		// The list of methods grows.
		stdout = strings.ReplaceAll(stdout, oneOf(krylov.Methods()), "METHODS")
		golden(t, c.name+".out", mask(stdout, dir))
		golden(t, c.name+".err", mask(stderr, dir))
	}
}

// TestSolveJSON: every field of the report is there, and says what the other files
// say.
func TestSolveJSON(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	spd := writeText(t, dir, "spd.mtx", spdText)
	_, stderr, status := hgbench(t, "solve", "-matrix", spd, "-spd", "-precond", "jacobi", "-curvature-floor", "1.2", "-rhs", "random:7",
		"-workers", "2", "-json", at("r.json"), "-out", at("x.npy"), "-history", at("h.csv"), "-quiet")
	if status != 0 || stderr != "" {
		t.Fatalf("status %d: %s", status, stderr)
	}
	text, err := os.ReadFile(at("r.json"))
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]any
	if err := json.Unmarshal(text, &keys); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"n", "nnz", "method", "path", "status", "iterations", "products", "rhs_norm", "residual", "true_residual",
		"error_bound", "cond_estimate", "seconds", "workers"} {
		if keys[k] == nil {
			t.Errorf("no %q in the report", k)
		}
	}
	r := decodeSolve(t, text)
	if r.Matrix != spd || r.Rows != 5 || r.Cols != 5 || r.N != 5 || r.NNZ != 13 || r.Structure != "symmetric positive definite" || r.StructureSource != "by -spd" ||
		r.Method != "cg" || r.Path != "cg" || r.Precond != "jacobi" || r.Status != "Converged" || !r.Converged || r.Error != "" || r.Workers != 2 ||
		r.RHS != "random:7" || r.X == nil || *r.X != at("x.npy") || r.Trans || r.Shift != 0 || r.Settings == "" || r.Go == "" || r.Version == "" {
		t.Errorf("report %+v", r)
	}
	if r.Iterations < 3 || r.Iterations > 6 || r.Products < r.Iterations || *r.TrueResidual > *r.Tolerance || *r.Tolerance != 1e-8**r.RHSNorm {
		t.Errorf("%d iterations, %d products, residual %v of %v", r.Iterations, r.Products, *r.TrueResidual, *r.Tolerance)
	}
	if c := *r.CondEstimate; c < 2 || c > 4 || math.Abs(*r.MaxRitz/(*r.MinRitz)-c) > 1e-12 {
		t.Errorf("condition %v, from %v and %v", c, *r.MinRitz, *r.MaxRitz)
	}
	if b := r.ErrorBound; b.Lower > b.Upper || b.Upper > 1e-6 {
		t.Errorf("error between %v and %v", b.Lower, b.Upper)
	}
	if r.Curvature != nil || r.Bytes <= int64(r.Products)*(12*13+8*5) || r.GBPerS == nil || r.Seconds <= 0 || r.Phases.Total < r.Seconds {
		t.Errorf("curvature %v, %d bytes, %v GB/s, %v s of %+v", r.Curvature, r.Bytes, r.GBPerS, r.Seconds, r.Phases)
	}
	history, err := os.ReadFile(at("h.csv"))
	lines := strings.Split(strings.TrimSpace(string(history)), "\n")
	if err != nil || len(lines) != r.Iterations+2 || lines[0] != "iteration,residual" || !strings.HasPrefix(lines[1], "0,") ||
		!strings.HasPrefix(lines[len(lines)-1], fmt.Sprintf("%d,", r.Iterations)) {
		t.Errorf("history %q, %v", lines, err)
	}
}

// solveX solves and returns x.
func solveX(t *testing.T, dir string, args ...string) []float64 {
	t.Helper()
	out := filepath.Join(dir, "solution.npy")
	os.Remove(out)
	if _, stderr, status := hgbench(t, append(args, "-out", out, "-quiet")...); status != 0 {
		t.Fatalf("%v: %s", args, stderr)
	}
	x, _, err := formats.ReadNpy(out)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestSolveInputs: the same system by every kind of file gives the same bits.
func TestSolveInputs(t *testing.T) {
	dir := t.TempDir()
	spd := writeText(t, dir, "spd.mtx", spdText)
	b := []float64{1, -2, 0, 4, 0.5}
	npy := writeNpy(t, dir, "b.npy", b)
	cg := []string{"solve", "-method", "cg", "-rtol", "1e-12"}
	want := solveX(t, dir, append(cg, "-matrix", spd, "-rhs", npy)...)

	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, spdText)
	z.Close()
	full := make([]float64, 25)
	for i := range 5 {
		full[6*i] = 3
		if i > 0 {
			full[6*i-1], full[6*(i-1)+1] = -1, -1
		}
	}
	array := "%%MatrixMarket matrix array real general\n5 1\n1\n-2\n0\n4\n.5\n"
	for _, args := range [][]string{
		{"-matrix", writeText(t, dir, "a.mtx.gz", zipped.String()), "-rhs", npy},
		{"-matrix", writeDense(t, dir, "full.mtx", 5, 5, full), "-rhs", npy, "-spd"},
		{"-matrix", spd, "-rhs", writeText(t, dir, "b.mtx", array)},
		{"-matrix", spd, "-rhs", writeText(t, dir, "b.vector", array)},
		{"-matrix", spd, "-rhs", writeText(t, dir, "c.mtx", "%%MatrixMarket matrix coordinate real general\n5 1 5\n1 1 1\n2 1 -2\n4 1 3\n4 1 1\n5 1 0.5\n")},
		{"-matrix", spd, "-rhs", writeNpy(t, dir, "column.npy", b, 5, 1)},
		{"-matrix", spd, "-rhs", npy, "-trans"},
		{"-matrix", spd, "-rhs", npy, "-workers", "1"},
		{"-matrix", spd, "-rhs", npy, "-workers", "3"},
	} {
		if x := solveX(t, dir, append(cg, args...)...); !slices.Equal(x, want) {
			t.Errorf("%v: %v, want %v", args, x, want)
		}
	}
	// A symmetric matrix stored as a general one is recognised.
	stdout, _, _ := hgbench(t, "solve", "-matrix", filepath.Join(dir, "full.mtx"), "-method", "minres", "-quiet")
	if !strings.Contains(stdout, "symmetric checked entry by entry, stored as general") {
		t.Errorf("report\n%s", stdout)
	}
	// A shift, by hand and by flag.
	for i := range 5 {
		full[6*i] += 2
	}
	shifted := solveX(t, dir, append(cg, "-matrix", writeDense(t, dir, "shifted.mtx", 5, 5, full), "-rhs", npy)...)
	if x := solveX(t, dir, append(cg, "-matrix", spd, "-rhs", npy, "-shift", "2")...); !slices.Equal(x, shifted) {
		t.Errorf("shift: %v, want %v", x, shifted)
	}
	// The exact solution as a guess takes no iteration.
	exact := writeNpy(t, dir, "x0.npy", want)
	text, _, status := hgbench(t, append(cg, "-matrix", spd, "-rhs", npy, "-x0", exact, "-rtol", "1e-10", "-json", "-", "-quiet")...)
	if r := decodeSolve(t, []byte(text)); status != 0 || r.Iterations != 0 {
		t.Errorf("exact guess: status %d, %d iterations", status, r.Iterations)
	}
}

// TestSolveStencils: the matrix of a stencil and its matrix-free form give the
// same x, any number of workers the same bits, and the traffic is that of the
// help text.
func TestSolveStencils(t *testing.T) {
	dir := t.TempDir()
	for _, grid := range []string{"2d:1", "2d:2", "2d:90", "3d:1", "3d:17"} {
		for _, precond := range []string{"none", "jacobi"} {
			var x [2][]float64
			for k, operator := range []string{"assembled", "matrix-free"} {
				args := []string{"solve", "-stencil", grid, "-operator", operator, "-precond", precond, "-rhs", "sine", "-shift", "0.01", "-rtol", "1e-11"}
				x[k] = solveX(t, dir, append(args, "-workers", "1")...)
				for _, workers := range []string{"2", "3", "7"} {
					if again := solveX(t, dir, append(args, "-workers", workers)...); !slices.Equal(again, x[k]) {
						t.Errorf("%v: %s workers change the result", args, workers)
					}
				}
				text, _, _ := hgbench(t, append(args, "-json", "-", "-quiet")...)
				r := decodeSolve(t, []byte(text))
				if r.Operator != operator || r.Structure != "symmetric positive definite" || r.StructureSource != "by construction" || r.Method != "cg" || r.Precond != precond {
					t.Errorf("%v: report %+v", args, r)
				}
				// CG moves 10 vectors per iteration, products and preconditioner
				// included (the diagonal is constant); the check of the residual 5.
				want := 8 * int64(r.N) * (10*int64(r.Iterations) + 5*int64(r.Products-r.Iterations))
				if operator == "assembled" {
					shape, err := parseStencil(grid)
					if err != nil {
						t.Fatal(err)
					}
					s, err := hvp.NewStencil(1, 0.01, shape...)
					if err != nil {
						t.Fatal(err)
					}
					a, err := s.Assemble()
					if err != nil {
						t.Fatal(err)
					}
					want += int64(r.Products) * a.ProductTraffic()
				}
				if r.N > 1 && r.Bytes != want {
					t.Errorf("%v: %d bytes in %d iterations and %d products, want %d", args, r.Bytes, r.Iterations, r.Products, want)
				}
			}
			for i := range x[0] {
				if math.Abs(x[0][i]-x[1][i]) > 1e-9*norm2(x[0]) {
					t.Fatalf("%s, %s: x[%d] is %v assembled and %v matrix-free", grid, precond, i, x[0][i], x[1][i])
				}
			}
		}
	}
	// A promise beyond what the eigenvalues of the grid say.
	for _, operator := range []string{"assembled", "matrix-free"} {
		text, _, status := hgbench(t, "solve", "-stencil", "2d:20", "-operator", operator, "-shift", "-1", "-spd", "-method", "cg", "-json", "-", "-quiet")
		if r := decodeSolve(t, []byte(text)); status != 1 || r.StructureSource != "by -spd" || r.Status != "NegativeCurvature" {
			t.Errorf("%s: status %d, %s by %s", operator, status, r.Status, r.StructureSource)
		}
	}
}

// TestSolveBadInput: each gives one line with file and reason, a non-zero
// status, and writes nothing.
func TestSolveBadInput(t *testing.T) {
	dir := t.TempDir()
	spd := writeText(t, dir, "spd.mtx", spdText)
	n := 0
	mtx := func(text string) string {
		n++
		return writeText(t, dir, fmt.Sprintf("bad%d.mtx", n), text)
	}
	npy := func(v ...float64) string {
		n++
		return writeNpy(t, dir, fmt.Sprintf("bad%d.npy", n), v)
	}
	const head = "%%MatrixMarket matrix coordinate real general\n"
	out := filepath.Join(dir, "out")
	for _, c := range []struct {
		status int
		want   string
		args   []string
	}{
		{1, "none.mtx: no such file", []string{"-matrix", filepath.Join(dir, "none.mtx")}},
		{1, "is a directory", []string{"-matrix", dir}},
		{1, "bad1.mtx: empty file", []string{"-matrix", mtx("")}},
		{1, "bad2.mtx:1: no %%MatrixMarket header", []string{"-matrix", mtx("3 3 3\n")}},
		{1, "bad3.mtx:3: row \"3\" is not in 1…2", []string{"-matrix", mtx(head + "2 2 1\n3 1 1\n")}},
		{1, "bad4.mtx:3: value \"NaN\"", []string{"-matrix", mtx(head + "2 2 1\n1 1 NaN\n")}},
		{1, "bad5.mtx:3: the file ends after 1 of the 2", []string{"-matrix", mtx(head + "2 2 2\n1 1 1\n")}},
		{1, "bad6.mtx:1: field \"complex\"", []string{"-matrix", mtx("%%MatrixMarket matrix coordinate complex general\n1 1 0\n")}},
		{1, "bad7.mtx: -spd: ", []string{"-spd", "-matrix", mtx(head + "2 2 1\n1 2 1\n")}},
		{1, "bad8.mtx: -shift of a 2×3 matrix", []string{"-shift", "1", "-matrix", mtx(head + "2 3 1\n1 2 1\n")}},
		{1, "bad9.mtx: precond: diagonal entry 1 is 0", []string{"-precond", "jacobi", "-matrix", mtx(head + "2 2 1\n1 1 1\n")}},
		{1, "bad10.mtx: hvp: repeated triplets", []string{"-matrix", mtx(head + "1 1 2\n1 1 1e308\n1 1 1e308\n")}},
		{1, "spd.mtx: precond: diagonal entry 0 is -1", []string{"-precond", "jacobi", "-shift", "-4", "-matrix", spd}},
		{1, "bad11.npy: 4 values, b needs 5: " + spd + " is 5×5", []string{"-matrix", spd, "-rhs", npy(1, 2, 3, 4)}},
		{1, "bad12.npy: value 2 is NaN", []string{"-matrix", spd, "-rhs", npy(1, 2, math.NaN(), 4, 5)}},
		{1, "bad13.npy: value 4 is -Inf", []string{"-matrix", spd, "-rhs", npy(1, 2, 3, 4, math.Inf(-1))}},
		{1, "bad14.npy: 6 values, x needs 5", []string{"-matrix", spd, "-x0", npy(1, 2, 3, 4, 5, 6)}},
		{1, "bad15.npy: value 0 is NaN", []string{"-matrix", spd, "-x0", npy(math.NaN(), 2, 3, 4, 5)}},
		{1, "bad16.mtx: 5×5 matrix, want one column", []string{"-matrix", spd, "-rhs", mtx(spdText)}},
		{1, "bad17.mtx: neither a .npy nor", []string{"-matrix", spd, "-rhs", mtx("1\n2\n3\n4\n5\n")}},
		{1, "shape [2 2], want a vector", []string{"-matrix", spd, "-rhs", writeNpy(t, dir, "square.npy", []float64{1, 2, 3, 4}, 2, 2)}},
		{1, "bad18.mtx:4:", []string{"-matrix", spd, "-rhs", mtx("%%MatrixMarket matrix array real general\n5 1\n1\nx\n")}},
		{1, "twos: no such file", []string{"-matrix", spd, "-rhs", "twos"}},
		{1, "bad19.npy: 3 values, b needs 2: " + filepath.Join(dir, "bad20.mtx") + " is 3×2, to be transposed", []string{"-rhs", npy(1, 2, 3), "-trans", "-matrix", mtx(head + "3 2 1\n1 2 1\n")}},
		{2, "random:x", []string{"-matrix", spd, "-rhs", "random:x"}},
		{2, "one of -matrix and -stencil", []string{}},
		{2, "-matrix and -stencil exclude each other", []string{"-matrix", spd, "-stencil", "2d:4"}},
		{2, "-stencil 1d:4 is neither", []string{"-stencil", "1d:4"}},
		{2, "-stencil 2d:x is neither", []string{"-stencil", "2d:x"}},
		{2, "N must be 1 … 46340", []string{"-stencil", "2d:0"}},
		{2, "N must be 1 … 1290", []string{"-stencil", "3d:1291"}},
		{2, "no operator \"dense\"; there are assembled and matrix-free", []string{"-stencil", "2d:4", "-operator", "dense"}},
		{2, "-operator matrix-free belongs to -stencil", []string{"-matrix", spd, "-operator", "matrix-free"}},
		{2, "no method \"chance\"; there are auto, cg", []string{"-matrix", spd, "-method", "chance"}},
		{2, "no preconditioner \"magic\"; there are jacobi", []string{"-matrix", spd, "-precond", "magic"}},
		{2, "-restart -1", []string{"-matrix", spd, "-restart", "-1"}},
		{2, "-rtol 1", []string{"-matrix", spd, "-rtol", "1"}},
		{2, "-rtol NaN", []string{"-matrix", spd, "-rtol", "NaN"}},
		{2, "-maxiter -1", []string{"-matrix", spd, "-maxiter", "-1"}},
		{2, "-maxtime -1", []string{"-matrix", spd, "-maxtime", "-1"}},
		{2, "-shift +Inf", []string{"-matrix", spd, "-shift", "Inf"}},
		{2, "-curvature-floor -1", []string{"-matrix", spd, "-curvature-floor", "-1"}},
		{2, "-workers -1", []string{"-matrix", spd, "-workers", "-1"}},
		{2, "unexpected argument", []string{"-matrix", spd, "more"}},
		{2, "-history -: only -json writes", []string{"-matrix", spd, "-history", "-"}},
		{2, "both name", []string{"-matrix", spd, "-history", filepath.Join(out, "r.json")}},
		{1, "there is no directory", []string{"-matrix", spd, "-history", filepath.Join(dir, "no", "h.csv")}},
	} {
		os.RemoveAll(out)
		if err := os.Mkdir(out, 0o755); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"solve", "-quiet", "-json", filepath.Join(out, "r.json"), "-out", filepath.Join(out, "x.npy"), "-keep"}, c.args...)
		stdout, stderr, status := hgbench(t, args...)
		if status != c.status || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: status %d, want %d; stderr %q, want one line with %q", c.args, status, c.status, stderr, c.want)
		}
		if left, _ := os.ReadDir(out); len(left) > 0 {
			t.Errorf("%v left %v behind", c.args, left)
		}
		if stdout != "" {
			t.Errorf("%v printed %q", c.args, stdout)
		}
	}
	if _, stderr, status := hgbench(t, "solve", "-matrix", spd, "-keep"); status != 2 || !strings.Contains(stderr, "-keep belongs to -out") {
		t.Errorf("-keep alone: status %d, %q", status, stderr)
	}
}

// TestSolveNotSolved: a limit is reported with times and traffic; x is written
// only with -keep, and the residual in the report is that of the x written.
func TestSolveNotSolved(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	args := []string{"solve", "-stencil", "2d:40", "-maxiter", "5", "-json", at("r.json"), "-history", at("h.csv"), "-out", at("x.npy"), "-quiet"}
	_, stderr, status := hgbench(t, args...)
	if status != 1 || !strings.Contains(stderr, "IterationLimit") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("status %d, %q", status, stderr)
	}
	text, _ := os.ReadFile(at("r.json"))
	r := decodeSolve(t, text)
	if r.Converged || r.Status != "IterationLimit" || r.Iterations != 5 || r.Seconds <= 0 || *r.GBPerS <= 0 || r.X != nil || r.Error == "" {
		t.Errorf("report %+v", r)
	}
	if _, err := os.Stat(at("x.npy")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("x was written: %v", err)
	}
	if _, err := os.Stat(at("h.csv")); err != nil {
		t.Error(err)
	}
	if _, _, status := hgbench(t, append(args, "-keep")...); status != 1 {
		t.Errorf("with -keep: status %d", status)
	}
	x, _, err := formats.ReadNpy(at("x.npy"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := hvp.NewStencil(1, 0, 40, 40)
	if err != nil {
		t.Fatal(err)
	}
	ax, norm := make([]float64, len(x)), 0.0
	if err := a.Apply(context.Background(), ax, x); err != nil {
		t.Fatal(err)
	}
	for _, v := range ax {
		norm = math.Hypot(norm, 1-v)
	}
	if math.Abs(norm-*r.TrueResidual) > 1e-12*norm {
		t.Errorf("residual %v, reported %v", norm, *r.TrueResidual)
	}
}

func TestSolveInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(100*time.Millisecond, cancel)
	dir := t.TempDir()
	path := filepath.Join(dir, "r.json")
	var stderr bytes.Buffer
	status := run(ctx, io.Discard, &stderr, []string{"solve", "-stencil", "2d:400", "-rtol", "1e-15", "-method", "minres", "-quiet", "-json", path, "-out", filepath.Join(dir, "x.npy")})
	if status != 130 || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("status %d, stderr %q", status, stderr.String())
	}
	if text, err := os.ReadFile(path); err == nil { // unless it was interrupted before the solve
		if r := decodeSolve(t, text); r.Status != "Canceled" || r.Converged || r.TrueResidual != nil {
			t.Errorf("report %+v", r)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "x.npy")); err == nil {
		t.Error("x was written")
	}
	// A context that has ended before the matrix is read.
	stderr.Reset()
	spd := writeText(t, dir, "spd.mtx", spdText)
	if status := run(ctx, io.Discard, &stderr, []string{"solve", "-matrix", spd, "-quiet"}); status != 130 {
		t.Errorf("status %d, stderr %q", status, stderr.String())
	}
}
