package autodiff

// Derivatives as graphs. Both modes differentiate by inputs, the leaves.

// slope returns the derivative of node id, which is not opLin, by its argument k;
// a constant 0 if there is none.
func (g *graph) slope(id int32, k int) int32 {
	n := g.nodes[id]
	x := n.args[0]
	switch n.op {
	case opMul:
		return n.args[1-k] // for a square, each factor counts
	case opDiv: // z = a/b: 1/b, −z/b
		r := g.recip(n.args[1])
		if k == 0 {
			return r
		}
		return g.scale(-1, g.mul(id, r))
	case opRecip:
		return g.scale(-1, g.mul(id, id))
	case opSqrt:
		return g.scale(0.5, g.recip(id))
	case opExp:
		return id
	case opExpm1:
		return g.unary(opExp, x, 0)
	case opLog:
		return g.recip(x)
	case opLog1p:
		return g.recip(g.lin([]int32{x}, []float64{1}, 1))
	case opPow:
		return g.scale(n.c, g.pow(x, n.c-1))
	case opSin:
		return g.unary(opCos, x, 0)
	case opCos:
		return g.scale(-1, g.unary(opSin, x, 0))
	case opTanh:
		return g.lin([]int32{g.mul(id, id)}, []float64{-1}, 1)
	case opAbs:
		return g.unary(opSign, x, 0)
	case opSoftplus:
		return g.unary(opSigmoid, x, 0)
	case opSigmoid: // σ(x)·σ(−x), to full accuracy also where σ is nearly 1
		return g.mul(id, g.unary(opSigmoid, g.scale(-1, x), 0))
	}
	return g.constant(0) // opSign
}

const none = int32(-1)

// depends returns, for all nodes so far, whether they depend on a leaf.
func (g *graph) depends(leaf map[int32]bool) []bool {
	dep := make([]bool, len(g.nodes))
	for id, n := range g.nodes {
		dep[id] = leaf[int32(id)]
		for _, a := range n.args {
			dep[id] = dep[id] || dep[a]
		}
	}
	return dep
}

// tangent is the forward mode: it returns the derivatives of outs along the
// direction in which leaf a moves with velocity seed[a], and other leaves do not
// move (their seed is a constant 0).
func (g *graph) tangent(seed map[int32]int32, outs []int32) []int32 {
	last := none
	for _, o := range outs {
		last = max(last, o)
	}
	zero := g.constant(0)
	dot := make([]int32, last+1)
	for id := range last + 1 {
		dot[id] = zero
		if s, ok := seed[id]; ok {
			dot[id] = s
			continue
		}
		n := g.nodes[id]
		moves := false
		for _, a := range n.args {
			moves = moves || dot[a] != zero
		}
		if !moves {
			continue
		}
		args := make([]int32, len(n.args))
		switch n.op {
		case opLin:
			for k, a := range n.args {
				args[k] = dot[a]
			}
			dot[id] = g.lin(args, n.coef, 0)
		case opSelect:
			dot[id] = g.choose(n.args[0], n.args[1], dot[n.args[2]], dot[n.args[3]])
		default:
			for k, a := range n.args {
				args[k] = zero
				if dot[a] != zero {
					args[k] = g.mul(g.slope(id, k), dot[a])
				}
			}
			dot[id] = g.sum(args)
		}
	}
	res := make([]int32, len(outs))
	for i, o := range outs {
		res[i] = dot[o]
	}
	return res
}

// reverse is the reverse mode: it returns the derivatives of Σ bar_i·out_i by the
// leaves, in one backward sweep.
func (g *graph) reverse(outs, bars, leaves []int32) []int32 {
	isLeaf := make(map[int32]bool, len(leaves))
	for _, l := range leaves {
		isLeaf[l] = true
	}
	dep := g.depends(isLeaf)
	type pull struct {
		args []int32
		coef []float64
	}
	adjoint := make([]pull, len(g.nodes))
	add := func(a, bar int32, c float64) {
		if dep[a] {
			p := &adjoint[a]
			p.args, p.coef = append(p.args, bar), append(p.coef, c)
		}
	}
	last := none
	for i, o := range outs {
		last = max(last, o)
		add(o, bars[i], 1)
	}
	result := make(map[int32]int32, len(leaves))
	zero := g.constant(0)
	for id := last; id >= 0; id-- {
		p := adjoint[id]
		if p.args == nil {
			continue
		}
		bar := g.lin(p.args, p.coef, 0)
		if isLeaf[id] {
			result[id] = bar
			continue
		}
		n := g.nodes[id]
		switch n.op {
		case opLin:
			for k, a := range n.args {
				add(a, bar, n.coef[k])
			}
		case opSelect:
			if dep[n.args[2]] {
				add(n.args[2], g.choose(n.args[0], n.args[1], bar, zero), 1)
			}
			if dep[n.args[3]] {
				add(n.args[3], g.choose(n.args[0], n.args[1], zero, bar), 1)
			}
		default:
			for k, a := range n.args {
				if dep[a] {
					add(a, g.mul(g.slope(id, k), bar), 1)
				}
			}
		}
	}
	res := make([]int32, len(leaves))
	for i, l := range leaves {
		res[i] = zero
		if b, ok := result[l]; ok {
			res[i] = b
		}
	}
	return res
}

// replace returns node id with the nodes that are keys of by replaced by their
// values. by learns what has become of all other nodes.
func (g *graph) replace(id int32, by map[int32]int32) int32 {
	if r, ok := by[id]; ok {
		return r
	}
	n := g.nodes[id]
	args := make([]int32, len(n.args))
	for i, a := range n.args {
		args[i] = g.replace(a, by)
	}
	r := id
	switch n.op {
	case opConst, opInput:
	case opLin:
		r = g.lin(args, n.coef, n.c)
	case opMul:
		r = g.mul(args[0], args[1])
	case opDiv:
		r = g.div(args[0], args[1])
	case opSelect:
		r = g.choose(args[0], args[1], args[2], args[3])
	default:
		r = g.unary(n.op, args[0], n.c)
	}
	by[id] = r
	return r
}

// entry is one second derivative ∂²e/∂u_i∂u_j of a term, i ≤ j.
type entry struct {
	i, j int
	node int32
}

// curvature is the second derivative of a term e in the variables that matter:
// Aᵀ Φ A, where u = A·y + … are the values that are linear in y and enter
// nonlinear operations, and Φ = ∂²e/∂u∂uᵀ.
type curvature struct {
	u   []int32
	phi []entry // the entries that are not identically zero
}

// curvature finds u and Φ; ok is false if there are too many u for it.
func (g *graph) curvature(e int32, y []int32) (c curvature, ok bool) {
	// The degree in y: 0 constant, 1 linear, 2 more.
	degree := make([]uint8, len(g.nodes))
	for _, a := range y {
		degree[a] = 1
	}
	for id := range degree {
		n := &g.nodes[id]
		if n.op == opInput || n.op == opConst {
			continue
		}
		d := uint8(0)
		for _, a := range n.args {
			d = max(d, degree[a])
		}
		linear := n.op == opLin ||
			n.op == opMul && min(degree[n.args[0]], degree[n.args[1]]) == 0 ||
			n.op == opDiv && degree[n.args[1]] == 0
		if d == 1 && !linear {
			d = 2
		}
		degree[id] = d
	}
	// Where linear values enter nonlinear ones, among all that e needs.
	needed := make([]bool, e+1)
	needed[e] = true
	leaf := make(map[int32]bool)
	for id := e; id >= 0; id-- {
		if !needed[id] || degree[id] < 2 {
			continue
		}
		for _, a := range g.nodes[id].args {
			if degree[a] == 1 && !leaf[a] {
				leaf[a] = true
				c.u = append(c.u, a)
			}
			needed[a] = true
		}
	}
	if len(c.u) == 0 || len(c.u) > mostDense {
		return c, len(c.u) == 0
	}
	// For the derivatives by u, the u are inputs of their own: the same graph
	// may hold one u as a function of another.
	free := make([]int32, len(c.u))
	release, restore := make(map[int32]int32), make(map[int32]int32)
	for i, u := range c.u {
		free[i] = g.input(inFree, i)
		release[u], restore[free[i]] = free[i], u
	}
	bars := g.reverse([]int32{g.replace(e, release)}, []int32{g.constant(1)}, free)
	zero, one := g.constant(0), g.constant(1)
	seed := make(map[int32]int32)
	for _, u := range free {
		seed[u] = zero
	}
	used := make([]bool, len(c.u))
	for i, u := range free {
		seed[u] = one
		for k, d := range g.tangent(seed, bars[i:]) {
			if d = g.replace(d, restore); d != zero {
				c.phi = append(c.phi, entry{i, i + k, d})
				used[i], used[i+k] = true, true
			}
		}
		seed[u] = zero
	}
	// Drop the u that have no curvature.
	place, kept := make([]int, len(c.u)), 0
	for i, u := range c.u {
		place[i] = kept
		if used[i] {
			c.u[kept] = u
			kept++
		}
	}
	c.u = c.u[:kept]
	for k := range c.phi {
		c.phi[k].i, c.phi[k].j = place[c.phi[k].i], place[c.phi[k].j]
	}
	return c, true
}

// product returns AᵀΦA·v for the direction v of the variables y.
func (g *graph) product(c curvature, y, v []int32) []int32 {
	seed := make(map[int32]int32, len(y))
	for i, a := range y {
		seed[a] = v[i]
	}
	du := g.tangent(seed, c.u)
	parts := make([][]int32, len(c.u))
	for _, p := range c.phi {
		parts[p.i] = append(parts[p.i], g.mul(p.node, du[p.j]))
		if p.i != p.j {
			parts[p.j] = append(parts[p.j], g.mul(p.node, du[p.i]))
		}
	}
	bars := make([]int32, len(c.u))
	for i, p := range parts {
		bars[i] = g.sum(p)
	}
	return g.reverse(c.u, bars, y)
}

// diagonal returns the diagonal of AᵀΦA.
func (g *graph) diagonal(c curvature, y []int32) []int32 {
	zero, one := g.constant(0), g.constant(1)
	seed := make(map[int32]int32, len(y))
	for _, a := range y {
		seed[a] = zero
	}
	diag := make([]int32, len(y))
	for l, a := range y {
		seed[a] = one
		col := g.tangent(seed, c.u)
		seed[a] = zero
		var args []int32
		var coef []float64
		for _, p := range c.phi {
			d := g.mul(g.mul(col[p.i], col[p.j]), p.node)
			args = append(args, d)
			coef = append(coef, 1)
			if p.i != p.j {
				coef[len(coef)-1] = 2
			}
		}
		diag[l] = g.lin(args, coef, 0)
	}
	return diag
}
