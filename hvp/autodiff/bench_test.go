package autodiff_test

import (
	"context"
	"fmt"
	"math/rand/v2"
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
		for _, store := range []bool{false, true} {
			lin, err := e.Linearize(context.Background(), d.Noisy(), w, &autodiff.Settings{StoreWeights: store})
			if err != nil {
				b.Fatal(err)
			}
			for _, workers := range []int{1, 2} {
				b.Run(fmt.Sprintf("%v/stored=%v/workers=%d", potential, store, workers), func(b *testing.B) {
					contest(b, workers, ref.Y, lin.Hessian(), d.Clean())
				})
			}
		}
	}
}

// contest runs the products of two operators in turns.
func contest(b *testing.B, workers int, hand, auto hvp.Operator, x []float64) {
	ctx := hvp.WithWorkers(context.Background(), workers)
	var spent [2]time.Duration
	dst := make([]float64, len(x))
	for i, a := range []hvp.Operator{hand, auto} { // first products build what is kept
		if err := a.Apply(ctx, dst, x); err != nil {
			b.Fatal(i, err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		for i, a := range [2]hvp.Operator{hand, auto} {
			start := time.Now()
			if err := a.Apply(ctx, dst, x); err != nil {
				b.Fatal(err)
			}
			spent[i] += time.Since(start)
		}
	}
	each := float64(b.N) * float64(len(x))
	b.ReportMetric(float64(spent[1])/each, "ns/variable")
	b.ReportMetric(float64(spent[0])/each, "hand-ns/variable")
	b.ReportMetric(float64(spent[1])/float64(spent[0]), "ratio")
}

// BenchmarkLogisticRatio is the same for logistic regression on sparse random
// data: 40,000 examples with 8 of 20,000 features each.
func BenchmarkLogisticRatio(b *testing.B) {
	const m, n = 40000, 20000
	rng := rand.New(rand.NewPCG(1, 1))
	var i, j []int32
	var v []float64
	labels := make([]float64, m)
	for r := range m {
		labels[r] = float64(1 - 2*rng.IntN(2))
		for range 8 {
			i, j, v = append(i, int32(r)), append(j, int32(rng.IntN(n))), append(v, rng.NormFloat64())
		}
	}
	x, err := hvp.NewCSRFromTriplets(m, n, i, j, v)
	if err != nil {
		b.Fatal(err)
	}
	p, err := problems.NewLogistic(x, labels, x, labels, false)
	if err != nil {
		b.Fatal(err)
	}
	e := logisticEnergy(b, x, labels, autodiff.Shared(0), 1)
	y, w := gauss(1, n), []float64{0.5}
	ref, err := p.Linearize(context.Background(), y, w)
	if err != nil {
		b.Fatal(err)
	}
	for _, store := range []bool{false, true} {
		lin, err := e.Linearize(context.Background(), y, w, &autodiff.Settings{StoreWeights: store})
		if err != nil {
			b.Fatal(err)
		}
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("stored=%v/workers=%d", store, workers), func(b *testing.B) {
				contest(b, workers, ref.Y, lin.Hessian(), y)
			})
		}
	}
}
