//go:build !amd64 || purego

package kernel

// Dots2 returns xᵀy and yᵀy in one pass.
func Dots2(x, y []float64) (xy, yy float64) { return dots2Plain(x, y) }

// LanczosStep sets o ← a·q − b·v − c·o, the next vector of a Lanczos process in
// the place of the last but one, and returns oᵀo of the new o and qᵀo of the
// old one.
func LanczosStep(o, v, q []float64, a, b, c float64) (oo, qo float64) {
	return lanczosStepPlain(o, v, q, a, b, c)
}

// MinresStep sets w2 ← a·v − b·w1 − c·w2 and adds t·w2 to x.
func MinresStep(x, w2, w1, v []float64, a, b, c, t float64) {
	minresStepPlain(x, w2, w1, v, a, b, c, t)
}
