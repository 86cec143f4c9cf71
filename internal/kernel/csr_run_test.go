package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// bandedCSR has rows with the columns of the row before plus one, in runs of random
// length between which the number of entries changes; constant says how often the
// values of a row are those of the one before.
func bandedCSR(rng *rand.Rand, rows int, constant float64) (ptr []int, col []int32, val []float64, cols int) {
	cols = rows + 40
	ptr = []int{0}
	for len(ptr) <= rows {
		var offset []int32
		for o := int32(0); o < 40; o++ {
			if rng.IntN(8) == 0 {
				offset = append(offset, o)
			}
		}
		v := random(rng, len(offset))
		for n := 1 + rng.IntN(90); n > 0 && len(ptr) <= rows; n-- {
			if rng.Float64() >= constant {
				v = random(rng, len(offset))
			}
			i := int32(len(ptr) - 1)
			for k, o := range offset {
				col, val = append(col, i+o), append(val, v[k])
			}
			ptr = append(ptr, len(col))
		}
	}
	return ptr, col, val, cols
}

// checkBits compares two vectors bit by bit, NaN being like any other NaN.
func checkBits(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		if math.Float64bits(got[i]) != math.Float64bits(want[i]) && !(math.IsNaN(got[i]) && math.IsNaN(want[i])) {
			t.Fatalf("%s[%d] = %x, want %x", what, i, got[i], want[i])
		}
	}
}

// TestRuns: the runs of a matrix are what they say, and their kernels have the bits
// of CSRRows, also for zeros of either sign, Inf and NaN.
func TestRuns(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 1))
	special := []float64{0, math.Copysign(0, -1), math.Inf(1), math.NaN(), 0x1p-1074, -math.MaxFloat64}
	kinds := map[RunKind]int{}
	for trial := range 300 {
		rows := sizes[1+trial%(len(sizes)-1)]
		if rows > 300 && trial > 40 {
			rows = 1 + rng.IntN(300)
		}
		ptr, col, val, cols := bandedCSR(rng, rows, float64(trial%3)/2)
		x := random(rng, cols)
		if trial%2 == 0 {
			for i := range x {
				if rng.IntN(20) == 0 {
					x[i] = special[rng.IntN(len(special))]
				}
			}
			for i := range val {
				if rng.IntN(30) == 0 {
					val[i] = math.Copysign(0, val[i])
				}
			}
		}
		if trial%5 == 0 {
			clear(x) // zero results: the sign counts
			clear(x[:cols/2])
			for i := range x {
				x[i] = math.Copysign(0, rng.NormFloat64())
			}
		}
		want, got := make([]float64, rows), random(rng, rows)
		CSRRows(want, x, ptr, col, val, 0, rows)
		from := rng.IntN(rows)
		begin := from
		for _, r := range FindRuns(nil, ptr, col, val, from, rows) {
			end := int(r.End)
			if end <= begin {
				t.Fatalf("an empty run at row %d", begin)
			}
			kinds[r.Kind] += end - begin
			m := ptr[begin+1] - ptr[begin]
			for i := begin + 1; i < end && (r.Kind == RunShifted || r.Kind == RunConstant); i++ {
				if ptr[i+1]-ptr[i] != m || !shifted(col[ptr[i]:ptr[i+1]], col[ptr[i-1]:ptr[i]]) {
					t.Fatalf("row %d is not that before it, shifted", i)
				}
				if r.Kind == RunConstant && !slices.Equal(val[ptr[i]:ptr[i+1]], val[ptr[i-1]:ptr[i]]) {
					t.Fatalf("row %d has other values than that before it", i)
				}
			}
			lo := begin + rng.IntN(end-begin) // any part of a run
			p, q := ptr[lo], ptr[lo+1]
			what := fmt.Sprintf("rows %d … %d of %d entries", lo, end-1, q-p)
			before := slices.Clone(got)
			switch r.Kind {
			case RunShifted:
				csrRowsShiftedPlain(got[lo:end], x, col[p:q], val[p:ptr[end]])
				checkBits(t, what, got[lo:end], want[lo:end])
				copy(got[lo:end], before[lo:end])
				single := make([]float32, ptr[end]-p)
				for k, v := range val[p:ptr[end]] {
					single[k] = float32(v)
				}
				CSRRowsShifted(got, x, col[p:q], single, lo, end)
				rounded := make([]float64, end-lo)
				csrRowsShiftedPlain(rounded, x, col[p:q], single)
				checkBits(t, what+", single precision", got[lo:end], rounded)
				checkBits(t, what+", single precision, behind", got[end:], before[end:])
				copy(got[lo:end], before[lo:end])
				CSRRowsShifted(got, x, col[p:q], val[p:], lo, end)
			case RunConstant:
				CSRRowsShifted(got, x, col[p:q], val[p:], lo, end)
				checkBits(t, what, got[lo:end], want[lo:end])
				csrRowsConstantPlain(got[lo:end], x, col[p:q], val[p:q])
				checkBits(t, what, got[lo:end], want[lo:end])
				copy(got[lo:end], before[lo:end])
				CSRRowsConstant(got, x, col[p:q], val[p:q], lo, end)
			default:
				CSRRows(got, x, ptr, col, val, lo, end)
			}
			checkBits(t, what, got[lo:end], want[lo:end])
			checkBits(t, what+", before", got[:lo], before[:lo])
			checkBits(t, what+", behind", got[end:], before[end:])
			begin = end
		}
		if begin != rows {
			t.Fatalf("the runs end at row %d of %d", begin, rows)
		}
	}
	for _, k := range []RunKind{RunPlain, RunShifted, RunConstant} {
		if kinds[k] == 0 {
			t.Errorf("no rows of kind %d: the test shows nothing", k)
		}
	}
}

// TestStencilAssembly compares the loops over a piece of a line with their plain
// twins, bit for bit.
func TestStencilAssembly(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 1))
	for _, n := range sizes {
		var v [7][]float64
		for k := range v {
			v[k] = random(rng, n+k)[k:]
		}
		got, want := make([]float64, n), make([]float64, n)
		stencil3(got, v[0], v[1], v[2], 2.3, -0.7)
		stencil3Plain(want, v[0], v[1], v[2], 2.3, -0.7)
		checkBits(t, "stencil3", got, want)
		stencil5(got, v[0], v[1], v[2], v[3], v[4], 2.3, -0.7)
		stencil5Plain(want, v[0], v[1], v[2], v[3], v[4], 2.3, -0.7)
		checkBits(t, "stencil5", got, want)
		stencil7(got, v[0], v[1], v[2], v[3], v[4], v[5], v[6], 2.3, -0.7)
		stencil7Plain(want, v[0], v[1], v[2], v[3], v[4], v[5], v[6], 2.3, -0.7)
		checkBits(t, "stencil7", got, want)
	}
}

// BenchmarkRunLength times matrices of runs of a given length, one plain row
// between two, by their runs and row by row, in turn; "ratio" is the
// least time by runs over that by rows. It says from which length on runs pay
// (runRows).
//
//	go test ./internal/kernel -run '^$' -bench RunLength
func BenchmarkRunLength(b *testing.B) {
	for _, m := range []int{3, 5, 7, 9, 27} {
		for _, length := range []int{4, 8, 12, 16, 24, 32, 48, 126, 2046} {
			for _, kind := range []RunKind{RunShifted, RunConstant} {
				b.Run(fmt.Sprintf("%d entries/runs of %d/kind %d", m, length, kind), func(b *testing.B) {
					rng := rand.New(rand.NewPCG(12, 1))
					const rows = 4096
					ptr, col, val := []int{0}, []int32{}, random(rng, rows*m)
					for i := range rows {
						for k := range m {
							col = append(col, int32(i+37*k))
						}
						ptr = append(ptr, len(col))
					}
					var runs []Run
					for end := 0; end < rows; {
						end = min(end+length, rows)
						runs = append(runs, Run{int32(end), kind})
						if end < rows {
							end++
							runs = append(runs, Run{int32(end), RunPlain})
						}
					}
					x, dst := random(rng, rows+37*m), make([]float64, rows)
					times := [2]float64{math.Inf(1), math.Inf(1)}
					for b.Loop() {
						times[0] = min(times[0], elapsed(func() {
							lo := 0
							for _, r := range runs {
								end := int(r.End)
								p, q := ptr[lo], ptr[lo+1]
								switch r.Kind {
								case RunShifted:
									CSRRowsShifted(dst, x, col[p:q], val[p:], lo, end)
								case RunConstant:
									CSRRowsConstant(dst, x, col[p:q], val[p:q], lo, end)
								default:
									CSRRows(dst, x, ptr, col, val, lo, end)
								}
								lo = end
							}
						}))
						times[1] = min(times[1], elapsed(func() { CSRRows(dst, x, ptr, col, val, 0, rows) }))
					}
					b.ReportMetric(times[0]/times[1], "ratio")
					b.ReportMetric(times[0]*1e9/float64(rows*m), "ns/entry")
					b.ReportMetric(times[1]*1e9/float64(rows*m), "plain-ns/entry")
				})
			}
		}
	}
}
