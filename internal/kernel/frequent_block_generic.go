//go:build !amd64 || purego

package kernel

// BlockDots is [FrequentDots] for four vectors: element i of t and x is the numbers
// 4i … 4i+3.
func BlockDots[V Value](t, x []float64, row []uint16, length []int32, col []uint16, val []V) {
	blockDotsPlain(t, x, row, length, col, val)
}

// BlockScatter is [FrequentScatter] for four vectors.
func BlockScatter[V Value](s, u []float64, row []uint16, length []int32, col []uint16, val []V) {
	blockScatterPlain(s, u, row, length, col, val)
}

// BlockEntries is [AddEntries] for four vectors: element i of y is the numbers sy·i …
// sy·i+3, that of x begins at sx·i.
func BlockEntries[V Value](y, x []float64, sy, sx int, yi, xi []uint16, val []V) {
	blockEntriesPlain(y, x, sy, sx, yi, xi, val)
}
