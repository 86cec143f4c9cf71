package hypergrad

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
)

// A LossFunc returns ℓ(y, w) and sets dy = ∂ℓ/∂y and dw = ∂ℓ/∂w, like the Loss of a
// [Problem], but with both always wanted.
type LossFunc func(ctx context.Context, dy, dw, y, w []float64) (float64, error)

// SeveralReport says what was computed by [Estimator.Gradients] or
// [Estimator.Tangents]. Slices have one entry per loss or direction and belong to
// the caller, except for the slices inside of Solves, which are valid until the
// next use of the Estimator.
type SeveralReport struct {
	// Losses are the ℓ(y, w) and LossSlopes the ‖∂ℓ/∂y‖; nil for tangents.
	Losses, LossSlopes []float64
	// Norms are the norms of the gradients or tangents.
	Norms []float64
	// Stationarity is ‖G(y, w)‖.
	Stationarity float64
	// Solves are the outcomes of the systems, and Method names how they were
	// solved together, or that they were solved one by one.
	Solves []krylov.Result
	Method string
	// Precond, PrecondNote, ProductAccuracy, MixedAccuracy, ToleranceNote are
	// those of [Report].
	Precond, PrecondNote           string
	ProductAccuracy, MixedAccuracy float64
	ToleranceNote                  string
	// ResidualEffects estimate the parts of the errors of the gradients that
	// the residuals and inexact products leave, as in [Report]; nil for tangents.
	ResidualEffects []float64
	// Wall time by phase, as in [Report].
	Setup, Linear, Mixed time.Duration
}

// several is the workspace of an Estimator for several systems with one matrix.
// Panels are stored row by row: element i of vector l of k at i·k + l.
type several struct {
	block      krylov.BlockCG
	pseudo     *krylov.PseudoBlock
	kind       string    // of the methods of pseudo
	rhs, sol   []float64 // n_y×k panels
	column     []float64 // one vector of length n_y
	directions []float64 // n_w×k
	other      []float64
	results    []krylov.Result
}

// Gradients sets row l of dst, which is len(losses)×n_w row by row, to dL_l/dw for
// several outer losses at one y with G(y, w) = 0. All adjoint systems have the same
// matrix: they are solved together, in shared sweeps over it, where the operator
// has block products ([hvp.Blocker]) and the method has a form for it (see
// [SeveralReport.Method]), and one by one otherwise. Each has the tolerance,
// relative to its own right-hand side, of the Estimator's Settings; where
// ∂ℓ/∂y = 0 nothing is solved. The error is nil only if all systems were solved;
// rows of systems that failed, which a [krylov.BlockError] in it names, are not to
// be relied on; of one that has a least-squares solution only the error is
// [ErrUndefined]. There is no error bar, and nothing is compared with differences.
//
// Memory beyond that of one gradient: five n_y-vectors per loss or more, by the
// method.
func (e *Estimator) Gradients(ctx context.Context, p Equation, losses []LossFunc, y, w, dst []float64) (SeveralReport, error) {
	rep := SeveralReport{Precond: "none"}
	k := len(losses)
	ny, nw := p.Dims()
	if err := checkLengths(length{"y", len(y), ny}, length{"w", len(w), nw}, length{"dst", len(dst), nw * k}); err != nil {
		return rep, err
	}
	if err := checkApart(dst, vector{"y", y}, vector{"w", w}); err != nil {
		return rep, err
	}
	ctx, team := e.scope(ctx)
	start := time.Now()
	lin, settings, err := e.openSeveral(ctx, p, y, w, k, true, &rep)
	if err != nil {
		return rep, err
	}
	mixed, ok := hvp.Trans(lin.W)
	if !ok {
		return rep, fmt.Errorf("hypergrad: ∂G/∂w (a %T) has no transpose product", lin.W)
	}
	v := &e.several
	v.rhs, v.sol = parallel.Grow(v.rhs, ny*k), parallel.Grow(v.sol, ny*k)
	e.direction = parallel.Grow(e.direction, nw)
	rep.Losses, rep.LossSlopes = make([]float64, k), make([]float64, k)
	rep.Norms, rep.ResidualEffects = make([]float64, k), make([]float64, k)
	for l, loss := range losses {
		row := dst[l*nw : (l+1)*nw]
		if loss == nil {
			return rep, fmt.Errorf("hypergrad: loss %d is nil", l)
		}
		if rep.Losses[l], err = loss(ctx, v.column, row, y, w); err != nil {
			return rep, fmt.Errorf("hypergrad: loss %d: %w", l, err)
		}
		rep.LossSlopes[l] = parallel.Norm(team, v.column)
		for what, value := range map[string]float64{"loss": rep.Losses[l], "∂ℓ/∂y": rep.LossSlopes[l], "∂ℓ/∂w": parallel.Norm(team, row)} {
			if math.IsNaN(value) || math.IsInf(value, 0) {
				return rep, fmt.Errorf("hypergrad: the %s of loss %d is or holds NaN or Inf", what, l)
			}
		}
		scatter(team, v.rhs, v.column, k, l)
	}
	rep.Setup = time.Since(start)

	start = time.Now()
	var solveErr error
	rep.Solves, rep.Method, solveErr = e.solveSeveral(ctx, lin.Y, v.sol, v.rhs, k, settings)
	rep.Linear = time.Since(start)

	start = time.Now()
	rep.MixedAccuracy = transAccuracy(lin.W)
	for l := range rep.Solves {
		row := dst[l*nw : (l+1)*nw]
		res := &rep.Solves[l]
		if res.Status != krylov.InvalidInput && rep.LossSlopes[l] > 0 && ctx.Err() == nil {
			gather(team, v.column, v.sol, k, l)
			if err := mixed.ApplyTrans(ctx, e.direction, v.column); err != nil {
				return rep, fmt.Errorf("hypergrad: mixed product: %w", err)
			}
			if r := res.TrueResidual; r >= 0 {
				rep.ResidualEffects[l] = parallel.Norm(team, e.direction) * (r/rep.LossSlopes[l] + rep.ProductAccuracy + rep.MixedAccuracy)
			}
			parallel.Axpy(team, row, -1, e.direction)
		}
		rep.Norms[l] = parallel.Norm(team, row)
	}
	rep.Mixed = time.Since(start)
	if solveErr != nil {
		return rep, fmt.Errorf("hypergrad: adjoint solves: %w", solveErr)
	}
	for l, norm := range rep.Norms {
		if math.IsNaN(norm) || math.IsInf(norm, 0) {
			return rep, fmt.Errorf("hypergrad: dL/dw of loss %d holds NaN or Inf", l)
		}
	}
	return rep, nil
}

// Tangents sets dst = (dy/dw)·U for k directions at once: u is n_w×k and dst n_y×k,
// both row by row, so that element i of the tangent along direction l is
// dst[i·k+l]. The rest is as for [Estimator.Gradients].
func (e *Estimator) Tangents(ctx context.Context, p Equation, y, w, u []float64, k int, dst []float64) (SeveralReport, error) {
	rep := SeveralReport{Precond: "none"}
	ny, nw := p.Dims()
	if k < 0 {
		return rep, fmt.Errorf("hypergrad: %d tangents", k)
	}
	if err := checkLengths(length{"y", len(y), ny}, length{"w", len(w), nw}, length{"u", len(u), nw * k}, length{"dst", len(dst), ny * k}); err != nil {
		return rep, err
	}
	if err := checkApart(dst, vector{"y", y}, vector{"w", w}, vector{"u", u}); err != nil {
		return rep, err
	}
	ctx, team := e.scope(ctx)
	start := time.Now()
	lin, settings, err := e.openSeveral(ctx, p, y, w, k, false, &rep)
	if err != nil {
		return rep, err
	}
	rep.Setup = time.Since(start)

	start = time.Now()
	v := &e.several
	v.rhs = parallel.Grow(v.rhs, ny*k)
	e.direction = parallel.Grow(e.direction, nw)
	if err := e.mixedColumns(ctx, lin.W, v.rhs, dst, k, func(column []float64, l int) { gather(team, column, u, k, l) }); err != nil {
		return rep, err
	}
	rep.MixedAccuracy = hvp.AccuracyOf(lin.W)
	rep.Mixed = time.Since(start)

	start = time.Now()
	rep.Solves, rep.Method, err = e.solveSeveral(ctx, lin.Y, dst, v.rhs, k, settings)
	rep.Linear = time.Since(start)
	rep.Norms = make([]float64, k)
	for l := range rep.Norms {
		gather(team, v.column, dst, k, l)
		rep.Norms[l] = parallel.Norm(team, v.column)
	}
	if err != nil {
		return rep, fmt.Errorf("hypergrad: tangent solves: %w", err)
	}
	return rep, nil
}

// mixedColumns sets the n_y×k panel rhs to −∂G/∂w times the k directions that fill gives, one
// after another. room is for as many numbers.
func (e *Estimator) mixedColumns(ctx context.Context, w hvp.Operator, rhs, room []float64, k int, fill func(direction []float64, l int)) error {
	ny, nw := w.Dims()
	v := &e.several
	if b, is := hvp.Block(w); is && k > 0 {
		v.directions = parallel.Grow(v.directions, nw*k)
		for l := range k {
			fill(e.direction, l)
			for j, u := range e.direction {
				v.directions[j*k+l] = -u
			}
		}
		if err := b.ApplyBlock(ctx, rhs, v.directions, k); err != nil {
			return fmt.Errorf("hypergrad: mixed product: %w", err)
		}
		return nil
	}
	for l := range k {
		fill(e.direction, l)
		if err := w.Apply(ctx, room[l*ny:(l+1)*ny], e.direction); err != nil {
			return fmt.Errorf("hypergrad: mixed product: %w", err)
		}
	}
	parallel.For(parallel.FromContext(ctx), ny, func(lo, hi int) { kernel.Interleave(rhs, room, ny, k, -1, lo, hi) })
	return nil
}

// openSeveral evaluates G, linearises it and prepares the settings of k solves.
func (e *Estimator) openSeveral(ctx context.Context, p Equation, y, w []float64, k int, trans bool, rep *SeveralReport) (lin Linearization, s *krylov.Settings, err error) {
	team := parallel.FromContext(ctx)
	v := &e.several
	v.column, v.other = parallel.Grow(v.column, len(y)), parallel.Grow(v.other, len(y))
	if err := p.Residual(ctx, v.column, y, w); err != nil {
		return lin, nil, fmt.Errorf("hypergrad: residual: %w", err)
	}
	rep.Stationarity = parallel.Norm(team, v.column)
	if math.IsNaN(rep.Stationarity) || math.IsInf(rep.Stationarity, 0) {
		return lin, nil, errors.New("hypergrad: the residual G holds NaN or Inf")
	}
	if lin, err = p.Linearize(ctx, y, w); err != nil {
		return lin, nil, fmt.Errorf("hypergrad: linearisation: %w", err)
	}
	one := Report{Precond: rep.Precond}
	settings := e.Settings
	settings.Trans, settings.Guess = trans, false
	loosen(&one, &settings, lin.Y)
	if err = e.precondition(ctx, &one, &settings, p, lin.Y, w); err == nil && k >= fewestTogether {
		err = shareable(ctx, &one, &settings, lin.Y)
	}
	rep.Precond, rep.PrecondNote, rep.ProductAccuracy, rep.ToleranceNote = one.Precond, one.PrecondNote, one.ProductAccuracy, one.ToleranceNote
	return lin, &settings, err
}

// shareable puts Jacobi in the place of a polynomial of the operator where panels can be in
// single precision: they make a product several times cheaper, which is all that the
// polynomial does too, one system at a time.
func shareable(ctx context.Context, rep *Report, s *krylov.Settings, a hvp.Operator) error {
	m, is := s.Precond.(precond.Preconditioner)
	if !is || !krylov.InSingle(a, nil) {
		return nil
	}
	if _, polynomial := precond.Plain(m).(*precond.Chebyshev); !polynomial {
		return nil
	}
	jacobi, err := precond.New(ctx, "jacobi", a)
	if err != nil {
		return fmt.Errorf("hypergrad: preconditioner: %w", err)
	}
	s.Precond, rep.Precond = jacobi, "jacobi"
	return nil
}

// fewestTogether is the number of systems from which on they are solved together.
const fewestTogether = 4

// sharing is how several systems are solved.
type sharing int

const (
	oneByOne sharing = iota
	byBlockCG
	byPseudoBlock
)

// sharing chooses for systems with a, or its transpose.
func (e *Estimator) sharing(a hvp.Operator, s *krylov.Settings) sharing {
	promise := hvp.StructureOf(a)
	if s.Trans {
		t, err := hvp.Transpose(a)
		if err != nil {
			return oneByOne // the method says what is wrong
		}
		a = t
	}
	if !krylov.InSingle(a, s.Precond) {
		if _, has := hvp.Block(a); !has {
			return oneByOne
		}
		n, _ := a.Dims()
		if _, is := a.(*hvp.Stencil); is || n >= farFromCache && thin(a, n) {
			return oneByOne
		}
	}
	switch m := e.method().(type) {
	case *krylov.Auto:
		if promise.Has(hvp.Semidefinite) && !promise.Has(hvp.Singular) {
			return byBlockCG
		}
	case *krylov.CG:
		if !m.Flexible {
			return byBlockCG
		}
	}
	if twin(e.method()) == nil {
		return oneByOne
	}
	return byPseudoBlock
}

// farFromCache is from which order on panels of several vectors are taken to leave
// the caches, an estimate from their size; smaller systems are quick either way.
const farFromCache = 100_000

// thin reports whether a product of order n is known to read less than the
// vectors of an iteration: then there is little whose reading could be shared,
// while single vectors stay in the caches longer than panels. On matrices with constant
// entries on 27 diagonals, BenchmarkJacobian took 169 times as long as one solve
// in panels of 16, on those whose entries differ 32 times in panels of 8 and 44 times in
// panels of 32: one vector goes at the speed of memory there, so that there is a factor of
// two or three to share at the most.
func thin(a hvp.Operator, n int) bool {
	const vectors = 10
	bytes, known := hvp.ProductTraffic(a)
	return known && bytes < 8*vectors*int64(n)
}

// twin returns what makes methods of the same kind and parameters as m, nil if the
// kind is not known.
func twin(m krylov.Method) func() krylov.Method {
	switch m := m.(type) {
	case *krylov.Auto:
		restart := m.Restart
		return func() krylov.Method { return &krylov.Auto{Restart: restart} }
	case *krylov.CG:
		flexible := m.Flexible
		return func() krylov.Method { return &krylov.CG{Flexible: flexible} }
	case *krylov.MINRES:
		length, shift, cond := m.MinLength, m.Shift, m.TranCond
		return func() krylov.Method { return &krylov.MINRES{MinLength: length, Shift: shift, TranCond: cond} }
	case *krylov.GMRES:
		restart, flexible := m.Restart, m.Flexible
		return func() krylov.Method { return &krylov.GMRES{Restart: restart, Flexible: flexible} }
	case *krylov.IDRS:
		s, seed := m.S, m.Seed
		return func() krylov.Method { return &krylov.IDRS{S: s, Seed: seed} }
	}
	return nil
}

// solveSeveral solves for k columns, together if that is possible, and says how. A
// column that has a least-squares solution only is [ErrUndefined].
func (e *Estimator) solveSeveral(ctx context.Context, a hvp.Operator, x, b []float64, k int, s *krylov.Settings) (results []krylov.Result, how string, err error) {
	results, how, err = e.solvePanel(ctx, a, x, b, k, s)
	var failed *krylov.BlockError
	if err != nil && !errors.As(err, &failed) {
		return results, how, err
	}
	var all *krylov.BlockError
	for l := range results {
		var cause error
		if failed != nil {
			if i := slices.Index(failed.Columns, l); i >= 0 {
				cause = failed.Errs[i]
			}
		}
		if cause = undefined(&results[l], !s.Trans, cause); cause != nil {
			if all == nil {
				all = &krylov.BlockError{K: k}
			}
			all.Columns, all.Errs = append(all.Columns, l), append(all.Errs, cause)
		}
	}
	if all != nil {
		return results, how, all
	}
	return results, how, err
}

// solvePanel is solveSeveral with the outcomes as the methods have them.
func (e *Estimator) solvePanel(ctx context.Context, a hvp.Operator, x, b []float64, k int, s *krylov.Settings) (results []krylov.Result, how string, err error) {
	v := &e.several
	switch kind := e.sharing(a, s); {
	case k == 0:
		return nil, "none", nil
	case k < fewestTogether || kind == oneByOne:
		return e.solveOneByOne(ctx, a, x, b, k, s)
	case kind == byPseudoBlock:
		m := e.method()
		name := fmt.Sprintf("%T %v", m, m)
		if auto, is := m.(*krylov.Auto); is {
			name = fmt.Sprint(name, auto.Restart)
		}
		if v.pseudo == nil || v.kind != name {
			v.pseudo, v.kind = &krylov.PseudoBlock{New: twin(m)}, name
		}
		results, err = v.pseudo.SolveBlock(ctx, a, x, b, k, s)
		return results, v.pseudo.String(), err
	}
	results, err = v.block.SolveBlock(ctx, a, x, b, k, s)
	v.results = append(v.results[:0], results...)
	how = v.block.String()
	if _, is := e.method().(*krylov.Auto); !is || !errors.Is(err, krylov.NegativeCurvature) {
		return v.results, how, err
	}
	// As Auto does: MINRES for the columns that show negative curvature.
	return e.repair(ctx, a, x, b, k, s, how)
}

// repair solves the columns in which CG met negative curvature by the method of
// the Estimator.
func (e *Estimator) repair(ctx context.Context, a hvp.Operator, x, b []float64, k int, s *krylov.Settings, how string) ([]krylov.Result, string, error) {
	v := &e.several
	failed := &krylov.BlockError{K: k}
	for l := range k {
		res := &v.results[l]
		if res.Status == krylov.NegativeCurvature {
			first := *res
			var err error
			if *res, err = e.solveColumn(ctx, a, x, b, k, l, s); err != nil {
				failed.Columns, failed.Errs = append(failed.Columns, l), append(failed.Errs, err)
			}
			res.Products += first.Products
			res.Iterations += first.Iterations
			continue
		}
		if !res.Status.Success() {
			failed.Columns = append(failed.Columns, l)
			failed.Errs = append(failed.Errs, &krylov.Error{Status: res.Status, Method: res.Method, Iterations: res.Iterations, Residual: res.TrueResidual, Tolerance: res.Tolerance})
		}
	}
	how += ", and one by one where it met negative curvature"
	if failed.Errs != nil {
		return v.results, how, failed
	}
	return v.results, how, nil
}

// solveOneByOne solves the columns in turn.
func (e *Estimator) solveOneByOne(ctx context.Context, a hvp.Operator, x, b []float64, k int, s *krylov.Settings) ([]krylov.Result, string, error) {
	v := &e.several
	v.results = v.results[:0]
	failed := &krylov.BlockError{K: k}
	for l := range k {
		res, err := e.solveColumn(ctx, a, x, b, k, l, s)
		v.results = append(v.results, res)
		if err != nil {
			failed.Columns, failed.Errs = append(failed.Columns, l), append(failed.Errs, err)
		}
	}
	how := "one by one"
	if k == 1 {
		how = v.results[0].Method
	}
	if failed.Errs != nil {
		return v.results, how, failed
	}
	return v.results, how, nil
}

// solveColumn solves for column l by the method of the Estimator.
func (e *Estimator) solveColumn(ctx context.Context, a hvp.Operator, x, b []float64, k, l int, s *krylov.Settings) (krylov.Result, error) {
	if k == 1 {
		return e.method().Solve(ctx, a, x, b, s)
	}
	v, team := &e.several, parallel.FromContext(ctx)
	gather(team, v.column, b, k, l)
	res, err := e.method().Solve(ctx, a, v.other, v.column, s)
	if res.Status == krylov.InvalidInput {
		clear(v.other)
	}
	scatter(team, x, v.other, k, l)
	// The next solve reuses these.
	res.History, res.Direction = append([]float64(nil), res.History...), append([]float64(nil), res.Direction...)
	return res, err
}

// gather sets v to column l of the panel x of k columns; scatter sets that column.
func gather(t parallel.Team, v, x []float64, k, l int) {
	parallel.For(t, len(v), func(lo, hi int) { kernel.Gather(v[lo:hi], x[lo*k:hi*k], k, l) })
}

func scatter(t parallel.Team, x, v []float64, k, l int) {
	parallel.For(t, len(v), func(lo, hi int) { kernel.Scatter(x[lo*k:hi*k], v[lo:hi], k, l) })
}
