package precond

import (
	"cmp"
	"slices"
)

// reverseCuthillMcKee returns an elimination order of the rows of a square matrix
// whose graph, made symmetric, is adj: order[k] is the k-th row. Neighbours get
// near numbers, which keeps the fill of a factorisation near the diagonal, where an
// incomplete one can hold it, and makes contiguous parts of the order connected
// subdomains with small boundaries.
//
// It is the order of Cuthill & McKee (ACM '69, doi:10.1145/800195.805928), reversed
// (George), from a pseudo-peripheral row of each component (George & Liu, ACM
// Trans. Math. Softw. 5, 1979, doi:10.1145/355841.355845). Ties are broken by the
// row number.
func reverseCuthillMcKee(adj graph) []int32 {
	n := len(adj.ptr) - 1
	s := search{adj: adj, mark: make([]int32, n), order: make([]int32, 0, n)}
	for i := range n {
		if s.mark[i] != ordered {
			s.component(int32(i))
		}
	}
	slices.Reverse(s.order)
	return s.order
}

// graph is the pattern of a square matrix by rows; diagonal entries do not matter.
type graph struct {
	ptr []int
	col []int32
}

func (g graph) row(i int32) []int32 { return g.col[g.ptr[i]:g.ptr[i+1]] }

func (g graph) degree(i int32) int { return g.ptr[i+1] - g.ptr[i] }

// symmetrised returns the graph of A + Aᵀ, rows sorted.
func (g graph) symmetrised() graph {
	n := len(g.ptr) - 1
	ptr := make([]int, n+2)
	for _, c := range g.col {
		ptr[c+2]++
	}
	for i := range n {
		ptr[i+2] += ptr[i+1]
	}
	trans := make([]int32, len(g.col))
	for i := range n {
		for _, c := range g.row(int32(i)) {
			trans[ptr[c+1]] = int32(i)
			ptr[c+1]++
		}
	}
	t := graph{ptr[:n+1], trans}
	sum := graph{make([]int, n+1), make([]int32, 0, len(g.col))}
	for i := range int32(n) {
		p, q := g.row(i), t.row(i)
		for len(p) > 0 || len(q) > 0 {
			var c int32
			switch {
			case len(q) == 0 || len(p) > 0 && p[0] < q[0]:
				c, p = p[0], p[1:]
			case len(p) == 0 || q[0] < p[0]:
				c, q = q[0], q[1:]
			default:
				c, p, q = p[0], p[1:], q[1:]
			}
			sum.col = append(sum.col, c)
		}
		sum.ptr[i+1] = len(sum.col)
	}
	return sum
}

// profile returns the sum over the rows of the distance from the diagonal to the
// first entry, when the rows are eliminated in the given order (nil: as they are).
func (g graph) profile(order []int32) (sum int) {
	n := len(g.ptr) - 1
	var place []int32
	if order != nil {
		place = make([]int32, n)
		for k, i := range order {
			place[i] = int32(k)
		}
	}
	for i := range int32(n) {
		at := i
		if place != nil {
			at = place[i]
		}
		first := at
		for _, j := range g.row(i) {
			if place != nil {
				j = place[j]
			}
			first = min(first, j)
		}
		sum += int(at - first)
	}
	return sum
}

// ordered marks the rows that have their place.
const ordered = -1

type search struct {
	adj   graph
	mark  []int32 // ordered, or the number of the last search that met the row
	round int32
	order []int32
	queue []int32
}

// levels searches the component of root breadth first. It returns the number of
// levels and, of the last one, a row of least degree.
func (s *search) levels(root int32) (depth int, last int32) {
	s.round++
	s.queue = append(s.queue[:0], root)
	s.mark[root] = s.round
	for begin := 0; begin < len(s.queue); depth++ {
		end := len(s.queue)
		last = s.queue[begin]
		for _, i := range s.queue[begin:end] {
			if s.adj.degree(i) < s.adj.degree(last) {
				last = i
			}
			for _, j := range s.adj.row(i) {
				if s.mark[j] != s.round {
					s.mark[j] = s.round
					s.queue = append(s.queue, j)
				}
			}
		}
		begin = end
	}
	return depth, last
}

// component appends the component of row i to the order.
func (s *search) component(i int32) {
	root := i
	depth, last := s.levels(root)
	for {
		d, next := s.levels(last)
		if d <= depth {
			break
		}
		root, depth, last = last, d, next
	}
	begin := len(s.order)
	s.order = append(s.order, root)
	s.mark[root] = ordered
	for ; begin < len(s.order); begin++ {
		first := len(s.order)
		for _, j := range s.adj.row(s.order[begin]) {
			if s.mark[j] != ordered {
				s.mark[j] = ordered
				s.order = append(s.order, j)
			}
		}
		slices.SortStableFunc(s.order[first:], func(a, b int32) int {
			return cmp.Or(cmp.Compare(s.adj.degree(a), s.adj.degree(b)), cmp.Compare(a, b))
		})
	}
}
