package krylov

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
)

// A Method solves linear systems. Its zero value is ready; it owns its
// workspace and is not for concurrent use.
type Method interface {
	// Solve solves A·x = b. x and b have the lengths that A needs and do not
	// overlap. b and A are not changed. x is overwritten with the solution, or
	// with the best iterate if the solve failed; on entry it is ignored unless
	// s.Guess is set. A nil s means the zero Settings. The error is nil if and
	// only if Result.Status is a success, else it is an [*Error].
	Solve(ctx context.Context, a hvp.Operator, x, b []float64, s *Settings) (Result, error)
	// String names the method with its parameters.
	String() string
}

// Defaults of Settings.
const (
	DefaultRTol = 1e-8
	maxIterCap  = 1_000_000
)

// Settings are the choices of a solve. The zero value works.
type Settings struct {
	// RTol and ATol: converged means ‖b − A·x‖ ≤ max(RTol·‖b‖, ATol), also with
	// a guess. RTol = 0 means 1e-8 if ATol is 0 too, and ATol alone otherwise.
	RTol, ATol float64
	// MaxIter limits the iterations. Zero means 10·n + 1000, at most a
	// million.
	MaxIter int
	// MaxTime limits the wall time; it is looked at once per iteration. Zero
	// means no limit.
	MaxTime time.Duration
	// Precond is an approximate inverse M ≈ A⁻¹, applied as z = M·r. Nil means
	// none. CG and MINRES need a symmetric positive definite one.
	Precond hvp.Operator
	// Guess says that x holds an initial guess on entry. It is scaled by the
	// factor that minimises the first residual (Hegedüs), so that a bad guess
	// is never worse than none.
	Guess bool
	// Trans solves Aᵀ·x = b, with the transpose of the preconditioner.
	Trans bool
	// CurvatureFloor is a lower bound μ > 0 of the eigenvalues of A that the
	// caller knows, such as the ridge of a regularised problem. It buys CG an
	// upper bound of the error, at no cost. Zero means unknown.
	CurvatureFloor float64
	// Recycle collects what this solve learns about the spectrum of A, for the
	// next one; see [Space]. Only CG does, at four n-vectors of traffic per
	// iteration. Nil means no.
	Recycle *Space
	// Workers limits the goroutines of this solve. Zero means GOMAXPROCS. It
	// does not change the result.
	Workers int
	// Monitor, if not nil, is called after each iteration; a non-nil error
	// ends the solve with status Stopped, or with Satisfied if it is
	// [ErrSatisfied].
	Monitor func(Progress) error
	// History says to record the residual norm of each iteration.
	History bool
}

// String returns the settings that are not zero, on one line.
func (s *Settings) String() string {
	if s == nil {
		s = &Settings{}
	}
	var b strings.Builder
	add := func(set bool, format string, v any) {
		if set {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			if v == nil {
				b.WriteString(format)
			} else {
				fmt.Fprintf(&b, format, v)
			}
		}
	}
	rtol := s.RTol
	if rtol == 0 && s.ATol == 0 {
		rtol = DefaultRTol
	}
	add(rtol != 0, "rtol=%g", rtol)
	add(s.ATol != 0, "atol=%g", s.ATol)
	add(s.MaxIter != 0, "maxiter=%d", s.MaxIter)
	add(s.MaxTime != 0, "maxtime=%v", s.MaxTime)
	if m, ok := s.Precond.(fmt.Stringer); ok {
		add(true, "precond=%v", m)
	} else {
		add(s.Precond != nil, "precond=%T", s.Precond)
	}
	add(s.Guess, "guess", nil)
	add(s.Trans, "trans", nil)
	add(s.CurvatureFloor != 0, "floor=%g", s.CurvatureFloor)
	add(s.Workers != 0, "workers=%d", s.Workers)
	return b.String()
}

// Progress is what a Monitor sees.
type Progress struct {
	Iteration int
	// Residual is the norm of the residual as the recurrence has it.
	Residual float64
	// Tolerance is the norm at which the solve ends.
	Tolerance float64
	Elapsed   time.Duration

	source *run // nil if x cannot be shown
}

// Result describes a solve. Slices in it belong to the method and are valid
// until its next solve.
type Result struct {
	Status Status
	// Method is the method that produced x. Path names all methods tried, in
	// order, when there was more than one, as where [BlockCG] began in single
	// precision and went on in double precision.
	Method, Path string
	Iterations   int
	// Restarts counts the times that the recurrence claimed a convergence that
	// the true residual did not confirm, and the method went on from there.
	Restarts int
	// Products and PrecondApplies count applications of A (or its transpose)
	// and of the preconditioner, those that verify the result included.
	Products, PrecondApplies int
	// Reductions counts the sums over whole vectors that everything after them
	// had to wait for.
	Reductions int
	// RHSNorm is ‖b‖, Tolerance the residual norm asked for. Residual is the
	// norm that the recurrence ended with and TrueResidual ‖b − A·x‖ computed
	// from x; they differ by rounding errors. TrueResidual is negative when it
	// is not known (the operator failed, the solve was canceled).
	RHSNorm, Tolerance, Residual, TrueResidual float64
	// FirstResidual is the norm of the residual that the solve began with: ‖b‖,
	// or what a guess left of it.
	FirstResidual float64
	// Curvature is pᵀAp/pᵀp and Direction is p, with ‖p‖ = 1, of a direction
	// of curvature that is not positive, with A·p ≠ 0. CG ends with it, status
	// NegativeCurvature; MINRES sets both when it meets such a direction and
	// goes on. Direction is nil when there was none.
	Curvature float64
	Direction []float64
	// MinRitz and MaxRitz estimate the extreme eigenvalues of A, or of M·A
	// with a preconditioner, from inside the spectrum (LSMR: the extreme
	// singular values); zero when unknown.
	MinRitz, MaxRitz float64
	// ErrorLower and ErrorUpper bound the error of x in the A-norm; zero when
	// unknown. They are set by CG, given a CurvatureFloor.
	ErrorLower, ErrorUpper float64
	// History holds the residual norms, the initial one first, if asked for.
	History []float64
	// Bytes is the memory traffic of the vector operations by the traffic
	// model of the method, products and preconditioner excluded except for
	// reading their input and writing their output.
	Bytes int64
	// Elapsed is the wall time; InProducts and InPrecond are the parts spent
	// in A and in the preconditioner. A fused product counts with what it is
	// fused with.
	Elapsed, InProducts, InPrecond time.Duration
}

// Condition returns MaxRitz/MinRitz, an estimate from below of the condition
// number of the (preconditioned) operator; zero when unknown.
func (r *Result) Condition() float64 {
	if r.MinRitz > 0 {
		return r.MaxRitz / r.MinRitz
	}
	return 0
}

// Follows adds to the counters of r those of an earlier solve whose iterate r went
// on from, so that r describes both. Its own residuals, status and spectrum stay.
func (r *Result) Follows(earlier *Result) {
	r.FirstResidual = earlier.FirstResidual
	r.Iterations += earlier.Iterations
	r.Restarts += earlier.Restarts
	r.Products += earlier.Products
	r.PrecondApplies += earlier.PrecondApplies
	r.Reductions += earlier.Reductions
	r.Bytes += earlier.Bytes
	r.Elapsed += earlier.Elapsed
	r.InProducts += earlier.InProducts
	r.InPrecond += earlier.InPrecond
}

// Solve solves A·x = b by the method that suits the promises of A, with a
// workspace of its own. See [Method.Solve] for the rules.
func Solve(ctx context.Context, a hvp.Operator, x, b []float64, s *Settings) (Result, error) {
	return new(Auto).Solve(ctx, a, x, b, s)
}

// Methods lists the names that [New] knows.
func Methods() []string {
	names := make([]string, len(methods))
	for i, m := range methods {
		names[i] = m.name
	}
	return names
}

// New returns a new method by name.
func New(name string) (Method, error) {
	for _, m := range methods {
		if m.name == name {
			return m.new(), nil
		}
	}
	return nil, fmt.Errorf("krylov: no method %q; there are %q", name, Methods())
}

var methods = []struct {
	name string
	new  func() Method
}{
	{"auto", func() Method { return new(Auto) }},
	{"cg", func() Method { return new(CG) }},
	{"minres", func() Method { return new(MINRES) }},
	{"minres-qlp", func() Method { return &MINRES{MinLength: true} }},
	{"gmres", func() Method { return new(GMRES) }},
	{"fgmres", func() Method { return &GMRES{Flexible: true} }},
	{"gcrodr", func() Method { return new(GCRODR) }},
	{"idrs", func() Method { return new(IDRS) }},
	{"lsmr", func() Method { return new(LSMR) }},
}
