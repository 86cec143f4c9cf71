package hypergrad_test

import (
	"context"
	"fmt"
	"log"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
)

// The projection of w to y ≥ 0, where a component reaches its bound within the step
// that is asked about.
func ExampleActiveSet_Predict() {
	p := &hypergrad.Bounds{Lower: []float64{0, 0, 0}, Problem: &hypergrad.Funcs{
		NY: 3, NW: 3, Structure: hvp.SPD,
		EnergyValue: func(y, w []float64) (e float64, err error) {
			for i, v := range y {
				e += 0.5 * (v - w[i]) * (v - w[i])
			}
			return e, nil
		},
		Gradient: func(dst, y, w []float64) error {
			for i, v := range y {
				dst[i] = v - w[i]
			}
			return nil
		},
		HVP: func(dst, v, y, w []float64) error { copy(dst, v); return nil },
		MixedTrans: func(dst, u, y, w []float64) error {
			for i, v := range u {
				dst[i] = -v
			}
			return nil
		},
		LossValue: func(dy, dw, y, w []float64) (float64, error) { dy[0] = 1; return y[0], nil },
	}}
	ctx := context.Background()
	y, w := make([]float64, 3), []float64{2, 0.25, -1}
	if _, err := new(hypergrad.ActiveSetNewton).Solve(ctx, p, y, w); err != nil {
		log.Fatal(err)
	}
	set, err := p.ActiveSet(ctx, y, w)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("active:", set.Active)
	fmt.Println(set.FreeMargin)

	dw, dy := []float64{0, -0.5, 0}, make([]float64, 3)
	if _, err := new(hypergrad.Estimator).Tangent(ctx, p, y, w, dw, dy); err != nil {
		log.Fatal(err)
	}
	prediction, err := set.Predict(ctx, dy, dw)
	if err != nil {
		log.Fatal(err)
	}
	for _, change := range prediction.Changes {
		fmt.Println(change)
	}
	// Output:
	// active: [2]
	// y[1] is free at a distance of 0.25 to its bound or kink (relative 0.12)
	// free y[1] reaches its bound or kink at 0.5 of the change; predicted -0.25, past it by 0.25
}
