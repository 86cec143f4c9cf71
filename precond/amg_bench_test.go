package precond_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
)

// BenchmarkAMG solves grid problems by CG with AMG to 1e-8 and reports
// iterations, set-up and solve seconds, the operator complexity and the cost
// per unknown of both together.
func BenchmarkAMG(b *testing.B) {
	for _, c := range []struct {
		dim   int
		m     int
		shift float64
	}{
		{2, 256, 0.01}, {2, 512, 0.01}, {2, 1024, 0.01}, {2, 1024, 1e-6}, {2, 2048, 0.01}, {2, 2048, 1e-6}, {2, 3162, 1e-6},
		{3, 64, 0}, {3, 128, 0},
	} {
		b.Run(fmt.Sprintf("%dd/%d/shift=%g", c.dim, c.m, c.shift), func(b *testing.B) {
			if testing.Short() && c.m > 1024 {
				b.Skip("large")
			}
			sizes := []int{c.m, c.m}
			if c.dim == 3 {
				sizes = append(sizes, c.m)
			}
			s, err := hvp.NewStencil(1, c.shift, sizes...)
			if err != nil {
				b.Fatal(err)
			}
			a, err := s.Assemble()
			if err != nil {
				b.Fatal(err)
			}
			n, _ := a.Dims()
			x, rhs := make([]float64, n), make([]float64, n)
			for i := range rhs {
				rhs[i] = 1
			}
			var setup, refresh, solve time.Duration
			var its int
			var op float64
			for b.Loop() {
				begin := time.Now()
				m, err := precond.NewAMG(context.Background(), a, nil)
				if err != nil {
					b.Fatal(err)
				}
				setup += time.Since(begin)
				begin = time.Now()
				res, err := krylov.Solve(context.Background(), a, x, rhs, &krylov.Settings{Precond: m, RTol: 1e-8})
				if err != nil {
					b.Fatal(err)
				}
				solve += time.Since(begin)
				its = res.Iterations
				op, _ = m.Complexity()
				begin = time.Now()
				if err := m.Refresh(context.Background(), a); err != nil {
					b.Fatal(err)
				}
				refresh += time.Since(begin)
			}
			runs := float64(b.N)
			b.ReportMetric(float64(its), "iterations")
			b.ReportMetric(setup.Seconds()/runs, "setup-s")
			b.ReportMetric(refresh.Seconds()/runs, "refresh-s")
			b.ReportMetric(solve.Seconds()/runs, "solve-s")
			b.ReportMetric((setup+solve).Seconds()*1e9/runs/float64(n), "ns/unknown")
			b.ReportMetric(op, "complexity")
			b.ReportMetric(0, "ns/op")
		})
	}
}
