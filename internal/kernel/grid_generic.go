//go:build !amd64 || purego

package kernel

func subProductsSingle(t, a []float32, sa int, x []float32, sx, terms int) (done int) { return 0 }
func addScaledSingle(t, c, x []float32, sx int) (done int)                            { return 0 }
