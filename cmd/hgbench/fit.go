package main

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hgsolve/hgsolve/bench"
	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/formats"
)

const fitIntro = `hgbench fit improves the parameters w of a problem by hypergradients until dL/dw vanishes or
the loss settles. Inner problem and adjoint are solved as accurately as the next step needs:
loosely at first. The error of dL/dw is estimated at every point.

	hgbench fit -problem logistic -train FILE -val FILE [flags]
	hgbench fit -problem denoise|smoothing|quadratic [flags]
	hgbench fit -problem pagerank -edges FILE [flags]

With -checkpoint the state is saved after every iteration, all or nothing. The same command
goes on from there, however the run ended, and arrives at the same bits.
The log has one JSON record a line and iteration. A run that goes on appends to it, after
what belongs to iterations beyond the checkpoint has been removed; any other replaces it.

Flags:

`

// fitOptions are the flags of hgbench fit.
type fitOptions struct {
	dataOptions
	bounds       string
	low, high    float64 // of bounds
	iterations   int
	tol, lossTol float64
	maxTime      time.Duration
	precond      string
	workers      int
	checkpoint   string
	fresh        bool

	log, json, plot, out string
	quiet                bool
}

func (o *fitOptions) parse(stdout io.Writer, args []string) error {
	fs := newFlags("fit")
	o.dataOptions.flags(fs, 0)
	fs.Lookup("w").Usage = "start: " + strings.TrimPrefix(fs.Lookup("w").Usage, "parameters: ")
	fs.StringVar(&o.bounds, "bounds", "", "bounds `LO:HI` of all parameters, as in -9:9, -9: or :0 (default: none)")
	fs.IntVar(&o.iterations, "iterations", 100, "most points to try")
	fs.Float64Var(&o.tol, "tol", 1e-4, "converged if the projected dL/dw is so small relative to the largest met")
	fs.Float64Var(&o.lossTol, "loss-tol", 1e-5, "converged if the loss would fall by so little relative to itself, 0 for never")
	fs.DurationVar(&o.maxTime, "max-time", 0, "end after this `time`, as in 90s or 2h (default: no limit)")
	fs.StringVar(&o.precond, "precond", "auto", "preconditioner: "+precondNames())
	fs.IntVar(&o.workers, "workers", 0, "number of workers (default: all cores); it does not change the result")
	fs.StringVar(&o.checkpoint, "checkpoint", "", "save the state to a `file` after each iteration, and go on from it if it exists")
	fs.BoolVar(&o.fresh, "fresh", false, "ignore and replace a checkpoint that exists")
	fs.StringVar(&o.log, "log", "", "write one JSON record per iteration to a `file`")
	fs.StringVar(&o.json, "json", "", "write the report as JSON to a `file`, - for standard output")
	fs.StringVar(&o.plot, "plot", "", "draw loss and gradient norm, with error bars, against time to a .svg or .png `file`")
	fs.StringVar(&o.out, "out", "", "write w to a .npy `file`")
	fs.BoolVar(&o.quiet, "quiet", false, "no progress and no warnings")
	if err := parse(fs, stdout, fitIntro, args); err != nil {
		return err
	}
	return o.check(fs)
}

// check refuses what cannot work before anything is computed.
func (o *fitOptions) check(fs *flag.FlagSet) (err error) {
	if err := o.dataOptions.check(fs); err != nil {
		return err
	}
	if o.low, o.high, err = parseBounds(o.bounds); err != nil {
		return err
	}
	switch {
	case o.iterations < 1:
		return usagef("-iterations %d must be at least 1", o.iterations)
	case !(o.tol > 0 && o.tol < 1):
		return usagef("-tol %v must be between 0 and 1", o.tol)
	case !(o.lossTol >= 0 && o.lossTol < 1):
		return usagef("-loss-tol %v must be 0 or between 0 and 1", o.lossTol)
	case o.maxTime < 0:
		return usagef("-max-time %v is negative", o.maxTime)
	case o.workers < 0:
		return usagef("-workers %d is negative", o.workers)
	case o.fresh && o.checkpoint == "":
		return usagef("-fresh needs -checkpoint")
	}
	if _, err := precondByName(o.precond); err != nil {
		return err
	}
	if o.plot != "" {
		if _, err := bench.PictureFormat(o.plot); err != nil {
			return usagef("-plot %w", err)
		}
	}
	for _, f := range []fileFlag{{"-checkpoint", o.checkpoint}, {"-log", o.log}} { // which are read too
		if info, err := os.Stat(f.path); err == nil && !info.IsDir() && !info.Mode().IsRegular() {
			return fmt.Errorf("%s %s is not a regular file", f.flag, f.path)
		}
	}
	return checkOutputs(o.inputs(), fileFlag{"-checkpoint", o.checkpoint}, fileFlag{"-log", o.log}, fileFlag{"-json", o.json},
		fileFlag{"-plot", o.plot}, fileFlag{"-out", o.out})
}

// parseBounds takes LO:HI apart; an empty side is no bound.
func parseBounds(text string) (low, high float64, err error) {
	low, high = math.Inf(-1), math.Inf(1)
	if text == "" {
		return low, high, nil
	}
	lo, hi, colon := strings.Cut(text, ":")
	if !colon {
		return 0, 0, usagef("-bounds %s is not of the form LO:HI", text)
	}
	for _, side := range []struct {
		text  string
		value *float64
	}{{lo, &low}, {hi, &high}} {
		if side.text == "" {
			continue
		}
		v, err := strconv.ParseFloat(side.text, 64)
		if err != nil || math.IsNaN(v) {
			return 0, 0, usagef("-bounds %s: %q is no number", text, side.text)
		}
		*side.value = v
	}
	if low > high {
		return 0, 0, usagef("-bounds %s: the lower bound is above the upper one", text)
	}
	return low, high, nil
}

// fingerprint describes all that the bits of a run depend on, beside what
// Minimize adds: choices by name, files by content.
func (o *fitOptions) fingerprint() (string, error) {
	d := &o.dataOptions
	text := fmt.Sprintf("%s|%s|%v|%s|%d|%g|%d|%v|%v|%s|%s|%d|%d|%g|%d", d.problem, o.precond, d.perFeature, d.potential, d.size, d.noise,
		d.seed, d.filters, d.storeWeights, d.grid, d.modes, d.n, d.nw, d.cond, d.filterSize)
	for _, path := range []string{d.train, d.val, d.image, d.noisy} {
		text += "|"
		if path == "" {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			return "", err
		}
		text += fmt.Sprintf("%x", h.Sum(nil))
	}
	return text, nil
}

// runFit is the command hgbench fit.
func runFit(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	var o fitOptions
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
	settings, err := o.settings(data, prog)
	if err != nil {
		return err
	}
	log := fitLog{path: o.log}
	defer log.close()
	settings.Monitor = func(p hypergrad.OuterProgress) error {
		what := "iteration"
		switch {
		case p.Resumed:
			what = "resumed after iteration"
		case !p.Accepted:
			what = "rejected: iteration"
		}
		prog.phase("%s: %s %d, loss %.8g, ‖dL/dw‖ %.2e ± %.0e, step %.2g, products %d + %d", data.title, what, p.Iteration, p.Loss,
			p.GradNorm, p.Error, p.Step, p.InnerProducts, p.AdjointProducts)
		return log.add(p)
	}
	prog.phase("%s: minimising over %d parameters", data.title, len(data.w))
	res, fitErr := hypergrad.Minimize(ctx, data.problem, data.y, data.w, settings)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	prog.end()
	if err := log.close(); err != nil {
		return err
	}
	if len(res.Trace) == 0 { // not even the start
		return fitErr
	}
	rep := newFitReport(&o, data, &res)
	rep.Seconds.Total = time.Since(begin).Seconds()
	if err := o.writeFiles(rep, data, &res); err != nil {
		return err
	}
	if o.json != "-" {
		rep.print(stdout, data, &res)
	} else if err := encodeJSON(stdout, rep); err != nil {
		return err
	}
	return fitErr
}

// settings turns the flags into those of Minimize.
func (o *fitOptions) settings(data *problemData, prog *progress) (*hypergrad.OuterSettings, error) {
	makePrecond, err := precondByName(o.precond)
	if err != nil {
		return nil, err
	}
	innerPrecond, err := innerPrecondByName(o.precond)
	if err != nil {
		return nil, err
	}
	s := &hypergrad.OuterSettings{
		GradTol: o.tol, LossTol: o.lossTol, MaxIter: o.iterations, MaxTime: o.maxTime, Checkpoint: o.checkpoint, Fresh: o.fresh,
		Estimator: &hypergrad.Estimator{Precond: makePrecond},
		Inner: &hypergrad.Newton{Precond: innerPrecond, Monitor: func(p hypergrad.InnerProgress) {
			prog.update("%s: inner step %d, gradient %.2e → %.1e, %d products", data.title, p.Iteration, p.GradNorm, p.Tolerance, p.Products)
		}},
	}
	if o.bounds != "" {
		s.Low, s.High = make([]float64, len(data.w)), make([]float64, len(data.w))
		for i, v := range data.w {
			if s.Low[i], s.High[i] = o.low, o.high; v < o.low || v > o.high {
				return nil, usagef("-bounds %s: w[%d] = %v at the start is outside", o.bounds, i, v)
			}
		}
	}
	if o.checkpoint != "" {
		if s.Fingerprint, err = o.fingerprint(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (o *fitOptions) writeFiles(rep *fitReport, data *problemData, res *hypergrad.OuterResult) error {
	if o.out != "" {
		if err := formats.WriteNpy(o.out, data.w); err != nil {
			return err
		}
	}
	if o.plot != "" {
		if err := bench.SaveCharts(o.plot, 1, fitCharts(data.title, res.Trace)...); err != nil {
			return err
		}
	}
	return writeJSONFile(o.json, rep)
}
