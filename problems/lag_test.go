package problems_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
	"github.com/hgsolve/hgsolve/problems"
)

// lagCase is a path of w along which a preconditioner may be kept.
type lagCase struct {
	name, kind string
	steps      int
	make       func(t testing.TB) (p hypergrad.Problem, y, w []float64)
	// move sets w to that of outer iteration k.
	move func(k int, w []float64)
}

// drift moves penalty j by up to size·(k/30), each one another way.
func drift(size float64) func(k int, w []float64) {
	return func(k int, w []float64) {
		for j := range w {
			w[j] = size * float64(k) / 30 * math.Sin(float64(j+1))
		}
	}
}

// lagTotals is what a policy has cost.
type lagTotals struct {
	iterations, builds, oldest int
	setup, linear              time.Duration
}

// keepsake is one of the preconditioners that cost so much by their report that they are never
// refreshed.
type keepsake struct{ precond.Preconditioner }

func (k keepsake) Report() precond.Report { return precond.Report{Products: 1 << 40} }

// followLag computes hypergradients along the path of c with each policy in turn:
// lagged, refreshed always, and never.
func followLag(t testing.TB, c lagCase) (totals [3]lagTotals) {
	ctx := context.Background()
	p, y, w := c.make(t)
	make1 := func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		return precond.New(ctx, c.kind, a)
	}
	estimators := [3]hypergrad.Estimator{
		{Precond: make1},
		{Precond: make1, Sequence: hypergrad.SequenceSettings{NoLag: true}},
		{Precond: func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
			m, err := make1(ctx, a)
			return keepsake{m}, err
		}},
	}
	inner := hypergrad.Newton{RTol: 1e-9, Precond: hypergrad.AutoLoose}
	g := make([]float64, len(w))
	for k := range c.steps {
		c.move(k, w)
		if _, err := inner.Solve(ctx, p, y, w); err != nil {
			t.Fatal(err)
		}
		for i := range estimators {
			e := &estimators[i]
			e.NoErrorBar, e.Sequence.NoGuess, e.Settings = true, true, krylov.Settings{RTol: 1e-8}
			rep, err := e.Gradient(ctx, p, y, w, g)
			if err != nil {
				t.Fatal(c.name, err)
			}
			s := &totals[i]
			s.iterations += rep.Solve.Iterations
			if rep.Sequence.PrecondAge == 0 {
				s.builds++
			}
			s.oldest = max(s.oldest, rep.Sequence.PrecondAge)
			s.setup += rep.Setup
			s.linear += rep.Linear
		}
	}
	return totals
}

// smallModel is a logistic regression with one penalty per feature, made up.
func smallModel(t testing.TB) (hypergrad.Problem, []float64, []float64) {
	const m, n = 400, 60
	rng := rand.New(rand.NewPCG(8, 1))
	set := func() (*hvp.CSR, []float64) {
		ptr, col, val, label := []int{0}, []int32{}, []float64{}, []float64{}
		for range m {
			sum := 0.5 * rng.NormFloat64()
			for j := range n {
				if rng.IntN(4) == 0 {
					v := rng.NormFloat64() * math.Exp2(-float64(j%6))
					col, val, sum = append(col, int32(j)), append(val, v), sum+v
				}
			}
			ptr, label = append(ptr, len(col)), append(label, math.Copysign(1, sum))
		}
		x, err := hvp.NewCSR(m, n, ptr, col, val)
		if err != nil {
			t.Fatal(err)
		}
		return x, label
	}
	x, l := set()
	xh, lh := set()
	p, err := problems.NewLogistic(x, l, xh, lh, true)
	if err != nil {
		t.Fatal(err)
	}
	return p, make([]float64, n), make([]float64, n)
}

func grid(side int) func(t testing.TB) (hypergrad.Problem, []float64, []float64) {
	return func(t testing.TB) (hypergrad.Problem, []float64, []float64) {
		p, err := problems.NewSmoothing(problems.SpreadModes(40, side, side), side, side)
		if err != nil {
			t.Fatal(err)
		}
		return p, make([]float64, side*side), []float64{0}
	}
}

// rise is the log of the smoothing weight, a little more in each iteration.
func rise(step float64) func(k int, w []float64) {
	return func(k int, w []float64) { w[0] = 4 + step*float64(k) }
}

// TestLagReal: real preconditioners on paths that hardly move are kept, on paths that go
// far are refreshed often, and cost little more in all than the better of refreshing
// always and never, a set-up being worth 12 products. An incomplete factorisation of a
// smoothing operator is as good at another weight: it is not refreshed at all.
func TestLagReal(t *testing.T) {
	const price = 12
	for _, c := range []struct {
		lagCase
		leastBuilds, mostBuilds int
	}{
		{lagCase{"cholesky, short path", "cholesky", 30, smallModel, drift(0.3)}, 1, 8},
		{lagCase{"cholesky, long path", "cholesky", 30, smallModel, drift(6)}, 4, 20},
		{lagCase{"nystrom", "nystrom", 30, smallModel, drift(3)}, 1, 20},
		{lagCase{"ic, short path", "ic", 20, grid(30), rise(0.01)}, 1, 3},
		{lagCase{"ic, long path", "ic", 20, grid(30), rise(0.3)}, 1, 3},
	} {
		r := followLag(t, c.lagCase)
		cost := func(s lagTotals) float64 { return float64(s.iterations + price*s.builds) }
		t.Logf("%s: lagged %d iterations, built %d times, oldest %d; always %d; never %d", c.name, r[0].iterations, r[0].builds, r[0].oldest, r[1].iterations, r[2].iterations)
		if r[0].builds < c.leastBuilds || r[0].builds > c.mostBuilds || r[1].builds != c.steps || r[2].builds != 1 {
			t.Errorf("%s: built %d times, want %d to %d; always %d, never %d", c.name, r[0].builds, c.leastBuilds, c.mostBuilds, r[1].builds, r[2].builds)
		}
		if least := min(cost(r[1]), cost(r[2])); cost(r[0]) > 1.25*least {
			t.Errorf("%s: %v products, always %v, never %v", c.name, cost(r[0]), cost(r[1]), cost(r[2]))
		}
	}
}

// BenchmarkLag compares the lagged preconditioners of a sequence of 30 solves to 1e-8
// with those that are refreshed for each solve, and never. Metrics are the time of set-ups
// and solves of both as multiples of that of the lagged ones, iterations likewise, and how
// often the lagged one was built. setup/iteration is what a set-up costs in iterations, by
// which the price that the policy assumes can be judged.
func BenchmarkLag(b *testing.B) {
	for _, c := range []lagCase{
		{"a9a/cholesky", "cholesky", 30, logisticSequence("a9a.svm.gz"), drift(3)},
		{"a9a/nystrom", "nystrom", 30, logisticSequence("a9a.svm.gz"), drift(3)},
		{"mushrooms/cholesky", "cholesky", 30, logisticSequence("mushrooms.svm.gz"), drift(3)},
		{"farm_ads/nystrom", "nystrom", 10, logisticSequence("farm_ads.svm.gz"), drift(3)},
		{"smoothing/ic", "ic", 30, grid(300), rise(0.1)},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				r := followLag(b, c)
				total := func(s lagTotals) float64 { return (s.setup + s.linear).Seconds() }
				b.ReportMetric(total(r[1])/total(r[0]), "always/lagged")
				b.ReportMetric(total(r[2])/total(r[0]), "never/lagged")
				b.ReportMetric(float64(r[1].iterations)/float64(r[0].iterations), "always-iterations/lagged")
				b.ReportMetric(float64(r[2].iterations)/float64(r[0].iterations), "never-iterations/lagged")
				b.ReportMetric(float64(r[0].builds), "builds")
				b.ReportMetric(float64(r[0].oldest), "oldest")
				setup := (r[1].setup - r[2].setup).Seconds() / float64(c.steps-1)
				b.ReportMetric(setup/(r[2].linear.Seconds()/float64(r[2].iterations)), "setup/iteration")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}
