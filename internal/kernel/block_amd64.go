//go:build !purego

package kernel

//go:noescape
func panelDots3x8(p, q *float64, stride, n int, sums *[24]float64)

//go:noescape
func panelDots3x4(p, q *float64, stride, n int, sums *[24]float64)

//go:noescape
func panelDotx8(p, q *float64, stride, n int, sums *[8]float64)

//go:noescape
func panelDotx4(p, q *float64, stride, n int, sums *[8]float64)

//go:noescape
func panelSubx8(r *float64, a *[8]float64, q *float64, stride, n int, sums *[8]float64)

//go:noescape
func panelSubx4(r *float64, a *[8]float64, q *float64, stride, n int, sums *[8]float64)

//go:noescape
func panelSubDiagx8(r *float64, a *[8]float64, q, d *float64, t *lanes, stride, n int, sums *[16]float64)

//go:noescape
func panelSubDiagx4(r *float64, a *[8]float64, q, d *float64, t *lanes, stride, n int, sums *[16]float64)

//go:noescape
func panelStepx8(x, p *float64, a *[8]float64, r *float64, b *[8]float64, xstride, stride, n int)

//go:noescape
func panelStepx4(x, p *float64, a *[8]float64, r *float64, b *[8]float64, xstride, stride, n int)

//go:noescape
func panelStepDiagx8(x, p *float64, a *[8]float64, r, d *float64, b *[8]float64, t *lanes, xstride, stride, n int)

//go:noescape
func panelStepDiagx4(x, p *float64, a *[8]float64, r, d *float64, b *[8]float64, t *lanes, xstride, stride, n int)

// The functions below do one strip of n groups of g lanes, eight lanes if there are
// as many, otherwise four, or one where fewer are left, and return how many: p and the like are from the first
// lane of the strip on to the end of the last group. n is at least one.

func panelDots3(p, q []float64, g, n int, sums *[24]float64) int {
	if !useAVX2 || (n-1)*g+4 > len(p) {
		return panelDots3Plain(p, q, g, n, sums)
	}
	q = q[:len(p)]
	if (n-1)*g+8 <= len(p) {
		panelDots3x8(&p[0], &q[0], 8*g, n, sums)
		return 8
	}
	panelDots3x4(&p[0], &q[0], 8*g, n, sums)
	return 4
}

func panelDot(r, z []float64, g, n int, sums *[8]float64) int {
	if !useAVX2 || (n-1)*g+4 > len(r) {
		return panelDotPlain(r, z, g, n, sums)
	}
	z = z[:len(r)]
	if (n-1)*g+8 <= len(r) {
		panelDotx8(&r[0], &z[0], 8*g, n, sums)
		return 8
	}
	panelDotx4(&r[0], &z[0], 8*g, n, sums)
	return 4
}

func panelSub(r []float64, a *[8]float64, q []float64, g, n int, sums *[8]float64) int {
	if !useAVX2 || (n-1)*g+4 > len(r) {
		return panelSubPlain(r, a, q, g, n, sums)
	}
	q = q[:len(r)]
	if (n-1)*g+8 <= len(r) {
		panelSubx8(&r[0], a, &q[0], 8*g, n, sums)
		return 8
	}
	panelSubx4(&r[0], a, &q[0], 8*g, n, sums)
	return 4
}

func panelSubDiag(r []float64, a *[8]float64, q, d []float64, t *lanes, g, n int, sums *[16]float64) int {
	if !useAVX2 || (n-1)*g+4 > len(r) {
		return panelSubDiagPlain(r, a, q, d, t, g, n, sums)
	}
	q, d = q[:len(r)], d[:n*t.step/8]
	if (n-1)*g+8 <= len(r) {
		panelSubDiagx8(&r[0], a, &q[0], &d[0], t, 8*g, n, sums)
		return 8
	}
	panelSubDiagx4(&r[0], a, &q[0], &d[0], t, 8*g, n, sums)
	return 4
}

// panelStep has groups of xg lanes in x. Of these, left are from the first one of the
// strip on. d may be nil.
func panelStep(x, p []float64, a *[8]float64, r, d []float64, b *[8]float64, t *lanes, xg, g, n, left int) int {
	if !useAVX2 {
		return panelStepPlain(x, p, a, r, d, b, t, xg, g, n)
	}
	m := 4
	if left >= 8 {
		m = 8
	}
	r = r[:len(p)]
	_, _ = x[(n-1)*xg+m-1], p[(n-1)*g+m-1]
	if d != nil {
		d = d[:n*t.step/8]
	}
	switch {
	case d == nil && m == 8:
		panelStepx8(&x[0], &p[0], a, &r[0], b, 8*xg, 8*g, n)
	case d == nil:
		panelStepx4(&x[0], &p[0], a, &r[0], b, 8*xg, 8*g, n)
	case m == 8:
		panelStepDiagx8(&x[0], &p[0], a, &r[0], &d[0], b, t, 8*xg, 8*g, n)
	default:
		panelStepDiagx4(&x[0], &p[0], a, &r[0], &d[0], b, t, 8*xg, 8*g, n)
	}
	return m
}
