package hvp_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
)

// TestGLMBlockAndDense: block products, the dense matrix and the ridge against
// single products.
func TestGLMBlockAndDense(t *testing.T) {
	const m, n = 300, 37
	rng := rand.New(rand.NewPCG(1, 2))
	var i, j []int32
	var v []float64
	for range 4 * m {
		i, j, v = append(i, int32(rng.IntN(m))), append(j, int32(rng.IntN(n))), append(v, rng.NormFloat64())
	}
	x, err := hvp.NewCSRFromTriplets(m, n, i, j, v)
	if err != nil {
		t.Fatal(err)
	}
	d, ridge := make([]float64, m), make([]float64, n)
	for k := range d {
		d[k] = rng.Float64()
	}
	for k := range ridge {
		ridge[k] = rng.Float64()
	}
	g, err := hvp.NewGLM(x, d, ridge)
	if err != nil {
		t.Fatal(err)
	}
	e, want := make([]float64, n*n), make([]float64, n*n)
	unit, col := make([]float64, n), make([]float64, n)
	for k := range n {
		e[k*n+k], unit[k] = 1, 1
		if err := g.Apply(t.Context(), col, unit); err != nil {
			t.Fatal(err)
		}
		unit[k] = 0
		for l, c := range col {
			want[l*n+k] = c
		}
	}
	block, dense := make([]float64, n*n), make([]float64, n*n)
	if err := g.ApplyBlock(t.Context(), block, e, n); err != nil {
		t.Fatal(err)
	}
	if err := g.Dense(dense); err != nil {
		t.Fatal(err)
	}
	for k, w := range want {
		if math.Abs(block[k]-w) > 1e-13*(1+math.Abs(w)) || math.Abs(dense[k]-w) > 1e-13*(1+math.Abs(w)) {
			t.Fatalf("entry %d: %v by a block, %v dense, want %v", k, block[k], dense[k], w)
		}
	}
	if g.Dense(dense[1:]) == nil || g.ApplyBlock(t.Context(), block, e[1:], n) == nil {
		t.Error("wrong length accepted")
	}
}

func TestRidge(t *testing.T) {
	d, err := hvp.NewDiagonal([]float64{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	low, err := hvp.NewLowRank([]float64{3, 4}, []float64{1, 1}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	op := func(a hvp.Operator, err error) hvp.Operator {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	counted, _ := hvp.Instrument(low, "x", 0)
	negative := op(hvp.Sum(low, hvp.Scale(-1, d)))
	for _, c := range []struct {
		name string
		a    hvp.Operator
		want []float64 // nil: not known
	}{
		{"diagonal", d, []float64{1, 2}},
		{"low rank", low, []float64{3, 4}},
		{"instrumented", counted, []float64{3, 4}},
		{"promised", hvp.WithStructure(low, hvp.SPD), []float64{3, 4}},
		{"shifted", op(hvp.Shift(low, 0.5)), []float64{3.5, 4.5}},
		{"sum", op(hvp.Sum(hvp.Scale(2, low), d)), []float64{7, 10}},
		{"difference", negative, nil},
		{"shifted down", op(hvp.Shift(low, -0.5)), nil},
	} {
		got := make([]float64, 2)
		ok, err := hvp.Ridge(c.a, got)
		if err != nil || ok != (c.want != nil) || ok && (got[0] != c.want[0] || got[1] != c.want[1]) {
			t.Errorf("%s: %v, %v, %v", c.name, got, ok, err)
		}
	}
	if _, err := hvp.Ridge(d, make([]float64, 3)); err == nil {
		t.Error("wrong length accepted")
	}
}

func TestPartition(t *testing.T) {
	d, err := hvp.NewDiagonal([]float64{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	k, err := hvp.KKT(d, d, nil)
	if err != nil {
		t.Fatal(err)
	}
	counted, _ := hvp.Instrument(k, "x", 0)
	for _, a := range []hvp.Operator{k, counted, hvp.WithStructure(counted, hvp.Symmetric)} {
		b, ok := hvp.Partition(a)
		if !ok || len(b) != 2 || b[0][0] != hvp.Operator(d) || b[1][1] != nil {
			t.Errorf("%T: %v, %v", a, b, ok)
		}
	}
	if _, ok := hvp.Partition(d); ok {
		t.Error("a diagonal has blocks")
	}
}
