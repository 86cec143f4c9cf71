package precond

import (
	"context"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// spectralRadius returns a bound or, where that is far off, as it is for rows with many
// entries of both signs, an estimate of ρ(D⁻¹A).
func spectralRadius(ctx context.Context, a *amgMatrix, parts []int) (float64, error) {
	const good = 3
	if a.rho <= good {
		return a.rho, nil
	}
	s := &scaledMatrix{a: a, parts: parts, root: make([]float64, a.n)}
	for i, d := range a.diag {
		if d != 0 {
			s.root[i] = 1 / math.Sqrt(d)
		}
	}
	e, err := hvp.ExtremeEigenvalues(ctx, s, &hvp.EigenSettings{Steps: 8, Tol: 0.05})
	if err != nil {
		return 0, fmt.Errorf("precond: amg: %w", err)
	}
	return max(1, min(a.rho, e.Max+e.MaxErr)), nil
}

// scaledMatrix is D^(-1/2)·A·D^(-1/2).
type scaledMatrix struct {
	a     *amgMatrix
	parts []int
	root  []float64
}

func (s *scaledMatrix) Dims() (rows, cols int)   { return s.a.n, s.a.n }
func (s *scaledMatrix) Structure() hvp.Structure { return hvp.Symmetric }
func (s *scaledMatrix) Apply(ctx context.Context, dst, x []float64) error {
	a := s.a
	parallel.FromContext(ctx).Run(len(s.parts)-1, parallel.TaskFunc(func(c int) {
		for i := s.parts[c]; i < s.parts[c+1]; i++ {
			sum := 0.0
			for k := a.ptr[i]; k < a.ptr[i+1]; k++ {
				j := a.col[k]
				sum += a.val[k] * s.root[j] * x[j]
			}
			dst[i] = sum * s.root[i]
		}
	}))
	return nil
}

// smoothProlongation sets P = (I − ω·D⁻¹·A_F)·T for the T that has a one for each node
// in the column of its aggregate.
func (l *amgLevel) smoothProlongation(team parallel.Team, a *amgMatrix, omega, strength float64, same bool) {
	chunks := len(l.parts) - 1
	bufs := make([]rowBuffer, chunks)
	if !same {
		l.p.ptr = make([]int, a.n+1)
	}
	team.Run(chunks, parallel.TaskFunc(func(c int) {
		lo, hi := l.parts[c], l.parts[c+1]
		b := &bufs[c]
		if same {
			p, q := l.p.ptr[lo], l.p.ptr[hi]
			b.col32 = l.p.col[p:p:q]
			if l.double {
				b.val = l.p.wide[p:p:q]
			} else {
				b.val32 = l.p.val[p:p:q]
			}
		} else {
			b.col32 = make([]int32, 0, 3*(hi-lo))
			if l.double {
				b.val = make([]float64, 0, 3*(hi-lo))
			} else {
				b.val32 = make([]float32, 0, 3*(hi-lo))
			}
		}
		var row [64]float64
		acc := row[:]
		for i := lo; i < hi; i++ {
			begin := len(b.col32)
			own := l.agg[i]
			if own < 0 {
				if !same {
					l.p.ptr[i+1] = 0
				}
				continue
			}
			p, q := a.ptr[i], a.ptr[i+1]
			cs, vs := a.col[p:q], a.val[p:q]
			// Entries up to limit are filtered: all that are weak where diagonals are
			// alike.
			limit, d := -1.0, a.diag[i]
			if l.weak != nil {
				limit = max(strength, 0) * a.diag[i]
				d = filteredDiagonal(vs, limit, d)
			}
			f := omega / d
			// Rows are short: looking through the columns found so far is faster
			// than any table.
			b.col32 = append(b.col32, own)
			acc[0] = 1 - omega
			for k, j := range cs {
				if int(j) == i || math.Abs(vs[k]) <= limit {
					continue
				}
				g := l.agg[j]
				if g < 0 {
					continue
				}
				t := f * vs[k]
				found := b.col32[begin:]
				at := 0
				for at < len(found) && found[at] != g {
					at++
				}
				if at < len(found) {
					acc[at] -= t
					continue
				}
				b.col32 = append(b.col32, g)
				if at == len(acc) {
					acc = append(acc, 0)
					acc = acc[:cap(acc)]
				}
				acc[at] = -t
			}
			b.append(acc[:len(b.col32)-begin], l.double)
			if !same {
				l.p.ptr[i+1] = len(b.col32) - begin
			}
		}
	}))
	if !same {
		l.p.join(team, l.parts, bufs, l.double)
	}
}

// filteredDiagonal returns a_ii with the entries of the row up to limit added, as long as
// that leaves a good part of it.
func filteredDiagonal(row []float64, limit, d float64) float64 {
	sum := d
	for _, v := range row {
		if math.Abs(v) <= limit {
			sum += v
		}
	}
	if sum < d/4 || sum > 4*d || math.IsNaN(sum) {
		return d
	}
	return sum
}

// rowBuffer is what one chunk of a loop over rows makes.
type rowBuffer struct {
	col32 []int32
	val32 []float32
	val   []float64
}

// append adds the values of a row of P.
func (b *rowBuffer) append(row []float64, double bool) {
	if double {
		b.val = append(b.val, row...)
		return
	}
	for _, v := range row {
		b.val32 = append(b.val32, float32(v))
	}
}

// alloc makes room for n entries.
func (t *transfer) alloc(n int, double bool) {
	t.col = make([]int32, n)
	if double {
		t.wide = make([]float64, n)
	} else {
		t.val = make([]float32, n)
	}
}

// at returns entry k.
func (t *transfer) at(k int) float64 {
	if t.wide != nil {
		return t.wide[k]
	}
	return float64(t.val[k])
}

// join puts the rows of all chunks together; ptr[i+1] is the length of row i.
func (t *transfer) join(team parallel.Team, parts []int, bufs []rowBuffer, double bool) {
	t.alloc(prefixSum(t.ptr), double)
	team.Run(len(bufs), parallel.TaskFunc(func(c int) {
		at := t.ptr[parts[c]]
		copy(t.col[at:], bufs[c].col32)
		if double {
			copy(t.wide[at:], bufs[c].val)
		} else {
			copy(t.val[at:], bufs[c].val32)
		}
		bufs[c] = rowBuffer{}
	}))
	t.parts = balance(t.ptr, partEntries)
}

// prefixSum turns the lengths ptr[1:] into row pointers and returns the last.
func prefixSum(ptr []int) int {
	s := 0
	for i := 1; i < len(ptr); i++ {
		s += ptr[i]
		ptr[i] = s
	}
	return s
}

// transpose sets rt = Pᵀ with the entries of each row in the order of the rows of
// P: a counting sort in contiguous parts, each with its own counts over the range of
// columns that it meets.
func (l *amgLevel) transpose(team parallel.Team, same bool) {
	p, r := &l.p, &l.rt
	parts := setupParts(p.rows)
	low, next := make([]int, parts), make([][]int32, parts)
	if !same {
		*r = transfer{rows: p.cols, cols: p.rows, ptr: make([]int, p.cols+1)}
		r.alloc(len(p.col), l.double)
	}
	team.Run(parts, parallel.TaskFunc(func(c int) {
		lo, hi := setupPart(c, parts, p.rows)
		cs := p.col[p.ptr[lo]:p.ptr[hi]]
		if len(cs) == 0 {
			return
		}
		least, most := cs[0], cs[0]
		for _, j := range cs {
			least, most = min(least, j), max(most, j)
		}
		low[c], next[c] = int(least), make([]int32, most-least+1)
		count := next[c]
		for _, j := range cs {
			count[j-least]++
		}
	}))
	if !same {
		for c, count := range next {
			for k, v := range count {
				r.ptr[low[c]+k+1] += int(v)
			}
		}
		prefixSum(r.ptr)
		r.parts = balance(r.ptr, partEntries)
	}
	// Counts become places: relative to the row, which keeps them in 32 bits.
	offset := make([]int32, p.cols)
	for c, count := range next {
		row := offset[low[c]:]
		for k, v := range count {
			count[k] = row[k]
			row[k] += v
		}
	}
	team.Run(parts, parallel.TaskFunc(func(c int) {
		lo, hi := setupPart(c, parts, p.rows)
		place, base := next[c], low[c]
		for i := lo; i < hi; i++ {
			for k := p.ptr[i]; k < p.ptr[i+1]; k++ {
				j := int(p.col[k])
				at := r.ptr[j] + int(place[j-base])
				place[j-base]++
				r.col[at] = int32(i)
				if p.wide != nil {
					r.wide[at] = p.wide[k]
				} else {
					r.val[at] = p.val[k]
				}
			}
		}
	}))
}
