package hypergrad

import (
	"context"
	"fmt"
	"time"

	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/krylov"
)

// Tangent sets dst = (dy/dw)·u, the change of y along the direction u of w, at a
// y that solves G(y, w) = 0: one solve with ∂G/∂y. len(y) = len(dst) = n_y,
// len(w) = len(u) = n_w, and dst overlaps none of them. The error is nil only if the
// solve converged. There is no error bar: the error of y enters as it is. The first
// tangent of a problem is compared with differences of G, at four evaluations;
// [Report].Warnings tells of gross disagreement.
func (e *Estimator) Tangent(ctx context.Context, p Equation, y, w, u, dst []float64) (Report, error) {
	rep := Report{Precond: "none"}
	ny, nw := p.Dims()
	if err := checkLengths(length{"y", len(y), ny}, length{"w", len(w), nw}, length{"u", len(u), nw}, length{"dst", len(dst), ny}); err != nil {
		return rep, err
	}
	if err := checkApart(dst, vector{"y", y}, vector{"w", w}, vector{"u", u}); err != nil {
		return rep, err
	}
	ctx, team := e.scope(ctx)
	start := time.Now()
	e.rhs = parallel.Grow(e.rhs, ny)
	if err := p.Residual(ctx, dst, y, w); err != nil {
		return rep, fmt.Errorf("hypergrad: residual: %w", err)
	}
	rep.Stationarity = parallel.Norm(team, dst)
	lin, err := p.Linearize(ctx, y, w)
	if err != nil {
		return rep, fmt.Errorf("hypergrad: linearisation: %w", err)
	}
	settings := e.Settings
	settings.Trans = false
	loosen(&rep, &settings, lin.Y)
	e.same(p, ny, nw)
	if err := e.precondition(ctx, &rep, &settings, p, lin.Y, w); err != nil {
		return rep, err
	}
	rep.Setup = time.Since(start)

	start = time.Now()
	if err := lin.W.Apply(ctx, e.rhs, u); err != nil {
		return rep, fmt.Errorf("hypergrad: mixed product: %w", err)
	}
	rep.Mixed = time.Since(start)

	start = time.Now()
	rep.Solve, err = e.method().Solve(ctx, lin.Y, dst, e.rhs, &settings)
	if rep.Solve.Status != krylov.InvalidInput {
		parallel.ScaleTo(team, dst, -1, dst)
	}
	rep.Linear = time.Since(start)
	rep.GradNorm = parallel.Norm(team, dst)
	err = undefined(&rep.Solve, true, err)
	if err := rep.diagnose(ctx, p, y, w); err != nil {
		return rep, err
	}
	if err != nil {
		return rep, solveError("tangent", &rep, err)
	}
	if !sameEquation(e.tangentOf, p) {
		e.tangentOf = p
		e.checkTangent(ctx, p, y, w, u, dst, &rep)
	}
	return rep, nil
}
