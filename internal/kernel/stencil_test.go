package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// plainStencil is the twin of StencilRows: each element by its coordinates.
func plainStencil(x []float64, g *Grid, diag, off float64, i int) float64 {
	size := [3]int{g.Length, g.Lines, g.Planes}
	stride := g.Step
	sum := 0.0
	for d := range g.Dim {
		switch at := i / stride % size[d]; {
		case size[d] == 1:
		case at == 0:
			sum += x[i+stride]
		case at == size[d]-1:
			sum += x[i-stride]
		default:
			sum += x[i-stride] + x[i+stride]
		}
		stride *= size[d]
	}
	return diag*x[i] + off*sum
}

func TestStencilRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 1))
	shapes := []Grid{}
	for _, n := range []int{1, 2, 3, 4, 63, 1023, 1024, 1025, 1026, 1027, 4097} {
		shapes = append(shapes, Grid{Dim: 1, Planes: 1, Lines: 1, Length: n, Step: 1})
	}
	for _, s := range [][2]int{{1, 1}, {1, 9}, {9, 1}, {2, 2}, {2, 3}, {3, 2}, {5, 7}, {64, 65}, {3, 2051}, {700, 3}} {
		shapes = append(shapes, Grid{Dim: 2, Planes: 1, Lines: s[0], Length: s[1], Step: 1})
	}
	for _, s := range [][3]int{{1, 1, 1}, {1, 1, 9}, {1, 9, 1}, {9, 1, 1}, {2, 2, 2}, {3, 4, 5}, {5, 3, 2}, {2, 3, 1030}, {11, 12, 13}} {
		shapes = append(shapes, Grid{Dim: 3, Planes: s[0], Lines: s[1], Length: s[2], Step: 1})
	}
	for _, g := range slices.Clone(shapes) {
		for _, step := range []int{2, 3, 8} {
			g.Step = step
			shapes = append(shapes, g)
		}
	}
	const diag, off = 4.25, -0.7
	for _, g := range shapes {
		n := g.Planes * g.Lines * g.Length * g.Step
		x := random(rng, n)
		want := make([]float64, n)
		for i := range want {
			want[i] = plainStencil(x, &g, diag, off, i)
		}
		whole := random(rng, n)
		StencilRows(whole, x, &g, diag, off, 0, n)
		same(t, fmt.Sprintf("%+v", g), whole, want)
		// The form, whole and in parts, is xᵀ·L·y.
		y := random(rng, n)
		form, size := 0.0, 0.0
		for i := range y {
			ly := plainStencil(y, &g, 2*float64(g.Dim), -1, i)
			form += x[i] * ly
			size += 4 * float64(g.Dim) * math.Abs(x[i]) * (1 + math.Abs(ly))
		}
		close(t, fmt.Sprintf("form %+v", g), StencilForm(x, y, &g, 0, n), form, size, n)
		mid := rng.IntN(n + 1)
		close(t, fmt.Sprintf("form %+v in parts", g), StencilForm(x, y, &g, 0, mid)+StencilForm(x, y, &g, mid, n), form, size, n)
		for range 20 {
			lo := rng.IntN(n + 1)
			hi := lo + rng.IntN(n+1-lo)
			got := random(rng, n)
			before := clone(got)
			StencilRows(got, x, &g, diag, off, lo, hi)
			if !slices.Equal(got[lo:hi], whole[lo:hi]) {
				t.Fatalf("%+v: rows %d … %d differ from those of the whole", g, lo, hi-1)
			}
			if !slices.Equal(got[:lo], before[:lo]) || !slices.Equal(got[hi:], before[hi:]) {
				t.Fatalf("%+v: rows %d … %d were not all that was written", g, lo, hi-1)
			}
		}
	}
}

// BenchmarkStencilRows prints the cost per row of grids in and out of cache.
func BenchmarkStencilRows(b *testing.B) {
	for _, g := range []Grid{
		{1, 1, 1, 4096, 1}, {1, 1, 1, 1 << 22, 1}, {2, 1, 64, 64, 1}, {2, 1, 256, 256, 1}, {2, 1, 2048, 2048, 1}, {3, 16, 16, 16, 1}, {3, 160, 160, 160, 1},
	} {
		n := g.Planes * g.Lines * g.Length
		x, dst := make([]float64, n), make([]float64, n)
		b.Run(fmt.Sprintf("%d×%d×%d", g.Planes, g.Lines, g.Length), func(b *testing.B) {
			for b.Loop() {
				StencilRows(dst, x, &g, 4.5, -1, 0, n)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
		})
	}
}
