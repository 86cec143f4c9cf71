package hvp_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

var stencilShapes = [][]int{
	{1}, {2}, {3}, {300}, {9000},
	{1, 1}, {1, 7}, {7, 1}, {2, 2}, {5, 8}, {90, 101},
	{1, 1, 1}, {1, 1, 6}, {1, 6, 1}, {6, 1, 1}, {2, 2, 2}, {4, 5, 3}, {23, 21, 22},
}

func TestStencilsKeepTheContract(t *testing.T) {
	for _, shape := range stencilShapes {
		a := must[*hvp.Stencil](t)(hvp.NewStencil(1.5, 0.25, shape...))
		if n, _ := a.Dims(); n > 10_000 && raceEnabled {
			continue // a minute; smaller ones have several blocks, too
		}
		t.Run(fmt.Sprint(shape), func(t *testing.T) {
			hvptest.TestOperator(t, a, nil)
			hvptest.TestOperator(t, must[*hvp.CSR](t)(a.Assemble()), nil)
		})
	}
}

// TestStencilIsItsMatrix: the assembled matrix is valid, has the entries of the
// definition, and its products are those of the stencil.
func TestStencilIsItsMatrix(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	for _, shape := range stencilShapes {
		const c, s = 0.75, -0.125
		a := must[*hvp.Stencil](t)(hvp.NewStencil(c, s, shape...))
		m := must[*hvp.CSR](t)(a.Assemble())
		n, _ := a.Dims()
		rowPtr, col, val := m.RawCSR()
		if _, err := hvp.NewCSR(n, n, rowPtr, col, val); err != nil {
			t.Fatalf("%v: %v", shape, err)
		}
		if m.NNZ() != a.NNZ() {
			t.Errorf("%v: %d entries, announced %d", shape, m.NNZ(), a.NNZ())
		}
		// The definition: nodes are neighbours if one coordinate differs by one.
		coordinates := func(i int) (at [3]int) {
			for d := len(shape) - 1; d >= 0; d-- {
				at[d] = i % shape[d]
				i /= shape[d]
			}
			return at
		}
		if n <= 300 {
			for i := range n {
				for j := range n {
					distance := 0
					for d, v := range coordinates(i) {
						distance += max(v-coordinates(j)[d], coordinates(j)[d]-v)
					}
					want := [3]float64{2*float64(len(shape))*c + s, -c}[min(distance, 2)]
					if got := m.At(i, j); got != want {
						t.Errorf("%v: entry (%d,%d) is %v, want %v", shape, i, j, got, want)
					}
				}
			}
		}
		x, got, want := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		if err := a.Apply(context.Background(), got, x); err != nil {
			t.Fatal(err)
		}
		if err := m.Apply(context.Background(), want, x); err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if math.Abs(got[i]-want[i]) > 1e-14*(1+math.Abs(want[i])) {
				t.Errorf("%v: row %d is %v, assembled %v", shape, i, got[i], want[i])
			}
		}
		y := make([]float64, n)
		size, sum := 0.0, 0.0
		for i := range y {
			y[i] = rng.NormFloat64()
			sum += y[i] * got[i]
			size += math.Abs(y[i] * got[i])
		}
		form, err := a.Form(context.Background(), x, y)
		if err != nil || math.Abs(form-sum) > 1e-13*(1+size) {
			t.Errorf("%v: form %v, by the product %v, %v", shape, form, sum, err)
		}
		for _, workers := range []int{1, 2, 3, 7} {
			if again, _ := a.Form(hvp.WithWorkers(context.Background(), workers), x, y); again != form {
				t.Errorf("%v: %d workers change the form", shape, workers)
			}
		}
		if _, err := a.Form(context.Background(), x, y[1:]); err == nil {
			t.Errorf("%v: a short vector was taken", shape)
		}
		if hvp.StructureOf(a) != hvp.StructureOf(m) {
			t.Errorf("%v: promises %v, assembled %v", shape, hvp.StructureOf(a), hvp.StructureOf(m))
		}
	}
}

// TestStencilEigenvalues: sine waves are eigenvectors.
func TestStencilEigenvalues(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	for _, shape := range stencilShapes {
		a := must[*hvp.Stencil](t)(hvp.NewStencil(2, -3, shape...))
		n, _ := a.Dims()
		x, ax := make([]float64, n), make([]float64, n)
		k := make([]int, len(shape))
		for d, m := range shape {
			k[d] = 1 + rng.IntN(m)
		}
		for i := range x {
			x[i] = 1
			rest := i
			for d := len(shape) - 1; d >= 0; d-- {
				x[i] *= math.Sin(float64(k[d]*(rest%shape[d]+1)) * math.Pi / float64(shape[d]+1))
				rest /= shape[d]
			}
		}
		if err := a.Apply(context.Background(), ax, x); err != nil {
			t.Fatal(err)
		}
		for i, mu := 0, a.Eigenvalue(k...); i < n; i++ {
			if math.Abs(ax[i]-mu*x[i]) > 1e-12 { // the argument of the sine is off by 1e-12 at most
				t.Fatalf("%v, mode %v: row %d is %v, want %v", shape, k, i, ax[i], mu*x[i])
			}
		}
	}
}

func TestStencilPromises(t *testing.T) {
	least := 2 * 4 * math.Pow(math.Sin(math.Pi/2/11), 2) // of L on 10×10 nodes
	for _, c := range []struct {
		c, s float64
		want hvp.Structure
	}{
		{1, 0, hvp.SPD}, {0, 1, hvp.SPD}, {1e-300, 0, hvp.SPD}, {2, 3, hvp.SPD},
		{0, 0, hvp.Symmetric | hvp.Semidefinite | hvp.Singular},
		{1, -0.99 * least, hvp.SPD}, {1, -least, hvp.Symmetric}, {1, -1.01 * least, hvp.Symmetric},
		{-1, 0, hvp.Symmetric}, {-1, 7, hvp.Symmetric}, {-1, 9, hvp.SPD}, {0, -1, hvp.Symmetric},
	} {
		a := must[*hvp.Stencil](t)(hvp.NewStencil(c.c, c.s, 10, 10))
		if got := hvp.StructureOf(a); got != c.want {
			t.Errorf("%g·L %+g·I promises %v, want %v", c.c, c.s, got, c.want)
		}
	}
}

func TestStencilBadInput(t *testing.T) {
	for what, f := range map[string]func() (*hvp.Stencil, error){
		"no dimension":    func() (*hvp.Stencil, error) { return hvp.NewStencil(1, 0) },
		"four dimensions": func() (*hvp.Stencil, error) { return hvp.NewStencil(1, 0, 2, 2, 2, 2) },
		"no nodes":        func() (*hvp.Stencil, error) { return hvp.NewStencil(1, 0, 3, 0) },
		"too many nodes":  func() (*hvp.Stencil, error) { return hvp.NewStencil(1, 0, 1<<31, 1<<31) },
		"NaN":             func() (*hvp.Stencil, error) { return hvp.NewStencil(math.NaN(), 0, 3) },
		"overflow":        func() (*hvp.Stencil, error) { return hvp.NewStencil(1e308, 0, 3) },
		"Inf":             func() (*hvp.Stencil, error) { return hvp.NewStencil(1, math.Inf(-1), 3) },
	} {
		if _, err := f(); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	large := must[*hvp.Stencil](t)(hvp.NewStencil(1, 0, 1<<16, 1<<16))
	if _, err := large.Assemble(); err == nil {
		t.Error("a matrix of 2^32 rows was assembled")
	}
	if got, want := large.NNZ(), 5<<32-4<<16; got != want {
		t.Errorf("%d entries, want %d", got, want)
	}
}

// BenchmarkStencilProduct prints the time of the product with the assembled
// matrix over that with the stencil, in turns, and the bandwidth of the latter
// over that of a dot product of the same length.
func BenchmarkStencilProduct(b *testing.B) {
	for _, shape := range [][]int{{2048, 2048}, {160, 160, 160}} {
		a := must[*hvp.Stencil](b)(hvp.NewStencil(1, 0.5, shape...))
		m := must[*hvp.CSR](b)(a.Assemble())
		n, _ := a.Dims()
		x, y := make([]float64, n), make([]float64, n)
		for i := range x {
			x[i] = math.Sin(0.01 * float64(i))
		}
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%v/workers=%d", shape, workers), func(b *testing.B) {
				ctx := hvp.WithWorkers(context.Background(), workers)
				var ratios, ofDot, perRow []float64
				seconds := func(a hvp.Operator) float64 {
					begin := time.Now()
					if err := a.Apply(ctx, y, x); err != nil {
						b.Fatal(err)
					}
					return time.Since(begin).Seconds()
				}
				for b.Loop() {
					assembled, free := seconds(m), seconds(a)
					begin := time.Now()
					parallel.Dot(parallel.Team(workers), x, y)
					dot := time.Since(begin).Seconds()
					ratios, ofDot, perRow = append(ratios, assembled/free), append(ofDot, dot/free), append(perRow, free/float64(n)*1e9)
				}
				for unit, v := range map[string][]float64{"assembled/stencil": ratios, "of-dot": ofDot, "ns/row": perRow} {
					slices.Sort(v)
					b.ReportMetric(v[len(v)/2], unit)
				}
			})
		}
	}
}

// BenchmarkStencilAssembly prints how long the matrix takes.
func BenchmarkStencilAssembly(b *testing.B) {
	a := must[*hvp.Stencil](b)(hvp.NewStencil(1, 0.5, 2048, 2048))
	for b.Loop() {
		if _, err := a.Assemble(); err != nil {
			b.Fatal(err)
		}
	}
}
