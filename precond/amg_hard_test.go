package precond_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
	"github.com/hgsolve/hgsolve/precond/precondtest"
)

// diffusion returns the matrix of −∇·k∇ + shift on a grid of m×m cells of coefficients
// kx and ky, with harmonic means between cells, and zero values or, with Neumann
// conditions, zero fluxes at the boundary.
func diffusion(t testing.TB, m int, kx, ky func(i, j int) float64, neumann bool, shift float64) *hvp.CSR {
	t.Helper()
	var row, col []int32
	var val []float64
	add := func(p, q int, w float64) {
		row, col, val = append(row, int32(p), int32(q)), append(col, int32(p), int32(q)), append(val, w, w)
		row, col, val = append(row, int32(p), int32(q)), append(col, int32(q), int32(p)), append(val, -w, -w)
	}
	diag := func(p int, w float64) { row, col, val = append(row, int32(p)), append(col, int32(p)), append(val, w) }
	mean := func(a, b float64) float64 { return 2 / (1/a + 1/b) }
	for i := range m {
		for j := range m {
			p := i*m + j
			diag(p, shift)
			if i+1 < m {
				add(p, p+m, mean(kx(i, j), kx(i+1, j)))
			}
			if j+1 < m {
				add(p, p+1, mean(ky(i, j), ky(i, j+1)))
			}
			if !neumann && (i == 0 || i == m-1) {
				diag(p, kx(i, j))
			}
			if !neumann && (j == 0 || j == m-1) {
				diag(p, ky(i, j))
			}
		}
	}
	a, err := hvp.NewCSRFromTriplets(m*m, m*m, row, col, val)
	if err != nil {
		t.Fatal(err)
	}
	promise := hvp.SPD
	if neumann && shift == 0 {
		promise = hvp.Symmetric | hvp.Semidefinite
	}
	if a, err = a.Promise(promise); err != nil {
		t.Fatal(err)
	}
	return a
}

func constant(k float64) func(i, j int) float64 { return func(int, int) float64 { return k } }

// checkerboard has coefficient k on every other square of the given width.
func checkerboard(k float64, width int) func(i, j int) float64 {
	return func(i, j int) float64 {
		if (i/width+j/width)%2 == 0 {
			return k
		}
		return 1
	}
}

// TestAMGHardCoefficients bounds the number of iterations to 1e-8 where coefficients
// differ by direction or jump, and where the matrix is nearly singular, for each
// cycle and precision.
func TestAMGHardCoefficients(t *testing.T) {
	m := 128
	if raceEnabled {
		m = 40
	}
	rng := rand.New(rand.NewPCG(3, 3))
	any := make([]float64, m*m)
	for i := range any {
		any[i] = math.Pow(10, 12*rng.Float64()-6)
	}
	random12 := func(i, j int) float64 { return any[i*m+j] }
	one := constant(1)
	for _, c := range []struct {
		name string
		a    *hvp.CSR
		most int
	}{
		{"anisotropic 0.1", diffusion(t, m, one, constant(0.1), false, 0), 18},
		{"anisotropic 1e-3", diffusion(t, m, one, constant(1e-3), false, 0), 22},
		{"anisotropic 1e-6", diffusion(t, m, one, constant(1e-6), false, 0), 18},
		{"checkerboard 1e6, width 1", diffusion(t, m, checkerboard(1e6, 1), checkerboard(1e6, 1), false, 0), 18},
		{"checkerboard 1e6, width 8", diffusion(t, m, checkerboard(1e6, 8), checkerboard(1e6, 8), false, 0), 18},
		{"checkerboard 1e-6, width 8", diffusion(t, m, checkerboard(1e-6, 8), checkerboard(1e-6, 8), false, 0), 18},
		{"checkerboard 1e-6, width 32", diffusion(t, m, checkerboard(1e-6, 32), checkerboard(1e-6, 32), false, 0), 18},
		{"random 1e±6", diffusion(t, m, random12, random12, false, 0), 90},
		{"neumann", diffusion(t, m, one, one, true, 0), 15},
		{"neumann, shift 1e-6", diffusion(t, m, one, one, true, 1e-6), 16},
		{"neumann, shift 1e-10", diffusion(t, m, one, one, true, 1e-10), 16},
	} {
		n, _ := c.a.Dims()
		b := random(n)
		if strings.HasPrefix(c.name, "neumann") {
			// In the range of A, and such that x is no larger than what rounding allows.
			if err := c.a.Apply(t.Context(), b, random(n)); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range []precond.AMGSettings{
			{}, {Cycle: precond.VCycle}, {Cycle: precond.KCycle},
			{Double: true}, {Cycle: precond.VCycle, Double: true}, {Cycle: precond.KCycle, Double: true},
		} {
			if raceEnabled && !(s.Cycle == precond.KCycle && s.Double) {
				continue
			}
			mg, err := precond.NewAMG(t.Context(), c.a, &s)
			if err != nil {
				t.Fatal(err)
			}
			if got := solveSteps(t, c.a, mg, b, 1e-8); got > c.most {
				t.Errorf("%s, %v: %d iterations, want at most %d", c.name, mg, got, c.most)
			}
		}
	}
}

// TestAMGVarying: a K-cycle says that it varies, passes what of the contract is for it,
// and no method takes it for a fixed operator.
func TestAMGVarying(t *testing.T) {
	a, other := laplacian(t, 0.01, 41, 37), laplacian(t, 0.7, 41, 37)
	for _, s := range []precond.AMGSettings{
		{Cycle: precond.KCycle, CoarseSize: 20}, {Cycle: precond.KCycle, CoarseSize: 20, Double: true}, {Cycle: precond.KCycle, CoarseSize: 20, ChebyshevDegree: 2},
	} {
		precondtest.Test(t, a, other, amg(&s), nil)
		m, err := precond.NewAMG(t.Context(), a, &s)
		if err != nil {
			t.Fatal(err)
		}
		apply, _ := precondtest.Allocations(m)
		if n := testing.AllocsPerRun(5, apply); n != 0 && !raceEnabled {
			t.Errorf("%v: %v allocations per Apply", m, n)
		}
		if got := hvp.StructureOf(m); got != hvp.Varying {
			t.Errorf("%v promises to be %v", m, got)
		}
	}
	m, err := precond.NewAMG(t.Context(), a, &precond.AMGSettings{Cycle: precond.KCycle, CoarseSize: 20})
	if err != nil {
		t.Fatal(err)
	}
	n, _ := a.Dims()
	x, b := make([]float64, n), filled(n, 1)
	for _, c := range []struct {
		method   krylov.Method
		flexible bool
	}{
		{new(krylov.Auto), true}, {&krylov.CG{Flexible: true}, true}, {&krylov.GMRES{Flexible: true}, true},
		{new(krylov.CG), false}, {new(krylov.MINRES), false}, {new(krylov.GMRES), false}, {new(krylov.IDRS), false}, {new(krylov.GCRODR), false},
	} {
		res, err := c.method.Solve(t.Context(), a, x, b, &krylov.Settings{Precond: m, RTol: 1e-8})
		if c.flexible && (err != nil || res.Iterations > 15) || !c.flexible && (!errors.Is(err, krylov.ErrVarying) || res.Status != krylov.InvalidInput) {
			t.Errorf("%v: %v after %d iterations, %v", c.method, res.Status, res.Iterations, err)
		}
	}
	if _, err := krylov.Solve(t.Context(), m, x, b, nil); err == nil {
		t.Error("a K-cycle was accepted as an operator")
	}
	// What is made of it varies too.
	if s := hvp.StructureOf(hvp.Scale(2, m)); !s.Has(hvp.Varying) {
		t.Errorf("2·M is %v", s)
	}
	// Indefinite A, singular A and a wrong promise: flexible GMRES.
	singular := graphLaplacian(t, 900, gridEdges(30, 30, 0))
	if m, err = precond.NewAMG(t.Context(), singular, &precond.AMGSettings{Cycle: precond.KCycle, CoarseSize: 20}); err != nil {
		t.Fatal(err)
	}
	if err := singular.Apply(t.Context(), b[:900], random(900)); err != nil {
		t.Fatal(err)
	}
	res, err := krylov.Solve(t.Context(), singular, x[:900], b[:900], &krylov.Settings{Precond: m, RTol: 1e-8})
	if err != nil || res.Method[:6] != "fgmres" {
		t.Errorf("singular: %v by %s, %v", res.Status, res.Method, err)
	}
	// Two levels only: the second is solved exactly.
	if m, err = precond.NewAMG(t.Context(), a, &precond.AMGSettings{Cycle: precond.KCycle}); err != nil {
		t.Fatal(err)
	}
	if hvp.StructureOf(m) != hvp.SPD {
		t.Errorf("a cycle of two levels is %v", hvp.StructureOf(m))
	}
}
