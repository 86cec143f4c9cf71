package problems_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/problems"
)

// TestDenoisePanels: products of panels in single precision, of images that are narrower
// and wider than a tile and lower and higher than a band, agree with those of one image,
// and so do solves.
func TestDenoisePanels(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		rows, cols int
		set        problems.DenoiseSettings
	}{
		{40, 71, problems.DenoiseSettings{}},
		{3, 3, problems.DenoiseSettings{}},
		{33, 64, problems.DenoiseSettings{LearnFilters: true}},
		{70, 5, problems.DenoiseSettings{StoreWeights: true}},
		{36, 130, problems.DenoiseSettings{FilterSize: 5}},
		{35, 66, problems.DenoiseSettings{FilterSize: 7, LearnFilters: true, Potential: problems.Lorentzian}},
	} {
		t.Run(fmt.Sprintf("%d×%d %+v", c.rows, c.cols, c.set), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(41, 1))
			n := c.rows * c.cols
			clean := make([]float64, n)
			for i := range clean {
				clean[i] = 255 * rng.Float64()
			}
			d, err := problems.NewDenoise(clean, problems.AddNoise(clean, 20, 1), c.rows, c.cols, &c.set)
			if err != nil {
				t.Fatal(err)
			}
			for _, logWeight := range []float64{-1, 0.5} { // the second time with other weights and filters
				w := d.Default(logWeight)
				if c.set.LearnFilters {
					for i := range w {
						w[i] += 0.02 * rng.NormFloat64()
					}
				}
				y := append([]float64(nil), d.Noisy()...)
				lin, err := d.Linearize(ctx, y, w)
				if err != nil {
					t.Fatal(err)
				}
				if _, ok := hvp.BlockRowsSingle(lin.Y); !ok {
					t.Fatal("no products in single precision")
				}
				hvptest.TestOperator(t, lin.Y, &hvptest.Options{Tol: 1e-11})
				if n < 4500 || c.set.Potential == problems.Lorentzian {
					continue
				}
				const k = 5
				b, x := make([]float64, n*k), make([]float64, n*k)
				for i := range b {
					b[i] = rng.NormFloat64()
				}
				results, err := new(krylov.BlockCG).SolveBlock(ctx, lin.Y, x, b, k, &krylov.Settings{RTol: 1e-10})
				if err != nil {
					t.Fatal(err)
				}
				one, rhs := make([]float64, n), make([]float64, n)
				for l := range k {
					for i := range rhs {
						rhs[i] = b[i*k+l]
					}
					res, err := new(krylov.CG).Solve(ctx, lin.Y, one, rhs, &krylov.Settings{RTol: 1e-10})
					if err != nil {
						t.Fatal(err)
					}
					if more := results[l].Iterations - res.Iterations; more > 3+res.Iterations/10 {
						t.Errorf("column %d: %d iterations, alone %d", l, results[l].Iterations, res.Iterations)
					}
					var diff, size float64
					for i, v := range one {
						diff = max(diff, v-x[i*k+l], x[i*k+l]-v)
						size = max(size, v, -v)
					}
					if diff > 1e-8*size {
						t.Errorf("column %d: off by %v of %v", l, diff, size)
					}
				}
			}
		})
	}
}

// TestDenoisePanelsConcurrent: products that assemble the matrix from several goroutines at
// once have the bits of a single one, after other weights too, and allocate nothing from the
// second on.
func TestDenoisePanelsConcurrent(t *testing.T) {
	const rows, cols, k = 100, 37, 8
	d := newDenoise(t, rows, cols, nil)
	const n = rows * cols
	x, y := make([]float32, n*k), make([]float32, n*k)
	for i := range x {
		x[i] = float32(math.Sin(float64(i)))
	}
	var before []float32
	for _, logWeight := range []float64{-1, 1} {
		want := make([]float32, n*k)
		linearize := func() hvp.SingleBlockRanger {
			lin, err := d.Linearize(t.Context(), d.Noisy(), d.Default(logWeight))
			if err != nil {
				t.Fatal(err)
			}
			r, ok := hvp.BlockRowsSingle(lin.Y)
			if !ok {
				t.Fatal("no products in single precision")
			}
			return r
		}
		linearize().ApplyBlockRowsSingle(want, x, k, 0, n)
		if slices.Equal(want, before) {
			t.Fatal("the matrix of other weights")
		}
		before = want
		r := linearize()
		var wg sync.WaitGroup
		for lo := 0; lo < n; lo += 501 {
			wg.Go(func() { r.ApplyBlockRowsSingle(y[lo*k:min(lo+501, n)*k], x, k, lo, min(lo+501, n)) })
		}
		wg.Wait()
		if !slices.Equal(y, want) {
			t.Fatal("other bits")
		}
		if allocs := testing.AllocsPerRun(10, func() { r.ApplyBlockRowsSingle(y, x, k, 0, n) }); allocs > 0 && !raceEnabled {
			t.Errorf("%v allocations per product", allocs)
		}
	}
}

// TestDenoisePanelsDouble: columns of products of panels in double precision are as accurate
// as those of one image, for stored weights and coarse grids too, at any number of workers,
// after other weights too, and allocate nothing from the second on.
func TestDenoisePanelsDouble(t *testing.T) {
	const rows = 35
	for _, c := range []struct { // images wider than a tile
		name   string
		cols   int
		set    problems.DenoiseSettings
		coarse bool
	}{
		{"charbonnier", 261, problems.DenoiseSettings{Epsilon: 0.1}, false},
		{"stored", 261, problems.DenoiseSettings{StoreWeights: true}, false},
		{"filters", 133, problems.DenoiseSettings{LearnFilters: true, FilterSize: 5}, false},
		{"lorentzian", 71, problems.DenoiseSettings{Potential: problems.Lorentzian, FilterSize: 7}, false},
		{"coarse", 261, problems.DenoiseSettings{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := t.Context()
			d := newDenoise(t, rows, c.cols, &c.set)
			var before []float64
			for _, logWeight := range []float64{-1, 3} {
				for _, k := range []int{1, 3, 8} {
					linearize := func() hvp.Operator {
						w := d.Default(logWeight)
						w[len(w)-1] *= 1.01
						lin, err := d.Linearize(ctx, d.Noisy(), w)
						if err != nil {
							t.Fatal(err)
						}
						if !c.coarse {
							return lin.Y
						}
						a, _, _, _, err := lin.Y.(hvp.Coarsener).Coarsen(ctx)
						if err != nil {
							t.Fatal(err)
						}
						return a
					}
					a := linearize()
					n, _ := a.Dims()
					x, want := make([]float64, n*k), make([]float64, n*k)
					for i := range x {
						x[i] = 128 + math.Sin(float64(i))
					}
					if _, told := hvp.Block(a); told != kernel.SinglePanels() {
						t.Fatalf("hvp.Block: %v", told)
					}
					panel := a.(hvp.Blocker)
					if err := panel.ApplyBlock(ctx, want, x, k); err != nil {
						t.Fatal(err)
					}
					if slices.Equal(want, before) {
						t.Fatal("the matrix of other weights")
					}
					before = want
					one, out, diag := make([]float64, n), make([]float64, n), make([]float64, n)
					if err := a.(hvp.Diagonaler).Diag(diag); err != nil {
						t.Fatal(err)
					}
					size := 0.0 // of the largest Σ|a_ij·x_j|, up to a factor
					for _, v := range diag {
						size = max(size, 129*v)
					}
					for l := range k {
						for i := range one {
							one[i] = x[i*k+l]
						}
						if err := a.Apply(ctx, out, one); err != nil {
							t.Fatal(err)
						}
						for i, v := range out {
							if got := want[i*k+l]; !(math.Abs(got-v) <= 2e-14*size) {
								t.Fatalf("k = %d: row %d of column %d is %v, want %v", k, i, l, got, v)
							}
						}
					}
					if k < 8 {
						continue
					}
					got := make([]float64, n*k)
					for _, workers := range []int{1, 2, 3, 7} {
						if err := linearize().(hvp.Blocker).ApplyBlock(hvp.WithWorkers(ctx, workers), got, x, k); err != nil {
							t.Fatal(err)
						}
						if !slices.Equal(got, want) {
							t.Fatalf("k = %d: other bits with %d workers", k, workers)
						}
					}
					alone := hvp.WithWorkers(ctx, 1)
					if allocs := testing.AllocsPerRun(5, func() { panel.ApplyBlock(alone, got, x, k) }); allocs > 0 && !raceEnabled {
						t.Errorf("k = %d: %v allocations per product", k, allocs)
					}
				}
			}
		})
	}
}

// TestDenoisePanelsRange: weights that single precision does not hold are solved with in
// double precision.
func TestDenoisePanelsRange(t *testing.T) {
	const n, k = 72, 2
	d := newDenoise(t, n, n, nil)
	for _, logWeight := range []float64{80, 95} {
		lin, err := d.Linearize(t.Context(), d.Noisy(), d.Default(logWeight))
		if err != nil {
			t.Fatal(err)
		}
		b := make([]float64, n*n*k)
		for i := range b {
			b[i] = math.Sin(float64(i))
		}
		one, product := make([]float64, n*n), make([]float64, n*n)
		for l := range k { // in the range of the large part
			for i := range one {
				one[i] = b[i*k+l]
			}
			if err := lin.Y.Apply(t.Context(), product, one); err != nil {
				t.Fatal(err)
			}
			for i, v := range product {
				b[i*k+l] = v
			}
		}
		set := &krylov.Settings{RTol: 1e-3}
		x := make([]float64, n*n*k)
		results, err := new(krylov.BlockCG).SolveBlock(t.Context(), lin.Y, x, b, k, set)
		if err != nil {
			t.Fatal(err)
		}
		clear(x)
		double, err := (&krylov.BlockCG{Double: true}).SolveBlock(t.Context(), lin.Y, x, b, k, set)
		if err != nil {
			t.Fatal(err)
		}
		for l, r := range results {
			if more := r.Iterations - double[l].Iterations; more > 10 {
				t.Errorf("e^%v: column %d: %d iterations, %d in double precision", logWeight, l, r.Iterations, double[l].Iterations)
			}
		}
	}
}

// TestDenoiseBandwidth: the farthest pixel that is coupled with one.
func TestDenoiseBandwidth(t *testing.T) {
	for _, size := range []int{3, 5, 7} {
		const rows, cols = 14, 15
		lin, err := newDenoise(t, rows, cols, &problems.DenoiseSettings{FilterSize: size}).Linearize(t.Context(), make([]float64, rows*cols), make([]float64, size*size-1))
		if err != nil {
			t.Fatal(err)
		}
		x, y, widest := make([]float64, rows*cols), make([]float64, rows*cols), 0
		for j := range x {
			x[j] = 1
			if err := lin.Y.Apply(t.Context(), y, x); err != nil {
				t.Fatal(err)
			}
			x[j] = 0
			for i, v := range y {
				if v != 0 {
					widest = max(widest, i-j, j-i)
				}
			}
		}
		if got := lin.Y.(interface{ Bandwidth() int }).Bandwidth(); got != widest {
			t.Errorf("filters of size %d: bandwidth %d, want %d", size, got, widest)
		}
	}
}
