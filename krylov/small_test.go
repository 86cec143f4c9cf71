package krylov_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
)

// plainCG is a serial loop as one would write it down: no checks, no counters.
func plainCG(ptr []int, col []int32, val, x, b, r, p, q []float64, iterations int) {
	clear(x)
	copy(r, b)
	copy(p, b)
	rr := 0.0
	for _, v := range r {
		rr += v * v
	}
	for range iterations {
		pq := 0.0
		for i := range q {
			s := 0.0
			for k := ptr[i]; k < ptr[i+1]; k++ {
				s += val[k] * p[col[k]]
			}
			q[i] = s
			pq += s * p[i]
		}
		alpha, next := rr/pq, 0.0
		for i := range x {
			x[i] += alpha * p[i]
			r[i] -= alpha * q[i]
			next += r[i] * r[i]
		}
		beta := next / rr
		rr = next
		for i := range p {
			p[i] = r[i] + beta*p[i]
		}
	}
}

// BenchmarkSmallCG prints the time of an iteration of CG on small matrices over
// that of a plain serial loop, in turn within one run ("of-plain").
//
//	go test ./krylov -run '^$' -bench SmallCG -benchtime 200x
func BenchmarkSmallCG(b *testing.B) {
	for _, shape := range [][]int{{10}, {100}, {1000}, {32, 32}, {10, 10, 10}, {100, 100}} {
		b.Run(fmt.Sprint(shape), func(b *testing.B) {
			s, err := hvp.NewStencil(1, 0.01, shape...)
			if err != nil {
				b.Fatal(err)
			}
			a, err := s.Assemble()
			if err != nil {
				b.Fatal(err)
			}
			n, _ := a.Dims()
			ptr, col, val := a.RawCSR()
			rhs, x, r, p, q := sine(n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
			method := new(krylov.CG)
			// Without convergence, so that all take the same number of steps.
			const iterations = 100
			set := &krylov.Settings{MaxIter: iterations, RTol: 1e-300}
			var times [2][]float64
			for b.Loop() {
				begin := time.Now()
				res, _ := method.Solve(context.Background(), a, x, rhs, set)
				times[0] = append(times[0], time.Since(begin).Seconds()/float64(res.Iterations))
				begin = time.Now()
				plainCG(ptr, col, val, x, rhs, r, p, q, res.Iterations)
				times[1] = append(times[1], time.Since(begin).Seconds()/float64(res.Iterations))
			}
			ratios := make([]float64, len(times[0]))
			for i := range ratios {
				ratios[i] = times[0][i] / times[1][i]
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "of-plain")
			b.ReportMetric(1e9*slices.Min(times[0]), "ns/iteration")
			b.ReportMetric(1e9*slices.Min(times[1]), "plain-ns/iteration")
		})
	}
}
