package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/sbinet/npyio"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/problems"
)

// repeats is how often a single product is run within one round.
const repeats = 7

var benchmarks = []benchmark{
	{"cg", "50 iterations of CG + Jacobi, 5-point matrix of a 2048×2048 grid, shift 0.01",
		func(e *environment) ([]contender, error) {
			return e.solvers(e.grid(2, 2048), "0.01", 50, "jacobi", []string{"jacobi"}, true), nil
		}},
	{"amg-2d", "CG to 1e-8 with algebraic multigrid, 5-point matrix of a 2048×2048 grid, shift 0.01",
		func(e *environment) ([]contender, error) {
			return e.solvers(e.grid(2, 2048), "0.01", 1000, "amg", []string{"gamg", "hypre"}, false), nil
		}},
	{"amg-2d-hard", "the same with shift 1e-6",
		func(e *environment) ([]contender, error) {
			return e.solvers(e.grid(2, 2048), "1e-6", 1000, "amg", []string{"gamg", "hypre"}, false), nil
		}},
	{"amg-3d", "the same, 7-point matrix of a 128×128×128 grid, no shift",
		func(e *environment) ([]contender, error) {
			return e.solvers(e.grid(3, 128), "0", 1000, "amg", []string{"gamg", "hypre"}, false), nil
		}},
	{"glm", "one product XᵀDXv + λv, X of 200,000 × 1,000,000 with 8,000,000 entries, power-law columns", (*environment).glm},
	{"denoise", "one Hessian-vector product of denoise, 1024×1024 pixels, eight 3×3 filters", (*environment).denoise3},
	{"denoise-5x5", "the same with 24 filters of 5×5", (*environment).denoise5},
	{"logistic", "the inner problem of logistic regression on a9a, λ = 1, from zero", (*environment).logistic},
}

// grid names a grid as hgbench does.
func (e *environment) grid(dim, side int) string {
	if e.small {
		side /= 4
	}
	return fmt.Sprintf("%dd:%d", dim, side)
}

// solvers compares hgbench solve with PETSc, and with SciPy if asked for.
func (e *environment) solvers(grid, shift string, maxIter int, precond string, pcs []string, products bool) []contender {
	limit := strconv.Itoa(maxIter)
	own := func(operator string) func(context.Context) (outcome, error) {
		return func(ctx context.Context) (outcome, error) {
			return e.solve(ctx, "-stencil", grid, "-operator", operator, "-shift", shift, "-precond", precond, "-rhs", "sine", "-maxiter", limit)
		}
	}
	all := []contender{{"hgbench " + precond, own("assembled")}}
	if products {
		all = append(all, contender{"hgbench " + precond + ", matrix-free", own("matrix-free")})
	}
	for _, pc := range pcs {
		all = append(all, contender{"PETSc " + pc, func(ctx context.Context) (outcome, error) {
			return e.script(ctx, e.workers, "petsc4py", "petsc_solve.py", grid, shift, pc, "1e-8", limit)
		}})
	}
	if products {
		all = append(all, contender{"SciPy cg", func(ctx context.Context) (outcome, error) {
			return e.script(ctx, 0, "scipy", "scipy_solve.py", grid, shift, "jacobi", "1e-8", limit)
		}})
	}
	return all
}

// solve runs hgbench solve. That the limit of iterations is reached is no
// failure here.
func (e *environment) solve(ctx context.Context, args ...string) (outcome, error) {
	cmd := exec.CommandContext(ctx, e.hgbench, append([]string{"solve", "-json", "-", "-quiet"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	runErr := cmd.Run()
	var rep struct {
		Version  string             `json:"version"`
		Iter     int                `json:"iterations"`
		RHS      float64            `json:"rhs_norm"`
		Residual float64            `json:"true_residual"`
		Seconds  float64            `json:"seconds"`
		Phases   map[string]float64 `json:"seconds_by_phase"`
		Workers  int                `json:"workers"`
	}
	if err := json.Unmarshal(stdout.Bytes(), &rep); err != nil {
		return outcome{}, fmt.Errorf("hgbench: %w: %s", runErr, bytes.TrimSpace(stderr.Bytes()))
	}
	return outcome{Setup: rep.Phases["setup"], Solve: rep.Seconds, Iterations: rep.Iter, Residual: rep.Residual / rep.RHS, Version: "hgsolve", Workers: rep.Workers}, nil
}

// timed returns the median time of f over the repeats, after one that does not
// count.
func timed(f func() error) (float64, error) {
	var seconds []float64
	for r := range repeats + 1 {
		begin := time.Now()
		if err := f(); err != nil {
			return 0, err
		}
		if r > 0 {
			seconds = append(seconds, time.Since(begin).Seconds())
		}
	}
	slices.Sort(seconds)
	return seconds[len(seconds)/2], nil
}

// product is a contender that applies an operator in this process.
func (e *environment) product(name string, a hvp.Operator, v []float64) contender {
	return contender{name, func(ctx context.Context) (outcome, error) {
		out := make([]float64, len(v))
		t, err := timed(func() error { return a.Apply(ctx, out, v) })
		return outcome{Solve: t, Iterations: 1, Check: norm(out), Version: "hgsolve", Workers: e.workers}, err
	}}
}

func norm(x []float64) (s float64) {
	for _, v := range x {
		s += v * v
	}
	return math.Sqrt(s)
}

// save writes a one-dimensional array of a case as NAME.npy into a folder.
func save(folder, name string, v any) error {
	f, err := os.Create(filepath.Join(folder, name+".npy"))
	if err != nil {
		return err
	}
	if err := npyio.Write(f, v); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// glm makes a tall sparse matrix whose column frequencies follow a power law.
func (e *environment) glm() ([]contender, error) {
	rows, cols, perRow := 200_000, 1_000_000, 40
	if e.small {
		rows, cols = rows/10, cols/10
	}
	rng := rand.New(rand.NewPCG(1, 1))
	ptr := make([]int64, 1, rows+1)
	var col []int64
	var val []float64
	var i32, j32 []int32
	for i := range rows {
		seen := map[int]bool{}
		for len(seen) < perRow {
			// Frequency ∝ 1/rank: the rank is the exponential of a uniform.
			seen[min(int(math.Exp(rng.Float64()*math.Log(float64(cols)))), cols-1)] = true
		}
		line := make([]int, 0, perRow)
		for j := range seen {
			line = append(line, j)
		}
		slices.Sort(line)
		for _, j := range line {
			x := rng.NormFloat64()
			col, val = append(col, int64(j)), append(val, x)
			i32, j32 = append(i32, int32(i)), append(j32, int32(j))
		}
		ptr = append(ptr, int64(len(col)))
	}
	d, v, ridge := make([]float64, rows), make([]float64, cols), make([]float64, cols)
	for i := range d {
		d[i] = 0.25 * rng.Float64()
	}
	for i := range v {
		v[i], ridge[i] = rng.NormFloat64(), 0.1
	}
	folder := filepath.Join(e.dir, "glm")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	for name, a := range map[string]any{"ptr": ptr, "col": col, "val": val, "d": d, "v": v, "lambda": ridge, "shape": []int64{int64(rows), int64(cols)}} {
		if err := save(folder, name, a); err != nil {
			return nil, err
		}
	}
	x, err := hvp.NewCSRFromTriplets(rows, cols, i32, j32, val)
	if err != nil {
		return nil, err
	}
	g, err := hvp.NewGLM(x, d, ridge)
	if err != nil {
		return nil, err
	}
	return []contender{e.product("hgsolve hvp.GLM", g, v), {"SciPy, X and Xᵀ as CSR", func(ctx context.Context) (outcome, error) {
		return e.script(ctx, 0, "scipy", "scipy_glm.py", folder, strconv.Itoa(repeats))
	}}}, nil
}

func (e *environment) denoise3() ([]contender, error) { return e.denoise(3) }
func (e *environment) denoise5() ([]contender, error) { return e.denoise(5) }

// denoise takes the Hessian at a noisy image.
func (e *environment) denoise(size int) ([]contender, error) {
	pix, rows, cols := problems.Photograph()
	if e.small {
		pix, rows, cols = problems.Resize(pix, rows, cols, 256, 256), 256, 256
	}
	noisy := problems.AddNoise(pix, 15, 1)
	p, err := problems.NewDenoise(pix, noisy, rows, cols, &problems.DenoiseSettings{FilterSize: size})
	if err != nil {
		return nil, err
	}
	w := p.Default(1)
	v := problems.AddNoise(make([]float64, len(pix)), 1, 2)
	weight := make([]float64, len(w))
	for k := range w {
		weight[k] = math.Exp(w[k])
	}
	folder := filepath.Join(e.dir, fmt.Sprint("denoise", size))
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	for name, a := range map[string]any{"y": noisy, "noisy": noisy, "v": v, "bank": kernel.DCT(size), "weight": weight, "shape": []int64{int64(rows), int64(cols), int64(size)}} {
		if err := save(folder, name, a); err != nil {
			return nil, err
		}
	}
	lin, err := p.Linearize(context.Background(), noisy, w)
	if err != nil {
		return nil, err
	}
	all := []contender{e.product("hgsolve denoise", lin.Y, v)}
	for _, kind := range []string{"float64", "float32"} {
		all = append(all, contender{"PyTorch double backward, " + kind, func(ctx context.Context) (outcome, error) {
			return e.script(ctx, 0, "torch", "torch_denoise.py", folder, strconv.Itoa(repeats), strconv.Itoa(e.workers), kind)
		}})
	}
	return all, nil
}

// logistic solves the inner problem to a gradient of 1e-6 of that at zero.
func (e *environment) logistic() ([]contender, error) {
	path := filepath.Join(e.data, "libsvm", "a9a.svm.gz")
	if _, err := os.Stat(path); err != nil {
		return nil, skipped{"there is no " + path}
	}
	p, _, err := problems.ReadLogistic(path, path, false)
	if err != nil {
		return nil, err
	}
	ny, _ := p.Dims()
	own := func(ctx context.Context) (outcome, error) {
		y, w := make([]float64, ny), []float64{0}
		inner := hypergrad.Newton{RTol: 1e-6, Precond: hypergrad.Jacobi}
		begin := time.Now()
		res, err := inner.Solve(ctx, p, y, w)
		return outcome{Solve: time.Since(begin).Seconds(), Iterations: res.Iterations, Residual: res.GradNorm, Version: "hgsolve", Workers: e.workers}, err
	}
	all := []contender{{"hgsolve Newton–CG", own}}
	// Tolerances that lead to about the same ‖G‖ as ours.
	for _, s := range [][2]string{{"newton-cg", "1e-2"}, {"lbfgs", "1e-2"}} {
		all = append(all, contender{"scikit-learn " + s[0], func(ctx context.Context) (outcome, error) {
			return e.script(ctx, 0, "sklearn", "sklearn_logistic.py", path, "1", s[1], s[0])
		}})
	}
	return all, nil
}
