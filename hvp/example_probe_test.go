package hvp_test

import (
	"context"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
)

// chainGradient is the gradient of Σ cosh(y_i) + ½Σ(y_{i+1} − y_i)².
func chainGradient(_ context.Context, dst, y []float64) error {
	for i, v := range y {
		dst[i] = math.Sinh(v)
		if i > 0 {
			dst[i] += v - y[i-1]
		}
		if i < len(y)-1 {
			dst[i] += v - y[i+1]
		}
	}
	return nil
}

// Richardson extrapolation tells the error of each product.
func ExampleFiniteDifference_ApplyError() {
	ctx, y := context.Background(), []float64{0, 0, 0}
	h, err := hvp.NewFiniteDifference(ctx, chainGradient, y, &hvp.FiniteDifferenceSettings{Richardson: true, Promise: hvp.SPD})
	if err != nil {
		fmt.Println(err)
		return
	}
	dst := make([]float64, 3)
	relative, err := h.ApplyError(ctx, dst, []float64{1, 0, 0})
	fmt.Printf("%.6f, good to 1e-6: %v, error %v\n", dst, relative < 1e-6, err)
	// Output: [2.000000 -1.000000 0.000000], good to 1e-6: true, error <nil>
}

// A gradient computed in single precision.
func ExampleEstimateNoise() {
	single := func(ctx context.Context, dst, y []float64) error {
		err := chainGradient(ctx, dst, y)
		for i, v := range dst {
			dst[i] = float64(float32(v))
		}
		return err
	}
	y := make([]float64, 1000)
	for i := range y {
		y[i] = math.Sin(float64(i))
	}
	ctx := context.Background()
	noise, err := hvp.EstimateNoise(ctx, single, y, len(y), nil)
	fmt.Println(noise > 1e-9 && noise < 1e-7, err)
	h, err := hvp.NewFiniteDifference(ctx, single, y, &hvp.FiniteDifferenceSettings{Noise: noise})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(h.Accuracy() > 1e-7 && h.Accuracy() < 1e-3)
	// Output:
	// true <nil>
	// true
}

// The Hessian of a chain is tridiagonal: three products give all of it.
func ExampleRecover() {
	ctx, y := context.Background(), make([]float64, 5)
	h, err := hvp.NewFiniteDifference(ctx, chainGradient, y, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	var i, j []int32
	for r := range int32(5) {
		for c := max(0, r-1); c <= min(4, r+1); c++ {
			i, j = append(i, r), append(j, c)
		}
	}
	pattern, _ := hvp.NewCSRFromTriplets(5, 5, i, j, make([]float64, len(i)))
	colouring, _ := hvp.NewColouring(pattern, 2)
	a, err := hvp.Recover(ctx, h, pattern, colouring)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d products: %.4f %.4f\n", colouring.Colours(), a.At(1, 1), a.At(1, 2))
	// Output: 3 products: 3.0000 -1.0000
}

func ExampleEstimateDiagonal() {
	d := make([]float64, 1000)
	for i := range d {
		d[i] = float64(1 + i%3)
	}
	a, _ := hvp.NewDiagonal(d)
	// Two vectors of signs are enough where there is nothing off the diagonal.
	estimate, errs := make([]float64, 1000), make([]float64, 1000)
	products, err := hvp.EstimateDiagonal(context.Background(), a, estimate, errs, &hvp.ProbeSettings{Probes: 2})
	fmt.Println(estimate[:4], errs[:4], products, err)
	// Output: [1 2 3 1] [0 0 0 0] 2 <nil>
}

func ExampleEstimateTrace() {
	d := make([]float64, 1000)
	for i := range d {
		d[i] = 1 / float64((1+i)*(1+i))
	}
	a, _ := hvp.NewDiagonal(d)
	e, err := hvp.EstimateTrace(context.Background(), a, nil)
	fmt.Printf("%.6f %v\n", e.Value, err)
	e, err = hvp.HutchPlusPlus(context.Background(), a, nil)
	fmt.Printf("%.2f %v\n", e.Value, err)
	// Output:
	// 1.643935 <nil>
	// 1.64 <nil>
}

func ExampleExtremeEigenvalues() {
	d := make([]float64, 1000)
	for i := range d {
		d[i] = 1 + 99*float64(i)/999
	}
	a, _ := hvp.NewDiagonal(d)
	e, err := hvp.ExtremeEigenvalues(context.Background(), a, nil)
	fmt.Printf("from %.1f to %.1f, condition at least %.1e, %v\n", e.Min, e.Max, e.Condition(), err)
	fmt.Println(e.LowerBound <= 1, e.UpperBound >= 100)
	// Output:
	// from 1.0 to 100.0, condition at least 9.9e+01, <nil>
	// true true
}

func ExampleInstrument() {
	d, _ := hvp.NewDiagonal([]float64{1, 2, 3})
	a, meter := hvp.Instrument(d, "hessian", 0)
	product(a)
	fmt.Println(meter.Usage().Products, meter.Usage().Bytes)
	// Output:
	// [1 4 9]
	// 1 48
}
