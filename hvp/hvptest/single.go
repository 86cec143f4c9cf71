package hvptest

import (
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
)

// singles compares products in single precision with Apply, to a few units of single
// precision, row ranges of them with the whole, bit for bit, and columns of panels of
// one width with those of others.
func (c *checker) singles(f *Finding) error {
	r, inRows := hvp.BlockRowsSingle(c.a)
	b, whole := hvp.BlockSingle(c.a)
	if !inRows && !whole {
		return ErrAbsent
	}
	f.Tol = c.opt.Tol
	var alone [][]float32 // columns of panels of one
	for _, k := range []int{1, 2, 3, 4, 8} {
		if inRows {
			if err := c.singleRows(f, r, k); err != nil {
				return err
			}
		}
		if whole {
			if err := c.singlePanel(f, b, k, &alone); err != nil {
				return err
			}
		}
	}
	return nil
}

// panel returns the first k random vectors in single precision.
func (c *checker) panel(k int) []float32 {
	x := make([]float32, c.cols*k)
	for l := range k {
		for j, v := range c.vector(c.cols, l) {
			x[j*k+l] = float32(v)
		}
	}
	return x
}

// sawSingle compares a product of panels in single precision with Apply.
func (c *checker) sawSingle(f *Finding, got, x []float32, k int) error {
	const allowed = 4e-6 // counts as the tolerance
	share := c.opt.Tol / max(c.opt.Tol, allowed)
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
			g := got[i*k+l]
			f.Saw(share*math.Abs(float64(g)-v), c.normA*norm(xl), "k = %d: row %d of column %d in single precision is %v, Apply has %v", k, i, l, g, v)
		}
	}
	return nil
}

// keptSingle returns an error unless x is as it was.
func keptSingle(x, before []float32, k int, call string) error {
	for i, v := range before {
		if math.Float32bits(x[i]) != math.Float32bits(v) {
			return fmt.Errorf("k = %d: %s wrote to x", k, call)
		}
	}
	return nil
}

func (c *checker) singlePanel(f *Finding, b hvp.SingleBlocker, k int, alone *[][]float32) error {
	x := c.panel(k)
	before := append([]float32(nil), x...)
	dst := make([]float32, c.rows*k)
	for _, workers := range []int{1, 2, 3, 7} {
		again := make([]float32, len(dst))
		for i := range again {
			again[i] = float32(math.NaN())
		}
		if err := b.ApplyBlockSingle(hvp.WithWorkers(c.ctx, workers), again, x, k); err != nil {
			return fmt.Errorf("k = %d: a product in single precision failed: %w", k, err)
		}
		if workers == 1 {
			copy(dst, again)
		}
		for i, v := range again {
			if math.Float32bits(v) != math.Float32bits(dst[i]) {
				return fmt.Errorf("k = %d: row %d of column %d in single precision is %v with %d workers, %v with 1", k, i/k, i%k, v, workers, dst[i])
			}
		}
	}
	if err := keptSingle(x, before, k, "ApplyBlockSingle"); err != nil {
		return err
	}
	if err := c.sawSingle(f, dst, x, k); err != nil {
		return err
	}
	for l := range k {
		if l == len(*alone) {
			one, column := make([]float32, c.rows), make([]float32, c.cols)
			for j := range column {
				column[j] = x[j*k+l]
			}
			if err := b.ApplyBlockSingle(c.ctx, one, column, 1); err != nil {
				return fmt.Errorf("a product of one column in single precision failed: %w", err)
			}
			*alone = append(*alone, one)
		}
		for i, v := range (*alone)[l] {
			if g := dst[i*k+l]; math.Float32bits(g) != math.Float32bits(v) {
				return fmt.Errorf("k = %d: row %d of column %d in single precision is %v, of that column alone %v", k, i, l, g, v)
			}
		}
	}
	return nil
}

// singleLengths are those that a product of panels in single precision must refuse.
func (c *checker) singleLengths(b hvp.SingleBlocker, fails func(what string, call func() error) error) error {
	for _, s := range [][3]int{{1, 1, 1}, {3, 1, 0}, {3, 0, -1}, {3, -1, 0}, {0, 0, 0}, {-1, 0, 0}} {
		k := s[0]
		out, in := c.rows*max(k, 0)+s[1], c.cols*max(k, 0)+s[2]
		if out < 0 || in < 0 {
			continue
		}
		what := fmt.Sprintf("ApplyBlockSingle with k = %d, len(dst) = %d and len(x) = %d", k, out, in)
		if err := fails(what, func() error {
			return b.ApplyBlockSingle(c.ctx, make([]float32, out), make([]float32, in), k)
		}); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) singleRows(f *Finding, r hvp.SingleBlockRanger, k int) error {
	x := c.panel(k)
	before := append([]float32(nil), x...)
	whole := make([]float32, c.rows*k)
	r.ApplyBlockRowsSingle(whole, x, k, 0, c.rows)
	if err := c.sawSingle(f, whole, x, k); err != nil {
		return err
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
	return keptSingle(x, before, k, "ApplyBlockRowsSingle")
}
