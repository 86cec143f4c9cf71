//go:build linux

package kernel

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"
)

// beforeGuard returns a copy of x that ends where memory may not be read.
func beforeGuard[F float32 | float64](t *testing.T, x []F) []F {
	page, bytes := syscall.Getpagesize(), int(unsafe.Sizeof(F(0)))*len(x)
	size := (bytes + page - 1) / page * page
	m, err := syscall.Mmap(-1, 0, size+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { syscall.Munmap(m) })
	if err := syscall.Mprotect(m[size:], syscall.PROT_NONE); err != nil {
		t.Skip(err)
	}
	if len(x) == 0 {
		return x
	}
	v := unsafe.Slice((*F)(unsafe.Pointer(&m[size-bytes])), len(x))
	copy(v, x)
	return v
}

// TestPanelsStayInside runs the loops on panels that end where a process must not look.
func TestPanelsStayInside(t *testing.T) {
	rng := rand.New(rand.NewPCG(14, 1))
	for w := 1; w <= 9; w++ {
		for _, n := range []int{1, 2, 3, 4, 5, 8, 11} {
			t.Run(fmt.Sprintf("n=%d,w=%d", n, w), func(t *testing.T) {
				guarded := func(n int) []float64 { return beforeGuard(t, random(rng, n)) }
				p, q, r, x, y := guarded(n*w), guarded(n*w), guarded(n*w), guarded(n*w), guarded(n*(w+1))
				d, a, b, s0, s1, s2 := guarded(n), guarded(w), guarded(w), guarded(w), guarded(w), guarded(w)
				cols, shifted := make([]int, w), make([]int, w)
				for l := range cols {
					cols[l], shifted[l] = l, l+1
				}
				PanelDots3(p, q, w, s0, s1, s2, 1)
				PanelDot(p, q, w, s0, 1)
				PanelSubAxpyNorm(r, a, q, w, s0, 1)
				PanelSubAxpyNormDiag(r, a, q, d, w, s0, s1, 1)
				PanelStepDirection(x, w, cols, p, a, r, b, w)
				PanelStepDirectionDiag(x, w, cols, p, a, r, d, b, w)
				PanelStepDirection(y, w+1, shifted, p, a, r, b, w)
				PanelStepDirectionDiag(y, w+1, shifted, p, a, r, d, b, w)
				ptr, col, val := randomCSR(rng, n, n)
				for j := range col {
					if j%2 == 0 {
						col[j] = int32(n - 1)
					}
				}
				CSRRowsBlock(q, p, w, ptr, col, val, 0, n)
			})
		}
	}
}

// TestAddProductsPanelStaysInside does so for the diagonals of a matrix.
func TestAddProductsPanelStaysInside(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 2))
	single := func(n int) []float32 { return beforeGuard(t, single(random(rng, n))) }
	double := func(n int) []float64 { return beforeGuard(t, random(rng, n)) }
	for _, w := range []int{1, 2, 3, 4, 6, 8, 16, 24, 25} {
		for _, n := range []int{1, 2, 7, 8, 9, 16, 17, 35} {
			AddProductsPanel(single(n*w), w, single(n+1), []int{1, 0}, single((n+1)*w), []int{w, 0}, false)
			AddProductsPanel(double(n*w), w, double(n+1), []int{1, 0}, double((n+1)*w), []int{w, 0}, false)
		}
	}
}

// TestAddScaledStaysInside does so for sums of scaled rows.
func TestAddScaledStaysInside(t *testing.T) {
	rng := rand.New(rand.NewPCG(16, 2))
	guarded := func(n int) []float64 { return beforeGuard(t, random(rng, n)) }
	for n := 1; n < 14; n++ {
		AddScaled(guarded(n), guarded(3), guarded(2*(n+1)+n), n+1)
	}
}

// TestHadamardPanelsStayInside is the same for the loops of hadamard_panel.go.
func TestHadamardPanelsStayInside(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 1))
	for _, k := range []int{1, 2, 4, 7, 8, 12, 16} {
		for _, n := range []int{1, 2, 15, 16, 17, 31, 32} {
			t.Run(fmt.Sprintf("n=%d,k=%d", n, k), func(t *testing.T) {
				double := func(n int) []float64 { return beforeGuard(t, random(rng, n)) }
				guarded := func(n int) []float32 { return beforeGuard(t, single(random(rng, n))) }
				x, v, u := guarded(n*k), guarded(n), guarded(n)
				PanelPairDotSingle(x, k, v, u, double(k), double(k), 1)
				HadamardPanelSingle(guarded(n*k), x, k, v, u, guarded(k), guarded(k))
				xd, vd, ud := double(n*k), double(n), double(n)
				PanelPairDot(xd, k, vd, ud, double(k), double(k), 1)
				HadamardPanel(double(n*k), xd, k, vd, ud, double(k), double(k))
			})
		}
	}
}
