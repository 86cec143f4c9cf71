package hvp

import (
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// A SingleStep is one step of a recurrence of three terms for polynomials in an operator:
//
//	out = A·in·d + a·in + b·before + c·r
type SingleStep struct{ A, B, C, D float32 }

// A SingleStepper is a square operator that computes such steps in one sweep, without a
// panel for the product.
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
	a.runs.step(s, out[lo*k:hi*k], in[:a.cols*k], before, r, k, a.rowPtr, a.col, a.val, lo, hi)
}

// fewRows is how many plain rows between two runs of constant ones, the ends of the lines of
// a grid, are sums of rows of the panel too, which begin sooner than the loop over plain rows.
const fewRows = 4

// step sets out, a panel of hi-lo rows of k columns, to rows lo … hi-1 of the step. On a run
// of constant rows a panel is a vector with its shifts k times as long.
func (r *csrRuns[V]) step(s *SingleStep, out, in, before, rhs []float32, k int, rowPtr []int, col []int32, val []float64, lo, hi int) {
	if r.first == nil {
		r.plainStep(s, out, in, before, rhs, k, rowPtr, col, val, lo, hi, false)
		return
	}
	var sum kernel.Combination
	rows := func(lo, end int) { // with the entries of row lo
		p, q := rowPtr[lo], rowPtr[lo+1]
		sum.Begin((end - lo) * k)
		if s.B != 0 {
			sum.Add(s.B, before[lo*k:])
		}
		if s.C != 0 {
			sum.Add(s.C, rhs[lo*k:])
		}
		a := s.A
		for e, v := range val[p:q] {
			c, j := s.D*float32(v), int(col[p+e])
			if j == lo {
				c, a = c+a, 0
			}
			sum.Add(c, in[j*k:])
		}
		if a != 0 {
			sum.Add(a, in[lo*k:])
		}
		sum.To(out[:(end-lo)*k])
	}
	run := int(r.first[lo/parallel.BlockSize])
	begin := lo / parallel.BlockSize * parallel.BlockSize // of the run
	for ; lo < hi; run++ {
		last := int(r.runs[run].End)
		if end := min(last, hi); end > lo {
			room := sum.Room(rowPtr[lo+1] - rowPtr[lo] + 3)
			switch kind := r.runs[run].Kind; {
			case kind == kernel.RunConstant && room:
				rows(lo, end)
			case kind == kernel.RunPlain && last-begin <= fewRows && room:
				for ; lo < end; lo++ {
					rows(lo, lo+1)
					out = out[k:]
				}
			default:
				near := kind == kernel.RunShifted || kind == kernel.RunConstant
				r.plainStep(s, out, in, before, rhs, k, rowPtr, col, val, lo, end, near)
			}
			out = out[(end-lo)*k:]
			lo = end
		}
		begin = last
	}
}

// plainStep is [csrRuns.step] row by row, with a panel for the product of a few of them.
func (r *csrRuns[V]) plainStep(s *SingleStep, out, in, before, rhs []float32, k int, rowPtr []int, col []int32, val []float64, lo, hi int, near bool) {
	if s.A == 0 && s.B == 0 && s.C == 0 && s.D == 1 {
		kernel.CSRRowsBlockSingle(out, in, k, rowPtr, col, val, lo, hi, near)
		return
	}
	var sum kernel.Combination
	rows := max(1, 4096/k)
	product := r.scratch.Get(rows * k)
	for ; lo < hi; lo += rows {
		end := min(lo+rows, hi)
		q := (*product)[:(end-lo)*k]
		kernel.CSRRowsBlockSingle(q, in, k, rowPtr, col, val, lo, end, near)
		sum.Begin(len(q))
		sum.Add(s.A, in[lo*k:])
		if s.B != 0 {
			sum.Add(s.B, before[lo*k:])
		}
		if s.C != 0 {
			sum.Add(s.C, rhs[lo*k:])
		}
		sum.Add(s.D, q)
		sum.To(out[:len(q)])
		out = out[len(q):]
	}
	r.scratch.Put(product)
}

var (
	_ SingleStepper = (*CSR)(nil)
	_ SingleStepper = (*Stencil)(nil)
)
