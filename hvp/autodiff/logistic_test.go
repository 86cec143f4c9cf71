package autodiff_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/autodiff"
	"github.com/hgsolve/hgsolve/problems"
)

func examples(t testing.TB, seed uint64, m, n int) (*hvp.CSR, []float64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	var i, j []int32
	var v []float64
	labels := make([]float64, m)
	for r := range m {
		labels[r] = float64(1 - 2*rng.IntN(2))
		for c := range n {
			if r != 3 && rng.Float64() < 8/float64(n) { // example 3 has no feature
				i, j, v = append(i, int32(r)), append(j, int32(c)), append(v, rng.NormFloat64())
			}
		}
	}
	x, err := hvp.NewCSRFromTriplets(m, n, i, j, v)
	if err != nil {
		t.Fatal(err)
	}
	return x, labels
}

// logisticEnergy is the energy of problems.Logistic.
func logisticEnergy(t testing.TB, x *hvp.CSR, labels []float64, penalties autodiff.Support, nw int) *autodiff.Energy {
	t.Helper()
	loss := func(y, _, label []autodiff.Num) autodiff.Num { return y[0].Mul(label[0]).Neg().Softplus() }
	ridge := func(y, w, _ []autodiff.Num) autodiff.Num { return w[0].Exp().Mul(y[0].Square()).Scale(0.5) }
	_, n := x.Dims()
	e, err := autodiff.New(n, nw,
		autodiff.Terms{Func: loss, Y: autodiff.Forms(x, 1), C: labels},
		autodiff.Terms{Func: ridge, Y: autodiff.Each(n), W: penalties})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestLogistic(t *testing.T) {
	for _, perFeature := range []bool{false, true} {
		for _, n := range []int{11, 257, 2999} {
			t.Run(fmt.Sprintf("perFeature=%v/%d", perFeature, n), func(t *testing.T) {
				x, labels := examples(t, 1, 2*n, n)
				held, heldLabels := examples(t, 2, n, n)
				p, err := problems.NewLogistic(x, labels, held, heldLabels, perFeature)
				if err != nil {
					t.Fatal(err)
				}
				ny, nw := p.Dims()
				penalised := autodiff.Shared(0)
				if perFeature {
					penalised = autodiff.Each(n)
				}
				e := logisticEnergy(t, x, labels, penalised, nw)
				y, w := gauss(3, ny), gauss(4, nw)
				y[0] = 300 // saturated examples
				same(t, e, p, y, w, hvp.SPD)
			})
		}
	}
}

// Softmax regression: three linear forms per term, on blocks of the variables.
// The reference is the same energy with the forms written into the terms.
func TestSeveralForms(t *testing.T) {
	const classes, features, m = 3, 5, 40
	rng := rand.New(rand.NewPCG(3, 1))
	var i, j []int32
	var v []float64
	rows := make([][]float64, m)
	labels := make([]float64, m)
	for k := range m {
		rows[k] = make([]float64, features)
		labels[k] = float64(rng.IntN(classes))
		for f := range features {
			rows[k][f] = rng.NormFloat64()
			for c := range classes {
				i, j, v = append(i, int32(classes*k+c)), append(j, int32(c*features+f)), append(v, rows[k][f])
				if c == 1 { // one class borrows from another: forms overlap
					i, j, v = append(i, int32(classes*k+c)), append(j, int32(f)), append(v, 0.5)
				}
			}
		}
	}
	x, err := hvp.NewCSRFromTriplets(classes*m, classes*features, i, j, v)
	if err != nil {
		t.Fatal(err)
	}
	cross := func(z, w, label []autodiff.Num) autodiff.Num {
		sum, own := autodiff.Const(0), autodiff.Const(0)
		for c := range z {
			sum = sum.Add(z[c].Exp())
			is := autodiff.Const(float64(c))
			hit := autodiff.Select(label[0], is, autodiff.Const(1), autodiff.Const(0)).
				Sub(autodiff.Select(label[0], is.Shift(0.5), autodiff.Const(1), autodiff.Const(0)))
			own = own.Add(hit.Mul(z[c]))
		}
		return w[0].Exp().Mul(sum.Log().Sub(own))
	}
	ny := classes * features
	forms, err := autodiff.New(ny, 1, autodiff.Terms{Func: cross, Y: autodiff.Forms(x, classes), W: autodiff.Shared(0), C: labels})
	if err != nil {
		t.Fatal(err)
	}
	direct := make([]autodiff.Terms, m)
	for k := range direct {
		direct[k] = autodiff.Terms{C: labels[k : k+1], Y: autodiff.Range(0, ny), W: autodiff.Shared(0),
			Func: func(y, w, c []autodiff.Num) autodiff.Num {
				z := make([]autodiff.Num, classes)
				for r := range z {
					row := make([]float64, ny)
					for q := range ny {
						row[q] = x.At(classes*k+r, q)
					}
					z[r] = autodiff.Dot(row, y)
				}
				return cross(z, w, c)
			}}
	}
	plain, err := autodiff.New(ny, 1, direct...)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, forms, plain, gauss(5, ny), []float64{0.3})
}

// compare compares two energies in everything they give.
func compare(t testing.TB, a, b *autodiff.Energy, y, w []float64) {
	t.Helper()
	const tol = 1e-12
	ctx := context.Background()
	ny, nw := a.Dims()
	var value [2]float64
	var dy, dw, hv, mu, mq, diag [2][]float64
	for i, e := range []*autodiff.Energy{a, b} {
		var err error
		dy[i], dw[i], hv[i] = make([]float64, ny), make([]float64, nw), make([]float64, ny)
		mu[i], mq[i], diag[i] = make([]float64, ny), make([]float64, nw), make([]float64, ny)
		if value[i], err = e.Evaluate(ctx, dy[i], dw[i], y, w); err != nil {
			t.Fatal(err)
		}
		lin, err := e.Linearize(ctx, y, w, &autodiff.Settings{StoreWeights: i == 0})
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{
			lin.Hessian().Apply(ctx, hv[i], gauss(7, ny)), lin.Hessian().Diag(diag[i]),
			lin.Mixed().Apply(ctx, mu[i], gauss(8, nw)), lin.Mixed().ApplyTrans(ctx, mq[i], gauss(9, ny)),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if d := math.Abs(value[0] - value[1]); !(d <= tol*math.Abs(value[1])) {
		t.Errorf("values %v and %v", value[0], value[1])
	}
	near(t, "gradient", dy[0], dy[1], tol)
	near(t, "gradient by w", dw[0], dw[1], tol)
	near(t, "Hessian product", hv[0], hv[1], tol)
	near(t, "diagonal", diag[0], diag[1], tol)
	near(t, "mixed product", mu[0], mu[1], tol)
	near(t, "transposed mixed product", mq[0], mq[1], tol)
}
