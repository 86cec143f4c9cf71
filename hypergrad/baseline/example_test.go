package baseline_test

import (
	"context"
	"fmt"

	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/hypergrad/baseline"
)

func ExampleNeumann() {
	// E = y² − w·y and ℓ = y: y = w/2 and dL/dw = ½. The series for the inverse of the
	// Hessian 2 with the step ¼ is ½·(1 − 2^−k).
	p := &hypergrad.Funcs{NY: 1, NW: 1,
		Gradient:  func(g, y, w []float64) error { g[0] = 2*y[0] - w[0]; return nil },
		HVP:       func(dst, v, y, w []float64) error { dst[0] = 2 * v[0]; return nil },
		Mixed:     func(dst, q, y, w []float64) error { dst[0] = -q[0]; return nil },
		LossValue: func(dy, dw, y, w []float64) (float64, error) { dy[0] = 1; return y[0], nil },
	}
	grad := make([]float64, 1)
	for _, k := range []int{1, 2, 3, 20} {
		series := baseline.Neumann{Terms: k, Step: 0.25}
		if _, err := series.Gradient(context.Background(), p, []float64{0.5}, []float64{1}, grad); err != nil {
			fmt.Println(err)
		}
		fmt.Printf("%.6f\n", grad[0])
	}
	// Output:
	// 0.250000
	// 0.375000
	// 0.437500
	// 0.500000
}
