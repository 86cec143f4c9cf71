package hvp

import (
	"context"
	"fmt"
	"sync"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Boundary says what a [Convolution] finds outside the image.
type Boundary int

const (
	// Valid: nothing is needed, the result holds only the places where the
	// filter fits inside: (rows−k+1)×(cols−l+1) of them for a k×l filter.
	Valid Boundary = iota
	// Zero: zeros. With this and all that follow the result has the size of
	// the image.
	Zero
	// Periodic: the image repeated.
	Periodic
	// Reflect: the image mirrored at its edge, … 1 0 | 0 1 2 …, the border
	// pixels twice.
	Reflect
	// Replicate: the nearest border pixel.
	Replicate
)

// String returns the name in lower case.
func (b Boundary) String() string {
	names := [...]string{"valid", "zero", "periodic", "reflect", "replicate"}
	if b < 0 || int(b) >= len(names) {
		return fmt.Sprintf("Boundary(%d)", int(b))
	}
	return names[b]
}

// outside returns the index in [0,n) that stands for i, or -1 for a zero.
func (b Boundary) outside(i, n int) int {
	switch b {
	case Periodic:
		if i %= n; i < 0 {
			i += n
		}
	case Reflect:
		if i %= 2 * n; i < 0 {
			i += 2 * n
		}
		if i >= n {
			i = 2*n - 1 - i
		}
	case Replicate:
		i = min(max(i, 0), n-1)
	}
	if i < 0 || i >= n {
		return -1
	}
	return i
}

// Convolution is the operator y ↦ f∗y on images of rows×cols pixels, row by row
// in a vector, with a k×l filter f:
//
//	(f∗y)(i, j) = Σ_{a,b} f[a,b]·y(i+p−a, j+q−b)
//
// where (p, q) = (k−1, l−1) for [Valid] and, so that the middle of the filter
// meets the pixel, (⌊k/2⌋, ⌊l/2⌋) for the other boundaries. Its transpose is the
// exact adjoint, border included, computed by gathering as well: both run in
// parallel over rows of the result and have the same bits for any number of
// workers. In the interior of the image a filter of any shape takes one pass over
// its taps in registers, with AVX2 where there is any. For a sum of squared responses take it as J in [GaussNewton].
//
// It promises to be symmetric if the filter has odd sizes and is the same when
// turned by 180° (Zero, Periodic), or under both mirrors (Reflect).
type Convolution struct {
	boundary         Boundary
	forward, adjoint convPlan
	structure        Structure
	tasks            sync.Pool // *convTask
}

// NewConvolution returns the convolution of rows×cols images with the filter f
// of k×l numbers, row by row. It does not keep f.
func NewConvolution(rows, cols int, f []float64, k, l int, boundary Boundary) (*Convolution, error) {
	switch {
	case rows < 1 || cols < 1 || rows > 1<<30 || cols > 1<<30:
		return nil, fmt.Errorf("hvp: convolution of an image of %d×%d", rows, cols)
	case k < 1 || l < 1 || len(f)%k != 0 || len(f)/k != l:
		return nil, fmt.Errorf("hvp: convolution with a filter of %d numbers that is to be %d×%d", len(f), k, l)
	case boundary < Valid || boundary > Replicate:
		return nil, fmt.Errorf("hvp: convolution with boundary %v", boundary)
	case boundary == Valid && (k > rows || l > cols):
		return nil, fmt.Errorf("hvp: valid convolution of an image of %d×%d with a larger filter, %d×%d", rows, cols, k, l)
	}
	if err := checkFinite("convolution filter", f); err != nil {
		return nil, err
	}
	c := &Convolution{boundary: boundary}
	vertical, horizontal := newAxis(rows, k, boundary), newAxis(cols, l, boundary)
	c.forward = newConvPlan(vertical, horizontal, append([]float64(nil), f...))
	flipped := make([]float64, len(f))
	for i, v := range f {
		flipped[len(f)-1-i] = v
	}
	c.adjoint = newConvPlan(vertical.inverse(), horizontal.inverse(), flipped)
	c.structure = c.symmetry(f, k, l)
	return c, nil
}

// symmetry returns what follows from the filter.
func (c *Convolution) symmetry(f []float64, k, l int) Structure {
	if k%2 == 0 || l%2 == 0 {
		return 0
	}
	turned, mirrored := true, true
	for a := range k {
		for b := range l {
			v := f[a*l+b]
			turned = turned && v == f[(k-1-a)*l+l-1-b]
			mirrored = mirrored && v == f[(k-1-a)*l+b] && v == f[a*l+l-1-b]
		}
	}
	switch c.boundary {
	case Zero, Periodic:
		if turned {
			return Symmetric
		}
	case Reflect:
		if mirrored {
			return Symmetric
		}
	}
	return 0
}

// axis says for one dimension where the pixels come from: element t of the
// result takes, for entry e of list t, source src[e] times filter tap tap[e].
type axis struct {
	n, m     int // lengths of result and source
	k        int // taps
	ptr      []int
	src, tap []int32
	// In lo ≤ t < hi the list is simply src = t+off−tap for all taps.
	lo, hi, off int
}

func newAxis(m, k int, boundary Boundary) axis {
	a := axis{n: m, m: m, k: k, off: k / 2}
	if boundary == Valid {
		a.n, a.off = m-k+1, k-1
	}
	for t := range a.n {
		a.ptr = append(a.ptr, len(a.src))
		for tap := k - 1; tap >= 0; tap-- {
			if s := boundary.outside(t+a.off-tap, m); s >= 0 {
				a.src, a.tap = append(a.src, int32(s)), append(a.tap, int32(tap))
			}
		}
	}
	a.ptr = append(a.ptr, len(a.src))
	a.findInterior()
	return a
}

// inverse returns the axis of the adjoint, with taps counted from the other end,
// so that in the interior it is a convolution again.
func (a axis) inverse() axis {
	b := axis{n: a.m, m: a.n, k: a.k, off: a.k - 1 - a.off, ptr: make([]int, a.m+2)}
	for _, s := range a.src {
		b.ptr[s+2]++
	}
	for i := range a.m {
		b.ptr[i+2] += b.ptr[i+1]
	}
	b.src, b.tap = make([]int32, len(a.src)), make([]int32, len(a.src))
	for t := range a.n {
		for e := a.ptr[t]; e < a.ptr[t+1]; e++ {
			p := &b.ptr[a.src[e]+1]
			b.src[*p], b.tap[*p] = int32(t), int32(a.k-1)-a.tap[e]
			*p++
		}
	}
	b.ptr = b.ptr[:a.m+1]
	b.findInterior()
	return b
}

// findInterior sets lo and hi to the longest run of plain lists.
func (a *axis) findInterior() {
	plain := func(t int) bool {
		if a.ptr[t+1]-a.ptr[t] != a.k {
			return false
		}
		for e := a.ptr[t]; e < a.ptr[t+1]; e++ {
			want := a.k - 1 - (e - a.ptr[t])
			if int(a.tap[e]) != want || int(a.src[e]) != t+a.off-want {
				return false
			}
		}
		return true
	}
	begin := 0
	for t := range a.n {
		if !plain(t) {
			begin = t + 1
		} else if t+1-begin > a.hi-a.lo {
			a.lo, a.hi = begin, t+1
		}
	}
}

// convPlan is the convolution or its adjoint.
type convPlan struct {
	rows, cols axis
	f          []float64
	back       []float64 // f backwards
	window     []int     // where the source of each tap of back is, from that of the first
}

func newConvPlan(rows, cols axis, f []float64) convPlan {
	p := convPlan{rows: rows, cols: cols, f: f, back: make([]float64, len(f)), window: make([]int, len(f))}
	for i, v := range f {
		p.back[len(f)-1-i] = v
		p.window[i] = i/cols.k*cols.m + i%cols.k
	}
	return p
}

// row computes columns lo … hi-1 of row i of the result.
func (p *convPlan) row(dst, x []float64, i, lo, hi int) {
	r, c := &p.rows, &p.cols
	dst = dst[i*c.n : (i+1)*c.n]
	from, to := min(max(lo, c.lo), hi), max(min(hi, c.hi), lo)
	if from < to {
		out := dst[from:to]
		// The first column of the window.
		left := from + c.off - (c.k - 1)
		if i >= r.lo && i < r.hi {
			// Row i+off−(k−1) of the source is the first of the window.
			at := x[(i+r.off-(r.k-1))*c.m+left:]
			if r.k == 3 && c.k == 3 {
				n := len(out) + 2
				kernel.Conv3Responses(p.f, out, len(out), at[:n], at[c.m:][:n], at[2*c.m:][:n])
			} else {
				kernel.ShiftedSum(out, p.back, at, p.window)
			}
		} else {
			clear(out)
			for e := r.ptr[i]; e < r.ptr[i+1]; e++ {
				back := p.back[(r.k-1-int(r.tap[e]))*c.k:][:c.k]
				kernel.AddShiftedSum(out, back, x[int(r.src[e])*c.m+left:], p.window[:c.k])
			}
		}
	} else {
		from, to = hi, hi
	}
	for j := lo; j < hi; j++ {
		if j == from {
			j = to
			if j >= hi {
				break
			}
		}
		s := 0.0
		for e := r.ptr[i]; e < r.ptr[i+1]; e++ {
			f := p.f[int(r.tap[e])*c.k : (int(r.tap[e])+1)*c.k]
			source := x[int(r.src[e])*c.m : (int(r.src[e])+1)*c.m]
			for g := c.ptr[j]; g < c.ptr[j+1]; g++ {
				s += f[c.tap[g]] * source[c.src[g]]
			}
		}
		dst[j] = s
	}
}

// convTask is one product.
type convTask struct {
	p      *convPlan
	dst, x []float64
	rows   int // of a chunk
}

// Chunk implements parallel.Task.
func (t *convTask) Chunk(c int) {
	for i := c * t.rows; i < min((c+1)*t.rows, t.p.rows.n); i++ {
		t.p.row(t.dst, t.x, i, 0, t.p.cols.n)
	}
}

func (c *Convolution) run(ctx context.Context, p *convPlan, dst, x []float64) error {
	if err := checkShape(p.rows.n*p.cols.n, p.rows.m*p.cols.m, dst, x, 1); err != nil {
		return err
	}
	t, _ := c.tasks.Get().(*convTask)
	if t == nil {
		t = new(convTask)
	}
	// A chunk is as much work as one of a sparse product.
	*t = convTask{p, dst, x, max(1, chunkEntries/(p.cols.n*len(p.f)))}
	parallel.FromContext(ctx).Run((p.rows.n+t.rows-1)/t.rows, t)
	*t = convTask{}
	c.tasks.Put(t)
	return nil
}

// Size returns the dimensions of the image that a product gives.
func (c *Convolution) Size() (rows, cols int) { return c.forward.rows.n, c.forward.cols.n }

// Dims implements [Operator].
func (c *Convolution) Dims() (rows, cols int) {
	p := &c.forward
	return p.rows.n * p.cols.n, p.rows.m * p.cols.m
}

// Apply implements [Operator].
func (c *Convolution) Apply(ctx context.Context, dst, x []float64) error {
	return c.run(ctx, &c.forward, dst, x)
}

// ApplyTrans implements [Transposer].
func (c *Convolution) ApplyTrans(ctx context.Context, dst, x []float64) error {
	if c.structure.Has(Symmetric) {
		return c.Apply(ctx, dst, x)
	}
	return c.run(ctx, &c.adjoint, dst, x)
}

// ApplyRows implements [RowRanger].
func (c *Convolution) ApplyRows(dst, x []float64, lo, hi int) {
	n := c.forward.cols.n
	for i := lo / n; i*n < hi; i++ {
		c.forward.row(dst, x, i, max(lo-i*n, 0), min(hi-i*n, n))
	}
}

// RowGrain implements [RowRanger].
func (c *Convolution) RowGrain() int { return c.forward.cols.n }

// Diag implements [Diagonaler]; not for [Valid], where pixels of the result and
// of the image do not correspond.
func (c *Convolution) Diag(dst []float64) error {
	rows, cols := c.Dims()
	if err := checkDiag(rows, cols, dst); err != nil {
		return err
	}
	if c.boundary == Valid {
		return fmt.Errorf("hvp: a valid convolution has no diagonal to speak of")
	}
	r, w := &c.forward.rows, &c.forward.cols
	for i := range r.n {
		for j := range w.n {
			s := 0.0
			for e := r.ptr[i]; e < r.ptr[i+1]; e++ {
				for g := w.ptr[j]; g < w.ptr[j+1]; g++ {
					if int(r.src[e]) == i && int(w.src[g]) == j {
						s += c.forward.f[int(r.tap[e])*w.k+int(w.tap[g])]
					}
				}
			}
			dst[i*w.n+j] = s
		}
	}
	return nil
}

// Structure implements [Structured].
func (c *Convolution) Structure() Structure { return c.structure }

// Capabilities implements [Conditional].
func (c *Convolution) Capabilities() Capability {
	if c.boundary == Valid {
		return CanTrans | CanRows
	}
	return CanTrans | CanRows | CanDiag
}

// transpose returns the adjoint as a convolution.
func (c *Convolution) transpose() (Operator, error) {
	return &Convolution{boundary: c.boundary, forward: c.adjoint, adjoint: c.forward, structure: c.structure}, nil
}
