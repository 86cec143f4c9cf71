package kernel

// Real is a number in single or double precision.
type Real interface{ float32 | float64 }

// InterpolateLine sets fine = keep·fine + P·coarse for one line of cells, P being
// the cell-centred linear interpolation from len(coarse) = ⌈len(fine)/2⌉ cells;
// keep is 0 or 1.
func InterpolateLine[T Real](fine, coarse []T, keep T) {
	n := len(fine)
	if n == 1 {
		if keep == 0 {
			fine[0] = 0
		}
		fine[0] += coarse[0]
		return
	}
	left := coarse[0]
	c := coarse[0]
	for j := 0; 2*j < n; j++ {
		right := c
		if j+1 < len(coarse) {
			right = coarse[j+1]
		}
		c75 := 0.75 * c
		a, b := c75+0.25*left, c75+0.25*right
		if keep != 0 {
			fine[2*j] += a
			if 2*j+1 < n {
				fine[2*j+1] += b
			}
		} else {
			fine[2*j] = a
			if 2*j+1 < n {
				fine[2*j+1] = b
			}
		}
		left, c = c, right
	}
}

// RestrictLine sets coarse = Pᵀ·fine, the adjoint of InterpolateLine.
func RestrictLine[T Real](coarse, fine []T) {
	n, m := len(fine), len(coarse)
	if n == 1 {
		coarse[0] = fine[0]
		return
	}
	at := func(i int) T {
		if i < 0 || i >= n {
			return 0
		}
		return fine[i]
	}
	edge := func(j int) {
		s := 0.75*(at(2*j)+at(2*j+1)) + 0.25*(at(2*j-1)+at(2*j+2))
		if j == 0 {
			s += 0.25 * fine[0]
		}
		if j == m-1 && n%2 == 0 {
			s += 0.25 * fine[n-1]
		}
		coarse[j] = s
	}
	edge(0)
	for j := 1; j < m-1; j++ {
		f := fine[2*j-1 : 2*j+3 : 2*j+3]
		coarse[j] = 0.75*(f[1]+f[2]) + 0.25*(f[0]+f[3])
	}
	if m > 1 {
		edge(m - 1)
	}
}
