package hvp

// A Banded operator couples only unknowns whose numbers are close.
type Banded interface {
	// Bandwidth is the largest |i−j| of all a_ij that are not zero, or more: rows
	// lo … hi-1 of a product depend on elements lo−b … hi-1+b of x alone.
	Bandwidth() int
}

// A Weighed operator knows how much it reads.
type Weighed interface {
	// ProductTraffic is how many bytes a product with one vector reads besides x; less
	// than zero means that it is not known.
	ProductTraffic() int64
}

// Bandwidth returns the bandwidth of a, or the larger of its dimensions if it does not
// tell.
func Bandwidth(a Operator) int {
	if b, is := a.(Banded); is {
		return b.Bandwidth()
	}
	rows, cols := a.Dims()
	return max(rows, cols)
}

// ProductTraffic returns how many bytes a product with one vector reads besides x, if a
// tells.
func ProductTraffic(a Operator) (bytes int64, known bool) {
	if w, is := a.(Weighed); is {
		bytes = w.ProductTraffic()
		return bytes, bytes >= 0
	}
	return 0, false
}

// Bandwidth implements [Banded].
func (a *CSR) Bandwidth() int {
	a.bandOnce.Do(func() {
		for i := range a.rows {
			if p, q := a.rowPtr[i], a.rowPtr[i+1]; p < q {
				a.band = max(a.band, i-int(a.col[p]), int(a.col[q-1])-i)
			}
		}
	})
	return a.band
}

// Bandwidth implements [Banded]: a line, or a plane of a grid of three dimensions.
func (a *Stencil) Bandwidth() int { return a.n / a.shape[0] }

// ProductTraffic implements [Weighed]: nothing.
func (a *Stencil) ProductTraffic() int64 { return 0 }

// Bandwidth implements [Banded].
func (a *Diagonal) Bandwidth() int { return 0 }

// ProductTraffic implements [Weighed].
func (a *Diagonal) ProductTraffic() int64 { return 8 * int64(len(a.d)) }

// Bandwidth implements [Banded].
func (s *combination) Bandwidth() (b int) {
	for _, t := range s.terms {
		b = max(b, Bandwidth(t.a))
	}
	return b
}

// ProductTraffic implements [Weighed].
func (s *combination) ProductTraffic() (bytes int64) {
	for _, t := range s.terms {
		one, known := ProductTraffic(t.a)
		if !known {
			return -1
		}
		bytes += one
	}
	return bytes
}

// Bandwidth implements [Banded].
func (p *promised) Bandwidth() int { return Bandwidth(p.a) }

// ProductTraffic implements [Weighed].
func (p *promised) ProductTraffic() int64 { return trafficOf(p.a) }

// Bandwidth implements [Banded].
func (w *instrumented) Bandwidth() int { return Bandwidth(w.a) }

// ProductTraffic implements [Weighed].
func (w *instrumented) ProductTraffic() int64 { return trafficOf(w.a) }

func trafficOf(a Operator) int64 {
	if bytes, known := ProductTraffic(a); known {
		return bytes
	}
	return -1
}
