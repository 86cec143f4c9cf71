package kernel

import "unsafe"

// A Combination is a sum of vectors in single precision, each with a factor.
type Combination struct {
	n     int
	terms int
	c     [mostTerms]float32
	v     [mostTerms]*float32
}

// mostTerms of a Combination: 64 entries of a row and what they are added to.
const mostTerms = 68

// Room reports whether the sum has room for so many terms.
func (s *Combination) Room(terms int) bool { return terms <= mostTerms }

// Begin makes s an empty sum of vectors of length n > 0.
func (s *Combination) Begin(n int) { s.n, s.terms = n, 0 }

// Add adds c times the first n elements of v.
func (s *Combination) Add(c float32, v []float32) {
	v = v[:s.n]
	s.c[s.terms], s.v[s.terms] = c, &v[0]
	s.terms++
}

// To sets out, of length n, to the sum: the terms are added to zero in their order, each
// product fused with its sum. out may be one of the vectors, but must not overlap them
// otherwise.
func (s *Combination) To(out []float32) {
	out = out[:s.n]
	if s.terms == 0 {
		clear(out)
		return
	}
	if combineRows(s, out) {
		return
	}
	for i := range out {
		sum := float32(0)
		for e, c := range s.c[:s.terms] {
			sum = fmaSingle(c, unsafe.Slice(s.v[e], s.n)[i], sum)
		}
		out[i] = sum
	}
}
