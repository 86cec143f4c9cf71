package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// randomRows is a matrix of rows whose lengths come from length, with columns below
// cols, not sorted.
func randomRows(rng *rand.Rand, rows, cols int, length func() int) (ptr []int, col []int32, val []float64) {
	ptr = []int{0}
	for range rows {
		for n := min(length(), cols); n > 0; n-- {
			col = append(col, int32(rng.IntN(cols)))
		}
		ptr = append(ptr, len(col))
	}
	return ptr, col, random(rng, len(col))
}

// single rounds to float32.
func single(v []float64) []float32 {
	s := make([]float32, len(v))
	for k, u := range v {
		s[k] = float32(u)
	}
	return s
}

// TestCSRRowsBits compares the products of rows, row by row and in slices, with the
// plain twin, bit for bit, also with Inf and NaN in x, in
// columns of some rows only.
func TestCSRRowsBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		rows, cols := rapid.IntRange(0, 900).Draw(t, "rows"), rapid.IntRange(1, 500).Draw(t, "cols")
		longest := rapid.SampledFrom([]int{0, 1, 3, 9, 30, 300}).Draw(t, "longest row")
		ptr, col, val := randomRows(rng, rows, cols, func() int {
			if rng.IntN(8) == 0 {
				return 0
			}
			return rng.IntN(longest + 1)
		})
		x := random(rng, cols)
		if rapid.Bool().Draw(t, "special") {
			for i := range x {
				if rng.IntN(10) == 0 {
					x[i] = []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), 0x1p-1074, math.MaxFloat64}[rng.IntN(7)]
				}
			}
		}
		lo := rng.IntN(rows + 1)
		hi := lo + rng.IntN(rows+1-lo)
		checkRows(t, x, ptr, col, val, lo, hi)
		checkRows(t, x, ptr, col, single(val), lo, hi)
	})
}

func checkRows[V Value](t *rapid.T, x []float64, ptr []int, col []int32, val []V, lo, hi int) {
	rows := len(ptr) - 1
	want := make([]float64, rows)
	for i := range want {
		want[i] = float64(i)
	}
	got, sliced, twin := clone(want), clone(want), clone(want)
	csrRowsPlain(want, x, ptr, col, val, lo, hi)
	CSRRows(got, x, ptr, col, val, lo, hi)
	whole := rows &^ 3
	s := NewSlices[V]([]Run{{int32(whole), RunUneven}, {int32(rows), RunPlain}}, ptr, col)
	s.Fill(ptr, col, val, 0, whole)
	s.Rows(sliced, x, ptr, col, val, lo, min(hi, whole), whole)
	CSRRows(sliced, x, ptr, col, val, max(lo, whole), max(hi, whole))
	csrRowsPlain(twin, x, ptr, col, val, lo, hi)
	for w := 0; w < whole; w += SliceWindow {
		if e := min(w+SliceWindow, whole); lo <= w && e <= hi {
			at, n := s.start[w/SliceWindow], ptr[e]-ptr[w]
			s.windowPlain(twin[w:e], x, ptr[w:e+1], s.order[w:e], s.length[w/4:e/4], s.col[at:at+n], s.val[at:at+n])
		}
	}
	for i := range want {
		for _, g := range []float64{got[i], sliced[i], twin[i]} {
			if math.Float64bits(g) != math.Float64bits(want[i]) && !(math.IsNaN(g) && math.IsNaN(want[i])) {
				t.Fatalf("%T, rows %d … %d: row %d of %d entries is %x, want %x", val, lo, hi-1, i, ptr[i+1]-ptr[i], g, want[i])
			}
		}
	}
}

// TestCSRRowsRange: indices out of range are a panic, never a read.
func TestCSRRowsRange(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 1))
	for m := 1; m < 10; m++ {
		for k := range m {
			for _, bad := range []int32{-1, math.MinInt32, 20, math.MaxInt32} {
				ptr, col, val := randomRows(rng, 30, 20, func() int { return m })
				col[17*m+k] = bad
				checkPanics(t, fmt.Sprintf("column %d", bad), ptr, col, val, 20)
			}
		}
		for _, bad := range []int{-1, math.MinInt, 30*m + 1, math.MaxInt} {
			ptr, col, val := randomRows(rng, 30, 20, func() int { return m })
			ptr[1+rng.IntN(30)] = bad
			checkPanics(t, fmt.Sprintf("row pointer %d", bad), ptr, col, val, 20)
		}
	}
	ptr, col, val := randomRows(rng, 300, 20, func() int { return 3 })
	checkPanics(t, "empty x", ptr, col, val, 0)
	checkPanics(t, "no values", ptr, col, nil, 20)
}

func checkPanics(t *testing.T, what string, ptr []int, col []int32, val []float64, cols int) {
	t.Helper()
	rows := len(ptr) - 1
	for name, product := range map[string]func(dst, x []float64){
		"CSRRows": func(dst, x []float64) { CSRRows(dst, x, ptr, col, val, 0, rows) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: %s: no panic", name, what)
				}
			}()
			product(make([]float64, rows), make([]float64, cols))
		}()
	}
}

// TestOrderRows: an order has every row once, by length, and rows of one length as
// they come.
func TestOrderRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(14, 1))
	for _, rows := range []int{0, 1, 2, 100, 255, 256} {
		for _, longest := range []int{1, 5, 126, 127, 128, 300} {
			ptr, _, _ := randomRows(rng, rows+7, 400, func() int { return rng.IntN(longest + 1) })
			order := make([]uint8, rows)
			orderRows(order, ptr)
			want := make([]uint8, rows)
			for i := range want {
				want[i] = uint8(i)
			}
			length := func(i uint8) int { return min(ptr[1+int(i)]-ptr[int(i)], 127) }
			slices.SortStableFunc(want, func(a, b uint8) int { return length(a) - length(b) })
			if !slices.Equal(order, want) {
				t.Errorf("%d rows of up to %d entries: order %v, want %v", rows, longest, order, want)
			}
		}
	}
}

// TestUnevenRuns: uneven runs are found where lengths change, and begin and end
// at windows.
func TestUnevenRuns(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 1))
	kinds := map[RunKind]int{}
	for range 200 {
		rows := 1 + rng.IntN(2048)
		left, state := 0, 0
		ptr, col, val := []int{0}, []int32{}, []float64(nil)
		for i := range rows { // stretches of shifted, even and uneven rows
			if left == 0 {
				left, state = 1+rng.IntN(900), rng.IntN(3)
			}
			left--
			n := 4
			if state == 2 {
				n = rng.IntN(9)
			}
			for k := range n {
				c := int32(i + 3*k)
				if state > 0 {
					c = int32(rng.IntN(rows))
				}
				col = append(col, c)
			}
			ptr = append(ptr, len(col))
		}
		val = random(rng, len(col))
		begin := 0
		var last RunKind
		for k, r := range FindRuns(nil, ptr, col, val, 0, rows) {
			end := int(r.End)
			if end <= begin || k > 0 && last == r.Kind && (r.Kind == RunPlain || r.Kind == RunUneven) {
				t.Fatalf("run %d of kind %d, rows %d … %d, after kind %d", k, r.Kind, begin, end-1, last)
			}
			if r.Kind == RunUneven && (begin%SliceWindow != 0 || end%SliceWindow != 0 && end != rows&^3) {
				t.Fatalf("an uneven run of rows %d … %d of %d", begin, end-1, rows)
			}
			kinds[r.Kind] += end - begin
			begin, last = end, r.Kind
		}
		if begin != rows {
			t.Fatalf("the runs end at row %d of %d", begin, rows)
		}
	}
	for _, k := range []RunKind{RunPlain, RunShifted, RunUneven} {
		if kinds[k] == 0 {
			t.Errorf("no rows of kind %d: the test shows nothing", k)
		}
	}
}

// BenchmarkCSRLayouts times one product with random matrices row by row in plain
// Go, row by row as CSRRows does, and in slices, in turn. rows/plain and slices/rows are ratios
// of medians. "changing" is the share of rows that have another length than the row
// before: uneven takes slices from a quarter on.
//
//	go test ./internal/kernel -run '^$' -bench CSRLayouts
func BenchmarkCSRLayouts(b *testing.B) {
	for _, entries := range []int{60e3, 3e6, 40e6} { // in the second and in the last cache, beyond them
		for _, mean := range []int{5, 8, 16, 40, 100} {
			for _, changing := range []float64{0, 0.0625, 0.125, 0.25, 0.5, 1} {
				for _, band := range []int{500, 0} {
					if band == 0 && changing != 0 && changing != 1 {
						continue
					}
					where := "a band"
					if band == 0 {
						where = "all columns"
					}
					b.Run(fmt.Sprintf("%d entries/%d per row/changing %v/%s", entries, mean, changing, where), func(b *testing.B) {
						rng := rand.New(rand.NewPCG(16, 1))
						n := mean
						rows := entries / mean &^ 3
						ptr, col := []int{0}, make([]int32, 0, entries)
						for i := range rows {
							if rng.Float64() < changing {
								n = mean - mean/2 + rng.IntN(mean/2*2+1)
							}
							lo, width := 0, rows
							if band > 0 {
								width = min(band, rows)
								lo = min(max(0, i-width/2), rows-width)
							}
							from := len(col)
							for range n {
								col = append(col, int32(lo+rng.IntN(width)))
							}
							slices.Sort(col[from:])
							ptr = append(ptr, len(col))
						}
						benchmarkLayouts(b, ptr, col, random(rng, len(col)), rows)
					})
				}
			}
		}
	}
}

func benchmarkLayouts(b *testing.B, ptr []int, col []int32, val []float64, cols int) {
	rows := len(ptr) - 1
	whole := rows &^ 3
	x, dst := make([]float64, cols), make([]float64, rows)
	for i := range x {
		x[i] = float64(i%17) - 3
	}
	var s *Slices[float64]
	build := elapsed(func() {
		s = NewSlices[float64]([]Run{{int32(whole), RunUneven}, {int32(rows), RunPlain}}, ptr, col)
		s.Fill(ptr, col, val, 0, whole)
	})
	products := []func(){
		func() { csrRowsPlain(dst, x, ptr, col, val, 0, rows) },
		func() { CSRRows(dst, x, ptr, col, val, 0, rows) },
		func() {
			s.Rows(dst, x, ptr, col, val, 0, whole, whole)
			CSRRows(dst, x, ptr, col, val, whole, rows)
		},
	}
	var times [3][]float64
	for b.Loop() {
		for l, product := range products {
			product() // finds its copy of the matrix in the cache as after another product with it
			times[l] = append(times[l], elapsed(product))
		}
	}
	for _, t := range times {
		slices.Sort(t)
	}
	median := func(l int) float64 { return times[l][len(times[l])/2] }
	b.ReportMetric(median(1)/median(0), "rows/plain")
	b.ReportMetric(median(2)/median(1), "slices/rows")
	b.ReportMetric(median(0)*1e9/float64(len(val)), "plain-ns/entry")
	b.ReportMetric(build/median(2), "build/product")
	b.ReportMetric(0, "ns/op")
}

// TestUneven: slices are for lengths that do not repeat in a pattern, of short rows,
// and many of them.
func TestUneven(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 1))
	for _, c := range []struct {
		name   string
		rows   int
		length func(i int) int
		want   bool
	}{
		{"of one length", 256, func(int) int { return 5 }, false},
		{"empty", 256, func(int) int { return 0 }, false},
		{"random", 256, func(int) int { return rng.IntN(10) }, true},
		{"few", 60, func(int) int { return rng.IntN(10) }, false},
		{"long", 256, func(int) int { return 40 + rng.IntN(40) }, false},
		{"lines of a mesh", 256, func(i int) int { return []int{4, 6, 6, 8, 6, 9, 6, 6, 5}[i%9] }, false},
		{"sorted", 256, func(i int) int { return i / 16 }, false},
	} {
		ptr := []int{0}
		for i := range c.rows {
			ptr = append(ptr, ptr[i]+c.length(i))
		}
		if got := new(guesser).uneven(ptr); got != c.want {
			t.Errorf("rows %s: uneven = %v", c.name, got)
		}
	}
}
