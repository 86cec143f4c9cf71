package problems_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/problems"
)

func newQuadratic(t testing.TB, n, nw int, s *problems.QuadraticSettings) *problems.Quadratic {
	t.Helper()
	p, err := problems.NewQuadratic(n, nw, s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// quadraticW is a generic parameter vector.
func quadraticW(nw int) []float64 {
	w := make([]float64, nw)
	for i := range w {
		w[i] = math.Sin(float64(i + 1))
	}
	return w
}

func TestQuadratic(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {2, 1}, {5, 7}, {16, 1}, {17, 3}, {300, 5}, {4097, 2}, {5000, 4999}, {5000, 5003}} {
		for _, cond := range []float64{1, 100, 1e4} {
			p := newQuadratic(t, size[0], size[1], &problems.QuadraticSettings{Cond: cond, Seed: 3})
			checkClosedForm(t, fmt.Sprintf("%v, condition %g", size, cond), p, quadraticW(size[1]), 1e-14*max(1, cond/10), 1e-10)
		}
		if size[1] < 1000 {
			checkProblem(t, fmt.Sprint(size), newQuadratic(t, size[0], size[1], nil), quadraticW(size[1]))
		} else {
			checkWorkers(t, fmt.Sprint(size), newQuadratic(t, size[0], size[1], nil), quadraticW(size[1]))
		}
	}
}

// TestQuadraticMillion: a million unknowns.
func TestQuadraticMillion(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("a million unknowns")
	}
	p := newQuadratic(t, 1_000_003, 7, &problems.QuadraticSettings{Cond: 50})
	checkClosedForm(t, "a million", p, quadraticW(7), 1e-13, 1e-10)
}

// TestQuadraticSpectrum: A has the eigenvalues asked for, and E, y* and dL/dw are
// those of dense algebra.
func TestQuadraticSpectrum(t *testing.T) {
	ctx := context.Background()
	own := make([]float64, 37)
	for i := range own {
		own[i] = 1 + float64(i*i)
	}
	for _, c := range []struct {
		n, nw int
		s     problems.QuadraticSettings
	}{
		{1, 1, problems.QuadraticSettings{}}, {15, 2, problems.QuadraticSettings{}}, {16, 3, problems.QuadraticSettings{Cond: 1e6}},
		{37, 4, problems.QuadraticSettings{Eigenvalues: own}}, {64, 100, problems.QuadraticSettings{Cond: 1e3, Seed: 9}},
	} {
		p := newQuadratic(t, c.n, c.nw, &c.s)
		h := p.Hessian()
		a, cT := mat.NewDense(c.n, c.n, nil), mat.NewDense(c.n, c.nw, nil)
		lin, err := p.Linearize(ctx, make([]float64, c.n), make([]float64, c.nw))
		if err != nil {
			t.Fatal(err)
		}
		column := make([]float64, c.n)
		for j := range max(c.n, c.nw) {
			if j < c.n {
				unit := make([]float64, c.n)
				unit[j] = 1
				if err := h.Apply(ctx, column, unit); err != nil {
					t.Fatal(err)
				}
				a.SetCol(j, column)
			}
			if j < c.nw {
				unit := make([]float64, c.nw)
				unit[j] = 1
				if err := lin.W.Apply(ctx, column, unit); err != nil {
					t.Fatal(err)
				}
				cT.SetCol(j, column)
			}
		}
		sym := mat.NewSymDense(c.n, nil)
		for i := range c.n {
			for j := range i + 1 {
				sym.SetSym(i, j, (a.At(i, j)+a.At(j, i))/2)
			}
		}
		var eigen mat.EigenSym
		if !eigen.Factorize(sym, false) {
			t.Fatal("no eigenvalues")
		}
		got, want := eigen.Values(nil), slices.Clone(p.Eigenvalues())
		slices.Sort(want)
		for i := range want {
			if math.Abs(got[i]-want[i]) > 1e-13*want[len(want)-1] {
				t.Errorf("n = %d: eigenvalue %d is %v, want %v", c.n, i, got[i], want[i])
			}
		}
		if c.s.Eigenvalues == nil && c.n > 1 {
			cond := c.s.Cond
			if cond == 0 {
				cond = 100
			}
			if math.Abs(want[0]*cond-1) > 1e-12 || math.Abs(want[len(want)-1]-1) > 1e-15 {
				t.Errorf("n = %d: eigenvalues %v … %v, want a condition number of %v", c.n, want[0], want[len(want)-1], cond)
			}
		}

		// Dense: the force is the residual at y = 0, dL/dy at 0 is −t.
		w := quadraticW(c.nw)
		force, slope := make([]float64, c.n), make([]float64, c.n)
		if err := p.Residual(ctx, force, make([]float64, c.n), w); err != nil {
			t.Fatal(err)
		}
		var y, q, grad mat.VecDense
		if err := y.SolveVec(a, mat.NewVecDense(c.n, force)); err != nil && c.s.Cond < 1e5 {
			t.Fatal(err)
		}
		y.ScaleVec(-1, &y)
		if _, err := p.Loss(ctx, slope, nil, y.RawVector().Data, w); err != nil {
			t.Fatal(err)
		}
		if err := q.SolveVec(a, mat.NewVecDense(c.n, slope)); err != nil && c.s.Cond < 1e5 {
			t.Fatal(err)
		}
		grad.MulVec(cT.T(), &q)
		grad.SubVec(mat.NewVecDense(c.nw, w), &grad)
		exactY, exact := make([]float64, c.n), make([]float64, c.nw)
		if _, err := p.Exact(ctx, exactY, exact, w); err != nil {
			t.Fatal(err)
		}
		if ey, eg := relative(exactY, y.RawVector().Data), relative(exact, grad.RawVector().Data); ey > 1e-9 || eg > 1e-9 {
			t.Errorf("n = %d: the closed form of y is off by %.2g, of dL/dw by %.2g", c.n, ey, eg)
		}
		e, err := p.Energy(ctx, exactY, w)
		if err != nil || math.Abs(e-0.5*mat.Dot(mat.NewVecDense(c.n, force), mat.NewVecDense(c.n, exactY))) > 1e-12*math.Abs(e) {
			t.Errorf("n = %d: energy %v at the minimum, want ½·yᵀ(a + Cᵀw), %v", c.n, e, err)
		}
	}
}

func TestQuadraticBadInput(t *testing.T) {
	for what, f := range map[string]func() error{
		"no unknowns":   func() error { _, err := problems.NewQuadratic(0, 1, nil); return err },
		"no parameters": func() error { _, err := problems.NewQuadratic(1, 0, nil); return err },
		"condition": func() error {
			_, err := problems.NewQuadratic(5, 1, &problems.QuadraticSettings{Cond: 0.5})
			return err
		},
		"NaN": func() error {
			_, err := problems.NewQuadratic(5, 1, &problems.QuadraticSettings{Cond: math.NaN()})
			return err
		},
		"eigenvalues": func() error {
			_, err := problems.NewQuadratic(5, 1, &problems.QuadraticSettings{Eigenvalues: make([]float64, 5)})
			return err
		},
		"eigenvalue": func() error {
			_, err := problems.NewQuadratic(1, 1, &problems.QuadraticSettings{Eigenvalues: []float64{1, 2}})
			return err
		},
		"short w": func() error {
			_, err := newQuadratic(t, 5, 2, nil).Exact(context.Background(), nil, nil, make([]float64, 1))
			return err
		},
		"long grad": func() error {
			_, err := newQuadratic(t, 5, 2, nil).Exact(context.Background(), nil, make([]float64, 3), make([]float64, 2))
			return err
		},
	} {
		if f() == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// TestQuadraticProductsDoNotAllocate: the product is what a solver calls in its
// loop.
func TestQuadraticProductsDoNotAllocate(t *testing.T) {
	p := newQuadratic(t, 10000, 1, nil)
	x, y := make([]float64, 10000), make([]float64, 10000)
	h := p.Hessian()
	ctx := context.Background()
	apply := func() { _ = h.Apply(ctx, y, x) }
	apply()
	if got := testing.AllocsPerRun(20, apply); got >= 1 && !raceEnabled {
		t.Errorf("a product allocates %v times", got)
	}
}

// BenchmarkQuadraticHVP prints the cost of a product per unknown.
func BenchmarkQuadraticHVP(b *testing.B) {
	for _, n := range []int{10_000, 4_000_000} {
		p := newQuadratic(b, n, 1, nil)
		x, y := make([]float64, n), make([]float64, n)
		h := p.Hessian()
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := h.Apply(context.Background(), y, x); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/unknown")
		})
	}
}
