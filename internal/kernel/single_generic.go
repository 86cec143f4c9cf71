//go:build !amd64 || purego

package kernel

func dct3WeightedSingle(t []float32, stride int, r0, r1, r2 []float32, w []uint16) (done int) {
	return 0
}
func dct3AdjointSingle(o0, o1, o2, u []float32, stride int) (done int)                  { return 0 }
func conv3WeightedSingle(f *[9]float32, t, r0, r1, r2 []float32, w []uint16) (done int) { return 0 }
func conv3AdjointSingle(f *[9]float32, o0, o1, o2, u []float32) (done int)              { return 0 }
func chebyshevStepSingle(out, in, q, d, b []float32, c, f float32) (done int)           { return 0 }
func axpySingle(y []float32, a float32, x []float32) (done int)                         { return 0 }
