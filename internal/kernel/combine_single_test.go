package kernel

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestCombination(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 1))
	var s Combination
	if !s.Room(67) || s.Room(mostTerms+1) {
		t.Error("the room is not that of the documentation")
	}
	for _, terms := range []int{0, 1, 2, 5, 7, 27, mostTerms} {
		for n := 1; n < 150; n++ {
			x := single(random(rng, 400))
			c := single(random(rng, terms))
			got := single(random(rng, n+1))
			old, want := slices.Clone(got), slices.Clone(got)
			clear(want[:n])
			s.Begin(n)
			for e := range c {
				v := x[rng.IntN(400-n+1):]
				if e == 1 { // in place
					v = got
				}
				s.Add(c[e], v)
				if e == 1 {
					v = old
				}
				for j := range want[:n] {
					sum := new(big.Float).SetPrec(200).Mul(big.NewFloat(float64(c[e])), big.NewFloat(float64(v[j])))
					want[j], _ = sum.Add(sum, big.NewFloat(float64(want[j]))).Float32()
				}
			}
			s.To(got[:n])
			sameSingle(t, fmt.Sprintf("%d terms", terms), got, want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a vector that is too short was taken")
		}
	}()
	s.Begin(5)
	s.Add(1, make([]float32, 4))
}
