package krylov_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/krylov"
)

// nothing is an operator that costs nothing: the time of a solve with it is that
// of the vector updates alone. It scales each block by a factor of its own, so
// that no method converges at once.
type nothing struct{ n int }

func (a nothing) Dims() (int, int)         { return a.n, a.n }
func (a nothing) Structure() hvp.Structure { return hvp.SPD }
func (a nothing) RowGrain() int            { return 0 }
func (a nothing) Apply(ctx context.Context, dst, x []float64) error {
	parallel.For(parallel.FromContext(ctx), a.n, func(lo, hi int) { a.ApplyRows(dst, x, lo, hi) })
	return nil
}
func (a nothing) ApplyRows(dst, x []float64, lo, hi int) {
	d, s, f := dst[lo:hi], x[lo:hi], 1+float64(lo)
	d = d[:len(s)]
	for i, v := range s {
		d[i] = v * f
	}
}

// BenchmarkUpdateBandwidth prints the memory bandwidth that the vector updates
// of each method reach, by its traffic model, relative to that of a dot product
// of the same length measured in the same round.
func BenchmarkUpdateBandwidth(b *testing.B) {
	const n = 4_000_000
	x, rhs := make([]float64, n), sine(n)
	for _, name := range []string{"cg", "minres"} {
		b.Run(name, func(b *testing.B) {
			m := newMethod(b, name)
			s := &krylov.Settings{MaxIter: 20, RTol: 1e-14}
			var ratios, rates []float64
			if _, err := m.Solve(context.Background(), nothing{n}, x, rhs, s); err == nil {
				b.Fatal("converged: nothing to measure")
			}
			for b.Loop() {
				begin := time.Now()
				const dots = 40
				for range dots {
					parallel.Dot(0, x, rhs)
				}
				dot := 16 * float64(n) * dots / time.Since(begin).Seconds()
				res, _ := m.Solve(context.Background(), nothing{n}, x, rhs, s)
				rate := float64(res.Bytes) / res.Elapsed.Seconds()
				rates, ratios = append(rates, rate/1e9), append(ratios, rate/dot)
			}
			slices.Sort(ratios)
			slices.Sort(rates)
			b.ReportMetric(rates[len(rates)/2], "GB/s")
			b.ReportMetric(ratios[len(ratios)/2], "of-dot")
		})
	}
}
