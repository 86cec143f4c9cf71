package precond_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
	"github.com/hgsolve/hgsolve/precond/precondtest"
)

type maker struct {
	name  string
	build precondtest.Build
}

// makers lists the kinds and the options that change how results are computed.
func makers(symmetric bool) []maker {
	small := precond.Subdomains{Rows: 200, Ordering: precond.OrderNatural}
	rcm := precond.Subdomains{Rows: 150, Overlap: 2, Ordering: precond.OrderRCM}
	none := precond.Subdomains{Rows: 200, Overlap: -1}
	amd := precond.Subdomains{Rows: 150, Ordering: precond.OrderAMD}
	var list []maker
	for _, k := range precond.Kinds() {
		switch k.Name {
		case "ic0", "ic":
			if symmetric {
				list = append(list, maker{k.Name, k.Make})
			}
		case "block-jacobi", "ilu0", "ilut":
			list = append(list, maker{k.Name, k.Make})
		}
	}
	if symmetric {
		for name, o := range map[string]precond.ICSettings{
			"ic-subdomains": {Subdomains: small}, "ic-rcm": {Subdomains: rcm}, "ic-no-overlap": {Subdomains: none},
			"ic-single": {Subdomains: rcm, Single: true}, "ic-levels": {Levels: true}, "ic0-levels": {Fill: -1, Levels: true},
			"ic0-subdomains": {Fill: -1, Subdomains: small}, "ic-amd": {Subdomains: amd},
		} {
			list = append(list, maker{name, func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
				m, err := precond.NewIC(ctx, a, &o)
				if err != nil {
					return nil, err
				}
				return m, nil
			}})
		}
	}
	for name, o := range map[string]precond.ILUSettings{
		"ilut-subdomains": {Subdomains: small}, "ilut-rcm": {Subdomains: rcm}, "ilut-no-overlap": {Subdomains: none},
		"ilut-single": {Subdomains: rcm, Single: true}, "ilut-levels": {Levels: true}, "ilut-amd": {Subdomains: amd}, "ilu0-levels": {Fill: -1, Levels: true},
		"ilut-matched": {Matching: precond.MatchAlways, Subdomains: small}, "ilut-matched-levels": {Matching: precond.MatchAlways, Levels: true},
	} {
		list = append(list, maker{name, func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
			m, err := precond.NewILU(ctx, a, &o)
			if err != nil {
				return nil, err
			}
			return m, nil
		}})
	}
	return list
}

// convection returns a central discretisation of −Δu + w·∂u/∂x on a grid, not
// symmetric.
func convection(t testing.TB, rows, cols int, w float64) *hvp.CSR {
	t.Helper()
	var i, j []int32
	var v []float64
	add := func(r, c int, x float64) { i, j, v = append(i, int32(r)), append(j, int32(c)), append(v, x) }
	for r := range rows {
		for c := range cols {
			k := r*cols + c
			add(k, k, 4)
			if c > 0 {
				add(k, k-1, -1-w/2)
			}
			if c < cols-1 {
				add(k, k+1, -1+w/2)
			}
			if r > 0 {
				add(k, k-cols, -1)
			}
			if r < rows-1 {
				add(k, k+cols, -1)
			}
		}
	}
	a, err := hvp.NewCSRFromTriplets(rows*cols, rows*cols, i, j, v)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestConformanceOfOptions(t *testing.T) {
	rows, cols := 37, 31
	var opt hvptest.Options
	if raceEnabled {
		rows, cols, opt.Pairs = 25, 21, 2
	}
	for _, c := range []struct {
		name     string
		a, other *hvp.CSR
	}{
		{"grid", grid(t, rows, cols, 0.01), grid(t, rows, cols, 0.5)},
		{"convection", convection(t, rows, cols, 0.8), convection(t, rows, cols, 0.3)},
	} {
		for _, m := range makers(c.a.Structure().Has(hvp.Symmetric)) {
			t.Run(c.name+"/"+m.name, func(t *testing.T) {
				precondtest.Test(t, c.a, c.other, m.build, &opt)
				p, err := m.build(t.Context(), c.a)
				if err != nil {
					t.Fatal(err)
				}
				apply, applyTrans := precondtest.Allocations(p)
				if n := testing.AllocsPerRun(10, apply); n != 0 && !raceEnabled {
					t.Errorf("%v allocations per Apply", n)
				}
				if n := testing.AllocsPerRun(10, applyTrans); n != 0 && !raceEnabled {
					t.Errorf("%v allocations per ApplyTrans", n)
				}
			})
		}
	}
}

// relativeError returns ‖x − y‖/‖y‖.
func relativeError(x, y []float64) float64 {
	var d, s float64
	for i := range x {
		d += (x[i] - y[i]) * (x[i] - y[i])
		s += y[i] * y[i]
	}
	return math.Sqrt(d / s)
}

// TestCompleteFactorsAreExact: with all the fill there is no approximation left.
func TestCompleteFactorsAreExact(t *testing.T) {
	a, c := grid(t, 17, 13, 0.1), convection(t, 17, 13, 0.8)
	n, _ := a.Dims()
	// Moved by one row the matrix has hardly a diagonal entry left.
	rowPtr, col, val := c.RawCSR()
	ptr := []int{0}
	var cols []int32
	var vals []float64
	for i := range n {
		r := (i + 5) % n
		cols, vals = append(cols, col[rowPtr[r]:rowPtr[r+1]]...), append(vals, val[rowPtr[r]:rowPtr[r+1]]...)
		ptr = append(ptr, len(cols))
	}
	moved, err := hvp.NewCSR(n, n, ptr, cols, vals)
	if err != nil {
		t.Fatal(err)
	}
	for _, levels := range []bool{false, true} {
		for _, ord := range []precond.Ordering{precond.OrderNatural, precond.OrderRCM} {
			s := precond.Subdomains{Ordering: ord}
			ic, err := precond.NewIC(t.Context(), a, &precond.ICSettings{Fill: 100, Levels: levels, Subdomains: s})
			if err != nil {
				t.Fatal(err)
			}
			full := precond.ILUSettings{Fill: 100, Drop: -1, Levels: levels, Subdomains: s}
			lu, err := precond.NewILU(t.Context(), c, &full)
			if err != nil {
				t.Fatal(err)
			}
			lum, err := precond.NewILU(t.Context(), moved, &full)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range []struct {
				a *hvp.CSR
				m precond.Preconditioner
			}{{a, ic}, {c, lu}, {moved, lum}} {
				x, b, y := random(n), make([]float64, n), make([]float64, n)
				if err := errors.Join(p.a.Apply(t.Context(), b, x), p.m.Apply(t.Context(), y, b)); err != nil {
					t.Fatal(err)
				}
				if e := relativeError(y, x); e > 1e-12 {
					t.Errorf("%v, %v order: M·A·x is off by %.2g", p.m, ord, e)
				}
				if err := errors.Join(p.a.ApplyTrans(t.Context(), b, x), p.m.ApplyTrans(t.Context(), y, b)); err != nil {
					t.Fatal(err)
				}
				if e := relativeError(y, x); e > 1e-12 {
					t.Errorf("%v, %v order: Mᵀ·Aᵀ·x is off by %.2g", p.m, ord, e)
				}
			}
		}
	}
}

// TestLevelsAgree: sharing levels changes nothing but the order of sums.
func TestLevelsAgree(t *testing.T) {
	a := grid(t, 67, 71, 0.01)
	n, _ := a.Dims()
	x, y, z := random(n), make([]float64, n), make([]float64, n)
	for _, fill := range []float64{-1, 1} {
		s, err := precond.NewIC(t.Context(), a, &precond.ICSettings{Fill: fill, Subdomains: precond.Subdomains{Rows: -1}})
		if err != nil {
			t.Fatal(err)
		}
		l, err := precond.NewIC(t.Context(), a, &precond.ICSettings{Fill: fill, Levels: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Apply(t.Context(), y, x), l.Apply(t.Context(), z, x)); err != nil {
			t.Fatal(err)
		}
		if e := relativeError(y, z); e > 1e-13 {
			t.Errorf("fill %v: results differ by %.2g", fill, e)
		}
	}
}

// TestOverlapHelps: subdomains cost iterations, overlap brings some back.
func TestOverlapHelps(t *testing.T) {
	a := grid(t, 96, 96, 0)
	n, _ := a.Dims()
	var its []int
	for _, s := range []precond.Subdomains{{Rows: 900, Overlap: -1}, {Rows: 900}, {Rows: -1}} {
		m, err := precond.NewIC(t.Context(), a, &precond.ICSettings{Subdomains: s})
		if err != nil {
			t.Fatal(err)
		}
		res, err := new(krylov.CG).Solve(t.Context(), a, make([]float64, n), random(n), &krylov.Settings{Precond: m})
		if err != nil {
			t.Fatal(err)
		}
		its = append(its, res.Iterations)
	}
	if its[0] <= its[1] || its[1] <= its[2] {
		t.Errorf("iterations without overlap, with one level, as one domain: %d", its)
	}
}

func matrix(t *testing.T, s hvp.Structure, rows ...[]float64) *hvp.CSR {
	t.Helper()
	var i, j []int32
	var v []float64
	for r, row := range rows {
		for c, x := range row {
			if x != 0 {
				i, j, v = append(i, int32(r)), append(j, int32(c)), append(v, x)
			}
		}
	}
	a, err := hvp.NewCSRFromTriplets(len(rows), len(rows), i, j, v)
	if err == nil {
		a, err = a.Promise(s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestICRefuses(t *testing.T) {
	var notPositive *precond.NotPositiveError
	_, err := precond.NewIC(t.Context(), matrix(t, hvp.Symmetric, []float64{2, 1, 0}, []float64{1, 2, 1}, []float64{0, 1, -3}), nil)
	if !errors.As(err, &notPositive) || notPositive.Index != 2 || notPositive.Value != -3 {
		t.Errorf("negative diagonal: %v", err)
	}
	_, err = precond.NewIC(t.Context(), matrix(t, hvp.Symmetric, []float64{1, 1}, []float64{1, 0}), nil)
	if !errors.As(err, &notPositive) || notPositive.Index != 1 {
		t.Errorf("missing diagonal entry: %v", err)
	}
	var indefinite *precond.ShiftLimitError
	for _, fill := range []float64{-1, 1} {
		_, err = precond.NewIC(t.Context(), matrix(t, hvp.Symmetric, []float64{1, 0, 0}, []float64{0, 1, 5}, []float64{0, 5, 1}),
			&precond.ICSettings{Fill: fill, Subdomains: precond.Subdomains{Ordering: precond.OrderNatural}})
		if !errors.As(err, &indefinite) || indefinite.Row != 2 || !(indefinite.Shift > 0.5) {
			t.Errorf("indefinite, fill %v: %v", fill, err)
		}
	}
	if _, err = precond.NewIC(t.Context(), convection(t, 3, 3, 1), nil); !errors.Is(err, precond.ErrNotApplicable) {
		t.Errorf("no promise of symmetry: %v", err)
	}
	noEntries := &hvp.Func{Rows: 2, Promise: hvp.SPD, Mul: func(_ context.Context, dst, x []float64) error { copy(dst, x); return nil }}
	for _, k := range []string{"block-jacobi", "ic0", "ic", "ilu0", "ilut"} {
		if _, err := precond.New(t.Context(), k, noEntries); !errors.Is(err, precond.ErrNotApplicable) || !errors.Is(err, hvp.ErrNotAssembled) {
			t.Errorf("%s of an operator without entries: %v", k, err)
		}
	}
}

func TestBlockJacobi(t *testing.T) {
	rows := [][]float64{{2, 1, 0, 9}, {1, 2, 0, 0}, {0, 0, 4, 2}, {9, 0, 2, 3}}
	general := matrix(t, 0, rows...)
	// The blocks {0,1} and {2,3} have the inverses [2 -1; -1 2]/3 and [3 -2; -2 4]/8.
	for _, c := range []struct {
		blocks [][]int32
		want   []float64 // M·(3, 3, 8, 8)
	}{
		{[][]int32{{0, 1}, {2, 3}}, []float64{1, 1, 1, 2}},
		{[][]int32{{3, 2}, {1, 0}}, []float64{1, 1, 1, 2}},
		{[][]int32{{1}, {0}, {2}, {3}}, []float64{1.5, 1.5, 2, 8. / 3}},
	} {
		m, err := precond.NewBlockJacobi(t.Context(), general, &precond.BlockJacobiSettings{Blocks: c.blocks})
		if err != nil {
			t.Fatal(err)
		}
		s, err := precond.NewBlockJacobi(t.Context(), matrix(t, hvp.Symmetric, rows...), &precond.BlockJacobiSettings{Blocks: c.blocks})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []*precond.BlockJacobi{m, s} {
			y := make([]float64, 4)
			if err := m.Apply(t.Context(), y, []float64{3, 3, 8, 8}); err != nil {
				t.Fatal(err)
			}
			if e := relativeError(y, c.want); e > 1e-15 {
				t.Errorf("%v: %v, want %v", m, y, c.want)
			}
		}
	}
	for name, blocks := range map[string][][]int32{
		"row 3 missing": {{0, 1}, {2}}, "row 1 twice": {{0, 1}, {1, 2, 3}}, "row 4": {{0, 1}, {2, 3, 4}}, "empty": {{0, 1, 2, 3}, {}},
	} {
		if _, err := precond.NewBlockJacobi(t.Context(), general, &precond.BlockJacobiSettings{Blocks: blocks}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	var singular *precond.SingularBlockError
	_, err := precond.NewBlockJacobi(t.Context(), matrix(t, 0, []float64{1, 0, 0}, []float64{0, 1, 2}, []float64{0, 2, 4}),
		&precond.BlockJacobiSettings{Blocks: [][]int32{{0}, {1, 2}}})
	if !errors.As(err, &singular) || singular.Block != 1 {
		t.Errorf("singular block: %v", err)
	}
	var notPositive *precond.NotPositiveError
	_, err = precond.NewBlockJacobi(t.Context(), matrix(t, hvp.Symmetric, []float64{1, 0, 0}, []float64{0, 1, 2}, []float64{0, 2, 1}), nil)
	if !errors.As(err, &notPositive) || notPositive.Index != 2 || notPositive.Value != -3 {
		t.Errorf("indefinite block: %v", err)
	}
	// Nodes with three unknowns each are found, and not cut.
	i, j, v := []int32{}, []int32{}, []float64{}
	for node := range int32(10) {
		for r := range int32(3) {
			for c := range int32(3) {
				for _, to := range []int32{node, (node + 3) % 10} {
					x := 1.0
					if to == node && r == c {
						x = 30
					}
					i, j, v = append(i, 3*node+r), append(j, 3*to+c), append(v, x)
				}
			}
		}
	}
	a, err := hvp.NewCSRFromTriplets(30, 30, i, j, v)
	if err != nil {
		t.Fatal(err)
	}
	for size, want := range map[int]string{3: "10 blocks of 3.0", 5: "10 blocks of 3.0", 8: "5 blocks of 6.0", 2: "20 blocks of 1.5"} {
		m, err := precond.NewBlockJacobi(t.Context(), a, &precond.BlockJacobiSettings{Size: size})
		if err != nil {
			t.Fatal(err)
		}
		if note := m.Report().Notes[0]; !strings.HasPrefix(note, want) {
			t.Errorf("size %d: %s, want %s", size, note, want)
		}
	}
}

// TestICShifts: the matrix of Kershaw, J. Comput. Phys. 26, 1978,
// doi:10.1016/0021-9991(78)90098-0, is positive definite, and IC(0) breaks down on it.
func TestICShifts(t *testing.T) {
	a := matrix(t, hvp.SPD, []float64{3, -2, 0, 2}, []float64{-2, 3, -2, 0}, []float64{0, -2, 3, -2}, []float64{2, 0, -2, 3})
	m, err := precond.NewIC(t.Context(), a, &precond.ICSettings{Fill: -1, Subdomains: precond.Subdomains{Ordering: precond.OrderNatural}})
	if err != nil {
		t.Fatal(err)
	}
	if notes := m.Report().Notes; len(notes) != 2 {
		t.Errorf("no shift in the report: %q", notes)
	}
	if res, err := new(krylov.CG).Solve(t.Context(), a, make([]float64, 4), random(4), &krylov.Settings{Precond: m}); err != nil {
		t.Errorf("%d iterations, %v", res.Iterations, err)
	}
}

func TestILUPivots(t *testing.T) {
	missing := matrix(t, 0, []float64{0, 1, 0}, []float64{1, 0, 0}, []float64{0, 0, 1})
	never := precond.ILUSettings{Matching: precond.MatchNever, Subdomains: precond.Subdomains{Ordering: precond.OrderNatural}}
	var pivot *precond.PivotError
	for _, fill := range []float64{-1, 1} {
		never.Fill = fill
		_, err := precond.NewILU(t.Context(), missing, &never)
		if !errors.As(err, &pivot) || pivot.Row != 0 || pivot.Value != 0 {
			t.Errorf("missing diagonal, fill %v: %v", fill, err)
		}
		perturbed := never
		perturbed.Perturb = 0.5
		m, err := precond.NewILU(t.Context(), missing, &perturbed)
		if err != nil {
			t.Errorf("perturbed: %v", err)
		} else if notes := m.Report().Notes; len(notes) != 2 {
			t.Errorf("perturbed pivots are not in the report: %q", notes)
		}
		m, err = precond.NewILU(t.Context(), missing, &precond.ILUSettings{Fill: fill})
		if err != nil {
			t.Errorf("matched: %v", err)
			continue
		}
		y := make([]float64, 3)
		if err := m.Apply(t.Context(), y, []float64{1, 2, 3}); err != nil || y[0] != 2 || y[1] != 1 || y[2] != 3 {
			t.Errorf("matched: M·(1,2,3) = %v, %v", y, err)
		}
	}
	if _, err := precond.NewILU(t.Context(), matrix(t, 0, []float64{1, 1}, []float64{1, 1}), nil); !errors.As(err, &pivot) || pivot.Row != 1 {
		t.Errorf("singular: %v", err)
	}
	if _, err := precond.NewILU(t.Context(), matrix(t, 0, []float64{1, 0}, []float64{1, 0}), nil); err == nil {
		t.Error("structurally singular: no error")
	}
	if _, err := precond.NewILU(t.Context(), matrix(t, 0, []float64{1, 1}, []float64{0, 0}), nil); err == nil {
		t.Error("empty row: no error")
	}
}

// TestRefreshWithAnotherPattern: the symbolic part is made again.
func TestRefreshWithAnotherPattern(t *testing.T) {
	a, b := grid(t, 20, 30, 0.1), grid(t, 30, 20, 0.1)
	for _, m := range makers(true) {
		p, err := m.build(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		q, err := m.build(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		x, y, z := random(600), make([]float64, 600), make([]float64, 600)
		if err := errors.Join(p.Refresh(t.Context(), b), p.Apply(t.Context(), y, x), q.Apply(t.Context(), z, x)); err != nil {
			t.Fatal(err)
		}
		for i := range y {
			if y[i] != z[i] {
				t.Errorf("%v: element %d is %v, want %v", p, i, y[i], z[i])
				break
			}
		}
	}
}

// TestSmallestOrders: nothing, and one row.
func TestSmallestOrders(t *testing.T) {
	for _, n := range []int{0, 1} {
		d := make([]float64, n)
		for i := range d {
			d[i] = 4
		}
		a, err := hvp.NewDiagonal(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range makers(a.Structure().Has(hvp.Symmetric)) {
			p, err := m.build(t.Context(), a)
			if err != nil {
				t.Errorf("%s of order %d: %v", m.name, n, err)
				continue
			}
			y := make([]float64, n)
			if err := p.Apply(t.Context(), y, d); err != nil || n == 1 && y[0] != 1 {
				t.Errorf("%s of order %d: %v, %v", m.name, n, y, err)
			}
			if err := p.Apply(t.Context(), y, make([]float64, n+1)); err == nil {
				t.Errorf("%s of order %d: a vector of order %d is no error", m.name, n, n+1)
			}
		}
	}
}

func TestOptionsThatAreNoNumbers(t *testing.T) {
	a := grid(t, 3, 3, 1)
	for _, v := range []float64{math.NaN(), math.Inf(1)} {
		if _, err := precond.NewIC(t.Context(), a, &precond.ICSettings{Fill: v}); err == nil {
			t.Errorf("NewIC accepts a fill of %v", v)
		}
		if _, err := precond.NewILU(t.Context(), a, &precond.ILUSettings{Drop: v}); err == nil {
			t.Errorf("NewILU accepts a drop of %v", v)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := precond.NewIC(ctx, a, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled set-up: %v", err)
	}
}

// TestICOfSingularMatrix: the Laplacian of a graph is semidefinite; its last pivot
// vanishes, and a shift that is reported makes M definite.
func TestICOfSingularMatrix(t *testing.T) {
	const n = 50
	rows := make([][]float64, n)
	for i := range rows {
		rows[i] = make([]float64, n)
	}
	for i := range n - 1 {
		rows[i][i]++
		rows[i+1][i+1]++
		rows[i][i+1], rows[i+1][i] = -1, -1
	}
	a := matrix(t, hvp.Semidefinite|hvp.Singular, rows...)
	m, err := precond.NewIC(t.Context(), a, nil)
	if err != nil {
		t.Fatal(err)
	}
	if notes := m.Report().Notes; len(notes) != 2 {
		t.Errorf("no shift in the report: %q", notes)
	}
	b := make([]float64, n)
	if err := a.Apply(t.Context(), b, random(n)); err != nil {
		t.Fatal(err)
	}
	if res, err := new(krylov.CG).Solve(t.Context(), a, make([]float64, n), b, &krylov.Settings{Precond: m}); err != nil {
		t.Errorf("%d iterations, %v", res.Iterations, err)
	}
}
