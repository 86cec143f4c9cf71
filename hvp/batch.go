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

// Batch returns Σ weight_k·A_k evaluated term by term in parallel: the Hessian of
// a loss over many mini-batches or examples, each too small to keep all cores
// busy by itself. For a few large terms, each parallel in itself, take [Sum],
// which needs less memory. A nil weight means 1 for every term; the mean of N
// terms has weights 1/N.
//
// The terms are evaluated in groups of eight and added in the order given, so
// that the result has the same bits for any number of workers. Capabilities and
// promises are those that all terms have, as for Sum. Memory: eight vectors for
// each product that is going on.
func Batch(weight []float64, a ...Operator) (Operator, error) {
	if len(a) == 0 {
		return nil, errors.New("hvp: batch of no operators")
	}
	if weight != nil && len(weight) != len(a) {
		return nil, fmt.Errorf("hvp: batch of %d operators with %d weights", len(a), len(weight))
	}
	b := &batch{}
	for k, t := range a {
		if err := checkPart(fmt.Sprintf("term %d of a batch", k), t); err != nil {
			return nil, err
		}
		rows, cols := t.Dims()
		if k == 0 {
			b.rows, b.cols = rows, cols
		} else if rows != b.rows || cols != b.cols {
			return nil, fmt.Errorf("hvp: batch of a %d×%d operator and, as term %d, a %d×%d one", b.rows, b.cols, k, rows, cols)
		}
		c := 1.0
		if weight != nil {
			c = weight[k]
		}
		if math.IsNaN(c) || math.IsInf(c, 0) {
			return nil, fmt.Errorf("hvp: weight %d of a batch is %v", k, c)
		}
		b.terms = append(b.terms, term{c, t})
	}
	return b, nil
}

// batch is a combination with another order of work.
type batch struct {
	combination
	tasks sync.Pool // *batchTask
}

// batchGroup is how many terms are evaluated before they are added: enough for
// the cores of a workstation when terms are short, few enough that their results
// stay in cache. It may not depend on the number of workers.
const batchGroup = 8

// batchTask evaluates one group of terms, or adds it.
type batchTask struct {
	ctx    context.Context
	kind   Capability // which product: CanTrans, CanBlock, or 0 for Apply
	k      int
	terms  []term
	dst, x []float64
	out    [batchGroup][]float64
	errs   [batchGroup]error
	add    bool // the second phase
	first  bool // dst is set, not added to
}

// Chunk implements parallel.Task: one term, or one block of the sum.
func (t *batchTask) Chunk(c int) {
	if t.add {
		lo, hi := parallel.Block(c, len(t.dst))
		for l, term := range t.terms {
			if l == 0 && t.first {
				kernel.ScaleTo(t.dst[lo:hi], term.c, t.out[l][lo:hi])
			} else {
				kernel.Axpy(t.dst[lo:hi], term.c, t.out[l][lo:hi])
			}
		}
		return
	}
	a := t.terms[c].a
	switch t.kind {
	case CanTrans:
		t.errs[c] = applyTrans(t.ctx, a, t.out[c], t.x)
	case CanBlock:
		t.errs[c] = applyBlock(t.ctx, a, t.out[c], t.x, t.k)
	default:
		t.errs[c] = a.Apply(t.ctx, t.out[c], t.x)
	}
}

// run computes one product.
func (b *batch) run(ctx context.Context, kind Capability, dst, x []float64, k int) error {
	team := parallel.FromContext(ctx)
	t, _ := b.tasks.Get().(*batchTask)
	if t == nil {
		t = new(batchTask)
	}
	t.ctx, t.kind, t.k, t.dst, t.x = ctx, kind, k, dst, x
	var err error
	for begin := 0; begin < len(b.terms) && err == nil; begin += batchGroup {
		t.terms = b.terms[begin:min(begin+batchGroup, len(b.terms))]
		for l := range t.terms {
			t.out[l] = parallel.Grow(t.out[l], len(dst))
		}
		t.add, t.first = false, begin == 0
		team.Run(len(t.terms), t)
		for l := range t.terms {
			if t.errs[l] != nil && err == nil {
				err = fmt.Errorf("hvp: term %d of a batch: %w", begin+l, t.errs[l])
			}
			t.errs[l] = nil
		}
		if err == nil {
			t.add = true
			team.Run(parallel.Blocks(len(dst)), t)
		}
	}
	t.ctx, t.terms, t.dst, t.x = nil, nil, nil, nil
	b.tasks.Put(t)
	return err
}

// Apply implements [Operator].
func (b *batch) Apply(ctx context.Context, dst, x []float64) error {
	if err := checkShape(b.rows, b.cols, dst, x, 1); err != nil {
		return err
	}
	return b.run(ctx, 0, dst, x, 1)
}

// ApplyTrans implements [Transposer].
func (b *batch) ApplyTrans(ctx context.Context, dst, x []float64) error {
	if err := checkShape(b.cols, b.rows, dst, x, 1); err != nil {
		return err
	}
	return b.run(ctx, CanTrans, dst, x, 1)
}

// ApplyBlock implements [Blocker].
func (b *batch) ApplyBlock(ctx context.Context, dst, x []float64, k int) error {
	if err := checkShape(b.rows, b.cols, dst, x, k); err != nil {
		return err
	}
	return b.run(ctx, CanBlock, dst, x, k)
}

// transpose returns the batch of the transposes.
func (b *batch) transpose() (Operator, error) {
	t := &batch{}
	t.rows, t.cols = b.cols, b.rows
	for _, k := range b.terms {
		a, err := Transpose(k.a)
		if err != nil {
			return nil, err
		}
		t.terms = append(t.terms, term{k.c, a})
	}
	return t, nil
}
