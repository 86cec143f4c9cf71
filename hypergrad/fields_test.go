package hypergrad_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
)

// Inner problems of other fields, each as a newcomer would write it down. Their
// hypergradients are compared with differences of the problem solved anew, and the
// error bars at loose solutions with the errors.

type fieldProblem struct {
	name  string
	p     hypergrad.Problem
	inner func(rtol, atol float64) hypergrad.InnerSolver
	y, w  []float64
	tol   float64 // of the comparison with differences
	// barRTol, if not zero, is the ErrorBarRTol that it takes: see ErrorBar.
	barRTol float64
}

func newtonTo(rtol, atol float64) hypergrad.InnerSolver {
	return &hypergrad.Newton{RTol: rtol, ATol: atol}
}

func normals(rng *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	return x
}

// kernelRidge: (K(w₁) + e^{w₀}I)·y = t, K a Gaussian kernel of length scale e^{w₁}, with
// the squared error of predictions elsewhere.
func kernelRidge() fieldProblem {
	const n, m = 25, 10
	rng := rand.New(rand.NewPCG(11, 1))
	x, v := normals(rng, n), normals(rng, m)
	f := func(x float64) float64 { return math.Sin(2*x) + 0.3*x }
	kernel := func(a, b, w float64) (k, dk float64) {
		d := (a - b) * (a - b) * math.Exp(-2*w)
		return math.Exp(-d / 2), d * math.Exp(-d/2)
	}
	apply := func(dst, y, w []float64) {
		for i := range n {
			dst[i] = math.Exp(w[0]) * y[i]
			for j := range n {
				k, _ := kernel(x[i], x[j], w[1])
				dst[i] += k * y[j]
			}
		}
	}
	p := &hypergrad.Funcs{NY: n, NW: 2, Structure: hvp.SPD}
	p.Gradient = func(dst, y, w []float64) error {
		apply(dst, y, w)
		for i := range dst {
			dst[i] -= f(x[i])
		}
		return nil
	}
	p.HVP = func(dst, v, _, w []float64) error { apply(dst, v, w); return nil }
	p.Mixed = func(dst, q, y, w []float64) error {
		clear(dst)
		for i := range n {
			dst[0] += math.Exp(w[0]) * y[i] * q[i]
			for j := range n {
				_, dk := kernel(x[i], x[j], w[1])
				dst[1] += q[i] * dk * y[j]
			}
		}
		return nil
	}
	p.LossValue = func(dy, dw, y, w []float64) (l float64, err error) {
		for i := range m {
			e, de := -f(v[i]), 0.0
			for j := range n {
				k, dk := kernel(v[i], x[j], w[1])
				e, de = e+k*y[j], de+dk*y[j]
			}
			l += 0.5 * e * e
			dw[1] += e * de
			for j := range n {
				k, _ := kernel(v[i], x[j], w[1])
				dy[j] += e * k
			}
		}
		return l, nil
	}
	return fieldProblem{"kernel ridge", p, newtonTo, make([]float64, n), []float64{-2, -0.5}, 1e-7, 1e-3}
}

// poisson: counts c_i with rates exp(x_iᵀy), one penalty per feature.
func poisson() fieldProblem {
	const n, d = 60, 5
	rng := rand.New(rand.NewPCG(12, 1))
	x := make([][]float64, 2*n)
	c := make([]float64, 2*n)
	for i := range x {
		x[i] = normals(rng, d)
		for j := range x[i] {
			x[i][j] *= 0.5
		}
		c[i] = float64(rng.IntN(6))
	}
	dot := func(a, b []float64) (s float64) {
		for i := range a {
			s += a[i] * b[i]
		}
		return s
	}
	p := &hypergrad.Funcs{NY: d, NW: d, Structure: hvp.SPD}
	p.EnergyValue = func(y, w []float64) (e float64, err error) {
		for i := range n {
			t := dot(x[i], y)
			e += math.Exp(t) - c[i]*t
		}
		for j := range d {
			e += 0.5 * math.Exp(w[j]) * y[j] * y[j]
		}
		return e, nil
	}
	p.Gradient = func(dst, y, w []float64) error {
		for j := range d {
			dst[j] = math.Exp(w[j]) * y[j]
		}
		for i := range n {
			s := math.Exp(dot(x[i], y)) - c[i]
			for j := range d {
				dst[j] += s * x[i][j]
			}
		}
		return nil
	}
	p.HVP = func(dst, v, y, w []float64) error {
		for j := range d {
			dst[j] = math.Exp(w[j]) * v[j]
		}
		for i := range n {
			s := math.Exp(dot(x[i], y)) * dot(x[i], v)
			for j := range d {
				dst[j] += s * x[i][j]
			}
		}
		return nil
	}
	p.Mixed = func(dst, q, y, w []float64) error {
		for j := range d {
			dst[j] = math.Exp(w[j]) * y[j] * q[j]
		}
		return nil
	}
	p.LossValue = func(dy, _, y, _ []float64) (l float64, err error) {
		for i := n; i < 2*n; i++ {
			t := dot(x[i], y)
			l += math.Exp(t) - c[i]*t
			for j := range d {
				dy[j] += (math.Exp(t) - c[i]) * x[i][j]
			}
		}
		return l, nil
	}
	return fieldProblem{"Poisson regression", p, newtonTo, make([]float64, d), []float64{0, 1, -1, 2, 0.5}, 1e-7, 0}
}

// softmax: multinomial logistic regression, one penalty per class. Hessian and mixed
// products come from differences.
func softmax() fieldProblem {
	const n, d, k = 80, 4, 3
	rng := rand.New(rand.NewPCG(13, 1))
	x, label := make([][]float64, 2*n), make([]int, 2*n)
	for i := range x {
		x[i], label[i] = normals(rng, d), rng.IntN(k)
		x[i][label[i]]++
	}
	// row adds the cross entropy of example i and its gradient.
	row := func(i int, y, g []float64) float64 {
		var z [k]float64
		most := math.Inf(-1)
		for c := range k {
			for j := range d {
				z[c] += y[c*d+j] * x[i][j]
			}
			most = max(most, z[c])
		}
		s := 0.0
		for c := range k {
			s += math.Exp(z[c] - most)
		}
		for c := range k {
			r := math.Exp(z[c]-most) / s
			if c == label[i] {
				r--
			}
			for j := range d {
				g[c*d+j] += r * x[i][j]
			}
		}
		return most + math.Log(s) - z[label[i]]
	}
	p := &hypergrad.Funcs{NY: k * d, NW: k, Structure: hvp.SPD}
	p.EnergyValue = func(y, w []float64) (e float64, err error) {
		g := make([]float64, k*d)
		for i := range n {
			e += row(i, y, g)
		}
		for a, v := range y {
			e += 0.5 * math.Exp(w[a/d]) * v * v
		}
		return e, nil
	}
	p.Gradient = func(dst, y, w []float64) error {
		for a, v := range y {
			dst[a] = math.Exp(w[a/d]) * v
		}
		for i := range n {
			row(i, y, dst)
		}
		return nil
	}
	p.LossValue = func(dy, _, y, _ []float64) (l float64, err error) {
		for i := n; i < 2*n; i++ {
			l += row(i, y, dy)
		}
		return l, nil
	}
	return fieldProblem{"softmax", p, newtonTo, make([]float64, k*d), []float64{0, 0.5, -0.5}, 1e-5, 0}
}

// growth: the solution u(t) = K/(1 + (K/u₀ − 1)e^{−rt}) of u′ = ru(1 − u/K), fitted to
// data by weighted nonlinear least squares; y = (log r, log K), w the log-weights. The
// loss is u at a later time.
func growth() fieldProblem {
	const u0 = 0.1
	times := []float64{0.5, 1, 2, 3, 4, 6, 8}
	data := []float64{0.18, 0.27, 0.62, 1.3, 1.75, 2.35, 2.3}
	solution := func(t float64, y []float64) (u, dr, dk float64) {
		r, k := math.Exp(y[0]), math.Exp(y[1])
		e := math.Exp(-r * t)
		den := 1 + (k/u0-1)*e
		return k / den, k * (k/u0 - 1) * t * e * r / (den * den), k/den - k*(k/u0)*e/(den*den)
	}
	p := &hypergrad.Funcs{NY: 2, NW: len(times)}
	p.EnergyValue = func(y, w []float64) (e float64, err error) {
		for i, t := range times {
			u, _, _ := solution(t, y)
			e += 0.5 * math.Exp(w[i]) * (u - data[i]) * (u - data[i])
		}
		return e, nil
	}
	p.Gradient = func(dst, y, w []float64) error {
		clear(dst)
		for i, t := range times {
			u, dr, dk := solution(t, y)
			s := math.Exp(w[i]) * (u - data[i])
			dst[0] += s * dr
			dst[1] += s * dk
		}
		return nil
	}
	p.GradientW = func(dst, y, w []float64) error {
		for i, t := range times {
			u, _, _ := solution(t, y)
			dst[i] = 0.5 * math.Exp(w[i]) * (u - data[i]) * (u - data[i])
		}
		return nil
	}
	p.LossValue = func(dy, _, y, _ []float64) (u float64, err error) {
		u, dy[0], dy[1] = solution(5, y)
		return u, nil
	}
	return fieldProblem{"logistic growth", p, newtonTo, []float64{0, 1}, make([]float64, len(times)), 1e-5, 0}
}

// sinkhorn: the potential f of entropic optimal transport between weights e^{w_j}/Σ and
// uniform ones, as a fixed point with f₀ = 0; the last of w is the log of the temperature.
func sinkhorn() fieldProblem {
	const n, m = 6, 7
	rng := rand.New(rand.NewPCG(14, 1))
	a, b := normals(rng, n), normals(rng, m)
	half := func(dst, from, weight []float64, cost func(i, j int) float64, eps float64) {
		for i := range dst {
			most := math.Inf(-1)
			for j := range from {
				most = max(most, math.Log(weight[j])+(from[j]-cost(i, j))/eps)
			}
			s := 0.0
			for j := range from {
				s += math.Exp(math.Log(weight[j]) + (from[j]-cost(i, j))/eps - most)
			}
			dst[i] = -eps * (most + math.Log(s))
		}
	}
	p := &hypergrad.FixedPoint{NY: n, NW: m + 1}
	p.Map = func(dst, y, w []float64) error {
		eps, target, source := math.Exp(w[m]), make([]float64, m), make([]float64, n)
		total := 0.0
		for j := range m {
			target[j] = math.Exp(w[j])
			total += target[j]
		}
		for j := range m {
			target[j] /= total
		}
		for i := range n {
			source[i] = 1.0 / n
		}
		g := make([]float64, m)
		half(g, y, source, func(j, i int) float64 { return (a[i] - b[j]) * (a[i] - b[j]) }, eps)
		half(dst, g, target, func(i, j int) float64 { return (a[i] - b[j]) * (a[i] - b[j]) }, eps)
		first := dst[0]
		for i := range dst {
			dst[i] -= first
		}
		return nil
	}
	p.LossValue = func(dy, _, y, _ []float64) (l float64, err error) {
		for i, v := range y {
			l += float64(i) * v * v
			dy[i] = 2 * float64(i) * v
		}
		return l, nil
	}
	w := normals(rng, m+1)
	w[m] = 0.3
	return fieldProblem{"Sinkhorn", p, func(rtol, atol float64) hypergrad.InnerSolver { return &hypergrad.Anderson{RTol: rtol, ATol: atol} }, make([]float64, n), w, 1e-6, 0}
}

// equilibriumNet: a deep-equilibrium layer y = tanh(A·y + B·w), all products given.
func equilibriumNet() fieldProblem {
	const n, m = 20, 6
	rng := rand.New(rand.NewPCG(15, 1))
	a, b := normals(rng, n*n), normals(rng, n*m)
	for i := range a {
		a[i] *= 0.2
	}
	mul := func(dst, a, x []float64, cols int) {
		for i := range dst {
			dst[i] = 0
			for j, v := range x {
				dst[i] += a[i*cols+j] * v
			}
		}
	}
	mulTrans := func(dst, a, x []float64, cols int) {
		clear(dst)
		for i, v := range x {
			for j := range dst {
				dst[j] += a[i*cols+j] * v
			}
		}
	}
	phi := func(dst, y, w []float64) error {
		more := make([]float64, n)
		mul(dst, a, y, n)
		mul(more, b, w, m)
		for i := range dst {
			dst[i] = math.Tanh(dst[i] + more[i])
		}
		return nil
	}
	slopes := func(y, w []float64) []float64 {
		s := make([]float64, n)
		_ = phi(s, y, w)
		for i, v := range s {
			s[i] = 1 - v*v
		}
		return s
	}
	forward := func(a []float64, cols int) func(dst, v, y, w []float64) error {
		return func(dst, v, y, w []float64) error {
			mul(dst, a, v, cols)
			for i, s := range slopes(y, w) {
				dst[i] *= s
			}
			return nil
		}
	}
	back := func(a []float64, cols int) func(dst, q, y, w []float64) error {
		return func(dst, q, y, w []float64) error {
			s := slopes(y, w)
			for i, v := range q {
				s[i] *= v
			}
			mulTrans(dst, a, s, cols)
			return nil
		}
	}
	p := &hypergrad.FixedPoint{NY: n, NW: m, Map: phi, JVP: forward(a, n), VJP: back(a, n), JVPW: forward(b, m), VJPW: back(b, m)}
	p.LossValue = func(dy, dw, y, w []float64) (l float64, err error) {
		for i, v := range y {
			l += v + v*v
			dy[i] = 1 + 2*v
		}
		for j, v := range w {
			l += 0.1 * v * v
			dw[j] = 0.2 * v
		}
		return l, nil
	}
	return fieldProblem{"equilibrium net", p, newtonTo, make([]float64, n), normals(rng, m), 1e-7, 0}
}

// portfolio: min ½yᵀΣy − wᵀy on the simplex, some assets at zero.
func portfolio() fieldProblem {
	const n = 8
	rng := rand.New(rand.NewPCG(16, 1))
	f := normals(rng, n*n)
	sigma := make([]float64, n*n)
	for i := range n {
		for j := range n {
			for k := range n {
				sigma[i*n+j] += f[i*n+k] * f[j*n+k] / n
			}
		}
		sigma[i*n+i] += 0.2
	}
	mul := func(dst, v []float64) {
		for i := range n {
			dst[i] = 0
			for j := range n {
				dst[i] += sigma[i*n+j] * v[j]
			}
		}
	}
	c := &hypergrad.Constrained{N: n, M: 1, NW: n, Affine: true}
	c.Gradient = func(dst, y, w []float64) error {
		mul(dst, y)
		for i := range n {
			dst[i] -= w[i]
		}
		return nil
	}
	c.Constraint = func(dst, y, _ []float64) error {
		dst[0] = -1
		for _, v := range y {
			dst[0] += v
		}
		return nil
	}
	c.Jacobian = func(dst, v, _, _ []float64) error {
		dst[0] = 0
		for _, v := range v {
			dst[0] += v
		}
		return nil
	}
	c.JacobianTrans = func(dst, mu, _, _ []float64) error {
		for i := range dst {
			dst[i] = mu[0]
		}
		return nil
	}
	c.HVP = func(dst, v, _, _ []float64) error { mul(dst, v); return nil }
	c.VJPW = func(dst, q, _, _, _ []float64) error {
		for i := range dst {
			dst[i] = -q[i]
		}
		return nil
	}
	c.LossValue = func(dz, _, z, _ []float64) (l float64, err error) {
		for i := range n {
			l += float64(i+1) * z[i] * z[i]
			dz[i] = 2 * float64(i+1) * z[i]
		}
		return l, nil
	}
	y := make([]float64, n+1)
	for i := range n {
		y[i] = 1.0 / n
	}
	w := normals(rng, n)
	for i := range w {
		w[i] *= 0.2
	}
	p := &hypergrad.Bounds{Problem: c, Lower: make([]float64, n)}
	return fieldProblem{"portfolio", p, func(rtol, atol float64) hypergrad.InnerSolver {
		return &hypergrad.ActiveSetNewton{RTol: rtol, ATol: atol}
	}, y, w, 1e-7, 0}
}

func fieldProblems() []fieldProblem {
	return []fieldProblem{kernelRidge(), poisson(), softmax(), growth(), sinkhorn(), equilibriumNet(), portfolio()}
}

func TestFields(t *testing.T) {
	ctx := context.Background()
	for _, f := range fieldProblems() {
		t.Run(f.name, func(t *testing.T) {
			_, nw := f.p.Dims()
			y, grad := append([]float64(nil), f.y...), make([]float64, nw)
			if _, err := f.inner(0, 1e-12).Solve(ctx, f.p, y, f.w); err != nil {
				t.Fatal(err)
			}
			est := &hypergrad.Estimator{Settings: krylov.Settings{RTol: 1e-11}}
			rep, err := est.Gradient(ctx, f.p, y, f.w, grad)
			if err != nil {
				t.Fatal(err)
			}
			if len(rep.Warnings) > 0 {
				t.Errorf("warnings: %q", rep.Warnings)
			}
			rng := rand.New(rand.NewPCG(5, 5))
			for range 3 {
				d, err := hypergrad.CheckGradient(ctx, f.p, f.inner(0, 1e-12), y, f.w, grad, normals(rng, nw), 1e-3)
				if err != nil {
					t.Fatal(err)
				}
				size := math.Sqrt(float64(nw)) * rep.GradNorm
				if gap := math.Abs(d.Predicted - d.Measured); !(gap <= f.tol*size+3*d.Uncertainty) || d.Uncertainty > 1e-3*size {
					t.Errorf("along a direction %v by the hypergradient, %v ± %.1g by differences", d.Predicted, d.Measured, d.Uncertainty)
				}
			}
			for _, rtol := range []float64{1e-2, 1e-3, 1e-4, 1e-6, 1e-8} {
				for _, adjoint := range []float64{1e-10, 1e-4} {
					t.Run(fmt.Sprintf("bar %g %g", rtol, adjoint), func(t *testing.T) {
						loose, g := append([]float64(nil), f.y...), make([]float64, nw)
						if _, err := f.inner(rtol, 0).Solve(ctx, f.p, loose, f.w); err != nil {
							t.Fatal(err)
						}
						e := &hypergrad.Estimator{Settings: krylov.Settings{RTol: adjoint}, ErrorBarRTol: f.barRTol}
						r, err := e.Gradient(ctx, f.p, loose, f.w, g)
						if err != nil {
							t.Fatal(err)
						}
						truth := 0.0
						for i := range g {
							truth = math.Hypot(truth, g[i]-grad[i])
						}
						// What the reference and products by differences are good for.
						floor := 1e-10*rep.GradNorm + 3*rep.Error.Estimate + 10*(r.ProductAccuracy+r.MixedAccuracy)*rep.GradNorm
						switch {
						case !r.Error.Trusted:
							t.Logf("not trusted: %s (error %.2g)", r.Error.Note, truth/rep.GradNorm)
						case truth <= floor:
							if r.Error.Estimate > 100*floor {
								t.Errorf("estimate %.3g of an error below %.3g", r.Error.Estimate, floor)
							}
						case !(r.Error.Estimate >= truth/2 && r.Error.Estimate <= 2*truth):
							t.Errorf("estimate %.3g of an error of %.3g (‖dL/dw‖ = %.3g, contraction %.2g, step %.2g)", r.Error.Estimate, truth, r.GradNorm, r.Error.Contraction, r.Error.Step)
						}
					})
				}
			}
		})
	}
}
