package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/internal/formats"
)

func TestEstimatorsGolden(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
	}{
		{"help-estimators", []string{"help", "estimators"}},
		{"estimators", []string{"estimators", "-problem", "quadratic", "-n", "60", "-nw", "3", "-cond", "10", "-budget", "1,3,2,8", "-quiet"}},
		// A step that no eigenvalue allows, and one line for all that say so.
		{"estimators-step", []string{"estimators", "-problem", "quadratic", "-n", "60", "-nw", "2", "-budget", "2,60", "-step", "2.9", "-estimators", "neumann,one-step,unrolled-gd", "-quiet"}},
	} {
		stdout, stderr, status := hgbench(t, c.args...)
		if status != 0 || stderr != "" {
			t.Errorf("%s: exit status %d, %s", c.name, status, stderr)
		}
		golden(t, c.name+".out", mask(stdout, "DIR"))
	}
}

// estimatorsOf runs the command and returns the rows of its JSON report.
func estimatorsOf(t *testing.T, args ...string) (rep estimatorsReport) {
	t.Helper()
	stdout, stderr, status := hgbench(t, append([]string{"estimators", "-quiet", "-format", "json"}, args...)...)
	if status != 0 || stderr != "" {
		t.Fatalf("%v: status %d, %s", args, status, stderr)
	}
	if err := json.Unmarshal([]byte(stdout), &rep); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, stdout)
	}
	return rep
}

// TestEstimators: every problem, every estimator; the theorem is right, and the
// series come closer with the budget.
func TestEstimators(t *testing.T) {
	_, train, held := files(t)
	for _, args := range [][]string{
		{"-size", "16"},
		{"-problem", "logistic", "-train", train, "-val", held, "-per-feature"},
		{"-problem", "smoothing", "-grid", "2d:20"},
		{"-problem", "quadratic", "-n", "300", "-nw", "4", "-cond", "10"},
	} {
		rep := estimatorsOf(t, append(args, "-budget", "1,4,30")...)
		seen := map[string][]estimatorsRow{}
		for _, row := range rep.Rows {
			seen[row.Estimator] = append(seen[row.Estimator], row)
			if row.Status != "ok" || row.Evaluations != row.HVPs+row.Gradients+row.Mixed || row.Evaluations < 1 || row.Bytes != 8*int64(row.Vectors*rep.NY) {
				t.Errorf("%v: %+v", args, row)
			}
		}
		if len(seen) != 11 {
			t.Errorf("%v: %d estimators", args, len(seen))
		}
		if e := seen["implicit"]; len(e) != 1 || !(e[0].Error < 1e-6) {
			t.Errorf("%v: implicit %+v", args, e)
		}
		if e := seen["differences"]; e[len(e)-1].Budget != min(30, rep.NW) || !(e[len(e)-1].Error < 1e-5) {
			t.Errorf("%v: differences %+v", args, e)
		}
		for _, name := range []string{"cg", "neumann", "fixed-point"} {
			if e := seen[name]; len(e) != 3 || !(e[2].Error < e[0].Error) || e[0].HVPs >= e[2].HVPs {
				t.Errorf("%v: %s %+v", args, name, e)
			}
		}
		if !strings.Contains(rep.Reference, "closed form") && (rep.ReferenceError == nil || !(*rep.ReferenceError < 1e-9)) {
			t.Errorf("%v: reference %q, error %v", args, rep.Reference, rep.ReferenceError)
		}
	}
	// Without the check a step that is too large shows as soon as something grows.
	rep := estimatorsOf(t, "-problem", "quadratic", "-n", "60", "-nw", "2", "-budget", "1,400", "-step", "2.9", "-no-step-check", "-estimators", "neumann,unrolled-gd")
	for i, want := range []string{"ok", "diverged", "ok", "diverged"} {
		if row := rep.Rows[i]; row.Status != want || row.SpectrumHVPs != 0 || (row.Note == "") != (want == "ok") || row.HVPs+row.Gradients > 400 {
			t.Errorf("%+v, want %s", row, want)
		}
	}
	// A worse inner solution shows in the estimates that use it, not in the truth.
	loose := estimatorsOf(t, "-problem", "smoothing", "-grid", "2d:20", "-inner-rtol", "0.01", "-estimators", "implicit")
	tight := estimatorsOf(t, "-problem", "smoothing", "-grid", "2d:20", "-estimators", "implicit")
	if !(loose.Rows[0].Error > 1e3*tight.Rows[0].Error) || loose.GradNorm != tight.GradNorm {
		t.Errorf("-inner-rtol 0.01: error %g, 1e-10: %g", loose.Rows[0].Error, tight.Rows[0].Error)
	}
}

func TestEstimatorsFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	args := []string{"estimators", "-problem", "quadratic", "-n", "50", "-nw", "2", "-budget", "1,4", "-quiet", "-format", "csv"}
	stdout, stderr, status := hgbench(t, append(args, "-json", at("r.json"), "-plot", at("p.svg"))...)
	if status != 0 || stderr != "" {
		t.Fatal(stderr)
	}
	rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	var rep estimatorsReport
	text, err2 := os.ReadFile(at("r.json"))
	if err != nil || err2 != nil || json.Unmarshal(text, &rep) != nil {
		t.Fatal(err, err2)
	}
	if len(rows) != len(rep.Rows)+1 || rows[0][4] != "rel_error" || rows[2][0] != "cg" || rows[2][5] != "2" {
		t.Errorf("%d rows in csv, %d in JSON: %v", len(rows), len(rep.Rows), rows[:3])
	}
	for i, row := range rep.Rows {
		if rows[i+1][0] != row.Estimator || rows[i+1][3] != row.Status {
			t.Errorf("row %d: %v and %+v", i, rows[i+1], row)
		}
	}
	picture, err := os.ReadFile(at("p.svg"))
	if err != nil || !strings.Contains(string(picture), "unrolled-lbfgs") || !strings.Contains(string(picture), "differences") {
		t.Errorf("the picture: %v", err)
	}
	if _, stderr, status := hgbench(t, append(args, "-plot", at("p.png"))...); status != 0 {
		t.Error(stderr)
	} else if _, err := formats.ReadImage(at("p.png")); err != nil {
		t.Error(err)
	}
	// Nothing came to an end: nothing to draw.
	if _, stderr, status := hgbench(t, append(args, "-plot", at("q.svg"), "-step", "9", "-estimators", "one-step")...); status != 1 || !strings.Contains(stderr, "nothing to draw") {
		t.Errorf("status %d, %s", status, stderr)
	}
}

func TestEstimatorsBadInput(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "r.json")
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"-budget", ""}, 2, `-budget : "" is not a number`},
		{[]string{"-budget", "1,0"}, 2, `"0" is not a number of 1`},
		{[]string{"-budget", "1,many"}, 2, `"many" is not a number`},
		{[]string{"-budget", "2000000"}, 2, "1 … 1000000"},
		{[]string{"-estimators", "cg,magic"}, 2, `no estimator "magic"; there are implicit, cg`},
		{[]string{"-step", "-1"}, 2, "-step -1"},
		{[]string{"-step", "NaN"}, 2, "-step NaN"},
		{[]string{"-step", "Inf"}, 2, "-step +Inf"},
		{[]string{"-no-step-check"}, 2, "needs a -step"},
		{[]string{"-inner-rtol", "0"}, 2, "-inner-rtol 0"},
		{[]string{"-inner-rtol", "1e-30"}, 1, "not stationary"},
		{[]string{"-workers", "-1"}, 2, "-workers -1"},
		{[]string{"-format", "xml"}, 2, "no format"},
		{[]string{"-format", "csv", "-json", "-"}, 2, "both want standard output"},
		{[]string{"-plot", filepath.Join(dir, "p.gif")}, 2, "ends in .svg or .png"},
		{[]string{"-plot", filepath.Join(dir, "no", "p.svg")}, 1, "there is no directory"},
		{[]string{"-problem", "poetry"}, 2, "no problem"},
		{[]string{"-cond", "3"}, 2, "-cond belongs to -problem quadratic"},
		{[]string{"-problem", "logistic"}, 2, "needs -train and -val"},
		{[]string{"extra"}, 2, "unexpected argument"},
	} {
		args := []string{"estimators", "-quiet"}
		if !strings.HasPrefix(c.want, "-cond") && c.args[0] != "-problem" {
			args = append(args, "-size", "12")
		}
		if c.args[0] != "extra" && len(c.args) < 4 {
			args = append(args, "-json", out)
		}
		stdout, stderr, status := hgbench(t, append(args, c.args...)...)
		if status != c.status || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("%v: status %d, stderr %q, want %d and %q; stdout %q", c.args, status, stderr, c.status, c.want, stdout)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%v left %v behind", c.args, left)
		}
	}
}
