//go:build !amd64 || purego

package kernel

func combineRows(*Combination, []float32) bool { return false }
