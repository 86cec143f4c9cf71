package hvptest

import (
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
)

// steps compares fused steps of recurrences with the products that they are made of.
func (c *checker) steps(f *Finding) error {
	a, ok := c.a.(hvp.SingleStepper)
	if !ok || c.rows != c.cols {
		return ErrAbsent
	}
	if _, ok := hvp.BlockRowsSingle(c.a); !ok {
		return ErrAbsent
	}
	f.Tol = c.opt.Tol
	share := c.opt.Tol / max(c.opt.Tol, 8e-6)
	for _, s := range []hvp.SingleStep{{D: 1}, {A: 0.7, D: -0.4}, {A: 0.7, B: -0.3, C: 1.2, D: -0.4}} {
		for _, k := range []int{1, 2, 8} {
			panels := c.panel(3 * k)
			part := func(m int) []float32 {
				x := make([]float32, c.cols*k)
				for i := range c.cols {
					copy(x[i*k:][:k], panels[(3*i+m)*k:])
				}
				return x
			}
			in, before, r := part(0), part(1), part(2)
			want := make([]float32, c.rows*k)
			a.ApplyBlockRowsSingle(want, in, k, 0, c.rows)
			size := 0.0
			for i := range want {
				p := float64(s.D)*float64(want[i]) + float64(s.A)*float64(in[i]) + float64(s.B)*float64(before[i]) + float64(s.C)*float64(r[i])
				want[i] = float32(p)
				size += float64(in[i])*float64(in[i])*(1+c.normA*c.normA) + float64(before[i])*float64(before[i]) + float64(r[i])*float64(r[i])
			}
			kept := [3][]float32{append([]float32(nil), in...), append([]float32(nil), before...), append([]float32(nil), r...)}
			whole := make([]float32, c.rows*k)
			a.StepBlockRowsSingle(&s, whole, in, before, r, k, 0, c.rows)
			for i, v := range whole {
				f.Saw(share*math.Abs(float64(v)-float64(want[i])), math.Sqrt(size), "k = %d: row %d of a step is %v, of the product %v", k, i/k, v, want[i])
			}
			for m, x := range [3][]float32{in, before, r} {
				if err := keptSingle(x, kept[m], k, "StepBlockRowsSingle"); err != nil {
					return err
				}
			}
			bounds := cuts(c.rows)
			place := append([]float32(nil), before...) // in the place of before
			for i, hi := range bounds[1:] {
				lo := bounds[i]
				a.StepBlockRowsSingle(&s, place, in, place, r, k, lo, hi)
				for e := range place {
					w := whole[e]
					if e >= hi*k {
						w = before[e]
					}
					if math.Float32bits(place[e]) != math.Float32bits(w) {
						return fmt.Errorf("k = %d: row %d is %v after the steps of rows 0 … %d in place, want %v", k, e/k, place[e], hi-1, w)
					}
				}
			}
		}
	}
	return nil
}

// bandwidth looks that rows of a product do not depend on elements beyond the band.
func (c *checker) bandwidth(*Finding) error {
	a, ok := c.a.(hvp.Banded)
	if !ok {
		return ErrAbsent
	}
	b := a.Bandwidth()
	if b < 0 {
		return fmt.Errorf("the bandwidth is %d", b)
	}
	x := c.vector(c.cols, 0)
	whole, err := c.mul(x)
	if err != nil {
		return err
	}
	for _, lo := range cuts(c.rows) {
		hi := min(lo+3, c.rows)
		near := make([]float64, c.cols)
		from, to := min(max(lo-b, 0), c.cols), max(min(hi+b, c.cols), 0)
		if lo == hi || from >= to {
			continue
		}
		copy(near[from:to], x[from:to])
		part, err := c.mul(near)
		if err != nil {
			return err
		}
		for i := lo; i < hi; i++ {
			if math.Abs(part[i]-whole[i]) > c.opt.Tol*c.normA*norm(x) {
				return fmt.Errorf("row %d depends on elements more than %d away", i, b)
			}
		}
	}
	return nil
}
