package hypergrad_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	. "github.com/hgsolve/hgsolve/hvp/autodiff"
	"github.com/hgsolve/hgsolve/hypergrad"
)

// Denoise a signal with an edge: how does the distance to the clean signal change
// with the log-weight of the smoothness and the logarithm of its edge width?
func ExampleNewTerms() {
	clean := []float64{1, 1, 1, 1, 5, 5, 5, 5}
	noisy := []float64{1.2, 0.7, 1.1, 0.9, 4.6, 5.3, 5.1, 4.8}
	n := len(noisy)
	data := func(y, _, z []Num) Num { return y[0].Sub(z[0]).Square().Scale(0.5) }
	smooth := func(y, w, _ []Num) Num {
		step := y[1].Sub(y[0])
		return w[0].Exp().Mul(step.Square().Add(w[1].Exp()).Sqrt())
	}
	loss := func(y, _, x []Num) Num { return y[0].Sub(x[0]).Square() }
	p, err := hypergrad.NewTerms(n, 2,
		[]Terms{{Func: data, Y: Each(n), C: noisy}, {Func: smooth, Y: Chain(n, 2), W: Shared(0, 1)}},
		[]Terms{{Func: loss, Y: Each(n), C: clean}})
	if err != nil {
		fmt.Println(err)
		return
	}
	p.Structure = hvp.SPD
	ctx, y, w, grad := context.Background(), make([]float64, n), []float64{-1, -2}, make([]float64, 2)
	if _, err := new(hypergrad.Newton).Solve(ctx, p, y, w); err != nil {
		fmt.Println(err)
	}
	report, err := new(hypergrad.Estimator).Gradient(ctx, p, y, w, grad)
	fmt.Printf("loss %.5f, dL/dw %.5f, %v, error %v\n", report.Loss, grad, report.Solve.Status, err)
	// Output: loss 0.27816, dL/dw [0.14491 0.05141], Converged, error <nil>
}

// The hypergradient of problems that were written as terms agrees with
// differences of the re-solved problem: a random field on an image, a log-linear
// model, and an elastic chain as a mesh with a loss that depends on w.
func TestTermsGradient(t *testing.T) {
	ctx := context.Background()
	const rows, cols = 9, 7
	n := rows * cols
	noisy, clean := make([]float64, n), make([]float64, n)
	for i := range noisy {
		clean[i] = math.Sin(float64(i/cols)) + float64(i%cols/4)
		noisy[i] = clean[i] + 0.3*math.Sin(17*float64(i)*float64(i))
	}
	data := func(y, _, z []Num) Num { return y[0].Sub(z[0]).Square().Scale(0.5) }
	field := func(y, w, _ []Num) Num {
		dx, dy := y[1].Sub(y[0]), y[2].Sub(y[0])
		return w[0].Exp().Mul(dx.Square().Add(dy.Square()).Add(w[1].Exp()).Sqrt())
	}
	// Springs: rest length and stiffness differ, one end is held by data terms.
	spring := func(y, w, c []Num) Num {
		dx, dy := y[2].Sub(y[0]), y[3].Sub(y[1])
		length := dx.Square().Add(dy.Square()).Shift(0.01).Sqrt()
		return w[0].Exp().Mul(length.Sub(c[0]).Square()).Scale(0.5)
	}
	var ends []int32
	var rest []float64
	for k := range 8 {
		ends = append(ends, int32(2*k), int32(2*k+1), int32(2*k+2), int32(2*k+3))
		rest = append(rest, 0.8+0.1*float64(k%3))
	}
	chain := make([]float64, 18)
	for i := range chain {
		chain[i] = float64(i/2) * float64(i%2+1) / 2
	}
	x, err := hvp.NewCSRFromTriplets(5, 3, []int32{0, 0, 1, 2, 2, 4, 4}, []int32{0, 2, 1, 0, 1, 1, 2}, []float64{1, -1, 2, 0.5, 1, -1, 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name         string
		ny, nw       int
		energy, loss []Terms
	}{
		{"field", n, 2,
			[]Terms{{Func: data, Y: Each(n), C: noisy}, {Func: field, Y: corners(rows, cols), W: Shared(0, 1)}},
			[]Terms{{Func: data, Y: Each(n), C: clean}}},
		{"log-linear", 3, 3,
			[]Terms{
				{Func: func(y, _, c []Num) Num { return y[0].Mul(c[0]).Softplus() }, Y: Forms(x, 1), C: []float64{1, -1, 1, 1, -1}},
				{Func: func(y, w, _ []Num) Num { return w[0].Exp().Mul(y[0].Square()) }, Y: Each(3), W: Each(3)}},
			[]Terms{{Func: func(y, w, _ []Num) Num { return y[0].Cos().Add(w[0].Square()) }, Y: Each(3), W: Each(3)}}},
		{"springs", 18, 9,
			[]Terms{
				{Func: spring, Y: Index(4, ends), W: Each(9 - 1), C: rest},
				{Func: func(y, w, c []Num) Num { return w[0].Exp().Mul(y[0].Sub(c[0]).Square()) }, Y: Each(18), W: Shared(8), C: chain}},
			[]Terms{
				{Func: func(y, _, _ []Num) Num { return y[0].Sub(y[1]).Square() }, Y: Chain(18, 2)},
				{Func: func(_, w, _ []Num) Num { return w[0].Square().Scale(0.1) }, W: Each(9)}}},
	} {
		for _, store := range []bool{false, true} {
			p, err := hypergrad.NewTerms(c.ny, c.nw, c.energy, c.loss)
			if err != nil {
				t.Fatal(c.name, err)
			}
			p.StoreWeights = store
			inner := &hypergrad.Newton{RTol: 1e-11, Polish: true}
			y, w, grad, u := make([]float64, c.ny), make([]float64, c.nw), make([]float64, c.nw), make([]float64, c.nw)
			for i := range y {
				y[i] = float64(i%18/2) * float64(i%2+1) / 2
			}
			for i := range w {
				w[i], u[i] = 0.3*math.Cos(float64(i)), math.Sin(float64(i+1))
			}
			if _, err := inner.Solve(ctx, p, y, w); err != nil {
				t.Fatal(c.name, err)
			}
			est := &hypergrad.Estimator{}
			est.Settings.RTol = 1e-12
			if _, err := est.Gradient(ctx, p, y, w, grad); err != nil {
				t.Fatal(c.name, err)
			}
			d, err := hypergrad.CheckGradient(ctx, p, inner, y, w, grad, u, 1e-2)
			if err != nil {
				t.Fatal(c.name, err)
			}
			if d.Error() > 1e-6 {
				t.Errorf("%s (stored %v): %+v, relative error %.3g", c.name, store, d, d.Error())
			}
		}
	}
}

// corners gives each term a pixel, its right and its lower neighbour.
func corners(rows, cols int) Support {
	var index []int32
	for i := range rows - 1 {
		for j := range cols - 1 {
			at := int32(i*cols + j)
			index = append(index, at, at+1, at+int32(cols))
		}
	}
	return Index(3, index)
}

func TestNewTermsErrors(t *testing.T) {
	one := []Terms{{Func: func(y, _, _ []Num) Num { return y[0].Square() }, Y: Each(2)}}
	if _, err := hypergrad.NewTerms(2, 0, nil, one); err == nil || !strings.Contains(err.Error(), "inner energy") {
		t.Errorf("no energy: %v", err)
	}
	if _, err := hypergrad.NewTerms(1, 0, one, one); err == nil || !strings.Contains(err.Error(), "y[1]") {
		t.Errorf("support too large: %v", err)
	}
}
