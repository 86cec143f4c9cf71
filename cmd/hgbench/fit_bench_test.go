package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/formats"
	"github.com/hgsolve/hgsolve/problems"
)

// splitLogistic makes a problem of a data set: every fourth example is held out.
func splitLogistic(b *testing.B, path string) *problems.Logistic {
	if _, err := os.Stat(path); err != nil {
		b.Skip(err)
	}
	f, err := formats.ReadLIBSVMFile(path, nil)
	if err != nil {
		b.Fatal(err)
	}
	type part struct {
		ptr   []int
		col   []int32
		val   []float64
		label []float64
	}
	parts := [2]part{{ptr: []int{0}}, {ptr: []int{0}}}
	high := f.Labels[0]
	for _, l := range f.Labels {
		high = max(high, l)
	}
	for i, l := range f.Labels {
		p := &parts[0]
		if i%4 == 3 {
			p = &parts[1]
		}
		p.col = append(p.col, f.Col[f.RowPtr[i]:f.RowPtr[i+1]]...)
		p.val = append(p.val, f.Val[f.RowPtr[i]:f.RowPtr[i+1]]...)
		p.ptr = append(p.ptr, len(p.col))
		if p.label = append(p.label, -1); l == high {
			p.label[len(p.label)-1] = 1
		}
	}
	var x [2]*hvp.CSR
	for k, p := range parts {
		if x[k], err = hvp.NewCSR(len(p.label), f.Cols, p.ptr, p.col, p.val); err != nil {
			b.Fatal(err)
		}
	}
	p, err := problems.NewLogistic(x[0], parts[0].label, x[1], parts[1].label, false)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// BenchmarkFitAgainstGrid chooses the penalty of a logistic regression on real data
// by hgbench fit's defaults and by a grid of 40 values of λ from 1e4 to 1e-4, in
// turn. The grid goes from the largest λ on, each solve starting from the last
// solution, with the same solver: to ‖G‖ ≤ 1e-4 of that at its start, which is what
// [hypergrad.Newton] with RTol = 1e-4 does; and, as the loosest that makes sense, to
// ‖G‖ ≤ 1e-4 of that at y = 0; and, to the first tolerance, with the preconditioner that
// fit takes. Reported are the ratios of the least times and of
// products, and by how much, relative to the loss, the held-out loss of fit lies
// above that of the grid's best value, both for the exact y: below zero is better.
func BenchmarkFitAgainstGrid(b *testing.B) {
	for _, name := range []string{"farm_ads", "a9a", "mushrooms"} {
		b.Run(name, func(b *testing.B) {
			p := splitLogistic(b, filepath.Join("..", "..", "..", "shared", "data", "libsvm", name+".svm.gz"))
			ctx := context.Background()
			ny, _ := p.Dims()
			y, g, w := make([]float64, ny), make([]float64, ny), []float64{0}
			if err := p.Residual(ctx, g, y, w); err != nil {
				b.Fatal(err)
			}
			scale := 0.0
			for _, v := range g {
				scale = math.Hypot(scale, v)
			}
			edge := math.Log(1e4)
			const tol = 1e-4
			grid := func(loose bool, m hypergrad.PrecondFunc) (best float64, products int) {
				inner := hypergrad.Newton{Precond: m}
				least := math.Inf(1)
				clear(y)
				for k := range 40 {
					w[0] = edge - 2*edge*float64(k)/39
					inner.RTol, inner.ATol = tol, 0
					if loose {
						inner.RTol, inner.ATol = 0, tol*scale
					}
					res, err := inner.Solve(ctx, p, y, w)
					if err != nil {
						b.Fatal(err)
					}
					products += res.Products
					loss, err := p.Loss(ctx, nil, nil, y, w)
					if err != nil {
						b.Fatal(err)
					}
					if loss < least {
						least, best = loss, w[0]
					}
				}
				return best, products
			}
			fit := func() (best float64, products int) {
				clear(y)
				w[0] = 0
				res, err := hypergrad.Minimize(ctx, p, y, w, &hypergrad.OuterSettings{GradTol: 1e-4, LossTol: 1e-5, Low: []float64{-edge}, High: []float64{edge}})
				if err != nil {
					b.Fatal(err)
				}
				return w[0], res.End.InnerProducts + res.End.AdjointProducts
			}
			exact := func(v float64) float64 {
				clear(y)
				w[0] = v
				if _, err := (&hypergrad.Newton{RTol: 1e-10, Precond: hypergrad.Jacobi}).Solve(ctx, p, y, w); err != nil {
					b.Fatal(err)
				}
				loss, err := p.Loss(ctx, nil, nil, y, w)
				if err != nil {
					b.Fatal(err)
				}
				return loss
			}
			runs := []func() (float64, int){fit, func() (float64, int) { return grid(false, hypergrad.Jacobi) }, func() (float64, int) { return grid(true, hypergrad.Jacobi) },
				func() (float64, int) { return grid(false, hypergrad.AutoLoose) }}
			var best [4]float64
			var products [4]int
			least := [4]time.Duration{math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64}
			for b.Loop() {
				for k, f := range runs {
					begin := time.Now()
					best[k], products[k] = f()
					least[k] = min(least[k], time.Since(begin))
				}
			}
			here := exact(best[0])
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(least[1])/float64(least[0]), "grid/fit")
			b.ReportMetric(float64(least[2])/float64(least[0]), "loose-grid/fit")
			b.ReportMetric(float64(least[3])/float64(least[0]), "auto-grid/fit")
			b.ReportMetric(float64(products[1])/float64(products[0]), "products-grid/fit")
			b.ReportMetric(float64(products[2])/float64(products[0]), "products-loose-grid/fit")
			b.ReportMetric(here/exact(best[1])-1, "loss-vs-grid")
			b.ReportMetric(here/exact(best[2])-1, "loss-vs-loose-grid")
		})
	}
}
