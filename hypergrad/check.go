package hypergrad

import (
	"context"
	"fmt"
	"math"
)

// An InnerSolver finds y(w): [Newton], [LBFGS], [ActiveSetNewton], [Anderson] and
// [Layered] are such. Solve starts from y, of length n_y, and overwrites it; w is not
// changed. The error is nil only if y meets the tolerance of the solver.
type InnerSolver interface {
	Solve(ctx context.Context, eq Equation, y, w []float64) (InnerResult, error)
}

// Difference is a derivative of L along one direction, by the hypergradient and
// by differences.
type Difference struct {
	// Predicted is uᵀ·dL/dw, Measured the difference quotient of the re-solved
	// problem, extrapolated from the steps h and h/2 (Richardson), so that its
	// error is O(h⁴).
	Predicted, Measured float64
	// Uncertainty estimates the error of Measured by the change that the
	// extrapolation made.
	Uncertainty float64
}

// Error returns |Predicted − Measured| relative to the larger of the two.
func (d Difference) Error() float64 {
	size := max(math.Abs(d.Predicted), math.Abs(d.Measured))
	if size == 0 {
		return 0
	}
	return math.Abs(d.Predicted-d.Measured) / size
}

// CheckGradient compares a hypergradient with central differences of
// L(w) = ℓ(y(w), w) along the direction u, solving the inner problem anew at
// w ± h·u and w ± h·u/2 from the start y. Set the tolerance of the inner solver
// far below h². h = 0 means 1e-3/‖u‖∞.
func CheckGradient(ctx context.Context, p Problem, inner InnerSolver, y, w, grad, u []float64, h float64) (Difference, error) {
	var d Difference
	ny, nw := p.Dims()
	if err := checkLengths(length{"y", len(y), ny}, length{"w", len(w), nw}, length{"grad", len(grad), nw}, length{"u", len(u), nw}); err != nil {
		return d, err
	}
	size := 0.0
	for i, v := range u {
		size = max(size, math.Abs(v))
		d.Predicted += grad[i] * v
	}
	if size == 0 {
		return d, fmt.Errorf("hypergrad: check along a zero direction")
	}
	if h == 0 {
		h = 1e-3 / size
	}
	point, start := make([]float64, nw), make([]float64, ny)
	loss := func(t float64) (float64, error) {
		for i := range point {
			point[i] = w[i] + t*u[i]
		}
		copy(start, y)
		if _, err := inner.Solve(ctx, p, start, point); err != nil {
			return 0, fmt.Errorf("hypergrad: check at w%+.3g·u: %w", t, err)
		}
		return p.Loss(ctx, nil, nil, start, point)
	}
	var slopes [2]float64
	for k, t := range []float64{h, h / 2} {
		plus, err := loss(t)
		if err != nil {
			return d, err
		}
		minus, err := loss(-t)
		if err != nil {
			return d, err
		}
		slopes[k] = (plus - minus) / (2 * t)
	}
	d.Measured = (4*slopes[1] - slopes[0]) / 3
	d.Uncertainty = math.Abs(d.Measured - slopes[1])
	return d, nil
}
