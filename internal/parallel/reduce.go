package parallel

// BlockSize is the number of vector elements in one block: the unit in which
// loops are shared and reductions are made. 16 KiB of a vector is long enough
// to pay for handing it out, and three vectors' worth stays in a first-level
// cache of 48 KiB.
const BlockSize = 2048

// Blocks returns the number of blocks of a vector of n elements.
func Blocks(n int) int { return (n + BlockSize - 1) / BlockSize }

// Block returns the bounds [lo, hi) of block c of a vector of n elements.
func Block(c, n int) (lo, hi int) {
	lo = c * BlockSize
	return lo, min(lo+BlockSize, n)
}

// Combine returns the sum of the partial results of the blocks, added pairwise
// in an order that depends on len(part) only. The rounding error grows with
// log₂ of the number of blocks instead of the number itself.
func Combine(part []float64) float64 {
	switch n := len(part); {
	case n == 0:
		return 0
	case n <= 8:
		s := part[0]
		for _, v := range part[1:] {
			s += v
		}
		return s
	default:
		h := n / 2
		return Combine(part[:h]) + Combine(part[h:])
	}
}

// Grow returns s with length n, reallocated when its capacity does not do. The
// contents are undefined. Workspaces use it: from the second use of a size on
// it allocates nothing.
func Grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
