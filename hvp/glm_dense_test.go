package hvp_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
)

// TestGLMDense compares the matrix with products of unit vectors, from few examples
// and from so many that they are summed in parts; the bits do not depend on the number
// of processors.
func TestGLMDense(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, c := range []struct{ rows, cols, perRow int }{{0, 3, 0}, {5, 1, 1}, {40, 7, 3}, {300, 65, 20}, {20_000, 30, 12}} {
		x := powerLaw(t, c.rows, c.cols, c.perRow)
		rng := rand.New(rand.NewPCG(2, 2))
		d, ridge := make([]float64, c.rows), make([]float64, c.cols)
		for i := range d {
			d[i] = rng.Float64()
		}
		for j := range ridge {
			ridge[j] = 1 + rng.Float64()
		}
		g, err := hvp.NewGLM(x, d, ridge)
		if err != nil {
			t.Fatal(err)
		}
		n := c.cols
		var first []float64
		for _, workers := range []int{1, 2, 3, 7} {
			runtime.GOMAXPROCS(workers)
			got := make([]float64, n*n)
			got[0] = math.NaN() // it is set, not added to
			if err := g.Dense(got); err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = got
			} else if !slices.Equal(first, got) {
				t.Errorf("%+v: other bits with %d processors", c, workers)
			}
		}
		e, column := make([]float64, n), make([]float64, n)
		for j := range n {
			clear(e)
			e[j] = 1
			if err := g.Apply(context.Background(), column, e); err != nil {
				t.Fatal(err)
			}
			for i, want := range column {
				if got := first[i*n+j]; math.Abs(got-want) > 1e-12*math.Sqrt(first[i*n+i]*first[j*n+j]) || got != first[j*n+i] {
					t.Fatalf("%+v: element %d, %d is %v, want %v", c, i, j, got, want)
				}
			}
		}
		if err := g.Dense(make([]float64, n*n+1)); err == nil {
			t.Error("a matrix of another size is no error")
		}
	}
	large, err := hvp.NewGLM(powerLaw(t, 3, 2000, 2), make([]float64, 3), make([]float64, 2000))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hvp.Assemble(large); !errors.Is(err, hvp.ErrNotAssembled) {
		t.Errorf("a model of 2000 features: %v", err)
	}
}
