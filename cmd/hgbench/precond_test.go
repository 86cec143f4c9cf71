package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/precond"
)

// TestPrecondComparesAll: every kind of the catalogue has a row, those that apply to
// a definite matrix converge, and the others say why not.
func TestPrecondComparesAll(t *testing.T) {
	dir := t.TempDir()
	path, chart := filepath.Join(dir, "r.json"), filepath.Join(dir, "c.svg")
	stdout, stderr, status := hgbench(t, "precond", "-stencil", "2d:24", "-shift", "0.1", "-format", "csv", "-json", path, "-plot", chart, "-quiet")
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	if err != nil || len(rows) != len(precond.Kinds())+2 {
		t.Fatalf("%d rows for %d kinds, %v:\n%s", len(rows), len(precond.Kinds()), err, stdout)
	}
	notForMatrices := []string{"grid-ic", "multigrid", "ridge", "saddle"}
	for _, r := range rows[1:] {
		kind, outcome, reason := r[0], r[1], r[len(r)-1]
		if want := !slices.Contains(notForMatrices, kind); want != (outcome == "Converged") || want != (reason == "") {
			t.Errorf("%s: %q, %q", kind, outcome, reason)
		}
	}
	var rep precondReport
	text, _ := os.ReadFile(path)
	if err := json.Unmarshal(text, &rep); err != nil || rep.N != 576 || rep.Fastest == "" || rep.Structure != "symmetric positive definite" {
		t.Errorf("report %+v, %v", rep, err)
	}
	if svg, err := os.ReadFile(chart); err != nil || !strings.Contains(string(svg), "<svg") || !strings.Contains(string(svg), "jacobi") {
		t.Errorf("chart: %v, %d bytes", err, len(svg))
	}
}

// TestPrecondOnProblems runs the system of the adjoint, also of a grid without a
// matrix.
func TestPrecondOnProblems(t *testing.T) {
	for _, args := range [][]string{
		{"-problem", "denoise", "-size", "40"},
		{"-problem", "smoothing", "-grid", "2d:30"},
		{"-problem", "quadratic", "-n", "500"},
		{"-stencil", "2d:40", "-operator", "matrix-free", "-shift", "0.01"},
	} {
		stdout, stderr, status := hgbench(t, append([]string{"precond", "-quiet", "-kinds", "none,jacobi,auto"}, args...)...)
		if status != 0 || strings.Count(stdout, "Converged") != 3 || !strings.Contains(stdout, "picked") {
			t.Errorf("%v: status %d, %s%s", args, status, stdout, stderr)
		}
	}
}

func TestPrecondBadInput(t *testing.T) {
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"-kinds magic", 2, `no preconditioner "magic"`},
		{"-stencil 2d:9 -problem denoise", 2, "-problem excludes -matrix and -stencil"},
		{"-stencil 9", 2, "neither 2d:N nor 3d:N"},
		{"-matrix nowhere.mtx", 1, "nowhere.mtx: no such file"},
		{"-problem logistic", 2, "needs -train and -val"},
		{"-stencil 2d:9 -rounds 0", 2, "-rounds 0"},
		{"-stencil 2d:9 -maxtime 0", 2, "-maxtime 0"},
		{"-stencil 2d:9 -rtol 2", 2, "-rtol 2"},
		{"-stencil 2d:9 -format pdf", 2, `no format "pdf"`},
		{"-stencil 2d:9 -plot x.jpeg", 2, "x.jpeg"},
		{"-stencil 2d:9 -json nowhere/r.json", 1, "there is no directory"},
	} {
		stdout, stderr, status := hgbench(t, append([]string{"precond", "-quiet"}, strings.Fields(c.args)...)...)
		if status != c.status || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("%s: status %d, want %d; stdout %q, stderr %q, want one line with %q", c.args, status, c.status, stdout, stderr, c.want)
		}
	}
}
