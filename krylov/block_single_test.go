package krylov_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/krylov"
)

// scaledStencil is D·A·D of the 5-point stencil on m×m nodes, D smooth and not constant:
// no two rows are the same.
func scaledStencil(t testing.TB, m int, shift, spread float64) *hvp.CSR {
	ptr, col, val := stencil5(t, m, shift).RawCSR()
	d := func(i int32) float64 { return math.Exp(spread * math.Sin(0.37*float64(i))) }
	v := slices.Clone(val)
	for i := range len(ptr) - 1 {
		for k := ptr[i]; k < ptr[i+1]; k++ {
			v[k] *= d(int32(i)) * d(col[k])
		}
	}
	a, err := hvp.NewCSR(m*m, m*m, ptr, col, v)
	if err != nil {
		t.Fatal(err)
	}
	if a, err = a.Promise(hvp.Symmetric); err != nil {
		t.Fatal(err)
	}
	return a
}

// inverseDiagonal is the Jacobi preconditioner of a.
func inverseDiagonal(t testing.TB, a hvp.Operator) *hvp.Diagonal {
	n, _ := a.Dims()
	d := make([]float64, n)
	g, ok := hvp.Diag(a)
	if !ok {
		t.Fatalf("%T has no diagonal", a)
	}
	if err := g.Diag(d); err != nil {
		t.Fatal(err)
	}
	for i, v := range d {
		d[i] = 1 / v
	}
	m, err := hvp.NewDiagonal(d)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// residualNorm is ‖b − A·x‖ of a column, computed anew.
func residualNorm(t testing.TB, a hvp.Operator, x, b []float64) float64 {
	r := make([]float64, len(b))
	if err := a.Apply(t.Context(), r, x); err != nil {
		t.Fatal(err)
	}
	for i, v := range r {
		r[i] = b[i] - v
	}
	return norm(r)
}

// TestBlockCGInSingle: panels in single precision give what panels in double precision
// give, to tolerances far below single precision, in about as many iterations, from all
// kinds of products, preconditioners and starts.
func TestBlockCGInSingle(t *testing.T) {
	const m = 72
	free, err := hvp.NewStencil(1, 0.02, m, m)
	if err != nil {
		t.Fatal(err)
	}
	cube, err := hvp.NewStencil(2, 0.1, 18, 17, 17)
	if err != nil {
		t.Fatal(err)
	}
	shifted, err := hvp.Shift(scaledStencil(t, m, 0.02, 0.4), 0.01)
	if err != nil {
		t.Fatal(err)
	}
	widths := []int{2, 3, 5, 8, 17}
	if raceEnabled {
		widths = []int{2, 5}
	}
	for name, a := range map[string]hvp.Operator{
		"stencil": free, "cube": cube, "constant": stencil5(t, m, 0.02), "scaled": scaledStencil(t, m, 0.02, 0.4),
		"shifted": shifted, "promised": hvp.WithStructure(free, hvp.SPD),
	} {
		if _, ok := hvp.BlockRowsSingle(a); !ok {
			t.Fatalf("%s: no products in single precision", name)
		}
		n, _ := a.Dims()
		uneven := make([]float64, n)
		for i := range uneven {
			uneven[i] = 0.25 + 0.1*math.Sin(float64(i))
		}
		other, _ := hvp.NewDiagonal(uneven)
		for _, k := range widths {
			b := rightHandSides(rand.New(rand.NewPCG(31, uint64(k))), n, k)
			for p, pre := range []hvp.Operator{nil, inverseDiagonal(t, a), other} {
				for _, rtol := range []float64{1e-5, 1e-9, 1e-12} {
					guess := (p+k)%2 == 0
					label := fmt.Sprintf("%s, k = %d, preconditioner %d, rtol %g, guess %v", name, k, p, rtol, guess)
					s := &krylov.Settings{RTol: rtol, Precond: pre, Guess: guess, History: true}
					start := rightHandSides(rand.New(rand.NewPCG(32, uint64(k))), n, k)
					x, want := slices.Clone(start), slices.Clone(start)
					var single krylov.BlockCG
					results, err := single.SolveBlock(t.Context(), a, x, b, k, s)
					if err != nil {
						t.Fatalf("%s: %v", label, err)
					}
					double := krylov.BlockCG{Double: true}
					reference, err := double.SolveBlock(t.Context(), a, want, b, k, s)
					if err != nil {
						t.Fatalf("%s: %v", label, err)
					}
					for l, res := range results {
						ref := reference[l]
						truth := residualNorm(t, a, column(x, k, l), column(b, k, l))
						if !(truth <= res.Tolerance*(1+1e-9)) || math.Abs(truth-res.TrueResidual) > 1e-3*res.Tolerance {
							t.Errorf("%s, column %d: residual %v of %v, reported %v", label, l, truth, res.Tolerance, res.TrueResidual)
						}
						most := ref.Iterations + ref.Iterations/3 + 8
						if res.PrecondApplies > 0 && res.Products > 2*res.PrecondApplies {
							// The polynomial converges as the bounds of Chebyshev say, in tens;
							// CG is faster on small systems, where it finds the ends of the spectrum.
							most = 2*ref.Iterations + 22
						}
						if res.Iterations > most {
							t.Errorf("%s, column %d: %d iterations, %d in double precision", label, l, res.Iterations, ref.Iterations)
						}
						if ref.Iterations > 0 && len(res.History) != res.Iterations+1 {
							t.Errorf("%s, column %d: %d residuals of %d iterations", label, l, len(res.History), res.Iterations)
						}
						got := column(x, k, l)
						if d := distance(got, column(want, k, l)); d > 2e3*rtol*norm(got) {
							t.Errorf("%s, column %d: off by %v of %v", label, l, d, norm(got))
						}
					}
				}
			}
		}
	}
}

// TestBlockCGInSingleIsTried: the solves above do iterate in single precision, or they
// would take the iterations of double precision to the last bit.
func TestBlockCGInSingleIsTried(t *testing.T) {
	if !kernel.SinglePanels() {
		t.Skip("panels in single precision do not pay here")
	}
	a := scaledStencil(t, 72, 0.02, 0.4)
	n, _ := a.Dims()
	const k = 8
	b := rightHandSides(rand.New(rand.NewPCG(33, 1)), n, k)
	var x [2][]float64
	for i, double := range []bool{false, true} {
		x[i] = make([]float64, n*k)
		m := krylov.BlockCG{Double: double}
		results, err := m.SolveBlock(t.Context(), a, x[i], b, k, nil)
		if err != nil {
			t.Fatal(err)
		}
		if single := results[k-1].Method != m.String(); single == double || results[k-1].Path != "" {
			t.Errorf("double %v: method %q, path %q", double, results[k-1].Method, results[k-1].Path)
		}
	}
	if slices.Equal(x[0], x[1]) {
		t.Error("the same bits")
	}
}

// TestBlockCGInSingleHard: where single precision has not the digits or not the range,
// the outcome is that of double precision.
func TestBlockCGInSingleHard(t *testing.T) {
	const m, k = 66, 4
	plain := stencil5(t, m, 0.1)
	n, _ := plain.Dims()
	indefinite, _ := hvp.Shift(plain, -1)
	negative := hvp.Scale(-1, plain)
	zeros, _ := hvp.NewDiagonal(make([]float64, n))
	wide := make([]float64, n)
	for i := range wide {
		wide[i] = math.Pow(10, -12*float64(i)/float64(n)) // κ = 10¹²
	}
	spectrum, _ := hvp.NewDiagonal(wide)
	for _, c := range []struct {
		name string
		a    hvp.Operator
		b    float64
		rtol float64
	}{
		{"as it is", plain, 1, 1e-8},
		{"beyond double precision", plain, 1, 1e-17},
		{"large", hvp.Scale(1e60, plain), 1, 1e-8},
		{"larger than single precision", hvp.Scale(1e37, plain), 1, 1e-8},
		{"small", hvp.Scale(1e-60, plain), 1, 1e-8},
		{"as small as single precision", hvp.Scale(1e-38, plain), 1, 1e-8},
		{"large b", plain, 1e250, 1e-8},
		{"small b", plain, 1e-250, 1e-8},
		{"small b, large matrix", hvp.Scale(1e100, plain), 1e-100, 1e-8},
		{"indefinite", indefinite, 1, 1e-8},
		{"negative", negative, 1, 1e-8},
		{"zero", zeros, 1, 1e-8},
		{"NaN", hvp.Scale(math.NaN(), plain), 1, 1e-8},
		{"wide spectrum", spectrum, 1, 1e-10},
	} {
		if raceEnabled && c.name == "wide spectrum" {
			continue // thousands of iterations
		}
		b := rightHandSides(rand.New(rand.NewPCG(34, 1)), n, k)
		for i := range b {
			b[i] *= c.b
		}
		s := &krylov.Settings{RTol: c.rtol, MaxIter: 20000}
		x, want := constant(n*k, 1), constant(n*k, 1)
		results, err := new(krylov.BlockCG).SolveBlock(t.Context(), c.a, x, b, k, s)
		reference, refErr := (&krylov.BlockCG{Double: true}).SolveBlock(t.Context(), c.a, want, b, k, s)
		if (err == nil) != (refErr == nil) {
			t.Errorf("%s: error %v, in double precision %v", c.name, err, refErr)
		}
		for l, res := range results {
			if ref := reference[l]; res.Status != ref.Status {
				t.Errorf("%s, column %d: %v after %d iterations, in double precision %v after %d", c.name, l, res.Status, res.Iterations, ref.Status, ref.Iterations)
			}
			if res.Status == krylov.Converged && res.RHSNorm > 0 {
				if truth := residualNorm(t, c.a, column(x, k, l), column(b, k, l)); !(truth <= res.Tolerance*(1+1e-9)) {
					t.Errorf("%s, column %d: residual %v of %v", c.name, l, truth, res.Tolerance)
				}
			}
		}
	}
}

// TestBlockCGInSingleColumns: columns of all kinds in one panel end each in its way.
func TestBlockCGInSingleColumns(t *testing.T) {
	const m, k = 70, 9
	a := scaledStencil(t, m, 0.05, 0.3)
	n, _ := a.Dims()
	rng := rand.New(rand.NewPCG(35, 1))
	b := rightHandSides(rng, n, k)
	setColumn(b, k, 1, make([]float64, n))
	e := make([]float64, n)
	e[n/2] = 1e-150
	setColumn(b, k, 2, e)
	for i := range n {
		b[i*k+3] *= 1e200
	}
	b[7*k+4] = math.NaN()
	eigen := make([]float64, n) // A·1
	if err := a.Apply(t.Context(), eigen, constant(n, 1)); err != nil {
		t.Fatal(err)
	}
	setColumn(b, k, 5, eigen)
	for _, double := range []bool{false, true} {
		x := constant(n*k, 7)
		s := &krylov.BlockCG{Double: double}
		results, err := s.SolveBlock(t.Context(), a, x, b, k, &krylov.Settings{RTol: 1e-10})
		var failed *krylov.BlockError
		if !errors.As(err, &failed) || !slices.Equal(failed.Columns, []int{4}) || !errors.Is(err, krylov.NonFinite) {
			t.Fatalf("double %v: error %v", double, err)
		}
		for l, res := range results {
			if l == 4 {
				continue
			}
			if truth := residualNorm(t, a, column(x, k, l), column(b, k, l)); res.Status != krylov.Converged || !(truth <= 1.0000001*res.Tolerance) {
				t.Errorf("double %v: column %d: %v, residual %v of %v", double, l, res.Status, truth, res.Tolerance)
			}
		}
		if norm(column(x, k, 1)) != 0 || distance(column(x, k, 5), constant(n, 1)) > 1e-6*math.Sqrt(float64(n)) {
			t.Errorf("double %v: wrong solutions", double)
		}
	}
}

// TestBlockCGInSingleLeaves: a column that leaves single precision early takes nothing of
// it along, and those beside it go on.
func TestBlockCGInSingleLeaves(t *testing.T) {
	// Two blocks, one of entries near the end of the range of single precision: whoever
	// sees it overflows.
	const m, k = 70, 5
	ptr, col, val := stencil5(t, m, 0.05).RawCSR()
	n := m * m
	p2, c2, v2 := slices.Clone(ptr), slices.Clone(col), slices.Clone(val)
	for i := range n {
		p2 = append(p2, ptr[len(ptr)-1]+ptr[i+1])
	}
	for i, c := range col {
		c2, v2 = append(c2, c+int32(n)), append(v2, 1e38*val[i])
	}
	a, err := hvp.NewCSR(2*n, 2*n, p2, c2, v2)
	if err != nil {
		t.Fatal(err)
	}
	for _, pre := range []hvp.Operator{nil, inverseDiagonal(t, a)} {
		rng := rand.New(rand.NewPCG(38, 1))
		b := make([]float64, 2*n*k)
		for l := range k {
			v := gaussian(rng, 2*n)
			if l != 2 {
				clear(v[n:])
			}
			setColumn(b, k, l, v)
		}
		x := make([]float64, 2*n*k)
		results, _ := new(krylov.BlockCG).SolveBlock(t.Context(), a, x, b, k, &krylov.Settings{MaxIter: 2000, Precond: pre})
		for l, res := range results {
			truth := residualNorm(t, a, column(x, k, l), column(b, k, l))
			if l == 2 {
				// The diagonal is beyond the range of single precision.
				if want := "block cg in single precision → block cg"; pre == nil && kernel.SinglePanels() && res.Path != want {
					t.Errorf("the column that leaves: path %q", res.Path)
				}
				if !(truth < math.Inf(1)) || math.Abs(truth-res.TrueResidual) > 1e-6*res.TrueResidual {
					t.Errorf("the column that leaves: %v, residual %v, reported %v", res.Status, truth, res.TrueResidual)
				}
			} else if res.Status != krylov.Converged || !(truth <= res.Tolerance*(1+1e-9)) {
				t.Errorf("column %d: %v, residual %v of %v", l, res.Status, truth, res.Tolerance)
			}
		}
	}
}

// TestBlockCGInSingleEnds: whatever ends a solve early, the solutions are those that the
// results tell of.
func TestBlockCGInSingleEnds(t *testing.T) {
	for _, a := range []*hvp.CSR{stencil5(t, 70, 0), scaledStencil(t, 70, 0, 0.5)} {
		n, _ := a.Dims()
		const k = 6
		b := rightHandSides(rand.New(rand.NewPCG(36, 1)), n, k)
		enough := errors.New("enough")
		for _, c := range []struct {
			name string
			s    krylov.Settings
			want krylov.Status
		}{
			{"limit", krylov.Settings{MaxIter: 37, RTol: 1e-10}, krylov.IterationLimit},
			{"no iteration at all", krylov.Settings{MaxTime: 1}, krylov.TimeLimit},
			{"monitor", krylov.Settings{RTol: 1e-10, Monitor: func(p krylov.Progress) error {
				if p.Iteration >= 41 {
					return enough
				}
				return nil
			}}, krylov.Stopped},
		} {
			x := make([]float64, n*k)
			results, err := new(krylov.BlockCG).SolveBlock(t.Context(), a, x, b, k, &c.s)
			if !errors.Is(err, c.want) {
				t.Fatalf("%s: %v", c.name, err)
			}
			for l, res := range results {
				truth := residualNorm(t, a, column(x, k, l), column(b, k, l))
				if l == 2 { // of zeros
					continue
				}
				if res.Status != c.want || math.Abs(truth-res.TrueResidual) > 1e-9*res.RHSNorm {
					t.Errorf("%s: column %d: %v, residual %v, reported %v", c.name, l, res.Status, truth, res.TrueResidual)
				}
				if c.want == krylov.IterationLimit && res.Iterations != c.s.MaxIter {
					t.Errorf("%s: column %d: %d iterations", c.name, l, res.Iterations)
				}
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		s := &krylov.Settings{RTol: 1e-10, Monitor: func(p krylov.Progress) error {
			if p.Iteration >= 20 {
				cancel()
			}
			return nil
		}}
		x := make([]float64, n*k)
		results, err := new(krylov.BlockCG).SolveBlock(ctx, a, x, b, k, s)
		if !errors.Is(err, krylov.Canceled) || results[0].Iterations > 31 {
			t.Errorf("canceled: %v after %d iterations", err, results[0].Iterations)
		}
	}
}

// TestBlockCGInSingleSameBits: for any number of workers, and from a workspace that was
// used before.
func TestBlockCGInSingleSameBits(t *testing.T) {
	for _, a := range []*hvp.CSR{stencil5(t, 150, 0.05), scaledStencil(t, 101, 0.05, 0.4)} {
		n, _ := a.Dims()
		var used krylov.BlockCG
		for _, k := range []int{2, 3, 8, 13} {
			b := rightHandSides(rand.New(rand.NewPCG(37, 1)), n, k)
			for _, pre := range []hvp.Operator{nil, inverseDiagonal(t, a)} {
				var want []float64
				for _, workers := range []int{1, 2, 3, 7} {
					x := make([]float64, n*k)
					m := new(krylov.BlockCG)
					if workers == 3 {
						m = &used
					}
					if _, err := m.SolveBlock(t.Context(), a, x, b, k, &krylov.Settings{Precond: pre, Workers: workers}); err != nil {
						t.Fatal(err)
					}
					if want == nil {
						want = x
					} else if !slices.Equal(x, want) {
						t.Errorf("k = %d, precond %T: %d workers change the result", k, pre, workers)
					}
				}
			}
		}
	}
}

// TestBlockCGInSingleRandom: graph Laplacians of all conditions and sizes of entries, some
// far beyond single precision. What is reported is true, and what double precision solves
// is solved.
func TestBlockCGInSingleRandom(t *testing.T) {
	seeds := uint64(6)
	if raceEnabled {
		seeds = 2
	}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 99))
		n := 4096 + rng.IntN(500)
		d := make([]float64, n)
		spread := 12 * rng.Float64()
		for i := range d {
			d[i] = math.Pow(10, spread*(rng.Float64()-0.5))
		}
		var ii, jj []int32
		var vv []float64
		sum := make([]float64, n)
		for i := range n {
			for range 3 {
				j := rng.IntN(n)
				if j == i {
					continue
				}
				v := -rng.Float64() * math.Sqrt(d[i]*d[j])
				ii, jj, vv = append(ii, int32(i), int32(j)), append(jj, int32(j), int32(i)), append(vv, v, v)
				sum[i] -= v
				sum[j] -= v
			}
		}
		shift := math.Pow(10, -8*rng.Float64())
		for i := range n {
			ii, jj, vv = append(ii, int32(i)), append(jj, int32(i)), append(vv, sum[i]+shift*d[i])
		}
		scale := math.Pow(10, 60*(rng.Float64()-0.5))
		if rng.IntN(2) == 0 {
			scale = 1
		}
		for p := range vv {
			vv[p] *= scale
		}
		a, err := hvp.NewCSRFromTriplets(n, n, ii, jj, vv)
		if err != nil {
			t.Fatal(err)
		}
		k := 2 + rng.IntN(9)
		b := make([]float64, n*k)
		for i := range b {
			if rng.IntN(3) > 0 {
				b[i] = rng.NormFloat64() * math.Pow(10, 8*(rng.Float64()-0.5))
			}
		}
		s := &krylov.Settings{RTol: math.Pow(10, -1-12*rng.Float64()), MaxIter: 20000}
		if rng.IntN(2) == 0 {
			s.Precond = inverseDiagonal(t, a)
		}
		x, y := make([]float64, n*k), make([]float64, n*k)
		res, err := new(krylov.BlockCG).SolveBlock(t.Context(), a, x, b, k, s)
		_, refErr := (&krylov.BlockCG{Double: true}).SolveBlock(t.Context(), a, y, b, k, s)
		if err != nil && refErr == nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		for l, r := range res {
			truth := residualNorm(t, a, column(x, k, l), column(b, k, l))
			if r.Status == krylov.Converged && !(truth <= r.Tolerance*1.000001) {
				t.Errorf("seed %d: column %d: %v of %v", seed, l, truth, r.Tolerance)
			}
			if r.TrueResidual >= 0 && math.Abs(truth-r.TrueResidual) > 1e-3*truth+1e-12*r.RHSNorm {
				t.Errorf("seed %d: column %d: %v residual %v reported %v", seed, l, r.Status, truth, r.TrueResidual)
			}
		}
	}
}

// TestBlockCGInSingleOutliers: eigenvalues far beyond those that the first residuals hold, to
// which a polynomial that does not know of them is hostile.
func TestBlockCGInSingleOutliers(t *testing.T) {
	const m, k = 90, 4
	for _, size := range []float64{30, 1e3, 1e6} {
		base := stencil5(t, m, 0.02)
		n, _ := base.Dims()
		d := make([]float64, n)
		for i := range d {
			d[i] = 1e-3
		}
		d[n-1], d[n/2] = size, size/3
		diagonal, err := hvp.NewDiagonal(d)
		if err != nil {
			t.Fatal(err)
		}
		a, err := hvp.Sum(base, diagonal)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]float64, n*k)
		rng := rand.New(rand.NewPCG(41, 1))
		for l := range k { // far from both
			for range 5 {
				b[rng.IntN(m/4)*k+l] = rng.NormFloat64()
			}
		}
		x := make([]float64, n*k)
		results, err := new(krylov.BlockCG).SolveBlock(t.Context(), hvp.WithStructure(a, hvp.SPD), x, b, k, &krylov.Settings{RTol: 1e-10})
		if err != nil {
			t.Fatalf("size %g: %v", size, err)
		}
		for l, res := range results {
			if truth := residualNorm(t, a, column(x, k, l), column(b, k, l)); !(truth <= res.Tolerance*(1+1e-9)) {
				t.Errorf("size %g, column %d: residual %v of %v", size, l, truth, res.Tolerance)
			}
			if res.Iterations > 600 {
				t.Errorf("size %g, column %d: %d iterations (%s)", size, l, res.Iterations, res.Path)
			}
		}
	}
}
