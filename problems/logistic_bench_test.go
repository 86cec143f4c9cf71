package problems_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/james-bowman/sparse"
)

// BenchmarkLogisticHVP compares XᵀD(Xv) + λv, for a random 100,000 × 50,000 matrix
// with 2·10⁶ entries, with the same product written with the types of
// james-bowman/sparse: X in CSR, Xᵀ by its transpose product and by a second CSR
// matrix. (gonum's own products of such a matrix visit all m·n entries.)
func BenchmarkLogisticHVP(b *testing.B) {
	const m, n, perRow = 100_000, 50_000, 20
	rng := rand.New(rand.NewPCG(1, 1))
	ptr, col, val := make([]int, m+1), make([]int32, 0, m*perRow), make([]float64, 0, m*perRow)
	for i := range m {
		c := rng.IntN(n / perRow)
		for range perRow {
			col, val = append(col, int32(c)), append(val, rng.NormFloat64())
			c += 1 + rng.IntN(2*n/perRow-1-n/perRow)
			if c >= n {
				break
			}
		}
		ptr[i+1] = len(col)
	}
	x, err := hvp.NewCSR(m, n, ptr, col, val)
	if err != nil {
		b.Fatal(err)
	}
	d, ridge, v, dst := make([]float64, m), make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range d {
		d[i] = rng.Float64() / 4
	}
	for j := range v {
		v[j], ridge[j] = rng.NormFloat64(), 0.1
	}
	h, err := hvp.NewGLM(x, d, ridge)
	if err != nil {
		b.Fatal(err)
	}
	wide := make([]int, len(col))
	for k, c := range col {
		wide[k] = int(c)
	}
	peer := sparse.NewCSR(m, n, ptr, wide, val)
	peerT := peer.T().(*sparse.CSC).ToCSR()
	u := make([]float64, m)
	apply := func(workers int) func() {
		ctx := hvp.WithWorkers(context.Background(), workers)
		return func() {
			if err := h.Apply(ctx, dst, v); err != nil {
				b.Fatal(err)
			}
		}
	}
	finish := func(out []float64) {
		for j := range out {
			out[j] += ridge[j] * v[j]
		}
	}
	peerProduct := func(second *sparse.CSR, trans bool) func() {
		return func() {
			clear(u)
			peer.MulVecTo(u, false, v) // adds into its destination
			for i := range u {
				u[i] *= d[i]
			}
			clear(dst)
			second.MulVecTo(dst, trans, u)
			finish(dst)
		}
	}
	apply(1)()
	want := append([]float64(nil), dst...)
	for _, f := range []func(){peerProduct(peer, true), peerProduct(peerT, false)} {
		f()
		if e := relative(dst, want); e > 1e-13 {
			b.Fatalf("the peer's product differs by %.2g", e)
		}
	}
	interleave(b, []contender{
		{"1-worker", apply(1)}, {"2-workers", apply(2)},
		{"sparse-transposed", peerProduct(peer, true)}, {"sparse-two-CSR", peerProduct(peerT, false)},
	})
}

// contender is one of the things that a benchmark compares.
type contender struct {
	name string
	run  func()
}

// interleave runs the contenders in turn, b.N rounds, and reports the median
// time of the first and of each other the median of the ratio to the first in
// the same round: what disturbs the machine disturbs both.
func interleave(b *testing.B, c []contender) {
	ratios := make([][]float64, len(c))
	for b.Loop() {
		var first float64
		for k := range c {
			begin := time.Now()
			c[k].run()
			t := time.Since(begin).Seconds()
			if k == 0 {
				first = t
				ratios[0] = append(ratios[0], t)
			} else {
				ratios[k] = append(ratios[k], t/first)
			}
		}
	}
	for k := range c {
		slices.Sort(ratios[k])
		median := ratios[k][len(ratios[k])/2]
		if k == 0 {
			b.ReportMetric(median*1e3, "ms/"+c[0].name)
		} else {
			b.ReportMetric(median, c[k].name+"/"+c[0].name)
		}
	}
}
