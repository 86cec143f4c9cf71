package problems_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/problems"
)

// outerSequence is gradient descent on w with a fixed step.
type outerSequence struct {
	name  string
	step  float64
	sweep float64 // price of an n_y-vector in products
	make  func(t testing.TB) (p hypergrad.Problem, y, w []float64)
}

func logisticSequence(file string) func(t testing.TB) (hypergrad.Problem, []float64, []float64) {
	return func(t testing.TB) (hypergrad.Problem, []float64, []float64) {
		path := shared(t, "libsvm", file)
		p, _, err := problems.ReadLogistic(path, path, true)
		if err != nil {
			t.Fatal(err)
		}
		ny, nw := p.Dims()
		return p, make([]float64, ny), make([]float64, nw)
	}
}

func denoiseSequence(n int) func(t testing.TB) (hypergrad.Problem, []float64, []float64) {
	return func(t testing.TB) (hypergrad.Problem, []float64, []float64) {
		photo, rows, cols := problems.Photograph()
		clean := problems.Resize(photo, rows, cols, n, n)
		d, err := problems.NewDenoise(clean, problems.AddNoise(clean, 20, 1), n, n, nil)
		if err != nil {
			t.Fatal(err)
		}
		return d, slices.Clone(d.Noisy()), d.Default(1.3)
	}
}

// A product of a9a touches 900,000 numbers for vectors of 123; one of denoise takes
// as long as some thirty vectors.
var outerSequences = []outerSequence{
	{"a9a", 1e3, 1e-3, logisticSequence("a9a.svm.gz")},
	{"a9a-long-steps", 3e4, 1e-3, logisticSequence("a9a.svm.gz")},
	{"mushrooms", 1e3, 1e-3, logisticSequence("mushrooms.svm.gz")},
	{"farm_ads", 1e3, 1. / 40, logisticSequence("farm_ads.svm.gz")},
	{"denoise", 0.01, 1. / 32, denoiseSequence(256)},
	{"denoise-long-steps", 0.02, 1. / 32, denoiseSequence(256)},
}

// BenchmarkSequence counts the Hessian products of the adjoint solves of 30 outer
// iterations, to 1e-8 with Jacobi, for what an Estimator carries from one to the
// next, each ingredient by itself and together. All see the same points. Metrics
// are products as a fraction of those of cold starts, and the time of the linear
// solves likewise; products that serve to guess count, and so do the first solves,
// which have nothing to go by.
func BenchmarkSequence(b *testing.B) {
	type contender struct {
		name     string
		sequence hypergrad.SequenceSettings
	}
	contenders := []contender{
		{"cold", hypergrad.SequenceSettings{NoGuess: true}},
		{"last", hypergrad.SequenceSettings{History: 1}},
		{"predict", hypergrad.SequenceSettings{}},
		{"predict-12", hypergrad.SequenceSettings{History: 12}},
		{"project", hypergrad.SequenceSettings{Project: true}},
		{"recycle", hypergrad.SequenceSettings{NoGuess: true, Recycle: 16}},
		{"all", hypergrad.SequenceSettings{History: 12, Recycle: 16}},
	}
	for _, s := range outerSequences {
		b.Run(s.name, func(b *testing.B) {
			ctx := context.Background()
			for b.Loop() {
				p, y, w := s.make(b)
				products := make([]float64, len(contenders))
				worst := make([]float64, len(contenders))
				linear := make([]float64, len(contenders))
				est := make([]hypergrad.Estimator, len(contenders))
				for i, c := range contenders {
					c.sequence.SweepCost = s.sweep
					est[i] = hypergrad.Estimator{Precond: hypergrad.Jacobi, Settings: krylov.Settings{RTol: 1e-8}, Sequence: c.sequence}
				}
				exact := hypergrad.Estimator{Precond: hypergrad.Jacobi, Settings: krylov.Settings{RTol: 1e-12}}
				inner := hypergrad.Newton{RTol: 1e-9, Precond: hypergrad.Jacobi}
				g, truth := make([]float64, len(w)), make([]float64, len(w))
				for k := range 30 {
					if _, err := inner.Solve(ctx, p, y, w); err != nil {
						b.Log(err) // near enough
					}
					if _, err := exact.Gradient(ctx, p, y, w, truth); err != nil {
						b.Fatal(err)
					}
					line := fmt.Sprintf("%2d products (reduction):", k)
					for i := range est {
						rep, err := est[i].Gradient(ctx, p, y, w, g)
						if err != nil {
							b.Fatal(contenders[i].name, err)
						}
						products[i] += float64(rep.Solve.Products + rep.Sequence.Products)
						worst[i] = math.Max(worst[i], relative(g, truth))
						linear[i] += rep.Linear.Seconds()
						line += fmt.Sprintf(" %s %d (%.0e)", contenders[i].name, rep.Solve.Products+rep.Sequence.Products, rep.Sequence.Reduction)
					}
					if k%7 == 1 {
						b.Log(line)
					}
					for i := range w {
						w[i] -= s.step * truth[i]
					}
				}
				b.ReportMetric(products[0], "products/cold")
				for i, c := range contenders[1:] {
					b.ReportMetric(products[i+1]/products[0], c.name+"/cold")
					b.ReportMetric(linear[i+1]/linear[0], c.name+"-time/cold")
				}
				b.Logf("worst error of dL/dw in this order: %.1e", worst)
			}
		})
	}
}
