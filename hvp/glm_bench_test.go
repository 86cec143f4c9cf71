package hvp_test

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/formats"
)

// powerLaw is a rows×cols matrix with perRow entries in each row, whose column
// frequencies are proportional to 1/rank.
func powerLaw(tb testing.TB, rows, cols, perRow int) *hvp.CSR {
	rng := rand.New(rand.NewPCG(1, 1))
	ptr, col, val := make([]int, 1, rows+1), make([]int32, 0, rows*perRow), make([]float64, 0, rows*perRow)
	for range rows {
		begin := len(col)
		for len(col) < begin+perRow {
			// The rank is the exponential of a uniform number.
			c := int32(min(int(math.Exp(rng.Float64()*math.Log(float64(cols)))), cols-1))
			if !slices.Contains(col[begin:], c) {
				col, val = append(col, c), append(val, rng.NormFloat64())
			}
		}
		slices.Sort(col[begin:])
		ptr = append(ptr, len(col))
	}
	return must[*hvp.CSR](tb)(hvp.NewCSR(rows, cols, ptr, col, val))
}

// twoPasses is XᵀDXv + ridge∘v with X and its transpose, both by rows.
func twoPasses(tb testing.TB, ctx context.Context, x *hvp.CSR, d, ridge, u, dst, v []float64) {
	if err := x.ApplyWeighted(ctx, u, v, d); err != nil {
		tb.Fatal(err)
	}
	if err := x.ApplyTrans(ctx, dst, u); err != nil {
		tb.Fatal(err)
	}
	for j := range dst {
		dst[j] += ridge[j] * v[j]
	}
}

// BenchmarkGLM compares a product of GLM with the product in two passes, over X
// and over its transpose, contenders in turn within one run. "ratio/k" is the
// shortest time of two passes over the shortest of GLM, k workers both,
// "block-gain" that of eight products over that of one with a panel of eight, and
// "bytes" the memory of X in both forms over that of X and its transpose.
// The real sets are left out where they are not found.
//
//	go test ./hvp -run '^$' -bench GLM -benchtime 20x
func BenchmarkGLM(b *testing.B) {
	type set struct {
		name string
		load func() *hvp.CSR
	}
	sets := []set{{"power-law", func() *hvp.CSR { return powerLaw(b, 200_000, 1_000_000, 40) }}}
	for _, name := range []string{"libsvm/a9a.svm.gz", "libsvm/mushrooms.svm.gz", "libsvm/farm_ads.svm.gz", "text/debdesc_trigram.svm.bz2"} {
		path := filepath.Join("..", "..", "shared", "data", name)
		if _, err := os.Stat(path); err != nil {
			continue
		}
		sets = append(sets, set{filepath.Base(name), func() *hvp.CSR {
			f, err := formats.ReadLIBSVMFile(path, nil)
			if err != nil {
				b.Fatal(err)
			}
			return must[*hvp.CSR](b)(hvp.NewCSR(len(f.Labels), f.Cols, f.RowPtr, f.Col, f.Val))
		}})
	}
	for _, s := range sets {
		b.Run(s.name, func(b *testing.B) {
			x := s.load()
			m, n := x.Dims()
			d, ridge, v := positive(2, m), positive(3, n), normals(4, n)
			u, dst := make([]float64, m), make([]float64, n)
			g := must[*hvp.GLM](b)(hvp.NewGLM(x, d, ridge))
			own := x.Bytes()
			if err := g.Apply(b.Context(), dst, v); err != nil {
				b.Fatal(err)
			}
			grown := float64(x.Bytes()) / float64(2*own)
			const wide = 8
			vs, dsts := normals(5, n*wide), make([]float64, n*wide)
			block := math.Inf(1)
			best := [2][2]float64{{math.Inf(1), math.Inf(1)}, {math.Inf(1), math.Inf(1)}}
			for b.Loop() {
				block = min(block, seconds(func() {
					if err := g.ApplyBlock(hvp.WithWorkers(b.Context(), 1), dsts, vs, wide); err != nil {
						b.Fatal(err)
					}
				}))
				for k := range best {
					ctx := hvp.WithWorkers(b.Context(), k+1)
					best[k][0] = min(best[k][0], seconds(func() {
						if err := g.Apply(ctx, dst, v); err != nil {
							b.Fatal(err)
						}
					}))
					best[k][1] = min(best[k][1], seconds(func() { twoPasses(b, ctx, x, d, ridge, u, dst, v) }))
				}
			}
			b.ReportMetric(best[0][0]*wide/block, "block-gain")
			b.ReportMetric(grown, "bytes")
			b.ReportMetric(best[0][0]*1e3, "ms/1")
			b.ReportMetric(best[0][1]/best[0][0], "ratio/1")
			b.ReportMetric(best[1][0]*1e3, "ms/2")
			b.ReportMetric(best[1][1]/best[1][0], "ratio/2")
		})
	}
}
