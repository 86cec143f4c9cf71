package kernel

import "math"

// AddProductsPanel adds to row j of out, a panel of w columns, the rows of the panel x that
// so many diagonals of a matrix ask for:
//
//	out[j·w+l] += Σ_e val[at[e]+j]·x[shift[e]+j·w+l]
//
// with products fused with the sum, in the order of e, or subtracts them: out changes its
// sign before and after. shift has the length of at; out must not overlap the others.
// In single precision numbers without a normal form, below 1e-38, may count as zero.
func AddProductsPanel[V Value](out []V, w int, val []V, at []int, x []V, shift []int, subtract bool) {
	rows := len(out) / w
	if rows == 0 || len(at) == 0 {
		return
	}
	out, shift = out[:rows*w], shift[:len(at)]
	inside(rows, len(val), at)
	inside(rows*w, len(x), shift)
	done := 0
	switch out := any(out).(type) {
	case []float32:
		done = addProductsPanel(out, w, any(val).([]float32), at, any(x).([]float32), shift, subtract)
	case []float64:
		done = addProductsPanelDouble(out, w, any(val).([]float64), at, any(x).([]float64), shift, subtract)
	}
	if done < w {
		addProductsPanelPlain(out, w, done, val, at, x, shift, subtract)
	}
}

// addProductsPanelPlain does the columns from done on.
func addProductsPanelPlain[V Value](out []V, w, done int, val []V, at []int, x []V, shift []int, subtract bool) {
	for j := range len(out) / w {
		row := out[j*w+done : j*w+w]
		if subtract {
			negate(row)
		}
		for e, a := range at {
			v := val[a+j]
			for l, u := range x[shift[e]+j*w+done:][:len(row)] {
				row[l] = fma(v, u, row[l])
			}
		}
		if subtract {
			negate(row)
		}
	}
}

// fma returns a·b + c, rounded once.
func fma[V Value](a, b, c V) V {
	if _, single := any(a).(float32); single {
		return V(fmaSingle(float32(a), float32(b), float32(c)))
	}
	return V(math.FMA(float64(a), float64(b), float64(c)))
}

func negate[V Value](x []V) {
	for i, v := range x {
		x[i] = -v
	}
}
