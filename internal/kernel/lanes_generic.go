//go:build !amd64 || purego

package kernel

// Dot returns xᵀy.
func Dot(x, y []float64) float64 { return dotPlain(x, y) }

// Dots2 returns xᵀy and yᵀy in one pass.
func Dots2(x, y []float64) (xy, yy float64) { return dots2Plain(x, y) }

// LanczosStep sets o ← a·q − b·v − c·o, the next vector of a Lanczos process in
// the place of the last but one, and returns oᵀo of the new o and qᵀo of the
// old one.
func LanczosStep(o, v, q []float64, a, b, c float64) (oo, qo float64) {
	return lanczosStepPlain(o, v, q, a, b, c)
}

// LanczosStepDiag sets o ← a·D·q − b·v − c·o with D = diag(d), d > 0, and
// returns oᵀD⁻¹o and ‖D⁻¹o‖² of the new o and qᵀo of the old one.
func LanczosStepDiag(o, v, q, d []float64, a, b, c float64) (odo, ddo, qo float64) {
	return lanczosStepDiagPlain(o, v, q, d, a, b, c)
}

// MinresStep sets w2 ← a·v − b·w1 − c·w2 and adds t·w2 to x.
func MinresStep(x, w2, w1, v []float64, a, b, c, t float64) {
	minresStepPlain(x, w2, w1, v, a, b, c, t)
}

// QLPStep applies two reflections to the columns of (w2, w1, a·v),
//
//	(w2, v') ← (c2·w2 + s2·a·v,  s2·w2 − c2·a·v)
//	(w1, w)  ← (c1·w1 + s1·v',   s1·w1 − c1·v')
//
// adds u·w2 to x and leaves w in the place of w2.
func QLPStep(x, w2, w1, v []float64, a, c2, s2, c1, s1, u float64) {
	qlpStepPlain(x, w2, w1, v, a, c2, s2, c1, s1, u)
}
