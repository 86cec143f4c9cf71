package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
)

const gradIntro = `hgbench grad computes the hypergradient dL/dw of a problem: the inner problem is
solved to a relative gradient of -inner-rtol and one step beyond, then one adjoint system to -rtol.
The error of dL/dw is estimated from a Newton step and the correction of the adjoint it asks for.

	hgbench grad -problem logistic -train FILE -val FILE [flags]
	hgbench grad -problem denoise [flags]
	hgbench grad -problem smoothing [-grid 2d:1000] [flags]
	hgbench grad -problem quadratic [-n 100000] [-cond 1000] [flags]
	hgbench grad -problem pagerank -edges FILE [-page K] [flags]

smoothing and quadratic have a closed form at any size: the report says how far
dL/dw is from it, relative to its norm. w is on the natural-log scale, except for
quadratic. Text goes to standard output, or JSON with -json -.
Files are written only if the result converged; the JSON report always is.

Flags:

`

// gradOptions are the flags of hgbench grad.
type gradOptions struct {
	dataOptions
	picture string

	rtol, innerRTol    float64
	precond            string
	workers            int
	json, out, saveDir string
	quiet, noErrorBar  bool
}

func (o *gradOptions) parse(stdout io.Writer, args []string) error {
	fs := newFlags("grad")
	o.dataOptions.flags(fs, 0)
	fs.StringVar(&o.picture, "picture", "", "denoise: write clean, noisy and denoised image side by side to a .png `file`")
	fs.Float64Var(&o.rtol, "rtol", 1e-10, "relative residual of the adjoint system")
	fs.Float64Var(&o.innerRTol, "inner-rtol", 1e-10, "gradient of the inner problem, relative to that at the start")
	fs.StringVar(&o.precond, "precond", "auto", "preconditioner: "+precondNames())
	fs.IntVar(&o.workers, "workers", 0, "number of workers (default: all cores); it does not change the result")
	fs.StringVar(&o.json, "json", "", "write the report as JSON to a `file`, - for standard output")
	fs.StringVar(&o.out, "out", "", "write dL/dw to a .npy `file`")
	fs.StringVar(&o.saveDir, "save", "", "write w.npy, y.npy, q.npy (the adjoint) and grad.npy to a `directory`")
	fs.BoolVar(&o.noErrorBar, "no-error-bar", false, "do not estimate the error of dL/dw")
	fs.BoolVar(&o.quiet, "quiet", false, "no progress and no warnings")
	if err := parse(fs, stdout, gradIntro, args); err != nil {
		return err
	}
	return o.check(fs)
}

// check refuses what cannot work before anything is computed.
func (o *gradOptions) check(fs *flag.FlagSet) error {
	if err := o.dataOptions.check(fs); err != nil {
		return err
	}
	switch {
	case !(o.rtol > 0 && o.rtol < 1) || !(o.innerRTol > 0 && o.innerRTol < 1):
		return usagef("-rtol %v and -inner-rtol %v must be between 0 and 1", o.rtol, o.innerRTol)
	case o.workers < 0:
		return usagef("-workers %d is negative", o.workers)
	}
	if _, err := precondByName(o.precond); err != nil {
		return err
	}
	if o.picture != "" && !strings.HasSuffix(o.picture, ".png") {
		return usagef("-picture %s: the name must end in .png", o.picture)
	}
	if err := checkOutputs(o.inputs(), fileFlag{"-json", o.json}, fileFlag{"-out", o.out}, fileFlag{"-picture", o.picture}); err != nil {
		return err
	}
	if o.saveDir == "" {
		return nil
	}
	if info, err := os.Stat(o.saveDir); err == nil && !info.IsDir() {
		return fmt.Errorf("-save %s is not a directory", o.saveDir)
	} else if err != nil {
		return nil // it will be made, and nothing is in it yet
	}
	var saved []fileFlag
	for _, name := range savedFiles {
		saved = append(saved, fileFlag{"-save", filepath.Join(o.saveDir, name)})
	}
	return checkOutputs(o.inputs(), saved...)
}

// runGrad is the command hgbench grad.
func runGrad(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	var o gradOptions
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
	job := &gradJob{problemData: data}
	if o.workers > 0 {
		ctx = hvp.WithWorkers(ctx, o.workers)
	}
	rep := newGradReport(&o, job)
	solveErr := job.solve(ctx, &o, prog, rep)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	rep.Seconds.Total = time.Since(begin).Seconds()
	prog.end()
	if err := job.writeFiles(&o, rep, solveErr == nil); err != nil {
		return err
	}
	if o.json != "-" {
		rep.print(stdout, job)
	} else if err := encodeJSON(stdout, rep); err != nil {
		return err
	}
	return solveErr
}

// gradJob is a problem with its data and, later, its solution.
type gradJob struct {
	*problemData
	q, grad []float64
}

// solve runs the inner solve and the adjoint.
func (j *gradJob) solve(ctx context.Context, o *gradOptions, prog *progress, rep *gradReport) error {
	makePrecond, err := precondByName(o.precond)
	if err != nil {
		return err
	}
	innerPrecond, err := innerPrecondByName(o.precond)
	if err != nil {
		return err
	}
	begin := time.Now()
	prog.phase("%s: solving the inner problem", j.title)
	inner := hypergrad.Newton{RTol: o.innerRTol, Polish: true, Precond: innerPrecond, Monitor: func(p hypergrad.InnerProgress) {
		prog.update("%s: inner step %d, gradient %.2e → %.1e, %d products", j.title, p.Iteration, p.GradNorm, p.Tolerance, p.Products)
	}}
	res, err := inner.Solve(ctx, j.problem, j.y, j.w)
	rep.Inner = innerReport{res.Iterations, res.Products, number(res.GradNorm), number(res.StartNorm), res.NegativeCurvature}
	rep.Seconds.Inner = time.Since(begin).Seconds()
	if err != nil {
		return err
	}
	inner = hypergrad.Newton{} // its workspace is not needed any more
	runtime.GC()

	begin = time.Now()
	prog.phase("%s: inner problem solved in %d steps and %d products; adjoint system", j.title, res.Iterations, res.Products)
	est := hypergrad.Estimator{Precond: makePrecond, NoErrorBar: o.noErrorBar, Settings: krylov.Settings{RTol: o.rtol, Monitor: func(p krylov.Progress) error {
		prog.update("%s: adjoint iteration %d, residual %.2e → %.1e", j.title, p.Iteration, p.Residual, p.Tolerance)
		return nil
	}}}
	_, nw := j.problem.Dims()
	j.grad = make([]float64, nw)
	r, err := est.Gradient(ctx, j.problem, j.y, j.w, j.grad)
	j.q = est.Adjoint()
	rep.set(&r, j.grad, err == nil)
	rep.Seconds.Adjoint = time.Since(begin).Seconds()
	if r.Error != nil {
		rep.Seconds.Adjoint -= r.Error.Elapsed.Seconds()
	}
	if err == nil && j.exact != nil {
		prog.phase("%s: closed form", j.title)
		exact := make([]float64, nw)
		if _, err := j.exact.Exact(ctx, nil, exact, j.w); err != nil {
			return err
		}
		rep.setExact(j.grad, exact)
	}
	return err
}
