//go:build !purego

package kernel

import "testing"

// TestBandPanelsWithoutWide: narrower registers and the plain loops give the same bits.
func TestBandPanelsWithoutWide(t *testing.T) {
	wide, fma := useWide, useFMA
	defer func() { useWide, useFMA = wide, fma }()
	useWide = false
	TestBandPanels(t)
	useFMA = false
	TestBandPanels(t)
}
