//go:build !amd64 || purego

package kernel

func dct3Responses(t []float64, stride int, r0, r1, r2 []float64) (done int) { return 0 }
func dct3Adjoint(o0, o1, o2, u []float64, stride int) (done int)             { return 0 }
func conv3Responses(f *[9]float64, t, r0, r1, r2 []float64) (done int)       { return 0 }
func conv3Adjoint(f *[9]float64, o0, o1, o2, u []float64) (done int)         { return 0 }
