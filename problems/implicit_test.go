package problems_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/problems"
)

// realData returns the path of real data, or skips.
func realData(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "shared", "data", name)
	if found, _ := filepath.Glob(path + "*"); found == nil {
		t.Skipf("no %s beside the checkout", name)
	}
	return path
}

func TestQPsOfMarosAndMeszaros(t *testing.T) {
	// Optimal values: Maros & Mészáros, A repository of convex quadratic programming
	// problems, Optim. Methods Softw. 11, 1999, doi:10.1080/10556789908805768. DTOC3,
	// a chain of 5000 steps, has a singular P; its null space is fixed by bounds.
	for _, c := range []struct {
		name  string
		value float64
		large bool
	}{
		{"HS51", -6, false}, {"HS52", -.6733524355, false}, {"GENHS28", .9271736938, false},
		{"AUG3DC", -1165.237561, true}, {"AUG2DC", 1808268.066, true}, {"DTOC3", 235.262481, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := problems.ReadQP(realData(t, filepath.Join("qp", c.name)))
			if err != nil {
				t.Fatal(err)
			}
			p, err := problems.NewQP(d)
			if err != nil {
				t.Fatal(err)
			}
			ny, nw := p.Dims()
			if c.large && raceEnabled {
				t.Skip("too large for the race detector")
			}
			z, w, grad := make([]float64, ny), p.Parameters(), make([]float64, nw)
			res, err := p.Solve(t.Context(), p, z, w)
			if err != nil {
				t.Fatal(err)
			}
			est := hypergrad.Estimator{Settings: krylov.Settings{RTol: 1e-10}}
			rep, err := est.Gradient(t.Context(), p, z, w, grad)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("n_y %d: %d products for z, %d for the adjoint", ny, res.Products, rep.Solve.Products)
			if math.Abs(rep.Loss-c.value) > 2e-9*(1+math.Abs(c.value)) {
				t.Errorf("optimal value %.12g, want %.10g", rep.Loss, c.value)
			}
			// The envelope theorem.
			want := make([]float64, nw)
			p.Envelope(want, z)
			diff, size := 0.0, 0.0
			for i, v := range want {
				diff, size = math.Hypot(diff, v-grad[i]), math.Hypot(size, v)
			}
			if diff > 1e-7*size {
				t.Errorf("dL/dw off by %.2g of the envelope's", diff/size)
			}
			// Sensitivities of another loss by differences of the re-solved problem.
			rng := rand.New(rand.NewPCG(4, 4))
			p.LossValue = func(dz, _, z, _ []float64) (float64, error) {
				l := 0.0
				for i, v := range z {
					l += 0.5 * v * v
					dz[i] = v
				}
				return l, nil
			}
			if _, err := est.Gradient(t.Context(), p, z, w, grad); err != nil {
				t.Fatal(err)
			}
			u := make([]float64, nw)
			for i := range u {
				u[i] = rng.NormFloat64()
			}
			fd, err := hypergrad.CheckGradient(t.Context(), p, p, z, w, grad, u, 0.1)
			if err != nil {
				t.Fatal(err)
			}
			if fd.Error() > 1e-6 {
				t.Errorf("along a direction %.10g, by differences %.10g", fd.Predicted, fd.Measured)
			}
		})
	}
}

// TestQPWithInequalities: min ½‖x‖² + qᵀx, x₁ + x₂ ≤ 1, x₃ = ½, x₁ ≥ 0 against
// what one reads off.
func TestQPWithInequalities(t *testing.T) {
	inf := math.Inf(1)
	eye, err := hvp.NewCSRFromTriplets(3, 3, []int32{0, 1, 2}, []int32{0, 1, 2}, []float64{1, 1, 1})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := hvp.NewCSRFromTriplets(2, 3, []int32{0, 0, 1}, []int32{0, 1, 2}, []float64{1, 1, 1})
	if err != nil {
		t.Fatal(err)
	}
	d := &problems.QPData{P: eye, A: rows, Q: []float64{-2, -1, 0}, Lower: []float64{0, -inf, -inf}, Upper: []float64{inf, inf, inf},
		RowLower: []float64{-inf, 0.5}, RowUpper: []float64{1, 0.5}}
	p, err := problems.NewQP(d)
	if err != nil {
		t.Fatal(err)
	}
	ny, nw := p.Dims()
	z, w, grad := make([]float64, ny), p.Parameters(), make([]float64, nw)
	if _, err := p.Solve(t.Context(), p, z, w); err != nil {
		t.Fatal(err)
	}
	// x₁ + x₂ = 1 active: x = (1, 0, ½), μ = (1, −½).
	x, s, mu := p.Split(z)
	for i, want := range []float64{1, 0, 0.5} {
		if math.Abs(x[i]-want) > 1e-10 {
			t.Errorf("x[%d] = %v, want %v", i, x[i], want)
		}
	}
	if s[0] != 1 || math.Abs(mu[0]-1) > 1e-10 || math.Abs(mu[1]+0.5) > 1e-10 {
		t.Errorf("slack %v, multipliers %v", s, mu)
	}
	rep, err := new(hypergrad.Estimator).Gradient(t.Context(), p, z, w, grad)
	if err != nil || len(rep.Warnings) != 0 {
		t.Fatalf("%v, warnings %q", err, rep.Warnings)
	}
	for i, want := range []float64{1, 0, 0.5, -1, 0.5} {
		if math.Abs(grad[i]-want) > 1e-7 {
			t.Errorf("grad[%d] = %v, want %v", i, grad[i], want)
		}
	}
	for what, spoil := range map[string]func(d *problems.QPData){
		"P or A":    func(d *problems.QPData) { d.P = nil },
		"unknowns":  func(d *problems.QPData) { d.Q = d.Q[1:] },
		"2 rows":    func(d *problems.QPData) { d.RowLower = nil },
		"row 0":     func(d *problems.QPData) { d.RowLower = []float64{2, 0.5} },
		"of 3×3":    func(d *problems.QPData) { d.A = eye; d.P = rows },
		"symmetric": func(d *problems.QPData) { d.P, _ = hvp.NewCSRFromTriplets(3, 3, []int32{0}, []int32{1}, []float64{1}) },
	} {
		e := *d
		spoil(&e)
		if _, err := problems.NewQP(&e); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestReadQPRefusesBadFiles(t *testing.T) {
	dir := t.TempDir()
	prefix := filepath.Join(dir, "x")
	write := func(suffix, text string) {
		if err := os.WriteFile(prefix+suffix, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := problems.ReadQP(prefix); err == nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no files: %v", err)
	}
	write(".P.mtx", "%%MatrixMarket matrix coordinate real symmetric\n1 1 1\n1 1 2\n")
	write(".A.mtx", "%%MatrixMarket matrix coordinate real general\n1 1 1\n1 1 1\n")
	for text, want := range map[string]string{
		"0 -inf inf\n":             "1 lines of numbers, want 2",
		"0 -inf\n":                 "x.vec:1",
		"0 -inf inf\n1 1\n1 1\n":   "x.vec:3",
		"# c\n0 -inf x\n":          "x.vec:2: \"x\"",
		"0 nan inf\n1 1\n":         "no number",
		"0 -inf inf # q\n\n1 1 \n": "",
	} {
		write(".vec", text)
		d, err := problems.ReadQP(prefix)
		if want == "" {
			if err != nil || d.RowUpper[0] != 1 {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// rankAndCheck solves by every solver, and compares y and dL/dα with the series.
func rankAndCheck(t *testing.T, p *problems.PageRank, w []float64, tol float64) []float64 {
	t.Helper()
	n, _ := p.Dims()
	exact, slope := make([]float64, n), make([]float64, 1)
	loss, err := p.Exact(t.Context(), exact, slope, w)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]hypergrad.InnerSolver{
		"Picard":   &hypergrad.Anderson{RTol: 1e-13, Memory: -1},
		"Anderson": &hypergrad.Anderson{RTol: 1e-13},
		"Newton":   &hypergrad.Newton{RTol: 1e-13},
	} {
		y := make([]float64, n)
		res, err := s.Solve(t.Context(), p, y, w)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		diff := 0.0
		for i := range y {
			diff = math.Hypot(diff, y[i]-exact[i])
		}
		if diff > 1e-12 {
			t.Errorf("%s: y off by %.2g", name, diff)
		}
		t.Logf("%s: %d iterations, %d products", name, res.Iterations, res.Products)
	}
	for _, name := range []string{"gmres", "idrs"} {
		method, err := krylov.New(name)
		if err != nil {
			t.Fatal(err)
		}
		est, grad := hypergrad.Estimator{Method: method, Settings: krylov.Settings{RTol: 1e-13}}, make([]float64, 1)
		rep, err := est.Gradient(t.Context(), p, exact, w, grad)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if math.Abs(rep.Loss-loss) > 1e-14 || math.Abs(grad[0]-slope[0]) > tol*math.Abs(slope[0]) {
			t.Errorf("%s: dL/dα = %.17g, want %.17g", name, grad[0], slope[0])
		}
		t.Logf("%s: %d products", name, rep.Solve.Products)
	}
	return exact
}

func TestPageRank(t *testing.T) {
	// Two pages that link to each other and a third without links: by symmetry
	// and the sum, y₃ = (1−α)/3 + α·y₃/3.
	links, err := hvp.NewCSRFromTriplets(3, 3, []int32{0, 1}, []int32{1, 0}, []float64{1, 7})
	if err != nil {
		t.Fatal(err)
	}
	p, err := problems.NewPageRank(links, []float64{0, 0, 1})
	if err != nil {
		t.Fatal(err)
	}
	const alpha = 0.6
	y := rankAndCheck(t, p, []float64{alpha}, 1e-11)
	if want := (1 - alpha) / (3 - alpha); math.Abs(y[2]-want) > 1e-15 {
		t.Errorf("y[2] = %v, want %v", y[2], want)
	}
	grad := make([]float64, 1)
	if _, err := p.Exact(t.Context(), nil, grad, []float64{alpha}); err != nil {
		t.Fatal(err)
	}
	if want := -2 / ((3 - alpha) * (3 - alpha)); math.Abs(grad[0]-want) > 1e-14 {
		t.Errorf("dy[2]/dα = %v, want %v", grad[0], want)
	}
	if _, err := hypergrad.Check(t.Context(), p, y, []float64{alpha}, nil); err != nil {
		t.Error(err)
	}
	if _, err := problems.NewPageRank(links, nil); err == nil {
		t.Error("no weights")
	}
	if err := p.Residual(t.Context(), make([]float64, 3), y, []float64{1}); err == nil {
		t.Error("α = 1")
	}
	if _, err := p.Linearize(context.Background(), y, []float64{math.NaN()}); err == nil {
		t.Error("α = NaN")
	}
}

// TestPageRankAnyWorkers: the same bits for any number of workers.
func TestPageRankAnyWorkers(t *testing.T) {
	const n = 5000
	rng := rand.New(rand.NewPCG(6, 6))
	var from, to []int32
	var one []float64
	for range 4 * n {
		from, to, one = append(from, int32(rng.IntN(n))), append(to, int32(rng.IntN(n))), append(one, 1)
	}
	links, err := hvp.NewCSRFromTriplets(n, n, from, to, one)
	if err != nil {
		t.Fatal(err)
	}
	c, y := make([]float64, n), make([]float64, n)
	c[17] = 1
	p, err := problems.NewPageRank(links, c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&hypergrad.Anderson{RTol: 1e-12}).Solve(t.Context(), p, y, []float64{0.85}); err != nil {
		t.Fatal(err)
	}
	var first float64
	for _, workers := range []int{1, 2, 3, 7} {
		est, grad := hypergrad.Estimator{Settings: krylov.Settings{Workers: workers}}, make([]float64, 1)
		if _, err := est.Gradient(t.Context(), p, y, []float64{0.85}, grad); err != nil {
			t.Fatal(err)
		}
		if workers == 1 {
			first = grad[0]
		}
		if grad[0] != first {
			t.Errorf("%d workers: dL/dα = %v, with one %v", workers, grad[0], first)
		}
	}
}

func TestPageRankOfADocumentation(t *testing.T) {
	if raceEnabled {
		t.Skip("too large for the race detector")
	}
	path := realData(t, filepath.Join("graphs", "rustdoc.edges.tsv.gz"))
	links, err := problems.ReadEdges(path, 32101) // the last page has no links
	if err != nil {
		t.Fatal(err)
	}
	n, _ := links.Dims()
	if n != 32101 || links.NNZ() != 721835 {
		t.Fatalf("%d pages, %d links", n, links.NNZ())
	}
	c := make([]float64, n)
	c[29034] = 1
	p, err := problems.NewPageRank(links, c)
	if err != nil {
		t.Fatal(err)
	}
	y := rankAndCheck(t, p, []float64{0.85}, 1e-10)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return y[order[a]] > y[order[b]] })
	for k, want := range []struct {
		page int
		rank float64
	}{{29034, .0740384448647}, {31452, .0703055674377}, {27327, .0597166769545}} {
		if order[k] != want.page || math.Abs(y[order[k]]-want.rank) > 1e-12 {
			t.Errorf("place %d: page %d with %.13g, want %d with %.13g", k, order[k], y[order[k]], want.page, want.rank)
		}
	}
}

func TestReadEdgesRefusesBadFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edges")
	for text, want := range map[string]string{
		"0 1\n1\n":        "edges:2: 1 words",
		"0 1 2\n":         "edges:1: 3 words",
		"0 x\n":           `"x" is no page`,
		"# c\n-1 0\n":     "edges:2",
		"# nothing\n":     "no links",
		"0 99999999999\n": "no page number",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := problems.ReadEdges(path, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := os.WriteFile(path, []byte("0 1\n0\t1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if a, err := problems.ReadEdges(path, 3); err != nil || a.NNZ() != 1 {
		t.Errorf("a link twice: %v", err)
	} else if n, _ := a.Dims(); n != 3 {
		t.Errorf("%d pages, want 3", n)
	}
}
