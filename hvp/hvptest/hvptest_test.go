package hvptest_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// good is a 70×70 tridiagonal operator with every capability, and with hooks
// through which a test breaks one promise at a time.
type good struct {
	n          int
	lo, up     float64
	promise    hvp.Structure
	applied    func(ctx context.Context, dst, x []float64) error // after a product
	transposed func(dst, x []float64)
	rows       func(dst, x []float64, lo, hi int)
	block      func(dst, x []float64, k int)
	single     func(dst, x []float32, k, lo, hi int)
	panel      func(dst, x []float32, k int)
	diag       func(dst []float64)
	step       func(s *hvp.SingleStep, out, in []float32, lo, hi int)
	band       int
}

func newGood() *good { return &good{band: 1, n: 70, lo: -1, up: -1, promise: hvp.SPD} }

func (g *good) Dims() (rows, cols int)   { return g.n, g.n }
func (g *good) Structure() hvp.Structure { return g.promise }

func (g *good) mul(dst, x []float64, lo, up float64, from, to int) {
	for i := from; i < to; i++ {
		v := 3 * x[i]
		if i > 0 {
			v += lo * x[i-1]
		}
		if i < g.n-1 {
			v += up * x[i+1]
		}
		dst[i] = v
	}
}

func (g *good) check(dst, x []float64, k int) error {
	if k < 1 || len(dst) != g.n*k || len(x) != g.n*k {
		return errors.New("wrong length")
	}
	return nil
}

func (g *good) Apply(ctx context.Context, dst, x []float64) error {
	if err := g.check(dst, x, 1); err != nil {
		return err
	}
	old := slices.Clone(dst)
	g.mul(dst, x, g.lo, g.up, 0, g.n)
	if g.applied != nil {
		return g.applied(context.WithValue(ctx, oldDst{}, old), dst, x)
	}
	return nil
}

type oldDst struct{}

func (g *good) ApplyTrans(_ context.Context, dst, x []float64) error {
	if err := g.check(dst, x, 1); err != nil {
		return err
	}
	g.mul(dst, x, g.up, g.lo, 0, g.n)
	if g.transposed != nil {
		g.transposed(dst, x)
	}
	return nil
}

func (g *good) RowGrain() int { return 0 }
func (g *good) ApplyRows(dst, x []float64, lo, hi int) {
	g.mul(dst, x, g.lo, g.up, lo, hi)
	if g.rows != nil {
		g.rows(dst, x, lo, hi)
	}
}

func (g *good) ApplyBlockRowsSingle(dst, x []float32, k, lo, hi int) {
	in, out := make([]float64, g.n), make([]float64, g.n)
	for l := range k {
		for i := range in {
			in[i] = float64(x[i*k+l])
		}
		g.mul(out, in, g.lo, g.up, lo, hi)
		for i, v := range out[lo:hi] {
			dst[i*k+l] = float32(v)
		}
	}
	if g.single != nil {
		g.single(dst, x, k, lo, hi)
	}
}

func (g *good) StepBlockRowsSingle(s *hvp.SingleStep, out, in, before, r []float32, k, lo, hi int) {
	product := make([]float32, (hi-lo)*k)
	g.ApplyBlockRowsSingle(product, in, k, lo, hi)
	for i, v := range product {
		e := lo*k + i
		out[e] = s.D*v + s.A*in[e] + s.B*before[e] + s.C*r[e]
	}
	if g.step != nil {
		g.step(s, out, in, lo, hi)
	}
}

func (g *good) Bandwidth() int { return g.band }

func (g *good) ApplyBlockSingle(_ context.Context, dst, x []float32, k int) error {
	if k < 1 || len(dst) != g.n*k || len(x) != g.n*k {
		return errors.New("wrong length")
	}
	in, out := make([]float64, g.n), make([]float64, g.n)
	for l := range k {
		for i := range in {
			in[i] = float64(x[i*k+l])
		}
		g.mul(out, in, g.lo, g.up, 0, g.n)
		for i, v := range out {
			dst[i*k+l] = float32(v)
		}
	}
	if g.panel != nil {
		g.panel(dst, x, k)
	}
	return nil
}

func (g *good) ApplyBlock(_ context.Context, dst, x []float64, k int) error {
	if err := g.check(dst, x, k); err != nil {
		return err
	}
	in, out := make([]float64, g.n), make([]float64, g.n)
	for l := range k {
		for i := range in {
			in[i] = x[i*k+l]
		}
		g.mul(out, in, g.lo, g.up, 0, g.n)
		for i, v := range out {
			dst[i*k+l] = v
		}
	}
	if g.block != nil {
		g.block(dst, x, k)
	}
	return nil
}

func (g *good) Diag(dst []float64) error {
	if len(dst) != g.n {
		return errors.New("wrong length")
	}
	for i := range dst {
		dst[i] = 3
	}
	if g.diag != nil {
		g.diag(dst)
	}
	return nil
}

func TestGoodOperatorPasses(t *testing.T) {
	g := newGood()
	hvptest.TestOperator(t, g, nil)
	g.up, g.promise = 2, 0
	hvptest.TestOperator(t, g, nil)
	for i, f := range hvptest.Check(context.Background(), g, nil) {
		want := hvptest.Holds
		if f.Property == hvptest.Symmetry || f.Property == hvptest.Definiteness {
			want = hvptest.Absent
		}
		if f.Verdict != want || f.Property != hvptest.Properties()[i] {
			t.Errorf("%v, want %v", f, want)
		}
	}
}

// TestEachFaultIsFound breaks one promise at a time: the property must be named,
// and properties that have nothing to do with it must hold.
func TestEachFaultIsFound(t *testing.T) {
	var mu sync.Mutex
	var kept, shared []float64
	calls := 0
	locked := func(f func()) { mu.Lock(); defer mu.Unlock(); f() }
	faults := []struct {
		name string
		make func(g *good)
		want []hvptest.Property // violated, and no others
	}{
		{"negative dimension", func(g *good) { g.n = -1 }, []hvptest.Property{hvptest.Dimensions}},
		{"transpose with the wrong sign", func(g *good) {
			g.transposed = func(dst, _ []float64) {
				for i := range dst {
					dst[i] = -dst[i]
				}
			}
		}, []hvptest.Property{hvptest.Adjoint}},
		{"one wrong entry in the transpose", func(g *good) {
			g.transposed = func(dst, x []float64) { dst[5] += 1e-9 * x[6] }
		}, []hvptest.Property{hvptest.Adjoint}},
		{"unsymmetric, promised symmetric", func(g *good) { g.up, g.promise = -0.5, hvp.Symmetric }, []hvptest.Property{hvptest.Symmetry}},
		{"one negative eigenvalue, promised definite", func(g *good) {
			g.applied = func(_ context.Context, dst, x []float64) error { dst[3] -= 5 * x[3]; return nil }
			g.transposed = func(dst, x []float64) { dst[3] -= 5 * x[3] }
			g.rows = func(dst, x []float64, lo, hi int) {
				if lo <= 3 && 3 < hi {
					dst[3] -= 5 * x[3]
				}
			}
			g.block = func(dst, x []float64, k int) {
				for l := range k {
					dst[3*k+l] -= 5 * x[3*k+l]
				}
			}
			g.diag = func(dst []float64) { dst[3] -= 5 }
		}, []hvptest.Property{hvptest.Definiteness}},
		{"adds to dst", func(g *good) {
			g.applied = func(ctx context.Context, dst, x []float64) error {
				for i, v := range ctx.Value(oldDst{}).([]float64) {
					if !math.IsNaN(v) && v != 0 {
						dst[i] += v
					}
				}
				return nil
			}
		}, []hvptest.Property{hvptest.Overwrites}},
		{"leaves an element of dst", func(g *good) {
			g.applied = func(ctx context.Context, dst, x []float64) error {
				dst[7] = ctx.Value(oldDst{}).([]float64)[7]
				return nil
			}
		}, []hvptest.Property{hvptest.Applies}},
		{"writes to x", func(g *good) {
			g.transposed = func(_, x []float64) { x[1] = 0 }
		}, []hvptest.Property{hvptest.InputKept}},
		{"keeps dst", func(g *good) {
			g.applied = func(_ context.Context, dst, x []float64) error {
				locked(func() {
					if kept != nil {
						kept[0] = -dst[0]
					}
					kept = dst
				})
				return nil
			}
		}, []hvptest.Property{hvptest.NoRetention}},
		{"knows x by its address", func(g *good) {
			cache := map[*float64][]float64{}
			g.applied = func(_ context.Context, dst, x []float64) error {
				locked(func() {
					if y, ok := cache[&x[0]]; ok {
						copy(dst, y)
					} else {
						cache[&x[0]] = slices.Clone(dst)
					}
				})
				return nil
			}
		}, []hvptest.Property{hvptest.NoRetention}},
		{"drifts", func(g *good) {
			g.applied = func(_ context.Context, dst, x []float64) error {
				locked(func() { calls++; dst[1] *= 1 + 1e-15*float64(calls%7) })
				return nil
			}
		}, []hvptest.Property{hvptest.Repeatable}},
		{"depends on the number of workers", func(g *good) {
			g.applied = func(ctx context.Context, dst, x []float64) error {
				if parallel.FromContext(ctx) == 7 {
					dst[2] *= 1 + 1e-15
				}
				return nil
			}
		}, []hvptest.Property{hvptest.AnyWorkers}},
		{"scratch shared by all calls", func(g *good) {
			g.applied = func(_ context.Context, dst, x []float64) error {
				locked(func() { shared = append(shared[:0], dst...) })
				for range 50 {
					runtime.Gosched()
				}
				locked(func() { copy(dst, shared) })
				return nil
			}
		}, []hvptest.Property{hvptest.Concurrent}},
		{"panics in a goroutine of its caller", func(g *good) {
			g.transposed = func(_, x []float64) {
				if x[0] == 1 || x[0] == -1 {
					panic("boom")
				}
			}
		}, []hvptest.Property{hvptest.Applies}},
		{"wrong row range", func(g *good) {
			g.rows = func(dst, x []float64, lo, hi int) {
				if lo > 0 && hi > lo {
					dst[lo] += x[lo-1] // counts the coupling across the edge twice
				}
			}
		}, []hvptest.Property{hvptest.RowRanges}},
		{"row range that writes too far", func(g *good) {
			g.rows = func(dst, x []float64, lo, hi int) {
				if hi < len(dst) && hi == 64 {
					dst[hi] = 0
				}
			}
		}, []hvptest.Property{hvptest.RowRanges}},
		{"wrong block", func(g *good) {
			g.block = func(dst, x []float64, k int) {
				if k == 3 {
					dst[4] = x[4]
				}
			}
		}, []hvptest.Property{hvptest.Blocks}},
		{"wrong single precision", func(g *good) {
			g.single = func(dst, x []float32, k, lo, hi int) {
				if lo == 0 && hi > 0 {
					dst[0] *= 1 + 1e-4
				}
			}
		}, []hvptest.Property{hvptest.Singles}},
		{"single precision depends on the range", func(g *good) {
			g.single = func(dst, x []float32, k, lo, hi int) {
				if hi-lo == 1 && lo > 0 {
					dst[0] *= 1 + 0x1p-23
				}
			}
		}, []hvptest.Property{hvptest.Singles}},
		{"single precision writes to x", func(g *good) {
			g.single = func(dst, x []float32, k, lo, hi int) { x[0]++ }
		}, []hvptest.Property{hvptest.Singles}},
		{"step without its first term", func(g *good) {
			g.step = func(s *hvp.SingleStep, out, in []float32, lo, hi int) {
				if lo == 0 && hi > 0 {
					out[0] -= s.A * in[0]
				}
			}
		}, []hvptest.Property{hvptest.Steps}},
		{"step that depends on the range", func(g *good) {
			g.step = func(s *hvp.SingleStep, out, in []float32, lo, hi int) {
				if lo > 0 && hi-lo == 1 {
					out[lo] *= 1 + 0x1p-23
				}
			}
		}, []hvptest.Property{hvptest.Steps}},
		{"step that writes to its input", func(g *good) {
			g.step = func(s *hvp.SingleStep, out, in []float32, lo, hi int) { in[0]++ }
		}, []hvptest.Property{hvptest.Steps}},
		{"narrower than it is", func(g *good) { g.band-- }, []hvptest.Property{hvptest.Bands}},
		{"wrong panel in single precision", func(g *good) {
			g.panel = func(dst, _ []float32, _ int) { dst[0] *= 1 + 1e-4 }
		}, []hvptest.Property{hvptest.Singles}},
		{"panel in single precision depends on its width", func(g *good) {
			g.panel = func(dst, _ []float32, k int) {
				if k == 3 {
					dst[2] *= 1 + 0x1p-23
				}
			}
		}, []hvptest.Property{hvptest.Singles}},
		{"panel in single precision writes to x", func(g *good) {
			g.panel = func(_, x []float32, _ int) { x[0]++ }
		}, []hvptest.Property{hvptest.Singles}},
		{"wrong diagonal", func(g *good) { g.diag = func(dst []float64) { dst[len(dst)-1] = 3.0001 } }, []hvptest.Property{hvptest.Diagonals}},
		{"not linear", func(g *good) {
			g.applied = func(_ context.Context, dst, x []float64) error { dst[0] += 1e-6 * math.Abs(x[0]); return nil }
		}, []hvptest.Property{hvptest.Linear}},
		{"affine", func(g *good) {
			g.applied = func(_ context.Context, dst, x []float64) error { dst[0] += 1; return nil }
		}, []hvptest.Property{hvptest.ZeroToZero, hvptest.Linear}},
		{"NaN", func(g *good) {
			g.applied = func(_ context.Context, dst, x []float64) error { dst[0] = math.NaN(); return nil }
		}, []hvptest.Property{hvptest.Applies}},
		{"fails", func(g *good) {
			g.applied = func(context.Context, []float64, []float64) error { return errors.New("no") }
		}, []hvptest.Property{hvptest.Applies}},
	}
	for _, c := range faults {
		t.Run(c.name, func(t *testing.T) {
			kept, shared, calls = nil, nil, 0
			g := newGood()
			c.make(g)
			opt := &hvptest.Options{}
			if c.name == "writes to x" || c.name == "keeps dst" {
				opt.Skip = []hvptest.Property{hvptest.Concurrent} // a true race, which the detector would report
			}
			var named []hvptest.Property
			for _, f := range hvptest.Violations(hvptest.Check(context.Background(), g, opt)) {
				named = append(named, f.Property)
				t.Log(f)
			}
			for _, p := range c.want {
				if !slices.Contains(named, p) {
					t.Errorf("%q was not found", p)
				}
			}
			// A fault shows in other properties too, but one that is as plain
			// as these must not be blamed on a property that is intact.
			for _, p := range named {
				if slices.Contains([]hvptest.Property{hvptest.WrongLengths, hvptest.Dimensions}, p) && !slices.Contains(c.want, p) {
					t.Errorf("%q was blamed", p)
				}
			}
		})
	}
}

// trusting does not look at lengths: it panics or stays silent.
type trusting struct{ silent bool }

func (trusting) Dims() (rows, cols int) { return 3, 3 }
func (o trusting) Apply(_ context.Context, dst, x []float64) error {
	if o.silent {
		copy(dst, x)
		return nil
	}
	for i := range 3 {
		dst[i] = x[i]
	}
	return nil
}

func TestWrongLengthsAreFound(t *testing.T) {
	for _, a := range []hvp.Operator{trusting{}, trusting{true}} {
		bad := hvptest.Violations(hvptest.Check(context.Background(), a, nil))
		if len(bad) != 1 || bad[0].Property != hvptest.WrongLengths {
			t.Errorf("%+v: %v", a, bad)
		}
		skip := &hvptest.Options{Skip: []hvptest.Property{hvptest.WrongLengths}}
		hvptest.TestOperator(t, a, skip)
	}
	if bad := hvptest.Violations(hvptest.Check(context.Background(), nil, nil)); len(bad) != 1 {
		t.Errorf("nil operator: %v", bad)
	}
}

// recorder counts errors instead of failing.
type recorder struct {
	testing.TB
	errors int
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.errors++ }

func TestTestOperatorReports(t *testing.T) {
	r := &recorder{}
	g := newGood()
	g.diag = func(dst []float64) { dst[0] = 4 }
	hvptest.TestOperator(r, g, nil)
	if r.errors != 1 {
		t.Errorf("%d errors for one fault", r.errors)
	}
}

func ExampleCheck() {
	a, _ := hvp.NewDiagonal([]float64{1, 2, 3})
	wrong := hvp.WithStructure(hvp.Scale(-1, a), hvp.SPD)
	for _, f := range hvptest.Violations(hvptest.Check(context.Background(), wrong, nil)) {
		fmt.Println(f.Property, f.Verdict)
	}
	// Output: definite VIOLATED
}
