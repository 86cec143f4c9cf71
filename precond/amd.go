package precond

// approximateMinimumDegree returns an elimination order of a symmetric matrix with
// graph g that keeps the fill of a complete Cholesky factorisation small: each step
// eliminates a row of least approximate degree (Amestoy, Davis & Duff, SIAM J. Matrix
// Anal. Appl. 17, 1996, doi:10.1137/S0895479894278081). It gives up, ok false, where
// L is sure to have more than most entries; zero means no limit.
//
// The graph of what is left is kept as a quotient graph: a row that was eliminated
// becomes an element, which stands for the clique of the rows L_p that it leaves
// behind. A row i is adjacent to rows A_i and to elements E_i, and its degree after
// the elimination of p is bounded by
//
//	d_i ← min(n − k,  d_i + |L_p \ i|,  |A_i \ i| + |L_p \ i| + Σ_{e ∈ E_i \ p} |L_e \ L_p|)
//
// in which one pass over the elements of the rows of L_p finds all |L_e \ L_p|.
// Elements inside L_p are absorbed by it, rows with the same neighbours are merged,
// and rows with none outside L_p are eliminated with p. Rows with more than 10·√n
// neighbours (at least 16), which would be looked at in nearly every step, come last
// (Amestoy, Davis & Duff, ACM Trans. Math. Software 30, 2004,
// doi:10.1145/1024074.1024081).
//
// It is serial, and ties are broken by when a row got its degree, the latest first: the
// order depends on the graph only.
func approximateMinimumDegree(g graph, most int) (order []int32, ok bool) {
	a := newMinimumDegree(g)
	entries := 0
	for a.eliminated < a.n {
		p := a.least()
		a.eliminate(p)
		// The columns of p and of the rows that go with it: a triangle above |L_p| rows.
		k, rest := int(a.size[p]), int(a.degree[p])
		if entries += k*(k+1)/2 + k*rest; most > 0 && entries > most {
			return nil, false
		}
	}
	return a.order(), true
}

// none is no node, where a node is expected.
const none int32 = -1

// minimumDegree is the state of the elimination. A node is a row, which stands for all
// that were merged into it, or an element.
type minimumDegree struct {
	n          int
	adj        [][]int32 // of a row: its elements, then rows; of an element: the rows L_e
	elements   []int32   // of a row: how many elements adj begins with
	size       []int32   // rows that a node stands for: 0 once merged, negative in L_p
	degree     []int32   // of a row: the bound; of an element: |L_e|
	parent     []int32   // the node that a row was merged into or eliminated with, or none
	pivots     []int32   // elements in the order of the elimination
	dense      []int32   // rows that come last
	outside    []int32   // of an element: stamp + |L_e \ L_p|, once met; 0 if absorbed
	stamp      int32
	eliminated int

	// Chains of rows of the same degree, the latest first.
	head, next, prev []int32
	lowest           int
	// Chains of rows of L_p of the same hash, and hashes.
	bucket, chain []int32
	hash          []uint32
	// What the row at work is adjacent to, while it is compared with others.
	met   []int32
	round int32
}

func newMinimumDegree(g graph) *minimumDegree {
	n := len(g.ptr) - 1
	a := &minimumDegree{n: n, adj: make([][]int32, n), stamp: 1, pivots: make([]int32, 0, n), hash: make([]uint32, n)}
	for _, v := range []*[]int32{&a.elements, &a.size, &a.degree, &a.parent, &a.outside, &a.head, &a.next, &a.prev, &a.bucket, &a.chain, &a.met} {
		*v = make([]int32, n)
	}
	limit := 16
	for limit*limit < 100*n {
		limit++
	}
	for i := range int32(n) {
		a.size[i], a.parent[i], a.outside[i] = 1, none, 1
		a.head[i], a.bucket[i] = none, none
		if g.degree(i) > limit+1 {
			a.dense = append(a.dense, i)
			a.size[i] = 0
		}
	}
	a.eliminated = len(a.dense)
	lists := make([]int32, 0, len(g.col))
	for i := range int32(n) {
		if a.size[i] == 0 {
			continue
		}
		begin := len(lists)
		for _, j := range g.row(i) {
			if j != i && a.size[j] > 0 {
				lists = append(lists, j)
			}
		}
		// With room for the element that takes the place of a row.
		a.adj[i] = lists[begin:len(lists):len(lists)]
		a.degree[i] = int32(len(a.adj[i]))
	}
	a.lowest = n
	for i := int32(n) - 1; i >= 0; i-- {
		if a.size[i] > 0 {
			a.insert(i)
		}
	}
	return a
}

// insert puts row i at the head of the chain of its degree.
func (a *minimumDegree) insert(i int32) {
	d := a.degree[i]
	first := a.head[d]
	a.next[i], a.prev[i] = first, none
	if first != none {
		a.prev[first] = i
	}
	a.head[d] = i
	a.lowest = min(a.lowest, int(d))
}

// remove takes row i out of its chain.
func (a *minimumDegree) remove(i int32) {
	p, q := a.prev[i], a.next[i]
	if p != none {
		a.next[p] = q
	} else {
		a.head[a.degree[i]] = q
	}
	if q != none {
		a.prev[q] = p
	}
}

// least takes out a row of least degree.
func (a *minimumDegree) least() int32 {
	for a.head[a.lowest] == none {
		a.lowest++
	}
	p := a.head[a.lowest]
	a.remove(p)
	return p
}

// eliminate makes row p an element.
func (a *minimumDegree) eliminate(p int32) {
	lp := a.clique(p)
	a.measure(lp)
	hashed := a.update(p, lp)
	a.merge(hashed)
	// What is left of L_p goes back, with its degrees complete.
	keep := lp[:0]
	for _, i := range lp {
		s := -a.size[i]
		if s <= 0 {
			continue // merged, or eliminated with p
		}
		a.size[i] = s
		d := min(int(a.degree[i])+int(a.degree[p]-s), a.n-a.eliminated-int(s))
		a.degree[i] = int32(d)
		a.insert(i)
		keep = append(keep, i)
	}
	a.adj[p], a.elements[p] = keep, 0
	a.outside[p] = 1
	if len(keep) == 0 {
		a.outside[p] = 0
	}
	a.pivots = append(a.pivots, p)
}

// clique returns L_p, the rows adjacent to p, takes them out of their chains, and marks
// them by negative sizes. The elements of p are absorbed.
func (a *minimumDegree) clique(p int32) []int32 {
	a.eliminated += int(a.size[p])
	mark := a.size[p]
	a.size[p] = 0 // p is not in L_p
	k := a.elements[p]
	lp := a.adj[p][:0] // in the place of the rows, if there are no elements
	if k > 0 {
		lp = nil
	}
	degree := int32(0)
	take := func(rows []int32) {
		for _, i := range rows {
			if s := a.size[i]; s > 0 {
				degree += s
				a.size[i] = -s
				a.remove(i)
				lp = append(lp, i)
			}
		}
	}
	for _, e := range a.adj[p][:k] {
		if a.outside[e] != 0 {
			take(a.adj[e])
			a.adj[e], a.outside[e] = nil, 0
		}
	}
	take(a.adj[p][k:])
	a.size[p], a.degree[p] = mark, degree
	return lp
}

// measure sets outside to stamp + |L_e \ L_p| for all elements of the rows of lp.
func (a *minimumDegree) measure(lp []int32) {
	if a.stamp > 1<<30 {
		for e, v := range a.outside {
			a.outside[e] = min(v, 1)
		}
		a.stamp = 1
	}
	a.stamp++
	for _, i := range lp {
		s := -a.size[i]
		for _, e := range a.adj[i][:a.elements[i]] {
			switch v := a.outside[e]; {
			case v >= a.stamp:
				a.outside[e] = v - s
			case v != 0:
				a.outside[e] = a.stamp + a.degree[e] - s
			}
		}
	}
}

// update prunes the lists of the rows of lp, sets the part of their degrees that lies
// outside L_p, and eliminates with p those for which there is none. It returns the
// others, which are in chains by hash.
func (a *minimumDegree) update(p int32, lp []int32) (hashed []int32) {
	for _, i := range lp {
		adj, k := a.adj[i], int(a.elements[i])
		var d int32
		hash := uint32(p)
		at := 0
		for _, e := range adj[:k] {
			v := a.outside[e]
			if v == 0 {
				continue
			}
			if v == a.stamp { // L_e is a part of L_p
				a.outside[e] = 0
				a.adj[e] = nil
				continue
			}
			d += v - a.stamp
			hash += uint32(e)
			adj[at] = e
			at++
		}
		// There is room for p: in the place of an element that it absorbed or of
		// itself as a row.
		kept := at
		rows := 0
		for _, j := range adj[k:] {
			if s := a.size[j]; s > 0 && j != p {
				d += s
				hash += uint32(j)
				adj[k+rows] = j // never beyond what was read
				rows++
			}
		}
		if d == 0 {
			s := -a.size[i]
			a.parent[i] = p
			a.size[i], a.adj[i] = 0, nil
			a.size[p] += s
			a.degree[p] -= s
			a.eliminated += int(s)
			continue
		}
		copy(adj[kept+1:], adj[k:k+rows])
		adj[kept] = p
		a.adj[i], a.elements[i] = adj[:kept+1+rows], int32(kept+1)
		a.degree[i] = min(a.degree[i], d)
		a.hash[i] = hash % uint32(a.n)
		a.chain[i] = a.bucket[a.hash[i]]
		a.bucket[a.hash[i]] = i
		hashed = append(hashed, i)
	}
	// What outside holds is below this: nothing of it is valid in the next step.
	a.stamp += int32(a.n)
	return hashed
}

// merge finds rows among those given that are adjacent to the same nodes, and makes one
// row of them.
func (a *minimumDegree) merge(hashed []int32) {
	for _, first := range hashed {
		h := a.hash[first]
		i := a.bucket[h]
		a.bucket[h] = none // later rows of this chain find it done
		for ; i != none && a.chain[i] != none; i = a.chain[i] {
			if a.size[i] == 0 {
				continue
			}
			a.round++
			for _, v := range a.adj[i] {
				a.met[v] = a.round
			}
			for last, j := i, a.chain[i]; j != none; j = a.chain[j] {
				if !a.same(i, j) {
					last = j
					continue
				}
				a.size[i] += a.size[j] // both negative
				a.parent[j], a.size[j], a.adj[j] = i, 0, nil
				a.chain[last] = a.chain[j]
			}
		}
	}
}

// same reports whether row j is adjacent to what was met, the nodes of row i.
func (a *minimumDegree) same(i, j int32) bool {
	if len(a.adj[i]) != len(a.adj[j]) || a.elements[i] != a.elements[j] {
		return false
	}
	for _, v := range a.adj[j] {
		if a.met[v] != a.round {
			return false
		}
	}
	return true
}

// order returns the rows in the order of their elimination: each pivot, and after it
// the rows that were merged into it or eliminated with it.
func (a *minimumDegree) order() []int32 {
	// Chains of the rows that went into each, in increasing order.
	child, sibling := a.head, a.next
	for i := range child {
		child[i] = none
	}
	for i := int32(a.n) - 1; i >= 0; i-- {
		if p := a.parent[i]; p != none {
			sibling[i], child[p] = child[p], i
		}
	}
	order, stack := make([]int32, 0, a.n), make([]int32, 0, 16)
	for _, p := range a.pivots {
		stack = append(stack[:0], p)
		for len(stack) > 0 {
			i := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			order = append(order, i)
			for c := child[i]; c != none; c = sibling[c] {
				stack = append(stack, c)
			}
		}
	}
	return append(order, a.dense...)
}
