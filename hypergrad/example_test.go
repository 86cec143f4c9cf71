package hypergrad_test

import (
	"context"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
)

// A user's own problem: smooth the data z by y = argmin ½‖y−z‖² + e^w/2·Σ(y_{i+1}−y_i)²
// and ask how the distance to a target changes with the log-weight w.
func Example() {
	z := []float64{1, 3, 2, 5, 4, 6}
	target := []float64{1, 2, 3, 4, 5, 6}
	// smooth sets dst = v + e^w·L·v, L the Laplacian of the chain; it is both
	// the Hessian product and, minus z, the gradient.
	smooth := func(dst, v []float64, w float64) {
		copy(dst, v)
		for i := 1; i < len(v); i++ {
			d := math.Exp(w) * (v[i] - v[i-1])
			dst[i] += d
			dst[i-1] -= d
		}
	}
	p := &hypergrad.Funcs{NY: 6, NW: 1, Structure: hvp.SPD}
	p.Gradient = func(dst, y, w []float64) error {
		smooth(dst, y, w[0])
		for i := range dst {
			dst[i] -= z[i]
		}
		return nil
	}
	p.HVP = func(dst, v, y, w []float64) error { smooth(dst, v, w[0]); return nil }
	p.LossValue = func(dy, dw, y, w []float64) (loss float64, err error) {
		for i := range y {
			dy[i] = y[i] - target[i]
			loss += dy[i] * dy[i] / 2
		}
		return loss, nil
	}
	ctx, w, y, grad := context.Background(), []float64{-1}, make([]float64, 6), make([]float64, 1)
	if _, err := new(hypergrad.Newton).Solve(ctx, p, y, w); err != nil {
		fmt.Println(err)
	}
	report, err := new(hypergrad.Estimator).Gradient(ctx, p, y, w, grad)
	fmt.Printf("loss %.6f, dL/dw %.6f, %v, error %v\n", report.Loss, grad[0], report.Solve.Status, err)
	// Output: loss 0.666470, dL/dw -0.107920, Converged, error <nil>
}

// Minimize finds the log-weight of Example's smoothing, between bounds: the error
// bars say how far dL/dw can be trusted at each point.
func ExampleMinimize() {
	z := []float64{1, 3, 2, 5, 4, 6}
	target := []float64{1, 2, 3, 4, 5, 6}
	smooth := func(dst, v []float64, w float64) { // dst = v + e^w·L·v
		copy(dst, v)
		for i := 1; i < len(v); i++ {
			d := math.Exp(w) * (v[i] - v[i-1])
			dst[i] += d
			dst[i-1] -= d
		}
	}
	p := &hypergrad.Funcs{NY: 6, NW: 1, Structure: hvp.SPD}
	p.Gradient = func(dst, y, w []float64) error {
		smooth(dst, y, w[0])
		for i := range dst {
			dst[i] -= z[i]
		}
		return nil
	}
	p.HVP = func(dst, v, y, w []float64) error { smooth(dst, v, w[0]); return nil }
	p.LossValue = func(dy, dw, y, w []float64) (loss float64, err error) {
		for i := range y {
			dy[i] = y[i] - target[i]
			loss += dy[i] * dy[i] / 2
		}
		return loss, nil
	}
	y, w := make([]float64, 6), []float64{-3}
	res, err := hypergrad.Minimize(context.Background(), p, y, w, &hypergrad.OuterSettings{
		Estimator: &hypergrad.Estimator{}, // no preconditioner
		Low:       []float64{-9}, High: []float64{9},
	})
	fmt.Printf("%v at w = %.2f, loss %.3f → %.3f, error %v\n", res.Status.String(), w[0], res.Start.Loss, res.End.Loss, err)
	// Output: Converged at w = -0.83, loss 1.467 → 0.657, error <nil>
}
