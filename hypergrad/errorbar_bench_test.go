package hypergrad_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/krylov"
)

// BenchmarkErrorBarTogether prints the time of the adjoint q to 1e-10 and the Newton
// step d to a tenth as one system of two columns (BlockCG; the second column scaled so
// that one absolute tolerance serves both), as a multiple of that of the two solved
// one after another by CG, each the least of three, in turn.
func BenchmarkErrorBarTogether(b *testing.B) {
	const m = 60
	ctx := context.Background()
	for _, c := range []struct {
		name   string
		points int
	}{{"stencil", 0}, {"csr7", 7}, {"csr27", 27}} {
		b.Run(c.name, func(b *testing.B) {
			p := newGrid(b, m, c.points, false)
			n, _ := p.Dims()
			slope, g := make([]float64, n), make([]float64, n)
			for i := range slope {
				slope[i], g[i] = math.Sin(float64(i*i)), 1e-3*math.Cos(float64(3*i))
			}
			const rtol, loose = 1e-10, 0.1
			scale := rtol / loose * parallel.Norm(0, slope) / parallel.Norm(0, g)
			panel, x := make([]float64, 2*n), make([]float64, 2*n)
			for i := range slope {
				panel[2*i], panel[2*i+1] = slope[i], scale*g[i]
			}
			var cg krylov.CG
			var block krylov.BlockCG
			least := func(best *time.Duration, f func() error) {
				begin := time.Now()
				if err := f(); err != nil {
					b.Fatal(err)
				}
				if d := time.Since(begin); *best == 0 || d < *best {
					*best = d
				}
			}
			for b.Loop() {
				var apart, together time.Duration
				for range 3 {
					least(&apart, func() error {
						if _, err := cg.Solve(ctx, p.a, x[:n], slope, &krylov.Settings{RTol: rtol}); err != nil {
							return err
						}
						_, err := cg.Solve(ctx, p.a, x[n:], g, &krylov.Settings{RTol: loose})
						return err
					})
					least(&together, func() error {
						_, err := block.SolveBlock(ctx, p.a, x, panel, 2, &krylov.Settings{ATol: rtol * parallel.Norm(0, slope)})
						return err
					})
				}
				b.ReportMetric(float64(together)/float64(apart), "together/apart")
			}
		})
	}
}
