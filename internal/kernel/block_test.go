package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestPanels compares each loop over a panel with the same loop over its columns
// one by one.
func TestPanels(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 64, 65, 67, 129} {
		for w := 1; w <= 23; w++ {
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

// TestPanelStepOfAllColumns is for panels of which x has all columns, which the loops take in
// groups of rows.
func TestPanelStepOfAllColumns(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 2))
	for _, n := range []int{1, 2, 3, 4, 5, 7, 8, 9, 66, 67, 129} {
		for w := 1; w <= 23; w++ {
			cols := make([]int, w)
			for l := range cols {
				cols[l] = l
			}
			p, r, x := random(rng, n*w), random(rng, n*w), random(rng, n*w)
			d, a, b := random(rng, n), random(rng, w), random(rng, w)
			for _, diag := range []bool{false, true} {
				wantP, wantX, gotP, gotX := clone(p), clone(x), clone(p), clone(x)
				for i := range n {
					for l := range w {
						e, v := i*w+l, r[i*w+l]
						if diag {
							v *= d[i]
						}
						wantX[e] += float64(a[l] * p[e])
						wantP[e] = v + float64(b[l]*p[e])
					}
				}
				if diag {
					PanelStepDirectionDiag(gotX, w, cols, gotP, a, r, d, b, w)
				} else {
					PanelStepDirection(gotX, w, cols, gotP, a, r, b, w)
				}
				same(t, fmt.Sprintf("n = %d, w = %d: p %t", n, w, diag), gotP, wantP)
				same(t, fmt.Sprintf("n = %d, w = %d: x %t", n, w, diag), gotX, wantX)
			}
		}
	}
}

// TestPanelSumOrder compares the sums with those in the order that block.go promises.
func TestPanelSumOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 3))
	for _, n := range []int{1, 3, 4, 5, 6, 7, 8, 61, 62, 63, 64} {
		for w := 1; w <= 23; w++ {
			p, q, d := random(rng, n*w), random(rng, n*w), random(rng, n)
			zeros := make([]float64, w)
			sum := func(term func(i, l int) float64) []float64 {
				rows := groupRows(w)
				sums := make([]float64, w)
				for l := range sums {
					var classes [4]float64
					end := n - n%rows
					for i := range end {
						classes[i%rows] += term(i, l)
					}
					for _, v := range classes {
						sums[l] += v
					}
					for i := end; i < n; i++ {
						sums[l] += term(i, l)
					}
				}
				return sums
			}
			pq := sum(func(i, l int) float64 { return float64(p[i*w+l] * q[i*w+l]) })
			pp := sum(func(i, l int) float64 { return float64(p[i*w+l] * p[i*w+l]) })
			qq := sum(func(i, l int) float64 { return float64(q[i*w+l] * q[i*w+l]) })
			pdp := sum(func(i, l int) float64 { return float64(p[i*w+l] * (d[i] * p[i*w+l])) })
			s0, s1, s2 := make([]float64, w), make([]float64, w), make([]float64, w)
			check := func(what string, got, want []float64) {
				t.Helper()
				for l := range want {
					if math.Float64bits(got[l]) != math.Float64bits(want[l]) {
						t.Errorf("%s, n = %d, w = %d: column %d is %v, want %v", what, n, w, l, got[l], want[l])
					}
				}
			}
			PanelDots3(p, q, w, s0, s1, s2, 1)
			check("PanelDots3 pq", s0, pq)
			check("PanelDots3 pp", s1, pp)
			check("PanelDots3 qq", s2, qq)
			PanelDot(p, q, w, s0, 1)
			check("PanelDot", s0, pq)
			PanelSubAxpyNorm(p, zeros, q, w, s0, 1) // p stays
			check("PanelSubAxpyNorm", s0, pp)
			PanelSubAxpyNormDiag(p, zeros, q, d, w, s0, s1, 1)
			check("PanelSubAxpyNormDiag rr", s0, pp)
			check("PanelSubAxpyNormDiag rdr", s1, pdp)
		}
	}
}

// TestCSRRowsBlock: the bits are those of products with one vector, and no other rows are
// written.
func TestCSRRowsBlock(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	const rows, cols, lo, hi = 40, 30, 3, 37
	ptr, col, val := randomCSR(rng, rows, cols)
	for k := 1; k <= 19; k++ {
		x, got := random(rng, cols*k), random(rng, rows*k)
		want := clone(got)
		xl, yl := make([]float64, cols), make([]float64, rows)
		for l := range k {
			Gather(xl, x, k, l)
			csrRowsPlain(yl, xl, ptr, col, val, lo, hi)
			Scatter(want[lo*k:hi*k], yl[lo:hi], k, l)
		}
		CSRRowsBlock(got, x, k, ptr, col, val, lo, hi)
		same(t, fmt.Sprint("CSRRowsBlock k=", k), got, want)
	}
}

// TestCSRRowsBlockAhead is for panels so long that rows of x are fetched ahead.
func TestCSRRowsBlockAhead(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 2))
	const rows, cols = 50, 1 << 20
	ptr, col, val := randomCSR(rng, rows, 40)
	for j := range col {
		col[j] = int32(rng.IntN(cols))
	}
	for _, k := range []int{2, 5} {
		x, got, want := make([]float64, cols*k), make([]float64, rows*k), make([]float64, rows*k)
		for i := range x {
			x[i] = float64(i%1009) / 7
		}
		xl, yl := make([]float64, cols), make([]float64, rows)
		for l := range k {
			Gather(xl, x, k, l)
			csrRowsPlain(yl, xl, ptr, col, val, 0, rows)
			Scatter(want, yl, k, l)
		}
		CSRRowsBlock(got, x, k, ptr, col, val, 0, rows)
		same(t, fmt.Sprint("CSRRowsBlock k=", k), got, want)
	}
}
