package autodiff

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestRunLin compares weighted sums of any number of arguments with a plain loop.
func TestRunLin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for args := 1; args <= 25; args++ {
		for _, n := range []int{1, 2, 3, 63, 64, 65, 127, 128} {
			for _, offset := range []int32{none, 0} {
				in := &instr{op: opLin, offset: offset}
				scalars := []float64{rng.NormFloat64()}
				var regs [][]float64
				for k := range args {
					r := make([]float64, n)
					for i := range r {
						r[i] = rng.NormFloat64()
					}
					regs = append(regs, r)
					scalars = append(scalars, rng.NormFloat64())
					in.args, in.coef = append(in.args, int32(k)), append(in.coef, int32(k+1))
				}
				dst := make([]float64, n)
				runLin(dst, regs, scalars, in)
				for i, v := range dst {
					want, size := 0.0, 1.0
					if offset >= 0 {
						want = scalars[0]
					}
					for k, r := range regs {
						want += scalars[k+1] * r[i]
						size += math.Abs(scalars[k+1] * r[i])
					}
					if !(math.Abs(v-want) <= 1e-15*size) {
						t.Fatalf("%d arguments, length %d: element %d is %v, want %v", args, n, i, v, want)
					}
				}
			}
		}
	}
}

// TestRunAgreesWithScalars runs each operation on a batch and as a scalar.
func TestRunAgreesWithScalars(t *testing.T) {
	for o := opLin + 1; o < opFill; o++ {
		f := newGraph()
		x, y := f.input(inY, 0), f.input(inY, 1)
		var id int32
		switch o {
		case opMul:
			id = f.mul(x, y)
		case opDiv:
			id = f.div(x, y)
		case opSelect:
			id = f.choose(x, y, f.scale(2, x), f.scale(3, y))
		default:
			id = f.unary(o, x, 1.5)
		}
		outs := []output{{role: sumUp, node: id}}
		vary := lower(f, [kinds]bool{}, outs)
		var shared [kinds]bool
		shared[inY] = true
		same := lower(f, shared, outs)
		in := [][]float64{{0.3, 2, 0, 1e-3, 40, -1, math.NaN()}, {0.5, 2, 1, -3, 40, 7, 1}}
		m := len(in[0])
		regs := make([][]float64, vary.regs)
		for r := range regs {
			regs[r] = make([]float64, m)
			if r < len(vary.inputs) {
				regs[r] = in[vary.inputs[r].idx]
			}
		}
		scalars := make([]float64, len(vary.scalars))
		vary.evalScalars(scalars, nil)
		vary.run(regs, scalars, m)
		for i := range m {
			s := make([]float64, len(same.scalars))
			same.evalScalars(s, func(_ kind, k int) float64 { return in[k][i] })
			one := make([][]float64, same.regs)
			for r := range one {
				one[r] = make([]float64, 1)
			}
			same.run(one, s, 1)
			got, want := regs[vary.outs[0].reg][i], one[same.outs[0].reg][0]
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("operation %d at %v, %v: %v in a batch, %v alone", o, in[0][i], in[1][i], got, want)
			}
		}
	}
}
