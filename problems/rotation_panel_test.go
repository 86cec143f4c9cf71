package problems_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/problems"
)

func singlePanel(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// TestQuadraticPanels compares products with panels with those of their columns, relative to
// ‖A‖·‖x‖, and their bits for any number of workers and with those of a column alone.
func TestQuadraticPanels(t *testing.T) {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(43, 1))
	for _, c := range []struct {
		n         int
		cond, top float64
	}{{1, 1, 1}, {15, 10, 1}, {16, 100, 1}, {37, 1e4, 1e8}, {255, 100, 1}, {256, 1e8, 1e-8}, {2048, 100, 1}, {5003, 1e4, 1}, {70_001, 100, 1e20}} {
		p := newQuadratic(t, c.n, 1, &problems.QuadraticSettings{Cond: c.cond, Seed: 5})
		eigen := slices.Clone(p.Eigenvalues())
		for i := range eigen {
			eigen[i] *= c.top
		}
		p = newQuadratic(t, c.n, 1, &problems.QuadraticSettings{Eigenvalues: eigen, Seed: 5})
		h, n := p.Hessian(), c.n
		v, draws := make([]float64, n), rand.New(rand.NewPCG(5, 1))
		for i := range 4 * n { // the fourth vector that NewQuadratic draws
			v[i%n] = draws.NormFloat64()
		}
		single, double := h.(hvp.SingleBlocker).ApplyBlockSingle, h.(hvp.Blocker).ApplyBlock
		for _, k := range []int{1, 2, 3, 4, 8, 11, 16, 20} {
			x := singlePanel(rng, n*k)
			if k == 8 { // along v, where the reflections change most
				for i := range n {
					x[i*k+5] = float32(v[i])
				}
			}
			xd := make([]float64, n*k)
			for i, v := range x {
				xd[i] = float64(v)
			}
			y, again := singlePanel(rng, n*k), make([]float32, n*k)
			yd, againD := make([]float64, n*k), make([]float64, n*k)
			for _, workers := range []int{1, 2, 3, 7} {
				ctx := hvp.WithWorkers(ctx, workers)
				if err := errors.Join(single(ctx, again, x, k), double(ctx, againD, xd, k)); err != nil {
					t.Fatal(err)
				}
				if workers == 1 {
					copy(y, again)
					copy(yd, againD)
				}
				if !slices.Equal(y, again) || !slices.Equal(yd, againD) {
					t.Fatalf("n = %d, k = %d: other bits with %d workers", n, k, workers)
				}
			}
			column, want, one, alone := make([]float64, n), make([]float64, n), make([]float32, n), make([]float32, n)
			oneD := make([]float64, n)
			for l := range k {
				for i := range column {
					one[i], column[i] = x[i*k+l], xd[i*k+l]
				}
				if err := errors.Join(h.Apply(ctx, want, column), single(ctx, alone, one, 1), double(ctx, oneD, column, 1)); err != nil {
					t.Fatal(err)
				}
				size := 0.0
				for _, v := range column {
					size = math.Hypot(size, v)
				}
				size *= c.top
				var off, offD float64
				for i, v := range want {
					if y[i*k+l] != alone[i] || yd[i*k+l] != oneD[i] {
						t.Fatalf("n = %d, k = %d: row %d of column %d is %v and %v, alone %v and %v", n, k, i, l, y[i*k+l], yd[i*k+l], alone[i], oneD[i])
					}
					off = math.Hypot(off, float64(y[i*k+l])-v)
					offD = math.Hypot(offD, yd[i*k+l]-v)
				}
				// NaN would pass a comparison the other way round.
				if !(off <= 2e-7*size && offD <= 1e-15*size) {
					t.Errorf("n = %d, k = %d: column %d is off by %.2g of ‖A‖‖x‖, in double precision by %.2g", n, k, l, off/size, offD/size)
				}
			}
		}
	}
}

// TestQuadraticPanelsOutOfRange: numbers that float32 does not have are Inf, NaN or zero, and
// products in double precision have them.
func TestQuadraticPanelsOutOfRange(t *testing.T) {
	const n = 40
	ctx := context.Background()
	for _, top := range []float64{1e100, 1e-100} {
		eigen := make([]float64, n)
		for i := range eigen {
			eigen[i] = top
		}
		h := newQuadratic(t, n, 1, &problems.QuadraticSettings{Eigenvalues: eigen}).Hessian()
		x, y := make([]float32, 2*n), make([]float32, 2*n)
		xd, yd := make([]float64, 2*n), make([]float64, 2*n)
		for i := range x {
			x[i], xd[i] = 1, 1
		}
		if err := errors.Join(h.(hvp.SingleBlocker).ApplyBlockSingle(ctx, y, x, 2), h.(hvp.Blocker).ApplyBlock(ctx, yd, xd, 2)); err != nil {
			t.Fatal(err)
		}
		for i, v := range y {
			if w := float64(v); top > 1 && !math.IsInf(w, 0) && !math.IsNaN(w) || top < 1 && w != 0 {
				t.Fatalf("eigenvalues %v: element %d is %v", top, i, v)
			}
			if math.Abs(yd[i]/top-1) > 1e-13 {
				t.Fatalf("eigenvalues %v: element %d in double precision is %v", top, i, yd[i])
			}
		}
	}
}

func TestQuadraticPanelsBadInput(t *testing.T) {
	h := newQuadratic(t, 20, 1, nil).Hessian()
	for _, c := range [][3]int{{40, 40, 0}, {0, 0, 0}, {20, 20, -1}, {40, 39, 2}, {39, 40, 2}, {41, 41, 2}, {20, 20, 2}} {
		if h.(hvp.SingleBlocker).ApplyBlockSingle(context.Background(), make([]float32, c[0]), make([]float32, c[1]), c[2]) == nil {
			t.Errorf("%v: no error in single precision", c)
		}
		if h.(hvp.Blocker).ApplyBlock(context.Background(), make([]float64, c[0]), make([]float64, c[1]), c[2]) == nil {
			t.Errorf("%v: no error in double precision", c)
		}
	}
}

func TestQuadraticPanelsDoNotAllocate(t *testing.T) {
	const n, k = 10_000, 11
	h := newQuadratic(t, n, 1, nil).Hessian()
	x, y := make([]float32, n*k), make([]float32, n*k)
	xd, yd := make([]float64, n*k), make([]float64, n*k)
	ctx := context.Background()
	apply := func() {
		_ = h.(hvp.SingleBlocker).ApplyBlockSingle(ctx, y, x, k)
		_ = h.(hvp.Blocker).ApplyBlock(ctx, yd, xd, k)
	}
	apply()
	if got := testing.AllocsPerRun(20, apply); got >= 1 && !raceEnabled {
		t.Errorf("two products allocate %v times", got)
	}
}

// BenchmarkQuadraticPanel prints the time of a product with a panel in single precision per
// eight columns, of one in double precision, and of eight products with a vector, in turns.
func BenchmarkQuadraticPanel(b *testing.B) {
	const n = 1_000_000
	ctx := context.Background()
	h := newQuadratic(b, n, 1, nil).Hessian()
	rng := rand.New(rand.NewPCG(44, 1))
	for _, k := range []int{2, 4, 8, 16, 64} {
		b.Run(fmt.Sprint(k), func(b *testing.B) {
			x, y := singlePanel(rng, n*k), make([]float32, n*k)
			xd, yd := make([]float64, n*k), make([]float64, n*k)
			for i, v := range x {
				xd[i] = float64(v)
			}
			panel, double, vectors := math.Inf(1), math.Inf(1), math.Inf(1)
			for b.Loop() {
				panel = min(panel, seconds(func() { _ = h.(hvp.SingleBlocker).ApplyBlockSingle(ctx, y, x, k) }))
				double = min(double, seconds(func() { _ = h.(hvp.Blocker).ApplyBlock(ctx, yd, xd, k) }))
				vectors = min(vectors, seconds(func() {
					for l := range min(k, 8) {
						_ = h.Apply(ctx, yd[l*n:][:n], xd[l*n:][:n])
					}
				})/float64(min(k, 8)))
			}
			b.ReportMetric(panel/float64(k)*8e3, "ms/8-columns")
			b.ReportMetric(panel/float64(k)/vectors, "of-vectors")
			b.ReportMetric(double/float64(k)/vectors, "double-of-vectors")
		})
	}
}
