//go:build !purego

package kernel

// n and taps are positive; nothing beyond out[:n] is written and nothing beyond
// x[at[e]+n-1] is read.
//
//go:noescape
func shiftedSumAVX2(out *float64, n int, c *float64, at *int, taps int, x *float64, add bool)

// shiftedSum says whether it did the work.
func shiftedSum(out, c, x []float64, at []int, add bool) bool {
	if !useAVX2 || len(c) == 0 || len(out) == 0 {
		return false
	}
	shiftedSumAVX2(&out[0], len(out), &c[0], &at[0], len(c), &x[0], add)
	return true
}
