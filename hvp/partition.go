package hvp

// Partition returns the blocks that a was made of by [Blocks] or [KKT], also
// through [WithStructure] and [Instrument]; nil is a zero block. The slices are
// those of a: read only. ok is false if a was not made so.
func Partition(a Operator) (block [][]Operator, ok bool) {
	switch a := a.(type) {
	case *blocks:
		return a.block, true
	case *promised:
		return Partition(a.a)
	case *instrumented:
		if a.flipped {
			return nil, false
		}
		return Partition(a.a)
	case *instrumentedDiagonal:
		return Partition(a.instrumented.a)
	}
	return nil, false
}
