package precond

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
)

// panelGrids are grids of one band and of several, wide and narrower than the couplings
// reach.
var panelGrids = []struct{ rows, cols, reach int }{
	{1, 1, 1}, {1, 9, 2}, {7, 1, 2}, {5, 3, 2}, {50, 4, 2}, {50, 11, 2}, {97, 9, 1}, {130, 21, 2}, {49, 13, 3}, {100, 10, 4}, {75, 15, 6},
}

func randomPanel(n int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 3))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// TestGridICPanel compares columns of panels with Apply and, bit by bit, with what they are
// alone; the bits are the same for any number of workers, and uᵀ(Mv) = vᵀ(Mu).
func TestGridICPanel(t *testing.T) {
	for _, c := range panelGrids {
		m, err := NewGridIC(t.Context(), randomGrid(c.rows, c.cols, c.reach, 1, 5))
		if err != nil {
			t.Fatal(c, err)
		}
		n := c.rows * c.cols
		for _, k := range []int{1, 2, 3, 4, 8, 11, 16} {
			what := fmt.Sprintf("%v, %d columns", c, k)
			x, got := randomPanel(n*k, uint64(k)), randomPanel(n*k, 1)
			if err := m.ApplyBlockSingle(t.Context(), got, x, k); err != nil {
				t.Fatal(what, err)
			}
			column, single := make([]float32, n), make([]float32, n)
			one, want := make([]float64, n), make([]float64, n)
			for l := 0; l < k; l += max(1, k-1) {
				for i := range n {
					column[i] = x[i*k+l]
					one[i] = float64(column[i])
				}
				if err := m.Apply(t.Context(), want, one); err != nil {
					t.Fatal(err)
				}
				if err := m.ApplyBlockSingle(t.Context(), single, column, 1); err != nil {
					t.Fatal(err)
				}
				var diff, norm float64
				for i, v := range want {
					diff = math.Hypot(diff, float64(got[i*k+l])-v)
					norm = math.Hypot(norm, v)
					if math.Float32bits(got[i*k+l]) != math.Float32bits(single[i]) {
						t.Fatalf("%s: element %d of column %d is %v, alone %v", what, i, l, got[i*k+l], single[i])
					}
				}
				if !(diff <= 1e-6*norm) {
					t.Errorf("%s: column %d is off by %.1e of its norm", what, l, diff/norm)
				}
			}
			for _, workers := range []int{1, 2, 3, 7} {
				again := randomPanel(n*k, 2)
				if err := m.ApplyBlockSingle(hvp.WithWorkers(t.Context(), workers), again, x, k); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(again, got) {
					t.Errorf("%s: other bits with %d workers", what, workers)
				}
			}
			for l := range min(2, k-1) {
				var uv, vu, size float64
				for i := range n {
					p, q := float64(x[i*k+l])*float64(got[i*k+l+1]), float64(x[i*k+l+1])*float64(got[i*k+l])
					uv, vu, size = uv+p, vu+q, size+math.Abs(p)
				}
				if !(math.Abs(uv-vu) <= 1e-6*size) {
					t.Errorf("%s: uᵀMv = %v and vᵀMu = %v", what, uv, vu)
				}
			}
		}
	}
}

// TestGridICPanelKeepsColumnsApart: what is not finite stays in its column, and spreads from
// where it is.
func TestGridICPanelKeepsColumnsApart(t *testing.T) {
	const rows, cols, k = 70, 9, 8
	m, err := NewGridIC(t.Context(), randomGrid(rows, cols, 2, 1, 5))
	if err != nil {
		t.Fatal(err)
	}
	x := randomPanel(rows*cols*k, 1)
	want, got := make([]float32, len(x)), make([]float32, len(x))
	if err := m.ApplyBlockSingle(t.Context(), want, x, k); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
		x[(rows/2*cols+3)*k+5] = bad
		if err := m.ApplyBlockSingle(t.Context(), got, x, k); err != nil {
			t.Fatal(err)
		}
		for i, v := range got {
			if i%k != 5 && v != want[i] {
				t.Fatalf("%v in column 5: element %d is %v, was %v", bad, i, v, want[i])
			}
		}
		if v := got[(rows/2*cols+3)*k+5]; !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) {
			t.Errorf("%v becomes %v", bad, v)
		}
	}
}

// TestGridICPanelErrors wants errors for panels of other sizes and after a failure.
func TestGridICPanelErrors(t *testing.T) {
	g := randomGrid(6, 5, 2, 1, 1)
	m, err := NewGridIC(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ dst, x, k int }{{60, 60, 0}, {60, 60, -2}, {60, 59, 2}, {90, 60, 2}, {30, 30, 2}} {
		if err := m.ApplyBlockSingle(t.Context(), make([]float32, c.dst), make([]float32, c.x), c.k); err == nil {
			t.Errorf("%+v is no error", c)
		}
	}
	g.m.Row(3, 0, 0)[2] = -1
	if err := m.Refresh(t.Context(), g); err == nil {
		t.Fatal("not definite, and no error")
	}
	if err := m.ApplyBlockSingle(t.Context(), make([]float32, 60), make([]float32, 60), 2); err == nil {
		t.Error("applied what could not be built")
	}
}
