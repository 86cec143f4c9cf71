package krylov

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// TestBasisIsOrthonormal: the basis stays orthogonal to a few rounding errors on
// a matrix of condition 10¹², where one pass of Gram–Schmidt loses half of the
// digits and more.
func TestBasisIsOrthonormal(t *testing.T) {
	const n, m = 4500, 60 // more than two blocks
	// A bidiagonal matrix with a graded diagonal: nonnormal, κ ≈ 10¹².
	d, e := make([]float64, n), make([]float64, n)
	rng := rand.New(rand.NewPCG(3, 3))
	for i := range d {
		d[i] = math.Pow(10, -12*float64(i)/(n-1))
		e[i] = d[i] * rng.Float64()
	}
	a := &hvp.Func{Rows: n, Mul: func(_ context.Context, dst, x []float64) error {
		for i := range dst {
			dst[i] = d[i] * x[i]
			if i+1 < n {
				dst[i] += e[i] * x[i+1]
			}
		}
		return nil
	}}
	b := make([]float64, n)
	for i := range b {
		b[i] = rng.NormFloat64()
	}
	var g GMRES
	if f := g.start(context.Background(), "gmres", a, make([]float64, n), b, nil, false); f.failed() {
		t.Fatal(f.cause)
	}
	if f := g.prepare(); f.failed() {
		t.Fatal(f.cause)
	}
	norm, _ := g.initialResidual(g.vector(&g.v, 0))
	g.resize(m)
	k, _, f := g.cycle(norm, m)
	if f.failed() || k < 40 {
		t.Fatalf("%d steps, then %v", k, f)
	}
	worst := 0.0
	for i := range k {
		for j := range i + 1 {
			s := parallel.Dot(1, g.v[i], g.v[j])
			if i == j {
				s--
			}
			worst = max(worst, math.Abs(s))
		}
	}
	if worst > 20*0x1p-52 {
		t.Errorf("|VᵀV − I| = %.2g after %d steps", worst, k)
	}
	t.Logf("|VᵀV − I| = %.2g after %d steps", worst, k)
}

// BenchmarkOrthogonalise measures the three sweeps of a step with 16 basis
// vectors of 4·10⁶ elements against inner products over the same vectors, turn by
// turn, and reports the ratio of the two bandwidths: the part of what the memory
// gives that the panel kernels use.
func BenchmarkOrthogonalise(b *testing.B) {
	const n, k = 4_000_000, 16
	rng := rand.New(rand.NewPCG(5, 5))
	g := GMRES{blocks: parallel.Blocks(n), cut: cut{n: n, chunk: parallel.BlockSize, chunks: parallel.Blocks(n)}}
	g.norms = make([]float64, g.blocks)
	g.resize(k)
	for j := range k + 1 {
		v := g.vector(&g.v, j)
		for i := range v {
			v[i] = rng.Float64() - 0.5
		}
	}
	g.basis, g.w, g.coef = g.v[:k], g.v[k], g.h[:k]
	for j := range g.coef {
		g.coef[j] = 1e-3
	}
	dots := func() {
		for j := 0; j < k; j += 2 {
			parallel.Dot(g.team, g.v[j], g.v[j+1])
		}
	}
	sweeps := [3]func(){
		func() { g.team.Run(g.chunks, (*gmresProduct)(&g)) },
		func() { g.team.Run(g.blocks, (*gmresFirstPass)(&g)) },
		func() { g.team.Run(g.blocks, (*gmresSecondPass)(&g)) },
	}
	least := [4]time.Duration{1 << 62, 1 << 62, 1 << 62, 1 << 62}
	b.ResetTimer()
	for range b.N {
		for i, f := range [4]func(){dots, sweeps[0], sweeps[1], sweeps[2]} {
			t := time.Now()
			f()
			least[i] = min(least[i], time.Since(t))
		}
	}
	bandwidth := func(vectors int, t time.Duration) float64 { return float64(8*n*vectors) / t.Seconds() }
	dot := bandwidth(k, least[0])
	b.ReportMetric(dot/1e9, "dot-GB/s")
	b.ReportMetric(bandwidth(k+1, least[1])/dot, "first/dot")
	b.ReportMetric(bandwidth(k+2, least[2])/dot, "second/dot")
	b.ReportMetric(bandwidth(k+2, least[3])/dot, "third/dot")
	b.ReportMetric(bandwidth(3*k+5, least[1]+least[2]+least[3])/dot, "step/dot")
}
