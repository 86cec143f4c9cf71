package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestBandPanels compares substitution in panels with its definition, point by point and
// column by column: the bits of a column are those that it has alone.
func TestBandPanels(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 1))
	for _, r := range []int{1, 2, 3, 4, 6} {
		for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 64, 65} {
			pitch := n + 2*r
			for _, w := range []int{1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 24} {
				what := fmt.Sprintf("reach %d, %d points, %d columns", r, n, w)
				v, c := single(random(rng, n*w)), single(random(rng, r*pitch))
				at := func(x []float32, j, l int) float32 {
					if j < 0 || j >= n {
						return 0
					}
					return x[j*w+l]
				}
				forward, backward := slices.Clone(v), slices.Clone(v)
				for l := range w {
					for j := range n {
						for b := r; b > 0; b-- {
							forward[j*w+l] = fmaSingle(-c[(b-1)*pitch+j], at(forward, j-b, l), forward[j*w+l])
						}
					}
					for j := n - 1; j >= 0; j-- {
						for b := r; b > 0; b-- {
							backward[j*w+l] = fmaSingle(-c[(b-1)*pitch+j+b], at(backward, j+b, l), backward[j*w+l])
						}
					}
				}
				got := slices.Clone(v)
				ForwardBandPanel(got, w, c, pitch, r)
				sameSingle(t, what+", forwards", got, forward)
				got = slices.Clone(v)
				BackwardBandPanel(got, w, c, pitch, r)
				sameSingle(t, what+", backwards", got, backward)

				d := c[:n]
				got = slices.Clone(v)
				ScaleRowsPanel(got, w, d)
				for i := range v {
					v[i] *= d[i/w]
				}
				sameSingle(t, what+", scaled", got, v)
			}
		}
	}
}

// TestBandPanelsCheckLengths: coefficients that end too early are found before they are read.
func TestBandPanelsCheckLengths(t *testing.T) {
	for name, f := range map[string]func(){
		"forwards":  func() { ForwardBandPanel(make([]float32, 40), 8, make([]float32, 9)[:8:8], 4, 2) },
		"backwards": func() { BackwardBandPanel(make([]float32, 40), 8, make([]float32, 10)[:10:10], 4, 2) },
		"scaled":    func() { ScaleRowsPanel(make([]float32, 40)[:39:39], 8, make([]float32, 5)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: reads beyond the end", name)
				}
			}()
			f()
		}()
	}
}
