package problems_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
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
	large bool // a few ingredients only
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
	{"a9a", 1e3, 0, 1e-3, logisticSequence("a9a.svm.gz"), false},
	{"a9a-long-steps", 3e4, 0, 1e-3, logisticSequence("a9a.svm.gz"), false},
	{"a9a-small-penalty", 3e4, -3, 1e-3, logisticSequence("a9a.svm.gz"), false},
	{"mushrooms", 1e3, 0, 1e-3, logisticSequence("mushrooms.svm.gz"), false},
	{"mushrooms-small-penalty", 1e3, -3, 1e-3, logisticSequence("mushrooms.svm.gz"), false},
	{"farm_ads", 1e3, 0, 1. / 40, logisticSequence("farm_ads.svm.gz"), false},
	{"farm_ads-small-penalty", 1e3, -2, 1. / 40, logisticSequence("farm_ads.svm.gz"), false},
	{"denoise", 0.01, 0, 1. / 32, denoiseSequence(256, nil), false},
	{"denoise-long-steps", 0.02, 0, 1. / 32, denoiseSequence(256, nil), false},
	{"denoise-longer-steps", 0.05, 0, 1. / 32, denoiseSequence(256, nil), false},
	{"denoise-filters", 1e-5, 0, 1. / 32, denoiseSequence(128, &problems.DenoiseSettings{LearnFilters: true}), false},
	{"denoise-lorentzian", 0.01, 0, 1. / 32, denoiseSequence(128, &problems.DenoiseSettings{Potential: problems.Lorentzian}), false},
	{"denoise-512", 0.02, 0, 1. / 32, denoiseSequence(512, nil), true},
	{"denoise-512-longer-steps", 0.05, 0, 1. / 32, denoiseSequence(512, nil), true},
	{"denoise-1024", 0.05, 0, 1. / 32, denoiseSequence(1024, nil), true},
}

// whole counts the products of a solve beyond those that it reports: of set-ups, and of
// applications of a polynomial, where one in single precision, half as dear, counts like
// any other.
type whole struct {
	precond.Preconditioner
	degree int
	count  *int
}

func (m whole) Apply(ctx context.Context, dst, x []float64) error {
	*m.count += m.degree
	return m.Preconditioner.Apply(ctx, dst, x)
}

func (m whole) ApplyTrans(ctx context.Context, dst, x []float64) error {
	*m.count += m.degree
	return m.Preconditioner.ApplyTrans(ctx, dst, x)
}

func (m whole) Refresh(ctx context.Context, a hvp.Operator) error {
	err := m.Preconditioner.Refresh(ctx, a)
	*m.count += m.Report().Products
	return err
}

func (m whole) UsesOperator() bool { return precond.UsesOperator(m.Preconditioner) }

// counted is make with the products that are not those of solves added to count. A
// diagonal matrix stays one.
func counted(make hypergrad.PrecondFunc, count *int) hypergrad.PrecondFunc {
	return func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		m, err := make(ctx, a)
		if m == nil || err != nil {
			return nil, err
		}
		*count += m.Report().Products
		m = precond.Plain(m)
		if _, is := m.(hvp.DiagonalMatrix); is {
			return m, nil
		}
		degree := 0
		fmt.Sscanf(m.String(), "chebyshev(%d", &degree)
		return whole{m, degree, count}, nil
	}
}

// kindOf is the PrecondFunc of a kind of the catalogue.
func kindOf(name string) hypergrad.PrecondFunc {
	return func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		return precond.New(ctx, name, a)
	}
}

// ingredient is what an Estimator carries from one solve to the next.
type ingredient struct {
	name     string
	sequence hypergrad.SequenceSettings
	precond  hypergrad.PrecondFunc
}

// contest is a sequence for each of several ingredients.
type contest struct {
	total, worst, seconds []float64 // whole products, error of dL/dw, time of set-ups and solves
	used                  []string  // names of the last preconditioners
}

// run follows gradient descent for some iterations with each of the ingredients. All
// see the same points.
func (s *outerSequence) run(t testing.TB, iterations int, rtol float64, list []ingredient) (c contest) {
	ctx := context.Background()
	p, y, w := s.make(t)
	for i := range w {
		w[i] += s.shift
	}
	n := len(list)
	c = contest{make([]float64, n), make([]float64, n), make([]float64, n), make([]string, n)}
	est, extra := make([]hypergrad.Estimator, n), make([]int, n)
	for i, g := range list {
		g.sequence.SweepCost = s.sweep
		est[i] = hypergrad.Estimator{NoErrorBar: true, Settings: krylov.Settings{RTol: rtol}, Sequence: g.sequence}
		if g.precond != nil {
			est[i].Precond = counted(g.precond, &extra[i])
		}
	}
	exact := hypergrad.Estimator{NoErrorBar: true, Precond: hypergrad.Auto, Settings: krylov.Settings{RTol: 1e-4 * rtol}}
	inner := hypergrad.Newton{RTol: 1e-9, Precond: hypergrad.Jacobi}
	g, truth := make([]float64, len(w)), make([]float64, len(w))
	for k := range iterations {
		if _, err := inner.Solve(ctx, p, y, w); err != nil {
			t.Log(err) // near enough
		}
		if _, err := exact.Gradient(ctx, p, y, w, truth); err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%2d whole products (reduction):", k)
		for i := range est {
			extra[i] = 0
			rep, err := est[i].Gradient(ctx, p, y, w, g)
			if err != nil {
				t.Fatal(list[i].name, err)
			}
			products := rep.Solve.Products + rep.Sequence.Products + extra[i]
			c.total[i] += float64(products)
			c.worst[i] = math.Max(c.worst[i], relative(g, truth))
			c.seconds[i] += (rep.Setup + rep.Linear).Seconds()
			c.used[i] = rep.Precond
			line += fmt.Sprintf(" %s %d (%.0e)", list[i].name, products, rep.Sequence.Reduction)
		}
		if k%7 == 1 {
			t.Log(line)
		}
		for i := range w {
			w[i] -= s.step * truth[i]
		}
	}
	return c
}

// BenchmarkSequence counts the Hessian products of the adjoint solves of 30 outer
// iterations, to 1e-8, for what an Estimator carries from one to the next, each
// ingredient by itself and together, with Jacobi and with other preconditioners. Metrics are
// products as a fraction of those of cold starts with Jacobi, and the time of the linear
// solves and of the set-ups likewise. All products count whole: those that serve to guess,
// those of the first solves, which have nothing to go by, of set-ups, and those within
// preconditioners, also in single precision. What a factorisation costs is not among
// them, but in the time.
func BenchmarkSequence(b *testing.B) {
	ingredients := []ingredient{
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
		{"auto-lag", hypergrad.SequenceSettings{NoGuess: true}, hypergrad.Auto},
		{"auto-predict", hypergrad.SequenceSettings{NoLag: true}, hypergrad.Auto},
		{"auto", hypergrad.SequenceSettings{}, hypergrad.Auto},
	}
	few := []ingredient{ingredients[0], ingredients[3], ingredients[8], ingredients[9], ingredients[12]}
	polynomial := ingredient{"polynomial", hypergrad.SequenceSettings{}, kindOf("chebyshev")}
	for _, s := range outerSequences {
		b.Run(s.name, func(b *testing.B) {
			list := ingredients
			if s.large {
				list = few
			}
			if strings.HasPrefix(s.name, "denoise") && !strings.HasSuffix(s.name, "lorentzian") {
				list = append(slices.Clip(list), polynomial)
			}
			for b.Loop() {
				c := s.run(b, 30, 1e-8, list)
				b.ReportMetric(c.total[0], "products/cold")
				for i, g := range list[1:] {
					b.ReportMetric(c.total[i+1]/c.total[0], g.name+"/cold")
					b.ReportMetric(c.seconds[i+1]/c.seconds[0], g.name+"-time/cold")
				}
				b.Logf("%s: preconditioners at the end %q; worst error of dL/dw in this order: %.1e", s.name, c.used, c.worst)
			}
		})
	}
}

// TestSequenceOfDenoising: the defaults of an Estimator need at most a third of the
// products of cold conjugate gradients with Jacobi, all of them counted whole, to the same
// accuracy.
func TestSequenceOfDenoising(t *testing.T) {
	iterations, n := 30, 96
	if raceEnabled {
		iterations, n = 5, 48
	}
	for _, s := range []outerSequence{
		{"short steps", 0.01, 0, 1. / 32, denoiseSequence(n, nil), false},
		{"long steps", 0.05, 0, 1. / 32, denoiseSequence(n, nil), false},
		{"filters", 1e-5, 0, 1. / 32, denoiseSequence(n, &problems.DenoiseSettings{LearnFilters: true}), false},
		{"lorentzian", 0.01, 0, 1. / 32, denoiseSequence(n/2, &problems.DenoiseSettings{Potential: problems.Lorentzian}), false},
	} {
		c := s.run(t, iterations, 1e-8, []ingredient{
			{"cold", hypergrad.SequenceSettings{NoGuess: true}, hypergrad.Jacobi},
			{"auto", hypergrad.SequenceSettings{}, hypergrad.Auto},
		})
		if !(c.total[1] <= c.total[0]/3) {
			t.Errorf("%s: %v products with %s, %v from a cold start with Jacobi", s.name, c.total[1], c.used[1], c.total[0])
		}
		if !(c.worst[1] < 1e-6) {
			t.Errorf("%s: an error of %.1e, %.1e with Jacobi", s.name, c.worst[1], c.worst[0])
		}
	}
}
