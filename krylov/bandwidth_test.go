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

// BenchmarkUpdateBandwidth prints the memory bandwidth that each method reaches, by
// its traffic model and what the matrix says that a product reads of it, relative
// to that of a dot product of the same length measured in the same round: of the
// vector updates alone, and with products.
//
//	go test ./krylov -run '^$' -bench UpdateBandwidth -benchtime 10x
func BenchmarkUpdateBandwidth(b *testing.B) {
	const side = 2000
	const n = side * side
	stencil, err := hvp.NewStencil(1, 0.01, side, side)
	if err != nil {
		b.Fatal(err)
	}
	assembled, err := stencil.Assemble()
	if err != nil {
		b.Fatal(err)
	}
	ptr, col, val := assembled.RawCSR()
	values := slices.Clone(val)
	for i := range n { // A + a diagonal that varies
		for k := ptr[i]; k < ptr[i+1]; k++ {
			if int(col[k]) == i {
				values[k] += float64(i % 3)
			}
		}
	}
	varying, err := hvp.NewCSR(n, n, ptr, col, values)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := varying.Promise(hvp.SPD); err != nil {
		b.Fatal(err)
	}
	x, rhs := make([]float64, n), sine(n)
	for _, c := range []struct {
		name, method string
		a            hvp.Operator
		read         int64 // of the matrix per product
	}{
		{"cg", "cg", nothing{n}, 0},
		{"minres", "minres", nothing{n}, 0},
		{"cg, stencil", "cg", stencil, 0},
		{"cg, 5 points", "cg", assembled, assembled.ProductTraffic()},
		{"cg, 5 points, varying", "cg", varying, varying.ProductTraffic()},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := newMethod(b, c.method)
			s := &krylov.Settings{MaxIter: 20, RTol: 1e-14}
			var ratios, rates []float64
			if _, err := m.Solve(context.Background(), c.a, x, rhs, s); err == nil {
				b.Fatal("converged: nothing to measure")
			}
			for b.Loop() {
				begin := time.Now()
				const dots = 40
				for range dots {
					parallel.Dot(0, x, rhs)
				}
				dot := 16 * float64(n) * dots / time.Since(begin).Seconds()
				res, _ := m.Solve(context.Background(), c.a, x, rhs, s)
				rate := float64(res.Bytes+int64(res.Products)*c.read) / res.Elapsed.Seconds()
				rates, ratios = append(rates, rate/1e9), append(ratios, rate/dot)
			}
			slices.Sort(ratios)
			slices.Sort(rates)
			b.ReportMetric(rates[len(rates)/2], "GB/s")
			b.ReportMetric(ratios[len(ratios)/2], "of-dot")
		})
	}
}
