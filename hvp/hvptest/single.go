package hvptest

import (
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
)

// singles compares row ranges of block products in single precision with the whole, bit
// for bit, and the whole with Apply, to a few units of single precision.
func (c *checker) singles(f *Finding) error {
	r, ok := hvp.BlockRowsSingle(c.a)
	if !ok {
		return ErrAbsent
	}
	f.Tol = c.opt.Tol
	for _, k := range []int{1, 2, 3, 4, 8} {
		if err := c.single(f, r, k); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) single(f *Finding, r hvp.SingleBlockRanger, k int) error {
	x := make([]float32, c.cols*k)
	for l := range k {
		for j, v := range c.vector(c.cols, l) {
			x[j*k+l] = float32(v)
		}
	}
	before := append([]float32(nil), x...)
	const allowed = 4e-6 // counts as the tolerance
	share := c.opt.Tol / max(c.opt.Tol, allowed)
	whole := make([]float32, c.rows*k)
	r.ApplyBlockRowsSingle(whole, x, k, 0, c.rows)
	xl := make([]float64, c.cols)
	for l := range k {
		for j := range xl {
			xl[j] = float64(x[j*k+l])
		}
		want, err := c.mul(xl)
		if err != nil {
			return err
		}
		for i, v := range want {
			got := whole[i*k+l]
			f.Saw(share*math.Abs(float64(got)-v), c.normA*norm(xl), "k = %d: row %d of column %d in single precision is %v, Apply has %v", k, i, l, got, v)
		}
	}
	b := cuts(c.rows)
	for i := range b {
		for _, j := range []int{i, min(i+1, len(b)-1), len(b) - 1} {
			lo, hi := b[i], b[j]
			const mark = -12345.5
			all := make([]float32, (hi-lo)*k+2)
			all[0], all[len(all)-1] = mark, mark
			dst := all[1 : len(all)-1]
			r.ApplyBlockRowsSingle(dst, x, k, lo, hi)
			if all[0] != mark || all[len(all)-1] != mark {
				return fmt.Errorf("k = %d: range [%d,%d) in single precision wrote beyond its rows", k, lo, hi)
			}
			for e, v := range dst {
				if w := whole[lo*k+e]; math.Float32bits(v) != math.Float32bits(w) {
					return fmt.Errorf("k = %d: row %d of range [%d,%d) in single precision is %v, of all rows %v", k, lo+e/k, lo, hi, v, w)
				}
			}
		}
	}
	for i, v := range before {
		if math.Float32bits(x[i]) != math.Float32bits(v) {
			return fmt.Errorf("k = %d: ApplyBlockRowsSingle wrote to x", k)
		}
	}
	return nil
}
