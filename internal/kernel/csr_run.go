package kernel

// A Run is a stretch of rows of a sparse matrix, up to row End, that begins where
// the one before ends.
type Run struct {
	End  int32
	Kind RunKind
}

// RunKind says how the rows of a run resemble each other.
type RunKind uint8

const (
	// RunPlain rows have nothing in common that is used.
	RunPlain RunKind = iota
	// RunShifted rows have the columns of the row before, each plus one: a piece
	// of a matrix whose entries are on a few diagonals. The columns of the first
	// row say all, so those of the others need not be read.
	RunShifted
	// RunConstant rows are shifted ones with the values of the row before, too:
	// nothing but the first row need be read.
	RunConstant
	// RunUneven rows are plain ones whose lengths are so hard to foretell that they are
	// better taken in the order of their lengths ([Slices]). Such a run begins at
	// a multiple of SliceWindow, and ends at one, or at most three rows before the last
	// row of the matrix.
	RunUneven
)

// runRows is the shortest run that is worth a kernel of its own: on shorter ones the
// calls cost more than is saved by reading less, as long as the matrix is in a cache
// and its rows are short (BenchmarkRunLength).
const runRows = 12

// FindRuns appends to runs those of rows lo … hi-1; lo, and hi unless it is the last
// row, are multiples of [SliceWindow]. Rows in between two runs that are long enough
// become plain or uneven ones.
func FindRuns[V Value](runs []Run, rowPtr []int, col []int32, val []V, lo, hi int) []Run {
	first := len(runs)
	add := func(end int, kind RunKind) {
		if n := len(runs); n > first && kind == RunPlain && runs[n-1].Kind == RunPlain {
			runs[n-1].End = int32(end)
			return
		}
		runs = append(runs, Run{int32(end), kind})
	}
	for i := lo; i < hi; {
		p, m := rowPtr[i], rowPtr[i+1]-rowPtr[i]
		end := i + 1
		for m > 0 && end < hi && rowPtr[end+1]-rowPtr[end] == m && shifted(col[p+m:p+2*m], col[p:p+m]) {
			p += m
			end++
		}
		if end-i >= runRows {
			findConstant(add, val[rowPtr[i]:rowPtr[end]], m, i, end)
		} else {
			add(end, RunPlain)
		}
		i = end
	}
	return splitUneven(runs, first, rowPtr, lo, hi)
}

// findConstant splits the shifted rows lo … hi-1 of m entries each into those
// with constant values and others.
func findConstant[V Value](add func(end int, kind RunKind), val []V, m, lo, hi int) {
	begin := lo
	rest := func(end int) {
		switch {
		case end-begin >= runRows:
			add(end, RunShifted)
		case end > begin:
			add(end, RunPlain)
		}
	}
	for i := lo; i < hi; {
		end := i + 1
		for len(val) >= 2*m && equal(val[m:2*m], val[:m]) {
			val = val[m:]
			end++
		}
		val = val[m:]
		if end-i >= runRows {
			rest(i)
			add(end, RunConstant)
			begin = end
		}
		i = end
	}
	rest(hi)
}

// shifted reports whether the columns b are those of a, each plus one.
func shifted(b, a []int32) bool {
	b = b[:len(a)]
	for k, c := range a {
		if b[k] != c+1 {
			return false
		}
	}
	return true
}

// equal reports whether two rows have the same values. Zeros of different sign
// are different.
func equal[V Value](a, b []V) bool {
	b = b[:len(a)]
	for k, v := range a {
		if v != b[k] || v == 0 {
			return false
		}
	}
	return true
}

// CSRRowsShifted is [CSRRows] for rows of which each has the columns of the one
// before, plus one: col holds those of row lo, and val the values of rows
// lo … hi-1. The bits are those of CSRRows.
func CSRRowsShifted[V Value](dst, x []float64, col []int32, val []V, lo, hi int) {
	dst, val = dst[lo:hi], val[:len(col)*(hi-lo)]
	if done := csrRowsShifted(dst, x, col, val); done < len(dst) {
		csrRowsShiftedPlain(dst[done:], x[done:], col, val[done*len(col):])
	}
}

// csrRowsShiftedPlain is the plain twin of [CSRRowsShifted].
func csrRowsShiftedPlain[V Value](dst, x []float64, col []int32, val []V) {
	switch len(col) {
	case 3:
		shifted3(dst, x, col, val)
	case 5:
		shifted5(dst, x, col, val)
	case 7:
		shifted7(dst, x, col, val)
	default:
		shiftedAny(dst, x, col, val)
	}
}

// The loops below add the even and the odd entries of a row apart, as CSRRows
// does. Its sums begin at zero, so that they are never −0; adding zero at the end
// has the same effect. The conversions keep the compiler from fusing.

func shifted3[V Value](dst, x []float64, col []int32, val []V) {
	n := len(dst)
	a, b, c := x[col[0]:][:n], x[col[1]:][:n], x[col[2]:][:n]
	for i := range dst {
		if len(val) < 3 {
			return // never: this is for the compiler
		}
		v := (*[3]V)(val)
		val = val[3:]
		s := float64(float64(v[0])*a[i]) + float64(float64(v[2])*c[i])
		dst[i] = s + float64(float64(v[1])*b[i]) + 0
	}
}

func shifted5[V Value](dst, x []float64, col []int32, val []V) {
	n := len(dst)
	a, b, c := x[col[0]:][:n], x[col[1]:][:n], x[col[2]:][:n]
	d, e := x[col[3]:][:n], x[col[4]:][:n]
	for i := range dst {
		if len(val) < 5 {
			return // never: this is for the compiler
		}
		v := (*[5]V)(val)
		val = val[5:]
		s := float64(float64(v[0])*a[i]) + float64(float64(v[2])*c[i]) + float64(float64(v[4])*e[i])
		dst[i] = s + (float64(float64(v[1])*b[i]) + float64(float64(v[3])*d[i])) + 0
	}
}

func shifted7[V Value](dst, x []float64, col []int32, val []V) {
	n := len(dst)
	a, b, c := x[col[0]:][:n], x[col[1]:][:n], x[col[2]:][:n]
	d, e, f, g := x[col[3]:][:n], x[col[4]:][:n], x[col[5]:][:n], x[col[6]:][:n]
	for i := range dst {
		if len(val) < 7 {
			return // never: this is for the compiler
		}
		v := (*[7]V)(val)
		val = val[7:]
		s := float64(float64(v[0])*a[i]) + float64(float64(v[2])*c[i]) + float64(float64(v[4])*e[i]) + float64(float64(v[6])*g[i])
		dst[i] = s + (float64(float64(v[1])*b[i]) + float64(float64(v[3])*d[i]) + float64(float64(v[5])*f[i])) + 0
	}
}

// shiftedAny is for any number of entries. It takes four rows at a time: eight sums that do not wait for each
// other, and one look at a column for four entries.
func shiftedAny[V Value](dst, x []float64, col []int32, val []V) {
	m := len(col)
	i := 0
	for ; i+4 <= len(dst); i += 4 {
		v0, v1, v2, v3 := val[:m], val[m:2*m], val[2*m:3*m], val[3*m:4*m]
		val = val[4*m:]
		v1, v2, v3 = v1[:len(v0)], v2[:len(v0)], v3[:len(v0)]
		cs := col[:len(v0)]
		var s0, s1, s2, s3, t0, t1, t2, t3 float64
		k := 0
		for ; k < len(v0)-1; k += 2 {
			u, w := (*[4]float64)(x[int(cs[k])+i:]), (*[4]float64)(x[int(cs[k+1])+i:])
			s0 += float64(float64(v0[k]) * u[0])
			s1 += float64(float64(v1[k]) * u[1])
			s2 += float64(float64(v2[k]) * u[2])
			s3 += float64(float64(v3[k]) * u[3])
			t0 += float64(float64(v0[k+1]) * w[0])
			t1 += float64(float64(v1[k+1]) * w[1])
			t2 += float64(float64(v2[k+1]) * w[2])
			t3 += float64(float64(v3[k+1]) * w[3])
		}
		if k < len(v0) {
			u := (*[4]float64)(x[int(cs[k])+i:])
			s0 += float64(float64(v0[k]) * u[0])
			s1 += float64(float64(v1[k]) * u[1])
			s2 += float64(float64(v2[k]) * u[2])
			s3 += float64(float64(v3[k]) * u[3])
		}
		*(*[4]float64)(dst[i:]) = [4]float64{s0 + t0, s1 + t1, s2 + t2, s3 + t3}
	}
	for ; i < len(dst); i++ {
		var s, t float64
		for k, v := range val[:m] {
			if u := float64(float64(v) * x[int(col[k])+i]); k%2 == 0 {
				s += u
			} else {
				t += u
			}
		}
		dst[i] = s + t
		val = val[m:]
	}
}

// csrRowsConstantPlain is the plain twin of [CSRRowsConstant].
func csrRowsConstantPlain(dst, x []float64, col []int32, val []float64) {
	val = val[:len(col)]
	i := 0
	for ; i+4 <= len(dst); i += 4 {
		var s0, s1, s2, s3, t0, t1, t2, t3 float64
		for k, v := range val {
			u := (*[4]float64)(x[int(col[k])+i:])
			if k%2 == 0 {
				s0 += float64(v * u[0])
				s1 += float64(v * u[1])
				s2 += float64(v * u[2])
				s3 += float64(v * u[3])
			} else {
				t0 += float64(v * u[0])
				t1 += float64(v * u[1])
				t2 += float64(v * u[2])
				t3 += float64(v * u[3])
			}
		}
		*(*[4]float64)(dst[i:]) = [4]float64{s0 + t0, s1 + t1, s2 + t2, s3 + t3}
	}
	for ; i < len(dst); i++ {
		var s, t float64
		for k, v := range val {
			if u := float64(v * x[int(col[k])+i]); k%2 == 0 {
				s += u
			} else {
				t += u
			}
		}
		dst[i] = s + t
	}
}
