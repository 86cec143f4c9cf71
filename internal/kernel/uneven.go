package kernel

// splitUneven splits the plain runs from runs[first] on, which are those of rows lo …
// hi-1, into plain and uneven ones.
func splitUneven(runs []Run, first int, rowPtr []int, lo, hi int) []Run {
	var split []Run // stays nil where no window is uneven
	var g guesser
	begin := lo
	add := func(end int, kind RunKind) {
		if end == begin {
			return
		}
		if n := len(split); n > 0 && split[n-1].Kind == kind && kind == RunUneven {
			split[n-1].End = int32(end)
		} else {
			split = append(split, Run{int32(end), kind})
		}
		begin = end
	}
	for r, run := range runs[first:] {
		end := int(run.End)
		for w := (begin + SliceWindow - 1) &^ (SliceWindow - 1); run.Kind == RunPlain && w < end; w += SliceWindow {
			e := w + SliceWindow
			if e > end {
				e = end &^ 3 // whole slices
			}
			if e%SliceWindow != 0 && end < hi || !g.uneven(rowPtr[w:e+1]) {
				continue
			}
			if split == nil {
				split = append(make([]Run, 0, len(runs)-first+2), runs[first:first+r]...)
			}
			add(w, RunPlain)
			add(e, RunUneven)
		}
		if split != nil {
			add(end, run.Kind)
		}
		begin = end
	}
	if split == nil {
		return runs
	}
	return append(runs[:first], split...)
}

// guesser foretells the length of a row from those of the three before, as the branch
// predictor of a processor does, to say where that one will be wrong: not where
// lengths repeat in a pattern, as in a mesh that has one.
type guesser struct {
	seen [1024]int32 // the length that followed last time, plus one
	last uint32      // lengths of the rows before
}

// misses returns for how many of the rows with the given bounds the guess is wrong.
func (g *guesser) misses(rowPtr []int) (n int) {
	for i := range len(rowPtr) - 1 {
		length := int32(rowPtr[i+1]-rowPtr[i]) + 1
		if guess := &g.seen[g.last*0x9e3779b1>>22]; *guess != length {
			*guess = length
			n++
		}
		g.last = g.last<<10 | uint32(length)&1023
	}
	return n
}

// uneven reports whether the rows with the given bounds are worth slices: whether a
// wrong guess of a row's length comes so often that they take 0.7 of the time
// or less (BenchmarkCSRLayouts), and there are enough of them.
func (g *guesser) uneven(rowPtr []int) bool {
	rows, misses := len(rowPtr)-1, g.misses(rowPtr)
	return rows >= 64 && 8*misses >= rows && rowPtr[rows]-rowPtr[0] < 24*misses
}
