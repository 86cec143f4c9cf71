package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/hgsolve/hgsolve/bench"
	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
	"github.com/hgsolve/hgsolve/hypergrad"
)

const checkIntro = `hgbench check tries each piece of a problem by itself, energy, gradient, Hessian
product, mixed products, loss, near the start of the inner solve and along random
directions, and says which piece is wrong.

	hgbench check -problem logistic -train FILE -val FILE [flags]
	hgbench check -problem denoise|smoothing|quadratic [flags]
	hgbench check -problem pagerank -edges FILE [flags]

A derivative is right if the remainder of the Taylor expansion vanishes with order 2
of the step; order 1 is that of a wrong one. Exit status 1 if anything is violated.

Flags:

`

// checkSize is the default of -size: some hundred evaluations take a second.
const checkSize = 64

// checkOptions are the flags of hgbench check.
type checkOptions struct {
	dataOptions
	hypergrad.CheckOptions
	workers int
	json    string
	quiet   bool
}

func (o *checkOptions) parse(stdout io.Writer, args []string) error {
	fs := newFlags("check")
	o.dataOptions.flags(fs, checkSize)
	fs.Float64Var(&o.Tol, "tol", 1e-7, "relative error that a derivative may have")
	fs.IntVar(&o.Directions, "directions", 3, "number of random directions for each derivative")
	fs.Uint64Var(&o.Seed, "direction-seed", 1, "seed of the random directions")
	fs.Float64Var(&o.Spread, "spread", 0.1, "distance of the check from the start of the inner solve, in units of its root mean square")
	fs.IntVar(&o.workers, "workers", 0, "number of workers (default: all cores)")
	fs.StringVar(&o.json, "json", "", "write the report as JSON to a `file`, - for standard output")
	fs.BoolVar(&o.quiet, "quiet", false, "no progress and no warnings")
	if err := parse(fs, stdout, checkIntro, args); err != nil {
		return err
	}
	switch {
	case !(o.Tol > 0 && o.Tol < 1):
		return usagef("-tol %v must be between 0 and 1", o.Tol)
	case o.Directions < 1 || o.Directions > 1000:
		return usagef("-directions %d must be 1 … 1000", o.Directions)
	case o.Seed == 0:
		return usagef("-direction-seed must not be 0")
	case !(o.Spread > 0 && o.Spread <= 1e6):
		return usagef("-spread %v must be above 0 and at most 1e6", o.Spread)
	case o.workers < 0:
		return usagef("-workers %d is negative", o.workers)
	}
	if err := o.dataOptions.check(fs); err != nil {
		return err
	}
	return checkOutputs(o.inputs(), fileFlag{"-json", o.json})
}

// runCheck is the command hgbench check.
func runCheck(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	var o checkOptions
	if err := o.parse(stdout, args); err != nil {
		return err
	}
	prog := newProgress(stderr, o.quiet)
	defer prog.end()
	data, err := o.load(prog)
	if err != nil {
		return err
	}
	return o.run(ctx, stdout, prog, data)
}

// run checks a problem and reports.
func (o *checkOptions) run(ctx context.Context, stdout io.Writer, prog *progress, data *problemData) error {
	begin := time.Now()
	if o.workers > 0 {
		ctx = hvp.WithWorkers(ctx, o.workers)
	}
	prog.phase("%s: checking", data.title)
	o.Monitor = func(next hvptest.Property) { prog.update("%s: checking %q", data.title, next) }
	found, checkErr := hypergrad.Check(ctx, data.problem, data.y, data.w, &o.CheckOptions)
	if err := ctx.Err(); err != nil {
		return err
	}
	if found.Findings == nil {
		return checkErr
	}
	prog.end()
	ny, nw := data.problem.Dims()
	rep := &checkReport{Problem: data.name, NY: ny, NW: nw, Holds: checkErr == nil, Findings: []checkFinding{}, Suspects: append([]string{}, found.Suspects...),
		Seconds: time.Since(begin).Seconds(), Workers: workersOf(o.workers), Go: runtime.Version(), Version: version()}
	for _, f := range found.Findings {
		rep.Findings = append(rep.Findings, checkFinding{string(f.Property), f.Verdict.String(), f.Order, number(f.Worst), number(f.Tol), f.Detail})
	}
	if err := writeJSONFile(o.json, rep); err != nil {
		return err
	}
	if o.json == "-" {
		if err := encodeJSON(stdout, rep); err != nil {
			return err
		}
	} else {
		rep.print(stdout, data, found.Findings)
	}
	return checkErr
}

// checkReport is the JSON report of hgbench check. Scripts rely on its names.
type checkReport struct {
	Problem  string         `json:"problem"`
	NY       int            `json:"n_y"`
	NW       int            `json:"n_w"`
	Holds    bool           `json:"holds"`
	Findings []checkFinding `json:"findings"`
	// Suspects are the pieces that are wrong, in words.
	Suspects []string `json:"suspects"`
	Seconds  float64  `json:"seconds"`
	Workers  int      `json:"workers"`
	Go       string   `json:"go"`
	Version  string   `json:"version"`
}

type checkFinding struct {
	Property string `json:"property"`
	// Verdict is ok, VIOLATED, absent or not checked.
	Verdict string `json:"verdict"`
	// Order is that of the Taylor remainder, left out if none is measured.
	Order float64 `json:"order,omitempty"`
	// Worst is the largest relative error, and Tolerance what is allowed.
	Worst     number `json:"worst"`
	Tolerance number `json:"tolerance"`
	Detail    string `json:"detail"`
}

// print writes the report as aligned text.
func (r *checkReport) print(w io.Writer, data *problemData, findings []hvptest.Finding) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-13s %s\n", name, fmt.Sprintf(format, args...)) // as a finding prints itself
	}
	line("problem", "%s, n_y = %d, n_w = %d", r.Problem, r.NY, r.NW)
	for _, d := range data.describe {
		line(d[0], "%s", d[1])
	}
	count := map[hvptest.Verdict]int{}
	for _, f := range findings {
		fmt.Fprintln(w, f)
		count[f.Verdict]++
	}
	for _, s := range r.Suspects {
		line("wrong", "%s", s)
	}
	line("total", "%d properties hold, %d are violated, %d absent, %d not checked; %s on %s",
		count[hvptest.Holds], count[hvptest.Violated], count[hvptest.Absent], count[hvptest.NotChecked], bench.Seconds(r.Seconds), plural(r.Workers, "worker"))
}
