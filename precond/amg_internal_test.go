package precond

import (
	"math"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
)

// TestAMGHierarchy compares what the set-up of two levels makes with its
// definitions: each node is in an aggregate with others, the stored transpose is that of P,
// and the coarse matrix is Pᵀ·A·P, from the first
// build and from numbers alone.
func TestAMGHierarchy(t *testing.T) {
	s, err := hvp.NewStencil(1, 0, 140, 130) // more than one part
	if err != nil {
		t.Fatal(err)
	}
	csr, err := s.Assemble()
	if err != nil {
		t.Fatal(err)
	}
	n, _ := csr.Dims()
	m := &AMG{n: n, structure: hvp.SPD}
	ptr, col, val := csr.RawCSR()
	a := &amgMatrix{n: n, ptr: ptr, col: col, val: val}
	for level := range 2 {
		l := &amgLevel{}
		if err := l.look(0, a, level, m); err != nil {
			t.Fatal(err)
		}
		if _, err := l.coarsen(t.Context(), a, nil, 0.08); err != nil {
			t.Fatal(err)
		}
		size, lone := make([]int, l.p.cols), 0
		for _, g := range l.agg {
			if g < 0 {
				lone++
			} else {
				size[g]++
			}
		}
		if lone != l.isolated || lone > 0 && l.weak == nil {
			t.Fatalf("level %d: %d nodes in no aggregate, %d isolated", level, lone, l.isolated)
		}
		if slices.Min(size) < 2 {
			t.Errorf("level %d: an aggregate of one node", level)
		}
		var up, down int
		for i := range l.p.rows {
			for k := l.p.ptr[i]; k < l.p.ptr[i+1]; k++ {
				row := int(l.p.col[k])
				q := l.rt.ptr[row] + slices.Index(l.rt.col[l.rt.ptr[row]:l.rt.ptr[row+1]], int32(i))
				if q < l.rt.ptr[row] || l.rt.val[q] != l.p.val[k] {
					t.Fatalf("level %d: entry (%d,%d) of P is not in its transpose", level, i, row)
				}
				up++
			}
		}
		if down = len(l.rt.col); up != down {
			t.Fatalf("level %d: %d entries in P, %d in its transpose", level, up, down)
		}
		next := l.galerkin(0, a, 0.5, nil)
		again := l.galerkin(0, a, 0.5, &amgLevel{ptr: next.ptr, col: next.col})
		if !slices.Equal(next.val, again.val) {
			t.Fatalf("level %d: other numbers when the pattern is known", level)
		}
		x := make([]float64, l.p.cols)
		for i := range x {
			x[i] = math.Sin(float64(i))
		}
		want := multiply(&l.rt, multiplyMatrix(a, multiply(&l.p, x)))
		for i, v := range multiplyMatrix(next, x) {
			if math.Abs(v-want[i]/2) > 1e-12*a.upper {
				t.Fatalf("level %d: row %d of ½PᵀAP·x is %v, want %v", level, i, v, want[i]/2)
			}
		}
		a = next
	}
}

func multiply(p *transfer, x []float64) []float64 {
	y := make([]float64, p.rows)
	for i := range y {
		for k := p.ptr[i]; k < p.ptr[i+1]; k++ {
			y[i] += float64(p.val[k]) * x[p.col[k]]
		}
	}
	return y
}

func multiplyMatrix(a *amgMatrix, x []float64) []float64 {
	y := make([]float64, a.n)
	for i := range y {
		for k := a.ptr[i]; k < a.ptr[i+1]; k++ {
			y[i] += a.val[k] * x[a.col[k]]
		}
	}
	return y
}
