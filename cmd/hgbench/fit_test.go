package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/internal/formats"
)

// fitOutcome is what a run leaves that must not depend on how often it was
// interrupted.
type fitOutcome struct {
	W      []float64
	Report fitReportRead
	Log    []fitRecordRead
}

type fitRecordRead struct {
	Iteration         int
	Accepted, Trusted bool
	W                 []float64
	Loss              float64
	LossError         float64 `json:"loss_error"`
	GradNorm          float64 `json:"grad_norm"`
	Projected         float64 `json:"projected_grad_norm"`
	GradError         float64 `json:"grad_error"`
	Step              float64
	InnerTol          float64 `json:"inner_tol"`
	AdjointRTol       float64 `json:"adjoint_rtol"`
	Evaluations       int
	InnerHVPs         int `json:"inner_hvps"`
	AdjointHVPs       int `json:"adjoint_hvps"`
	Note              string
}

type fitReportRead struct {
	Problem, Status string
	Converged       bool
	NW              int `json:"n_w"`
	W               []float64
	Start, End      fitRecordRead
	Trace           []fitRecordRead
	Digits          float64
}

// readFit reads w.npy, report.json and log.jsonl of dir.
func readFit(t *testing.T, dir string) (o fitOutcome) {
	t.Helper()
	var err error
	if o.W, _, err = formats.ReadNpy(filepath.Join(dir, "w.npy")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &o.Report); err != nil {
		t.Fatal(err)
	}
	if text, err = os.ReadFile(filepath.Join(dir, "log.jsonl")); err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var r fitRecordRead
		if err := json.Unmarshal(line, &r); err != nil || !bytes.HasSuffix(line, []byte("\n")) {
			t.Fatalf("log line %q: %v", line, err)
		}
		o.Log = append(o.Log, r)
	}
	return o
}

func fitArgs(dir string, problem ...string) []string {
	at := func(name string) string { return filepath.Join(dir, name) }
	return append([]string{"fit", "-checkpoint", at("state"), "-log", at("log.jsonl"), "-json", at("report.json"), "-out", at("w.npy"), "-quiet"}, problem...)
}

// TestFit: every problem arrives; log, report and files belong together.
func TestFit(t *testing.T) {
	dir, train, held := files(t)
	for _, c := range []struct {
		args []string
		nw   int
		loss float64 // an upper bound of the final one, relative to the first
		want []float64
	}{
		{[]string{"-problem", "logistic", "-train", train, "-val", held, "-w", "1", "-bounds", "-3:3"}, 1, 1, []float64{-3}},
		{[]string{"-problem", "logistic", "-train", train, "-val", held, "-per-feature", "-bounds", "-2:4"}, 3, 1, nil},
		{[]string{"-size", "16", "-tol", "0.01"}, 8, 0.6, nil},
		// dL/dw < 0 at any w: the closed form decreases.
		{[]string{"-problem", "smoothing", "-grid", "2d:30", "-bounds", ":3.5"}, 1, 1, []float64{3.5}},
		{[]string{"-problem", "quadratic", "-n", "500", "-nw", "3", "-tol", "1e-6", "-loss-tol", "0"}, 3, 0.9, nil},
	} {
		sub := filepath.Join(dir, "run")
		os.RemoveAll(sub)
		if err := os.Mkdir(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		args := append(fitArgs(sub, c.args...), "-plot", filepath.Join(sub, "p.svg"))
		stdout, stderr, status := hgbench(t, args...)
		if status != 0 || stderr != "" || !strings.Contains(stdout, "onverged after") {
			t.Errorf("%v: status %d, %s%s", c.args, status, stdout, stderr)
			continue
		}
		o := readFit(t, sub)
		r := &o.Report
		if !r.Converged || r.NW != c.nw || !reflect.DeepEqual(r.W, o.W) || !r.End.Trusted || r.Digits <= 0 && !(r.End.GradError < 1e-6*r.Start.GradNorm) {
			t.Errorf("%v: report %+v, w %v", c.args, r, o.W)
		}
		if !(r.End.Loss < c.loss*r.Start.Loss) {
			t.Errorf("%v: loss %v → %v", c.args, r.Start.Loss, r.End.Loss)
		}
		if c.want != nil && !reflect.DeepEqual(o.W, c.want) {
			t.Errorf("%v: w = %v, want %v", c.args, o.W, c.want)
		}
		last := o.Log[len(o.Log)-1]
		if len(o.Log) != len(r.Trace) || !reflect.DeepEqual(last.W, o.W) || last.Loss != r.End.Loss || last.Iteration != len(o.Log)-1 {
			t.Errorf("%v: last of %d records %+v", c.args, len(o.Log), last)
		}
		if text, err := os.ReadFile(filepath.Join(sub, "p.svg")); err != nil || !bytes.Contains(text, []byte("<svg")) {
			t.Errorf("%v: plot: %v", c.args, err)
		}
		// A finished run goes on where it is; a fresh one finds the same.
		for _, more := range [][]string{nil, {"-fresh", "-workers", "3"}} {
			if _, stderr, status := hgbench(t, append(args, more...)...); status != 0 {
				t.Errorf("%v %v: %s", c.args, more, stderr)
			}
			if again := readFit(t, sub); !reflect.DeepEqual(again, o) {
				t.Errorf("%v %v: other outcome\n%+v\n%+v", c.args, more, again, o)
			}
		}
	}
}

// TestFitGolden: what the command prints.
func TestFitGolden(t *testing.T) {
	dir, train, held := files(t)
	steered := regexp.MustCompile(`loss [0-9.]+,|preconditioner: .* or none|products \d+ \+ \d+|± \de-\d+|about \de-\d+: \d+ digits?|\d+ inner, \d+ adjoint|‖dL/dw‖ +\d.*`)
	for _, c := range []struct {
		name   string
		status int
		args   []string
	}{
		{"help-fit", 0, []string{"help", "fit"}},
		{"fit-logistic", 0, []string{"fit", "-problem", "logistic", "-train", train, "-val", held, "-bounds", "-3:3"}},
		{"fit-limit", 1, []string{"fit", "-problem", "smoothing", "-grid", "1d:100", "-iterations", "2", "-loss-tol", "0"}},
	} {
		stdout, stderr, status := hgbench(t, c.args...)
		if status != c.status {
			t.Errorf("%s: exit status %d, want %d", c.name, status, c.status)
		}
		// Errors and norms at the end depend on where tolerances happen to be met.
		golden(t, c.name+".out", steered.ReplaceAllString(mask(stdout, dir), "NUMBERS"))
		golden(t, c.name+".err", steered.ReplaceAllString(mask(stderr, dir), "NUMBERS"))
	}
}

// TestFitLimits: a run that ends early says so, and goes on with a higher limit; a
// torn line of the log, and lines beyond the checkpoint, are replaced.
func TestFitLimits(t *testing.T) {
	whole, parts := t.TempDir(), t.TempDir()
	problem := []string{"-size", "20", "-seed", "3", "-tol", "0.01"}
	if _, stderr, status := hgbench(t, fitArgs(whole, problem...)...); status != 0 {
		t.Fatal(stderr)
	}
	stdout, stderr, status := hgbench(t, fitArgs(parts, append(problem, "-iterations", "4")...)...)
	if status != 1 || !strings.Contains(stderr, "iteration limit") || !strings.Contains(stdout, "IterationLimit after 4 iterations") {
		t.Errorf("status %d, %s%s", status, stdout, stderr)
	}
	log := filepath.Join(parts, "log.jsonl")
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "{\"iteration\":5,\"accepted\":true}\n{\"iteration\":6,\"acc"...)
	if err := os.WriteFile(log, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if stdout, stderr, status := hgbench(t, fitArgs(parts, problem...)...); status != 0 || !strings.Contains(stdout, "resumed      after iteration 4") {
		t.Errorf("status %d, %s%s", status, stdout, stderr)
	}
	if a, b := readFit(t, whole), readFit(t, parts); !reflect.DeepEqual(a, b) {
		t.Errorf("in one run\n%+v\nin two\n%+v", a, b)
	}
	// Another problem does not touch the checkpoint.
	if _, stderr, status := hgbench(t, fitArgs(parts, "-size", "21")...); status != 1 || !strings.Contains(stderr, "state: checkpoint of another problem") {
		t.Errorf("status %d, %s", status, stderr)
	}
}

// fitChild is the variable by which the test binary runs the command instead.
const fitChild = "HGBENCH_FIT_ARGS"

// TestFitChild is the process that TestFitKilled kills.
func TestFitChild(t *testing.T) {
	text := os.Getenv(fitChild)
	if text == "" {
		t.Skip("runs in a process of its own")
	}
	var args []string
	if err := json.Unmarshal([]byte(text), &args); err != nil {
		t.Fatal(err)
	}
	if code := run(t.Context(), os.Stdout, os.Stderr, args); code != 0 {
		t.Fatalf("exit status %d", code)
	}
}

// TestFitKilled: a run that is killed ten times at random moments, without warning,
// and started again each time, leaves the files of one that was not, bit for bit.
func TestFitKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a dozen processes")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	size := "120"
	if raceEnabled {
		size = "24"
	}
	problem := []string{"-size", size, "-filters", "-tol", "1e-3", "-loss-tol", "1e-3"}
	start := func(dir string) *exec.Cmd {
		args, err := json.Marshal(fitArgs(dir, problem...))
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(self, "-test.run=^TestFitChild$")
		cmd.Env = append(os.Environ(), fitChild+"="+string(args))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	whole, parts := t.TempDir(), t.TempDir()
	begin := time.Now()
	if err := start(whole).Wait(); err != nil {
		t.Fatal(err)
	}
	want, took := readFit(t, whole), time.Since(begin)
	rng := rand.New(rand.NewPCG(7, uint64(begin.UnixNano())))
	kills, moments, reached := 0, []string{}, []int{}
	for kills < 10 {
		cmd := start(parts)
		wait := time.Duration(rng.Int64N(int64(took) / 4))
		time.Sleep(wait)
		_ = cmd.Process.Kill() // SIGKILL; an error means that it has ended
		var exit *exec.ExitError
		switch err := cmd.Wait(); {
		case err == nil:
			// It was faster: what it has left counts, and the next begins anew.
			if got := readFit(t, parts); !reflect.DeepEqual(got, want) {
				t.Errorf("killed after %v, done: %+v\nwant %+v", moments, got, want)
			}
			if err := os.Remove(filepath.Join(parts, "state")); err != nil {
				t.Fatal(err)
			}
		case errors.As(err, &exit) && exit.ExitCode() == -1:
			kills++
			if text, err := os.ReadFile(filepath.Join(parts, "log.jsonl")); err == nil {
				reached = append(reached, bytes.Count(text, []byte("\n"))-1)
			}
			moments = append(moments, fmt.Sprint(wait.Round(time.Millisecond)))
		default:
			t.Fatal(err)
		}
	}
	if err := start(parts).Wait(); err != nil {
		t.Fatal(err)
	}
	if got := readFit(t, parts); !reflect.DeepEqual(got, want) {
		t.Errorf("killed after %v: %+v\nwant %+v", moments, got, want)
	}
	t.Logf("killed after %v, in the iterations after %v of %d", moments, reached, want.Report.End.Iteration)
	if want.Report.End.Iteration < 5 || math.IsNaN(want.Report.End.Loss) {
		t.Errorf("only %d iterations", want.Report.End.Iteration)
	}
}

// TestFitBadInput: one line with the reason, a non-zero status, nothing written.
func TestFitBadInput(t *testing.T) {
	dir, train, held := files(t)
	out := filepath.Join(dir, "out")
	damaged := filepath.Join(dir, "damaged")
	if err := os.WriteFile(damaged, []byte("1 1:1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	logistic := []string{"-problem", "logistic", "-train", train, "-val", held}
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"-problem", "logistic"}, 2, "needs -train and -val"},
		{[]string{"-problem", "poetry"}, 2, "no problem"},
		{append(logistic, "-train", filepath.Join(dir, "none")), 1, "none: no such file"},
		{append(logistic, "-w", "x"), 2, "-w x is neither"},
		{append(logistic, "-bounds", "3"), 2, "-bounds 3 is not of the form LO:HI"},
		{append(logistic, "-bounds", "3:x"), 2, "\"x\" is no number"},
		{append(logistic, "-bounds", "NaN:1"), 2, "\"NaN\" is no number"},
		{append(logistic, "-bounds", "3:1"), 2, "the lower bound is above the upper one"},
		{append(logistic, "-bounds", "1:3"), 2, "-bounds 1:3: w[0] = 0 at the start is outside"},
		{append(logistic, "-iterations", "0"), 2, "-iterations 0 must be at least 1"},
		{append(logistic, "-tol", "0"), 2, "-tol 0 must be between 0 and 1"},
		{append(logistic, "-tol", "NaN"), 2, "-tol NaN must be"},
		{append(logistic, "-loss-tol", "-1"), 2, "-loss-tol -1 must be"},
		{append(logistic, "-max-time", "-1s"), 2, "-max-time -1s is negative"},
		{append(logistic, "-max-time", "soon"), 2, "invalid value \"soon\" for flag -max-time"},
		{append(logistic, "-workers", "-1"), 2, "-workers -1 is negative"},
		{append(logistic, "-precond", "magic"), 2, "no preconditioner"},
		{append(logistic, "-fresh"), 2, "-fresh needs -checkpoint"},
		{append(logistic, "-plot", filepath.Join(out, "p.gif")), 2, "ends in .svg or .png"},
		{append(logistic, "-checkpoint", filepath.Join(out, "no", "c")), 1, "there is no directory"},
		{append(logistic, "-checkpoint", dir), 1, "is a directory"},
		{append(logistic, "-checkpoint", filepath.Join(out, "c"), "-log", filepath.Join(out, "c")), 2, "both name"},
		{append(logistic, "-checkpoint", damaged), 1, "damaged: not a checkpoint of a minimisation"},
		{append(logistic, "-seed", "3"), 2, "-seed belongs to"},
		{append(logistic, "extra"), 2, "unexpected argument"},
		{[]string{"-problem", "quadratic", "-n", "9", "-w", "1e200"}, 1, "NaN or Inf"},
	} {
		os.RemoveAll(out)
		if err := os.Mkdir(out, 0o755); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"fit", "-quiet", "-json", filepath.Join(out, "r.json"), "-out", filepath.Join(out, "w.npy")}, c.args...)
		stdout, stderr, status := hgbench(t, args...)
		if status != c.status || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("%v: status %d, want %d; stdout %q, stderr %q, want one line with %q", c.args, status, c.status, stdout, stderr, c.want)
		}
		if left, _ := os.ReadDir(out); len(left) > 0 {
			t.Errorf("%v left %v behind", c.args, left)
		}
	}
}
