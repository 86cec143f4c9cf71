package krylov_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
)

// randomSPD is a symmetric, diagonally dominant matrix with about m entries per
// row at random places near the diagonal.
func randomSPD(b *testing.B, n, m int) *hvp.CSR {
	rng := rand.New(rand.NewPCG(21, 1))
	var i, j []int32
	var v []float64
	for r := range n {
		i, j, v = append(i, int32(r)), append(j, int32(r)), append(v, float64(m))
		for range m / 2 {
			if c := r + 1 + rng.IntN(n/8); c < n {
				w := rng.Float64()
				i, j, v = append(i, int32(r), int32(c)), append(j, int32(c), int32(r)), append(v, w, w)
			}
		}
	}
	a, err := hvp.NewCSRFromTriplets(n, n, i, j, v)
	if err != nil {
		b.Fatal(err)
	}
	if a, err = a.Promise(hvp.SPD); err != nil {
		b.Fatal(err)
	}
	return a
}

// BenchmarkBlockCG prints the time of an iteration of block CG with 8 right-hand
// sides over that of CG with one, in turn within one run ("x-cg1"): 8 means that
// the block gains nothing.
//
//	go test ./krylov -run '^$' -bench BlockCG -benchtime 5x
func BenchmarkBlockCG(b *testing.B) {
	assembled := func(n ...int) hvp.Operator {
		s, err := hvp.NewStencil(1, 0.01, n...)
		if err != nil {
			b.Fatal(err)
		}
		a, err := s.Assemble()
		if err != nil {
			b.Fatal(err)
		}
		return a
	}
	for _, c := range []struct {
		name string
		a    func() hvp.Operator
	}{
		{"5 points 200²", func() hvp.Operator { return assembled(200, 200) }},
		{"5 points 1000²", func() hvp.Operator { return assembled(1000, 1000) }},
		{"7 points 60³", func() hvp.Operator { return assembled(60, 60, 60) }},
		{"random, 28 per row, n = 20000", func() hvp.Operator { return randomSPD(b, 20000, 27) }},
		{"random, 28 per row, n = 400000", func() hvp.Operator { return randomSPD(b, 400000, 27) }},
		{"random, 100 per row, n = 100000", func() hvp.Operator { return randomSPD(b, 100000, 99) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			const k = 8
			a := c.a()
			n, _ := a.Dims()
			rng := rand.New(rand.NewPCG(22, 1))
			rhs, x := make([]float64, n*k), make([]float64, n*k)
			for i := range rhs {
				rhs[i] = rng.NormFloat64()
			}
			one, block := new(krylov.CG), new(krylov.BlockCG)
			s := &krylov.Settings{MaxIter: 50, RTol: 1e-300}
			var times [2][]float64
			for b.Loop() {
				res, _ := one.Solve(context.Background(), a, x[:n], rhs[:n], s)
				times[0] = append(times[0], res.Elapsed.Seconds()/float64(res.Iterations))
				results, _ := block.SolveBlock(context.Background(), a, x, rhs, k, s)
				last := results[k-1] // of the last group
				times[1] = append(times[1], last.Elapsed.Seconds()/float64(last.Iterations))
			}
			ratios := make([]float64, len(times[0]))
			for i := range ratios {
				ratios[i] = times[1][i] / times[0][i]
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "x-cg1")
			b.ReportMetric(1e9*slices.Min(times[0])/float64(n), "cg1-ns/row")
			b.ReportMetric(1e9*slices.Min(times[1])/float64(n), "block-ns/row")
		})
	}
}
