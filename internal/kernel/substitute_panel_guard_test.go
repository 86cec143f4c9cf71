//go:build linux

package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// TestPanelRowStaysInside substitutes in panels and with coefficients that end where a
// process must not look.
func TestPanelRowStaysInside(t *testing.T) {
	rng := rand.New(rand.NewPCG(22, 1))
	for _, w := range []int{1, 2, 3, 4, 5, 8, 9, 16, 17} {
		for _, r := range []int{1, 2, 3, 6} {
			for _, n := range []int{1, 2, 3, 7, 9, 16} {
				t.Run(fmt.Sprintf("n=%d,w=%d,r=%d", n, w, r), func(t *testing.T) {
					guarded := func(n int) []float32 {
						d := beforeGuard(t, make([]float64, n/2+1))
						s := unsafe.Slice((*float32)(unsafe.Pointer(&d[0])), 2*len(d))[2*len(d)-n:]
						copy(s, single(random(rng, n)))
						return s
					}
					p := randomRow(rng, n, w, r, guarded)
					p.Src, p.C = guarded(n*w), guarded((r-1)*p.Pitch+n)
					p.Substitute(0, n)
					p.Back, p.Src, p.D, p.C = true, nil, guarded(n), guarded((r-1)*p.Pitch+n+r)
					p.Substitute(0, n)
				})
			}
		}
	}
}
