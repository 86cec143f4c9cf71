package precond_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
)

// nx and ny of a small grid, and its Laplacian with a little advection and mass.
func gridMatrix(t *testing.T, side int, shift, skew, scale float64) *hvp.CSR {
	t.Helper()
	var i, j []int32
	var v []float64
	n := side * side
	add := func(a, b int, x float64) { i, j, v = append(i, int32(a)), append(j, int32(b)), append(v, scale*x) }
	for r := range n {
		add(r, r, 4+shift)
		if r%side > 0 {
			add(r, r-1, -1-skew)
		}
		if r%side < side-1 {
			add(r, r+1, -1+skew)
		}
		if r >= side {
			add(r, r-side, -1)
		}
		if r < n-side {
			add(r, r+side, -1)
		}
	}
	a, err := hvp.NewCSRFromTriplets(n, n, i, j, v)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// faultyMatrix gives wrong products after some, promises what it likes, and has the
// entries and the diagonal of its matrix or of another.
type faultyMatrix struct {
	*hvp.CSR
	promise hvp.Structure
	from    int
	spoil   func(dst []float64) error
	n       int
}

func (f *faultyMatrix) Structure() hvp.Structure { return f.promise }
func (f *faultyMatrix) Apply(ctx context.Context, dst, x []float64) error {
	err := f.CSR.Apply(ctx, dst, x)
	if f.n++; f.n > f.from && err == nil && f.spoil != nil {
		err = f.spoil(dst)
	}
	return err
}

// TestKindsAreHonest: whatever a kind makes of an operator, an error or a
// preconditioner, a solve that says it converged has.
func TestKindsAreHonest(t *testing.T) {
	ctx := context.Background()
	broken := errors.New("broken")
	const side = 12
	type system struct {
		name    string
		matrix  *hvp.CSR
		promise hvp.Structure
	}
	zeroRow := func() *hvp.CSR {
		a, err := hvp.NewCSRFromTriplets(3, 3, []int32{0, 0, 1, 1}, []int32{0, 1, 0, 1}, []float64{2, -1, -1, 2})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}()
	one := func(v float64) *hvp.CSR {
		a, err := hvp.NewCSRFromTriplets(1, 1, []int32{0}, []int32{0}, []float64{v})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	empty, err := hvp.NewCSRFromTriplets(0, 0, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	spd, sym := hvp.SPD, hvp.Symmetric
	systems := []system{
		{"laplacian", gridMatrix(t, side, 0, 0, 1), spd},
		{"laplacian 1e150", gridMatrix(t, side, 0, 0, 1e150), spd},
		{"laplacian 1e-150", gridMatrix(t, side, 0, 0, 1e-150), spd},
		{"laplacian 1e300", gridMatrix(t, side, 0, 0, 1e300), spd},
		{"laplacian 1e-300", gridMatrix(t, side, 0, 0, 1e-300), spd},
		{"indefinite as spd", gridMatrix(t, side, -1.3, 0, 1), spd},
		{"negative as spd", gridMatrix(t, side, 0, 0, -1), spd},
		{"indefinite", gridMatrix(t, side, -1.3, 0, 1), sym},
		{"nonsymmetric as spd", gridMatrix(t, side, 0, 0.4, 1), spd},
		{"nonsymmetric as symmetric", gridMatrix(t, side, 0, 0.4, 1), sym},
		{"nonsymmetric", gridMatrix(t, side, 0, 0.9, 1), 0},
		{"zero row as spd", zeroRow, spd},
		{"zero row", zeroRow, 0},
		{"n = 0", empty, spd}, {"n = 1", one(3), spd}, {"n = 1 negative as spd", one(-3), spd}, {"n = 1 zero", one(0), spd}, {"n = 1 tiny", one(1e-300), spd}, {"n = 1 denormal", one(5e-324), spd},
	}
	faults := map[string]func(dst []float64) error{
		"": nil,
		"NaN": func(dst []float64) error {
			if len(dst) > 0 {
				dst[len(dst)/2] = math.NaN()
			}
			return nil
		},
		"zero":  func(dst []float64) error { clear(dst); return nil },
		"error": func([]float64) error { return broken },
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, kind := range precond.Kinds() {
		for _, s := range systems {
			for fault, spoil := range faults {
				for _, from := range []int{0, 3} {
					if spoil == nil && from > 0 {
						continue
					}
					t.Run(fmt.Sprintf("%s/%s/%s %d", kind.Name, s.name, fault, from), func(t *testing.T) {
						n, _ := s.matrix.Dims()
						var op hvp.Operator = &faultyMatrix{CSR: s.matrix, promise: s.promise, from: from, spoil: spoil}
						if fault == "" {
							op = hvp.WithStructure(s.matrix, s.promise)
						}
						m, err := kind.Make(ctx, op)
						if err != nil {
							if m != nil {
								t.Errorf("an error with a preconditioner: %v", err)
							}
							return
						}
						b, x, r := make([]float64, n), make([]float64, n), make([]float64, n)
						for i := range b {
							b[i] = rng.NormFloat64()
						}
						for _, trans := range []bool{false, true} {
							sound := hvp.WithStructure(s.matrix, s.promise)
							res, err := krylov.Solve(ctx, sound, x, b, &krylov.Settings{Precond: m, Trans: trans, MaxIter: 600})
							if (err == nil) != res.Status.Success() {
								t.Errorf("%v with error %v", res.Status, err)
							}
							for i, v := range x {
								if math.IsNaN(v) || math.IsInf(v, 0) {
									t.Fatalf("%v leaves x[%d] = %v", res.Status, i, v)
								}
							}
							if res.Status != krylov.Converged || n == 0 {
								continue
							}
							if err := s.matrix.Apply(ctx, r, x); trans && s.promise == 0 {
								err = s.matrix.ApplyTrans(ctx, r, x)
								if err != nil {
									t.Fatal(err)
								}
							} else if err != nil {
								t.Fatal(err)
							}
							rr, bb := 0.0, 0.0
							for i := range r {
								rr, bb = math.Hypot(rr, b[i]-r[i]), math.Hypot(bb, b[i])
							}
							if !(rr <= 1.000001*krylov.DefaultRTol*bb) {
								t.Errorf("converged with a residual of %.3g", rr/bb)
							}
						}
					})
				}
			}
		}
	}
}
