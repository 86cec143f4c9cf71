//go:build !amd64 || purego

package kernel

// Without assembly the plain loops do all elements.

func dots4Lanes(sums *[4][4]float64, w, a, b, c, d []float64) (done int)    { return 0 }
func add4Lanes(w []float64, h *[4]float64, a, b, c, d []float64) (done int) { return 0 }
