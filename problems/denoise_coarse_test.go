package problems

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
	"github.com/hgsolve/hgsolve/precond/precondtest"
)

// denoiseSystem returns the Hessian and the right-hand side of the adjoint of a
// solved problem on part of the photograph.
func denoiseSystem(t testing.TB, rows, cols int, s *DenoiseSettings, logWeight float64) (a hvp.Operator, b []float64) {
	t.Helper()
	ctx := context.Background()
	pix, r, c := Photograph()
	clean := Resize(pix, r, c, rows, cols)
	d, err := NewDenoise(clean, AddNoise(clean, 15, 1), rows, cols, s)
	if err != nil {
		t.Fatal(err)
	}
	w := d.Default(logWeight)
	if s != nil && s.LearnFilters {
		filters := layoutOf(d.set.FilterSize).filters
		for i := range w[filters:] {
			w[filters+i] += 0.05 * math.Sin(float64(i))
		}
	}
	y := append([]float64(nil), d.Noisy()...)
	inner := hypergrad.Newton{Precond: hypergrad.Jacobi, RTol: 1e-6}
	if _, err := inner.Solve(ctx, d, y, w); err != nil {
		t.Fatal(err)
	}
	lin, err := d.Linearize(ctx, y, w)
	if err != nil {
		t.Fatal(err)
	}
	b = make([]float64, rows*cols)
	if _, err := d.Loss(ctx, b, nil, y, w); err != nil {
		t.Fatal(err)
	}
	return lin.Y, b
}

// TestDenoiseCoarsens compares quadratic forms of smooth images on both grids,
// for the DCT bank and for filters that mix orders, seeds and stored weights.
func TestDenoiseCoarsens(t *testing.T) {
	ctx := context.Background()
	for _, s := range []*DenoiseSettings{{}, {StoreWeights: true}, {LearnFilters: true}, {FilterSize: 5}, {FilterSize: 7}, {FilterSize: 5, LearnFilters: true}} {
		for _, size := range [][2]int{{64, 64}, {47, 90}} {
			rows, cols := size[0], size[1]
			if s.FilterSize > 3 && rows > 47 {
				continue
			}
			a, _ := denoiseSystem(t, rows, cols, s, 1)
			c, p, scale, ok, err := a.(hvp.Coarsener).Coarsen(ctx)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			n, m := p.Dims()
			if half, _ := c.Dims(); half != m {
				t.Fatalf("the coarse operator has order %d, the interpolation %d columns", half, m)
			}
			coarseCols := (cols + 1) / 2
			x, fine, out, coarse := make([]float64, m), make([]float64, n), make([]float64, n), make([]float64, m)
			for i := range x {
				u, v := float64(i/coarseCols)/float64((rows+1)/2), float64(i%coarseCols)/float64(coarseCols)
				x[i] = math.Cos(math.Pi*u) * math.Cos(2*math.Pi*v)
			}
			for _, err := range []error{p.Apply(ctx, fine, x), a.Apply(ctx, out, fine), c.Apply(ctx, coarse, x)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			var want, got float64
			for i := range fine {
				want += scale * fine[i] * out[i]
			}
			for i := range x {
				got += x[i] * coarse[i]
			}
			if r := got / want; r < 0.9 || r > 1.25 {
				t.Errorf("%+v, %v: the form of the coarse operator is %.3f times that of the fine one", s, size, r)
			}
		}
	}
}

// TestMultigridOnDenoise: the harder the problem, the more multigrid saves. The
// answer is that of the verified solve either way.
func TestMultigridOnDenoise(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		s          *DenoiseSettings
		logWeight  float64
		iterations int // at most
	}{{nil, 0, 8}, {nil, 2, 24}, {nil, 4, 18}, {&DenoiseSettings{LearnFilters: true}, 4, 60},
		{&DenoiseSettings{FilterSize: 5}, 2, 24}, {&DenoiseSettings{FilterSize: 7}, 2, 45},
	} {
		rows, cols := 96, 130
		if c.s != nil && c.s.FilterSize > 0 {
			rows, cols = 72, 80
		}
		a, b := denoiseSystem(t, rows, cols, c.s, c.logWeight)
		m, err := precond.NewMultigrid(ctx, a, nil)
		if err != nil {
			t.Fatal(err)
		}
		j, err := precond.NewJacobi(ctx, a)
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float64, len(b))
		plain, err := krylov.Solve(ctx, a, x, b, &krylov.Settings{Precond: j})
		if err != nil {
			t.Fatal(err)
		}
		res, err := krylov.Solve(ctx, a, x, b, &krylov.Settings{Precond: m})
		if err != nil || res.Method != "cg" || res.Iterations > c.iterations {
			t.Errorf("log-weight %v: %d iterations of %s (Jacobi %d): %v", c.logWeight, res.Iterations, res.Method, plain.Iterations, err)
		}
		t.Logf("log-weight %v: %d iterations, Jacobi %d", c.logWeight, res.Iterations, plain.Iterations)
	}
}

// TestMultigridConformsOnDenoise puts the cycle through the conformance test, in
// double and in single precision.
func TestMultigridConformsOnDenoise(t *testing.T) {
	large, _ := denoiseSystem(t, 40, 37, &DenoiseSettings{FilterSize: 5}, 0)
	larger, _ := denoiseSystem(t, 40, 37, &DenoiseSettings{FilterSize: 5}, 1)
	precondtest.Test(t, large, larger, func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		return precond.NewMultigrid(ctx, a, nil)
	}, nil)
	a, _ := denoiseSystem(t, 60, 77, nil, 1)
	other, _ := denoiseSystem(t, 60, 77, nil, 3)
	for _, double := range []bool{true, false} {
		var opt hvptest.Options
		if !double {
			opt.Tol = 1e-6
		}
		precondtest.Test(t, a, other, func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
			return precond.NewMultigrid(ctx, a, &precond.MultigridSettings{Double: double})
		}, &opt)
	}
}

// TestPrecondOnLargeFilters: every kind that takes a Hessian with 5×5 or 7×7 filters
// leads to the same verified solution, Auto too, and others say that they do not
// apply.
func TestPrecondOnLargeFilters(t *testing.T) {
	ctx := context.Background()
	for _, s := range []*DenoiseSettings{{FilterSize: 5}, {FilterSize: 7, LearnFilters: true}} {
		a, b := denoiseSystem(t, 32, 41, s, 0)
		if _, ok, err := a.(hvp.Singler).Single(ctx); ok || err != nil {
			t.Fatalf("%+v: a stand-in in single precision: %v, %v", s, ok, err)
		}
		want := make([]float64, len(b))
		if _, err := krylov.Solve(ctx, a, want, b, &krylov.Settings{RTol: 1e-12}); err != nil {
			t.Fatal(err)
		}
		used := 0
		for _, kind := range precond.Kinds() {
			p, err := kind.Make(ctx, a)
			if err != nil {
				if !errors.Is(err, precond.ErrNotApplicable) {
					t.Errorf("%+v, %s: %v", s, kind.Name, err)
				}
				continue
			}
			used++
			x := make([]float64, len(b))
			if _, err := krylov.Solve(ctx, a, x, b, &krylov.Settings{Precond: p, RTol: 1e-12}); err != nil {
				t.Errorf("%+v, %s: %v", s, kind.Name, err)
			}
			var d, n float64
			for i, v := range want {
				d, n = math.Hypot(d, x[i]-v), math.Hypot(n, v)
			}
			if !(d <= 1e-9*n) {
				t.Errorf("%+v, %s: the solution differs by %v of %v", s, kind.Name, d, n)
			}
		}
		if used < 4 { // jacobi, chebyshev, multigrid, auto
			t.Errorf("%+v: only %d kinds apply", s, used)
		}
	}
}

// TestDilation: D is exact for polynomials.
func TestDilation(t *testing.T) {
	for _, n := range []int{3, 5, 7} {
		d := dilation(n)
		for power := range n {
			for a := range n {
				got, scale := 0.0, 0.0
				for p := range n {
					term := d[a*n+p] * math.Pow(float64(p-n/2), float64(power))
					got += term
					scale += math.Abs(term)
				}
				want := math.Pow(float64(a-n/2)/2, float64(power))
				if math.Abs(got-want) > 1e-14*(scale+math.Abs(want)) {
					t.Errorf("size %d: x^%d at %d is %v, want %v", n, power, a, got, want)
				}
			}
		}
	}
}
