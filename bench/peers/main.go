// Command peers runs hgsolve and other libraries in turn on the same problems, on
// the same machine, and prints ratios. See README.md for what it needs.
//
//	go run ./bench/peers [-case cg,amg,…] [-rounds 3] [-size full|small]
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"

	"github.com/hgsolve/hgsolve/bench"
)

// outcome is what one run of one contender reports; it is what the scripts
// print.
type outcome struct {
	Setup      float64 `json:"setup"` // seconds
	Solve      float64 `json:"solve"` // seconds
	Iterations int     `json:"iterations"`
	Residual   float64 `json:"residual"` // ‖b − A·x‖/‖b‖ or ‖G‖, recomputed
	Check      float64 `json:"check"`    // a norm of the result, the same for all
	Version    string  `json:"version"`
	Note       string  `json:"note,omitempty"`
	Workers    int     `json:"workers"`
}

func (o outcome) total() float64 { return o.Setup + o.Solve }

// contender is one way to do the work of a case.
type contender struct {
	name string
	run  func(ctx context.Context) (outcome, error)
}

// benchmark is one piece of work and those who do it, ours first.
type benchmark struct {
	name, title string
	contenders  func(e *environment) ([]contender, error)
}

// skipped says why a contender cannot run here.
type skipped struct{ reason string }

func (s skipped) Error() string { return "skipped: " + s.reason }

// environment is what all cases share.
type environment struct {
	dir, scripts, hgbench, python, data string
	small                               bool
	workers                             int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, os.Stderr, os.Args[1:]); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "peers:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, stdout, stderr io.Writer, args []string) (err error) {
	fs := flag.NewFlagSet("peers", flag.ContinueOnError)
	fs.SetOutput(stderr)
	names := fs.String("case", "", "cases to run, a `list`; all if empty: "+caseNames())
	rounds := fs.Int("rounds", 3, "how often each contender runs, in turn, `R` times")
	size := fs.String("size", "full", "`size` of the problems: full or small, to try things out")
	python := fs.String("python", "/usr/bin/python3", "the interpreter that finds the peers, a `path`")
	data := fs.String("data", "../shared/data", "`folder` of the data sets")
	if err := fs.Parse(args); err != nil {
		return err
	}
	switch {
	case fs.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case *rounds < 1:
		return fmt.Errorf("-rounds %d must be at least 1", *rounds)
	case *size != "full" && *size != "small":
		return fmt.Errorf("-size %q is neither full nor small", *size)
	}
	chosen, err := choose(*names)
	if err != nil {
		return err
	}
	e := &environment{scripts: "bench/peers", python: *python, data: *data, small: *size == "small", workers: runtime.GOMAXPROCS(0)}
	if _, err := os.Stat(filepath.Join(e.scripts, "petsc_solve.py")); err != nil {
		return errors.New("run it from the root of the module: go run ./bench/peers")
	}
	if e.dir, err = os.MkdirTemp("", "peers"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(e.dir)) }()
	e.hgbench = filepath.Join(e.dir, "hgbench")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", e.hgbench, "./cmd/hgbench").CombinedOutput(); err != nil {
		return fmt.Errorf("build of hgbench: %w: %s", err, out)
	}
	m := bench.ThisMachine()
	fmt.Fprintf(stdout, "%s, %d cores, %s, %d workers\n", m.CPU, m.Cores, m.Go, e.workers)
	for _, c := range chosen {
		title := c.title
		if e.small {
			title += " (reduced by -size small)"
		}
		fmt.Fprintf(stdout, "\n%s: %s\n", c.name, title)
		if err := c.measure(ctx, e, *rounds, stdout, stderr); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			fmt.Fprintf(stdout, "  %v\n", err)
		}
	}
	return nil
}

func caseNames() string {
	var names []string
	for _, c := range benchmarks {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}

// choose returns the cases of a list of names, all for an empty one.
func choose(list string) ([]benchmark, error) {
	if list == "" {
		return benchmarks, nil
	}
	var chosen []benchmark
	for _, name := range strings.Split(list, ",") {
		found := false
		for _, c := range benchmarks {
			if c.name == strings.TrimSpace(name) {
				chosen, found = append(chosen, c), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no case %q; there are %s", name, caseNames())
		}
	}
	return chosen, nil
}

// measure runs the contenders in turn, round by round, and prints a table.
func (c *benchmark) measure(ctx context.Context, e *environment, rounds int, stdout, stderr io.Writer) error {
	contenders, err := c.contenders(e)
	if err != nil {
		return err
	}
	runs := make([][]outcome, len(contenders))
	failed := make([]error, len(contenders))
	for r := range rounds {
		for k, who := range contenders {
			if failed[k] != nil {
				continue
			}
			fmt.Fprintf(stderr, "%s: round %d of %d: %s\n", c.name, r+1, rounds, who.name)
			o, err := who.run(ctx)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				failed[k] = err
				continue
			}
			runs[k] = append(runs[k], o)
		}
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "set-up s\tsolve s\ttotal s\tquartiles\titerations\tresidual\tratio\t \t")
	var ours float64
	for k, who := range contenders {
		if failed[k] != nil {
			fmt.Fprintf(table, "\t\t\t\t\t\t\t %s: %s\t\n", who.name, strings.Join(strings.Fields(failed[k].Error()), " "))
			continue
		}
		var setup, solve, total []float64
		for _, o := range runs[k] {
			setup, solve, total = append(setup, o.Setup), append(solve, o.Solve), append(total, o.total())
		}
		t := bench.Summarize(total)
		if k == 0 {
			ours = t.Median
		}
		o := runs[k][0]
		label := fmt.Sprintf("%s (%s, %d workers)", who.name, o.Version, o.Workers)
		if o.Note != "" {
			label += " " + o.Note
		}
		ratio := "-"
		if ours > 0 {
			ratio = fmt.Sprintf("%.2f", t.Median/ours)
		}
		fmt.Fprintf(table, "%.4f\t%.4f\t%.4f\t%.4f … %.4f\t%d\t%.1e\t%s\t %s\t\n",
			bench.Summarize(setup).Median, bench.Summarize(solve).Median, t.Median, t.Low, t.High, o.Iterations, o.Residual, ratio, label)
	}
	return errors.Join(table.Flush(), agree(contenders, runs))
}

// agree returns an error if two contenders got different results.
func agree(contenders []contender, runs [][]outcome) error {
	const rtol = 1e-4 // some compute in float32
	reference, by := 0.0, ""
	for k, r := range runs {
		if len(r) == 0 || r[0].Check == 0 {
			continue
		}
		if by == "" {
			reference, by = r[0].Check, contenders[k].name
		}
		if d := r[0].Check - reference; d > rtol*reference || d < -rtol*reference {
			return fmt.Errorf("THE RESULTS DIFFER: %v from %s, %v from %s", reference, by, r[0].Check, contenders[k].name)
		}
	}
	return nil
}

// script runs a Python script, on several MPI ranks if ranks > 0, and reads the
// line of JSON that it prints.
func (e *environment) script(ctx context.Context, ranks int, module, name string, args ...string) (o outcome, err error) {
	if err := exec.CommandContext(ctx, e.python, "-c", "import "+module).Run(); err != nil {
		return o, skipped{fmt.Sprintf("%s does not find the module %s", e.python, module)}
	}
	line := append([]string{e.python, filepath.Join(e.scripts, name)}, args...)
	if ranks > 0 {
		if _, err := exec.LookPath("mpirun"); err != nil {
			return o, skipped{"there is no mpirun"}
		}
		mpi := []string{"mpirun", "--oversubscribe", "-n", fmt.Sprint(ranks)}
		if os.Geteuid() == 0 {
			mpi = append(mpi, "--allow-run-as-root")
		}
		line = append(mpi, line...)
	}
	return e.execute(ctx, line, &o)
}

// execute runs a command and decodes its standard output.
func (e *environment) execute(ctx context.Context, line []string, o *outcome) (outcome, error) {
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// One thread per rank, as the libraries recommend with MPI.
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
	if err := cmd.Run(); err != nil {
		last := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		return *o, fmt.Errorf("%s: %w: %s", filepath.Base(line[len(line)-1]), err, last[len(last)-1])
	}
	if err := json.Unmarshal(stdout.Bytes(), o); err != nil {
		return *o, fmt.Errorf("output of %v: %w", line, err)
	}
	return *o, nil
}
