package kernel

// AddProductsPanel adds to row j of out, a panel of w columns in single precision, the
// rows of the panel x that so many diagonals of a matrix ask for:
//
//	out[j·w+l] += Σ_e val[at[e]+j]·x[shift[e]+j·w+l]
//
// with products fused with the sum, in the order of e, or subtracts them.
func AddProductsPanel(out []float32, w int, val []float32, at []int, x []float32, shift []int, subtract bool) {
	for j := range len(out) / w {
		row := out[j*w : j*w+w]
		for e, a := range at {
			v := val[a+j]
			if subtract {
				v = -v
			}
			for l, u := range x[shift[e]+j*w:][:w] {
				row[l] = fmaSingle(v, u, row[l])
			}
		}
	}
}
