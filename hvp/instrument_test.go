package hvp_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
)

// abilities lists what an operator says it can do.
func abilities(a hvp.Operator) string {
	s := hvp.StructureOf(a).String()
	if _, ok := hvp.Trans(a); ok {
		s += " trans"
	}
	if r, ok := hvp.Rows(a); ok && r.RowGrain() >= 0 {
		s += " rows"
	}
	if _, ok := hvp.Block(a); ok {
		s += " block"
	}
	if _, ok := hvp.Diag(a); ok {
		s += " diag"
	}
	if _, ok := a.(hvp.DiagonalMatrix); ok {
		s += " diagonal matrix"
	}
	if hvp.AccuracyOf(a) > 0 {
		s += " approximate"
	}
	return s
}

// TestInstrumentKeepsEverything: one of everything in the package, measured.
func TestInstrumentKeepsEverything(t *testing.T) {
	all := operators(t)
	fd := must[*hvp.FiniteDifference](t)(hvp.NewFiniteDifference(context.Background(), cubic, gaussian(50, 1), &hvp.FiniteDifferenceSettings{Promise: hvp.Symmetric}))
	all["FiniteDifference"] = fd
	all["Scale of FiniteDifference"] = hvp.Scale(2, hvp.WithStructure(fd, hvp.Singular))
	for name, a := range all {
		t.Run(name, func(t *testing.T) {
			m, meter := hvp.Instrument(a, name, 0)
			if got, want := abilities(m), abilities(a); got != want {
				t.Errorf("abilities %q, want %q", got, want)
			}
			if want, err := hvp.Transpose(a); err == nil {
				got, err := hvp.Transpose(m)
				if err != nil {
					t.Fatal(err)
				}
				if abilities(got) != abilities(want) {
					t.Errorf("abilities of the transpose %q, want %q", abilities(got), abilities(want))
				}
				hvptest.TestOperator(t, got, &hvptest.Options{Tol: max(1e-12, 30*hvp.AccuracyOf(a))})
			}
			hvptest.TestOperator(t, m, &hvptest.Options{Tol: max(1e-12, 30*hvp.AccuracyOf(a))})
			if u := meter.Usage(); u.Products == 0 || u.Time <= 0 {
				t.Errorf("usage %+v after the check", u)
			}
		})
	}
}

func TestMeterCounts(t *testing.T) {
	ctx := context.Background()
	a := randomCSR(t, 30, 20)
	m, meter := hvp.Instrument(a, "matrix", 6000)
	if got := meter.String(); got != "matrix: not used" {
		t.Error(got)
	}
	x, y := make([]float64, 20), make([]float64, 30)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			dst, back := make([]float64, 30), make([]float64, 20)
			for range 25 {
				m.Apply(ctx, dst, x)
				m.(hvp.Transposer).ApplyTrans(ctx, back, y)
				m.(hvp.RowRanger).ApplyRows(dst, x, 10, 20)
			}
		})
	}
	wg.Wait()
	m.(hvp.Blocker).ApplyBlock(ctx, make([]float64, 90), make([]float64, 60), 3)
	m.(hvp.Diagonaler).Diag(x)
	if m.Apply(ctx, x, x) == nil {
		t.Error("wrong length")
	}
	tr, err := hvp.Transpose(m)
	if err != nil {
		t.Fatal(err)
	}
	tr.Apply(ctx, x, y)
	u := meter.Usage()
	u.Time = 0
	want := hvp.Usage{Products: 101, Transposed: 101, Blocks: 1, Vectors: 3, Ranges: 100, Rows: 1000, Diags: 1, Failures: 1,
		Bytes: 202*6000 + 100*2000 + 6000 + 2*8*50 + 8*20}
	if u != want {
		t.Errorf("counted %+v, want %+v", u, want)
	}
	line := meter.String()
	for _, part := range []string{"matrix: 101 products, 101 transposed, 3 vectors in 1 blocks, 1000 rows in 100 ranges, 1 diagonals, 1 failures; ", " s, ", " MB"} {
		if !strings.Contains(line, part) || strings.Contains(line, "\n") {
			t.Errorf("%q lacks %q", line, part)
		}
	}
	meter.Reset()
	if meter.Usage() != (hvp.Usage{}) {
		t.Errorf("after Reset: %+v", meter.Usage())
	}
	boom := errors.New("boom")
	f, meter := hvp.Instrument(&hvp.Func{Rows: 2, Mul: func(context.Context, []float64, []float64) error { return boom }}, "f", 0)
	if err := f.Apply(ctx, x[:2], y[:2]); !errors.Is(err, boom) || meter.Usage().Bytes != 32 {
		t.Errorf("error %v, usage %+v", err, meter.Usage())
	}
	if f.(hvp.Transposer).ApplyTrans(ctx, x[:2], y[:2]) == nil {
		t.Error("a transpose out of nothing")
	}
}
