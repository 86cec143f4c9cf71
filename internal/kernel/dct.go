package kernel

import "math"

// DCTBasis returns the orthonormal one-dimensional DCT-II basis of length n, odd,
// vector by vector:
//
//	b_u[a] = s_u·cos(π·u·(2a+1)/(2n)),   s_0 = 1/√n,   s_u = √(2/n)
//
// The vectors are exactly symmetric for even u and antisymmetric for odd u.
func DCTBasis(n int) []float64 {
	basis := make([]float64, n*n)
	for u := range n {
		b := basis[u*n : (u+1)*n]
		scale, sign := math.Sqrt(2/float64(n)), 1.0
		if u == 0 {
			scale = math.Sqrt(1 / float64(n))
		}
		if u%2 == 1 {
			sign = -1 // and the middle one is zero
		} else {
			b[n/2] = scale * math.Cos(math.Pi*float64(u)/2)
		}
		for a := range n / 2 {
			b[a] = scale * math.Cos(math.Pi*float64(u*(2*a+1))/float64(2*n))
			b[n-1-a] = sign * b[a]
		}
	}
	return basis
}

// DCT returns the two-dimensional DCT-II bank of n×n filters, n odd, without the
// constant one: n²−1 orthonormal filters of n² numbers, row by row, in row-major
// order of (vertical, horizontal) frequency, (0,1), (0,2), …, (n−1,n−1). It is the
// usual basis and start of learned filters (Chen, Ranftl & Pock, Insights into
// analysis operator learning, IEEE Trans. Image Process. 23, 2014,
// doi:10.1109/TIP.2014.2299065).
func DCT(n int) []float64 {
	if n == 3 {
		return dct3()
	}
	return outerProducts(DCTBasis(n), n)
}

// outerProducts returns the filters b_u ⊗ b_v of n vectors b but the first one.
func outerProducts(b []float64, n int) []float64 {
	bank := make([]float64, 0, (n*n-1)*n*n)
	for k := 1; k < n*n; k++ {
		u, v := b[k/n*n:][:n], b[k%n*n:][:n]
		for _, x := range u {
			for _, y := range v {
				bank = append(bank, x*y)
			}
		}
	}
	return bank
}
