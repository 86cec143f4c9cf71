package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// sizes straddle the unrolling and the block edges.
var sizes = []int{0, 1, 2, 3, 4, 5, 63, 64, 65, 127, 129, 2047, 2048, 2049, 4095, 4097}

func random(rng *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	return x
}

// close checks a reduction of n terms whose absolute values sum to size.
func close(t *testing.T, what string, got, want, size float64, n int) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-16*float64(n+8)*size) {
		t.Errorf("n=%d: %s = %.17g, want %.17g", n, what, got, want)
	}
}

// fused reports whether the compiler fuses multiplication and addition here
// (arm64, GOAMD64=v3), so that the last bits of a kernel and its twin may differ.
var fused = mulAdd(1+0x1p-30, 1+0x1p-30, -(1+0x1p-29)) != 0 // 2^-60 survives only without rounding in between

//go:noinline
func mulAdd(x, y, z float64) float64 { return x*y + z }

// same checks element by element: the same bits, unless the compiler fuses. The
// data are of size one.
func same(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		if math.Float64bits(got[i]) != math.Float64bits(want[i]) && !(fused && math.Abs(got[i]-want[i]) <= 4e-15*(1+math.Abs(want[i]))) {
			t.Fatalf("n=%d: %s[%d] = %.17g, want %.17g", len(want), what, i, got[i], want[i])
		}
	}
}

func clone(x []float64) []float64 { return append([]float64{}, x...) }

// plainDot is the twin of all reductions; size is Σ|x_i y_i|.
func plainDot(x, y []float64) (s, size float64) {
	for i := range x {
		s += x[i] * y[i]
		size += math.Abs(x[i] * y[i])
	}
	return s, size
}

func TestReductions(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range sizes {
		x, y, d := random(rng, n), random(rng, n), random(rng, n)
		xy, sxy := plainDot(x, y)
		xx, _ := plainDot(x, x)
		yy, _ := plainDot(y, y)
		close(t, "Dot", Dot(x, y), xy, sxy, n)
		a, c := Dots2(x, y)
		close(t, "Dots2 xy", a, xy, sxy, n)
		close(t, "Dots2 yy", c, yy, yy, n)
		close(t, "SumSquaresScaled", SumSquaresScaled(x, 0.25), xx/16, xx/16, n)

		want := make([]float64, n)
		for i := range want {
			want[i] = x[i] - 0.3*y[i]
		}
		r := clone(x)
		rr := SubAxpyNorm(r, 0.3, y)
		same(t, "SubAxpyNorm", r, want)
		ww, _ := plainDot(want, want)
		close(t, "SubAxpyNorm", rr, ww, ww, n)

		r = clone(x)
		rr, rdr := SubAxpyNormDiag(r, 0.3, y, d)
		same(t, "SubAxpyNormDiag", r, want)
		close(t, "SubAxpyNormDiag rr", rr, ww, ww, n)
		var wdw, size float64
		for i, v := range want {
			wdw += v * d[i] * v
			size += math.Abs(v * d[i] * v)
		}
		close(t, "SubAxpyNormDiag rdr", rdr, wdw, size, n)

		for i := range want {
			want[i] = 0.5*x[i] - y[i]
		}
		r = clone(y)
		rr = SubScaled(r, 0.5, x, r) // in place of q
		same(t, "SubScaled", r, want)
		ww, _ = plainDot(want, want)
		close(t, "SubScaled", rr, ww, ww, n)
	}
}

func TestElementwise(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	for _, n := range sizes {
		x, p, r, d := random(rng, n), random(rng, n), random(rng, n), random(rng, n)
		const a, b = 0.7, -1.3
		want := make([]float64, n)
		check := func(what string, run func(dst []float64), start []float64, f func(i int) float64) {
			t.Helper()
			for i := range want {
				want[i] = f(i)
			}
			got := clone(start)
			run(got)
			same(t, what, got, want)
		}
		check("Axpy", func(y []float64) { Axpy(y, a, p) }, x, func(i int) float64 { return x[i] + a*p[i] })
		check("Axpby", func(y []float64) { Axpby(y, a, p, b) }, x, func(i int) float64 { return a*p[i] + b*x[i] })
		check("ScaleTo", func(y []float64) { ScaleTo(y, a, p) }, x, func(i int) float64 { return a * p[i] })
		check("MulTo", func(z []float64) { MulTo(z, p, r) }, x, func(i int) float64 { return p[i] * r[i] })
		check("StepDirection x", func(y []float64) { StepDirection(y, clone(p), a, r, b) }, x, func(i int) float64 { return x[i] + a*p[i] })
		check("StepDirection p", func(q []float64) { StepDirection(clone(x), q, a, r, b) }, p, func(i int) float64 { return r[i] + b*p[i] })
		check("StepDirectionDiag x", func(y []float64) { StepDirectionDiag(y, clone(p), a, r, d, b) }, x, func(i int) float64 { return x[i] + a*p[i] })
		check("StepDirectionDiag p", func(q []float64) { StepDirectionDiag(clone(x), q, a, r, d, b) }, p, func(i int) float64 { return d[i]*r[i] + b*p[i] })
	}
}

func TestMaxAbs(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(-1)
	for _, c := range []struct {
		x    []float64
		want float64
	}{{nil, 0}, {[]float64{-3, 2}, 3}, {[]float64{1, inf, 2}, math.Inf(1)}, {[]float64{nan, 1}, nan}, {[]float64{5, nan, 9}, nan}, {[]float64{inf, nan}, nan}} {
		if got := MaxAbs(c.x); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("MaxAbs(%v) = %v, want %v", c.x, got, c.want)
		}
	}
}

// randomCSR has empty rows, full rows and everything between.
func randomCSR(rng *rand.Rand, rows, cols int) (ptr []int, col []int32, val []float64) {
	ptr = []int{0}
	for range rows {
		density := rng.Float64() * rng.Float64()
		for j := range cols {
			if rng.Float64() < density {
				col = append(col, int32(j))
				val = append(val, rng.NormFloat64())
			}
		}
		ptr = append(ptr, len(col))
	}
	return ptr, col, val
}

func TestCSR(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	for _, dims := range [][2]int{{1, 1}, {5, 3}, {64, 65}, {127, 20}, {40, 300}} {
		rows, cols := dims[0], dims[1]
		ptr, col, val := randomCSR(rng, rows, cols)
		const k = 3
		x := random(rng, cols*k)
		want, size := make([]float64, rows), make([]float64, rows)
		for i := range rows {
			for p := ptr[i]; p < ptr[i+1]; p++ {
				want[i] += val[p] * x[col[p]]
				size[i] += math.Abs(val[p] * x[col[p]])
			}
		}
		got := random(rng, rows)
		CSRRows(got, x, ptr, col, val, 0, rows)
		for i := range rows {
			close(t, fmt.Sprint("CSRRows ", i), got[i], want[i], size[i], cols)
		}
		part := random(rng, rows)
		before := clone(part)
		lo, hi := rows/3, rows-rows/4
		CSRRows(part, x, ptr, col, val, lo, hi)
		same(t, "CSRRows range", part[lo:hi], got[lo:hi])
		same(t, "CSRRows before range", part[:lo], before[:lo])
		same(t, "CSRRows after range", part[hi:], before[hi:])
		panel := random(rng, rows*k)
		CSRRowsBlock(panel, x, k, ptr, col, val, 0, rows)
		for l := range k {
			xl := make([]float64, cols)
			for j := range xl {
				xl[j] = x[j*k+l]
			}
			CSRRows(got, xl, ptr, col, val, 0, rows)
			for i := range rows {
				if math.Abs(panel[i*k+l]-got[i]) > 1e-13*(1+math.Abs(got[i])) {
					t.Errorf("CSRRowsBlock row %d column %d: %v, want %v", i, l, panel[i*k+l], got[i])
				}
			}
		}
	}
}

func TestScaledSumHasTheBitsOfDot(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	for _, n := range sizes {
		x := random(rng, n)
		if got, want := SumSquaresScaled(x, 0x1p-40), 0x1p-80*Dot(x, x); got != want && !(fused && math.Abs(got-want) <= 4e-16*want) {
			t.Errorf("n=%d: %v, want %v", n, got, want)
		}
	}
}

// elapsed returns the seconds that f takes.
func elapsed(f func()) float64 {
	begin := time.Now()
	f()
	return time.Since(begin).Seconds()
}
