package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
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

smoothing and quadratic have a closed form at any size: the report says how far
dL/dw is from it, relative to its norm. w is on the natural-log scale, except for
quadratic. Text goes to standard output, or JSON with -json -.
Files are written only if the result converged; the JSON report always is.

Flags:

`

// gradOptions are the flags of hgbench grad.
type gradOptions struct {
	problem string
	w       string

	train, val string
	perFeature bool

	image, noisy, potential, picture string
	size                             int
	noise                            float64
	seed                             uint64
	filters, storeWeights            bool

	grid, modes string
	n, nw       int
	cond        float64

	rtol, innerRTol    float64
	precond            string
	workers            int
	json, out, saveDir string
	quiet, noErrorBar  bool

	spec *gradProblem // of the problem
}

func (o *gradOptions) parse(stdout io.Writer, args []string) error {
	fs := newFlags("grad")
	fs.StringVar(&o.problem, "problem", "denoise", "`name` of the problem: "+oneOf(gradProblemNames()))
	fs.StringVar(&o.w, "w", "", "parameters: a number for all of them or a .npy `file` (default 0 for logistic, 1.3 for denoise, 2 for smoothing, 1 for quadratic)")
	fs.StringVar(&o.train, "train", "", "logistic: training examples, a LIBSVM `file`, plain or .gz .bz2 .xz")
	fs.StringVar(&o.val, "val", "", "logistic: held-out examples, a LIBSVM `file`")
	fs.BoolVar(&o.perFeature, "per-feature", false, "logistic: one penalty per feature instead of one for all")
	fs.StringVar(&o.image, "image", "", "denoise: clean image, a .png or .npy `file` in grey levels 0…255 (default: an embedded photograph)")
	fs.StringVar(&o.noisy, "noisy", "", "denoise: noisy image, a .png or .npy `file` (default: noise is added to the clean one)")
	fs.IntVar(&o.size, "size", 0, "denoise: `N` for an N×N image, cropped or tiled by reflection (default: as it is)")
	fs.Float64Var(&o.noise, "noise", 20, "denoise: standard deviation of the noise in grey levels")
	fs.Uint64Var(&o.seed, "seed", 1, "denoise, quadratic: seed of what is random")
	fs.StringVar(&o.potential, "potential", "charbonnier", "denoise: `name` of the potential: charbonnier or lorentzian")
	fs.BoolVar(&o.filters, "filters", false, "denoise: the filter coefficients are part of w, after the log-weights")
	fs.BoolVar(&o.storeWeights, "store-weights", false, "denoise: more memory, faster products")
	fs.StringVar(&o.picture, "picture", "", "denoise: write clean, noisy and denoised image side by side to a .png `file`")
	fs.StringVar(&o.grid, "grid", "2d:500", "smoothing: `grid` of N, N×N or N×N×N nodes, given as 1d:N, 2d:N or 3d:N")
	fs.StringVar(&o.modes, "modes", "20", "smoothing: sine modes of the data: a `number` of them, spread over the spectrum, or wave numbers as in k:3,1x20, each of amplitude 1, one number for all dimensions or one for each")
	fs.IntVar(&o.n, "n", 100_000, "quadratic: `N` unknowns")
	fs.IntVar(&o.nw, "nw", 1, "quadratic: `M` parameters")
	fs.Float64Var(&o.cond, "cond", 100, "quadratic: condition number `K` of the Hessian")
	fs.Float64Var(&o.rtol, "rtol", 1e-10, "relative residual of the adjoint system")
	fs.Float64Var(&o.innerRTol, "inner-rtol", 1e-10, "gradient of the inner problem, relative to that at the start")
	fs.StringVar(&o.precond, "precond", "jacobi", "preconditioner: "+precondNames())
	fs.IntVar(&o.workers, "workers", 0, "number of workers (default: all cores); it does not change the result")
	fs.StringVar(&o.json, "json", "", "write the report as JSON to a `file`, - for standard output")
	fs.StringVar(&o.out, "out", "", "write dL/dw to a .npy `file`")
	fs.StringVar(&o.saveDir, "save", "", "write y.npy, q.npy (the adjoint) and grad.npy to a `directory`")
	fs.BoolVar(&o.noErrorBar, "no-error-bar", false, "do not estimate the error of dL/dw")
	fs.BoolVar(&o.quiet, "quiet", false, "no progress and no warnings")
	if err := parse(fs, stdout, gradIntro, args); err != nil {
		return err
	}
	var given []string
	fs.Visit(func(f *flag.Flag) { given = append(given, f.Name) })
	return o.check(given)
}

// check refuses what cannot work before anything is computed. given names the
// flags that were.
func (o *gradOptions) check(given []string) (err error) {
	if o.spec, err = gradProblemByName(o.problem, given); err != nil {
		return err
	}
	switch {
	case !(o.rtol > 0 && o.rtol < 1) || !(o.innerRTol > 0 && o.innerRTol < 1):
		return usagef("-rtol %v and -inner-rtol %v must be between 0 and 1", o.rtol, o.innerRTol)
	case o.workers < 0:
		return usagef("-workers %d is negative", o.workers)
	}
	if o.spec.check != nil {
		if err := o.spec.check(o); err != nil {
			return err
		}
	}
	if _, err := precondByName(o.precond); err != nil {
		return err
	}
	if err := checkOutputs(outputFlag{"-json", o.json}, outputFlag{"-out", o.out}, outputFlag{"-picture", o.picture}); err != nil {
		return err
	}
	if info, err := os.Stat(o.saveDir); o.saveDir != "" && err == nil && !info.IsDir() {
		return fmt.Errorf("-save %s is not a directory", o.saveDir)
	}
	return nil
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
	job, err := o.spec.load(&o, prog)
	if err != nil {
		return err
	}
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

// An exacter knows its hypergradient in closed form.
type exacter interface {
	// Exact sets grad = dL/dw; y is not wanted.
	Exact(ctx context.Context, y, grad, w []float64) (loss float64, err error)
}

// gradJob is a problem with its data and, later, its solution.
type gradJob struct {
	name, title string
	problem     hypergrad.Problem
	w, y        []float64 // y: start, then solution
	q, grad     []float64
	describe    [][2]string // more lines for the report
	exact       exacter     // nil if there is no closed form
	picture     func(y []float64) (pix []float64, rows, cols int)
}

// solve runs the inner solve and the adjoint.
func (j *gradJob) solve(ctx context.Context, o *gradOptions, prog *progress, rep *gradReport) error {
	makePrecond, err := precondByName(o.precond)
	if err != nil {
		return err
	}
	begin := time.Now()
	prog.phase("%s: solving the inner problem", j.title)
	inner := hypergrad.Newton{RTol: o.innerRTol, Polish: true, Precond: makePrecond, Monitor: func(p hypergrad.InnerProgress) {
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
	est := hypergrad.Estimator{Precond: makePrecond, ErrorBar: !o.noErrorBar, Settings: krylov.Settings{RTol: o.rtol, Monitor: func(p krylov.Progress) error {
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
