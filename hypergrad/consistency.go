package hypergrad

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// consistency compares what a hypergradient was made of with differences of G and ℓ
// along one random direction of y and one of w, for the adjoint q at hand:
//
//	d/dt qᵀG(y + t·v, w) = vᵀ(∂G/∂y)ᵀq      d/dt ℓ(y + t·v, w) = vᵀ∂ℓ/∂y
//	d/dt qᵀG(y, w + t·u) = uᵀ(∂G/∂w)ᵀq      d/dt ℓ(y, w + t·u) = uᵀ∂ℓ/∂w
//
// Newton's step of the error bar takes ∂G/∂y at its word where y solves the equation
// well, and nothing else looks at ∂G/∂w and the slopes of ℓ: a wrong product, a
// transpose that is none, or a promise of symmetry that does not hold would go
// unnoticed. One-sided differences, one evaluation each, tell whether there is
// anything to look at; only then careful ones, which know their own accuracy, decide.
//
// Variables with ∂ℓ/∂y_i = 0 do not move, if there are others: those at bounds and
// kinks are such ([Bounds], [L1], whatever they are wrapped in), and G cannot be
// differentiated along them.
type consistency struct {
	ctx          context.Context
	team         parallel.Team
	p            Problem
	y, w, q      []float64
	slope        []float64 // ∂ℓ/∂y
	direction, g []float64 // of length max(n_y, n_w), and n_y
}

const (
	// consistencyTol is the relative disagreement that counts. Differences along
	// one direction find gross errors; for small ones there is [Check].
	consistencyTol = 1e-3
	// tangentTol is that for tangents.
	tangentTol = 1e-2
	// consistencyDeviations bounds a random direction's product with a vector, in
	// units of the norm of the vector.
	consistencyDeviations = 6
	// consistencyFloor is the slope, relative to the size of the function, below
	// which it is taken for zero.
	consistencyFloor = 1e-9
)

// checkConsistency takes the trust away from the bar, and warns, where a piece of p
// disagrees with differences.
func (e *Estimator) checkConsistency(ctx context.Context, p Problem, y, w, dst []float64, rep *Report) {
	lines := e.inconsistent(ctx, p, y, w, dst, rep)
	if lines == nil {
		return
	}
	rep.Warnings = append(rep.Warnings, lines...)
	rep.Error.Trusted, rep.Error.Note = false, lines[0]
}

// inconsistent returns a line for each piece that disagrees with differences. dst is
// dL/dw, made from e.sol, and rep the report of the solve.
func (e *Estimator) inconsistent(ctx context.Context, p Problem, y, w, dst []float64, rep *Report) (lines []string) {
	ny, nw := p.Dims()
	team := parallel.FromContext(ctx)
	c := &consistency{ctx: ctx, team: team, p: p, y: y, w: w, q: e.sol, direction: make([]float64, max(ny, nw)), g: make([]float64, ny)}
	dy, dw := make([]float64, ny), make([]float64, nw)
	if _, err := p.Loss(ctx, dy, dw, y, w); err != nil {
		return nil
	}
	c.slope = dy
	mixed := make([]float64, nw) // (∂G/∂w)ᵀq
	parallel.ScaleTo(team, mixed, 1, dw)
	parallel.Axpy(team, mixed, -1, dst)
	rounding := 0x1p-50 * parallel.Norm(team, dw)
	// What qᵀG changes by when y changes by its own size, and what ℓ is.
	sizes := map[bool]float64{true: rms(y) * rep.LossSlope, false: math.Abs(rep.Loss)}
	residual := max(rep.Solve.TrueResidual, 0) + 10*rep.ProductAccuracy*rep.LossSlope
	for _, piece := range []struct {
		what     string
		equation bool // else the loss
		inY      bool // else in w
		is       []float64
		slack    float64 // norm of the error that is known about
	}{
		// (∂G/∂y)ᵀq is ∂ℓ/∂y but for the residual.
		{"∂G/∂y: the product that the adjoint was solved with, or the promise that it is symmetric", true, true, dy, residual},
		{"∂G/∂w: the product with its transpose", true, false, mixed, rounding + 10*rep.MixedAccuracy*parallel.Norm(team, mixed)},
		{"the ∂ℓ/∂y of Loss", false, true, dy, 0},
		{"the ∂ℓ/∂w of Loss", false, false, dw, 0},
	} {
		if ctx.Err() != nil {
			return lines
		}
		if off, is := c.disagrees(piece.equation, piece.inY, piece.is, piece.slack, consistencyFloor*sizes[piece.equation]); is {
			lines = append(lines, fmt.Sprintf("%s, disagrees with differences by %.2g of its size: dL/dw is not to be relied on, and Check says more", piece.what, off))
		}
	}
	return lines
}

// checkTangent warns where t, that is to be (dy/dw)·u, does not keep G as it is: along
// (t, u) its derivative vanishes. It takes four evaluations of G, or eight.
func (e *Estimator) checkTangent(ctx context.Context, p Equation, y, w, u, t []float64, rep *Report) {
	if _, is := p.(nonsmooth); is || len(y) == 0 || len(w) == 0 {
		return
	}
	team := parallel.FromContext(ctx)
	// Steps that change y and w little.
	least := min(rms(w)/rms(u), rms(y)/rms(t))
	point, param, plus, minus := make([]float64, len(y)), make([]float64, len(w)), make([]float64, len(y)), make([]float64, len(y))
	at := func(g []float64, h, move float64) bool {
		copy(point, y)
		parallel.Axpy(team, point, h*move, t)
		copy(param, w)
		parallel.Axpy(team, param, h, u)
		return p.Residual(ctx, g, point, param) == nil
	}
	slope := func(h, move float64) float64 {
		if !at(plus, h, move) || !at(minus, -h, move) {
			return math.NaN()
		}
		parallel.Axpy(team, plus, -1, minus)
		return parallel.Norm(team, plus) / (2 * h)
	}
	allowed := tangentTol + 3*(rep.ProductAccuracy+rep.MixedAccuracy)
	if s := &rep.Solve; s.RHSNorm > 0 {
		allowed += 3 * max(s.TrueResidual, 0) / s.RHSNorm
	}
	var off [2]float64
	for k := range off {
		h := 0x1p-17 * least / float64(1+7*k)
		off[k] = slope(h, 1) / max(slope(h, 0), rep.Solve.RHSNorm)
		if !(off[k] > allowed) || math.IsInf(off[k], 0) {
			return
		}
	}
	if math.Abs(off[0]-off[1]) < 0.1*off[0] { // else it is noise, or a kink
		rep.Warnings = append(rep.Warnings, fmt.Sprintf("the tangent disagrees with differences of G by %.2g of the size of (∂G/∂w)·u: the product with ∂G/∂y or ∂G/∂w is wrong, and Check says more", off[0]))
	}
}

// disagrees compares the slope along a random direction, which the vector is says, with
// differences; slopes that differ by less than floor are the same. It returns by how
// much they differ, relative to what is to be expected.
func (c *consistency) disagrees(equation, inY bool, is []float64, slack, floor float64) (off float64, wrong bool) {
	at := c.w
	if inY {
		at = c.y
	}
	n := len(at)
	if n == 0 {
		return 0, false
	}
	// A direction as long as the point, so that steps are relative to that.
	size := rms(at)
	if size == 0 {
		size = 1
	}
	rng := rand.New(rand.NewPCG(1, 1))
	v := c.direction[:n]
	for i := range v {
		v[i] = size * rng.NormFloat64()
	}
	if inY && parallel.MaxAbs(c.team, c.slope) > 0 {
		for i, s := range c.slope {
			if s == 0 {
				v[i] = 0
			}
		}
	}
	says := parallel.Dot(c.team, v, is)
	expected := size * parallel.Norm(c.team, is)
	point := make([]float64, n)
	value := func(_ context.Context, dst, t []float64) (err error) {
		copy(point, at)
		parallel.Axpy(c.team, point, t[0], v)
		y, w := c.y, c.w
		if inY {
			y = point
		} else {
			w = point
		}
		if !equation {
			dst[0], err = c.p.Loss(c.ctx, nil, nil, y, w)
			return err
		}
		if err := c.p.Residual(c.ctx, c.g, y, w); err != nil {
			return err
		}
		dst[0] = parallel.Dot(c.team, c.q, c.g)
		return nil
	}
	allowed := consistencyTol*max(expected, math.Abs(says)) + consistencyDeviations*size*slack + floor
	const h = 0x1p-26
	var begin, end, slope [1]float64
	if value(c.ctx, begin[:], []float64{0}) != nil || value(c.ctx, end[:], []float64{h}) != nil {
		return 0, false
	}
	if math.Abs((end[0]-begin[0])/h-says) <= allowed {
		return 0, false
	}
	fd, err := hvp.NewFiniteDifference(c.ctx, value, []float64{0}, &hvp.FiniteDifferenceSettings{EstimateNoise: true})
	if err != nil || !(fd.Accuracy() <= 0.01) || fd.Apply(c.ctx, slope[:], []float64{1}) != nil {
		return 0, false
	}
	gap := math.Abs(slope[0] - says)
	if !(gap > allowed+100*fd.Accuracy()*math.Abs(slope[0])) || math.IsInf(gap, 0) {
		return 0, false
	}
	return gap / max(expected, math.Abs(says), math.Abs(slope[0])), true
}
