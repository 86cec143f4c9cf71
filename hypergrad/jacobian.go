package hypergrad

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/krylov"
)

// JacobianMode is the way in which a Jacobian is computed.
type JacobianMode int

const (
	// AutoMode takes the mode with fewer systems, Forward at a tie.
	AutoMode JacobianMode = iota
	// Forward solves one tangent system per column.
	Forward
	// Reverse solves one adjoint system per row; it needs the transpose
	// products of ∂G/∂y and ∂G/∂w.
	Reverse
)

// String returns the name in lower case.
func (m JacobianMode) String() string {
	switch m {
	case AutoMode:
		return "auto"
	case Forward:
		return "forward"
	case Reverse:
		return "reverse"
	}
	return fmt.Sprintf("JacobianMode(%d)", int(m))
}

// JacobianSettings are the choices of [Estimator.Jacobian]. The zero value (or
// nil) works: all of dy/dw.
type JacobianSettings struct {
	// Rows are the y_i and Cols the w_j whose derivatives dy_i/dw_j are wanted,
	// in this order; nil means all.
	Rows, Cols []int
	// Mode is forward, reverse or, if zero, the one with fewer systems.
	Mode JacobianMode
	// MaxBytes limits the memory for the panels of systems that are solved
	// together, the workspace of the method included, as far as the Estimator
	// knows it; one system at a time is the least. Zero means 2 GiB. It does
	// not count dst, the problem and the preconditioner.
	MaxBytes int64
	// Width limits how many systems are solved together. Zero means 8 from 100,000
	// unknowns on, where wider panels leave the caches and gain nothing more
	// (BenchmarkJacobian), and no limit but that of MaxBytes below.
	Width int
	// Part, if not nil, is called for each panel as soon as it is solved, in
	// order. An error ends the computation and is returned.
	Part func(JacobianPart) error
}

// JacobianPart is some columns (forward) or rows (reverse) of a Jacobian.
type JacobianPart struct {
	// Row and Col are the place of the part among the rows and columns asked
	// for, Rows and Cols its size: all rows or all columns.
	Row, Col, Rows, Cols int
	// Values are its Rows×Cols entries row by row, valid until the callback
	// returns.
	Values []float64
	// Solves are the outcomes of its systems.
	Solves []krylov.Result
}

// JacobianReport says how a Jacobian was computed. Everything in it that is not
// named here is as in [SeveralReport].
type JacobianReport struct {
	// Mode is Forward or Reverse. Systems is the number of systems solved,
	// Width how many together, and Bytes the memory for that by estimate.
	Mode    JacobianMode
	Systems int
	Width   int
	Bytes   int64
	// Rows and Cols are the size of the Jacobian.
	Rows, Cols int
	// Stationarity is ‖G(y, w)‖.
	Stationarity float64
	Method       string
	// Iterations and Products are sums over all systems, WorstResidual is the
	// largest true residual relative to the right-hand side.
	Iterations, Products int
	WorstResidual        float64

	Precond, PrecondNote           string
	ProductAccuracy, MixedAccuracy float64
	ToleranceNote                  string
	Setup, Linear, Mixed           time.Duration
}

// Jacobian computes dy/dw, or the rows and columns of it that are asked for, at a
// y that solves G(y, w) = 0:
//
//	forward: column j is −(∂G/∂y)⁻¹·(∂G/∂w)·e_j       one system per column
//	reverse: row i is −(∂G/∂w)ᵀ·(∂G/∂y)⁻ᵀ·e_i         one system per row
//
// dst, row by row, has length rows·cols, or is nil if the settings have a Part that
// takes the panels instead. Systems are solved in panels as wide as the memory
// allows, together where that is possible (see [Estimator.Gradients]). Each is
// solved to the tolerance of the Estimator's Settings, relative to its own
// right-hand side. The error is nil only if all were solved; it ends with the
// first panel that was not.
func (e *Estimator) Jacobian(ctx context.Context, p Equation, y, w, dst []float64, s *JacobianSettings) (JacobianReport, error) {
	if s == nil {
		s = &JacobianSettings{}
	}
	j := jacobian{e: e, s: s, dst: dst}
	j.ny, j.nw = p.Dims()
	if err := j.check(y, w); err != nil {
		return j.rep, err
	}
	ctx, j.team = e.scope(ctx)
	err := j.run(ctx, p, y, w)
	return j.rep, err
}

// jacobian is the state of one computation.
type jacobian struct {
	e          *Estimator
	s          *JacobianSettings
	rep        JacobianReport
	dst        []float64
	team       parallel.Team
	ny, nw     int
	rows, cols int
	lin        Linearization
	mixed      hvp.Transposer
	settings   *krylov.Settings
	values     []float64 // of a part, where the panel of solutions cannot serve
}

func (j *jacobian) check(y, w []float64) error {
	s := j.s
	if err := checkLengths(length{"y", len(y), j.ny}, length{"w", len(w), j.nw}); err != nil {
		return err
	}
	for _, c := range []struct {
		name string
		of   []int
		n    int
		size *int
	}{{"row", s.Rows, j.ny, &j.rows}, {"column", s.Cols, j.nw, &j.cols}} {
		*c.size = c.n
		if c.of == nil {
			continue
		}
		*c.size = len(c.of)
		for _, i := range c.of {
			if i < 0 || i >= c.n {
				return fmt.Errorf("hypergrad: Jacobian: %s %d is not in 0…%d", c.name, i, c.n-1)
			}
		}
	}
	j.rep.Rows, j.rep.Cols = j.rows, j.cols
	switch {
	case s.Mode < AutoMode || s.Mode > Reverse:
		return fmt.Errorf("hypergrad: Jacobian: unknown mode %d", int(s.Mode))
	case s.MaxBytes < 0 || s.Width < 0:
		return fmt.Errorf("hypergrad: Jacobian: MaxBytes = %d and Width = %d must not be negative", s.MaxBytes, s.Width)
	case j.dst == nil && s.Part == nil:
		return errors.New("hypergrad: Jacobian: neither dst nor Part takes the result")
	case j.dst != nil:
		if err := checkApart(j.dst, vector{"y", y}, vector{"w", w}); err != nil {
			return err
		}
		return checkLengths(length{"dst", len(j.dst), j.rows * j.cols})
	}
	return nil
}

// run solves panel after panel.
func (j *jacobian) run(ctx context.Context, p Equation, y, w []float64) error {
	start := time.Now()
	one := SeveralReport{Precond: "none"}
	var err error
	mode := j.s.Mode
	if mode == AutoMode {
		mode = Forward
		if j.rows < j.cols {
			mode = Reverse
		}
	}
	j.lin, j.settings, err = j.e.openSeveral(ctx, p, y, w, min(j.rows, j.cols), mode == Reverse, &one)
	rep := &j.rep
	rep.Stationarity, rep.Precond, rep.PrecondNote = one.Stationarity, one.Precond, one.PrecondNote
	rep.ProductAccuracy, rep.ToleranceNote = one.ProductAccuracy, one.ToleranceNote
	if err != nil {
		return err
	}
	if mode == Reverse {
		var ok bool
		_, noTrans := hvp.Transpose(j.lin.Y)
		if j.mixed, ok = hvp.Trans(j.lin.W); !ok || noTrans != nil {
			if j.s.Mode == Reverse {
				return fmt.Errorf("hypergrad: Jacobian: ∂G/∂y (a %T) or ∂G/∂w (a %T) has no transpose product", j.lin.Y, j.lin.W)
			}
			mode, j.settings.Trans = Forward, false
		}
	}
	rep.Mode, rep.Systems = mode, j.cols
	rep.MixedAccuracy = hvp.AccuracyOf(j.lin.W)
	if mode == Reverse {
		rep.Systems, rep.MixedAccuracy = j.rows, transAccuracy(j.lin.W)
	}
	j.e.direction = parallel.Grow(j.e.direction, j.nw)
	rep.Width, rep.Bytes = j.width(mode)
	rep.Setup = time.Since(start)
	for from := 0; from < rep.Systems; from += rep.Width {
		if err := j.panel(ctx, from, min(from+rep.Width, rep.Systems)); err != nil {
			return err
		}
	}
	return nil
}

// width returns how many systems are solved together and the bytes that this takes.
// Panels are about equally wide.
func (j *jacobian) width(mode JacobianMode) (k int, bytes int64) {
	const defaultBytes = 2 << 30
	limit := j.s.MaxBytes
	if limit == 0 {
		limit = defaultBytes
	}
	vectors := 2 // right-hand side and solution
	most := j.rep.Systems
	switch j.e.sharing(j.lin.Y, j.settings) {
	case oneByOne:
		most = min(most, 8) // a cache line of each row of dst
	case byBlockCG:
		vectors += 3
		if j.settings.Precond != nil {
			vectors++
		}
	case byPseudoBlock:
		vectors += 4 + workspace(j.e.method(), hvp.StructureOf(j.lin.Y))
	}
	per := 8 * int64(vectors) * int64(max(j.ny, 1))
	switch {
	case mode == Reverse:
		per += 8 * int64(j.cols)
	case j.s.Rows != nil:
		per += 8 * int64(j.rows)
	}
	k = int(max(1, min(int64(most), limit/per)))
	switch {
	case j.s.Width > 0:
		k = min(k, j.s.Width)
	case j.ny >= farFromCache:
		k = min(k, 8)
	}
	if panels := (j.rep.Systems + k - 1) / k; panels > 1 {
		even := (j.rep.Systems + panels - 1) / panels
		k = min(k, (even+7)/8*8) // whole cache lines
	}
	return k, per * int64(k)
}

// workspace returns the n-vectors that a method keeps per system.
func workspace(m krylov.Method, promise hvp.Structure) int {
	restart := 0
	switch m := m.(type) {
	case *krylov.MINRES:
		return 7
	case *krylov.CG:
		return 5
	case *krylov.IDRS:
		return 3*max(m.S, 4) + 4
	case *krylov.Auto:
		if promise.Has(hvp.Symmetric) {
			return 7
		}
		restart = m.Restart
	case *krylov.GMRES:
		if restart = m.Restart; m.Flexible {
			restart *= 2
		}
	}
	if restart == 0 {
		restart = 100 // GMRES lengthens its cycles as it needs
	}
	return restart + 2
}

// panel computes columns (or rows) [from, to).
func (j *jacobian) panel(ctx context.Context, from, to int) error {
	e, k, rep := j.e, to-from, &j.rep
	v := &e.several
	v.rhs, v.sol = parallel.Grow(v.rhs, j.ny*k), parallel.Grow(v.sol, j.ny*k)
	start := time.Now()
	if rep.Mode == Forward {
		err := e.mixedColumns(ctx, j.lin.W, v.rhs, v.sol, k, func(direction []float64, l int) {
			clear(direction)
			direction[pick(j.s.Cols, from+l)] = 1
		})
		if err != nil {
			return err
		}
	} else {
		clear(v.rhs)
		for l := range k {
			v.rhs[pick(j.s.Rows, from+l)*k+l] = 1
		}
	}
	rep.Mixed += time.Since(start)

	start = time.Now()
	results, how, err := e.solveSeveral(ctx, j.lin.Y, v.sol, v.rhs, k, j.settings)
	rep.Linear += time.Since(start)
	rep.Method = how
	for _, r := range results {
		rep.Iterations += r.Iterations
		rep.Products += r.Products
		if r.RHSNorm > 0 {
			rep.WorstResidual = max(rep.WorstResidual, r.TrueResidual/r.RHSNorm)
		}
	}
	if err != nil {
		return fmt.Errorf("hypergrad: Jacobian, %s systems %d…%d: %w", rep.Mode, from, to-1, err)
	}
	start = time.Now()
	part := JacobianPart{Rows: j.rows, Cols: k, Col: from, Solves: results}
	if rep.Mode == Forward {
		part.Values = j.forward(k)
	} else {
		part.Rows, part.Cols, part.Row, part.Col = k, j.cols, from, 0
		if part.Values, err = j.reverse(ctx, k); err != nil {
			return err
		}
	}
	rep.Mixed += time.Since(start)
	if j.dst != nil {
		parallel.For(j.team, part.Rows, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				copy(j.dst[(part.Row+i)*j.cols+part.Col:][:part.Cols], part.Values[i*part.Cols:])
			}
		})
	}
	if j.s.Part != nil {
		return j.s.Part(part)
	}
	return nil
}

// forward returns the rows asked for of the panel of solutions.
func (j *jacobian) forward(k int) []float64 {
	x := j.e.several.sol
	if j.s.Rows == nil {
		return x
	}
	j.values = parallel.Grow(j.values, j.rows*k)
	for r, i := range j.s.Rows {
		copy(j.values[r*k:(r+1)*k], x[i*k:])
	}
	return j.values
}

// reverse returns the columns asked for of −(∂G/∂w)ᵀX, transposed.
func (j *jacobian) reverse(ctx context.Context, k int) ([]float64, error) {
	v := &j.e.several
	j.values = parallel.Grow(j.values, k*j.cols)
	for l := range k {
		gather(j.team, v.column, v.sol, k, l)
		if err := j.mixed.ApplyTrans(ctx, j.e.direction, v.column); err != nil {
			return nil, fmt.Errorf("hypergrad: mixed product: %w", err)
		}
		row := j.values[l*j.cols : (l+1)*j.cols]
		for c := range row {
			row[c] = -j.e.direction[pick(j.s.Cols, c)]
		}
	}
	return j.values, nil
}

// pick returns which[i], or i if which is nil: all.
func pick(which []int, i int) int {
	if which == nil {
		return i
	}
	return which[i]
}
