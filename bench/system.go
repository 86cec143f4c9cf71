package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/krylov"
)

// A System is what a cell measures, set up and ready to be solved any number of
// times.
type System struct {
	// Unknowns, Parameters and Nonzeros are as in [Measurement].
	Unknowns, Parameters int
	Nonzeros             int64
	// Traffic of one sweep over the operator as in [hvp.ProductTraffic]; negative if it is
	// not known.
	Traffic int64
	// Run solves the system once on so many workers. If it fails for any
	// reason but the end of ctx, that is an outcome too.
	Run func(ctx context.Context, workers int) (Outcome, error)
}

// Outcome describes one run of a [System].
type Outcome struct {
	Method, Status string
	// Iterations, and Products as sweeps over the operator.
	Iterations, Products int
	// Bytes is the traffic of the vectors, as in krylov.Result.
	Bytes int64
	// Solve is the time of the linear solve; zero means all of the run.
	Solve time.Duration
}

// A Maker sets up the system of a cell. Study and Workers of the cell are zero:
// cells that differ only there share a system.
type Maker func(ctx context.Context, c Cell) (*System, error)

// SolveConfig describes a plain solve of A·x = b.
type SolveConfig struct {
	A hvp.Operator
	// RHS is the number of right-hand sides, standard normal with a fixed seed.
	// Zero means 1. Several are solved at once: by krylov.BlockCG if Solver is
	// cg, or auto and A promises to be definite, and by krylov.PseudoBlock with
	// methods of this name otherwise.
	RHS int
	// Solver is a name as in krylov.New.
	Solver string
	// Precond makes the preconditioner; nil means none.
	Precond hypergrad.PrecondFunc
	// RTol is the tolerance; zero means krylov.DefaultRTol.
	RTol float64
}

// NewSolveSystem returns the plain solve as a system. The preconditioner is made
// here, once.
func NewSolveSystem(ctx context.Context, cfg *SolveConfig) (*System, error) {
	n, cols := cfg.A.Dims()
	if n != cols {
		return nil, fmt.Errorf("bench: a %d×%d operator, not square", n, cols)
	}
	k := max(1, cfg.RHS)
	s := krylov.Settings{RTol: cfg.RTol}
	if cfg.Precond != nil {
		m, err := cfg.Precond(ctx, cfg.A)
		if err != nil {
			return nil, err
		}
		s.Precond = m
	}
	if _, err := krylov.New(cfg.Solver); err != nil {
		return nil, err
	}
	x, b := make([]float64, n*k), make([]float64, n*k)
	rng := rand.New(rand.NewPCG(1, 0))
	for i := range b {
		b[i] = rng.NormFloat64()
	}
	sys := &System{Unknowns: n, Traffic: -1}
	if t, ok := hvp.ProductTraffic(cfg.A); ok {
		sys.Traffic = t
	}
	switch a := cfg.A.(type) {
	case *hvp.CSR:
		sys.Nonzeros = int64(a.NNZ())
	}
	if k == 1 {
		method, err := krylov.New(cfg.Solver)
		if err != nil {
			return nil, err
		}
		sys.Run = func(ctx context.Context, workers int) (Outcome, error) {
			s.Workers = workers
			res, err := method.Solve(ctx, cfg.A, x, b, &s)
			return Outcome{Method: res.Method, Status: res.Status.String(), Iterations: res.Iterations, Products: res.Products, Bytes: res.Bytes}, err
		}
		return sys, nil
	}
	var block interface {
		SolveBlock(ctx context.Context, a hvp.Operator, x, b []float64, k int, s *krylov.Settings) ([]krylov.Result, error)
		String() string
	}
	if cfg.Solver == "cg" || cfg.Solver == "auto" && hvp.StructureOf(cfg.A).Has(hvp.SPD) {
		block = new(krylov.BlockCG)
	} else {
		block = &krylov.PseudoBlock{New: func() krylov.Method {
			m, err := krylov.New(cfg.Solver)
			if err != nil {
				panic(err) // it is known, see above
			}
			return m
		}}
	}
	sys.Run = func(ctx context.Context, workers int) (Outcome, error) {
		s.Workers = workers
		results, err := block.SolveBlock(ctx, cfg.A, x, b, k, &s)
		out := Outcome{Method: block.String(), Status: krylov.Converged.String()}
		for i := range results {
			r := &results[i]
			out.Bytes += r.Bytes
			// A sweep serves all columns that still run.
			out.Iterations, out.Products = max(out.Iterations, r.Iterations), max(out.Products, r.Products)
			if !r.Status.Success() {
				out.Status = r.Status.String()
			}
		}
		return out, err
	}
	return sys, nil
}

// GradientConfig describes the hypergradient of a problem.
type GradientConfig struct {
	Problem hypergrad.Problem
	// Y is the start of the inner solve, and changed to its result; W are the
	// parameters.
	Y, W []float64
	// Solver, Precond and RTol are as in [SolveConfig], for the adjoint system.
	Solver  string
	Precond hypergrad.PrecondFunc
	RTol    float64
}

// NewGradientSystem solves the inner problem and returns its hypergradient as a
// system: derivatives, preconditioner, adjoint solve and mixed product.
func NewGradientSystem(ctx context.Context, cfg *GradientConfig) (*System, error) {
	method, err := krylov.New(cfg.Solver)
	if err != nil {
		return nil, err
	}
	inner := hypergrad.Newton{RTol: cfg.RTol, Precond: cfg.Precond}
	if _, err := inner.Solve(ctx, cfg.Problem, cfg.Y, cfg.W); err != nil {
		return nil, err
	}
	ny, nw := cfg.Problem.Dims()
	sys := &System{Unknowns: ny, Parameters: nw, Traffic: -1}
	if t, ok, err := problemTraffic(ctx, cfg.Problem, cfg.Y, cfg.W); err != nil {
		return nil, err
	} else if ok {
		sys.Traffic = t
	}
	grad := make([]float64, nw)
	// Every repetition is a solve of its own: nothing is carried over.
	est := hypergrad.Estimator{Method: method, Precond: cfg.Precond, Settings: krylov.Settings{RTol: cfg.RTol},
		NoErrorBar: true, Sequence: hypergrad.SequenceSettings{NoGuess: true, NoLag: true}}
	sys.Run = func(ctx context.Context, workers int) (Outcome, error) {
		est.Settings.Workers = workers
		rep, err := est.Gradient(ctx, cfg.Problem, cfg.Y, cfg.W, grad)
		r := &rep.Solve
		out := Outcome{Method: r.Method, Iterations: r.Iterations, Products: r.Products, Bytes: r.Bytes, Solve: rep.Linear}
		if r.Method != "" {
			out.Status = r.Status.String()
		}
		return out, err
	}
	return sys, nil
}

// GridLaplacian returns the Laplacian of a grid of so many dimensions with n
// nodes or the nearest number that makes it square or cubic, shifted so that its
// condition number is cond; zero means as it is. It is assembled or matrix-free.
func GridLaplacian(dim, n int, cond float64, assembled bool) (hvp.Operator, error) {
	shape, err := GridShape(dim, n)
	if err != nil {
		return nil, err
	}
	a, err := hvp.NewStencil(1, 0, shape...)
	if err != nil {
		return nil, err
	}
	if cond != 0 {
		least, most := ends(a)
		shift := (most - cond*least) / (cond - 1)
		if !(cond > 1) || shift < 0 || math.IsInf(shift, 0) {
			return nil, fmt.Errorf("bench: no shift gives the Laplacian of %v nodes the condition number %g; it has %.4g itself, and less with one", shape, cond, most/least)
		}
		if a, err = hvp.NewStencil(1, shift, shape...); err != nil {
			return nil, err
		}
	}
	if assembled {
		return a.Assemble()
	}
	return a, nil
}

// GridCondition returns the condition number of the Laplacian of such a grid.
func GridCondition(dim, n int) (float64, error) {
	shape, err := GridShape(dim, n)
	if err != nil {
		return 0, err
	}
	a, err := hvp.NewStencil(1, 0, shape...)
	if err != nil {
		return 0, err
	}
	least, most := ends(a)
	return most / least, nil
}

// ends returns the smallest and the largest eigenvalue.
func ends(a *hvp.Stencil) (least, most float64) {
	shape := a.Shape()
	ones := make([]int, len(shape))
	for d := range ones {
		ones[d] = 1
	}
	return a.Eigenvalue(ones...), a.Eigenvalue(shape...)
}

// GridShape returns the grid of so many dimensions, equally long, with n nodes
// or the nearest number.
func GridShape(dim, n int) ([]int, error) {
	if dim < 1 || dim > 3 || n < 1 || n > math.MaxInt32 {
		return nil, fmt.Errorf("bench: grid of %d nodes in %d dimensions", n, dim)
	}
	side := max(1, int(math.Round(math.Pow(float64(n), 1/float64(dim)))))
	shape := make([]int, dim)
	for d := range shape {
		shape[d] = side
	}
	return shape, nil
}

// Band returns the n×n Toeplitz matrix with −1 on its nearest nnz−1 side
// diagonals, half of them on either side, and a diagonal that makes it definite
// with a condition number of at most cond (by Gershgorin's circles). nnz is odd
// and at least 3; cond zero means 1000.
func Band(n, nnz int, cond float64) (*hvp.CSR, error) {
	half := nnz / 2
	if cond == 0 {
		cond = 1000
	}
	if n < 1 || n > math.MaxInt32 || nnz < 3 || nnz%2 == 0 || half >= n || !(cond > 1) || math.IsInf(cond, 0) {
		return nil, fmt.Errorf("bench: band matrix of %d rows with %d nonzeros each and a condition number of %g", n, nnz, cond)
	}
	if float64(n)*float64(nnz) > math.MaxInt64/64 {
		return nil, errors.New("bench: band matrix with too many nonzeros")
	}
	diagonal := float64(2*half) + 4*float64(half)/(cond-1)
	ptr := make([]int, n+1)
	for i := range n {
		ptr[i+1] = ptr[i] + min(i+half, n-1) - max(i-half, 0) + 1
	}
	col, val := make([]int32, ptr[n]), make([]float64, ptr[n])
	parallel.For(0, n, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			p := ptr[i]
			for j := max(i-half, 0); j <= min(i+half, n-1); j++ {
				col[p], val[p] = int32(j), -1
				if j == i {
					val[p] = diagonal
				}
				p++
			}
		}
	})
	a, err := hvp.NewCSR(n, n, ptr, col, val)
	if err != nil {
		return nil, err
	}
	return a.Promise(hvp.SPD)
}
