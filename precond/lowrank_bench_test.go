package precond_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
	"github.com/hgsolve/hgsolve/problems"
)

// shared returns the path of a file of the data folder beside the repository,
// and skips the test where there is none.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	path := filepath.Join(append([]string{"..", "..", "shared", "data"}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the data folder is not there: %v", err)
	}
	return path
}

// logisticAdjoint returns the Hessian and the right-hand side of the adjoint
// system of a logistic regression with one log-penalty per feature, w itself or,
// where w is NaN, random in [−12, 0].
func logisticAdjoint(t testing.TB, name string, w float64) (hvp.Operator, []float64) {
	t.Helper()
	path := shared(t, "libsvm", name+".svm.gz")
	p, _, err := problems.ReadLogistic(path, path, true)
	if err != nil {
		t.Fatal(err)
	}
	ny, nw := p.Dims()
	rng := rand.New(rand.NewPCG(1, 1))
	penalty, y, b := make([]float64, nw), make([]float64, ny), make([]float64, ny)
	for i := range penalty {
		if penalty[i] = w; math.IsNaN(w) {
			penalty[i] = -12 * rng.Float64()
		}
	}
	inner := &hypergrad.Newton{RTol: 1e-6, Precond: hypergrad.Jacobi}
	if _, err := inner.Solve(t.Context(), p, y, penalty); err != nil {
		t.Fatal(err)
	}
	lin, err := p.Linearize(t.Context(), y, penalty)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Loss(t.Context(), b, make([]float64, nw), y, penalty); err != nil {
		t.Fatal(err)
	}
	return lin.Y, b
}

// BenchmarkAdjoint prints, for adjoint systems of logistic regressions and a
// Poisson problem, products and time, set-up and solve together, of Nyström and of
// Jacobi in turn.
func BenchmarkAdjoint(b *testing.B) {
	type system struct {
		name string
		make func(testing.TB) (hvp.Operator, []float64)
	}
	var systems []system
	for _, name := range []string{"a9a", "mushrooms", "farm_ads"} {
		for _, w := range []float64{-12, -6, 0, math.NaN()} {
			systems = append(systems, system{fmt.Sprintf("%s/w=%v", name, w), func(t testing.TB) (hvp.Operator, []float64) {
				return logisticAdjoint(t, name, w)
			}})
		}
	}
	systems = append(systems, system{"poisson", func(t testing.TB) (hvp.Operator, []float64) {
		return grid(t, 200, 200, 0), rhs(40000)
	}})
	for _, s := range systems {
		b.Run(s.name, func(b *testing.B) {
			a, f := s.make(b)
			x := make([]float64, len(f))
			var cg krylov.CG
			solve := func(name string) (total time.Duration, setup time.Duration, products int) {
				begin := time.Now()
				m, err := precond.New(context.Background(), name, a)
				if err != nil {
					b.Fatal(err)
				}
				setup = time.Since(begin)
				clear(x)
				res, err := cg.Solve(context.Background(), a, x, f, &krylov.Settings{Precond: m})
				if err != nil {
					b.Fatal(err)
				}
				return time.Since(begin), setup, res.Products + m.Report().Products
			}
			jacobi, nystrom, nystromSetup := time.Hour, time.Hour, time.Hour
			var pj, pn int
			for b.Loop() {
				tj, _, kj := solve("jacobi")
				tn, sn, kn := solve("nystrom")
				jacobi, nystrom, nystromSetup, pj, pn = min(jacobi, tj), min(nystrom, tn), min(nystromSetup, sn), kj, kn
			}
			b.ReportMetric(jacobi.Seconds()*1e3, "ms-jacobi")
			b.ReportMetric(float64(pj), "products-jacobi")
			b.ReportMetric(float64(pn), "products-nystrom")
			b.ReportMetric(nystromSetup.Seconds()/jacobi.Seconds(), "setup/jacobi")
			b.ReportMetric(nystrom.Seconds()/jacobi.Seconds(), "nystrom/jacobi")
		})
	}
}
