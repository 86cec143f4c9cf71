package autodiff

import "math"

// runUnary sets dst = f(x), element by element.
func runUnary(o op, dst, x []float64, p float64) {
	x = x[:len(dst)]
	switch o {
	case opRecip:
		for i, v := range x {
			dst[i] = 1 / v
		}
	case opSqrt:
		for i, v := range x {
			dst[i] = math.Sqrt(v)
		}
	case opAbs:
		for i, v := range x {
			dst[i] = math.Abs(v)
		}
	case opExp:
		for i, v := range x {
			dst[i] = math.Exp(v)
		}
	default:
		for i, v := range x {
			dst[i] = evalUnary(o, v, p)
		}
	}
}

// runLin sets dst = offset + Σ coef_k·arg_k, several arguments per sweep: a sum of
// nine goes through dst once.
func runLin(dst []float64, regs [][]float64, s []float64, in *instr) {
	n := len(dst)
	arg := func(k int) []float64 { return regs[in.args[k]][:n] }
	c0 := 0.0
	if in.offset >= 0 {
		c0 = s[in.offset]
	}
	k := len(in.args) % 3
	switch {
	case len(in.args) == 1:
		lin1(dst, arg(0), c0, s[in.coef[0]])
		return
	case len(in.args) == 6:
		lin6(dst, arg(0), arg(1), arg(2), arg(3), arg(4), arg(5), c0,
			s[in.coef[0]], s[in.coef[1]], s[in.coef[2]], s[in.coef[3]], s[in.coef[4]], s[in.coef[5]])
		return
	case len(in.args) == 8:
		lin8(dst, arg(0), arg(1), arg(2), arg(3), arg(4), arg(5), arg(6), arg(7), c0,
			s[in.coef[0]], s[in.coef[1]], s[in.coef[2]], s[in.coef[3]], s[in.coef[4]], s[in.coef[5]], s[in.coef[6]], s[in.coef[7]])
		return
	case len(in.args) == 9:
		lin9(dst, arg(0), arg(1), arg(2), arg(3), arg(4), arg(5), arg(6), arg(7), arg(8), c0,
			s[in.coef[0]], s[in.coef[1]], s[in.coef[2]], s[in.coef[3]], s[in.coef[4]], s[in.coef[5]], s[in.coef[6]], s[in.coef[7]], s[in.coef[8]])
		return
	case k == 1:
		lin4(dst, arg(0), arg(1), arg(2), arg(3), c0, s[in.coef[0]], s[in.coef[1]], s[in.coef[2]], s[in.coef[3]])
		k = 4
	case k == 2:
		lin2(dst, arg(0), arg(1), c0, s[in.coef[0]], s[in.coef[1]])
	default:
		lin3(dst, arg(0), arg(1), arg(2), c0, s[in.coef[0]], s[in.coef[1]], s[in.coef[2]])
		k = 3
	}
	for ; k < len(in.args); k += 3 {
		acc3(dst, arg(k), arg(k+1), arg(k+2), s[in.coef[k]], s[in.coef[k+1]], s[in.coef[k+2]])
	}
}

func lin1(dst, x []float64, o, a float64) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = o + a*v
	}
}

func lin2(dst, x, y []float64, o, a, b float64) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i, v := range x {
		dst[i] = o + (a*v + b*y[i])
	}
}

func lin3(dst, x, y, z []float64, o, a, b, c float64) {
	x, y, z = x[:len(dst)], y[:len(dst)], z[:len(dst)]
	for i, v := range x {
		dst[i] = o + (a*v + b*y[i]) + c*z[i]
	}
}

func lin4(dst, x, y, z, u []float64, o, a, b, c, d float64) {
	x, y, z, u = x[:len(dst)], y[:len(dst)], z[:len(dst)], u[:len(dst)]
	for i, v := range x {
		dst[i] = o + (a*v + b*y[i]) + (c*z[i] + d*u[i])
	}
}

func acc3(dst, x, y, z []float64, a, b, c float64) {
	x, y, z = x[:len(dst)], y[:len(dst)], z[:len(dst)]
	for i, v := range x {
		dst[i] += (a*v + b*y[i]) + c*z[i]
	}
}

func lin6(dst, x0, x1, x2, x3, x4, x5 []float64, o, c0, c1, c2, c3, c4, c5 float64) {
	n := len(dst)
	x0, x1, x2, x3, x4, x5 = x0[:n], x1[:n], x2[:n], x3[:n], x4[:n], x5[:n]
	for i := range dst {
		dst[i] = o + (c0*x0[i] + c1*x1[i] + c2*x2[i]) + (c3*x3[i] + c4*x4[i] + c5*x5[i])
	}
}

func lin8(dst, x0, x1, x2, x3, x4, x5, x6, x7 []float64, o, c0, c1, c2, c3, c4, c5, c6, c7 float64) {
	n := len(dst)
	x0, x1, x2, x3, x4, x5, x6, x7 = x0[:n], x1[:n], x2[:n], x3[:n], x4[:n], x5[:n], x6[:n], x7[:n]
	for i := range dst {
		dst[i] = o + (c0*x0[i] + c1*x1[i] + c2*x2[i] + c3*x3[i]) + (c4*x4[i] + c5*x5[i] + c6*x6[i] + c7*x7[i])
	}
}

func lin9(dst, x0, x1, x2, x3, x4, x5, x6, x7, x8 []float64, o, c0, c1, c2, c3, c4, c5, c6, c7, c8 float64) {
	n := len(dst)
	x0, x1, x2, x3, x4, x5, x6, x7, x8 = x0[:n], x1[:n], x2[:n], x3[:n], x4[:n], x5[:n], x6[:n], x7[:n], x8[:n]
	for i := range dst {
		dst[i] = o + (c0*x0[i] + c1*x1[i] + c2*x2[i]) + (c3*x3[i] + c4*x4[i] + c5*x5[i]) + (c6*x6[i] + c7*x7[i] + c8*x8[i])
	}
}
