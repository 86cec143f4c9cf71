package krylov_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
)

// textbookCG is preconditioned CG as Hestenes & Stiefel have it, one loop per
// line. m is the diagonal of the preconditioner, nil for none. It returns the
// iterations until ‖b − A·x‖ ≤ tol·‖b‖ by the recurrence, at most limit.
func textbookCG(a hvp.Operator, b, m []float64, tol float64, limit int) (iterations int) {
	n := len(b)
	x, r, q, z := make([]float64, n), slices.Clone(b), make([]float64, n), make([]float64, n)
	dot := func(x, y []float64) (s float64) {
		for i := range x {
			s += x[i] * y[i]
		}
		return s
	}
	apply := func() {
		for i := range z {
			z[i] = r[i]
			if m != nil {
				z[i] *= m[i]
			}
		}
	}
	apply()
	p, rz, goal := slices.Clone(z), dot(r, z), tol*norm(b)
	for k := 1; k <= limit; k++ {
		if err := a.Apply(context.Background(), q, p); err != nil {
			panic(err)
		}
		alpha := rz / dot(p, q)
		for i := range x {
			x[i] += alpha * p[i]
			r[i] -= alpha * q[i]
		}
		if norm(r) <= goal {
			return k
		}
		apply()
		next := dot(r, z)
		beta := next / rz
		rz = next
		for i := range p {
			p[i] = z[i] + beta*p[i]
		}
	}
	return limit
}

// TestCGOnRealMatrices: the iterations of the textbook at the same tolerance,
// within 5 %, and a true residual that meets it.
func TestCGOnRealMatrices(t *testing.T) {
	for _, c := range []struct {
		name   string
		jacobi bool
	}{
		{"bcsstk01", false}, {"bcsstk01", true}, {"bcsstk02", false}, {"nos3", false}, {"nos5", false}, {"nos5", true}, {"gr_30_30", false},
		{"1138_bus", true}, {"wathen_7400", false}, {"wathen_7400", true}, {"pyamg_bar", true}, {"xpetra_A_13366", true}, {"bcsstk14", true}, {"maxwell_M1_3630", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := hvp.WithStructure(readTestMatrix(t, c.name), hvp.SPD)
			n, _ := a.Dims()
			b, x := sine(n), make([]float64, n)
			s := &krylov.Settings{RTol: 1e-8, MaxIter: 20 * n}
			var m []float64
			if c.jacobi {
				pre, err := precond.NewJacobi(context.Background(), a)
				if err != nil {
					t.Fatal(err)
				}
				s.Precond, m = pre, pre.DiagonalValues()
			}
			var cg krylov.CG
			res, err := cg.Solve(context.Background(), a, x, b, s)
			if err != nil {
				t.Fatal(err)
			}
			want := textbookCG(a, b, m, 1e-8, 20*n)
			if float64(res.Iterations) > 1.05*float64(want)+1 {
				t.Errorf("%d iterations, the textbook takes %d", res.Iterations, want)
			}
			if res.TrueResidual > 1e-8*res.RHSNorm {
				t.Errorf("true residual %v of %v", res.TrueResidual, res.RHSNorm)
			}
			t.Logf("jacobi %v: %d iterations, textbook %d, condition at least %.3g", c.jacobi, res.Iterations, want, res.Condition())
		})
	}
}

// spread returns a diagonal operator with n eigenvalues from 1/cond to 1, hidden
// from the solver, which therefore needs many iterations.
func spread(n int, cond float64) (a hvp.Operator, d []float64) {
	d = make([]float64, n)
	for i := range d {
		d[i] = math.Pow(cond, -float64(i)/float64(n-1))
	}
	return &hvp.Func{Rows: n, Promise: hvp.SPD, Mul: func(_ context.Context, dst, x []float64) error {
		for i, v := range d {
			dst[i] = v * x[i]
		}
		return nil
	}}, d
}

// TestCGErrorBounds: lower ≤ ‖x − x*‖_A ≤ upper for the iterate returned, with
// and without a preconditioner, and neither far off.
func TestCGErrorBounds(t *testing.T) {
	const n, cond = 400, 1e4
	a, d := spread(n, cond)
	rng := rand.New(rand.NewPCG(4, 4))
	b, m := make([]float64, n), make([]float64, n)
	for i := range b {
		b[i] = rng.NormFloat64()
		m[i] = math.Pow(d[i], -0.3) * (1 + 0.5*rng.Float64())
	}
	pre, err := hvp.NewDiagonal(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []hvp.Operator{nil, pre} {
		for _, rtol := range []float64{0.5, 1e-1, 1e-2, 1e-4, 1e-6, 1e-9} {
			for _, floor := range []float64{1 / cond, 0.5 / cond} {
				for _, scale := range []float64{1, 1e-140} {
					x, bs := make([]float64, n), slices.Clone(b)
					for i := range bs {
						bs[i] *= scale
					}
					var cg krylov.CG
					res, err := cg.Solve(context.Background(), a, x, bs, &krylov.Settings{RTol: rtol, CurvatureFloor: floor, Precond: p})
					if err != nil {
						t.Fatal(err)
					}
					truth := 0.0
					for i := range x {
						e := (x[i] - bs[i]/d[i]) / scale
						truth += d[i] * e * e
					}
					truth = math.Sqrt(truth) * scale
					if !(res.ErrorLower <= truth*(1+1e-6) && truth <= res.ErrorUpper*(1+1e-6)) {
						t.Errorf("precond %T, rtol %g, floor %g: error %.4g outside [%.4g, %.4g]", p, rtol, floor, truth, res.ErrorLower, res.ErrorUpper)
					}
					if res.ErrorUpper > 30*truth || res.ErrorLower < truth/30 {
						t.Errorf("precond %T, rtol %g, floor %g: bounds [%.4g, %.4g] far from the error %.4g", p, rtol, floor, res.ErrorLower, res.ErrorUpper, truth)
					}
				}
			}
		}
	}
}

func TestCGRitzValues(t *testing.T) {
	const n, cond = 300, 1e3
	a, _ := spread(n, cond)
	x := make([]float64, n)
	var cg krylov.CG
	res, err := cg.Solve(context.Background(), a, x, constant(n, 1), &krylov.Settings{RTol: 1e-12})
	if err != nil {
		t.Fatal(err)
	}
	if res.MinRitz < 1/cond*(1-1e-9) || res.MinRitz > 1.001/cond || res.MaxRitz > 1+1e-9 || res.MaxRitz < 0.999 {
		t.Errorf("Ritz values %v … %v, the spectrum is %v … 1", res.MinRitz, res.MaxRitz, 1/cond)
	}
	if c := res.Condition(); math.Abs(c-cond) > 2 {
		t.Errorf("condition %v, want %v", c, cond)
	}
}

// TestFlexibleCG: a preconditioner that varies, here an inner iteration to a
// loose tolerance, costs the plain method more iterations than the flexible one.
func TestFlexibleCG(t *testing.T) {
	a := stencil5(t, 60, 1e-4)
	n, _ := a.Dims()
	var inner krylov.CG
	varying := &hvp.Func{Rows: n, Promise: hvp.SPD, Mul: func(ctx context.Context, dst, x []float64) error {
		_, err := inner.Solve(ctx, a, dst, x, &krylov.Settings{RTol: 0.3})
		return err
	}}
	solve := func(cg krylov.CG) krylov.Result {
		res, _ := cg.Solve(context.Background(), a, make([]float64, n), sine(n), &krylov.Settings{Precond: varying, MaxIter: 200, RTol: 1e-10})
		return res
	}
	plain, flexible := solve(krylov.CG{}), solve(krylov.CG{Flexible: true})
	t.Logf("plain: %v after %d iterations; flexible: %v after %d", plain.Status, plain.Iterations, flexible.Status, flexible.Iterations)
	if flexible.Status != krylov.Converged || plain.Iterations <= flexible.Iterations {
		t.Errorf("plain: %v after %d iterations; flexible: %v after %d", plain.Status, plain.Iterations, flexible.Status, flexible.Iterations)
	}
	// With a fixed preconditioner both are the same method.
	fixed := &hvp.Func{Rows: n, Promise: hvp.SPD, Mul: func(_ context.Context, dst, x []float64) error { copy(dst, x); return nil }}
	var a1, a2 = krylov.CG{}, krylov.CG{Flexible: true}
	r1, _ := a1.Solve(context.Background(), a, make([]float64, n), sine(n), &krylov.Settings{Precond: fixed})
	r2, _ := a2.Solve(context.Background(), a, make([]float64, n), sine(n), &krylov.Settings{Precond: fixed})
	if d := r1.Iterations - r2.Iterations; d < -2 || d > 2 {
		t.Errorf("fixed preconditioner: %d and %d iterations", r1.Iterations, r2.Iterations)
	}
}

// TestCGMemory: the n-vectors that the workspace holds are those documented.
func TestCGMemory(t *testing.T) {
	a := stencil5(t, 150, 1)
	n, _ := a.Dims()
	jacobi, _ := hvp.NewDiagonal(constant(n, 0.2))
	hidden := &hvp.Func{Rows: n, Mul: jacobi.Apply, Promise: hvp.SPD}
	for _, c := range []struct {
		what    string
		m       hvp.Operator
		vectors float64
	}{{"none", nil, 3}, {"diagonal", jacobi, 3}, {"general", hidden, 4}} {
		var cg krylov.CG
		if _, err := cg.Solve(context.Background(), a, make([]float64, n), sine(n), &krylov.Settings{Precond: c.m}); err != nil {
			t.Fatal(err)
		}
		if got := floats(reflect.ValueOf(cg)) / float64(n); math.Abs(got-c.vectors) > 0.02*c.vectors {
			t.Errorf("%s: workspace of %.3f n-vectors, documented %v", c.what, got, c.vectors)
		}
	}
}

// floats counts the float64 values in slices below v that are longer than one
// could need for scalars.
func floats(v reflect.Value) float64 {
	sum := 0.0
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			// d is the caller's diagonal.
			if v.Type().Field(i).Name != "d" {
				sum += floats(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Float64 {
			sum = float64(v.Cap())
		}
	}
	return sum
}

// TestCGHonestOnRandomSystems: symmetric systems of any signature, singular or
// not; what converges is right, what does not has a name.
func TestCGHonestOnRandomSystems(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		eig := make([]float64, n)
		for i := range eig {
			eig[i] = rapid.SampledFrom([]float64{1, 2, 0.1, 1e-6, 0, -1, 1e5}).Draw(t, "eigenvalue")
		}
		op := newSpectral(rng, eig).operator()
		b := make([]float64, n)
		for i := range b {
			b[i] = rng.NormFloat64()
		}
		op.Promise = hvp.SPD
		for _, m := range []krylov.Method{new(krylov.CG), new(krylov.Auto)} {
			x := make([]float64, n)
			res, err := m.Solve(context.Background(), op, x, b, &krylov.Settings{RTol: 1e-9, MaxIter: 1000})
			if (err == nil) != res.Status.Success() {
				t.Fatalf("status %v, error %v", res.Status, err)
			}
			if err == nil {
				ax := make([]float64, n)
				if err := op.Apply(context.Background(), ax, x); err != nil {
					t.Fatal(err)
				}
				for i := range ax {
					ax[i] -= b[i]
				}
				if r := norm(ax); r > 1e-9*norm(b)*(1+1e-3) {
					t.Fatalf("%v: converged with residual %v", m, r/norm(b))
				}
			} else if slices.Min(eig) > 0 && slices.Max(eig)/slices.Min(eig) < 1e6 {
				t.Fatalf("%v: eigenvalues %v: %v", m, eig, err)
			}
			if res.Status == krylov.NegativeCurvature && slices.Min(eig) > 0 {
				t.Fatalf("%v: negative curvature of a positive definite matrix", m)
			}
		}
	})
}

// TestAutoHandsOver: a wrong promise costs CG's iterations, not the answer.
func TestAutoHandsOver(t *testing.T) {
	a := tridiag(80, -1, 1.2, -1) // indefinite
	op := dense(80, a)
	op.Promise = hvp.SPD
	x, b := make([]float64, 80), sine(80)
	res, err := krylov.Solve(context.Background(), op, x, b, &krylov.Settings{RTol: 1e-10})
	if err != nil || res.Path != "cg → minres" || res.Method != "minres" {
		t.Errorf("path %q, method %q, %v", res.Path, res.Method, err)
	}
	if r := plainResidual(a, x, b); r > 1e-10*norm(b)*(1+1e-6) {
		t.Errorf("residual %v", r)
	}
	if !(res.Curvature < 0) || len(res.Direction) != 80 {
		t.Errorf("the negative curvature met is not reported: %v", res.Curvature)
	}
	// The limit holds for the whole path.
	res, err = krylov.Solve(context.Background(), op, x, b, &krylov.Settings{RTol: 1e-10, MaxIter: 10})
	if res.Iterations > 10 || err == nil {
		t.Errorf("%d iterations of 10, %v", res.Iterations, err)
	}
	// Settings that promise nothing about symmetry are refused with a reason.
	if _, err := krylov.Solve(context.Background(), op, x, b[:79], nil); !errors.Is(err, krylov.InvalidInput) {
		t.Errorf("short b: %v", err)
	}
}

func TestErrorTextTeaches(t *testing.T) {
	e := &krylov.Error{Status: krylov.NegativeCurvature, Method: "cg", Iterations: 3, Residual: 0.5, Tolerance: 1e-8}
	want := "krylov: cg: NegativeCurvature after 3 iterations, residual 0.5, asked for 1e-08 (the operator is not positive definite: the point may be no minimiser, or the product is wrong; MINRES solves symmetric indefinite systems)"
	if e.Error() != want {
		t.Errorf("got  %s\nwant %s", e, want)
	}
	s := &krylov.Settings{ATol: 1e-3, MaxIter: 7, MaxTime: time.Second, Guess: true, Workers: 2}
	if got, want := s.String(), "atol=0.001 maxiter=7 maxtime=1s guess workers=2"; got != want {
		t.Errorf("settings print as %q, want %q", got, want)
	}
	if got := (*krylov.Settings)(nil).String(); got != "rtol=1e-08" {
		t.Errorf("nil settings print as %q", got)
	}
}
