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
	"github.com/hgsolve/hgsolve/krylov"
)

// Operators and calls that break the rules, or promise what does not hold. Whatever
// a method makes of them: what it says of x must be true.

// matVec sets dst = A·x, or Aᵀ·x.
func matVec(n int, a, dst, x []float64, trans bool) {
	clear(dst)
	for i := range n {
		for j := range n {
			if trans {
				dst[j] += a[i*n+j] * x[i]
			} else {
				dst[i] += a[i*n+j] * x[j]
			}
		}
	}
}

func randomMatrix(n int, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 7))
	a := make([]float64, n*n)
	for i := range a {
		a[i] = rng.NormFloat64()
	}
	return a
}

// withDiagonal returns a + d·I.
func withDiagonal(n int, a []float64, d float64) []float64 {
	a = slices.Clone(a)
	for i := range n {
		a[i*n+i] += d
	}
	return a
}

func TestPromisesThatDoNotHold(t *testing.T) {
	const n = 24
	rng := rand.New(rand.NewPCG(3, 3))
	b := make([]float64, n)
	for i := range b {
		b[i] = rng.NormFloat64()
	}
	singular := withDiagonal(n, randomMatrix(n, 4), 8)
	for j := range n {
		singular[(n-1)*n+j] = singular[j] // two equal rows
	}
	matrices := map[string][]float64{
		"nonsymmetric":          withDiagonal(n, randomMatrix(n, 1), 12),
		"slightly nonsymmetric": func() []float64 { a := tridiag(n, -1, 3, -1); a[1] = -1.001; return a }(),
		"indefinite":            tridiag(n, 1, 0.3, 1),
		"negative":              tridiag(n, 1, -4, 1),
		"singular nonsymmetric": singular,
		"singular":              pathLaplacian(n),
		"skew":                  tridiag(n, -1, 0, 1),
		"triangular":            tridiag(n, 0, 1, 1),
	}
	sides := map[string][]float64{"random": b, "ones": constant(n, 1), "range": func() []float64 { r := slices.Clone(b); r[0] -= sum(b); return r }()}
	for _, method := range krylov.Methods() {
		for name, a := range matrices {
			for side, b := range sides {
				for _, promise := range []hvp.Structure{0, hvp.Symmetric, hvp.Semidefinite, hvp.SPD, hvp.Symmetric | hvp.Singular, hvp.Semidefinite | hvp.Singular} {
					for _, trans := range []bool{false, true} {
						op := dense(n, a)
						op.Promise = promise
						x := make([]float64, n)
						res, err := newMethod(t, method).Solve(context.Background(), op, x, b, &krylov.Settings{Trans: trans, MaxIter: 2000})
						// The transpose of what is promised to be symmetric is itself.
						solved := a
						if trans && promise == 0 {
							solved = make([]float64, n*n)
							for i := range n {
								for j := range n {
									solved[j*n+i] = a[i*n+j]
								}
							}
						}
						t.Run(fmt.Sprintf("%s/%s/%s/%v/%v", method, name, side, promise, trans), func(t *testing.T) {
							checkHonest(t, solved, x, b, krylov.DefaultRTol, res, err)
							if res.Status == krylov.LeastSquares && (promise == 0 || name == "singular") {
								r, g := slices.Clone(b), make([]float64, n)
								matVec(n, solved, g, x, false)
								for i := range r {
									r[i] -= g[i]
								}
								matVec(n, solved, g, r, true)
								if norm(g) > 1e-6*norm(solved)*norm(r) {
									t.Errorf("least squares with ‖Aᵀr‖ = %.3g, ‖r‖ = %.3g", norm(g), norm(r))
								}
							}
						})
					}
				}
			}
		}
	}
}

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}

// fault changes the k-th product and those after it.
type fault func(k int, dst, x []float64) error

// TestFaultyProducts: operators that go wrong after some products, add to dst,
// write to x, are not linear, or never give the same twice.
func TestFaultyProducts(t *testing.T) {
	const n = 30
	a := tridiag(n, -1, 2.1, -1)
	b := constant(n, 1)
	broken := errors.New("broken")
	noise := func(size float64) fault {
		rng := rand.New(rand.NewPCG(1, 2))
		return func(_ int, dst, _ []float64) error {
			for i := range dst {
				dst[i] *= 1 + size*rng.NormFloat64()
			}
			return nil
		}
	}
	from := func(first int, f func(dst, x []float64) error) fault {
		return func(k int, dst, x []float64) error {
			if k < first {
				return nil
			}
			return f(dst, x)
		}
	}
	type faulty struct {
		name  string
		fault fault
	}
	var faults []faulty
	for _, k := range []int{0, 1, 2, 5, 12} {
		faults = append(faults,
			faulty{fmt.Sprint("NaN from ", k), from(k, func(dst, _ []float64) error { dst[3] = math.NaN(); return nil })},
			faulty{fmt.Sprint("Inf from ", k), from(k, func(dst, _ []float64) error { dst[n-1] = math.Inf(-1); return nil })},
			faulty{fmt.Sprint("error from ", k), from(k, func(_, _ []float64) error { return broken })},
			faulty{fmt.Sprint("zero from ", k), from(k, func(dst, _ []float64) error { clear(dst); return nil })},
			faulty{fmt.Sprint("sign from ", k), from(k, func(dst, _ []float64) error {
				for i := range dst {
					dst[i] = -dst[i]
				}
				return nil
			})},
			faulty{fmt.Sprint("clears x from ", k), from(k, func(_, x []float64) error { clear(x); return nil })},
			faulty{fmt.Sprint("scales x from ", k), from(k, func(_, x []float64) error {
				for i := range x {
					x[i] *= 2
				}
				return nil
			})},
			faulty{fmt.Sprint("writes to x from ", k), from(k, func(_, x []float64) error { x[7] += 1e-3; return nil })},
		)
	}
	faults = append(faults,
		faulty{"noise 1e-12", noise(1e-12)}, faulty{"noise 1e-6", noise(1e-6)}, faulty{"noise 0.1", noise(0.1)},
		faulty{"square", func(_ int, dst, x []float64) error {
			for i := range dst {
				dst[i] += 0.5 * x[i] * math.Abs(x[i])
			}
			return nil
		}},
		faulty{"constant", func(_ int, dst, _ []float64) error {
			for i := range dst {
				dst[i]++
			}
			return nil
		}},
	)
	for _, method := range krylov.Methods() {
		for _, f := range faults {
			for _, promise := range []hvp.Structure{0, hvp.Symmetric, hvp.SPD} {
				t.Run(fmt.Sprintf("%s/%s/%v", method, f.name, promise), func(t *testing.T) {
					products := 0
					var shown, product []float64 // of the last product
					mul := func(trans bool) func(context.Context, []float64, []float64) error {
						return func(_ context.Context, dst, x []float64) error {
							matVec(n, a, dst, x, trans)
							shown = append(shown[:0], x...)
							err := f.fault(products, dst, x)
							product = append(product[:0], dst...)
							products++
							return err
						}
					}
					op := &hvp.Func{Rows: n, Mul: mul(false), MulTrans: mul(true), Promise: promise}
					x := make([]float64, n)
					res, err := newMethod(t, method).Solve(context.Background(), op, x, b, &krylov.Settings{MaxIter: 500})
					if (err == nil) != res.Status.Success() {
						t.Fatalf("status %v with error %v", res.Status, err)
					}
					for i, v := range x {
						if math.IsNaN(v) || math.IsInf(v, 0) {
							t.Fatalf("%v leaves x[%d] = %v", res.Status, i, v)
						}
					}
					if res.Status != krylov.Converged {
						return
					}
					// The operator itself must have said so of this very x.
					if method != "lsmr" && !slices.Equal(shown, x) {
						t.Errorf("converged, but the last product was not with x")
					}
					if method != "lsmr" {
						r := slices.Clone(b)
						for i := range r {
							r[i] -= product[i]
						}
						if !(norm(r) <= krylov.DefaultRTol*norm(b)*(1+1e-6)) {
							t.Errorf("converged with a residual of %.3g", norm(r))
						}
					}
				})
			}
		}
	}
}

// TestOverlap: x and b that share memory.
func TestOverlap(t *testing.T) {
	const n = 8
	op := dense(n, tridiag(n, -1, 3, -1))
	op.Promise = hvp.SPD
	both := constant(n+1, 1)
	for _, method := range krylov.Methods() {
		for name, x := range map[string][]float64{"same": both[:n], "shifted": both[1:]} {
			res, err := newMethod(t, method).Solve(context.Background(), op, x, both[:n], nil)
			if res.Status != krylov.InvalidInput || !errors.Is(err, krylov.InvalidInput) {
				t.Errorf("%s, %s: %v, %v", method, name, res.Status, err)
			}
		}
	}
	both = constant(4*n, 1)
	if _, err := new(krylov.BlockCG).SolveBlock(context.Background(), op, both, both, 4, nil); !errors.Is(err, krylov.InvalidInput) {
		t.Errorf("block cg: %v", err)
	}
	p := &krylov.PseudoBlock{New: func() krylov.Method { return new(krylov.MINRES) }}
	if _, err := p.SolveBlock(context.Background(), op, both, both, 4, nil); !errors.Is(err, krylov.InvalidInput) {
		t.Errorf("pseudo-block: %v", err)
	}
	if slices.ContainsFunc(both, func(v float64) bool { return v != 1 }) {
		t.Error("the right-hand sides were changed")
	}
}

// TestOutOfRange: solutions that float64 cannot hold, at both ends.
func TestOutOfRange(t *testing.T) {
	for _, method := range krylov.Methods() {
		for _, c := range []struct{ a, b, x float64 }{
			{1e150, 1e-300, 0}, {1e10, 1e-310, 0}, {1e300, 1e-10, 1e-310}, {1e5, 1e-305, 1e-310},
			{1e-150, 1e300, 0}, {1e-300, 1e300, 0}, {1e150, 1e300, 1e150}, {1e-150, 1e-300, 1e-150},
			{1e300, 1e300, 1}, {1e-300, 1e-300, 1}, {1e-300, 1, 1e300}, {1e300, 1, 1e-300},
		} {
			for _, n := range []int{1, 3} {
				for _, promise := range []hvp.Structure{0, hvp.Symmetric, hvp.SPD} {
					op := dense(n, diag(slices.Repeat([]float64{c.a}, n)...))
					op.Promise = promise
					x, b := make([]float64, n), slices.Repeat([]float64{c.b}, n)
					res, err := newMethod(t, method).Solve(context.Background(), op, x, b, nil)
					for i, v := range x {
						if math.IsNaN(v) || math.IsInf(v, 0) {
							t.Errorf("%s %g·x = %g, %v, n = %d: %v leaves x[%d] = %v", method, c.a, c.b, promise, n, res.Status, i, v)
						}
						if err != nil || c.x == 0 {
							continue
						}
						if math.Abs(v-c.x) > 1e-6*c.x {
							t.Errorf("%s %g·x = %g, %v: x = %v", method, c.a, c.b, promise, v)
						}
					}
					if c.x == 0 && err == nil {
						t.Errorf("%s %g·x = %g, %v, n = %d: %v with x = %v", method, c.a, c.b, promise, n, res.Status, x)
					}
					if c.x >= 1e-300 && err != nil {
						t.Errorf("%s %g·x = %g, %v, n = %d: %v", method, c.a, c.b, promise, n, err)
					}
				}
			}
		}
	}
}

// TestFloorThatIsNone: no bounds of the error from a floor that the Ritz values disprove.
func TestFloorThatIsNone(t *testing.T) {
	const n = 40
	op := dense(n, tridiag(n, -1, 2.1, -1))
	op.Promise = hvp.SPD
	for _, floor := range []float64{0.05, 0.5, 5, 1e3} {
		x := make([]float64, n)
		res, err := new(krylov.CG).Solve(context.Background(), op, x, constant(n, 1), &krylov.Settings{CurvatureFloor: floor})
		if err != nil || (res.ErrorUpper > 0) != (floor < 0.1) {
			t.Errorf("floor %g: bounds %g … %g, %v", floor, res.ErrorLower, res.ErrorUpper, err)
		}
	}
}

// TestSmallPreconditioner: rᵀMr below the range of float64 says nothing of the sign of M.
func TestSmallPreconditioner(t *testing.T) {
	const n = 3
	op := dense(n, diag(1e290, 2e290, 3e290))
	op.Promise = hvp.SPD
	m, err := hvp.NewDiagonal(constant(n, 1e-290))
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"cg", "minres", "auto"} {
		x := make([]float64, n)
		res, err := newMethod(t, method).Solve(context.Background(), op, x, constant(n, 1e-40), &krylov.Settings{Precond: m})
		if err == nil || res.Status == krylov.IndefinitePreconditioner {
			t.Errorf("%s: %v, %v", method, res.Status, err)
		}
	}
}
