package hvp_test

import (
	"fmt"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
)

// BenchmarkConvolution prints ns per pixel and filter tap of convolutions and
// adjoints, 3×3 to 7×7, and the ratios of the times per tap to that of 3×3 and of
// the time to that of one Axpy per tap and row, which is how other sizes were
// computed before. All run in turn within one run; times are the least ones.
//
//	go test ./hvp -run '^$' -bench Convolution -benchtime 30x
func BenchmarkConvolution(b *testing.B) {
	const side = 1024
	sizes := []int{3, 5, 7}
	x, dst := normals(1, side*side), make([]float64, side*side)
	for _, workers := range []int{1, 2} {
		for _, adjoint := range []bool{false, true} {
			b.Run(fmt.Sprintf("adjoint=%v/workers=%d", adjoint, workers), func(b *testing.B) {
				ctx := hvp.WithWorkers(b.Context(), workers)
				var run, plain []func()
				for _, n := range sizes {
					f := normals(uint64(n), n*n)
					c := must[*hvp.Convolution](b)(hvp.NewConvolution(side, side, f, n, n, hvp.Reflect))
					apply := c.Apply
					if adjoint {
						apply = c.ApplyTrans
					}
					run = append(run, func() {
						if err := apply(ctx, dst, x); err != nil {
							b.Fatal(err)
						}
					})
					plain = append(plain, func() { axpyConvolution(dst, x, side, f, n) })
				}
				least := make([]float64, 2*len(sizes))
				for b.Loop() {
					for i := range sizes {
						for j, f := range []func(){run[i], plain[i]} {
							if t := seconds(f); least[2*i+j] == 0 || t < least[2*i+j] {
								least[2*i+j] = t
							}
						}
					}
				}
				perTap := func(i int) float64 { return least[2*i] * 1e9 / (side * side) / float64(sizes[i]*sizes[i]) }
				for i, n := range sizes {
					b.ReportMetric(perTap(i), fmt.Sprintf("ns/tap-%d", n))
					b.ReportMetric(perTap(i)/perTap(0), fmt.Sprintf("of-3x3-%d", n))
					if workers == 1 {
						b.ReportMetric(least[2*i+1]/least[2*i], fmt.Sprintf("axpy/this-%d", n))
					}
				}
			})
		}
	}
}

// axpyConvolution is the interior of a convolution by one Axpy per tap and row, on
// one worker.
func axpyConvolution(dst, x []float64, side int, f []float64, n int) {
	r := n / 2
	for i := r; i < side-r; i++ {
		out := dst[i*side+r : (i+1)*side-r]
		clear(out)
		for a := n - 1; a >= 0; a-- {
			for c := n - 1; c >= 0; c-- {
				begin := (i+r-a)*side + 2*r - c
				kernel.Axpy(out, f[n*a+c], x[begin:begin+len(out)])
			}
		}
	}
}
