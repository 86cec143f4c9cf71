package hvp_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
	"github.com/hgsolve/hgsolve/internal/kernel"
)

// gridMatrix is the 27-point matrix of a grid of n³ nodes, or with points = 7 or 5
// those of the faces of a cube or of a square only (then n² nodes). With vary the
// values differ from row to row; the matrix is symmetric and definite.
func gridMatrix(t testing.TB, points, n int, vary bool) *hvp.CSR {
	t.Helper()
	planes := n
	if points == 5 {
		planes = 1
	}
	var i, j []int32
	var v []float64
	weight := func(a, b int) float64 {
		if vary {
			return -1 - float64((a+b)%7)/8 - float64(a*b%5)/16
		}
		return -1
	}
	for a := range planes * n * n {
		x, y, z := a%n, a/n%n, a/n/n
		sum := 0.25
		for dz := -1; dz <= 1; dz++ {
			for dy := -1; dy <= 1; dy++ {
				for dx := -1; dx <= 1; dx++ {
					if far := dx*dx + dy*dy + dz*dz; far == 0 || points != 27 && far > 1 || points == 5 && dz != 0 {
						continue
					}
					b := a + (dz*n+dy)*n + dx
					w := weight(a, b)
					sum -= w
					if x+dx >= 0 && x+dx < n && y+dy >= 0 && y+dy < n && z+dz >= 0 && z+dz < planes {
						i, j, v = append(i, int32(a)), append(j, int32(b)), append(v, w)
					}
				}
			}
		}
		i, j, v = append(i, int32(a)), append(j, int32(a)), append(v, sum)
	}
	m := must[*hvp.CSR](t)(hvp.NewCSRFromTriplets(planes*n*n, planes*n*n, i, j, v))
	return must[*hvp.CSR](t)(m.Promise(hvp.SPD))
}

// TestPatternsDoNotChangeProducts: a matrix with runs of like rows has the bits of
// the plain row products, for any range of rows and any number of workers.
func TestPatternsDoNotChangeProducts(t *testing.T) {
	for _, c := range []struct {
		points, n int
		vary      bool
		share     float64 // of the bytes of the plain product, at most
	}{
		{5, 64, false, 0.1}, {5, 64, true, 0.68}, {5, 7, true, 1}, {7, 18, false, 0.3}, {7, 18, true, 0.8}, {7, 36, true, 0.8}, {27, 18, false, 0.3}, {27, 18, true, 0.8},
	} {
		t.Run(fmt.Sprintf("%d points, n = %d, vary %v", c.points, c.n, c.vary), func(t *testing.T) {
			a := gridMatrix(t, c.points, c.n, c.vary)
			rows, _ := a.Dims()
			ptr, col, val := a.RawCSR()
			plain := int64(len(val))*12 + int64(len(ptr))*8
			if a.Bytes() < plain || a.Bytes() > plain+plain/4 {
				t.Errorf("%d bytes in memory, %d without runs", a.Bytes(), plain)
			}
			x, want := normals(6, rows), make([]float64, rows)
			kernel.CSRRows(want, x, ptr, col, val, 0, rows)
			for _, workers := range []int{1, 2, 3, 7} {
				got := make([]float64, rows)
				if err := a.Apply(hvp.WithWorkers(context.Background(), workers), got, x); err != nil || !slices.Equal(got, want) {
					t.Errorf("%d workers: other bits (%v)", workers, err)
				}
			}
			rng := rand.New(rand.NewPCG(1, 1))
			for range 200 {
				lo := rng.IntN(rows + 1)
				hi := lo + rng.IntN(rows+1-lo)
				got := normals(7, rows)
				before := slices.Clone(got)
				a.ApplyRows(got, x, lo, hi)
				copy(before[lo:hi], want[lo:hi])
				if !slices.Equal(got, before) {
					t.Fatalf("rows %d … %d are not those of the whole", lo, hi-1)
				}
			}
			w, got := normals(8, rows), make([]float64, rows)
			if err := a.ApplyWeighted(context.Background(), got, x, w); err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if got[i] != want[i]*w[i] {
					t.Fatalf("row %d of the weighted product", i)
				}
			}
			if read := float64(a.ProductTraffic()) / float64(plain); read > c.share {
				t.Errorf("a product reads %.2f of the plain matrix, want at most %v", read, c.share)
			}
			if rows < 1000 {
				hvptest.TestOperator(t, a, nil)
			}
		})
	}
	even := unevenCSR(t, 300, 200, func(*rand.Rand) int { return 5 })
	if ptr, _, val := even.RawCSR(); even.ProductTraffic() != int64(len(val))*12+int64(len(ptr)-1)*8 {
		t.Error("a pattern in a random matrix")
	}
}

// BenchmarkCSR times products of matrices with patterns against the plain kernel
// on the same entries, in turn, one worker; "ratio" is the least time with over
// that without.
//
//	go test ./hvp -run '^$' -bench CSR
func BenchmarkCSR(b *testing.B) {
	for _, c := range []struct{ points, n int }{{5, 128}, {5, 1024}, {7, 80}, {27, 50}} {
		for _, vary := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d points, n = %d, vary %v", c.points, c.n, vary), func(b *testing.B) {
				a := gridMatrix(b, c.points, c.n, vary)
				rows, _ := a.Dims()
				ptr, col, val := a.RawCSR()
				x, dst := normals(6, rows), make([]float64, rows)
				ctx := hvp.WithWorkers(context.Background(), 1)
				times := [2]float64{math.Inf(1), math.Inf(1)}
				for b.Loop() {
					times[0] = min(times[0], seconds(func() {
						if err := a.Apply(ctx, dst, x); err != nil {
							b.Fatal(err)
						}
					}))
					times[1] = min(times[1], seconds(func() { kernel.CSRRows(dst, x, ptr, col, val, 0, rows) }))
				}
				nnz := float64(len(val)) / 1e9
				b.ReportMetric(times[0]/times[1], "ratio")
				b.ReportMetric(times[0]/nnz, "ns/entry")
				b.ReportMetric(times[1]/nnz, "plain-ns/entry")
			})
		}
	}
}
