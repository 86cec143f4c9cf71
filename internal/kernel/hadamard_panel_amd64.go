//go:build !purego

package kernel

//go:noescape
func panelPairDot16(x *float32, stride int, v, u *float32, rows int, sums *float64)

//go:noescape
func panelPairDot8Wide(x *float32, stride int, v, u *float32, rows int, sums *float64)

//go:noescape
func panelPairDot8(x *float32, stride int, v, u *float32, rows int, sums *float64)

//go:noescape
func panelPairDot4(x *float32, stride int, v, u *float32, rows int, sums *float64)

//go:noescape
func panelPairDotDouble8(x *float64, stride int, v, u *float64, rows int, sums *float64)

//go:noescape
func panelPairDotDouble4(x *float64, stride int, v, u *float64, rows int, sums *float64)

//go:noescape
func hadamardPanel16(dst, x *float32, stride int, v, d, a, b *float32, groups int)

//go:noescape
func hadamardPanel8(dst, x *float32, stride int, v, d, a, b *float32, groups int)

//go:noescape
func hadamardPanel4(dst, x *float32, stride int, v, d, a, b *float32, groups int)

//go:noescape
func hadamardPanelDouble8(dst, x *float64, stride int, v, d, a, b *float64, groups int)

//go:noescape
func hadamardPanelDouble4(dst, x *float64, stride int, v, d, a, b *float64, groups int)

// The functions below do the strips of columns that fill registers and return the number of
// columns done. Where registers have 512 bits, the widest strips are a line of the caches.

func panelPairDotStrips(x []float32, k int, v, u []float32, s, t []float64, stride int) (l int) {
	if !useFMA || len(v) == 0 {
		return 0
	}
	x, u = x[:len(v)*k], u[:len(v)]
	var sums [32]float64
	for l+4 <= k {
		n := 4
		switch { // no function value, from which sums would escape
		case useWide && l+16 <= k:
			n = 16
			panelPairDot16(&x[l], 4*k, &v[0], &u[0], len(v), &sums[0])
		case useWide && l+8 <= k:
			n = 8
			panelPairDot8Wide(&x[l], 4*k, &v[0], &u[0], len(v), &sums[0])
		case l+8 <= k:
			n = 8
			panelPairDot8(&x[l], 4*k, &v[0], &u[0], len(v), &sums[0])
		default:
			panelPairDot4(&x[l], 4*k, &v[0], &u[0], len(v), &sums[0])
		}
		spread(s[l*stride:], stride, sums[:n])
		spread(t[l*stride:], stride, sums[n:2*n])
		l += n
	}
	return l
}

func panelPairDotDoubleStrips(x []float64, k int, v, u []float64, s, t []float64, stride int) (l int) {
	if !useFMA || len(v) == 0 {
		return 0
	}
	x, u = x[:len(v)*k], u[:len(v)]
	var sums [16]float64
	for l+4 <= k {
		n := 4
		if useWide && l+8 <= k {
			n = 8
			panelPairDotDouble8(&x[l], 8*k, &v[0], &u[0], len(v), &sums[0])
		} else {
			panelPairDotDouble4(&x[l], 8*k, &v[0], &u[0], len(v), &sums[0])
		}
		spread(s[l*stride:], stride, sums[:n])
		spread(t[l*stride:], stride, sums[n:2*n])
		l += n
	}
	return l
}

func hadamardPanelStrips(dst, x []float32, k int, v, d, a, b []float32) (l int) {
	groups := len(v) / hadamardRows
	if !useFMA || groups == 0 {
		return 0
	}
	dst, x, d, a, b = dst[:len(v)*k], x[:len(v)*k], d[:len(v)], a[:k], b[:k]
	for l+4 <= k {
		f, n := hadamardPanel4, 4
		switch {
		case useWide && l+16 <= k:
			f, n = hadamardPanel16, 16
		case l+8 <= k:
			f, n = hadamardPanel8, 8
		}
		f(&dst[l], &x[l], 4*k, &v[0], &d[0], &a[l], &b[l], groups)
		l += n
	}
	return l
}

func hadamardPanelDoubleStrips(dst, x []float64, k int, v, d, a, b []float64) (l int) {
	groups := len(v) / hadamardRows
	if !useFMA || groups == 0 {
		return 0
	}
	dst, x, d, a, b = dst[:len(v)*k], x[:len(v)*k], d[:len(v)], a[:k], b[:k]
	for l+4 <= k {
		f, n := hadamardPanelDouble4, 4
		if useWide && l+8 <= k {
			f, n = hadamardPanelDouble8, 8
		}
		f(&dst[l], &x[l], 8*k, &v[0], &d[0], &a[l], &b[l], groups)
		l += n
	}
	return l
}
