package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/internal/formats"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// hgbench runs the command in process.
func hgbench(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(context.Background(), &out, &errs, args)
	return out.String(), errs.String(), status
}

// volatile is what may differ from run to run and from machine to machine:
// times, workers, versions. Digits of the rest are kept to what any hardware
// reproduces.
var volatile = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`(?m)^ *\d+\.\d s  `), "TIME  "},
	{regexp.MustCompile(` +\d+\.\d{3} ms\b`), " TIME"}, // of a table
	{regexp.MustCompile(`\d+(\.\d+)? (ns|µs|ms|s)\b`), "TIME"},
	{regexp.MustCompile(`on \d+ workers?`), "on N workers"},
	{regexp.MustCompile(`"(inner|adjoint|total|seconds|load|setup|in_products|in_precond|rest|gb_per_s)": [0-9.e+-]+`), `"$1": TIME`},
	{regexp.MustCompile(`\d+\.\d+ GB/s`), "SPEED"},
	{regexp.MustCompile(`"workers": \d+`), `"workers": N`},
	{regexp.MustCompile(`"(go|version)": "[^"]*"`), `"$1": "X"`},
	{regexp.MustCompile(`hgbench (devel|v)\S*`), "hgbench VERSION"},
	{regexp.MustCompile(`(\d\.\d{9})\d+`), "$1"},
	{regexp.MustCompile(`\d+ digits?, estimated with \d+ more`), "N digits, estimated with N more"},
	{regexp.MustCompile(`"(estimate|digits|contraction|step|hvps)": [0-9.e+-]+`), `"$1": ESTIMATE`},
	{regexp.MustCompile(`"seconds": \d[0-9.e-]*`), `"seconds": TIME`},
	// Which direction is the worst, and how wrong it is, is rounding errors.
	{regexp.MustCompile(`, worst error .*`), " WORST"},
	{regexp.MustCompile(`"order": [0-9.]+`), `"order": N`},
	{regexp.MustCompile(`"worst": [^}]*"detail": "[^"]*"`), `"worst": WORST`},
	// Residuals at the level of rounding errors.
	{regexp.MustCompile(`\d\.\d\de-\d\d`), "SMALL"},
	{regexp.MustCompile(`\d(\.\d)?e-\d\d unknown`), "SMALL unknown"},
	{regexp.MustCompile(`"(residual|true_residual|grad_norm|grad_error_estimate|exact_error)": \d(\.\d+)?e-\d+`), `"$1": SMALL`},
}

func mask(text, dir string) string {
	text = strings.ReplaceAll(text, dir, "DIR")
	for _, v := range volatile {
		text = v.re.ReplaceAllString(text, v.with)
	}
	return text
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

const (
	trainText = "1 1:1 2:0.5\n0 2:-1 3:1\n1 1:2 3:-0.5\n0 1:-1\n1 3:0.25\n0 2:1 3:1\n"
	heldText  = "1 1:1 3:0.5 9:1\n0 2:-1\n1 2:1\n"
)

// files writes the small data set and returns its folder.
func files(t *testing.T) (dir, train, held string) {
	t.Helper()
	dir = t.TempDir()
	train, held = filepath.Join(dir, "train.svm"), filepath.Join(dir, "held.svm")
	for path, text := range map[string]string{train: trainText, held: heldText} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir, train, held
}

func TestGolden(t *testing.T) {
	dir, train, held := files(t)
	for _, c := range []struct {
		name   string
		status int
		args   []string
	}{
		{"help", 0, []string{"help"}},
		{"help-grad", 0, []string{"help", "grad"}},
		{"logistic", 0, []string{"grad", "-problem", "logistic", "-train", train, "-val", held, "-w", "-1"}},
		{"logistic-json", 0, []string{"grad", "-problem", "logistic", "-train", train, "-val", held, "-per-feature", "-json", "-", "-quiet"}},
		{"denoise", 0, []string{"grad", "-size", "24"}},
		{"help-check", 0, []string{"help", "check"}},
		{"help-scale", 0, []string{"help", "scale"}},
		{"help-compare", 0, []string{"help", "compare"}},
		{"help-list", 0, []string{"help", "list"}},
		{"check-logistic", 0, []string{"check", "-problem", "logistic", "-train", train, "-val", held, "-per-feature"}},
		{"check-denoise-json", 0, []string{"check", "-size", "9", "-filters", "-json", "-", "-quiet"}},
		{"check-no-data", 2, []string{"check", "-problem", "logistic"}},
		{"smoothing", 0, []string{"grad", "-problem", "smoothing", "-grid", "3d:9", "-inner-rtol", "1e-5", "-no-error-bar"}},
		{"smoothing-json", 0, []string{"grad", "-problem", "smoothing", "-grid", "1d:1000", "-modes", "k:3", "-w", "2.302585092994046", "-json", "-", "-quiet"}},
		{"quadratic", 0, []string{"grad", "-problem", "quadratic", "-n", "40", "-nw", "3", "-cond", "10", "-seed", "7", "-w", "0.5", "-inner-rtol", "1e-5"}},
		{"no-command", 2, []string{"gard"}},
		{"flag-first", 2, []string{"-size", "24"}},
		{"no-flag", 2, []string{"grad", "-sise", "24"}},
	} {
		stdout, stderr, status := hgbench(t, c.args...)
		if status != c.status {
			t.Errorf("%s: exit status %d, want %d", c.name, status, c.status)
		}
		golden(t, c.name+".out", mask(stdout, dir))
		golden(t, c.name+".err", mask(stderr, dir))
	}
}

// TestFiles: what is written, and that it belongs together.
func TestFiles(t *testing.T) {
	dir, train, held := files(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	_, stderr, status := hgbench(t, "grad", "-problem", "logistic", "-train", train, "-val", held, "-per-feature",
		"-json", at("r.json"), "-out", at("g.npy"), "-save", at("all"), "-quiet")
	if status != 0 || stderr != "" {
		t.Fatalf("status %d: %s", status, stderr)
	}
	var rep struct {
		Problem string
		NY      int     `json:"n_y"`
		NW      int     `json:"n_w"`
		Norm    float64 `json:"grad_norm"`
		Grad    []float64
		Solve   struct{ Method, Status string }
		Workers int
	}
	text, err := os.ReadFile(at("r.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &rep); err != nil {
		t.Fatal(err)
	}
	if rep.Problem != "logistic" || rep.NY != 3 || rep.NW != 3 || rep.Solve.Status != "Converged" || rep.Workers < 1 {
		t.Errorf("report %+v", rep)
	}
	grad, _, err := formats.ReadNpy(at("g.npy"))
	if err != nil || !slices.Equal(grad, rep.Grad) {
		t.Errorf("-out has %v, the report %v: %v", grad, rep.Grad, err)
	}
	y, _, err := formats.ReadNpy(at("all/y.npy"))
	if err != nil {
		t.Fatal(err)
	}
	q, _, err := formats.ReadNpy(at("all/q.npy"))
	if err != nil {
		t.Fatal(err)
	}
	norm := 0.0
	for j := range grad {
		// With w = 0, dL/dw_j = −y_j·q_j.
		if math.Abs(grad[j]+y[j]*q[j]) > 1e-15 {
			t.Errorf("grad[%d] = %v, −y·q = %v", j, grad[j], -y[j]*q[j])
		}
		norm = math.Hypot(norm, grad[j])
	}
	if math.Abs(norm-rep.Norm) > 1e-15 {
		t.Errorf("grad_norm %v, norm of the gradient %v", rep.Norm, norm)
	}
	// Workers do not change a bit; -w takes a file.
	if err := formats.WriteNpy(at("w.npy"), []float64{0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	for _, extra := range [][]string{{"-workers", "1"}, {"-workers", "3"}, {"-w", at("w.npy")}} {
		args := append([]string{"grad", "-problem", "logistic", "-train", train, "-val", held, "-per-feature", "-out", at("g2.npy"), "-quiet"}, extra...)
		if _, stderr, status := hgbench(t, args...); status != 0 {
			t.Fatal(stderr)
		}
		if again, _, err := formats.ReadNpy(at("g2.npy")); err != nil || !slices.Equal(again, grad) {
			t.Errorf("%v: %v, want %v", extra, again, grad)
		}
	}
	// Images round trip: clean and noisy as saved give the same gradient.
	if _, stderr, status := hgbench(t, "grad", "-size", "20", "-filters", "-save", at("im"), "-picture", at("p.png"), "-quiet"); status != 0 {
		t.Fatal(stderr)
	}
	if _, stderr, status := hgbench(t, "grad", "-image", at("im/clean.npy"), "-noisy", at("im/noisy.npy"), "-filters", "-w", at("im/w.npy"), "-out", at("g3.npy"), "-quiet"); status != 0 {
		t.Fatal(stderr)
	}
	a, _, _ := formats.ReadNpy(at("im/grad.npy"))
	b, _, _ := formats.ReadNpy(at("g3.npy"))
	if len(a) != 80 || !slices.Equal(a, b) {
		t.Errorf("gradients from saved images differ: %d and %d values", len(a), len(b))
	}
	if im, err := formats.ReadImage(at("p.png")); err != nil || im.Rows != 20 || im.Cols != 3*20+16 {
		t.Errorf("picture: %+v, %v", im, err)
	}
}

// TestClosedForms: the error against the closed form is reported and small, the
// gradient is that of the case on one chain, and workers change no bit.
func TestClosedForms(t *testing.T) {
	dir := t.TempDir()
	report, edges := filepath.Join(dir, "r.json"), filepath.Join(dir, "edges")
	if err := os.WriteFile(edges, []byte("# two pages and one without links\n0 1\n1 0\n0 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"-problem", "pagerank", "-edges", edges, "-page", "2", "-w", "0.6"},
		{"-problem", "smoothing", "-grid", "1d:1000", "-modes", "k:3", "-w", "2.302585092994046"},
		{"-problem", "smoothing", "-grid", "2d:60"},
		{"-problem", "smoothing", "-grid", "3d:9", "-modes", "k:1,2x3x4,9"},
		{"-problem", "smoothing", "-grid", "3d:20", "-modes", "30", "-precond", "none", "-w", "4"},
		{"-problem", "quadratic", "-n", "5000", "-nw", "7"},
		{"-problem", "quadratic", "-n", "1000", "-nw", "1", "-cond", "1000", "-precond", "none", "-no-error-bar"},
	} {
		var first []float64
		for _, workers := range []string{"1", "2", "3", "7"} {
			out := filepath.Join(dir, "g.npy")
			if _, stderr, status := hgbench(t, append([]string{"grad", "-quiet", "-json", report, "-out", out, "-workers", workers}, args...)...); status != 0 {
				t.Fatalf("%v: %s", args, stderr)
			}
			var rep struct {
				Exact *float64 `json:"exact_error"`
				Bar   *struct{ Trusted bool }
			}
			text, _ := os.ReadFile(report)
			if err := json.Unmarshal(text, &rep); err != nil || rep.Exact == nil || *rep.Exact > 1e-8 {
				t.Errorf("%v: %s, %v", args, text, err)
			}
			grad, _, err := formats.ReadNpy(out)
			if err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = grad
			}
			if !slices.Equal(grad, first) {
				t.Errorf("%v: %s workers change the gradient", args, workers)
			}
		}
		// n = 1000, k = 3, λ = 10: dL/dλ = −0.04425073612288419.
		if args[3] == "1d:1000" && math.Abs(first[0]/-0.4425073612288419-1) > 1e-9 {
			t.Errorf("dL/dw = %v", first)
		}
	}
}

// TestLargeGradientGoesToAFile: above 1000 parameters the JSON names a file.
func TestLargeGradientGoesToAFile(t *testing.T) {
	dir, train, held := files(t)
	if err := os.WriteFile(train, []byte(trainText+"1 1500:1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "r.json")
	if _, stderr, status := hgbench(t, "grad", "-problem", "logistic", "-train", train, "-val", held, "-per-feature", "-json", path, "-quiet"); status != 0 {
		t.Fatal(stderr)
	}
	var rep struct{ Grad string }
	text, _ := os.ReadFile(path)
	if err := json.Unmarshal(text, &rep); err != nil {
		t.Fatal(err)
	}
	if grad, _, err := formats.ReadNpy(rep.Grad); err != nil || len(grad) != 1500 {
		t.Errorf("%s: %d values, %v", rep.Grad, len(grad), err)
	}
}

// TestBadInput: each gives one line with file and reason, a non-zero status, and
// writes nothing.
func TestBadInput(t *testing.T) {
	dir, train, held := files(t)
	n := 0
	file := func(text string) string {
		n++
		path := filepath.Join(dir, fmt.Sprintf("bad%d.svm", n))
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	npy := func(v ...float64) string {
		n++
		path := filepath.Join(dir, fmt.Sprintf("bad%d.npy", n))
		if err := formats.WriteNpy(path, v); err != nil {
			t.Fatal(err)
		}
		return path
	}
	logistic := func(train, held string, more ...string) []string {
		return append([]string{"grad", "-problem", "logistic", "-train", train, "-val", held}, more...)
	}
	out := filepath.Join(dir, "out")
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{logistic(filepath.Join(dir, "none.svm"), held), 1, "none.svm: no such file"},
		{logistic(dir, held), 1, "is a directory"},
		{logistic(file(""), held), 1, "bad1.svm: empty file"},
		{logistic(file("1 1:1\n0 2:1\n2 1:1\n"), held), 1, "bad2.svm:3: label 2 is a third one"},
		{logistic(file("1 1:1\nx 2:1\n"), held), 1, "bad3.svm:2: label \"x\""},
		{logistic(file("1 1:1\n0 2:NaN\n"), held), 1, "bad4.svm:2:"},
		{logistic(file("1 1:1\n0 -2:1\n"), held), 1, "bad5.svm:2:"},
		{logistic(file("1 1:1\n\n0 0:1\n"), held), 1, "bad6.svm:3:"},
		{logistic(file("1 1:1\n0 2147483648:1\n"), held), 1, "bad7.svm:2:"},
		{logistic(train, file("1 1:1\n7 1:1\n")), 1, "bad8.svm:2: label 7 does not occur"},
		{logistic(train, held, "-w", npy(1, 2)), 1, "bad9.npy: 2 values, the problem has 1 parameters"},
		{logistic(train, held, "-w", npy(math.NaN())), 1, "bad10.npy: value 0 is NaN"},
		{logistic(train, held, "-w", "abc"), 2, "-w abc is neither"},
		{logistic(train, held, "-w", "NaN"), 2, "e^NaN is out of range"},
		{logistic(train, held, "-w", "2000"), 2, "e^2000 is out of range"},
		{logistic(train, held, "-rtol", "0"), 2, "-rtol 0"},
		{logistic(train, held, "-precond", "magic"), 2, "no preconditioner"},
		{logistic(train, held, "extra"), 2, "unexpected argument"},
		{[]string{"grad", "-problem", "logistic"}, 2, "needs -train and -val"},
		{[]string{"grad", "-problem", "poetry"}, 2, "no problem"},
		{[]string{"grad", "-image", train}, 1, "train.svm: not a PNG or .npy image"},
		{[]string{"grad", "-size", "2"}, 2, "-size 2"},
		{[]string{"grad", "-noise", "-1"}, 2, "-noise -1"},
		{[]string{"grad", "-size", "10", "-noisy", npy(1, 2, 3)}, 1, "bad11.npy"},
		{[]string{"grad", "-potential", "quartic"}, 2, "no potential"},
		{[]string{"grad", "-train", train}, 2, "-train belongs to -problem logistic, not to denoise"},
		{logistic(train, held, "-seed", "3"), 2, "-seed belongs to -problem denoise or quadratic, not to logistic"},
		{[]string{"grad", "-problem", "smoothing", "-cond", "3"}, 2, "-cond belongs to -problem quadratic"},
		{[]string{"grad", "-problem", "quadratic", "-picture", filepath.Join(out, "p.png")}, 2, "-picture belongs to -problem denoise"},
		{[]string{"grad", "-filter-size", "4"}, 2, "-filter-size 4 must be 3, 5 or 7"},
		{[]string{"grad", "-filter-size", "7", "-size", "6"}, 2, "-size 6 must be 7"},
		{[]string{"grad", "-problem", "smoothing", "-grid", "4d:3"}, 2, "-grid 4d:3 is none of"},
		{[]string{"grad", "-problem", "smoothing", "-grid", "2d"}, 2, "-grid 2d is none of"},
		{[]string{"grad", "-problem", "smoothing", "-grid", "3d:1291"}, 2, "N must be 1 … 1290"},
		{[]string{"grad", "-problem", "smoothing", "-grid", "1d:0"}, 2, "N must be 1 … 2147483647"},
		{[]string{"grad", "-problem", "smoothing", "-modes", "0"}, 2, "-modes 0: the number must be 1 … 1000"},
		{[]string{"grad", "-problem", "smoothing", "-modes", "many"}, 2, "-modes many is neither"},
		{[]string{"grad", "-problem", "smoothing", "-modes", "k:"}, 2, "\"\" is no wave number"},
		{[]string{"grad", "-problem", "smoothing", "-modes", "k:1x2x3"}, 2, "1x2x3 has 3 wave numbers, the grid 2 dimensions"},
		{[]string{"grad", "-problem", "smoothing", "-grid", "1d:9", "-modes", "k:10"}, 2, "the wave number 10 must be 1 … 9"},
		{[]string{"grad", "-problem", "smoothing", "-w", "900"}, 2, "e^900 is out of range"},
		{[]string{"grad", "-problem", "smoothing", "-w", npy(1, 2)}, 1, "bad12.npy: 2 values, the problem has 1 parameters"},
		{[]string{"grad", "-problem", "pagerank"}, 2, "-problem pagerank needs -edges"},
		{[]string{"grad", "-problem", "pagerank", "-edges", filepath.Join(out, "none")}, 1, "no such file"},
		{[]string{"grad", "-problem", "pagerank", "-edges", "x", "-w", "1"}, 2, "α must be in [0, 1)"},
		{[]string{"grad", "-problem", "pagerank", "-edges", "x", "-page", "-1"}, 2, "-page -1 must be"},
		{[]string{"grad", "-problem", "quadratic", "-edges", "x"}, 2, "-edges belongs to -problem pagerank"},
		{[]string{"grad", "-problem", "quadratic", "-n", "0"}, 2, "-n 0 must be"},
		{[]string{"grad", "-problem", "quadratic", "-nw", "0"}, 2, "-nw 0 must be"},
		{[]string{"grad", "-problem", "quadratic", "-cond", "0.5"}, 2, "-cond 0.5 must be"},
		{[]string{"grad", "-problem", "quadratic", "-cond", "NaN"}, 2, "-cond NaN must be"},
		{[]string{"grad", "-problem", "quadratic", "-w", "NaN"}, 2, "-w NaN: w must be finite"},
		{[]string{"grad", "-problem", "quadratic", "-w", npy(math.Inf(1))}, 1, "bad13.npy: value 0 is +Inf: w must be finite"},
		{logistic(train, held, "-json", filepath.Join(dir, "no", "r.json")), 1, "there is no directory"},
	} {
		args := append(slices.Clone(c.args), "-quiet")
		if !slices.Contains(args, "-json") && !slices.Contains(args, "extra") {
			args = append(args, "-json", filepath.Join(out, "r.json"), "-out", filepath.Join(out, "g.npy"), "-save", out)
		}
		os.RemoveAll(out)
		if err := os.Mkdir(out, 0o755); err != nil {
			t.Fatal(err)
		}
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
}

// TestNotConverged: a tolerance beyond rounding errors is reported, with status
// 1, a JSON report that says so, and no gradient.
func TestNotConverged(t *testing.T) {
	dir, _, _ := files(t)
	path, out := filepath.Join(dir, "r.json"), filepath.Join(dir, "g.npy")
	stdout, stderr, status := hgbench(t, "grad", "-size", "30", "-rtol", "1e-30", "-json", path, "-out", out, "-quiet")
	if status != 1 || !strings.Contains(stderr, "Stagnated") || strings.Contains(stdout, "loss ") {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a gradient was written")
	}
	var rep struct {
		Converged bool
		Grad      any
		Solve     struct{ Status string }
	}
	text, _ := os.ReadFile(path)
	if err := json.Unmarshal(text, &rep); err != nil || rep.Converged || rep.Grad != nil || rep.Solve.Status != "Stagnated" {
		t.Errorf("report %+v, %v", rep, err)
	}
}

func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(200*time.Millisecond, cancel)
	var stderr bytes.Buffer
	dir := t.TempDir()
	status := run(ctx, io.Discard, &stderr, []string{"grad", "-size", "1500", "-quiet", "-json", filepath.Join(dir, "r.json")})
	if status != 130 || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("status %d, stderr %q", status, stderr.String())
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left %v behind", left)
	}
}
