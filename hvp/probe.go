package hvp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// ProbeKind is the kind of vectors that [EstimateDiagonal] probes with.
type ProbeKind int

const (
	// Rademacher vectors have independent random signs.
	Rademacher ProbeKind = iota
	// Hadamard vectors are rows of a Hadamard matrix, with random signs of the
	// columns. 2^q of them cancel all entries whose distance from the diagonal
	// is no multiple of 2^q: exact for narrower bands, good where entries decay
	// away from the diagonal (Bekas, Kokiopoulou & Saad 2007).
	Hadamard
)

// String returns the name in lower case.
func (k ProbeKind) String() string {
	switch k {
	case Rademacher:
		return "rademacher"
	case Hadamard:
		return "hadamard"
	}
	return fmt.Sprintf("ProbeKind(%d)", int(k))
}

// ProbeSettings are the choices of a probing estimate. The zero value works.
type ProbeSettings struct {
	// Probes is how many products are spent. Zero means 32. From n on, the
	// unit vectors give the exact answer with n products.
	Probes int
	// Kind of the vectors, for the diagonal. Hadamard rounds Probes down to a
	// power of two.
	Kind ProbeKind
	// Seed of the vectors. Zero means 1.
	Seed uint64
}

// Estimate is a number with its uncertainty.
type Estimate struct {
	Value float64
	// StdErr estimates the standard deviation of Value; zero if it is exact.
	StdErr float64
	// Products is how many products it cost.
	Products int
}

// String returns the value and its uncertainty.
func (e Estimate) String() string {
	return fmt.Sprintf("%.6g ± %.2g (%d products)", e.Value, e.StdErr, e.Products)
}

// probing is a checked copy of the settings for a square operator.
func probing(a Operator, s *ProbeSettings, least int) (n int, set ProbeSettings, err error) {
	if a == nil {
		return 0, set, errors.New("hvp: probing of a nil operator")
	}
	if s != nil {
		set = *s
	}
	if set.Probes == 0 {
		set.Probes = 32
	}
	if set.Seed == 0 {
		set.Seed = 1
	}
	n, cols := a.Dims()
	switch {
	case n != cols:
		return 0, set, fmt.Errorf("hvp: probing the diagonal of a %d×%d operator", n, cols)
	case set.Probes < 0 || set.Probes < n && set.Probes < least:
		return 0, set, fmt.Errorf("hvp: %d probes, want at least %d", set.Probes, least)
	case set.Kind != Rademacher && set.Kind != Hadamard:
		return 0, set, fmt.Errorf("hvp: unknown %v", set.Kind)
	}
	return n, set, nil
}

// signs sets v to the random signs number k.
func signs(v []float64, seed, k uint64) {
	src := rand.NewPCG(seed, k)
	var word uint64
	for i := range v {
		if i%64 == 0 {
			word = src.Uint64()
		}
		v[i] = 1
		if word>>(i%64)&1 != 0 {
			v[i] = -1
		}
	}
}

// EstimateDiagonal sets dst to an estimate of the diagonal of a from products
// with vectors of ±1,
//
//	d_i ≈ mean of v_i·(A·v)_i,        v_i·(A·v)_i = A_ii + Σ_{j≠i} A_ij·v_i·v_j
//
// (Hutchinson, Commun. Stat. Simul. Comput. 19, 1990,
// doi:10.1080/03610919008812866, for the trace; Bekas, Kokiopoulou & Saad, An
// estimator for the diagonal of a matrix, Appl. Numer. Math. 57, 2007,
// doi:10.1016/j.apnum.2007.01.003). It sets errs, if it is not nil, to the
// uncertainty of each entry: the standard error of the mean for random signs; for
// Hadamard vectors the change that the second half of them made, which is
// cautious. Both are zero if Probes ≥ n. It returns the number of products.
//
// The squared error of entry i is Σ_{j≠i} A_ij² / probes for random signs and a
// symmetric A: good for diagonally dominant matrices. Where the sparsity is known,
// [Colouring.Diagonal] is exact.
func EstimateDiagonal(ctx context.Context, a Operator, dst, errs []float64, s *ProbeSettings) (products int, err error) {
	n, set, err := probing(a, s, 2)
	if err != nil {
		return 0, err
	}
	if len(dst) != n || errs != nil && len(errs) != n {
		return 0, fmt.Errorf("hvp: diagonal of length %d with %d uncertainties for %d rows", len(dst), len(errs), n)
	}
	if set.Probes >= n {
		clear(errs)
		return n, exactDiagonal(ctx, a, dst)
	}
	m := set.Probes
	if set.Kind == Hadamard {
		m = 1 << (bits.Len(uint(m)) - 1)
	}
	v, av := make([]float64, n), make([]float64, n)
	flip := make([]float64, n)
	signs(flip, set.Seed, 0)
	clear(dst)
	clear(errs)
	for k := range m {
		if set.Kind == Hadamard {
			for i := range v {
				v[i] = flip[i]
				if bits.OnesCount(uint(i&k))&1 != 0 {
					v[i] = -v[i]
				}
			}
		} else {
			signs(v, set.Seed, uint64(k)+1)
		}
		if err := a.Apply(ctx, av, v); err != nil {
			return k, fmt.Errorf("hvp: probe %d: %w", k, err)
		}
		// Mean and sum of squared deviations, updated (Welford).
		c := 1 / float64(k+1)
		for i, sign := range v {
			x := sign * av[i]
			d := x - dst[i]
			dst[i] += d * c
			if errs != nil && set.Kind == Rademacher {
				errs[i] += d * (x - dst[i])
			}
		}
		if errs != nil && set.Kind == Hadamard && k+1 == m/2 {
			copy(errs, dst)
		}
	}
	for i := range errs {
		if set.Kind == Hadamard {
			errs[i] = math.Abs(errs[i] - dst[i])
		} else {
			errs[i] = math.Sqrt(errs[i] / float64(m) / float64(m-1))
		}
	}
	return m, nil
}

// exactDiagonal takes the products with all unit vectors.
func exactDiagonal(ctx context.Context, a Operator, dst []float64) error {
	n := len(dst)
	e, ae := make([]float64, n), make([]float64, n)
	for i := range n {
		e[i] = 1
		if err := a.Apply(ctx, ae, e); err != nil {
			return fmt.Errorf("hvp: unit vector %d: %w", i, err)
		}
		e[i], dst[i] = 0, ae[i]
	}
	return nil
}

// exactTrace is the sum of exactDiagonal.
func exactTrace(ctx context.Context, a Operator, n int) (Estimate, error) {
	d := make([]float64, n)
	if err := exactDiagonal(ctx, a, d); err != nil {
		return Estimate{}, err
	}
	return Estimate{Value: parallel.Combine(d), Products: n}, nil
}

// EstimateTrace estimates the trace of a as the mean of vᵀAv over vectors of
// random signs (Hutchinson 1990, doi:10.1080/03610919008812866). Its variance is
// 2·Σ_{i≠j} A_ij²/probes for a symmetric a, so that k more digits cost 10^2k times
// the products.
func EstimateTrace(ctx context.Context, a Operator, s *ProbeSettings) (Estimate, error) {
	n, set, err := probing(a, s, 2)
	if err != nil {
		return Estimate{}, err
	}
	if set.Probes >= n {
		return exactTrace(ctx, a, n)
	}
	forms, err := quadraticForms(ctx, a, n, set, nil)
	if err != nil {
		return Estimate{}, err
	}
	mean, stdErr := meanOf(forms)
	return Estimate{mean, stdErr, set.Probes}, nil
}

// quadraticForms returns vᵀAv for random signs v, of which first the part in the
// orthonormal vectors q is removed.
func quadraticForms(ctx context.Context, a Operator, n int, set ProbeSettings, q [][]float64) ([]float64, error) {
	v, av := make([]float64, n), make([]float64, n)
	forms := make([]float64, set.Probes)
	for k := range forms {
		signs(v, set.Seed, uint64(k)+1)
		orthogonalise(parallel.FromContext(ctx), v, q)
		if err := a.Apply(ctx, av, v); err != nil {
			return nil, fmt.Errorf("hvp: probe %d: %w", k, err)
		}
		forms[k] = parallel.Dot(parallel.FromContext(ctx), v, av)
	}
	return forms, nil
}

// meanOf returns the mean and its standard error.
func meanOf(x []float64) (mean, stdErr float64) {
	m := float64(len(x))
	mean = parallel.Combine(x) / m
	for _, v := range x {
		stdErr += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(stdErr / m / (m - 1))
}

// orthogonalise removes from v its part in the orthonormal vectors q, twice:
// once leaves errors of the size of what was removed, twice is enough.
func orthogonalise(team parallel.Team, v []float64, q [][]float64) {
	for range 2 {
		for _, u := range q {
			parallel.Axpy(team, v, -parallel.Dot(team, u, v), u)
		}
	}
}

// HutchPlusPlus estimates the trace of a semidefinite operator: a third of the
// products finds the range Q of A·S for random signs S, a third computes
// tr(QᵀAQ) exactly, and a third estimates by Hutchinson's method what is left,
// tr((I−QQᵀ)A(I−QQᵀ)). The relative error falls like 1/probes instead of
// 1/√probes, and like nothing else where few eigenvalues make up the trace (Meyer,
// Musco, Musco & Woodruff, Hutch++: Optimal stochastic trace estimation, SOSA
// 2021, doi:10.1137/1.9781611976496.16). The result is unbiased for any square
// operator. It needs memory for Probes/3 vectors.
func HutchPlusPlus(ctx context.Context, a Operator, s *ProbeSettings) (Estimate, error) {
	n, set, err := probing(a, s, 6)
	if err != nil {
		return Estimate{}, err
	}
	if set.Probes >= n {
		return exactTrace(ctx, a, n)
	}
	team := parallel.FromContext(ctx)
	third := set.Probes / 3
	var q [][]float64
	av := make([]float64, n)
	for k := range third {
		v, u := make([]float64, n), make([]float64, n)
		signs(v, set.Seed, 1<<32+uint64(k))
		if err := a.Apply(ctx, u, v); err != nil {
			return Estimate{}, fmt.Errorf("hvp: probe %d: %w", k, err)
		}
		before := parallel.Norm(team, u)
		orthogonalise(team, u, q)
		after := parallel.Norm(team, u)
		if !(after > 1e-12*before) {
			continue // the range is exhausted
		}
		parallel.ScaleTo(team, u, 1/after, u)
		orthogonalise(team, u, q) // rounding errors of a nearly dependent vector
		parallel.ScaleTo(team, u, 1/parallel.Norm(team, u), u)
		q = append(q, u)
	}
	exact := make([]float64, len(q))
	for k, u := range q {
		if err := a.Apply(ctx, av, u); err != nil {
			return Estimate{}, fmt.Errorf("hvp: trace on the range: %w", err)
		}
		exact[k] = parallel.Dot(team, u, av)
	}
	set.Probes -= third + len(q)
	forms, err := quadraticForms(ctx, a, n, set, q)
	if err != nil {
		return Estimate{}, err
	}
	rest, stdErr := meanOf(forms)
	return Estimate{parallel.Combine(exact) + rest, stdErr, third + len(q) + set.Probes}, nil
}
