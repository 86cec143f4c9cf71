package precond

// eliminationTree returns the tree of the Cholesky factor of a symmetric matrix with
// graph g, eliminated in the given order: the parent of column j is the first row below
// the diagonal in which L has an entry of column j, or none (Liu, SIAM J. Matrix Anal.
// Appl. 11, 1990, doi:10.1137/0611010). Rows and columns are numbered as eliminated,
// place says when each row is.
func eliminationTree(g graph, order, place []int32) (parent []int32) {
	n := len(order)
	parent = make([]int32, n)
	// Ancestors found so far, with the paths to them made short.
	up := make([]int32, n)
	for k := range int32(n) {
		parent[k], up[k] = none, none
		for _, c := range g.row(order[k]) {
			for j := place[c]; j != none && j < k; {
				next := up[j]
				up[j] = k
				if next == none {
					parent[j] = k
				}
				j = next
			}
		}
	}
	return parent
}

// postorder returns the nodes of a forest, all descendants of a node before it and
// next to each other. In this order an elimination fills in the same entries.
func postorder(parent []int32) []int32 {
	n := len(parent)
	child, sibling := make([]int32, n), make([]int32, n)
	for j := range child {
		child[j] = none
	}
	roots := none
	for j := int32(n) - 1; j >= 0; j-- {
		if p := parent[j]; p != none {
			sibling[j], child[p] = child[p], j
		} else {
			sibling[j], roots = roots, j
		}
	}
	post, stack := make([]int32, 0, n), []int32{}
	for r := roots; r != none; r = sibling[r] {
		for stack = append(stack, r); len(stack) > 0; {
			j := stack[len(stack)-1]
			if c := child[j]; c != none {
				child[j] = none
				for ; c != none; c = sibling[c] {
					stack = append(stack, c)
				}
				// The last child on the stack is visited first: any fixed order will do.
				continue
			}
			post = append(post, j)
			stack = stack[:len(stack)-1]
		}
	}
	return post
}

// fill counts the entries of each column of L below the diagonal. The pattern of row k
// of L is the part of the tree that leads from the entries of row k of A to k. It
// gives up, ok false, at more than most entries, diagonal included.
func fill(g graph, order, place, parent []int32, most int) (counts []int, entries int, ok bool) {
	n := len(order)
	counts, entries = make([]int, n), n
	seen := make([]int32, n)
	for k := range int32(n) {
		seen[k] = k + 1
		for _, c := range g.row(order[k]) {
			for j := place[c]; j < k && seen[j] != k+1; j = parent[j] {
				seen[j] = k + 1
				counts[j]++
				entries++
			}
		}
		if entries > most {
			return nil, entries, false
		}
	}
	return counts, entries, true
}
