package hypergrad_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
)

// coupledCubes is E = ½yᵀTy + ¼Σ y_i⁴ − Σ w_i·y_i with a tridiagonal T, all derivatives
// given, and ℓ = ½‖y − 1‖² + ½‖w‖²/10.
func coupledCubes(n int) (*hypergrad.Funcs, []float64, []float64) {
	t := func(dst, v []float64) {
		for i := range v {
			dst[i] = 2.5 * v[i]
			if i > 0 {
				dst[i] -= v[i-1]
			}
			if i < n-1 {
				dst[i] -= v[i+1]
			}
		}
	}
	p := &hypergrad.Funcs{NY: n, NW: n, Structure: hvp.SPD}
	p.Gradient = func(dst, y, w []float64) error {
		t(dst, y)
		for i := range dst {
			dst[i] += y[i]*y[i]*y[i] - w[i]
		}
		return nil
	}
	p.HVP = func(dst, v, y, w []float64) error {
		t(dst, v)
		for i := range dst {
			dst[i] += 3 * y[i] * y[i] * v[i]
		}
		return nil
	}
	p.Mixed = func(dst, q, y, w []float64) error {
		for i := range dst {
			dst[i] = -q[i]
		}
		return nil
	}
	p.LossValue = func(dy, dw, y, w []float64) (l float64, err error) {
		for i := range y {
			l += 0.5*(y[i]-1)*(y[i]-1) + 0.05*w[i]*w[i]
			dy[i], dw[i] = y[i]-1, 0.1*w[i]
		}
		return l, nil
	}
	w := make([]float64, n)
	for i := range w {
		w[i] = 1 + math.Sin(float64(i))
	}
	return p, make([]float64, n), w
}

// TestWrongPieces: what is grossly wrong in a problem never passes for a hypergradient
// with right digits.
func TestWrongPieces(t *testing.T) {
	const n = 12
	for _, c := range []struct {
		name  string
		spoil func(p *hypergrad.Funcs)
		says  string // part of a warning; empty: an error
	}{
		{"nothing", func(*hypergrad.Funcs) {}, "-"},
		{"differences", func(p *hypergrad.Funcs) { p.HVP, p.Mixed = nil, nil }, "-"},
		{"hessian off by 5 %", func(p *hypergrad.Funcs) {
			right := p.HVP
			p.HVP = func(dst, v, y, w []float64) error {
				err := right(dst, v, y, w)
				for i := range dst {
					dst[i] *= 1.05
				}
				return err
			}
		}, "∂G/∂y"},
		{"hessian of another y", func(p *hypergrad.Funcs) {
			right := p.HVP
			p.HVP = func(dst, v, y, w []float64) error { return right(dst, v, make([]float64, n), w) }
		}, "∂G/∂y"},
		{"not symmetric", func(p *hypergrad.Funcs) {
			right := p.HVP
			p.HVP = func(dst, v, y, w []float64) error {
				err := right(dst, v, y, w)
				for i := range n - 1 {
					dst[i] += 0.3 * v[i+1]
				}
				return err
			}
		}, "∂G/∂y"},
		{"mixed of the wrong sign", func(p *hypergrad.Funcs) {
			p.Mixed = func(dst, q, _, _ []float64) error { copy(dst, q); return nil }
		}, "∂G/∂w"},
		{"mixed is zero", func(p *hypergrad.Funcs) {
			p.Mixed = func(dst, q, _, _ []float64) error { clear(dst); return nil }
		}, "∂G/∂w"},
		{"mixed permuted", func(p *hypergrad.Funcs) {
			p.Mixed = func(dst, q, _, _ []float64) error {
				for i := range dst {
					dst[i] = -q[n-1-i]
				}
				return nil
			}
		}, "∂G/∂w"},
		{"loss slope twice", func(p *hypergrad.Funcs) {
			right := p.LossValue
			p.LossValue = func(dy, dw, y, w []float64) (float64, error) {
				l, err := right(dy, dw, y, w)
				for i := range dy {
					dy[i] *= 2
				}
				return l, err
			}
		}, "∂ℓ/∂y"},
		{"loss slope forgotten", func(p *hypergrad.Funcs) {
			right := p.LossValue
			p.LossValue = func(dy, dw, y, w []float64) (float64, error) {
				l, err := right(dy, dw, y, w)
				clear(dy)
				return l, err
			}
		}, "∂ℓ/∂y"},
		{"loss in w forgotten", func(p *hypergrad.Funcs) {
			right := p.LossValue
			p.LossValue = func(dy, dw, y, w []float64) (float64, error) {
				l, err := right(dy, dw, y, w)
				clear(dw)
				return l, err
			}
		}, "∂ℓ/∂w"},
		{"negative definite", func(p *hypergrad.Funcs) {
			right := p.Gradient
			p.Gradient = func(dst, y, w []float64) error {
				err := right(dst, y, w)
				for i := range dst {
					dst[i] = -dst[i]
				}
				return err
			}
		}, "∂G/∂y"},
		{"NaN product", func(p *hypergrad.Funcs) {
			p.HVP = func(dst, v, _, _ []float64) error { dst[2] = math.NaN(); return nil }
		}, ""},
		{"zero product", func(p *hypergrad.Funcs) {
			p.HVP = func(dst, v, _, _ []float64) error { clear(dst); return nil }
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, y, w := coupledCubes(n)
			if _, err := new(hypergrad.Newton).Solve(context.Background(), p, y, w); err != nil {
				t.Fatal(err)
			}
			c.spoil(p)
			var e hypergrad.Estimator
			grad := make([]float64, n)
			rep, err := e.Gradient(context.Background(), p, y, w, grad)
			switch {
			case c.says == "" && err == nil:
				t.Errorf("no error, warnings %q", rep.Warnings)
			case c.says == "":
			case err != nil:
				t.Error(err)
			case c.says == "-":
				if len(rep.Warnings) > 0 || !rep.Error.Trusted {
					t.Errorf("warnings %q, note %q", rep.Warnings, rep.Error.Note)
				}
			case !slices.ContainsFunc(rep.Warnings, func(s string) bool { return strings.Contains(s, c.says) }):
				t.Errorf("warnings %q do not name %s; note %q", rep.Warnings, c.says, rep.Error.Note)
			case rep.Error.Trusted || rep.Digits != 0:
				t.Errorf("trusted with %v digits", rep.Digits)
			}
		})
	}
}

// TestRightFaces: no false alarm at solutions with active variables, whatever the problem
// is wrapped in, and a wrong product on the face is found.
func TestRightFaces(t *testing.T) {
	const n = 12
	ctx := context.Background()
	base, _, w := coupledCubes(n)
	box := &hypergrad.Bounds{Problem: base, Lower: make([]float64, n), Upper: slices.Repeat([]float64{0.5}, n)}
	lasso := &hypergrad.L1{Problem: base, Weights: func(lambda, w []float64) error {
		for i := range lambda {
			lambda[i] = 0.8 + 0.1*w[0]*float64(i%2)
		}
		return nil
	}}
	for _, p := range []hypergrad.Problem{box, lasso} {
		y := make([]float64, n)
		if _, err := (&hypergrad.ActiveSetNewton{ATol: 1e-12}).Solve(ctx, p, y, w); err != nil {
			t.Fatal(err)
		}
		right, grad := base.HVP, make([]float64, n)
		for _, wrong := range []bool{false, true} {
			if wrong {
				base.HVP = func(dst, v, y, w []float64) error { return right(dst, v, make([]float64, n), w) }
			}
			for _, q := range []hypergrad.Problem{p, &struct{ hypergrad.Problem }{p}} {
				rep, err := new(hypergrad.Estimator).Gradient(ctx, q, y, w, grad)
				if err != nil || (len(rep.Warnings) > 0) != wrong {
					t.Errorf("%T in a %T, wrong %v: warnings %q, %v", p, q, wrong, rep.Warnings, err)
				}
			}
		}
		base.HVP = right
	}
}

// TestWrongTangent: a tangent that does not keep G as it is gets a warning.
func TestWrongTangent(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name  string
		spoil func(p *hypergrad.FixedPoint)
		wrong bool
	}{
		{"nothing", func(*hypergrad.FixedPoint) {}, false},
		{"differences", func(p *hypergrad.FixedPoint) { p.JVP, p.JVPW = nil, nil }, false},
		{"transpose", func(p *hypergrad.FixedPoint) { p.JVP = p.VJP }, true},
		{"mixed is zero", func(p *hypergrad.FixedPoint) {
			p.JVPW = func(dst, _, _, _ []float64) error { clear(dst); return nil }
		}, true},
		{"mixed of the wrong sign", func(p *hypergrad.FixedPoint) {
			right := p.JVPW
			p.JVPW = func(dst, u, y, w []float64) error {
				err := right(dst, u, y, w)
				for i := range dst {
					dst[i] = -dst[i]
				}
				return err
			}
		}, true},
	} {
		f := equilibriumNet()
		y := slices.Clone(f.y)
		if _, err := f.inner(0, 1e-13).Solve(ctx, f.p, y, f.w); err != nil {
			t.Fatal(err)
		}
		p := *f.p.(*hypergrad.FixedPoint)
		c.spoil(&p)
		u, dst := make([]float64, len(f.w)), make([]float64, len(y))
		u[1], u[2] = 1, -3
		rep, err := new(hypergrad.Estimator).Tangent(ctx, &p, y, f.w, u, dst)
		if err != nil || (len(rep.Warnings) > 0) != c.wrong {
			t.Errorf("%s: warnings %q, %v", c.name, rep.Warnings, err)
		}
	}
}

// TestFarAway: where G grows like a power of y, a Newton step shrinks it however far y
// is from the solution, which is no reason to trust the error bar.
func TestFarAway(t *testing.T) {
	p, y, w := coupledCubes(6)
	for _, size := range []float64{30, 1e3, 1e10, 1e100} {
		for i := range y {
			y[i] = size
		}
		rep, err := new(hypergrad.Estimator).Gradient(context.Background(), p, y, w, make([]float64, 6))
		if err != nil || rep.Error.Trusted || rep.Digits != 0 {
			t.Errorf("y = %g: %v digits, %+v, %v", size, rep.Digits, rep.Error, err)
		}
	}
}

// TestUndefinedTogether: what Gradient and Tangent call undefined is so for several at
// once too. E = ½yᵀLy − wᵀy with L the Laplacian of a path.
func TestUndefinedTogether(t *testing.T) {
	const n = 8
	ctx := context.Background()
	p := &hypergrad.Funcs{NY: n, NW: n, Structure: hvp.Semidefinite | hvp.Singular}
	p.HVP = func(dst, v, _, _ []float64) error {
		for i := range v {
			dst[i] = 0
			if i > 0 {
				dst[i] += v[i] - v[i-1]
			}
			if i < n-1 {
				dst[i] += v[i] - v[i+1]
			}
		}
		return nil
	}
	p.Gradient = func(dst, y, w []float64) error {
		err := p.HVP(dst, y, y, w)
		for i := range dst {
			dst[i] -= w[i]
		}
		return err
	}
	p.Mixed = func(dst, q, _, _ []float64) error {
		for i := range dst {
			dst[i] = -q[i]
		}
		return nil
	}
	p.MixedTrans = p.Mixed
	loss := func(slope ...float64) hypergrad.LossFunc {
		return func(_ context.Context, dy, dw, _, _ []float64) (float64, error) {
			clear(dy)
			clear(dw)
			copy(dy, slope)
			return 0, nil
		}
	}
	y, w := make([]float64, n), make([]float64, n)
	var e hypergrad.Estimator
	defined := slices.Repeat([]hypergrad.LossFunc{loss(1, -1), loss(0, 2, -2)}, 4)
	if _, err := e.Gradients(ctx, p, defined, y, w, make([]float64, 8*n)); err != nil {
		t.Error(err)
	}
	for k := range 8 {
		some := slices.Clone(defined[:k+1])
		some[k] = loss(1)
		var block *krylov.BlockError
		if _, err := e.Gradients(ctx, p, some, y, w, make([]float64, n*(k+1))); !errors.Is(err, hypergrad.ErrUndefined) || !errors.As(err, &block) || !slices.Equal(block.Columns, []int{k}) {
			t.Errorf("%d gradients: %v", k+1, err)
		}
	}
	for _, mode := range []hypergrad.JacobianMode{hypergrad.Forward, hypergrad.Reverse} {
		if _, err := e.Jacobian(ctx, p, y, w, make([]float64, n*n), &hypergrad.JacobianSettings{Mode: mode}); !errors.Is(err, hypergrad.ErrUndefined) {
			t.Errorf("Jacobian, %v: %v", mode, err)
		}
	}
	u := make([]float64, n*4)
	u[0] = 1
	if _, err := e.Tangents(ctx, p, y, w, u, 4, make([]float64, n*4)); !errors.Is(err, hypergrad.ErrUndefined) {
		t.Errorf("Tangents: %v", err)
	}
}

// TestNoParameters: n_w = 0 is a problem without a hypergradient, not an error.
func TestNoParameters(t *testing.T) {
	ctx := context.Background()
	p, _, _ := coupledCubes(4)
	funcs := *p
	funcs.NW = 0
	funcs.Gradient = func(dst, y, _ []float64) error { return p.Gradient(dst, y, make([]float64, 4)) }
	funcs.HVP = func(dst, v, y, _ []float64) error { return p.HVP(dst, v, y, nil) }
	funcs.Mixed = func(dst, _, _, _ []float64) error { return nil }
	funcs.MixedTrans = func(dst, _, _, _ []float64) error { clear(dst); return nil }
	funcs.LossValue = func(dy, _, y, _ []float64) (float64, error) { copy(dy, y); dy[0]++; return 1, nil }
	bare := funcs
	bare.HVP, bare.Mixed, bare.MixedTrans = nil, nil, nil
	root := &hypergrad.Root{NY: 4, G: func(dst, y, _ []float64) error { return funcs.Gradient(dst, y, nil) }, LossValue: funcs.LossValue}
	fixed := &hypergrad.FixedPoint{NY: 4, Map: func(dst, y, _ []float64) error {
		for i := range dst {
			dst[i] = 0.1*y[i] + 1
		}
		return nil
	}, LossValue: funcs.LossValue}
	constrained := &hypergrad.Constrained{N: 4, M: 1, Affine: true,
		Gradient:      func(dst, y, _ []float64) error { return funcs.Gradient(dst, y, nil) },
		Constraint:    func(dst, y, _ []float64) error { dst[0] = y[0] - 1; return nil },
		Jacobian:      func(dst, v, _, _ []float64) error { dst[0] = v[0]; return nil },
		JacobianTrans: func(dst, q, _, _ []float64) error { clear(dst); dst[0] = q[0]; return nil },
		LossValue:     funcs.LossValue}
	layered := &hypergrad.Layered{Input: make([]float64, 2), LossValue: funcs.LossValue, Layers: []hypergrad.Layer{{Size: 4,
		F:   func(dst, x, _ []float64) error { dst[0], dst[1], dst[2], dst[3] = x[0], x[1], 1, 2; return nil },
		JVP: func(dst, v, _, _ []float64) error { clear(dst); copy(dst, v); return nil },
		VJP: func(dst, q, _, _ []float64) error { copy(dst, q); return nil }}}}
	for _, p := range []hypergrad.Problem{&funcs, &bare, root, fixed, constrained, layered, &hypergrad.Bounds{Problem: &funcs}} {
		ny, _ := p.Dims()
		y := make([]float64, ny)
		var e hypergrad.Estimator
		if _, err := e.Gradient(ctx, p, y, nil, nil); err != nil {
			t.Errorf("%T: %v", p, err)
		}
		dst := slices.Repeat([]float64{7}, ny)
		if _, err := e.Tangent(ctx, p, y, nil, nil, dst); err != nil || slices.Max(dst) != 0 || slices.Min(dst) != 0 {
			t.Errorf("%T: tangent %v, %v", p, dst, err)
		}
		if _, err := e.Jacobian(ctx, p, y, nil, []float64{}, nil); err != nil {
			t.Errorf("%T: Jacobian: %v", p, err)
		}
	}
}

// TestNoUnknowns: n_y = 0 leaves dL/dw = ∂ℓ/∂w.
func TestNoUnknowns(t *testing.T) {
	p := &hypergrad.Funcs{NW: 2,
		Gradient: func(_, _, _ []float64) error { return nil },
		HVP:      func(_, _, _, _ []float64) error { return nil },
		Mixed:    func(dst, _, _, _ []float64) error { clear(dst); return nil },
		LossValue: func(_, dw, _, w []float64) (float64, error) {
			copy(dw, w)
			return 0.5 * (w[0]*w[0] + w[1]*w[1]), nil
		}}
	var e hypergrad.Estimator
	grad := make([]float64, 2)
	if _, err := e.Gradient(context.Background(), p, nil, []float64{3, 4}, grad); err != nil || grad[0] != 3 || grad[1] != 4 {
		t.Errorf("%v, %v", grad, err)
	}
}

// TestAliases: results that share memory with what they are computed from.
func TestAliases(t *testing.T) {
	const n = 6
	ctx := context.Background()
	p, y, w := coupledCubes(n)
	if _, err := new(hypergrad.Newton).Solve(ctx, p, y, w); err != nil {
		t.Fatal(err)
	}
	y0, w0 := slices.Clone(y), slices.Clone(w)
	var e hypergrad.Estimator
	u := make([]float64, n)
	loss := func(ctx context.Context, dy, dw, y, w []float64) (float64, error) { return p.Loss(ctx, dy, dw, y, w) }
	for name, call := range map[string]func() error{
		"gradient in w":  func() error { _, err := e.Gradient(ctx, p, y, w, w); return err },
		"gradient in y":  func() error { _, err := e.Gradient(ctx, p, y, w, y); return err },
		"tangent in u":   func() error { _, err := e.Tangent(ctx, p, y, w, u, u); return err },
		"tangent in y":   func() error { _, err := e.Tangent(ctx, p, y, w, u, y); return err },
		"gradients in w": func() error { _, err := e.Gradients(ctx, p, []hypergrad.LossFunc{loss}, y, w, w); return err },
		"tangents in u":  func() error { _, err := e.Tangents(ctx, p, y, w, u, 1, u); return err },
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), "overlap") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !slices.Equal(y, y0) || !slices.Equal(w, w0) {
		t.Error("y or w has changed")
	}
}

// TestScaledProblems: E → c·E leaves dL/dw, ℓ → c·ℓ scales it, and w → w/c too, as far
// as float64 goes.
func TestScaledProblems(t *testing.T) {
	const n = 8
	ctx := context.Background()
	base, y, w := coupledCubes(n)
	if _, err := (&hypergrad.Newton{Polish: true}).Solve(ctx, base, y, w); err != nil {
		t.Fatal(err)
	}
	want := make([]float64, n)
	if _, err := (&hypergrad.Estimator{Settings: krylov.Settings{RTol: 1e-12}}).Gradient(ctx, base, y, w, want); err != nil {
		t.Fatal(err)
	}
	scaleTo := func(f func(dst, a, y, w []float64) error, c float64) func(dst, a, y, w []float64) error {
		return func(dst, a, y, w []float64) error {
			err := f(dst, a, y, w)
			for i := range dst {
				dst[i] *= c
			}
			return err
		}
	}
	for _, c := range []float64{1e-300, 1e-150, 1e-20, 1, 1e20, 1e150, 1e300} {
		for _, l := range []float64{1e-300, 1e-150, 1, 1e150, 1e300} {
			t.Run(fmt.Sprintf("%g %g", c, l), func(t *testing.T) {
				p := *base
				p.Gradient = func(dst, y, w []float64) error {
					err := base.Gradient(dst, y, w)
					for i := range dst {
						dst[i] *= c
					}
					return err
				}
				p.HVP, p.Mixed = scaleTo(base.HVP, c), scaleTo(base.Mixed, c)
				p.LossValue = func(dy, dw, y, w []float64) (float64, error) {
					v, err := base.LossValue(dy, dw, y, w)
					for i := range dy {
						dy[i] *= l
						dw[i] *= l
					}
					return v * l, err
				}
				grad := make([]float64, n)
				rep, err := (&hypergrad.Estimator{Settings: krylov.Settings{RTol: 1e-12}}).Gradient(ctx, &p, y, w, grad)
				if err != nil {
					if q := l / c; q > 1e290 || q < 1e-290 {
						return // q = ∂²E⁻¹∂ℓ is out of range
					}
					t.Fatal(err)
				}
				for i := range grad {
					if math.Abs(grad[i]/l-want[i]) > 1e-10*math.Abs(want[i])+1e-12 {
						t.Fatalf("dL/dw[%d] = %v, want %v (%v)", i, grad[i], want[i]*l, rep.Solve.Status)
					}
				}
				if len(rep.Warnings) > 0 {
					t.Errorf("warnings %q", rep.Warnings)
				}
			})
		}
	}
}

// TestPanics: a callback that panics reaches the caller, and the Estimator works after.
func TestPanics(t *testing.T) {
	const n = 40
	ctx := context.Background()
	p, y, w := coupledCubes(n)
	if _, err := new(hypergrad.Newton).Solve(ctx, p, y, w); err != nil {
		t.Fatal(err)
	}
	want, grad := make([]float64, n), make([]float64, n)
	if _, err := new(hypergrad.Estimator).Gradient(ctx, p, y, w, want); err != nil {
		t.Fatal(err)
	}
	var e hypergrad.Estimator
	right := p.HVP
	for k := range 12 {
		products := 0
		p.HVP = func(dst, v, y, w []float64) error {
			if products++; products > k {
				panic("broken")
			}
			return right(dst, v, y, w)
		}
		func() {
			defer func() {
				if v := recover(); v == nil && products > k {
					t.Errorf("product %d: no panic", k)
				}
			}()
			_, _ = e.Gradient(ctx, p, y, w, grad)
		}()
		p.HVP = right
		if _, err := e.Gradient(ctx, p, y, w, grad); err != nil {
			t.Fatal(err)
		}
		for i := range grad {
			if math.Abs(grad[i]-want[i]) > 1e-6*math.Abs(want[i])+1e-9 {
				t.Fatalf("after a panic in product %d: dL/dw[%d] = %v, want %v", k, i, grad[i], want[i])
			}
		}
	}
}

// TestEndedContext: the context ends at any product; the error says so.
func TestEndedContext(t *testing.T) {
	const n = 40
	p, y, w := coupledCubes(n)
	if _, err := new(hypergrad.Newton).Solve(context.Background(), p, y, w); err != nil {
		t.Fatal(err)
	}
	right := p.HVP
	for k := range 30 {
		ctx, cancel := context.WithCancel(context.Background())
		products := 0
		p.HVP = func(dst, v, y, w []float64) error {
			if products == k {
				cancel()
			}
			products++
			return right(dst, v, y, w)
		}
		_, err := new(hypergrad.Estimator).Gradient(ctx, p, y, w, make([]float64, n))
		if products > k && !errors.Is(err, context.Canceled) {
			t.Errorf("ended in product %d of %d: %v", k, products, err)
		}
		if products > k+2 {
			t.Errorf("ended in product %d, %d were made", k, products)
		}
		cancel()
	}
}

// TestMinimizeWithoutDiagonal: the default settings serve a problem without Diag.
func TestMinimizeWithoutDiagonal(t *testing.T) {
	p, y, w := coupledCubes(5)
	res, err := hypergrad.Minimize(context.Background(), p, y, w, nil)
	if err != nil || !res.Status.Success() {
		t.Errorf("%v, %v", res.Status, err)
	}
}
