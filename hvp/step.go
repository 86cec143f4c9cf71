package hvp

import (
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// A SingleStep is one step of a recurrence of three terms for polynomials in an operator:
//
//	out = A·in·d + a·in + b·before + c·r
type SingleStep struct{ A, B, C, D float32 }

// A SingleStepper computes such steps in one sweep, without a panel for the product.
type SingleStepper interface {
	SingleBlockRanger
	// StepBlockRowsSingle sets rows lo … hi-1 of the panel out of k vectors to
	// D·A·in + A·in + B·before + C·r. All panels have all rows. out may be before, and
	// before r, but in and out do not overlap. What holds for the bits and for
	// concurrent calls of ApplyBlockRowsSingle holds here.
	StepBlockRowsSingle(s *SingleStep, out, in, before, r []float32, k, lo, hi int)
}

// StepBlockRowsSingle implements [SingleStepper].
func (a *CSR) StepBlockRowsSingle(s *SingleStep, out, in, before, r []float32, k, lo, hi int) {
	a.runs.step(s, out, in[:a.cols*k], before, r, k, a.rowPtr, a.col, a.val, lo, hi)
}

// step is [CSR.StepBlockRowsSingle]: runs of constant rows are sums of shifted panels.
func (r *csrRuns[V]) step(s *SingleStep, out, in, before, rhs []float32, k int, rowPtr []int, col []int32, val []float64, lo, hi int) {
	var sum kernel.Combination
	rows := max(1, 4096/k)
	q := r.scratch.Get(rows * k)
	defer r.scratch.Put(q)
	plain := func(lo, hi int) {
		for ; lo < hi; lo += rows {
			end := min(lo+rows, hi)
			from, to := lo*k, end*k
			product := (*q)[:to-from]
			kernel.CSRRowsBlockSingle(product, in, k, rowPtr, col, val, lo, end, true)
			sum.Begin(to - from)
			sum.Add(s.A, in[from:])
			sum.Add(s.B, before[from:])
			sum.Add(s.C, rhs[from:])
			sum.Add(s.D, product)
			sum.To(out[from:to])
		}
	}
	if r.first == nil {
		plain(lo, hi)
		return
	}
	runs := r.runs[r.first[lo/parallel.BlockSize]:]
	for lo < hi {
		run := runs[0]
		runs = runs[1:]
		end := min(int(run.End), hi)
		if end <= lo {
			continue
		}
		p, q := rowPtr[lo], rowPtr[lo+1]
		if run.Kind != kernel.RunConstant || !sum.Room(q-p+3) {
			plain(lo, end)
			lo = end
			continue
		}
		from, to := lo*k, end*k
		sum.Begin(to - from)
		if s.B != 0 {
			sum.Add(s.B, before[from:])
		}
		if s.C != 0 {
			sum.Add(s.C, rhs[from:])
		}
		diagonal := false
		for e, v := range val[p:q] {
			c := s.D * float32(v)
			if int(col[p+e]) == lo {
				c += s.A
				diagonal = true
			}
			sum.Add(c, in[int(col[p+e])*k:])
		}
		if !diagonal {
			sum.Add(s.A, in[from:])
		}
		sum.To(out[from:to])
		lo = end
	}
}

var (
	_ SingleStepper = (*CSR)(nil)
	_ SingleStepper = (*Stencil)(nil)
)
