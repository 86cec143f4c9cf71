package hvp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Kronecker returns A₁ ⊗ A₂ ⊗ … ⊗ A_k, the operator on tensors that acts with
// factor i along dimension i. Vectors hold the tensor with its last index running
// fastest: for two factors
//
//	(A⊗B)·vec(X) = vec(A·X·Bᵀ),   vec row by row,
//
// so that A acts on columns and B on rows. Separable filters, Laplacians of grids
// (as A⊗I + I⊗A) and covariances of tables have this form. The cost is that of
// products with the factors, never with the big matrix.
//
// It has a transpose, block products and a diagonal if all factors have, the
// diagonal only for square ones. It is symmetric, semidefinite or definite if all
// factors are.
func Kronecker(a ...Operator) (Operator, error) {
	if len(a) == 0 {
		return nil, errors.New("hvp: Kronecker product of no operators")
	}
	rows, cols := 1, 1
	for i, f := range a {
		if err := checkPart(fmt.Sprintf("factor %d of a Kronecker product", i), f); err != nil {
			return nil, err
		}
		r, c := f.Dims()
		if r > 0 && rows > math.MaxInt/r || c > 0 && cols > math.MaxInt/c {
			return nil, fmt.Errorf("hvp: Kronecker product with factor %d of %d×%d is too large", i, r, c)
		}
		rows, cols = rows*r, cols*c
	}
	k := a[len(a)-1]
	for i := len(a) - 2; i >= 0; i-- {
		k = &kronecker{a: a[i], b: k}
	}
	return k, nil
}

// kronecker is A ⊗ B.
type kronecker struct {
	a, b    Operator
	scratch parallel.Scratch
	tasks   sync.Pool // *kronTask
}

// Dims implements [Operator].
func (o *kronecker) Dims() (rows, cols int) {
	ra, ca := o.a.Dims()
	rb, cb := o.b.Dims()
	return ra * rb, ca * cb
}

// kronTask applies a factor to many vectors: those of the panels one after
// another in x, or, with strided, the columns of one panel.
type kronTask struct {
	ctx        context.Context
	a          Operator
	trans      bool
	dst, x     []float64
	rows, cols int // of what is applied
	k          int // vectors in a panel of x, or columns if strided
	strided    bool
	scratch    *parallel.Scratch
	errs       []error
}

// mul applies the factor to k vectors at once.
func (t *kronTask) mul(dst, x []float64, k int) error {
	switch {
	case t.trans:
		return applyTrans(t.ctx, t.a, dst, x)
	case k == 1:
		return t.a.Apply(t.ctx, dst, x)
	}
	return applyBlock(t.ctx, t.a, dst, x, k)
}

// Chunk implements parallel.Task.
func (t *kronTask) Chunk(c int) {
	if !t.strided {
		t.errs[c] = t.mul(t.dst[c*t.rows*t.k:(c+1)*t.rows*t.k], t.x[c*t.cols*t.k:(c+1)*t.cols*t.k], t.k)
		return
	}
	in, out := t.scratch.Get(t.cols), t.scratch.Get(t.rows)
	kernel.Gather(*in, t.x, t.k, c)
	t.errs[c] = t.mul(*out, *in, 1)
	kernel.Scatter(t.dst, *out, t.k, c)
	t.scratch.Put(in)
	t.scratch.Put(out)
}

// each runs the task on count chunks.
func (o *kronecker) each(ctx context.Context, count int, task kronTask) error {
	t, _ := o.tasks.Get().(*kronTask)
	if t == nil {
		t = new(kronTask)
	}
	errs := parallel.Grow(t.errs, count)
	*t = task
	t.ctx, t.scratch, t.errs = ctx, &o.scratch, errs
	parallel.FromContext(ctx).Run(count, t)
	err := errors.Join(errs...)
	clear(errs)
	*t = kronTask{errs: errs}
	o.tasks.Put(t)
	return err
}

// product sets dst to (A⊗B)·x for k vectors, or to the transposed product for
// one: first B on the rows of X, then A on all columns of the result.
func (o *kronecker) product(ctx context.Context, dst, x []float64, k int, trans bool) error {
	ra, ca := o.a.Dims()
	rb, cb := o.b.Dims()
	if trans {
		ra, ca, rb, cb = ca, ra, cb, rb
	}
	z := o.scratch.Get(ca * rb * k)
	defer o.scratch.Put(z)
	if err := o.each(ctx, ca, kronTask{a: o.b, trans: trans, dst: *z, x: x, rows: rb, cols: cb, k: k}); err != nil {
		return err
	}
	// Z is a panel of rb·k columns.
	if _, ok := Block(o.a); ok && rb > 0 && (!trans || StructureOf(o.a).Has(Symmetric)) {
		return applyBlock(ctx, o.a, dst, *z, rb*k)
	}
	return o.each(ctx, rb*k, kronTask{a: o.a, trans: trans, dst: dst, x: *z, rows: ra, cols: ca, k: rb * k, strided: true})
}

// Apply implements [Operator].
func (o *kronecker) Apply(ctx context.Context, dst, x []float64) error {
	rows, cols := o.Dims()
	if err := checkShape(rows, cols, dst, x, 1); err != nil {
		return err
	}
	return o.product(ctx, dst, x, 1, false)
}

// ApplyTrans implements [Transposer].
func (o *kronecker) ApplyTrans(ctx context.Context, dst, x []float64) error {
	rows, cols := o.Dims()
	if err := checkShape(cols, rows, dst, x, 1); err != nil {
		return err
	}
	return o.product(ctx, dst, x, 1, true)
}

// ApplyBlock implements [Blocker].
func (o *kronecker) ApplyBlock(ctx context.Context, dst, x []float64, k int) error {
	rows, cols := o.Dims()
	if err := checkShape(rows, cols, dst, x, k); err != nil {
		return err
	}
	return o.product(ctx, dst, x, k, false)
}

// Diag implements [Diagonaler].
func (o *kronecker) Diag(dst []float64) error {
	rows, cols := o.Dims()
	if err := checkDiag(rows, cols, dst); err != nil {
		return err
	}
	na, _ := o.a.Dims()
	nb, _ := o.b.Dims()
	da, db := o.scratch.Get(na), o.scratch.Get(nb)
	defer o.scratch.Put(da)
	defer o.scratch.Put(db)
	if err := o.a.(Diagonaler).Diag(*da); err != nil {
		return err
	}
	if err := o.b.(Diagonaler).Diag(*db); err != nil {
		return err
	}
	for i, v := range *da {
		kernel.ScaleTo(dst[i*nb:(i+1)*nb], v, *db)
	}
	return nil
}

// Capabilities implements [Conditional].
func (o *kronecker) Capabilities() Capability {
	c := capabilitiesOf(o.a) & capabilitiesOf(o.b) &^ CanRows
	for _, f := range []Operator{o.a, o.b} {
		if r, k := f.Dims(); r != k {
			c &^= CanDiag
		}
	}
	return c
}

// Structure implements [Structured].
func (o *kronecker) Structure() Structure {
	a, b := StructureOf(o.a), StructureOf(o.b)
	ra, ca := o.a.Dims()
	rb, cb := o.b.Dims()
	s := a & b &^ Singular
	if ra == ca && rb == cb {
		s |= (a | b) & Singular
	}
	return s.closure()
}

// transpose returns Aᵀ ⊗ Bᵀ.
func (o *kronecker) transpose() (Operator, error) {
	a, err := Transpose(o.a)
	if err != nil {
		return nil, err
	}
	b, err := Transpose(o.b)
	if err != nil {
		return nil, err
	}
	return &kronecker{a: a, b: b}, nil
}

// Accuracy implements [Approximate]: errors of the factors add up.
func (o *kronecker) Accuracy() float64 { return AccuracyOf(o.a) + AccuracyOf(o.b) }
