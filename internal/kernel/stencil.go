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

// piece cuts off the first piece [lo, q) of [lo, hi) in which each neighbour is
// inside the grid for all elements or outside for all, and sets near to the
// neighbours: to a part of x, or to zeros. They come in the order left, right,
// up, down, front, back, 2·Dim of them. Bit k of outside says that near[k] is
// outside. So there is nothing left to ask inside the loops.
func (g *Grid) piece(x []float64, lo, hi int, near *[6][]float64) (q int, outside uint) {
	line := g.Length * g.Step
	row := lo / line
	begin := row * line
	end := begin + line
	// The first and the last node of a line are pieces of their own.
	switch {
	case lo < begin+g.Step:
		outside |= 1
		if end = begin + g.Step; g.Length == 1 {
			outside |= 2
		}
	case lo >= end-g.Step:
		outside |= 2
	default:
		end -= g.Step
	}
	q = min(end, hi, lo+stencilPiece)
	if g.Dim > 1 {
		if row%g.Lines == 0 {
			outside |= 4
		}
		if row%g.Lines == g.Lines-1 {
			outside |= 8
		}
	}
	if g.Dim > 2 {
		if row < g.Lines {
			outside |= 16
		}
		if row >= g.Lines*(g.Planes-1) {
			outside |= 32
		}
	}
	stride := g.Step
	for d := range g.Dim {
		if outside>>(2*d)&1 == 0 {
			near[2*d] = x[lo-stride : q-stride]
		} else {
			near[2*d] = nowhere[:q-lo]
		}
		if outside>>(2*d+1)&1 == 0 {
			near[2*d+1] = x[lo+stride : q+stride]
		} else {
			near[2*d+1] = nowhere[:q-lo]
		}
		if d == 0 {
			stride = line
		} else {
			stride *= g.Lines
		}
	}
	return q, outside
}

// StencilRows sets dst[i] = diag·x[i] + off·Σ x[neighbours of i] for lo ≤ i < hi.
// Neighbours are the numbers of the same place in the next node in each
// direction, 2·Dim at most; those outside the grid count as zero. The order of
// the additions does not depend on lo and hi.
func StencilRows(dst, x []float64, g *Grid, diag, off float64, lo, hi int) {
	var near [6][]float64
	for lo < hi {
		q, _ := g.piece(x, lo, hi, &near)
		switch g.Dim {
		case 1:
			stencil3(dst[lo:q], x[lo:q], near[0], near[1], diag, off)
		case 2:
			stencil5(dst[lo:q], x[lo:q], near[0], near[1], near[2], near[3], diag, off)
		default:
			stencil7(dst[lo:q], x[lo:q], near[0], near[1], near[2], near[3], near[4], near[5], diag, off)
		}
		lo = q
	}
}

// StencilForm returns the part of Σ (x_i − x_j)·(y_i − y_j), over all pairs of
// neighbours i, j, one of them perhaps outside the grid and zero, that belongs to
// rows lo … hi-1: the pairs with the neighbours before them, and those behind
// them that are outside. The whole is xᵀ·L·y, where L is the stencil with
// diag = 2·Dim and off = −1; the differences keep the digits that smooth x and y
// lose in x_i·(L·y)_i.
func StencilForm(x, y []float64, g *Grid, lo, hi int) (s float64) {
	var nearX, nearY [6][]float64
	for lo < hi {
		q, outside := g.piece(x, lo, hi, &nearX)
		g.piece(y, lo, hi, &nearY)
		for d := range g.Dim {
			s += dotDifferences(x[lo:q], nearX[2*d], y[lo:q], nearY[2*d])
			if outside>>(2*d+1)&1 == 1 {
				s += Dot(x[lo:q], y[lo:q])
			}
		}
		lo = q
	}
	return s
}

// dotDifferences returns Σ (x_i − u_i)·(y_i − v_i).
func dotDifferences(x, u, y, v []float64) float64 {
	u, y, v = u[:len(x)], y[:len(x)], v[:len(x)]
	var s0, s1 float64
	i := 0
	for ; i+2 <= len(x) && i+2 <= len(u) && i+2 <= len(y) && i+2 <= len(v); i += 2 {
		s0 += (x[i] - u[i]) * (y[i] - v[i])
		s1 += (x[i+1] - u[i+1]) * (y[i+1] - v[i+1])
	}
	if i < len(x) {
		s0 += (x[i] - u[i]) * (y[i] - v[i])
	}
	return s0 + s1
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
