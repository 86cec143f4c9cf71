package precond

import (
	"sync"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// galerkinWork is what one worker needs for the triple product. An entry of an index
// says where in the row under construction a column stands; it is valid if that place
// holds the column, so that an index is never cleared.
type galerkinWork struct {
	fine, coarse []int32
	col          []int32 // of row·A
	val          []float64
}

// galerkin returns scale·Pᵀ·A·P, row by row (Gustavson, ACM Trans. Math. Software 4,
// 1978, doi:10.1145/355791.355796): a row of Pᵀ times A in a short buffer, and that
// times P. Neither product is ever stored. Columns of a row are in the order in
// which they are met. With a level next of the same pattern only the numbers are
// computed.
func (l *amgLevel) galerkin(team parallel.Team, a *amgMatrix, scale float64, next *amgLevel) *amgMatrix {
	nc := l.p.cols
	out := &amgMatrix{n: nc, ref: make([]float64, nc)}
	if next != nil {
		out.ptr, out.col = next.ptr, next.col
		out.val = make([]float64, len(out.col))
	} else {
		out.ptr = make([]int, nc+1)
	}
	parts := balance(l.rt.ptr, 8192)
	bufs := make([]rowBuffer, len(parts)-1)
	pool := sync.Pool{New: func() any { return &galerkinWork{fine: make([]int32, a.n), coarse: make([]int32, nc)} }}
	team.Run(len(bufs), parallel.TaskFunc(func(c int) {
		w := pool.Get().(*galerkinWork)
		defer pool.Put(w)
		lo, hi := parts[c], parts[c+1]
		l.coarseRefs(a, out.ref, scale, lo, hi)
		b := &bufs[c]
		if next == nil {
			b.col32, b.val = make([]int32, 0, 16*(hi-lo)), make([]float64, 0, 16*(hi-lo))
		}
		switch {
		case next != nil && l.double:
			galerkinNumbers(l, l.p.wide, w, a, out, scale, lo, hi)
		case next != nil:
			galerkinNumbers(l, l.p.val, w, a, out, scale, lo, hi)
		case l.double:
			galerkinRows(l, l.p.wide, w, a, out, b, scale, lo, hi)
		default:
			galerkinRows(l, l.p.val, w, a, out, b, scale, lo, hi)
		}
	}))
	if next == nil {
		n := prefixSum(out.ptr)
		out.col, out.val = make([]int32, n), make([]float64, n)
		team.Run(len(bufs), parallel.TaskFunc(func(c int) {
			at := out.ptr[parts[c]]
			copy(out.col[at:], bufs[c].col32)
			copy(out.val[at:], bufs[c].val)
			bufs[c] = rowBuffer{}
		}))
	}
	return out
}

// coarseRefs sets ref_I = Σ_i p_iI²·a_ii for coarse rows lo … hi-1.
func (l *amgLevel) coarseRefs(a *amgMatrix, ref []float64, scale float64, lo, hi int) {
	rt := &l.rt
	for i := lo; i < hi; i++ {
		sum := 0.0
		for k := rt.ptr[i]; k < rt.ptr[i+1]; k++ {
			r := rt.at(k)
			sum += r * (scale * a.diag[rt.col[k]]) * r
		}
		ref[i] = sum
	}
}

// row sets w to the given row of scale·Pᵀ·A.
func (w *galerkinWork) row(rt *transfer, a *amgMatrix, scale float64, row int) {
	index, col, val := w.fine, w.col[:0], w.val[:0]
	for k := rt.ptr[row]; k < rt.ptr[row+1]; k++ {
		i := rt.col[k]
		r := rt.at(k) * scale
		as := a.col[a.ptr[i]:a.ptr[i+1]]
		vs := a.val[a.ptr[i]:a.ptr[i+1]]
		vs = vs[:len(as)]
		for q, j := range as {
			t := r * vs[q]
			if at := int(index[j]); at < len(col) && col[at] == j {
				val[at] += t
				continue
			}
			index[j] = int32(len(col))
			col = append(col, j)
			val = append(val, t)
		}
	}
	w.col, w.val = col, val
}

// galerkinRows appends coarse rows lo … hi-1 to b and puts their lengths into
// out.ptr. val are the values of P.
func galerkinRows[V kernel.Value](l *amgLevel, val []V, w *galerkinWork, a, out *amgMatrix, b *rowBuffer, scale float64, lo, hi int) {
	p := &l.p
	index, col, sum := w.coarse, b.col32, b.val
	for row := lo; row < hi; row++ {
		w.row(&l.rt, a, scale, row)
		begin := len(col)
		for q, j := range w.col {
			t := w.val[q]
			u, v := p.ptr[j], p.ptr[j+1]
			ps, pv := p.col[u:v], val[u:v]
			pv = pv[:len(ps)]
			for e, g := range ps {
				s := t * float64(pv[e])
				if at := int(index[g]); at >= begin && at < len(col) && col[at] == g {
					sum[at] += s
					continue
				}
				index[g] = int32(len(col))
				col = append(col, g)
				sum = append(sum, s)
			}
		}
		out.ptr[row+1] = len(col) - begin
	}
	b.col32, b.val = col, sum
}

// galerkinNumbers computes coarse rows lo … hi-1 where the pattern is known. It adds in
// the order of galerkinRows.
func galerkinNumbers[V kernel.Value](l *amgLevel, val []V, w *galerkinWork, a, out *amgMatrix, scale float64, lo, hi int) {
	p, index := &l.p, w.coarse
	for row := lo; row < hi; row++ {
		w.row(&l.rt, a, scale, row)
		begin, end := out.ptr[row], out.ptr[row+1]
		sum := out.val[begin:end]
		for k, g := range out.col[begin:end] {
			index[g] = int32(k)
		}
		for q, j := range w.col {
			t := w.val[q]
			u, v := p.ptr[j], p.ptr[j+1]
			ps, pv := p.col[u:v], val[u:v]
			pv = pv[:len(ps)]
			for e, g := range ps {
				sum[index[g]] += t * float64(pv[e])
			}
		}
	}
}
