//go:build !purego

package kernel

//go:noescape
func combineRows8(out *float32, n int, c *float32, v **float32, terms int)

//go:noescape
func combineRows16(out *float32, n int, c *float32, v **float32, terms int)

func combineRows(s *Combination, out []float32) bool {
	switch {
	case !useFMA:
		return false
	case useWide:
		combineRows16(&out[0], s.n, &s.c[0], &s.v[0], s.terms)
	default:
		combineRows8(&out[0], s.n, &s.c[0], &s.v[0], s.terms)
	}
	return true
}
