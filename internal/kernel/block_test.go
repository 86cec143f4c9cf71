package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestPanels compares each loop over a panel with the same loop over its columns
// one by one.
func TestPanels(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	for _, n := range []int{0, 1, 2, 3, 64, 65, 129} {
		for _, w := range []int{1, 2, 3, 4, 5, 6, 7, 8, 11, 16, 17} {
			k := w + 2
			cols := make([]int, w) // the columns of x, one or two of them left out
			for l := range cols {
				cols[l] = l
				if l >= w/2 {
					cols[l] = l + 1
				}
			}
			p, q, r, x := random(rng, n*w), random(rng, n*w), random(rng, n*w), random(rng, n*k)
			d, a, b := random(rng, n), random(rng, w), random(rng, w)
			column := func(x []float64, k, l int) []float64 {
				v := make([]float64, n)
				for i := range v {
					v[i] = x[i*k+l]
				}
				return v
			}
			const stride = 3
			s0, s1, s2 := make([]float64, w*stride), make([]float64, w*stride), make([]float64, w*stride)

			PanelDots3(p, q, w, s0, s1, s2, stride)
			for l := range w {
				pl, ql := column(p, w, l), column(q, w, l)
				pq, size := plainDot(pl, ql)
				pp, _ := plainDot(pl, pl)
				qq, _ := plainDot(ql, ql)
				close(t, "PanelDots3 pq", s0[l*stride], pq, size, n)
				close(t, "PanelDots3 pp", s1[l*stride], pp, pp, n)
				close(t, "PanelDots3 qq", s2[l*stride], qq, qq, n)
			}
			PanelDot(p, q, w, s0, stride)
			for l := range w {
				pq, size := plainDot(column(p, w, l), column(q, w, l))
				close(t, "PanelDot", s0[l*stride], pq, size, n)
			}
			for _, diag := range []bool{false, true} {
				got := clone(r)
				if diag {
					PanelSubAxpyNormDiag(got, a, q, d, w, s0, s1, stride)
				} else {
					PanelSubAxpyNorm(got, a, q, w, s0, stride)
				}
				for l := range w {
					want := column(r, w, l)
					var rr, rdr, size float64
					for i, v := range column(q, w, l) {
						want[i] -= a[l] * v
						rr += want[i] * want[i]
						rdr += d[i] * want[i] * want[i]
						size += max(d[i]*want[i]*want[i], -d[i]*want[i]*want[i])
					}
					same(t, fmt.Sprint("PanelSubAxpyNorm", diag), column(got, w, l), want)
					close(t, "PanelSubAxpyNorm rr", s0[l*stride], rr, rr, n)
					if diag {
						close(t, "PanelSubAxpyNormDiag rdr", s1[l*stride], rdr, size, n)
					}
				}
				gotX, gotP := clone(x), clone(p)
				if diag {
					PanelStepDirectionDiag(gotX, k, cols, gotP, a, r, d, b, w)
				} else {
					PanelStepDirection(gotX, k, cols, gotP, a, r, b, w)
				}
				wantX := clone(x)
				for l := range w {
					want := column(r, w, l)
					for i, v := range column(p, w, l) {
						wantX[i*k+cols[l]] += a[l] * v
						if diag {
							want[i] *= d[i]
						}
						want[i] += b[l] * v
					}
					same(t, fmt.Sprint("PanelStepDirection p ", diag), column(gotP, w, l), want)
				}
				same(t, fmt.Sprint("PanelStepDirection x ", diag), gotX, wantX)
			}
			v := make([]float64, n)
			Gather(v, p, w, w-1)
			same(t, "Gather", v, column(p, w, w-1))
			panel := clone(q)
			Scatter(panel, v, w, w/2)
			same(t, "Scatter", column(panel, w, w/2), v)
			keep := []int{0}
			for l := 2; l < w; l += 2 {
				keep = append(keep, l)
			}
			panel = clone(p)
			Compact(panel, n, w, keep)
			for m, l := range keep {
				same(t, "Compact", column(panel[:n*len(keep)], len(keep), m), column(p, w, l))
			}
		}
	}
}

func TestCSRRowsBlock(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	const rows, cols = 40, 30
	ptr, col, val := randomCSR(rng, rows, cols)
	for k := 1; k <= 17; k++ {
		x, got := random(rng, cols*k), random(rng, rows*k)
		CSRRowsBlock(got, x, k, ptr, col, val, 0, rows)
		for l := range k {
			for i := range rows {
				var want, size float64
				for p := ptr[i]; p < ptr[i+1]; p++ {
					want += val[p] * x[int(col[p])*k+l]
					size += max(val[p]*x[int(col[p])*k+l], -val[p]*x[int(col[p])*k+l])
				}
				close(t, fmt.Sprint("CSRRowsBlock k=", k), got[i*k+l], want, size, cols)
			}
		}
	}
}
