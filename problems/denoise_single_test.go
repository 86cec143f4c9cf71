package problems_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/problems"
)

// TestDenoiseSingle compares the stand-in in single precision with the operator:
// its quadratic form, diagonal and symmetry, however the rows are cut.
func TestDenoiseSingle(t *testing.T) {
	ctx := context.Background()
	for name, s := range variants() {
		if s.Potential == problems.Lorentzian || s.FilterSize > 3 {
			continue // clamped: see TestDenoiseSingleClamps; or see TestPrecondOnLargeFilters
		}
		for _, size := range [][2]int{{3, 3}, {3, 9}, {11, 4}, {40, 35}, {35, 600}, {12, 1100}} {
			rng := rand.New(rand.NewPCG(3, 3))
			d := newDenoise(t, size[0], size[1], &s)
			n, _ := d.Dims()
			lin, err := d.Linearize(ctx, d.Noisy(), testW(d, s, rng))
			if err != nil {
				t.Fatal(err)
			}
			a, ok, err := lin.Y.(hvp.Singler).Single(ctx)
			if err != nil || !ok || a.Order() != n || a.Bytes() != int64(16*size[0]*((size[1]+7)/8*8)) {
				t.Fatalf("%s %v: order %d, %d bytes, %v, %v", name, size, a.Order(), a.Bytes(), ok, err)
			}
			x, y := make([]float32, n), make([]float32, n)
			xd, yd := make([]float64, n), make([]float64, n)
			ax, ay, part := make([]float32, n), make([]float32, n), make([]float32, n)
			for range 5 {
				for i := range x {
					x[i], y[i] = float32(rng.NormFloat64()), float32(rng.NormFloat64())
					xd[i] = float64(x[i])
				}
				a.ApplyRows(ax, x, 0, n)
				a.ApplyRows(ay, y, 0, n)
				if err := lin.Y.Apply(ctx, yd, xd); err != nil {
					t.Fatal(err)
				}
				var xax, xAx, yax, xay, size2 float64
				for i := range x {
					xax += xd[i] * float64(ax[i])
					xAx += xd[i] * yd[i]
					yax += float64(y[i]) * float64(ax[i])
					xay += xd[i] * float64(ay[i])
					size2 += math.Abs(xd[i] * float64(ay[i]))
				}
				if math.Abs(xax-xAx) > 0.004*xAx {
					t.Errorf("%s %v: xᵀÃx = %v, xᵀAx = %v", name, size, xax, xAx)
				}
				if math.Abs(yax-xay) > 1e-5*size2 {
					t.Errorf("%s %v: yᵀÃx = %v, xᵀÃy = %v", name, size, yax, xay)
				}
			}
			for lo := 0; lo < n; {
				hi := min(n, lo+1+rng.IntN(n))
				a.ApplyRows(part[lo:hi], x, lo, hi)
				lo = hi
			}
			if !slices.Equal(part, ax) {
				t.Errorf("%s %v: row ranges differ from the whole", name, size)
			}
			dg, _ := hvp.Diag(lin.Y)
			if err := dg.Diag(yd); err != nil {
				t.Fatal(err)
			}
			a.DiagRows(part, 0, n)
			for i, v := range yd {
				if math.Abs(float64(part[i])-v) > 0.004*v {
					t.Fatalf("%s %v: diagonal %d is %v, want %v", name, size, i, part[i], v)
				}
			}
		}
	}
}

// TestDenoiseSingleClamps: of an indefinite Hessian the stand-in is definite.
func TestDenoiseSingleClamps(t *testing.T) {
	ctx := context.Background()
	d := newDenoise(t, 20, 30, &problems.DenoiseSettings{Potential: problems.Lorentzian})
	lin, err := d.Linearize(ctx, d.Noisy(), d.Default(5))
	if err != nil {
		t.Fatal(err)
	}
	s, ok, err := lin.Y.(hvp.Singler).Single(ctx)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	n := s.Order()
	dg := make([]float32, n)
	s.DiagRows(dg, 0, n)
	e, err := hvp.ExtremeEigenvalues(ctx, widened{s}, nil)
	if err != nil || slices.Min(dg) < 1 || e.Min < 1-1e-3 {
		t.Errorf("the least diagonal entry is %v, %v: %v", slices.Min(dg), e, err)
	}
	if e, err := hvp.ExtremeEigenvalues(ctx, lin.Y, nil); err != nil || e.Min > 0 {
		t.Errorf("the operator itself: %v, %v", e, err)
	}
	lin, err = d.Linearize(ctx, d.Noisy(), d.Default(100))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := lin.Y.(hvp.Singler).Single(ctx); err == nil {
		t.Error("weights of e^100 are accepted")
	}
}

// widened is an operator in single precision as one in double precision.
type widened struct{ s hvp.SingleOperator }

func (w widened) Dims() (rows, cols int)   { return w.s.Order(), w.s.Order() }
func (w widened) Structure() hvp.Structure { return hvp.SPD }
func (w widened) Apply(_ context.Context, dst, x []float64) error {
	in, out := make([]float32, len(x)), make([]float32, len(x))
	for i, v := range x {
		in[i] = float32(v)
	}
	w.s.ApplyRows(out, in, 0, len(x))
	for i, v := range out {
		dst[i] = float64(v)
	}
	return nil
}

// BenchmarkDenoiseSingle prints the cost of a product in single precision per
// pixel, on one worker and in place, and its ratio to one in double precision.
func BenchmarkDenoiseSingle(b *testing.B) {
	for _, s := range []problems.DenoiseSettings{{}, {LearnFilters: true}} {
		const n = 1024
		d := newDenoise(b, n, n, &s)
		w := d.Default(1.3)
		w[len(w)-1] *= 1.01
		ctx := hvp.WithWorkers(context.Background(), 1)
		lin, err := d.Linearize(ctx, d.Noisy(), w)
		if err != nil {
			b.Fatal(err)
		}
		a, _, err := lin.Y.(hvp.Singler).Single(ctx)
		if err != nil {
			b.Fatal(err)
		}
		x, y, z := make([]float32, n*n), make([]float32, n*n), make([]float64, n*n)
		for i := range x {
			x[i] = float32(d.Clean()[i])
		}
		b.Run(fmt.Sprintf("filters=%v", s.LearnFilters), func(b *testing.B) {
			b.ReportAllocs()
			var single, double float64 = math.Inf(1), math.Inf(1)
			for b.Loop() {
				single = min(single, seconds(func() {
					for lo := 0; lo < n*n; lo += a.RowGrain() {
						a.ApplyRows(y[lo:lo+a.RowGrain()], x, lo, lo+a.RowGrain())
					}
				}))
				double = min(double, seconds(func() { _ = lin.Y.Apply(ctx, z, d.Clean()) }))
			}
			b.ReportMetric(single*1e9/(n*n), "ns/pixel")
			b.ReportMetric(single/double, "of-double")
		})
	}
}

// seconds returns how long f takes.
func seconds(f func()) float64 {
	begin := time.Now()
	f()
	return time.Since(begin).Seconds()
}
