package hvp_test

import (
	"context"
	"fmt"

	"github.com/james-bowman/sparse"
	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/hvp"
)

// product prints A·x for x = (1, 2, 3, …).
func product(a hvp.Operator) {
	rows, cols := a.Dims()
	dst, x := make([]float64, rows), make([]float64, cols)
	for i := range x {
		x[i] = float64(i + 1)
	}
	if err := a.Apply(context.Background(), dst, x); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.4g\n", dst)
}

// The Hessian-vector product of E(y) = Σ y⁴/12 at y, as a closure.
func ExampleFunc() {
	y := []float64{1, 2, 3}
	h := &hvp.Func{
		Rows: len(y),
		Mul: func(_ context.Context, dst, v []float64) error {
			for i := range dst {
				dst[i] = y[i] * y[i] * v[i]
			}
			return nil
		},
		Promise: hvp.SPD,
	}
	product(h)
	fmt.Println(hvp.StructureOf(h))
	// Output:
	// [1 8 27]
	// symmetric positive definite
}

func ExampleNewCSRFromTriplets() {
	// [2 -1 0; -1 2 0; 0 0 1], the entry at (2,2) in two parts.
	a, err := hvp.NewCSRFromTriplets(3, 3,
		[]int32{0, 0, 1, 1, 2, 2},
		[]int32{0, 1, 0, 1, 2, 2},
		[]float64{2, -1, -1, 2, 0.25, 0.75})
	if err != nil {
		fmt.Println(err)
		return
	}
	product(a)
	_, err = hvp.NewCSRFromTriplets(3, 3, []int32{7}, []int32{0}, []float64{1})
	fmt.Println(err)
	// Output:
	// [0 3 3]
	// hvp: triplet 0 is at (7,0), outside a 3×3 matrix
}

func ExampleNewCSR() {
	a, err := hvp.NewCSR(2, 3, []int{0, 2, 3}, []int32{0, 2, 1}, []float64{1, 2, 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	product(a)
	// Output: [7 6]
}

func ExampleNewCSRFromMat() {
	dense := mat.NewSymDense(2, []float64{2, 1, 1, 3})
	dok := sparse.NewDOK(2, 3)
	dok.Set(0, 2, 4)
	dok.Set(1, 0, -1)
	for _, m := range []mat.Matrix{dense, dok.ToCSR()} {
		a, err := hvp.NewCSRFromMat(m)
		if err != nil {
			fmt.Println(err)
			return
		}
		product(a)
		fmt.Println(hvp.StructureOf(a))
	}
	// Output:
	// [4 7]
	// symmetric
	// [12 -1]
	// none
}

func ExampleNewDiagonal() {
	d, err := hvp.NewDiagonal([]float64{1, 10, 100})
	if err != nil {
		fmt.Println(err)
		return
	}
	product(d)
	// Output: [1 20 300]
}

// The Hessian of E(y) = Σ y⁴/12 from its gradient y³/3.
func ExampleNewFiniteDifference() {
	gradient := func(_ context.Context, dst, y []float64) error {
		for i, v := range y {
			dst[i] = v * v * v / 3
		}
		return nil
	}
	ctx := context.Background()
	h, err := hvp.NewFiniteDifference(ctx, gradient, []float64{1, 2, 3}, &hvp.FiniteDifferenceSettings{Promise: hvp.Symmetric})
	if err != nil {
		fmt.Println(err)
		return
	}
	product(h)
	// Output: [1 8 27]
}

// A damped Hessian plus a diagonal, with the promises that follow.
func ExampleShift() {
	h, _ := hvp.NewCSRFromMat(mat.NewSymDense(2, []float64{1, -1, -1, 1}))
	semidefinite := hvp.WithStructure(h, hvp.Semidefinite|hvp.Singular)
	damped, err := hvp.Shift(semidefinite, 0.5)
	if err != nil {
		fmt.Println(err)
		return
	}
	product(damped)
	fmt.Println(hvp.StructureOf(semidefinite))
	fmt.Println(hvp.StructureOf(damped))
	// Output:
	// [-0.5 2]
	// symmetric positive semidefinite, singular
	// symmetric positive definite
}

func ExampleSum() {
	a, _ := hvp.NewDiagonal([]float64{1, 2})
	b, _ := hvp.NewCSRFromMat(mat.NewDense(2, 2, []float64{0, 1, 0, 0}))
	s, err := hvp.Sum(a, hvp.Scale(10, b))
	if err != nil {
		fmt.Println(err)
		return
	}
	product(s)
	t, _ := hvp.Transpose(s)
	product(t)
	// Output:
	// [21 4]
	// [1 14]
}
