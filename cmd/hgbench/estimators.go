package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hgsolve/hgsolve/bench"
	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/hypergrad/baseline"
	"github.com/hgsolve/hgsolve/krylov"
)

const estimatorsIntro = `hgbench estimators compares estimators of the hypergradient: the error of each against
the truth, and what it costs, over a range of budgets k. The truth is the closed form
where there is one, else the adjoint system solved to 1e-12 at an inner solution as good
as rounding errors allow.

	hgbench estimators [-problem denoise] [flags]
	hgbench estimators -problem logistic -train FILE -val FILE [flags]
	hgbench estimators -problem smoothing|quadratic [flags]
	hgbench estimators -problem pagerank -edges FILE [flags]

The estimators and what k means:

%s
Those marked * run k steps of an inner solver from its start. The others are given
the solution of the inner problem to -inner-rtol, whose cost is in no row. Hessian
products include those that estimate the spectrum for a step length (at most 10),
evaluations are Hessian products, gradients and mixed products together. Memory is in
vectors of n_y numbers. ‖G‖/‖G₀‖ is the gradient of the inner problem before the last step
of an estimator that runs its own, over that at the start. A step too large, an iteration that diverges and an indefinite
Hessian have a status of their own and no error; they do not change the exit status.

Flags:

`

// estimatorsSize is the default of -size: all estimators end in some seconds.
const estimatorsSize = 128

// estimatorsOptions are the flags of hgbench estimators.
type estimatorsOptions struct {
	dataOptions
	budget, names    string
	budgets          []int
	kinds            []baseline.Kind
	step, innerRTol  float64
	unchecked, quiet bool
	workers          int
	format           string
	json, plot       string
}

func (o *estimatorsOptions) parse(stdout io.Writer, args []string) error {
	fs := newFlags("estimators")
	o.dataOptions.flags(fs, estimatorsSize)
	fs.StringVar(&o.budget, "budget", "1,2,4,8,16,32,64,128,256", "budgets k, a `list`")
	fs.StringVar(&o.names, "estimators", "", "a `list` of estimators, as in cg,neumann (default: all)")
	fs.Float64Var(&o.step, "step", 0, "step length `A` of gradient descent and its series (default: chosen from the spectrum)")
	fs.BoolVar(&o.unchecked, "no-step-check", false, "take the given -step without a check against the spectrum")
	fs.Float64Var(&o.innerRTol, "inner-rtol", 1e-10, "gradient of the inner problem that the estimators are given, relative to that at the start")
	fs.IntVar(&o.workers, "workers", 0, "number of workers (default: all cores); it does not change the result")
	fs.StringVar(&o.format, "format", "text", "`format` on standard output: text, csv or json")
	fs.StringVar(&o.json, "json", "", "write the report as JSON to a `file`, - for standard output")
	fs.StringVar(&o.plot, "plot", "", "draw the errors over the evaluations into a .svg or .png `file`")
	fs.BoolVar(&o.quiet, "quiet", false, "no progress and no warnings")
	var list strings.Builder
	for _, k := range baseline.Kinds() {
		fmt.Fprintf(&list, "\t%-15s %s\n", k.Name+star(k.FromStart), k.Summary)
	}
	if err := parse(fs, stdout, fmt.Sprintf(estimatorsIntro, list.String()), args); err != nil {
		return err
	}
	if err := o.dataOptions.check(fs); err != nil {
		return err
	}
	return o.check()
}

// check refuses what cannot work before anything is computed.
func (o *estimatorsOptions) check() error {
	const mostBudget = 1_000_000
	switch {
	case !(o.innerRTol > 0 && o.innerRTol < 1):
		return usagef("-inner-rtol %v must be between 0 and 1", o.innerRTol)
	case !(o.step >= 0) || math.IsInf(o.step, 0):
		return usagef("-step %v must be positive and finite", o.step)
	case o.unchecked && o.step == 0:
		return usagef("-no-step-check needs a -step")
	case o.workers < 0:
		return usagef("-workers %d is negative", o.workers)
	case o.format != "text" && o.format != "csv" && o.format != "json":
		return usagef("no format %q; there are text, csv and json", o.format)
	}
	if err := jsonOnOutput(o.json, &o.format); err != nil {
		return err
	}
	for _, text := range strings.Split(o.budget, ",") {
		k, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || k < 1 || k > mostBudget {
			return usagef("-budget %s: %q is not a number of 1 … %d", o.budget, text, mostBudget)
		}
		o.budgets = append(o.budgets, k)
	}
	slices.Sort(o.budgets)
	o.budgets = slices.Compact(o.budgets)
	o.kinds = baseline.Kinds()
	if o.names != "" {
		var names []string
		for _, k := range o.kinds {
			names = append(names, k.Name)
		}
		wanted := strings.Split(o.names, ",")
		for _, name := range wanted {
			if !slices.Contains(names, name) {
				return usagef("no estimator %q; there are %s", name, strings.Replace(oneOf(names), " or ", " and ", 1))
			}
		}
		o.kinds = slices.DeleteFunc(o.kinds, func(k baseline.Kind) bool { return !slices.Contains(wanted, k.Name) })
	}
	if o.plot != "" {
		if _, err := bench.PictureFormat(o.plot); err != nil {
			return usageError{fmt.Errorf("-plot %w", err)}
		}
	}
	return checkOutputs(o.inputs(), fileFlag{"-json", o.json}, fileFlag{"-plot", o.plot})
}

// runEstimators is the command hgbench estimators.
func runEstimators(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	var o estimatorsOptions
	if err := o.parse(stdout, args); err != nil {
		return err
	}
	begin := time.Now()
	prog := newProgress(stderr, o.quiet)
	defer prog.end()
	data, err := o.load(prog)
	if err != nil {
		return err
	}
	if o.workers > 0 {
		ctx = hvp.WithWorkers(ctx, o.workers)
	}
	job := &estimatorsJob{problemData: data, o: &o, prog: prog}
	rep, err := job.run(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	rep.Seconds = time.Since(begin).Seconds()
	prog.end()
	if o.plot != "" {
		chart := rep.chart(data.title)
		if len(chart.Series) == 0 {
			return fmt.Errorf("-plot %s: no estimator has an error: nothing to draw", o.plot)
		}
		if err := chart.Save(o.plot); err != nil {
			return err
		}
	}
	if err := writeJSONFile(o.json, rep); err != nil {
		return err
	}
	switch {
	case o.format == "json":
		return encodeJSON(stdout, rep)
	case o.format == "csv":
		return rep.csv(stdout)
	}
	rep.print(stdout, data)
	return nil
}

// estimatorsJob is a comparison in the making.
type estimatorsJob struct {
	*problemData
	o    *estimatorsOptions
	prog *progress

	solution, truth []float64 // y(w) to -inner-rtol, and dL/dw
}

// run solves the inner problem, finds the truth and runs every estimator.
func (j *estimatorsJob) run(ctx context.Context) (*estimatorsReport, error) {
	ny, nw := j.problem.Dims()
	rep := &estimatorsReport{Problem: j.name, NY: ny, NW: nw, Rows: []estimatorsRow{}, Workers: workersOf(j.o.workers), Go: runtime.Version(), Version: version()}
	j.prog.phase("%s: solving the inner problem", j.title)
	begin := time.Now()
	j.solution = slices.Clone(j.y)
	inner := hypergrad.Newton{RTol: j.o.innerRTol, Precond: hypergrad.Jacobi}
	res, err := inner.Solve(ctx, j.problem, j.solution, j.w)
	rep.Inner = innerReport{res.Iterations, res.Products, number(res.GradNorm), number(res.StartNorm), res.NegativeCurvature}
	rep.InnerSeconds = time.Since(begin).Seconds()
	if err != nil {
		return nil, err
	}
	if err := j.findTruth(ctx, rep, res.StartNorm); err != nil {
		return nil, fmt.Errorf("the reference: %w", err)
	}
	grad := make([]float64, nw)
	for _, kind := range j.o.kinds {
		most := kind.Most(nw)
		j.prog.phase("%s: %s", j.title, kind.Name)
		for i, k := range j.o.budgets {
			if most > 0 && i > 0 && j.o.budgets[i-1] >= most {
				break // all that it can do is done
			}
			if most > 0 {
				k = min(k, most)
			}
			e := kind.New(k)
			j.setStep(e)
			j.prog.update("%s: %v", j.title, e)
			y := j.solution
			if kind.FromStart {
				y = j.y
			}
			r, err := e.Gradient(ctx, j.problem, y, j.w, grad)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			rep.Rows = append(rep.Rows, j.row(kind, e, k, &r, grad, err))
		}
	}
	return rep, nil
}

// setStep hands -step to those that have one.
func (j *estimatorsJob) setStep(e baseline.Estimator) {
	step, unchecked := j.o.step, j.o.unchecked
	switch e := e.(type) {
	case *baseline.Neumann:
		e.Step, e.Unchecked = step, unchecked
	case *baseline.FixedPoint:
		e.Step, e.Unchecked = step, unchecked
	case *baseline.OneStep:
		e.Step, e.Unchecked = step, unchecked
	case *baseline.Unrolled:
		e.Step, e.Unchecked = step, unchecked
	}
}

// findTruth sets j.truth.
func (j *estimatorsJob) findTruth(ctx context.Context, rep *estimatorsReport, startNorm float64) error {
	j.truth = make([]float64, rep.NW)
	if j.exact != nil {
		rep.Reference = "closed form"
		_, err := j.exact.Exact(ctx, nil, j.truth, j.w)
		rep.setNorm(j.truth)
		return err
	}
	j.prog.phase("%s: the reference", j.title)
	y := slices.Clone(j.solution)
	inner := hypergrad.Newton{ATol: 1e-10 * startNorm, Polish: true, Precond: hypergrad.Jacobi}
	if _, err := inner.Solve(ctx, j.problem, y, j.w); err != nil {
		return err
	}
	// Where rounding errors do not allow 1e-12, the reference says what they do.
	var err error
	for _, rtol := range []float64{1e-12, 1e-10} {
		est := hypergrad.Estimator{Precond: hypergrad.Jacobi, Settings: krylov.Settings{RTol: rtol}}
		var r hypergrad.Report
		if r, err = est.Gradient(ctx, j.problem, y, j.w, j.truth); err == nil {
			rep.setNorm(j.truth)
			rep.Reference = fmt.Sprintf("adjoint system to a residual of %.0e", rtol)
			if r.Error.Trusted && r.GradNorm > 0 {
				e := number(r.Error.Estimate / r.GradNorm)
				rep.ReferenceError = &e
			}
			return nil
		}
		if !errors.Is(err, krylov.Stagnated) {
			return err
		}
	}
	return err
}

// row is what an estimate has come to.
func (j *estimatorsJob) row(kind baseline.Kind, e baseline.Estimator, k int, r *baseline.Report, grad []float64, err error) estimatorsRow {
	row := estimatorsRow{
		Estimator: kind.Name, Budget: k, FromStart: kind.FromStart, Status: statusOf(err), Note: r.Note, Error: number(math.NaN()),
		HVPs: r.HVPs, SpectrumHVPs: r.SpectrumHVPs, Gradients: r.Gradients, Mixed: r.Mixed, Evaluations: r.Evaluations(), Energies: r.Energies, InnerSteps: r.InnerSteps, InnerDecrease: number(r.InnerDecrease),
		Step: r.Step, Seconds: r.Elapsed.Seconds(), Vectors: r.Vectors, Bytes: r.Bytes,
	}
	if err != nil {
		row.Note = strings.TrimPrefix(oneLine(err), fmt.Sprintf("baseline: %v: ", e))
		return row
	}
	diff, norm := 0.0, 0.0
	for i, v := range grad {
		diff, norm = math.Hypot(diff, v-j.truth[i]), math.Hypot(norm, j.truth[i])
	}
	if diff > 0 {
		diff /= norm
	}
	row.Error = number(diff)
	return row
}

// statusOf names the outcome of an estimate.
func statusOf(err error) string {
	var large *baseline.StepTooLargeError
	var diverged *baseline.DivergedError
	var solve *krylov.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &large):
		return "step too large"
	case errors.As(err, &diverged):
		return "diverged"
	case errors.As(err, &solve):
		return solve.Status.String()
	case errors.Is(err, krylov.NegativeCurvature):
		return krylov.NegativeCurvature.String()
	}
	return "failed"
}

// star marks estimators that run an inner solver of their own.
func star(is bool) string {
	if is {
		return "*"
	}
	return ""
}
