package precond

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// LBFGS is the limited-memory BFGS matrix of pairs (s_i, y_i = A·s_i) over an inner
// preconditioner M₀,
//
//	M_{i+1} = (I − ρ·s·yᵀ)·M_i·(I − ρ·y·sᵀ) + ρ·s·sᵀ,    ρ = 1/sᵀy
//
// as preconditioner of a sequence of systems (Morales & Nocedal, SIAM J. Optim. 10,
// 2000, doi:10.1137/S1052623497327854). It is definite, and M·y = s for the last
// pair, and for all if the s are conjugate, as the directions of CG are.
//
// It is applied in the compact form of Byrd, Nocedal & Schnabel (Math. Program. 63,
// 1994, doi:10.1007/BF01582063)
//
//	M = M₀ + [S  M₀Y]·[ R⁻ᵀ(D + YᵀM₀Y)R⁻¹  −R⁻ᵀ ]·[S  M₀Y]ᵀ
//	                  [ −R⁻¹                  0  ]
//
// with R the upper triangle of SᵀY and D its diagonal: two sweeps over 2m vectors
// instead of 2m sweeps with a sum each. Where the oldest pairs make R too
// ill-conditioned for that, they are left out, which the report says.
//
// Memory: 2m n-vectors and n. Traffic of a product beyond that of M₀: 4nm numbers.
type LBFGS struct {
	update
	inner  Preconditioner
	s, y   [][]float64
	report Report
}

// pairsCondition bounds the condition number of R: the compact form loses twice its
// digits.
const pairsCondition = 1e6

// NewLBFGS returns the preconditioner of the pairs, which are copied. A nil inner
// means M₀ = sᵀy/yᵀy·I for the newest pair, and the identity if there is none;
// otherwise inner must promise to be definite, belongs to the result from then on,
// and is refreshed with it.
func NewLBFGS(ctx context.Context, pairs *Pairs, inner Preconditioner) (*LBFGS, error) {
	if pairs == nil {
		return nil, errors.New("precond: L-BFGS without pairs")
	}
	m := &LBFGS{inner: inner}
	m.n = pairs.n
	if inner != nil {
		if err := sameOrder(inner, m.n); err != nil {
			return nil, err
		}
		if !hvp.StructureOf(inner).Has(hvp.Definite) {
			return nil, fmt.Errorf("precond: L-BFGS: the preconditioner %v does not promise to be definite", inner)
		}
	}
	if err := m.SetPairs(ctx, pairs); err != nil {
		return nil, err
	}
	return m, nil
}

// SetPairs rebuilds M from other pairs, of which it makes copies, and without
// refreshing M₀. Not to be called while M is in use.
func (m *LBFGS) SetPairs(ctx context.Context, pairs *Pairs) error {
	if pairs.n != m.n {
		return fmt.Errorf("precond: pairs of length %d for %v of order %d", pairs.n, m, m.n)
	}
	m.s, m.y = copies(pairs.s), copies(pairs.y)
	m.report = Report{}
	if pairs.dropped > 0 {
		m.report.Notes = append(m.report.Notes, fmt.Sprintf("%d pairs without curvature dropped", pairs.dropped))
	}
	return m.build(ctx, time.Now())
}

func copies(v [][]float64) [][]float64 {
	c := make([][]float64, len(v))
	for i := range v {
		c[i] = append([]float64(nil), v[i]...)
	}
	return c
}

// Refresh implements [Preconditioner]: it takes y = A·s anew, one product for each
// pair, and refreshes M₀. Directions of negative or no curvature give an
// [*IndefiniteError].
func (m *LBFGS) Refresh(ctx context.Context, a hvp.Operator) error {
	begin := time.Now()
	n, err := square("L-BFGS", a)
	if err != nil {
		return err
	}
	if err := sameOrder(m, n); err != nil {
		return err
	}
	if !hvp.StructureOf(a).Has(hvp.Symmetric) {
		return notApplicable("L-BFGS", a, ErrNotSymmetric)
	}
	m.report = Report{Products: len(m.s)}
	if m.inner != nil {
		if err := m.inner.Refresh(ctx, a); err != nil {
			return err
		}
		m.report.Products += m.inner.Report().Products
	}
	for i, s := range m.s {
		if err := a.Apply(ctx, m.y[i], s); err != nil {
			return fmt.Errorf("precond: L-BFGS: product %d: %w", i, err)
		}
		if !goodCurvature(s, m.y[i]) {
			c := parallel.Dot(0, s, m.y[i]) / parallel.Dot(0, s, s)
			if math.IsNaN(c) || math.IsInf(c, 0) {
				return fmt.Errorf("precond: L-BFGS: the curvature of direction %d is %v", i, c)
			}
			return &IndefiniteError{Direction: s, Curvature: c}
		}
	}
	return m.build(ctx, begin)
}

// build sets M₀, Q and C.
func (m *LBFGS) build(ctx context.Context, begin time.Time) error {
	team, k := parallel.FromContext(ctx), len(m.s)
	m.d, m.base = nil, m.inner
	if m.inner == nil {
		gamma := 1.0
		if k > 0 {
			y := m.y[k-1]
			gamma = parallel.Dot(team, m.s[k-1], y) / parallel.Dot(team, y, y)
		}
		m.d = make([]float64, m.n)
		for i := range m.d {
			m.d[i] = gamma
		}
	} else if dm, ok := m.inner.(hvp.DiagonalMatrix); ok {
		m.d = dm.DiagonalValues()
	}
	// In pairs scaled to sᵀy = 1, which changes nothing, D = I.
	s, y, z := copies(m.s), copies(m.y), copies(m.y)
	for j := range s {
		c := 1 / math.Sqrt(parallel.Dot(team, s[j], y[j]))
		if !(c > 0) || math.IsInf(c, 0) {
			return fmt.Errorf("precond: L-BFGS: pair %d has a curvature whose root has the inverse %v", j, c)
		}
		parallel.ScaleTo(team, s[j], c, s[j])
		parallel.ScaleTo(team, y[j], c, y[j])
		if m.d != nil {
			parallel.MulTo(team, z[j], m.d, y[j])
		} else if err := m.inner.Apply(ctx, z[j], y[j]); err != nil {
			return fmt.Errorf("precond: L-BFGS: %w", err)
		}
	}
	r, yz := mat.NewTriDense(max(k, 1), mat.Upper, nil), mat.NewDense(max(k, 1), max(k, 1), nil)
	sums := make([]float64, k)
	for j := range k {
		panelDots(team, sums, s[:j+1], y[j])
		for i := range j + 1 {
			r.SetTri(i, j, sums[i])
		}
		r.SetTri(j, j, 1)
		panelDots(team, sums, z[:j+1], y[j])
		for i := range j + 1 {
			yz.Set(i, j, sums[i])
			yz.Set(j, i, sums[i])
		}
	}
	// The newest pairs whose R is well enough conditioned.
	from := 0
	var inv mat.TriDense
	for ; from < k; from++ {
		part := r.SliceTri(from, k).(*mat.TriDense)
		inv.Reset()
		if err := inv.InverseTri(part); err == nil && mat.Norm(part, 1)*mat.Norm(&inv, 1) <= pairsCondition {
			break
		}
	}
	if from > 0 {
		m.report.Notes = append(m.report.Notes, fmt.Sprintf("the %d oldest pairs nearly depend on the others and are left out", from))
	}
	kept := k - from
	m.q, m.c = append(s[from:k:k], z[from:]...), nil
	if kept > 0 {
		var mid, top mat.Dense
		for i := from; i < k; i++ {
			yz.Set(i, i, yz.At(i, i)+1)
		}
		mid.Mul(yz.Slice(from, k, from, k), &inv)
		top.Mul(inv.T(), &mid)
		w := 2 * kept
		m.c = make([]float64, w*w)
		for i := range kept {
			for j := range kept {
				m.c[i*w+j] = (top.At(i, j) + top.At(j, i)) / 2
				m.c[i*w+kept+j] = -inv.At(j, i)
				m.c[(kept+i)*w+j] = -inv.At(i, j)
			}
		}
	}
	m.report.Notes = append(m.report.Notes, fmt.Sprintf("%d pairs", kept))
	m.report.Bytes = m.bytes() + 16*int64(m.n*k)
	if m.inner != nil {
		m.report.Bytes += m.inner.Report().Bytes
	}
	m.report.Setup = max(time.Since(begin), 1)
	return nil
}

// panelDots sets sums = Vᵀw for the columns of V.
func panelDots(team parallel.Team, sums []float64, v [][]float64, w []float64) {
	k, blocks := len(v), parallel.Blocks(len(w))
	part := make([]float64, blocks*k)
	parallel.For(team, len(w), func(lo, hi int) {
		kernel.PanelDots(part[lo/parallel.BlockSize*k:][:k], 1, v, w, lo, hi)
	})
	sumBlocks(sums[:k], part, blocks)
}

// Dims implements [hvp.Operator].
func (m *LBFGS) Dims() (rows, cols int) { return m.n, m.n }

// Apply implements [hvp.Operator].
func (m *LBFGS) Apply(ctx context.Context, dst, x []float64) error {
	if err := checkVectors(m, m.n, dst, x); err != nil {
		return err
	}
	return m.apply(ctx, dst, x)
}

// ApplyTrans implements [hvp.Transposer].
func (m *LBFGS) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return m.Apply(ctx, dst, x)
}

// Structure implements [hvp.Structured].
func (m *LBFGS) Structure() hvp.Structure { return hvp.SPD }

// Report implements [Preconditioner].
func (m *LBFGS) Report() Report { return m.report }

// String names the preconditioner, its pairs and M₀.
func (m *LBFGS) String() string {
	if m.inner == nil {
		return fmt.Sprintf("lbfgs(%d)", len(m.s))
	}
	return fmt.Sprintf("lbfgs(%d, %v)", len(m.s), m.inner)
}

var _ Preconditioner = (*LBFGS)(nil)
