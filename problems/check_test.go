package problems_test

import (
	"fmt"
	"testing"

	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/problems"
)

// TestProblemsPassTheCheck: every piece of each problem, at the start of the
// inner solve.
func TestProblemsPassTheCheck(t *testing.T) {
	const rows, cols = 21, 26
	photo, r, c := problems.Photograph()
	clean := problems.Resize(photo, r, c, rows, cols)
	for _, potential := range []problems.Potential{problems.Charbonnier, problems.Lorentzian} {
		for _, filters := range []bool{false, true} {
			for _, stored := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v, filters %v, stored %v", potential, filters, stored), func(t *testing.T) {
					p, err := problems.NewDenoise(clean, problems.AddNoise(clean, 20, 1), rows, cols,
						&problems.DenoiseSettings{Potential: potential, LearnFilters: filters, StoreWeights: stored})
					if err != nil {
						t.Fatal(err)
					}
					check(t, p, p.Noisy(), p.Default(1.3))
				})
			}
		}
	}
	for _, perFeature := range []bool{false, true} {
		t.Run(fmt.Sprintf("logistic, per feature %v", perFeature), func(t *testing.T) {
			p := newLogistic(t, 40, perFeature)
			ny, nw := p.Dims()
			check(t, p, make([]float64, ny), make([]float64, nw))
		})
	}
}

func check(t *testing.T, p hypergrad.Problem, y, w []float64) {
	t.Helper()
	for seed := range uint64(3) {
		rep, err := hypergrad.Check(t.Context(), p, y, w, &hypergrad.CheckOptions{Seed: seed + 1})
		if err != nil {
			t.Errorf("%v\n%v", err, &rep)
		}
		t.Log(&rep)
	}
}
