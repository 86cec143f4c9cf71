package precond

import "math"

// pivotRule says what happens to a pivot that is too small.
type pivotRule struct {
	// least is the smallest pivot that is taken, as a multiple of the norm of its
	// row. replace, in the same unit, is what smaller ones become; zero means that
	// they are an error.
	least, replace float64
	count          int
}

// pivot returns the pivot to use in place of d in row i of the given norm.
func (r *pivotRule) pivot(i int, d, norm float64) (float64, error) {
	if math.Abs(d) > r.least*norm && !math.IsInf(d, 0) {
		return d, nil
	}
	if r.replace == 0 || math.IsNaN(d) || math.IsInf(d, 0) || norm == 0 {
		return 0, &pivotError{i, d}
	}
	r.count++
	return math.Copysign(r.replace*norm, d), nil
}

// rowNorm returns the mean magnitude of the entries of a row, zeros not counted: the
// measure of Saad's dropping rule.
func rowNorm(val []float64) float64 {
	sum, count := 0.0, 0
	for _, v := range val {
		if v != 0 {
			sum += math.Abs(v)
			count++
		}
	}
	return sum / float64(max(1, count))
}

// lu0 computes A ≈ L·D·U on the pattern of A, row by row (ILU(0), Meijerink & van der
// Vorst).
func lu0(a *localCSR, rule *pivotRule) (*ldu, error) {
	n := a.order()
	f := newLDU(n, len(a.col))
	w, at := make([]float64, n), make([]bool, n)
	for i := range n {
		col, val := a.row(i)
		for k, j := range col {
			w[j], at[j] = val[k], true
		}
		for _, k := range col {
			if int(k) >= i {
				break
			}
			// w holds l_ik·d_k.
			l := w[k] / f.d[k]
			c, v := f.u.row(int(k))
			for p, j := range c {
				if at[j] {
					w[j] -= w[k] * v[p]
				}
			}
			w[k] = l
		}
		var err error
		if f.d[i], err = rule.pivot(i, w[i], rowNorm(val)); err != nil {
			return nil, err
		}
		for _, j := range col {
			switch {
			case w[j] == 0:
			case int(j) < i:
				f.l.push(j, w[j])
			case int(j) > i:
				f.u.push(j, w[j]/f.d[i])
			}
			at[j] = false
		}
		w[i] = 0
		for _, j := range col {
			w[j] = 0
		}
		f.l.ptr[i+1], f.u.ptr[i+1] = int32(len(f.l.col)), int32(len(f.u.col))
	}
	return f, nil
}

func newLDU(n, capacity int) *ldu {
	return &ldu{l: newColumns(n, capacity/2), u: newColumns(n, capacity/2), d: make([]float64, n)}
}

func (a *localCSR) push(j int32, v float64) { a.col, a.val = append(a.col, j), append(a.val, v) }

// lut computes A ≈ L·D·U row by row with two rules of dropping (ILUT, Saad, Numer.
// Linear Algebra Appl. 1, 1994, doi:10.1002/nla.1680010405): entries below drop times
// the mean magnitude of the row of A, and all but the largest of each half of a row.
// What is kept there is as many as A has and fill times the average of A more; rows
// that need less leave the rest to later ones.
func lut(a *localCSR, fill, drop float64, rule *pivotRule) (*ldu, error) {
	n := a.order()
	f := newLDU(n, int(float64(len(a.col))*(1+fill)))
	t := &rowFactor{w: make([]float64, n), at: make([]bool, n)}
	grant := fill * float64(len(a.col)) / 2 / float64(max(1, n))
	var lowers, uppers int // entries of A up to here
	for i := range n {
		col, val := a.row(i)
		norm := rowNorm(val)
		t.lower, t.upper = t.lower[:0], t.upper[:0]
		for k, j := range col {
			t.add(j, i, val[k])
			switch {
			case int(j) < i:
				lowers++
			case int(j) > i:
				uppers++
			}
		}
		t.at[i] = true // also if the entry is missing
		kept := t.kept[:0]
		for len(t.lower) > 0 {
			k := t.pop()
			s := t.w[k]
			t.at[k] = false
			if math.Abs(s) <= drop*norm {
				continue
			}
			c, v := f.u.row(int(k))
			for p, j := range c {
				t.add(j, i, -s*v[p])
			}
			kept = append(kept, entry{k, s})
		}
		var err error
		if f.d[i], err = rule.pivot(i, t.w[i], norm); err != nil {
			return nil, err
		}
		t.w[i], t.at[i] = 0, false
		// l_ik = w_k/d_k: large by what it was before the division, as U is.
		budget := int(grant * float64(i+1))
		t.kept = kept
		kept = largest(kept, lowers+budget-len(f.l.col))
		for _, e := range kept {
			f.l.push(e.col, e.val/f.d[e.col])
		}
		f.l.close(i)
		set := t.set[:0]
		for _, j := range t.upper {
			if v := t.w[j]; math.Abs(v) > drop*norm {
				set = append(set, entry{j, v})
			}
			t.w[j], t.at[j] = 0, false
		}
		t.set = set
		for _, e := range largest(set, uppers+budget-len(f.u.col)) {
			f.u.push(e.col, e.val/f.d[i])
		}
		f.u.close(i)
	}
	return f, nil
}

// largest returns the m largest entries of set.
func largest(set []entry, m int) []entry {
	selectLargest(set, m)
	return set[:max(0, min(m, len(set)))]
}

// close ends row i, the last one, and sorts it.
func (a *localCSR) close(i int) {
	a.ptr[i+1] = int32(len(a.col))
	lo := a.ptr[i]
	sortRow(a.col[lo:], a.val[lo:])
}

// rowFactor is the row at work in lut.
type rowFactor struct {
	w     []float64
	at    []bool
	lower []int32 // columns before the diagonal yet to be eliminated: a heap
	upper []int32
	kept  []entry
	set   []entry
}

// add adds v to the entry in column j of row i.
func (t *rowFactor) add(j int32, i int, v float64) {
	if t.at[j] {
		t.w[j] += v
		return
	}
	t.at[j], t.w[j] = true, v
	switch {
	case int(j) < i:
		// The column numbers form a heap: the smallest is the next.
		h := append(t.lower, j)
		k := len(h) - 1
		for k > 0 && h[(k-1)/2] > j {
			h[k] = h[(k-1)/2]
			k = (k - 1) / 2
		}
		h[k] = j
		t.lower = h
	case int(j) > i:
		t.upper = append(t.upper, j)
	}
}

// pop takes the smallest column from the heap.
func (t *rowFactor) pop() int32 {
	h := t.lower
	top, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	t.lower = h
	if len(h) == 0 {
		return top
	}
	k := 0
	for {
		c := 2*k + 1
		if c >= len(h) {
			break
		}
		if c+1 < len(h) && h[c+1] < h[c] {
			c++
		}
		if h[c] >= last {
			break
		}
		h[k] = h[c]
		k = c
	}
	h[k] = last
	return top
}
