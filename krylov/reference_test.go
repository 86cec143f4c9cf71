package krylov_test

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/formats"
)

// readTestMatrix reads a Matrix Market file from the data folder beside the
// repository, and skips the test where that is absent.
func readTestMatrix(t testing.TB, name string) *hvp.CSR {
	t.Helper()
	m, err := formats.ReadMatrixMarketFile(filepath.Join("..", "..", "shared", "data", "matrices", name+".mtx.gz"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no test matrix: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	i, j, v := m.Expand()
	a, err := hvp.NewCSRFromTriplets(m.Rows, m.Cols, i, j, v)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// textbookMINRES is the method of Paige & Saunders as the paper has it: one
// loop per line, normalised vectors, no fusion. It returns x and the iterations
// until ‖r_k‖ ≤ tol·‖b‖ by the recurrence, at most limit.
func textbookMINRES(a hvp.Operator, b []float64, tol float64, limit int) (x []float64, iterations int) {
	n := len(b)
	x = make([]float64, n)
	v, old, d1, d2, q := slices.Clone(b), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	beta := norm(b)
	phi, start := beta, beta
	for i := range v {
		v[i] /= beta
	}
	beta = 0
	c, s, dbar, eps := -1.0, 0.0, 0.0, 0.0
	for k := 1; k <= limit; k++ {
		if err := a.Apply(context.Background(), q, v); err != nil {
			panic(err)
		}
		for i := range q {
			q[i] -= beta * old[i]
		}
		alpha := 0.0
		for i := range q {
			alpha += v[i] * q[i]
		}
		for i := range q {
			q[i] -= alpha * v[i]
		}
		next := norm(q)
		delta, bar := c*dbar+s*alpha, s*dbar-c*alpha
		nextEps, nextBar := s*next, -c*next
		gamma := math.Hypot(bar, next)
		c, s = bar/gamma, next/gamma
		for i := range x {
			d := (v[i] - eps*d2[i] - delta*d1[i]) / gamma
			d2[i], d1[i] = d1[i], d
			x[i] += c * phi * d
		}
		phi *= s
		if phi <= tol*start {
			return x, k
		}
		for i := range q {
			old[i], v[i] = v[i], q[i]/next
		}
		beta, eps, dbar = next, nextEps, nextBar
	}
	return x, limit
}

// spectral is H·diag(values)·H with H = I − 2·u·uᵀ a random reflection: a dense
// symmetric matrix whose eigenvalues and eigenvectors are known.
type spectral struct {
	values, u []float64
}

func newSpectral(rng *rand.Rand, values []float64) *spectral {
	s := &spectral{values, make([]float64, len(values))}
	for i := range s.u {
		s.u[i] = rng.NormFloat64()
	}
	size := norm(s.u)
	for i := range s.u {
		s.u[i] /= size
	}
	return s
}

func (s *spectral) reflect(x []float64) []float64 {
	y, dot := slices.Clone(x), 0.0
	for i, v := range s.u {
		dot += v * x[i]
	}
	for i, v := range s.u {
		y[i] -= 2 * dot * v
	}
	return y
}

// mul is f(A)·x.
func (s *spectral) mul(f func(float64) float64, x []float64) []float64 {
	y := s.reflect(x)
	for i := range y {
		y[i] *= f(s.values[i])
	}
	return s.reflect(y)
}

func (s *spectral) operator() *hvp.Func {
	return &hvp.Func{Rows: len(s.values), Promise: hvp.Symmetric, Mul: func(_ context.Context, dst, x []float64) error {
		copy(dst, s.mul(func(v float64) float64 { return v }, x))
		return nil
	}}
}

// pinv is A⁺·b.
func (s *spectral) pinv(b []float64) []float64 {
	return s.mul(func(v float64) float64 {
		if v == 0 {
			return 0
		}
		return 1 / v
	}, b)
}

func distance(x, y []float64) float64 {
	d := make([]float64, len(x))
	for i := range d {
		d[i] = x[i] - y[i]
	}
	return norm(d)
}

func randomVector(rng *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	return x
}
