package autodiff_test

import (
	"context"
	"fmt"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/autodiff"
)

// A Markov random field on an image: stay near the data, prefer small differences
// between neighbours, but tolerate edges.
func Example() {
	const rows, cols = 2, 3
	image := []float64{1, 2, 9, 1, 3, 8}

	data := func(y, _, z []autodiff.Num) autodiff.Num { return y[0].Sub(z[0]).Square().Scale(0.5) }
	edge := func(y, w, _ []autodiff.Num) autodiff.Num {
		return w[0].Exp().Mul(y[1].Sub(y[0]).Square().Shift(1).Sqrt())
	}
	mrf, err := autodiff.New(rows*cols, 1,
		autodiff.Terms{Func: data, Y: autodiff.Each(rows * cols), C: image},
		autodiff.Terms{Func: edge, Y: autodiff.Grid(rows, cols, 1, 2), W: autodiff.Shared(0)},
		autodiff.Terms{Func: edge, Y: autodiff.Grid(rows, cols, 2, 1), W: autodiff.Shared(0)})
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx, y, w := context.Background(), image, []float64{0.5}
	value, _ := mrf.Value(ctx, y, w)
	at, _ := mrf.Linearize(ctx, y, w, &autodiff.Settings{Promise: hvp.SPD})
	hv, mixed := make([]float64, rows*cols), make([]float64, 1)
	at.Hessian().Apply(ctx, hv, []float64{1, 0, 0, 0, 0, 0})
	at.Mixed().ApplyTrans(ctx, mixed, []float64{0, 0, 1, 0, 0, 0})
	fmt.Printf("E = %.4f\nH e0 = %.4f\nd2E/dw dy2 = %.4f\n", value, hv, mixed)
	// Output:
	// E = 32.3954
	// H e0 = [3.2316 -0.5829 0.0000 -1.6487 0.0000 0.0000]
	// d2E/dw dy2 = [2.7980]
}

// Logistic regression: the examples are the rows of a sparse matrix, each with
// features of its own.
func ExampleForms() {
	x, err := hvp.NewCSRFromTriplets(3, 4, []int32{0, 0, 1, 2, 2, 2}, []int32{0, 3, 1, 0, 1, 2}, []float64{1, 2, 1, 1, -1, 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	labels := []float64{1, -1, 1}
	loss := func(margin, _, label []autodiff.Num) autodiff.Num { return margin[0].Mul(label[0]).Neg().Softplus() }
	ridge := func(y, w, _ []autodiff.Num) autodiff.Num { return w[0].Exp().Mul(y[0].Square()).Scale(0.5) }
	e, err := autodiff.New(4, 1,
		autodiff.Terms{Func: loss, Y: autodiff.Forms(x, 1), C: labels},
		autodiff.Terms{Func: ridge, Y: autodiff.Each(4), W: autodiff.Shared(0)})
	if err != nil {
		fmt.Println(err)
		return
	}
	gradient := make([]float64, 4)
	err = e.Gradient(context.Background(), gradient, []float64{0, 0, 1, 0}, []float64{0})
	fmt.Printf("%.4f %v\n", gradient, err)
	// Output: [-0.7689 0.7689 0.7311 -1.0000] <nil>
}

// A mesh of springs: the elastic energy ½·k·(length − rest)² of each edge of a
// triangle, vertices in the plane as x, y pairs, with a common log-stiffness.
func ExampleIndex() {
	spring := func(v, w, rest []autodiff.Num) autodiff.Num {
		dx, dy := v[2].Sub(v[0]), v[3].Sub(v[1])
		length := dx.Square().Add(dy.Square()).Sqrt()
		return w[0].Exp().Mul(length.Sub(rest[0]).Square()).Scale(0.5)
	}
	edges := []int32{0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 0, 1} // entries of y, four per edge
	mesh, err := autodiff.New(6, 1,
		autodiff.Terms{Func: spring, Y: autodiff.Index(4, edges), W: autodiff.Shared(0), C: []float64{3, 4, 4}})
	if err != nil {
		fmt.Println(err)
		return
	}
	vertices := []float64{0, 0, 3, 0, 3, 4}
	force := make([]float64, 6)
	value, err := mesh.Evaluate(context.Background(), force, nil, vertices, []float64{0})
	fmt.Printf("%.3f %.3f %v\n", value, force, err)
	vertices[2], vertices[3] = 0, 0 // an edge without length has no direction
	_, err = mesh.Evaluate(context.Background(), force, nil, vertices, []float64{0})
	fmt.Println(err)
	// Output:
	// 0.500 [-0.600 -0.800 0.000 0.000 0.600 0.800] <nil>
	// autodiff: term 0 of group 0: its value, or a derivative, is not a finite number
}
