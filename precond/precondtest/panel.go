package precondtest

import (
	"context"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/precond"
)

// panels reports violations of the contract of [hvp.SingleBlocker], if m or what it
// delegates to is one: columns are those of Apply to single precision and alone have the
// same bits, with any number of workers, x is kept, and wrong lengths are errors.
func panels(t TB, m precond.Preconditioner) {
	t.Helper()
	ctx := context.Background()
	var op hvp.Operator = m
	if d, is := op.(hvp.Delegator); is {
		op = d.Delegate()
	}
	b, is := op.(hvp.SingleBlocker)
	if !is {
		return
	}
	const tol = 1e-5
	n, _ := m.Dims()
	alone, column := make([]float32, n), make([]float32, n)
	x, want := make([]float64, n), make([]float64, n)
	for _, k := range []int{1, 2, 3, 4, 8, 16} {
		panel, before, got, again := make([]float32, n*k), make([]float32, n*k), make([]float32, n*k), make([]float32, n*k)
		for i := range panel {
			panel[i] = float32(math.Sin(1 + float64(i)*float64(i%89)))
			got[i] = float32(math.NaN()) // to be overwritten
		}
		copy(before, panel)
		if err := b.ApplyBlockSingle(ctx, got, panel, k); err != nil {
			t.Errorf("%v, %d columns: %v", m, k, err)
			return
		}
		for l := range k {
			for i := range n {
				column[i] = panel[i*k+l]
				x[i] = float64(column[i])
			}
			if err := m.Apply(ctx, want, x); err != nil {
				t.Errorf("%v: %v", m, err)
				return
			}
			if err := b.ApplyBlockSingle(ctx, alone, column, 1); err != nil {
				t.Errorf("%v: %v", m, err)
				return
			}
			var off, norm float64
			for i, v := range want {
				off, norm = math.Hypot(off, float64(got[i*k+l])-v), math.Hypot(norm, v)
				if math.Float32bits(got[i*k+l]) != math.Float32bits(alone[i]) {
					t.Errorf("%v: row %d of column %d of %d in single precision is %v, alone %v", m, i, l, k, got[i*k+l], alone[i])
					return
				}
			}
			if !(off <= tol*norm) {
				t.Errorf("%v: column %d of %d in single precision is off by %.1e", m, l, k, off/norm)
			}
		}
		for _, workers := range []int{1, 2, 3, 7} {
			if err := b.ApplyBlockSingle(hvp.WithWorkers(ctx, workers), again, panel, k); err != nil {
				t.Errorf("%v, %d columns: %v", m, k, err)
			}
			for i, v := range again {
				if math.Float32bits(v) != math.Float32bits(got[i]) {
					t.Errorf("%v, %d columns, %d workers: element %d is %v, want %v", m, k, workers, i, v, got[i])
					return
				}
			}
		}
		for i, v := range before {
			if panel[i] != v {
				t.Errorf("%v: ApplyBlockSingle wrote to x", m)
				return
			}
		}
		for _, c := range []struct{ dst, x, k int }{{n * k, n * k, k + 1}, {n * k, n*k - 1, k}, {n*k - 1, n * k, k}, {0, 0, 0}} {
			if b.ApplyBlockSingle(ctx, got[:c.dst], panel[:c.x], c.k) == nil {
				t.Errorf("%v: panels of %d and %d elements in %d columns are no error", m, c.dst, c.x, c.k)
			}
		}
	}
}
