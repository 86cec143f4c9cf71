package hvp

// values are the entries of a matrix in the shortest form that loses nothing.
type values struct {
	f64 []float64
	f32 []float32 // if f64 is nil; if that is nil as well, all entries are 1
}

// shorten returns the entries v as values.
func shorten(v []float64) (short values) {
	ones, single := true, true
	for _, a := range v {
		ones = ones && a == 1
		single = single && float64(float32(a)) == a
	}
	switch {
	case ones:
		return values{}
	case !single:
		return values{f64: v}
	}
	short.f32 = make([]float32, len(v))
	for k, a := range v {
		short.f32[k] = float32(a)
	}
	return short
}

// empty returns values of the same kind with room for n.
func (v *values) empty(n int) (e values) {
	switch {
	case v.f64 != nil:
		e.f64 = make([]float64, 0, n)
	case v.f32 != nil:
		e.f32 = make([]float32, 0, n)
	}
	return e
}

// add appends entries p … q-1 of w, which are of the same kind.
func (v *values) add(w values, p, q int) {
	switch {
	case w.f64 != nil:
		v.f64 = append(v.f64, w.f64[p:q]...)
	case w.f32 != nil:
		v.f32 = append(v.f32, w.f32[p:q]...)
	}
}

// set sets entry p to entry k of w, which is of the same kind.
func (v *values) set(p int, w values, k int) {
	switch {
	case w.f64 != nil:
		v.f64[p] = w.f64[k]
	case w.f32 != nil:
		v.f32[p] = w.f32[k]
	}
}

func (v *values) at(k int) float64 {
	switch {
	case v.f64 != nil:
		return v.f64[k]
	case v.f32 != nil:
		return float64(v.f32[k])
	}
	return 1
}

// f32From returns entries p … q-1, nil if all entries are 1.
func (v *values) f32From(p, q int) []float32 {
	if v.f32 == nil {
		return nil
	}
	return v.f32[p:q]
}

func (v *values) bytes() int64 { return int64(len(v.f64))*8 + int64(len(v.f32))*4 }
