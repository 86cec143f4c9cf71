package autodiff

import "math"

// A Num is a number in a term that is being recorded: an input, a constant, or
// what was computed from such. The zero value is the constant 0.
//
// A Num has no value that a program could look at, so that recorded code cannot
// branch on one; [Max], [Min] and [Select] choose between values.
type Num struct {
	g  *graph // nil: the constant c
	id int32
	c  float64
}

// Const returns the constant c.
func Const(c float64) Num { return Num{c: c} }

// in returns x as a node of g.
func (x Num) in(g *graph) int32 {
	switch x.g {
	case nil:
		return g.constant(x.c)
	case g:
		return x.id
	}
	panic("a number of another term was used; every call of a term function must compute from its own arguments")
}

// owner returns the graph that one of the numbers belongs to, nil if all are
// constants.
func owner(xs ...Num) *graph {
	for _, x := range xs {
		if x.g != nil {
			return x.g
		}
	}
	return nil
}

func (x Num) unary(o op, p float64) Num {
	if x.g == nil {
		return Const(evalUnary(o, x.c, p))
	}
	return Num{g: x.g, id: x.g.unary(o, x.id, p)}
}

func linear(coef []float64, xs []Num, offset float64) Num {
	g := owner(xs...)
	if g == nil {
		for i, x := range xs {
			offset += coef[i] * x.c
		}
		return Const(offset)
	}
	ids := make([]int32, len(xs))
	for i, x := range xs {
		ids[i] = x.in(g)
	}
	return Num{g: g, id: g.lin(ids, coef, offset)}
}

// Add returns x + y.
func (x Num) Add(y Num) Num { return linear([]float64{1, 1}, []Num{x, y}, 0) }

// Sub returns x − y.
func (x Num) Sub(y Num) Num { return linear([]float64{1, -1}, []Num{x, y}, 0) }

// Neg returns −x.
func (x Num) Neg() Num { return x.Scale(-1) }

// Scale returns c·x.
func (x Num) Scale(c float64) Num { return linear([]float64{c}, []Num{x}, 0) }

// Shift returns x + c.
func (x Num) Shift(c float64) Num { return linear([]float64{1}, []Num{x}, c) }

// Mul returns x·y.
func (x Num) Mul(y Num) Num {
	g := owner(x, y)
	if g == nil {
		return Const(x.c * y.c)
	}
	return Num{g: g, id: g.mul(x.in(g), y.in(g))}
}

// Div returns x/y.
func (x Num) Div(y Num) Num {
	g := owner(x, y)
	if g == nil {
		return Const(x.c / y.c)
	}
	return Num{g: g, id: g.div(x.in(g), y.in(g))}
}

// Square returns x².
func (x Num) Square() Num { return x.Mul(x) }

// Sqrt returns √x. It has no derivative at 0.
func (x Num) Sqrt() Num { return x.unary(opSqrt, 0) }

// Exp returns eˣ.
func (x Num) Exp() Num { return x.unary(opExp, 0) }

// Expm1 returns eˣ − 1, also for small x.
func (x Num) Expm1() Num { return x.unary(opExpm1, 0) }

// Log returns the natural logarithm of x.
func (x Num) Log() Num { return x.unary(opLog, 0) }

// Log1p returns log(1+x), also for small x.
func (x Num) Log1p() Num { return x.unary(opLog1p, 0) }

// Pow returns xᵖ for a constant p.
func (x Num) Pow(p float64) Num {
	if x.g == nil {
		return Const(math.Pow(x.c, p))
	}
	return Num{g: x.g, id: x.g.pow(x.id, p)}
}

// Sin returns the sine of x.
func (x Num) Sin() Num { return x.unary(opSin, 0) }

// Cos returns the cosine of x.
func (x Num) Cos() Num { return x.unary(opCos, 0) }

// Tanh returns the hyperbolic tangent of x.
func (x Num) Tanh() Num { return x.unary(opTanh, 0) }

// Softplus returns log(1 + eˣ), without overflow.
func (x Num) Softplus() Num { return x.unary(opSoftplus, 0) }

// Sigmoid returns 1/(1 + e⁻ˣ), the derivative of Softplus.
func (x Num) Sigmoid() Num { return x.unary(opSigmoid, 0) }

// Abs returns |x|. At the kink its derivative is taken to be 0, and its second
// derivative is 0 everywhere.
func (x Num) Abs() Num { return x.unary(opAbs, 0) }

// Select returns x where a ≥ b, and y where not; NaN where a or b is NaN. The
// derivatives are those of the branch that was taken, also where a = b.
func Select(a, b, x, y Num) Num {
	g := owner(a, b, x, y)
	if g == nil {
		return Const(evalSelect(a.c, b.c, x.c, y.c))
	}
	return Num{g: g, id: g.choose(a.in(g), b.in(g), x.in(g), y.in(g))}
}

// Max returns the larger of x and y; where they are equal, its derivative is
// that of x.
func Max(x, y Num) Num { return Select(x, y, x, y) }

// Min returns the smaller of x and y; where they are equal, its derivative is
// that of x.
func Min(x, y Num) Num { return Select(y, x, x, y) }

// Sum returns the sum of all x.
func Sum(x ...Num) Num {
	ones := make([]float64, len(x))
	for i := range ones {
		ones[i] = 1
	}
	return linear(ones, x, 0)
}

// Dot returns Σ c_i·x_i for constants c. The lengths are equal.
func Dot(c []float64, x []Num) Num {
	if len(c) != len(x) {
		panic("Dot of slices of different lengths")
	}
	return linear(c, x, 0)
}
