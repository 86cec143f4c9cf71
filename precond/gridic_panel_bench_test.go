package precond_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/precond"
	"github.com/hgsolve/hgsolve/problems"
)

// filtering is [denoising] with filters of another size, of random coefficients.
func filtering(t testing.TB, rows, cols, size int) hvp.Operator {
	t.Helper()
	if size == 3 {
		return denoising(t, rows, cols, 1.3)
	}
	photo, r, c := problems.Photograph()
	clean := problems.Resize(photo, r, c, rows, cols)
	d, err := problems.NewDenoise(clean, clean, rows, cols, &problems.DenoiseSettings{FilterSize: size})
	if err != nil {
		t.Fatal(err)
	}
	lin, err := d.Linearize(context.Background(), clean, d.Default(1.3))
	if err != nil {
		t.Fatal(err)
	}
	return lin.Y
}

// TestGridICPanelOfAuto: what works for an automatic choice applies itself to panels, and
// allocates nothing from the second time on.
func TestGridICPanelOfAuto(t *testing.T) {
	for _, size := range []int{3, 5, 7} {
		a := filtering(t, 70, 41, size)
		m, err := precond.NewAuto(t.Context(), a)
		if err != nil || m.Kind() != "grid-ic" {
			t.Fatal(m, err)
		}
		b, is := m.Delegate().(hvp.SingleBlocker)
		if !is {
			t.Fatalf("%v does not apply itself to panels", m)
		}
		n, _ := m.Dims()
		ctx := hvp.WithWorkers(t.Context(), 1)
		for _, k := range []int{3, 8} {
			dst, x := make([]float32, n*k), make([]float32, n*k)
			if got := testing.AllocsPerRun(5, func() { _ = b.ApplyBlockSingle(ctx, dst, x, k) }); got != 0 && !raceEnabled {
				t.Errorf("filters of %d×%d, %d columns: %v allocations", size, size, k, got)
			}
		}
	}
}

// BenchmarkGridICPanel applies the factorisation on 1000×1000 points to panels and, in turn,
// to one vector, with all workers, and prints least times.
func BenchmarkGridICPanel(b *testing.B) {
	for _, size := range []int{3, 5} {
		a := filtering(b, 1000, 1000, size)
		m, err := precond.NewGridIC(b.Context(), a)
		if err != nil {
			b.Fatal(err)
		}
		n, _ := m.Dims()
		x, dst := random(n), make([]float64, n)
		rng := rand.New(rand.NewPCG(1, 1))
		const most = 16
		panel, out := make([]float32, most*n), make([]float32, most*n)
		for i := range panel {
			panel[i] = float32(rng.NormFloat64())
		}
		widths := []int{2, 4, 8, 16}
		b.Run(fmt.Sprintf("filters=%d×%d", size, size), func(b *testing.B) {
			vector := time.Hour
			least := make([]time.Duration, len(widths))
			for i := range least {
				least[i] = time.Hour
			}
			for b.Loop() {
				begin := time.Now()
				if err := m.Apply(b.Context(), dst, x); err != nil {
					b.Fatal(err)
				}
				vector = min(vector, time.Since(begin))
				for i, k := range widths {
					begin := time.Now()
					if err := m.ApplyBlockSingle(b.Context(), out[:k*n], panel[:k*n], k); err != nil {
						b.Fatal(err)
					}
					least[i] = min(least[i], time.Since(begin))
				}
			}
			b.Logf("Apply         %6.2f ms", ms(vector))
			for i, k := range widths {
				b.Logf("panel of %2d   %6.2f ms, %.2f of Apply, %.2f of one for each column", k, ms(least[i]),
					float64(least[i])/float64(vector), float64(least[i])/float64(vector)/float64(k))
			}
		})
	}
}
