package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/hgsolve/hgsolve/bench"
	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
)

const precondIntro = `hgbench precond solves one system with every preconditioner that applies, and
without, and shows what each costs: set-up, memory, iterations, solve.

	hgbench precond -matrix A.mtx [-spd] [flags]
	hgbench precond -stencil 2d:1000 [-shift S] [-operator matrix-free] [flags]
	hgbench precond -problem denoise [-size 512] [flags]
	hgbench precond -problem logistic -train FILE -val FILE [-per-feature] [flags]
	hgbench precond -problem smoothing|quadratic|pagerank …

With -problem the system is that of the adjoint, at the solution of the inner
problem. The method is the one that suits the promises of the operator. All kinds
run in turn, round by round, and the medians are shown; the fastest that converged
is marked. A kind that does not apply is listed with the reason.

Flags:

`

// precondSize is the default of -size: a second or so for each kind.
const precondSize = 512

// precondOptions are the flags of hgbench precond.
type precondOptions struct {
	dataOptions
	system solveOptions // -matrix, -stencil and what belongs to them

	kinds               string
	rtol, innerRTol     float64
	maxIter, rounds     int
	maxTime             float64
	workers             int
	format, json, chart string
	quiet               bool
}

func (o *precondOptions) parse(stdout io.Writer, args []string) error {
	fs := newFlags("precond")
	o.dataOptions.flags(fs, precondSize)
	s := &o.system
	fs.StringVar(&s.matrix, "matrix", "", "A, a Matrix Market `file`, instead of a problem")
	fs.StringVar(&s.stencil, "stencil", "", "A is the Laplacian of a `grid`, 2d:N or 3d:N, instead of a problem")
	fs.StringVar(&s.operator, "operator", assembled, "-stencil: `form` of A: assembled or matrix-free")
	fs.Float64Var(&s.shift, "shift", 0, "-matrix, -stencil: add `S` to the diagonal of A")
	fs.BoolVar(&s.spd, "spd", false, "-matrix: promise that A (shifted) is positive definite")
	fs.StringVar(&s.rhs, "rhs", "sine", "-matrix, -stencil: `b` as in hgbench solve")
	fs.StringVar(&o.kinds, "kinds", "", "preconditioners, a `list` as in jacobi,amg (default: all, and none)")
	fs.Float64Var(&o.rtol, "rtol", krylov.DefaultRTol, "residual `R` asked for, relative to ‖b‖")
	fs.Float64Var(&o.innerRTol, "inner-rtol", 1e-6, "-problem: gradient of the inner problem, relative to that at the start")
	fs.IntVar(&o.maxIter, "maxiter", 0, "most iterations `N` of a solve (default: 10·n + 1000, at most a million)")
	fs.Float64Var(&o.maxTime, "maxtime", 60, "most `seconds` of a solve")
	fs.IntVar(&o.rounds, "rounds", 1, "how often each runs, `R` times")
	fs.IntVar(&o.workers, "workers", 0, "number of workers (default: all cores)")
	fs.StringVar(&o.format, "format", "text", "`format` on standard output: text, csv or json")
	fs.StringVar(&o.json, "json", "", "write the report as JSON to a `file`, - for standard output")
	fs.StringVar(&o.chart, "plot", "", "write a chart, residual against time, to a .svg or .png `file`")
	fs.BoolVar(&o.quiet, "quiet", false, "no progress and no warnings")
	if err := parse(fs, stdout, precondIntro, args); err != nil {
		return err
	}
	return o.check(fs)
}

// onMatrix reports whether the system is a matrix, not that of a problem.
func (o *precondOptions) onMatrix() bool { return o.system.matrix != "" || o.system.stencil != "" }

// check refuses what cannot work before anything is computed.
func (o *precondOptions) check(fs *flag.FlagSet) error {
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	switch {
	case o.onMatrix() && given["problem"]:
		return usagef("-problem excludes -matrix and -stencil")
	case o.maxIter < 0:
		return usagef("-maxiter %d is negative", o.maxIter)
	case !(o.maxTime > 0 && o.maxTime <= 1e9):
		return usagef("-maxtime %v must be above 0 and at most 1e9 seconds", o.maxTime)
	case !(o.rtol > 0 && o.rtol < 1) || !(o.innerRTol > 0 && o.innerRTol < 1):
		return usagef("-rtol %v and -inner-rtol %v must be between 0 and 1", o.rtol, o.innerRTol)
	case o.rounds < 1:
		return usagef("-rounds %d must be at least 1", o.rounds)
	case o.workers < 0:
		return usagef("-workers %d is negative", o.workers)
	case o.format != "text" && o.format != "csv" && o.format != "json":
		return usagef("no format %q; there are text, csv and json", o.format)
	}
	if o.onMatrix() {
		s := &o.system
		s.method, s.precond, s.rtol = "auto", noPrecond, o.rtol
		if err := s.check(); err != nil {
			return err
		}
	} else if err := o.dataOptions.check(fs); err != nil {
		return err
	}
	if _, err := o.chosen(); err != nil {
		return err
	}
	if o.chart != "" {
		if _, err := bench.PictureFormat(o.chart); err != nil {
			return usageError{err}
		}
	}
	if err := jsonOnOutput(o.json, &o.format); err != nil {
		return err
	}
	return checkOutputs(append(o.inputs(), o.system.inputs()...), fileFlag{"-json", o.json}, fileFlag{"-plot", o.chart})
}

// chosen returns the names of -kinds.
func (o *precondOptions) chosen() (names []string, err error) {
	if o.kinds == "" {
		names = append(names, noPrecond)
		for _, k := range precond.Kinds() {
			names = append(names, k.Name)
		}
		return names, nil
	}
	for _, name := range strings.Split(o.kinds, ",") {
		name = strings.TrimSpace(name)
		if _, err := precondByName(name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// runPrecond is the command hgbench precond.
func runPrecond(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	var o precondOptions
	if err := o.parse(stdout, args); err != nil {
		return err
	}
	if o.workers > 0 {
		ctx = hvp.WithWorkers(ctx, o.workers)
	}
	prog := newProgress(stderr, o.quiet)
	defer prog.end()
	trial, err := o.trial(ctx, prog)
	if err != nil {
		return err
	}
	names, err := o.chosen()
	if err != nil {
		return err
	}
	rep := trial.newReport(&o)
	for round := range o.rounds {
		for i, name := range names {
			if round == 0 {
				rep.Rows = append(rep.Rows, &precondRow{Kind: name})
			}
			row := rep.Rows[i]
			if row.Reason != "" {
				continue
			}
			prog.phase("%s: %s, round %d of %d", trial.title, name, round+1, o.rounds)
			if err := trial.run(ctx, &o, row, round == 0 && o.chart != ""); err != nil {
				return err
			}
		}
	}
	prog.end()
	rep.finish()
	if err := writeJSONFile(o.json, rep); err != nil {
		return err
	}
	if o.chart != "" {
		if err := rep.plot(o.chart); err != nil {
			return err
		}
	}
	return rep.write(stdout, o.format)
}

// precondTrial is the system that all solve.
type precondTrial struct {
	title string
	a     hvp.Operator
	b, x  []float64
}

// trial makes the system.
func (o *precondOptions) trial(ctx context.Context, prog *progress) (*precondTrial, error) {
	if o.onMatrix() {
		job, err := o.system.load(ctx, prog)
		if err != nil {
			return nil, err
		}
		return &precondTrial{job.title, job.a, job.b, job.x}, nil
	}
	data, err := o.load(prog)
	if err != nil {
		return nil, err
	}
	prog.phase("%s: solving the inner problem", data.title)
	inner := hypergrad.Newton{RTol: o.innerRTol, Precond: hypergrad.Jacobi, Monitor: func(p hypergrad.InnerProgress) {
		prog.update("%s: inner step %d, gradient %.2e → %.1e, %d products", data.title, p.Iteration, p.GradNorm, p.Tolerance, p.Products)
	}}
	if _, err := inner.Solve(ctx, data.problem, data.y, data.w); err != nil {
		return nil, err
	}
	lin, err := data.problem.Linearize(ctx, data.y, data.w)
	if err != nil {
		return nil, err
	}
	t := &precondTrial{title: data.title, a: lin.Y, b: make([]float64, len(data.y)), x: make([]float64, len(data.y))}
	if _, err := data.problem.Loss(ctx, t.b, nil, data.y, data.w); err != nil {
		return nil, err
	}
	if t.a, err = hvp.Transpose(lin.Y); err != nil {
		return nil, err
	}
	return t, nil
}

// run builds one preconditioner and solves, and adds the outcome to the row.
func (t *precondTrial) run(ctx context.Context, o *precondOptions, row *precondRow, curve bool) error {
	s := krylov.Settings{RTol: o.rtol, MaxIter: o.maxIter, MaxTime: duration(o.maxTime)}
	var setup float64
	if row.Kind != noPrecond {
		begin := time.Now()
		m, err := precond.New(ctx, row.Kind, t.a)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			row.Reason = strings.TrimPrefix(err.Error(), "precond: ")
			row.NotApplicable = errors.Is(err, precond.ErrNotApplicable)
			return nil
		}
		setup = time.Since(begin).Seconds()
		s.Precond = m
		r := m.Report()
		row.Name, row.Bytes, row.SetupProducts, row.Notes = m.String(), r.Bytes, r.Products, r.Notes
	}
	if curve {
		s.Monitor = func(p krylov.Progress) error {
			row.curve(setup+p.Elapsed.Seconds(), p.Residual)
			return nil
		}
	}
	res, err := krylov.Solve(ctx, t.a, t.x, t.b, &s)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	row.Method, row.Status, row.Converged = res.Method, res.Status.String(), err == nil
	if res.Path != "" {
		row.Method = res.Path
	}
	row.Iterations, row.Products = res.Iterations, res.Products
	row.Residual = number(math.NaN())
	if res.TrueResidual >= 0 && res.RHSNorm > 0 {
		row.Residual = number(res.TrueResidual / res.RHSNorm)
	}
	row.setup, row.solve = append(row.setup, setup), append(row.solve, res.Elapsed.Seconds())
	return nil
}

// newReport describes the system.
func (t *precondTrial) newReport(o *precondOptions) *precondReport {
	n, _ := t.a.Dims()
	return &precondReport{
		System: t.title, N: n, Structure: hvp.StructureOf(t.a).String(), RTol: o.rtol, Rounds: o.rounds,
		Workers: workersOf(o.workers), Machine: bench.ThisMachine(), Version: version(),
		operator: strings.TrimPrefix(fmt.Sprintf("%T", t.a), "*"),
	}
}
