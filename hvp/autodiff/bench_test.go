package autodiff_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/autodiff"
	"github.com/hgsolve/hgsolve/problems"
)

// BenchmarkRatio prints what a Hessian product of differentiated code costs
// relative to the hand-written one, on the Charbonnier field of experts at
// 1024×1024. The contenders take turns within one run.
func BenchmarkRatio(b *testing.B) {
	const n = 1024
	for _, potential := range []problems.Potential{problems.Charbonnier, problems.Lorentzian} {
		s := problems.DenoiseSettings{Potential: potential}
		d := newDenoise(b, n, n, &s)
		e := denoiseEnergy(b, d, s)
		w := d.Default(1)
		ref, err := d.Linearize(context.Background(), d.Noisy(), w)
		if err != nil {
			b.Fatal(err)
		}
		dst := make([]float64, n*n)
		for _, store := range []bool{false, true} {
			lin, err := e.Linearize(context.Background(), d.Noisy(), w, &autodiff.Settings{StoreWeights: store})
			if err != nil {
				b.Fatal(err)
			}
			h := lin.Hessian()
			for _, workers := range []int{1, 2} {
				b.Run(fmt.Sprintf("%v/stored=%v/workers=%d", potential, store, workers), func(b *testing.B) {
					ctx := hvp.WithWorkers(context.Background(), workers)
					b.ReportAllocs()
					var hand, auto time.Duration
					for b.Loop() {
						start := time.Now()
						if err := ref.Y.Apply(ctx, dst, d.Clean()); err != nil {
							b.Fatal(err)
						}
						hand += time.Since(start)
						start = time.Now()
						if err := h.Apply(ctx, dst, d.Clean()); err != nil {
							b.Fatal(err)
						}
						auto += time.Since(start)
					}
					b.ReportMetric(float64(auto.Nanoseconds())/float64(b.N)/(n*n), "ns/pixel")
					b.ReportMetric(float64(hand.Nanoseconds())/float64(b.N)/(n*n), "hand-ns/pixel")
					b.ReportMetric(float64(auto)/float64(hand), "ratio")
				})
			}
		}
	}
}
