package problems_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/problems"
)

// kktErrors returns by plain loops the largest violation of each condition of
// optimality, for a program without slacks: P·x + q + Aᵀμ at free variables, its wrong
// sign at bounds, A·x − b, and the bounds.
func kktErrors(d *problems.QPData, x, mu []float64) (free, sign, rows, box float64) {
	g := append([]float64(nil), d.Q...)
	each := func(a *hvp.CSR, use func(i, j int, v float64)) {
		rowPtr, col, val := a.RawCSR()
		for i := range len(rowPtr) - 1 {
			for p := rowPtr[i]; p < rowPtr[i+1]; p++ {
				use(i, int(col[p]), val[p])
			}
		}
	}
	ax := make([]float64, len(mu))
	each(d.P, func(i, j int, v float64) { g[i] += v * x[j] })
	each(d.A, func(i, j int, v float64) {
		g[j] += v * mu[i]
		ax[i] += v * x[j]
	})
	for i, v := range ax {
		rows = max(rows, math.Abs(v-d.RowLower[i]))
	}
	for i, v := range x {
		box = max(box, d.Lower[i]-v, v-d.Upper[i])
		switch {
		case d.Lower[i] == d.Upper[i]:
		case v == d.Lower[i]:
			sign = max(sign, -g[i])
		case v == d.Upper[i]:
			sign = max(sign, g[i])
		default:
			free = max(free, math.Abs(g[i]))
		}
	}
	return free, sign, rows, box
}

// TestCONT100: optimal control of an elliptic equation by Maurer & Mittelmann, in the
// repository of Maros & Mészáros, whose optimal value is −4.6443979. From zero the
// primal-dual active set method alone takes too many variables for active.
func TestCONT100(t *testing.T) {
	d, err := problems.ReadQP(realData(t, filepath.Join("qp", "CONT-100")))
	if err != nil {
		t.Fatal(err)
	}
	if raceEnabled || testing.Short() {
		t.Skip("seconds")
	}
	p, err := problems.NewQP(d)
	if err != nil {
		t.Fatal(err)
	}
	ny, nw := p.Dims()
	z, w, grad := make([]float64, ny), p.Parameters(), make([]float64, nw)
	res, err := p.Solve(t.Context(), p, z, w)
	if err != nil {
		t.Fatal(err)
	}
	x, _, mu := p.Split(z)
	free, sign, rows, box := kktErrors(d, x, mu)
	t.Logf("%d steps, %d products, %v: stationary to %.2g, signs to %.2g, constraints to %.2g, bounds to %.2g", res.Iterations, res.Products, res.Elapsed, free, sign, rows, box)
	if free > 1e-10 || sign > 1e-10 || rows > 1e-10 || box > 0 {
		t.Error("not optimal")
	}
	est := hypergrad.Estimator{Settings: krylov.Settings{RTol: 1e-10}}
	rep, err := est.Gradient(t.Context(), p, z, w, grad)
	if err != nil || math.Abs(rep.Loss+4.6443979) > 1e-7 {
		t.Errorf("optimal value %.10g, %v", rep.Loss, err)
	}
	want := make([]float64, nw)
	p.Envelope(want, z)
	diff, size := 0.0, 0.0
	for i, v := range want {
		diff, size = math.Hypot(diff, v-grad[i]), math.Hypot(size, v)
	}
	if diff > 1e-7*size {
		t.Errorf("dL/dw off by %.2g of the envelope's", diff/size)
	}
	// Sensitivities on the active set by differences of the re-solved problem.
	p.LossValue = func(dz, _, z, _ []float64) (float64, error) {
		l := 0.0
		for i, v := range z[:len(x)] {
			l += 0.5 * v * v
			dz[i] = v
		}
		return l, nil
	}
	if rep, err = est.Gradient(t.Context(), p, z, w, grad); err != nil || !strings.HasPrefix(rep.Precond, "saddle") {
		t.Fatalf("%v with %s", err, rep.Precond)
	}
	rng, u := rand.New(rand.NewPCG(4, 4)), make([]float64, nw)
	for i := range u {
		u[i] = rng.NormFloat64()
	}
	fd, err := hypergrad.CheckGradient(t.Context(), p, p, z, w, grad, u, 1e-5)
	if err != nil || fd.Error() > 1e-7 {
		t.Errorf("along a direction %.10g, by differences %.10g; %v", fd.Predicted, fd.Measured, err)
	}
	t.Logf("adjoint by %d iterations with %s; differences agree to %.2g", rep.Solve.Iterations, rep.Precond, fd.Error())
}

// TestInterior: min ½‖x‖² + qᵀx on x₁ + x₂ = 1, 0 ≤ x₁ ≤ u, x₂ ≥ 0, x₃ = 2 and x₄ free.
func TestInterior(t *testing.T) {
	inf := math.Inf(1)
	build := func(q []float64, upper, sum float64) *problems.QP {
		eye, err := hvp.NewCSRFromTriplets(4, 4, []int32{0, 1, 2, 3}, []int32{0, 1, 2, 3}, []float64{1, 1, 1, 1})
		if err != nil {
			t.Fatal(err)
		}
		row, err := hvp.NewCSRFromTriplets(1, 4, []int32{0, 0}, []int32{0, 1}, []float64{1, 1})
		if err != nil {
			t.Fatal(err)
		}
		p, err := problems.NewQP(&problems.QPData{P: eye, A: row, Q: q, Lower: []float64{0, 0, 2, -inf}, Upper: []float64{upper, inf, 2, inf},
			RowLower: []float64{sum}, RowUpper: []float64{sum}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, c := range map[string]struct {
		q    []float64
		x    []float64 // x₁, x₂, x₃, x₄, μ
		size float64
	}{
		"inside":      {[]float64{0, 0, 0, -3}, []float64{0.5, 0.5, 2, 3, -0.5}, 1},
		"at zero":     {[]float64{5, 0, 0, 1}, []float64{0, 1, 2, -1, -1}, 1},
		"at the top":  {[]float64{-5, 0, 0, 0}, []float64{0.75, 0.25, 2, 0, -0.25}, 1},
		"other units": {[]float64{-5e6, 0, 0, 0}, []float64{0.75e6, 0.25e6, 2, 0, -0.25e6}, 1e6},
	} {
		p := build(c.q, 0.75*c.size, c.size)
		for _, solve := range []func(z []float64) error{
			func(z []float64) error {
				_, err := p.Interior(t.Context(), z, p.Parameters(), 1e-10)
				return err
			},
			func(z []float64) error {
				_, err := p.Solve(t.Context(), p, z, p.Parameters())
				return err
			},
		} {
			z := make([]float64, 5)
			if err := solve(z); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for i, want := range c.x {
				if math.Abs(z[i]-want) > 1e-6*c.size {
					t.Errorf("%s: z[%d] = %v, want %v", name, i, z[i], want)
				}
			}
		}
	}
	p, z := build(make([]float64, 4), 1, -1), make([]float64, 5)
	if _, err := p.Interior(t.Context(), z, p.Parameters(), 0); !errors.Is(err, hypergrad.ErrInnerNotStationary) {
		t.Errorf("x₁ + x₂ = −1 with both at least 0: %v", err)
	}
	if _, err := p.Interior(t.Context(), z[1:], p.Parameters(), 0); err == nil {
		t.Error("short vector accepted")
	}
	for _, rtol := range []float64{-1, 1, math.NaN()} {
		if _, err := p.Interior(t.Context(), z, p.Parameters(), rtol); err == nil {
			t.Errorf("tolerance %v accepted", rtol)
		}
	}
}
