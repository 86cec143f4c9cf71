package problems_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
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
