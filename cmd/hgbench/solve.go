package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
)

const solveIntro = `hgbench solve solves a linear system A·x = b, or a least-squares problem, by a
Krylov method.

	hgbench solve -matrix A.mtx [-rhs b.mtx] [flags]
	hgbench solve -stencil 2d:1000 [flags]

A is a Matrix Market file (coordinate or array; real, integer or pattern; general,
symmetric or skew-symmetric), plain or .gz .bz2 .xz, or the graph Laplacian of a
grid. A matrix that is symmetric, as stored or entry by entry, is promised to be so
to the method; that it is positive definite only -spd says. The method auto goes
by these promises.

Converged means that ‖b − A·x‖, computed anew from x, is at most -rtol times ‖b‖.
Then, or when a least-squares problem is solved, the exit status is 0. Text goes to
standard output, or JSON with -json -. -out is written only if the system was
solved, or with -keep; -json and -history always.

GB/s is memory traffic by a model over the time of the solve. It counts the vectors
that the method reads and writes, those of products and preconditioner too, and per
product 12 bytes for each stored entry of A and 8 for each row, less what a pattern
in A, such as that of a grid, makes it unnecessary to read. With -operator
matrix-free nothing is stored: a product moves its two vectors, 16 bytes per row,
and no more. The data of a preconditioner that is not diagonal are not counted.

Flags:

`

// Forms of A.
const (
	assembled  = "assembled"
	matrixFree = "matrix-free"
)

// solveOptions are the flags of hgbench solve.
type solveOptions struct {
	matrix, stencil string
	operator        string
	shift           float64
	spd             bool
	rhs, x0         string
	trans           bool

	method, precond string
	restart         int
	rtol            float64
	maxIter         int
	maxTime         float64
	curvatureFloor  float64
	workers         int

	json, out, history string
	keep, quiet        bool
}

func (o *solveOptions) parse(stdout io.Writer, args []string) error {
	fs := newFlags("solve")
	fs.StringVar(&o.matrix, "matrix", "", "A, a Matrix Market `file`")
	fs.StringVar(&o.stencil, "stencil", "", "A is the Laplacian of an N×N or N×N×N `grid`, given as 2d:N or 3d:N: 4 or 6 on the diagonal, −1 for each neighbour, zero outside")
	fs.StringVar(&o.operator, "operator", assembled, "-stencil: `form` of A: assembled, a sparse matrix in memory, or matrix-free, the same products from the grid alone")
	fs.Float64Var(&o.shift, "shift", 0, "add `S` to the diagonal of A")
	fs.BoolVar(&o.spd, "spd", false, "promise that A (shifted) is positive definite")
	fs.StringVar(&o.rhs, "rhs", "ones", "`b`: ones, sine (b_i = sin(0.01·i), i = 0, 1, …), random:SEED (standard normal), a .npy file, or a Matrix Market file of one column")
	fs.StringVar(&o.x0, "x0", "", "initial guess, a `file` as for -rhs")
	fs.BoolVar(&o.trans, "trans", false, "solve Aᵀ·x = b")
	fs.StringVar(&o.method, "method", "auto", "`name` of the method: "+oneOf(krylov.Methods()))
	fs.StringVar(&o.precond, "precond", "none", "`name` of the preconditioner: "+precondNames())
	fs.IntVar(&o.restart, "restart", 0, "iterations `M` between restarts, for methods that have them (default: the method's)")
	fs.Float64Var(&o.rtol, "rtol", krylov.DefaultRTol, "residual `R` asked for, relative to ‖b‖")
	fs.IntVar(&o.maxIter, "maxiter", 0, "most iterations `N` (default: 10·n + 1000, at most a million)")
	fs.Float64Var(&o.maxTime, "maxtime", 0, "most `seconds` of the solve (default: no limit)")
	fs.Float64Var(&o.curvatureFloor, "curvature-floor", 0, "a known lower bound `MU` > 0 of the eigenvalues of A (shifted): buys bounds of the error from cg")
	fs.IntVar(&o.workers, "workers", 0, "number of workers `P` (default: all cores); it does not change the result")
	fs.StringVar(&o.json, "json", "", "write the report as JSON to a `file`, - for standard output")
	fs.StringVar(&o.out, "out", "", "write x to a .npy `file`")
	fs.BoolVar(&o.keep, "keep", false, "write -out also when the system was not solved: the best iterate")
	fs.StringVar(&o.history, "history", "", "write the residual norm of each iteration to a .csv `file`")
	fs.BoolVar(&o.quiet, "quiet", false, "no progress")
	if err := parse(fs, stdout, solveIntro, args); err != nil {
		return err
	}
	return o.check()
}

// check refuses what cannot work before anything is computed.
func (o *solveOptions) check() error {
	switch {
	case o.matrix != "" && o.stencil != "":
		return usagef("-matrix and -stencil exclude each other")
	case o.matrix == "" && o.stencil == "":
		return usagef("one of -matrix and -stencil is needed")
	case o.operator != assembled && o.operator != matrixFree:
		return usagef("no operator %q; there are %s and %s", o.operator, assembled, matrixFree)
	case o.operator == matrixFree && o.stencil == "":
		return usagef("-operator matrix-free belongs to -stencil")
	case math.IsNaN(o.shift) || math.IsInf(o.shift, 0):
		return usagef("-shift %v must be finite", o.shift)
	case !(o.rtol > 0 && o.rtol < 1):
		return usagef("-rtol %v must be between 0 and 1", o.rtol)
	case o.maxIter < 0:
		return usagef("-maxiter %d is negative", o.maxIter)
	case !(o.maxTime >= 0 && o.maxTime <= 1e9):
		return usagef("-maxtime %v must be 0 … 1e9 seconds", o.maxTime)
	case !(o.curvatureFloor >= 0) || math.IsInf(o.curvatureFloor, 0):
		return usagef("-curvature-floor %v must be finite and not negative", o.curvatureFloor)
	case o.restart < 0:
		return usagef("-restart %d is negative", o.restart)
	case o.workers < 0:
		return usagef("-workers %d is negative", o.workers)
	case o.keep && o.out == "":
		return usagef("-keep belongs to -out")
	}
	if o.stencil != "" {
		if _, err := parseStencil(o.stencil); err != nil {
			return err
		}
	}
	if _, err := o.newMethod(newProgress(nil, true)); err != nil {
		return err
	}
	if _, err := precondByName(o.precond); err != nil {
		return err
	}
	if _, _, err := parseRandom(o.rhs); err != nil {
		return err
	}
	return checkOutputs(o.inputs(), fileFlag{"-out", o.out}, fileFlag{"-history", o.history}, fileFlag{"-json", o.json})
}

// inputs are the files that are read.
func (o *solveOptions) inputs() []fileFlag {
	return []fileFlag{{"-matrix", o.matrix}, {"-rhs", o.rhs}, {"-x0", o.x0}}
}

// newMethod returns the method of -method and -restart.
func (o *solveOptions) newMethod(prog *progress) (krylov.Method, error) {
	m, err := krylov.New(o.method)
	if err != nil {
		return nil, usagef("no method %q; there are %s", o.method, strings.Replace(oneOf(krylov.Methods()), " or ", " and ", 1))
	}
	if o.restart > 0 {
		switch m := m.(type) {
		case *krylov.GMRES:
			m.Restart = o.restart
		case *krylov.Auto:
			m.Restart = o.restart
		default:
			prog.warn("-restart means nothing to the method %s", o.method)
		}
	}
	return m, nil
}

// runSolve is the command hgbench solve.
func runSolve(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	var o solveOptions
	if err := o.parse(stdout, args); err != nil {
		return err
	}
	begin := time.Now()
	prog := newProgress(stderr, o.quiet)
	defer prog.end()
	if o.workers > 0 {
		ctx = hvp.WithWorkers(ctx, o.workers)
	}
	job, err := o.load(ctx, prog)
	if err != nil {
		return err
	}
	rep := newSolveReport(&o, job)
	rep.Phases.Load = time.Since(begin).Seconds()
	if err := job.setUp(ctx, &o, rep); err != nil {
		return err
	}
	solveErr := job.solve(ctx, &o, prog, rep)
	rep.Phases.Total = time.Since(begin).Seconds()
	prog.end()
	err = job.writeFiles(&o, rep, solveErr == nil)
	if o.json != "-" {
		rep.print(stdout)
	} else if e := encodeJSON(stdout, rep); e != nil {
		return e
	}
	return errors.Join(solveErr, err)
}

// solveJob is a linear system and, later, its solution.
type solveJob struct {
	title   string // of the matrix, for progress
	a       hvp.Operator
	matrix  *hvp.CSR // what is stored of a; nil if it is matrix-free
	nnz     int      // of the matrix, also where it is not stored
	source  string   // what is known about its structure, and from where
	b, x    []float64
	precond hvp.Operator // nil: none
	history []float64
}

// setUp makes the preconditioner.
func (j *solveJob) setUp(ctx context.Context, o *solveOptions, rep *solveReport) error {
	begin := time.Now()
	makePrecond, err := precondByName(o.precond)
	if err != nil {
		return err
	}
	if makePrecond != nil {
		if j.precond, err = makePrecond(ctx, j.a); err != nil {
			return fmt.Errorf("%s: %w", j.title, err)
		}
	}
	rep.Phases.Setup = time.Since(begin).Seconds()
	return nil
}

// duration returns so many seconds; what is not zero does not become zero.
func duration(seconds float64) time.Duration {
	return time.Duration(math.Ceil(seconds * float64(time.Second)))
}

// solve solves the system and puts the outcome into the report.
func (j *solveJob) solve(ctx context.Context, o *solveOptions, prog *progress, rep *solveReport) error {
	m, err := o.newMethod(prog)
	if err != nil {
		return err
	}
	s := krylov.Settings{
		RTol: o.rtol, MaxIter: o.maxIter, MaxTime: duration(o.maxTime),
		Precond: j.precond, Guess: o.x0 != "", Trans: o.trans, CurvatureFloor: o.curvatureFloor, History: o.history != "",
	}
	prog.phase("%s: solving by %v, %v", j.title, m, &s)
	if !o.quiet {
		s.Monitor = func(p krylov.Progress) error {
			prog.update("%s: iteration %d, residual %.2e → %.1e", j.title, p.Iteration, p.Residual, p.Tolerance)
			return nil
		}
	}
	res, err := m.Solve(ctx, j.a, j.x, j.b, &s)
	j.history = res.History
	rep.set(&res, &s, j, err)
	return err
}
