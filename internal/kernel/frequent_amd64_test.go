//go:build !purego

package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestFrequent compares assembly and plain twins bit for bit, for rows of all
// lengths around the groups of four, with values of all kinds.
func TestFrequent(t *testing.T) {
	if !useAVX2 {
		t.Skip("no AVX2")
	}
	rng := rand.New(rand.NewPCG(3, 1))
	t.Run("float64", func(t *testing.T) { testFrequent(t, rng, func() float64 { return rng.NormFloat64() }) })
	t.Run("float32", func(t *testing.T) { testFrequent(t, rng, func() float32 { return float32(rng.NormFloat64()) }) })
	t.Run("ones", func(t *testing.T) { testFrequent[float32](t, rng, nil) })
}

func testFrequent[V Value](t *testing.T, rng *rand.Rand, value func() V) {
	var x, s [2]Frequent
	var big, sums [2][]float64
	for k := range big {
		big[k], sums[k] = random(rand.New(rand.NewPCG(9, 9)), 4*FrequentColumns), random(rand.New(rand.NewPCG(9, 8)), 4*FrequentColumns)
	}
	for _, rows := range []int{0, 1, 2, 3, 50} {
		u := random(rng, rows)
		if rows == 3 {
			u[1] = math.Inf(1)
		}
		var row, col, from []uint16
		var length []int32
		var val []V
		for _, r := range rng.Perm(rows) {
			row, length = append(row, uint16(r)), append(length, int32(rng.IntN(14)))
			at := rng.Perm(40) // columns of a row are distinct
			for _, c := range at[:length[len(length)-1]] {
				if c == 39 {
					c = FrequentColumns - 1
				}
				col, from = append(col, uint16(c)), append(from, uint16(rng.IntN(40)))
				if value != nil {
					val = append(val, value())
				}
			}
		}
		if value != nil && val == nil {
			val = []V{}
		}
		for k := range x {
			copy(x[k][:40], random(rand.New(rand.NewPCG(9, 9)), 40))
			x[k][FrequentColumns-1] = 3
			s[k] = x[k]
		}
		got, want := clone(u), clone(u)
		FrequentDots(got, &x[0], row, length, col, val)
		frequentDotsPlain(want, &x[0], row, length, col, val)
		for i := range got {
			if !sameBits(got[i], want[i]) {
				t.Fatalf("%d rows: product %d is %v, plain %v", rows, i, got[i], want[i])
			}
		}
		FrequentScatter(&s[0], u, row, length, col, val)
		frequentScatterPlain(&s[1], u, row, length, col, val)
		AddEntries(s[0][:], x[0][:], col, from, val)
		addEntriesPlain(s[1][:], x[0][:], col, from, val)
		got, want = random(rng, 4*rows), make([]float64, 4*rows)
		copy(want, got)
		BlockDots(got, big[0], row, length, col, val)
		blockDotsPlain(want, big[1], row, length, col, val)
		for i := range got {
			if !sameBits(got[i], want[i]) {
				t.Fatalf("%d rows: product %d of four is %v, plain %v", rows, i, got[i], want[i])
			}
		}
		BlockScatter(sums[0], got, row, length, col, val)
		blockScatterPlain(sums[1], got, row, length, col, val)
		BlockEntries(sums[0], big[0], 3, 2, col, from, val)
		blockEntriesPlain(sums[1], big[1], 3, 2, col, from, val)
		for j := range sums[0] {
			if !sameBits(sums[0][j], sums[1][j]) {
				t.Fatalf("%d rows: sum %d of four is %v, plain %v", rows, j, sums[0][j], sums[1][j])
			}
		}
		for j := range s[0] {
			if !sameBits(s[0][j], s[1][j]) {
				t.Fatalf("%d rows: sum %d is %v, plain %v", rows, j, s[0][j], s[1][j])
			}
		}
	}
}
