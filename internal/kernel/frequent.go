package kernel

// The kernels below serve sparse matrices whose columns are split into frequent
// and rare ones (package hvp, type split). Values are float64, float32 where
// that loses nothing, or absent (nil) where all of them are one.

// FrequentColumns is how many columns a 16-bit index tells apart.
const FrequentColumns = 1 << 16

// Frequent is a vector over the frequent columns. The array type has the length
// of its index type, so that an access needs no bounds check; elements that no
// index names may belong to another vector.
type Frequent = [FrequentColumns]float64

// frequentDotsPlain is the plain twin of FrequentDots. The conversions keep the
// compiler from fusing a product with a sum, here and below.
func frequentDotsPlain[V Value](t []float64, x *Frequent, row []uint16, length []int32, col []uint16, val []V) {
	for l, r := range row {
		n := int(length[l])
		cs := col[:n]
		var s0, s1, s2, s3 float64
		if val == nil {
			for len(cs) >= 4 {
				s0 += x[cs[0]]
				s1 += x[cs[1]]
				s2 += x[cs[2]]
				s3 += x[cs[3]]
				cs = cs[4:]
			}
			for _, c := range cs {
				s0 += x[c]
			}
		} else {
			vs := val[:n]
			for len(cs) >= 4 && len(vs) >= 4 {
				s0 += float64(float64(vs[0]) * x[cs[0]])
				s1 += float64(float64(vs[1]) * x[cs[1]])
				s2 += float64(float64(vs[2]) * x[cs[2]])
				s3 += float64(float64(vs[3]) * x[cs[3]])
				cs, vs = cs[4:], vs[4:]
			}
			for k, c := range cs {
				s0 += float64(float64(vs[k]) * x[c])
			}
			val = val[n:]
		}
		t[r] += (s0 + s1) + (s2 + s3)
		col = col[n:]
	}
}

// frequentScatterPlain is the plain twin of FrequentScatter.
func frequentScatterPlain[V Value](s *Frequent, u []float64, row []uint16, length []int32, col []uint16, val []V) {
	for l, r := range row {
		n := int(length[l])
		a := u[r]
		if val == nil {
			for _, c := range col[:n] {
				s[c] += a
			}
		} else {
			vs := val[:n]
			for k, c := range col[:n] {
				s[c] += float64(a * float64(vs[k]))
			}
			val = val[n:]
		}
		col = col[n:]
	}
}

// FrequentSquares adds Σ_l u[row[l]]·(line l)² to s, element by element.
func FrequentSquares[V Value](s *Frequent, u []float64, row []uint16, length []int32, col []uint16, val []V) {
	p := 0
	for l, r := range row {
		for range length[l] {
			v := 1.0
			if val != nil {
				v = float64(val[p])
			}
			s[col[p]] += u[r] * v * v
			p++
		}
	}
}

// addEntriesPlain is the plain twin of AddEntries.
func addEntriesPlain[V Value](y, x []float64, yi, xi []uint16, val []V) {
	xi = xi[:len(yi)]
	if val == nil {
		for k, i := range yi {
			y[i] += x[xi[k]]
		}
		return
	}
	val = val[:len(yi)]
	for k, i := range yi {
		y[i] += float64(float64(val[k]) * x[xi[k]])
	}
}
