package hvp_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
)

// sparseRows is a matrix whose row i has the entries column(i), repetitions left
// out, with the values that kind asks for.
func sparseRows(tb testing.TB, rows, cols int, kind string, column func(rng *rand.Rand, i int) []int) *hvp.CSR {
	rng := rand.New(rand.NewPCG(uint64(rows), uint64(cols)))
	ptr, col, val := []int{0}, []int32{}, []float64{}
	for i := range rows {
		cs := column(rng, i)
		slices.Sort(cs)
		for _, c := range slices.Compact(cs) {
			v := rng.NormFloat64()
			switch kind {
			case "ones":
				v = 1
			case "counts":
				v = float64(1 + rng.IntN(9))
			}
			col, val = append(col, int32(c)), append(val, v)
		}
		ptr = append(ptr, len(col))
	}
	return must[*hvp.CSR](tb)(hvp.NewCSR(rows, cols, ptr, col, val))
}

// uniform returns n columns out of cols.
func uniform(n, cols int) func(*rand.Rand, int) []int {
	return func(rng *rand.Rand, _ int) (cs []int) {
		for range n {
			cs = append(cs, rng.IntN(cols))
		}
		return cs
	}
}

// glmShapes are matrices with all kinds of columns; each comes with values of all
// kinds.
var glmShapes = []struct {
	name       string
	rows, cols int
	column     func(rng *rand.Rand, i int) []int
}{
	{"empty", 5, 7, uniform(0, 7)},
	{"one by one", 1, 1, uniform(1, 1)},
	{"no rows", 0, 4, uniform(1, 4)},
	{"no columns", 4, 0, uniform(0, 1)},
	{"small", 30, 11, uniform(4, 11)},
	{"all frequent", 3000, 50, uniform(14, 50)},
	{"all rare", 500, 9000, uniform(3, 9000)},
	{"one dense column among rare ones", 4000, 20_000, func(rng *rand.Rand, _ int) []int { return []int{17_000, rng.IntN(20_000)} }},
	{"one dense row", 3000, 5000, func(rng *rand.Rand, i int) []int {
		if i == 1500 {
			return rng.Perm(5000)
		}
		return []int{rng.IntN(10)}
	}},
	{"empty rows and columns", 9000, 6000, func(rng *rand.Rand, i int) (cs []int) {
		for range max(0, rng.IntN(60)-40) {
			cs = append(cs, 3*int(math.Exp(rng.Float64()*math.Log(1999))))
		}
		return cs
	}},
	{"power law", 6000, 30_000, func(rng *rand.Rand, i int) (cs []int) {
		for range 40 {
			cs = append(cs, int(math.Exp(rng.Float64()*math.Log(30_000))))
		}
		return cs
	}},
	{"more than 65536 frequent columns, entries at the edges", 40, 200_000, func(rng *rand.Rand, i int) []int {
		if i%4 == 0 {
			return rng.Perm(70_000)
		}
		return []int{0, 1023, 1024, 65_535, 65_536, 199_999}
	}},
	{"more rows than 16 bits", 140_000, 300_000, func(rng *rand.Rand, i int) []int { return []int{rng.IntN(300_000)} }},
}

// TestGLM compares products and diagonals with those of X and its transpose, for
// 1, 2, 3 and 7 workers with the same bits.
func TestGLM(t *testing.T) {
	for _, c := range glmShapes {
		for _, kind := range []string{"normal", "counts", "ones"} {
			if raceEnabled && c.rows*c.cols > 1e8 && kind != "normal" {
				continue
			}
			t.Run(c.name+"/"+kind, func(t *testing.T) {
				x := sparseRows(t, c.rows, c.cols, kind, c.column)
				m, n := x.Dims()
				d, ridge, v := positive(2, m), positive(3, n), normals(4, n)
				g := must[*hvp.GLM](t)(hvp.NewGLM(x, d, ridge))
				u, want, got := make([]float64, m), make([]float64, n), make([]float64, n)
				twoPasses(t, t.Context(), x, d, ridge, u, want, v)
				// Sums of products of magnitudes bound the rounding errors.
				ptr, col, val := x.RawCSR()
				size, diag := make([]float64, n), slices.Clone(ridge)
				for j := range size {
					size[j] = ridge[j] * math.Abs(v[j])
				}
				for i := range m {
					s := 0.0
					for k := ptr[i]; k < ptr[i+1]; k++ {
						s += math.Abs(val[k] * v[col[k]])
					}
					for k := ptr[i]; k < ptr[i+1]; k++ {
						size[col[k]] += d[i] * s * math.Abs(val[k])
						diag[col[k]] += d[i] * val[k] * val[k]
					}
				}
				var first []float64
				for _, workers := range []int{1, 2, 3, 7} {
					for j := range got {
						got[j] = math.NaN() // dst is set, not added to
					}
					ctx := hvp.WithWorkers(t.Context(), workers)
					if err := g.Apply(ctx, got, v); err != nil {
						t.Fatal(err)
					}
					for j := range got {
						if !(math.Abs(got[j]-want[j]) <= 1e-13*size[j]) {
							t.Fatalf("%d workers: entry %d is %v, want %v", workers, j, got[j], want[j])
						}
					}
					if first == nil {
						first = slices.Clone(got)
					} else if !slices.Equal(got, first) {
						t.Fatalf("%d workers give other bits", workers)
					}
					through := func(t []float64, first int) {
						for r := range t {
							t[r] *= d[first+r]
						}
					}
					if err := x.ApplyThrough(ctx, got, v, through); err != nil {
						t.Fatal(err)
					}
					for j := range got {
						if !(math.Abs(got[j]+ridge[j]*v[j]-first[j]) <= 1e-14*size[j]) {
							t.Fatalf("ApplyThrough: entry %d is %v, want %v", j, got[j], first[j]-ridge[j]*v[j])
						}
					}
				}
				for _, k := range []int{1, 2, 3, 4, 7} {
					block, out := make([]float64, n*k), make([]float64, n*k)
					for l := range block {
						block[l] = v[l/k] * float64(1+l%k)
					}
					if err := g.ApplyBlock(hvp.WithWorkers(t.Context(), k), out, block, k); err != nil {
						t.Fatal(err)
					}
					for l := range out {
						j, c := l/k, float64(1+l%k)
						if !(math.Abs(out[l]-c*want[j]) <= 1e-13*c*size[j]) {
							t.Fatalf("%d columns: row %d is %v in column %d, want %v", k, j, out[l], l%k, c*want[j])
						}
					}
				}
				if err := g.Diag(got); err != nil {
					t.Fatal(err)
				}
				for j := range got {
					if !(math.Abs(got[j]-diag[j]) <= 1e-13*diag[j]) {
						t.Fatalf("diagonal entry %d is %v, want %v", j, got[j], diag[j])
					}
				}
				if raceEnabled || n == 0 {
					return
				}
				ctx := hvp.WithWorkers(context.Background(), 2)
				if got := testing.AllocsPerRun(10, func() { g.Apply(ctx, got, v) }); got >= 1 {
					t.Errorf("%v allocations per product", got)
				}
				block, out := make([]float64, n*5), make([]float64, n*5)
				if got := testing.AllocsPerRun(10, func() { g.ApplyBlock(ctx, out, block, 5) }); got >= 1 {
					t.Errorf("%v allocations per block", got)
				}
			})
		}
	}
}

func TestGLMKeepsTheContract(t *testing.T) {
	for _, c := range glmShapes {
		if c.rows*c.cols > 2e5 || c.cols == 0 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			x := sparseRows(t, c.rows, c.cols, "normal", c.column)
			g := must[*hvp.GLM](t)(hvp.NewGLM(x, positive(2, c.rows), positive(3, c.cols)))
			hvptest.TestOperator(t, g, nil)
		})
	}
}

// TestGLMSharesItsForm: two operators on one X hold it once, in less memory than X
// and its transpose where all entries are one.
func TestGLMSharesItsForm(t *testing.T) {
	x := sparseRows(t, 3000, 50, "ones", uniform(14, 50))
	own := x.Bytes()
	v, dst := normals(1, 50), make([]float64, 50)
	for range 2 {
		g := must[*hvp.GLM](t)(hvp.NewGLM(x, positive(2, 3000), positive(3, 50)))
		if err := g.Apply(t.Context(), dst, v); err != nil {
			t.Fatal(err)
		}
		if b := x.Bytes(); b <= own || b > own+own/2 || g.Bytes() != b+3050*8 {
			t.Errorf("X has %d bytes, then %d, the operator %d", own, b, g.Bytes())
		}
	}
}

func TestApplyThroughErrors(t *testing.T) {
	x := sparseRows(t, 3, 4, "ones", uniform(2, 4))
	v := make([]float64, 4)
	id := func([]float64, int) {}
	for what, err := range map[string]error{
		"no function": x.ApplyThrough(t.Context(), v, make([]float64, 4), nil),
		"short dst":   x.ApplyThrough(t.Context(), v[1:], make([]float64, 4), id),
		"short x":     x.ApplyThrough(t.Context(), v, make([]float64, 3), id),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}
