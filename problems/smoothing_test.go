package problems_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/hgsolve/hgsolve/problems"
)

func newSmoothing(t testing.TB, modes []problems.Mode, shape ...int) *problems.Smoothing {
	t.Helper()
	p, err := problems.NewSmoothing(modes, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSmoothingChain: the case of one mode on a chain, by a formula of its own
// (n = 1000, k = 3, λ = 10: L = 249.80690405136818, dL/dλ = −0.04425073612288419).
func TestSmoothingChain(t *testing.T) {
	p := newSmoothing(t, []problems.Mode{{K: []int{3}, Amplitude: 1}}, 1000)
	w := []float64{math.Log(10)}
	checkClosedForm(t, "chain", p, w, 1e-13, 1e-12)
	grad := make([]float64, 1)
	loss, err := p.Exact(context.Background(), nil, grad, w)
	if err != nil || math.Abs(loss/249.80690405136818-1) > 1e-13 || math.Abs(grad[0]/(10*-0.04425073612288419)-1) > 1e-12 {
		t.Errorf("L = %v, dL/dw = %v, %v", loss, grad[0], err)
	}
	for i, z := range p.Data() {
		if want := math.Sin(float64(i+1) * 3 * math.Pi / 1001); math.Abs(z-want) > 1e-14 {
			t.Fatalf("z[%d] = %v, want %v", i, z, want)
		}
	}
}

func TestSmoothing(t *testing.T) {
	for _, shape := range [][]int{{1}, {2}, {50}, {3000}, {1, 1}, {7, 1}, {30, 41}, {3, 2100}, {1, 1, 1}, {9, 10, 11}, {4, 1, 6}} {
		p := newSmoothing(t, problems.SpreadModes(12, shape...), shape...)
		// z by the definition.
		for i, z := range p.Data() {
			want := 0.0
			for _, m := range p.Modes() {
				v, rest := m.Amplitude, i
				for d := len(shape) - 1; d >= 0; d-- {
					v *= math.Sin(float64(m.K[d]*(rest%shape[d]+1)%(2*(shape[d]+1))) * math.Pi / float64(shape[d]+1))
					rest /= shape[d]
				}
				want += v
			}
			if math.Abs(z-want) > 1e-13 {
				t.Fatalf("%v: z[%d] = %v, want %v", shape, i, z, want)
			}
		}
		for _, w := range []float64{-3, 2, 5} {
			checkClosedForm(t, fmt.Sprintf("%v, w = %g", shape, w), p, []float64{w}, 1e-13, 1e-10)
		}
		checkProblem(t, fmt.Sprint(shape), p, []float64{1.5})
	}
}

// TestSmoothingMillion: a million unknowns in each dimension.
func TestSmoothingMillion(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("a million unknowns")
	}
	for _, shape := range [][]int{{1_000_003}, {1000, 1001}, {100, 99, 101}} {
		p := newSmoothing(t, problems.SpreadModes(20, shape...), shape...)
		checkClosedForm(t, fmt.Sprint(shape), p, []float64{3}, 1e-12, 1e-10)
	}
}

func TestSpreadModes(t *testing.T) {
	for _, shape := range [][]int{{1}, {5}, {100}, {10, 20}, {2, 3, 4}} {
		nodes := 1
		for _, n := range shape {
			nodes *= n
		}
		modes := problems.SpreadModes(20, shape...)
		if len(modes) > 20 || len(modes) < min(20, nodes)/2 {
			t.Errorf("%v: %d modes", shape, len(modes))
		}
		seen := map[string]bool{}
		for i, m := range modes {
			if seen[fmt.Sprint(m.K)] || m.Amplitude != 1/float64(i+1) {
				t.Errorf("%v: mode %d is %+v", shape, i, m)
			}
			seen[fmt.Sprint(m.K)] = true
		}
		newSmoothing(t, modes, shape...)
	}
	twice := newSmoothing(t, []problems.Mode{{[]int{2}, 1}, {[]int{2}, 0.5}}, 9)
	if m := twice.Modes(); len(m) != 1 || m[0].Amplitude != 1.5 {
		t.Errorf("equal modes are %+v", m)
	}
}

func TestSmoothingBadInput(t *testing.T) {
	one := []problems.Mode{{K: []int{1}, Amplitude: 1}}
	for what, f := range map[string]func() error{
		"no modes":         func() error { _, err := problems.NewSmoothing(nil, 5); return err },
		"no grid":          func() error { _, err := problems.NewSmoothing(one); return err },
		"empty grid":       func() error { _, err := problems.NewSmoothing(one, 0); return err },
		"wrong dimension":  func() error { _, err := problems.NewSmoothing(one, 5, 5); return err },
		"wave number high": func() error { _, err := problems.NewSmoothing([]problems.Mode{{[]int{6}, 1}}, 5); return err },
		"wave number zero": func() error { _, err := problems.NewSmoothing([]problems.Mode{{[]int{0}, 1}}, 5); return err },
		"amplitude": func() error {
			_, err := problems.NewSmoothing([]problems.Mode{{[]int{1}, math.Inf(1)}}, 5)
			return err
		},
		"long w": func() error {
			_, err := newSmoothing(t, one, 5).Exact(context.Background(), nil, nil, make([]float64, 2))
			return err
		},
		"huge w": func() error {
			_, err := newSmoothing(t, one, 5).Linearize(context.Background(), make([]float64, 5), []float64{1000})
			return err
		},
		"short y": func() error {
			_, err := newSmoothing(t, one, 5).Energy(context.Background(), make([]float64, 4), []float64{0})
			return err
		},
	} {
		if f() == nil {
			t.Errorf("%s: no error", what)
		}
	}
}
