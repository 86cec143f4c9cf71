package hypergrad_test

import (
	"context"
	"math"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
)

// treacherous is A·y = w·1 with a tridiagonal A that says to be a grid of one row. Its
// couplings are the larger, the smaller the first diagonal entry: pivots of an incomplete
// factorisation then stay at that size, and entries of the inverse of its factor overflow.
type treacherous struct {
	n     int
	first float64 // diagonal entry; the others are 1
	next  float64 // pivot after it, with a sixty-fourth of the diagonal added
}

func (p *treacherous) coupling() float64 {
	return math.Sqrt((1 + 1./64 - p.next) * p.first * (1 + 1./64))
}

func (p *treacherous) Dims() (ny, nw int) { return p.n, 1 }

func (p *treacherous) Residual(ctx context.Context, dst, y, w []float64) error {
	if err := (*treacherousMatrix)(p).Apply(ctx, dst, y); err != nil {
		return err
	}
	for i := range dst {
		dst[i] -= w[0]
	}
	return nil
}

func (p *treacherous) Loss(_ context.Context, dy, dw, y, _ []float64) (float64, error) {
	clear(dw)
	sum := 0.0
	for i, v := range y {
		sum += 0.5 * v * v
		if dy != nil {
			dy[i] = v
		}
	}
	return sum, nil
}

func (p *treacherous) Linearize(context.Context, []float64, []float64) (hypergrad.Linearization, error) {
	minus := make([]float64, p.n)
	ptr, col := []int{0}, []int32{}
	for i := range minus {
		minus[i], ptr, col = -1, append(ptr, i+1), append(col, 0)
	}
	column, err := hvp.NewCSR(p.n, 1, ptr, col, minus)
	return hypergrad.Linearization{Y: (*treacherousMatrix)(p), W: column}, err
}

type treacherousMatrix treacherous

func (a *treacherousMatrix) Dims() (rows, cols int) { return a.n, a.n }

func (a *treacherousMatrix) Structure() hvp.Structure { return hvp.Symmetric }

func (a *treacherousMatrix) Apply(_ context.Context, dst, x []float64) error {
	e := (*treacherous)(a).coupling()
	for i, v := range x {
		if i == 0 {
			v *= a.first
		} else {
			v += e * x[i-1]
		}
		if i+1 < len(x) {
			v += e * x[i+1]
		}
		dst[i] = v
	}
	return nil
}

func (a *treacherousMatrix) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return a.Apply(ctx, dst, x)
}

func (a *treacherousMatrix) Diag(dst []float64) error {
	for i := range dst {
		dst[i] = 1
	}
	dst[0] = a.first
	return nil
}

func (a *treacherousMatrix) AssembleGrid(_ context.Context, m *hvp.GridMatrix) (bool, error) {
	m.Reset(1, a.n, 1)
	for j := range a.n {
		m.Row(0, 0, 0)[j] = 1
		if j > 0 {
			m.Row(0, 0, 1)[j] = float32((*treacherous)(a).coupling())
		}
	}
	m.Row(0, 0, 0)[0] = float32(a.first)
	return true, nil
}

// TestSecondChoice: where the automatic choice could not be built, or fails in a solve, it
// is Jacobi, and the first choice comes back once the operator is better.
func TestSecondChoice(t *testing.T) {
	const small = 1. / 2048
	for _, c := range []struct {
		name  string
		next  float64
		noted bool
	}{{"fails", small * (1 + 1./64), true}, {"refused", -2, false}} {
		p := &treacherous{n: 60, first: small, next: c.next}
		est := hypergrad.Estimator{NoErrorBar: true, Precond: hypergrad.Auto, Settings: krylov.Settings{RTol: 1e-9}}
		var kinds []string
		for k := range 24 {
			if k == 6 {
				p.first, p.next = 1, 0.9
			}
			y, g := make([]float64, p.n), make([]float64, 1)
			w := []float64{1 + 0.01*float64(k)}
			if res, err := krylov.Solve(t.Context(), (*treacherousMatrix)(p), y, constant(p.n, w[0]), &krylov.Settings{RTol: 1e-13}); err != nil {
				t.Fatal(res, err)
			}
			rep, err := est.Gradient(t.Context(), p, y, w, g)
			if err != nil {
				t.Fatal(c.name, k, err)
			}
			// L = ½·w²·‖A⁻¹1‖².
			if want := 2 * rep.Loss / w[0]; !(math.Abs(g[0]-want) < 1e-7*math.Abs(want)) {
				t.Errorf("%s %d: dL/dw is %v, want %v", c.name, k, g[0], want)
			}
			if k == 0 && (rep.PrecondNote != "") != c.noted {
				t.Errorf("%s: note %q", c.name, rep.PrecondNote)
			}
			kinds = append(kinds, rep.Precond)
		}
		if a, b := kinds[0], kinds[len(kinds)-1]; a == b || b != "auto: grid-ic(3×3, single)" {
			t.Errorf("%s: %q", c.name, kinds)
		}
	}
}

func constant(n int, v float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = v
	}
	return x
}
