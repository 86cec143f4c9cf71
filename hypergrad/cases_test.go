package hypergrad_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
)

// knownCase is a problem whose solution and derivative are known.
type knownCase struct {
	name   string
	p      *hypergrad.Funcs
	start  []float64
	w      []float64
	y      []float64 // known solution; nil: not checked
	loss   float64   // known ℓ; zero: not checked
	grad   []float64 // known dL/dw
	digits float64   // relative accuracy that the printed numbers allow
	indef  bool      // G is no gradient of a convex energy: use CG-free methods
}

// scalar makes a problem of one unknown and one parameter with ℓ = y from G and
// its derivatives. A 1×1 system is symmetric, whatever G is.
func scalar(g, gy, gx func(y, x float64) float64) *hypergrad.Funcs {
	return &hypergrad.Funcs{
		NY: 1, NW: 1, Structure: hvp.Symmetric,
		Gradient: func(dst, y, w []float64) error { dst[0] = g(y[0], w[0]); return nil },
		HVP:      func(dst, v, y, w []float64) error { dst[0] = gy(y[0], w[0]) * v[0]; return nil },
		Mixed:    func(dst, q, y, w []float64) error { dst[0] = gx(y[0], w[0]) * q[0]; return nil },
		MixedTrans: func(dst, u, y, w []float64) error {
			dst[0] = gx(y[0], w[0]) * u[0]
			return nil
		},
		LossValue: func(dy, dw, y, w []float64) (float64, error) { dy[0] = 1; return y[0], nil },
	}
}

// without drops the second derivatives, so that they come from differences.
func without(p *hypergrad.Funcs) *hypergrad.Funcs {
	q := *p
	q.HVP, q.Mixed, q.MixedTrans, q.Diag = nil, nil, nil, nil
	return &q
}

func knownCases() []knownCase {
	gould := func(y, x float64) float64 { return 4*x*y*y*y + 6*x*x*y*y - 24*y }
	// min_y x·y⁴ + 2x²y³ − 12y² (Gould et al., On differentiating parameterized
	// argmin and argmax problems, arXiv 1607.05447): the Hessian is that of the
	// energy divided by 4 in the closed form of dy/dx.
	gouldCase := func(x, y, dy, digits float64) knownCase {
		p := scalar(gould,
			func(y, x float64) float64 { return 12*x*y*y + 12*x*x*y - 24 },
			func(y, x float64) float64 { return 4*y*y*y + 12*x*y*y })
		p.EnergyValue = func(y, w []float64) (float64, error) {
			return w[0]*y[0]*y[0]*y[0]*y[0] + 2*w[0]*w[0]*y[0]*y[0]*y[0] - 12*y[0]*y[0], nil
		}
		return knownCase{name: "Gould polynomial", p: p, start: []float64{y * 1.2}, w: []float64{x}, y: []float64{y}, grad: []float64{dy}, digits: digits}
	}
	return []knownCase{
		// y = x³+2x²+x+4, dy/dx = 3x²+4x+1.
		{name: "explicit polynomial", p: scalar(
			func(y, x float64) float64 { return x*x*x + 2*x*x + x + 4 - y },
			func(y, x float64) float64 { return -1 },
			func(y, x float64) float64 { return 3*x*x + 4*x + 1 }),
			start: []float64{0}, w: []float64{1.5}, y: []float64{3.375 + 4.5 + 1.5 + 4}, grad: []float64{3*2.25 + 6 + 1}, digits: 1e-14, indef: true},
		// y = x³+2x²+xy+4, dy/dx = (3x²+4x+y)/(1−x).
		{name: "implicit polynomial", p: scalar(
			func(y, x float64) float64 { return x*x*x + 2*x*x + x*y + 4 - y },
			func(y, x float64) float64 { return x - 1 },
			func(y, x float64) float64 { return 3*x*x + 4*x + y }),
			start: []float64{0}, w: []float64{0.5}, y: []float64{(0.125 + 0.5 + 4) / 0.5}, grad: []float64{(0.75 + 2 + 9.25) / 0.5}, digits: 1e-14, indef: true},
		gouldCase(1, -3.3117376914899, 0.201502571, 3e-9),
		gouldCase(0.25, -5.090066292259595, 9.012106649238513, 1e-14),
		gouldCase(2, -3.79128784747792, -0.9136634176769944, 1e-14),
		// f·x³ − x − 2 = 0 at f = 2.
		{name: "scalar root", p: scalar(
			func(y, f float64) float64 { return f*y*y*y - y - 2 },
			func(y, f float64) float64 { return 3*f*y*y - 1 },
			func(y, f float64) float64 { return y * y * y }),
			start: []float64{1}, w: []float64{2}, y: []float64{1.1653730430624147}, grad: []float64{-0.22139916266115}, digits: 3e-14},
		squareRoot(), ridge(),
	}
}

// squareRoot: E = ¼‖y∘y − x‖² has y = √x and J = diag(1/(2√x)). With ℓ = Σ y,
// dL/dx = (1/4, 1/6) at x = (4, 9).
func squareRoot() knownCase {
	p := &hypergrad.Funcs{NY: 2, NW: 2}
	p.EnergyValue = func(y, w []float64) (float64, error) {
		e := 0.0
		for i := range y {
			e += 0.25 * (y[i]*y[i] - w[i]) * (y[i]*y[i] - w[i])
		}
		return e, nil
	}
	p.Gradient = func(dst, y, w []float64) error {
		for i := range y {
			dst[i] = (y[i]*y[i] - w[i]) * y[i]
		}
		return nil
	}
	p.HVP = func(dst, v, y, w []float64) error {
		for i := range y {
			dst[i] = (3*y[i]*y[i] - w[i]) * v[i]
		}
		return nil
	}
	mixed := func(dst, q, y, w []float64) error {
		for i := range y {
			dst[i] = -y[i] * q[i]
		}
		return nil
	}
	p.Mixed, p.MixedTrans = mixed, mixed
	p.LossValue = func(dy, dw, y, w []float64) (float64, error) { dy[0], dy[1] = 1, 1; return y[0] + y[1], nil }
	return knownCase{name: "square root", p: p, start: []float64{3, 5}, w: []float64{4, 9}, y: []float64{2, 3}, grad: []float64{0.25, 1.0 / 6}, digits: 1e-14}
}

// ridge: E = 1/(2n)‖Xv−y‖² + λ/2‖v‖² with a validation loss.
func ridge() knownCase {
	x := mat.NewDense(4, 2, []float64{1, 2, 3, -1, 0, 1, 2, 2})
	t := mat.NewVecDense(4, []float64{1, 2, -1, 3})
	xv := mat.NewDense(2, 2, []float64{1, 1, 2, -1})
	tv := mat.NewVecDense(2, []float64{1, 0})
	residual := func(x *mat.Dense, v []float64, t *mat.VecDense) *mat.VecDense {
		r := mat.NewVecDense(t.Len(), nil)
		r.MulVec(x, mat.NewVecDense(2, v))
		r.SubVec(r, t)
		return r
	}
	p := &hypergrad.Funcs{NY: 2, NW: 1, Structure: hvp.SPD}
	p.EnergyValue = func(v, w []float64) (float64, error) {
		r := residual(x, v, t)
		return mat.Dot(r, r)/8 + w[0]/2*(v[0]*v[0]+v[1]*v[1]), nil
	}
	p.Gradient = func(dst, v, w []float64) error {
		g := mat.NewVecDense(2, dst)
		g.MulVec(x.T(), residual(x, v, t))
		for i := range dst {
			dst[i] = dst[i]/4 + w[0]*v[i]
		}
		return nil
	}
	p.HVP = func(dst, u, v, w []float64) error {
		var xu mat.VecDense
		xu.MulVec(x, mat.NewVecDense(2, u))
		h := mat.NewVecDense(2, dst)
		h.MulVec(x.T(), &xu)
		for i := range dst {
			dst[i] = dst[i]/4 + w[0]*u[i]
		}
		return nil
	}
	p.Mixed = func(dst, q, v, w []float64) error { dst[0] = q[0]*v[0] + q[1]*v[1]; return nil }
	p.MixedTrans = func(dst, u, v, w []float64) error { dst[0], dst[1] = u[0]*v[0], u[0]*v[1]; return nil }
	p.LossValue = func(dy, dw, v, w []float64) (float64, error) {
		r := residual(xv, v, tv)
		g := mat.NewVecDense(2, dy)
		g.MulVec(xv.T(), r)
		g.ScaleVec(0.5, g)
		return mat.Dot(r, r) / 4, nil
	}
	return knownCase{name: "ridge", p: p, loss: 0.4335901340738749, start: []float64{0, 0}, w: []float64{0.5},
		y: []float64{0.7704918032786885, 0.22404371584699453}, grad: []float64{-0.22788756833456608}, digits: 3e-14}
}

func TestKnownCases(t *testing.T) {
	ctx := context.Background()
	for _, c := range knownCases() {
		for _, differences := range []bool{false, true} {
			p, digits := c.p, c.digits
			name := c.name
			if differences {
				p, digits, name = without(p), 1e-6, name+" by differences"
			}
			t.Run(name, func(t *testing.T) {
				ny, nw := p.Dims()
				y := append([]float64(nil), c.start...)
				if _, err := (&hypergrad.Newton{RTol: 1e-14, ATol: 1e-13, Polish: true}).Solve(ctx, p, y, c.w); err != nil {
					t.Fatal(err)
				}
				for i, want := range c.y {
					if math.Abs(y[i]-want) > 2e-14*math.Abs(want) { // as printed
						t.Errorf("y[%d] = %.17g, want %.17g", i, y[i], want)
					}
				}
				op := p
				if c.indef {
					// ∂G/∂y < 0: −G = 0 is the same equation with a positive one.
					q := *p
					q.Gradient = func(dst, y, w []float64) error { err := p.Gradient(dst, y, w); dst[0] = -dst[0]; return err }
					if p.HVP != nil {
						q.HVP = func(dst, v, y, w []float64) error { err := p.HVP(dst, v, y, w); dst[0] = -dst[0]; return err }
						q.Mixed = func(dst, v, y, w []float64) error { err := p.Mixed(dst, v, y, w); dst[0] = -dst[0]; return err }
						q.MixedTrans = q.Mixed
					}
					op = &q
				}
				est := &hypergrad.Estimator{Settings: krylov.Settings{RTol: 1e-13}}
				if differences {
					est.Settings.RTol = 1e-7
				}
				grad := make([]float64, nw)
				rep, err := est.Gradient(ctx, op, y, c.w, grad)
				if err != nil {
					t.Fatal(err)
				}
				if c.loss != 0 && math.Abs(rep.Loss-c.loss) > 1e-15 {
					t.Errorf("loss %.17g, want %.17g", rep.Loss, c.loss)
				}
				for i, want := range c.grad {
					if math.Abs(grad[i]-want) > digits*math.Abs(want) {
						t.Errorf("dL/dw[%d] = %.17g, want %.17g", i, grad[i], want)
					}
				}
				if rep.Solve.Iterations > ny+2 {
					t.Errorf("%d iterations for %d unknowns", rep.Solve.Iterations, ny)
				}
				// The tangent gives the same number: with ℓ = ℓ(y),
				// dL/dw·u = ∂ℓ/∂yᵀ(dy/dw·u).
				slope, dy, u := make([]float64, ny), make([]float64, ny), make([]float64, nw)
				if _, err := p.Loss(ctx, slope, nil, y, c.w); err != nil {
					t.Fatal(err)
				}
				sum, want := 0.0, 0.0
				for i := range u {
					u[i] = float64(i + 1)
					want += u[i] * c.grad[i]
				}
				if _, err := est.Tangent(ctx, op, y, c.w, u, dy); err != nil {
					t.Fatal(err)
				}
				for i := range dy {
					sum += slope[i] * dy[i]
				}
				if math.Abs(sum-want) > digits*math.Abs(want) {
					t.Errorf("tangent gives %.17g, want %.17g", sum, want)
				}
			})
		}
	}
}

// chain is E = ½‖y−z‖² + e^w/2·Σ(y_{i+1}−y_i)² with Dirichlet ends, ℓ = ½‖y‖², for
// z a sum of sines: eigenvectors with the eigenvalues 4sin²(kπ/2(n+1)).
func chain(n int, modes []int) (p *hypergrad.Funcs, solution func(w float64) (loss, slope float64)) {
	z := make([]float64, n)
	for _, k := range modes {
		for i := range z {
			z[i] += math.Sin(float64(k) * math.Pi * float64(i+1) / float64(n+1))
		}
	}
	laplace := func(dst, y []float64) {
		for i := range y {
			dst[i] = 2 * y[i]
			if i > 0 {
				dst[i] -= y[i-1]
			}
			if i < n-1 {
				dst[i] -= y[i+1]
			}
		}
	}
	p = &hypergrad.Funcs{NY: n, NW: 1, Structure: hvp.SPD}
	p.Gradient = func(dst, y, w []float64) error {
		laplace(dst, y)
		for i := range dst {
			dst[i] = y[i] - z[i] + math.Exp(w[0])*dst[i]
		}
		return nil
	}
	p.EnergyValue = func(y, w []float64) (float64, error) {
		ly, e := make([]float64, n), 0.0
		laplace(ly, y)
		for i := range y {
			e += 0.5*(y[i]-z[i])*(y[i]-z[i]) + 0.5*math.Exp(w[0])*y[i]*ly[i]
		}
		return e, nil
	}
	p.HVP = func(dst, v, y, w []float64) error {
		laplace(dst, v)
		for i := range dst {
			dst[i] = v[i] + math.Exp(w[0])*dst[i]
		}
		return nil
	}
	p.Mixed = func(dst, q, y, w []float64) error {
		ly := make([]float64, n)
		laplace(ly, y)
		dst[0] = 0
		for i := range q {
			dst[0] += math.Exp(w[0]) * ly[i] * q[i]
		}
		return nil
	}
	p.LossValue = func(dy, dw, y, w []float64) (float64, error) {
		l := 0.0
		for i, v := range y {
			dy[i] = v
			l += 0.5 * v * v
		}
		return l, nil
	}
	return p, func(w float64) (loss, slope float64) {
		lambda := math.Exp(w)
		for _, k := range modes {
			s := math.Sin(float64(k) * math.Pi / float64(2*(n+1)))
			mu := 4 * s * s
			d := 1 + lambda*mu
			loss += float64(n+1) / 4 / (d * d)
			slope -= lambda * mu * float64(n+1) / 2 / (d * d * d)
		}
		return loss, slope
	}
}

func TestChain(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		n     int
		modes []int
	}{{1000, []int{3}}, {1000, []int{1, 5, 40, 333, 900}}, {20000, []int{2, 77, 1234, 19999}}} {
		p, solution := chain(c.n, c.modes)
		w := []float64{math.Log(10)}
		loss, slope := solution(w[0])
		if len(c.modes) == 1 {
			// The printed numbers are dL/dλ.
			if math.Abs(loss-249.80690405136818) > 1e-12*loss || math.Abs(slope/10+0.04425073612288419) > 1e-14 {
				t.Fatalf("closed form gives %v and %v", loss, slope/10)
			}
		}
		y, grad := make([]float64, c.n), make([]float64, 1)
		if _, err := (&hypergrad.Newton{RTol: 1e-13}).Solve(ctx, p, y, w); err != nil {
			t.Fatal(err)
		}
		rep, err := (&hypergrad.Estimator{Settings: krylov.Settings{RTol: 1e-13}}).Gradient(ctx, p, y, w, grad)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(rep.Loss-loss) > 1e-11*loss || math.Abs(grad[0]-slope) > 1e-11*math.Abs(slope) {
			t.Errorf("n=%d: loss %.17g, want %.17g; slope %.17g, want %.17g", c.n, rep.Loss, loss, grad[0], slope)
		}
	}
}

// TestQuadraticBilevel: E = ½yᵀAy + (a+Cᵀx)ᵀy has y = −A⁻¹(a+Cᵀx) and
// p = ∂ℓ/∂x − C·A⁻¹·∂ℓ/∂y. Scaling E by c leaves p unchanged, and the envelope
// ℓ = E gives p = ∂ℓ/∂x without an iteration.
func TestQuadraticBilevel(t *testing.T) {
	ctx := context.Background()
	const ny, nx = 40, 7
	rng := rand.New(rand.NewPCG(8, 8))
	dense := func(r, c int) *mat.Dense {
		m := mat.NewDense(r, c, nil)
		for i := range r {
			for j := range c {
				m.Set(i, j, rng.NormFloat64())
			}
		}
		return m
	}
	half := dense(ny, ny)
	var a mat.Dense
	a.Mul(half, half.T())
	for i := range ny {
		a.Set(i, i, a.At(i, i)+1)
	}
	lin, cross, target := dense(ny, 1), dense(nx, ny), dense(ny, 1)
	mul := func(dst []float64, m mat.Matrix, x []float64) {
		mat.NewVecDense(len(dst), dst).MulVec(m, mat.NewVecDense(len(x), x))
	}
	problem := func(c float64, envelope bool) *hypergrad.Funcs {
		p := &hypergrad.Funcs{NY: ny, NW: nx, Structure: hvp.SPD}
		force := func(x []float64) []float64 {
			f := make([]float64, ny)
			mul(f, cross.T(), x)
			for i := range f {
				f[i] += lin.At(i, 0)
			}
			return f
		}
		energy := func(y, x []float64) float64 {
			ay, e := make([]float64, ny), 0.0
			mul(ay, &a, y)
			for i, f := range force(x) {
				e += y[i] * (0.5*ay[i] + f)
			}
			return c * e
		}
		p.EnergyValue = func(y, x []float64) (float64, error) { return energy(y, x), nil }
		p.Gradient = func(dst, y, x []float64) error {
			mul(dst, &a, y)
			for i, f := range force(x) {
				dst[i] = c * (dst[i] + f)
			}
			return nil
		}
		p.HVP = func(dst, v, y, x []float64) error {
			mul(dst, &a, v)
			for i := range dst {
				dst[i] *= c
			}
			return nil
		}
		p.Mixed = func(dst, q, y, x []float64) error {
			mul(dst, cross, q)
			for i := range dst {
				dst[i] *= c
			}
			return nil
		}
		p.LossValue = func(dy, dx, y, x []float64) (float64, error) {
			if envelope {
				// At the minimum ∂E/∂y = 0, exactly: set, not computed.
				mul(dx, cross, y)
				return energy(y, x), nil
			}
			l := 0.0
			for i, v := range y {
				dy[i] = v - target.At(i, 0)
				l += 0.5 * dy[i] * dy[i]
			}
			for j, v := range x {
				dx[j] = v
				l += 0.5 * v * v
			}
			return l, nil
		}
		return p
	}
	x := make([]float64, nx)
	for j := range x {
		x[j] = rng.NormFloat64()
	}
	var chol mat.Cholesky
	sym := mat.NewSymDense(ny, nil)
	for i := range ny {
		for j := i; j < ny; j++ {
			sym.SetSym(i, j, a.At(i, j))
		}
	}
	chol.Factorize(sym)
	solve := func(b []float64) []float64 {
		out := mat.NewVecDense(ny, nil)
		if err := chol.SolveVecTo(out, mat.NewVecDense(ny, b)); err != nil {
			t.Fatal(err)
		}
		return out.RawVector().Data
	}
	force := make([]float64, ny)
	mul(force, cross.T(), x)
	for i := range force {
		force[i] = -(force[i] + lin.At(i, 0))
	}
	yStar := solve(force)
	slope := make([]float64, ny)
	for i := range slope {
		slope[i] = yStar[i] - target.At(i, 0)
	}
	want := make([]float64, nx)
	mul(want, cross, solve(slope))
	for j := range want {
		want[j] = x[j] - want[j]
	}
	for _, c := range []float64{1, 1e-30, 1e30} {
		p := problem(c, false)
		y, grad := make([]float64, ny), make([]float64, nx)
		if _, err := (&hypergrad.Newton{RTol: 1e-13}).Solve(ctx, p, y, x); err != nil {
			t.Fatalf("c=%g: %v", c, err)
		}
		if _, err := (&hypergrad.Estimator{Settings: krylov.Settings{RTol: 1e-14}}).Gradient(ctx, p, y, x, grad); err != nil {
			t.Fatalf("c=%g: %v", c, err)
		}
		for j := range grad {
			if math.Abs(grad[j]-want[j]) > 1e-9*(1+math.Abs(want[j])) {
				t.Errorf("c=%g: p[%d] = %.17g, want %.17g", c, j, grad[j], want[j])
			}
		}
	}
	grad := make([]float64, nx)
	rep, err := new(hypergrad.Estimator).Gradient(ctx, problem(1, true), yStar, x, grad)
	if err != nil {
		t.Fatal(err)
	}
	mul(want, cross, yStar)
	for j := range grad {
		if grad[j] != want[j] {
			t.Errorf("envelope: p[%d] = %v, want exactly %v", j, grad[j], want[j])
		}
	}
	if rep.Solve.Iterations != 0 || rep.Solve.Products != 0 || rep.LossSlope != 0 {
		t.Errorf("envelope took %d iterations and %d products", rep.Solve.Iterations, rep.Solve.Products)
	}
}

// TestFailuresAreReported: each way to fail has an error, and no panic.
func TestFailuresAreReported(t *testing.T) {
	ctx := context.Background()
	good := ridge()
	y, grad := append([]float64(nil), good.y...), make([]float64, 1)
	cause := errors.New("broken")
	var est hypergrad.Estimator
	for what, f := range map[string]func(p *hypergrad.Funcs) error{
		"short y": func(p *hypergrad.Funcs) error { _, err := est.Gradient(ctx, p, y[:1], good.w, grad); return err },
		"long w":  func(p *hypergrad.Funcs) error { _, err := est.Gradient(ctx, p, y, []float64{1, 2}, grad); return err },
		"no gradient": func(p *hypergrad.Funcs) error {
			p.Gradient = nil
			_, err := est.Gradient(ctx, p, y, good.w, grad)
			return err
		},
		"no loss": func(p *hypergrad.Funcs) error {
			p.LossValue = nil
			_, err := est.Gradient(ctx, p, y, good.w, grad)
			return err
		},
		"NaN loss": func(p *hypergrad.Funcs) error {
			p.LossValue = func(dy, dw, y, w []float64) (float64, error) { return math.NaN(), nil }
			_, err := est.Gradient(ctx, p, y, good.w, grad)
			return err
		},
		"NaN product": func(p *hypergrad.Funcs) error {
			p.HVP = func(dst, v, y, w []float64) error { dst[0] = math.NaN(); return nil }
			_, err := est.Gradient(ctx, p, y, good.w, grad)
			if err != nil && !errors.Is(err, krylov.NonFinite) {
				t.Errorf("NaN product: %v", err)
			}
			return err
		},
		"failing product": func(p *hypergrad.Funcs) error {
			p.HVP = func(dst, v, y, w []float64) error { return cause }
			_, err := est.Gradient(ctx, p, y, good.w, grad)
			if err != nil && !errors.Is(err, cause) {
				t.Errorf("failing product: %v", err)
			}
			return err
		},
		"indefinite Hessian": func(p *hypergrad.Funcs) error {
			p.HVP = func(dst, v, y, w []float64) error { dst[0], dst[1] = -v[0], -v[1]; return nil }
			_, err := (&hypergrad.Estimator{Method: new(krylov.CG)}).Gradient(ctx, p, y, good.w, grad)
			if err != nil && !errors.Is(err, krylov.NegativeCurvature) {
				t.Errorf("indefinite Hessian: %v", err)
			}
			return err
		},
		"canceled": func(p *hypergrad.Funcs) error {
			c, cancel := context.WithCancel(ctx)
			cancel()
			_, err := est.Gradient(c, p, y, good.w, grad)
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("canceled: %v", err)
			}
			return err
		},
		"inner limit": func(p *hypergrad.Funcs) error {
			_, err := (&hypergrad.Newton{MaxIter: 1, MaxCG: 1}).Solve(ctx, p, make([]float64, 2), good.w)
			var e *hypergrad.NotStationaryError
			if err != nil && (!errors.As(err, &e) || e.GradNorm <= e.Tolerance || e.Iterations != 1) {
				t.Errorf("inner limit: %v", err)
			}
			return err
		},
		"wrong gradient": func(p *hypergrad.Funcs) error {
			right := p.Gradient
			p.Gradient = func(dst, y, w []float64) error {
				err := right(dst, y, w)
				dst[0], dst[1] = -dst[0], -dst[1]
				return err
			}
			_, err := new(hypergrad.Newton).Solve(ctx, p, make([]float64, 2), good.w)
			return err
		},
		"NaN energy": func(p *hypergrad.Funcs) error {
			p.EnergyValue = func(y, w []float64) (float64, error) { return math.NaN(), nil }
			_, err := new(hypergrad.Newton).Solve(ctx, p, make([]float64, 2), good.w)
			return err
		},
	} {
		p := *good.p
		if err := f(&p); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}
