package kernel

// GramRow adds d·x·xᵀ to the upper triangle of the n×n matrix g, row by row, for the
// sparse x with the given entries, columns in increasing order. Parts of the lower
// triangle are used as scratch. Four rows of g are updated at a time: a quarter of
// the loops, whose ends are hard to predict, and of the reads of x.
func GramRow(g []float64, n int, col []int32, val []float64, d float64) {
	val = val[:len(col)]
	for len(col) >= 4 {
		c0, c1, c2, c3 := d*val[0], d*val[1], d*val[2], d*val[3]
		g0 := g[int(col[0])*n:][:n]
		g1 := g[int(col[1])*n:][:n]
		g2 := g[int(col[2])*n:][:n]
		g3 := g[int(col[3])*n:][:n]
		vs := val[:len(col)]
		for q, j := range col {
			v := vs[q]
			g0[j] += c0 * v
			g1[j] += c1 * v
			g2[j] += c2 * v
			g3[j] += c3 * v
		}
		col, val = col[4:], val[4:]
	}
	for len(col) > 0 {
		c := d * val[0]
		row := g[int(col[0])*n:][:n]
		vs := val[:len(col)]
		for q, j := range col {
			row[j] += c * vs[q]
		}
		col, val = col[1:], val[1:]
	}
}
