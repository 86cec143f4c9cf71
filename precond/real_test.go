package precond_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
	"github.com/hgsolve/hgsolve/precond/precondtest"
)

// readTestMatrix reads a matrix of the data folder beside the repository and
// skips the test where there is none.
func readTestMatrix(t testing.TB, name string) *hvp.CSR {
	t.Helper()
	path := filepath.Join("..", "..", "shared", "data", "matrices", name+".mtx.gz")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the data folder is not there: %v", err)
	}
	a, err := hvp.ReadMatrixMarket(path)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// readSPD reads a symmetric positive definite matrix.
func readSPD(t testing.TB, name string) *hvp.CSR {
	t.Helper()
	a, err := readTestMatrix(t, name).Promise(hvp.SPD)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// heavier returns a with its diagonal made half as large again.
func heavier(t testing.TB, a *hvp.CSR) *hvp.CSR {
	t.Helper()
	rowPtr, col, val := a.RawCSR()
	v := append([]float64(nil), val...)
	for i := range len(rowPtr) - 1 {
		for p := rowPtr[i]; p < rowPtr[i+1]; p++ {
			if int(col[p]) == i {
				v[p] *= 1.5
			}
		}
	}
	b, err := hvp.NewCSR(len(rowPtr)-1, len(rowPtr)-1, rowPtr, col, v)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = b.Promise(a.Structure()); err != nil {
		t.Fatal(err)
	}
	return b
}

func random(n int) []float64 {
	rng := rand.New(rand.NewPCG(1, 1))
	b := make([]float64, n)
	for i := range b {
		b[i] = rng.NormFloat64()
	}
	return b
}

var spdMatrices = []string{
	"bcsstk01", "bcsstk02", "bcsstk14", "1138_bus", "nos3", "nos5", "gr_30_30", "wathen_7400",
	"xpetra_A_13366", "pyamg_bar", "pyamg_ldg_diffusion", "maxwell_M1_3630",
}

// TestICOnRealMatrices: with twice the memory of IC(0) limited-memory factors need
// fewer iterations on every matrix where IC(0) is not exact already.
func TestICOnRealMatrices(t *testing.T) {
	for _, name := range spdMatrices {
		t.Run(name, func(t *testing.T) {
			a := readSPD(t, name)
			n, _ := a.Dims()
			if raceEnabled && n > 500 {
				t.Skip("small ones under the race detector")
			}
			b, x := random(n), make([]float64, n)
			var its [2]int
			var bytes [2]int64
			for k, opt := range []precond.ICSettings{{Fill: -1}, {}} {
				m, err := precond.NewIC(t.Context(), a, &opt)
				if err != nil {
					t.Fatal(err)
				}
				res, err := new(krylov.CG).Solve(t.Context(), a, x, b, &krylov.Settings{Precond: m, RTol: 1e-8})
				if err != nil {
					t.Fatalf("%v: %v", m, err)
				}
				r := m.Report()
				its[k], bytes[k] = res.Iterations, r.Bytes
				t.Logf("%v: %d iterations, %d bytes, %q", m, res.Iterations, r.Bytes, r.Notes)
			}
			if its[1] >= its[0] && its[0] > 1 {
				t.Errorf("%d iterations, with IC(0) %d", its[1], its[0])
			}
			if bytes[1] > 2*bytes[0] {
				t.Errorf("%d bytes, IC(0) needs %d", bytes[1], bytes[0])
			}
		})
	}
}

// TestILUOnRealMatrices: where GMRES converges with the defaults, and what it takes.
func TestILUOnRealMatrices(t *testing.T) {
	for _, c := range []struct {
		name       string
		ilu0, ilut int // most iterations allowed; zero: see TestNamedErrorsOnRealMatrices
	}{
		{"orsirr_1", 80, 25}, {"sherman5", 80, 25}, {"west0479", 0, 20}, {"fs_183_6", 15, 15},
		{"cage10", 10, 8}, {"epb0", 400, 200}, {"olm1000", 40, 10}, {"tumorAntiAngiogenesis_2", 30, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := readTestMatrix(t, c.name)
			n, _ := a.Dims()
			if raceEnabled && n > 1000 {
				t.Skip("small ones under the race detector")
			}
			b, x := random(n), make([]float64, n)
			for kind, limit := range map[string]int{"ilu0": c.ilu0, "ilut": c.ilut} {
				if limit == 0 {
					continue
				}
				m, err := precond.New(t.Context(), kind, a)
				if err != nil {
					t.Errorf("%s: %v", kind, err)
					continue
				}
				res, err := new(krylov.GMRES).Solve(t.Context(), a, x, b, &krylov.Settings{Precond: m, RTol: 1e-8, MaxIter: 1000})
				t.Logf("%v: %d iterations, %v, %.1f times the entries of A, %q", m, res.Iterations, res.Status,
					float64(m.Report().Bytes)/float64(10*a.NNZ()), m.Report().Notes)
				if err != nil || res.Iterations > limit {
					t.Errorf("%v: %d iterations, want at most %d; %v", m, res.Iterations, limit, err)
				}
			}
		})
	}
}

// TestConformanceOnRealMatrices puts every kind, and the options that change how
// results are computed, through the conformance test.
func TestConformanceOnRealMatrices(t *testing.T) {
	for _, name := range []string{"nos3", "1138_bus", "orsirr_1", "west0479"} {
		a := readTestMatrix(t, name)
		if raceEnabled && name != "west0479" {
			continue // TestConformanceOfOptions looks for races on small matrices
		}
		var opt hvptest.Options
		if name == "west0479" {
			// Rounding errors of a triangular solve grow with the condition of
			// its factor: here ‖L⁻¹‖ and ‖U⁻¹‖ are large, by cancellation in M.
			opt.Tol = 1e-7
		}
		if a.Structure().Has(hvp.Symmetric) {
			a = readSPD(t, name)
		}
		for _, m := range makers(a.Structure().Has(hvp.Symmetric)) {
			if name == "west0479" && !strings.HasPrefix(m.name, "ilut") {
				continue // see TestNamedErrorsOnRealMatrices
			}
			t.Run(fmt.Sprint(name, "/", m.name), func(t *testing.T) {
				precondtest.Test(t, a, heavier(t, a), m.build, &opt)
			})
		}
	}
}

// TestNamedErrorsOnRealMatrices: what cannot be built says why.
func TestNamedErrorsOnRealMatrices(t *testing.T) {
	a := readTestMatrix(t, "west0479") // chemical plants: 471 zeros on the diagonal
	var block *precond.SingularBlockError
	if _, err := precond.New(t.Context(), "block-jacobi", a); !errors.As(err, &block) {
		t.Errorf("block-jacobi: %v", err)
	}
	var growth *precond.UnstableError
	if _, err := precond.New(t.Context(), "ilu0", a); !errors.As(err, &growth) {
		t.Errorf("ilu0: %v", err)
	}
	var pivot *precond.PivotError
	if _, err := precond.NewILU(t.Context(), a, &precond.ILUSettings{Matching: precond.MatchNever}); !errors.As(err, &pivot) {
		t.Errorf("ilut without matching: %v", err)
	}
	for _, name := range []string{"stokes_C_1089", "q2q1_cavity_659", "reorientation_1"} { // symmetric indefinite, or singular
		for _, kind := range []string{"ilu0", "ilut", "ic"} {
			a := readTestMatrix(t, name)
			m, err := precond.New(t.Context(), kind, a)
			t.Logf("%s, %s: %v", name, kind, err)
			if err != nil {
				continue
			}
			n, _ := a.Dims()
			z := make([]float64, n)
			if err := m.Apply(t.Context(), z, random(n)); err != nil {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
			for i, v := range z {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Errorf("%s, %s: element %d of M·x is %v; %q", name, kind, i, v, m.Report().Notes)
					break
				}
			}
		}
	}
}
