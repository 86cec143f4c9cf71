package kernel

import (
	"math"
	"testing"
)

// TestLinesAreAdjoint: ⟨P·c, f⟩ = ⟨c, Pᵀ·f⟩ for lines of every parity.
func TestLinesAreAdjoint(t *testing.T) {
	for n := 1; n < 70; n++ {
		m := (n + 1) / 2
		c, f, pc, pf := make([]float64, m), make([]float64, n), make([]float64, n), make([]float64, m)
		for i := range c {
			c[i] = math.Sin(float64(3 * i))
		}
		for i := range f {
			f[i] = math.Cos(float64(i * i))
		}
		InterpolateLine(pc, c, 0)
		RestrictLine(pf, f)
		var a, b, size float64
		for i := range f {
			a += f[i] * pc[i]
			size += math.Abs(f[i] * pc[i])
		}
		for i := range c {
			b += c[i] * pf[i]
		}
		if math.Abs(a-b) > 1e-14*size {
			t.Errorf("n = %d: %v and %v", n, a, b)
		}
	}
}
