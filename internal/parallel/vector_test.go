package parallel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestReductionsDoNotDependOnWorkers is the promise of the package.
func TestReductionsDoNotDependOnWorkers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 1, 2, 3, 63, 64, 65, 127, 129, 2047, 2048, 2049, 4095, 4097, 100_003} {
		x, y := make([]float64, n), make([]float64, n)
		for i := range x {
			x[i], y[i] = rng.NormFloat64(), rng.NormFloat64()
		}
		dot, norm := Dot(1, x, y), Norm(1, x)
		plain := 0.0
		for i := range x {
			plain += x[i] * y[i]
		}
		if math.Abs(dot-plain) > 1e-14*float64(n+1) {
			t.Errorf("n=%d: Dot %v, plain loop %v", n, dot, plain)
		}
		for _, team := range []Team{2, 3, 7} {
			if got := Dot(team, x, y); got != dot {
				t.Errorf("n=%d, %d workers: Dot %.17g, with one %.17g", n, team, got, dot)
			}
			if got := Norm(team, x); got != norm {
				t.Errorf("n=%d, %d workers: Norm %.17g, with one %.17g", n, team, got, norm)
			}
		}
	}
}

func TestNormRange(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		x    []float64
		want float64
	}{
		{nil, 0}, {[]float64{0, 0}, 0}, {[]float64{3, -4}, 5},
		{[]float64{3e200, 4e200}, 5e200}, {[]float64{3e-200, 4e-200}, 5e-200},
		{[]float64{3 * 0x1p-1074, 4 * 0x1p-1074}, 5 * 0x1p-1074},
		{[]float64{0x1p1023}, 0x1p1023},
		{[]float64{1, -inf}, inf}, {[]float64{nan, inf}, nan}, {[]float64{nan}, nan},
	} {
		got := Norm(1, c.x)
		if !(math.Abs(got-c.want) <= 1e-15*c.want || got == c.want || math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("Norm(%v) = %v, want %v", c.x, got, c.want)
		}
	}
}

func TestVectorOpsDoNotAllocate(t *testing.T) {
	x, y := make([]float64, 50_000), make([]float64, 50_000)
	Dot(2, x, y)
	// One allocation in a while is the garbage collector emptying the pool.
	if n := testing.AllocsPerRun(100, func() { Dot(2, x, y); Axpy(2, y, 1, x); MulTo(2, y, y, x) }); n >= 1 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkSerialThreshold compares one worker with two at growing lengths: it
// shows from which length on sharing a loop pays on this machine.
func BenchmarkSerialThreshold(b *testing.B) {
	for _, n := range []int{2048, 4096, 8192, 16384, 65536, 4_000_000} {
		x, y := make([]float64, n), make([]float64, n)
		for i := range x {
			x[i], y[i] = 1, 1e-3
		}
		for _, team := range []Team{1, 2} {
			b.Run(label(n, team), func(b *testing.B) {
				b.SetBytes(int64(16 * n))
				for b.Loop() {
					Dot(team, x, y)
				}
			})
		}
	}
}

func label(n int, team Team) string { return fmt.Sprintf("n=%d/workers=%d", n, team) }
