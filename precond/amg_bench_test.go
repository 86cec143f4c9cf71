package precond_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
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

// BenchmarkAMGCycles compares the cycles, each with the hierarchy in float32 and in
// float64, by CG to 1e-8: iterations, the least times of set-up and solve over the rounds,
// and the sum of both as a multiple of the default's. The contenders take turns in each
// round.
func BenchmarkAMGCycles(b *testing.B) {
	type problem struct {
		name  string
		large bool
		make  func(testing.TB) *hvp.CSR
	}
	problems := []problem{
		{"5-point 1024²", false, func(t testing.TB) *hvp.CSR { return laplacian(t, 0.01, 1024, 1024) }},
		{"7-point 64³", false, func(t testing.TB) *hvp.CSR { return laplacian(t, 0, 64, 64, 64) }},
		{"7-point 128³", true, func(t testing.TB) *hvp.CSR { return laplacian(t, 0, 128, 128, 128) }},
		{"anisotropic 1e-3, 256²", false, func(t testing.TB) *hvp.CSR { return diffusion(t, 256, constant(1), constant(1e-3), false, 0) }},
		{"checkerboard 1e6, 256²", false, func(t testing.TB) *hvp.CSR {
			k := checkerboard(1e6, 8)
			return diffusion(t, 256, k, k, false, 0)
		}},
		{"random 1e±6, 256²", false, func(t testing.TB) *hvp.CSR {
			rng := rand.New(rand.NewPCG(3, 3))
			v := make([]float64, 256*256)
			for i := range v {
				v[i] = math.Pow(10, 12*rng.Float64()-6)
			}
			k := func(i, j int) float64 { return v[i*256+j] }
			return diffusion(t, 256, k, k, false, 0)
		}},
		{"neumann + 1e-10, 256²", false, func(t testing.TB) *hvp.CSR { return diffusion(t, 256, constant(1), constant(1), true, 1e-10) }},
	}
	for _, name := range spdMatrices {
		problems = append(problems, problem{name, false, func(t testing.TB) *hvp.CSR { return readSPD(t, name) }})
	}
	for _, p := range problems {
		b.Run(p.name, func(b *testing.B) {
			if p.large && testing.Short() {
				b.Skip("large")
			}
			a := p.make(b)
			n, _ := a.Dims()
			x, rhs := make([]float64, n), make([]float64, n)
			if err := a.Apply(b.Context(), rhs, random(n)); err != nil {
				b.Fatal(err)
			}
			type contender struct {
				set          precond.AMGSettings
				its          int
				failed       krylov.Status
				setup, solve time.Duration
			}
			var all []*contender
			for _, double := range []bool{false, true} {
				for _, cycle := range []precond.Cycle{precond.WCycle, precond.VCycle, precond.KCycle} {
					s := precond.AMGSettings{Cycle: cycle, Double: double}
					if n < 10_000 {
						s.CoarseSize = 50
					}
					all = append(all, &contender{set: s, setup: time.Hour, solve: time.Hour})
				}
			}
			for b.Loop() {
				for _, c := range all {
					begin := time.Now()
					m, err := precond.NewAMG(b.Context(), a, &c.set)
					if err != nil {
						b.Fatal(err)
					}
					c.setup = min(c.setup, time.Since(begin))
					begin = time.Now()
					res, err := krylov.Solve(b.Context(), a, x, rhs, &krylov.Settings{Precond: m, RTol: 1e-8, MaxIter: 500})
					var e *krylov.Error
					if errors.As(err, &e) {
						c.failed = res.Status
					}
					c.solve = min(c.solve, time.Since(begin))
					c.its = res.Iterations
				}
			}
			first := all[0].setup + all[0].solve
			for _, c := range all {
				precision, end := "float32", ""
				if c.set.Double {
					precision = "float64"
				}
				if c.failed != krylov.NotSolved {
					end = ", " + c.failed.String()
				}
				b.Logf("%v, %s: %3d iterations, set-up %7.1f ms, solve %8.1f ms, %.2f of the default%s", c.set.Cycle, precision, c.its,
					ms(c.setup), ms(c.solve), float64(c.setup+c.solve)/float64(first), end)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
