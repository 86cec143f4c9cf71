//go:build !purego

package kernel

import "testing"

// TestFusedWithoutWide: registers of 256 bits give the bits of the plain loops, too.
func TestFusedWithoutWide(t *testing.T) {
	if !useWide {
		t.Skip("no registers of 512 bits")
	}
	useWide = false
	defer func() { useWide = true }()
	TestAddProductsPanel(t)
	TestAddScaled(t)
}
