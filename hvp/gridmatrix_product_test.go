package hvp_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"pgregory.net/rapid"
)

// randomGridMatrix has couplings in (−1, 1), none with points outside the grid.
func randomGridMatrix[V float32 | float64](rng *rand.Rand, rows, cols, reach int) *hvp.GridMatrixOf[V] {
	m := new(hvp.GridMatrixOf[V])
	m.Reset(rows, cols, reach)
	for i := range rows {
		for a := range min(reach, i) + 1 {
			for b := -reach; b <= reach; b++ {
				if a == 0 && b < 0 {
					continue
				}
				row := m.Row(i, a, b)
				for j := max(b, 0); j < min(cols, cols+b); j++ {
					row[j] = V(2*rng.Float64() - 1)
				}
			}
		}
	}
	return m
}

// denseGrid returns m by its definition.
func denseGrid[V float32 | float64](m *hvp.GridMatrixOf[V]) [][]float64 {
	rows, cols, reach := m.Shape()
	n := rows * cols
	d := make([][]float64, n)
	for p := range d {
		d[p] = make([]float64, n)
	}
	for p := range d {
		for q := range p + 1 {
			i, j := p/cols, p%cols
			a, b := i-q/cols, j-q%cols
			if max(a, b, -b) <= reach {
				d[p][q] = float64(m.Row(i, a, b)[j])
				d[q][p] = d[p][q]
			}
		}
	}
	return d
}

// TestGridMatrixProduct compares products with those of the dense matrix, on grids down to
// one point, and ranges of rows with the whole, bit for bit.
func TestGridMatrixProduct(t *testing.T) {
	t.Run("single", func(t *testing.T) { testGridMatrixProduct[float32](t, 1e-6) })
	t.Run("double", func(t *testing.T) { testGridMatrixProduct[float64](t, 2e-15) })
}

func testGridMatrixProduct[V float32 | float64](t *testing.T, tol float64) {
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := rapid.IntRange(1, 9).Draw(t, "rows"), rapid.IntRange(1, 40).Draw(t, "cols")
		reach, k := rapid.IntRange(1, 6).Draw(t, "reach"), rapid.SampledFrom([]int{1, 2, 3, 4, 8, 16, 20}).Draw(t, "k")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		m := randomGridMatrix[V](rng, rows, cols, reach)
		n := rows * cols
		x := make([]V, n*k)
		for i := range x {
			x[i] = V(rng.NormFloat64())
		}
		whole := make([]V, n*k)
		for i := range whole {
			whole[i] = V(math.NaN()) // is overwritten
		}
		m.MulPanelRows(whole, x, k, 0, n)
		for p, row := range denseGrid(m) {
			for l := range k {
				sum, size := 0.0, 0.0
				for q, v := range row {
					sum += v * float64(x[q*k+l])
					size += math.Abs(v * float64(x[q*k+l]))
				}
				if got := float64(whole[p*k+l]); !(math.Abs(got-sum) <= tol*size) {
					t.Fatalf("row %d of column %d is %v, want %v", p, l, got, sum)
				}
			}
		}
		lo := rapid.IntRange(0, n).Draw(t, "lo")
		hi := rapid.IntRange(lo, n).Draw(t, "hi")
		part := make([]V, (hi-lo)*k+1)
		part[(hi-lo)*k] = 7
		m.MulPanelRows(part[:(hi-lo)*k], x, k, lo, hi)
		for i, v := range part[:(hi-lo)*k] {
			if v != whole[lo*k+i] {
				t.Fatalf("rows %d … %d: element %d is %v, of all rows %v", lo, hi-1, i, v, whole[lo*k+i])
			}
		}
		if part[(hi-lo)*k] != 7 {
			t.Fatal("wrote beyond dst")
		}
	})
}

// TestGridMatrixProductKeepsApart: an infinite element of x comes into the rows that are
// coupled with it and into no other, were it by a coupling of zero.
func TestGridMatrixProductKeepsApart(t *testing.T) {
	t.Run("single", testGridMatrixProductKeepsApart[float32])
	t.Run("double", testGridMatrixProductKeepsApart[float64])
}

func testGridMatrixProductKeepsApart[V float32 | float64](t *testing.T) {
	const rows, cols, reach = 6, 21, 2
	m := randomGridMatrix[V](rand.New(rand.NewPCG(5, 1)), rows, cols, reach)
	for _, k := range []int{1, 2, 8} {
		for p := range rows * cols {
			x, y := make([]V, rows*cols*k), make([]V, rows*cols*k)
			x[p*k] = V(math.Inf(1))
			m.MulPanelRows(y, x, k, 0, rows*cols)
			for q := range rows * cols {
				di, dj := q/cols-p/cols, q%cols-p%cols
				coupled := max(di, -di, dj, -dj) <= reach
				if finite := y[q*k]-y[q*k] == 0; finite == coupled {
					t.Fatalf("k = %d: Inf at %d makes %v at %d", k, p, y[q*k], q)
				}
				for l := 1; l < k; l++ {
					if y[q*k+l] != 0 {
						t.Fatalf("k = %d: Inf at %d makes %v at %d of column %d", k, p, y[q*k+l], q, l)
					}
				}
			}
		}
	}
}

func TestGridMatrixProductAllocates(t *testing.T) {
	t.Run("single", testGridMatrixProductAllocates[float32])
	t.Run("double", testGridMatrixProductAllocates[float64])
}

func testGridMatrixProductAllocates[V float32 | float64](t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget")
	}
	const rows, cols, k = 30, 31, 8
	m := randomGridMatrix[V](rand.New(rand.NewPCG(6, 1)), rows, cols, 6)
	x, y := make([]V, rows*cols*k), make([]V, rows*cols*k)
	if n := testing.AllocsPerRun(20, func() { m.MulPanelRows(y, x, k, 0, rows*cols) }); n > 0 {
		t.Errorf("%v allocations per product", n)
	}
}

// BenchmarkGridMatrixProduct prints nanoseconds per point of products on one core.
//
//	go test ./hvp -run '^$' -bench GridMatrixProduct
func BenchmarkGridMatrixProduct(b *testing.B) {
	b.Run("single", benchmarkGridMatrixProduct[float32])
	b.Run("double", benchmarkGridMatrixProduct[float64])
}

func benchmarkGridMatrixProduct[V float32 | float64](b *testing.B) {
	const rows, cols = 1000, 1000
	for _, reach := range []int{2, 4, 6} {
		m := new(hvp.GridMatrixOf[V])
		m.Reset(rows, cols, reach)
		for _, k := range []int{2, 4, 8, 16} {
			b.Run(fmt.Sprintf("reach=%d/k=%d", reach, k), func(b *testing.B) {
				x, y := make([]V, rows*cols*k), make([]V, rows*cols*k)
				for b.Loop() {
					for lo := 0; lo < rows*cols; lo += 32 * cols {
						hi := min(lo+32*cols, rows*cols)
						m.MulPanelRows(y[lo*k:hi*k], x, k, lo, hi)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(rows*cols), "ns/point")
			})
		}
	}
}
