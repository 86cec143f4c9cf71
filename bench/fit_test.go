package bench_test

import (
	"math"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/bench"
)

func TestFitPowerLaw(t *testing.T) {
	x := []float64{1e4, 1e5, 1e6, 1e7}
	y := make([]float64, len(x))
	for i := range x {
		y[i] = 3e-9 * math.Pow(x[i], 1.25)
	}
	fit, ok := bench.FitPowerLaw(x, y)
	if !ok || math.Abs(fit.Exponent-1.25) > 1e-12 || math.Abs(fit.Factor/3e-9-1) > 1e-10 || fit.StdErr > 1e-7 || fit.Points != 4 {
		t.Errorf("%+v, %v", fit, ok)
	}
	if v := fit.At(1e5); math.Abs(v/y[1]-1) > 1e-12 {
		t.Errorf("At(1e5) = %v, want %v", v, y[1])
	}
	// Residuals ±δ, ∓2δ, ±δ at 1, e, e² leave the slope alone; its standard
	// error is √(6δ²/1/2).
	const d = 0.1
	fit, ok = bench.FitPowerLaw([]float64{1, math.E, math.E * math.E}, []float64{math.Exp(d), math.Exp(1 - 2*d), math.Exp(2 + d)})
	if !ok || math.Abs(fit.Exponent-1) > 1e-12 || math.Abs(fit.StdErr-d*math.Sqrt(3)) > 1e-12 {
		t.Errorf("%+v, %v", fit, ok)
	}
	for _, c := range [][2][]float64{{nil, nil}, {{1}, {1}}, {{2, 2}, {1, 3}}, {{1, 2}, {1, 0}}, {{-1, 2}, {1, 1}}, {{1, 2, 3}, {1, 2}}, {{1, math.NaN()}, {1, 2}}} {
		if fit, ok := bench.FitPowerLaw(c[0], c[1]); ok {
			t.Errorf("FitPowerLaw(%v, %v) = %+v", c[0], c[1], fit)
		}
	}
}

func TestFitAmdahl(t *testing.T) {
	for _, want := range []float64{0, 0.25, 1} {
		var seconds []float64
		for _, p := range []float64{1, 2, 4, 8} {
			seconds = append(seconds, 7*(want+(1-want)/p))
		}
		if f, ok := bench.FitAmdahl([]int{1, 2, 4, 8}, seconds); !ok || math.Abs(f-want) > 1e-12 {
			t.Errorf("fraction %v, %v, want %v", f, ok, want)
		}
	}
	for _, workers := range [][]int{nil, {1}, {2, 4}, {1, 1}} {
		if f, ok := bench.FitAmdahl(workers, make([]float64, len(workers))); ok {
			t.Errorf("workers %v: %v", workers, f)
		}
	}
}

// TestPredict on numbers that can be followed by hand: 1000 bytes per unknown at
// n = 1e6 are 1e9 bytes; the roof is 10 GB/s on one worker and 20 on two.
func TestPredict(t *testing.T) {
	ms := []bench.Measurement{measured(1_000_000, 1, 0.2, 0.2, 0.2), measured(1_000_000, 2, 0.1, 0.1, 0.1)}
	rows := bench.Rows(ms)
	if r := rows[1]; math.Abs(r.GBs.Median-10) > 1e-9 || math.Abs(r.Roof.Median-20) > 1e-9 || math.Abs(r.Fraction.Median-0.5) > 1e-9 ||
		math.Abs(r.Speedup.Median-2) > 1e-9 || math.Abs(r.PerIteration-0.01) > 1e-9 || math.Abs(r.NsPerUnknown-10) > 1e-9 || r.LivePerUnknown != 100 || r.PeakPerUnknown != 200 {
		t.Fatalf("row %+v", r)
	}
	f := bench.Predict(rows, bench.Machine{MemoryGiB: 1})
	if len(f) != 1 {
		t.Fatalf("%d forecasts", len(f))
	}
	p := f[0]
	if !p.OneWorker || p.Single != 0.2 || p.Base.Workers != 2 || math.Abs(p.MaxUnknowns-(1<<30)/200.) > 1e-6 || p.MaxSeconds != 0 || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "still grows") {
		t.Errorf("%+v", p)
	}
	// By cores 0.1 s, by memory 0.05 s.
	for i, want := range []struct {
		speedup float64
		bound   string
	}{{2, "cores"}, {2, "memory"}, {1, "cores"}, {2, "cores"}, {4, "cores"}} {
		if c := p.Cases[i]; math.Abs(c.Speedup-want.speedup) > 1e-9 || i != 0 && c.Bound != want.bound || math.Abs(c.Seconds*c.Speedup-0.1) > 1e-9 {
			t.Errorf("case %d: %+v, want %+v", i, c, want)
		}
	}
	ms[1].Bytes = 0
	if p := bench.Predict(bench.Rows(ms), bench.Machine{})[0]; p.Cases != nil || p.MaxUnknowns != 0 || len(p.Notes) != 1 {
		t.Errorf("traffic not known: %+v", p)
	}
	// Weak scaling: the same time for twice the work is an efficiency of 1.
	ms = []bench.Measurement{measured(100, 1, 1, 1), measured(200, 2, 1, 1)}
	for i := range ms {
		ms[i].Cell.Study = "weak"
	}
	ms[1].Iterations = 20
	if r := bench.Rows(ms)[1]; r.Speedup.Median != 2 {
		t.Errorf("weak: %+v", r.Speedup)
	}
}
