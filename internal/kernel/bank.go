package kernel

// A Bank is a bank of n×n filters, n odd, that works through images a row of
// positions at a time. A position (i, j) is a place where a filter fits inside the
// image; its window is rows i … i+n−1 and columns j … j+n−1. The response of filter
// f there is the convolution
//
//	t(i,j) = Σ_{a,b} f[n·a+b] · y(i+n−1−a, j+n−1−b)
//
// The responses of filter k at a row of m positions are a plane, t[k·stride:][:m].
// The planes that the adjoint reads have margins of n−1 zeros before and after.
//
// Banks of products b_u ⊗ b_v of one-dimensional filters, such as the DCT bank,
// take the steps one after the other, 2n terms per response instead of n² and
// fewer: all vertical ones first.
type Bank struct {
	n, count    int
	taps        []float64 // count filters, row by row
	basis       []float64 // n vectors of n numbers, if the filters are their products
	dct3        bool
	pitch       int // of the images
	stride      int // of planes
	scratchLine int // between lines of scratch

	// Tables for ShiftedSum. Of a general bank: for responses the taps of each
	// filter backwards, for adjoints those of all filters for each row of a window.
	// Of products: the basis vectors backwards, and its components.
	forward, adjoint     []float64
	window, planes       []int
	rows, columns, lines []int // the steps of products
}

// MostFilterSize is the largest n.
const MostFilterSize = 7

// NewBank returns the bank of the given filters of n×n numbers, row by row, for
// images with rows pitch apart and planes stride apart. It keeps taps.
func NewBank(n int, taps []float64, pitch, stride int) *Bank {
	b := &Bank{n: n, count: len(taps) / (n * n), taps: taps, pitch: pitch, stride: stride}
	if n == 3 {
		return b
	}
	nn := n * n
	for k := range b.count {
		for o := range nn {
			b.forward = append(b.forward, taps[(k+1)*nn-1-o])
		}
	}
	for a := range n {
		for c := range n {
			b.window = append(b.window, a*pitch+c)
		}
		for k := range b.count {
			b.adjoint = append(b.adjoint, taps[k*nn+(n-1-a)*n:][:n]...)
		}
	}
	for k := range b.count {
		for c := range n {
			b.planes = append(b.planes, k*stride+c)
		}
	}
	return b
}

// NewDCTBank returns the bank of [DCT].
func NewDCTBank(n, pitch, stride int) *Bank {
	if n == 3 {
		b := NewBank(3, dct3(), pitch, stride)
		b.dct3 = true
		return b
	}
	return NewProductBank(n, DCTBasis(n), pitch, stride)
}

// NewProductBank returns the bank of the n²−1 products b_u ⊗ b_v of n vectors of n
// numbers, in row-major order without (0,0). It keeps basis.
func NewProductBank(n int, basis []float64, pitch, stride int) *Bank {
	b := &Bank{n: n, count: n*n - 1, taps: outerProducts(basis, n), basis: basis, pitch: pitch, stride: stride, scratchLine: stride}
	for u := range n {
		b.rows = append(b.rows, u*pitch)
		b.columns = append(b.columns, u)
		b.lines = append(b.lines, u*b.scratchLine)
		for a := range n {
			b.forward = append(b.forward, basis[u*n+n-1-a])
			b.adjoint = append(b.adjoint, basis[a*n+n-1-u]) // of row u of a window
			b.planes = append(b.planes, u*stride+a)
		}
	}
	return b
}

// Size returns n.
func (b *Bank) Size() int { return b.n }

// Count returns the number of filters.
func (b *Bank) Count() int { return b.count }

// Filter returns filter k, itself: read only.
func (b *Bank) Filter(k int) []float64 { return b.taps[k*b.n*b.n:][:b.n*b.n] }

// IsDCT3 says whether the bank was made by [NewDCTBank] with n = 3.
func (b *Bank) IsDCT3() bool { return b.dct3 }

// Basis returns the vectors of a bank of products, and nil for others.
func (b *Bank) Basis() []float64 { return b.basis }

// Scratch returns how many numbers of scratch a row of positions needs.
func (b *Bank) Scratch() int { return b.n * b.scratchLine }

// Responses sets the planes of t to the responses at m positions, the window of
// the first of which begins at y[0]. m + n − 1 must not be more than the stride.
func (b *Bank) Responses(t, y []float64, m int, scratch []float64) {
	switch {
	case b.n == 3:
		r0, r1, r2 := y[:m+2], y[b.pitch:][:m+2], y[2*b.pitch:][:m+2]
		if b.dct3 {
			DCT3Responses(t, b.stride, r0, r1, r2)
		} else {
			Conv3Responses(b.taps, t, b.stride, r0, r1, r2)
		}
	case b.basis != nil:
		for u := range b.n {
			line := scratch[u*b.scratchLine:][:m+b.n-1]
			ShiftedSum(line, b.forward[u*b.n:][:b.n], y, b.rows)
			for v := range b.n {
				if k := u*b.n + v - 1; k >= 0 {
					ShiftedSum(t[k*b.stride:][:m], b.forward[v*b.n:][:b.n], line, b.columns)
				}
			}
		}
	default:
		for k := range b.count {
			ShiftedSum(t[k*b.stride:][:m], b.forward[k*b.n*b.n:][:b.n*b.n], y, b.window)
		}
	}
}

// Adjoint adds Fᵀu to the n rows o of a window of m + n − 1 columns, for planes u of
// m values with their margins: u[k·stride+n−1+j] belongs to position j.
func (b *Bank) Adjoint(o *[MostFilterSize][]float64, u, scratch []float64) {
	n := b.n
	switch {
	case n == 3 && b.dct3:
		DCT3Adjoint(o[0], o[1], o[2], u, b.stride)
	case n == 3:
		Conv3Adjoint(b.taps, o[0], o[1], o[2], u, b.stride)
	case b.basis != nil:
		width := len(o[0])
		for v := range n {
			line := scratch[v*b.scratchLine:][:width]
			if v == 0 {
				ShiftedSum(line, b.basis[n:], u, b.planes[:n*n-n])
			} else {
				ShiftedSum(line, b.basis, u[(v*n-1)*b.stride:], b.planes)
			}
		}
		for a := range n {
			AddShiftedSum(o[a], b.adjoint[a*n:][:n], scratch, b.lines)
		}
	default:
		terms := b.count * n
		for a := range n {
			AddShiftedSum(o[a], b.adjoint[a*terms:][:terms], u, b.planes)
		}
	}
}
