package hypergrad

// savedHistory is a history in a checkpoint.
type savedHistory struct {
	Len, Size, N, NW int
	Q, W             savedSignal
	Scores           [projected][maxHistory]score
}

// savedSignal is a signal in a checkpoint.
type savedSignal struct {
	D     [][]float64
	Scale float64
	Gram  []float64
}

// save returns what a history must remember. The vectors are shared.
func (h *history) save() savedHistory {
	if h.len == 0 {
		return savedHistory{Scores: h.scores}
	}
	save := func(s *signal) savedSignal {
		return savedSignal{s.d[:h.len], s.scale, s.gram}
	}
	return savedHistory{h.len, h.size, h.n, h.nw, save(&h.q), save(&h.w), h.scores}
}

// history is the inverse of save.
func (s *savedHistory) history() history {
	load := func(v *savedSignal) signal {
		return signal{d: v.D, scale: v.Scale, gram: v.Gram, size: s.Size}
	}
	return history{len: s.Len, size: s.Size, n: s.N, nw: s.NW, q: load(&s.Q), w: load(&s.W), scores: s.Scores}
}

// valid looks for what no history writes.
func (s *savedHistory) valid() bool {
	if s.Len < 0 || s.Size < s.Len || s.Size > maxHistory || s.N < 0 || s.NW < 0 {
		return false
	}
	if s.Len == 0 {
		return true
	}
	for _, v := range []struct {
		*savedSignal
		n int
	}{{&s.Q, s.N}, {&s.W, s.NW}} {
		if len(v.D) != s.Len || len(v.Gram) != s.Size*s.Size || !positive(v.Scale) || !allFinite(v.Gram) {
			return false
		}
		for _, d := range v.D {
			if len(d) != v.n || !allFinite(d) {
				return false
			}
		}
	}
	return true
}
