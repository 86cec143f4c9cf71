package kernel

// A PanelBank is a bank of n×n filters that works on k images at once, in single
// precision: element (i, j) of image l is y[(i·pitch+j)·k+l], so that whole registers do
// all images. Rows of positions, responses and planes are those of [Bank], with k numbers
// for each of theirs.
type PanelBank struct {
	n, count, k, stride int
	forward, adjoint    []float32 // the filters backwards, and those of all filters for each row of a window
	window, planes      []int
}

// NewPanelBank returns b for panels of k images, with planes stride positions apart.
func NewPanelBank(b *Bank, stride, k int) *PanelBank {
	n := b.n
	p := &PanelBank{n: n, count: b.count, k: k, stride: stride}
	for f := range b.count {
		taps := b.Filter(f)
		for o := range taps {
			p.forward = append(p.forward, float32(taps[n*n-1-o]))
		}
		for c := range n {
			p.planes = append(p.planes, (f*stride+c)*k)
		}
	}
	for a := range n {
		for c := range n {
			p.window = append(p.window, (a*b.pitch+c)*k)
		}
		for f := range b.count {
			for _, v := range b.Filter(f)[(n-1-a)*n:][:n] {
				p.adjoint = append(p.adjoint, float32(v))
			}
		}
	}
	return p
}

// Columns returns k.
func (p *PanelBank) Columns() int { return p.k }

// Weighted sets the planes u, which have margins as those that [Bank.Adjoint] reads, to the
// responses at m positions, the window of the first of which begins at y[0], times weights:
// w[f·pitch+j] at position j for filter f.
func (p *PanelBank) Weighted(u, y []float32, m int, w []float32, pitch int) {
	margin := (p.n - 1) * p.k
	for f := range p.count {
		plane := u[f*p.stride*p.k+margin:]
		WeightedSumSingle(plane[:m*p.k], p.forward[f*p.n*p.n:][:p.n*p.n], y, p.window, w[f*pitch:][:m], p.k)
		clear(plane[m*p.k:][:margin])
	}
}

// Adjoint adds Fᵀu to the n rows o of a window, as [Bank.Adjoint] does.
func (p *PanelBank) Adjoint(o *[MostFilterSize][]float32, u []float32) {
	terms := p.count * p.n
	for a := range p.n {
		AddShiftedSumSingle(o[a], p.adjoint[a*terms:][:terms], u, p.planes)
	}
}
