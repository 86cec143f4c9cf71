package hvp

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// EigenSettings are the choices of [ExtremeEigenvalues]. The zero value works.
type EigenSettings struct {
	// Steps limits the Lanczos steps, one product and one n-vector of memory
	// each. Zero means 60.
	Steps int
	// Tol ends the process when both bounds of the error are below Tol·‖A‖.
	// Zero means 1e-8; a negative number takes all steps.
	Tol float64
	// Seed of the start vector. Zero means 1.
	Seed uint64
}

// Extremes are estimates of the smallest and the largest eigenvalue.
type Extremes struct {
	// Min and Max are Ritz values: the spectrum reaches at least this far.
	Min, Max float64
	// MinErr and MaxErr are residual norms ‖A·x − θ·x‖: some eigenvalue lies
	// within this distance of Min, and of Max.
	MinErr, MaxErr float64
	// LowerBound and UpperBound are Min and Max moved outward by the norm of
	// the last residual of the process: the safeguarded bounds that hold in
	// practice for the whole spectrum, though no proof covers every case.
	LowerBound, UpperBound float64
	// Products is how many Lanczos steps it took.
	Products int
}

// Condition returns Max/Min for a definite operator, an estimate of the condition
// number from below, and 0 if Min is not positive.
func (e Extremes) Condition() float64 {
	if e.Min > 0 {
		return e.Max / e.Min
	}
	return 0
}

// String returns both ends of the spectrum with their errors.
func (e Extremes) String() string {
	return fmt.Sprintf("eigenvalues %.6g ± %.2g … %.6g ± %.2g (%d products)", e.Min, e.MinErr, e.Max, e.MaxErr, e.Products)
}

// ExtremeEigenvalues estimates the ends of the spectrum of a symmetric operator
// by the Lanczos process
//
//	β_{k+1}·v_{k+1} = A·v_k − α_k·v_k − β_k·v_{k-1},   T = tridiag(β, α, β)
//
// from a random start, every vector orthogonalised against all others, twice, so
// that no eigenvalue of T is a ghost. With T·s = θ·s, the residual of the Ritz
// vector is β_{k+1}·|s_k|, s_k the last element of s (Parlett, The Symmetric
// Eigenvalue Problem, 1998, doi:10.1137/1.9781611971163, chapter 13). Ritz values
// are inside the spectrum; that a residual is small says that there is an
// eigenvalue nearby, not that there is none beyond. The bounds θ ± β_{k+1} guard
// against that (Zhou & Li, Bounding the spectrum of large Hermitian matrices,
// Linear Algebra Appl. 435, 2011, doi:10.1016/j.laa.2010.06.034).
//
// The ends of a spectrum of condition κ take about √κ steps.
func ExtremeEigenvalues(ctx context.Context, a Operator, s *EigenSettings) (Extremes, error) {
	var e Extremes
	var set EigenSettings
	if s != nil {
		set = *s
	}
	if set.Steps == 0 {
		set.Steps = 60
	}
	if set.Tol == 0 {
		set.Tol = 1e-8
	}
	if set.Seed == 0 {
		set.Seed = 1
	}
	if a == nil {
		return e, errors.New("hvp: eigenvalues of a nil operator")
	}
	n, cols := a.Dims()
	switch {
	case n != cols || n == 0:
		return e, fmt.Errorf("hvp: eigenvalues of a %d×%d operator", n, cols)
	case !StructureOf(a).Has(Symmetric):
		return e, fmt.Errorf("hvp: the operator %T does not promise to be symmetric", a)
	case set.Steps < 0 || math.IsNaN(set.Tol):
		return e, fmt.Errorf("hvp: %d Lanczos steps to the tolerance %v", set.Steps, set.Tol)
	}
	team := parallel.FromContext(ctx)
	v := probeDirection(n, set.Seed)
	parallel.ScaleTo(team, v, 1/parallel.Norm(team, v), v)
	var basis [][]float64
	var alpha, beta []float64
	look := 5
	for k := range min(set.Steps, n) {
		basis = append(basis, v)
		u := make([]float64, n)
		if err := a.Apply(ctx, u, v); err != nil {
			return e, fmt.Errorf("hvp: Lanczos step %d: %w", k, err)
		}
		size := parallel.Norm(team, u)
		if math.IsNaN(size) || math.IsInf(size, 0) {
			return e, fmt.Errorf("hvp: Lanczos step %d: the product has norm %v", k, size)
		}
		alpha = append(alpha, parallel.Dot(team, v, u))
		orthogonalise(team, u, basis)
		b := parallel.Norm(team, u)
		if k+1 == n || b <= 0x1p-50*size {
			b = 0 // an invariant subspace: all that the start vector holds
		}
		e.Products = k + 1
		done := b == 0 || k+1 == min(set.Steps, n)
		// T is small, but its decomposition costs k³: all of them together
		// should cost little more than the last.
		if done || k+1 == look {
			look = max(look+5, look*4/3)
			if err := e.ritz(alpha, beta, b); err != nil {
				return e, err
			}
			if done || max(e.MinErr, e.MaxErr) <= set.Tol*max(math.Abs(e.Min), math.Abs(e.Max)) {
				return e, nil
			}
		}
		beta = append(beta, b)
		parallel.ScaleTo(team, u, 1/b, u)
		v = u
	}
	return e, nil
}

// ritz sets e from T and the norm of the last residual.
func (e *Extremes) ritz(alpha, beta []float64, last float64) error {
	k := len(alpha)
	t := mat.NewSymDense(k, nil)
	for i, v := range alpha {
		t.SetSym(i, i, v)
		if i > 0 {
			t.SetSym(i-1, i, beta[i-1])
		}
	}
	var eig mat.EigenSym
	if !eig.Factorize(t, true) {
		return errors.New("hvp: the eigenvalues of the Lanczos matrix did not converge")
	}
	var s mat.Dense
	eig.VectorsTo(&s)
	values := eig.Values(nil)
	e.Min, e.Max = values[0], values[k-1]
	e.MinErr, e.MaxErr = last*math.Abs(s.At(k-1, 0)), last*math.Abs(s.At(k-1, k-1))
	e.LowerBound, e.UpperBound = e.Min-last, e.Max+last
	return nil
}
