//go:build !amd64 || purego

package kernel

func bandStripsFrom(n, r int) int { return n }

func bandStrips(v []float32, w int, c []float32, pitch, r int, back bool, first int) {}

func scaleRowsStrips(v []float32, w int, d []float32) bool { return false }
