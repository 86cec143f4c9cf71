package bench_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hgsolve/hgsolve/bench"
)

// TestMannWhitney: p-values by hand (numbers of rank orders) and by enumeration.
func TestMannWhitney(t *testing.T) {
	for _, c := range []struct {
		x, y []float64
		u, p float64
	}{
		{nil, []float64{1}, 0, 1},
		{[]float64{1}, []float64{2}, 0, 1},
		{[]float64{1, 2, 3}, []float64{4, 5, 6}, 0, 2. / 20},               // 20 = 6 over 3
		{[]float64{4, 5, 6}, []float64{1, 2, 3}, 9, 2. / 20},               // and the other way round
		{[]float64{1, 2, 3, 4, 5}, []float64{6, 7, 8, 9, 10}, 0, 2. / 252}, // 252 = 10 over 5
		{[]float64{1, 2, 3, 4, 6}, []float64{5, 7, 8, 9, 10}, 1, 4. / 252},
		{[]float64{1, 3, 5}, []float64{2, 4, 6}, 3, 0.7},
		{[]float64{7, 7}, []float64{7, 7}, 2, 1},
		// Ranks 1, 2.5, 2.5, 4: of the 6 choices of two, {1, 2.5} twice and
		// {2.5, 4} twice are as far from the mean 5 as 1.5.
		{[]float64{1, 2}, []float64{2, 3}, 0.5, 4. / 6},
	} {
		u, p := bench.MannWhitney(c.x, c.y)
		if u != c.u || math.Abs(p-c.p) > 1e-12 {
			t.Errorf("MannWhitney(%v, %v) = %v, %v, want %v, %v", c.x, c.y, u, p, c.u, c.p)
		}
	}
	// The normal approximation beyond 50 values continues the exact test, with
	// ties or without.
	rng := rand.New(rand.NewPCG(1, 1))
	for _, levels := range []float64{5, 1e9} {
		for range 4 {
			shift := rng.Float64()
			sample := func(n int, by float64) []float64 {
				v := make([]float64, n)
				for i := range v {
					v[i] = math.Floor((rng.NormFloat64() + by) * levels)
				}
				return v
			}
			x, y := sample(25, 0), sample(25, shift)
			_, exact := bench.MannWhitney(x, y)
			_, more := bench.MannWhitney(append(x, x...), append(y, y...))
			if !(exact >= 0 && exact <= 1) || more > exact+0.05 {
				t.Errorf("25 and 25 values: p = %v; each twice: %v", exact, more)
			}
		}
	}
}

// measured is a measurement of a cell with these times.
func measured(n, workers int, seconds ...float64) bench.Measurement {
	m := bench.Measurement{
		Cell:     bench.Cell{Study: "strong", Problem: "2d", N: n, Workers: workers, Solver: "cg", Precond: "none"},
		Unknowns: n, Status: "Converged", Iterations: 10, Products: 11, Bytes: int64(1000 * n), Seconds: seconds, Solve: seconds,
		Live: int64(100 * n), Peak: int64(200 * n),
	}
	for range seconds {
		m.Dot, m.Triad = append(m.Dot, 10*float64(workers)), append(m.Triad, 8*float64(workers))
	}
	return m
}

func TestCompare(t *testing.T) {
	old := []bench.Measurement{measured(100, 1, 1, 1.1, 1.2, 1.3, 1.4), measured(100, 2, 2, 2, 2, 2, 2), measured(100, 3, 1, 1, 1, 1, 1), measured(100, 5, 1, 1, 1, 1, 1)}
	now := []bench.Measurement{measured(100, 1, 0.5, 0.55, 0.6, 0.65, 0.7), measured(100, 2, 2, 2, 2, 2, 2), measured(100, 4, 1, 1, 1, 1, 1), measured(100, 5)}
	now[3].Error = "broken"
	c, err := bench.Compare(old, now)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Cells) != 2 || c.OnlyOld != 1 || c.OnlyNew != 1 || c.Failed != 1 || math.Abs(c.GeoMean-math.Sqrt(0.5)) > 1e-12 || math.Abs(c.Least-2./252) > 1e-12 {
		t.Fatalf("%+v", c)
	}
	if a := c.Cells[0]; a.Ratio != 0.5 || !a.Significant() || math.Abs(a.P-2./252) > 1e-12 {
		t.Errorf("%+v", a)
	}
	if a := c.Cells[1]; a.Ratio != 1 || a.Significant() {
		t.Errorf("%+v", a)
	}
	if _, err := bench.Compare(old[:1], now[2:]); err == nil {
		t.Error("nothing in common: no error")
	}
}
