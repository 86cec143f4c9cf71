package precond_test

import (
	"context"
	"errors"
	"math"
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

// laplacian returns the Laplacian of a grid plus a shift, as a matrix.
func laplacian(t testing.TB, shift float64, shape ...int) *hvp.CSR {
	t.Helper()
	s, err := hvp.NewStencil(1, shift, shape...)
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Assemble()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// symmetric returns the matrix of the entries given, their mirror images included.
func symmetric(t testing.TB, n int, promise hvp.Structure, entries map[[2]int]float64) *hvp.CSR {
	t.Helper()
	var i, j []int32
	var v []float64
	for at, x := range entries {
		i, j, v = append(i, int32(at[0])), append(j, int32(at[1])), append(v, x)
		if at[0] != at[1] {
			i, j, v = append(i, int32(at[1])), append(j, int32(at[0])), append(v, x)
		}
	}
	a, err := hvp.NewCSRFromTriplets(n, n, i, j, v)
	if err != nil {
		t.Fatal(err)
	}
	if a, err = a.Promise(promise); err != nil {
		t.Fatal(err)
	}
	return a
}

// graphLaplacian returns the Laplacian of a graph of n vertices.
func graphLaplacian(t testing.TB, n int, edges [][2]int) *hvp.CSR {
	entries := map[[2]int]float64{}
	for _, e := range edges {
		entries[e] -= 1
		entries[[2]int{e[0], e[0]}]++
		entries[[2]int{e[1], e[1]}]++
	}
	return symmetric(t, n, hvp.Symmetric|hvp.Semidefinite|hvp.Singular, entries)
}

// gridEdges returns the edges of a grid whose vertices are counted from first.
func gridEdges(rows, cols, first int) (e [][2]int) {
	for i := range rows {
		for j := range cols {
			v := first + i*cols + j
			if i > 0 {
				e = append(e, [2]int{v - cols, v})
			}
			if j > 0 {
				e = append(e, [2]int{v - 1, v})
			}
		}
	}
	return e
}

func amg(s *precond.AMGSettings) precondtest.Build {
	return func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		m, err := precond.NewAMG(ctx, a, s)
		if err != nil {
			return nil, err
		}
		return m, nil
	}
}

func TestAMGContract(t *testing.T) {
	rows, cols := 41, 37
	if raceEnabled {
		rows, cols = 17, 13
	}
	n := rows * cols
	a, other := laplacian(t, 0.01, rows, cols), stencil(t, 0.7, rows, cols)
	for name, s := range map[string]*precond.AMGSettings{
		"V-cycle":           {Cycle: precond.VCycle, CoarseSize: 20},
		"deep W-cycle":      {CoarseSize: 2},
		"double":            {CoarseSize: 20, Double: true},
		"double vectors":    {NearNull: [][]float64{ramp(n, 0), ramp(n, 1), ramp(n, 0)}, CoarseSize: 50, Double: true},
		"chebyshev 1":       {ChebyshevDegree: 1, CoarseSize: 50},
		"chebyshev 2":       {ChebyshevDegree: 2, CoarseSize: 50},
		"chebyshev 3":       {ChebyshevDegree: 3, CoarseSize: 50},
		"all strong":        {Strength: -1, CoarseSize: 50},
		"one level":         {MaxLevels: 1, CoarseSize: 10},
		"two levels":        {MaxLevels: 2, CoarseSize: 10},
		"blocks":            {BlockSize: cols, CoarseSize: 100},
		"vectors":           {NearNull: [][]float64{ramp(n, 0), ramp(n, 1), ramp(n, 0)}, CoarseSize: 50},
		"almost all weak":   {Strength: 0.24999, CoarseSize: 20},
		"most of them weak": {Strength: 0.9, CoarseSize: 20},
	} {
		t.Run(name, func(t *testing.T) {
			precondtest.Test(t, a, other, amg(s), nil)
			m, err := precond.NewAMG(t.Context(), a, s)
			if err != nil {
				t.Fatal(err)
			}
			apply, _ := precondtest.Allocations(m)
			if n := testing.AllocsPerRun(5, apply); n != 0 && !raceEnabled {
				t.Errorf("%v allocations per Apply", n)
			}
		})
	}
}

func TestAMGContractDense(t *testing.T) {
	precondtest.Test(t, laplacian(t, 0.01, 17, 19), stencil(t, 0.7, 17, 19), amg(nil), nil)
}

// ramp returns the powers 0, 1, … of i/n.
func ramp(n, power int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = math.Pow(float64(i)/float64(n), float64(power))
	}
	return v
}

// TestAMGManyParts is the part of the contract that a small matrix does not show:
// aggregation in several parts.
func TestAMGManyParts(t *testing.T) {
	m := 250
	if raceEnabled {
		m = 130
	}
	precondtest.Test(t, laplacian(t, 1e-6, m, m), stencil(t, 1, m, m), amg(nil), &hvptest.Options{Pairs: 2, Samples: 2})
}

// solveSteps solves a·x = b by CG and returns the iterations.
func solveSteps(t *testing.T, a hvp.Operator, m precond.Preconditioner, b []float64, rtol float64) int {
	t.Helper()
	x := make([]float64, len(b))
	res, err := krylov.Solve(t.Context(), a, x, b, &krylov.Settings{Precond: m, RTol: rtol})
	if err != nil {
		t.Errorf("%v: %v", m, err)
	}
	return res.Iterations
}

func filled(n int, v float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = v
	}
	return x
}

// TestAMGIterations bounds the number of iterations of CG to 1e-8 on grids.
func TestAMGIterations(t *testing.T) {
	for _, c := range []struct {
		shift float64
		shape []int
		most  int
	}{
		{0.01, []int{64, 64}, 12}, {0.01, []int{300, 300}, 12}, {1e-6, []int{300, 300}, 15}, {0, []int{1000}, 12},
		{0, []int{32, 32, 32}, 14}, {0, []int{5, 3000}, 14}, {10, []int{200, 200}, 8},
	} {
		a := laplacian(t, c.shift, c.shape...)
		n, _ := a.Dims()
		if raceEnabled && n > 5000 {
			continue
		}
		m, err := precond.NewAMG(t.Context(), a, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := solveSteps(t, a, m, filled(n, 1), 1e-8); got > c.most {
			t.Errorf("grid %v, shift %g: %d iterations, want at most %d; %v", c.shape, c.shift, got, c.most, m.Report().Notes)
		}
	}
}

// TestAMGScale: the size of the entries does not matter, even beyond float32.
func TestAMGScale(t *testing.T) {
	b := filled(60*70, 1)
	var want int
	for k, scale := range []float64{1, 1e150, 1e-150, 3e40} {
		s, err := hvp.NewStencil(scale, 0.01*scale, 60, 70)
		if err != nil {
			t.Fatal(err)
		}
		m, err := precond.NewAMG(t.Context(), s, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := solveSteps(t, s, m, b, 1e-10)
		if k == 0 {
			want = got
		} else if got < want-1 || got > want+1 {
			t.Errorf("scale %g: %d iterations, %d at scale 1", scale, got, want)
		}
	}
}

// TestAMGEdges: matrices that are not grids.
func TestAMGEdges(t *testing.T) {
	diag := map[[2]int]float64{}
	for i := range 3000 {
		diag[[2]int{i, i}] = 1 + float64(i%17)
	}
	dirichlet := map[[2]int]float64{} // every seventh row is an equation for itself
	for _, e := range gridEdges(60, 60, 0) {
		for _, v := range e {
			dirichlet[[2]int{v, v}]++
		}
		if e[0]%7 != 0 && e[1]%7 != 0 {
			dirichlet[e] = -1
		}
	}
	star := map[[2]int]float64{{0, 0}: 2000}
	for i := 1; i < 2000; i++ {
		star[[2]int{i, i}] = 1.01
		star[[2]int{0, i}] = -1
	}
	islands := append(gridEdges(40, 30, 0), gridEdges(25, 50, 1200)...) // the last 10 vertices are alone
	for i := range 50 {
		islands = append(islands, [2]int{2450 + 2*i, 2451 + 2*i})
	}
	for _, c := range []struct {
		name string
		a    *hvp.CSR
		most int
		note string
	}{
		{"1×1", symmetric(t, 1, hvp.SPD, map[[2]int]float64{{0, 0}: 3}), 1, "dense"},
		{"small", laplacian(t, 0, 20, 20), 1, "dense"},
		{"diagonal", symmetric(t, 3000, hvp.SPD, diag), 1, "smoothed only"},
		{"dirichlet rows", symmetric(t, 3600, hvp.SPD, dirichlet), 14, "without strong"},
		{"star", symmetric(t, 2000, hvp.SPD, star), 30, ""},
		{"neumann", graphLaplacian(t, 70*80, gridEdges(70, 80, 0)), 15, "singular"},
		{"small neumann", graphLaplacian(t, 100, gridEdges(10, 10, 0)), 3, "singular"},
		{"islands", graphLaplacian(t, 2560, islands), 15, "zero rows"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := precond.NewAMG(t.Context(), c.a, nil)
			if err != nil {
				t.Fatal(err)
			}
			n, _ := c.a.Dims()
			x, b := make([]float64, n), make([]float64, n)
			for i := range x {
				x[i] = math.Sin(float64(i * i % 1001))
			}
			if err := c.a.Apply(t.Context(), b, x); err != nil { // in the range of A
				t.Fatal(err)
			}
			x = make([]float64, n)
			var cg krylov.CG
			res, err := cg.Solve(t.Context(), c.a, x, b, &krylov.Settings{Precond: m, RTol: 1e-8})
			if err != nil {
				t.Fatal(err)
			}
			notes := strings.Join(m.Report().Notes, "; ")
			if res.Iterations > c.most || !strings.Contains(notes, c.note) {
				t.Errorf("%d iterations, want at most %d; %s, want %q", res.Iterations, c.most, notes, c.note)
			}
			if !raceEnabled {
				hvptest.TestOperator(t, m, &hvptest.Options{Pairs: 2, Samples: 2})
			}
		})
	}
	empty, err := hvp.NewCSR(0, 0, []int{0}, nil, nil)
	if err == nil {
		empty, err = empty.Promise(hvp.SPD)
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := precond.NewAMG(t.Context(), empty, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Apply(t.Context(), nil, nil); err != nil {
		t.Error(err)
	}
}

func TestAMGErrors(t *testing.T) {
	n := 1000
	bad := func(value float64, promise hvp.Structure) *hvp.CSR {
		e := map[[2]int]float64{}
		for i := range n {
			e[[2]int{i, i}] = 2
		}
		e[[2]int{700, 700}] = value
		return symmetric(t, n, promise, e)
	}
	var notPositive *precond.NotPositiveError
	for name, a := range map[string]*hvp.CSR{
		"negative": bad(-1, hvp.Symmetric), "zero": bad(0, hvp.SPD), "tiny": bad(1e-310, hvp.SPD),
	} {
		if _, err := precond.NewAMG(t.Context(), a, nil); !errors.As(err, &notPositive) || notPositive.Index != 700 {
			t.Errorf("%s diagonal: %v", name, err)
		}
	}
	// A zero row is no fault of a semidefinite matrix; beside other entries it is.
	if _, err := precond.NewAMG(t.Context(), bad(0, hvp.Symmetric|hvp.Semidefinite), nil); err != nil {
		t.Errorf("zero row: %v", err)
	}
	for _, m := range []int{20, 100} {
		s, err := hvp.NewStencil(1, -1, m, m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := precond.NewAMG(t.Context(), s, nil); !errors.Is(err, precond.ErrIndefinite) {
			t.Errorf("indefinite stencil of %d²: %v", m, err)
		}
	}
	general, err := hvp.NewCSRFromTriplets(2, 2, []int32{0, 0, 1}, []int32{0, 1, 1}, []float64{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []hvp.Operator{general, diagonal(t, 1, 2)} {
		if _, err := precond.NewAMG(t.Context(), a, nil); !errors.Is(err, precond.ErrNotApplicable) {
			t.Errorf("%T: %v", a, err)
		}
	}
	a := laplacian(t, 0, 30, 30)
	for _, s := range []precond.AMGSettings{
		{Strength: math.NaN()}, {Strength: 1}, {CoarseSize: -1}, {CoarseSize: 6000}, {MaxLevels: -1}, {Cycle: 3}, {ChebyshevDegree: -1},
		{BlockSize: -1}, {BlockSize: 7}, {NearNull: [][]float64{{1, 2}}}, {NearNull: [][]float64{filled(900, math.NaN())}},
	} {
		if _, err := precond.NewAMG(t.Context(), a, &s); err == nil {
			t.Errorf("settings %+v are no error", s)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := precond.NewAMG(ctx, a, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	m, err := precond.NewAMG(t.Context(), a, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := hvp.NewStencil(1, -1, 30, 30)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Refresh(t.Context(), s); err == nil {
		t.Error("refresh by an indefinite matrix is no error")
	}
	if err := m.Apply(t.Context(), filled(900, 0), filled(900, 1)); err == nil {
		t.Error("use after a refresh that failed is no error")
	}
	if err := m.Refresh(t.Context(), a); err != nil {
		t.Errorf("refresh after one that failed: %v", err)
	}
	if err := m.Apply(t.Context(), filled(900, 0), filled(3, 1)); err == nil {
		t.Error("wrong length accepted")
	}
}

// elasticity returns the matrix of plane-stress elasticity, ν = 0.3, by bilinear elements
// on a grid of cells whose left side is fixed, and its rigid body modes: two
// translations and a rotation. The element matrix is that of Sigmund, Struct.
// Multidiscip. Optim. 21, 2001, doi:10.1007/s001580050176.
func elasticity(t testing.TB, nx, ny int) (*hvp.CSR, [][]float64) {
	const nu = 0.3
	k := []float64{1./2 - nu/6, 1./8 + nu/8, -1./4 - nu/12, -1./8 + 3*nu/8, -1./4 + nu/12, -1./8 - nu/8, nu / 6, 1./8 - 3*nu/8}
	ke := [8][8]int{
		{0, 1, 2, 3, 4, 5, 6, 7}, {1, 0, 7, 6, 5, 4, 3, 2}, {2, 7, 0, 5, 6, 3, 4, 1}, {3, 6, 5, 0, 7, 2, 1, 4},
		{4, 5, 6, 7, 0, 1, 2, 3}, {5, 4, 3, 2, 1, 0, 7, 6}, {6, 3, 4, 1, 2, 7, 0, 5}, {7, 2, 1, 4, 3, 6, 5, 0},
	}
	n := 2 * nx * (ny + 1) // nodes by columns, those of the first one left out
	var i, j []int32
	var v []float64
	for x := range nx {
		for y := range ny {
			first := (ny+1)*x + y
			nodes := [4]int{first + 1, first + ny + 2, first + ny + 1, first}
			var dof [8]int
			for c, node := range nodes {
				dof[2*c], dof[2*c+1] = 2*(node-ny-1), 2*(node-ny-1)+1
			}
			for p := range 8 {
				for q := range 8 {
					if dof[p] >= 0 && dof[q] >= 0 {
						i, j, v = append(i, int32(dof[p])), append(j, int32(dof[q])), append(v, k[ke[p][q]]/(1-nu*nu))
					}
				}
			}
		}
	}
	a, err := hvp.NewCSRFromTriplets(n, n, i, j, v)
	if err == nil {
		a, err = a.Promise(hvp.SPD)
	}
	if err != nil {
		t.Fatal(err)
	}
	modes := [][]float64{make([]float64, n), make([]float64, n), make([]float64, n)}
	for node := range n / 2 {
		x, y := float64(node/(ny+1)+1), -float64(node%(ny+1))
		modes[0][2*node], modes[1][2*node+1] = 1, 1
		modes[2][2*node], modes[2][2*node+1] = -y, x
	}
	return a, modes
}

// TestAMGElasticity: rigid body modes pay.
func TestAMGElasticity(t *testing.T) {
	a, modes := elasticity(t, 24, 6)
	precondtest.Test(t, a, a, amg(&precond.AMGSettings{BlockSize: 2, NearNull: modes, CoarseSize: 20}), &hvptest.Options{Pairs: 2, Samples: 2})
	if raceEnabled {
		t.Skip("the rest is slow")
	}
	a, modes = elasticity(t, 90, 30)
	n, _ := a.Dims()
	steps := map[string]int{}
	for name, s := range map[string]*precond.AMGSettings{
		"scalar": nil, "blocks": {BlockSize: 2}, "modes": {BlockSize: 2, NearNull: modes},
	} {
		m, err := precond.NewAMG(t.Context(), a, s)
		if err != nil {
			t.Fatal(err)
		}
		steps[name] = solveSteps(t, a, m, filled(n, 1), 1e-8)
		t.Log(name, steps[name], m.Report().Notes)
	}
	if steps["modes"] > 25 || steps["modes"] > steps["blocks"]*2/3 {
		t.Errorf("iterations %v", steps)
	}
}

// TestAMGMatrices solves with real matrices: each converges.
func TestAMGMatrices(t *testing.T) {
	for _, c := range []struct {
		name string
		most int
	}{
		{"1138_bus", 45}, {"bcsstk01", 1}, {"bcsstk02", 50}, {"bcsstk14", 400}, {"gr_30_30", 14}, {"nos3", 100}, {"nos5", 100},
		{"pyamg_bar", 110}, {"pyamg_ldg_diffusion", 110}, {"wathen_7400", 24}, {"xpetra_A_13366", 15}, {"4elt_graph", 30},
	} {
		if raceEnabled && c.most > 20 {
			continue
		}
		path := filepath.Join("..", "..", "shared", "data", "matrices", c.name+".mtx.gz")
		if _, err := os.Stat(path); err != nil {
			t.Skipf("the data folder is not there: %v", err)
		}
		a, err := hvp.ReadMatrixMarket(path)
		if err == nil && strings.HasSuffix(c.name, "graph") {
			var edges [][2]int
			n, _ := a.Dims()
			ptr, col, _ := a.RawCSR()
			for i := range n {
				for _, j := range col[ptr[i]:ptr[i+1]] {
					if int(j) < i {
						edges = append(edges, [2]int{i, int(j)})
					}
				}
			}
			a = graphLaplacian(t, n, edges)
		} else if err == nil {
			a, err = a.Promise(hvp.SPD)
		}
		if err != nil {
			t.Fatal(err)
		}
		n, _ := a.Dims()
		b := filled(n, 1)
		if hvp.StructureOf(a).Has(hvp.Singular) {
			for i := range b {
				b[i] = float64(1 - 2*(i%2))
			}
		}
		for _, size := range []int{0, 50} {
			m, err := precond.NewAMG(t.Context(), a, &precond.AMGSettings{CoarseSize: size})
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			x := make([]float64, n)
			var cg krylov.CG
			res, err := cg.Solve(t.Context(), a, x, b, &krylov.Settings{Precond: m, RTol: 1e-8})
			if err != nil || res.Iterations > c.most {
				t.Errorf("%s, coarse size %d: %d iterations, want at most %d, %v; %v", c.name, size, res.Iterations, c.most, err, m.Report().Notes)
			}
		}
	}
}
