//go:build !amd64 || purego

package kernel

func panelPairDotStrips(x []float32, k int, v, u []float32, s, t []float64, stride int) (l int) {
	return 0
}

func hadamardPanelStrips(dst, x []float32, k int, v, d, a, b []float32) (l int) { return 0 }

func panelPairDotDoubleStrips(x []float64, k int, v, u []float64, s, t []float64, stride int) (l int) {
	return 0
}

func hadamardPanelDoubleStrips(dst, x []float64, k int, v, d, a, b []float64) (l int) { return 0 }
