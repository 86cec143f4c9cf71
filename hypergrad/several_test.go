package hypergrad_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
)

// linear is G(y, w) = A·y − F·w, so that dy/dw = A⁻¹F.
type linear struct {
	a, f *hvp.CSR
	wrap func(hvp.Operator) hvp.Operator // of A; nil for none
}

func (p *linear) Dims() (ny, nw int) { return p.f.Dims() }

func (p *linear) Residual(ctx context.Context, dst, y, w []float64) error {
	if err := p.f.Apply(ctx, dst, w); err != nil {
		return err
	}
	ay := make([]float64, len(y))
	err := p.a.Apply(ctx, ay, y)
	for i := range dst {
		dst[i] = ay[i] - dst[i]
	}
	return err
}

func (p *linear) Linearize(context.Context, []float64, []float64) (hypergrad.Linearization, error) {
	minus := hvp.Scale(-1, p.f)
	if p.wrap != nil {
		return hypergrad.Linearization{Y: p.wrap(p.a), W: minus}, nil
	}
	return hypergrad.Linearization{Y: p.a, W: minus}, nil
}

// newLinear returns a problem of n unknowns on a grid in a row with nw parameters;
// kind is "definite", "indefinite", "nonsymmetric".
func newLinear(t testing.TB, n, nw int, kind string) *linear {
	t.Helper()
	var row, col []int32
	var val []float64
	add := func(i, j int, v float64) {
		row, col, val = append(row, int32(i)), append(col, int32(j)), append(val, v)
	}
	for i := range n {
		d := 2.1
		if kind == "indefinite" && i%3 == 0 {
			d = -1.7
		}
		add(i, i, d)
		if i+1 < n {
			add(i, i+1, -1)
			if kind == "nonsymmetric" {
				add(i+1, i, -0.4)
			} else {
				add(i+1, i, -1)
			}
		}
	}
	a, err := hvp.NewCSRFromTriplets(n, n, row, col, val)
	if err != nil {
		t.Fatal(err)
	}
	switch kind {
	case "definite":
		a, err = a.Promise(hvp.SPD)
	case "indefinite":
		a, err = a.Promise(hvp.Symmetric)
	}
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(uint64(n), uint64(nw)))
	row, col, val = nil, nil, nil
	for j := range nw {
		for range 3 {
			add(rng.IntN(n), j, rng.NormFloat64())
		}
	}
	f, err := hvp.NewCSRFromTriplets(n, nw, row, col, val)
	if err != nil {
		t.Fatal(err)
	}
	return &linear{a: a, f: f}
}

// dense returns dy/dw = A⁻¹F.
func (p *linear) dense(t testing.TB) *mat.Dense {
	t.Helper()
	full := func(a *hvp.CSR) *mat.Dense {
		r, c := a.Dims()
		m := mat.NewDense(r, c, nil)
		for i := range r {
			for j := range c {
				m.Set(i, j, a.At(i, j))
			}
		}
		return m
	}
	var j mat.Dense
	if err := j.Solve(full(p.a), full(p.f)); err != nil {
		t.Fatal(err)
	}
	return &j
}

// noBlocks hides everything but products.
type noBlocks struct{ hvp.Operator }

func (b noBlocks) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return b.Operator.(hvp.Transposer).ApplyTrans(ctx, dst, x)
}
func (b noBlocks) Structure() hvp.Structure { return hvp.StructureOf(b.Operator) }

var severalCases = []struct {
	kind   string
	method func() krylov.Method
	blocks bool
	how    string // part of the name of the way
}{
	{"definite", func() krylov.Method { return nil }, true, "block cg"},
	{"definite", func() krylov.Method { return new(krylov.CG) }, true, "block cg"},
	{"definite", func() krylov.Method { return &krylov.CG{Flexible: true} }, true, "pseudo-block flexible cg"},
	{"definite", func() krylov.Method { return new(krylov.MINRES) }, true, "pseudo-block minres"},
	{"definite", func() krylov.Method { return nil }, false, "one by one"},
	{"indefinite", func() krylov.Method { return nil }, true, "pseudo-block auto"},
	{"indefinite", func() krylov.Method { return nil }, false, "one by one"},
	{"nonsymmetric", func() krylov.Method { return nil }, true, "pseudo-block auto"},
	{"nonsymmetric", func() krylov.Method { return new(krylov.IDRS) }, true, "pseudo-block idr"},
	{"nonsymmetric", func() krylov.Method { return &krylov.GMRES{Restart: 20} }, false, "one by one"},
	{"nonsymmetric", func() krylov.Method { return new(krylov.LSMR) }, true, "one by one"},
}

// TestTangentsAndGradients: several at once are what they are one at a time, and
// what dense algebra says, for every way of solving them.
func TestTangentsAndGradients(t *testing.T) {
	ctx := context.Background()
	const n, nw, k = 90, 7, 5
	for _, c := range severalCases {
		name := fmt.Sprintf("%s/%v/blocks=%v", c.kind, c.method(), c.blocks)
		p := newLinear(t, n, nw, c.kind)
		if !c.blocks {
			p.wrap = func(a hvp.Operator) hvp.Operator { return noBlocks{a} }
		}
		jac := p.dense(t)
		w, y := make([]float64, nw), make([]float64, n)
		for i := range w {
			w[i] = math.Cos(float64(i))
		}
		mat.NewVecDense(n, y).MulVec(jac, mat.NewVecDense(nw, w))
		est := &hypergrad.Estimator{Method: c.method(), Settings: krylov.Settings{RTol: 1e-12}}

		u, dst := make([]float64, nw*k), make([]float64, n*k)
		for i := range u {
			u[i] = math.Sin(float64(i * i))
		}
		for j := range nw {
			u[j*k+3] = 0 // the tangent along nothing
		}
		rep, err := est.Tangents(ctx, p, y, w, u, k, dst)
		if err != nil || !strings.Contains(strings.ToLower(rep.Method), c.how) || len(rep.Solves) != k || rep.Norms[3] != 0 {
			t.Fatalf("%s: tangents by %q: %v", name, rep.Method, err)
		}
		var want mat.Dense
		want.Mul(jac, mat.NewDense(nw, k, u))
		if d := apartDense(dst, &want); d > 1e-9 {
			t.Errorf("%s: tangents off by %.2g", name, d)
		}

		losses := make([]hypergrad.LossFunc, k)
		slope := make([][]float64, k)
		for l := range losses {
			losses[l] = func(_ context.Context, dy, dw, y, w []float64) (float64, error) {
				s := 0.0
				for i := range dy {
					if dy[i] = 0; l != 2 { // loss 2 does not depend on y
						dy[i] = y[i] - math.Sin(float64((l+1)*i))
					}
					s += dy[i] * dy[i] / 2
				}
				for j := range dw {
					dw[j] = float64(l) * w[j]
				}
				slope[l] = slices.Clone(dy)
				return s, nil
			}
		}
		grads := make([]float64, k*nw)
		if rep, err = est.Gradients(ctx, p, losses, y, w, grads); err != nil {
			t.Fatalf("%s: gradients: %v", name, err)
		}
		wantGrad := mat.NewDense(k, nw, nil)
		for l := range k {
			row := make([]float64, nw)
			mat.NewVecDense(nw, row).MulVec(jac.T(), mat.NewVecDense(n, slope[l]))
			for j := range row {
				row[j] += float64(l) * w[j]
			}
			wantGrad.SetRow(l, row)
		}
		if d := apartDense(grads, wantGrad); d > 1e-9 {
			t.Errorf("%s: gradients off by %.2g", name, d)
		}
		if rep.Solves[2].Iterations != 0 || rep.LossSlopes[2] != 0 || rep.Losses[0] == 0 || rep.ResidualEffects[0] <= 0 {
			t.Errorf("%s: %+v", name, rep)
		}
	}
}

func apartDense(got []float64, want *mat.Dense) (d float64) {
	r, c := want.Dims()
	for i := range r {
		for j := range c {
			d = max(d, math.Abs(got[i*c+j]-want.At(i, j)))
		}
	}
	return d
}

// TestJacobian: full and partial, forward and reverse, in panels of any width, to
// dst and as parts, against dense algebra.
func TestJacobian(t *testing.T) {
	ctx := context.Background()
	for _, c := range severalCases {
		for _, size := range [][2]int{{60, 11}, {9, 40}} {
			n, nw := size[0], size[1]
			p := newLinear(t, n, nw, c.kind)
			if !c.blocks {
				p.wrap = func(a hvp.Operator) hvp.Operator { return noBlocks{a} }
			}
			jac := p.dense(t)
			w, y := make([]float64, nw), make([]float64, n)
			est := &hypergrad.Estimator{Method: c.method(), Settings: krylov.Settings{RTol: 1e-12}}
			for _, s := range []hypergrad.JacobianSettings{
				{}, {Mode: hypergrad.Forward, Width: 3}, {Mode: hypergrad.Reverse, Width: 1}, {MaxBytes: 1},
				{Rows: []int{5, 0, 8}}, {Cols: []int{7, 2}, Rows: []int{4, 4, 1, 6, 2}}, {Rows: []int{}}, {Cols: []int{3}, Mode: hypergrad.Reverse, Width: 4},
			} {
				rows, cols := n, nw
				if s.Rows != nil {
					rows = len(s.Rows)
				}
				if s.Cols != nil {
					cols = len(s.Cols)
				}
				dst, parts := make([]float64, rows*cols), make([]float64, rows*cols)
				s.Part = func(part hypergrad.JacobianPart) error {
					for i := range part.Rows {
						copy(parts[(part.Row+i)*cols+part.Col:][:part.Cols], part.Values[i*part.Cols:(i+1)*part.Cols])
					}
					return nil
				}
				rep, err := est.Jacobian(ctx, p, y, w, dst, &s)
				if err != nil {
					t.Fatalf("%s %v %+v: %v", c.kind, c.method(), rep, err)
				}
				want := mat.NewDense(max(rows, 1), cols, nil)
				for i := range rows {
					for j := range cols {
						at, of := i, j
						if s.Rows != nil {
							at = s.Rows[i]
						}
						if s.Cols != nil {
							of = s.Cols[j]
						}
						want.Set(i, j, jac.At(at, of))
					}
				}
				if rows > 0 {
					if d := apartDense(dst, want); d > 1e-9 {
						t.Errorf("%s %v %d×%d %v: off by %.2g", c.kind, c.method(), n, nw, rep.Mode, d)
					}
				}
				if !slices.Equal(dst, parts) {
					t.Errorf("%s: the parts are not the result", c.kind)
				}
				mode := s.Mode
				if mode == hypergrad.AutoMode {
					if mode = hypergrad.Forward; rows < cols {
						mode = hypergrad.Reverse
					}
				}
				if rep.Mode != mode || s.Width > 0 && rep.Width > s.Width || s.MaxBytes == 1 && rep.Width > 1 {
					t.Errorf("%v %d×%d, settings %+v: mode %v, width %d", c.method(), rows, cols, s, rep.Mode, rep.Width)
				}
			}
		}
	}
}

// TestJacobianWorkers: without transposes Auto goes forward; bits do not depend
// on workers.
func TestJacobianWorkers(t *testing.T) {
	ctx := context.Background()
	for _, kind := range []string{"definite", "nonsymmetric"} {
		p := newLinear(t, 4097, 4, kind)
		y, w := make([]float64, 4097), make([]float64, 4)
		var first []float64
		for _, workers := range []int{1, 2, 3, 7} {
			dst := make([]float64, 4097*4)
			est := &hypergrad.Estimator{Settings: krylov.Settings{Workers: workers}}
			if _, err := est.Jacobian(ctx, p, y, w, dst, &hypergrad.JacobianSettings{Width: 3}); err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = dst
			} else if !slices.Equal(first, dst) {
				t.Errorf("%s: %d workers change the result", kind, workers)
			}
		}
	}
	// No transpose of ∂G/∂y: forward, although there are fewer rows.
	p := newLinear(t, 5, 9, "nonsymmetric")
	p.wrap = func(a hvp.Operator) hvp.Operator { return &hvp.Func{Rows: 5, Mul: a.Apply} }
	rep, err := new(hypergrad.Estimator).Jacobian(ctx, p, make([]float64, 5), make([]float64, 9), make([]float64, 45), nil)
	if err != nil || rep.Mode != hypergrad.Forward {
		t.Errorf("mode %v, %v", rep.Mode, err)
	}
	if _, err = new(hypergrad.Estimator).Jacobian(ctx, p, make([]float64, 5), make([]float64, 9), make([]float64, 45), &hypergrad.JacobianSettings{Mode: hypergrad.Reverse}); err == nil {
		t.Error("reverse without a transpose: no error")
	}
}

// TestSeveralFallsBack: columns with negative curvature are solved by MINRES, as
// Auto does for one system.
func TestSeveralFallsBack(t *testing.T) {
	ctx := context.Background()
	p := newLinear(t, 60, 4, "indefinite")
	p.wrap = func(a hvp.Operator) hvp.Operator { return hvp.WithStructure(a, hvp.SPD) } // a lie
	dst := make([]float64, 60*4)
	rep, err := new(hypergrad.Estimator).Jacobian(ctx, p, make([]float64, 60), make([]float64, 4), dst, nil)
	if err != nil || !strings.Contains(rep.Method, "negative curvature") {
		t.Fatalf("%q, %v", rep.Method, err)
	}
	if d := apartDense(dst, p.dense(t)); d > 1e-6 {
		t.Errorf("off by %.2g", d)
	}
	_, err = (&hypergrad.Estimator{Method: new(krylov.CG)}).Jacobian(ctx, p, make([]float64, 60), make([]float64, 4), dst, nil)
	if !errors.Is(err, krylov.NegativeCurvature) {
		t.Errorf("CG on an indefinite system: %v", err)
	}
}

func TestSeveralBadInput(t *testing.T) {
	ctx, est := context.Background(), new(hypergrad.Estimator)
	p := newLinear(t, 6, 3, "definite")
	y, w, dst := make([]float64, 6), make([]float64, 3), make([]float64, 18)
	stop := errors.New("enough")
	loss := func(_ context.Context, dy, dw, y, w []float64) (float64, error) { return math.NaN(), nil }
	for name, f := range map[string]func() error{
		"short y":   func() error { _, err := est.Jacobian(ctx, p, y[:2], w, dst, nil); return err },
		"short dst": func() error { _, err := est.Jacobian(ctx, p, y, w, dst[:2], nil); return err },
		"no dst":    func() error { _, err := est.Jacobian(ctx, p, y, w, nil, nil); return err },
		"row": func() error {
			_, err := est.Jacobian(ctx, p, y, w, dst, &hypergrad.JacobianSettings{Rows: []int{6}})
			return err
		},
		"column": func() error {
			_, err := est.Jacobian(ctx, p, y, w, dst, &hypergrad.JacobianSettings{Cols: []int{-1}})
			return err
		},
		"mode": func() error {
			_, err := est.Jacobian(ctx, p, y, w, dst, &hypergrad.JacobianSettings{Mode: 7})
			return err
		},
		"bytes": func() error {
			_, err := est.Jacobian(ctx, p, y, w, dst, &hypergrad.JacobianSettings{MaxBytes: -1})
			return err
		},
		"tangents":    func() error { _, err := est.Tangents(ctx, p, y, w, w, 2, dst[:12]); return err },
		"-1 tangents": func() error { _, err := est.Tangents(ctx, p, y, w, nil, -1, nil); return err },
		"nil loss":    func() error { _, err := est.Gradients(ctx, p, []hypergrad.LossFunc{nil}, y, w, dst[:3]); return err },
		"NaN loss":    func() error { _, err := est.Gradients(ctx, p, []hypergrad.LossFunc{loss}, y, w, dst[:3]); return err },
		"stopped": func() error {
			_, err := est.Jacobian(ctx, p, y, w, nil, &hypergrad.JacobianSettings{Part: func(hypergrad.JacobianPart) error { return stop }})
			if !errors.Is(err, stop) {
				t.Errorf("stopped: %v", err)
			}
			return err
		},
		"canceled": func() error {
			c, cancel := context.WithCancel(ctx)
			cancel()
			_, err := est.Jacobian(c, p, y, w, dst, nil)
			return err
		},
		"iteration limit": func() error {
			e := &hypergrad.Estimator{Settings: krylov.Settings{MaxIter: 1}}
			_, err := e.Jacobian(ctx, p, y, w, dst, nil)
			if !errors.Is(err, krylov.IterationLimit) {
				t.Errorf("iteration limit: %v", err)
			}
			return err
		},
	} {
		if err := f(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// Nothing asked for is nothing wrong.
	if _, err := est.Gradients(ctx, p, nil, y, w, nil); err != nil {
		t.Error(err)
	}
	if _, err := est.Tangents(ctx, p, y, w, nil, 0, nil); err != nil {
		t.Error(err)
	}
}
