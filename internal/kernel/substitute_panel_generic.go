//go:build !amd64 || purego

package kernel

func (p *PanelRow) substituteFives(lo, hi int) bool { return false }

func (p *PanelRow) recurrenceStrips(lo, hi int) { p.recurrence(lo, hi) }

func scaleRowsStrips(v []float32, w int, d []float32) bool { return false }
