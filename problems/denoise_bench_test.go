package problems_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/problems"
)

// BenchmarkDenoiseHVP prints the cost of one Hessian product per pixel, with
// the weights recomputed and stored.
func BenchmarkDenoiseHVP(b *testing.B) {
	for _, n := range []int{1024, 2048} {
		for _, s := range []problems.DenoiseSettings{{}, {StoreWeights: true}, {Potential: problems.Lorentzian}, {LearnFilters: true}} {
			d := newDenoise(b, n, n, &s)
			w := d.Default(1)
			w[len(w)-1] *= 1.01
			lin, err := d.Linearize(context.Background(), d.Noisy(), w)
			if err != nil {
				b.Fatal(err)
			}
			dst := make([]float64, n*n)
			for _, workers := range []int{1, 2} {
				b.Run(fmt.Sprintf("%d/%v/stored=%v/filters=%v/workers=%d", n, s.Potential, s.StoreWeights, s.LearnFilters, workers), func(b *testing.B) {
					ctx := hvp.WithWorkers(context.Background(), workers)
					b.ReportAllocs()
					for b.Loop() {
						if err := lin.Y.Apply(ctx, dst, d.Clean()); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n*n), "ns/pixel")
				})
			}
		}
	}
}

// BenchmarkDenoiseAdjoint solves the adjoint system of the embedded photograph
// at 2048×2048 (tiled; 4.2 million unknowns) to 1e-8 with CG and Jacobi, near the
// solution of the inner problem, and prints seconds, iterations, the memory
// traffic of vectors and products by the traffic model in GB/s, and the bytes
// per unknown that the whole adjoint holds beyond the images and y: linearised
// problem, right-hand side, solution, workspace, preconditioner.
func BenchmarkDenoiseAdjoint(b *testing.B) {
	const n = 2048
	ctx := context.Background()
	photo, rows, cols := problems.Photograph()
	clean := problems.Resize(photo, rows, cols, n, n)
	d, err := problems.NewDenoise(clean, problems.AddNoise(clean, 20, 1), n, n, nil)
	if err != nil {
		b.Fatal(err)
	}
	w, y := d.Default(1.3), slices.Clone(d.Noisy())
	if _, err := (&hypergrad.Newton{RTol: 1e-3, Precond: hypergrad.Jacobi}).Solve(ctx, d, y, w); err != nil {
		b.Fatal(err)
	}
	// A new problem, so that the memory of its linearisation counts.
	if d, err = problems.NewDenoise(d.Clean(), d.Noisy(), n, n, nil); err != nil {
		b.Fatal(err)
	}
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // the first one only demotes what pools hold
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before, most := heap(), 0.0
	var est *hypergrad.Estimator
	var rep hypergrad.Report
	for b.Loop() {
		est = &hypergrad.Estimator{Precond: hypergrad.Jacobi, NoErrorBar: true, Settings: krylov.Settings{RTol: 1e-8}}
		probe := most == 0
		est.Settings.Monitor = func(krylov.Progress) error {
			if probe { // everything is allocated by the first iteration
				probe = false
				b.StopTimer()
				most = heap() - before
				b.StartTimer()
			}
			return nil
		}
		if rep, err = est.Gradient(ctx, d, y, w, make([]float64, len(w))); err != nil {
			b.Fatal(err)
		}
	}
	// A product reads v, y and the seeds (4 vectors) and writes the result; two
	// of these are in the vector traffic already.
	bytes := float64(rep.Solve.Bytes) + float64(rep.Solve.Products)*5*8*n*n
	b.ReportMetric(rep.Linear.Seconds(), "s/solve")
	b.ReportMetric(float64(rep.Solve.Iterations), "iterations")
	b.ReportMetric(bytes/rep.Linear.Seconds()/1e9, "GB/s")
	b.ReportMetric(most/(n*n), "bytes/unknown")
	b.ReportMetric(most/(8*n*n), "n_y-vectors")
	runtime.KeepAlive(est)
	runtime.KeepAlive(d)
}

// BenchmarkDenoiseFilterSize prints ns per pixel and filter tap of Hessian products
// with filters of 3×3, 5×5 and 7×7, the DCT bank and learned ones, in turn within
// one run; times are the least ones.
//
//	go test ./problems -run '^$' -bench DenoiseFilterSize -benchtime 10x
func BenchmarkDenoiseFilterSize(b *testing.B) {
	const n = 512
	sizes := []int{3, 5, 7}
	for _, learn := range []bool{false, true} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("filters=%v/workers=%d", learn, workers), func(b *testing.B) {
				ctx := hvp.WithWorkers(b.Context(), workers)
				var lins []hypergrad.Linearization
				dst, x := make([]float64, n*n), picture(n, n)
				for _, size := range sizes {
					d := newDenoise(b, n, n, &problems.DenoiseSettings{FilterSize: size, LearnFilters: learn})
					w := d.Default(0)
					w[len(w)-1] *= 1.01
					lin, err := d.Linearize(ctx, d.Noisy(), w)
					if err != nil {
						b.Fatal(err)
					}
					lins = append(lins, lin)
				}
				least := make([]float64, len(sizes))
				for b.Loop() {
					for i, lin := range lins {
						begin := time.Now()
						if err := lin.Y.Apply(ctx, dst, x); err != nil {
							b.Fatal(err)
						}
						if t := float64(time.Since(begin).Nanoseconds()); least[i] == 0 || t < least[i] {
							least[i] = t
						}
					}
				}
				perTap := func(i int) float64 {
					taps := sizes[i] * sizes[i]
					return least[i] / (n * n) / float64(taps*(taps-1))
				}
				for i, size := range sizes {
					b.ReportMetric(perTap(i), fmt.Sprintf("ns/tap-%d", size))
					b.ReportMetric(perTap(i)/perTap(0), fmt.Sprintf("of-3x3-%d", size))
				}
			})
		}
	}
}

// BenchmarkDenoiseJacobian prints the time of 64 columns of the Jacobian dy/dw of an image
// of 10⁶ pixels with learned filters in solves of one.
//
//	go test ./problems -run '^$' -bench DenoiseJacobian -benchtime 1x
func BenchmarkDenoiseJacobian(b *testing.B) {
	const n, columns = 1000, 64
	ctx := context.Background()
	photo, rows, cols := problems.Photograph()
	clean := problems.Resize(photo, rows, cols, n, n)
	d, err := problems.NewDenoise(clean, problems.AddNoise(clean, 20, 1), n, n, &problems.DenoiseSettings{LearnFilters: true})
	if err != nil {
		b.Fatal(err)
	}
	w := d.Default(1)
	w[len(w)-1] *= 1.01
	y := slices.Clone(d.Noisy())
	if _, err := (&hypergrad.Newton{RTol: 1e-6, Precond: hypergrad.AutoLoose}).Solve(ctx, d, y, w); err != nil {
		b.Fatal(err)
	}
	benchmarkJacobian(b, d, y, w, columns)
}

// BenchmarkQuadraticJacobian is the same for a quadratic problem of 10⁶ unknowns and 64
// parameters.
//
//	go test ./problems -run '^$' -bench QuadraticJacobian -benchtime 1x
func BenchmarkQuadraticJacobian(b *testing.B) {
	const n, columns = 1_000_000, 64
	p, err := problems.NewQuadratic(n, columns, nil)
	if err != nil {
		b.Fatal(err)
	}
	y, w := make([]float64, n), make([]float64, columns)
	if _, err := p.Exact(context.Background(), y, nil, w); err != nil {
		b.Fatal(err)
	}
	benchmarkJacobian(b, p, y, w, columns)
}

// benchmarkJacobian prints the time of the first columns of dy/dw as a multiple of that of
// one tangent, the mean of three that are spread over the run, with each of two
// preconditioners.
func benchmarkJacobian(b *testing.B, p hypergrad.Problem, y, w []float64, columns int) {
	ctx := context.Background()
	ny, nw := p.Dims()
	which := make([]int, columns)
	for j := range which {
		which[j] = j
	}
	dst := make([]float64, ny*columns)
	for _, c := range []struct {
		name string
		m    hypergrad.PrecondFunc
	}{{"jacobi", hypergrad.Jacobi}, {"auto", hypergrad.Auto}} {
		b.Run(c.name, func(b *testing.B) {
			est := &hypergrad.Estimator{Settings: krylov.Settings{RTol: 1e-8}, Precond: c.m}
			u, tangent := make([]float64, nw), make([]float64, ny)
			one := func(j int) time.Duration {
				clear(u)
				u[j] = 1
				begin := time.Now()
				if _, err := est.Tangent(ctx, p, y, w, u, tangent); err != nil {
					b.Fatal(err)
				}
				return time.Since(begin)
			}
			for b.Loop() {
				one(0)
				alone := one(0) + one(columns/2-1)
				begin := time.Now()
				rep, err := est.Jacobian(ctx, p, y, w, dst, &hypergrad.JacobianSettings{Cols: which, MaxBytes: 8 << 30})
				if err != nil {
					b.Fatal(err)
				}
				all := time.Since(begin)
				alone += one(columns - 1)
				b.ReportMetric(float64(all)/float64(alone)*3, "solves")
				b.ReportMetric(float64(rep.Bytes)/(1<<30), "GiB-panels")
				b.ReportMetric(alone.Seconds()/3, "s/solve")
				b.ReportMetric(float64(rep.Iterations)/float64(columns), "iterations")
			}
		})
	}
}

// BenchmarkDenoisePanel prints the time of a product of a panel of eight columns in single
// precision, per pixel and as a multiple of that of one product in double precision, in
// turn within one run; times are the least ones. assembly is that of the matrix, within the
// first product.
//
//	go test ./problems -run '^$' -bench DenoisePanel -benchtime 20x
func BenchmarkDenoisePanel(b *testing.B) {
	const n, k = 1000, 8
	for _, size := range []int{3, 5, 7} {
		d := newDenoise(b, n, n, &problems.DenoiseSettings{FilterSize: size, LearnFilters: true})
		w := d.Default(1)
		w[len(w)-1] *= 1.01
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("size=%d/workers=%d", size, workers), func(b *testing.B) {
				ctx := hvp.WithWorkers(b.Context(), workers)
				lin, err := d.Linearize(ctx, d.Noisy(), w)
				if err != nil {
					b.Fatal(err)
				}
				single, ok := hvp.BlockRowsSingle(lin.Y)
				if !ok {
					b.Fatal("no products in single precision")
				}
				x, y := make([]float32, n*n*k), make([]float32, n*n*k)
				for i := range x {
					x[i] = float32(i%17) - 8
				}
				chunk := single.RowGrain()
				panel := parallel.TaskFunc(func(c int) {
					lo, hi := c*chunk, min((c+1)*chunk, n*n)
					single.ApplyBlockRowsSingle(y[lo*k:hi*k], x, k, lo, hi)
				})
				one := make([]float64, n*n)
				var least [2]time.Duration
				take := func(i int, f func()) time.Duration {
					begin := time.Now()
					f()
					t := time.Since(begin)
					if least[i] == 0 || t < least[i] {
						least[i] = t
					}
					return t
				}
				first := time.Duration(0)
				for b.Loop() {
					t := take(0, func() { parallel.FromContext(ctx).Run((n*n+chunk-1)/chunk, panel) })
					if first == 0 {
						first = t
					}
					take(1, func() {
						if err := lin.Y.Apply(ctx, one, d.Noisy()); err != nil {
							b.Fatal(err)
						}
					})
				}
				b.ReportMetric(float64(least[0].Nanoseconds())/(n*n), "ns/pixel")
				b.ReportMetric(float64(least[0])/float64(least[1]), "products")
				b.ReportMetric((first-least[0]).Seconds()*1e3, "ms-assembly")
			})
		}
	}
}

// BenchmarkDenoisePanelDouble prints, for products of panels of 2, 4 and 8 columns in double
// precision, their time as a multiple of that of as many products of one vector, the time of
// the assembly as one of that of a product of one vector, and ns per pixel of the panel
// product, in turn within one run; times are the least ones.
//
//	go test ./problems -run '^$' -bench DenoisePanelDouble -benchtime 10x
func BenchmarkDenoisePanelDouble(b *testing.B) {
	const n = 1000
	for _, size := range []int{3, 5, 7} {
		for _, learn := range []bool{false, true} {
			for _, workers := range []int{1, 2} {
				b.Run(fmt.Sprintf("size=%d/filters=%v/workers=%d", size, learn, workers), func(b *testing.B) {
					ctx := hvp.WithWorkers(b.Context(), workers)
					d := newDenoise(b, n, n, &problems.DenoiseSettings{FilterSize: size, LearnFilters: learn})
					w := d.Default(1)
					w[len(w)-1] *= 1.01
					x, y := make([]float64, 8*n*n), make([]float64, 8*n*n)
					for i := range x {
						x[i] = float64(i%17) - 8
					}
					least := make(map[string]float64)
					take := func(what string, f func() error) {
						begin := time.Now()
						if err := f(); err != nil {
							b.Fatal(err)
						}
						if t := float64(time.Since(begin)); least[what] == 0 || t < least[what] {
							least[what] = t
						}
					}
					for b.Loop() {
						lin, err := d.Linearize(ctx, d.Noisy(), w)
						if err != nil {
							b.Fatal(err)
						}
						panel, ok := hvp.Block(lin.Y)
						if !ok {
							b.Fatal("no products of panels")
						}
						take("first", func() error { return panel.ApplyBlock(ctx, y, x, 8) })
						for _, k := range []int{2, 4, 8} {
							take(fmt.Sprint(k), func() error { return panel.ApplyBlock(ctx, y[:k*n*n], x[:k*n*n], k) })
							take("one", func() error { return lin.Y.Apply(ctx, y[:n*n], d.Noisy()) })
						}
					}
					for _, k := range []int{2, 4, 8} {
						t := least[fmt.Sprint(k)]
						b.ReportMetric(t/(float64(k)*least["one"]), fmt.Sprintf("of-%d-products", k))
						b.ReportMetric(t/(n*n), fmt.Sprintf("ns/pixel-%d", k))
					}
					b.ReportMetric((least["first"]-least["8"])/least["one"], "products-assembly")
					b.ReportMetric(least["one"]/(n*n), "ns/pixel-one")
				})
			}
		}
	}
}
