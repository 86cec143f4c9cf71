//go:build !purego

package kernel

import "testing"

// TestPanelRowWithoutWide: narrower registers and the plain loops give the same bits.
func TestPanelRowWithoutWide(t *testing.T) {
	wide, fma := useWide, useFMA
	defer func() { useWide, useFMA = wide, fma }()
	useWide = false
	TestPanelRow(t)
	useFMA = false
	TestPanelRow(t)
}
