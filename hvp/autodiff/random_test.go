package autodiff_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/num/hyperdual"
	"pgregory.net/rapid"

	"github.com/hgsolve/hgsolve/hvp/autodiff"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
)

// tree is a random expression of bounded size and slope, evaluated by both
// libraries.
type tree struct {
	op   int
	leaf int
	c    float64
	a, b *tree
}

const leaves, treeOps = 7, 18 // four of y, two of w, one constant of the term

func draw(t *rapid.T, depth int) *tree {
	if depth == 0 {
		return &tree{op: -1, leaf: rapid.IntRange(0, leaves-1).Draw(t, "leaf")}
	}
	n := &tree{op: rapid.IntRange(0, treeOps-1).Draw(t, "op"), c: rapid.Float64Range(-2, 2).Draw(t, "c")}
	n.a = draw(t, rapid.IntRange(0, depth-1).Draw(t, "depth"))
	n.b = draw(t, depth-1)
	return n
}

func (n *tree) num(x []autodiff.Num) autodiff.Num {
	if n.op < 0 {
		return x[n.leaf]
	}
	a, b := n.a.num(x), n.b.num(x)
	switch n.op {
	case 0, 1:
		return a.Add(b.Scale(n.c))
	case 2, 3:
		return a.Mul(b).Shift(n.c)
	case 4:
		return a.Sub(b)
	case 5:
		return a.Div(b.Square().Shift(1))
	case 6:
		return a.Square().Shift(0.5).Sqrt().Sub(b)
	case 7:
		return a.Tanh().Exp().Mul(b)
	case 8:
		return a.Square().Shift(1).Log().Add(b)
	case 9:
		return a.Square().Log1p().Neg().Add(b)
	case 10:
		return a.Sin().Expm1().Add(b)
	case 11:
		return a.Square().Shift(1).Pow(n.c).Tanh().Mul(b.Cos())
	case 12:
		return a.Cos().Sub(b.Sin())
	case 13:
		return a.Abs().Add(b.Sigmoid())
	case 14:
		return autodiff.Max(a, b)
	case 15:
		return autodiff.Min(a, b.Neg())
	case 16:
		return a.Softplus().Add(b)
	}
	return autodiff.Sum(a, b, autodiff.Select(a, b, a.Square().Tanh(), b))
}

func shift(a hyperdual.Number, c float64) hyperdual.Number { a.Real += c; return a }

func (n *tree) hyper(x []hyperdual.Number) hyperdual.Number {
	if n.op < 0 {
		return x[n.leaf]
	}
	a, b := n.a.hyper(x), n.b.hyper(x)
	sq := func(a hyperdual.Number) hyperdual.Number { return hyperdual.Mul(a, a) }
	neg := func(a hyperdual.Number) hyperdual.Number { return hyperdual.Scale(-1, a) }
	sigmoid := func(a hyperdual.Number) hyperdual.Number { // without overflow
		if a.Real > 0 {
			return hyperdual.Inv(shift(hyperdual.Exp(neg(a)), 1))
		}
		return shift(neg(hyperdual.Inv(shift(hyperdual.Exp(a), 1))), 1)
	}
	tanh := func(a hyperdual.Number) hyperdual.Number {
		return shift(hyperdual.Scale(2, sigmoid(hyperdual.Scale(2, a))), -1)
	}
	switch n.op {
	case 0, 1:
		return hyperdual.Add(a, hyperdual.Scale(n.c, b))
	case 2, 3:
		return shift(hyperdual.Mul(a, b), n.c)
	case 4:
		return hyperdual.Sub(a, b)
	case 5:
		return hyperdual.Mul(a, hyperdual.Inv(shift(sq(b), 1)))
	case 6:
		return hyperdual.Sub(hyperdual.Sqrt(shift(sq(a), 0.5)), b)
	case 7:
		return hyperdual.Mul(hyperdual.Exp(tanh(a)), b)
	case 8:
		return hyperdual.Add(hyperdual.Log(shift(sq(a), 1)), b)
	case 9:
		return hyperdual.Sub(b, hyperdual.Log(shift(sq(a), 1)))
	case 10:
		return hyperdual.Add(shift(hyperdual.Exp(hyperdual.Sin(a)), -1), b)
	case 11:
		return hyperdual.Mul(tanh(hyperdual.PowReal(shift(sq(a), 1), n.c)), hyperdual.Cos(b))
	case 12:
		return hyperdual.Sub(hyperdual.Cos(a), hyperdual.Sin(b))
	case 13:
		return hyperdual.Add(hyperdual.Abs(a), sigmoid(b))
	case 14:
		if a.Real >= b.Real {
			return a
		}
		return b
	case 15:
		if b = neg(b); a.Real <= b.Real {
			return a
		}
		return b
	case 16:
		if a.Real > 0 {
			b, a = hyperdual.Add(a, b), neg(a)
		}
		return hyperdual.Add(hyperdual.Log(shift(hyperdual.Exp(a), 1)), b)
	}
	third := b
	if a.Real >= b.Real {
		third = tanh(sq(a))
	}
	return hyperdual.Add(hyperdual.Add(a, b), third)
}

// TestRandomTrees compares all derivatives of a sum of terms with random code and
// random supports with sums of hyper-dual numbers (package hyperdual of gonum),
// one pair of directions at a time.
func TestRandomTrees(t *testing.T) {
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		n := draw(t, 4)
		const ny, nw = 9, 4
		m := rapid.IntRange(1, 300).Draw(t, "terms")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		var iy, iw []int32
		for range m {
			for _, v := range rng.Perm(ny)[:4] {
				iy = append(iy, int32(v))
			}
			for _, v := range rng.Perm(nw)[:2] {
				iw = append(iw, int32(v))
			}
		}
		terms := autodiff.Terms{Y: autodiff.Index(4, iy), W: autodiff.Index(2, iw), C: make([]float64, m),
			Func: func(y, w, c []autodiff.Num) autodiff.Num {
				return n.num([]autodiff.Num{y[0], y[1], y[2], y[3], w[0], w[1], c[0]})
			}}
		switch rapid.IntRange(0, 2).Draw(t, "sharing") {
		case 1:
			terms.W = autodiff.Shared(3, 1)
			for k := range m {
				iw[2*k], iw[2*k+1] = 3, 1
			}
		case 2:
			terms.Y = autodiff.Shared(5, 0, 8, 2)
			for k := range m {
				copy(iy[4*k:], []int32{5, 0, 8, 2})
			}
		}
		for k := range terms.C {
			terms.C[k] = rng.NormFloat64()
		}
		x := make([]float64, ny+nw) // y, then w
		v := make([]float64, ny+nw)
		for i := range x {
			x[i], v[i] = rng.NormFloat64(), rng.NormFloat64()
		}
		// sum is E with parts 1 along d and 2 along unit vector i.
		sum := func(d []float64, i int) hyperdual.Number {
			var s hyperdual.Number
			for k := range m {
				in := make([]hyperdual.Number, leaves)
				for l, at := range []int32{iy[4*k], iy[4*k+1], iy[4*k+2], iy[4*k+3], ny + iw[2*k], ny + iw[2*k+1]} {
					in[l] = hyperdual.Number{Real: x[at], E1mag: d[at]}
					if int(at) == i {
						in[l].E2mag = 1
					}
				}
				in[6].Real = terms.C[k]
				s = hyperdual.Add(s, n.hyper(in))
			}
			return s
		}
		vy, vw := make([]float64, ny+nw), make([]float64, ny+nw)
		copy(vy, v[:ny])
		copy(vw[ny:], v[ny:])
		var grad, alongY, alongW [ny + nw]float64
		var diag [ny]float64
		value := sum(vy, 0).Real
		for i := range x {
			s := sum(vy, i)
			grad[i], alongY[i] = s.E2mag, s.E1E2mag
			alongW[i] = sum(vw, i).E1E2mag
			if i < ny {
				unit := make([]float64, ny+nw)
				unit[i] = 1
				diag[i] = sum(unit, i).E1E2mag
			}
		}
		e, err := autodiff.New(ny, nw, terms)
		if err != nil {
			t.Fatal(err)
		}
		y, w := x[:ny], x[ny:]
		dy, dw := make([]float64, ny), make([]float64, nw)
		got, err := e.Evaluate(ctx, dy, dw, y, w)
		if err != nil {
			t.Fatal(err)
		}
		close := func(what string, got, want []float64) {
			size := float64(m)
			for _, s := range [][]float64{alongY[:], alongW[:], grad[:]} {
				for _, u := range s {
					size = max(size, math.Abs(u))
				}
			}
			for i := range want {
				if !(math.Abs(got[i]-want[i]) <= 1e-10*size) {
					t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], want[i])
				}
			}
		}
		close("value", []float64{got}, []float64{value})
		close("gradient", dy, grad[:ny])
		close("gradient by w", dw, grad[ny:])
		for _, store := range []bool{false, true} {
			lin, err := e.Linearize(ctx, y, w, &autodiff.Settings{StoreWeights: store})
			if err != nil {
				t.Fatal(err)
			}
			apply := func(what string, n int, f func(dst []float64) error, want []float64) {
				dst := gauss(1, n)
				if err := f(dst); err != nil {
					t.Fatal(err)
				}
				close(what, dst, want)
			}
			apply("Hessian product", ny, func(d []float64) error { return lin.Hessian().Apply(ctx, d, vy[:ny]) }, alongY[:ny])
			apply("diagonal", ny, lin.Hessian().Diag, diag[:])
			apply("transposed mixed product", nw, func(d []float64) error { return lin.Mixed().ApplyTrans(ctx, d, vy[:ny]) }, alongY[ny:])
			apply("mixed product", ny, func(d []float64) error { return lin.Mixed().Apply(ctx, d, vw[ny:]) }, alongW[:ny])
		}
	})
}

// Terms with more coupled variables than are laid out pair by pair.
func TestManyCoupledVariables(t *testing.T) {
	const ny = 40
	norm := func(y, w, _ []autodiff.Num) autodiff.Num {
		s := w[0].Exp()
		for i, v := range y {
			s = s.Add(v.Square().Scale(float64(i + 1)))
		}
		return s.Sqrt()
	}
	// √(w + Σ c·y²) of 30 variables, 11 times.
	var index []int32
	for k := range ny - 29 {
		for i := range 30 {
			index = append(index, int32(k+i))
		}
	}
	a, err := autodiff.New(ny, 1, autodiff.Terms{Func: norm, Y: autodiff.Index(30, index), W: autodiff.Shared(0)})
	if err != nil {
		t.Fatal(err)
	}
	b, err := autodiff.New(ny, 1, autodiff.Terms{Func: norm, Y: autodiff.Chain(ny, 30), W: autodiff.Shared(0)})
	if err != nil {
		t.Fatal(err)
	}
	y, w := gauss(2, ny), []float64{0.2}
	compare(t, a, b, y, w)
	lin, err := a.Linearize(context.Background(), y, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	hvptest.TestOperator(t, lin.Hessian(), nil)
	hvptest.TestOperator(t, lin.Mixed(), nil)
	// The second derivative along v by the formula: s = w + Σ c y²,
	// vᵀHv = Σ c v²/√s − (Σ c y v)²/s^{3/2}.
	v, hv := gauss(4, ny), make([]float64, ny)
	if err := lin.Hessian().Apply(context.Background(), hv, v); err != nil {
		t.Fatal(err)
	}
	got, want := 0.0, 0.0
	for i := range hv {
		got += v[i] * hv[i]
	}
	for k := range ny - 29 {
		s, cvv, cyv := math.Exp(w[0]), 0.0, 0.0
		for i := range 30 {
			c := float64(i + 1)
			s += c * y[k+i] * y[k+i]
			cvv += c * v[k+i] * v[k+i]
			cyv += c * y[k+i] * v[k+i]
		}
		want += cvv/math.Sqrt(s) - cyv*cyv/(s*math.Sqrt(s))
	}
	near(t, "curvature", []float64{got}, []float64{want}, 1e-12)
}

// Chains and tables that straddle chunks and batches agree.
func TestSupportsAgree(t *testing.T) {
	term := func(y, w, c []autodiff.Num) autodiff.Num {
		return y[0].Sub(y[1]).Mul(w[0]).Sin().Add(y[1].Mul(y[2]).Mul(c[0]).Cos()).Add(c[1].Mul(y[0]))
	}
	for _, n := range []int{3, 4, 66, 129, 131, 2049, 2050, 2051, 4099, 9001} {
		m := n - 2
		var iy, iw []int32
		for k := range m {
			iy, iw = append(iy, int32(k), int32(k+1), int32(k+2)), append(iw, int32(k))
		}
		c := gauss(1, 2*m)
		a, err := autodiff.New(n, m, autodiff.Terms{Func: term, Y: autodiff.Chain(n, 3), W: autodiff.Each(m), C: c})
		if err != nil {
			t.Fatal(err)
		}
		b, err := autodiff.New(n, m, autodiff.Terms{Func: term, Y: autodiff.Index(3, iy), W: autodiff.Index(1, iw), C: c})
		if err != nil {
			t.Fatal(err)
		}
		y, w := gauss(2, n), gauss(3, m)
		compare(t, a, b, y, w)
		for _, e := range []*autodiff.Energy{a, b} {
			lin, err := e.Linearize(context.Background(), y, w, nil)
			if err != nil {
				t.Fatal(err)
			}
			if n < 200 || n == 2051 {
				hvptest.TestOperator(t, lin.Hessian(), nil)
				hvptest.TestOperator(t, lin.Mixed(), nil)
			}
		}
	}
}
