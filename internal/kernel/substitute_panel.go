package kernel

// A PanelRow is a row of points of a grid in the substitution with a triangular factor of a
// matrix that couples points up to Reach rows and columns apart. Every point is a row of W columns
// of panels in single precision.
type PanelRow struct {
	W, Reach int
	// V is the row. It begins with Src, or where that is nil as it is, multiplied point by
	// point by D unless that is nil.
	V, Src, D []float32
	// Its couplings with points of other rows, those of the first point that is substituted:
	// element At[e] of Val, with the point at Shift[e] of X.
	Val, X    []float32
	At, Shift []int
	// Its couplings with points of its own: C[(b−1)·Pitch+j] is that of point j with point j−b.
	C     []float32
	Pitch int
	// Back is to go from the last point to the first.
	Back bool
}

// Substitute does points lo … hi-1, where those before them in the order of substitution have
// been done and points outside the row count as zero:
//
//	V[j] = D[j]·Src[j] − Σ_e Val[At[e]+j−lo]·X[Shift[e]+(j−lo)·W …] − Σ_b C[…]·V[j∓b]
//
// with products fused with the difference, in the order of e and then from b = Reach to 1. Where
// there is assembly it takes numbers without a normal form, below 1e-38, as zero.
func (p *PanelRow) Substitute(lo, hi int) {
	n := len(p.V) / p.W
	if lo < 0 || hi > n || len(p.V) != n*p.W || p.Src != nil && len(p.Src) != len(p.V) || p.D != nil && len(p.D) != n {
		panic("kernel: a row of a substitution is too short")
	}
	c := (p.Reach-1)*p.Pitch + n
	if p.Back {
		c += p.Reach
	}
	if _ = p.C[:c]; lo >= hi || p.substituteFives(lo, hi) {
		return
	}
	v := p.V[lo*p.W : hi*p.W]
	if p.Src != nil {
		copy(v, p.Src[lo*p.W:])
	}
	if p.D != nil {
		scaleRowsPanel(v, p.W, p.D[lo:hi])
	}
	AddProductsPanel(v, p.W, p.Val, p.At, p.X, p.Shift, true)
	if mid := min(hi, max(lo, p.Reach)); !p.Back {
		p.recurrence(lo, mid)
		p.recurrenceStrips(mid, hi)
	} else {
		mid := max(lo, min(hi, n-p.Reach))
		p.recurrence(mid, hi)
		p.recurrenceStrips(lo, mid)
	}
}

// coupling returns where the coupling of point j with that at distance 1 is, what
// leads from one distance to the next, and from a point to that at distance 1.
func (p *PanelRow) coupling(j int) (at, next, near int) {
	if p.Back {
		return j + 1, p.Pitch + 1, 1
	}
	return j, p.Pitch, -1
}

// recurrence subtracts the couplings of points lo … hi-1 with those of their row.
func (p *PanelRow) recurrence(lo, hi int) {
	n := len(p.V) / p.W
	for t := range hi - lo {
		j := lo + t
		if p.Back {
			j = hi - 1 - t
		}
		at, next, near := p.coupling(j)
		for b := p.Reach; b > 0; b-- {
			f, q := -p.C[at+(b-1)*next], j+b*near
			for l := range p.W {
				u := float32(0)
				if 0 <= q && q < n {
					u = p.V[q*p.W+l]
				}
				p.V[j*p.W+l] = fmaSingle(f, u, p.V[j*p.W+l])
			}
		}
	}
}

// scaleRowsPanel multiplies row j of the panel v of w columns by d[j].
func scaleRowsPanel(v []float32, w int, d []float32) {
	if scaleRowsStrips(v, w, d) {
		return
	}
	for j, f := range d {
		row := v[j*w : j*w+w]
		for l, u := range row {
			row[l] = f * u
		}
	}
}
