package krylov_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
)

// textbookIDR is IDR(s) with bi-orthogonal directions by modified Gram–Schmidt
// and a right preconditioner diag(d), one vector at a time, for the shadow
// vectors p. Like the method under test it begins with a minimal residual step.
// It returns the number of products until the recurrence meets rtol.
func textbookIDR(a hvp.Operator, d, b []float64, p [][]float64, rtol float64, limit int) (products int) {
	n, s := len(b), len(p)
	r := slices.Clone(b)
	goal := rtol * norm(b)
	multiply := func(v []float64) []float64 {
		dst := make([]float64, n)
		a.Apply(context.Background(), dst, v)
		products++
		return dst
	}
	precond := func(v []float64) []float64 {
		z := slices.Clone(v)
		for i := range d {
			z[i] *= d[i]
		}
		return z
	}
	vectors := func() [][]float64 {
		l := make([][]float64, s)
		for i := range l {
			l[i] = make([]float64, n)
		}
		return l
	}
	u, g, nn := vectors(), vectors(), make([][]float64, s)
	for i := range nn {
		nn[i] = make([]float64, s)
		nn[i][i] = 1
	}
	for {
		t := multiply(precond(r))
		cosine := dot(t, r) / norm(t) / norm(r)
		if math.Abs(cosine) < 0.7 {
			cosine = math.Copysign(0.7, cosine)
		}
		omega := cosine * norm(r) / norm(t)
		axpy(r, -omega, t)
		if norm(r) <= goal || products >= limit {
			return products
		}
		f := make([]float64, s)
		for i := range f {
			f[i] = dot(p[i], r)
		}
		for k := range s {
			c := make([]float64, s)
			v := slices.Clone(r)
			for i := k; i < s; i++ {
				c[i] = f[i]
				for j := k; j < i; j++ {
					c[i] -= nn[i][j] * c[j]
				}
				c[i] /= nn[i][i]
				axpy(v, -c[i], g[i])
			}
			v = precond(v)
			for i := range v {
				v[i] *= omega
			}
			for i := k; i < s; i++ {
				axpy(v, c[i], u[i])
			}
			u[k] = v
			g[k] = multiply(v)
			for i := range k {
				alpha := dot(p[i], g[k]) / nn[i][i]
				axpy(g[k], -alpha, g[i])
				axpy(u[k], -alpha, u[i])
			}
			for i := k; i < s; i++ {
				nn[i][k] = dot(p[i], g[k])
			}
			beta := f[k] / nn[k][k]
			axpy(r, -beta, g[k])
			if norm(r) <= goal || products >= limit {
				return products
			}
			for i := k + 1; i < s; i++ {
				f[i] -= beta * nn[i][k]
			}
		}
	}
}

// shadows draws what IDRS draws.
func shadows(n, s int, seed uint64) [][]float64 {
	rng := rand.New(rand.NewPCG(seed, 0))
	p := make([][]float64, s)
	for j := range p {
		p[j] = make([]float64, n)
		for i := range p[j] {
			p[j][i] = rng.NormFloat64()
		}
		for range 2 {
			for _, q := range p[:j] {
				axpy(p[j], -dot(p[j], q), q)
			}
		}
		l := norm(p[j])
		for i := range p[j] {
			p[j][i] /= l
		}
	}
	return p
}

// TestIDRSAgainstTextbook: with the same shadow vectors, about as many products
// as the plain method. The method amplifies rounding errors, so that on hard
// systems one run says little: the sums over several seeds are compared.
func TestIDRSAgainstTextbook(t *testing.T) {
	if raceEnabled {
		t.Skip("counts products; slow under the race detector")
	}
	for _, c := range []struct {
		name   string
		jacobi bool
	}{{"cage10", false}, {"cage10", true}, {"fs_183_6", true}, {"sherman5", true}, {"orsirr_1", true}, {"epb0", true}} {
		t.Run(fmt.Sprintf("%s/jacobi %v", c.name, c.jacobi), func(t *testing.T) {
			a := readTestMatrix(t, c.name)
			b := randomSystem(t, a)
			n := len(b)
			s := &krylov.Settings{RTol: 1e-8}
			var d []float64
			if c.jacobi {
				d = jacobi(t, a)
				s.Precond, _ = hvp.NewDiagonal(d)
			}
			const seeds = 8
			got, want := 0, 0
			for seed := range uint64(seeds) {
				x := make([]float64, n)
				res, err := (&krylov.IDRS{Seed: seed}).Solve(context.Background(), a, x, b, s)
				if err != nil {
					t.Fatal(err)
				}
				if r := residualOf(t, a, x, b, false); r > 1.0001e-8*norm(b) {
					t.Errorf("residual %.3g of %.3g", r, norm(b))
				}
				got += res.Iterations
				want += textbookIDR(a, d, b, shadows(n, 4, seed), s.RTol, 10*n)
			}
			t.Logf("%d products, textbook %d", got, want)
			if float64(got) > 1.05*float64(want)+seeds {
				t.Errorf("%d products, textbook %d", got, want)
			}
		})
	}
}

// TestIDRSRepeats: a second solve with the same value gives the same bits, also
// after a failure that drew other shadow vectors, and a guess that has been
// scaled does not get worse.
func TestIDRSRepeats(t *testing.T) {
	a := convectionDiffusion(t, 30, 100)
	b := randomSystem(t, a)
	n := len(b)
	var m krylov.IDRS
	first, again := make([]float64, n), make([]float64, n)
	if _, err := m.Solve(context.Background(), a, first, b, nil); err != nil {
		t.Fatal(err)
	}
	singular := &hvp.Func{Rows: n, Mul: func(_ context.Context, dst, x []float64) error { clear(dst); return nil }}
	if res, err := m.Solve(context.Background(), singular, again, b, nil); err == nil {
		t.Errorf("zero operator: %v", res.Status)
	}
	if _, err := m.Solve(context.Background(), a, again, b, nil); err != nil || !slices.Equal(first, again) {
		t.Errorf("the second solve differs: %v", err)
	}
	guess := slices.Clone(first)
	guess[7] += 1e-3
	before := residualOf(t, a, guess, b, false)
	for limit := 1; limit < 30; limit++ {
		x := slices.Clone(guess)
		res, err := m.Solve(context.Background(), a, x, b, &krylov.Settings{Guess: true, MaxIter: limit, RTol: 1e-15})
		if got := residualOf(t, a, x, b, false); got > before*(1+1e-6) || err == nil {
			t.Errorf("%d products: %v, residual %v after %v", limit, res.Status, got, before)
		}
	}
}

func TestParametersOfNonsymmetricMethods(t *testing.T) {
	a := stencil5(t, 3, 0)
	for _, m := range []krylov.Method{&krylov.GMRES{Restart: -1}, &krylov.IDRS{S: -2}} {
		res, err := m.Solve(context.Background(), a, make([]float64, 9), sine(9), nil)
		if !errors.Is(err, krylov.InvalidInput) || res.Status != krylov.InvalidInput {
			t.Errorf("%v: %v", m, err)
		}
	}
	for m, want := range map[krylov.Method]string{
		&krylov.GMRES{}: "gmres(30)", &krylov.GMRES{Restart: 7, Flexible: true}: "fgmres(7)", &krylov.IDRS{}: "idrs(4)", &krylov.IDRS{S: 2}: "idrs(2)",
	} {
		if m.String() != want {
			t.Errorf("%q, want %q", m, want)
		}
	}
}
