package problems_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/problems"
)

// picture is a synthetic image with edges, ramps and texture.
func picture(rows, cols int) []float64 {
	pix := make([]float64, rows*cols)
	for i := range rows {
		for j := range cols {
			v := 60 + 0.7*float64(j) + 25*math.Sin(0.9*float64(i))*math.Cos(0.4*float64(j))
			if (i/7+j/5)%2 == 0 {
				v += 70
			}
			pix[i*cols+j] = v
		}
	}
	return pix
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

// plainEnergy is the definition of E, written out.
func plainEnergy(d *problems.Denoise, s problems.DenoiseSettings, y, w []float64) float64 {
	rows, cols := d.Size()
	e := 0.0
	for i, z := range d.Noisy() {
		e += 0.5 * (y[i] - z) * (y[i] - z)
	}
	n := max(s.FilterSize, 3)
	filters := n*n - 1
	bank := kernel.DCT(n)
	if s.LearnFilters {
		bank = w[filters:]
	}
	for k := range filters {
		f := bank[k*n*n:]
		for i := range rows - n + 1 {
			for j := range cols - n + 1 {
				t := 0.0
				for a := range n {
					for b := range n {
						t += f[n*a+b] * y[(i+n-1-a)*cols+j+n-1-b]
					}
				}
				if s.Potential == problems.Charbonnier {
					e += math.Exp(w[k]) * (math.Sqrt(t*t+s.Epsilon*s.Epsilon) - s.Epsilon)
				} else {
					e += math.Exp(w[k]) * math.Log(1+t*t/2)
				}
			}
		}
	}
	return e
}

// variants are the settings that the tests run over.
func variants() map[string]problems.DenoiseSettings {
	all := map[string]problems.DenoiseSettings{
		"charbonnier":         {Epsilon: 1},
		"charbonnier stored":  {Epsilon: 1, StoreWeights: true},
		"charbonnier filters": {Epsilon: 2.5, LearnFilters: true},
		"lorentzian":          {Epsilon: 1, Potential: problems.Lorentzian},
		"lorentzian filters":  {Epsilon: 1, Potential: problems.Lorentzian, LearnFilters: true},
		"5×5":                 {Epsilon: 1, FilterSize: 5},
		"5×5 filters":         {Epsilon: 2.5, FilterSize: 5, LearnFilters: true},
		"5×5 lorentzian":      {Epsilon: 1, FilterSize: 5, StoreWeights: true, Potential: problems.Lorentzian},
		"7×7":                 {Epsilon: 1, FilterSize: 7},
		"7×7 filters":         {Epsilon: 2.5, FilterSize: 7, LearnFilters: true},
	}
	if raceEnabled { // slow, and no other code
		delete(all, "5×5 lorentzian")
		delete(all, "7×7")
		delete(all, "7×7 filters")
	}
	return all
}

// testW is a generic parameter vector: unequal weights, filters off the DCT.
func testW(d *problems.Denoise, s problems.DenoiseSettings, rng *rand.Rand) []float64 {
	w := d.Default(0.8)
	for i := range w {
		w[i] += 0.1 * rng.NormFloat64()
	}
	return w
}

func TestDenoiseDerivatives(t *testing.T) {
	ctx := context.Background()
	for name, s := range variants() {
		// Sizes with one position, less and more than a tile or a band.
		for _, size := range [][2]int{{3, 3}, {3, 9}, {11, 4}, {40, 35}, {35, 300}} {
			rng := rand.New(rand.NewPCG(3, 3))
			if more := s.FilterSize - 3; more > 0 { // as many positions
				size[0], size[1] = size[0]+more, size[1]+more
			}
			d := newDenoise(t, size[0], size[1], &s)
			ny, nw := d.Dims()
			w := testW(d, s, rng)
			y := slices.Clone(d.Noisy())
			e, err := d.Energy(ctx, y, w)
			if err != nil {
				t.Fatal(err)
			}
			if want := plainEnergy(d, s, y, w); math.Abs(e-want) > 1e-12*want {
				t.Errorf("%s %v: energy %v, by the definition %v", name, size, e, want)
			}
			g, v, u := make([]float64, ny), make([]float64, ny), make([]float64, nw)
			for i := range v {
				v[i] = rng.NormFloat64()
			}
			for i := range u {
				u[i] = rng.NormFloat64()
			}
			if err := d.Residual(ctx, g, y, w); err != nil {
				t.Fatal(err)
			}
			// Directional derivatives by central differences.
			moved := func(p, dir []float64, h float64) []float64 {
				q := slices.Clone(p)
				for i := range q {
					q[i] += h * dir[i]
				}
				return q
			}
			const h = 1e-4
			dE := (plainEnergy(d, s, moved(y, v, h), w) - plainEnergy(d, s, moved(y, v, -h), w)) / (2 * h)
			if got := kernel.Dot(g, v); math.Abs(got-dE) > 1e-6*(1+math.Abs(dE))+1e-10*e {
				t.Errorf("%s %v: gᵀv = %v, by differences %v", name, size, got, dE)
			}
			lin, err := d.Linearize(ctx, y, w)
			if err != nil {
				t.Fatal(err)
			}
			// A filter meets grey levels of some 200: its steps are smaller.
			const hw = 2e-7
			diff := func(y1, w1, y0, w0 []float64, h float64) []float64 {
				a, b := make([]float64, ny), make([]float64, ny)
				if err := d.Residual(ctx, a, y1, w1); err != nil {
					t.Fatal(err)
				}
				if err := d.Residual(ctx, b, y0, w0); err != nil {
					t.Fatal(err)
				}
				for i := range a {
					a[i] = (a[i] - b[i]) / (2 * h)
				}
				return a
			}
			near := func(what string, got, want []float64) {
				t.Helper()
				worst, size2 := 0.0, 0.0
				for i := range want {
					worst = max(worst, math.Abs(got[i]-want[i]))
					size2 = max(size2, math.Abs(want[i]))
				}
				if worst > 1e-6*(1+size2) {
					t.Errorf("%s %v: %s is off by %v of %v", name, size, what, worst, size2)
				}
			}
			hv := make([]float64, ny)
			if err := lin.Y.Apply(ctx, hv, v); err != nil {
				t.Fatal(err)
			}
			near("Hessian product", hv, diff(moved(y, v, h), w, moved(y, v, -h), w, h))
			bu := make([]float64, ny)
			if err := lin.W.Apply(ctx, bu, u); err != nil {
				t.Fatal(err)
			}
			near("mixed product", bu, diff(y, moved(w, u, hw), y, moved(w, u, -hw), hw))
			// The adjoint identity ⟨Bu, v⟩ = ⟨u, Bᵀv⟩.
			btv := make([]float64, nw)
			trans, _ := hvp.Trans(lin.W)
			if err := trans.ApplyTrans(ctx, btv, v); err != nil {
				t.Fatal(err)
			}
			a, b := kernel.Dot(bu, v), kernel.Dot(u, btv)
			if math.Abs(a-b) > 1e-12*(math.Abs(a)+1)*math.Sqrt(float64(ny)) {
				t.Errorf("%s %v: ⟨Bu,v⟩ = %v, ⟨u,Bᵀv⟩ = %v", name, size, a, b)
			}
			dg := make([]float64, ny)
			hd, _ := hvp.Diag(lin.Y)
			if err := hd.Diag(dg); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				i := rng.IntN(ny)
				unit, col := make([]float64, ny), make([]float64, ny)
				unit[i] = 1
				if err := lin.Y.Apply(ctx, col, unit); err != nil {
					t.Fatal(err)
				}
				if math.Abs(dg[i]-col[i]) > 1e-12*(1+math.Abs(col[i])) {
					t.Errorf("%s %v: diagonal %d is %v, eᵀHe = %v", name, size, i, dg[i], col[i])
				}
			}
			// Row ranges and any number of workers give the same bits.
			rows, _ := hvp.Rows(lin.Y)
			part := make([]float64, ny)
			for lo := 0; lo < ny; {
				hi := min(ny, lo+1+rng.IntN(ny))
				rows.ApplyRows(part, v, lo, hi)
				lo = hi
			}
			if !slices.Equal(part, hv) {
				t.Errorf("%s %v: row ranges differ from the whole", name, size)
			}
			for _, workers := range []int{1, 2, 3, 7} {
				c := hvp.WithWorkers(ctx, workers)
				if err := lin.Y.Apply(c, part, v); err != nil || !slices.Equal(part, hv) {
					t.Errorf("%s %v: %d workers change the Hessian product", name, size, workers)
				}
				again := make([]float64, nw)
				if err := trans.ApplyTrans(c, again, v); err != nil || !slices.Equal(again, btv) {
					t.Errorf("%s %v: %d workers change the mixed product", name, size, workers)
				}
				if e2, _ := d.Energy(c, y, w); e2 != e {
					t.Errorf("%s %v: %d workers change the energy", name, size, workers)
				}
			}
		}
	}
}

// TestDenoiseGradient compares dL/dw with central differences of the re-solved
// problem, to 1e-6.
func TestDenoiseGradient(t *testing.T) {
	ctx := context.Background()
	for name, s := range variants() {
		rng := rand.New(rand.NewPCG(5, 5))
		d := newDenoise(t, 24, 21, &s)
		ny, nw := d.Dims()
		w := testW(d, s, rng)
		inner := &hypergrad.Newton{RTol: 1e-12, Precond: hypergrad.Jacobi}
		y := slices.Clone(d.Noisy())
		res, err := inner.Solve(ctx, d, y, w)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		inner.RTol, inner.ATol = 0, res.Tolerance
		est := &hypergrad.Estimator{Precond: hypergrad.Jacobi, Settings: krylov.Settings{RTol: 1e-12}}
		grad := make([]float64, nw)
		if _, err := est.Gradient(ctx, d, y, w, grad); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for k := range 4 {
			u := make([]float64, nw)
			u[k] = 1
			h := 0.0
			if k == 3 {
				for i := range u {
					u[i] = rng.NormFloat64()
				}
				if s.LearnFilters {
					h = 2e-5 // a filter meets grey levels of some 200
				}
			}
			diff, err := hypergrad.CheckGradient(ctx, d, inner, y, w, grad, u, h)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if diff.Error() > 1e-6 {
				t.Errorf("%s, direction %d: hypergradient %v, by differences %v ± %.1g: error %.2g", name, k, diff.Predicted, diff.Measured, diff.Uncertainty, diff.Error())
			}
		}
		// The tangent and the adjoint are each other's transpose:
		// ∂ℓ/∂yᵀ (dy/dw u) = (dL/dw)ᵀ u, for ℓ without w.
		u, dy, slope := make([]float64, nw), make([]float64, ny), make([]float64, ny)
		for i := range u {
			u[i] = rng.NormFloat64()
		}
		if _, err := est.Tangent(ctx, d, y, w, u, dy); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Loss(ctx, slope, nil, y, w); err != nil {
			t.Fatal(err)
		}
		a, b := kernel.Dot(slope, dy), kernel.Dot(grad, u)
		if math.Abs(a-b) > 1e-10*(math.Abs(a)+math.Abs(b)) {
			t.Errorf("%s: tangent gives %v, adjoint %v", name, a, b)
		}
	}
}

// TestDenoiseAllocates: Hessian products allocate nothing in the steady state.
func TestDenoiseAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, s := range []problems.DenoiseSettings{{}, {FilterSize: 5}, {FilterSize: 7, LearnFilters: true, StoreWeights: true}} {
		d := newDenoise(t, 70, 40, &s)
		w := d.Default(0)
		w[len(w)-1] *= 1.01
		ctx := hvp.WithWorkers(context.Background(), 2)
		lin, err := d.Linearize(ctx, d.Noisy(), w)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]float64, 70*40)
		apply := func() {
			if err := lin.Y.Apply(ctx, dst, d.Clean()); err != nil {
				t.Fatal(err)
			}
		}
		apply()
		if got := testing.AllocsPerRun(50, apply); got >= 1 {
			t.Errorf("%+v: %v allocations per product", s, got)
		}
	}
}

func TestDenoiseBadInput(t *testing.T) {
	ok := picture(4, 4)
	nan := slices.Clone(ok)
	nan[5] = math.NaN()
	for what, f := range map[string]func() error{
		"too small":  func() error { _, err := problems.NewDenoise(ok[:8], ok[:8], 2, 4, nil); return err },
		"wrong size": func() error { _, err := problems.NewDenoise(ok, ok[:15], 4, 4, nil); return err },
		"NaN":        func() error { _, err := problems.NewDenoise(ok, nan, 4, 4, nil); return err },
		"even filters": func() error {
			_, err := problems.NewDenoise(ok, ok, 4, 4, &problems.DenoiseSettings{FilterSize: 4})
			return err
		},
		"too small for the filters": func() error {
			_, err := problems.NewDenoise(ok, ok, 4, 4, &problems.DenoiseSettings{FilterSize: 5})
			return err
		},
		"bad epsilon": func() error {
			_, err := problems.NewDenoise(ok, ok, 4, 4, &problems.DenoiseSettings{Epsilon: -1})
			return err
		},
		"short w": func() error {
			d, err := problems.NewDenoise(ok, ok, 4, 4, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = d.Energy(context.Background(), ok, make([]float64, 7))
			return err
		},
		"huge w": func() error {
			d, _ := problems.NewDenoise(ok, ok, 4, 4, nil)
			return d.Residual(context.Background(), make([]float64, 16), ok, d.Default(1000))
		},
	} {
		if f() == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// TestDenoiseDirect compares dL/dw with dense algebra of its own: filters as
// matrices by the definition of the convolution, Newton steps and the adjoint
// by Cholesky factorisations.
func TestDenoiseDirect(t *testing.T) {
	const rows, cols = 9, 8
	ctx := context.Background()
	d := newDenoise(t, rows, cols, nil)
	ny, nw := d.Dims()
	w := testW(d, problems.DenoiseSettings{}, rand.New(rand.NewPCG(6, 6)))

	// F[k] is the matrix of filter k, from the DCT-II formula
	// cos(π·u·(2a+1)/6)·cos(π·v·(2b+1)/6), normalised.
	var filters []*mat.Dense
	for uv := 1; uv < 9; uv++ {
		u, v := uv/3, uv%3
		var f [9]float64
		size := 0.0
		for o := range f {
			f[o] = math.Cos(math.Pi*float64(u*(2*(o/3)+1))/6) * math.Cos(math.Pi*float64(v*(2*(o%3)+1))/6)
			size = math.Hypot(size, f[o])
		}
		m := mat.NewDense((rows-2)*(cols-2), ny, nil)
		for i := range rows - 2 {
			for j := range cols - 2 {
				for o := range f {
					m.Set(i*(cols-2)+j, (i+2-o/3)*cols+j+2-o%3, f[o]/size)
				}
			}
		}
		filters = append(filters, m)
	}
	y := mat.NewVecDense(ny, slices.Clone(d.Noisy()))
	var chol mat.Cholesky
	first := make([]*mat.VecDense, len(filters)) // F_kᵀ φ′(t_k)
	linearise := func() *mat.VecDense {
		g, h := mat.NewVecDense(ny, nil), mat.NewSymDense(ny, nil)
		g.SubVec(y, mat.NewVecDense(ny, d.Noisy()))
		for i := range ny {
			h.SetSym(i, i, 1)
		}
		for k, f := range filters {
			var r, weighted mat.Dense
			var s mat.VecDense
			s.MulVec(f, y)
			weighted.CloneFrom(f)
			for p := range s.Len() {
				v := s.AtVec(p)
				for j := range ny {
					weighted.Set(p, j, f.At(p, j)*math.Exp(w[k])/math.Pow(v*v+1, 1.5))
				}
				s.SetVec(p, v/math.Sqrt(v*v+1))
			}
			r.Mul(f.T(), &weighted)
			first[k] = mat.NewVecDense(ny, nil)
			first[k].MulVec(f.T(), &s)
			g.AddScaledVec(g, math.Exp(w[k]), first[k])
			for i := range ny {
				for j := i; j < ny; j++ {
					h.SetSym(i, j, h.At(i, j)+r.At(i, j))
				}
			}
		}
		if !chol.Factorize(h) {
			t.Fatal("the Hessian is not definite")
		}
		return g
	}
	// Newton steps from a good start, found by the solver under test.
	if _, err := (&hypergrad.Newton{RTol: 1e-4}).Solve(ctx, d, y.RawVector().Data, w); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		step := linearise()
		if err := chol.SolveVecTo(step, step); err != nil {
			t.Fatal(err)
		}
		y.SubVec(y, step)
	}
	if g := linearise(); mat.Norm(g, 2) > 1e-10 {
		t.Fatalf("dense Newton left a gradient of %v", mat.Norm(g, 2))
	}
	q := mat.NewVecDense(ny, nil)
	q.SubVec(y, mat.NewVecDense(ny, d.Clean()))
	q.ScaleVec(1/float64(ny), q)
	if err := chol.SolveVecTo(q, q); err != nil {
		t.Fatal(err)
	}
	want := make([]float64, nw)
	for k := range want {
		want[k] = -math.Exp(w[k]) * mat.Dot(first[k], q)
	}
	got, z := make([]float64, nw), slices.Clone(d.Noisy())
	if _, err := (&hypergrad.Newton{Polish: true, Precond: hypergrad.Jacobi}).Solve(ctx, d, z, w); err != nil {
		t.Fatal(err)
	}
	est := &hypergrad.Estimator{Precond: hypergrad.Jacobi, Settings: krylov.Settings{RTol: 1e-10}}
	if _, err := est.Gradient(ctx, d, z, w, got); err != nil {
		t.Fatal(err)
	}
	if e := relative(got, want); e > 1e-9 {
		t.Errorf("dL/dw differs from the direct solve by %.2g", e)
	} else {
		t.Logf("dL/dw differs from the direct solve by %.2g", e)
	}
}
