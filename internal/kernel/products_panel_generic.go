//go:build !amd64 || purego

package kernel

func addProductsPanel(out []float32, w int, val []float32, at []int, x []float32, shift []int, subtract bool) (l int) {
	return 0
}

func addProductsPanelDouble(out []float64, w int, val []float64, at []int, x []float64, shift []int, subtract bool) (l int) {
	return 0
}
