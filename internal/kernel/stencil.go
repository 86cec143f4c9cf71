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

// A stretch is part of a line, [lo, q), in which the neighbours in other lines are
// inside the grid for all elements or outside for all: near holds them, as parts of
// x or as zeros, in the order up, down, front, back. Bit k of outside says that
// near[k] is outside. begin and end are those of the line.
type stretch struct {
	lo, q, begin, end int
	near              [4][]float64
	outside           uint
}

// next sets s to the first stretch of [lo, hi).
func (s *stretch) next(x []float64, g *Grid, lo, hi int) {
	line := g.Length * g.Step
	row := lo / line
	s.lo, s.begin, s.end = lo, row*line, row*line+line
	s.q = min(s.end, hi, lo+stencilPiece)
	s.outside = 0
	if g.Dim > 1 {
		plane := 0
		if g.Dim > 2 {
			plane = row / g.Lines
			s.vertical(x, 2, g.Lines*line, plane > 0, plane < g.Planes-1)
		}
		l := row - plane*g.Lines
		s.vertical(x, 0, line, l > 0, l < g.Lines-1)
	}
}

// vertical sets near[k] and near[k+1] to the neighbours at the given stride.
func (s *stretch) vertical(x []float64, k, stride int, before, behind bool) {
	if before {
		s.near[k] = x[s.lo-stride : s.q-stride]
	} else {
		s.near[k] = nowhere[:s.q-s.lo]
		s.outside |= 1 << k
	}
	if behind {
		s.near[k+1] = x[s.lo+stride : s.q+stride]
	} else {
		s.near[k+1] = nowhere[:s.q-s.lo]
		s.outside |= 2 << k
	}
}

// piece returns the neighbours in the line of the longest [lo, r) in the stretch
// that are inside for all or outside for all: the first and the last node of a
// line are pieces of their own.
func (s *stretch) piece(x []float64, step, lo int) (r int, left, right []float64, last bool) {
	first := lo < s.begin+step
	last = lo >= s.end-step
	switch {
	case first:
		r = min(s.q, s.begin+step)
	case last:
		r = s.q
	default:
		r = min(s.q, s.end-step)
	}
	left, right = nowhere[:r-lo], nowhere[:r-lo]
	if !first {
		left = x[lo-step : r-step]
	}
	if !last {
		right = x[lo+step : r+step]
	}
	return r, left, right, last
}

// StencilRows sets dst[i] = diag·x[i] + off·Σ x[neighbours of i] for lo ≤ i < hi.
// Neighbours are the numbers of the same place in the next node in each
// direction, 2·Dim at most; those outside the grid count as zero. The order of
// the additions does not depend on lo and hi.
func StencilRows(dst, x []float64, g *Grid, diag, off float64, lo, hi int) {
	var s stretch
	for lo < hi {
		s.next(x, g, lo, hi)
		for lo < s.q {
			r, left, right, _ := s.piece(x, g.Step, lo)
			i, j := lo-s.lo, r-s.lo
			switch g.Dim {
			case 1:
				stencil3(dst[lo:r], x[lo:r], left, right, diag, off)
			case 2:
				stencil5(dst[lo:r], x[lo:r], left, right, s.near[0][i:j], s.near[1][i:j], diag, off)
			default:
				stencil7(dst[lo:r], x[lo:r], left, right, s.near[0][i:j], s.near[1][i:j], s.near[2][i:j], s.near[3][i:j], diag, off)
			}
			lo = r
		}
	}
}

// StencilRowsSingle is [StencilRows] in single precision, but for dst, which holds
// elements lo … hi-1 only, and adds b·y + c·z to it, with whole vectors y and z that are not
// read if their factors are zero.
func StencilRowsSingle(dst, x []float32, g *Grid, diag, off float64, y []float32, b float32, z []float32, c float32, lo, hi int) {
	var sum Combination
	line, origin := g.Length*g.Step, lo
	for lo < hi {
		row := lo / line
		begin, end := row*line, row*line+line
		q := min(hi, end)
		left, right := lo >= begin+g.Step, lo < end-g.Step
		switch { // the first and the last node of a line go by themselves
		case !left:
			q = min(q, begin+g.Step)
		case right:
			q = min(q, end-g.Step)
		}
		sum.Begin(q - lo)
		if b != 0 {
			sum.Add(b, y[lo:])
		}
		if c != 0 {
			sum.Add(c, z[lo:])
		}
		near := func(inside bool, shift int) {
			if inside {
				sum.Add(float32(off), x[lo+shift:])
			}
		}
		sum.Add(float32(diag), x[lo:])
		near(left, -g.Step)
		near(right, g.Step)
		if g.Dim > 1 {
			plane := 0
			if g.Dim > 2 {
				plane = row / g.Lines
				near(plane > 0, -g.Lines*line)
				near(plane < g.Planes-1, g.Lines*line)
			}
			l := row - plane*g.Lines
			near(l > 0, -line)
			near(l < g.Lines-1, line)
		}
		sum.To(dst[lo-origin : q-origin])
		lo = q
	}
}

// StencilForm returns the part of Σ (x_i − x_j)·(y_i − y_j), over all pairs of
// neighbours i, j, one of them perhaps outside the grid and zero, that belongs to
// rows lo … hi-1: the pairs with the neighbours before them, and those behind
// them that are outside. The whole is xᵀ·L·y, where L is the stencil with
// diag = 2·Dim and off = −1; the differences keep the digits that smooth x and y
// lose in x_i·(L·y)_i.
func StencilForm(x, y []float64, g *Grid, lo, hi int) (sum float64) {
	var s, t stretch
	for lo < hi {
		s.next(x, g, lo, hi)
		t.next(y, g, lo, hi)
		for d := range g.Dim - 1 {
			sum += dotDifferences(x[lo:s.q], s.near[2*d], y[lo:s.q], t.near[2*d])
			if s.outside>>(2*d)&2 != 0 {
				sum += Dot(x[lo:s.q], y[lo:s.q])
			}
		}
		for lo < s.q {
			r, left, _, last := s.piece(x, g.Step, lo)
			_, leftY, _, _ := t.piece(y, g.Step, lo)
			sum += dotDifferences(x[lo:r], left, y[lo:r], leftY)
			if last {
				sum += Dot(x[lo:r], y[lo:r])
			}
			lo = r
		}
	}
	return sum
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

// stencil3Plain is the plain twin of stencil3.
func stencil3Plain(dst, x, left, right []float64, diag, off float64) {
	x, left, right = x[:len(dst)], left[:len(dst)], right[:len(dst)]
	for i := range dst {
		dst[i] = float64(diag*x[i]) + float64(off*(left[i]+right[i]))
	}
}

// stencil5Plain is the plain twin of stencil5.
func stencil5Plain(dst, x, left, right, up, down []float64, diag, off float64) {
	x, left, right = x[:len(dst)], left[:len(dst)], right[:len(dst)]
	up, down = up[:len(dst)], down[:len(dst)]
	for i := range dst {
		dst[i] = float64(diag*x[i]) + float64(off*((left[i]+right[i])+(up[i]+down[i])))
	}
}

// stencil7Plain is the plain twin of stencil7.
func stencil7Plain(dst, x, left, right, up, down, front, back []float64, diag, off float64) {
	x, left, right = x[:len(dst)], left[:len(dst)], right[:len(dst)]
	up, down = up[:len(dst)], down[:len(dst)]
	front, back = front[:len(dst)], back[:len(dst)]
	for i := range dst {
		dst[i] = float64(diag*x[i]) + float64(off*((left[i]+right[i])+(up[i]+down[i])+(front[i]+back[i])))
	}
}
