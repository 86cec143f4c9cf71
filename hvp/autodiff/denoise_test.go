package autodiff_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/autodiff"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/problems"
)

// picture is a made-up image with edges and slopes, in grey levels.
func picture(rows, cols int) []float64 {
	im := make([]float64, rows*cols)
	for i := range rows {
		for j := range cols {
			v := 100 + 50*math.Sin(0.11*float64(i))*math.Cos(0.07*float64(j))
			if (i/9+j/13)%2 == 0 {
				v += 60
			}
			im[i*cols+j] = v
		}
	}
	return im
}

func newDenoise(t testing.TB, rows, cols int, s *problems.DenoiseSettings) *problems.Denoise {
	t.Helper()
	clean := picture(rows, cols)
	d, err := problems.NewDenoise(clean, problems.AddNoise(clean, 20, 7), rows, cols, s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// denoiseEnergy is the energy of d, written down once and not differentiated.
func denoiseEnergy(t testing.TB, d *problems.Denoise, s problems.DenoiseSettings) *autodiff.Energy {
	t.Helper()
	rows, cols := d.Size()
	ny, nw := d.Dims()
	size := max(s.FilterSize, 3)
	taps := size * size
	filters, bank := taps-1, kernel.DCT(size)
	eps := 1.0
	if s.Epsilon != 0 {
		eps = s.Epsilon
	}
	prior := func(y, w, _ []autodiff.Num) (e autodiff.Num) {
		for k := range filters {
			var r autodiff.Num
			for o := range taps { // a convolution: the window backwards
				c := autodiff.Const(bank[taps*k+o])
				if s.LearnFilters {
					c = w[filters+taps*k+o]
				}
				r = r.Add(c.Mul(y[taps-1-o]))
			}
			if s.Potential == problems.Charbonnier {
				r = r.Square().Shift(eps * eps).Sqrt().Shift(-eps)
			} else {
				r = r.Square().Scale(0.5).Log1p()
			}
			e = e.Add(w[k].Exp().Mul(r))
		}
		return e
	}
	data := func(y, _, z []autodiff.Num) autodiff.Num { return y[0].Sub(z[0]).Square().Scale(0.5) }
	e, err := autodiff.New(ny, nw,
		autodiff.Terms{Name: "prior", Func: prior, Y: autodiff.Grid(rows, cols, size, size), W: autodiff.Range(0, nw)},
		autodiff.Terms{Name: "data", Func: data, Y: autodiff.Each(ny), C: d.Noisy()})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// near fails unless got is want up to a relative error in the norm.
func near(t testing.TB, what string, got, want []float64, tol float64) {
	t.Helper()
	var d, s float64
	for i := range want {
		d += (got[i] - want[i]) * (got[i] - want[i])
		s += want[i] * want[i]
	}
	if e := math.Sqrt(d / s); d != 0 && !(e <= tol) {
		t.Errorf("%s: relative error %.3g, want at most %.3g", what, e, tol)
	}
}

func gauss(seed uint64, n int) []float64 {
	rng := rand.New(rand.NewPCG(seed, 1))
	v := make([]float64, n)
	for i := range v {
		v[i] = rng.NormFloat64()
	}
	return v
}

// same compares everything that an energy gives with an analytic problem.
func same(t *testing.T, e *autodiff.Energy, p interface {
	hypergrad.Problem
	hypergrad.Energy
}, y, w []float64, promise hvp.Structure) {
	t.Helper()
	const tol = 1e-12
	ctx := context.Background()
	ny, nw := p.Dims()
	want, err := p.Energy(ctx, y, w)
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.Value(ctx, y, w)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "energy", []float64{got}, []float64{want}, tol)
	g1, g2 := make([]float64, ny), make([]float64, ny)
	if err := p.Residual(ctx, g1, y, w); err != nil {
		t.Fatal(err)
	}
	if err := e.Gradient(ctx, g2, y, w); err != nil {
		t.Fatal(err)
	}
	near(t, "gradient", g2, g1, tol)
	ref, err := p.Linearize(ctx, y, w)
	if err != nil {
		t.Fatal(err)
	}
	for _, store := range []bool{false, true} {
		lin, err := e.Linearize(ctx, y, w, &autodiff.Settings{StoreWeights: store, Promise: promise})
		if err != nil {
			t.Fatal(err)
		}
		products := []struct {
			name     string
			got, ref hvp.Operator
		}{{"Hessian", lin.Hessian(), ref.Y}, {"mixed", lin.Mixed(), ref.W}}
		for _, q := range products {
			rows, cols := q.ref.Dims()
			for seed := range uint64(2) {
				x := gauss(seed, cols)
				d1, d2 := make([]float64, rows), gauss(9, rows)
				if err := q.ref.Apply(ctx, d1, x); err != nil {
					t.Fatal(err)
				}
				if err := q.got.Apply(ctx, d2, x); err != nil {
					t.Fatal(err)
				}
				near(t, fmt.Sprintf("%s product (stored %v)", q.name, store), d2, d1, tol)
			}
			if ny < 1000 {
				hvptest.TestOperator(t, q.got, nil)
			}
		}
		q := gauss(5, ny)
		m1, m2 := make([]float64, nw), make([]float64, nw)
		trans, _ := hvp.Trans(ref.W)
		if err := trans.ApplyTrans(ctx, m1, q); err != nil {
			t.Fatal(err)
		}
		if err := lin.Mixed().ApplyTrans(ctx, m2, q); err != nil {
			t.Fatal(err)
		}
		near(t, "transposed mixed product", m2, m1, tol)
		if err := ref.Y.(hvp.Diagonaler).Diag(g1); err != nil {
			t.Fatal(err)
		}
		if err := lin.Hessian().Diag(g2); err != nil {
			t.Fatal(err)
		}
		near(t, "diagonal", g2, g1, tol)
	}
}

func TestDenoise(t *testing.T) {
	most := map[int]int{0: 47, 5: 17, 7: 4} // rows by filter size
	if raceEnabled {
		most[5], most[7] = 4, 0
	}
	for _, s := range []problems.DenoiseSettings{
		{}, {Potential: problems.Lorentzian}, {Epsilon: 0.3}, {LearnFilters: true},
		{LearnFilters: true, Potential: problems.Lorentzian},
		{FilterSize: 5}, {FilterSize: 5, LearnFilters: true}, {FilterSize: 7},
		{FilterSize: 7, LearnFilters: true, Potential: problems.Lorentzian},
	} {
		for _, n := range [][2]int{{3, 3}, {4, 9}, {17, 31}, {47, 101}} {
			if n[0] > most[s.FilterSize] {
				continue // the tape of a large window is long
			}
			n[0], n[1] = max(n[0], s.FilterSize), max(n[1], s.FilterSize)
			t.Run(fmt.Sprintf("%v/eps=%v/size=%d/filters=%v/%dx%d", s.Potential, s.Epsilon, s.FilterSize, s.LearnFilters, n[0], n[1]), func(t *testing.T) {
				d := newDenoise(t, n[0], n[1], &s)
				promise := hvp.Symmetric
				if s.Potential == problems.Charbonnier {
					promise = hvp.SPD
				}
				same(t, denoiseEnergy(t, d, s), d, d.Noisy(), d.Default(0.7), promise)
			})
		}
	}
}

// A field of several chunks keeps the contract of operators.
func TestDenoiseOperator(t *testing.T) {
	d := newDenoise(t, 45, 101, &problems.DenoiseSettings{})
	lin, err := denoiseEnergy(t, d, problems.DenoiseSettings{}).Linearize(context.Background(), d.Noisy(), d.Default(1), &autodiff.Settings{Promise: hvp.SPD})
	if err != nil {
		t.Fatal(err)
	}
	hvptest.TestOperator(t, lin.Hessian(), nil)
	hvptest.TestOperator(t, lin.Mixed(), nil)
}
