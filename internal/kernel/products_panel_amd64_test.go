//go:build !purego

package kernel

import "testing"

// TestAddProductsPanelWithoutWide: registers of 256 bits give the bits of the plain loop, too.
func TestAddProductsPanelWithoutWide(t *testing.T) {
	if !useWide {
		t.Skip("no registers of 512 bits")
	}
	useWide = false
	defer func() { useWide = true }()
	TestAddProductsPanel(t)
}
