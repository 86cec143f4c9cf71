package problems_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
	"github.com/hgsolve/hgsolve/problems"
)

// outerSequence is gradient descent on w with a fixed step.
type outerSequence struct {
	name  string
	step  float64
	shift float64 // of the start
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

func denoiseSequence(n int, set *problems.DenoiseSettings) func(t testing.TB) (hypergrad.Problem, []float64, []float64) {
	return func(t testing.TB) (hypergrad.Problem, []float64, []float64) {
		photo, rows, cols := problems.Photograph()
		clean := problems.Resize(photo, rows, cols, n, n)
		d, err := problems.NewDenoise(clean, problems.AddNoise(clean, 20, 1), n, n, set)
		if err != nil {
			t.Fatal(err)
		}
		return d, slices.Clone(d.Noisy()), d.Default(1.3)
	}
}

// A product of a9a touches 900,000 numbers for vectors of 123; one of denoise takes
// as long as some thirty vectors. Steps are those of w on the log scale times some
// number: where they are long, w moves by several units in all.
var outerSequences = []outerSequence{
	{"a9a", 1e3, 0, 1e-3, logisticSequence("a9a.svm.gz")},
	{"a9a-long-steps", 3e4, 0, 1e-3, logisticSequence("a9a.svm.gz")},
	{"a9a-small-penalty", 3e4, -3, 1e-3, logisticSequence("a9a.svm.gz")},
	{"mushrooms", 1e3, 0, 1e-3, logisticSequence("mushrooms.svm.gz")},
	{"mushrooms-small-penalty", 1e3, -3, 1e-3, logisticSequence("mushrooms.svm.gz")},
	{"farm_ads", 1e3, 0, 1. / 40, logisticSequence("farm_ads.svm.gz")},
	{"farm_ads-small-penalty", 1e3, -2, 1. / 40, logisticSequence("farm_ads.svm.gz")},
	{"denoise", 0.01, 0, 1. / 32, denoiseSequence(256, nil)},
	{"denoise-long-steps", 0.02, 0, 1. / 32, denoiseSequence(256, nil)},
	{"denoise-longer-steps", 0.05, 0, 1. / 32, denoiseSequence(256, nil)},
	{"denoise-filters", 1e-5, 0, 1. / 32, denoiseSequence(128, &problems.DenoiseSettings{LearnFilters: true})},
	{"denoise-lorentzian", 0.01, 0, 1. / 32, denoiseSequence(128, &problems.DenoiseSettings{Potential: problems.Lorentzian})},
}

// applied counts the products of polynomials: those in single precision apart.
type applied struct {
	precond.Preconditioner
	degree int
	count  *int
}

func (a applied) Apply(ctx context.Context, dst, x []float64) error {
	*a.count += a.degree
	return a.Preconditioner.Apply(ctx, dst, x)
}

func (a applied) ApplyTrans(ctx context.Context, dst, x []float64) error {
	*a.count += a.degree
	return a.Preconditioner.ApplyTrans(ctx, dst, x)
}

func (applied) UsesOperator() bool { return true }

// counted is hypergrad.Auto; the products of set-ups and of polynomials are added to
// count.
func counted(count *int) hypergrad.PrecondFunc {
	return func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		m, err := hypergrad.Auto(ctx, a)
		if err != nil {
			return nil, err
		}
		*count += m.Report().Products
		var degree int
		if _, err := fmt.Sscanf(precond.Plain(m).String(), "chebyshev(%d", &degree); err == nil {
			return applied{precond.Plain(m), degree, count}, nil
		}
		return m, nil
	}
}

// BenchmarkSequence counts the Hessian products of the adjoint solves of 30 outer
// iterations, to 1e-8, for what an Estimator carries from one to the next, each
// ingredient by itself and together, with Jacobi and with other preconditioners. All see
// the same points. Metrics are products as a fraction of those of cold starts with
// Jacobi, and the time of the linear solves and of the set-ups likewise; products that
// serve to guess count, and so do the first solves, which have nothing to go by, and
// those of set-ups. Products of polynomials in single precision, half as dear, are
// counted whole in auto-all-products.
func BenchmarkSequence(b *testing.B) {
	type contender struct {
		name     string
		sequence hypergrad.SequenceSettings
		precond  hypergrad.PrecondFunc
	}
	var extra int
	contenders := []contender{
		{"cold", hypergrad.SequenceSettings{NoGuess: true}, hypergrad.Jacobi},
		{"last", hypergrad.SequenceSettings{History: 1}, hypergrad.Jacobi},
		{"predict-6", hypergrad.SequenceSettings{History: 6}, hypergrad.Jacobi},
		{"predict", hypergrad.SequenceSettings{}, hypergrad.Jacobi},
		{"project", hypergrad.SequenceSettings{Project: true, History: 6}, hypergrad.Jacobi},
		{"recycle", hypergrad.SequenceSettings{NoGuess: true, Recycle: 16}, hypergrad.Jacobi},
		{"predict-recycle", hypergrad.SequenceSettings{Recycle: 16}, hypergrad.Jacobi},
		{"none-cold", hypergrad.SequenceSettings{NoGuess: true}, nil},
		{"none-predict", hypergrad.SequenceSettings{}, nil},
		{"auto-cold", hypergrad.SequenceSettings{NoGuess: true, NoLag: true}, hypergrad.Auto},
		{"auto", hypergrad.SequenceSettings{}, counted(&extra)},
	}
	for _, s := range outerSequences {
		b.Run(s.name, func(b *testing.B) {
			ctx := context.Background()
			for b.Loop() {
				p, y, w := s.make(b)
				for i := range w {
					w[i] += s.shift
				}
				extra = 0
				products := make([]float64, len(contenders))
				worst := make([]float64, len(contenders))
				linear := make([]float64, len(contenders))
				est := make([]hypergrad.Estimator, len(contenders))
				for i, c := range contenders {
					c.sequence.SweepCost = s.sweep
					est[i] = hypergrad.Estimator{NoErrorBar: true, Precond: c.precond, Settings: krylov.Settings{RTol: 1e-8}, Sequence: c.sequence}
				}
				exact := hypergrad.Estimator{NoErrorBar: true, Precond: hypergrad.Jacobi, Settings: krylov.Settings{RTol: 1e-12}}
				inner := hypergrad.Newton{RTol: 1e-9, Precond: hypergrad.Jacobi}
				g, truth := make([]float64, len(w)), make([]float64, len(w))
				used := ""
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
						linear[i] += (rep.Setup + rep.Linear).Seconds()
						line += fmt.Sprintf(" %s %d (%.0e)", contenders[i].name, rep.Solve.Products+rep.Sequence.Products, rep.Sequence.Reduction)
						used = rep.Precond
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
				b.ReportMetric((products[len(products)-1]+float64(extra))/products[0], "auto-all-products/cold")
				b.Logf("auto is %s; worst error of dL/dw in this order: %.1e", used, worst)
			}
		})
	}
}
