//go:build !amd64 || purego

package kernel

// FrequentDots adds to t[row[l]] the product of line l with x. Line l has the next
// length[l] entries of col and val. Lengths and rows must be those of a valid
// matrix.
func FrequentDots[V Value](t []float64, x *Frequent, row []uint16, length []int32, col []uint16, val []V) {
	frequentDotsPlain(t, x, row, length, col, val)
}

// FrequentScatter adds Σ_l u[row[l]]·(line l) to s; see [FrequentDots].
func FrequentScatter[V Value](s *Frequent, u []float64, row []uint16, length []int32, col []uint16, val []V) {
	frequentScatterPlain(s, u, row, length, col, val)
}

// AddEntries adds val[k]·x[xi[k]] to y[yi[k]] for all k in turn. The indices must
// be valid.
func AddEntries[V Value](y, x []float64, yi, xi []uint16, val []V) {
	addEntriesPlain(y, x, yi, xi, val)
}
