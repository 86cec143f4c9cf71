package problems

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/formats"
	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/precond"
)

// QP is a quadratic program with the linear term and the right-hand side as
// parameters, w = (q, b):
//
//	min ½·xᵀP·x + qᵀx   subject to   A·x − S·s = b,   lo ≤ x ≤ hi,   gl ≤ s ≤ gu
//
// A row gl = A_i·x = gu has b_i = gl and no slack; one with gl < gu has a slack s and
// b_i = 0. The unknowns are (x, s, μ), μ the multipliers, and G is the KKT residual
// on the active face ([hypergrad.Constrained] in [hypergrad.Bounds]):
//
//	∂G/∂(x,s,μ) = [ P  0  Aᵀ ; 0  0  −Sᵀ ; A  −S  0 ],   ∂G/∂w = [ I  0 ; 0  0 ; 0  −I ]
//
// ∂G/∂y needs P definite on the null space of the constraints, and these independent.
//
// # Reference
//
// The loss is the optimal value unless LossValue is set, and by the envelope theorem
// its derivative is dL/dq = x, dL/db = −μ, whatever the adjoint does.
type QP struct {
	// Problem is the problem without slacks where there are none, and without
	// Bounds where all bounds are infinite.
	hypergrad.Problem
	// LossValue, if not nil, is the loss in place of the optimal value; see
	// [hypergrad.Constrained].
	LossValue func(dz, dw, z, w []float64) (float64, error)
	// Precond makes the preconditioner of Solve and, where the Estimator has
	// none, of the adjoint; nil means [precond.Saddle] with default settings, and none
	// where that cannot be built. MINRES needs a symmetric positive definite one.
	Precond hypergrad.PrecondFunc

	n, slacks, m int
	c            hypergrad.Constrained
	p, a         *hvp.CSR
	w            []float64
	bounds       *hypergrad.Bounds // nil: none
}

// QPData are the numbers of a quadratic program: P of n×n, symmetric, A of m×n, and
// the vectors of these lengths. Bounds may be infinite.
type QPData struct {
	P, A               *hvp.CSR
	Q, Lower, Upper    []float64
	RowLower, RowUpper []float64
}

// NewQP returns the problem for d, whose slices it keeps.
func NewQP(d *QPData) (*QP, error) {
	if d.P == nil || d.A == nil {
		return nil, errors.New("problems: QP without P or A")
	}
	n, cols := d.P.Dims()
	m, k := d.A.Dims()
	switch {
	case n != cols || k != n:
		return nil, fmt.Errorf("problems: QP with P of %d×%d and A of %d×%d", n, cols, m, k)
	case len(d.Q) != n || len(d.Lower) != n || len(d.Upper) != n:
		return nil, fmt.Errorf("problems: QP of %d unknowns with vectors of %d, %d and %d", n, len(d.Q), len(d.Lower), len(d.Upper))
	case len(d.RowLower) != m || len(d.RowUpper) != m:
		return nil, fmt.Errorf("problems: QP of %d rows with vectors of %d and %d", m, len(d.RowLower), len(d.RowUpper))
	}
	q := &QP{n: n, m: m}
	lower, upper := append([]float64(nil), d.Lower...), append([]float64(nil), d.Upper...)
	b := make([]float64, m)
	var si, sj []int32
	var sv []float64
	for i := range m {
		gl, gu := d.RowLower[i], d.RowUpper[i]
		switch {
		case gl == gu && !math.IsInf(gl, 0):
			b[i] = gl
		case gl < gu:
			si, sj, sv = append(si, int32(i)), append(sj, int32(n+q.slacks)), append(sv, -1)
			lower, upper = append(lower, gl), append(upper, gu)
			q.slacks++
		default:
			return nil, fmt.Errorf("problems: QP: row %d has the bounds %v and %v", i, gl, gu)
		}
	}
	var err error
	all := n + q.slacks
	if q.p, err = padded(d.P, all, all, nil, nil, nil); err == nil {
		q.a, err = padded(d.A, m, all, si, sj, sv)
	}
	if err == nil {
		q.p, err = q.p.Promise(hvp.Symmetric)
	}
	if err != nil {
		return nil, fmt.Errorf("problems: QP: %w", err)
	}
	q.w = append(append(q.w, d.Q...), b...)
	q.constrain(all)
	bounded := false
	for i := range lower {
		bounded = bounded || !math.IsInf(lower[i], -1) || !math.IsInf(upper[i], 1)
	}
	q.Problem = &q.c
	if bounded {
		q.bounds = &hypergrad.Bounds{Problem: &q.c, Lower: lower, Upper: upper}
		q.Problem = q.bounds
	}
	return q, nil
}

// padded returns a as part of a matrix of rows×cols with more entries.
func padded(a *hvp.CSR, rows, cols int, i, j []int32, v []float64) (*hvp.CSR, error) {
	rowPtr, col, val := a.RawCSR()
	for r := range len(rowPtr) - 1 {
		for k := rowPtr[r]; k < rowPtr[r+1]; k++ {
			i, j, v = append(i, int32(r)), append(j, col[k]), append(v, val[k])
		}
	}
	return hvp.NewCSRFromTriplets(rows, cols, i, j, v)
}

// constrain fills in the closures.
func (q *QP) constrain(all int) {
	// The closures get no context: their products run on one worker, those of
	// the linear solves do not come this way.
	ctx := hvp.WithWorkers(context.Background(), 1)
	q.c = hypergrad.Constrained{N: all, M: q.m, NW: q.n + q.m, Affine: true,
		Gradient: func(dst, x, w []float64) error {
			if err := q.p.Apply(ctx, dst, x); err != nil {
				return err
			}
			for i, v := range w[:q.n] {
				dst[i] += v
			}
			return nil
		},
		Constraint: func(dst, x, w []float64) error {
			if err := q.a.Apply(ctx, dst, x); err != nil {
				return err
			}
			for i, v := range w[q.n:] {
				dst[i] -= v
			}
			return nil
		},
		Operators: func(context.Context, []float64, []float64, []float64) (h, a hvp.Operator, err error) {
			return q.p, q.a, nil
		},
		JVPW: func(dst, u, _, _, _ []float64) error {
			clear(dst)
			copy(dst, u[:q.n])
			for i, v := range u[q.n:] {
				dst[all+i] = -v
			}
			return nil
		},
		VJPW: func(dst, r, _, _, _ []float64) error {
			copy(dst, r[:q.n])
			for i := range q.m {
				dst[q.n+i] = -r[all+i]
			}
			return nil
		},
		LossValue: func(dz, dw, z, w []float64) (float64, error) {
			if q.LossValue != nil {
				return q.LossValue(dz, dw, z, w)
			}
			if err := q.p.Apply(ctx, dz[:all], z[:all]); err != nil {
				return 0, err
			}
			value := 0.0
			for i, v := range z[:all] {
				value += 0.5 * v * dz[i]
			}
			for i, v := range w[:q.n] {
				value += v * z[i]
				dz[i] += v
				dw[i] = z[i]
			}
			return value, nil
		},
	}
}

// Parameters returns (q, b) of the data.
func (q *QP) Parameters() []float64 { return append([]float64(nil), q.w...) }

// Split returns the parts x, s and μ of the unknowns z, which share its memory.
func (q *QP) Split(z []float64) (x, slacks, mu []float64) {
	all := q.n + q.slacks
	return z[:q.n:q.n], z[q.n:all:all], z[all:]
}

// Envelope sets dst to the derivative (x, −μ) of the optimal value at the solution z.
func (q *QP) Envelope(dst, z []float64) {
	x, _, mu := q.Split(z)
	copy(dst, x)
	for i, v := range mu {
		dst[q.n+i] = -v
	}
}

// Precondition implements [hypergrad.Preconditioned].
func (q *QP) Precondition(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
	if q.Precond != nil {
		return q.Precond(ctx, a)
	}
	return precond.New(ctx, "saddle", a)
}

// forSolve is Precondition for the inner problem: on the faces on the way, where
// constraints may be dependent, it does without.
func (q *QP) forSolve(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
	m, err := q.Precondition(ctx, a)
	if err != nil && q.Precond == nil && ctx.Err() == nil {
		return nil, nil
	}
	return m, err
}

// Solve implements [hypergrad.InnerSolver] by [hypergrad.Newton], or with bounds by
// [hypergrad.ActiveSetNewton], from z or, where a few steps from there do not find the
// active set, from where [QP.Interior] ends, to 1e-10 of the size of the data. eq must be this problem.
func (q *QP) Solve(ctx context.Context, eq hypergrad.Equation, z, w []float64) (hypergrad.InnerResult, error) {
	if p, ok := eq.(*QP); !ok || p != q {
		return hypergrad.InnerResult{}, errors.New("problems: a QP solves itself only")
	}
	size, err := q.size(ctx, w)
	if err != nil {
		return hypergrad.InnerResult{}, err
	}
	tol := 1e-10 * size
	if q.bounds != nil {
		return q.solveBounds(ctx, z, w, tol)
	}
	return (&hypergrad.Newton{ATol: tol, Precond: q.forSolve}).Solve(ctx, q.Problem, z, w)
}

// solveBounds looks for the face from z first, in few steps; where these do not find
// it, the interior-point method points it out.
func (q *QP) solveBounds(ctx context.Context, z, w []float64, tol float64) (hypergrad.InnerResult, error) {
	const few = 8
	begin := time.Now()
	start := append([]float64(nil), z...)
	s := &hypergrad.ActiveSetNewton{ATol: tol, MaxIter: few, Precond: q.forSolve}
	if q.Precond == nil {
		// Where the default preconditioner cannot be built, constraints on the face
		// depend on each other: its step is not worth many products.
		s.Linear.MaxIter = 500
	}
	res, err := s.Solve(ctx, q.Problem, z, w)
	if err == nil || ctx.Err() != nil || !errors.Is(err, hypergrad.ErrInnerNotStationary) {
		return res, err
	}
	before, failed := q.Interior(ctx, z, w, 0)
	before.Iterations, before.Products = before.Iterations+res.Iterations, before.Products+res.Products
	if ctx.Err() != nil {
		return before, failed
	}
	if failed != nil { // P may be indefinite, if definite where it matters
		copy(z, start)
	}
	s.MaxIter = 0
	first := res.StartNorm
	res, err = s.Solve(ctx, q.Problem, z, w)
	res.Iterations, res.Products = res.Iterations+before.Iterations, res.Products+before.Products
	res.StartNorm, res.Elapsed = first, time.Since(begin)
	if err != nil && failed != nil {
		err = errors.Join(err, failed)
	}
	return res, err
}

// size returns the size of the data: that of w or, if larger, of what the values that
// bounds fix make of it.
func (q *QP) size(ctx context.Context, w []float64) (float64, error) {
	team := parallel.FromContext(ctx)
	size := parallel.Norm(team, w)
	if q.bounds == nil {
		return size, nil
	}
	z, g := make([]float64, q.c.N+q.c.M), make([]float64, q.c.N+q.c.M)
	for i := range q.bounds.Lower {
		z[i] = max(q.bounds.Lower[i], min(q.bounds.Upper[i], 0))
	}
	if err := q.c.Residual(ctx, g, z, w); err != nil {
		return 0, err
	}
	return max(size, parallel.Norm(team, g)), nil
}

// Diagnose implements [hypergrad.Diagnoser].
func (q *QP) Diagnose(ctx context.Context, z, w []float64) ([]string, error) {
	if d, ok := q.Problem.(hypergrad.Diagnoser); ok {
		return d.Diagnose(ctx, z, w)
	}
	return nil, nil
}

// ReadQP reads a program from three files, each plain or compressed, as .gz: P from
// prefix.P.mtx and A from prefix.A.mtx (Matrix Market), and from prefix.vec a line "q
// lo hi" for each unknown and a line "gl gu" for each row of A; # begins a comment.
func ReadQP(prefix string) (*QPData, error) {
	find := func(suffix string) string {
		if _, err := os.Stat(prefix + suffix); err != nil {
			if _, err := os.Stat(prefix + suffix + ".gz"); err == nil {
				return prefix + suffix + ".gz"
			}
		}
		return prefix + suffix
	}
	d := new(QPData)
	var err error
	if d.P, err = hvp.ReadMatrixMarket(find(".P.mtx")); err != nil {
		return nil, err
	}
	if d.A, err = hvp.ReadMatrixMarket(find(".A.mtx")); err != nil {
		return nil, err
	}
	return d, d.readVectors(find(".vec"))
}

// readVectors reads the vectors.
func (d *QPData) readVectors(path string) error {
	f, err := formats.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	n, _ := d.P.Dims()
	m, _ := d.A.Dims()
	lines, line, row := bufio.NewScanner(f), 0, 0
	for lines.Scan() {
		line++
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		to := []*[]float64{&d.Q, &d.Lower, &d.Upper}
		if row >= n {
			to = []*[]float64{&d.RowLower, &d.RowUpper}
		}
		if row >= n+m || len(words) != len(to) {
			return fmt.Errorf("%s:%d: want %d lines of 3 numbers and %d of 2", path, line, n, m)
		}
		for k, word := range words {
			v, err := strconv.ParseFloat(word, 64)
			if err != nil || math.IsNaN(v) {
				return fmt.Errorf("%s:%d: %q is no number", path, line, word)
			}
			*to[k] = append(*to[k], v)
		}
		row++
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s:%d: %w", path, line+1, err)
	}
	if row < n+m {
		return fmt.Errorf("%s: %d lines of numbers, want %d", path, row, n+m)
	}
	return nil
}

var (
	_ hypergrad.Problem        = (*QP)(nil)
	_ hypergrad.InnerSolver    = (*QP)(nil)
	_ hypergrad.Diagnoser      = (*QP)(nil)
	_ hypergrad.Preconditioned = (*QP)(nil)
)
