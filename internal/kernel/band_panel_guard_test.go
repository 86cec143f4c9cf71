//go:build linux

package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// beforeGuardSingle is [beforeGuard] of n random numbers in single precision.
func beforeGuardSingle(t *testing.T, rng *rand.Rand, n int) []float32 {
	d := beforeGuard(t, make([]float64, n/2+1))
	s := unsafe.Slice((*float32)(unsafe.Pointer(&d[0])), 2*len(d))[2*len(d)-n:]
	copy(s, single(random(rng, n)))
	return s
}

// TestBandPanelsStayInside runs substitutions in panels and with coefficients that end where
// a process must not look.
func TestBandPanelsStayInside(t *testing.T) {
	rng := rand.New(rand.NewPCG(22, 1))
	for _, w := range []int{1, 2, 3, 4, 5, 8, 9, 16, 17} {
		for _, r := range []int{1, 2, 3, 6} {
			for _, n := range []int{1, 2, 3, 7, 9} {
				t.Run(fmt.Sprintf("n=%d,w=%d,r=%d", n, w, r), func(t *testing.T) {
					v := beforeGuardSingle(t, rng, n*w)
					ForwardBandPanel(v, w, beforeGuardSingle(t, rng, (r-1)*(n+r)+n), n+r, r)
					BackwardBandPanel(v, w, beforeGuardSingle(t, rng, (r-1)*(n+r)+n+r), n+r, r)
					ScaleRowsPanel(v, w, beforeGuardSingle(t, rng, n))
				})
			}
		}
	}
}
