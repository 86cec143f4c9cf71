package problems_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/krylov"
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

// randomExamples returns sparse examples, one without any feature, and labels
// that a linear rule with noise gives.
func randomExamples(t testing.TB, rng *rand.Rand, m, n int) (*hvp.CSR, []float64) {
	t.Helper()
	var i, j []int32
	var v []float64
	labels := make([]float64, m)
	for r := range m {
		score := 0.3 * rng.NormFloat64()
		for c := range n {
			if r != 3 && rng.Float64() < 0.2 {
				x := rng.NormFloat64()
				i, j, v = append(i, int32(r)), append(j, int32(c)), append(v, x)
				score += x * math.Sin(float64(c))
			}
		}
		labels[r] = math.Copysign(1, score)
	}
	x, err := hvp.NewCSRFromTriplets(m, n, i, j, v)
	if err != nil {
		t.Fatal(err)
	}
	return x, labels
}

func newLogistic(t testing.TB, n int, perFeature bool) *problems.Logistic {
	t.Helper()
	rng := rand.New(rand.NewPCG(11, 1))
	x, l := randomExamples(t, rng, 4*n, n)
	xv, lv := randomExamples(t, rng, 3*n, n)
	p, err := problems.NewLogistic(x, l, xv, lv, perFeature)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// directGradient is dL/dw by dense algebra with formulas of its own.
func directGradient(p *problems.Logistic, y, w []float64, lossSlope []float64, perFeature bool) []float64 {
	x, t := p.Examples()
	m, n := x.Dims()
	h := mat.NewSymDense(n, nil)
	for i := range m {
		score := 0.0
		for j := range n {
			score += x.At(i, j) * y[j]
		}
		s := 1 / (1 + math.Exp(-t[i]*score))
		for a := range n {
			for b := a; b < n; b++ {
				h.SetSym(a, b, h.At(a, b)+s*(1-s)*x.At(i, a)*x.At(i, b))
			}
		}
	}
	at := func(j int) float64 {
		if perFeature {
			return w[j]
		}
		return w[0]
	}
	for j := range n {
		h.SetSym(j, j, h.At(j, j)+math.Exp(at(j)))
	}
	var chol mat.Cholesky
	if !chol.Factorize(h) {
		panic("the Hessian of a ridge problem is not definite")
	}
	q := mat.NewVecDense(n, nil)
	if err := chol.SolveVecTo(q, mat.NewVecDense(n, lossSlope)); err != nil {
		panic(err)
	}
	grad := make([]float64, len(w))
	for j := range n {
		g := -math.Exp(at(j)) * y[j] * q.AtVec(j)
		if perFeature {
			grad[j] = g
		} else {
			grad[0] += g
		}
	}
	return grad
}

// denseNewton minimises the energy with a single penalty by full Newton steps
// with dense Cholesky factorisations, from zero.
func denseNewton(t *testing.T, p *problems.Logistic, lambda float64) []float64 {
	t.Helper()
	x, label := p.Examples()
	m, n := x.Dims()
	ptr, col, val := x.RawCSR()
	y := make([]float64, n)
	for range 30 {
		g, h := mat.NewVecDense(n, nil), mat.NewSymDense(n, nil)
		for j := range n {
			g.SetVec(j, lambda*y[j])
			h.SetSym(j, j, lambda)
		}
		for i := range m {
			c, v := col[ptr[i]:ptr[i+1]], val[ptr[i]:ptr[i+1]]
			score := 0.0
			for k, j := range c {
				score += v[k] * y[j]
			}
			s := 1 / (1 + math.Exp(label[i]*score))
			for k, a := range c {
				g.SetVec(int(a), g.AtVec(int(a))-label[i]*s*v[k])
				for l, b := range c[:k+1] {
					h.SetSym(int(a), int(b), h.At(int(a), int(b))+s*(1-s)*v[k]*v[l])
				}
			}
		}
		var chol mat.Cholesky
		if !chol.Factorize(h) {
			t.Fatal("the Hessian of a ridge problem is not definite")
		}
		if err := chol.SolveVecTo(g, g); err != nil {
			t.Fatal(err)
		}
		for j := range y {
			y[j] -= g.AtVec(j)
		}
		if mat.Norm(g, 2) < 1e-12*mat.Norm(mat.NewVecDense(n, y), 2) {
			return y
		}
	}
	t.Fatal("dense Newton did not converge")
	return nil
}

func relative(got, want []float64) float64 {
	diff, size := 0.0, 0.0
	for i := range want {
		diff = math.Hypot(diff, got[i]-want[i])
		size = math.Hypot(size, want[i])
	}
	return diff / size
}

// TestLogisticGradient: against finite differences of the re-solved problem to
// 1e-6 and against a dense direct solve to 1e-9.
func TestLogisticGradient(t *testing.T) {
	ctx := context.Background()
	for _, perFeature := range []bool{false, true} {
		p := newLogistic(t, 25, perFeature)
		ny, nw := p.Dims()
		rng := rand.New(rand.NewPCG(2, 9))
		w := make([]float64, nw)
		for i := range w {
			w[i] = -1 + 0.5*rng.NormFloat64()
		}
		inner := &hypergrad.Newton{RTol: 1e-13, Precond: hypergrad.Jacobi}
		y := make([]float64, ny)
		if _, err := inner.Solve(ctx, p, y, w); err != nil {
			t.Fatal(err)
		}
		est := &hypergrad.Estimator{Precond: hypergrad.Jacobi, Settings: krylov.Settings{RTol: 1e-13}}
		grad, slope := make([]float64, nw), make([]float64, ny)
		rep, err := est.Gradient(ctx, p, y, w, grad)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Solve.Status != krylov.Converged || rep.Precond != "jacobi" || !(rep.Stationarity < 1e-10) {
			t.Errorf("report %+v", rep)
		}
		if _, err := p.Loss(ctx, slope, nil, y, w); err != nil {
			t.Fatal(err)
		}
		if e := relative(grad, directGradient(p, y, w, slope, perFeature)); e > 1e-11 {
			t.Errorf("per feature %v: differs from the direct solve by %.2g", perFeature, e)
		}
		for range 3 {
			u := make([]float64, nw)
			for i := range u {
				u[i] = rng.NormFloat64()
			}
			d, err := hypergrad.CheckGradient(ctx, p, inner, make([]float64, ny), w, grad, u, 1e-3)
			if err != nil {
				t.Fatal(err)
			}
			if d.Error() > 1e-6 {
				t.Errorf("per feature %v: hypergradient %v, by differences %v: error %.2g", perFeature, d.Predicted, d.Measured, d.Error())
			}
		}
		u, dy := slices.Repeat([]float64{0.7}, nw), make([]float64, ny)
		if _, err := est.Tangent(ctx, p, y, w, u, dy); err != nil {
			t.Fatal(err)
		}
		if a, b := kernel.Dot(slope, dy), kernel.Dot(grad, u); math.Abs(a-b) > 1e-12*(math.Abs(a)+math.Abs(b)) {
			t.Errorf("per feature %v: tangent gives %v, adjoint %v", perFeature, a, b)
		}
	}
}

// TestLogisticA9a: the UCI Adult data (B. Becker, R. Kohavi; CC BY 4.0), split
// by example number, against a dense direct solve.
func TestLogisticA9a(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("reads 32,561 examples")
	}
	ctx := context.Background()
	path := shared(t, "libsvm", "a9a.svm.gz")
	p, info, err := problems.ReadLogistic(path, path, false)
	if err != nil {
		t.Fatal(err)
	}
	if info.Train != 32561 || info.Features != 123 || info.SkippedEntries != 0 || info.Negative != -1 || info.Positive != 1 {
		t.Errorf("read %+v", info)
	}
	w := []float64{-1}
	y, grad, slope := make([]float64, 123), make([]float64, 1), make([]float64, 123)
	res, err := (&hypergrad.Newton{Polish: true, Precond: hypergrad.Jacobi}).Solve(ctx, p, y, w)
	if err != nil {
		t.Fatal(err)
	}
	if res.GradNorm > 1e-10*res.StartNorm {
		t.Errorf("inner problem: %+v", res)
	}
	est := &hypergrad.Estimator{Precond: hypergrad.Jacobi, Settings: krylov.Settings{RTol: 1e-10}}
	if _, err := est.Gradient(ctx, p, y, w, grad); err != nil {
		t.Fatal(err)
	}
	// The reference solves the inner problem by itself, by dense Newton steps.
	y = denseNewton(t, p, math.Exp(w[0]))
	if _, err := p.Loss(ctx, slope, nil, y, w); err != nil {
		t.Fatal(err)
	}
	if e := relative(grad, directGradient(p, y, w, slope, false)); e > 1e-9 {
		t.Errorf("dL/dw = %v differs from the direct solve by %.2g", grad[0], e)
	} else {
		t.Logf("dL/dw = %v differs from the direct solve by %.2g", grad[0], e)
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadLogistic(t *testing.T) {
	const train = "3 1:1 2:0.5\n7 2:-1\n3 3:2\n"
	const held = "7 1:1 4:9 5:1\n3 2:1\n7 9:1\n"
	p, info, err := problems.ReadLogistic(write(t, "train", train), write(t, "held", held), false)
	if err != nil {
		t.Fatal(err)
	}
	if want := (problems.LogisticFiles{Train: 3, Held: 3, Features: 3, Entries: 4, SkippedEntries: 3, Negative: 3, Positive: 7}); info != want {
		t.Errorf("read %+v, want %+v", info, want)
	}
	if _, labels := p.Examples(); !slices.Equal(labels, []float64{-1, 1, -1}) {
		t.Errorf("labels %v", labels)
	}
	// Held-out features beyond n_y carry no weight: with y = (1,1,1) the margins
	// are 1, −1 and 0.
	loss, err := p.Loss(context.Background(), nil, nil, []float64{1, 1, 1}, []float64{0})
	if err != nil {
		t.Fatal(err)
	}
	softplus := func(m float64) float64 { return math.Log(1 + math.Exp(-m)) }
	if want := (softplus(1) + softplus(-1) + softplus(0)) / 3; math.Abs(loss-want) > 1e-15 {
		t.Errorf("held-out loss %v, want %v", loss, want)
	}
	for _, c := range []struct{ train, held, want string }{
		{"1 1:1\n2 1:1\n3 1:1\n", held, "train:3: label 3 is a third one beside 1 and 2"},
		{"1 1:1\n1 2:1\n", held, "train: all labels are 1"},
		{train, "3 1:1\n5 1:1\n", "held:2: label 5 does not occur in"},
		{"3\n7\n", held, "no example has a feature"},
		{"", held, "train: empty file"},
		{train, "3 0:1\n", "held:1:"},
		{train, "3 1:NaN\n", "held:1:"},
		{"3 2147483648:1\n", held, "train:1:"},
	} {
		_, _, err := problems.ReadLogistic(write(t, "train", c.train), write(t, "held", c.held), false)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q and %q: error %v, want one with %q", c.train, c.held, err, c.want)
		}
	}
	if _, _, err := problems.ReadLogistic("does-not-exist", "neither", false); err == nil || !strings.Contains(err.Error(), "does-not-exist") {
		t.Errorf("missing file: %v", err)
	}
}

func TestLogisticWorkers(t *testing.T) {
	p := newLogistic(t, 120, true)
	ny, nw := p.Dims()
	w := make([]float64, nw)
	var want string
	for _, workers := range []int{1, 2, 3, 7} {
		ctx := hvp.WithWorkers(context.Background(), workers)
		y, grad := make([]float64, ny), make([]float64, nw)
		if _, err := (&hypergrad.Newton{Precond: hypergrad.Jacobi}).Solve(ctx, p, y, w); err != nil {
			t.Fatal(err)
		}
		if _, err := (&hypergrad.Estimator{}).Gradient(ctx, p, y, w, grad); err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(y, grad)
		if want == "" {
			want = got
		} else if got != want {
			t.Errorf("%d workers change the result", workers)
		}
	}
}

// TestLogisticEnergyGradient: both together are both apart, to the last bit.
func TestLogisticEnergyGradient(t *testing.T) {
	x, err := hvp.NewCSR(3, 2, []int{0, 2, 3, 4}, []int32{0, 1, 0, 1}, []float64{1, -2, 0.5, 3})
	if err != nil {
		t.Fatal(err)
	}
	p, err := problems.NewLogistic(x, []float64{1, -1, 1}, x, []float64{1, -1, 1}, true)
	if err != nil {
		t.Fatal(err)
	}
	y, w, g, want := []float64{0.3, -0.7}, []float64{0.1, -1}, make([]float64, 2), make([]float64, 2)
	e, err := p.EnergyGradient(t.Context(), g, y, w)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Residual(t.Context(), want, y, w); err != nil {
		t.Fatal(err)
	}
	if apart, err := p.Energy(t.Context(), y, w); err != nil || e != apart || g[0] != want[0] || g[1] != want[1] {
		t.Errorf("E = %v and G = %v, apart %v and %v: %v", e, g, apart, want, err)
	}
}
