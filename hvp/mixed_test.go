package hvp_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
)

// pairEnergy is E(y, w) = Σ_ij sin(a_ij·y_i·w_j)/(1+i+j) with its derivatives.
type pairEnergy struct{ ny, nw int }

func (p pairEnergy) each(f func(i, j int, a, c float64)) {
	for i := range p.ny {
		for j := range p.nw {
			f(i, j, 1+0.5*math.Cos(float64(3*i+7*j)), 1/float64(1+i+j))
		}
	}
}

func (p pairEnergy) gradY(_ context.Context, dst, y, w []float64) error {
	clear(dst)
	p.each(func(i, j int, a, c float64) { dst[i] += c * a * w[j] * math.Cos(a*y[i]*w[j]) })
	return nil
}

func (p pairEnergy) gradW(_ context.Context, dst, y, w []float64) error {
	clear(dst)
	p.each(func(i, j int, a, c float64) { dst[j] += c * a * y[i] * math.Cos(a*y[i]*w[j]) })
	return nil
}

// mixed returns ∂²E/∂y∂wᵀ.
func (p pairEnergy) mixed(y, w []float64) *hvp.CSR {
	var is, js []int32
	var vs []float64
	p.each(func(i, j int, a, c float64) {
		t := a * y[i] * w[j]
		is, js, vs = append(is, int32(i)), append(js, int32(j)), append(vs, c*a*(math.Cos(t)-t*math.Sin(t)))
	})
	m, err := hvp.NewCSRFromTriplets(p.ny, p.nw, is, js, vs)
	if err != nil {
		panic(err)
	}
	return m
}

func TestMixedDifference(t *testing.T) {
	ctx := context.Background()
	for _, size := range [][2]int{{1, 1}, {1, 7}, {40, 3}, {25, 60}} {
		if size[1] > 10 && raceEnabled {
			continue
		}
		p := pairEnergy{size[0], size[1]}
		y, w := gaussian(p.ny, 1), gaussian(p.nw, 2)
		exact := p.mixed(y, w)
		for _, s := range fdVariants {
			for _, gradW := range []hvp.PairField{nil, p.gradW} {
				name := fmt.Sprintf("%v, %s, gradient in w: %v", size, fdName(s), gradW != nil)
				m := must[*hvp.MixedDifference](t)(hvp.NewMixedDifference(p.gradY, gradW, y, w, &s))
				a, b := make([]float64, p.ny), make([]float64, p.nw)
				wantA, wantB := make([]float64, p.ny), make([]float64, p.nw)
				u, q := gaussian(p.nw, 3), gaussian(p.ny, 4)
				if err := errors.Join(m.Apply(ctx, a, u), m.ApplyTrans(ctx, b, q), exact.Apply(ctx, wantA, u), exact.ApplyTrans(ctx, wantB, q)); err != nil {
					t.Fatal(err)
				}
				tol := 10 * m.Accuracy()
				if e := relativeTo(a, wantA); !(e <= tol) {
					t.Errorf("%s: product off by %.2g, allowed %.2g", name, e, tol)
				}
				// By columns an entry is a sum that may cancel.
				size := math.Sqrt(dot(q, q)) * math.Sqrt(dot(wantA, wantA)/dot(u, u)) / math.Sqrt(dot(wantB, wantB))
				if e := relativeTo(b, wantB); !(e <= tol*max(1, size)) {
					t.Errorf("%s: transpose off by %.2g, allowed %.2g", name, e, tol)
				}
				hvptest.TestOperator(t, m, &hvptest.Options{Tol: 30 * m.Accuracy()})
			}
		}
	}
	if _, err := hvp.NewMixedDifference(nil, nil, []float64{1}, []float64{1}, nil); err == nil {
		t.Error("differences of nil")
	}
	boom := errors.New("boom")
	m := must[*hvp.MixedDifference](t)(hvp.NewMixedDifference(func(context.Context, []float64, []float64, []float64) error { return boom }, nil, []float64{1}, []float64{1}, nil))
	if err := m.Apply(ctx, []float64{0}, []float64{1}); !errors.Is(err, boom) || m.Accuracy() != 1 {
		t.Errorf("error %v, accuracy %v of a function that fails", err, m.Accuracy())
	}
}

// The mixed derivative of E(y, w) = Σ ½·w·y_i² from its two gradients.
func ExampleNewMixedDifference() {
	gradY := func(_ context.Context, dst, y, w []float64) error {
		for i := range y {
			dst[i] = w[0] * y[i]
		}
		return nil
	}
	gradW := func(_ context.Context, dst, y, w []float64) error {
		dst[0] = 0
		for _, v := range y {
			dst[0] += v * v / 2
		}
		return nil
	}
	m, err := hvp.NewMixedDifference(gradY, gradW, []float64{1, 2, 3}, []float64{0.5}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	product(m)
	t, _ := hvp.Transpose(m)
	product(t)
	// Output:
	// [1 2 3]
	// [14]
}
