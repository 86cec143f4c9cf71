package precond

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/krylov"
)

// Auto is the preconditioner that suits an operator, chosen by what the operator
// can do and promises, and by how long [Jacobi] would take:
//
//	a diagonal matrix                      jacobi, exact
//	a ridge, more unknowns than examples   ridge
//	a model of at most 256 unknowns        cholesky
//	entries on a grid, Jacobi expected     grid-ic or, where the spectrum is wide
//	  to take long                         and the grid can coarsen itself,
//	                                       multigrid
//	semidefinite, Jacobi expected to be    jacobi
//	  cheap enough
//	  in single precision                  chebyshev or, where the spectrum is
//	                                       wide and the grid can coarsen
//	                                       itself, multigrid
//	  a grid that can coarsen itself       multigrid
//	  a ridge is known (GLM + penalty)     nystrom
//	  a matrix like a Laplacian, above     amg
//	  an order of 2000
//	  a matrix with little fill            cholesky
//	  entries                              ic
//	a saddle point                         saddle
//	entries, not symmetric                 ilut, ilu0
//	a diagonal                             jacobi
//
// What cannot be built for this operator is passed over for the next, down to
// Jacobi. The report says what was picked and why, and what was not. How long
// Jacobi would take follows from the condition number κ of D⁻¹A,
//
//	iterations ≈ ½·√κ·ln(2/1e-8)
//
// (Saad, Iterative Methods for Sparse Linear Systems, 2003, section 6.11.3), where the
// vector of ones gives an upper bound of the smallest eigenvalue, 1ᵀA1/1ᵀD1, which is
// near for operators that are smooth on a grid. Where that bound does not settle
// it, and Gershgorin's circles do not bound κ, it is extrapolated from a few iterations
// on a right-hand side of random signs: one of few eigenvectors may converge sooner.
// The choice depends on the operator alone, so it is the same for any number of
// workers.
type Auto struct {
	Preconditioner
	set     AutoSettings
	kind    string
	refused bool
	report  Report
}

// Plain returns what does the work of p: the pick of an [Auto], and any other as it is.
// A pick that is a diagonal matrix shows then, which solvers fuse into their updates,
// and its Refresh keeps to its kind where that of an Auto chooses again.
func Plain(p Preconditioner) Preconditioner {
	if m, is := p.(*Auto); is {
		return m.Preconditioner
	}
	return p
}

// AutoSettings are the choices of [NewAutoFor]. The zero value works.
type AutoSettings struct {
	// Loose says that solves will be to a digit or two, as those of the steps of a
	// Newton method are: what takes long to set up then hardly pays, nor do trials
	// and polynomials. Jacobi must then be expected to need four times as many
	// iterations for 1e-8 before another kind is tried, by what a product tells.
	Loose bool
}

// NewAuto picks a preconditioner for a. Where nothing applies, the error is
// [ErrNotApplicable], wrapped.
func NewAuto(ctx context.Context, a hvp.Operator) (*Auto, error) { return NewAutoFor(ctx, a, nil) }

// NewAutoFor is [NewAuto] with settings, of which nil means the defaults.
func NewAutoFor(ctx context.Context, a hvp.Operator, s *AutoSettings) (*Auto, error) {
	m := &Auto{}
	if s != nil {
		m.set = *s
	}
	if err := m.Refresh(ctx, a); err != nil {
		return nil, err
	}
	return m, nil
}

// Refresh implements [Preconditioner]: it chooses again, and refreshes the
// preconditioner that is there if the choice is the same.
func (m *Auto) Refresh(ctx context.Context, a hvp.Operator) error {
	begin := time.Now()
	n, err := square("automatic choice", a)
	if err != nil {
		return err
	}
	if m.Preconditioner != nil {
		if err := sameOrder(m, n); err != nil {
			return err
		}
	}
	var candidates []candidate
	var notes []string
	products := 0
	for _, choose := range []func(context.Context, hvp.Operator) ([]candidate, []string, int, error){m.onGrid, m.inSingle, m.shortlist} {
		var more int
		candidates, notes, more, err = choose(ctx, a)
		products += more
		if err != nil || candidates != nil {
			break
		}
	}
	if err != nil {
		return err
	}
	m.refused = false
	for _, c := range candidates {
		p := m.Preconditioner
		if c.built != nil {
			p, err, products = c.built, nil, 0
		} else if p != nil && m.kind == c.kind {
			err = p.Refresh(ctx, a)
		} else {
			p, err = c.make(ctx, a)
		}
		if err == nil {
			m.Preconditioner, m.kind = p, c.kind
			m.report = p.Report()
			m.report.Products += products
			m.report.Notes = append(append(notes, fmt.Sprintf("picked %v: %s", p, c.why)), m.report.Notes...)
			m.report.Setup = time.Since(begin)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		m.refused = m.refused || errors.Is(err, ErrIndefinite)
		notes = append(notes, fmt.Sprintf("not %s: %s", c.kind, strings.TrimPrefix(err.Error(), "precond: ")))
		m.Preconditioner = nil
	}
	// The last error names the fault, if the operator has one.
	var bad *NotPositiveError
	if errors.As(err, &bad) {
		return err
	}
	return notApplicable("automatic choice", a, errors.New(strings.Join(notes, "; ")))
}

// candidate is a kind that may suit, and why.
type candidate struct {
	kind, why string
	built     Preconditioner // if it has been
}

// make builds it.
func (c *candidate) make(ctx context.Context, a hvp.Operator) (Preconditioner, error) {
	if _, model := a.(interface{ Examples() int }); c.kind != "cholesky" || model {
		return New(ctx, c.kind, a)
	}
	s, err := littleFill(a)
	if err != nil {
		return nil, err
	}
	p, err := NewCholesky(ctx, a, s)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// worth is how many iterations Jacobi–CG must be expected to need for 1e-8 before
// the set-up and the applications of another kind are likely to pay: about the median of
// what their total time came to in the time of such iterations. By hgbench precond on two
// cores: multigrid 97 … 330 on stencils of 60² … 60³; amg 140 … 600 on the same, 185 on
// xpetra_A_13366; ic 130 … 690 on ten real matrices, 200 … 1000 on stencils; cholesky, as far
// as allowed here, 47 … 310 on seven; ilut 300 of GMRES on cage10, few where Jacobi needs
// hundreds. That of nystrom is an estimate.
// BenchmarkAuto of cmd/hgbench compares the outcome with the best kind and with Jacobi.
var worth = map[string]float64{"multigrid": 200, "nystrom": 40, "amg": 250, "cholesky": 150, "ic": 300, "ilut": 40}

// shortlist returns the kinds to try, the best first.
func (m *Auto) shortlist(ctx context.Context, a hvp.Operator) (list []candidate, notes []string, products int, err error) {
	promise := hvp.StructureOf(a)
	jacobi := candidate{"jacobi", "nothing better applies", nil}
	if _, is := a.(hvp.DiagonalMatrix); is {
		return []candidate{{"jacobi", "the operator is diagonal", nil}}, nil, 0, nil
	}
	switch {
	case promise.Has(hvp.Semidefinite):
		if list := byRidge(a); list != nil {
			return append(list, jacobi), nil, 0, nil
		}
		kinds := definiteKinds(a)
		if len(kinds) == 0 {
			break
		}
		least := func(kind string) float64 {
			if m.set.Loose {
				return 4 * worth[kind]
			}
			return worth[kind]
		}
		var expected float64
		if m.set.Loose || kinds[0].kind == "multigrid" || kinds[0].kind == "amg" {
			if expected, err = jacobiAtLeast(ctx, a); err != nil {
				return nil, nil, 0, err
			}
			products++
		}
		switch {
		case m.set.Loose: // a product is all that it may cost
		case kinds[0].kind == "multigrid" && 0 < expected && 2*expected < least("multigrid"):
			// The bound is near on a grid: a trial would cost as much as it spares.
			expected *= 1.5
		case expected >= least(kinds[0].kind):
		default:
			if expected = dominance(a); expected < least("cholesky") {
				break
			}
			trial := 0
			if expected, trial, err = jacobiIterations(ctx, a, new(krylov.CG)); err != nil {
				return nil, nil, 0, err
			}
			products += trial
		}
		for _, c := range kinds {
			if expected < least(c.kind) {
				notes = append(notes, fmt.Sprintf("%s (%s) does not pay: Jacobi is expected to need %.0f iterations for 1e-8", c.kind, c.why, expected))
				continue
			}
			if !math.IsInf(expected, 0) {
				c.why += fmt.Sprintf(", and Jacobi is expected to need %.0f iterations for 1e-8", expected)
			}
			list = append(list, c)
		}
		if len(kinds) > 0 && len(list) == 0 {
			jacobi.why = "it is expected to converge soon enough"
		}
	case promise.Has(hvp.Symmetric):
		list = []candidate{{"saddle", "a symmetric saddle point", nil}}
	default:
		if _, err := hvp.Assemble(a); err == nil {
			var expected float64
			if expected, products, err = jacobiIterations(ctx, a, new(krylov.GMRES)); err != nil {
				return nil, nil, 0, err
			}
			if expected < worth["ilut"] {
				jacobi.why = fmt.Sprintf("it is expected to need %.0f iterations for 1e-8", expected)
				break
			}
			list = []candidate{{"ilut", "a matrix that is not symmetric", nil}, {"ilu0", "a matrix that is not symmetric", nil}}
		}
	}
	return append(list, jacobi), notes, products, nil
}

// worthGrid is from how many iterations of Jacobi–CG on an incomplete factorisation on the
// grid pays, where that takes a quarter to a third as many and its set-up as long as five
// products: at about 20 for one system, earlier in a sequence. From worthSingleCycle on a
// multigrid cycle does better. Measured by hgbench precond -problem denoise, both potentials,
// weights of e^-3 … e^7.
const worthGrid = 20

// onGrid returns what suits a symmetric operator that knows its entries on a grid; no
// candidates if it does not. It need not promise to be definite: the factorisation will
// tell.
func (m *Auto) onGrid(ctx context.Context, a hvp.Operator) (list []candidate, notes []string, products int, err error) {
	promise := hvp.StructureOf(a)
	if _, is := a.(hvp.GridAssembler); !is || m.set.Loose || !promise.Has(hvp.Symmetric) {
		return nil, nil, 0, nil
	}
	jacobi := candidate{"jacobi", "nothing better applies", nil}
	if !promise.Has(hvp.Semidefinite) { // the estimate is not for such
		return []candidate{{"grid-ic", "entries on a grid", nil}, jacobi}, nil, 0, nil
	}
	expected, err := jacobiAtLeast(ctx, a)
	if err != nil {
		return nil, nil, 0, err
	}
	if expected *= 1.5; 0 < expected && expected < worthGrid {
		notes = []string{fmt.Sprintf("grid-ic does not pay: Jacobi is expected to need %.0f iterations for 1e-8", expected)}
		jacobi.why = "it is expected to converge soon enough"
		return []candidate{jacobi}, notes, 1, nil
	}
	why := fmt.Sprintf("entries on a grid, and Jacobi is expected to need %.0f iterations for 1e-8", expected)
	list = []candidate{{"grid-ic", why, nil}, {"multigrid", why, nil}, jacobi}
	if _, coarsens := a.(hvp.Coarsener); !coarsens {
		list = slices.Delete(list, 1, 2)
	} else if expected > worthSingleCycle {
		list[0], list[1] = list[1], list[0]
	}
	return list, nil, 1, nil
}

// Where the operator has a stand-in in single precision: from how many iterations
// of Jacobi–CG on a polynomial in it pays, and from how many on a multigrid cycle
// does better. Measured by hgbench precond -problem denoise.
const worthSingle, worthSingleCycle = 20, 240

// inSingle returns what suits a semidefinite operator with a stand-in in single
// precision; no candidates if it has none, or is too ill-conditioned for it.
func (m *Auto) inSingle(ctx context.Context, a hvp.Operator) (list []candidate, notes []string, products int, err error) {
	if _, is := a.(hvp.Singler); !is || m.set.Loose || !hvp.StructureOf(a).Has(hvp.Semidefinite) {
		return nil, nil, 0, nil
	}
	p, is := m.Preconditioner.(*Chebyshev)
	if !is || m.kind != "chebyshev" {
		p = &Chebyshev{n: -1, soon: worthSingle / 1.5}
	}
	err = p.Refresh(ctx, a)
	var soon soonError
	switch {
	case ctx.Err() != nil:
		return nil, nil, 0, ctx.Err()
	case errors.As(err, &soon):
		notes = []string{fmt.Sprintf("chebyshev does not pay: Jacobi is expected to need %.0f iterations for 1e-8", 1.5*float64(soon))}
		return []candidate{{"jacobi", "it is expected to converge soon enough", nil}}, notes, 1, nil
	case err != nil || p.single == nil: // others say what is wrong
		return nil, nil, 0, nil
	}
	products = p.products
	expected := iterationsFor(p.hi / p.least)
	why := fmt.Sprintf("products in single precision, and Jacobi is expected to need %.0f iterations for 1e-8", expected)
	_, coarsens := a.(hvp.Coarsener)
	switch {
	case expected < worthSingle:
		notes = []string{fmt.Sprintf("chebyshev does not pay: Jacobi is expected to need %.0f iterations for 1e-8", expected)}
		return []candidate{{"jacobi", "it is expected to converge soon enough", nil}}, notes, products, nil
	case coarsens && expected > worthSingleCycle:
		list = []candidate{{"multigrid", "a grid that can coarsen itself, " + why, nil}}
	}
	return append(list, candidate{"chebyshev", why, p}), nil, products, nil
}

// iterationsFor estimates the iterations of conjugate gradients for 1e-8 at a
// condition number.
func iterationsFor(condition float64) float64 {
	return 0.5 * math.Sqrt(condition) * math.Log(2/1e-8)
}

// jacobiAtLeast estimates from below how many iterations Jacobi–CG needs for 1e-8
// by one product: κ(D⁻¹A) ≥ 1ᵀD1/1ᵀA1, as the largest eigenvalue is no less than their
// mean, which is 1. Zero where that says nothing.
func jacobiAtLeast(ctx context.Context, a hvp.Operator) (float64, error) {
	n, _ := a.Dims()
	dg, ok := hvp.Diag(a)
	if !ok {
		return 0, nil
	}
	team := parallel.FromContext(ctx)
	sum := func(x []float64) float64 {
		return parallel.Sum(team, n, func(lo, hi int) (s float64) {
			for _, v := range x[lo:hi] {
				s += v
			}
			return s
		})
	}
	x, y := make([]float64, n), make([]float64, n)
	if dg.Diag(y) != nil {
		return 0, nil // others say what is wrong
	}
	diag := sum(y)
	for i := range x {
		x[i] = 1
	}
	if err := a.Apply(ctx, y, x); err != nil {
		return 0, err
	}
	ones := sum(y)
	switch {
	case !(diag > 0) || math.IsInf(diag, 0) || math.IsNaN(ones):
		return 0, nil
	case !(ones > 0): // a singular operator: the constant is its null space
		return math.Inf(1), nil
	}
	return iterationsFor(diag / ones), nil
}

// fewUnknowns is up to which order the full matrix of a model costs little.
const fewUnknowns = 256

// byRidge returns what suits a model with a known ridge whose examples are counted;
// nothing if that does not settle it. Measured by hgbench precond -problem logistic on
// three sets of examples.
func byRidge(a hvp.Operator) []candidate {
	g, is := a.(interface{ Examples() int })
	if !is {
		return nil
	}
	switch n, _ := a.Dims(); {
	case n > g.Examples():
		return []candidate{{"ridge", "a known ridge, and more unknowns than examples", nil}}
	case n <= fewUnknowns:
		return []candidate{{"cholesky", "few unknowns", nil}, {"nystrom", "a known ridge, and few unknowns", nil}}
	}
	return nil
}

// definiteKinds returns what applies to a semidefinite operator besides Jacobi.
func definiteKinds(a hvp.Operator) (list []candidate) {
	if _, is := a.(hvp.Coarsener); is {
		return []candidate{{"multigrid", "a grid that can coarsen itself", nil}}
	}
	n, _ := a.Dims()
	if ok, err := hvp.Ridge(a, make([]float64, n)); ok && err == nil {
		if _, isMatrix := a.(*hvp.CSR); !isMatrix {
			list = append(list, candidate{"nystrom", "a known ridge", nil})
		}
	}
	m, err := hvp.Assemble(a)
	if err != nil {
		return list
	}
	switch {
	case n > largeMatrix && laplacianLike(m):
		list = append(list, candidate{"amg", "a large matrix whose entries off the diagonal are negative for the most part", nil})
	case n <= mostOrdered:
		list = append(list, candidate{"cholesky", "a definite matrix with little fill", nil})
	}
	return append(list, candidate{"ic", "a definite matrix", nil})
}

// largeMatrix is the order beyond which multigrid is preferred to a factorisation, and
// mostOrdered that up to which it is worth to count the fill of a complete one.
const largeMatrix, mostOrdered = 2000, 20_000

// littleFill bounds a complete factorisation to what takes the time of about 200
// iterations of Jacobi–CG.
func littleFill(a hvp.Operator) (*CholeskySettings, error) {
	m, err := hvp.Assemble(a)
	if err != nil {
		return nil, notApplicable("Cholesky", a, err)
	}
	n, _ := m.Dims()
	return &CholeskySettings{MaxEntries: 20 * (m.NNZ() + n), MaxWork: 1000 * (m.NNZ() + 2*n)}, nil
}

// dominance bounds the iterations of Jacobi–CG for 1e-8 from above, by Gershgorin's
// circles: the spectrum of D⁻¹A lies in 1 ± max_i Σ_{j≠i} |a_ij|/a_ii. +Inf where
// that says nothing.
func dominance(a hvp.Operator) float64 {
	m, is := a.(*hvp.CSR)
	if !is {
		return math.Inf(1)
	}
	rowPtr, col, val := m.RawCSR()
	radius := 0.0
	for i := range len(rowPtr) - 1 {
		sum, diag := 0.0, 0.0
		for p := rowPtr[i]; p < rowPtr[i+1]; p++ {
			if int(col[p]) == i {
				diag = val[p]
			} else {
				sum += math.Abs(val[p])
			}
		}
		if !(sum < diag) {
			return math.Inf(1)
		}
		radius = max(radius, sum/diag)
	}
	return iterationsFor((1 + radius) / (1 - radius))
}

// laplacianLike reports whether nearly all of the weight off the diagonal is
// negative.
func laplacianLike(a *hvp.CSR) bool {
	rowPtr, col, val := a.RawCSR()
	var negative, positive float64
	for i := range len(rowPtr) - 1 {
		for p := rowPtr[i]; p < rowPtr[i+1]; p++ {
			switch v := val[p]; {
			case int(col[p]) == i:
			case v < 0:
				negative -= v
			default:
				positive += v
			}
		}
	}
	return positive <= 0.05*negative
}

// jacobiIterations extrapolates how many iterations the method needs with Jacobi for 1e-8:
// +Inf where Jacobi cannot be built or makes no progress.
func jacobiIterations(ctx context.Context, a hvp.Operator, method krylov.Method) (expected float64, products int, err error) {
	const trial, digits = 10, 8.0
	j, err := NewJacobi(ctx, a)
	if err != nil {
		return math.Inf(1), 0, nil // others say what is wrong
	}
	n, _ := a.Dims()
	b, x := make([]float64, n), make([]float64, n)
	state := uint64(1)
	for i := range b {
		// xorshift64 (Marsaglia, J. Stat. Softw. 8, 2003, doi:10.18637/jss.v008.i14)
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		b[i] = 1 - 2*float64(state&1)
	}
	res, err := method.Solve(ctx, a, x, b, &krylov.Settings{RTol: 1e-8, MaxIter: trial, Precond: j, History: true})
	switch {
	case ctx.Err() != nil:
		return 0, res.Products, ctx.Err()
	case err == nil:
		return float64(res.Iterations), res.Products, nil
	case res.Status != krylov.IterationLimit:
		return math.Inf(1), res.Products, nil
	}
	// The residual may hump: the later half of the history shows the rate.
	half := res.History[len(res.History)/2:]
	rate := math.Log10(half[0]/half[len(half)-1]) / float64(len(half)-1)
	if !(rate > 0) {
		return math.Inf(1), res.Products, nil
	}
	return digits / rate, res.Products, nil
}

// Delegate implements [hvp.Delegator].
func (m *Auto) Delegate() hvp.Operator { return m.Preconditioner }

// UsesOperator implements [OperatorUser].
func (m *Auto) UsesOperator() bool { return UsesOperator(m.Preconditioner) }

var _ hvp.Delegator = (*Auto)(nil)

// Refused reports whether a kind that promises more than the pick could not be built
// because the operator is not definite. That of another point may be.
func (m *Auto) Refused() bool { return m.refused }

// Kind returns the name of the kind that was picked.
func (m *Auto) Kind() string { return m.kind }

// Report implements [Preconditioner]; the set-up includes the choice.
func (m *Auto) Report() Report { return m.report }

// String names the choice.
func (m *Auto) String() string { return "auto: " + m.Preconditioner.String() }
