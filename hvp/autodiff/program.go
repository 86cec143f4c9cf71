package autodiff

// A program computes chosen nodes of a graph for many terms at once. Every
// register holds one value for each term of a batch, and an instruction is a loop
// over a batch: what it costs to decode it is shared by batchSize terms. What is
// the same for all terms, because it depends on shared inputs only, is a scalar
// and computed once for the whole run.
type program struct {
	scalars []scalarInstr
	inputs  []input // registers 0 … len(inputs)-1
	code    []instr
	regs    int // registers, those of the inputs included
	outs    []output
}

type scalarInstr struct {
	node
	args []int32 // scalars
}

// input is a value that differs from term to term.
type input struct {
	kind kind
	idx  int
}

type instr struct {
	op     op
	dst    int32
	args   []int32 // registers
	coef   []int32 // scalars, of opLin
	offset int32   // scalar, of opLin and opFill; none for 0
	p      float64 // of opPow
}

// role says what becomes of an output.
type role uint8

const (
	sumUp     role = iota // add over all terms
	intoY                 // add to element idx of the support in y
	intoW                 // the same in w
	intoStore             // keep, per term
)

type output struct {
	role role
	idx  int
	node int32
	reg  int32
}

// lowering is the state of the translation of nodes into a program.
type lowering struct {
	g       *graph
	shared  [kinds]bool // inputs that are the same for all terms
	uniform []bool      // by node; grows with the graph
	uses    []int
	scalar  map[int32]int32
	reg     map[int32]int32 // virtual registers, one per value
	p       *program
}

// lower translates the outputs, of which those that are identically zero are
// dropped.
func lower(g *graph, shared [kinds]bool, outs []output) *program {
	l := &lowering{g: g, shared: shared, scalar: make(map[int32]int32), reg: make(map[int32]int32), p: &program{}}
	l.isUniform(0)
	l.uses = make([]int, len(g.nodes))
	for _, o := range outs {
		l.uses[o.node]++
	}
	for id := len(g.nodes) - 1; id >= 0; id-- {
		if l.uses[id] > 0 {
			for _, a := range g.nodes[id].args {
				l.uses[a]++
			}
		}
	}
	// Inputs first, so that they have the low numbers.
	for id, n := range g.nodes {
		if n.op == opInput && id < len(l.uses) && l.uses[id] > 0 && !l.isUniform(int32(id)) {
			l.reg[int32(id)] = int32(len(l.p.inputs))
			l.p.inputs = append(l.p.inputs, input{n.kind, int(n.idx)})
		}
	}
	l.p.regs = len(l.p.inputs)
	for _, o := range outs {
		if g.isZero(o.node) {
			continue
		}
		o.reg = l.emit(o.node)
		l.p.outs = append(l.p.outs, o)
	}
	l.p.allocate()
	return l.p
}

// isUniform reports whether the node is the same for all terms.
func (l *lowering) isUniform(id int32) bool {
	for len(l.uniform) < len(l.g.nodes) {
		n := &l.g.nodes[len(l.uniform)]
		u := n.op == opConst || n.op == opInput && l.shared[n.kind]
		if n.op != opInput && n.op != opConst {
			u = true
			for _, a := range n.args {
				u = u && l.uniform[a]
			}
		}
		l.uniform = append(l.uniform, u)
	}
	return l.uniform[id]
}

// emitScalar returns the scalar that holds a uniform node.
func (l *lowering) emitScalar(id int32) int32 {
	if s, ok := l.scalar[id]; ok {
		return s
	}
	n := l.g.nodes[id]
	in := scalarInstr{node: n}
	for _, a := range n.args {
		in.args = append(in.args, l.emitScalar(a))
	}
	s := int32(len(l.p.scalars))
	l.p.scalars = append(l.p.scalars, in)
	l.scalar[id] = s
	return s
}

// summand is coef·value with a uniform coefficient.
type summand struct{ coef, value int32 }

// expand writes a node as offset + Σ coef·value with uniform offset and
// coefficients, looking through sums that are used nowhere else.
func (l *lowering) expand(id int32) (offset int32, sum []summand) {
	g := l.g
	n := g.nodes[id]
	one := g.constant(1)
	inner := func(a int32) (int32, []summand) {
		m := &g.nodes[a]
		if int(a) < len(l.uses) && l.uses[a] == 1 && l.isSum(m) {
			return l.expand(a)
		}
		return g.constant(0), []summand{{one, a}}
	}
	if n.op == opMul {
		u, x := n.args[0], n.args[1]
		if !l.isUniform(u) {
			u, x = x, u
		}
		o, s := inner(x)
		for i := range s {
			s[i].coef = g.mul(u, s[i].coef)
		}
		return g.mul(u, o), s
	}
	offsets, coefs := []int32{g.constant(n.c)}, []float64{1}
	for k, a := range n.args {
		if l.isUniform(a) {
			offsets, coefs = append(offsets, a), append(coefs, n.coef[k])
			continue
		}
		o, s := inner(a)
		offsets, coefs = append(offsets, o), append(coefs, n.coef[k])
		for _, t := range s {
			sum = append(sum, summand{g.scale(n.coef[k], t.coef), t.value})
		}
	}
	return g.lin(offsets, coefs, 0), sum
}

// isSum reports whether a node that is not uniform is a weighted sum.
func (l *lowering) isSum(n *node) bool {
	return n.op == opLin || n.op == opMul && (l.isUniform(n.args[0]) || l.isUniform(n.args[1]))
}

// emit returns the virtual register that holds the node.
func (l *lowering) emit(id int32) int32 {
	if r, ok := l.reg[id]; ok {
		return r
	}
	n := l.g.nodes[id]
	in := instr{op: n.op, offset: none, p: n.c}
	switch {
	case l.isUniform(id):
		in.op, in.offset = opFill, l.emitScalar(id)
	case l.isSum(&n):
		in.op = opLin
		offset, sum := l.expand(id)
		if !l.g.isZero(offset) {
			in.offset = l.emitScalar(offset)
		}
		for _, s := range sum {
			in.args = append(in.args, l.emit(s.value))
			in.coef = append(in.coef, l.emitScalar(s.coef))
		}
	default:
		for _, a := range n.args {
			in.args = append(in.args, l.emit(a))
		}
	}
	in.dst = int32(l.p.regs)
	l.p.regs++
	l.reg[id] = in.dst
	l.p.code = append(l.p.code, in)
	return in.dst
}

// allocate replaces virtual registers by as few as are in use at a time. A
// result never shares a register with an argument of its instruction.
func (p *program) allocate() {
	lastUse := make([]int, p.regs)
	for i, in := range p.code {
		lastUse[in.dst] = i
		for _, a := range in.args {
			lastUse[a] = i
		}
	}
	for _, o := range p.outs {
		lastUse[o.reg] = len(p.code)
	}
	place := make([]int32, p.regs)
	for i := range p.inputs {
		place[i] = int32(i)
	}
	next := int32(len(p.inputs))
	var free []int32
	for i := range p.code {
		in := &p.code[i]
		var d int32
		if n := len(free); n > 0 {
			d, free = free[n-1], free[:n-1]
		} else {
			d = next
			next++
		}
		place[in.dst] = d
		for k, a := range in.args {
			first := true
			for _, b := range in.args[:k] {
				first = first && b != place[a]
			}
			if first && lastUse[a] == i && int(a) >= len(p.inputs) {
				free = append(free, place[a])
			}
			in.args[k] = place[a]
		}
		in.dst = d
	}
	for i := range p.outs {
		p.outs[i].reg = place[p.outs[i].reg]
	}
	p.regs = int(next)
}

// cost estimates what one term costs, in multiplications.
func (p *program) cost() (c int) {
	for i := range p.code {
		switch in := &p.code[i]; in.op {
		case opFill, opMul, opAbs, opSign:
			c++
		case opLin:
			c += len(in.args)
		case opDiv, opRecip, opSqrt, opSelect:
			c += 5
		default:
			c += 20
		}
	}
	return c
}

// evalScalars computes the scalars of one run from the shared inputs.
func (p *program) evalScalars(s []float64, in func(k kind, i int) float64) {
	for i, t := range p.scalars {
		switch t.op {
		case opConst:
			s[i] = t.c
		case opInput:
			s[i] = in(t.kind, int(t.idx))
		case opLin:
			v := t.c
			for k, a := range t.args {
				v += t.coef[k] * s[a]
			}
			s[i] = v
		case opMul:
			s[i] = s[t.args[0]] * s[t.args[1]]
		case opDiv:
			s[i] = s[t.args[0]] / s[t.args[1]]
		case opSelect:
			s[i] = evalSelect(s[t.args[0]], s[t.args[1]], s[t.args[2]], s[t.args[3]])
		default:
			s[i] = evalUnary(t.op, s[t.args[0]], t.c)
		}
	}
}

// run executes the code on a batch of m terms.
func (p *program) run(regs [][]float64, s []float64, m int) {
	for i := range p.code {
		in := &p.code[i]
		dst := regs[in.dst][:m]
		switch in.op {
		case opFill:
			v := s[in.offset]
			for i := range dst {
				dst[i] = v
			}
		case opLin:
			runLin(dst, regs, s, in)
		case opMul:
			a, b := regs[in.args[0]][:len(dst)], regs[in.args[1]][:len(dst)]
			for i, v := range a {
				dst[i] = v * b[i]
			}
		case opDiv:
			a, b := regs[in.args[0]][:len(dst)], regs[in.args[1]][:len(dst)]
			for i, v := range a {
				dst[i] = v / b[i]
			}
		case opSelect:
			a, b := regs[in.args[0]][:len(dst)], regs[in.args[1]][:len(dst)]
			x, y := regs[in.args[2]][:len(dst)], regs[in.args[3]][:len(dst)]
			for i := range dst {
				dst[i] = evalSelect(a[i], b[i], x[i], y[i])
			}
		default:
			runUnary(in.op, dst, regs[in.args[0]][:len(dst)], in.p)
		}
	}
}
