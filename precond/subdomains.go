package precond

import (
	"slices"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Ordering is the order in which an incomplete factorisation eliminates the rows,
// and whose contiguous parts are the subdomains.
type Ordering int

const (
	// OrderAuto is reverse Cuthill–McKee where that makes the profile of the
	// matrix smaller by a third or more, and the natural order elsewhere.
	OrderAuto Ordering = iota
	// OrderNatural is the order of the rows of the matrix.
	OrderNatural
	// OrderRCM is the reverse Cuthill–McKee order.
	OrderRCM
	// OrderAMD is the approximate minimum degree order, within each subdomain. It is for
	// complete factorisations, and for incomplete ones whose fill comes near to that.
	// Otherwise what is dropped weighs more than it spares (Duff & Meurant, BIT 29,
	// 1989, doi:10.1007/BF01932738), so that OrderAuto never takes it: IC(0), and IC with
	// its defaults, needed 337 and 140 iterations on a grid of 200² (RCM: 206, 82),
	// 172 and 87 on xpetra_A_13366 (110, 39), 85 and 23 on nos3 (46, 16), 87 and 12 on
	// bcsstk14 (81, 10), ILU(0) 963 on epb0 (319). With fill for four times the memory
	// it was 1 on bcsstk14, nos3 and gr_30_30 (5, 9, 5), and the defaults of ILU took 5
	// on sherman5 (12) and 6 on west0479 (13).
	OrderAMD
)

// String returns the name of the ordering.
func (o Ordering) String() string {
	switch o {
	case OrderNatural:
		return "natural"
	case OrderRCM:
		return "RCM"
	case OrderAMD:
		return "AMD"
	}
	return "auto"
}

// Subdomains says how the rows are cut into the parts that are factorised, and
// solved, independently of each other. Their number depends on the order of the
// matrix only, never on the number of workers. The zero value works.
type Subdomains struct {
	// Rows is how many rows a subdomain has, about, without the overlap. Zero
	// means DefaultSubdomainRows. A negative number means one subdomain, the
	// whole matrix.
	Rows int
	// Overlap is by how many levels of neighbours in the graph of the matrix
	// each subdomain is grown. Zero means 1, a negative number none.
	Overlap int
	// Ordering of the rows. Zero means OrderAuto.
	Ordering Ordering
}

// DefaultSubdomainRows is the size of subdomains: their factors of a few entries a
// row stay in a second-level cache between the forward and the backward solve, the
// column numbers fit 16 bits, and cutting the couplings between subdomains of
// this size costs few iterations.
const DefaultSubdomainRows = 1 << 14

func (s Subdomains) withDefaults() Subdomains {
	if s.Rows == 0 {
		s.Rows = DefaultSubdomainRows
	}
	switch {
	case s.Overlap == 0:
		s.Overlap = 1
	case s.Overlap < 0:
		s.Overlap = 0
	}
	return s
}

// subdomain is a set of rows in the order of their elimination.
type subdomain struct {
	base []int32 // rows, overlap included
	own  []bool  // which of them are in no other subdomain's core; nil: all
	put  []int32 // where results go: element put ≥ 0 of dst or place ^put of the buffer

	// As the factors of the last build have them.
	rows, target []int32
	from         []int32 // rows of A that rows of the factors are; rows itself if not permuted
	mine         []bool
	solver       localSolver
}

// chooseOrder returns the elimination order, nil for the natural one. OrderAMD is for
// each subdomain to find: the order is then the one in which they are cut.
func chooseOrder(g graph, symmetric bool, o Ordering) (order []int32, chosen Ordering) {
	if o == OrderNatural {
		return nil, OrderNatural
	}
	if !symmetric {
		g = g.symmetrised()
	}
	if o == OrderRCM {
		return reverseCuthillMcKee(g), OrderRCM
	}
	natural := g.profile(nil)
	// No profile is smaller than the entries below the diagonal.
	if n := len(g.ptr) - 1; 3*(len(g.col)-n)/2 <= 2*natural {
		order = reverseCuthillMcKee(g)
		if 3*g.profile(order) > 2*natural {
			order = nil
		}
	}
	switch {
	case o == OrderAMD:
		return order, OrderAMD
	case order == nil:
		return nil, OrderNatural
	}
	return order, OrderRCM
}

// cut returns the subdomains of a matrix with graph g, eliminated in the given
// order (nil: natural): contiguous parts, grown by overlap.
func cut(g graph, order []int32, s Subdomains, team parallel.Team) []subdomain {
	n := len(g.ptr) - 1
	parts := 1
	if s.Rows > 0 {
		parts = max(1, (n+s.Rows/2)/s.Rows)
	}
	place := order // place[i]: when row i is eliminated
	if order == nil {
		order = make([]int32, n)
		for i := range order {
			order[i] = int32(i)
		}
		place = order
	} else {
		place = make([]int32, n)
		for k, i := range order {
			place[i] = int32(k)
		}
	}
	domains := make([]subdomain, parts)
	team.Run(parts, parallel.TaskFunc(func(c int) {
		lo, hi := int32(c*n/parts), int32((c+1)*n/parts)
		d := &domains[c]
		if parts == 1 || s.Overlap == 0 {
			d.base = order[lo:hi]
			if s.Ordering == OrderAMD {
				d.minimumDegree(g)
			}
			return
		}
		at := slices.Clone(order[lo:hi]) // rows
		met := make(map[int32]bool)
		begin := 0
		for range s.Overlap {
			end := len(at)
			for _, i := range at[begin:end] {
				for _, j := range g.row(i) {
					if p := place[j]; (p < lo || p >= hi) && !met[j] {
						met[j] = true
						at = append(at, j)
					}
				}
			}
			begin = end
		}
		slices.SortFunc(at, func(i, j int32) int { return int(place[i] - place[j]) })
		d.base = at
		d.own = make([]bool, len(at))
		for k, i := range at {
			d.own[k] = place[i] >= lo && place[i] < hi
		}
		if s.Ordering == OrderAMD {
			d.minimumDegree(g)
		}
	}))
	return domains
}

// minimumDegree puts the rows in the approximate minimum degree order of their part
// of the graph g.
func (d *subdomain) minimumDegree(g graph) {
	at := make(map[int32]int32, len(d.base))
	for k, i := range d.base {
		at[i] = int32(k)
	}
	local := graph{ptr: make([]int, len(d.base)+1)}
	for k, i := range d.base {
		for _, j := range g.row(i) {
			if c, is := at[j]; is {
				local.col = append(local.col, c)
			}
		}
		slices.Sort(local.col[local.ptr[k]:])
		local.ptr[k+1] = len(local.col)
	}
	order, _ := approximateMinimumDegree(local.symmetrised(), 0)
	base, own := make([]int32, len(order)), make([]bool, len(order))
	for k, j := range order {
		base[k] = d.base[j]
		if d.own != nil {
			own[k] = d.own[j]
		}
	}
	d.base = base
	if d.own != nil {
		d.own = own
	}
}

// sharing says where the rows that are in several subdomains get their sums from.
type sharing struct {
	rows, ptr []int32 // row rows[k] is the sum of places ptr[k] … ptr[k+1] of the buffer
	places    int
}

// share sets where the results of the domains go: a row of one subdomain right to
// its place, others into a buffer, in which the copies of a row stand together in
// the order of the subdomains. It returns the number of subdomains of each row.
func share(n int, domains []subdomain) (s sharing, copies []int32) {
	copies = make([]int32, n)
	for c := range domains {
		for _, i := range domains[c].base {
			copies[i]++
		}
	}
	next := make([]int32, n)
	for i, k := range copies {
		if k > 1 {
			s.rows = append(s.rows, int32(i))
			s.ptr = append(s.ptr, int32(s.places))
			next[i] = int32(s.places)
			s.places += int(k)
		}
	}
	s.ptr = append(s.ptr, int32(s.places))
	for c := range domains {
		d := &domains[c]
		d.put = make([]int32, len(d.base))
		for k, i := range d.base {
			if copies[i] == 1 {
				d.put[k] = i
				continue
			}
			d.put[k] = ^next[i]
			next[i]++
		}
	}
	return s, copies
}

// restrict returns the principal submatrix of the rows and columns in base, in that
// order. at is a vector of the order of the matrix that holds -1 everywhere, and does
// so again afterwards.
func restrict(rowPtr []int, col []int32, val []float64, base, at []int32) *localCSR {
	for k, i := range base {
		at[i] = int32(k)
	}
	entries := 0
	for _, i := range base {
		entries += rowPtr[i+1] - rowPtr[i]
	}
	a := &localCSR{make([]int32, len(base)+1), make([]int32, 0, entries), make([]float64, 0, entries)}
	for k, i := range base {
		first := len(a.col)
		for p := rowPtr[i]; p < rowPtr[i+1]; p++ {
			if j := at[col[p]]; j >= 0 {
				a.col, a.val = append(a.col, j), append(a.val, val[p])
			}
		}
		sortRow(a.col[first:], a.val[first:])
		a.ptr[k+1] = int32(len(a.col))
	}
	for _, i := range base {
		at[i] = -1
	}
	return a
}

// sortRow sorts the entries of a row by their columns, which differ.
func sortRow(col []int32, val []float64) {
	if slices.IsSorted(col) {
		return
	}
	if len(col) > 64 {
		r := make([]entry, len(col))
		for k, c := range col {
			r[k] = entry{c, val[k]}
		}
		slices.SortFunc(r, func(a, b entry) int { return int(a.col - b.col) })
		for k, e := range r {
			col[k], val[k] = e.col, e.val
		}
		return
	}
	for i := 1; i < len(col); i++ {
		c, v, j := col[i], val[i], i
		for ; j > 0 && col[j-1] > c; j-- {
			col[j], val[j] = col[j-1], val[j-1]
		}
		col[j], val[j] = c, v
	}
}

// entry is one entry of a sparse row or column.
type entry struct {
	col int32
	val float64
}
