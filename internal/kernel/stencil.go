package kernel

// Grid is the shape of a grid of 1, 2 or 3 dimensions whose nodes hold Step
// numbers each. Numbers are counted with those of a node together, nodes along a
// line, lines within a plane: number s of node j of line l of plane p is at
// ((p·Lines + l)·Length + j)·Step + s. Dim says how many dimensions couple
// nodes: 1 those along a line only, 2 neighbouring lines too, 3 planes too.
type Grid struct {
	Dim, Planes, Lines, Length, Step int
}

// stencilPiece is how much of a line the kernels do at once: short enough for
// the lines that meet in it to stay in the first-level cache.
const stencilPiece = 1024

// nowhere stands for neighbours outside the grid.
var nowhere [stencilPiece]float64

// StencilRows sets dst[i] = diag·x[i] + off·Σ x[neighbours of i] for lo ≤ i < hi.
// Neighbours are the numbers of the same place in the next node in each
// direction, 2·Dim at most; those outside the grid count as zero. The order of
// the additions does not depend on lo and hi.
//
// The loops run over pieces of a line in which each neighbour is inside the grid
// for all elements or outside for all: there the neighbours are a slice, and
// outside they are a slice of zeros, so that nothing is left to ask inside.
func StencilRows(dst, x []float64, g *Grid, diag, off float64, lo, hi int) {
	line := g.Length * g.Step
	for lo < hi {
		row := lo / line
		begin := row * line
		end := begin + line
		// The first and the last node of a line are pieces of their own.
		stop := end
		hasLeft, hasRight := lo >= begin+g.Step, lo < end-g.Step
		if !hasLeft {
			stop = begin + g.Step
		} else if hasRight {
			stop = end - g.Step
		}
		stop = min(stop, hi)
		l, p := row%g.Lines, row/g.Lines
		plane := g.Lines * line
		for lo < stop {
			q := min(stop, lo+stencilPiece)
			n := q - lo
			left, right := nowhere[:n], nowhere[:n]
			if hasLeft {
				left = x[lo-g.Step : q-g.Step]
			}
			if hasRight {
				right = x[lo+g.Step : q+g.Step]
			}
			if g.Dim == 1 {
				stencil3(dst[lo:q], x[lo:q], left, right, diag, off)
				lo = q
				continue
			}
			up, down := nowhere[:n], nowhere[:n]
			if l > 0 {
				up = x[lo-line : q-line]
			}
			if l < g.Lines-1 {
				down = x[lo+line : q+line]
			}
			if g.Dim == 2 {
				stencil5(dst[lo:q], x[lo:q], left, right, up, down, diag, off)
				lo = q
				continue
			}
			front, back := nowhere[:n], nowhere[:n]
			if p > 0 {
				front = x[lo-plane : q-plane]
			}
			if p < g.Planes-1 {
				back = x[lo+plane : q+plane]
			}
			stencil7(dst[lo:q], x[lo:q], left, right, up, down, front, back, diag, off)
			lo = q
		}
	}
}

func stencil3(dst, x, left, right []float64, diag, off float64) {
	x, left, right = x[:len(dst)], left[:len(dst)], right[:len(dst)]
	for i := range dst {
		dst[i] = diag*x[i] + off*(left[i]+right[i])
	}
}

func stencil5(dst, x, left, right, up, down []float64, diag, off float64) {
	x, left, right = x[:len(dst)], left[:len(dst)], right[:len(dst)]
	up, down = up[:len(dst)], down[:len(dst)]
	for i := range dst {
		dst[i] = diag*x[i] + off*((left[i]+right[i])+(up[i]+down[i]))
	}
}

func stencil7(dst, x, left, right, up, down, front, back []float64, diag, off float64) {
	x, left, right = x[:len(dst)], left[:len(dst)], right[:len(dst)]
	up, down = up[:len(dst)], down[:len(dst)]
	front, back = front[:len(dst)], back[:len(dst)]
	for i := range dst {
		dst[i] = diag*x[i] + off*((left[i]+right[i])+(up[i]+down[i])+(front[i]+back[i]))
	}
}
