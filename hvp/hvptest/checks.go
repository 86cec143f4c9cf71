package hvptest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

func (c *checker) dimensions(*Finding) error {
	if c.a == nil {
		return errors.New("the operator is nil")
	}
	c.rows, c.cols = c.a.Dims()
	if c.rows < 0 || c.cols < 0 {
		return fmt.Errorf("the method Dims returns %d×%d", c.rows, c.cols)
	}
	if r, k := c.a.Dims(); r != c.rows || k != c.cols {
		return fmt.Errorf("the method Dims returns %d×%d and then %d×%d", c.rows, c.cols, r, k)
	}
	if s := hvp.StructureOf(c.a); s.Has(hvp.Symmetric) && c.rows != c.cols {
		return fmt.Errorf("a %d×%d operator promises to be %v", c.rows, c.cols, s)
	}
	return nil
}

func (c *checker) applies(*Finding) error {
	return c.each(func(p product) error {
		for k := range 2 {
			y := filled(p.out, math.NaN())
			if err := p.apply(c.ctx, y, c.vector(p.in, k)); err != nil {
				return err
			}
			for i, v := range y {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					return fmt.Errorf("element %d is %v for %s", i, v, kind(k))
				}
			}
		}
		return nil
	})
}

func (c *checker) zero(*Finding) error {
	return c.each(func(p product) error {
		y := filled(p.out, math.NaN())
		if err := p.apply(c.ctx, y, make([]float64, p.in)); err != nil {
			return err
		}
		for i, v := range y {
			if v != 0 {
				return fmt.Errorf("element %d is %v for x = 0", i, v)
			}
		}
		return nil
	})
}

// linear: αu+βv with factors of different sizes and signs, so that an operator
// that is linear only near one size of x is found too.
func (c *checker) linear(f *Finding) error {
	f.Tol = c.opt.Tol
	factors := [][2]float64{{1, 1}, {-2.5, 0.75}, {1e4, -3e-4}, {-1e-7, 2e-7}, {3e6, 1e6}}
	for k := range c.opt.Pairs {
		u, v := c.vector(c.cols, 2*k), c.vector(c.cols, 2*k+1+k%2)
		alpha, beta := factors[k%len(factors)][0], factors[k%len(factors)][1]
		au, err := c.mul(u)
		if err != nil {
			return err
		}
		av, err := c.mul(v)
		if err != nil {
			return err
		}
		w := make([]float64, c.cols)
		for i := range w {
			w[i] = alpha*u[i] + beta*v[i]
		}
		aw, err := c.mul(w)
		if err != nil {
			return err
		}
		for i := range aw {
			aw[i] -= alpha*au[i] + beta*av[i]
		}
		size := c.normA * (math.Abs(alpha)*norm(u) + math.Abs(beta)*norm(v))
		f.Saw(norm(aw), size, "A(αu+βv) against αAu+βAv with α = %g, β = %g, u = %s, v = %s", alpha, beta, kind(2*k), kind(2*k+1+k%2))
	}
	return nil
}

func (c *checker) symmetric(f *Finding) error {
	if !hvp.StructureOf(c.a).Has(hvp.Symmetric) {
		return ErrAbsent
	}
	f.Tol = c.opt.Tol
	return c.pairing(f, c.a.Apply, "⟨u,Av⟩ = %.17g, ⟨v,Au⟩ = %.17g with u = %s, v = %s")
}

func (c *checker) adjoint(f *Finding) error {
	t, ok := hvp.Trans(c.a)
	if !ok {
		return ErrAbsent
	}
	f.Tol = c.opt.Tol
	return c.pairing(f, t.ApplyTrans, "⟨u,Av⟩ = %.17g, ⟨v,Aᵀu⟩ = %.17g with u = %s, v = %s")
}

// pairing compares ⟨u,Av⟩ with ⟨v,Tu⟩.
func (c *checker) pairing(f *Finding, trans func(ctx context.Context, dst, x []float64) error, format string) error {
	for k := range c.opt.Pairs {
		u, v := c.vector(c.rows, 2*k), c.vector(c.cols, 2*k+1+k%2)
		av, err := c.mul(v)
		if err != nil {
			return err
		}
		tu := filled(c.cols, math.NaN())
		if err := trans(c.ctx, tu, u); err != nil {
			return err
		}
		x, y := dot(u, av), dot(v, tu)
		f.Saw(math.Abs(x-y), c.normA*norm(u)*norm(v), format, x, y, kind(2*k), kind(2*k+1+k%2))
	}
	return nil
}

// definite: the quadratic form on random vectors, on unit vectors, and along a
// power iteration with ‖A‖·I − A, which turns towards the lowest eigenvalue.
func (c *checker) definite(f *Finding) error {
	s := hvp.StructureOf(c.a)
	if !s.Has(hvp.Semidefinite) {
		return ErrAbsent
	}
	n := c.cols
	if n == 0 {
		return nil
	}
	lowest := math.Inf(1)
	form := func(x []float64, what string, args ...any) (ax []float64, err error) {
		if ax, err = c.mul(x); err != nil {
			return nil, err
		}
		nx := norm(x)
		q := dot(x, ax) / nx / nx
		if q < lowest {
			lowest = q
			f.Detail = fmt.Sprintf("xᵀAx/xᵀx = %.3g for x = %s", q, fmt.Sprintf(what, args...))
		}
		// What rounding errors explain is no violation, but zero curvature of
		// all of A is.
		if q < -c.opt.Tol*c.normA || math.IsNaN(q) || s.Has(hvp.Definite) && norm(ax) == 0 {
			return nil, fmt.Errorf("promised to be %v, but xᵀAx/xᵀx = %.3g, ‖Ax‖ = %.3g for x = %s", s, q, norm(ax), fmt.Sprintf(what, args...))
		}
		return ax, nil
	}
	for k := range 2 * c.opt.Pairs {
		if _, err := form(c.vector(n, k), "%s", kind(k)); err != nil {
			return err
		}
	}
	for _, i := range c.sampled(n) {
		x := make([]float64, n)
		x[i] = 1
		if _, err := form(x, "unit vector %d", i); err != nil {
			return err
		}
	}
	x := c.vector(n, 0)
	for step := range 40 {
		ax, err := form(x, "%s after %d steps of power iteration with ‖A‖I − A", kind(0), step)
		if err != nil {
			return err
		}
		for i := range x {
			x[i] = c.normA*x[i] - ax[i]
		}
		nx := norm(x)
		if !(nx > 0) {
			break // A is a multiple of I
		}
		for i := range x {
			x[i] /= nx
		}
	}
	return nil
}

// sampled returns up to Samples indices below n: the ends and random ones.
func (c *checker) sampled(n int) []int {
	if n <= c.opt.Samples {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return all
	}
	rng := rand.New(rand.NewPCG(c.opt.Seed, 1<<40))
	picked := []int{0, n - 1}
	for len(picked) < c.opt.Samples {
		picked = append(picked, rng.IntN(n))
	}
	return picked
}

func (c *checker) inputKept(*Finding) error {
	return c.each(func(p product) error {
		x := c.vector(p.in, 0)
		if err := p.apply(c.ctx, make([]float64, p.out), x); err != nil {
			return err
		}
		if err := SameBits(x, c.vector(p.in, 0)); err != nil {
			return fmt.Errorf("the product wrote to x: %w", err)
		}
		return nil
	})
}

func (c *checker) overwrites(*Finding) error {
	return c.each(func(p product) error {
		x := c.vector(p.in, 2)
		var want []float64
		for _, garbage := range []float64{0, math.NaN(), 1, -1e300, math.Inf(1)} {
			got := filled(p.out, garbage)
			if err := p.apply(c.ctx, got, x); err != nil {
				return err
			}
			if want == nil {
				want = got
			} else if err := SameBits(got, want); err != nil {
				return fmt.Errorf("the result depends on dst, which held %v: %w", garbage, err)
			}
		}
		return nil
	})
}

// noRetention looks for results that follow a slice after the call, and for
// caches that know a vector by its address.
func (c *checker) noRetention(*Finding) error {
	return c.each(func(p product) error {
		fresh := func(k int) ([]float64, error) {
			y := make([]float64, p.out)
			return y, p.apply(c.ctx, y, c.vector(p.in, k))
		}
		want0, err := fresh(0)
		if err != nil {
			return err
		}
		want1, err := fresh(1)
		if err != nil {
			return err
		}
		x, dst := c.vector(p.in, 0), make([]float64, p.out)
		if err := p.apply(c.ctx, dst, x); err != nil {
			return err
		}
		// The caller goes on to use both slices for something else.
		copy(x, c.vector(p.in, 1))
		if err := SameBits(dst, want0); err != nil {
			return fmt.Errorf("changing x after the product changed its result: %w", err)
		}
		for i := range dst {
			dst[i] = -7
		}
		other := make([]float64, p.out)
		if err := p.apply(c.ctx, other, x); err != nil {
			return err
		}
		if err := SameBits(other, want1); err != nil {
			return fmt.Errorf("x was used before with other values, and the product remembers: %w", err)
		}
		if err := SameBits(dst, filled(p.out, -7)); err != nil {
			return fmt.Errorf("a product wrote to the dst of an earlier one: %w", err)
		}
		for i := range x {
			x[i] = math.NaN()
		}
		again, err := fresh(0)
		if err != nil {
			return err
		}
		if err := SameBits(again, want0); err != nil {
			return fmt.Errorf("slices of earlier products changed a later one: %w", err)
		}
		return nil
	})
}

func (c *checker) repeatable(*Finding) error {
	return c.each(func(p product) error {
		var want []float64
		for range 4 {
			got := make([]float64, p.out)
			if err := p.apply(c.ctx, got, c.vector(p.in, 4)); err != nil {
				return err
			}
			if want == nil {
				want = got
			} else if err := SameBits(got, want); err != nil {
				return fmt.Errorf("the same product again: %w", err)
			}
		}
		return nil
	})
}

func (c *checker) anyWorkers(*Finding) error {
	return c.each(func(p product) error {
		var want []float64
		for _, workers := range []int{1, 2, 3, 7} {
			got := make([]float64, p.out)
			if err := p.apply(hvp.WithWorkers(c.ctx, workers), got, c.vector(p.in, 4)); err != nil {
				return err
			}
			if want == nil {
				want = got
			} else if err := SameBits(got, want); err != nil {
				return fmt.Errorf("%d workers against 1: %w", workers, err)
			}
		}
		return nil
	})
}

// concurrent runs products with different x, and with one x shared by all, from
// several goroutines.
func (c *checker) concurrent(*Finding) error {
	return c.each(func(p product) error {
		g := c.opt.Goroutines
		x, want := make([][]float64, g), make([][]float64, g)
		for k := range g {
			x[k], want[k] = c.vector(p.in, k), make([]float64, p.out)
			if err := p.apply(c.ctx, want[k], x[k]); err != nil {
				return err
			}
		}
		errs := make([]error, g)
		var wg sync.WaitGroup
		for k := range g {
			wg.Go(func() {
				errs[k] = Guard(func() error {
					got := make([]float64, p.out)
					for round := range 8 {
						l := k
						if round%2 == 1 {
							l = 0
						}
						if err := p.apply(c.ctx, got, x[l]); err != nil {
							return err
						}
						if err := SameBits(got, want[l]); err != nil {
							return fmt.Errorf("%d goroutines at once against one: %w", g, err)
						}
						runtime.Gosched()
					}
					return nil
				})
			})
		}
		wg.Wait()
		return errors.Join(errs...)
	})
}

// cuts are bounds of row ranges that straddle the edges of unrolled loops and of
// the blocks of the solvers.
func cuts(n int) []int {
	const b = parallel.BlockSize
	bounds := []int{0}
	for _, e := range []int{1, 2, 3, 63, 64, 65, 100, b - 1, b, b + 1, 2 * b, 2*b + 1, n - 65, n - 3, n - 1, n} {
		if e > bounds[len(bounds)-1] && e <= n {
			bounds = append(bounds, e)
		}
	}
	return bounds
}

func (c *checker) rowRanges(f *Finding) error {
	r, ok := hvp.Rows(c.a)
	if !ok {
		return ErrAbsent
	}
	f.Tol = c.opt.Tol
	if g := r.RowGrain(); g < 0 {
		return fmt.Errorf("RowGrain is %d", g)
	}
	x := c.vector(c.cols, 6)
	want, err := c.mul(x)
	if err != nil {
		return err
	}
	const mark = -12345.5
	b := cuts(c.rows)
	dst := make([]float64, c.rows)
	compare := func(lo, hi int) {
		for i := lo; i < hi; i++ {
			if dst[i] == want[i] {
				continue
			}
			f.Saw(math.Abs(dst[i]-want[i]), c.normA*norm(x), "row %d of range [%d,%d) is %.17g, Apply has %.17g", i, lo, hi, dst[i], want[i])
		}
	}
	try := func(lo, hi int) error {
		for i := range dst {
			dst[i] = mark
		}
		r.ApplyRows(dst, x, lo, hi)
		for i, v := range dst {
			if (i < lo || i >= hi) && v != mark {
				return fmt.Errorf("range [%d,%d) wrote to row %d", lo, hi, i)
			}
		}
		compare(lo, hi)
		return nil
	}
	for k := range b {
		for l := k; l < len(b); l += 1 + l - k { // neighbours and far ones
			if err := try(b[k], b[l]); err != nil {
				return err
			}
		}
	}
	// The parts of one dst, written at the same time.
	for i := range dst {
		dst[i] = math.NaN()
	}
	errs := make([]error, len(b))
	var wg sync.WaitGroup
	for k := range len(b) - 1 {
		wg.Go(func() {
			errs[k] = Guard(func() error { r.ApplyRows(dst, x, b[k], b[k+1]); return nil })
		})
	}
	wg.Wait()
	compare(0, c.rows)
	if err := SameBits(x, c.vector(c.cols, 6)); err != nil {
		return fmt.Errorf("ApplyRows wrote to x: %w", err)
	}
	return errors.Join(errs...)
}

func (c *checker) blocks(f *Finding) error {
	blocker, ok := hvp.Block(c.a)
	if !ok {
		return ErrAbsent
	}
	f.Tol = c.opt.Tol
	for _, k := range []int{1, 2, 3, 8} {
		x := make([]float64, c.cols*k)
		for l := range k {
			for j, v := range c.vector(c.cols, l) {
				x[j*k+l] = v
			}
		}
		before := append([]float64(nil), x...)
		got := filled(c.rows*k, math.NaN())
		if err := blocker.ApplyBlock(c.ctx, got, x, k); err != nil {
			return fmt.Errorf("k = %d: %w", k, err)
		}
		if err := SameBits(x, before); err != nil {
			return fmt.Errorf("ApplyBlock wrote to x: %w", err)
		}
		for _, workers := range []int{1, 3} {
			again := filled(c.rows*k, 1)
			if err := blocker.ApplyBlock(hvp.WithWorkers(c.ctx, workers), again, x, k); err != nil {
				return err
			}
			if err := SameBits(again, got); err != nil {
				return fmt.Errorf("k = %d, another dst and %d workers: %w", k, workers, err)
			}
		}
		if err := c.blockRows(f, got, x, k); err != nil {
			return err
		}
		for l := range k {
			xl := c.vector(c.cols, l)
			want, err := c.mul(xl)
			if err != nil {
				return err
			}
			for i, v := range want {
				if got[i*k+l] == v {
					continue
				}
				f.Saw(math.Abs(got[i*k+l]-v), c.normA*norm(xl), "k = %d: row %d of column %d is %.17g, Apply has %.17g", k, i, l, got[i*k+l], v)
			}
		}
	}
	return nil
}

// blockRows compares row ranges of a block product with the whole, if there are
// such.
func (c *checker) blockRows(f *Finding, want, x []float64, k int) error {
	r, ok := hvp.BlockRows(c.a)
	if !ok {
		return nil
	}
	const mark = -12345.5
	b := cuts(c.rows)
	for i := range b {
		for _, j := range []int{i, min(i+1, len(b)-1), len(b) - 1} {
			lo, hi := b[i], b[j]
			dst := filled(c.rows*k, mark)
			r.ApplyBlockRows(dst, x, k, lo, hi)
			for e, v := range dst {
				switch {
				case e >= lo*k && e < hi*k:
					if v != want[e] {
						f.Saw(math.Abs(v-want[e]), c.normA*norm(x), "k = %d: row %d of range [%d,%d) is %.17g, ApplyBlock has %.17g", k, e/k, lo, hi, v, want[e])
					}
				case v != mark:
					return fmt.Errorf("k = %d: range [%d,%d) wrote to row %d", k, lo, hi, e/k)
				}
			}
		}
	}
	return nil
}

func (c *checker) diagonal(f *Finding) error {
	d, ok := hvp.Diag(c.a)
	if !ok {
		return ErrAbsent
	}
	f.Tol = c.opt.Tol
	n := min(c.rows, c.cols)
	diag := filled(n, math.NaN())
	if err := d.Diag(diag); err != nil {
		return err
	}
	for i, v := range diag {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("entry %d of the diagonal is %v", i, v)
		}
	}
	for _, i := range c.sampled(n) {
		e := make([]float64, c.cols)
		e[i] = 1
		ae, err := c.mul(e)
		if err != nil {
			return err
		}
		f.Saw(math.Abs(diag[i]-ae[i]), norm(ae), "entry %d is %.17g, eᵀAe is %.17g", i, diag[i], ae[i])
	}
	return nil
}

func (c *checker) wrongLengths(*Finding) error {
	fails := func(what string, call func() error) error {
		err := Guard(call)
		if _, bad := err.(*Panic); bad {
			return fmt.Errorf("%s: %w", what, err)
		}
		if err == nil {
			return fmt.Errorf("%s: no error", what)
		}
		return nil
	}
	err := c.each(func(p product) error {
		for _, d := range [][2]int{{-1, 0}, {1, 0}, {0, -1}, {0, 1}, {1, 1}} {
			out, in := p.out+d[0], p.in+d[1]
			if out < 0 || in < 0 {
				continue
			}
			err := fails(fmt.Sprintf("len(dst) = %d for %d, len(x) = %d for %d", out, p.out, in, p.in), func() error {
				return p.apply(c.ctx, make([]float64, out), make([]float64, in))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if b, ok := hvp.Block(c.a); ok {
		for _, k := range []int{1, 3} {
			err := fails(fmt.Sprintf("ApplyBlock with k = %d and slices one too long", k), func() error {
				return b.ApplyBlock(c.ctx, make([]float64, c.rows*k+1), make([]float64, c.cols*k+1), k)
			})
			if err != nil {
				return err
			}
		}
		for _, k := range []int{0, -1} {
			err := fails(fmt.Sprintf("ApplyBlock with k = %d", k), func() error { return b.ApplyBlock(c.ctx, nil, nil, k) })
			if err != nil {
				return err
			}
		}
	}
	if b, ok := hvp.BlockSingle(c.a); ok {
		if err := c.singleLengths(b, fails); err != nil {
			return err
		}
	}
	if d, ok := hvp.Diag(c.a); ok {
		n := min(c.rows, c.cols)
		for _, m := range []int{n - 1, n + 1} {
			if m < 0 {
				continue
			}
			if err := fails(fmt.Sprintf("Diag with len(dst) = %d for %d", m, n), func() error { return d.Diag(make([]float64, m)) }); err != nil {
				return err
			}
		}
	}
	return nil
}
