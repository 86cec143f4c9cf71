package precond

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// saddleDiagonal returns D⁻¹, see [SaddleSettings].Hessian, and a note if D is not
// diag(H).
func saddleDiagonal(ctx context.Context, h, b hvp.Operator) (*Jacobi, string, error) {
	dg, ok := hvp.Diag(h)
	if !ok {
		return nil, "", notApplicable("saddle", h, ErrNoDiagonal)
	}
	n, _ := h.Dims()
	d := make([]float64, n)
	if err := dg.Diag(d); err != nil {
		return nil, "", fmt.Errorf("precond: saddle: diagonal of H: %w", err)
	}
	bad, size := 0, 0.0
	for _, v := range d {
		if !(v > 0) {
			bad++
		}
		size += math.Abs(v)
	}
	note := ""
	if bad > 0 {
		note = fmt.Sprintf("%d diagonal entries of H are not positive: its absolute values and a multiple of diag(BᵀB) are used", bad)
		x, err := hvp.Assemble(b)
		if err != nil {
			return nil, "", notApplicable("saddle", b, err)
		}
		_, col, val := x.RawCSR()
		squares, total := make([]float64, n), 0.0
		for p, v := range val {
			squares[col[p]] += v * v
			total += v * v
		}
		gamma := 1.0
		if size > 0 && total > 0 {
			gamma = size / total
		}
		for i, v := range d {
			d[i] = math.Abs(v) + gamma*squares[i]
		}
	}
	inverse, err := jacobiOf(ctx, d)
	if err != nil {
		return nil, "", fmt.Errorf("precond: saddle: H: %w", err)
	}
	return inverse, note, nil
}

// schurDiagonal returns the diagonal of C + B·diag(d)·Bᵀ for corner = −C, nil for
// none.
func schurDiagonal(b, corner hvp.Operator, d []float64) ([]float64, error) {
	x, err := hvp.Assemble(b)
	if err != nil {
		return nil, notApplicable("saddle", b, err)
	}
	rows, _ := x.Dims()
	s := make([]float64, rows)
	if corner != nil {
		dg, ok := hvp.Diag(corner)
		if !ok {
			return nil, notApplicable("saddle", corner, ErrNoDiagonal)
		}
		if err := dg.Diag(s); err != nil {
			return nil, fmt.Errorf("precond: saddle: diagonal of C: %w", err)
		}
	}
	rowPtr, col, val := x.RawCSR()
	for i := range s {
		s[i] = -s[i]
		for p := rowPtr[i]; p < rowPtr[i+1]; p++ {
			s[i] += val[p] * val[p] * d[col[p]]
		}
	}
	return s, nil
}

// weightedGram returns C + B·diag(d)·Bᵀ for corner = −C, exactly symmetric if C is, and
// with the promise to be definite.
func weightedGram(b, corner hvp.Operator, d []float64) (*hvp.CSR, error) {
	x, err := hvp.Assemble(b)
	if err != nil {
		return nil, notApplicable("saddle", b, err)
	}
	rows, _ := x.Dims()
	t, err := hvp.Transpose(x)
	if err != nil {
		return nil, err
	}
	c, err := hvp.NewCSR(rows, rows, make([]int, rows+1), nil, nil)
	if corner != nil {
		c, err = hvp.Assemble(corner)
	}
	if err != nil {
		return nil, notApplicable("saddle", corner, err)
	}
	xp, xc, xv := x.RawCSR()
	tp, tc, tv := t.(*hvp.CSR).RawCSR()
	cp, cc, cv := c.RawCSR()
	sum, seen := make([]float64, rows), make([]bool, rows)
	rowPtr := make([]int, rows+1)
	var col []int32
	var val []float64
	for i := range rows {
		first := len(col)
		add := func(k int32, v float64) {
			if !seen[k] {
				seen[k] = true
				col = append(col, k)
			}
			sum[k] += v
		}
		for p := xp[i]; p < xp[i+1]; p++ {
			for q := tp[xc[p]]; q < tp[xc[p]+1]; q++ {
				add(tc[q], xv[p]*tv[q]*d[xc[p]]) // the same bits for (i,k) and (k,i)
			}
		}
		for p := cp[i]; p < cp[i+1]; p++ {
			add(cc[p], -cv[p])
		}
		slices.Sort(col[first:])
		for _, k := range col[first:] {
			val = append(val, sum[k])
			sum[k], seen[k] = 0, false
		}
		rowPtr[i+1] = len(col)
	}
	s, err := hvp.NewCSR(rows, rows, rowPtr, col, val)
	if err == nil && (corner == nil || hvp.StructureOf(corner).Has(hvp.Symmetric)) {
		s, err = s.Promise(hvp.SPD)
	}
	if err != nil {
		return nil, fmt.Errorf("precond: saddle: Schur complement: %w", err)
	}
	return s, nil
}

// commutator is K·B·D⁻¹·H·D⁻¹·Bᵀ·K; see [SaddleSettings].LeastSquares.
type commutator struct {
	Preconditioner // K
	h, b, bt       hvp.Operator
	d              []float64
	scratch        parallel.Scratch
}

func (k *commutator) apply(ctx context.Context, dst, x []float64, trans bool) error {
	team, n := parallel.FromContext(ctx), len(k.d)
	t, u, v := k.scratch.Get(len(dst)), k.scratch.Get(n), k.scratch.Get(n)
	defer func() {
		k.scratch.Put(t)
		k.scratch.Put(u)
		k.scratch.Put(v)
	}()
	outer, middle := k.Preconditioner.Apply, k.h.Apply
	if trans {
		h, ok := hvp.Trans(k.h)
		if !ok {
			return fmt.Errorf("precond: saddle: H (%T) has no transpose", k.h)
		}
		outer, middle = k.Preconditioner.ApplyTrans, h.ApplyTrans
	}
	if err := outer(ctx, *t, x); err != nil {
		return err
	}
	if err := k.bt.Apply(ctx, *u, *t); err != nil {
		return err
	}
	parallel.MulTo(team, *u, k.d, *u)
	if err := middle(ctx, *v, *u); err != nil {
		return err
	}
	parallel.MulTo(team, *v, k.d, *v)
	if err := k.b.Apply(ctx, *t, *v); err != nil {
		return err
	}
	return outer(ctx, dst, *t)
}

// Apply implements [hvp.Operator].
func (k *commutator) Apply(ctx context.Context, dst, x []float64) error {
	return k.apply(ctx, dst, x, false)
}

// ApplyTrans implements [hvp.Transposer].
func (k *commutator) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return k.apply(ctx, dst, x, true)
}

// Structure implements [hvp.Structured].
func (k *commutator) Structure() hvp.Structure {
	return hvp.StructureOf(k.Preconditioner) & hvp.StructureOf(k.h)
}

// String names the commutator and K.
func (k *commutator) String() string { return fmt.Sprintf("commutator(%v)", k.Preconditioner) }
