package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/bench"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
)

// small are flags that make a study a matter of milliseconds.
var small = []string{"-n", "400", "-rounds", "2", "-stream-n", "1000", "-workers", "1,2", "-quiet"}

// recorded writes a record of the plan that the flags stand for, with made-up
// measurements: what scale makes of it can be compared with files. All times are
// multiplied by factor.
func recorded(t *testing.T, path string, factor float64, args ...string) {
	t.Helper()
	var o scaleOptions
	if err := o.parse(io.Discard, args); err != nil {
		t.Fatal(err)
	}
	plan, err := o.plan()
	if err != nil {
		t.Fatal(err)
	}
	record, _, err := bench.OpenRecord(path, &bench.RecordHeader{Plan: *plan, Machine: bench.ThisMachine(), Version: version()})
	if err != nil {
		t.Fatal(err)
	}
	defer record.Close()
	for i, c := range plan.Cells() {
		m := bench.Measurement{Cell: c, Unknowns: c.N, Parameters: c.NW, Status: "Converged", Method: "cg", Iterations: 20 + i, Products: 21 + i,
			Bytes: int64(2000 * c.N), Setup: 0.1, Live: int64(64 * c.N), Peak: int64(96 * c.N)}
		for k := range plan.Rounds {
			t := factor * float64(c.N) * 1e-7 * float64(10+k) / (9 + float64(c.Workers))
			m.Seconds, m.Solve = append(m.Seconds, t), append(m.Solve, 0.9*t)
			m.Dot, m.Triad = append(m.Dot, 10+float64(c.Workers)), append(m.Triad, 9+float64(c.Workers))
		}
		if i == 5 {
			m = bench.Measurement{Cell: c, Status: "Stagnated", Error: "krylov: cg stagnated"}
		}
		if err := record.Append(m); err != nil {
			t.Fatal(err)
		}
	}
}

// machineLines are what differs from machine to machine.
var machineLines = regexp.MustCompile(`(?m)^(cpu|memory|go|goos|goarch)(:? +).*$`)

func TestScaleGolden(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "r.jsonl")
	args := []string{"-study", "strong,size,nnz", "-workers", "1,2,4", "-n", "1e4:1e6:10", "-nnz", "3,7", "-rounds", "3", "-stream-n", "1000"}
	recorded(t, path, 1, args...)
	for _, c := range []struct {
		name   string
		args   []string
		status int
	}{
		{"scale", []string{"-predict"}, 1},
		{"scale-csv", []string{"-format", "csv"}, 1},
		{"scale-bench", []string{"-format", "bench"}, 1},
	} {
		stdout, stderr, status := hgbench(t, append(append([]string{"scale", "-record", path}, args...), c.args...)...)
		if status != c.status {
			t.Errorf("%s: status %d: %s", c.name, status, stderr)
		}
		stdout = machineLines.ReplaceAllString(stdout, "$1$2X")
		stdout = regexp.MustCompile(`full at about n = \S+;.*`).ReplaceAllString(stdout, "full at about n = N; TIME")
		stdout = regexp.MustCompile(`(precond=none/workers=\d)-\d+`).ReplaceAllString(stdout, "$1-P")
		golden(t, c.name+".out", stdout)
		golden(t, c.name+".err", strings.ReplaceAll(mask(stderr, dir), dir, "DIR"))
	}
	stdout, _, _ := hgbench(t, append([]string{"scale", "-record", path, "-format", "json", "-predict"}, args...)...)
	var rep bench.Report
	if err := json.Unmarshal([]byte(stdout), &rep); err != nil || len(rep.Rows) != 8 || rep.Rows[1].Speedup.Median < 1.05 || len(rep.Forecasts) != 1 || rep.Plan.Rounds != 3 {
		t.Errorf("%d rows, %+v, %v", len(rep.Rows), rep.Forecasts, err)
	}
}

// TestScale runs all studies for real, small, and looks at all that is written.
func TestScale(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	args := append([]string{"scale", "-format", "csv", "-record", at("r.jsonl"), "-json", at("r.json"), "-html", at("r.html"), "-plot", at("r.svg"), "-predict",
		"-nnz", "3,5", "-cond", "10,50", "-rhs", "1,3", "-nw", "1,20"}, small...)
	stdout, stderr, status := hgbench(t, args...)
	if status != 0 || stderr != "" {
		t.Fatalf("status %d: %s", status, stderr)
	}
	rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	if err != nil || len(rows) != 1+2+2+1+2+2+2+2 {
		t.Fatalf("%d rows, %v\n%s", len(rows), err, stdout)
	}
	column := func(name string) int { return slices.Index(rows[0], name) }
	for _, r := range rows[1:] {
		for _, name := range []string{"unknowns", "iterations", "time_s", "gb_per_s", "fraction_of_roof", "bytes", "speedup", "ns_per_unknown_iteration"} {
			if r[column(name)] == "" {
				t.Errorf("no %s in %v", name, r)
			}
		}
		if r[column("status")] != "Converged" || r[column("rounds")] != "2" {
			t.Errorf("row %v", r)
		}
	}
	// A page of its own: nothing is loaded from elsewhere.
	html, err := os.ReadFile(at("r.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, banned := range []string{"<script", "<link", " src=", "href=\"http", "@import", "ZgotmplZ", "NaN"} {
		if bytes.Contains(html, []byte(banned)) {
			t.Errorf("the page has %q", banned)
		}
	}
	for _, want := range []string{"<svg", "<figcaption", "strong: the same system", "Forecasts", "Machine", "band assembled, auto", "triad"} {
		if !bytes.Contains(html, []byte(want)) {
			t.Errorf("the page has no %q", want)
		}
	}
	if n := bytes.Count(html, []byte("<figure>")); n != 16 {
		t.Errorf("%d figures", n)
	}
	if svg, err := os.ReadFile(at("r.svg")); err != nil || !bytes.Contains(svg, []byte("Roofline of study rhs")) {
		t.Errorf("charts: %v", err)
	}
	// The same command goes on: everything is there, nothing is measured, and the
	// files come out the same.
	before, _ := os.ReadFile(at("r.json"))
	record, _ := os.ReadFile(at("r.jsonl"))
	again, stderr, status := hgbench(t, args...)
	if status != 0 || again != stdout {
		t.Errorf("again: status %d, %s", status, stderr)
	}
	if after, _ := os.ReadFile(at("r.json")); !bytes.Equal(after, before) {
		t.Error("the report has changed")
	}
	if after, _ := os.ReadFile(at("r.jsonl")); !bytes.Equal(after, record) {
		t.Error("the record has changed")
	}
	// A torn record goes on with what is missing.
	if err := os.WriteFile(at("r.jsonl"), record[:len(record)-20], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, stderr, status = hgbench(t, args...); status != 0 {
		t.Errorf("torn: status %d, %s", status, stderr)
	}
	if after, _ := os.ReadFile(at("r.jsonl")); bytes.Count(after, []byte("\n")) != bytes.Count(record, []byte("\n")) {
		t.Error("the torn record was not completed")
	}
	// Record and report compare as the same run, but for the cell made again.
	stdout, stderr, status = hgbench(t, "compare", at("r.json"), at("r.jsonl"), "-format", "json")
	var c bench.Comparisons
	if err := json.Unmarshal([]byte(stdout), &c); err != nil || status != 0 || len(c.Cells) != 13 || c.Cells[0].Ratio != 1 || c.Cells[0].P != 1 {
		t.Errorf("compare: status %d, %s, %v: %+v", status, stderr, err, c)
	}
}

// TestScaleStencil: plain solves, with several methods and preconditioners, and
// the flags of a problem.
func TestScaleStencil(t *testing.T) {
	for _, c := range []struct {
		args []string
		rows int
	}{
		{[]string{"-stencil", "3d", "-study", "strong", "-solver", "cg,minres", "-precond", "none,jacobi", "-operator", "matrix-free", "-workers", "2"}, 4},
		{[]string{"-stencil", "1d", "-study", "size", "-sizes", "100:400:2"}, 3},
		{[]string{"-stencil", "band", "-study", "nnz,rhs", "-nnz", "3,5", "-rhs", "1,2", "-cond", "20"}, 2 + 2},
		{[]string{"-problem", "denoise", "-study", "strong,size", "-noise", "30"}, 3},
		{[]string{"-problem", "smoothing", "-dim", "3", "-modes", "5", "-workers", "2"}, 3},
		{[]string{"-problem", "quadratic", "-cond", "7", "-nw", "2", "-workers", "1"}, 5},
	} {
		args := append([]string{"scale", "-format", "csv"}, small...)
		args = append(args, "-rounds", "1")
		if slices.Contains(c.args, "-sizes") {
			args = slices.DeleteFunc(args, func(a string) bool { return a == "-n" || a == "400" })
		}
		stdout, stderr, status := hgbench(t, append(args, c.args...)...)
		rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
		if err != nil || status != 0 || len(rows) != 1+c.rows {
			t.Errorf("%v: status %d, %d rows, want %d: %s %v", c.args, status, len(rows)-1, c.rows, stderr, err)
		}
	}
	// Real data: the number of unknowns is that of the files, and cannot grow.
	_, train, held := files(t)
	stdout, stderr, status := hgbench(t, append([]string{"scale", "-format", "csv", "-problem", "logistic", "-train", train, "-val", held}, small...)...)
	if rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll(); err != nil || status != 0 || len(rows) != 3 || rows[1][11] != "3" {
		t.Errorf("logistic: status %d, %s, %v: %v", status, stderr, err, rows)
	}
	// A cell that fails is reported, and the others are not lost.
	stdout, stderr, status = hgbench(t, append([]string{"scale", "-stencil", "2d", "-study", "strong", "-solver", "cg", "-rtol", "1e-30"}, small...)...)
	if status != 1 || !strings.Contains(stderr, "2 of 2 cells failed") || strings.Count(stderr, "\n") != 1 || !strings.Contains(stdout, "failed: study=strong") {
		t.Errorf("failed cells: status %d, %q\n%s", status, stderr, stdout)
	}
}

func TestScaleBadInput(t *testing.T) {
	dir, train, _ := files(t)
	out := filepath.Join(dir, "out")
	other := filepath.Join(dir, "other.jsonl")
	recorded(t, other, 1, "-study", "strong", "-rounds", "3")
	foreign := filepath.Join(dir, "foreign.txt")
	if err := os.WriteFile(foreign, []byte("dear diary"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"-study", "poetry"}, 2, `no study "poetry"`},
		{[]string{"-study", "size,size"}, 2, "study size twice"},
		{[]string{"-solver", "cg,cg"}, 2, "twice"},
		{[]string{"-problem", "poetry"}, 2, `no problem "poetry"`},
		{[]string{"-problem", "denoise", "-stencil", "2d"}, 2, "exclude each other"},
		{[]string{"-stencil", "4d"}, 2, "-stencil 4d is none of 1d, 2d, 3d or band"},
		{[]string{"-operator", "dense"}, 2, `no operator "dense"`},
		{[]string{"-operator", "matrix-free"}, 2, "-operator belongs to -stencil"},
		{[]string{"-dim", "4"}, 2, "-dim 4"},
		{[]string{"-solver", "cg,magic"}, 2, `no method "magic"`},
		{[]string{"-precond", "magic"}, 2, `no preconditioner "magic"`},
		{[]string{"-workers", "0"}, 2, `-workers 0: "0" is not a number`},
		{[]string{"-n", "1e4:1e3:10"}, 2, "-n 1e4:1e3:10: want from:to:factor"},
		{[]string{"-n", "1:2"}, 2, "-n 1:2 is neither a list nor"},
		{[]string{"-n", "1.5"}, 2, `"1.5" is not a whole number`},
		{[]string{"-n", "1:1e9:1.0001"}, 2, "more than 1000 values"},
		{[]string{"-n", "10", "-sizes", "10"}, 2, "mean the same"},
		{[]string{"-nnz", "3,4"}, 2, "-nnz 4 must be odd"},
		{[]string{"-cond", "1"}, 2, "-cond 1 must be at least 2"},
		{[]string{"-rounds", "0"}, 2, "-rounds 0"},
		{[]string{"-rtol", "2"}, 2, "-rtol 2"},
		{[]string{"-stream-n", "0"}, 2, "-stream-n 0"},
		{[]string{"-format", "xml"}, 2, `no format "xml"`},
		{[]string{"-plot", filepath.Join(out, "p.pdf")}, 2, "ends in .svg or .png"},
		{[]string{"-plot", filepath.Join(out, "no", "p.svg")}, 1, "there is no directory"},
		{[]string{"-html", filepath.Join(out, "r.json")}, 2, "both name"},
		{[]string{"-json", "-", "-format", "csv"}, 2, "both want standard output"},
		{[]string{"-study", "nnz", "-problem", "denoise"}, 2, "study nnz means nothing to denoise"},
		{[]string{"-study", "nw", "-stencil", "2d"}, 2, "study nw means nothing to 2d"},
		{[]string{"-study", "size", "-problem", "logistic", "-train", train, "-val", train}, 2, "study size means nothing to logistic"},
		{[]string{"-problem", "logistic"}, 2, "needs -train and -val"},
		{[]string{"-problem", "smoothing", "-noise", "3"}, 2, "-noise belongs to -problem denoise"},
		{[]string{"-stencil", "2d", "-noise", "3"}, 2, "-noise belongs to a -problem"},
		{[]string{"-problem", "denoise", "-n", "4"}, 2, "-size 2 must be"},
		{[]string{"-record", other}, 1, "other.jsonl:1: the record is of another study"},
		{[]string{"-record", foreign}, 1, "foreign.txt:1: not a record of hgbench scale"},
		{[]string{"-record", dir}, 1, "-record " + dir + " is a directory"},
		{[]string{"extra"}, 2, "unexpected argument"},
	} {
		os.RemoveAll(out)
		if err := os.Mkdir(out, 0o755); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"scale", "-quiet", "-study", "strong"}, c.args...)
		if !slices.Contains(c.args, "-json") {
			args = append(args, "-json", filepath.Join(out, "r.json"))
		}
		stdout, stderr, status := hgbench(t, args...)
		if status != c.status || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("%v: status %d, want %d; stderr %q, want one line with %q; stdout %q", c.args, status, c.status, stderr, c.want, stdout)
		}
		if left, _ := os.ReadDir(out); len(left) > 0 {
			t.Errorf("%v left %v behind", c.args, left)
		}
	}
	if text, _ := os.ReadFile(foreign); string(text) != "dear diary" {
		t.Errorf("the foreign file became %q", text)
	}
}

// TestScaleInterrupt: the record stays valid, and the run can go on.
func TestScaleInterrupt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.jsonl")
	args := []string{"scale", "-study", "size", "-n", "100,200,300,4000000", "-stream-n", "1000", "-rounds", "2", "-record", path, "-quiet"}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	time.AfterFunc(500*time.Millisecond, cancel)
	var stdout, stderr bytes.Buffer
	if status := run(ctx, &stdout, &stderr, args); status != 130 || stdout.Len() > 0 || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("status %d, %q", status, stderr.String())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if h, _, whole, err := bench.ParseRecord(text, path); err != nil || h == nil || whole != len(text) {
		t.Errorf("record %v, %d of %d bytes, %v", h, whole, len(text), err)
	}
}

func TestCompareGolden(t *testing.T) {
	dir := t.TempDir()
	old, now := filepath.Join(dir, "old.jsonl"), filepath.Join(dir, "new.jsonl")
	args := []string{"-study", "strong,cond", "-workers", "1,2", "-n", "1e5", "-rounds", "5", "-stream-n", "1000"}
	recorded(t, old, 1, args...)
	recorded(t, now, 0.5, append(args, "-study", "strong,cond,nw", "-nw", "3")...)
	for _, format := range []string{"text", "csv"} {
		stdout, stderr, status := hgbench(t, "compare", "-format", format, old, now)
		if status != 0 || stderr != "" {
			t.Errorf("status %d: %s", status, stderr)
		}
		golden(t, "compare-"+format+".out", stdout)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	alien := filepath.Join(dir, "alien.jsonl")
	recorded(t, alien, 1, "-study", "rhs")
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{old}, 2, "want two files, OLD and NEW, got 1"},
		{[]string{old, now, now}, 2, "got 3"},
		{[]string{old, now, "-format", "xml"}, 2, `no format "xml"`},
		{[]string{old, filepath.Join(dir, "none")}, 1, "none: no such file"},
		{[]string{old, empty}, 1, "empty: empty file"},
		{[]string{old, alien}, 1, "no cell was measured in both"},
		{[]string{"-bad"}, 2, "not defined: -bad"},
	} {
		stdout, stderr, status := hgbench(t, append([]string{"compare"}, c.args...)...)
		if status != c.status || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("%v: status %d, stderr %q, want %d, %q", c.args, status, stderr, c.status, c.want)
		}
	}
}

// TestList: everything there is has its line, with a summary.
func TestList(t *testing.T) {
	stdout, stderr, status := hgbench(t, "list", "-json")
	var rep map[string][]struct{ Name, Summary string }
	if err := json.Unmarshal([]byte(stdout), &rep); err != nil || status != 0 {
		t.Fatalf("status %d: %s, %v", status, stderr, err)
	}
	text, _, _ := hgbench(t, "list")
	for part, want := range map[string]int{"problems": len(problemSpecs), "methods": len(krylov.Methods()), "preconditioners": 1 + len(precond.Kinds()), "studies": len(bench.Kinds())} {
		if len(rep[part]) != want {
			t.Errorf("%d %s, want %d", len(rep[part]), part, want)
		}
		for _, e := range rep[part] {
			if e.Summary == "" || strings.Contains(e.Summary, "\n") {
				t.Errorf("%s %s: summary %q: one is needed in list.go", part, e.Name, e.Summary)
			}
			if !regexp.MustCompile(fmt.Sprintf(`(?m)^  %s +%s$`, regexp.QuoteMeta(e.Name), regexp.QuoteMeta(e.Summary))).MatchString(text) {
				t.Errorf("no line on %s", e.Name)
			}
		}
	}
	if stdout, stderr, status := hgbench(t, "list", "extra"); status != 2 || stdout != "" || strings.Count(stderr, "\n") != 1 {
		t.Errorf("status %d, %q", status, stderr)
	}
}
