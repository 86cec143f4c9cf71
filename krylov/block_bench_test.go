package krylov_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

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

// BenchmarkBlockCG prints the time of block CG with k right-hand sides over that of CG
// with one, in turn within one run: of solves to 1e-8 ("x-solve:k=8") and of an iteration
// of fifty ("x-cg1:k=8"); k means that the block gains nothing.
//
//	go test ./krylov -run '^$' -bench BlockCG -benchtime 1x
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
	varying := func(a hvp.Operator) hvp.Operator { // D·A·D
		ptr, col, val := a.(*hvp.CSR).RawCSR()
		rng := rand.New(rand.NewPCG(23, 1))
		d, v := make([]float64, len(ptr)-1), slices.Clone(val)
		for i := range d {
			d[i] = 1 + rng.Float64()
		}
		for i, di := range d {
			for p := ptr[i]; p < ptr[i+1]; p++ {
				v[p] *= di * d[col[p]]
			}
		}
		m, err := hvp.NewCSR(len(d), len(d), ptr, col, v)
		if err != nil {
			b.Fatal(err)
		}
		if m, err = m.Promise(hvp.SPD); err != nil {
			b.Fatal(err)
		}
		return m
	}
	widths := []int{2, 3, 5, 8}
	for _, c := range []struct {
		name string
		a    func() hvp.Operator
	}{
		{"5 points 300²", func() hvp.Operator { return assembled(300, 300) }},
		{"5 points 300², values vary", func() hvp.Operator { return varying(assembled(300, 300)) }},
		{"5 points 1000²", func() hvp.Operator { return assembled(1000, 1000) }},
		{"7 points 60³", func() hvp.Operator { return assembled(60, 60, 60) }},
		{"random, 28 per row, n = 20000", func() hvp.Operator { return randomSPD(b, 20000, 27) }},
		{"random, 28 per row, n = 100000", func() hvp.Operator { return randomSPD(b, 100000, 27) }},
		{"random, 28 per row, n = 400000", func() hvp.Operator { return randomSPD(b, 400000, 27) }},
		{"random, 100 per row, n = 100000", func() hvp.Operator { return randomSPD(b, 100000, 99) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			a := c.a()
			n, _ := a.Dims()
			rng := rand.New(rand.NewPCG(22, 1))
			rhs, x := make([]float64, n*slices.Max(widths)), make([]float64, n*slices.Max(widths))
			for i := range rhs {
				rhs[i] = rng.NormFloat64()
			}
			one, block := new(krylov.CG), new(krylov.BlockCG)
			var alone []float64
			times := make([][]float64, len(widths)) // of an iteration with k columns
			ratios := func(name string, s *krylov.Settings, perIteration bool) {
				alone = alone[:0]
				clear(times)
				for range 3 {
					begin := time.Now()
					res, _ := one.Solve(context.Background(), a, x[:n], rhs[:n], s)
					per := 1.0
					if perIteration {
						per = float64(res.Iterations)
					}
					alone = append(alone, time.Since(begin).Seconds()/per)
					for i, k := range widths {
						begin := time.Now()
						results, _ := block.SolveBlock(context.Background(), a, x[:n*k], rhs[:n*k], k, s)
						if perIteration {
							per = float64(results[k-1].Iterations)
						}
						times[i] = append(times[i], time.Since(begin).Seconds()/per)
					}
				}
				for i, k := range widths {
					r := make([]float64, len(alone))
					for j := range r {
						r[j] = times[i][j] / alone[j]
					}
					slices.Sort(r)
					b.ReportMetric(r[len(r)/2], fmt.Sprintf("%s:k=%d", name, k))
				}
			}
			for b.Loop() {
				ratios("x-solve", &krylov.Settings{}, false)
				ratios("x-cg1", &krylov.Settings{MaxIter: 50, RTol: 1e-300}, true)
			}
			b.ReportMetric(1e9*slices.Min(alone)/float64(n), "cg1-ns/row")
		})
	}
}
