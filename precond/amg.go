package precond

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
)

// AMGSettings are the choices of [NewAMG]. The zero value works.
type AMGSettings struct {
	// Strength ε of the finest level: i and j are strongly connected if
	// |a_ij| > ε·√(a_ii·a_jj). It is halved from level to level. Zero means 0.08;
	// with a negative number all connections are strong.
	Strength float64
	// CoarseSize is the order up to which a level is solved by a dense
	// factorisation. Zero means 500, the most is 5000.
	CoarseSize int
	// MaxLevels bounds the number of levels. Zero means 30.
	MaxLevels int
	// Cycle says how coarse levels are visited. Zero means WCycle. Set-up and solve
	// with VCycle took 0.8 … 0.95 of its time on grids of up to 1024² and 128³, but 1.3
	// times as long on 2048² with a shift of 1e-6 (28 iterations to 14); KCycle took
	// 0.85 … 1.1 of it where a solve takes 10 to 40 iterations, and 1.5 to 2 times as
	// many iterations where it takes 80, since flexible conjugate gradients forget all
	// directions but one.
	Cycle Cycle
	// Double keeps P and the coarse matrices in float64 instead of float32. See
	// the section on precision.
	Double bool
	// ChebyshevDegree, if positive, smooths by Chebyshev polynomials of this
	// degree in D⁻¹A instead of one step with SPAI-0 weights.
	ChebyshevDegree int
	// NearNull holds vectors, each of the order of the matrix, for which A·v is
	// small: the rigid body modes in elasticity, for instance. Nil means one
	// vector of ones. They are kept.
	NearNull [][]float64
	// BlockSize is the number of unknowns per node, numbered one after another,
	// on the finest level; the unknowns of a node are aggregated together. Zero
	// means 1.
	BlockSize int
}

// Cycle is a way to visit the coarse levels of [AMG].
type Cycle int

const (
	// WCycle visits each coarse level twice: two steps of the iteration
	// x ← x + C·(b − A·x) with the cycle C of that level.
	WCycle Cycle = iota
	// VCycle visits each coarse level once: less work per application, but a
	// number of iterations that grows with the number of levels.
	VCycle
	// KCycle takes at most two steps of flexible conjugate gradients instead of
	// the two of WCycle, the second where the first leaves more than a quarter of
	// the residual (Notay & Vassilevski, Numer. Linear Algebra Appl. 15, 2008,
	// doi:10.1002/nla.542). It is not a linear map: M promises nothing but to be
	// [hvp.Varying], and solvers need their flexible variants.
	KCycle
)

// String returns the name of the cycle.
func (c Cycle) String() string {
	switch c {
	case WCycle:
		return "W-cycle"
	case VCycle:
		return "V-cycle"
	case KCycle:
		return "K-cycle"
	}
	return fmt.Sprintf("Cycle(%d)", int(c))
}

func (s *AMGSettings) check(n int) error {
	switch {
	case s.Cycle < WCycle || s.Cycle > KCycle:
		return fmt.Errorf("precond: amg without a cycle %d", s.Cycle)
	case math.IsNaN(s.Strength) || s.Strength >= 1:
		return fmt.Errorf("precond: amg strength %v must be below 1", s.Strength)
	case s.CoarseSize < 0 || s.CoarseSize > 5000:
		return fmt.Errorf("precond: amg coarse size %d must be 0 … 5000", s.CoarseSize)
	case s.MaxLevels < 0:
		return fmt.Errorf("precond: amg with %d levels", s.MaxLevels)
	case s.ChebyshevDegree < 0 || s.ChebyshevDegree > maxDegree:
		return fmt.Errorf("precond: amg smoother of degree %d, must be 0 … %d", s.ChebyshevDegree, maxDegree)
	case s.BlockSize < 0 || s.BlockSize > 1 && n%s.BlockSize != 0:
		return fmt.Errorf("precond: amg blocks of %d for a matrix of order %d", s.BlockSize, n)
	}
	for k, v := range s.NearNull {
		if len(v) != n {
			return fmt.Errorf("precond: amg near-null vector %d of length %d for a matrix of order %d", k, len(v), n)
		}
		for i, u := range v {
			if math.IsNaN(u) || math.IsInf(u, 0) {
				return fmt.Errorf("precond: entry %d of amg near-null vector %d is %v", i, k, u)
			}
		}
	}
	return nil
}

// AMG is one cycle of algebraic multigrid by smoothed aggregation for a symmetric
// positive (semi)definite matrix (Vaněk, Mandel & Brezina, Computing 56, 1996,
// doi:10.1007/BF02238511).
//
// # Set-up
//
// The graph of strong connections, |a_ij| > ε·√(a_ii·a_jj), is cut into
// aggregates: a seed that is no neighbour of a neighbour of an earlier seed, its
// neighbours, and those of theirs that nobody else claims. The tentative prolongation T
// has one column per aggregate and near-null vector, and
//
//	P = (I − ω·D⁻¹·A_F)·T,   ω = (4/3)/ρ(D⁻¹A_F),   A_c = Pᵀ·A·P
//
// with the filtered matrix A_F, in which connections |a_ij| ≤ ε·a_ii are added to the
// diagonal. A row without strong connections that depends on a neighbour all the same,
// |a_ij| > ε·a_ii, as where coefficients jump, joins the aggregate of the one that it
// depends on most. This goes on until A_c is small enough for a dense Cholesky
// factorisation, whose pivots that are zero up to rounding errors are left out: so
// singular matrices, such as graph Laplacians, are solved up to their null space.
//
// Neither strength nor definiteness of a coarse matrix is decided by absolute
// numbers, and M-matrices are not required.
//
// # Cycle
//
// A symmetric W-cycle (or V), a fixed operator, or a K-cycle, which is none, with one
// step of a smoother before and one after the coarse correction, x ← x + W·(b − A·x). W is diagonal with the weights
// of SPAI-0, a_ii/Σ_j a_ij² (Bröker & Grote, Appl. Numer. Math. 41, 2002,
// doi:10.1016/S0168-9274(01)00110-6), at most 1.9/Σ_j |a_ij|, in both cases of the matrix
// scaled to a unit diagonal if the diagonal varies much: then the spectrum of W·A
// is below 2, and M is positive definite by construction, whatever the coarse
// matrices are. Smoothing from zero needs no product: a cycle has two products with A.
//
// # Cost
//
// One application reads, on the finest level, A twice, P and its transpose once, and 13
// n-vectors; the finest matrix is that of the caller, kept and not copied. A W-cycle does on
// level k 2ᵏ times, a V-cycle once, what that costs on the matrix of level k, which has
// about a sixth of the rows of the one before. A K-cycle has one product and some inner
// products more in each two visits than a W-cycle. Memory beyond A: about 110 bytes per
// unknown for a 5-point stencil, 140 for a 7-point one, vectors included; see Report.
//
// # Precision
//
// P and the coarse matrices are kept in float32, sums and vectors in float64: M is
// linear and symmetric to rounding errors of float64. What rounding takes from the sum
// of a row is kept beside and added to the diagonal, so that what is constant where
// coefficients are large keeps its small energy: a shift of 1e-10 and jumps by 1e6 make
// no difference in iterations to the hierarchy in float64 of [AMGSettings].Double. That
// is for jumps beyond this, and for ill-conditioned matrices with NearNull vectors, which
// row sums do not serve. BenchmarkAMGCycles compares cycles and precisions.
type AMG struct {
	set       AMGSettings
	n         int
	structure hvp.Structure
	levels    []*amgLevel
	coarse    *denseFactor // nil: the last level is only smoothed
	scale     float64      // matrices from level 1 on are scaled by it, a power of two
	pool      amgPool
	setup     time.Duration
	notes     []string
	broken    bool
}

var errBroken = errors.New("precond: amg after a set-up that failed")

// NewAMG returns the preconditioner of a, which must be symmetric and have entries
// ([hvp.Assemble]). A nil s means the defaults. A diagonal entry that is not
// positive gives a [*NotPositiveError], except that of a zero row of an operator
// that does not promise to be definite; a negative pivot on the coarsest level
// gives [ErrIndefinite].
func NewAMG(ctx context.Context, a hvp.Operator, s *AMGSettings) (*AMG, error) {
	m := &AMG{n: -1}
	if s != nil {
		m.set = *s
	}
	if err := m.Refresh(ctx, a); err != nil {
		return nil, err
	}
	return m, nil
}

// Refresh implements [Preconditioner]. As long as the pattern of A and of the strong
// connections stays what it was, aggregates and the patterns of all matrices
// are kept and only numbers computed anew.
func (m *AMG) Refresh(ctx context.Context, a hvp.Operator) error {
	begin := time.Now()
	n, err := square("AMG", a)
	if err != nil {
		return err
	}
	if m.n >= 0 {
		if err := sameOrder(m, n); err != nil {
			return err
		}
	} else if err := m.set.check(n); err != nil {
		return err
	}
	if !hvp.StructureOf(a).Has(hvp.Symmetric) {
		return notApplicable("AMG", a, ErrNotSymmetric)
	}
	csr, err := hvp.Assemble(a)
	if err != nil {
		return notApplicable("AMG", a, err)
	}
	m.n, m.structure, m.broken = n, hvp.StructureOf(a), true
	if err := m.build(ctx, csr); err != nil {
		return err
	}
	m.broken = false
	m.setup = time.Since(begin)
	return nil
}

// Dims implements [hvp.Operator].
func (m *AMG) Dims() (rows, cols int) { return m.n, m.n }

// varies reports whether M is not a fixed operator: a K-cycle visits a level between
// the finest and the one that is factorised.
func (m *AMG) varies() bool { return m.set.Cycle == KCycle && len(m.levels) > 2 }

// Structure implements [hvp.Structured]: definite, except where all of a singular
// matrix was factorised, or nothing but [hvp.Varying] with a K-cycle.
func (m *AMG) Structure() hvp.Structure {
	if m.varies() {
		return hvp.Varying
	}
	if len(m.levels) == 1 && m.coarse != nil && m.coarse.dropped > 0 {
		return hvp.Symmetric | hvp.Semidefinite | hvp.Singular
	}
	return hvp.SPD
}

// ApplyTrans implements [hvp.Transposer].
func (m *AMG) ApplyTrans(ctx context.Context, dst, x []float64) error { return m.Apply(ctx, dst, x) }

// String names the preconditioner.
func (m *AMG) String() string {
	s := "amg"
	if m.set.Cycle != WCycle {
		s += fmt.Sprintf(", %v", m.set.Cycle)
	}
	if m.set.Double {
		s += ", float64"
	}
	if d := m.set.ChebyshevDegree; d > 0 {
		s += fmt.Sprintf(", chebyshev(%d) smoothing", d)
	}
	if k := len(m.set.NearNull); k > 0 {
		s += fmt.Sprintf(", %d near-null vectors", k)
	}
	return s
}

// Report implements [Preconditioner]. Its notes are the hierarchy.
func (m *AMG) Report() Report {
	r := Report{Setup: m.setup, Notes: append([]string(nil), m.notes...)}
	for i, l := range m.levels {
		r.Bytes += l.bytes(i == 0)
	}
	r.Bytes += m.coarse.bytes() + m.vectorBytes()
	return r
}

// UsesOperator implements [OperatorUser]: the finest level is A itself.
func (m *AMG) UsesOperator() bool { return true }

// Complexity returns the operator complexity, the entries of all matrices over
// those of the finest, and the grid complexity, likewise for rows.
func (m *AMG) Complexity() (operator, grid float64) {
	var nnz, rows int
	for _, l := range m.levels {
		nnz += l.nnz
		rows += l.n
	}
	if len(m.levels) == 0 || m.levels[0].nnz == 0 {
		return 1, 1
	}
	return float64(nnz) / float64(m.levels[0].nnz), float64(rows) / float64(m.n)
}

// describe sets the notes.
func (m *AMG) describe() {
	op, grid := m.Complexity()
	m.notes = []string{fmt.Sprintf("%d levels, operator complexity %.3f, grid complexity %.3f", len(m.levels), op, grid)}
	if m.varies() {
		m.notes = append(m.notes, "a K-cycle varies from step to step: for flexible methods only")
	}
	for i, l := range m.levels {
		s := fmt.Sprintf("level %d: %d rows, %d nonzeros", i, l.n, l.nnz)
		if l.weak != nil {
			s += ", weak connections filtered"
		}
		if l.isolated > 0 && l.p.rows > 0 {
			s += fmt.Sprintf(", %d rows without strong connections", l.isolated)
		}
		if l.zeroRows > 0 {
			s += fmt.Sprintf(", %d zero rows", l.zeroRows)
		}
		m.notes = append(m.notes, s)
	}
	switch {
	case m.coarse == nil:
		m.notes = append(m.notes, "coarsest level: smoothed only, since it cannot be coarsened or be factorised")
	case m.coarse.dropped > 0:
		m.notes = append(m.notes, fmt.Sprintf("coarsest level: dense Cholesky, %d zero pivots left out: the matrix is singular", m.coarse.dropped))
	default:
		m.notes = append(m.notes, "coarsest level: dense Cholesky")
	}
}

var _ Preconditioner = (*AMG)(nil)
