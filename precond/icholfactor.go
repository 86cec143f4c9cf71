package precond

import (
	"fmt"
	"math"
)

// pivotError reports a pivot that is no good. Its row is one of the subdomain until
// it leaves the set-up.
type pivotError struct {
	row   int
	value float64
}

func (e *pivotError) Error() string { return fmt.Sprintf("pivot %d is %.3g", e.row, e.value) }

// minPivot is the least pivot of an incomplete Cholesky factorisation of a matrix
// with unit diagonal that is taken for one: below it the pivot is rounding error.
const minPivot = 1e-12

// lowerTriangle returns the strictly lower triangle of the symmetric matrix a by
// columnStarts (its upper one by rows), scaled to unit diagonal: entries sᵢ·aᵢⱼ·sⱼ.
func lowerTriangle(a *localCSR, s []float64) *localCSR {
	n := a.order()
	t := &localCSR{make([]int32, n+1), make([]int32, 0, len(a.col)/2), make([]float64, 0, len(a.col)/2)}
	for i := range n {
		c, v := a.row(i)
		for k, j := range c {
			if int(j) > i && v[k] != 0 {
				t.col = append(t.col, j)
				t.val = append(t.val, v[k]*s[i]*s[j])
			}
		}
		t.ptr[i+1] = int32(len(t.col))
	}
	return t
}

// incompleteCholesky computes A + αI ≈ L·Lᵀ for a symmetric matrix with unit
// diagonal, given by the columns of its strictly lower triangle. Of each column the
// entries largest in magnitude are kept, as many as A has and the extra that a
// budget grants: fill·nnz(A)/n a column, where columns that need less leave the
// rest to later ones. As many again, times work, are kept during the
// factorisation only, as the columns of R in A ≈ (L+R)(L+R)ᵀ − R·Rᵀ: what is dropped
// in this way was still eliminated with.
//
// It returns the strictly lower triangle by columns and the diagonal of L.
func incompleteCholesky(a *localCSR, alpha, fill, work float64) (l *localCSR, diag []float64, err error) {
	n := a.order()
	c := &leftLooking{
		n: n, next: newLists(n), hold: newLists(n),
		l: newColumns(n, int(float64(len(a.col))*(1+fill)+float64(n)*fill)),
		r: newColumns(n, int(float64(len(a.col)+n)*work)),
		w: make([]float64, n), at: make([]bool, n),
	}
	diag = make([]float64, n)
	for i := range diag {
		diag[i] = 1 + alpha
	}
	grant := fill * float64(len(a.col)+n) / float64(max(1, n)) // extra entries a column
	spare := work * float64(len(a.col)+n) / float64(max(1, n))
	for j := range n {
		d := diag[j]
		if !(d > minPivot) || math.IsInf(d, 0) {
			return nil, nil, &pivotError{j, d}
		}
		d = math.Sqrt(d)
		diag[j] = d
		rows, vals := a.row(j)
		c.load(rows, vals)
		c.eliminate(j)
		budget := int(float64(a.ptr[j+1]) + grant*float64(j+1))
		keep := budget - len(c.l.col)
		c.store(j, d, max(keep, len(rows)), int(spare*float64(j+1))-len(c.r.col), diag)
	}
	return c.l, diag, nil
}

// leftLooking is the state of a left-looking factorisation.
type leftLooking struct {
	n    int
	l, r *localCSR // columns done; r empty unless there is work
	// Columns of L and of R by the row that they meet next, and where in them
	// that row is.
	next, hold lists
	w          []float64 // the column at work
	at         []bool    // its pattern
	set        []entry
}

// lists holds chains of columns, one for each row.
type lists struct {
	head, link []int32
	first      []int32 // by column: the place of the entry in the row of its chain
}

func newLists(n int) lists {
	l := lists{make([]int32, n), make([]int32, n), make([]int32, n)}
	for i := range n {
		l.head[i] = -1
	}
	return l
}

func newColumns(n, capacity int) *localCSR {
	return &localCSR{make([]int32, n+1), make([]int32, 0, capacity), make([]float64, 0, capacity)}
}

// push puts column k, whose next entry is at place p, into the chain of its row.
func (l *lists) push(k, p int32, m *localCSR) {
	if p < m.ptr[k+1] {
		i := m.col[p]
		l.first[k], l.link[k], l.head[i] = p, l.head[i], k
	}
}

// load puts a column of A to work.
func (c *leftLooking) load(rows []int32, vals []float64) {
	c.set = c.set[:0]
	for k, i := range rows {
		c.w[i], c.at[i] = vals[k], true
		c.set = append(c.set, entry{col: i})
	}
}

// minus takes s times the entries of column k of m from place p on away from the
// column at work.
func (c *leftLooking) minus(m *localCSR, p, end int32, s float64) {
	rows, vals := m.col[p:end], m.val[p:end]
	for k, i := range rows {
		if !c.at[i] {
			c.at[i], c.w[i] = true, 0
			c.set = append(c.set, entry{col: i})
		}
		c.w[i] -= s * vals[k]
	}
}

// eliminate takes the columns before j away from column j, at work.
func (c *leftLooking) eliminate(j int) {
	for k := c.next.head[j]; k >= 0; {
		link, p := c.next.link[k], c.next.first[k]
		s := c.l.val[p]
		c.minus(c.l, p+1, c.l.ptr[k+1], s)
		if lo, hi := c.r.ptr[k], c.r.ptr[k+1]; lo < hi {
			c.minus(c.r, c.r.after(lo, hi, int32(j)), hi, s)
		}
		c.next.push(k, p+1, c.l)
		k = link
	}
	for k := c.hold.head[j]; k >= 0; {
		link, p := c.hold.link[k], c.hold.first[k]
		lo, hi := c.l.ptr[k], c.l.ptr[k+1]
		c.minus(c.l, c.l.after(lo, hi, int32(j)), hi, c.r.val[p])
		c.hold.push(k, p+1, c.r)
		k = link
	}
}

// after returns the first of the places lo … hi whose number is beyond j, or hi.
func (a *localCSR) after(lo, hi, j int32) int32 {
	for lo < hi && a.col[lo] <= j {
		lo++
	}
	return lo
}

// store ends the work on column j with pivot d²: the keep largest entries go to L,
// the spare largest of the others to R.
func (c *leftLooking) store(j int, d float64, keep, spare int, diag []float64) {
	set := c.set[:0]
	for _, e := range c.set {
		c.at[e.col] = false
		if v := c.w[e.col] / d; v != 0 {
			set = append(set, entry{e.col, v})
		}
	}
	selectLargest(set, keep)
	kept := set[:min(keep, len(set))]
	rest := set[len(kept):]
	c.append(c.l, j, kept)
	for _, e := range kept {
		diag[e.col] -= e.val * e.val
	}
	c.next.push(int32(j), c.l.ptr[j], c.l)
	if spare < 0 {
		spare = 0
	}
	selectLargest(rest, spare)
	c.append(c.r, j, rest[:min(spare, len(rest))])
	c.hold.push(int32(j), c.r.ptr[j], c.r)
}

// append makes the entries of set, sorted by row, column j of m.
func (c *leftLooking) append(m *localCSR, j int, set []entry) {
	first := len(m.col)
	for _, e := range set {
		m.col, m.val = append(m.col, e.col), append(m.val, e.val)
	}
	sortRow(m.col[first:], m.val[first:])
	m.ptr[j+1] = int32(len(m.col))
}

// larger orders entries by magnitude, the lower row first among equal ones.
func larger(a, b entry) bool {
	x, y := math.Abs(a.val), math.Abs(b.val)
	return x > y || x == y && a.col < b.col
}

// selectLargest moves the m largest entries of set to its front (Hoare's quickselect;
// the order is total, so which they are is defined).
func selectLargest(set []entry, m int) {
	lo, hi := 0, len(set)
	if m <= 0 || m >= hi {
		return
	}
	for hi-lo > 1 {
		mid := set[lo+(hi-lo)/2]
		i, j := lo, hi-1
		for i <= j {
			for larger(set[i], mid) {
				i++
			}
			for larger(mid, set[j]) {
				j--
			}
			if i <= j {
				set[i], set[j] = set[j], set[i]
				i++
				j--
			}
		}
		switch {
		case m <= j+1:
			hi = j + 1
		case m >= i:
			lo = i
		default:
			return
		}
		if m == lo {
			return
		}
	}
}

// cholesky0 computes A + αI ≈ L·Lᵀ on the pattern of A (IC(0), Meijerink & van der
// Vorst, Math. Comp. 31, 1977, doi:10.1090/S0025-5718-1977-0438681-4), in and out as in
// incompleteCholesky.
func cholesky0(a *localCSR, alpha float64) (l *localCSR, diag []float64, err error) {
	n := a.order()
	rows := a.transposed() // row i of A, and then of L: columns before i
	diag = make([]float64, n)
	w := make([]float64, n)
	for i := range n {
		col, val := rows.row(i)
		d := 1 + alpha
		for k, j := range col {
			// l_ij = (a_ij − Σ l_ik·l_jk) / l_jj
			s := val[k]
			cj, vj := rows.row(int(j))
			for p, q := range cj {
				s -= vj[p] * w[q]
			}
			s /= diag[j]
			val[k], w[j] = s, s
			d -= s * s
		}
		for _, j := range col {
			w[j] = 0
		}
		if !(d > minPivot) || math.IsInf(d, 0) {
			return nil, nil, &pivotError{i, d}
		}
		diag[i] = math.Sqrt(d)
	}
	return rows.transposed(), diag, nil
}
