package kernel

import "math"

// AddScaled adds len(c) scaled rows to t, in order, with products fused with the sum:
//
//	t[j] ← t[j] + Σ_k c[k]·x[k·sx + j]
//
// t must not overlap the others. It is for sums of many rows that are in the first-level
// cache.
func AddScaled(t, c, x []float64, sx int) {
	n := len(t)
	if n == 0 || len(c) == 0 {
		return
	}
	_, _ = x[n-1], x[(len(c)-1)*sx+n-1]
	done := addScaled(t, c, x, sx)
	if done < n {
		addScaledPlain(t[done:], c, x[done:], sx)
	}
}

func addScaledPlain(t, c, x []float64, sx int) {
	for k, f := range c {
		for j, v := range x[k*sx:][:len(t)] {
			t[j] = math.FMA(f, v, t[j])
		}
	}
}
