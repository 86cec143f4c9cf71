package hvp_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/hvp"
)

// dominant is a symmetric matrix of given half bandwidth with a varying diagonal
// and entries that decay away from it.
func dominant(t testing.TB, n, band int) *hvp.CSR {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(n), uint64(band)))
	var is, js []int32
	var vs []float64
	for i := range n {
		is, js, vs = append(is, int32(i)), append(js, int32(i)), append(vs, 3+math.Sin(float64(i)))
		for j := i + 1; j <= min(n-1, i+band); j++ {
			v := rng.NormFloat64() / math.Pow(2, float64(j-i))
			is, js, vs = append(is, int32(i), int32(j)), append(js, int32(j), int32(i)), append(vs, v, v)
		}
	}
	a := must[*hvp.CSR](t)(hvp.NewCSRFromTriplets(n, n, is, js, vs))
	return must[*hvp.CSR](t)(a.Promise(hvp.Symmetric))
}

func diagonalOf(t testing.TB, a hvp.Operator) []float64 {
	t.Helper()
	n, _ := a.Dims()
	d := make([]float64, n)
	if err := a.(hvp.Diagonaler).Diag(d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEstimateDiagonal(t *testing.T) {
	ctx, n := context.Background(), 500
	for _, c := range []struct {
		kind         hvp.ProbeKind
		band, probes int
		exact        bool
	}{
		{hvp.Rademacher, 6, 64, false}, {hvp.Rademacher, 6, 600, true}, {hvp.Hadamard, 40, 32, false},
		{hvp.Hadamard, 7, 8, true}, {hvp.Hadamard, 7, 15, true}, {hvp.Hadamard, 7, 4, false},
	} {
		a := dominant(t, n, c.band)
		want, got, errs := diagonalOf(t, a), make([]float64, n), make([]float64, n)
		set := &hvp.ProbeSettings{Probes: c.probes, Kind: c.kind}
		products, err := hvp.EstimateDiagonal(ctx, a, got, errs, set)
		if err != nil || products > max(c.probes, n) {
			t.Fatal(products, err)
		}
		diff, estimate := 0.0, 0.0
		for i := range got {
			diff = math.Hypot(diff, got[i]-want[i])
			estimate = math.Hypot(estimate, errs[i])
		}
		t.Logf("%v, band %d, %d probes: error %.3g, estimated %.3g, %d products", c.kind, c.band, c.probes, diff, estimate, products)
		if c.exact && !(diff <= 1e-12) {
			t.Errorf("%+v: error %g", c, diff)
		}
		if !c.exact && !(diff <= 3*estimate && (c.kind == hvp.Hadamard || estimate <= 3*diff)) {
			t.Errorf("%+v: error %g, estimated %g", c, diff, estimate)
		}
		for _, workers := range []int{1, 3, 7} {
			again := make([]float64, n)
			if _, err := hvp.EstimateDiagonal(hvp.WithWorkers(ctx, workers), a, again, nil, set); err != nil {
				t.Fatal(err)
			}
			for i := range again {
				if again[i] != got[i] {
					t.Fatalf("%d workers: entry %d is %v, was %v", workers, i, again[i], got[i])
				}
			}
		}
	}
}

func TestTrace(t *testing.T) {
	ctx := context.Background()
	methods := map[string]func(context.Context, hvp.Operator, *hvp.ProbeSettings) (hvp.Estimate, error){
		"Hutchinson": hvp.EstimateTrace, "Hutch++": hvp.HutchPlusPlus,
	}
	// Eigenvalues that decay in a random basis, and a sparse one.
	n := 200
	rng := rand.New(rand.NewPCG(3, 3))
	g := mat.NewDense(n, n, nil)
	for i := range n {
		for j := range n {
			g.Set(i, j, rng.NormFloat64())
		}
	}
	var qr mat.QR
	qr.Factorize(g)
	var q, scaled, low mat.Dense
	qr.QTo(&q)
	scaled.Apply(func(_, j int, v float64) float64 { return v / float64((1+j)*(1+j)) }, &q)
	low.Mul(&scaled, q.T())
	decaying := must[*hvp.CSR](t)(hvp.NewCSRFromMat(&low))
	errsOf := map[string]float64{}
	for name, a := range map[string]hvp.Operator{"sparse": dominant(t, 400, 5), "decaying": decaying} {
		want := 0.0
		for _, v := range diagonalOf(t, a) {
			want += v
		}
		for method, estimate := range methods {
			sum, claimed := 0.0, 0.0
			for seed := range uint64(10) {
				e, err := estimate(ctx, a, &hvp.ProbeSettings{Probes: 60, Seed: seed + 1})
				if err != nil || e.Products > 60 {
					t.Fatal(e, err)
				}
				sum = math.Hypot(sum, e.Value-want)
				claimed = math.Hypot(claimed, e.StdErr)
				again, _ := estimate(hvp.WithWorkers(ctx, 5), a, &hvp.ProbeSettings{Probes: 60, Seed: seed + 1})
				if again != e {
					t.Errorf("%s, %s: %v with 5 workers, %v", name, method, again, e)
				}
			}
			t.Logf("%s, %s: error %.3g, claimed %.3g of %.4g", name, method, sum/math.Sqrt(10), claimed/math.Sqrt(10), want)
			if r := sum / claimed; !(r > 0.3 && r < 3) {
				t.Errorf("%s, %s: error %.3g times the standard error", name, method, r)
			}
			errsOf[name+method] = sum
			e, err := estimate(ctx, a, &hvp.ProbeSettings{Probes: 400})
			if err != nil || e.StdErr != 0 || math.Abs(e.Value-want) > 1e-11*want {
				t.Errorf("%s, %s with all unit vectors: %v, %v, want %v", name, method, e, err, want)
			}
		}
	}
	if !(errsOf["decayingHutch++"] < 0.2*errsOf["decayingHutchinson"]) {
		t.Errorf("Hutch++ gains nothing on decaying eigenvalues: %v", errsOf)
	}
}

func TestProbingBadInput(t *testing.T) {
	ctx := context.Background()
	wide, square := randomCSR(t, 10, 20), randomCSR(t, 20, 20)
	boom := errors.New("boom")
	failing := &hvp.Func{Rows: 200, Mul: func(context.Context, []float64, []float64) error { return boom }, Promise: hvp.SPD}
	d := make([]float64, 20)
	unknown := &hvp.ProbeSettings{Kind: 7}
	for i, call := range []func() error{
		func() error { _, err := hvp.EstimateDiagonal(ctx, wide, d[:10], nil, nil); return err },
		func() error { _, err := hvp.EstimateDiagonal(ctx, nil, d, nil, nil); return err },
		func() error { _, err := hvp.EstimateDiagonal(ctx, square, d[:10], nil, nil); return err },
		func() error { _, err := hvp.EstimateDiagonal(ctx, square, d, d[:3], nil); return err },
		func() error { _, err := hvp.EstimateDiagonal(ctx, square, d, nil, unknown); return err },
		func() error {
			_, err := hvp.EstimateDiagonal(ctx, square, d, nil, &hvp.ProbeSettings{Probes: 1})
			return err
		},
		func() error { _, err := hvp.EstimateDiagonal(ctx, failing, make([]float64, 200), nil, nil); return err },
		func() error { _, err := hvp.EstimateTrace(ctx, wide, nil); return err },
		func() error { _, err := hvp.EstimateTrace(ctx, failing, nil); return err },
		func() error { _, err := hvp.HutchPlusPlus(ctx, failing, nil); return err },
		func() error { _, err := hvp.HutchPlusPlus(ctx, square, &hvp.ProbeSettings{Probes: 5}); return err },
		func() error { _, err := hvp.ExtremeEigenvalues(ctx, square, nil); return err },
		func() error { _, err := hvp.ExtremeEigenvalues(ctx, nil, nil); return err },
		func() error { _, err := hvp.ExtremeEigenvalues(ctx, failing, nil); return err },
		func() error {
			_, err := hvp.ExtremeEigenvalues(ctx, failing, &hvp.EigenSettings{Steps: -1})
			return err
		},
		func() error { _, err := hvp.NewColouring(wide, 1); return err },
		func() error { _, err := hvp.NewColouring(square, 3); return err },
		func() error { _, err := hvp.NewColouring(nil, 1); return err },
		func() error { _, err := hvp.NewGridColouring([]int{3, 0}, 1, 1); return err },
		func() error { _, err := hvp.NewGridColouring([]int{3}, -1, 1); return err },
		func() error { _, _, err := hvp.BlockDiagonal(ctx, square, square, []int{0, 5}); return err },
		func() error { _, _, err := hvp.BlockDiagonal(ctx, square, square, []int{0, 5, 4, 20}); return err },
		func() error { _, _, err := hvp.BlockDiagonal(ctx, square, square, []int{0, 99, 20}); return err },
		func() error { _, _, err := hvp.BlockDiagonal(ctx, square, wide, []int{0, 20}); return err },
	} {
		if call() == nil {
			t.Errorf("call %d: no error", i)
		}
	}
}

func TestColouring(t *testing.T) {
	ctx := context.Background()
	for name, a := range map[string]*hvp.CSR{
		"banded": dominant(t, 300, 4), "chain": laplacian(t, 200), "unsymmetric": sparseSquare(t, 300), "irregular": randomCSR(t, 40, 40),
	} {
		n, _ := a.Dims()
		for _, distance := range []int{1, 2} {
			c := must[*hvp.Colouring](t)(hvp.NewColouring(a, distance))
			d := make([]float64, n)
			if err := c.Diagonal(ctx, a, d); err != nil {
				t.Fatal(err)
			}
			for i, want := range diagonalOf(t, a) {
				if d[i] != want {
					t.Errorf("%s, distance %d: diagonal %d is %v, want %v", name, distance, i, d[i], want)
				}
			}
			t.Logf("%s, distance %d: %d colours of %d", name, distance, c.Colours(), n)
		}
		m, err := hvp.Recover(ctx, &hvp.Func{Rows: n, Mul: a.Apply}, a, nil)
		if err != nil {
			t.Fatal(err)
		}
		sameMatrix(t, name, m, a)
		bounds := []int{0}
		for i := 1; bounds[len(bounds)-1] < n; i++ {
			bounds = append(bounds, min(n, bounds[len(bounds)-1]+1+i%5))
		}
		blocks, products, err := hvp.BlockDiagonal(ctx, a, a, bounds)
		if err != nil || (name == "banded" || name == "chain") && products > 25 {
			t.Fatal(products, err)
		}
		for b, block := range blocks {
			size := bounds[b+1] - bounds[b]
			for r := range size {
				for k := range size {
					if got, want := block[r*size+k], a.At(bounds[b]+r, bounds[b]+k); got != want {
						t.Errorf("%s: block %d entry (%d,%d) is %v, want %v", name, b, r, k, got, want)
					}
				}
			}
		}
	}
	if c := must[*hvp.Colouring](t)(hvp.NewColouring(laplacian(t, 99), 1)); c.Colours() != 2 {
		t.Errorf("a chain has %d colours", c.Colours())
	}
	// A pattern that lacks entries is found out.
	var wrong *hvp.PatternError
	if _, err := hvp.Recover(ctx, dominant(t, 50, 2), laplacian(t, 50), nil); !errors.As(err, &wrong) {
		t.Errorf("wrong pattern: %v", err)
	}
	if _, err := hvp.Recover(ctx, laplacian(t, 50), laplacian(t, 50), must[*hvp.Colouring](t)(hvp.NewColouring(laplacian(t, 50), 1))); err == nil {
		t.Error("recovered from distance 1")
	}
}

func sparseSquare(t testing.TB, n int) *hvp.CSR {
	rng := rand.New(rand.NewPCG(8, 8))
	var is, js []int32
	var vs []float64
	for range 3 * n {
		is, js, vs = append(is, int32(rng.IntN(n))), append(js, int32(rng.IntN(n))), append(vs, rng.NormFloat64())
	}
	return must[*hvp.CSR](t)(hvp.NewCSRFromTriplets(n, n, is, js, vs))
}

func sameMatrix(t *testing.T, name string, got, want *hvp.CSR) {
	t.Helper()
	_, _, g := got.RawCSR()
	_, _, w := want.RawCSR()
	for k := range w {
		if g[k] != w[k] {
			t.Errorf("%s: entry %d is %v, want %v", name, k, g[k], w[k])
		}
	}
}

// TestGridColouring: the diagonal and all of a 3×3 stencil with coefficients that
// vary from point to point.
func TestGridColouring(t *testing.T) {
	ctx := context.Background()
	for _, extents := range [][]int{{1, 1}, {2, 9}, {7, 8}, {30, 5}} {
		rows, cols := extents[0], extents[1]
		n := rows * cols
		var is, js []int32
		var vs []float64
		for p := range n {
			for a := -1; a <= 1; a++ {
				for b := -1; b <= 1; b++ {
					if i, j := p/cols+a, p%cols+b; i >= 0 && i < rows && j >= 0 && j < cols {
						is, js, vs = append(is, int32(p)), append(js, int32(i*cols+j)), append(vs, math.Sin(float64(len(vs))))
					}
				}
			}
		}
		a := must[*hvp.CSR](t)(hvp.NewCSRFromTriplets(n, n, is, js, vs))
		for distance, most := range map[int]int{1: 4, 2: 9} {
			c := must[*hvp.Colouring](t)(hvp.NewGridColouring(extents, 1, distance))
			if c.Colours() > most {
				t.Errorf("%v: %d colours at distance %d", extents, c.Colours(), distance)
			}
			d := make([]float64, n)
			if err := c.Diagonal(ctx, a, d); err != nil {
				t.Fatal(err)
			}
			for i, want := range diagonalOf(t, a) {
				if d[i] != want {
					t.Errorf("%v, distance %d: diagonal %d is %v, want %v", extents, distance, i, d[i], want)
				}
			}
			if distance == 2 {
				sameMatrix(t, "grid", must[*hvp.CSR](t)(hvp.Recover(ctx, a, a, c)), a)
			}
		}
	}
}

func TestExtremeEigenvalues(t *testing.T) {
	ctx := context.Background()
	n := 300
	d := make([]float64, n)
	for i := range d {
		d[i] = -2 + 5*math.Pow(float64(i)/float64(n-1), 2)
	}
	chain := laplacian(t, 400) // 2.5 − 2cos(kπ/401)
	edge := 2 * math.Cos(math.Pi/401)
	identity := make([]float64, 30)
	for i := range identity {
		identity[i] = 7
	}
	for _, c := range []struct {
		name     string
		a        hvp.Operator
		min, max float64
	}{
		{"diagonal", must[*hvp.Diagonal](t)(hvp.NewDiagonal(d)), -2, 3},
		{"chain", chain, 2.5 - edge, 2.5 + edge},
		{"multiple of one", must[*hvp.Diagonal](t)(hvp.NewDiagonal(identity)), 7, 7},
		{"one by one", must[*hvp.Diagonal](t)(hvp.NewDiagonal([]float64{-4})), -4, -4},
		{"two by two", must[*hvp.Diagonal](t)(hvp.NewDiagonal([]float64{5, -4})), -4, 5},
		{"zero", hvp.Scale(0, chain), 0, 0},
		{"tiny", hvp.Scale(1e-150, chain), 1e-150 * (2.5 - edge), 1e-150 * (2.5 + edge)},
	} {
		for _, steps := range []int{5, 20, 60, 250} {
			e, err := hvp.ExtremeEigenvalues(ctx, c.a, &hvp.EigenSettings{Steps: steps})
			if err != nil {
				t.Fatal(err)
			}
			size := max(math.Abs(c.min), math.Abs(c.max))
			slack := 1e-13 * size
			if e.Min < c.min-slack || e.Max > c.max+slack {
				t.Errorf("%s, %d steps: Ritz values outside the spectrum: %v", c.name, steps, e)
			}
			if e.LowerBound > c.min+slack || e.UpperBound < c.max-slack {
				t.Errorf("%s, %d steps: bounds %g, %g do not hold %g, %g", c.name, steps, e.LowerBound, e.UpperBound, c.min, c.max)
			}
			if steps == 250 && (math.Abs(e.Min-c.min) > e.MinErr+slack || math.Abs(e.Max-c.max) > e.MaxErr+slack || max(e.MinErr, e.MaxErr) > 1e-3*size) {
				t.Errorf("%s: %v, want %g and %g", c.name, e, c.min, c.max)
			}
			if other, err := hvp.ExtremeEigenvalues(hvp.WithWorkers(ctx, 7), c.a, &hvp.EigenSettings{Steps: steps}); err != nil || other != e {
				t.Errorf("%s: %v with 7 workers, %v, %v", c.name, other, e, err)
			}
		}
	}
	e, err := hvp.ExtremeEigenvalues(ctx, chain, &hvp.EigenSettings{Steps: 200})
	if want := (2.5 + edge) / (2.5 - edge); err != nil || math.Abs(e.Condition()-want) > 1e-3*want {
		t.Errorf("condition %v, want %v", e.Condition(), want)
	}
}
