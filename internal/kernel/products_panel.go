package kernel

// AddProductsPanel adds to row j of out, a panel of w columns in single precision, the
// rows of the panel x that so many diagonals of a matrix ask for:
//
//	out[j·w+l] += Σ_e val[at[e]+j]·x[shift[e]+j·w+l]
//
// with products fused with the sum, in the order of e, or subtracts them: out changes its
// sign before and after. shift has the length of at; out must not overlap the others.
// Numbers without a normal form, below 1e-38, may count as zero.
func AddProductsPanel(out []float32, w int, val []float32, at []int, x []float32, shift []int, subtract bool) {
	rows := len(out) / w
	if rows == 0 || len(at) == 0 {
		return
	}
	out, shift = out[:rows*w], shift[:len(at)]
	inside(rows, len(val), at)
	inside(rows*w, len(x), shift)
	if done := addProductsPanel(out, w, val, at, x, shift, subtract); done < w {
		addProductsPanelPlain(out, w, done, val, at, x, shift, subtract)
	}
}

// addProductsPanelPlain does the columns from done on.
func addProductsPanelPlain(out []float32, w, done int, val []float32, at []int, x []float32, shift []int, subtract bool) {
	for j := range len(out) / w {
		row := out[j*w+done : j*w+w]
		if subtract {
			negate(row)
		}
		for e, a := range at {
			v := val[a+j]
			for l, u := range x[shift[e]+j*w+done:][:len(row)] {
				row[l] = fmaSingle(v, u, row[l])
			}
		}
		if subtract {
			negate(row)
		}
	}
}

func negate(x []float32) {
	for i, v := range x {
		x[i] = -v
	}
}
