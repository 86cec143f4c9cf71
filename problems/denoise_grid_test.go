package problems_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
	"github.com/hgsolve/hgsolve/problems"
)

// TestDenoiseGrid compares the entries with products, for both potentials, stored
// weights, other filters, coarse grids and images that several bands and tiles make up.
func TestDenoiseGrid(t *testing.T) {
	ctx := t.Context()
	for _, c := range []struct {
		name       string
		rows, cols int
		set        problems.DenoiseSettings
		coarse     bool
	}{
		{"least", 3, 3, problems.DenoiseSettings{}, false},
		{"charbonnier", 35, 11, problems.DenoiseSettings{Epsilon: 3}, false},
		{"lorentzian", 35, 11, problems.DenoiseSettings{Potential: problems.Lorentzian}, false},
		{"stored", 33, 9, problems.DenoiseSettings{StoreWeights: true}, false},
		{"filters", 34, 9, problems.DenoiseSettings{LearnFilters: true}, false},
		{"two tiles", 5, 263, problems.DenoiseSettings{}, false},
		{"size 5", 36, 9, problems.DenoiseSettings{FilterSize: 5}, false},
		{"size 7", 37, 9, problems.DenoiseSettings{FilterSize: 7}, false},
		{"coarse", 40, 38, problems.DenoiseSettings{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			photo, r, k := problems.Photograph()
			clean := problems.Resize(photo, r, k, c.rows, c.cols)
			d, err := problems.NewDenoise(clean, problems.AddNoise(clean, 3, 1), c.rows, c.cols, &c.set)
			if err != nil {
				t.Fatal(err)
			}
			w := d.Default(1.3)
			for i := range w {
				w[i] += 0.2 * math.Sin(float64(i))
			}
			lin, err := d.Linearize(ctx, d.Noisy(), w)
			if err != nil {
				t.Fatal(err)
			}
			a, rows, cols := lin.Y, c.rows, c.cols
			if c.coarse {
				if a, _, _, _, err = a.(hvp.Coarsener).Coarsen(ctx); err != nil {
					t.Fatal(err)
				}
				rows, cols = (rows+1)/2, (cols+1)/2
			}
			var m, again hvp.GridMatrix
			if ok, err := a.(hvp.GridAssembler).AssembleGrid(ctx, &m); !ok || err != nil {
				t.Fatal(ok, err)
			}
			for _, workers := range []int{1, 2, 3, 7} {
				if _, err := a.(hvp.GridAssembler).AssembleGrid(parallel.WithTeam(ctx, parallel.Team(workers)), &again); err != nil || !slices.Equal(m.Raw(), again.Raw()) {
					t.Fatalf("%d workers: other bits, or %v", workers, err)
				}
			}
			r, k, reach := m.Shape()
			if r != rows || k != cols {
				t.Fatalf("a grid of %d×%d, want %d×%d", r, k, rows, cols)
			}
			n := rows * cols
			x, y := make([]float64, n), make([]float64, n)
			for p := 0; p < n; p += max(1, n/300) {
				clear(x)
				x[p] = 1
				if err := a.Apply(ctx, y, x); err != nil {
					t.Fatal(err)
				}
				seen, size := 0.0, parallel.MaxAbs(1, y)
				i, j := p/cols, p%cols
				for da := -reach; da <= reach; da++ {
					for db := -reach; db <= reach; db++ {
						i2, j2 := i+da, j+db
						if i2 < 0 || i2 >= rows || j2 < 0 || j2 >= cols {
							continue
						}
						got := float32(0)
						if da > 0 || da == 0 && db >= 0 {
							got = m.Row(i2, da, db)[j2]
						} else {
							got = m.Row(i, -da, -db)[j]
						}
						want := y[i2*cols+j2]
						if !(math.Abs(float64(got)-want) <= 1e-5*size) {
							t.Fatalf("coupling of (%d, %d) with (%d, %d) is %v, want %v", i, j, i2, j2, got, want)
						}
						seen += math.Abs(want)
					}
				}
				for _, v := range y {
					seen -= math.Abs(v)
				}
				if !(math.Abs(seen) < 1e-9) {
					t.Fatalf("pixel %d is coupled beyond the reach %d", p, reach)
				}
			}
		})
	}
}

// TestDenoiseGridRange: weights that single precision does not hold are refused.
func TestDenoiseGridRange(t *testing.T) {
	d, err := problems.NewDenoise(make([]float64, 64), make([]float64, 64), 8, 8, nil)
	if err != nil {
		t.Fatal(err)
	}
	lin, err := d.Linearize(t.Context(), make([]float64, 64), d.Default(80))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := precond.NewGridIC(t.Context(), lin.Y); err == nil {
		t.Error("no error with weights of e^80")
	}
}

// TestDenoiseGridIterations: what the incomplete factorisation spares, on Hessians at a
// solution of both potentials and at a point where one is not definite.
func TestDenoiseGridIterations(t *testing.T) {
	for _, c := range []struct {
		set   problems.DenoiseSettings
		share float64
	}{{problems.DenoiseSettings{}, 0.3}, {problems.DenoiseSettings{LearnFilters: true}, 0.3}, {problems.DenoiseSettings{FilterSize: 5}, 0.3}} {
		p, y, w := denoiseSequence(96, &c.set)(t)
		lin, err := p.Linearize(t.Context(), y, w)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]float64, len(y))
		for i := range b {
			b[i] = math.Sin(float64(i * i))
		}
		var iterations [2]int
		for k, kind := range []string{"jacobi", "grid-ic"} {
			m, err := precond.New(context.Background(), kind, lin.Y)
			if err != nil {
				t.Fatal(err)
			}
			res, err := krylov.Solve(t.Context(), lin.Y, make([]float64, len(y)), b, &krylov.Settings{Precond: m})
			if err != nil {
				t.Fatal(err)
			}
			iterations[k] = res.Iterations
		}
		if share := float64(iterations[1]) / float64(iterations[0]); share > c.share {
			t.Errorf("%+v: %d iterations, %d with Jacobi", c.set, iterations[1], iterations[0])
		}
	}
}
