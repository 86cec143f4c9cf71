package hvp_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// unevenCSR is a random matrix of rows of the given lengths.
func unevenCSR(t testing.TB, rows, cols int, length func(*rand.Rand) int) *hvp.CSR {
	t.Helper()
	rng := rand.New(rand.NewPCG(21, uint64(rows)))
	ptr, col := []int{0}, []int32{}
	for range rows {
		used := map[int32]bool{}
		for n := min(length(rng), cols); len(used) < n; {
			if c := int32(rng.IntN(cols)); !used[c] {
				used[c] = true
				col = append(col, c)
			}
		}
		slices.Sort(col[ptr[len(ptr)-1]:])
		ptr = append(ptr, len(col))
	}
	return must[*hvp.CSR](t)(hvp.NewCSR(rows, cols, ptr, col, normals(22, len(col))))
}

// sameBits compares bit by bit, NaN being like any other NaN, and returns the first
// row that differs, or -1.
func sameBits(got, want []float64) int {
	for i := range want {
		if math.Float64bits(got[i]) != math.Float64bits(want[i]) && !(math.IsNaN(got[i]) && math.IsNaN(want[i])) {
			return i
		}
	}
	return -1
}

// TestUnevenRows: a matrix whose rows change their length all the time has the bits
// of the plain rows, for any number of workers and any range of rows, also where x
// has Inf and NaN in columns that some rows of a slice do not have.
func TestUnevenRows(t *testing.T) {
	for name, length := range map[string]func(*rand.Rand) int{
		"0 … 9":     func(rng *rand.Rand) int { return rng.IntN(10) },
		"5 … 7":     func(rng *rand.Rand) int { return 5 + rng.IntN(3) },
		"power law": func(rng *rand.Rand) int { return int(2 / (rng.Float64() + 0.003)) },
	} {
		for _, rows := range []int{255, 256, 257, 260, 3001} {
			t.Run(fmt.Sprintf("%s, %d rows", name, rows), func(t *testing.T) {
				a := unevenCSR(t, rows, 900, length)
				before := a.Bytes()
				checkUneven(t, a, "float64")
				if grown := a.Bytes() - before; grown < 12*int64(a.NNZ())/2 {
					t.Errorf("the first product made %d bytes for %d entries: no slices", grown, a.NNZ())
				}
				b := must[*hvp.CSR32](t)(a.Float32())
				ptr, col, val := a.RawCSR()
				rounded := slices.Clone(val)
				for k, v := range val {
					rounded[k] = float64(float32(v))
				}
				c := must[*hvp.CSR](t)(hvp.NewCSR(rows, 900, ptr, col, rounded))
				x, got, want := normals(4, 900), make([]float64, rows), make([]float64, rows)
				kernel.CSRRows(want, x, ptr, col, rounded, 0, rows)
				for _, op := range []hvp.Operator{b, c} {
					if err := op.Apply(context.Background(), got, x); err != nil || sameBits(got, want) >= 0 {
						t.Errorf("%T: other bits of the rounded matrix (%v)", op, err)
					}
				}
				if rows < 300 {
					hvptest.TestOperator(t, a, nil)
				}
			})
		}
	}
}

func checkUneven(t *testing.T, a *hvp.CSR, what string) {
	t.Helper()
	rows, cols := a.Dims()
	ptr, col, val := a.RawCSR()
	x, want := normals(6, cols), make([]float64, rows)
	rng := rand.New(rand.NewPCG(23, 1))
	for i := range x {
		if rng.IntN(50) == 0 {
			x[i] = []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN()}[rng.IntN(5)]
		}
	}
	kernel.CSRRows(want, x, ptr, col, val, 0, rows)
	for workers := 1; workers <= 9; workers++ {
		got := make([]float64, rows)
		if err := a.Apply(hvp.WithWorkers(context.Background(), workers), got, x); err != nil {
			t.Fatal(err)
		}
		if i := sameBits(got, want); i >= 0 {
			t.Fatalf("%s, %d workers: row %d is %v, want %v", what, workers, i, got[i], want[i])
		}
	}
	for range 100 {
		lo := rng.IntN(rows + 1)
		hi := lo + rng.IntN(rows+1-lo)
		got := normals(7, rows)
		expected := slices.Clone(got)
		copy(expected[lo:hi], want[lo:hi])
		a.ApplyRows(got, x, lo, hi)
		if i := sameBits(got, expected); i >= 0 {
			t.Fatalf("%s, rows %d … %d: row %d", what, lo, hi-1, i)
		}
	}
}

// TestUnevenFirstProducts: the first products may come at the same time, through
// any method, and from the second on nothing is allocated.
func TestUnevenFirstProducts(t *testing.T) {
	a := unevenCSR(t, 5000, 300, func(rng *rand.Rand) int { return rng.IntN(12) })
	ptr, col, val := a.RawCSR()
	x, want := normals(6, 300), make([]float64, 5000)
	kernel.CSRRows(want, x, ptr, col, val, 0, 5000)
	var wg sync.WaitGroup
	got := make([][]float64, 8)
	for g := range got {
		got[g] = make([]float64, 5000)
		wg.Go(func() {
			if g%2 == 0 {
				a.ApplyRows(got[g], x, 0, 5000)
			} else if err := a.Apply(context.Background(), got[g], x); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for g := range got {
		if !slices.Equal(got[g], want) {
			t.Errorf("product %d differs", g)
		}
	}
	if raceEnabled {
		return
	}
	ctx := context.Background()
	if n := testing.AllocsPerRun(20, func() {
		if err := a.Apply(ctx, got[0], x); err != nil {
			t.Error(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations per product", n)
	}
}

// TestUnevenMixed draws matrices in which shifted, even, uneven and empty rows
// alternate.
func TestUnevenMixed(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 3))
		rows := rapid.IntRange(1, 5000).Draw(r, "rows")
		left, state := 0, 0
		ptr, col := []int{0}, []int32{}
		for i := range rows {
			if left == 0 {
				left, state = 1+rng.IntN(1500), rng.IntN(4)
			}
			left--
			switch state {
			case 0: // a band
				for k := range int32(4) {
					col = append(col, int32(i)+7*k)
				}
			case 1, 2: // random rows, of changing lengths or not
				n := 6
				if state == 2 {
					n = rng.IntN(9)
				}
				c := int32(0)
				for range n {
					c += 1 + int32(rng.IntN(rows/16+1))
					col = append(col, c)
				}
			}
			ptr = append(ptr, len(col))
		}
		cols := rows + 30
		a, err := hvp.NewCSR(rows, cols, ptr, col, normals(24, len(col)))
		if err != nil {
			r.Fatal(err)
		}
		_, _, val := a.RawCSR()
		x, want, got := normals(25, cols), make([]float64, rows), make([]float64, rows)
		kernel.CSRRows(want, x, ptr, col, val, 0, rows)
		if err := a.Apply(context.Background(), got, x); err != nil || sameBits(got, want) >= 0 {
			r.Fatalf("row %d differs (%v)", sameBits(got, want), err)
		}
		lo := rng.IntN(rows)
		hi := lo + 1 + rng.IntN(rows-lo)
		clear(got)
		clear(want[:lo])
		clear(want[hi:])
		a.ApplyRows(got, x, lo, hi)
		if i := sameBits(got, want); i >= 0 {
			r.Fatalf("rows %d … %d: row %d differs", lo, hi-1, i)
		}
	})
}

// BenchmarkUnevenMatrices times products with the matrices of the data folder against
// CSRRows on the same entries, in turn; "ratio" is that of the medians, "copied" the share of entries in
// slices.
//
//	go test ./hvp -run '^$' -bench UnevenMatrices
func BenchmarkUnevenMatrices(b *testing.B) {
	paths, err := filepath.Glob("../../shared/data/matrices/*.mtx.gz")
	if err != nil {
		b.Fatal(err)
	}
	for _, path := range paths {
		a, err := hvp.ReadMatrixMarket(path)
		if err != nil {
			continue // not real, say
		}
		if a.NNZ() > 3000 {
			for _, workers := range []int{1, 2} {
				b.Run(fmt.Sprintf("%s/%d workers", strings.TrimSuffix(filepath.Base(path), ".mtx.gz"), workers), func(b *testing.B) { benchmarkUneven(b, a, workers) })
			}
		}
	}
}

func benchmarkUneven(b *testing.B, a *hvp.CSR, workers int) {
	ptr, col, val := a.RawCSR()
	rows, cols := a.Dims()
	x, dst := normals(6, cols), make([]float64, rows)
	ctx := hvp.WithWorkers(context.Background(), workers)
	before := a.Bytes()
	var times [2][]float64
	products := []func(){
		func() {
			if err := a.Apply(ctx, dst, x); err != nil {
				b.Fatal(err)
			}
		},
		func() { kernel.CSRRows(dst, x, ptr, col, val, 0, rows) },
	}
	if workers > 1 { // the rows have no pool of their own
		half := sort.SearchInts(ptr, len(val)/2)
		products[1] = func() {
			parallel.Team(2).Run(2, parallel.TaskFunc(func(c int) {
				kernel.CSRRows(dst, x, ptr, col, val, c*half, half+c*(rows-half))
			}))
		}
	}
	for b.Loop() {
		for l, product := range products {
			product() // finds its copy of the matrix in the cache
			times[l] = append(times[l], seconds(product))
		}
	}
	for _, t := range times {
		slices.Sort(t)
	}
	median := func(l int) float64 { return times[l][len(times[l])/2] }
	b.ReportMetric(median(0)/median(1), "ratio")
	b.ReportMetric(median(0)*1e9/float64(len(val)), "ns/entry")
	b.ReportMetric(median(1)*1e9/float64(len(val)), "rows-ns/entry")
	b.ReportMetric(float64(a.Bytes()-before)/12/float64(len(val)), "copied")
	b.ReportMetric(0, "ns/op")
}
