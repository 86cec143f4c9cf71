package autodiff

import (
	"encoding/binary"
	"math"
)

// op is an operation of a graph. The set is closed under differentiation.
type op uint8

const (
	opConst    op = iota
	opInput       // input idx of a kind
	opLin         // offset + Σ coef_i·arg_i
	opMul         // a·b
	opDiv         // a/b
	opRecip       // 1/a
	opSqrt        // and so on, functions of one argument
	opExp         //
	opExpm1       //
	opLog         //
	opLog1p       //
	opPow         // aᵖ
	opSin         //
	opCos         //
	opTanh        //
	opAbs         //
	opSign        // −1, 0, 1
	opSoftplus    //
	opSigmoid     //
	opSelect      // a ≥ b ? x : y
	opFill        // programs only: a vector of one scalar
)

// kind says where an input comes from.
type kind uint8

const (
	inY      kind = iota // variables
	inW                  // parameters
	inC                  // constants of the term
	inV                  // a direction in the space of the variables
	inU                  // a direction in the space of the parameters
	inWeight             // stored second derivatives
	inFree               // stands for a value, while a derivative by it is made
	kinds
)

// node is one value. Its arguments stand before it in the graph.
type node struct {
	op   op
	kind kind
	idx  int32 // of an input
	args []int32
	coef []float64 // of opLin
	c    float64   // the constant, the offset of opLin, the exponent of opPow
}

// graph is a recorded term and all that was derived from it, as an expression
// graph without repetitions: equal expressions are one node, constants are
// folded, and what is not used by an output is never computed.
type graph struct {
	nodes []node
	seen  map[string]int32
	key   []byte
}

func newGraph() *graph { return &graph{seen: make(map[string]int32)} }

// add returns the node, an old one if there is an equal one.
func (g *graph) add(n node) int32 {
	k := append(g.key[:0], byte(n.op), byte(n.kind))
	k = binary.LittleEndian.AppendUint32(k, uint32(n.idx))
	k = binary.LittleEndian.AppendUint64(k, math.Float64bits(n.c))
	for _, a := range n.args {
		k = binary.LittleEndian.AppendUint32(k, uint32(a))
	}
	for _, c := range n.coef {
		k = binary.LittleEndian.AppendUint64(k, math.Float64bits(c))
	}
	g.key = k
	if id, ok := g.seen[string(k)]; ok {
		return id
	}
	id := int32(len(g.nodes))
	g.seen[string(k)] = id
	g.nodes = append(g.nodes, n)
	return id
}

func (g *graph) constant(c float64) int32 { return g.add(node{op: opConst, c: c}) }

func (g *graph) input(k kind, i int) int32 { return g.add(node{op: opInput, kind: k, idx: int32(i)}) }

// isConst reports whether node a is a constant, and which.
func (g *graph) isConst(a int32) (float64, bool) {
	n := &g.nodes[a]
	return n.c, n.op == opConst
}

func (g *graph) isZero(a int32) bool {
	c, ok := g.isConst(a)
	return ok && c == 0
}

// lin returns offset + Σ coef_i·arg_i in the simplest form.
func (g *graph) lin(args []int32, coef []float64, offset float64) int32 {
	n := node{op: opLin, c: offset}
	at := make(map[int32]int)
	put := func(a int32, c float64) {
		if i, ok := at[a]; ok {
			n.coef[i] += c
			return
		}
		at[a] = len(n.args)
		n.args, n.coef = append(n.args, a), append(n.coef, c)
	}
	for i, a := range args {
		c := coef[i]
		switch m := &g.nodes[a]; {
		case m.op == opConst:
			n.c += c * m.c
		case m.op == opLin && len(m.args) == 1: // c·(d·x + e)
			n.c += c * m.c
			put(m.args[0], c*m.coef[0])
		default:
			put(a, c)
		}
	}
	kept := 0
	for i, c := range n.coef {
		if c != 0 {
			n.args[kept], n.coef[kept] = n.args[i], c
			kept++
		}
	}
	n.args, n.coef = n.args[:kept], n.coef[:kept]
	switch {
	case kept == 0:
		return g.constant(n.c)
	case kept == 1 && n.coef[0] == 1 && n.c == 0:
		return n.args[0]
	}
	return g.add(n)
}

func (g *graph) scale(c float64, a int32) int32 { return g.lin([]int32{a}, []float64{c}, 0) }

func (g *graph) sum(args []int32) int32 {
	ones := make([]float64, len(args))
	for i := range ones {
		ones[i] = 1
	}
	return g.lin(args, ones, 0)
}

func (g *graph) mul(a, b int32) int32 {
	if c, ok := g.isConst(a); ok {
		return g.scale(c, b)
	}
	if c, ok := g.isConst(b); ok {
		return g.scale(c, a)
	}
	// (c·x)·y = c·(x·y): products meet in one form.
	c := 1.0
	strip := func(a int32) int32 {
		if n := &g.nodes[a]; n.op == opLin && len(n.args) == 1 && n.c == 0 {
			c *= n.coef[0]
			return n.args[0]
		}
		return a
	}
	a, b = strip(a), strip(b)
	if a > b {
		a, b = b, a
	}
	return g.scale(c, g.add(node{op: opMul, args: []int32{a, b}}))
}

func (g *graph) div(a, b int32) int32 {
	if c, ok := g.isConst(b); ok && c != 0 {
		if d, ok := g.isConst(a); ok {
			return g.constant(d / c)
		}
		if f, _ := math.Frexp(c); math.Abs(f) == 0.5 && !math.IsInf(1/c, 0) { // a power of two
			return g.scale(1/c, a)
		}
	}
	if c, ok := g.isConst(a); ok && math.Abs(c) == 1 {
		return g.scale(c, g.unary(opRecip, b, 0))
	}
	return g.add(node{op: opDiv, args: []int32{a, b}})
}

func (g *graph) unary(o op, a int32, p float64) int32 {
	if c, ok := g.isConst(a); ok {
		return g.constant(evalUnary(o, c, p))
	}
	return g.add(node{op: o, args: []int32{a}, c: p})
}

func (g *graph) recip(a int32) int32 { return g.unary(opRecip, a, 0) }

func (g *graph) pow(a int32, p float64) int32 {
	switch p {
	case 0:
		return g.constant(1)
	case 1:
		return a
	case 2:
		return g.mul(a, a)
	case 3:
		return g.mul(g.mul(a, a), a)
	case -1:
		return g.recip(a)
	case 0.5:
		return g.unary(opSqrt, a, 0)
	case -0.5:
		return g.recip(g.unary(opSqrt, a, 0))
	}
	return g.unary(opPow, a, p)
}

func (g *graph) choose(a, b, x, y int32) int32 {
	ca, oka := g.isConst(a)
	cb, okb := g.isConst(b)
	switch {
	case x == y:
		return x
	case oka && okb && ca >= cb:
		return x
	case oka && okb && ca < cb:
		return y
	}
	return g.add(node{op: opSelect, args: []int32{a, b, x, y}})
}

func evalSelect(a, b, x, y float64) float64 {
	switch {
	case a >= b:
		return x
	case a < b:
		return y
	}
	return math.NaN()
}

func evalUnary(o op, x, p float64) float64 {
	switch o {
	case opRecip:
		return 1 / x
	case opSqrt:
		return math.Sqrt(x)
	case opExp:
		return math.Exp(x)
	case opExpm1:
		return math.Expm1(x)
	case opLog:
		return math.Log(x)
	case opLog1p:
		return math.Log1p(x)
	case opPow:
		return math.Pow(x, p)
	case opSin:
		return math.Sin(x)
	case opCos:
		return math.Cos(x)
	case opTanh:
		return math.Tanh(x)
	case opAbs:
		return math.Abs(x)
	case opSign:
		switch {
		case x > 0:
			return 1
		case x < 0:
			return -1
		}
		return 0 * x // 0, or NaN
	case opSoftplus:
		if x > 0 {
			return x + math.Log1p(math.Exp(-x))
		}
		return math.Log1p(math.Exp(x))
	case opSigmoid:
		if x < 0 {
			e := math.Exp(x)
			return e / (1 + e)
		}
		return 1 / (1 + math.Exp(-x))
	}
	panic("autodiff: not a function of one argument")
}
