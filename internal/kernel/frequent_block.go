package kernel

// The loops of frequent.go for four vectors at a time, element by element next to
// each other.

// value returns entry k, 1 if there are no values.
func value[V Value](val []V, k int) float64 {
	if val == nil {
		return 1
	}
	return float64(val[k])
}

// blockDotsPlain is the plain twin of BlockDots. The conversions keep the compiler
// from fusing a product with a sum, here and below.
func blockDotsPlain[V Value](t, x []float64, row []uint16, length []int32, col []uint16, val []V) {
	p := 0
	for l, r := range row {
		var s [2][4]float64
		for k := range int(length[l]) {
			a, u := value(val, p), (*[4]float64)(x[4*int(col[p]):])
			for j := range u {
				s[k%2][j] += float64(a * u[j])
			}
			p++
		}
		for j, v := range s[0] {
			t[4*int(r)+j] += v + s[1][j]
		}
	}
}

// blockScatterPlain is the plain twin of BlockScatter.
func blockScatterPlain[V Value](s, u []float64, row []uint16, length []int32, col []uint16, val []V) {
	p := 0
	for l, r := range row {
		v := *(*[4]float64)(u[4*int(r):])
		for range length[l] {
			a, to := value(val, p), (*[4]float64)(s[4*int(col[p]):])
			for j := range to {
				to[j] += float64(a * v[j])
			}
			p++
		}
	}
}

// blockEntriesPlain is the plain twin of BlockEntries.
func blockEntriesPlain[V Value](y, x []float64, sy, sx int, yi, xi []uint16, val []V) {
	for k, i := range yi {
		a, to, from := value(val, k), (*[4]float64)(y[sy*int(i):]), (*[4]float64)(x[sx*int(xi[k]):])
		for j := range to {
			to[j] += float64(a * from[j])
		}
	}
}
