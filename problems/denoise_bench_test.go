package problems_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/problems"
)

// BenchmarkDenoiseHVP prints the cost of one Hessian product per pixel, with
// the weights recomputed and stored.
func BenchmarkDenoiseHVP(b *testing.B) {
	for _, n := range []int{1024, 2048} {
		for _, s := range []problems.DenoiseSettings{{}, {StoreWeights: true}, {Potential: problems.Lorentzian}, {LearnFilters: true}} {
			d := newDenoise(b, n, n, &s)
			w := d.Default(1)
			w[len(w)-1] *= 1.01
			lin, err := d.Linearize(context.Background(), d.Noisy(), w)
			if err != nil {
				b.Fatal(err)
			}
			dst := make([]float64, n*n)
			for _, workers := range []int{1, 2} {
				b.Run(fmt.Sprintf("%d/%v/stored=%v/filters=%v/workers=%d", n, s.Potential, s.StoreWeights, s.LearnFilters, workers), func(b *testing.B) {
					ctx := hvp.WithWorkers(context.Background(), workers)
					b.ReportAllocs()
					for b.Loop() {
						if err := lin.Y.Apply(ctx, dst, d.Clean()); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n*n), "ns/pixel")
				})
			}
		}
	}
}
